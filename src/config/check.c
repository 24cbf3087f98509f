/*
 * What fits together: checks across keys, and those that ask other rooms (formats, replies). An
 * error is what cannot work or would surprise; a warning is what can wait.
 */
#include <string.h>
#include <sys/stat.h>

#include "loaded.h"
#include "places.h"

#define CONTACT_MAX_BYTES 100 /* leaves half of a reply for what happened */
#define POLITE_REFRESH_S  600 /* the contract's: shorter is hard on a server that is not ours */

static void check_format(const struct part *part, const char *format, struct complaints *c)
{
    struct place place = part_place(part, "format");
    char built[256];
    struct text list = text_on(built, sizeof built);

    if (format[0] == '\0' || feed_format_named(format) != NULL)
        return;
    for (size_t i = 0; i < feed_formats(); i++) {
        text_add(&list, i == 0 ? "" : ", ");
        text_add(&list, feed_format_info(i)->name);
    }
    complain(c, ERROR, &place, "no such format, the nearest one is %s; write one of: %s",
             feed_format_nearest(format), built);
}

static bool format_reads(const struct feed_format_info *format, const char *key)
{
    for (size_t i = 0; format->keys != NULL && format->keys[i] != NULL; i++)
        if (strcmp(format->keys[i], key) == 0)
            return true;
    return false;
}

/* Keys that only some formats read: a hint that something else was meant. */
static void check_key_of_formats(const struct part *part, const char *key, const char *format,
                                 struct complaints *c)
{
    struct place place = part_place(part, key);
    char words[256];
    struct text readers = text_on(words, sizeof words);

    for (size_t i = 0; i < feed_formats(); i++) {
        const struct feed_format_info *info = feed_format_info(i);
        if (!format_reads(info, key))
            continue;
        if (strcmp(info->name, format) == 0)
            return;
        text_add(&readers, readers.len == 0 ? "" : ", ");
        text_add(&readers, info->name);
    }
    if (readers.len > 0)
        complain(c, WARNING, &place, "has no effect with format %s; it is for %s", format, words);
}

static void check_keys_of_formats(const struct part *part, const char *format, struct complaints *c)
{
    if (feed_format_named(format) == NULL)
        return;
    for (size_t i = 0; i < part->section->n_keys; i++)
        if (part->settings[i].line != 0)
            check_key_of_formats(part, part->section->keys[i].name, format, c);
}

/* Are all of its servers on this host? */
static bool is_local(const struct feed_config *feed)
{
    bool local = feed->url == NULL || place_url_is_local(view_of(feed->url));

    for (size_t i = 0; i < feed->n_mirrors; i++)
        local = local && place_url_is_local(view_of(feed->mirrors[i]));
    return local;
}

static void check_times(const struct part *part, const struct feed_config *feed,
                        struct complaints *c)
{
    struct place refresh = part_place(part, "refresh");
    struct place max_age = part_place(part, "max_age");
    struct place floor = part_place(part, "min_refresh");

    if (feed->min_refresh_s > feed->refresh_s)
        complain(c, WARNING, &floor,
                 "is longer than refresh, and rules; write a refresh that is as long");
    if (feed->refresh_s < POLITE_REFRESH_S && feed->min_refresh_s < POLITE_REFRESH_S &&
        !is_local(feed))
        complain(c, WARNING, &refresh,
                 "shorter than 10m is hard on the list's server; ask its owner, or write 10m or "
                 "more");
    if (feed->max_age_s != 0 && feed->max_age_s <= feed->refresh_s)
        complain(c, WARNING, &max_age,
                 "is not longer than refresh: the list would stop counting between two fetches; "
                 "write some days, or 0 for never");
}

/*
 * A reply that was written must be good as it stands. The default speaks of ${contact}; where
 * there is none it speaks of the postmaster, so that a short configuration works.
 */
static void check_reply(const struct part *part, const char **reply, const char *contact,
                        struct complaints *c)
{
    struct setting *setting = part_setting(part, "reply");
    struct place place = part_place(part, "reply");
    struct error why;

    if (setting->line == 0) {
        if (contact[0] == '\0')
            *reply = setting->text = key_reply_without_contact;
        return;
    }
    if (setting->text[0] != '\0' && reply_check(view_of(setting->text), view_of(contact), &why) < 0)
        complain(c, ERROR, &place, "%s", why.text);
}

static void check_feeds(struct loaded *l, struct complaints *c)
{
    for (struct part *part = l->parts; part != NULL; part = part->next) {
        if (strcmp(part->section->name, "feed") != 0)
            continue;
        struct config_feed *feed = part->base;
        check_format(part, feed->feed.format, c);
        check_keys_of_formats(part, feed->feed.format, c);
        config_check_source(l, part, &feed->feed, c);
        check_times(part, &feed->feed, c);
        check_reply(part, &feed->reply, l->config.contact, c);
    }
}

static void check_zones(struct loaded *l, struct complaints *c)
{
    for (struct part *part = l->parts; part != NULL; part = part->next) {
        if (strcmp(part->section->name, "dnsbl") != 0)
            continue;
        struct config_zone *zone = part->base;
        config_check_zone(l, part, zone, c);
        check_reply(part, &zone->reply, l->config.contact, c);
    }
}

static void check_contact(const struct loaded *l, struct complaints *c)
{
    struct place place = part_place(part_first(l, "policy"), "contact");
    struct view contact = view_of(l->config.contact);

    if (contact.len > CONTACT_MAX_BYTES)
        complain(c, ERROR, &place, "more than %d bytes; shorten it, a reply has 200 in all",
                 CONTACT_MAX_BYTES);
    for (size_t i = 0; i < contact.len; i++)
        if (contact.ptr[i] < ' ' || contact.ptr[i] > '~') {
            complain(c, ERROR, &place, "only printable ASCII can be sent in a reply; write it so");
            return;
        }
}

/* Points at a line of the file: one of the two may be a default. */
static void complain_of_clash(const struct loaded *l, struct complaints *c)
{
    const struct part *admin = part_first(l, "admin"), *policy = part_first(l, "policy");
    bool is_default = part_setting(admin, "listen")->line == 0;
    struct place place = part_place(is_default ? policy : admin, "listen");

    complain(c, ERROR, &place, "is the socket of [%s] too; write another path",
             is_default ? "admin" : "policy");
}

static void check_sockets(const struct loaded *l, struct complaints *c)
{
    const struct part *admin = part_first(l, "admin");
    const struct policy_config *policy = &l->config.policy;
    struct place listen = part_place(admin, "listen"), mode = part_place(admin, "socket_mode");

    if (view_starts(view_of(l->config.admin.listen), "inet:"))
        complain(c, ERROR, &listen,
                 "must be a unix socket, whose owner and mode decide who may connect; write "
                 "unix:/PATH");
    for (size_t i = 0; i < policy->n_listen; i++)
        if (strcmp(policy->listen[i], l->config.admin.listen) == 0)
            complain_of_clash(l, c);
    if ((l->config.admin.socket_mode & (S_IROTH | S_IWOTH)) != 0)
        complain(c, WARNING, &mode,
                 "lets every local user change exclusions; write 0660 and use socket_group");
}

static void check_user(const struct loaded *l, struct complaints *c)
{
    struct place place = part_place(part_first(l, "daemon"), "user");

    if (strcmp(l->config.user, "root") == 0)
        complain(c, WARNING, &place, "the daemon keeps all rights of root; write another user");
}

/* Does the configuration itself, not a file beside it, hold something secret here? */
static bool holds_secret(const struct key *key, const char *text)
{
    if (key->type == VALUE_URL || key->type == VALUE_URLS)
        return place_has_userinfo(view_of(text)) && strstr(text, "${secret}") == NULL;
    return (key->flags & KEY_SECRET) != 0 && text[0] != '\0' && strstr(text, "${secret}") == NULL &&
           !(key->type == VALUE_SECRET && text[0] == '@');
}

static void check_secret(const struct key *key, const char *text, const struct place *place,
                         const struct config_source *source, struct complaints *c)
{
    struct error why;

    if (holds_secret(key, text) && (source->mode & S_IROTH) != 0)
        complain(c, WARNING, place,
                 "holds a secret, and everybody can read this file; run chmod o-rwx %s",
                 source->path);
    if (key->type != VALUE_SECRET || !view_starts(view_of(text), "@/"))
        return;
    if (secret_file_check(text + 1, &why) == 0)
        return;
    complain(c, ERROR, place, "%s", why.text);
    c->for_now |= failed_for_now(text + 1, &why);
}

static void check_secrets(const struct loaded *l, const struct config_source *source,
                          struct complaints *c)
{
    for (const struct part *part = l->parts; part != NULL; part = part->next)
        for (size_t i = 0; i < part->section->n_keys; i++) {
            const struct key *key = &part->section->keys[i];
            struct place place = part_place(part, key->name);
            for (const struct setting *s = &part->settings[i]; s != NULL; s = s->again) {
                place.line = s->line;
                if (s->line != 0)
                    check_secret(key, s->text, &place, source, c);
            }
        }
}

/* Unless it was written, the file of blocks stands beside the exclusions. */
static int place_blocks(struct loaded *l)
{
    struct setting *setting = part_setting(part_first(l, "blocks"), "file");
    struct view file = view_of(l->config.exclusions.file);
    struct buf path = BUF_INIT(0);

    if (setting->line != 0)
        return 0;
    buf_add_view(&path, view_first(file, (size_t)(view_find_last(file, '/') + 1)));
    buf_add_text(&path, "blocks");
    l->config.blocks.file = setting->text = arena_copy(l->arena, buf_view(&path));
    bool failed = path.failed;
    buf_free(&path);
    return failed || setting->text == NULL ? ERR_NOMEM : 0;
}

static void check_http(const struct loaded *l, struct complaints *c)
{
    struct place place = part_place(part_first(l, "admin"), "http");
    char listen[80];
    struct text t = text_on(listen, sizeof listen);
    struct error why;

    if (l->config.admin.http[0] == '\0')
        return;
    text_addf(&t, "inet:%s", l->config.admin.http);
    if (place_check_listen(text_view(&t), &why) < 0)
        complain(c, ERROR, &place, "%s; write for example 127.0.0.1:9340 or [::1]:9340", why.text);
    else
        config_check_http_port(l, text_view(&t), c);
}

int config_check(struct loaded *l, const struct config_source *source, struct complaints *c)
{
    if (place_blocks(l) < 0)
        return ERR_NOMEM;
    l->config.local_reply =
        l->config.contact[0] == '\0' ? key_reply_without_contact : key_reply_default;
    check_user(l, c);
    check_contact(l, c);
    check_sockets(l, c);
    check_feeds(l, c);
    check_zones(l, c);
    config_check_dns(l, c);
    config_check_fleet(l, c);
    config_check_files(l, c);
    check_http(l, c);
    check_secrets(l, source, c);
    return 0;
}
