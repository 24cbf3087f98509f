/*
 * The folding that recipients and entries share (rules 2, 4 and 5 of the contract). It is in one
 * place so that the two cannot drift apart: an entry matches because both sides came through here.
 */
#ifndef RCPTGUARD_ADDRESS_CANONICAL_H
#define RCPTGUARD_ADDRESS_CANONICAL_H

#include <stdbool.h>
#include <stddef.h>

#include "rcptguard/base/view.h"

/*
 * The value of a local part: a valid quoted-string is unquoted and unescaped into SCRATCH (at
 * least RAW.len bytes), anything else is the value as it stands, since Postfix sends `a b@d`.
 */
struct view local_value(struct view raw, char *scratch);

/* Is RAW a quoted-string from its first to its last byte? */
bool local_is_quoted(struct view raw);

/*
 * Writes VALUE lower-cased, in quotes only where it must be, and returns the length: at most
 * 2 * VALUE.len + 2. Without dots when DROP_DOTS, unless nothing else is there.
 */
size_t local_write(char *dst, struct view value, bool drop_dots);

/* gmail.com or googlemail.com, where dots in local parts mean nothing and the names are one. */
bool provider_is_gmail(struct view domain);

#define PROVIDER_GMAIL "gmail.com"

/*
 * Writes VALUE@DOMAIN, with provider aliases folded when FOLD and DOMAIN is such a provider's.
 * Returns the length: at most 2 * VALUE.len + 3 + DOMAIN.len.
 */
size_t address_write(char *dst, struct view value, struct view domain, bool fold);

enum domain_fault {
    DOMAIN_GOOD,
    DOMAIN_EMPTY, /* nothing, or nothing but a dot */
    DOMAIN_EMPTY_LABEL,
    DOMAIN_NOT_UTF8,
    DOMAIN_NOT_IDN, /* not valid under UTS 46 */
    DOMAIN_NO_ROOM,
};

struct domain {
    struct view name; /* in DST */
    unsigned dots;    /* between labels; 0 for a literal */
    bool literal;
};

/*
 * A-labels are at most 255 bytes together, so a longer non-ASCII name (4 bytes a character at
 * most) can only be one of characters that mapping takes away; it is refused before libidn2, whose
 * work grows with the length.
 */
#define DOMAIN_IDN_MAX_BYTES 2048
#define DOMAIN_IDN_MAX_OUT   255

/*
 * Folds RAW into DST: lower case, A-labels, one trailing dot off. SIZE of RAW.len is enough for
 * ASCII, DOMAIN_IDN_MAX_OUT for the rest.
 */
enum domain_fault domain_fold(struct view raw, char *dst, size_t size, struct domain *out);

/* A letter, digit, '-', '_' or '.': all that a name of a mail domain is made of. */
bool domain_char(char c);

#endif
