/*
 * Last good copies: STATE_DIR/feeds/NAME holds `meta` (what is known of the feed, text) and bodies
 * named by their SHA-256, with `.gz` when we compressed them (those to roll back to). A body counts
 * only when meta names it, and meta is replaced in one piece, so that a crash at any moment leaves
 * the old state or the new; bodies that nothing names are removed. Blocks: worker thread and start
 * only.
 */
#ifndef FEEDS_STORE_H
#define FEEDS_STORE_H

#include <stdatomic.h>

#include "../parse/guard.h"
#include "body.h"
#include "rcptguard/feeds.h"

enum { STORE_LIST = 0, STORE_CLEARED = 1, STORE_SOURCES = 2 };

/* A copy and what the server said to recognise it by; validators are printable ASCII. */
struct store_copy {
    bool known;   /* the rest is valid */
    bool on_disk; /* the body is in the store; not kept in meta, but looked at by store_load */
    bool packed;  /* in the store it is compressed by us; as on_disk */
    unsigned char digest[SHA256_BYTES];
    uint64_t size;
    char etag[256], last_modified[64];

    /* What was found in it; known once it was judged. */
    unsigned char content[SHA256_BYTES]; /* the index knows it by this: the digest of the first of
                                            the copies that list the same */
    struct copy_sets sets;               /* as copy_counts has them */
    uint64_t rows, bad_rows, ignored_rows, entries, exceptions, dropped;
    int64_t created; /* when it says it was made; 0: it does not */
    bool is_short;   /* it has fewer rows than it says */
    bool unfit;      /* accepted once, but as it is read by now the guards would refuse it */
    int64_t accepted_at;
    char left_out[160]; /* the first protected entries that were left out, escaped */
};

/* What a copy is recognised by when it comes again, from wherever, in whatever bytes, and under
 * whatever settings. */
struct store_mark {
    bool known;
    unsigned char digest[SHA256_BYTES];
    struct copy_sets sets;
};

/* A feed is fetched from one URL, or from two (aper with its cleared list). */
struct store_source {
    unsigned char url[SHA256_BYTES]; /* digest of the URL that the copies are from: it may hold a
                                        password */
    struct store_copy accepted, held;
    struct store_copy previous; /* accepted before that one, of another content */
    struct guard_memory guard;  /* what of it is about ACCEPTED is taken from there */
    int64_t held_until;
    int64_t full_fetch; /* when it was last fetched without validators, or changed */
    char held_guard[32], held_why[256];
    struct store_mark rolled_back; /* not taken again unless a person says so (rule 15) */
};

struct store_meta {
    enum feed_state state;
    int64_t state_since; /* when it came into this state */
    int64_t last_fetch, last_success, next_fetch;
    uint64_t failures; /* in a row */
    char last_error[512], guard[32];
    struct store_source sources[STORE_SOURCES];
};

struct store;

bool store_name_is_good(const char *name); /* can it be a directory's? */

/* Tries to make the directory; whether there is one shows when something is put. NULL with *why:
 * a bad name, or no memory. */
struct store *store_new(const char *state_dir, const char *name, struct error *why);
void store_free(struct store *s); /* NULL is fine */

/* What was saved; *META is empty on any failure. ERR_ABSENT, ERR_DAMAGED, ERR_IO. Before the first
 * fetch: what a crash left of one goes. */
int store_load(const struct store *s, struct store_meta *meta, struct error *why);
int store_save(const struct store *s, const struct store_meta *meta, struct error *why);

/* Keeps the body under its digest; META must be saved afterwards to make it count. */
int store_put(const struct store *s, struct body *body, struct error *why);

/* Compresses the body of COPY, which nobody reads for now. ERR_TIMEOUT: STOP was set. */
int store_pack(const struct store *s, struct store_copy *copy, const atomic_bool *stop,
               struct error *why);

/* The body of COPY, for body_each. */
struct body *store_open(const struct store *s, const struct store_copy *copy, struct error *why);

/* Where SOURCE's fetch may put its bytes meanwhile, in files of names that begin so. */
const char *store_spill_path(const struct store *s, unsigned source);

/* Removes everything that META does not name, except what fetches are writing; META NULL:
 * everything, the directory too. */
void store_tidy(const struct store *s, const struct store_meta *meta);

/* Removes the stores of feeds that KEEP (a name and its ARG) says no to. */
void store_prune(const char *state_dir, bool (*keep)(const char *name, const void *arg),
                 const void *arg);

#endif
