/* What of a feed's URL matters here. libcurl takes URLs apart for itself. */
#include "url.h"

#include "rcptguard/base/escape.h"
#include "rcptguard/base/hash.h"
#include "rcptguard/base/view.h"

bool url_is_file(const char *url)
{
    return view_eq_nocase(view_first(view_of(url), 5), view_of("file:"));
}

bool url_file_path(const char *url, char *path, size_t size)
{
    struct view v = view_from(view_of(url), strlen("file:"));
    size_t len = 0;

    if (view_starts(v, "//localhost/"))
        v = view_from(v, strlen("//localhost"));
    else if (view_starts(v, "///"))
        v = view_from(v, 2);
    if (!url_is_file(url) || !view_starts(v, "/") || view_starts(v, "//"))
        return false;
    for (size_t i = 0; i < v.len; i++, len++) {
        unsigned char c = (unsigned char)v.ptr[i];
        if (c == '%' && hex_parse(view_first(view_from(v, i + 1), 2), &c, 1))
            i += 2;
        if (c == '\0' || len + 1 >= size)
            return false;
        path[len] = (char)c;
    }
    path[len] = '\0';
    return true;
}

void url_shown(const char *url, char *shown, size_t size)
{
    struct text t = text_on(shown, size);
    struct view v = view_of(url);
    const char *authority = strstr(url, "://");

    if (authority != NULL) {
        size_t start = (size_t)(authority - url) + 3;
        struct view host = view_first(view_from(v, start), strcspn(url + start, "/?#"));
        ptrdiff_t at = view_find_last(host, '@');
        escape_to_max(&t, view_first(v, start), ESCAPE_TERMINAL, size);
        v = view_from(v, start + (size_t)(at + 1));
    }
    escape_to_max(&t, v, ESCAPE_TERMINAL, size);
}
