/*
 * One refusal as the relays tell it each other: a line of the decision log (record_json), sealed.
 * It stands in Redis, so it is read as what a stranger sent: of the fields that are known only text
 * of the right form is taken, and what is not wholly so is not believed. Pure.
 */
#ifndef FLEET_EVENT_H
#define FLEET_EVENT_H

#include "rcptguard/fleet.h"
#include "seal.h"

#define EVENT_SEALED_MAX (RECORD_JSON_BYTES + 256) /* no event of ours is longer */

struct event {
    struct fleet_event shown; /* its views lie in memory */
    char memory[];
};

/* Adds the object to *OUT. 0, or ERR_NOMEM or ERR_LIMIT. */
int event_seal(const struct seal_key *key, const char *relay, uint64_t number, struct view line,
               struct buf *out);

/* *OUT is the caller's (free). ERR_SYNTAX: it is no event; ERR_REFUSED: as of seal_open; ERR_NOMEM.
 * *why says in words for a log what to do; it holds nothing of TEXT. */
int event_open(const struct seal_key *key, struct view text, struct event **out, struct error *why);

/* May TEXT be the event of REF? Costs little, and proves nothing. */
bool event_may_have(struct view text, struct view ref);

/* What Redis calls an entry of a stream: "1700000000000-0". */
struct event_id {
    uint64_t ms, seq;
};
#define EVENT_ID_SIZE 48
bool event_id_parse(struct view text, struct event_id *id);
const char *event_id_text(struct event_id id, char dst[EVENT_ID_SIZE]); /* returns DST */
bool event_id_is_before(struct event_id a, struct event_id b);

/* The nearest one that may be there; 0-0 has none before it, and is given back. */
struct event_id event_id_next(struct event_id id);
struct event_id event_id_previous(struct event_id id);

#endif
