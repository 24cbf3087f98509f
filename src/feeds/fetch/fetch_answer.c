/* What the headers of an answer say. */
#include "cache_control.h"
#include "fetch_parts.h"
#include "rcptguard/base/clock.h"

/* The value of the first such header of the last answer, or NULL. */
static const char *header_of(struct fetch *f, const char *name)
{
    struct curl_header *header;

    return curl_easy_header(f->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? header->value
               : NULL;
}

void fetch_take_header(struct fetch *f, const char *name, char *dst, size_t size)
{
    struct view v = view_trim(view_of(header_of(f, name)));

    dst[0] = '\0';
    if (v.len == 0 || v.len >= size)
        return;
    for (size_t i = 0; i < v.len; i++)
        if (ascii_control(v.ptr[i]) || (unsigned char)v.ptr[i] > 0x7e)
            return;
    memcpy(dst, v.ptr, v.len);
    dst[v.len] = '\0';
}

bool fetch_is_measured(struct fetch *f)
{
    long version = 0;

    curl_easy_getinfo(f->easy, CURLINFO_HTTP_VERSION, &version);
    return version >= CURL_HTTP_VERSION_2_0 || header_of(f, "Content-Length") != NULL ||
           header_of(f, "Transfer-Encoding") != NULL;
}

/* Expires against the server's own clock, where it tells it; a date that is none is past. */
static int64_t until_expires(struct fetch *f)
{
    const char *expires = header_of(f, "Expires"), *date = header_of(f, "Date");
    time_t then = expires == NULL ? -1 : curl_getdate(expires, NULL);
    time_t now = date == NULL ? -1 : curl_getdate(date, NULL);

    return then == -1 ? 0 : (int64_t)then - (now == -1 ? clock_now() : (int64_t)now);
}

int64_t fetch_expires_s(struct fetch *f)
{
    struct cache_control c = {.max_age_s = -1};
    struct curl_header *header;
    uint64_t age = 0;

    for (size_t i = 0;
         curl_easy_header(f->easy, "Cache-Control", i, CURLH_HEADER, -1, &header) == CURLHE_OK; i++)
        cache_control_read(view_of(header->value), &c);
    if (header_of(f, "Age") != NULL)
        view_to_uint(view_trim(view_of(header_of(f, "Age"))), UINT32_MAX, &age);
    int64_t seconds = (c.max_age_s >= 0 ? c.max_age_s : until_expires(f)) - (int64_t)age;
    return c.never || seconds < 0 ? 0 : seconds;
}
