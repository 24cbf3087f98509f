/* [redis]: what relays share, and where. */
#include "loaded.h"

#define PREFIX_MAX 64

/* It stands in keys, in channels and in the patterns of Redis' ACL. */
static bool is_prefix(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~' || strchr("*?[]\\", text[i]) != NULL)
            return false;
    return len > 0 && len <= PREFIX_MAX;
}

static void complain_of(const struct part *part, const char *key, bool error, const char *words,
                        struct complaints *c)
{
    struct place place = part_place(part, key);

    complain(c, error ? ERROR : WARNING, &place, "%s", words);
}

/* What would be asked for and not done. */
static void check_use(const struct part *part, const struct fleet_config *f, struct complaints *c)
{
    bool off = f->url[0] == '\0';

    if (off && f->share != 0)
        complain_of(part, "share", false, "nothing is shared without url", c);
    if (!off && f->share == 0)
        complain_of(part, "url", false, "nothing is shared; write share = lists exclusions blocks",
                    c);
    if (!off && f->secret[0] == '\0' && (f->share & (FLEET_LISTS | FLEET_BLOCKS)) != 0)
        complain_of(
            part, "share", false,
            "lists and blocks are only taken from Redis when they are signed; write secret = "
            "@FILE, the same on all relays",
            c);
    if ((f->sentinel[0] == '\0') != (f->master[0] == '\0'))
        complain_of(part, f->sentinel[0] == '\0' ? "master" : "sentinel", true,
                    "sentinel and master need each other; write both", c);
}

void config_check_fleet(struct loaded *l, struct complaints *c)
{
    const struct part *part = part_first(l, "redis");
    struct fleet_config *f = &l->config.fleet;
    struct place share = part_place(part, "share"), url = part_place(part, "url"),
                 secret = part_place(part, "secret");
    struct error why;

    if (f->url == NULL) /* as an empty URL is stored */
        f->url = "";
    f->state_dir = l->config.state_dir;
    f->addresses = &l->config.addresses;
    if (fleet_share_parse(view_of(l->config.fleet_share), &f->share, &why) < 0)
        complain(c, ERROR, &share, "%s", why.text);
    f->secret = secret_resolve(l->arena, f->secret, &secret, c);
    if (f->secret == NULL)
        f->secret = "";
    if (!is_prefix(f->prefix))
        complain_of(part, "prefix", true,
                    "must be 1 to 64 printable characters, none of them a blank or one of * ? [ ] "
                    "or a backslash",
                    c);
    if (f->url[0] != '\0' && fleet_config_check(f, &why) < 0)
        complain(c, ERROR, &url, "%s", why.text);
    check_use(part, f, c);
}
