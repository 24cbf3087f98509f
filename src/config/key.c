/* How rows of the key table are found, stored and compared. */
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "keys.h"
#include "rcptguard/base/nearest.h"
#include "rcptguard/config.h"

#define MOST_KEYS 64

/* Choices are stored as numbers. */
_Static_assert(sizeof(enum log_target) == sizeof(unsigned) &&
                   sizeof(enum log_level) == sizeof(unsigned) &&
                   sizeof(enum decision_mode) == sizeof(unsigned) &&
                   sizeof(enum dnsbl_query) == sizeof(unsigned) &&
                   sizeof(enum list_action) == sizeof(unsigned),
               "enums of the configuration are stored as unsigned");
_Static_assert(VALUE_MAX_LINES <= FEED_MAX_URLS, "the lines of url fit");
_Static_assert(sizeof((struct address_options){0}.delimiter) == VALUE_DELIMITER_MAX + 1,
               "the delimiter fits");

const struct section *section_find(struct view name)
{
    for (size_t i = 0; i < SECTIONS; i++)
        if (view_is(name, sections[i].name))
            return &sections[i];
    return NULL;
}

const struct key *section_key(const struct section *section, struct view name)
{
    for (size_t i = 0; i < section->n_keys; i++)
        if (view_is(name, section->keys[i].name))
            return &section->keys[i];
    return NULL;
}

const char *section_nearest(struct view word)
{
    const char *names[SECTIONS];

    for (size_t i = 0; i < SECTIONS; i++)
        names[i] = sections[i].name;
    return nearest_name(word, names, SECTIONS);
}

const char *key_nearest(const struct section *section, struct view word)
{
    const char *names[MOST_KEYS];
    size_t n = section->n_keys < MOST_KEYS ? section->n_keys : MOST_KEYS;

    for (size_t i = 0; i < n; i++)
        names[i] = section->keys[i].name;
    return nearest_name(word, names, n);
}

const char *key_sample(const struct key *key)
{
    return key->text[0] != '\0' || key->example == NULL ? key->text : key->example;
}

struct value_rule key_rule(const struct key *key)
{
    return (struct value_rule){.type = key->type,
                               .may_be_empty = (key->flags & KEY_EMPTY) != 0,
                               .min = key->min,
                               .max = key->max,
                               .choices = key->choices,
                               .schemes = key->schemes,
                               .example = key_sample(key)};
}

static void *field(void *base, size_t at)
{
    return (char *)base + at;
}

static const void *const_field(const void *base, size_t at)
{
    return (const char *)base + at;
}

static void store_text(const struct key *key, const struct value *value, void *to)
{
    bool none = value->text[0] == '\0' && (key->type == VALUE_PATH || key->type == VALUE_URL);
    *(const char **)to = none ? NULL : value->text;
}

/* Does also_at count? */
static bool is_list(const struct key *key)
{
    return key->type == VALUE_LISTENS || key->type == VALUE_URLS || key->type == VALUE_TEXTS;
}

static void store_list(const struct key *key, const struct value *value, void *base)
{
    bool split = key->type == VALUE_URLS, some = value->n_list > 0;

    if (split)
        *(const char **)field(base, key->at) = some ? value->list[0] : NULL;
    *(const char *const **)field(base, split ? key->rest_at : key->at) =
        split && some ? value->list + 1 : value->list;
    *(size_t *)field(base, key->also_at) = value->n_list - (split && some);
}

void key_store(const struct key *key, const struct value *value, bool written, void *base)
{
    if (key->at == 0)
        return;
    void *to = field(base, key->at);
    if (key->also_at != 0 && !is_list(key))
        *(bool *)field(base, key->also_at) = written;
    switch (key->type) {
    case VALUE_LISTENS:
    case VALUE_URLS:
    case VALUE_TEXTS:
        store_list(key, value, base);
        break;
    case VALUE_DURATION_S:
    case VALUE_DURATION_MS:
        *(int64_t *)to = (int64_t)value->number;
        break;
    case VALUE_SIZE:
    case VALUE_COUNT:
        *(uint64_t *)to = value->number;
        break;
    case VALUE_CLIENTS:
    case VALUE_CHOICE:
    case VALUE_APER_TYPES:
        *(unsigned *)to = (unsigned)value->number;
        break;
    case VALUE_RATIO:
        *(double *)to = value->ratio;
        break;
    case VALUE_BOOL:
    case VALUE_EITHER:
        *(bool *)to = value->number != 0;
        break;
    case VALUE_MODE:
        *(mode_t *)to = (mode_t)value->number;
        break;
    case VALUE_DELIMITER:
        memcpy(to, value->text, strlen(value->text) + 1);
        break;
    case VALUE_TEXT:
    case VALUE_NAME:
    case VALUE_PATH:
    case VALUE_URL:
    case VALUE_SECRET:
    case VALUE_LISTEN:
    case VALUE_COLUMN:
    case VALUE_SEPARATOR:
        store_text(key, value, to);
        break;
    }
}

static bool same_listens(const struct key *key, const void *old, const void *fresh)
{
    const char *const *a = *(const char *const *const *)const_field(old, key->at);
    const char *const *b = *(const char *const *const *)const_field(fresh, key->at);
    size_t n = *(const size_t *)const_field(old, key->also_at);

    if (n != *(const size_t *)const_field(fresh, key->also_at))
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

bool key_same(const struct key *key, const void *old, const void *fresh)
{
    if (key->type == VALUE_LISTENS)
        return same_listens(key, old, fresh);
    old = const_field(old, key->at);
    fresh = const_field(fresh, key->at);
    if (key->type == VALUE_MODE)
        return *(const mode_t *)old == *(const mode_t *)fresh;
    const char *a = *(const char *const *)old, *b = *(const char *const *)fresh;
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}
