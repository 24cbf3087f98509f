/* What the configuration says of one file, copied. */
#ifndef LOCAL_SETTINGS_H
#define LOCAL_SETTINGS_H

#include "rcptguard/local.h"

struct settings {
    enum local_kind kind;
    bool shared;
    char *file, *good_file;
    struct address_options options;
    char **lists;
    size_t n_lists;
    bool lists_known;
};

/* NULL: no memory. */
struct settings *local_settings_new(const struct local_config *config,
                                    const struct address_options *options, const char *const *lists,
                                    size_t n_lists);
void local_settings_free(struct settings *s); /* NULL is fine */

#endif
