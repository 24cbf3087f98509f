/*
 * Keeps the exclusion file in force: read at start, read again on the disk thread whenever it was
 * saved, handed to the loop as a whole table.
 *
 * What was good once stays in force whatever becomes of the file: its text is kept in memory, and
 * under state_dir for the next start. A file that cannot be read never means "no exclusions", since
 * that would block mail; a file that is empty does, since somebody saved it so.
 *
 * Threads: start, then the disk thread alone, but for a one-slot mailbox to the loop. A table that
 * the loop has not taken yet gives way to a newer one.
 */
#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"
#include "rcptguard/local.h"
#include "table.h"

#define MAX_FILE_BYTES (16 * 1024 * 1024) /* some 300,000 lines; more is no file kept by hand */
#define SUBJECT        "exclusions"

/* From here up, a file that loses more than half of its lines at once is worth a warning. */
#define LOSS_COUNTS_FROM 10

struct settings {
    struct task task; /* on its way to the disk thread */
    struct local *local;
    char *file, *good_file;
    struct address_options options;
    char **lists;
    size_t n_lists;
    bool lists_known;
};

struct change {
    struct local_table *ex;
    struct local_state state;
};

struct local {
    struct settings *settings;
    struct local_state state;
    struct buf good; /* text of what is in force */
    size_t in_force; /* its lines */
    bool good_unsaved;

    struct disk *disk;
    struct queue *loop;
    local_changed *changed;
    void *arg;
    struct watch *watch;
    struct task start, deliver;
    _Atomic(struct change *) mailbox;
};

/* ---- settings ---- */

static void settings_free(struct settings *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n_lists; i++)
        free(s->lists[i]);
    free(s->lists);
    free(s->file);
    free(s->good_file);
    free(s);
}

static char *path_in(const char *dir, const char *name)
{
    struct buf b = BUF_INIT(PATH_MAX);

    if (buf_addf(&b, "%s/%s", dir, name) == 0)
        return b.data;
    buf_free(&b);
    return NULL;
}

static struct settings *settings_new(const struct local_config *config,
                                     const struct address_options *options,
                                     const char *const *lists, size_t n_lists)
{
    struct settings *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->options = *options;
    s->lists_known = lists != NULL;
    s->file = view_dup(view_of(config->file));
    s->good_file = path_in(config->state_dir, "exclusions.good");
    s->lists = calloc(n_lists + 1, sizeof *s->lists);
    bool good = s->file != NULL && s->good_file != NULL && s->lists != NULL;
    for (size_t i = 0; good && i < n_lists; i++) {
        good = (s->lists[i] = view_dup(view_of(lists[i]))) != NULL;
        s->n_lists += good;
    }
    if (good)
        return s;
    settings_free(s);
    return NULL;
}

static struct local_table *parse(const struct local *l, const struct buf *text)
{
    const struct settings *s = l->settings;
    return local_table_parse(LOCAL_EXCLUSIONS, buf_view(text), &s->options,
                             s->lists_known ? (const char *const *)s->lists : NULL, s->n_lists);
}

/* ---- what the log says ---- */

static void log_errors(const struct local *l, const struct local_table *ex)
{
    size_t total = local_table_errors(ex), told = 0;
    const struct local_error *e;

    for (; (e = local_table_error_at(ex, told)) != NULL; told++) {
        char words[2 * ESCAPE_MAX_BYTES];
        struct text t = text_on(words, sizeof words);
        escape_to_max(&t, view_of(e->text), ESCAPE_TERMINAL, sizeof words - 1);
        log_warning(SUBJECT, "%s:%u: %s%s", l->settings->file, e->line, words,
                    e->warning ? "" : " (the line is left out)");
    }
    if (total > told)
        log_warning(SUBJECT, "%s: %zu more lines with errors", l->settings->file, total - told);
}

static void log_losses(const struct local *l, size_t before, size_t now)
{
    if (now == 0 && before > 0)
        log_warning(SUBJECT,
                    "%s is empty now: none of the %zu exclusions is in force any more; if that was "
                    "a mistake, the file before may be in your editor's backup",
                    l->settings->file, before);
    else if (before >= LOSS_COUNTS_FROM && now * 2 < before)
        log_warning(SUBJECT,
                    "%s lost more than half of its lines: %zu of %zu exclusions are left; applied, "
                    "restore the file if that was a mistake",
                    l->settings->file, now, before);
}

/* Warns once for each reason, as the file is looked at again at every change; true: it is a new
 * one. */
static bool note_missing(struct local *l, const struct error *why)
{
    char problem[sizeof l->state.problem];
    struct text t = text_on(problem, sizeof problem);

    text_add(&t, why->text);
    if (l->state.missing && strcmp(problem, l->state.problem) == 0)
        return false;
    log_warning(SUBJECT,
                "%s; the exclusions read before stay in force (%zu); put the file back, or make an "
                "empty one if none are wanted",
                problem, l->in_force);
    l->state.missing = true;
    strcpy(l->state.problem, problem);
    return true;
}

/* ---- reading ---- */

static bool same(const struct buf *a, const struct buf *b)
{
    return view_eq(buf_view(a), buf_view(b));
}

/*
 * The copy for the next start; a crash or a full disk costs that copy only. Always after the table
 * was handed over, and without fsync, which takes seconds beside a busy mail spool: neither this
 * exclusion nor the next one may wait for it.
 */
static void save_good(struct local *l)
{
    struct file_part part = {l->good.data, l->good.len};
    struct error why;

    if (!l->good_unsaved || l->state.missing)
        return;
    l->good_unsaved = file_replace_lazily(l->settings->good_file, 0640, &part, 1, &why) < 0;
    if (l->good_unsaved)
        log_warning(SUBJECT,
                    "%s; should the exclusion file be missing at the next start, an older copy of "
                    "it counts; check the directory's owner and space",
                    why.text);
}

/* TEXT was read whole: from now on it is what counts. Takes its memory. NULL: no memory. */
static struct local_table *take_text(struct local *l, struct buf *text)
{
    struct local_table *ex = parse(l, text);

    if (ex == NULL) {
        struct error why;
        error_set(&why, ERR_NOMEM, "%s: no memory for its exclusions", l->settings->file);
        note_missing(l, &why);
        return NULL;
    }
    if (l->state.missing)
        log_notice(SUBJECT, "%s is back", l->settings->file);
    l->state = (struct local_state){.loaded_at = clock_now()};
    log_errors(l, ex);
    log_losses(l, l->in_force, local_table_count(ex));
    log_info(SUBJECT, "%zu in force from %s", local_table_count(ex), l->settings->file);
    l->in_force = local_table_count(ex);

    if (!same(&l->good, text))
        l->good_unsaved = true;
    struct buf old = l->good;
    l->good = *text;
    *text = old;
    return ex;
}

/* What is in force once more, under the settings of now. */
static struct local_table *parse_again(struct local *l)
{
    struct local_table *ex = parse(l, &l->good);

    if (ex == NULL)
        log_error(SUBJECT, "no memory to read them again; those in force stay");
    else
        l->in_force = local_table_count(ex);
    return ex;
}

/*
 * Reads the file. A table to hand over, or NULL when nothing changed (or there is no memory: what
 * is in force stays). ALWAYS: hand over in any case.
 */
static struct local_table *read_now(struct local *l, bool always)
{
    struct buf text = BUF_INIT(0);
    struct local_table *ex = NULL;
    struct error why;

    if (file_read(l->settings->file, MAX_FILE_BYTES, &text, &why) < 0) {
        if (note_missing(l, &why) || always)
            ex = parse_again(l);
    } else if (always || l->state.missing || !same(&text, &l->good)) {
        ex = take_text(l, &text);
    }
    buf_free(&text);
    return ex;
}

/* ---- start ---- */

/*
 * The last good copy: what counts while the file cannot be read, what its losses are measured
 * against, and what need not be written again if it is equal.
 */
static void read_good(struct local *l)
{
    struct error why;

    if (file_read(l->settings->good_file, MAX_FILE_BYTES, &l->good, &why) == 0) {
        struct local_table *good = parse(l, &l->good);
        l->in_force = local_table_count(good);
        local_table_free(good);
        return;
    }
    if (why.code != ERR_ABSENT)
        log_warning(SUBJECT, "%s", why.text);
    buf_clear(&l->good);
    l->good_unsaved = true;
}

struct local *local_new(const struct local_config *config, const struct address_options *options,
                        const char *const *lists, size_t n_lists, struct local_table **first,
                        struct local_state *state, struct error *why)
{
    struct local *l = calloc(1, sizeof *l);
    if (l != NULL)
        l->settings = settings_new(config, options, lists, n_lists);
    if (l == NULL || l->settings == NULL) {
        free(l);
        error_set(why, ERR_NOMEM, "no memory for the exclusions");
        return NULL;
    }
    atomic_init(&l->mailbox, NULL);
    read_good(l);
    *first = read_now(l, true);
    save_good(l);
    *state = l->state;
    if (*first != NULL)
        return l;
    local_free(l);
    error_set(why, ERR_NOMEM, "no memory for the exclusions");
    return NULL;
}

/* ---- the disk thread and the loop ---- */

static void change_free(struct change *c)
{
    if (c != NULL)
        local_table_free(c->ex);
    free(c);
}

/* On the loop's thread. */
static void deliver(struct task *task)
{
    struct local *l = (struct local *)((char *)task - offsetof(struct local, deliver));
    struct change *c = atomic_exchange(&l->mailbox, NULL);

    l->changed(c->ex, &c->state, l->arg);
    free(c);
}

/* EX may be NULL: nothing to say. */
static void hand_over(struct local *l, struct local_table *ex)
{
    struct change *c = ex == NULL ? NULL : malloc(sizeof *c);

    if (c == NULL) {
        local_table_free(ex);
        return;
    }
    *c = (struct change){ex, l->state};
    struct change *untaken = atomic_exchange(&l->mailbox, c);
    /* When there was one, the task that will fetch this one is on its way. */
    if (untaken == NULL && queue_post(l->loop, &l->deliver) < 0) {
        log_error(SUBJECT, "the new table could not be handed over; save the file once more");
        untaken = atomic_exchange(&l->mailbox, NULL);
    }
    change_free(untaken);
}

static void look(struct local *l, bool always)
{
    hand_over(l, read_now(l, always));
    save_good(l);
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
        log_error(SUBJECT, "no memory to watch %s: changes need a reload (SIGHUP)",
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

static void apply_settings(struct task *task)
{
    struct settings *s = (struct settings *)task; /* its first member */
    struct local *l = s->local;
    bool moved = strcmp(s->file, l->settings->file) != 0;

    settings_free(l->settings);
    l->settings = s;
    if (moved) {
        l->state.missing = false;
        watch_file(l);
    }
    look(l, true);
}

int local_configure(struct local *l, const struct local_config *config,
                    const struct address_options *options, const char *const *lists, size_t n_lists)
{
    if (l->disk == NULL)
        return ERR_REFUSED;
    struct settings *s = settings_new(config, options, lists, n_lists);
    if (s == NULL)
        return ERR_NOMEM;
    s->local = l;
    s->task.run = apply_settings;
    int rc = disk_post(l->disk, &s->task);
    if (rc < 0)
        settings_free(s);
    return rc;
}

void local_retire(struct local *l, struct local_table *ex)
{
    if (ex == NULL)
        return;
    if (l->disk == NULL || disk_post(l->disk, local_table_retire_task(ex)) < 0)
        local_table_free(ex);
}

void local_free(struct local *l)
{
    if (l == NULL)
        return;
    change_free(atomic_load(&l->mailbox));
    settings_free(l->settings);
    buf_free(&l->good);
    free(l);
}
