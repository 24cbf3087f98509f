/* What of a feed's URL matters here. libcurl takes URLs apart for itself. */
#include "url.h"

#include <fnmatch.h>

#include "rcptguard/base/escape.h"
#include "rcptguard/base/hash.h"
#include "rcptguard/base/view.h"
#include "rcptguard/feeds.h"
#include "signature.h"

#define SECRET_WORD "${secret}"
#define HIDDEN      "***"
#define GLOB_SIGNS  "*?["

bool url_is_file(const char *url)
{
    return view_eq_nocase(view_first(view_of(url), 5), view_of("file:"));
}

bool feed_url_is_glob(const char *url)
{
    return url_is_file(url) && view_find_any(view_of(url), GLOB_SIGNS) >= 0;
}

/* Behind "file:" and an empty or local host; VIEW_NONE: no absolute path. */
static struct view file_part(const char *url)
{
    struct view v = view_from(view_of(url), strlen("file:"));

    if (view_starts(v, "//localhost/"))
        v = view_from(v, strlen("//localhost"));
    else if (view_starts(v, "///"))
        v = view_from(v, 2);
    return !url_is_file(url) || !view_starts(v, "/") || view_starts(v, "//") ? VIEW_NONE : v;
}

static bool is_glob_sign(char c)
{
    return c == '\\' || view_find(view_of(GLOB_SIGNS), c) >= 0;
}

static bool decode_path(const char *url, bool pattern, char *path, size_t size)
{
    struct view v = file_part(url);
    size_t len = 0;

    for (size_t i = 0; i < v.len; i++) {
        unsigned char c = (unsigned char)v.ptr[i];
        bool coded = c == '%' && hex_parse(view_first(view_from(v, i + 1), 2), &c, 1);
        bool plain = pattern && (coded || c == '\\') && is_glob_sign((char)c);
        if (c == '\0' || len + 2 + plain > size)
            return false;
        i += coded ? 2 : 0;
        if (plain)
            path[len++] = '\\';
        path[len++] = (char)c;
    }
    path[len] = '\0';
    return v.len > 0;
}

bool url_file_path(const char *url, char *path, size_t size)
{
    return decode_path(url, false, path, size);
}

bool url_file_pattern(const char *url, char *pattern, size_t size)
{
    return decode_path(url, true, pattern, size);
}

bool feed_url_names(const char *url, const char *path)
{
    char pattern[4096];

    return url_file_pattern(url, pattern, sizeof pattern) &&
           fnmatch(pattern, path, FNM_PATHNAME | FNM_PERIOD) == 0;
}

/* From the host, with what stands before it, to the end of it; empty: there is none. */
static struct view authority_of(struct view url)
{
    ptrdiff_t colon = view_find(url, ':');
    struct view v = colon < 0 ? VIEW_NONE : view_from(url, (size_t)colon + 1);

    if (!view_starts(v, "//"))
        return VIEW_NONE;
    v = view_from(v, 2);
    ptrdiff_t end = view_find_any(v, "/?#");
    return end < 0 ? v : view_first(v, (size_t)end);
}

int url_userinfo(struct buf *to, const char *url)
{
    struct view authority = authority_of(view_of(url));
    ptrdiff_t at = view_find_last(authority, '@');

    return at < 0 ? 0 : buf_add_view(to, view_first(authority, (size_t)at));
}

static void show_piece(struct text *t, struct view v)
{
    escape_to_max(t, v, ESCAPE_TERMINAL, t->size);
}

/* Before the next ${secret}, which is skipped; *FOUND: there was one. */
static struct view before_secret(struct view *rest, bool *found)
{
    struct view v = *rest;
    const char *at = v.len == 0 ? NULL : memmem(v.ptr, v.len, SECRET_WORD, strlen(SECRET_WORD));

    *found = at != NULL;
    if (at == NULL) {
        *rest = VIEW_NONE;
        return v;
    }
    size_t len = (size_t)(at - v.ptr);
    *rest = view_from(v, len + strlen(SECRET_WORD));
    return view_first(v, len);
}

void url_shown(const char *url, char *shown, size_t size)
{
    struct text t = text_on(shown, size);
    struct view v = view_of(url), authority = authority_of(v);
    ptrdiff_t at = view_find_last(authority, '@');
    bool more = true;

    if (at >= 0) {
        show_piece(&t, view_first(v, (size_t)(authority.ptr - v.ptr)));
        text_add(&t, HIDDEN);
        v = view_from(v, (size_t)(authority.ptr + at - v.ptr));
    }
    while (more) {
        show_piece(&t, before_secret(&v, &more));
        if (more)
            text_add(&t, HIDDEN);
    }
}

int url_encode(struct buf *to, const char *secret)
{
    for (const char *at = secret; *at != '\0'; at++) {
        if (ascii_alnum(*at) || view_find(view_of("-._~"), *at) >= 0)
            buf_add(to, at, 1);
        else
            buf_addf(to, "%%%02X", (unsigned char)*at);
    }
    return to->failed ? -1 : 0;
}

static int expand(struct buf *to, const char *text, const char *secret,
                  int (*add)(struct buf *, const char *))
{
    struct view rest = view_of(text);
    bool found = true;

    while (found) {
        buf_add_view(to, before_secret(&rest, &found));
        if (found && secret != NULL)
            add(to, secret);
    }
    return buf_add_text(to, "");
}

int url_expand_text(struct buf *to, const char *text, const char *secret)
{
    return expand(to, text, secret, buf_add_text);
}

int url_expand(struct buf *to, const char *url, const char *secret)
{
    return expand(to, url, secret, url_encode);
}

int url_of_signature(struct buf *to, const char *url)
{
    struct view v = view_of(url), authority = authority_of(v);
    ptrdiff_t end = url_is_file(url) ? -1 : view_find_any(v, "?#");
    struct view path = end < 0 ? v : view_first(v, (size_t)end);
    bool no_path = authority.len > 0 && authority.ptr + authority.len == path.ptr + path.len;

    buf_add_view(to, path);
    buf_add_text(to, no_path ? "/" SIGNATURE_SUFFIX : SIGNATURE_SUFFIX);
    return buf_add_view(to, view_from(v, path.len));
}

/* Of two that fit the longer one: a secret may begin like another. */
static size_t secret_at(struct view words, struct view secrets)
{
    size_t longest = 0;
    struct view secret;

    while (view_split(&secrets, '\0', &secret))
        if (secret.len > longest && secret.len <= words.len &&
            memcmp(words.ptr, secret.ptr, secret.len) == 0)
            longest = secret.len;
    return longest;
}

void url_hide(struct text *to, struct view words, struct view secrets)
{
    while (words.len > 0) {
        size_t len = secret_at(words, secrets);
        if (len > 0)
            text_add(to, HIDDEN);
        else
            text_add_view(to, view_first(words, len = 1));
        words = view_from(words, len);
    }
}
