/* What became of a look at a feed: its words, its state, its lines in the log. */
#include "outcome.h"

#include "rcptguard/base/escape.h"
#include "rcptguard/base/log.h"

#define SAY_AGAIN_S  3600
#define SAVE_TIMES_S 60

void outcome_fail(struct outcome *o, const struct error *why)
{
    o->state = FEED_FAILED;
    o->guard[0] = '\0';
    o->why = *why;
}

void outcome_of_signature(struct outcome *o, const struct feed *f, const struct error *why)
{
    o->state = FEED_REFUSED;
    feed_text(o->guard, sizeof o->guard, GUARD_SIGNATURE);
    error_set(&o->why, ERR_REFUSED,
              "signature: %.300s; ask the publisher to sign the list anew, or set pubkey of [feed "
              "%s] to the new key",
              why->text, f->config->name);
}

void outcome_of_packing(struct outcome *o, const struct error *why)
{
    outcome_fail(o, why);
    if (why->code != ERR_SYNTAX && why->code != ERR_LIMIT)
        return;
    o->state = FEED_REFUSED;
    feed_text(o->guard, sizeof o->guard, GUARD_PACKING);
    error_prefix(&o->why, "packing");
}

/* The worse of both; one that is new is news. */
static const struct outcome *combine(const struct outcome *list, const struct outcome *cleared)
{
    bool good = list->state < FEED_HELD && cleared->state < FEED_HELD;

    if (good)
        return cleared->state == FEED_ACCEPTED ? cleared : list;
    return cleared->state > list->state ? cleared : list;
}

/* A copy that was good may be read otherwise by now: "stays" must be true. */
static void add_in_force(const struct feed *f, struct text *to)
{
    unsigned char copy[SHA256_BYTES];

    text_add(to, "; ");
    if (!feed_add_problem(f, f->active, to))
        text_add(to, feed_copy(f, copy) ? "the last good copy stays in force"
                                        : "nothing of it is in force");
}

static void log_outcome(struct feed *f, const struct outcome *o, int64_t now)
{
    const char *state = feed_state_text(o->state);
    char line[sizeof f->logged], in_force[300];
    struct text force = text_on(in_force, sizeof in_force);
    struct text t = text_on(line, sizeof line);

    text_addf(&t, "%s: %s", state, f->meta.last_error);
    bool again = strcmp(line, f->logged) == 0 && now - f->logged_at < SAY_AGAIN_S;
    if (o->state < FEED_HELD) {
        log_debug(f->config->name, "%s", state);
    } else if (again) {
        log_debug(f->config->name, "%s", line);
        return;
    } else {
        add_in_force(f, &force);
        log_warning(f->config->name, "%s%s", line, in_force);
    }
    f->logged_at = now;
    feed_text(f->logged, sizeof f->logged, line);
}

static void count_outcome(struct feed *f, const struct outcome *o)
{
    unsigned guard = o->state < FEED_HELD ? FEED_GUARDS : guard_number(o->guard);

    f->looks[o->state]++;
    if (guard < FEED_GUARDS)
        f->guards[guard]++;
}

static void note_outcome(struct feed *f, const struct outcome *o, int64_t now)
{
    struct text error = text_on(f->meta.last_error, sizeof f->meta.last_error);
    bool good = o->state < FEED_HELD;

    if (good && f->meta.state >= FEED_HELD)
        log_notice(f->config->name, "%s: all is well again", feed_state_text(o->state));
    if (o->state != f->meta.state || f->meta.state_since > now || f->meta.state_since == 0)
        f->meta.state_since = now;
    /* Times alone are not worth an fsync every few seconds. */
    f->changed |= o->state != FEED_UNCHANGED || o->state != f->meta.state ||
                  now - f->saved_at >= SAVE_TIMES_S;
    f->meta.state = o->state;
    feed_text(f->meta.guard, sizeof f->meta.guard, good ? "" : o->guard);
    if (!good)
        escape_to_max(&error, view_of(o->why.text), ESCAPE_TERMINAL, sizeof f->meta.last_error);
    count_outcome(f, o);
    log_outcome(f, o, now);
}

void outcome_conclude(struct feed *f, const struct outcome *list, struct outcome *cleared,
                      int64_t now)
{
    if (feed_has_cleared(f) && cleared->state >= FEED_HELD)
        error_prefix(&cleared->why, "cleared list");
    note_outcome(f, !feed_has_cleared(f) ? list : combine(list, cleared), now);
}
