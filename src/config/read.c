/*
 * The first pass: which key stands where. Sections and keys must be known and stand once; what
 * their values mean is the next pass's question.
 */
#include <string.h>

#include "ini.h"
#include "loaded.h"

struct reader {
    struct loaded *loaded;
    struct complaints *complaints;
    struct part **end;    /* where the next named part goes */
    struct part *current; /* NULL: before the first section, or in one that is skipped */
    bool skipping;        /* in an unknown section: that was said once */
    size_t n_named;
    bool no_memory;
};

/* Names of lists become file names, words of the command and values of list=. */
static const char *name_problem(struct view name)
{
    if (name.len == 0)
        return "needs a name; write it behind the word, as in [feed aper]";
    if (name.len >= BLOCKLIST_NAME_MAX)
        return "has a name of more than 63 bytes; shorten it";
    if (view_is(name, "local"))
        return "cannot be called local, which means the blocks of this site; choose another name";
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_alnum(name.ptr[i]) && (i == 0 || strchr("_.-", name.ptr[i]) == NULL))
            return "has a name of other signs than A-Z a-z 0-9 _ . -, or not beginning with a "
                   "letter or digit; change it";
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

int config_read(struct loaded *l, struct part **end, struct view text, struct complaints *c)
{
    struct reader reader = {.loaded = l, .complaints = c, .end = end};
    struct ini_item item;
    struct ini ini;

    ini_begin(&ini, text);
    while (!reader.no_memory && ini_next(&ini, &item) != INI_END) {
        struct place place = {.line = item.line};
        if (item.kind == INI_SECTION)
            read_section(&reader, &item);
        else if (item.kind == INI_KEY)
            read_key(&reader, &item);
        else
            complain(c, ERROR, &place, "%s", item.problem);
    }
    return ini_end(&ini) < 0 || reader.no_memory ? ERR_NOMEM : 0;
}
