/*
 * A configuration as it was read: the struct that the house sees, and beside it each key's words
 * and line, for messages and --dump-config.
 */
#ifndef CONFIG_LOADED_H
#define CONFIG_LOADED_H

#include <sys/types.h>

#include "arena.h"
#include "keys.h"
#include "problems.h"
#include "rcptguard/base/buf.h"
#include "rcptguard/config.h"

#define CONFIG_MAX_BYTES (1024 * 1024)

/* What one key says; every key of a section has one. */
struct setting {
    const char *text;      /* as written, or the default */
    unsigned line;         /* 0: the default */
    struct setting *again; /* the next line of a key that repeats */
};

/* One [section] or [section NAME]. */
struct part {
    struct part *next;
    const struct section *section;
    struct view name;         /* empty unless the section is named; ends in NUL */
    unsigned line;            /* of its header; 0: the file has none */
    struct setting *settings; /* as many as the section has keys */
    void *base;               /* what the keys' offsets count from; NULL: nothing is stored */
};

struct loaded {
    struct config config; /* first member */
    struct arena *arena;
    struct part *parts; /* plain sections in the order of the table, then named ones as written */
};

struct config_source {
    const char *path;
    struct view text;
    mode_t mode; /* of the file: who can read its secrets */
};

/* config_load without the file system, but for files of secrets. Same results. */
int config_parse(const struct config_source *source, struct config **out,
                 struct config_problems *problems);

/* With a part for every plain section, so that defaults have a place; *END is where more go. NULL:
 * no memory. */
struct loaded *loaded_new(struct part ***end);
void loaded_free(struct loaded *l); /* NULL is fine */

/* All settings at their defaults; NULL: no memory. */
struct part *part_new(struct loaded *l, const struct section *section, struct view name);

/* Reads TEXT into the parts, adding those of named sections. 0 or ERR_NOMEM. */
int config_read(struct loaded *l, struct part **end, struct view text, struct complaints *c);

/* The first part of that section, or NULL. */
struct part *part_first(const struct loaded *l, const char *section);

/* The setting of a key that the section has. */
struct setting *part_setting(const struct part *part, const char *key);

/* Where to point at: the key's line, or that of the section's header when it was not written. */
struct place part_place(const struct part *part, const char *key);

/* Everything that needs more than one key, or knowledge of other rooms. 0 or ERR_NOMEM. */
int config_check(struct loaded *l, const struct config_source *source, struct complaints *c);

/* How a feed is fetched: reads its secret and its key into the arena, and checks that all that is
 * written about its servers fits together. */
void config_check_source(struct loaded *l, const struct part *part, struct feed_config *feed,
                         struct complaints *c);

/* [redis]: reads its secret into the arena, and checks that it fits together. */
void config_check_fleet(struct loaded *l, struct complaints *c);

/* A zone: puts its secret in place, into the arena, and checks that it can be asked. */
void config_check_zone(struct loaded *l, const struct part *part, struct config_zone *zone,
                       struct complaints *c);

/* Is LISTEN, that of [admin] http with inet: before it, also a port of [policy]? */
void config_check_http_port(const struct loaded *l, struct view listen, struct complaints *c);

/* Does a file that is written here, or says the opposite, stand for something else too? */
void config_check_files(const struct loaded *l, struct complaints *c);

/* The resolvers of [dns]. */
void config_check_dns(const struct loaded *l, struct complaints *c);

/*
 * What stands for a secret elsewhere. secret_check_use complains at PLACE of other variables in
 * TEXT, and of this one where the section has no secret; false: it did.
 */
#define SECRET_WORD "${secret}"
bool secret_is_in(const char *text);
bool secret_check_use(const struct part *part, const struct place *place, const char *text,
                      struct complaints *c);

/*
 * A secret as written becomes itself: of @FILE what it holds, in the arena; "" when it cannot be
 * read, which is told with the other secrets. NULL: the machine cannot, for now, which is told.
 */
const char *secret_resolve(struct arena *arena, const char *secret, const struct place *place,
                           struct complaints *c);

/*
 * Is FILE fit to hold a secret: there, regular, readable, not empty, not open to others?
 * ERR_REFUSED names the chmod; ERR_ABSENT, ERR_IO, ERR_LIMIT.
 */
int secret_file_check(const char *path, struct error *why);

/* Is FILE one with something in PEM? One that holds a PRIVATE key must not be open to others. */
int pem_file_check(const char *path, bool private, struct error *why);

#endif
