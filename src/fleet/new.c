/* What a fleet is made of at the start, and what becomes of that at the end. Loop thread. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"
#include "rcptguard/base/wake.h"

static bool is_of_name(char c)
{
    return ascii_alnum(c) || c == '.' || c == '-' || c == '_';
}

/*
 * A name for people: the host's, and behind it a few digits of this state directory's own, since
 * several daemons may be on one host, and two hosts may be called localhost.
 */
static void name_relay(struct fleet *f)
{
    char path[4096], host[256] = "", id[9];
    struct text file = text_on(path, sizeof path), name = text_on(f->relay, sizeof f->relay);
    struct buf text = BUF_INIT(64);

    text_addf(&file, "%s/fleet/relay", f->state_dir);
    gethostname(host, sizeof host - 1);
    for (char *c = host; *c != '\0'; c++)
        if (!is_of_name(*c))
            *c = '-';
    bool known = file_read(path, 64, &text, NULL) == 0 && text.len >= 8;
    if (known)
        snprintf(id, sizeof id, "%.8s", text.data);
    else
        snprintf(id, sizeof id, "%08x", (unsigned)random_u64());
    for (char *c = id; *c != '\0'; c++)
        if (!is_of_name(*c))
            *c = '0';
    buf_free(&text);
    text_addf(&name, "%.40s.%s", host[0] == '\0' ? "relay" : host, id);
    struct file_part part = {id, strlen(id)};
    struct error why;
    if (!known && file_replace(path, 0640, &part, 1, &why) < 0)
        log_warning("fleet", "%s; this relay gets another name at each start", why.text);
}

static void show_where(struct fleet *f)
{
    struct text t = text_on(f->status.where, sizeof f->status.where);
    char where[REDIS_WHERE_MAX];

    if (f->n_sentinels > 0)
        text_addf(&t, "%s (of Sentinel)", f->master);
    else
        text_add(&t, redis_url_where(&f->url, where));
}

static int copy_config(struct fleet *f, const struct fleet_config *c, struct error *why)
{
    int rc = redis_url_parse(view_of(c->url), &f->url, why);

    if (rc == 0 && c->sentinel[0] != '\0')
        rc = fleet_sentinels_parse(view_of(c->sentinel), f->sentinels, &f->n_sentinels, why);
    if (rc < 0)
        return rc;
    f->share = f->status.share = c->share;
    /* Names of lines must be alike on all relays, whatever each makes of an address. */
    f->addresses = *c->addresses;
    f->addresses.provider_aliases = false;
    f->prefix = view_dup(view_of(c->prefix));
    f->master = view_dup(view_of(c->master));
    f->state_dir = view_dup(view_of(c->state_dir));
    f->redis = redis_new(&f->stopping);
    f->news = redis_new(&f->stopping);
    f->suffixes = suffixes_new();
    f->protect = protect_load(NULL, NULL);
    f->wake_fd = wake_open();
    f->ended_fd = wake_open();
    f->stopping.fd = wake_open();
    if (f->prefix == NULL || f->master == NULL || f->state_dir == NULL || f->redis == NULL ||
        f->news == NULL || f->suffixes == NULL || f->protect == NULL || f->wake_fd < 0 ||
        f->ended_fd < 0 || f->stopping.fd < 0 ||
        seal_key_make(view_of(c->secret), view_of(c->prefix), &f->key) < 0)
        return error_set(why, ERR_NOMEM, "no memory, or no list of public suffixes");
    return 0;
}

static int open_kept(struct fleet *f, struct error *why)
{
    static const unsigned bits[] = {
        [LOCAL_EXCLUSIONS] = FLEET_EXCLUSIONS, [LOCAL_BLOCKS] = FLEET_BLOCKS};
    char dir[4096];
    struct text t = text_on(dir, sizeof dir);
    int rc = 0;

    text_addf(&t, "%s/fleet", f->state_dir);
    if (file_make_dir(dir, 0750, why) < 0)
        log_error("fleet", "%s; nothing that is shared can be kept", why->text);
    name_relay(f);
    memcpy(f->status.relay, f->relay, sizeof f->relay);
    for (unsigned i = 0; rc == 0 && i < FLEET_KINDS; i++)
        if ((f->share & bits[i]) != 0)
            rc = kept_open(f, &f->kept[i], (enum local_kind)i, why);
    return rc;
}

struct fleet *fleet_new(const struct fleet_config *config, struct error *why)
{
    struct fleet *f = calloc(1, sizeof *f);

    if (f == NULL) {
        error_set(why, ERR_NOMEM, "no memory");
        return NULL;
    }
    pthread_mutex_init(&f->lock, NULL);
    atomic_init(&f->stop, false);
    atomic_init(&f->edited, 0);
    f->wake_fd = f->ended_fd = f->stopping.fd = -1;
    pthread_mutex_init(&f->rooms, NULL);
    f->status.since = clock_now();
    if (copy_config(f, config, why) < 0 || open_kept(f, why) < 0) {
        fleet_free(f);
        return NULL;
    }
    show_where(f);
    return f;
}

const char *fleet_file(const struct fleet *f, enum local_kind kind)
{
    return f != NULL && f->kept[kind].shared ? f->kept[kind].file : NULL;
}

void fleet_free(struct fleet *f)
{
    /* A thread that was left behind keeps what it looks at. */
    if (f == NULL || f->running)
        return;
    for (unsigned i = 0; i < FLEET_KINDS; i++)
        kept_close(&f->kept[i]);
    redis_free(f->redis);
    redis_free(f->news);
    lists_free(f->lists);
    free(f->relays);
    free(f->own_lists);
    events_free(f->events);
    suffixes_free(f->suffixes);
    protect_release(f->protect);
    protect_release(f->fresh_protect);
    free(f->prefix);
    free(f->master);
    free(f->state_dir);
    if (f->wake_fd >= 0)
        close(f->wake_fd);
    if (f->ended_fd >= 0)
        close(f->ended_fd);
    if (f->stopping.fd >= 0)
        close(f->stopping.fd);
    explicit_bzero(&f->key, sizeof f->key);
    explicit_bzero(&f->url, sizeof f->url);
    pthread_mutex_destroy(&f->rooms);
    pthread_mutex_destroy(&f->lock);
    free(f);
}
