/*
 * What becomes of each WHAT (merge.h), decided for all of them before anything is changed, here or
 * in Redis. Asks nobody: all it needs was read before.
 */
#include <stdlib.h>

#include "merge.h"
#include "round.h"

static bool make_room(struct round *r, size_t wanted)
{
    r->puts = calloc(wanted + 1, sizeof *r->puts);
    r->takes = calloc(wanted + 1, sizeof *r->takes);
    r->removals = calloc(wanted + 1, sizeof *r->removals);
    return r->puts != NULL && r->takes != NULL && r->removals != NULL;
}

void round_undecide(struct round *r)
{
    for (size_t i = 0; i < r->n_puts; i++) {
        buf_free(&r->puts[i].what);
        buf_free(&r->puts[i].text);
        buf_free(&r->puts[i].sealed);
    }
    free(r->puts);
    free(r->takes);
    free(r->removals);
    map_free(r->seen);
    r->puts = NULL;
    r->takes = NULL;
    r->removals = NULL;
    r->seen = NULL;
    r->n_puts = r->n_takes = r->n_removals = r->no_room = r->vanished = 0;
}

static struct put *add_put(struct round *r, struct view what, struct view expected)
{
    struct put *p = &r->puts[r->n_puts++];

    *p = (struct put){.expected = expected};
    buf_add_view(&p->what, what);
    return p;
}

/* RECORD may be NULL. */
static struct merge_side side_of(const struct record_of *record, int64_t now)
{
    if (record == NULL)
        return (struct merge_side){.text = view_of("")};
    return (struct merge_side){.version = record->version,
                               .text = record->text,
                               .is_old = merge_is_old(record->deleted_at, now)};
}

static int decide(struct round *r, struct view what, struct view raw,
                  const struct record_of *remote)
{
    const struct record_of *base = records_find(r->k->base, what);
    const struct merge_side ours = side_of(base, r->time), theirs = side_of(remote, r->time);
    struct view file = kept_lines(&r->now, what);
    bool is_gone = file.len == 0 && ours.text.len > 0, puts_back = is_gone && r->puts_back;
    enum merge answer = merge_decide(&ours, puts_back ? ours.text : file, &theirs);
    bool tells = answer == MERGE_TELL || answer == MERGE_BOTH;
    struct put *p;

    /* No other relay would take it: it stays here, and what they have stays in Redis. */
    if (tells && (file.len > RECORD_TEXT_MAX || what.len > RECORD_WHAT_MAX)) {
        r->no_room++;
        return 0;
    }
    if (is_gone && tells)
        r->gone++;
    if (puts_back && answer != MERGE_TAKE)
        r->takes[r->n_takes++] = (struct take){.record = *base, .in_base = true};
    switch (answer) {
    case MERGE_NOTHING:
        break;
    case MERGE_TAKE:
        r->takes[r->n_takes++] =
            /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what is taken is there */
            (struct take){.record = *remote, .in_file = view_eq(file, remote->text)};
        break;
    case MERGE_TELL:
        p = add_put(r, what, raw);
        return p->what.failed ? ERR_NOMEM : buf_add_view(&p->text, file);
    case MERGE_BOTH:
        p = add_put(r, what, raw);
        p->also_here = true;
        return p->what.failed || merge_lines(file, theirs.text, &p->text) == ERR_NOMEM ? ERR_NOMEM
                                                                                       : 0;
    case MERGE_OFFER:
        p = add_put(r, what, raw);
        p->offer = true;
        return p->what.failed ? ERR_NOMEM : buf_add_view(&p->sealed, base->sealed);
    }
    return 0;
}

/*
 * What is there is not believed. Something that is no object at all gives way to ours. What another
 * secret sealed does so once a minute only, or two relays that do not know each other's would put
 * theirs in turns without end; and what a relay sealed and this one refuses stays, unless somebody
 * changed that line here since.
 */
static int decide_unbelieved(struct round *r, struct view what, struct view raw, enum belief belief)
{
    const struct record_of *base = records_find(r->k->base, what);
    struct view file = kept_lines(&r->now, what);
    bool edited = !view_eq(file, base == NULL ? view_of("") : base->text);
    bool ours = base != NULL || file.len > 0;

    r->k->refused++;
    if (!ours || (!edited && (belief == REFUSED || (belief == FOREIGN && !r->k->by_time))))
        return 0;
    return decide(r, what, raw, NULL);
}

/*
 * A block that is unknown here, with a number from before something that was deleted and forgotten:
 * it may be just that, put back by who kept a copy, or by a backup of Redis. A block too few is
 * better than a wrong one. (An exclusion too many is not looked for.)
 */
static bool may_be_forgotten(const struct round *r, const struct record_of *base,
                             const struct record_of *remote)
{
    return r->k->kind == LOCAL_BLOCKS && base == NULL && remote->text.len > 0 &&
           remote->version <= records_forgotten(r->k->base);
}

/* Redis took it, as is seen now (sync_put.c): agreed on before anything is decided. */
static int hear_late(struct round *r, struct view what, struct view raw)
{
    const struct record_of *told = records_find(r->k->unheard, what);

    if (told == NULL || !view_eq(told->sealed, raw))
        return 0;
    r->k->base_changed = true;
    return records_put(r->k->base, told);
}

static int decide_object(struct round *r, struct view what, struct view raw)
{
    int rc = hear_late(r, what, raw);
    const struct record_of *base = records_find(r->k->base, what);
    struct record_of remote = {0};
    enum belief belief = BELIEVED;
    bool is_new;

    if (rc == ERR_NOMEM || map_put(r->seen, what, &is_new) == NULL)
        return ERR_NOMEM;
    if (!is_new)
        return 0;
    if (base != NULL && view_eq(base->sealed, raw))
        remote = *base;
    else
        belief = object_open(r, what, raw, &remote);
    if (belief == UNKNOWN)
        return ERR_NOMEM;
    if (belief == BELIEVED && may_be_forgotten(r, base, &remote))
        belief = REFUSED;
    if (remote.version > r->highest)
        r->highest = remote.version;
    if (belief == BELIEVED && r->may_forget && merge_is_old(remote.deleted_at, r->time))
        r->removals[r->n_removals++] = (struct removal){what, raw};
    return belief == BELIEVED ? decide(r, what, raw, &remote)
                              : decide_unbelieved(r, what, raw, belief);
}

/*
 * Was this relay away for so long that what Redis does not have may have been deleted, and the
 * deletion forgotten? A Redis that was emptied says nothing of that: its counter is behind, or
 * nothing is in it, or hardly anything of what this relay knows (the hash was evicted, and begun
 * anew by others). What was agreed is offered then as ever: a line too many is better than all
 * lines gone.
 */
static bool has_outlived(const struct round *r)
{
    const struct records *base = r->k->base;
    size_t set = records_count_set(base), there = 0;

    if (!r->may_forget || !merge_was_away(records_agreed_at(base), r->time) ||
        r->count < records_version(base) || r->hash.entries == 0)
        return false;
    for (size_t i = 0; i < records_count(base); i++) {
        const struct record_of *of = records_at(base, i);
        there += of->text.len > 0 && map_get(r->seen, of->what) != NULL;
    }
    return !merge_is_most(set - there, set);
}

/* As if Redis had the deletion, which is forgotten at once when it was taken. A line that was
 * changed here since is a person's. */
static int decide_absent(struct round *r, const struct record_of *base, bool outlived)
{
    if (!outlived || base->text.len == 0 || !view_eq(kept_lines(&r->now, base->what), base->text))
        return decide(r, base->what, view_of(""), NULL);
    const struct record_of deleted = {
        .what = base->what,
        .version = base->version,
        .text = view_of(""),
        .deleted_at = ROUND_OUTLIVED,
    };
    r->takes[r->n_takes++] = (struct take){.record = deleted};
    r->vanished++;
    return 0;
}

static int decide_each(struct round *r)
{
    size_t n = r->hash.entries, n_base = records_count(r->k->base);
    struct scan_at at = {0};
    struct view what, raw;
    int rc = 0;

    r->highest = records_version(r->k->base);
    if (!make_room(r, n + n_base + r->now.n) || (r->seen = map_new()) == NULL)
        return ERR_NOMEM;
    while (rc == 0 && scan_next(&r->hash, &at, &what, &raw))
        rc = decide_object(r, what, raw);
    bool outlived = rc == 0 && has_outlived(r);
    for (size_t i = 0; rc == 0 && i < n_base; i++) {
        const struct record_of *base = records_at(r->k->base, i);
        if (map_get(r->seen, base->what) == NULL)
            rc = decide_absent(r, base, outlived);
    }
    for (size_t i = 0; rc == 0 && i < r->now.n; i++) {
        what = r->now.groups[i].what;
        if (map_get(r->seen, what) == NULL && records_find(r->k->base, what) == NULL)
            rc = decide(r, what, view_of(""), NULL);
    }
    return rc;
}

/*
 * Somebody emptied the file, or an editor on a full disk did: a mistake must not be told to all
 * relays. What edits took out since the last comparison that left nothing was meant. They are known
 * for as long as the daemon runs; where it is started anew before Redis is back they count as a
 * hand's.
 */
static bool is_lost(const struct round *r)
{
    size_t n = r->gone > r->removed ? r->gone - (size_t)r->removed : 0;

    return merge_is_most(n, records_count_set(r->k->base));
}

int round_decide(struct round *r)
{
    int rc = decide_each(r);

    if (rc < 0 || !is_lost(r))
        return rc;
    round_undecide(r);
    r->puts_back = true;
    r->all = records_count_set(r->k->base);
    r->k->refused = 0;
    return decide_each(r);
}
