/*
 * "unknown key 'untill'; did you mean 'until'?": finds the name that a person most likely meant.
 * Pure.
 */
#ifndef RCPTGUARD_BASE_NEAREST_H
#define RCPTGUARD_BASE_NEAREST_H

#include <stddef.h>

#include "rcptguard/base/view.h"

/*
 * The name out of N that is nearest to WORD (the first of equals), or NULL when none is near: a
 * third of the longer one's letters may differ, one at least. Case does not count.
 */
const char *nearest_name(struct view word, const char *const *names, size_t n);

#endif
