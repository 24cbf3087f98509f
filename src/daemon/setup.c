/* From a configuration to what each room wants of it. */
#include "setup.h"

#include <stdlib.h>

#include "protection.h"

static void setup_free(struct shared *self)
{
    struct setup *s = (struct setup *)self;

    protect_release(s->protect);
    suffixes_free(s->suffixes);
    config_release(s->config);
    free(s->feed_configs);
    free(s->lists);
    free(s->zone_configs);
    free(s->zones);
    free(s);
}

static void fill_feeds(struct setup *s)
{
    const struct config *c = s->config;

    for (size_t i = 0; i < c->n_feeds; i++)
        s->feed_configs[i] = c->feeds[i].feed;
    s->feeds = (struct feeds_config){
        .owner = &s->shared,
        .state_dir = c->state_dir,
        .addresses = c->addresses,
        .protect = s->protect,
        .feeds = s->feed_configs,
        .n_feeds = c->n_feeds,
    };
}

static bool covers_too_much(enum entry_kind kind, struct view key, const void *arg)
{
    const struct setup *s = arg;

    return suffixes_covered(s->suffixes, kind, key) || protect_covers(s->protect, kind, key);
}

static void fill_rules(struct setup *s)
{
    const struct config *c = s->config;

    for (size_t i = 0; i < c->n_feeds; i++) {
        const struct config_feed *f = &c->feeds[i];
        s->lists[i] = (struct verdict_list){
            .name = f->feed.name,
            .action = f->action,
            .reply = f->reply,
            .entry_max_age_s = f->feed.entry_max_age_s,
            .max_age_s = f->feed.max_age_s,
        };
        feed_shape(&s->feeds, &s->feed_configs[i], s->lists[i].shape);
    }
    s->rules = (struct verdict_rules){
        .mode = c->mode,
        .contact = c->contact,
        .local_reply = c->local_reply,
        .addresses = c->addresses,
        .lists = s->lists,
        .n_lists = c->n_feeds,
        .zones = s->zones,
        .n_zones = c->n_zones,
        .deadline_ms = c->deadline_ms,
        .covers_too_much = covers_too_much,
        .covers_arg = s,
    };
}

static bool is_protected(struct view domain, const void *arg)
{
    return protect_covers(arg, ENTRY_DOMAIN, domain);
}

static void fill_zones(struct setup *s)
{
    const struct config *c = s->config;

    for (size_t i = 0; i < c->n_zones; i++) {
        s->zone_configs[i] = c->zones[i].zone;
        s->zones[i] = (struct verdict_zone){.name = c->zones[i].zone.name,
                                            .action = c->zones[i].action,
                                            .reply = c->zones[i].reply};
    }
    if (c->n_zones > 0 && c->dns_servers[0] == '\0')
        dnsbl_system_servers(s->system_servers);
    s->dnsbl = (struct dnsbl_config){
        .zones = s->zone_configs,
        .n_zones = c->n_zones,
        .servers = c->dns_servers[0] == '\0' ? s->system_servers : c->dns_servers,
        .cache_bytes = c->dns_cache_bytes,
        .max_questions = c->dns_max_questions,
        .is_protected = is_protected,
        .protected_arg = s->protect,
    };
}

struct setup *setup_new(struct config *config, const struct setup *before)
{
    struct setup *s = calloc(1, sizeof *s);
    if (s == NULL) {
        config_release(config);
        return NULL;
    }
    shared_init(&s->shared, setup_free);
    s->config = config;
    s->suffixes = suffixes_new();
    if (before != NULL)
        s->protect_problem = before->protect_problem;
    s->protect =
        protection_load(config, before == NULL ? NULL : before->protect, &s->protect_problem);
    s->feed_configs = calloc(config->n_feeds + 1, sizeof *s->feed_configs);
    s->lists = calloc(config->n_feeds + 1, sizeof *s->lists);
    s->zone_configs = calloc(config->n_zones + 1, sizeof *s->zone_configs);
    s->zones = calloc(config->n_zones + 1, sizeof *s->zones);
    if (s->suffixes == NULL || s->protect == NULL || s->feed_configs == NULL || s->lists == NULL ||
        s->zone_configs == NULL || s->zones == NULL) {
        setup_release(s);
        return NULL;
    }
    fill_feeds(s);
    fill_rules(s);
    fill_zones(s);
    return s;
}

void setup_release(struct setup *s)
{
    if (s != NULL)
        shared_release(&s->shared);
}
