/*
 * What the fleet agreed on of one kind (exclusions, blocks): for each WHAT the newest object that
 * this relay took from Redis or put there, deletions too. It is the base of the next comparison: a
 * line of the shared file that differs from it was changed here and waits to be told; an object in
 * Redis that is newer was changed elsewhere. Kept on disk, so that a relay that comes back without
 * Redis knows it, and can offer it to a Redis that was emptied. Pure.
 */
#ifndef FLEET_RECORDS_H
#define FLEET_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

#define RECORDS_MAX       100000             /* of one kind, deletions too */
#define RECORDS_MAX_BYTES ((size_t)32 << 20) /* of WHAT, text and sealed object of all */
#define RECORD_WHAT_MAX   1024
#define RECORD_TEXT_MAX   8192 /* all lines of one WHAT */
#define RECORD_SEALED_MAX 16384
/* Redis counts to 2^63 - 1, but its scripts compare doubles. */
#define RECORD_VERSION_MAX ((uint64_t)1 << 53)

struct record_of {
    struct view what;   /* in canonical print, as in the file; never empty */
    uint64_t version;   /* of the fleet, from 1 to RECORD_VERSION_MAX */
    struct view text;   /* its lines, each with its '\n'; "": deleted */
    struct view sealed; /* the object as it is in Redis (seal.h) */
    int64_t deleted_at; /* by the clock of Redis, seconds since 1970; 0: it is not deleted */
};

struct records;
struct records *records_new(void);    /* NULL: no memory */
void records_free(struct records *r); /* NULL is fine */
size_t records_count(const struct records *r);
size_t records_count_set(const struct records *r); /* without deletions */

/* The highest that was ever put, deletions and what was forgotten too; 0: none. It is kept in the
 * file: what is told next must be above it. */
uint64_t records_version(const struct records *r);

/* Copies OF into the place of what is known of its WHAT; OF may be borrowed from R. ERR_NOMEM, or
 * ERR_LIMIT: too many, too big, no such version; nothing changed then. */
int records_put(struct records *r, const struct record_of *of);

/* The highest version of all that was forgotten (records_forget_deleted); 0: nothing was. Kept in
 * the file. What comes with a lower one, and is unknown here, may be what was deleted then. */
uint64_t records_forgotten(const struct records *r);

/* When this relay last agreed with Redis on all, by the clock of Redis, in seconds since 1970; 0:
 * never, or not known. It is kept in the file. */
int64_t records_agreed_at(const struct records *r);
void records_set_agreed_at(struct records *r, int64_t t);

/* Borrowed until the next records_put, records_read or records_forget_deleted; the views in it only
 * until the record of that WHAT is put anew or forgotten. */
const struct record_of *records_find(const struct records *r, struct view what);
const struct record_of *records_at(const struct records *r, size_t i); /* in no order; i < count */

/* Forgets what was deleted before T, and says how many; none when there is no memory to do so. A
 * Redis that still has one teaches it again. */
size_t records_forget_deleted(struct records *r, int64_t t);

/* A number that two relays have alike if and only if they agree on what is set (deletions do not
 * count): a sum of XXH3-128 over what and text, that order does not change. Against mistakes, not
 * against forgery. */
void records_digest(const struct records *r, unsigned char digest[16]);

/* Adds them to *OUT as a file: a line of magic and version, a checksum, and all of them. ERR_NOMEM;
 * ERR_LIMIT: the cap of *OUT, for which RECORDS_FILE_MAX is enough. */
#define RECORDS_FILE_MAX (RECORDS_MAX_BYTES + (size_t)RECORDS_MAX * 64 + 256)
int records_write(const struct records *r, struct buf *out);

/* Puts those of TEXT. ERR_DAMAGED: a wrong magic, checksum or length; ERR_LIMIT: with those of R
 * they are too many; ERR_NOMEM. Nothing was put then, and *why says it. */
int records_read(struct records *r, struct view text, struct error *why);

#endif
