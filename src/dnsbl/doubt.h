/*
 * What a resolver may remember. When a zone is well again after it listed the world, its random
 * names, which no resolver has seen before, are clear, but a resolver in between goes on giving
 * what it was told meanwhile, to us and to others, until its TTL is over. What is left of an
 * answer's TTL tells how old it is: one that may be older than the end of the doubtful time is not
 * believed.
 *
 * Known by the zone's name in the DNS, not by its section: who takes a mad zone out of the
 * configuration and puts it back a minute later has the same resolver. Kept in a file, too. Pure;
 * times are monotonic ms.
 */
#ifndef DNSBL_DOUBT_H
#define DNSBL_DOUBT_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/hash.h"

#define DOUBT_TTL_MAX_S 604800 /* the most that BIND keeps (max-cache-ttl); unbound keeps a day */

struct doubt {
    unsigned char name[SHA256_BYTES]; /* of the zone; all 0: free */
    bool open;                        /* it is not to be believed, or nobody knows whether it is */
    int64_t end_ms; /* when that was last over; INT64_MIN: there was no such time */
    uint32_t ttl_s; /* the longest that an answer with addresses was seen to have */
};

void doubt_open(struct doubt *d);
/* One section of the zone may be believed since then. Of several the last one tells when it ends.
 */
void doubt_ends(struct doubt *d, int64_t at_ms);
void doubt_close(struct doubt *d, int64_t at_ms); /* likewise, and so may all others */

/* An answer with an address had TTL_S left. */
void doubt_ttl(struct doubt *d, uint32_t ttl_s, int64_t now_ms);

/*
 * May an answer with TTL_S left be from a doubtful time? Always while that is open. The longest TTL
 * is the measure: zones have one for all names; where they have not, some true listings pass for as
 * long as the longest of them.
 */
bool doubt_covers(const struct doubt *d, uint32_t ttl_s, int64_t now_ms);

/* Nothing of it is left in any resolver. */
bool doubt_is_over(const struct doubt *d, int64_t now_ms);

/* ---- those of all zones that were ever asked ---- */

#define DOUBTS_MAX 256

struct doubts {
    struct doubt list[DOUBTS_MAX];
    bool lost; /* those of earlier processes are not known */
    int64_t lost_ms;
};

/* That of the zone with NAME (a digest), made when there is none: then the one goes that is over or
 * was over first, but none that IS_USED says yes to, at most DOUBTS_MAX - 1. Stays where it is. */
struct doubt *doubts_of(struct doubts *all, const unsigned char name[SHA256_BYTES],
                        bool (*is_used)(const struct doubt *d, const void *arg), const void *arg);

/*
 * What was known of earlier processes is lost. Resolvers may remember what any zone said until now:
 * each that is not among *ALL was not to be believed until NOW_MS, by a TTL of DOUBT_LOST_S.
 */
#define DOUBT_LOST_S 86400 /* the most that unbound keeps; no list's TTL is known to be longer */
void doubts_lose(struct doubts *all, int64_t now_ms);

/* As text, a line each that is not over; the wall clock is NOW_S at NOW_MS. */
void doubts_write(const struct doubts *all, struct buf *out, int64_t now_s, int64_t now_ms);

/* Reads such a text into *ALL, which was empty. ERR_DAMAGED with *why, and the line's number in it:
 * nothing was read. */
int doubts_read(struct doubts *all, struct view text, int64_t now_s, int64_t now_ms,
                struct error *why);

#endif
