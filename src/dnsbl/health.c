/*
 * The state of one zone. It leaves `on` at the first sign of madness and comes back slowly: what
 * is missed meanwhile is a listing, what would be wrong is a refusal.
 */
#include "health.h"

#include "rcptguard/base/buf.h"

static int64_t later(int64_t now_ms, int64_t ms)
{
    return now_ms > INT64_MAX - ms ? INT64_MAX : now_ms + ms;
}

/* The loop's clock may be a little behind the one that an answer was timed by. */
static uint64_t elapsed(int64_t since_ms, int64_t now_ms)
{
    return now_ms > since_ms ? (uint64_t)now_ms - (uint64_t)since_ms : 0;
}

static void enter(struct health *h, enum dnsbl_state state, int64_t now_ms)
{
    h->state = state;
    h->since_ms = now_ms;
    h->failures = h->of_probes = 0;
    h->good_rounds = 0;
}

static void say_why(struct health *h, const char *why)
{
    struct text t = text_on(h->why, sizeof h->why);

    text_add(&t, why);
}

static void wait_longer(struct health *h)
{
    if (h->back_off_ms == 0)
        h->back_off_ms = HEALTH_BACK_OFF_MS;
    else if (h->back_off_ms > HEALTH_BACK_OFF_MAX_MS / 2)
        h->back_off_ms = HEALTH_BACK_OFF_MAX_MS;
    else
        h->back_off_ms *= 2;
}

static bool switch_off(struct health *h, int64_t now_ms)
{
    if (elapsed(h->since_ms, now_ms) >= HEALTH_CALM_MS)
        h->back_off_ms = 0;
    wait_longer(h);
    enter(h, DNSBL_IS_OFF, now_ms);
    h->next_round_ms = later(now_ms, h->back_off_ms);
    return true;
}

static bool switch_on(struct health *h, int64_t now_ms)
{
    enter(h, DNSBL_IS_ON, now_ms);
    say_why(h, "");
    h->next_round_ms = later(now_ms, HEALTH_ROUND_MS);
    return true;
}

void health_start(struct health *h, int64_t now_ms)
{
    *h = (struct health){.good_ms = INT64_MIN};
    enter(h, DNSBL_PROBING, now_ms);
    say_why(h, "not probed yet");
    h->next_round_ms = now_ms;
}

void health_answered(struct health *h)
{
    h->failures = h->of_probes = 0;
}

bool health_failed(struct health *h, bool of_probe, const char *why, int64_t now_ms)
{
    if (h->state == DNSBL_IS_OFF)
        return false;
    h->of_probes += of_probe;
    if (++h->failures < HEALTH_FAILURES)
        return false;
    struct text t = text_on(h->why, sizeof h->why);
    text_addf(&t, "%d questions in a row failed, the last one: %s", HEALTH_FAILURES, why);
    return switch_off(h, now_ms);
}

bool health_mad(struct health *h, const char *why, int64_t now_ms)
{
    if (h->state == DNSBL_IS_OFF)
        return false;
    say_why(h, why);
    return switch_off(h, now_ms);
}

void health_good(struct health *h, bool late, int64_t now_ms)
{
    h->good_ms = now_ms;
    if (late)
        return;
    h->failures -= h->of_probes;
    h->of_probes = 0;
}

bool health_is_fresh(const struct health *h, int64_t now_ms)
{
    return h->good_ms != INT64_MIN && elapsed(h->good_ms, now_ms) <= HEALTH_FRESH_MS;
}

static bool bad_round(struct health *h, const char *why, int64_t now_ms)
{
    switch (h->state) {
    case DNSBL_PROBING:
        say_why(h, why);
        return switch_off(h, now_ms);
    case DNSBL_IS_ON:
        /* What was mad in it was told already, and so was each question that failed: the zone is
         * on because that is not enough. An hour would be long to find out. */
        h->next_round_ms = later(now_ms, HEALTH_AGAIN_MS);
        return false;
    case DNSBL_IS_OFF:
        break;
    }
    h->good_rounds = 0;
    say_why(h, why);
    /* One that ended before it was due began before the zone went off, or a person asked for it. */
    if (now_ms >= h->next_round_ms)
        wait_longer(h);
    h->next_round_ms = later(now_ms, h->back_off_ms);
    return false;
}

bool health_round(struct health *h, bool good, const char *why, int64_t now_ms)
{
    if (!good)
        return bad_round(h, why, now_ms);
    if (h->good_rounds == 0)
        h->well_ms = now_ms;
    if (h->state == DNSBL_PROBING)
        return switch_on(h, now_ms);
    if (h->state == DNSBL_IS_OFF) {
        if (++h->good_rounds >= HEALTH_GOOD_ROUNDS)
            return switch_on(h, now_ms);
        h->next_round_ms = later(now_ms, h->back_off_ms);
        return false;
    }
    h->next_round_ms = later(now_ms, HEALTH_ROUND_MS);
    return false;
}
