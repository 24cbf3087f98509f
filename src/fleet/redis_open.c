/* The way from a url to a Redis that can be asked: AUTH, SELECT, PING, at each of its addresses. */
#include "connect.h"
#include "rcptguard/base/clock.h"
#include "redis_parts.h"
#include "tls.h"

/* In words of ours: some servers repeat in theirs what they were sent, the password too. */
static int explain_auth(const redisReply *reply, struct error *why)
{
    static const struct {
        const char *code, *words;
    } known[] = {
        {"WRONGPASS", "Redis does not take the user and password of the url"},
        {"ERR invalid password", "Redis does not take the password of the url"},
        {"ERR AUTH <password> called without", "the url has a password, but Redis has none set"},
        {"ERR Client sent AUTH, but no password", "the url has a password, but Redis has none set"},
        {"ERR wrong number of arguments",
         "this Redis knows no users; leave the user out of the url"},
        {"ERR max number of clients", "Redis has as many clients as it may have (maxclients)"},
        {"DENIED", "Redis is in protected mode and takes connections from its own host only"},
        {"LOADING", "Redis is still loading its data"},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (redis_says(reply, known[i].code))
            return error_set(why, ERR_REFUSED, "%s", known[i].words);
    return error_set(why, ERR_REFUSED, "Redis refuses AUTH (its words may hold the password)");
}

static int authenticate(struct redis *r, const struct redis_url *url, int64_t until,
                        struct error *why)
{
    struct view words[3] = {view_of("AUTH")};
    size_t n = 1;
    redisReply *reply;

    if (url->password[0] == '\0')
        return 0;
    if (url->user[0] != '\0')
        words[n++] = view_of(url->user);
    words[n++] = view_of(url->password);
    int rc = redis_converse(r, words, n, until, &reply, why);
    if (rc == 0 && reply->type == REDIS_REPLY_ERROR)
        rc = explain_auth(reply, why);
    redis_reply_free(reply);
    return rc;
}

static int select_database(struct redis *r, const struct redis_url *url, int64_t until,
                           struct error *why)
{
    char number[16];
    struct text t = text_on(number, sizeof number);
    redisReply *reply;

    if (url->database == 0)
        return 0;
    text_addf(&t, "%u", url->database);
    const struct view words[] = {view_of("SELECT"), text_view(&t)};
    int rc = redis_converse(r, words, 2, until, &reply, why);
    if (rc == 0)
        rc = redis_settle(&reply, why);
    redis_reply_free(reply);
    if (rc != 0)
        error_prefix(why, "database %u", url->database);
    return rc;
}

/* Whether it can be asked anything: no password, protected mode, still loading. */
static int greet(struct redis *r, int64_t until, struct error *why)
{
    const struct view ping = view_of("PING");
    redisReply *reply;
    int rc = redis_converse(r, &ping, 1, until, &reply, why);

    if (rc == 0 && redis_says(reply, "NOAUTH"))
        rc = error_set(why, ERR_REFUSED,
                       "Redis wants a password; put it into the url: redis://:PASSWORD@HOST or "
                       "unix://:PASSWORD@/PATH");
    else if (rc == 0 && !redis_says(reply, "NOPERM"))
        rc = redis_settle(&reply, why);
    redis_reply_free(reply);
    return rc;
}

static int open_place(struct redis *r, const struct redis_url *url, const char *place,
                      int64_t until, struct error *why)
{
    int rc = redis_connect(url, place, until, r->stop, &r->c, why);

    if (rc != 0)
        return rc;
    wire_guard(r, r->c->reader);
    r->fresh = true;
    rc = authenticate(r, url, until, why);
    if (rc == 0)
        rc = select_database(r, url, until, why);
    if (rc == 0)
        rc = greet(r, until, why);
    if (rc != 0)
        redis_close(r);
    return rc;
}

/* One address that swallows all must not take the time of the others. */
static int open_any(struct redis *r, const struct redis_url *url, const struct redis_places *places,
                    int64_t until, struct error *why)
{
    int rc = ERR_IO;

    for (size_t i = 0; i < places->n; i++) {
        const int64_t now = clock_mono_ms();
        rc = open_place(r, url, places->text[i], now + (until - now) / (int64_t)(places->n - i),
                        why);
        if (rc == 0 || rc == ERR_REFUSED || rc == ERR_NOMEM || redis_stops(r->stop))
            break;
    }
    return rc;
}

int redis_open(struct redis *r, const struct redis_url *url, int deadline_ms, struct error *why)
{
    char where[REDIS_WHERE_MAX];
    struct redis_places places = {.n = 0};
    int rc;

    redis_close(r);
    if (redis_stops(r->stop))
        return error_set(why, ERR_IO, "stopping");
    if (url->tls && !redis_tls_is_built())
        rc = redis_tls_start(NULL, NULL, 0, NULL, why);
    else
        rc = redis_places_of(url, &places, why);
    if (rc == 0 && redis_stops(r->stop)) /* looking up a name may have taken minutes */
        rc = error_set(why, ERR_IO, "stopping");
    if (rc == 0)
        rc = open_any(r, url, &places, clock_mono_ms() + deadline_ms, why);
    if (rc != 0)
        error_prefix(why, "%s", redis_url_where(url, where));
    return rc;
}
