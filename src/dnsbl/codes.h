/*
 * Which answers list: patterns as Postfix writes them (postconf(5), reject_rhsbl_recipient:
 * d.d.d.d, a field being a number or [n;n..m]) and masks for bit lists (127.0.0.(2|4|8): any of
 * these bits in that field). Pure.
 */
#ifndef DNSBL_CODES_H
#define DNSBL_CODES_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

#define CODES_PATTERNS 16

struct codes {
    unsigned n;
    struct code_pattern {
        uint64_t fields[4][4]; /* a set of values for each field */
    } patterns[CODES_PATTERNS];
};

/* Adds the patterns of TEXT, blanks or commas between them. ERR_SYNTAX names the place and the
 * remedy; ERR_LIMIT. One that could list what is outside 127.0.0.0/8, or only what is an error
 * code, is ERR_SYNTAX. */
int codes_add(struct codes *c, struct view text, struct error *why);

/* The same for masks. */
int codes_add_mask(struct codes *c, struct view text, struct error *why);

bool codes_match(const struct codes *c, const unsigned char answer[4]);

#endif
