/*
 * From text to configuration in three passes: read (which key, where), set (what type, what
 * value), check (what fits together). No pass stops at the first problem: who mends a file wants
 * to know all of them.
 */
#include "rcptguard/config.h"

#include <sys/stat.h>

#include "loaded.h"
#include "rcptguard/base/file.h"

static bool is_of(const struct part *part, const char *section)
{
    return strcmp(part->section->name, section) == 0;
}

/* The structs of feeds and zones can only be made when all are counted. */
static int make_lists(struct loaded *l)
{
    struct config *config = &l->config;
    size_t n_feeds = 0, n_zones = 0;

    for (struct part *p = l->parts; p != NULL; p = p->next) {
        n_feeds += is_of(p, "feed");
        n_zones += is_of(p, "dnsbl");
    }
    config->feeds = arena_zero(l->arena, (n_feeds + 1) * sizeof *config->feeds);
    config->zones = arena_zero(l->arena, (n_zones + 1) * sizeof *config->zones);
    const char **names = arena_zero(l->arena, (n_feeds + n_zones + 1) * sizeof *names);
    if (config->feeds == NULL || config->zones == NULL || names == NULL)
        return ERR_NOMEM;
    for (struct part *p = l->parts; p != NULL; p = p->next) {
        if (is_of(p, "feed")) {
            names[config->n_feeds] = config->feeds[config->n_feeds].feed.name = p->name.ptr;
            p->base = &config->feeds[config->n_feeds++];
        } else if (is_of(p, "dnsbl")) {
            names[n_feeds + config->n_zones] = config->zones[config->n_zones].zone.name =
                p->name.ptr;
            p->base = &config->zones[config->n_zones++];
        }
    }
    names[n_feeds + n_zones] = LOCAL_LIST;
    config->list_names = names;
    config->n_list_names = n_feeds + n_zones + 1;
    return 0;
}

/* Stores the default, so that later checks find something sane behind a bad value too. */
static int set_default(struct loaded *l, struct part *part, const struct key *key)
{
    struct value_rule rule = key_rule(key);
    struct value value = {.text = ""};
    struct error why;

    if (part->base == NULL)
        return 0;
    if ((key->flags & KEY_REQUIRED) == 0 &&
        value_parse(&rule, view_of(key->text), l->arena, &value, &why) == ERR_NOMEM)
        return ERR_NOMEM;
    key_store(key, &value, false, part->base);
    return 0;
}

static int set_written(struct loaded *l, struct part *part, const struct key *key,
                       struct complaints *complaints)
{
    const struct setting *setting = &part->settings[key_index(part->section, key)];
    struct value_rule rule = key_rule(key);
    struct value value = {.text = ""};
    bool good = true;

    for (; setting != NULL; setting = setting->again) {
        struct place place = part_place(part, key->name);
        struct error why;
        place.line = setting->line;
        int rc = value_parse(&rule, view_of(setting->text), l->arena, &value, &why);
        if (rc == ERR_NOMEM)
            return rc;
        if (rc < 0)
            complain(complaints, ERROR, &place, "%s", why.text);
        good = good && rc == 0;
    }
    if (good && part->base != NULL)
        key_store(key, &value, true, part->base);
    return 0;
}

static int set_key(struct loaded *l, struct part *part, const struct key *key,
                   struct complaints *complaints)
{
    if (set_default(l, part, key) < 0)
        return ERR_NOMEM;
    if (part->settings[key_index(part->section, key)].line != 0)
        return set_written(l, part, key, complaints);
    if ((key->flags & KEY_REQUIRED) != 0) {
        struct place place = part_place(part, key->name);
        complain(complaints, ERROR, &place, "is missing; write for example %s = %s", key->name,
                 key->example);
    }
    return 0;
}

static int set_all(struct loaded *l, struct complaints *complaints)
{
    for (struct part *part = l->parts; part != NULL; part = part->next)
        for (size_t i = 0; i < part->section->n_keys; i++)
            if (set_key(l, part, &part->section->keys[i], complaints) < 0)
                return ERR_NOMEM;
    return 0;
}

static int build(struct loaded *l, struct part **end, const struct config_source *source,
                 struct complaints *complaints)
{
    l->config.path = arena_copy(l->arena, view_of(source->path));
    if (l->config.path == NULL || config_read(l, end, source->text, complaints) < 0 ||
        make_lists(l) < 0 || set_all(l, complaints) < 0)
        return ERR_NOMEM;
    l->config.policy.listen_set = part_setting(part_first(l, "policy"), "listen")->line != 0;
    l->config.exclusions.kind = LOCAL_EXCLUSIONS;
    l->config.blocks.kind = LOCAL_BLOCKS;
    l->config.exclusions.state_dir = l->config.blocks.state_dir = l->config.state_dir;
    if (config_check(l, source, complaints) < 0)
        return ERR_NOMEM;
    if (complaints->for_now)
        return ERR_IO;
    return complaints->forbid ? ERR_SYNTAX : 0;
}

int config_parse(const struct config_source *source, struct config **out,
                 struct config_problems *problems)
{
    struct complaints complaints = {.file = source->path, .list = problems};
    struct part **end;
    struct loaded *l = loaded_new(&end);
    int rc = l == NULL ? ERR_NOMEM : build(l, end, source, &complaints);

    *out = NULL;
    if (rc == ERR_NOMEM)
        complain_of_file(&complaints, "no memory for the configuration");
    complaints_end(&complaints);
    if (rc < 0)
        loaded_free(l);
    else
        *out = &l->config;
    return rc;
}

int config_of_text(const char *name, struct view text, struct config **out,
                   struct config_problems *problems)
{
    const struct config_source source = {.path = name, .text = text};

    return config_parse(&source, out, problems);
}

int config_load(const char *path, struct config **out, struct config_problems *problems)
{
    struct complaints complaints = {.file = path, .list = problems};
    struct config_source source = {.path = path};
    struct buf text = BUF_INIT(0);
    struct error why;
    struct stat st;

    *out = NULL;
    int rc = file_read(path, CONFIG_MAX_BYTES, &text, &why);
    if (rc < 0) {
        char words[sizeof why.text + 64];
        bool machine = failed_for_now(path, &why);
        snprintf(words, sizeof words, "%s; %s", why.text,
                 rc == ERR_ABSENT ? "name the file with -c FILE"
                 : machine        ? "that is no fault of the file, try again"
                                  : "it must be a file that the daemon's user can read");
        complain_of_file(&complaints, words);
        rc = rc == ERR_ABSENT ? rc : machine ? ERR_IO : ERR_REFUSED;
    } else {
        source.text = buf_view(&text);
        source.mode = stat(path, &st) == 0 ? st.st_mode : 0;
        rc = config_parse(&source, out, problems);
    }
    buf_free(&text);
    return rc;
}

void config_release(struct config *c)
{
    if (c != NULL)
        shared_release(&c->shared);
}
