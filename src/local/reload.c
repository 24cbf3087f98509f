/*
 * Keeps one file in force: read at start, read again on the disk thread whenever it was
 * saved, handed to the loop as a whole table.
 *
 * What was good once stays in force whatever becomes of the file: its text is kept in memory, and
 * under state_dir for the next start. A file that cannot be read never means "nothing", since that
 * would block mail that was freed, or free what was blocked; a file that is empty does, since
 * somebody saved it so.
 *
 * Threads: start, then the disk thread alone, but for a one-slot mailbox to the loop. A table that
 * the loop has not taken yet gives way to a newer one.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit_text.h"
#include "keep.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"
#include "rcptguard/base/summed.h"
#include "table.h"

#define SUBJECT(l) local_kind_text((l)->settings->kind)

struct change {
    struct local_table *table;
    struct local_state state;
};

static struct local_table *parse(const struct local *l, const struct buf *text)
{
    const struct settings *s = l->settings;
    struct local_table *table =
        local_table_parse(s->kind, buf_view(text), &s->options,
                          s->lists_known ? (const char *const *)s->lists : NULL, s->n_lists);

    if (table != NULL && s->shared)
        local_table_mark_shared(table);
    return table;
}

/* ---- reading ---- */

static bool same(const struct buf *a, const struct buf *b)
{
    return view_eq(buf_view(a), buf_view(b));
}

/*
 * The copy for the next start; a crash or a full disk costs that copy only. Always after the table
 * was handed over, and without fsync, which takes seconds beside a busy mail spool: neither this
 * line nor the next one may wait for it.
 */
void local_save_good(struct local *l)
{
    struct error why;
    bool unkept = atomic_load(&l->unkept);

    if (!l->good_unsaved || l->state.missing || l->never)
        return;
    l->good_unsaved =
        summed_replace_lazily(l->settings->good_file, 0640, buf_view(&l->good), &why) < 0;
    atomic_store(&l->unkept, l->good_unsaved);
    if (!l->good_unsaved && unkept)
        log_notice(SUBJECT(l), "the copy for the next start is kept again");
    if (l->good_unsaved && !unkept)
        log_warning(SUBJECT(l),
                    "%s; should %s be missing at the next start, an older copy of it counts; check "
                    "the directory's owner and space",
                    why.text, l->settings->file);
}

struct local_table *local_take_text(struct local *l, struct buf *text, bool edited)
{
    struct local_table *table = parse(l, text);

    if (table == NULL) {
        struct error why;
        error_set(&why, ERR_NOMEM, "%s: no memory for its lines", l->settings->file);
        local_note_missing(l, &why);
        l->unread = true;
        return NULL;
    }
    if (l->state.missing)
        log_notice(SUBJECT(l), "%s is back", l->settings->file);
    l->state = (struct local_state){.loaded_at = clock_now()};
    l->never = l->good_damaged = false;
    local_log_errors(l, table);
    if (!edited)
        local_log_losses(l, l->in_force, table);
    recent_check(&l->recent, l->settings->kind, table, l->settings->file, l->state.loaded_at);
    log_info(SUBJECT(l), "%zu in force from %s", local_table_in_force(table, l->state.loaded_at),
             l->settings->file);
    l->in_force = local_table_count(table);

    if (!same(&l->good, text))
        l->good_unsaved = true;
    struct buf old = l->good;
    l->good = *text;
    *text = old;
    return table;
}

/* What is in force once more, under the settings of now. */
static struct local_table *parse_again(struct local *l)
{
    struct local_table *table = parse(l, &l->good);

    if (table == NULL)
        log_error(SUBJECT(l), "no memory to read them again; those in force stay");
    else
        l->in_force = local_table_count(table);
    return table;
}

/* Nobody has blocked anything yet: no file is the rule, and no loss. */
static bool is_not_begun(const struct local *l, const struct error *why)
{
    return l->settings->kind == LOCAL_BLOCKS && l->never && why->code == ERR_ABSENT;
}

#define WRITERS_MS 30000 /* as long as one that does not close is waited for (base/watch.h) */

/* Somebody wrote to it while it was read: what came may be half of it, and frees or blocks too few.
 * The watcher tells when that is whole. */
static bool is_torn(struct local *l)
{
    int64_t now = clock_mono_ms();

    if (l->watch == NULL || !watch_is_touched(l->watch)) {
        l->torn_since = 0;
        return false;
    }
    if (l->torn_since == 0)
        l->torn_since = now;
    return now - l->torn_since < WRITERS_MS;
}

static unsigned line_at(const struct buf *text, size_t offset)
{
    unsigned line = 1;

    for (size_t i = 0; i < offset; i++)
        line += text->data[i] == '\n';
    return line;
}

int local_check_text(const struct local *l, const struct buf *text, struct error *why)
{
    ptrdiff_t damage = view_find_nontext(buf_view(text));

    if (damage < 0)
        return 0;
    struct local_table *table = parse(l, text);
    bool is_none =
        table != NULL && local_table_count(table) == 0 && local_table_left_out(table) > 0;
    local_table_free(table);
    return is_none ? error_set(why, ERR_SYNTAX, "%s is no text file (line %u has %s)",
                               l->settings->file, line_at(text, (size_t)damage),
                               text->data[damage] == '\0' ? "a NUL byte" : "a CR within")
                   : 0;
}

static int read_text(const struct local *l, struct buf *text, struct error *why)
{
    int rc = file_read(l->settings->file, LOCAL_MAX_FILE_BYTES, text, why);

    return rc == 0 ? local_check_text(l, text, why) : rc;
}

/*
 * Reads the file. A table to hand over, or NULL when nothing changed (or there is no memory: what
 * is in force stays). ALWAYS: hand over in any case.
 */
static struct local_table *read_now(struct local *l, bool always)
{
    struct buf text = BUF_INIT(0);
    struct local_table *table = NULL;
    struct error why;
    int rc = read_text(l, &text, &why);

    l->unread = rc == ERR_IO || rc == ERR_NOMEM;
    if (is_torn(l)) {
        if (always)
            table = parse_again(l);
    } else if (rc < 0) {
        if ((!is_not_begun(l, &why) && local_note_missing(l, &why)) || always)
            table = parse_again(l);
    } else if (always || l->state.missing || !same(&text, &l->good)) {
        table = local_take_text(l, &text, false);
    }
    buf_free(&text);
    return table;
}

/* ---- start ---- */

/* How many lines count of the last good copy. Of a damaged one nothing where it blocks: what is
 * left of a line may be another one's. */
static size_t count_good(struct local *l)
{
    if (l->good_damaged && l->settings->kind == LOCAL_BLOCKS)
        buf_clear(&l->good);
    struct local_table *good = parse(l, &l->good);
    size_t count = local_table_count(good);
    local_table_free(good);
    return count;
}

/*
 * The last good copy: what counts while the file cannot be read, what its losses are measured
 * against, and what need not be written again if it is equal. False: there is one, and it cannot be
 * read.
 */
static bool read_good(struct local *l)
{
    struct error why;
    bool is_summed = false;
    int rc = summed_read(l->settings->good_file, LOCAL_MAX_FILE_BYTES, &l->good, &is_summed, &why);

    l->good_damaged = rc == ERR_DAMAGED;
    l->good_unsaved = !is_summed;
    if (rc == 0 || l->good_damaged) {
        l->in_force = count_good(l);
        return rc == 0 || l->in_force > 0;
    }
    l->never = rc == ERR_ABSENT;
    if (!l->never)
        log_warning(SUBJECT(l), "%s", why.text);
    buf_clear(&l->good);
    return l->never;
}

static struct local *begin(struct local *l, struct local_state *state)
{
    local_save_good(l);
    *state = l->state;
    return l;
}

struct local *local_new(const struct local_config *config, const struct address_options *options,
                        const char *const *lists, size_t n_lists, struct local_table **first,
                        struct local_state *state, struct error *why)
{
    struct local *l = calloc(1, sizeof *l);
    if (l != NULL)
        l->settings = local_settings_new(config, options, lists, n_lists);
    if (l == NULL || l->settings == NULL) {
        free(l);
        error_set(why, ERR_NOMEM, "no memory for the %s", local_kind_text(config->kind));
        return NULL;
    }
    atomic_init(&l->mailbox, NULL);
    atomic_init(&l->unkept, false);
    atomic_init(&l->untaken, false);
    atomic_init(&l->removing, 0);
    atomic_init(&l->removed, 0);
    bool good = read_good(l);
    *first = read_now(l, true);
    if (*first == NULL)
        error_set(why, ERR_NOMEM, "no memory for the %s", local_kind_text(config->kind));
    else if (!good && l->state.missing && config->kind == LOCAL_EXCLUSIONS)
        /* There were some, and nobody knows which: not to answer is better than to refuse them. */
        error_set(why, ERR_IO, "neither %s nor the copy of it in state_dir can be read",
                  config->file);
    else
        return begin(l, state);
    local_table_free(*first);
    *first = NULL;
    local_free(l);
    return NULL;
}

/* ---- the disk thread and the loop ---- */

static void change_free(struct change *c)
{
    if (c != NULL)
        local_table_free(c->table);
    free(c);
}

static void empty_mailbox(struct local *l)
{
    struct change *c = atomic_exchange(&l->mailbox, NULL);

    if (c == NULL)
        return;
    l->changed(c->table, &c->state, l->arg);
    free(c);
}

void local_take(struct local *l)
{
    atomic_store(&l->untaken, false);
    empty_mailbox(l);
}

static void deliver(struct task *task)
{
    empty_mailbox((struct local *)((char *)task - offsetof(struct local, deliver)));
}

/* Puts TABLE, which is taken in any case, in the place of one that the loop has not taken. */
static bool put_in_mailbox(struct local *l, struct local_table *table, bool *was_empty)
{
    struct change *c = malloc(sizeof *c);

    l->owed = c == NULL;
    if (c == NULL) {
        local_table_free(table);
        return false;
    }
    *c = (struct change){table, l->state};
    struct change *untaken = atomic_exchange(&l->mailbox, c);
    *was_empty = untaken == NULL;
    change_free(untaken);
    return true;
}

bool local_hand_over(struct local *l, struct local_table *table)
{
    bool was_empty;

    if (table == NULL)
        return true;
    if (!put_in_mailbox(l, table, &was_empty))
        return false;
    /* When there was one, somebody who will fetch this one is on the way. */
    l->owed = was_empty && queue_post(l->loop, &l->deliver) < 0;
    if (l->owed) {
        log_error(SUBJECT(l), "the new table could not be handed over; tried again");
        change_free(atomic_exchange(&l->mailbox, NULL));
    }
    return !l->owed;
}

/* Behind every look at the file. */
static void tidy(struct local *l)
{
    local_save_good(l);
    if (l->unread || l->owed || atomic_load(&l->unkept))
        watch_again(l->watch);
}

static void look(struct local *l, bool always)
{
    local_hand_over(l, read_now(l, always || l->owed));
    tidy(l);
}

bool local_is_unkept(const struct local *l)
{
    return l != NULL && atomic_load(&l->unkept);
}

static void file_changed(void *arg)
{
    look(arg, false);
}

static void watch_file(struct local *l)
{
    watch_remove(l->watch);
    l->watch = watch_add(disk_watcher(l->disk), l->settings->file, file_changed, l);
    if (l->watch == NULL)
        log_error(SUBJECT(l), "no memory to watch %s: changes need a reload (SIGHUP)",
                  l->settings->file);
}

static void start_watching(struct task *task)
{
    struct local *l = (struct local *)((char *)task - offsetof(struct local, start));

    watch_file(l);
    /* It may have been saved since local_new read it. */
    look(l, false);
}

int local_watch(struct local *l, struct disk *disk, struct queue *loop, local_changed *changed,
                void *arg, struct error *why)
{
    l->disk = disk;
    l->loop = loop;
    l->changed = changed;
    l->arg = arg;
    l->start.run = start_watching;
    l->deliver.run = deliver;
    if (disk_post(disk, &l->start) == 0)
        return 0;
    l->disk = NULL;
    return error_set(why, ERR_LIMIT, "the disk thread takes no more jobs");
}

/* The settings of now are FRESH; those before are returned. */
static struct settings *change_settings(struct local *l, struct settings *fresh)
{
    struct settings *before = l->settings;

    l->settings = fresh;
    if (strcmp(fresh->file, before->file) != 0) {
        l->state.missing = false;
        recent_free(&l->recent);
        watch_file(l);
    }
    return before;
}

int local_configure(struct local *l, const struct local_config *config,
                    const struct address_options *options, const char *const *lists, size_t n_lists)
{
    bool was_empty;

    if (l->disk == NULL)
        return ERR_REFUSED;
    struct settings *fresh = local_settings_new(config, options, lists, n_lists);
    if (fresh == NULL)
        return ERR_NOMEM;
    struct settings *before = change_settings(l, fresh);
    struct local_table *table = read_now(l, true);
    if (table == NULL || !put_in_mailbox(l, table, &was_empty)) {
        local_settings_free(change_settings(l, before));
        return ERR_NOMEM;
    }
    local_settings_free(l->before);
    l->before = before;
    atomic_store(&l->untaken, true);
    tidy(l);
    return 0;
}

void local_revert(struct local *l)
{
    bool was_empty;

    if (!atomic_exchange(&l->untaken, false))
        return;
    local_settings_free(change_settings(l, l->before));
    l->before = NULL;
    /* What was read under the others must not come into force. */
    change_free(atomic_exchange(&l->mailbox, NULL));
    struct local_table *table = read_now(l, true);
    if (table != NULL)
        put_in_mailbox(l, table, &was_empty);
    l->owed |= table == NULL;
    tidy(l);
}

void local_retire(struct local *l, struct local_table *table)
{
    if (table == NULL)
        return;
    if (l->disk == NULL || disk_post(l->disk, local_table_retire_task(table)) < 0)
        local_table_free(table);
}

void local_free(struct local *l)
{
    if (l == NULL)
        return;
    change_free(atomic_load(&l->mailbox));
    local_edit_forget(l);
    recent_free(&l->recent);
    local_settings_free(l->settings);
    local_settings_free(l->before);
    buf_free(&l->good);
    free(l);
}
