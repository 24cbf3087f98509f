/*
 * Who else there is, and whether they say the same: each relay writes a line about itself every ten
 * seconds, and reads those of the others. What they have is told by digests; how long ago somebody
 * was seen, by Redis' clock alone.
 */
#include <stdlib.h>

#include "drift.h"
#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/hash.h"
#include "rcptguard/base/json_text.h"
#include "rcptguard/base/log.h"
#include "scan.h"

#define GONE_S      30        /* not seen for so long: is away */
#define FORGET_S    86400     /* and for so long: nobody's any more */
#define RELAYS_MAX  64        /* shown */
#define REPORT_MAX  (1 << 16) /* bytes of what a relay says of itself */
#define LISTS_SHOWN 32        /* of each relay */
#define FORGET_MAX  16        /* a round */
#define DRIFT_S     60        /* lists and lines take a moment to reach all */
#define REPORT_KIND "relay"

/* AT by another clock: the one it was told by says FROM_NOW now, the other TO_NOW. (Relays tell
 * times by Redis' clock, since one of theirs may be wrong.) Nothing is later than now; 0: never. */
static int64_t by_other_clock(int64_t at, int64_t from_now, int64_t to_now)
{
    if (at <= 0)
        return 0;
    int64_t age = at > from_now ? 0 : from_now - at;

    return age > to_now ? 0 : to_now - age;
}

/* What a relay says of itself, and when it did by Redis' clock. */
static char *describe(struct fleet *f, int64_t at)
{
    struct fleet_status status;
    json_t *report = json_object(), *lists = json_object();

    fleet_look(f, &status);
    json_object_set_new(report, "at", json_integer(at));
    json_object_set_new(report, "self", json_string(f->self));
    json_object_set_new(report, "version", json_string(RCPTGUARD_VERSION));
    for (unsigned i = 0; i < FLEET_KINDS; i++) {
        char digest[2 * sizeof status.kinds[i].digest + 1];
        if (!f->kept[i].shared)
            continue;
        hex_text(status.kinds[i].digest, sizeof status.kinds[i].digest, digest);
        json_object_set_new(report, local_kind_text(f->kept[i].kind),
                            json_pack("{s:s, s:I, s:I}", "digest", digest, "count",
                                      (json_int_t)status.kinds[i].entries, "version",
                                      (json_int_t)status.kinds[i].version));
    }
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->n_lists; i++) {
        const struct fleet_list *l = &f->own_lists[i];
        char digest[2 * sizeof l->digest + 1];
        hex_text(l->digest, sizeof l->digest, digest);
        json_object_set_new(lists, l->name,
                            json_pack("{s:s, s:I, s:I}", "digest", digest, "entries",
                                      (json_int_t)l->entries, "checked",
                                      by_other_clock(l->checked_at, clock_now(), at)));
    }
    pthread_mutex_unlock(&f->lock);
    json_object_set_new(report, "lists", lists);
    char *text = json_write_text(report, JSON_COMPACT);
    json_decref(report);
    return text;
}

static int redis_time(struct fleet *f, int64_t *now, struct error *why)
{
    const struct view word = view_of("TIME");
    struct redisReply *reply = NULL;
    int rc = redis_call(f->redis, &word, 1, FLEET_CALL_MS, &reply, why);

    if (rc == 0 && !redis_number(reply_element(reply, 0), now))
        rc = error_set(why, ERR_SYNTAX, "that is no time of Redis'");
    redis_reply_free(reply);
    return rc;
}

static int put_report(struct fleet *f, struct view key, int64_t now, struct error *why)
{
    char *text = describe(f, now);
    struct buf sealed = BUF_INIT(REPORT_MAX);
    const struct sealed what = {.kind = REPORT_KIND,
                                .name = view_of(f->relay),
                                .relay = view_of(f->relay),
                                .version = 1,
                                .body = view_of(text == NULL ? "" : text)};
    struct redisReply *reply = NULL;
    int rc = text == NULL || seal_make(&f->key, &what, &sealed) < 0
                 ? error_set(why, ERR_REFUSED, "this relay cannot be described")
                 : 0;
    const struct view words[] = {view_of("HSET"), key, what.name, buf_view(&sealed)};

    f->reported_at = now; /* though it fails: it may be there all the same */
    if (rc == 0)
        rc = redis_call(f->redis, words, 4, FLEET_CALL_MS, &reply, why);
    if (rc < 0)
        error_prefix(why, "%.*s", (int)key.len, key.ptr);
    redis_reply_free(reply);
    buf_free(&sealed);
    free(text);
    return rc;
}

static void copy_number(json_t *to, const json_t *from, const char *key)
{
    json_object_set_new(to, key, json_integer(json_integer_value(json_object_get(from, key))));
}

static void copy_text(json_t *to, const json_t *from, const char *key, size_t max)
{
    const json_t *text = json_object_get(from, key);

    if (json_is_string(text) && json_string_length(text) <= max)
        json_object_set_new(to, key, json_string(json_string_value(text)));
}

/* Digest and numbers of FROM's member KEY, if it has it. */
static void copy_part(json_t *to, const json_t *from, const char *key, const char *const *numbers)
{
    const json_t *part = json_object_get(from, key);
    json_t *copy;

    if (!json_is_object(part))
        return;
    copy = json_object();
    copy_text(copy, part, "digest", 32);
    for (; *numbers != NULL; numbers++)
        copy_number(copy, part, *numbers);
    json_object_set_new(to, key, copy);
}

/*
 * A stranger's words: only what is expected is taken over, and of lists those that this relay has
 * too (by OURS; NULL: all), since all of it is shown by the loop. Times are by this relay's clock
 * then; NOW is by Redis'.
 */
static json_t *clean_report(const json_t *said, const json_t *ours, int64_t now)
{
    static const char *const of_kind[] = {"count", "version", NULL}, *const of_list[] = {"entries",
                                                                                         "checked",
                                                                                         NULL};
    const json_t *lists = json_object_get(said, "lists");
    json_t *clean = json_object(), *shown = json_object(), *list;
    const char *name;
    json_t *copy;

    copy_number(clean, said, "at");
    copy_text(clean, said, "self", 32);
    copy_text(clean, said, "version", 32);
    copy_part(clean, said, "exclusions", of_kind);
    copy_part(clean, said, "blocks", of_kind);
    json_object_foreach((json_t *)lists, name, list)
    {
        bool known = ours == NULL || json_object_get(json_object_get(ours, "lists"), name) != NULL;
        if (known && json_object_size(shown) < LISTS_SHOWN)
            copy_part(shown, lists, name, of_list);
    }
    json_object_foreach(shown, name, copy)
    {
        int64_t checked = json_integer_value(json_object_get(copy, "checked"));
        json_object_set_new(copy, "checked",
                            json_integer(by_other_clock(checked, now, clock_now())));
    }
    json_object_set_new(clean, "lists", shown);
    return clean;
}

/* NULL: it cannot be believed. NOW: Redis' clock. */
static json_t *open_report(const struct fleet *f, struct view name, struct view raw, int64_t now,
                           const json_t *ours)
{
    struct sealed sealed;

    if (raw.len > REPORT_MAX || seal_open(&f->key, REPORT_KIND, name, raw, &sealed, NULL) < 0 ||
        !view_eq(sealed.relay, name))
        return NULL;
    json_t *said = json_parse(sealed.body, JSON_REJECT_DUPLICATES, NULL);
    json_int_t at = json_integer_value(json_object_get(said, "at"));
    json_t *clean =
        json_is_object(said) && at > 0 && at <= now ? clean_report(said, ours, now) : NULL;
    json_decref(said);
    return clean;
}

/*
 * A cloned machine or a copied state_dir: what stands under this relay's name is somebody else's
 * word, later than its own. (An earlier one may be its own as well, of the process or connection
 * before, brought back by a backup of Redis or a replica that was behind.) Older relays do not say
 * who they are.
 */
static void warn_of_twin(struct fleet *f, const json_t *report)
{
    const char *self = json_string_value(json_object_get(report, "self"));

    if (json_integer_value(json_object_get(report, "at")) < f->reported_at ||
        (self != NULL && strcmp(self, f->self) == 0))
        return;
    f->twin_warned = true;
    log_warning("fleet",
                "another relay is called %s as well, and nobody can tell them apart: a cloned "
                "machine, or a copied state_dir? Remove %s/fleet/relay on one of them and restart "
                "it",
                f->relay, f->state_dir);
}

/* Before this relay writes there. What Redis refuses is said when it does. */
static int look_for_twin(struct fleet *f, struct view key, int64_t now, struct error *why)
{
    const struct view name = view_of(f->relay), words[] = {view_of("HGET"), key, name};
    struct redisReply *reply = NULL;
    struct view raw;

    if (f->twin_warned || f->reported_at == 0)
        return 0;
    int rc = redis_call(f->redis, words, 3, FLEET_CALL_MS, &reply, why);
    if (rc == 0 && redis_text(reply, &raw)) {
        json_t *report = open_report(f, name, raw, now, NULL);
        warn_of_twin(f, report);
        json_decref(report);
    }
    redis_reply_free(reply);
    return rc == ERR_REFUSED ? 0 : rc;
}

static bool same_digest(const json_t *a, const json_t *b)
{
    const char *x = json_string_value(json_object_get(a, "digest")),
               *y = json_string_value(json_object_get(b, "digest"));

    return x == NULL || y == NULL || strcmp(x, y) == 0;
}

/* What both have and have otherwise: its name, or NULL. */
static const char *difference(const json_t *ours, json_t *theirs)
{
    const char *name;
    json_t *list;

    for (unsigned i = 0; i < FLEET_KINDS; i++) {
        name = local_kind_text((enum local_kind)i);
        if (!same_digest(json_object_get(ours, name), json_object_get(theirs, name)))
            return name;
    }
    json_object_foreach(json_object_get(theirs, "lists"), name, list)
    {
        const json_t *own = json_object_get(json_object_get(ours, "lists"), name);
        if (own != NULL && !same_digest(own, list))
            return name;
    }
    return NULL;
}

/* Since when somebody has said something else than this relay: one warning when it lasts, and one
 * line when it is over. */
static void judge_drift(struct fleet *f, const struct drift *d)
{
    int64_t now = clock_mono_ms();
    char names[DRIFT_TEXT + 32];

    if (d->n == 0) {
        if (f->drift_warned)
            log_notice("fleet", "all relays say the same again");
        f->drift_ms = 0;
        f->drift_warned = false;
    } else if (f->drift_ms == 0) {
        f->drift_ms = now;
    } else if (now - f->drift_ms > DRIFT_S * 1000 && !f->drift_warned) {
        f->drift_warned = true;
        log_warning("fleet",
                    "others have had something else than this relay for more than a minute: %s; "
                    "see `rcptguard status --fleet`",
                    drift_text(d, names));
    }
}

static void forget_relay(struct fleet *f, struct view key, struct view name)
{
    const struct view words[] = {view_of("HDEL"), key, name};
    struct redisReply *reply = NULL;

    redis_call(f->redis, words, 3, FLEET_CALL_MS, &reply, NULL);
    redis_reply_free(reply);
}

/* It came twice (scan.h). */
static bool is_listed(const json_t *relays, struct view name)
{
    const json_t *relay;
    size_t i;

    json_array_foreach(relays, i, relay)
    {
        if (view_is(name, json_string_value(json_object_get(relay, "relay"))))
            return true;
    }
    return false;
}

/* All of them as the admin API shows them. */
static json_t *judge_all(struct fleet *f, const struct scan *said, struct view key, int64_t now)
{
    json_t *relays = json_array(), *ours = NULL;
    struct drift drift = {.n = 0};
    struct view name, raw;
    unsigned forgotten = 0;

    for (struct scan_at at = {0}; ours == NULL && scan_next(said, &at, &name, &raw);)
        if (view_is(name, f->relay))
            ours = open_report(f, name, raw, now, NULL);
    for (struct scan_at at = {0};
         json_array_size(relays) < RELAYS_MAX && scan_next(said, &at, &name, &raw);) {
        json_t *report = is_listed(relays, name) ? NULL : open_report(f, name, raw, now, ours);
        if (report == NULL)
            continue;
        int64_t age = now - json_integer_value(json_object_get(report, "at"));
        if (age > FORGET_S) {
            if (forgotten++ < FORGET_MAX)
                forget_relay(f, key, name);
            json_decref(report);
            continue;
        }
        const char *what = ours == NULL || age > GONE_S ? NULL : difference(ours, report);
        json_object_set_new(report, "relay", json_stringn(name.ptr, name.len));
        json_object_set_new(report, "seen_s", json_integer(age));
        json_object_set_new(report, "away", json_boolean(age > GONE_S));
        json_object_set_new(report, "differs", what == NULL ? json_null() : json_string(what));
        json_object_del(report, "at");
        json_object_del(report, "self");
        json_array_append_new(relays, report);
        if (what != NULL)
            drift_add(&drift, name, view_of(what));
    }
    judge_drift(f, &drift);
    json_decref(ours);
    return relays;
}

static void show(struct fleet *f, json_t *relays)
{
    char *text = json_write_text(relays, JSON_COMPACT);

    pthread_mutex_lock(&f->lock);
    char *old = f->relays;
    f->relays = text;
    f->status.drift = f->drift_warned;
    pthread_mutex_unlock(&f->lock);
    free(old);
}

int relays_round(struct fleet *f, struct error *why)
{
    char memory[128];
    static const struct scan_limits limits = {
        .entries = 2000, .bytes = 16 << 20, .longest = REPORT_MAX, .portion = 100};
    struct text t = text_on(memory, sizeof memory);
    struct scan said = {0};
    int64_t now;

    text_addf(&t, "%srelays", f->prefix);
    struct view key = text_view(&t);
    int rc = redis_time(f, &now, why);
    if (rc == 0)
        rc = look_for_twin(f, key, now, why);
    if (rc == 0)
        rc = put_report(f, key, now, why);
    if (rc == 0)
        rc = scan_hash(f->redis, key, &limits, &said, why);
    if (rc == 0) {
        json_t *relays = judge_all(f, &said, key, now);
        show(f, relays);
        json_decref(relays);
    }
    scan_free(&said);
    return rc;
}

char *fleet_relays(const struct fleet *f)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&f->lock;

    pthread_mutex_lock(lock);
    char *text = f->relays == NULL ? NULL : strdup(f->relays);
    pthread_mutex_unlock(lock);
    return text;
}

int fleet_tell_lists(struct fleet *f, const struct fleet_list *lists, size_t n)
{
    struct fleet_list *copy = f == NULL ? NULL : calloc(n + 1, sizeof *copy);

    if (copy == NULL)
        return f == NULL ? 0 : ERR_NOMEM;
    memcpy(copy, lists, n * sizeof *copy);
    pthread_mutex_lock(&f->lock);
    struct fleet_list *old = f->own_lists;
    f->own_lists = copy;
    f->n_lists = n;
    pthread_mutex_unlock(&f->lock);
    free(old);
    return 0;
}
