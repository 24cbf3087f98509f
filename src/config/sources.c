/*
 * How feeds are fetched: secrets, keys and what is written about servers. What is read here is read
 * with the configuration, before privileges are dropped, and lives as long as it does; it is never
 * shown.
 */
#include "loaded.h"
#include "places.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/hash.h"

#define PUBKEY_MAX_BYTES 4096

/* Headers that belong to HTTP itself or to the conditional fetch. */
static const char *const own_headers[] = {
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "Range",
    "If-None-Match",
    "If-Modified-Since",
    "If-Range",
    "Expect",
    "Upgrade",
    "TE",
    "Trailer",
};

/* One line of the file that says how to fetch. */
struct line {
    const struct part *part;
    const char *key;
    const struct setting *setting;
};

static struct place place_of(const struct line *line)
{
    struct place place = part_place(line->part, line->key);

    place.line = line->setting->line;
    return place;
}

/* Calls CHECK for every written line of KEY. */
static void each_line(const struct part *part, const char *key, const struct feed_config *feed,
                      struct complaints *c,
                      void (*check)(const struct line *, const struct feed_config *,
                                    struct complaints *))
{
    for (const struct setting *s = part_setting(part, key); s != NULL; s = s->again) {
        struct line line = {part, key, s};
        if (s->line != 0 && s->text[0] != '\0')
            check(&line, feed, c);
    }
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* ---- ${secret} ------------------------------------------------------------------------------ */

static void check_variables(const struct line *line, const struct feed_config *feed,
                            struct complaints *c)
{
    struct place place = place_of(line);

    (void)feed;
    secret_check_use(line->part, &place, line->setting->text, c);
}

static void check_no_variables(const struct line *line, const struct feed_config *feed,
                               struct complaints *c)
{
    struct place place = place_of(line);

    (void)feed;
    if (strstr(line->setting->text, "${") != NULL)
        complain(c, ERROR, &place, "takes no variables; write it out");
}

static bool line_uses_secret(const struct part *part, const char *key)
{
    for (const struct setting *s = part_setting(part, key); s != NULL; s = s->again)
        if (secret_is_in(s->text))
            return true;
    return false;
}

static void check_secret_is_used(const struct part *part, struct complaints *c)
{
    struct place place = part_place(part, "secret");

    if (part_setting(part, "secret")->text[0] != '\0' && !line_uses_secret(part, "url") &&
        !line_uses_secret(part, "cleared") && !line_uses_secret(part, "header") &&
        !line_uses_secret(part, "userpwd"))
        complain(c, WARNING, &place, "nothing uses it; write %s in url, header or userpwd",
                 SECRET_WORD);
}

static void read_secret(struct loaded *l, const struct part *part, struct feed_config *feed,
                        struct complaints *c)
{
    struct place place = part_place(part, "secret");

    if (is_set(feed->secret))
        feed->secret = secret_resolve(l->arena, feed->secret, &place, c);
}

/* ---- what is sent --------------------------------------------------------------------------- */

/* RFC 9110, token. */
static bool is_header_name(struct view name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_alnum(name.ptr[i]) && view_find(view_of("!#$%&'*+-.^_`|~"), name.ptr[i]) < 0)
            return false;
    return name.len > 0;
}

static void check_header(const struct line *line, const struct feed_config *feed,
                         struct complaints *c)
{
    struct place place = place_of(line);
    struct view v = view_of(line->setting->text);
    ptrdiff_t colon = view_find(v, ':');
    struct view name = view_first(v, colon < 0 ? 0 : (size_t)colon);
    struct view value = colon < 0 ? VIEW_NONE : view_trim(view_from(v, (size_t)colon + 1));

    (void)feed;
    if (!is_header_name(name) || value.len == 0)
        complain(c, ERROR, &place, "is not a header; write Name: value, for example X-Key: %s",
                 SECRET_WORD);
    for (size_t i = 0; i < sizeof own_headers / sizeof own_headers[0]; i++)
        if (view_eq_nocase(name, view_of(own_headers[i])))
            complain(c, ERROR, &place, "%s is set by the fetch itself; leave it out",
                     own_headers[i]);
}

static void check_userpwd(const struct line *line, const struct feed_config *feed,
                          struct complaints *c)
{
    struct place place = place_of(line);
    const char *text = line->setting->text;

    (void)feed;
    if (strchr(text, ':') == NULL || text[0] == ':')
        complain(c, ERROR, &place, "is not a user and a password; write user:password");
}

/* ---- where it goes -------------------------------------------------------------------------- */

static bool sends_secret(const struct line *line, const struct feed_config *feed)
{
    return feed->n_headers > 0 || is_set(feed->userpwd) || secret_is_in(line->setting->text) ||
           place_has_userinfo(view_of(line->setting->text));
}

static void check_url(const struct line *line, const struct feed_config *feed, struct complaints *c)
{
    struct place place = place_of(line);
    const char *url = line->setting->text, *format = feed->format;
    bool glob = feed_url_is_glob(url);

    if (view_starts(view_of(url), "file:")) {
        check_no_variables(line, feed, c);
    } else {
        check_variables(line, feed, c);
        if (view_starts(view_of(url), "http:") && !place_url_is_local(view_of(url)) &&
            sends_secret(line, feed))
            complain(c, WARNING, &place,
                     "sends a secret that everybody on the way can read; write https:");
    }
    if (glob && is_set(feed->pubkey))
        complain(c, ERROR, &place,
                 "several files cannot be signed as one list; name the file, or leave pubkey out");
    if (glob && !feed_format_joins(format))
        complain(c, ERROR, &place,
                 "several files of format %s are not one list; write a section for each", format);
}

/* ---- keys and certificates ------------------------------------------------------------------ */

static void read_pubkey(struct loaded *l, const struct part *part, struct feed_config *feed,
                        struct complaints *c)
{
    struct place place = part_place(part, "pubkey");
    struct buf text = BUF_INIT(0);
    unsigned char key[FEED_PUBKEY_BYTES];
    char hex[2 * FEED_PUBKEY_BYTES + 1];
    struct error why;

    if (!is_set(feed->pubkey))
        return;
    struct view words = view_of(feed->pubkey);
    bool is_file = words.ptr[0] == '/' && !feed_pubkey_parse(words, key);
    if (is_file && file_read(feed->pubkey, PUBKEY_MAX_BYTES, &text, &why) < 0)
        complain(c, ERROR, &place, "%s", why.text);
    else if (!feed_pubkey_parse(is_file ? buf_view(&text) : words, key))
        complain(c, ERROR, &place,
                 "is no ed25519 key; write the path of what `openssl pkey -pubout` prints, or the "
                 "key's 32 bytes as hex or base64");
    else if ((feed->pubkey = arena_copy(l->arena, view_of(hex_text(key, sizeof key, hex)))) == NULL)
        complain(c, ERROR, &place, "no memory");
    buf_free(&text);
}

static void check_pem(const struct part *part, const char *key, const char *path, bool private,
                      struct complaints *c)
{
    struct place place = part_place(part, key);
    struct error why;

    if (!is_set(path) || pem_file_check(path, private, &why) == 0)
        return;
    complain(c, ERROR, &place, "%s", why.text);
    c->for_now |= failed_for_now(path, &why);
}

static void check_tls(const struct part *part, const struct feed_config *feed, struct complaints *c)
{
    struct place key = part_place(part, "tls_key");
    bool apart = is_set(feed->tls_key);

    if (apart && !is_set(feed->tls_cert))
        complain(c, ERROR, &key, "is of no use without its certificate; write tls_cert too");
    check_pem(part, "tls_ca", feed->tls_ca, false, c);
    check_pem(part, "tls_cert", feed->tls_cert, !apart, c);
    check_pem(part, "tls_key", feed->tls_key, true, c);
}

void config_check_source(struct loaded *l, const struct part *part, struct feed_config *feed,
                         struct complaints *c)
{
    each_line(part, "url", feed, c, check_url);
    each_line(part, "cleared", feed, c, check_url);
    each_line(part, "header", feed, c, check_variables);
    each_line(part, "header", feed, c, check_header);
    each_line(part, "userpwd", feed, c, check_variables);
    each_line(part, "userpwd", feed, c, check_userpwd);
    each_line(part, "proxy", feed, c, check_no_variables);
    check_secret_is_used(part, c);
    check_tls(part, feed, c);
    read_secret(l, part, feed, c);
    read_pubkey(l, part, feed, c);
}
