/*
 * One zone, pure: the names it is asked for a recipient, and what its answers mean.
 */
#ifndef DNSBL_ZONE_H
#define DNSBL_ZONE_H

#include "codes.h"
#include "rcptguard/base/hash.h"
#include "rcptguard/dnsbl.h"

#define ZONE_LABEL_MAX 253 /* bytes of what stands before the zone */
#define ZONE_NAME_MAX  254 /* a whole name as text, with its NUL (RFC 1035, 2.3.4) */
#define ZONE_QUESTIONS 2   /* of one recipient */

struct zone {
    const struct dnsbl_zone_config *config; /* borrowed */
    struct codes codes;
    /* A digest of all that shapes what an answer means: answers are remembered under it. */
    unsigned char identity[SHA256_BYTES];
    unsigned char name[SHA256_BYTES]; /* a digest of its name in the DNS alone */
};

int zone_init(struct zone *z, const struct dnsbl_zone_config *config, const char **key,
              struct error *why);

/* What may be asked about the recipient's domain; found once for all zones. */
struct zone_domains {
    struct view exact;       /* "" where it is protected, a public suffix or a literal */
    struct view registrable; /* "" where there is none, or it is protected; may be EXACT */
};

struct zone_question {
    char label[ZONE_LABEL_MAX + 1]; /* lower case, NUL-terminated */
    size_t label_len;
    enum entry_kind
        kind;        /* of what is listed when the answer lists: ENTRY_ADDRESS, ..DOMAIN, ..TREE */
    struct view key; /* the same, canonical; points into ADDRESS or DOMAINS or MEMORY */
};

/*
 * The questions for a recipient, the most specific first; returns how many, 0 when there is
 * nothing to ask (no such domain, too long for the DNS, this system has no such hash). Addresses
 * are hashed as lists define it: lower case, cut at the first '+' that something precedes,
 * googlemail.com folded to gmail.com and the dots of gmail off, whatever [addresses] says; a
 * quoted local part is hashed as it is. Nothing is asked of address literals and of domains that
 * look like an IP address. MEMORY is for keys, borrowed as long as they are used: one address at
 * most, shared by zones that are asked one after another; when it is full, nothing is asked.
 */
unsigned zone_questions(const struct zone *z, const struct address *address, struct view seen,
                        const struct zone_domains *domains, struct text *memory,
                        struct zone_question out[ZONE_QUESTIONS]);

/* The whole name into DST, NUL-terminated; false: too long. Holds the secret. */
bool zone_name(const struct zone *z, struct view label, char dst[ZONE_NAME_MAX]);

/* A name that nobody can have listed, made from RANDOM, in the shape that the zone is asked for: of
 * domain zones a label below BELOW (a public suffix; "": a bare one, which a wildcard at the zone's
 * apex lists), of others a hash. Returns its length; 0: it would be too long. */
size_t zone_random_label(const struct zone *z, struct view below, uint64_t random,
                         char dst[ZONE_LABEL_MAX + 1]);

/* TEXT (LEN bytes, from outside) without the zone's secret, which some lists quote: *** stands in
 * its place. Returns the new length, never more. */
size_t zone_hide_secret(const struct zone *z, char *text, size_t len);

/* What was asked, for the history: the digest behind an email label (into DIGEST; VIEW_NONE: it is
 * none), or the domain, which with parents stands for all below it when it is REGISTRABLE. */
struct view zone_history_key(const struct zone *z, struct view label, bool registrable,
                             unsigned char digest[HASH_MAX_BYTES], enum entry_kind *kind);

enum zone_says {
    ZONE_CLEAR,
    ZONE_LISTS,
    ZONE_UNKNOWN, /* a value inside 127.0.0.0/8 that the configuration does not name: lists nothing
                   */
    ZONE_ERROR, /* an error code: 127.255.255.0/24, 127.0.0.1, 127.0.0.255, 127.0.1.255, 127.0.2.255
                 */
    ZONE_FOREIGN, /* an address outside 127.0.0.0/8 */
};

struct zone_judgement {
    enum zone_says says;
    unsigned char answer[4]; /* the one that decides, the lowest of several; of CLEAR 0.0.0.0 */
    const char *means;       /* ZONE_ERROR: what it means and what to do; else NULL. Static. */
};

/* An error code or a foreign address beats any listing of the same answer. */
void zone_judge(const struct zone *z, const unsigned char (*answers)[4], size_t n,
                struct zone_judgement *out);

#endif
