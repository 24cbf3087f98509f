/*
 * One shared file: what is in it by WHAT, changing it, and what the fleet agreed on beside it. The
 * file itself is put into force by the room `local`, which also edits it; whoever looks at it finds
 * lines as in this site's own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"
#include "rcptguard/base/summed.h"

static const char head[] =
    "# The fleet's %s: this file is kept by rcptguardd and the same on all relays.\n"
    "# Change it with `rcptguard`; this site's own lines are in its own file.\n";

/*
 * Room for what is agreed between two saves: one at a stop needs no memory then. What is not saved
 * is taken for another relay's word at the next start, and what was taken out comes in again.
 */
#define SAVE_SPARE 65536

/* ---- start ---------------------------------------------------------------------------------- */

/* What was in force last (`local` keeps it, with what nobody was told yet), else what was agreed.
 */
static int last_text(const struct kept *k, struct buf *text)
{
    char good[sizeof k->file + 8];

    snprintf(good, sizeof good, "%s.good", k->file);
    int rc = summed_read(good, LOCAL_MAX_FILE_BYTES, text, NULL, NULL);
    if (rc == 0)
        return 0;
    if (rc == ERR_DAMAGED)
        log_warning("fleet", "%s is damaged: %s is made anew of what the relays agreed on", good,
                    k->file);
    buf_clear(text);
    buf_addf(text, head, local_kind_text(k->kind));
    for (size_t i = 0; i < records_count(k->base); i++)
        buf_add_view(text, records_at(k->base, i)->text);
    return text->failed ? ERR_NOMEM : 0;
}

/* A file that is not there is made. An empty one would be read as if somebody had taken all lines
 * out, and that would be told to all. */
static int make_file(const struct kept *k, struct error *why)
{
    struct buf text = BUF_INIT(0);
    struct stat st;

    if (stat(k->file, &st) == 0 || errno != ENOENT)
        return 0;
    int rc = last_text(k, &text);
    struct file_part part = {text.data, text.len};
    rc = rc < 0 ? error_set(why, rc, "no memory") : file_replace(k->file, 0640, &part, 1, why);
    buf_free(&text);
    return rc;
}

/*
 * What another secret sealed is nothing that was agreed under this one: its lines are in the file,
 * and told anew. Deletions are not: whoever changes the secret has relays that agree. Where nothing
 * is foreign ALL is kept as it is, since it also knows the versions of what it forgot.
 */
static int take_ours(struct fleet *f, struct kept *k, struct records **all)
{
    struct sealed sealed;
    bool foreign = false;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < records_count(*all); i++) {
        const struct record_of *of = records_at(*all, i);
        int opened =
            seal_open(&f->key, local_kind_text(k->kind), of->what, of->sealed, &sealed, NULL);
        /* Without memory to tell it stays: told anew it would overrule what others deleted. */
        if (opened == 0 || opened == ERR_NOMEM)
            rc = records_put(k->base, of);
        else
            foreign = true;
    }
    if (rc < 0 || foreign)
        return rc;
    struct records *copy = k->base;
    k->base = *all;
    *all = copy;
    return 0;
}

/*
 * A disk or a right that fails for a moment must not have us tell all of the file anew, above what
 * others deleted: false then, and *TO says why. One that is lost or damaged costs that.
 */
static bool read_base(struct fleet *f, struct kept *k, struct error *to)
{
    struct buf text = BUF_INIT(0);
    struct records *all = records_new();
    struct error why = {0};
    int rc = file_read(k->base_file, RECORDS_FILE_MAX, &text, &why);

    if (rc == 0)
        rc = all == NULL ? error_set(&why, ERR_NOMEM, "no memory")
                         : records_read(all, buf_view(&text), &why);
    if (rc == 0 && (rc = take_ours(f, k, &all)) < 0)
        error_set(&why, rc, "no memory");
    bool is_there = rc == ERR_IO || rc == ERR_NOMEM || rc == ERR_REFUSED;
    if (is_there)
        *to = why;
    else if (rc < 0 && rc != ERR_ABSENT)
        log_warning("fleet", "%s: %s; what is in %s is told to the others again", k->base_file,
                    why.text, k->file);
    k->saved_agreed_at = records_agreed_at(k->base);
    buf_expect(&k->saving, text.len + SAVE_SPARE);
    records_free(all);
    buf_free(&text);
    return !is_there;
}

int kept_load(struct fleet *f, struct kept *k, struct error *why)
{
    struct error trouble;

    k->unloaded = !read_base(f, k, why);
    if (k->unloaded)
        return ERR_REFUSED;
    if (make_file(k, &trouble) < 0)
        log_error("fleet", "%s; %s of the fleet cannot be changed until that is mended",
                  trouble.text, local_kind_text(k->kind));
    return 0;
}

int kept_open(struct fleet *f, struct kept *k, enum local_kind kind, struct error *why)
{
    struct text file = text_on(k->file, sizeof k->file),
                base = text_on(k->base_file, sizeof k->base_file);

    k->kind = kind;
    k->shared = true;
    k->edited = true; /* perhaps, before the last stop */
    k->fleet = f;
    text_addf(&file, "%s/fleet/%s", f->state_dir, local_kind_text(kind));
    text_addf(&base, "%s/fleet/%s.agreed", f->state_dir, local_kind_text(kind));
    k->base = records_new();
    k->unheard = records_new();
    if (k->base == NULL || k->unheard == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    /* What was good once is in force all the same (`local`), and mail goes on. */
    struct error trouble;
    if (kept_load(f, k, &trouble) < 0)
        log_warning("fleet", "%s; until it can be read %s are not shared", trouble.text,
                    local_kind_text(kind));
    return 0;
}

void kept_close(struct kept *k)
{
    records_free(k->base);
    records_free(k->unheard);
    buf_free(&k->saving);
    k->base = k->unheard = NULL;
}

/* ---- what is in the file -------------------------------------------------------------------- */

static struct kept_group *group_of(struct kept_text *t, struct view what)
{
    bool is_new;
    uint64_t *at = map_put(t->by_what, what, &is_new);

    if (at == NULL)
        return NULL;
    if (is_new) {
        *at = ++t->n;
        t->groups[t->n - 1].what = what;
    }
    return &t->groups[*at - 1];
}

/* Lines of a text by their number, from 1, which only grows. */
struct walk {
    struct view rest, line;
    unsigned number;
};

static struct view walk_to(struct walk *w, unsigned number)
{
    while (w->number < number && view_split(&w->rest, '\n', &w->line))
        w->number++;
    return w->number == number ? w->line : VIEW_NONE;
}

static int group_lines(struct kept_text *t)
{
    struct walk w = {.rest = buf_view(&t->text)};
    size_t n = local_table_count(t->table);

    t->by_what = map_new();
    t->groups = calloc(n + 1, sizeof *t->groups);
    if (t->by_what == NULL || t->groups == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct local_line *e = local_table_at(t->table, i);
        struct kept_group *g = group_of(t, e->what);
        if (g == NULL)
            return ERR_NOMEM;
        buf_add_view(&g->text, walk_to(&w, e->line));
        if (buf_add_text(&g->text, "\n") < 0)
            return ERR_NOMEM;
    }
    return 0;
}

/* A second in all for whoever saves it. */
#define TRIES   100
#define WAIT_NS 10000000

/* Half of a file that somebody saves would be told as if the rest had been taken out. */
static int read_saved(struct fleet *f, const struct kept *k, struct buf *text, struct error *why)
{
    int rc = ERR_CONFLICT;

    for (int i = 0; i < TRIES && rc == ERR_CONFLICT && !atomic_load(&f->stop); i++) {
        if (i > 0)
            nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
        rc = file_read_saved(k->file, LOCAL_MAX_FILE_BYTES, text, why);
    }
    return rc;
}

int kept_read(struct fleet *f, const struct kept *k, struct kept_text *out, struct error *why)
{
    *out = (struct kept_text){.text = BUF_INIT(0)};
    int rc = read_saved(f, k, &out->text, why);

    if (rc == 0) {
        out->table = local_table_parse(k->kind, buf_view(&out->text), &f->addresses, NULL, 0);
        if (out->table == NULL || group_lines(out) < 0)
            rc = error_set(why, ERR_NOMEM, "no memory for %s", k->file);
    }
    if (rc < 0)
        kept_text_free(out);
    return rc;
}

void kept_text_free(struct kept_text *t)
{
    for (size_t i = 0; i < t->n; i++)
        buf_free(&t->groups[i].text);
    free(t->groups);
    map_free(t->by_what);
    local_table_free(t->table);
    buf_free(&t->text);
    *t = (struct kept_text){.text = BUF_INIT(0)};
}

struct view kept_lines(const struct kept_text *t, struct view what)
{
    const uint64_t *at = map_get(t->by_what, what);

    return at == NULL ? view_of("") : buf_view(&t->groups[*at - 1].text);
}

size_t kept_differs(const struct kept *k, const struct kept_text *t)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct record_of *base = records_find(k->base, t->groups[i].what);
        n += base == NULL || !view_eq(base->text, buf_view(&t->groups[i].text));
    }
    for (size_t i = 0; i < records_count(k->base); i++) {
        const struct record_of *base = records_at(k->base, i);
        n += base->text.len > 0 && map_get(t->by_what, base->what) == NULL;
    }
    return n;
}

/* ---- changing it ---------------------------------------------------------------------------- */

static int put_changes(const struct kept_text *t, const struct kept_change *changes, size_t n,
                       struct buf *out)
{
    struct map *changed = map_new();
    struct walk w = {.rest = buf_view(&t->text)};
    struct view rest = buf_view(&t->text), line;
    bool is_new;

    for (size_t i = 0; changed != NULL && i < n; i++)
        if (map_put(changed, changes[i].what, &is_new) == NULL)
            out->failed = true;
    /* Lines that are no entries (remarks, errors) stay where they are. */
    size_t entry = 0, entries = local_table_count(t->table);
    for (unsigned number = 1; rest.len > 0 && view_split(&rest, '\n', &line); number++) {
        const struct local_line *e = NULL;
        if (entry < entries && local_table_at(t->table, entry)->line == number)
            e = local_table_at(t->table, entry++);
        if (e != NULL && changed != NULL && map_get(changed, e->what) != NULL)
            continue;
        buf_add_view(out, walk_to(&w, number));
        buf_add_text(out, "\n");
    }
    for (size_t i = 0; i < n; i++)
        buf_add_view(out, changes[i].text);
    bool failed = changed == NULL || out->failed;
    map_free(changed);
    return failed ? ERR_NOMEM : 0;
}

/* The disk thread answers a thread that waits. */
struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t came;
    bool done;
    int code;
    struct error why;
};

static void replaced(int code, const struct error *why, void *arg)
{
    struct waiting *w = arg;

    pthread_mutex_lock(&w->lock);
    w->code = code;
    w->why = *why;
    w->done = true;
    pthread_cond_signal(&w->came);
    pthread_mutex_unlock(&w->lock);
}

int kept_write(struct kept *k, const struct kept_text *t, const struct kept_change *changes,
               size_t n, struct error *why)
{
    struct waiting w = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
    struct buf fresh = BUF_INIT(LOCAL_MAX_FILE_BYTES);
    int rc = put_changes(t, changes, n, &fresh);

    if (rc == 0 && (atomic_load(&k->fleet->stop) || !rooms_enter(k->fleet)))
        rc = ERR_TIMEOUT; /* who would do it may be gone soon */
    if (rc == 0) {
        rc = local_replace(k->local, buf_view(&t->text), buf_view(&fresh), replaced, &w);
        rooms_leave(k->fleet);
    }
    buf_free(&fresh);
    if (rc < 0)
        return error_set(why, rc, "%s cannot be changed now", k->file);
    /* The disk thread outlives this one, and has a second for each job. */
    pthread_mutex_lock(&w.lock);
    while (!w.done)
        pthread_cond_wait(&w.came, &w.lock);
    pthread_mutex_unlock(&w.lock);
    *why = w.why;
    return w.code;
}

/* ---- what was agreed ------------------------------------------------------------------------ */

/* It is written whole, so a big one not at once again: 1 MiB a second is no burden for a disk. The
 * biggest waits for half a minute. */
#define SAVE_BYTES_A_MS 1049
#define SAVE_AGAIN_MS   60000 /* it could not be written */

static void note_saved(struct kept *k)
{
    k->base_changed = false;
    k->saved_agreed_at = records_agreed_at(k->base);
}

void kept_save(struct kept *k)
{
    struct error why;

    if (!k->base_changed)
        return;
    buf_clear(&k->saving);
    if (records_write(k->base, &k->saving) < 0) {
        k->save_ms = clock_mono_ms() + SAVE_AGAIN_MS;
        log_error("fleet", "no memory to save what the relays agreed on");
        return;
    }
    k->save_ms = clock_mono_ms() + (int64_t)(k->saving.len / SAVE_BYTES_A_MS);
    buf_expect(&k->saving, SAVE_SPARE);
    struct file_part part = {k->saving.data, k->saving.len};
    if (file_replace_lazily(k->base_file, 0640, &part, 1, &why) < 0) {
        k->save_ms = clock_mono_ms() + SAVE_AGAIN_MS;
        log_warning("fleet", "%s; after a restart without Redis the fleet's %s may be older",
                    why.text, local_kind_text(k->kind));
    } else {
        note_saved(k);
    }
}

/* ---- what comes from others ----------------------------------------------------------------- */

/* What a person may force here with `block --force`, no other relay may. */
static bool covers_too_much(const struct fleet *f, const struct local_line *e)
{
    return suffixes_covered(f->suffixes, e->kind, e->key) ||
           protect_covers(f->protect, e->kind, e->key);
}

bool kept_allows(const struct fleet *f, enum local_kind kind, struct view what, struct view text)
{
    if (text.len == 0)
        return true;
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    /* A byte order mark is skipped at the beginning of a file, and nowhere else. */
    if (text.len > RECORD_TEXT_MAX || text.ptr[text.len - 1] != '\n' || text.ptr[0] == '\xEF')
        return false;
    struct local_table *table = local_table_parse(kind, text, &f->addresses, NULL, 0);
    size_t n = local_table_count(table);
    bool good = n > 0 && n == lines && local_table_left_out(table) == 0;
    for (size_t i = 0; good && i < n; i++) {
        const struct local_line *e = local_table_at(table, i);
        good = view_eq(e->what, what) && !(kind == LOCAL_BLOCKS && covers_too_much(f, e));
    }
    local_table_free(table);
    return good;
}
