/* [redis] of the configuration: see fleet.h. */
#include "parts.h"

static const struct {
    const char *word;
    enum fleet_share bit;
} shares[] = {
    {"lists", FLEET_LISTS},
    {"exclusions", FLEET_EXCLUSIONS},
    {"blocks", FLEET_BLOCKS},
    {"events", FLEET_EVENTS},
};

static unsigned share_named(struct view word)
{
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        if (view_is(word, shares[i].word))
            return shares[i].bit;
    return 0;
}

int fleet_share_parse(struct view text, unsigned *share, struct error *why)
{
    struct view rest = text, part, word;

    *share = 0;
    while (rest.len > 0 && view_split(&rest, ',', &part))
        while (view_word(&part, &word)) {
            unsigned bit = share_named(word);
            if (bit == 0)
                return error_set(why, ERR_SYNTAX,
                                 "'%.*s' cannot be shared; write any of lists, exclusions, "
                                 "blocks, events",
                                 (int)(word.len > 40 ? 40 : word.len), word.ptr);
            *share |= bit;
        }
    return 0;
}

int fleet_sentinels_parse(struct view text, struct redis_url *out, size_t *n, struct error *why)
{
    struct view rest = text, part, word;

    *n = 0;
    while (rest.len > 0 && view_split(&rest, ',', &part))
        while (view_word(&part, &word)) {
            if (*n == FLEET_MAX_SENTINELS)
                return error_set(why, ERR_LIMIT, "more than %d sentinels", FLEET_MAX_SENTINELS);
            int rc = redis_host_parse(word, SENTINEL_PORT, &out[(*n)++], why);
            if (rc < 0)
                return error_prefix(why, "sentinel");
        }
    return 0;
}

int fleet_config_check(const struct fleet_config *config, struct error *why)
{
    struct redis_url url, sentinels[FLEET_MAX_SENTINELS];
    size_t n;
    int rc = redis_url_parse(view_of(config->url), &url, why);

    if (rc == 0 && config->sentinel[0] != '\0')
        rc = fleet_sentinels_parse(view_of(config->sentinel), sentinels, &n, why);
    return rc;
}
