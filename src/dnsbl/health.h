/*
 * May a zone be believed? A state machine, pure: it is told what happened and when, by the
 * monotonic clock in ms, and says what that means (rules "DNSBLs" of the contract).
 *
 * probing: since the start, or since its settings changed; nothing counts yet. on. off: nothing
 * counts, nothing is asked but probes. A *round* is the random names, probe_unlisted and
 * probe_listed together; one good round ends probing, two in a row end off.
 */
#ifndef DNSBL_HEALTH_H
#define DNSBL_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/dnsbl.h"

#define HEALTH_FRESH_MS    60000   /* a listing counts only beside a good random name so young */
#define HEALTH_ROUND_MS    3600000 /* between rounds while on */
#define HEALTH_AGAIN_MS    60000   /* after a bad one that did not switch it off */
#define HEALTH_FAILURES    5       /* time-outs and server failures in a row that switch it off */
#define HEALTH_GOOD_ROUNDS 2       /* in a row, to come back */

/* Before each round while off. Doubles after a bad one, and when the zone is off again before it
 * was on for HEALTH_CALM_MS: one that comes and goes would warn every few seconds. */
#define HEALTH_BACK_OFF_MS     5000
#define HEALTH_BACK_OFF_MAX_MS 900000
#define HEALTH_CALM_MS         3600000

struct health {
    enum dnsbl_state state;
    int64_t since_ms;
    char why[256];         /* why it is off, or probing still; "" while on */
    unsigned failures;     /* in a row */
    unsigned of_probes;    /* of them */
    unsigned good_rounds;  /* in a row, while off */
    int64_t well_ms;       /* when the first of the good rounds that switched it on had ended */
    int64_t good_ms;       /* when random names were last good; INT64_MIN: never */
    int64_t back_off_ms;   /* 0: never off, or long ago */
    int64_t next_round_ms; /* without jitter, which is the caller's */
};

void health_start(struct health *h, int64_t now_ms); /* probing; a round is due at once */

/*
 * What an answer, or none in time, says of the zone. WHY is for people, escaped. True: it was
 * switched off by this. Of a zone that is off nothing changes.
 *
 * health_answered: an answer about a recipient, whole and sane; it ends a row of failures. Good
 * probes end one of their own kind only: names that nobody ever listed may be answered from
 * somewhere else than those that somebody waits for. health_failed: a time-out or failure, of
 * recipients and probes alike; OF_PROBE: that was one. health_mad: an error code, a foreign
 * address, a negative probe that is listed.
 */
void health_answered(struct health *h);
bool health_failed(struct health *h, bool of_probe, const char *why, int64_t now_ms);
bool health_mad(struct health *h, const char *why, int64_t now_ms);

/* Random names came back unlisted, all that were sent together. Known while off too. LATE: they are
 * counted as a failure, and end no row. */
void health_good(struct health *h, bool late, int64_t now_ms);

/* Is the last good random name at most HEALTH_FRESH_MS old? */
bool health_is_fresh(const struct health *h, int64_t now_ms);

/* The end of a round. GOOD: all negative probes were answered and not listed; WHY: what was not
 * good. While on a bad one switches nothing off: what was listed in it health_mad was told, what
 * was not answered health_failed. Sets when the next one is due. True: the state changed (to on, or
 * from probing to off). */
bool health_round(struct health *h, bool good, const char *why, int64_t now_ms);

#endif
