/*
 * What was decided, kept: references of bounces, counters, the most refused, events as they
 * happen, and what lists added and dropped. Loop thread only unless said; bounded memory, bounded
 * files under state_dir, which the loop itself never touches.
 */
#ifndef RCPTGUARD_RECORD_H
#define RCPTGUARD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/disk.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/queue.h"
#include "rcptguard/base/view.h"
#include "rcptguard/blocklist.h"
#include "rcptguard/decision.h"

#define REF_MAX 13 /* 6 to 12 of 0-9A-Z without vowels, and NUL */

struct record;

struct record *record_new(void);    /* NULL: no memory */
void record_free(struct record *r); /* after disk_stop; writes what still waits; NULL is fine */

/*
 * From now on references are kept in files under STATE_DIR (copied); LOOP takes every task (it has
 * no cap). Blocks: start. On failure
 * (*why is set) none are kept and all else works. A kill -9 loses the last milliseconds; a crash of
 * the machine the last seconds, for nothing is fsynced. Whatever is then damaged is passed over.
 */
int record_start(struct record *r, const char *state_dir, struct disk *disk, struct queue *loop,
                 struct error *why);

/* Hands what waits to the disk thread: before disk_stop. FOUND of record_why gets NULL from now on.
 * The log of decisions ends; a disk that hangs is waited for a second. */
void record_stop(struct record *r);

/*
 * The reference of a refusal. The same instance, recipient and list within a minute (Postfix asks
 * again, or several restriction lists ask) get the same one; *is_new is false then, and the caller
 * neither counts nor logs again.
 */
void record_reference(struct record *r, struct view instance, struct view recipient,
                      struct view list, int64_t mono_ms, char ref[REF_MAX], bool *is_new);

/* Counters since the start. Each recipient that was decided is one of passed, excluded, rejected,
 * deferred, observed, unparsed and repeated. */
struct record_counts {
    uint64_t queries;  /* complete queries, of whatever kind */
    uint64_t foreign;  /* answered DUNNO because they were not about a recipient (rule 8) */
    uint64_t passed;   /* recipients that no list holds */
    uint64_t excluded; /* recipients that a list holds and an exclusion frees, unless another list
                          would have refused them */
    uint64_t rejected;
    uint64_t deferred;
    uint64_t observed; /* would have been refused */
    uint64_t unparsed; /* recipients that are not an address with a domain */
    uint64_t repeated; /* refusals asked for again within the minute */
    uint64_t late;     /* recipients that passed although some DNS zone had not answered in time */
};

/* To be counted up by verdict and policy, read by admin. */
struct record_counts *record_counts(struct record *r);

/* ---- decisions ------------------------------------------------------------------------------ */

/* One decision, with all that `why` shows of it later. Views are borrowed for the call. */
struct record_decision {
    int64_t time;      /* seconds since 1970 */
    const char *label; /* reject, defer; observe: would have been refused; excluded: an exclusion
                          frees it from a list; pass: all else */
    struct view ref;   /* "" without refusal */
    struct view recipient, sender, sasl_username, client, queue_id, instance;
    struct view canonical, domain; /* of the recipient; "" when it could not be read */
    struct view list, entry;       /* "" where no list has a word */
    int32_t date;                  /* of the entry, days since 1970; 0: none */
    struct view action;            /* what Postfix got, or would have got */
    struct view evidence;          /* of a DNSBL: "127.0.1.2 since TIME"; "" elsewhere */
};

/*
 * Takes note of a decision: reject, defer and observe go to the references and to the counters of
 * the most refused, all go to those who watch. Never blocks.
 */
void record_decide(struct record *r, const struct record_decision *d);
bool record_wants_passes(const struct record *r); /* does anybody watch passes? */

/* References: the last REFERENCES_MAX_BYTES of them, REFERENCES_DAYS at most. */
#define REFERENCES_MAX_BYTES (64u << 20)
#define REFERENCES_DAYS      90

/* D is NULL when REF is unknown; else valid during the call. Loop thread. */
typedef void record_found(const struct record_decision *d, void *arg);

/* Looks for the decision of REF (any case) on the disk thread. 0 and FOUND comes once, later,
 * in record_free at the latest; or ERR_LIMIT / ERR_NOMEM and it does not. */
int record_why(struct record *r, struct view ref, record_found *found, void *arg);

/* How a decision is shown: the fields, by the same names and in the same order everywhere. */
enum record_field_kind {
    FIELD_TEXT,     /* a view */
    FIELD_OPTIONAL, /* a view; "" is null */
    FIELD_LABEL,
    FIELD_TIME,
    FIELD_DATE /* of an entry; 0 is null */
};
struct record_field {
    const char *name; /* in JSON; in the journal RCPTGUARD_ and the name in capitals */
    enum record_field_kind kind;
    size_t at; /* offset in struct record_decision */
};
#define RECORD_FIELDS 15
extern const struct record_field record_fields[RECORD_FIELDS];

/* As one JSON object without line end; values are escaped as in log lines (rule 28), so it is valid
 * UTF-8 on one line. RECORD_JSON_BYTES are always enough. Pure. */
#define RECORD_JSON_BYTES 8192
void record_json(struct text *t, const struct record_decision *d);

/* As fields of the journal, a line "NAME=value\n" each, without the time and what is null;
 * RECORD_JOURNAL_BYTES are always enough. Pure. */
#define RECORD_JOURNAL_BYTES 4096
void record_journal_fields(struct text *t, const struct record_decision *d);

/* Who watches decisions as they happen. CALL must not watch or unwatch. NULL: no memory. */
typedef void record_watched(const struct record_decision *d, void *arg);
struct record_watch;
struct record_watch *record_watch(struct record *r, bool passes, record_watched *call, void *arg);
void record_unwatch(struct record *r, struct record_watch *w); /* NULL is fine */

/* ---- the log of decisions ------------------------------------------------------------------- */

/*
 * [decisions]: from now on each refusal, and with PASSES each recipient that passes, is a line of
 * JSON in FILE (copied; NULL: none): a regular file that is appended to, or a FIFO. Lines decided
 * before go to the file before; what that does not take, to the new one, or with none it is lost.
 * Never blocks: a thread of its own writes; what it cannot write waits in 1 MiB, and what finds no
 * room there is lost and counted. Trouble with the file is a warning in the log. Fails only for
 * want of memory, descriptors or threads, with *why.
 */
int record_log_to(struct record *r, const char *file, bool passes, struct error *why);

/* Looks at once whether its name is another file's or nobody's by now; it is made anew then. */
void record_log_reopen(struct record *r);

struct record_log {
    const char *file; /* NULL: off */
    bool passes;
    uint64_t lines;      /* taken since the start: written, waiting, or lost when it was put off */
    uint64_t lost;       /* since the start */
    size_t waiting;      /* bytes that are not written yet */
    const char *problem; /* why nothing is written now, without the name of the file; or NULL */
};
void record_log_look(const struct record *r, struct record_log *look);

/* The most refused: rejected, deferred, or in mode observe what would have been. */
enum record_top { TOP_RECIPIENTS, TOP_DOMAINS, TOP_SENDERS, TOP_LISTS, TOP_KINDS };
enum record_span { TOP_HOUR, TOP_DAY, TOP_SPANS };
#define TOP_ROWS 20
struct record_top_row {
    char name[256]; /* escaped, cut */
    uint64_t count; /* at least so many: what is rare may have been forgotten between */
};
/* Fills ROWS, the most refused first; returns how many. */
unsigned record_most(const struct record *r, enum record_top kind, enum record_span span,
                     int64_t now, struct record_top_row rows[TOP_ROWS]);

/* ---- history of lists ----------------------------------------------------------------------- */

struct history;

struct history_config {
    const char *state_dir; /* copied */
    int64_t keep_s;
    uint64_t max_bytes;
};

/* Opens what is there; a damaged tail is cut, with a warning. Blocks: start. NULL with *why: no
 * lists depend on it, so all calls take NULL for a history that keeps nothing. */
struct history *history_new(const struct history_config *config, struct error *why);

/* Before disk_stop: searches under way are cut short, so that the end need not wait. */
void history_stop(struct history *h);

/* After worker and disk thread ended, and when LOOP is not run any more: what is still searched for
 * was not found. NULL is fine. */
void history_free(struct history *h);
void history_configure(struct history *h, int64_t keep_s, uint64_t max_bytes); /* any thread */

/*
 * Appends what each list of OLD and MADE added and dropped (either may be NULL). The worker's
 * thread, before either is freed. What cannot be written is warned about and lost.
 */
void history_swap(struct history *h, const struct blocklist *old, const struct blocklist *made,
                  int64_t now);

/*
 * Appends one change of a list that is no index: a DNS zone's. From the loop; written by the disk
 * thread soon, several at once. Beyond HISTORY_NOTES that wait they are lost, with a warning.
 */
#define HISTORY_NOTES 4096
void history_note(struct history *h, struct disk *disk, const char *list, enum entry_kind kind,
                  struct view key, bool added, int64_t now);

/* What is looked for: an entry of any kind, by its key as blocklists have it. */
struct history_key {
    enum entry_kind kind;
    struct view key;
};
#define HISTORY_KEYS 512 /* of a recipient: its names by kind, and their digests */

struct history_change {
    int64_t time; /* of the swap, seconds since 1970 */
    char list[BLOCKLIST_NAME_MAX];
    unsigned key; /* index into the keys that were asked for */
    bool added;   /* else dropped */
};
#define HISTORY_CHANGES 1000

/* In the order of time; the last HISTORY_CHANGES when there are more. SINCE: from when on nothing
 * is missing, of any list (0: nothing is kept). Loop thread; valid during the call. */
typedef void history_found(const struct history_change *changes, size_t n, int64_t since,
                           void *arg);

/*
 * Looks for changes of the N KEYS (copied) on the disk thread, in slices, so that nothing else
 * waits for it. 0 and FOUND comes once, on LOOP, a queue without a cap, or in history_free; or
 * ERR_LIMIT / ERR_NOMEM and it does not.
 */
int history_find(struct history *h, struct disk *disk, struct queue *loop,
                 const struct history_key *keys, size_t n, history_found *found, void *arg);

#endif
