/*
 * Answers by which zones say that they do not answer: whoever takes one of them for a listing
 * refuses all mail. Pure.
 */
#ifndef DNSBL_ERRORS_H
#define DNSBL_ERRORS_H

#include <stdbool.h>

#include "rcptguard/base/view.h"

/* An error code of whatever zone: never a listing. */
bool errors_is_code(const unsigned char answer[4]);

/* What the error code ANSWER of ZONE (its name in any case, no dot at its end) means, and what to
 * do. Static. */
const char *errors_meaning(struct view zone, const unsigned char answer[4]);

#endif
