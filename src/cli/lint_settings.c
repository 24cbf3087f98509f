/*
 * What `lint --format F --set KEY=VALUE` means: a [feed] of the configuration that was never
 * written. It is read by the configuration's own parser, so that lint knows every key, every
 * default and every message of it.
 */
#include "lint.h"

#include <string.h>

#include "rcptguard/base/nearest.h"

#define KEYS_MAX 32

/* Keys of the guards that have something to say about a first copy, and the cap of its bytes. */
static const char *const guard_keys[] = {"min_entries", "max_bad", "max_protected", "max_bytes"};

/* Keys of formats that need more than the file. */
static bool needs_daemon(const char *key)
{
    return strcmp(key, "cleared") == 0 || strcmp(key, "entry_max_age") == 0;
}

static size_t keys_of(const struct feed_format_info *format, const char *keys[KEYS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; format->keys != NULL && format->keys[i] != NULL; i++)
        if (!needs_daemon(format->keys[i]) && n < KEYS_MAX)
            keys[n++] = format->keys[i];
    for (size_t i = 0; i < sizeof guard_keys / sizeof *guard_keys && n < KEYS_MAX; i++)
        keys[n++] = guard_keys[i];
    return n;
}

static bool is_key(const struct feed_format_info *format, struct view key)
{
    const char *keys[KEYS_MAX];
    size_t n = keys_of(format, keys);
    char all[512];
    struct text t = text_on(all, sizeof all);

    for (size_t i = 0; i < n; i++)
        if (view_is(key, keys[i]))
            return true;
    for (size_t i = 0; format->keys != NULL && format->keys[i] != NULL; i++)
        if (needs_daemon(format->keys[i]) && view_is(key, format->keys[i])) {
            cli_trouble("--set: lint does not read %s: the daemon alone judges by it; leave it out",
                        format->keys[i]);
            return false;
        }
    for (size_t i = 0; i < n; i++)
        text_addf(&t, "%s%s", i == 0 ? "" : ", ", keys[i]);
    cli_trouble("--set: %s has no key '%.*s' that lint reads; did you mean '%s'? (%s)",
                format->name, key.len < 60 ? (int)key.len : 60, key.ptr, nearest_name(key, keys, n),
                all);
    return false;
}

/* One line of the file. '#' would begin a comment there, a line end another line. */
static int add_setting(struct buf *text, const struct feed_format_info *format, const char *set)
{
    struct view rest = view_of(set), key;

    for (size_t i = 0; i < rest.len; i++)
        if (ascii_control(rest.ptr[i]))
            return cli_trouble("--set %s: holds a control byte", set);
    if (view_find(rest, '=') < 0)
        return cli_trouble("--set %s: write --set KEY=VALUE", set);
    view_split(&rest, '=', &key);
    key = view_trim(key);
    if (!is_key(format, key))
        return CLI_TROUBLE;
    buf_add_view(text, key);
    buf_add_text(text, " = ");
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] == '#')
            buf_add_text(text, "\\");
        buf_add(text, rest.ptr + i, 1);
    }
    buf_add_text(text, "\n");
    return CLI_OK;
}

/* "--set:4: feed lint.types: what is wrong" without what nobody wrote. */
static void tell(const struct config_problems *problems)
{
    static const char before[] = "feed lint.";

    for (size_t i = 0; i < problems->count; i++) {
        const char *said = strstr(problems->items[i].text, before);
        if (!problems->items[i].warning)
            fprintf(stderr, "rcptguard: --set %s\n",
                    said == NULL ? problems->items[i].text : said + strlen(before));
    }
}

struct config *lint_settings(const struct args *args, const struct feed_format_info *format)
{
    struct buf text = BUF_INIT(0);
    struct config *config = NULL;
    struct config_problems problems = {0};
    int code = CLI_OK;

    if (format != NULL)
        buf_addf(&text, "[feed lint]\nurl = file:/lint\nformat = %s\n", format->name);
    for (size_t i = 0; format != NULL && i < args->n_set && code == CLI_OK; i++)
        code = add_setting(&text, format, args->set[i]);
    if (code == CLI_OK && config_of_text("--set", buf_view(&text), &config, &problems) < 0)
        tell(&problems);
    config_problems_free(&problems);
    buf_free(&text);
    return config;
}
