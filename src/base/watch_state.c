/*
 * The judgement behind base/watch.h. A half-written exclusion file that is read too early takes
 * exclusions out of force and blocks mail; one that is read late costs a second. So whatever shrank
 * waits for its writer, and what is empty for the next one, too; a file that was deleted is
 * remembered with its size until the next one is whole.
 */
#include "watch_state.h"

void watch_state_start(struct watch_state *s, const struct watch_facts *facts)
{
    *s = (struct watch_state){.seen = *facts, .whole_size = facts->size};
}

void watch_state_again(struct watch_state *s)
{
    s->again = true;
}

unsigned watch_events_add(unsigned events, enum watch_event event)
{
    /* Written to again behind a close: what matters is that it is not closed now. */
    if (event == WATCH_MODIFIED)
        events &= ~(unsigned)(WATCH_CLOSED | WATCH_REPLACED);
    return events | event;
}

bool watch_facts_same(const struct watch_facts *a, const struct watch_facts *b)
{
    return a->exists == b->exists && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->mtime_ns == b->mtime_ns;
}

static bool same_rights(const struct watch_facts *a, const struct watch_facts *b)
{
    return a->error == b->error && a->mode == b->mode && a->uid == b->uid && a->gid == b->gid;
}

static void note_change(struct watch_state *s, int64_t now_ms)
{
    if (!s->pending)
        s->since = now_ms;
    s->pending = true;
    s->last_change = now_ms;
}

/*
 * A file that is opened to be written anew is empty a millisecond before inotify tells of it. Seen
 * behind another writer's close, or behind a rename, it looks like a file that was saved empty.
 */
static void note_close(struct watch_state *s, unsigned events, bool content, int64_t now_ms)
{
    if ((events & (WATCH_CLOSED | WATCH_REPLACED)) != 0) {
        s->closed = true;
        s->last_change = now_ms;
    } else if (content) {
        s->closed = false;
    }
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When what is pending counts, if nothing else happens. */
static int64_t due(const struct watch_state *s)
{
    int64_t undone = s->since + WATCH_UNDONE_MS, quiet = s->last_change + WATCH_QUIET_MS;

    /* An editor may delete before it writes. */
    if (!s->seen.exists)
        return quiet;
    if (!s->content)
        return s->since;
    if (s->closed)
        return s->seen.size == 0 && s->whole_size > 0 ? quiet : s->since;
    return s->shrunk ? undone : sooner(quiet, undone);
}

bool watch_state_look(struct watch_state *s, const struct watch_facts *facts, unsigned events,
                      int64_t now_ms, int64_t *look_at)
{
    bool content =
        (events & (WATCH_MODIFIED | WATCH_REPLACED)) != 0 || !watch_facts_same(&s->seen, facts);

    if (content || !same_rights(&s->seen, facts))
        note_change(s, now_ms);
    s->content = s->content || content;
    note_close(s, events, content, now_ms);
    s->seen = *facts;
    if (s->pending && facts->exists && facts->size < s->whole_size)
        s->shrunk = true;

    bool again = s->again;
    s->again = false;
    *look_at = now_ms + WATCH_LOOK_MS;
    if (!s->pending)
        return again;
    if (now_ms < due(s)) {
        *look_at = sooner(*look_at, due(s));
        return false;
    }
    if (facts->exists)
        s->whole_size = facts->size;
    s->pending = s->content = s->shrunk = s->closed = false;
    return true;
}
