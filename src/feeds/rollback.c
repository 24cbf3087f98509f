/*
 * Back to the copy before. It takes the place of the accepted one, which becomes a held one: so the
 * guards hold it again whenever it comes, and `accept` takes it back, with what is there for held
 * copies anyway.
 */
#include "judge.h"
#include "outcome.h"
#include "refresh.h"

/* What was accepted last is what is gone back from. */
static int latest_source(const struct feed *f)
{
    int latest = -1;

    for (int i = 0; i < STORE_SOURCES; i++) {
        const struct store_source *s = &f->meta.sources[i];
        if (s->previous.known && s->previous.on_disk &&
            (latest < 0 || s->accepted.accepted_at > f->meta.sources[latest].accepted.accepted_at))
            latest = i;
    }
    return latest;
}

bool refresh_can_roll_back(const struct feed *f)
{
    return latest_source(f) >= 0;
}

/* Takes the place of the accepted copy, which is held until its content changes (rule 15). */
static void swap_previous(struct feed *f, unsigned i, int64_t now)
{
    struct store_source *stored = &f->meta.sources[i];
    struct feed_source *s = &f->sources[i];

    feed_forget_held(f, i);
    stored->rolled_back = (struct store_mark){.known = true, .sets = stored->accepted.sets};
    memcpy(stored->rolled_back.digest, stored->accepted.digest, SHA256_BYTES);
    stored->held = stored->accepted;
    s->unsaved[COPY_HELD] = s->unsaved[COPY_ACCEPTED];
    s->unsaved[COPY_ACCEPTED] = NULL;
    stored->accepted = stored->previous;
    /* They may be of another URL by now. */
    stored->accepted.etag[0] = stored->accepted.last_modified[0] = '\0';
    stored->previous = (struct store_copy){.known = false};
    feed_text(stored->held_guard, sizeof stored->held_guard, GUARD_ROLLBACK);
    feed_text(stored->held_why, sizeof stored->held_why,
              "it was rolled back from; it is not taken until its content changes");
    stored->guard.held_side = SIDE_ROLLED_BACK;
    stored->guard.held_since = now;
    feed_remember(stored);
    f->changed = true;
}

static void forget_lost(struct feed *f, unsigned i, const struct error *why)
{
    if (!feed_is_lost(why))
        return;
    f->meta.sources[i].previous.known = false;
    f->changed = true;
}

/* Who rolls back under settings that are wrong would have in force what nobody listed. */
static void check_reading(const struct feed *f, const struct copy_counts *counts, struct error *why)
{
    const struct store_copy *previous = &f->meta.sources[STORE_LIST].previous;
    struct guard_verdict verdict;

    if (judge_is_misread(f, counts, previous, &verdict))
        error_set(why, ERR_IO, "as it is read now it is no list: %s: %s", verdict.guard,
                  verdict.why);
}

enum feeds_result refresh_roll_back(const struct feed_house *house, struct feed *f, int64_t now)
{
    struct outcome list = {.state = FEED_HELD}, cleared = {.state = FEED_UNCHANGED};
    struct error why = {.code = 0};
    struct copy_counts counts;
    int i = latest_source(f);

    if (i < 0)
        return FEEDS_NOTHING;
    struct body *body = store_open(f->store, &f->meta.sources[i].previous, &why);
    struct blocklist *entries =
        body == NULL ? NULL : judge_parse(house, f, (unsigned)i, body, &counts, &why);
    body_free(body);
    if (why.code == 0 && i == STORE_LIST)
        check_reading(f, &counts, &why);
    if (why.code != 0) {
        feed_warn(f, "the copy before cannot be read; nothing was changed", &why);
        forget_lost(f, (unsigned)i, &why);
        blocklist_free(entries);
        return FEEDS_FAILED;
    }
    /* What is being asked was asked for the copy that goes: "not modified" would bring it back. */
    if (f->running) {
        refresh_cancel(f);
        f->due = true;
    }
    swap_previous(f, (unsigned)i, now);
    judge_note_counts(&f->meta.sources[i].accepted, &counts);
    if (i == STORE_LIST)
        f->adopted = false;
    f->unread_until = 0;
    judge_keep_parsed(f, entries);
    feed_text(list.guard, sizeof list.guard, GUARD_ROLLBACK);
    error_set(&list.why, ERR_REFUSED,
              GUARD_ROLLBACK ": the copy before is in force again; `rcptguard accept %s` takes the "
                             "other one back",
              f->config->name);
    outcome_conclude(f, i == STORE_LIST ? &list : &cleared, i == STORE_LIST ? &cleared : &list,
                     now);
    return FEEDS_DONE;
}
