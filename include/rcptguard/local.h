/*
 * What this site itself decides: the exclusion file. A parsed file is an immutable table; the loop
 * reads it without a lock and swaps the pointer when a new one comes.
 *
 * Parsing is pure (the time zone for `until=` apart) and done on the disk thread.
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

/* [exclusions] of the configuration. */
struct local_config {
    const char *exclusions_file;
    const char *state_dir; /* keeps the last good exclusions */
};

enum exclusion_subject {
    EXCLUSION_RECIPIENT,
    EXCLUSION_LOGIN,  /* login:NAME, compared with sasl_username exactly */
    EXCLUSION_SENDER, /* sender:WHAT, any kind of entry, and <> */
};

/* One good line. All text is borrowed from the table. */
struct exclusion {
    enum exclusion_subject subject;
    enum entry_kind kind; /* not for login */
    struct view key;      /* canonical; the login name; "" for sender:<> */
    struct view what;     /* as written, in canonical print: .example.org, login:abuse-desk */
    struct view lists;    /* "a,b" as written, or empty: against every list */
    struct view ticket, by, note, until_text;
    int64_t until; /* last second it holds, since 1970; INT64_MAX: for ever */
    unsigned line; /* in the file, from 1 */
};

/* Does it hold against the list of that name? */
bool exclusion_frees(const struct exclusion *e, struct view list);

/* Does it hold against every list? */
static inline bool exclusion_is_whole(const struct exclusion *e)
{
    return e->lists.len == 0;
}

/*
 * What `-t` and `lint` say about a good line, or NULL. (Whole domains as sender: are wide open to
 * any stolen account; the daemon does not repeat it at every save.)
 */
const char *exclusion_advice(const struct exclusion *e);

struct exclusion_error {
    unsigned line;
    char text[256]; /* what is wrong and what to do; may hold bytes from outside */
    bool warning;   /* the line stays in force */
};

struct exclusions;

/*
 * Parses the whole text. Lines with an error are left out and listed in the table's errors (the
 * first 100; the count goes on). LISTS are the names of configured lists (NULL, 0: not known, no
 * warning about unknown names). NULL: no memory.
 */
struct exclusions *exclusions_parse(struct view text, const struct address_options *options,
                                    const char *const *lists, size_t n_lists);
void exclusions_free(struct exclusions *ex); /* NULL is fine */

size_t exclusions_count(const struct exclusions *ex);    /* good lines; NULL is fine */
size_t exclusions_left_out(const struct exclusions *ex); /* lines with an error; NULL is fine */
const struct exclusion *exclusions_at(const struct exclusions *ex, size_t i); /* in file order */
size_t exclusions_errors(const struct exclusions *ex); /* and warnings; all, also those not kept */
const struct exclusion_error *exclusions_error_at(const struct exclusions *ex,
                                                  size_t i); /* or NULL */

/* One for each list that can be configured: a line left out would block what somebody freed. */
#define EXCLUSION_MATCHES 1024

struct exclusion_match {
    const struct exclusion *whole; /* most specific one that frees from every list, or NULL */
    const struct exclusion *partial[EXCLUSION_MATCHES]; /* those with list=, most specific first;
                                                           more are left out */
    unsigned n_partial;
};

/*
 * What frees this question at NOW (seconds since 1970): by login, sender and recipient. Any of
 * RECIPIENT and SENDER may be NULL; SENDER_IS_NULL says the null sender <>. Loop thread, no
 * allocation. EX may be NULL (nothing is excluded). Matches add to *out, which starts zeroed.
 */
void exclusions_match(const struct exclusions *ex, const struct address *recipient,
                      const struct address *sender, bool sender_is_null, struct view login,
                      int64_t now, struct exclusion_match *out);

/* True when some sender: line exists, so that the sender is worth parsing. NULL is fine. */
bool exclusions_want_sender(const struct exclusions *ex);

/*
 * Keeps the file in force: reads it at start (or the last good copy under state_dir), watches it
 * on the disk thread, and tells the loop of each new table.
 */
struct local;

struct local_state {
    bool missing;      /* the file is not there or cannot be read: the exclusions in force stay */
    char problem[256]; /* why, or "" */
    int64_t loaded_at; /* seconds since 1970 */
};

/*
 * Called on the loop's thread (from queue_run of LOOP). Takes the new table, never NULL; the old
 * one is to be given to local_retire. When only the state changed (the file vanished), the table
 * is a copy of the one in force.
 */
typedef void local_changed(struct exclusions *ex, const struct local_state *state, void *arg);

/*
 * Reads the exclusions once, on the calling thread (start; nothing else runs yet): returns a table
 * in every case but no memory. After local_watch changes arrive by CHANGED.
 */
struct local *local_new(const struct local_config *config, const struct address_options *options,
                        const char *const *lists, size_t n_lists, struct exclusions **first,
                        struct local_state *state, struct error *why);
/* LOOP must have no cap: at most one task of ours waits in it. */
int local_watch(struct local *l, struct disk *disk, struct queue *loop, local_changed *changed,
                void *arg, struct error *why);

/* New settings (reload): the file is read again whether it changed or not, and CHANGED is called.
 * Strings are copied. After local_watch only. */
int local_configure(struct local *l, const struct local_config *config,
                    const struct address_options *options, const char *const *lists,
                    size_t n_lists);

/* Frees a table that the loop no longer uses, on the disk thread; NULL is fine. Before disk_stop:
 * after it, exclusions_free. */
void local_retire(struct local *l, struct exclusions *ex);

/* After disk_stop, and when LOOP is not run any more; NULL is fine. */
void local_free(struct local *l);

#endif
