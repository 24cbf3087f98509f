/*
 * From text to configuration in three passes: read (which key, where), set (what type, what
 * value), check (what fits together). No pass stops at the first problem: who mends a file wants
 * to know all of them.
 */
#include "rcptguard/config.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "ini.h"
#include "loaded.h"
#include "rcptguard/base/file.h"

struct reader {
    struct loaded *loaded;
    struct complaints *complaints;
    struct part **end;    /* where the next named part goes */
    struct part *current; /* NULL: before the first section, or in one that is skipped */
    bool skipping;        /* in an unknown section: that was said once */
    size_t n_named;
    bool no_memory;
};

static void loaded_free(struct loaded *l)
{
    if (l != NULL) {
        arena_free(l->arena);
        free(l);
    }
}

static void config_free(struct shared *shared)
{
    loaded_free((struct loaded *)shared);
}

static struct part *part_new(struct loaded *l, const struct section *section, struct view name)
{
    struct part *part = arena_zero(l->arena, sizeof *part);
    struct setting *settings = arena_zero(l->arena, section->n_keys * sizeof *settings);
    const char *copy = arena_copy(l->arena, name);

    if (part == NULL || settings == NULL || copy == NULL)
        return NULL;
    for (size_t i = 0; i < section->n_keys; i++)
        settings[i].text = section->keys[i].text;
    part->section = section;
    part->settings = settings;
    part->name = view_of(copy);
    part->base = section->named != NULL ? NULL : &l->config;
    return part;
}

/* A part for every plain section, so that defaults have a place. */
static struct loaded *loaded_new(struct part ***end)
{
    struct loaded *l = calloc(1, sizeof *l);

    if (l == NULL || (l->arena = arena_new()) == NULL) {
        free(l);
        return NULL;
    }
    shared_init(&l->config.shared, config_free);
    *end = &l->parts;
    for (size_t i = 0; i < SECTIONS; i++) {
        if (sections[i].named != NULL)
            continue;
        struct part *part = part_new(l, &sections[i], VIEW_NONE);
        if (part == NULL) {
            loaded_free(l);
            return NULL;
        }
        **end = part;
        *end = &part->next;
    }
    return l;
}

struct part *part_first(const struct loaded *l, const char *section)
{
    struct part *part = l->parts;

    while (part != NULL && strcmp(part->section->name, section) != 0)
        part = part->next;
    return part;
}

const struct setting *part_setting(const struct part *part, const char *key)
{
    const struct key *row = section_key(part->section, view_of(key));
    return &part->settings[key_index(part->section, row)];
}

struct place part_place(const struct part *part, const char *key)
{
    unsigned line = part_setting(part, key)->line;

    return (struct place){.line = line != 0 ? line : part->line,
                          .section = view_of(part->section->name),
                          .name = part->name,
                          .key = view_of(key)};
}

/* Feed names become file names, words of the command and values of list=. */
static const char *name_problem(struct view name)
{
    if (name.len == 0)
        return "needs a name; write it behind the word, as in [feed aper]";
    if (name.len >= BLOCKLIST_NAME_MAX)
        return "has a name of more than 63 bytes; shorten it";
    if (view_is(name, "local"))
        return "cannot be called local, which means the blocks of this site; choose another name";
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_digit(name.ptr[i]) && (name.ptr[i] < 'a' || name.ptr[i] > 'z') &&
            name.ptr[i] != '_' && name.ptr[i] != '-')
            return "has a name with other signs than a-z 0-9 _ -; change it";
    return NULL;
}

/* Feeds and zones share their names: list= of an exclusion means either. */
static const struct part *part_named(const struct loaded *l, struct view name)
{
    for (const struct part *p = l->parts; p != NULL; p = p->next)
        if (p->section->named != NULL && view_eq(p->name, name))
            return p;
    return NULL;
}

static void read_named(struct reader *r, const struct section *section, const struct ini_item *item)
{
    struct place place = {.line = item->line, .section = item->name, .name = item->value};
    const char *problem = name_problem(item->value);
    const struct part *twin = problem == NULL ? part_named(r->loaded, item->value) : NULL;

    if (problem != NULL)
        complain(r->complaints, ERROR, &place, "%s", problem);
    if (twin != NULL)
        complain(r->complaints, ERROR, &place,
                 "the name is taken by [%s %s] in line %u; rename one, or make them one section",
                 twin->section->name, twin->name.ptr, twin->line);
    if (r->n_named == BLOCKLIST_MAX_LISTS) {
        complain(r->complaints, ERROR, &place, "more than %d lists; remove some",
                 BLOCKLIST_MAX_LISTS);
        return;
    }
    struct part *part = part_new(r->loaded, section, item->value);
    if (part == NULL) {
        r->no_memory = true;
        return;
    }
    part->line = item->line;
    *r->end = part;
    r->end = &part->next;
    r->n_named++;
    r->current = part;
}

static void read_section(struct reader *r, const struct ini_item *item)
{
    struct place place = {.line = item->line, .section = item->name, .name = item->value};
    const struct section *section = section_find(item->name);

    r->current = NULL;
    r->skipping = true;
    if (section == NULL) {
        complain(r->complaints, ERROR, &place, "no such section; the nearest one is [%s]",
                 section_nearest(item->name));
        return;
    }
    if (section->named != NULL) {
        read_named(r, section, item);
        return;
    }
    r->current = part_first(r->loaded, section->name);
    if (item->value.len > 0)
        complain(r->complaints, ERROR, &place, "takes no name; write [%s]", section->name);
    if (r->current->line != 0)
        complain(r->complaints, ERROR, &place, "the section is already in line %u; make them one",
                 r->current->line);
    else
        r->current->line = item->line;
}

static void read_known(struct reader *r, const struct key *key, const struct ini_item *item,
                       const struct place *place)
{
    struct setting *setting = &r->current->settings[key_index(r->current->section, key)];

    if (setting->line != 0 && (key->flags & KEY_REPEATS) == 0) {
        complain(r->complaints, ERROR, place, "is already in line %u; keep one of the two",
                 setting->line);
        return;
    }
    if (setting->line != 0) {
        while (setting->again != NULL)
            setting = setting->again;
        setting->again = arena_zero(r->loaded->arena, sizeof *setting);
        setting = setting->again;
    }
    const char *text = arena_copy(r->loaded->arena, item->value);
    if (setting == NULL || text == NULL) {
        r->no_memory = true;
        return;
    }
    setting->text = text;
    setting->line = item->line;
    if (item->hidden_line != 0 && section_key(r->current->section, item->hidden_key) != NULL)
        complain(r->complaints, WARNING, place,
                 "goes on in line %u, which looks like the key '%.*s' but begins with white space; "
                 "begin it in the first column if it is one",
                 item->hidden_line, (int)item->hidden_key.len, item->hidden_key.ptr);
    if (item->value.len >= 2 && item->value.ptr[0] == '"' &&
        item->value.ptr[item->value.len - 1] == '"')
        complain(r->complaints, WARNING, place,
                 "stands in quotes, which become a part of it; leave them out");
}

static void read_key(struct reader *r, const struct ini_item *item)
{
    struct place place = {.line = item->line, .key = item->name};

    if (r->current == NULL) {
        if (!r->skipping)
            complain(r->complaints, ERROR, &place,
                     "stands before the first section; put [section] above it");
        return;
    }
    place.section = view_of(r->current->section->name);
    place.name = r->current->name;
    const struct key *key = section_key(r->current->section, item->name);
    if (key != NULL) {
        read_known(r, key, item, &place);
        return;
    }
    complain(r->complaints, ERROR, &place, "no such key; the nearest one is %s",
             key_nearest(r->current->section, item->name));
}

static void read_text(struct reader *r, struct view text)
{
    struct ini_item item;
    struct ini ini;

    ini_begin(&ini, text);
    while (!r->no_memory && ini_next(&ini, &item) != INI_END) {
        struct place place = {.line = item.line};
        if (item.kind == INI_SECTION)
            read_section(r, &item);
        else if (item.kind == INI_KEY)
            read_key(r, &item);
        else
            complain(r->complaints, ERROR, &place, "%s", item.problem);
    }
    if (ini_end(&ini) < 0)
        r->no_memory = true;
}

/* The feeds' structs can only be made when all are counted. */
static int make_feeds(struct loaded *l)
{
    struct config *config = &l->config;
    size_t n = 0;

    for (struct part *p = l->parts; p != NULL; p = p->next)
        n += strcmp(p->section->name, "feed") == 0;
    config->feeds = arena_zero(l->arena, (n + 1) * sizeof *config->feeds);
    const char **names = arena_zero(l->arena, (n + 1) * sizeof *names);
    if (config->feeds == NULL || names == NULL)
        return ERR_NOMEM;
    for (struct part *p = l->parts; p != NULL; p = p->next) {
        if (strcmp(p->section->name, "feed") != 0)
            continue;
        p->base = &config->feeds[config->n_feeds];
        config->feeds[config->n_feeds].feed.name = p->name.ptr;
        names[config->n_feeds++] = p->name.ptr;
    }
    config->list_names = names;
    config->n_list_names = config->n_feeds;
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
        else if ((key->flags & KEY_LATER) != 0 && setting->text[0] != '\0')
            complain(complaints, WARNING, &place, "not in this version; it has no effect");
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
    if ((key->flags & (KEY_REQUIRED | KEY_LATER)) == KEY_REQUIRED) {
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
    struct reader reader = {.loaded = l, .complaints = complaints, .end = end};

    l->config.path = arena_copy(l->arena, view_of(source->path));
    read_text(&reader, source->text);
    if (reader.no_memory || l->config.path == NULL || make_feeds(l) < 0 ||
        set_all(l, complaints) < 0)
        return ERR_NOMEM;
    l->config.local.state_dir = l->config.state_dir;
    config_check(l, source, complaints);
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
        snprintf(words, sizeof words, "%s; %s", why.text,
                 rc == ERR_ABSENT ? "name the file with -c FILE"
                                  : "it must be a file that the daemon's user can read");
        complain_of_file(&complaints, words);
    } else {
        source.text = buf_view(&text);
        source.mode = stat(path, &st) == 0 ? st.st_mode : 0;
        rc = config_parse(&source, out, problems);
    }
    buf_free(&text);
    return rc == 0 || rc == ERR_SYNTAX || rc == ERR_ABSENT || rc == ERR_NOMEM ? rc : ERR_IO;
}

void config_release(struct config *c)
{
    if (c != NULL)
        shared_release(&c->shared);
}
