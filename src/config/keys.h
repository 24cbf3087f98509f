/*
 * The table of keys: every key of the contract, with its type, default, limits and one line of
 * documentation. Parser, defaults, checks, --dump-config and the sample file all walk over it; to
 * add a key is to add a row.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "values.h"

enum {
    KEY_REPEATS = 1,  /* may stand several times; the values are taken together */
    KEY_EMPTY = 2,    /* may be empty */
    KEY_RESTART = 4,  /* a running daemon cannot change it */
    KEY_SECRET = 8,   /* shown as *** */
    KEY_REQUIRED = 16 /* has no default: must be written */
};

struct key {
    const char *name;
    enum value_type type;
    const char *text; /* the default, as one would write it */
    const char *doc;
    unsigned flags;
    const char *example; /* for messages and the sample file; NULL: the default */
    uint64_t min, max;
    const struct choice *choices;
    const char *schemes;

    /* Where it goes: in struct config, or in struct config_feed for [feed NAME], config_zone for
     * [dnsbl NAME]; 0: nowhere. */
    size_t at;
    size_t also_at; /* lists: the count; others: a bool "written in the file"; 0: none */
    size_t rest_at; /* VALUE_URLS: all but the first, which goes to AT; also_at counts them */
};

struct section {
    const char *name;
    const char *named; /* an example of NAME in [name NAME], of which there may be many; or NULL */
    const char *doc;
    const struct key *keys;
    size_t n_keys;
};

#define SECTIONS 12
extern const struct section sections[SECTIONS];

const struct section *section_find(struct view name);                           /* or NULL */
const struct key *section_key(const struct section *section, struct view name); /* or NULL */

static inline size_t key_index(const struct section *section, const struct key *key)
{
    return (size_t)(key - section->keys);
}

struct value_rule key_rule(const struct key *key);

/* A good value for the sample file: the default, or the example where that is empty. */
const char *key_sample(const struct key *key);

/* The default reply while [policy] contact is empty; the table's names ${contact}. */
extern const char key_reply_default[], key_reply_without_contact[];

/* Puts the value into the struct that the key's offsets mean. */
void key_store(const struct key *key, const struct value *value, bool written, void *base);

/* Is the value in OLD the one in FRESH? For keys with KEY_RESTART. */
bool key_same(const struct key *key, const void *old, const void *fresh);

/* The known name nearest to WORD. */
const char *section_nearest(struct view word);
const char *key_nearest(const struct section *section, struct view word);

#endif
