/*
 * What this site itself decides: the exclusion file and the file of local blocks, two files of one
 * grammar. A parsed file is an immutable table; the loop reads it without a lock and swaps the
 * pointer when a new one comes.
 *
 * Parsing is pure (the time zone for `until=` apart) and done on the disk thread, and so are edits.
 */
#ifndef RCPTGUARD_LOCAL_H
#define RCPTGUARD_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rcptguard/address.h"
#include "rcptguard/base/disk.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

enum local_kind {
    LOCAL_EXCLUSIONS,
    LOCAL_BLOCKS, /* no list=, login: or sender: */
};
const char *local_kind_text(enum local_kind kind); /* exclusions, blocks */

/* What local blocks are called where lists are named. */
#define LOCAL_LIST "local"

/* Some 300,000 lines; more is no file kept by hand. */
#define LOCAL_MAX_FILE_BYTES ((size_t)16 << 20)

/* [exclusions] or [blocks] of the configuration. */
struct local_config {
    enum local_kind kind;
    const char *file;
    const char *state_dir; /* keeps the last good copy */
    bool shared;           /* the fleet's: what several relays agree on, kept by the room `fleet` */
};

enum local_subject {
    LOCAL_RECIPIENT,
    LOCAL_LOGIN,  /* login:NAME, compared with sasl_username exactly */
    LOCAL_SENDER, /* sender:WHAT, any kind of entry, and <> */
};

/* One good line. All text is borrowed from the table. */
struct local_line {
    enum local_subject subject;
    enum entry_kind kind; /* not for login */
    struct view key;      /* canonical; the login name; "" for sender:<> */
    struct view what;     /* as written, in canonical print: .example.org, login:abuse-desk */
    struct view lists;    /* "a,b" as written, or empty: against every list */
    struct view ticket, by, at, note, until_text; /* note: note= or the comment behind */
    int64_t until; /* last second it holds, since 1970; INT64_MAX: for ever */
    unsigned line; /* in the file, from 1 */
    bool shared;   /* the file is the fleet's */
};

/* Does it hold against the list of that name? */
bool local_line_frees(const struct local_line *e, struct view list);

/* Does it hold against every list? */
static inline bool local_line_is_whole(const struct local_line *e)
{
    return e->lists.len == 0;
}

/*
 * What `-t` and `lint` say about a good line, or NULL. (Whole domains as sender: are wide open to
 * any stolen account; the daemon does not repeat it at every save.)
 */
const char *local_line_advice(const struct local_line *e);

struct local_error {
    unsigned line;
    unsigned column; /* of the word that is wrong, in bytes from 1; 0: not known */
    char text[256];  /* what is wrong and what to do; may hold bytes from outside */
    bool warning;    /* the line stays in force */
};

struct local_table;

/*
 * Parses the whole text of a file of KIND. Lines with an error are left out and listed in the
 * table's errors (the first 100; the count goes on). LISTS are the names of configured lists (NULL,
 * 0: not known, no warning about unknown names). NULL: no memory.
 */
struct local_table *local_table_parse(enum local_kind kind, struct view text,
                                      const struct address_options *options,
                                      const char *const *lists, size_t n_lists);
void local_table_free(struct local_table *table); /* NULL is fine */

size_t local_table_count(const struct local_table *table); /* good lines; NULL is fine */
/* Those of them whose time is not over; NULL is fine. */
size_t local_table_in_force(const struct local_table *table, int64_t now);
size_t
local_table_left_out(const struct local_table *table); /* lines with an error; NULL is fine */
size_t local_table_expired(const struct local_table *table,
                           int64_t now); /* good lines whose time is over; NULL is fine */
const struct local_line *local_table_at(const struct local_table *table,
                                        size_t i); /* in file order */
size_t
local_table_errors(const struct local_table *table); /* and warnings; all, also those not kept */
const struct local_error *local_table_error_at(const struct local_table *table,
                                               size_t i); /* or NULL */

/* One for each list that can be configured: a line left out would block what somebody freed. */
#define LOCAL_MATCHES 1024

struct local_match {
    const struct local_line *whole; /* most specific one that frees from every list, or NULL */
    const struct local_line *partial[LOCAL_MATCHES]; /* those with list=, most specific first;
                                                           more are left out */
    unsigned n_partial;
};

/*
 * What frees this question at NOW (seconds since 1970): by login, sender and recipient. Any of
 * RECIPIENT and SENDER may be NULL; SENDER_IS_NULL says the null sender <>. Loop thread, no
 * allocation. TABLE may be NULL (nothing is excluded). Matches add to *out, which starts zeroed.
 */
void local_table_match(const struct local_table *table, const struct address *recipient,
                       const struct address *sender, bool sender_is_null, struct view login,
                       int64_t now, struct local_match *out);

/*
 * The most specific local block that holds RECIPIENT at NOW, or NULL; *KEY_NUMBER is the place of
 * its name among the recipient's keys. Of several on one name the one that holds longest. Loop
 * thread, no allocation. TABLE may be NULL.
 */
const struct local_line *local_table_block(const struct local_table *table,
                                           const struct address *recipient, int64_t now,
                                           unsigned *key_number);

/* True when some sender: line exists, so that the sender is worth parsing. NULL is fine. */
bool local_table_wants_sender(const struct local_table *table);

/*
 * Keeps the file in force: reads it at start (or the last good copy under state_dir), watches it
 * on the disk thread, and tells the loop of each new table.
 */
struct local;

struct local_state {
    bool missing;      /* the file is not there or cannot be read: what is in force stays */
    char problem[256]; /* why, or "" */
    int64_t loaded_at; /* seconds since 1970 */
};

/*
 * Called on the loop's thread (from queue_run of LOOP, or local_take). Takes the new table, never
 * NULL; the old one is to be given to local_retire. When only the state changed (the file
 * vanished), the table is a copy of the one in force.
 */
typedef void local_changed(struct local_table *table, const struct local_state *state, void *arg);

/*
 * Reads the file once, on the calling thread (start; nothing else runs yet): *FIRST is a table.
 * NULL only without memory, and where neither the exclusions nor the copy of them can be read
 * though it is there (ERR_IO): mail that was let through would be refused. After local_watch
 * changes arrive by CHANGED.
 */
struct local *local_new(const struct local_config *config, const struct address_options *options,
                        const char *const *lists, size_t n_lists, struct local_table **first,
                        struct local_state *state, struct error *why);
/* LOOP must have no cap: one task of ours waits in it at most, and one an edit under way. */
int local_watch(struct local *l, struct disk *disk, struct queue *loop, local_changed *changed,
                void *arg, struct error *why);

/*
 * New settings (reload), on the disk thread: the file is read again whether it changed or not. The
 * table waits for local_take: under other rules of addresses it would free too few, or too many.
 * Strings are copied. After local_watch only. ERR_NOMEM: the settings of before stay.
 */
int local_configure(struct local *l, const struct local_config *config,
                    const struct address_options *options, const char *const *lists,
                    size_t n_lists);

/* On the loop's thread, behind every local_configure and local_revert: CHANGED is called with what
 * waits, if anything does. */
void local_take(struct local *l);

/* On the disk thread: back to the settings of before local_configure, if nothing was taken since;
 * else nothing. Cannot fail: without memory what is in force stays, and the file is read later. */
void local_revert(struct local *l);

/* ---- edits ---------------------------------------------------------------------------------- */

enum local_action {
    LOCAL_ADD,    /* exclude, block: a new line, or the lines of WHAT merged into one (rule 13) */
    LOCAL_REMOVE, /* unexclude, unblock: every line of WHAT; with LISTS only these lists' */
    LOCAL_PRUNE,  /* takes out the lines whose time is over; WHAT is not looked at */
};

/* What to do; all copied. Empty: not given. */
struct local_edit {
    enum local_action action;
    struct view what;             /* as in the file: an entry, login:NAME, sender:WHAT */
    struct view lists;            /* "a,b"; empty: every list */
    struct view until;            /* as in the file; empty: for ever */
    struct view ticket, note, by; /* BY is made fit for by= */
    int64_t now;                  /* written as at= */
};

enum local_outcome {
    LOCAL_EDIT_ADDED,   /* there was no line of WHAT before */
    LOCAL_EDIT_CHANGED, /* merged into the line that was there, or lines taken out */
    LOCAL_EDIT_NOTHING, /* all of it was there already; nothing to prune */
    LOCAL_EDIT_ABSENT,  /* remove: there is no such line */
    LOCAL_EDIT_BAD,     /* the edit itself: *why names the field and the remedy */
    LOCAL_EDIT_FAILED,  /* not ours, full disk ...: the file is as it was; *why has the remedy */
};

struct local_edited {
    enum local_outcome outcome;
    struct error why;
    struct view what;          /* in canonical print */
    unsigned line;             /* of the new line, from 1; 0: none */
    struct view before, after; /* the lines before and after, '\n' between several; "": none */
    uint64_t lines;            /* how many were taken out or replaced */
};

/* On the loop's thread, when the new table is in force. RESULT is valid during the call. */
typedef void local_edit_done(const struct local_edited *result, void *arg);

/*
 * Edits the file on the disk thread: atomically, durably, keeping comments, order, group and mode
 * (rule 31), on top of what the file holds at that moment. After local_watch, on the loop's thread.
 * 0 and DONE comes exactly once (unless the loop stops before), or ERR_LIMIT/ERR_NOMEM and it does
 * not.
 */
int local_edit(struct local *l, const struct local_edit *edit, local_edit_done *done, void *arg);

/*
 * How many lines edits took out since the start (remove and prune), for who must tell them from
 * what a hand did to the file. Any thread. What edits took out of a file that was read is in
 * local_removing of later; what is in local_removed is missing in a file that is read later.
 */
uint64_t local_removing(const struct local *l);
uint64_t local_removed(const struct local *l);

/*
 * Reads WHAT of an edit, for who must know what it means before (protected domains): 0, or
 * ERR_SYNTAX with *why. *OUT must not be copied: KEY points into it, or into WHAT. Pure.
 */
struct local_what {
    enum local_subject subject;
    enum entry_kind kind;
    struct view key;
    struct entry memory;
};
int local_what_parse(enum local_kind kind, struct view what, const struct address_options *options,
                     struct local_what *out, struct error *why);

/* On the disk thread, when FRESH is in the file and in force (or will be, behind what the loop's
 * queue holds already): CODE 0. ERR_CONFLICT: the file does not hold OLD any more; else *WHY says
 * it. */
typedef void local_replaced(int code, const struct error *why, void *arg);

/*
 * Puts FRESH in the place of OLD, for who keeps the file in step with others: all or nothing, and
 * only if it still holds OLD. Both are copied. After local_watch; any thread. 0 and DONE comes once
 * (unless the disk thread stops before), or ERR_LIMIT/ERR_NOMEM and it does not.
 */
int local_replace(struct local *l, struct view old, struct view fresh, local_replaced *done,
                  void *arg);

/* Frees a table that the loop no longer uses, on the disk thread; NULL is fine. Before disk_stop:
 * after it, local_table_free. */
void local_retire(struct local *l, struct local_table *table);

/* Could the copy of what is in force not be written under state_dir? It is tried again every 2 s.
 * Any thread; NULL is fine. */
bool local_is_unkept(const struct local *l);

/* After disk_stop, and when LOOP is not run any more; NULL is fine. */
void local_free(struct local *l);

#endif
