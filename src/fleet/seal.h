/*
 * What relays put into Redis, and believe when they find it there. Redis is shared and not ours:
 * each object carries who made it, what it is, and an HMAC-SHA256 under `[redis] secret` over all
 * of that, its name and `[redis] prefix` (by the key), so that nobody can forge one, or pass one
 * off for another, or for one of another fleet of the same secret. Without a secret the same place
 * holds an HMAC under no key at all: that finds damage, and no forgery. An old object of the same
 * name is as good as a new one here: who needs the newest compares versions.
 *
 * An object is text: "rcptguard1 KIND RELAY VERSION MAC\n" and its body, as it is. There is one
 * spelling of each. Pure.
 */
#ifndef FLEET_SEAL_H
#define FLEET_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

#define SEAL_RELAY_MAX 64 /* bytes of a relay's name, and a NUL: [A-Za-z0-9._-] */
#define SEAL_NAME_SIZE 33 /* of seal_name, with its NUL */

struct seal_key {
    unsigned char bytes[32]; /* derived from secret and prefix */
    bool secret;             /* false: there is none */
};

/* SECRET and PREFIX as in the configuration; SECRET "": none, and PREFIX does not count. 0 or
 * ERR_NOMEM: libcrypto failed, use no such key. */
int seal_key_make(struct view secret, struct view prefix, struct seal_key *key);

/* May a relay be called so? */
bool seal_is_relay(struct view name);

struct sealed {
    const char *kind;  /* of ours: "exclusions", "list" ... [a-z-]+ */
    struct view name;  /* what it is of: bound by the HMAC, not written into it */
    struct view relay; /* who made it */
    uint64_t version;
    struct view body;
};

/* Adds the object to *OUT, whole or not at all. 0, ERR_NOMEM, ERR_LIMIT (the cap of *OUT), or
 * ERR_SYNTAX: no relay may be called so, no kind is. */
int seal_make(const struct seal_key *key, const struct sealed *what, struct buf *out);

/*
 * Opens TEXT, which says it is KIND of NAME. Fills *OUT (borrowed from TEXT and the arguments): 0;
 * ERR_SYNTAX: it is none of ours; ERR_REFUSED: another secret, another kind, or somebody changed
 * it; ERR_NOMEM. *OUT is untouched then, and *why says in words for a log what to do; it holds
 * nothing of TEXT.
 */
int seal_open(const struct seal_key *key, const char *kind, struct view name, struct view text,
              struct sealed *out, struct error *why);

/*
 * 32 hex digits that stand for TEXT, the same on all relays of one secret: to name a thing in Redis
 * (a feed by its URL, which may hold a password) without telling it. Without a secret whoever
 * guesses TEXT can see that he guessed right. 0 or ERR_NOMEM.
 */
int seal_name(const struct seal_key *key, struct view text, char out[SEAL_NAME_SIZE]);

#endif
