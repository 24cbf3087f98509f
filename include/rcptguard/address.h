/*
 * Addresses: an envelope recipient becomes its canonical form and the names to look up; a row of
 * a list becomes an entry. Both fold alike (rules 2 to 6 of the contract), so that they meet.
 *
 * Pure but for suffixes_new: no clock, no log, no I/O. Any thread; the caller owns all memory.
 * libidn2 (UTS 46, non-transitional) and libpsl stand behind this door only.
 */
#ifndef RCPTGUARD_ADDRESS_H
#define RCPTGUARD_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

#define ADDRESS_MAX_BYTES  16384 /* longest address that is looked at: the cap of a policy line */
#define ADDRESS_MAX_LABELS 128   /* parents tried, nearest the root; DNS allows 127 labels */
#define ADDRESS_MAX_KEYS   (2 + 2 + ADDRESS_MAX_LABELS)

/* [addresses] of the configuration. */
struct address_options {
    char delimiter[16];    /* recipient_delimiter: a set of characters, as in Postfix; "": off */
    bool provider_aliases; /* gmail dots, googlemail.com */
};

enum entry_kind {
    ENTRY_ADDRESS, /* user@d */
    ENTRY_DOMAIN,  /* d, @d, *@d: every address in exactly d */
    ENTRY_TREE,    /* .d: d and everything below */
    ENTRY_BELOW,   /* *.d: everything below d, not d itself */
    /* Keys of these two are the bytes of a digest (base/hash.h, enum hash_kind; the length tells
     * which one), of the canonical address or of the domain exactly. */
    ENTRY_ADDRESS_HASH,
    ENTRY_DOMAIN_HASH,
};
#define ENTRY_BIT(kind) (1u << (kind))

/* The kinds that name an address or domain, the most specific of one name first (rule 7): `*.d`
 * says less than `.d`. */
#define ENTRY_NAME_KINDS 4
extern const enum entry_kind entry_by_specificity[ENTRY_NAME_KINDS];

enum address_state {
    ADDRESS_OK,
    ADDRESS_NO_DOMAIN,  /* no '@': always DUNNO */
    ADDRESS_BAD_DOMAIN, /* empty, empty label, not UTF-8, not valid under UTS 46 */
    ADDRESS_TOO_LONG,
};

/* One name to look up: KINDS are those entries of this name that would match the recipient. */
struct address_key {
    struct view name; /* address or domain, canonical */
    unsigned kinds;   /* ENTRY_BIT(...) */
};

/*
 * A recipient taken apart. About 140 KB: keep one for ever, do not put it on the stack of a
 * thread. The views are valid until the next address_parse into it. All but the state is a function
 * of the canonical form: however an address was spelled, its keys are the same.
 */
struct address {
    enum address_state state;
    struct view
        canonical;      /* local@domain, without provider aliases and with its tag; "" unless OK */
    struct view local;  /* of canonical, quoted where it must be; may be empty */
    struct view domain; /* A-labels, lower case, no trailing dot; or a literal in brackets */
    bool literal;       /* user@[192.0.2.1]: only an exact address entry matches */
    bool has_tag;       /* cut from one of the keys; never of a literal, which has one key */
    unsigned n_keys;    /* most specific first; 0 unless OK */
    struct address_key keys[ADDRESS_MAX_KEYS];
    char text[9 * ADDRESS_MAX_BYTES];
};

/*
 * RAW is what Postfix sends (internal, unquoted form) or what a person types (quoted where
 * needed): `a b@d` and `"a b"@d` are the same address. Never fails: the state says what it is.
 */
enum address_state address_parse(struct view raw, const struct address_options *options,
                                 struct address *out);

/* Why the state is not OK, in words for a person. */
const char *address_state_text(enum address_state state);

enum entry_result {
    ENTRY_GOOD,
    ENTRY_ROOT,    /* the whole world ("*", ".", "@", "*@*"): never loaded, counted apart */
    ENTRY_IGNORED, /* well-formed, but not about mail domains: an IP address, IP:port */
    ENTRY_BAD,     /* does not parse; *why says what and how to mend it */
};

struct entry {
    enum entry_kind kind;
    struct view key; /* canonical address, or domain without the prefix; points into text */
    char text[2 * 4096 + 16];
};

#define ENTRY_MAX_BYTES 4096 /* a longer row is bad */

/*
 * Parses one WHAT (user@d, d, @d, *@d, .d, *.d, *@*.d) as a list means it; blanks around it are
 * dropped, tags are kept. Anything with another * is taken for a pattern and bad; a real one in a
 * local part stands in quotes.
 */
enum entry_result entry_parse(struct view what, const struct address_options *options,
                              struct entry *out, struct error *why);

/* As above, for an address only (ENTRY_BAD for anything else). */
enum entry_result entry_parse_address(struct view what, const struct address_options *options,
                                      struct entry *out, struct error *why);

/* A domain in any spelling into *out as KIND; single labels are good, the root is ENTRY_ROOT. */
enum entry_result entry_parse_domain(struct view name, enum entry_kind kind, struct entry *out,
                                     struct error *why);

#define DOMAIN_UNICODE_MAX_BYTES 1024

/* NAME (canonical) with its A-labels in Unicode into DST, as some people write it; empty: it has
 * none. */
struct view domain_unicode(struct view name, char dst[DOMAIN_UNICODE_MAX_BYTES]);

/*
 * Appends the entry as reports print it: user@d, d, .d, *.d, a digest in hexadecimal. Parsing the
 * first four gives the same entry, so a local part with a * is printed in quotes even though its
 * key has none.
 */
void entry_print(struct text *t, enum entry_kind kind, struct view key);

/* The public suffix list, as libpsl has it built in or the system keeps it. Thread-safe to read. */
struct suffixes;
struct suffixes *
suffixes_new(void); /* reads files: start and disk thread; NULL: no memory or no list */
void suffixes_free(struct suffixes *s); /* NULL is fine */

/*
 * Is DOMAIN (canonical) a public suffix itself, ICANN or private section, or a single label, or a
 * special-use name (RFC 6761, home.arpa)? Unknown top-level domains count by the one-label rule
 * only, never through the list's implied "*".
 */
bool suffixes_is_public(const struct suffixes *s, struct view domain);

/*
 * Would an entry of KIND for DOMAIN (canonical) block a public suffix as a whole (rule 16)? It is
 * one, or the tree of it holds one: .amazonaws.com, for s3.amazonaws.com. Never of addresses and
 * digests.
 */
bool suffixes_covered(const struct suffixes *s, enum entry_kind kind, struct view domain);

/*
 * Is DOMAIN (canonical) at or under a suffix of the private section (pages.dev, blogspot.com ...):
 * a host among strangers? Asked without the list's implied "*", which every .com host would match.
 */
bool suffixes_is_shared(const struct suffixes *s, struct view domain);

/*
 * The registrable domain of DOMAIN (canonical): the public suffix and one label more, as a part of
 * DOMAIN; empty where DOMAIN is a public suffix itself, a single label or a literal. Unknown
 * top-level domains count by the one-label rule.
 */
struct view suffixes_registrable(const struct suffixes *s, struct view domain);

/* The suffix that DOMAIN (canonical) has of a registry, as a part of it: the longest of the ICANN
 * section, else the last label. That of user.github.io is io. */
struct view suffixes_of_registry(const struct suffixes *s, struct view domain);

/* A text that changes when the list does, for the digest of what shaped an index. */
const char *suffixes_version(const struct suffixes *s);

#endif
