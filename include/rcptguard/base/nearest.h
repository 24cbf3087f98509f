/*
 * The known name that somebody probably meant: for messages about unknown keys, sections, formats.
 */
#ifndef RCPTGUARD_BASE_NEAREST_H
#define RCPTGUARD_BASE_NEAREST_H

#include <stddef.h>

#include "rcptguard/base/view.h"

/*
 * The one of NAMES that the fewest typing errors (a letter missing, extra, wrong, or two swapped)
 * turn into WORD, whatever the case; the first of several. NULL only when N is 0.
 */
const char *nearest_name(struct view word, const char *const *names, size_t n);

#endif
