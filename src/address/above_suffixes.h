/*
 * The names above public suffixes that are none themselves: amazonaws.com, above s3.amazonaws.com;
 * a university that lends its students names. Whoever blocks such a tree blocks a public suffix as
 * a whole. libpsl cannot say which they are; the text of the list can, where the system has it.
 */
#ifndef RCPTGUARD_ADDRESS_ABOVE_SUFFIXES_H
#define RCPTGUARD_ADDRESS_ABOVE_SUFFIXES_H

#include <stdbool.h>
#include <stddef.h>

#include "rcptguard/base/buf.h"

struct above_suffixes {
    struct buf text; /* the names, canonical, one behind the other; each ends in a NUL */
    const char **names;
    size_t count;
};

typedef bool suffix_test(const char *name, const void *arg);

/* From LIST, the text of public_suffix_list.dat; IS_SUFFIX tells suffixes apart. 0 or ERR_NOMEM.
 * Pure. */
int above_suffixes_read(struct above_suffixes *a, struct view list, suffix_test *is_suffix,
                        const void *arg);
bool above_suffixes_has(const struct above_suffixes *a, const char *name);
void above_suffixes_free(struct above_suffixes *a);

#endif
