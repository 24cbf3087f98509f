/* Shared lists beside the fleet's thread: it says where Redis is, and passes on that there is news.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include "parts.h"

static bool is_numeric(const struct redis_url *url)
{
    unsigned char address[16];

    return url->path[0] != '\0' || inet_pton(AF_INET, url->host, address) == 1 ||
           inet_pton(AF_INET6, url->host, address) == 1;
}

/* The address that the fleet's own connection leads to. */
static bool find_place(const struct fleet *f, struct redis_url *url)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;

    if (is_numeric(url))
        return true;
    return getpeername(redis_fd(f->redis), (struct sockaddr *)&peer, &len) == 0 &&
           getnameinfo((struct sockaddr *)&peer, len, url->place, sizeof url->place, NULL, 0,
                       NI_NUMERICHOST) == 0;
}

void share_lists_are_at(struct fleet *f, const struct redis_url *where)
{
    struct redis_url url = *where;
    bool known = find_place(f, &url);

    pthread_mutex_lock(&f->lock);
    f->place = url;
    f->place_number++;
    f->place_known = known ? LISTS_THERE : LISTS_AWAY;
    pthread_mutex_unlock(&f->lock);
}

void share_lists_are_away(struct fleet *f)
{
    pthread_mutex_lock(&f->lock);
    f->place_known = LISTS_AWAY;
    pthread_mutex_unlock(&f->lock);
}

static enum lists_where where(struct redis_url *out, unsigned *generation, void *arg)
{
    struct fleet *f = arg;

    pthread_mutex_lock(&f->lock);
    enum lists_where known = f->place_known;
    if (known == LISTS_THERE)
        *out = f->place;
    *generation = f->place_number;
    pthread_mutex_unlock(&f->lock);
    return known;
}

int fleet_share_lists(struct fleet *f, struct feeds *feeds, struct error *why)
{
    struct feeds_share share;

    if (f == NULL || (f->share & FLEET_LISTS) == 0)
        return 0;
    const struct lists_config config = {.prefix = f->prefix,
                                        .relay = f->relay,
                                        .key = f->key,
                                        .stop_fd = f->stopping.fd,
                                        .where = where,
                                        .arg = f};
    f->place_known = LISTS_SOON;
    f->lists = lists_new(&config);
    if (f->lists == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    lists_share(f->lists, &share);
    f->feeds = feeds;
    return feeds_share(feeds, &share) < 0 ? error_set(why, ERR_NOMEM, "no memory") : 0;
}
