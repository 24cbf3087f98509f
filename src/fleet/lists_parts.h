/*
 * The inside of the shared lists. lists.c has the connection and the looks, list_lease.c what Redis
 * is asked, lists_ask.c what the answer means, lists_take.c and lists_give.c move the bytes.
 * Worker's thread.
 */
#ifndef FLEET_LISTS_PARTS_H
#define FLEET_LISTS_PARTS_H

#include "list_blob.h"
#include "list_pointer.h"
#include "lists.h"
#include "redis.h"

#define LISTS_CALL_MS  1000
#define LISTS_CHUNK_MS 2000 /* half a MiB that takes longer is as good as none */
#define LISTS_SLICE_MS 200  /* of one step, while bytes are moved */
#define LISTS_KEY_MAX  256

#define LEASE_MS       15000
#define LEASE_RENEW_MS 4000
#define FAILED_MS      30000
#define POINTER_MAX    16384 /* bytes of a sealed one */

#define KIND_LIST   "list"
#define KIND_FAILED "list-failed"

/* Said once when it begins, and once when it is over. */
struct trouble {
    bool on;
    int64_t again_ms; /* mono; not tried before */
    unsigned times;
};

struct lists {
    char *prefix, *relay;
    struct seal_key key;
    enum lists_where (*where)(struct redis_url *out, unsigned *generation, void *arg);
    void *arg;
    struct redis *redis;
    struct redis_stop stop;
    unsigned generation; /* of the connection */
    struct trouble away, refused;
    struct feeds_share_look *looks;
    int64_t garbage_ms; /* when it was said last; mono */
    struct {
        _Atomic uint64_t taken, same, led, put, bad;
        _Atomic bool away, refused;
    } counts;
};

enum look_phase { LOOK_ASKS, LOOK_TAKES, LOOK_LEADS, LOOK_GIVES, LOOK_ENDED };

/* What a fetch for all brought, until the others know. */
struct gift {
    bool ok, packed, renew_only, begun;
    unsigned char sha256[SHA256_BYTES];
    char why[200];
    struct list_pointer pointer; /* as it will be */
    blob_next *next;
    void *from;
    struct blob_maker *maker;
    size_t chunks; /* that were put */
};

struct feeds_share_look {
    struct lists *lists;
    struct feeds_share_look *next;
    enum look_phase phase;

    struct feeds_share_order order; /* what is borrowed for the call only is not used later */
    char feed[64], id[SEAL_NAME_SIZE];
    unsigned char have[FEEDS_SHARE_HAVE][SHA256_BYTES];
    bool has[FEEDS_SHARE_HAVE];
    unsigned generation;
    int64_t began_ms;              /* by the clock of Redis; 0: it was not asked yet */
    int64_t clock_ms, clock_at_ms; /* that clock, and ours at the same moment (mono) */

    struct list_pointer pointer; /* what Redis has */
    char relay[SEAL_RELAY_MAX];  /* who put it there */
    bool known;                  /* there is one, and it can be believed */
    uint64_t mark;
    bool bad; /* but not its bytes, as was found out */
    uint64_t bad_mark;
    int64_t asked_ms; /* when the look began; mono */

    char token[LIST_BLOB_SIZE];
    int64_t fence;
    bool leads;
    int64_t renew_ms; /* mono */

    struct blob_taker *taker;
    size_t next_chunk;
    struct gift gift;
};

/* ---- lists.c */

/* Can Redis be asked, for LOOK? Connects where it has to. */
enum lists_where lists_reach(struct feeds_share_look *look);
bool lists_ready(struct feeds_share_look *look);

/* RC is what became of a call: whether it is good. What is not is said, once. */
bool lists_went_well(struct lists *l, int rc, const struct error *why);

/* Redis takes what is put again, or it does not (WHY). */
void lists_taken(struct lists *l);
void lists_not_taken(struct lists *l, const struct error *why);

/* Redis's clock, as far as is known. */
int64_t lists_now_ms(const struct feeds_share_look *look);

/* So long bytes and pointer stay in Redis. */
int64_t lists_keep_ms(const struct feeds_share_look *look, int64_t expires_s);

/* ---- list_lease.c: each is one call. 0 or more, or the code of redis_call. */

struct list_answer {
    struct redisReply *reply;    /* the caller's */
    struct view pointer, failed; /* VIEW_NONE: there is none; borrowed from REPLY */
    int64_t lease_ms;            /* so long it still is; 0: there is none; -1: it is no lease */
};
int lease_look(struct feeds_share_look *look, struct list_answer *out, struct error *why);

int lease_take(struct feeds_share_look *look, struct error *why);  /* 0: another relay has it */
int lease_renew(struct feeds_share_look *look, struct error *why); /* 0: it is not ours any more */
int lease_give_back(struct feeds_share_look *look, int deadline_ms, struct error *why);

/* Replaces the pointer, tells everybody, gives the lease back; 0: it is not ours any more. */
int lease_flip(struct feeds_share_look *look, struct view sealed, int64_t keep_ms,
               struct error *why);
int lease_fail(struct feeds_share_look *look, struct view sealed, struct error *why);

int chunk_put(struct feeds_share_look *look, size_t n, struct view bytes, int64_t keep_ms,
              struct error *why);
int chunk_get(struct feeds_share_look *look, size_t n, struct redisReply **reply,
              struct view *bytes, struct error *why);

/* All COUNT chunks of BLOB stay so long; 0: one of them is not there. Of KEEP_MS 0 they go. */
int chunks_keep(struct feeds_share_look *look, const char *blob, size_t count, int64_t keep_ms,
                struct error *why);

/* ---- lists_ask.c, lists_take.c, lists_give.c: one step */

enum feeds_share_answer lists_ask(struct feeds_share_look *look, struct feeds_share_found *found);

/* What is said of what Redis has. */
void lists_tell_found(const struct feeds_share_look *look, struct feeds_share_found *found);

void lists_take_begin(struct feeds_share_look *look);
enum feeds_share_answer lists_take(struct feeds_share_look *look, struct feeds_share_found *found);

enum feeds_share_answer lists_give(struct feeds_share_look *look);

/* The lease, again if it went; false: another relay has it, or Redis is not well. */
bool lists_hold_lease(struct feeds_share_look *look);

#endif
