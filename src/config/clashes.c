/*
 * What cannot be in one place with something else: sockets, and the files that are written here or
 * say opposite things. A path is compared as it is written: links are not followed, since -t may
 * run where the files are not.
 */
#include <string.h>

#include "loaded.h"
#include "rcptguard/base/socket.h"

/* ---- sockets -------------------------------------------------------------------------------- */

static bool is_any(const struct socket_address *where)
{
    return strcmp(where->host, "0.0.0.0") == 0 || strcmp(where->host, "::") == 0;
}

/* Could only one of the two be bound? IPv6 sockets here take no IPv4. */
static bool share_port(const struct socket_address *a, const struct socket_address *b)
{
    bool one_family = (strchr(a->host, ':') == NULL) == (strchr(b->host, ':') == NULL);

    return !a->is_unix && !b->is_unix && a->port == b->port && one_family &&
           (is_any(a) || is_any(b) || strcmp(a->host, b->host) == 0);
}

void config_check_http_port(const struct loaded *l, struct view listen, struct complaints *c)
{
    struct place place = part_place(part_first(l, "admin"), "http");
    struct socket_address http, policy;

    if (socket_address_parse(listen, &http, NULL) < 0)
        return;
    for (size_t i = 0; i < l->config.policy.n_listen; i++)
        if (socket_address_parse(view_of(l->config.policy.listen[i]), &policy, NULL) == 0 &&
            share_port(&http, &policy))
            complain(c, ERROR, &place, "is the port of policy.listen too; write another");
}

/* ---- files ---------------------------------------------------------------------------------- */

/* The log would spoil what it is appended to. The others are for the help desk, and edited here:
 * mail flows with them in one file, and an update must not end a relay that has them so. */
static const struct mine {
    const char *section, *why;
    enum weight weight;
} mine[] = {
    {"exclusions", "what is let through should not stand there", WARNING},
    {"blocks", "`rcptguard block` would write into it", WARNING},
    {"decisions", "decisions would be appended to it", ERROR},
};

static const char *file_of(const struct loaded *l, const struct mine *m)
{
    const struct config *config = &l->config;

    if (strcmp(m->section, "exclusions") == 0)
        return config->exclusions.file;
    return strcmp(m->section, "blocks") == 0 ? config->blocks.file : config->decisions_file;
}

/* One of the two was written: a default is no line to point at. */
static void complain_of_clash(const struct loaded *l, const struct mine *m,
                              const struct part *other, const char *key,
                              const struct setting *setting, struct complaints *c)
{
    const struct part *part = part_first(l, m->section);
    bool written = part_setting(part, "file")->line != 0;
    struct place place = part_place(written ? part : other, written ? "file" : key);

    if (!written) {
        place.line = setting->line;
        complain(c, m->weight, &place, "is the file of [%s] too, and %s; write another", m->section,
                 m->why);
    } else if (other->name.len > 0) {
        complain(c, m->weight, &place, "is the list of [feed %s] too, and %s; write another",
                 other->name.ptr, m->why);
    } else {
        complain(c, m->weight, &place, "is the file of protect.domains too, and %s; write another",
                 m->why);
    }
}

static void check_feed(const struct loaded *l, const struct mine *m, const struct part *feed,
                       struct complaints *c)
{
    static const char *const keys[] = {"url", "cleared"};
    const char *file = file_of(l, m);

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        for (const struct setting *s = part_setting(feed, keys[i]); s != NULL; s = s->again)
            if (feed_url_names(s->text, file))
                complain_of_clash(l, m, feed, keys[i], s, c);
}

static void check_mine(const struct loaded *l, const struct mine *m, struct complaints *c)
{
    const struct part *protect = part_first(l, "protect");
    const char *file = file_of(l, m);

    if (file == NULL)
        return;
    for (const struct part *part = l->parts; part != NULL; part = part->next)
        if (strcmp(part->section->name, "feed") == 0)
            check_feed(l, m, part, c);
    if (l->config.protect_file != NULL && strcmp(l->config.protect_file, file) == 0)
        complain_of_clash(l, m, protect, "domains", part_setting(protect, "domains"), c);
}

/* A log that is appended to what the help desk edits. */
static void check_decisions(const struct loaded *l, struct complaints *c)
{
    struct place place = part_place(part_first(l, "decisions"), "file");
    const char *file = l->config.decisions_file;

    if (file != NULL &&
        (strcmp(file, l->config.exclusions.file) == 0 || strcmp(file, l->config.blocks.file) == 0))
        complain(c, ERROR, &place, "is the file of exclusions or blocks; write another");
}

static void check_blocks(const struct loaded *l, struct complaints *c)
{
    struct place place = part_place(part_first(l, "blocks"), "file");

    if (strcmp(l->config.blocks.file, l->config.exclusions.file) == 0)
        complain(c, ERROR, &place,
                 "is the file of exclusions; what is blocked and what is let through cannot stand "
                 "in one file, write another");
}

void config_check_files(const struct loaded *l, struct complaints *c)
{
    check_blocks(l, c);
    check_decisions(l, c);
    for (size_t i = 0; i < sizeof mine / sizeof mine[0]; i++)
        check_mine(l, &mine[i], c);
}
