/*
 * URLs of Redis, any bytes of them: nothing is read or written beyond an end, what is read stands
 * within its bounds, and an error repeats nothing of what it was given.
 */
#include <stdint.h>
#include <stdlib.h>

#include "fleet/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* The same for all, but for what is expected at a place. */
static void check_words(const struct error *why, struct view text)
{
    struct view rest = view_of(why->text);

    must(why->code == ERR_SYNTAX && rest.len > 0 && view_is_ascii(rest));
    /* Words of ours have no such bytes. */
    for (size_t i = 0; i < text.len; i++)
        must(!ascii_control(text.ptr[i]) || view_find(rest, text.ptr[i]) < 0);
}

static void check_place(const struct redis_url *url)
{
    char where[REDIS_WHERE_MAX];
    struct redis_url again;

    must(memchr(url->path, '\0', sizeof url->path) != NULL);
    must(memchr(url->host, '\0', sizeof url->host) != NULL);
    must(memchr(url->user, '\0', sizeof url->user) != NULL);
    must(memchr(url->password, '\0', sizeof url->password) != NULL);
    must((url->path[0] != '\0') != (url->host[0] != '\0'));
    must(url->user[0] == '\0' || url->password[0] != '\0');
    must(strlen(redis_url_where(url, where)) < sizeof where - 1);
    if (url->path[0] != '\0')
        return;
    must(url->port > 0);
    must(redis_host_parse(view_of(where), 1, &again, NULL) == 0);
    must(strcmp(again.host, url->host) == 0 && again.port == url->port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view text = view_make(data, size);
    struct redis_url url;
    struct error why;

    if (redis_url_parse(text, &url, &why) == 0)
        check_place(&url);
    else
        check_words(&why, text);
    if (redis_host_parse(text, SENTINEL_PORT, &url, &why) == 0)
        check_place(&url);
    else
        check_words(&why, text);
    return 0;
}
