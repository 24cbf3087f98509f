/* The JSON of a verdict's answer, apart from how it was come by, so that tests can make one up. */
#ifndef ADMIN_CHECK_H
#define ADMIN_CHECK_H

#include <jansson.h>

#include "rcptguard/feeds.h"
#include "rcptguard/verdict.h"

struct check_view {
    const struct answer *answer;
    struct view recipient;                   /* as asked */
    const struct address_options *addresses; /* NULL: nothing is said of how it is written */
    const struct feeds *feeds;               /* or NULL */
    struct dnsbl *dnsbl;                     /* or NULL */
    const char *file;                        /* of exclusions */
    const char *blocks_file;
    const char *shared_files[2]; /* the fleet's, by enum local_kind; NULL: none */
};

/* "listings" are in the order of the answer's; what must be searched for is null in them. */
json_t *check_json(const struct check_view *view);

#endif
