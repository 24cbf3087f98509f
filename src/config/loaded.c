/* The memory of a configuration: parts, settings, and how they are found again. */
#include "loaded.h"

#include <stdlib.h>

void loaded_free(struct loaded *l)
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

struct part *part_new(struct loaded *l, const struct section *section, struct view name)
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

struct loaded *loaded_new(struct part ***end)
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

struct setting *part_setting(const struct part *part, const char *key)
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
