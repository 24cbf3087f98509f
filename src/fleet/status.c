/* How the fleet is: the thread writes it down, the loop gets a copy. */
#include "parts.h"
#include "rcptguard/base/buf.h"
#include "rcptguard/base/clock.h"

const char *fleet_state_text(enum fleet_state state)
{
    static const char *const texts[] = {"connecting", "up", "away"};

    return texts[state];
}

void fleet_look(const struct fleet *f, struct fleet_status *out)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&f->lock;

    pthread_mutex_lock(lock);
    *out = f->status;
    pthread_mutex_unlock(lock);
    if (f->events != NULL)
        events_look_at(f->events, &out->events);
    if (f->lists == NULL)
        return;
    struct lists_counts counts;
    lists_look(f->lists, &counts);
    out->lists.taken = counts.taken;
    out->lists.same = counts.same;
    out->lists.led = counts.led;
    out->lists.bad = counts.bad;
}

bool fleet_status_is_away(const struct fleet *f, int64_t now)
{
    struct fleet_status status;

    if (f == NULL)
        return false;
    fleet_look(f, &status);
    return (status.state != FLEET_UP && now - status.since > FLEET_AWAY_S) ||
           (status.unshared_since != 0 && now - status.unshared_since > FLEET_AWAY_S);
}

/* Under the lock. */
static void put_why(struct fleet *f, const struct error *why)
{
    struct text t = text_on(f->status.why, sizeof f->status.why);

    if (why != NULL)
        text_add(&t, why->text);
}

void status_set_why(struct fleet *f, const struct error *why)
{
    pthread_mutex_lock(&f->lock);
    put_why(f, why);
    pthread_mutex_unlock(&f->lock);
}

bool status_set_state(struct fleet *f, enum fleet_state state, const struct error *why)
{
    pthread_mutex_lock(&f->lock);
    bool changed = f->status.state != state;
    if (changed)
        f->status.since = clock_now();
    f->status.state = state;
    put_why(f, why);
    pthread_mutex_unlock(&f->lock);
    return changed;
}

void status_set_shared(struct fleet *f, bool is_shared)
{
    pthread_mutex_lock(&f->lock);
    if (is_shared)
        f->status.unshared_since = 0;
    else if (f->status.unshared_since == 0)
        f->status.unshared_since = clock_now();
    pthread_mutex_unlock(&f->lock);
}

void status_show_kind(struct fleet *f, const struct kept *k)
{
    struct fleet_kind_status fresh = {
        .entries = records_count_set(k->base),
        .waiting = k->waiting,
        .version = records_version(k->base),
        .agreed_at = k->agreed_at,
        .refused = k->refused,
    };

    records_digest(k->base, fresh.digest);
    pthread_mutex_lock(&f->lock);
    f->status.kinds[k->kind] = fresh;
    pthread_mutex_unlock(&f->lock);
}
