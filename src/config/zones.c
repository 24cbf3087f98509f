/*
 * DNS zones, and whom to ask for them. A zone's name is what is asked and what is shown, and they
 * differ where it holds a secret: both are made here, once, so that nobody else ever masks one.
 */
#include <arpa/inet.h>
#include <string.h>

#include "loaded.h"

#define LABEL_MAX_BYTES 63 /* RFC 1035, 2.3.4 */

/* Keys of lists have 26 letters and digits and more, the words of zones' names fewer than these. */
#define KEY_MIN_BYTES 20

/* In place of a secret in what --dump-config prints, which must load: no account has this one. */
#define HIDDEN       "***"
#define HIDDEN_LABEL "xxx"

/* TEMPLATE with WORD for ${secret}; NULL: no memory. */
static const char *fill(struct arena *arena, const char *template, const char *word)
{
    struct buf name = BUF_INIT(0);
    const char *at;

    for (; (at = strstr(template, SECRET_WORD)) != NULL; template = at + strlen(SECRET_WORD)) {
        buf_add_view(&name, view_make(template, (size_t)(at - template)));
        buf_add_text(&name, word);
    }
    buf_add_text(&name, template);
    const char *filled = name.failed ? NULL : arena_copy(arena, buf_view(&name));
    if (name.data != NULL)
        explicit_bzero(name.data, name.len);
    buf_free(&name);
    return filled;
}

/* More would change which zone is asked, or be no name at all. */
static bool is_label(struct view text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_alnum(text.ptr[i]) && text.ptr[i] != '-')
            return false;
    return text.len > 0 && text.len <= LABEL_MAX_BYTES;
}

/* What goes into the name; NULL: there is nothing that could, and that was told. */
static const char *secret_label(struct loaded *l, const struct part *part, const char *written,
                                struct complaints *c)
{
    struct place place = part_place(part, "secret");

    if (strcmp(written, HIDDEN) == 0) {
        complain(c, WARNING, &place,
                 "is what --dump-config shows in place of a secret; write the secret or @FILE");
        return HIDDEN_LABEL;
    }
    const char *secret = secret_resolve(l->arena, written, &place, c);
    if (secret == NULL || secret[0] == '\0')
        return NULL;
    if (is_label(view_of(secret)))
        return secret;
    complain(
        c, ERROR, &place,
        "holds what cannot be a part of a zone's name; write the key alone: at most %d letters, "
        "digits and '-', no dots",
        LABEL_MAX_BYTES);
    return NULL;
}

/* True: the zone has its two names, as asked and as shown. */
static bool set_names(struct loaded *l, const struct part *part, struct config_zone *zone,
                      struct complaints *c)
{
    struct place place = part_place(part, "zone");
    struct place unused = part_place(part, "secret");
    const char *template = zone->zone.zone, *secret = "";

    if (!secret_check_use(part, &place, template, c))
        return false;
    if (secret_is_in(template))
        secret = secret_label(l, part, zone->secret, c);
    else if (part_setting(part, "secret")->text[0] != '\0')
        complain(c, WARNING, &unused, "nothing uses it; write %s in zone", SECRET_WORD);
    if (secret == NULL)
        return false;
    zone->zone.zone = fill(l->arena, template, secret);
    zone->zone.shown = fill(l->arena, template, HIDDEN);
    zone->zone.secret = secret;
    if (zone->zone.zone != NULL && zone->zone.shown != NULL)
        return true;
    complain(c, ERROR, &place, "no memory");
    return false;
}

/* Lists give keys of letters and digits without a meaning. */
static bool looks_like_key(struct view label)
{
    bool digit = false, letter = false;

    for (size_t i = 0; i < label.len; i++) {
        if (!ascii_alnum(label.ptr[i]))
            return false;
        digit = digit || ascii_digit(label.ptr[i]);
        letter = letter || !ascii_digit(label.ptr[i]);
    }
    return label.len >= KEY_MIN_BYTES && digit && letter;
}

static void check_open_key(const struct part *part, const char *zone, struct complaints *c)
{
    struct place place = part_place(part, "zone");
    struct view rest = view_of(zone), label;

    while (view_split(&rest, '.', &label))
        if (looks_like_key(label))
            complain(c, WARNING, &place,
                     "seems to hold a key, which everybody sees who sees the zone; write %s in its "
                     "place, and secret = @FILE",
                     SECRET_WORD);
}

/* The names that RFC 5782 gives are names of domain lists; a hash of nothing is not listed. */
static void set_default_probe(const struct part *part, const char *key, const char **probe)
{
    struct setting *setting = part_setting(part, key);

    if (setting->line == 0)
        *probe = setting->text = "";
}

static void check_timeout(const struct loaded *l, const struct part *part, int64_t timeout_ms,
                          struct complaints *c)
{
    struct place place = part_place(part, "timeout");

    if (part_setting(part, "timeout")->line != 0 && timeout_ms > l->config.deadline_ms)
        complain(c, WARNING, &place,
                 "is longer than [policy] deadline, which rules; shorten it, or lengthen the "
                 "deadline");
}

static void check_number(const struct loaded *l, const struct part *part,
                         const struct config_zone *zone, struct complaints *c)
{
    struct place place = {part->line, view_of(part->section->name), part->name, VIEW_NONE};

    if (zone - l->config.zones == DNSBL_ZONES_MAX)
        complain(c, ERROR, &place, "more than %d zones; remove some", DNSBL_ZONES_MAX);
}

void config_check_zone(struct loaded *l, const struct part *part, struct config_zone *zone,
                       struct complaints *c)
{
    const char *key = "zone";
    struct error why;

    check_number(l, part, zone, c);
    check_timeout(l, part, zone->zone.timeout_ms, c);
    if (zone->zone.query != DNSBL_DOMAIN) {
        set_default_probe(part, "probe_listed", &zone->zone.probe_listed);
        set_default_probe(part, "probe_unlisted", &zone->zone.probe_unlisted);
    }
    check_open_key(part, zone->zone.zone, c);
    if (zone->zone.zone[0] == '\0' || !set_names(l, part, zone, c))
        return;
    if (dnsbl_zone_check(&zone->zone, &key, &why) < 0) {
        struct place place = part_place(part, key);
        complain(c, ERROR, &place, "%s", why.text);
    }
}

/* ---- [dns] ---------------------------------------------------------------------------------- */

/* Resolvers for everybody, that lists tell nothing to: they could not count who asks. */
static const char *const public_resolvers[] = {
    "8.8.8.8",        "8.8.4.4",         "2001:4860:4860::8888", "2001:4860:4860::8844",
    "1.1.1.1",        "1.0.0.1",         "2606:4700:4700::1111", "2606:4700:4700::1001",
    "9.9.9.9",        "149.112.112.112", "2620:fe::fe",          "2620:fe::9",
    "208.67.222.222", "208.67.220.220",  "2620:119:35::35",      "2620:119:53::53",
};

/* The address alone: 192.0.2.1:53, [2001:db8::1]:53 and 2001:db8::1 without port and brackets. */
static struct view server_address(struct view server)
{
    ptrdiff_t end = view_find(server, ']'), colon = view_find(server, ':');

    if (end > 0 && server.ptr[0] == '[')
        return view_make(server.ptr + 1, (size_t)end - 1);
    return colon >= 0 && colon == view_find_last(server, ':') ? view_first(server, (size_t)colon)
                                                              : server;
}

/* However it is spelled. */
static bool is_same_address(const char *a, const char *b)
{
    unsigned char x[16], y[16];
    int family = strchr(a, ':') == NULL ? AF_INET : AF_INET6;

    return inet_pton(family, a, x) == 1 && inet_pton(family, b, y) == 1 &&
           memcmp(x, y, family == AF_INET ? 4 : 16) == 0;
}

static bool is_public(struct view server)
{
    char address[INET6_ADDRSTRLEN];
    struct text t = text_on(address, sizeof address);

    text_addf(&t, "%.*s", (int)server_address(server).len, server_address(server).ptr);
    for (size_t i = 0; i < sizeof public_resolvers / sizeof public_resolvers[0]; i++)
        if (is_same_address(public_resolvers[i], address))
            return true;
    return false;
}

void config_check_dns(const struct loaded *l, struct complaints *c)
{
    struct place place = part_place(part_first(l, "dns"), "servers");
    struct view rest = view_of(l->config.dns_servers), server;
    struct error why;

    if (rest.len == 0)
        return;
    if (dnsbl_servers_check(rest, &why) < 0) {
        complain(c, ERROR, &place, "%s", why.text);
        return;
    }
    while (dnsbl_servers_next(&rest, &server))
        if (is_public(server))
            complain(c, WARNING, &place,
                     "%.*s is a public resolver, which lists answer with error codes; write one of "
                     "your own, for example 127.0.0.1",
                     (int)server.len, server.ptr);
}
