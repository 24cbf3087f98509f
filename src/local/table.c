/*
 * The table of exclusions, or of local blocks: built once, read without a lock, thrown away whole.
 *
 * Three maps from a canonical name to its lines (recipients, senders, logins), as the names of one
 * are never looked up in another. Lines of the same name are chained in file order: there is rarely
 * more than one. A query costs a hash a key, and nothing where there is no line of its kind.
 */
#include <stdlib.h>

#include "grammar.h"
#include "rcptguard/base/map.h"
#include "rcptguard/base/nearest.h"
#include "rcptguard/local.h"
#include "table.h"

#define ERRORS_KEPT 100
#define PIECE_BYTES 65536
#define MOST_LINES  (UINT32_MAX - 1)
#define N_SUBJECTS  3
#define HEAD(chain) ((uint32_t)(chain))         /* index + 1 of the first line */
#define TAIL(chain) ((uint32_t)((chain) >> 32)) /* and of the last, for adding */
#define CHAIN(h, t) ((uint64_t)(t) << 32 | (h))

/* Canonical names and the like: many small pieces with one life. */
struct piece {
    struct piece *next;
    size_t used, size;
    char bytes[];
};

struct local_table {
    struct task retire;
    char *text; /* a copy of the file, for the views of the lines */
    struct piece *pieces;
    struct local_line *lines;
    uint32_t *next; /* of each line: index + 1 of the next of the same name */
    size_t n_lines, room;
    struct map *by_name[N_SUBJECTS]; /* name → CHAIN */
    struct local_error *errors;
    size_t n_errors, left_out;
    int64_t *untils; /* of lines that end, the first first: to count those whose time is over */
    size_t n_untils;
};

/* ---- building ---- */

static struct view keep(struct local_table *table, struct view v)
{
    struct piece *b = table->pieces;

    if (b == NULL || b->size - b->used < v.len) {
        size_t size = v.len > PIECE_BYTES ? v.len : PIECE_BYTES;
        b = malloc(sizeof *b + size);
        if (b == NULL)
            return VIEW_NONE;
        *b = (struct piece){.next = table->pieces, .size = size};
        table->pieces = b;
    }
    char *at = b->bytes + b->used;
    if (v.len > 0)
        memcpy(at, v.ptr, v.len);
    b->used += v.len;
    return view_make(at, v.len);
}

static void add_error(struct local_table *table, unsigned line, unsigned column, bool warning,
                      const char *text)
{
    size_t n = table->n_errors++;

    table->left_out += !warning;
    if (n >= ERRORS_KEPT)
        return;
    struct text t = text_on(table->errors[n].text, sizeof table->errors[n].text);
    text_add(&t, text);
    table->errors[n].line = line;
    table->errors[n].column = column;
    table->errors[n].warning = warning;
}

static bool known(struct view name, const char *const *lists, size_t n_lists)
{
    for (size_t i = 0; i < n_lists; i++)
        if (view_is(name, lists[i]))
            return true;
    return false;
}

static void warn_of_unknown_lists(struct local_table *table, unsigned line,
                                  const struct grammar_line *l, const char *const *lists,
                                  size_t n_lists)
{
    struct view names = l->lists, name;
    struct error words;

    if (lists == NULL)
        return;
    while (view_split(&names, ',', &name)) {
        if (known(name, lists, n_lists))
            continue;
        const char *nearest = nearest_name(name, lists, n_lists);
        int shown = name.len < 60 ? (int)name.len : 60;
        if (nearest != NULL)
            error_set(&words, 0, "list=%.*s: no such list is configured; did you mean '%s'?", shown,
                      name.ptr, nearest);
        else
            error_set(
                &words, 0,
                "list=%.*s: no such list is configured; check the name against the [feed ...] "
                "sections",
                shown, name.ptr);
        add_error(table, line, l->list_column, true, words.text);
    }
}

static bool grow(struct local_table *table)
{
    size_t room = table->room == 0 ? 64 : table->room * 2;
    struct local_line *lines = realloc(table->lines, room * sizeof *lines);

    if (lines == NULL)
        return false;
    table->lines = lines;
    uint32_t *next = realloc(table->next, room * sizeof *next);
    if (next == NULL)
        return false;
    table->next = next;
    table->room = room;
    return true;
}

static bool chain_up(struct local_table *table, const struct local_line *e)
{
    uint32_t number = (uint32_t)table->n_lines + 1;
    uint64_t *chain = map_put(table->by_name[e->subject], e->key, NULL);

    if (chain == NULL)
        return false;
    if (*chain == 0)
        *chain = CHAIN(number, number);
    else {
        table->next[TAIL(*chain) - 1] = number;
        *chain = CHAIN(HEAD(*chain), number);
    }
    return true;
}

static bool add_line(struct local_table *table, unsigned number, const struct grammar_line *l)
{
    char what[GRAMMAR_WHAT_BYTES];
    struct text t = text_on(what, sizeof what);

    if (table->n_lines >= MOST_LINES || (table->n_lines == table->room && !grow(table)))
        return false;
    grammar_print_what(&t, l->subject, l->kind, l->key);
    struct local_line e = {
        .subject = l->subject,
        .kind = l->kind,
        .key = keep(table, l->key),
        .what = keep(table, text_view(&t)),
        .lists = keep(table, l->lists),
        .ticket = l->ticket,
        .by = l->by,
        .at = l->at,
        .note = l->note,
        .until_text = l->until_text,
        .until = l->until,
        .line = number,
    };
    if (e.key.ptr == NULL || e.what.ptr == NULL || e.lists.ptr == NULL || !chain_up(table, &e))
        return false;
    table->lines[table->n_lines] = e;
    table->next[table->n_lines++] = 0;
    return true;
}

/* False: no memory. */
static bool parse_lines(struct local_table *table, enum local_kind kind, struct view text,
                        const struct address_options *options, const char *const *lists,
                        size_t n_lists)
{
    struct grammar_line line;
    struct error why;
    struct view bytes;

    for (unsigned number = 1; view_split(&text, '\n', &bytes); number++) {
        switch (grammar_parse(kind, bytes, options, &line, &why)) {
        case LINE_BLANK:
            break;
        case LINE_BAD:
            add_error(table, number, line.column, false, why.text);
            break;
        case LINE_GOOD:
            if (!add_line(table, number, &line))
                return false;
            warn_of_unknown_lists(table, number, &line, lists, n_lists);
            break;
        }
    }
    return true;
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static bool sort_untils(struct local_table *table)
{
    table->untils = malloc((table->n_lines + 1) * sizeof *table->untils);
    if (table->untils == NULL)
        return false;
    for (size_t i = 0; i < table->n_lines; i++)
        if (table->lines[i].until != INT64_MAX)
            table->untils[table->n_untils++] = table->lines[i].until;
    qsort(table->untils, table->n_untils, sizeof *table->untils, compare_times);
    return true;
}

struct local_table *local_table_parse(enum local_kind kind, struct view text,
                                      const struct address_options *options,
                                      const char *const *lists, size_t n_lists)
{
    struct local_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return NULL;
    table->text = view_dup(text);
    table->errors = calloc(ERRORS_KEPT, sizeof *table->errors);
    bool good = table->text != NULL && table->errors != NULL;
    for (size_t i = 0; i < N_SUBJECTS; i++)
        good = good && (table->by_name[i] = map_new()) != NULL;
    if (good) {
        struct view copy = view_make(table->text, text.len);
        if (view_starts(copy, "\xef\xbb\xbf")) /* a byte order mark, as Windows editors put it */
            copy = view_make(copy.ptr + 3, copy.len - 3);
        good = parse_lines(table, kind, copy, options, lists, n_lists) && sort_untils(table);
    }
    if (good)
        return table;
    local_table_free(table);
    return NULL;
}

void local_table_free(struct local_table *table)
{
    if (table == NULL)
        return;
    for (struct piece *b = table->pieces, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    for (size_t i = 0; i < N_SUBJECTS; i++)
        map_free(table->by_name[i]);
    free(table->errors);
    free(table->lines);
    free(table->next);
    free(table->untils);
    free(table->text);
    free(table);
}

static void run_retire(struct task *task)
{
    /* The task is the first member. */
    local_table_free((struct local_table *)task);
}

struct task *local_table_retire_task(struct local_table *table)
{
    table->retire.run = run_retire;
    return &table->retire;
}

/* ---- reading ---- */

void local_table_mark_shared(struct local_table *table)
{
    for (size_t i = 0; i < table->n_lines; i++)
        table->lines[i].shared = true;
}

size_t local_table_count(const struct local_table *table)
{
    return table == NULL ? 0 : table->n_lines;
}

size_t local_table_expired(const struct local_table *table, int64_t now)
{
    size_t from = 0, to = table == NULL ? 0 : table->n_untils;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (table->untils[middle] < now)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

size_t local_table_in_force(const struct local_table *table, int64_t now)
{
    return local_table_count(table) - local_table_expired(table, now);
}

size_t local_table_left_out(const struct local_table *table)
{
    return table == NULL ? 0 : table->left_out;
}

const struct local_line *local_table_at(const struct local_table *table, size_t i)
{
    return i < table->n_lines ? &table->lines[i] : NULL;
}

size_t local_table_errors(const struct local_table *table)
{
    return table == NULL ? 0 : table->n_errors;
}

const struct local_error *local_table_error_at(const struct local_table *table, size_t i)
{
    return i < table->n_errors && i < ERRORS_KEPT ? &table->errors[i] : NULL;
}

bool local_line_frees(const struct local_line *e, struct view list)
{
    struct view names = e->lists, name;

    if (local_line_is_whole(e))
        return true;
    while (view_split(&names, ',', &name))
        if (view_eq(name, list))
            return true;
    return false;
}

const char *local_line_advice(const struct local_line *e)
{
    if (e->subject == LOCAL_SENDER && e->kind != ENTRY_ADDRESS)
        return "sender: with a whole domain: any stolen account there can write to listed "
               "addresses, and anyone can forge it; prefer login: or single addresses";
    return NULL;
}

/* The lines of one name that are of KIND and in force. */
static void match_chain(const struct local_table *table, uint64_t chain, enum entry_kind kind,
                        int64_t now, struct local_match *out)
{
    for (uint32_t n = HEAD(chain); n != 0; n = table->next[n - 1]) {
        const struct local_line *e = &table->lines[n - 1];
        if (e->kind != kind || now > e->until)
            continue;
        if (!local_line_is_whole(e)) {
            if (out->n_partial < LOCAL_MATCHES)
                out->partial[out->n_partial++] = e;
        } else if (out->whole == NULL) {
            out->whole = e;
        }
    }
}

static void match_name(const struct local_table *table, enum local_subject subject,
                       struct view name, unsigned kinds, int64_t now, struct local_match *out)
{
    const uint64_t *chain = map_get(table->by_name[subject], name);

    if (chain == NULL)
        return;
    for (size_t i = 0; i < ENTRY_NAME_KINDS; i++)
        if (kinds & ENTRY_BIT(entry_by_specificity[i]))
            match_chain(table, *chain, entry_by_specificity[i], now, out);
}

static bool has_any(const struct local_table *table, enum local_subject subject)
{
    return map_count(table->by_name[subject]) > 0;
}

static void match_address(const struct local_table *table, enum local_subject subject,
                          const struct address *a, int64_t now, struct local_match *out)
{
    if (a == NULL || !has_any(table, subject))
        return;
    for (unsigned i = 0; i < a->n_keys; i++)
        match_name(table, subject, a->keys[i].name, a->keys[i].kinds, now, out);
}

void local_table_match(const struct local_table *table, const struct address *recipient,
                       const struct address *sender, bool sender_is_null, struct view login,
                       int64_t now, struct local_match *out)
{
    unsigned address_only = ENTRY_BIT(ENTRY_ADDRESS);

    if (local_table_count(table) == 0)
        return;
    if (login.len > 0 && has_any(table, LOCAL_LOGIN))
        match_name(table, LOCAL_LOGIN, login, address_only, now, out);
    if (sender_is_null && has_any(table, LOCAL_SENDER))
        match_name(table, LOCAL_SENDER, view_of(""), address_only, now, out);
    match_address(table, LOCAL_SENDER, sender, now, out);
    match_address(table, LOCAL_RECIPIENT, recipient, now, out);
}

bool local_table_wants_sender(const struct local_table *table)
{
    return table != NULL && has_any(table, LOCAL_SENDER);
}

/* The longest-lived block of NAME among those of KIND that hold now, or NULL. */
static const struct local_line *block_of(const struct local_table *table, uint64_t chain,
                                         enum entry_kind kind, int64_t now)
{
    const struct local_line *longest = NULL;

    for (uint32_t n = HEAD(chain); n != 0; n = table->next[n - 1]) {
        const struct local_line *e = &table->lines[n - 1];
        if (e->kind == kind && now <= e->until && (longest == NULL || e->until > longest->until))
            longest = e;
    }
    return longest;
}

const struct local_line *local_table_block(const struct local_table *table,
                                           const struct address *recipient, int64_t now,
                                           unsigned *key_number)
{
    if (local_table_count(table) == 0)
        return NULL;
    for (unsigned i = 0; i < recipient->n_keys; i++) {
        const struct address_key *key = &recipient->keys[i];
        const uint64_t *chain = map_get(table->by_name[LOCAL_RECIPIENT], key->name);
        if (chain == NULL)
            continue;
        for (size_t k = 0; k < ENTRY_NAME_KINDS; k++) {
            const struct local_line *e = (key->kinds & ENTRY_BIT(entry_by_specificity[k])) != 0
                                             ? block_of(table, *chain, entry_by_specificity[k], now)
                                             : NULL;
            if (e != NULL) {
                *key_number = i;
                return e;
            }
        }
    }
    return NULL;
}
