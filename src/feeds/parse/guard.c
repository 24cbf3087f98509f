/*
 * The guards. What is no list at all, or holds too much that is wrong, is refused whatever anybody
 * says. What is a list of a strange size is held: three of five collapses in the histories of real
 * lists healed within a day, two were clean-ups that had to be let in.
 */
#include "guard.h"

#include <inttypes.h>
#include <stdio.h>

/* Rule 14: below this a list is kept by hand, and must take effect at once. */
#define JUDGED_FROM_ENTRIES 100

/* Clocks differ, and zones of time are mixed up; nobody makes lists of the day after tomorrow. */
#define CLOCKS_DIFFER_S (2 * 86400)

/* Rule 14: what is left of the last accepted copy when nobody may let it in but a person. */
#define COLLAPSE_RATIO 0.1

enum guard_kind {
    KIND_NO_LIST, /* refused: as it is read, its rows say nothing or something else */
    KIND_REFUSE,
    KIND_ASK,  /* held until a person accepts it */
    KIND_HOLD, /* held until it lasted, or a person accepts it */
};

struct judging {
    const struct feed_config *config;
    const struct copy_counts *counts;
    const struct guard_memory *memory;
    uint64_t last; /* entries of the last accepted copy */
    int64_t now;
};

struct guard {
    const char *name;
    enum guard_kind kind;
    enum guard_side side; /* of a copy that it holds */
    bool (*objects)(const struct judging *j);
    void (*tell)(const struct judging *j, char *why, size_t size);
    const char *remedy; /* NULL: a person may accept it */
};

/* PART is more than RATIO of WHOLE; what is equal but for rounding is not more. */
static bool is_more(uint64_t part, uint64_t whole, double ratio)
{
    return (double)part > (ratio + 1e-9) * (double)whole;
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 100.0 : 100.0 * (double)part / (double)whole;
}

static bool html_objects(const struct judging *j)
{
    return j->counts->html;
}

static void html_tell(const struct judging *j, char *why, size_t size)
{
    (void)j;
    snprintf(why, size, "it begins like a web page or a program, not like a list");
}

static bool control_objects(const struct judging *j)
{
    return j->counts->control;
}

static void control_tell(const struct judging *j, char *why, size_t size)
{
    (void)j;
    snprintf(why, size, "it holds NUL or other control bytes: it is no text, or damaged");
}

static bool broken_objects(const struct judging *j)
{
    return j->counts->broken[0] != '\0';
}

static void broken_tell(const struct judging *j, char *why, size_t size)
{
    snprintf(why, size, "it is not whole, or not %.20s: %.180s", j->config->format,
             j->counts->broken);
}

/* Rows that block nobody as this format reads them: digests, say, are single labels to most. */
static uint64_t idle_rows(const struct copy_counts *c)
{
    return c->bad_rows + c->ignored_rows + c->suffixes;
}

static uint64_t all_rows(const struct copy_counts *c)
{
    return c->bad_rows + c->ignored_rows + c->rows;
}

/* Most of it is nothing in its format and plainly something in another: a zone's exceptions would
 * be listed as names with some text behind them. */
static bool format_objects(const struct judging *j)
{
    const struct copy_counts *c = j->counts;

    return c->looks_like != NULL && (c->takes_any || 2 * idle_rows(c) > all_rows(c));
}

static void format_tell(const struct judging *j, char *why, size_t size)
{
    const struct copy_counts *c = j->counts;
    int len =
        snprintf(why, size, "it looks like %s, not like %.20s", c->looks_like, j->config->format);

    if (c->takes_any)
        snprintf(why + len, size - (size_t)len, ", which would read its rows otherwise");
    else
        snprintf(why + len, size - (size_t)len, ": %" PRIu64 " of %" PRIu64 " rows say nothing so",
                 idle_rows(c), all_rows(c));
}

static bool future_objects(const struct judging *j)
{
    return j->counts->claims[CLAIM_CREATED] > j->now + CLOCKS_DIFFER_S;
}

static void future_tell(const struct judging *j, char *why, size_t size)
{
    snprintf(why, size, "it says that it was made in %.1f days from now",
             (double)(j->counts->claims[CLAIM_CREATED] - j->now) / 86400);
}

static bool expired_objects(const struct judging *j)
{
    int64_t expires = j->counts->claims[CLAIM_EXPIRES];

    return expires != 0 && expires < j->now;
}

static void expired_tell(const struct judging *j, char *why, size_t size)
{
    snprintf(why, size, "it says that it was not to be used after a day %.1f days ago",
             (double)(j->now - j->counts->claims[CLAIM_EXPIRES]) / 86400);
}

static bool rollback_objects(const struct judging *j)
{
    return j->counts->rolled_back;
}

static void rollback_tell(const struct judging *j, char *why, size_t size)
{
    (void)j;
    snprintf(why, size, "somebody rolled back from this copy, and its content is still the same");
}

bool guard_is_short(const struct copy_counts *c)
{
    int64_t claimed = c->claims[CLAIM_ROWS];

    return claimed > 0 && c->rows + c->bad_rows + c->ignored_rows < (uint64_t)claimed;
}

/* A list whose number was wrong before is not asked again. */
static bool count_objects(const struct judging *j)
{
    return guard_is_short(j->counts) && !j->memory->accepted_short;
}

static void count_tell(const struct judging *j, char *why, size_t size)
{
    const struct copy_counts *c = j->counts;

    snprintf(why, size,
             "it has %" PRIu64 " rows and says that it has %" PRId64 ": it was cut short",
             c->rows + c->bad_rows + c->ignored_rows, c->claims[CLAIM_ROWS]);
}

static bool older_objects(const struct judging *j)
{
    int64_t created = j->counts->claims[CLAIM_CREATED];

    return created != 0 && created < j->memory->accepted_created;
}

static void older_tell(const struct judging *j, char *why, size_t size)
{
    snprintf(why, size, "it says that it was made %.1f days before the last accepted copy",
             (double)(j->memory->accepted_created - j->counts->claims[CLAIM_CREATED]) / 86400);
}

static bool min_entries_objects(const struct judging *j)
{
    return j->counts->entries < j->config->min_entries;
}

static void min_entries_tell(const struct judging *j, char *why, size_t size)
{
    snprintf(why, size,
             "%" PRIu64 " entries (%" PRIu64 " rows, %" PRIu64
             " bad) are fewer than min_entries = %" PRIu64,
             j->counts->entries, j->counts->rows, j->counts->bad_rows, j->config->min_entries);
}

static bool bad_objects(const struct judging *j)
{
    return is_more(j->counts->bad_rows, j->counts->bad_rows + j->counts->rows, j->config->max_bad);
}

static void bad_tell(const struct judging *j, char *why, size_t size)
{
    uint64_t all = j->counts->bad_rows + j->counts->rows;

    snprintf(why, size, "%" PRIu64 " of %" PRIu64 " rows do not parse: %.1f%%, max_bad is %.1f%%",
             j->counts->bad_rows, all, percent(j->counts->bad_rows, all), 100 * j->config->max_bad);
}

static bool protected_objects(const struct judging *j)
{
    return j->counts->protected_ > j->config->max_protected;
}

static void protected_tell(const struct judging *j, char *why, size_t size)
{
    snprintf(why, size,
             "%" PRIu64
             " entries would block protected domains (%.100s), max_protected is %" PRIu64,
             j->counts->protected_, j->counts->dropped_sample, j->config->max_protected);
}

static bool empty_objects(const struct judging *j)
{
    return j->counts->entries == 0 && j->last > 0;
}

static void empty_tell(const struct judging *j, char *why, size_t size)
{
    snprintf(why, size, "it is empty, and the last accepted copy had %" PRIu64 " entries", j->last);
}

static bool collapse_objects(const struct judging *j)
{
    return j->last >= JUDGED_FROM_ENTRIES &&
           (double)j->counts->entries < COLLAPSE_RATIO * (double)j->last;
}

static void collapse_tell(const struct judging *j, char *why, size_t size)
{
    snprintf(why, size,
             "%" PRIu64 " entries are only %.1f%% of the %" PRIu64
             " of the last accepted copy: below 10%% it is "
             "not taken by itself",
             j->counts->entries, percent(j->counts->entries, j->last), j->last);
}

static bool shrink_objects(const struct judging *j)
{
    return j->last >= JUDGED_FROM_ENTRIES && j->counts->entries < j->last &&
           is_more(j->last - j->counts->entries, j->last, j->config->max_shrink);
}

static void shrink_tell(const struct judging *j, char *why, size_t size)
{
    snprintf(why, size,
             "%" PRIu64 " entries are %.1f%% fewer than the %" PRIu64
             " of the last accepted copy, max_shrink is "
             "%.1f%%",
             j->counts->entries, percent(j->last - j->counts->entries, j->last), j->last,
             100 * j->config->max_shrink);
}

static bool grow_objects(const struct judging *j)
{
    return j->last >= JUDGED_FROM_ENTRIES && j->counts->entries > j->last &&
           is_more(j->counts->entries - j->last, j->last, j->config->max_grow);
}

static void grow_tell(const struct judging *j, char *why, size_t size)
{
    snprintf(why, size,
             "%" PRIu64 " entries are %.1f%% more than the %" PRIu64
             " of the last accepted copy, max_grow is %.1f%%",
             j->counts->entries, percent(j->counts->entries - j->last, j->last), j->last,
             100 * j->config->max_grow);
}

/* Refusals first: what is no list is not asked how long it is. */
static const struct guard guards[] = {
    {"html", KIND_NO_LIST, SIDE_NONE, html_objects, html_tell, "see what the feed's url answers"},
    {"control", KIND_NO_LIST, SIDE_NONE, control_objects, control_tell,
     "see what the feed's url answers, and whether it is compressed or in UTF-16"},
    {"broken", KIND_NO_LIST, SIDE_NONE, broken_objects, broken_tell,
     "see what the feed's url answers; `rcptguard lint` shows the rows"},
    {"format", KIND_NO_LIST, SIDE_NONE, format_objects, format_tell,
     "write that format if it is right"},
    {GUARD_BAD, KIND_NO_LIST, SIDE_NONE, bad_objects, bad_tell,
     "see whether the feed's format is right; `rcptguard lint` shows the rows"},
    {GUARD_MIN_ENTRIES, KIND_REFUSE, SIDE_NONE, min_entries_objects, min_entries_tell,
     "see what the feed's url answers; if that is right, lower min_entries"},
    {GUARD_PROTECTED, KIND_REFUSE, SIDE_NONE, protected_objects, protected_tell,
     "tell the list's authors; if you must take it, raise max_protected"},
    {"future", KIND_REFUSE, SIDE_NONE, future_objects, future_tell,
     "see whether this machine's clock is right; else tell the list's authors"},
    {"expired", KIND_REFUSE, SIDE_NONE, expired_objects, expired_tell,
     "the server gives out a dead list: tell its authors"},
    {GUARD_ROLLBACK, KIND_ASK, SIDE_ROLLED_BACK, rollback_objects, rollback_tell, NULL},
    {"empty", KIND_ASK, SIDE_SMALL, empty_objects, empty_tell, NULL},
    {"collapse", KIND_ASK, SIDE_SMALL, collapse_objects, collapse_tell, NULL},
    {"shrink", KIND_HOLD, SIDE_SMALL, shrink_objects, shrink_tell, NULL},
    {"grow", KIND_HOLD, SIDE_LARGE, grow_objects, grow_tell, NULL},
    {"count", KIND_HOLD, SIDE_SMALL, count_objects, count_tell, NULL},
    {"older", KIND_HOLD, SIDE_OLD, older_objects, older_tell, NULL},
};

#define N_GUARDS (sizeof guards / sizeof guards[0])

static const char *const unparsed[] = {GUARD_SIGNATURE, GUARD_PACKING};
#define N_UNPARSED (sizeof unparsed / sizeof unparsed[0])

_Static_assert(FEED_GUARDS == N_UNPARSED + N_GUARDS, "FEED_GUARDS is how many there are");

const char *feed_guard_name(unsigned i)
{
    if (i < N_UNPARSED)
        return unparsed[i];
    return i < FEED_GUARDS ? guards[i - N_UNPARSED].name : NULL;
}

unsigned guard_number(const char *name)
{
    unsigned i = 0;

    while (i < FEED_GUARDS && strcmp(feed_guard_name(i), name) != 0)
        i++;
    return i;
}

static const struct guard *first_that_objects(const struct judging *j)
{
    for (size_t i = 0; i < N_GUARDS; i++)
        if (guards[i].objects(j))
            return &guards[i];
    return NULL;
}

/* Rule 15. When the clock was set back, it begins anew rather than run for years. */
static void run_clock(struct guard_memory *memory, enum guard_side side, int64_t now)
{
    if (memory->held_side == side && memory->held_since <= now)
        return;
    memory->held_side = side;
    memory->held_since = now;
}

/* When a held copy is taken by itself; 0: never. */
static int64_t taken_at(const struct guard *g, const struct feed_config *config,
                        const struct guard_memory *memory)
{
    if (g->kind == KIND_ASK || config->hold_s <= 0)
        return 0;
    return memory->held_since + config->hold_s;
}

static void accept(struct guard_memory *memory)
{
    memory->held_side = SIDE_NONE;
    memory->held_since = 0;
}

static void object(const struct guard *g, const struct judging *j, enum guard_says says,
                   struct guard_verdict *verdict)
{
    verdict->says = says;
    verdict->guard = g->name;
    g->tell(j, verdict->why, sizeof verdict->why);
    if (g->remedy != NULL)
        snprintf(verdict->remedy, sizeof verdict->remedy, "%s", g->remedy);
    else
        snprintf(verdict->remedy, sizeof verdict->remedy, "`rcptguard accept %s` takes it now",
                 j->config->name);
}

void guard_judge(const struct feed_config *config, const struct copy_counts *counts,
                 struct guard_memory *memory, int64_t now, bool manual,
                 struct guard_verdict *verdict)
{
    struct judging j = {config, counts, memory, memory->accepted_entries, now};
    const struct guard *g = first_that_objects(&j);

    *verdict = (struct guard_verdict){.says = GUARD_ACCEPT, .guard = ""};
    if (g != NULL && (g->kind == KIND_REFUSE || g->kind == KIND_NO_LIST)) {
        object(g, &j, GUARD_REFUSE, verdict);
        verdict->no_list = g->kind == KIND_NO_LIST;
        return;
    }
    if (g == NULL || manual) {
        accept(memory);
        return;
    }
    run_clock(memory, g->side, now);
    int64_t until = taken_at(g, config, memory);
    if (until != 0 && now >= until) {
        accept(memory);
        return;
    }
    object(g, &j, GUARD_HOLD, verdict);
    verdict->until = until;
}
