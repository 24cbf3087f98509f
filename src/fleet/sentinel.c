/* Sentinels are asked one after the other; what one says is tried before it is believed. */
#include "sentinel.h"

#include <arpa/inet.h>
#include <hiredis.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "rcptguard/base/clock.h"
#include "redis.h"

static int left_ms(int64_t until)
{
    int64_t left = until - clock_mono_ms();

    return left <= 0 ? 0 : (int)left;
}

static bool is_loopback_v6(const struct in6_addr *a)
{
    return IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a) ||
           (IN6_IS_ADDR_V4MAPPED(a) && (a->s6_addr[12] == 127 || a->s6_addr[12] == 0));
}

/* The unspecified address leads to this host, too. */
static bool names_this_host(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127 || (ntohl(v4.s_addr) >> 24) == 0;
    return inet_pton(AF_INET6, host, &v6) == 1 && is_loopback_v6(&v6);
}

static bool is_on_this_host(const struct redis *sentinel)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {.any = {0}};
    socklen_t len = sizeof peer;

    if (getpeername(redis_fd(sentinel), &peer.any, &len) != 0)
        return false;
    switch (peer.any.sa_family) {
    case AF_INET:
        return (ntohl(peer.v4.sin_addr.s_addr) >> 24) == 127;
    case AF_INET6:
        return is_loopback_v6(&peer.v6.sin6_addr);
    default:
        return peer.any.sa_family == AF_UNIX;
    }
}

/* "[ADDRESS]:PORT" goes the way of the configuration, so that nothing else gets through. */
static int parse_place(const redisReply *reply, struct redis_url *place, struct error *why)
{
    struct view host;
    char text[REDIS_HOST_MAX + 16];
    struct text t = text_on(text, sizeof text);
    int64_t port;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        !redis_text(reply->element[0], &host) || !redis_number(reply->element[1], &port))
        return error_set(why, ERR_SYNTAX, "its answer is no address");
    text_add(&t, view_find(host, ':') >= 0 ? "[" : "");
    text_add_view(&t, host);
    text_addf(&t, "%s:%lld", view_find(host, ':') >= 0 ? "]" : "", (long long)port);
    if (t.cut || redis_host_parse(text_view(&t), REDIS_PORT, place, NULL) != 0)
        return error_set(why, ERR_SYNTAX, "its answer is no address");
    return 0;
}

static int ask(struct redis *sentinel, struct view master, int64_t until, struct redis_url *place,
               struct error *why)
{
    const struct view words[] = {view_of("SENTINEL"), view_of("get-master-addr-by-name"), master};
    redisReply *reply;
    int rc = redis_call(sentinel, words, 3, left_ms(until), &reply, why);

    if (rc != 0)
        return rc;
    rc = redis_is_nil(reply) ? error_set(why, ERR_ABSENT, "it knows no master of that name")
                             : parse_place(reply, place, why);
    redis_reply_free(reply);
    if (rc == 0 && names_this_host(place->host) && !is_on_this_host(sentinel))
        rc = error_set(why, ERR_REFUSED,
                       "it names a loopback address; its `sentinel monitor` must name one that "
                       "other hosts reach");
    return rc;
}

static int check_role(struct redis *r, int64_t until, struct error *why)
{
    const struct view role = view_of("ROLE");
    struct view is = VIEW_NONE;
    redisReply *reply;
    int rc = redis_call(r, &role, 1, left_ms(until), &reply, why);

    if (rc != 0)
        return rc;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
        !redis_text(reply->element[0], &is) || !view_is(is, "master"))
        rc = error_set(why, ERR_REFUSED, "what it names is no master now");
    redis_reply_free(reply);
    return rc;
}

static int verify(struct redis *r, const struct redis_url *place, int64_t until, struct error *why)
{
    int rc = redis_open(r, place, left_ms(until), why);

    if (rc == 0)
        rc = check_role(r, until, why);
    return rc;
}

/* R is a room for connections: one to the Sentinel, then one to what it names. */
static int try_one(struct redis *r, const struct redis_url *sentinel, struct view master,
                   int64_t until, struct redis_url *found, struct error *why)
{
    struct redis_url place, candidate = *found;
    char where[REDIS_WHERE_MAX];
    int rc = redis_open(r, sentinel, left_ms(until), why);

    if (rc == 0) {
        rc = ask(r, master, until, &place, why);
        if (rc == 0) {
            memcpy(candidate.host, place.host, sizeof candidate.host);
            candidate.port = place.port;
            candidate.path[0] = '\0';
            rc = verify(r, &candidate, until, why);
        }
        if (rc != 0)
            error_prefix(why, "sentinel %s", redis_url_where(sentinel, where));
    }
    redis_close(r);
    if (rc == 0)
        *found = candidate;
    return rc;
}

int sentinel_find(const struct redis_url *sentinels, size_t n, struct view master, int deadline_ms,
                  struct redis_stop *stop, struct redis_url *found, struct error *why)
{
    const int64_t until = clock_mono_ms() + deadline_ms;
    struct redis *r = redis_new(stop);
    int rc = ERR_ABSENT;

    if (r == NULL)
        return error_set(why, ERR_NOMEM, "no memory for a connection");
    error_set(why, ERR_ABSENT, "no sentinel to ask");
    for (size_t i = 0; i < n; i++) {
        const int64_t now = clock_mono_ms();
        rc = try_one(r, &sentinels[i], master, now + (until - now) / (int64_t)(n - i), found, why);
        if (rc == 0)
            break;
    }
    redis_free(r);
    return rc;
}
