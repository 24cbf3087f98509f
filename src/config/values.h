/* What a value may look like: the types of the key table, their limits, and words about both. Pure.
 */
#ifndef CONFIG_VALUES_H
#define CONFIG_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

enum value_type {
    VALUE_TEXT,        /* const char *: printable */
    VALUE_NAME,        /* const char *: one word: a user, a group, a format */
    VALUE_PATH,        /* const char *: absolute; NULL when empty */
    VALUE_URL,         /* const char *: one of the key's schemes; NULL when empty */
    VALUE_URLS,        /* several of them: const char *, and const char *const * and size_t */
    VALUE_TEXTS,       /* const char *const * and size_t: a line each */
    VALUE_SECRET,      /* const char *: itself, or @FILE */
    VALUE_LISTEN,      /* const char *: unix:/path or inet:ADDRESS:PORT */
    VALUE_LISTENS,     /* const char *const * and size_t: several of them */
    VALUE_DURATION_S,  /* int64_t */
    VALUE_DURATION_MS, /* int64_t; "500ms" is fine too */
    VALUE_SIZE,        /* uint64_t bytes */
    VALUE_COUNT,       /* uint64_t */
    VALUE_CLIENTS,     /* unsigned */
    VALUE_RATIO,       /* double: 20% is 0.2; limits are in percent */
    VALUE_BOOL,        /* bool */
    VALUE_MODE,        /* mode_t */
    VALUE_CHOICE,      /* enum, by the key's words */
    VALUE_EITHER,      /* bool, by the key's two words: 0 and 1 */
    VALUE_COLUMN,      /* const char *: a name, or a number from 1 */
    VALUE_SEPARATOR,   /* const char *: one sign */
    VALUE_DELIMITER,   /* char[16]: recipient_delimiter */
    VALUE_APER_TYPES,  /* unsigned: bit 0 for A to bit 4 for E */
};

struct choice {
    const char *word; /* NULL ends the list */
    unsigned value;
    const char *refused; /* why this word, known elsewhere, is none here; NULL: it is one */
};

/* What decides whether a value is good. */
struct value_rule {
    enum value_type type;
    bool may_be_empty;
    uint64_t min, max;            /* in the unit of the type; both 0: none */
    const struct choice *choices; /* VALUE_CHOICE */
    const char *schemes;          /* VALUE_URL: "https http file" */
    const char *example;          /* a good value, for the messages */
};

struct value {
    const char *text; /* in the arena */
    const char **list;
    size_t n_list;
    uint64_t number; /* also bool, mode, choice, letters */
    double ratio;
};

#define VALUE_MAX_LISTENS   64
#define VALUE_MAX_LINES     16 /* VALUE_URLS, VALUE_TEXTS */
#define VALUE_DELIMITER_MAX 15

/*
 * Parses TEXT into *VALUE, which starts zeroed; VALUE_LISTENS, VALUE_URLS and VALUE_TEXTS add to
 * what is there. On an error *why says what is wrong and what to do, and never quotes a secret or a
 * URL. ERR_SYNTAX, ERR_LIMIT (out of range), ERR_NOMEM.
 */
int value_parse(const struct value_rule *rule, struct view text, struct arena *arena,
                struct value *value, struct error *why);

/* Appends "1s to 365d": what the rule allows. Nothing when it has no limits. */
void value_range(const struct value_rule *rule, struct text *t);

#endif
