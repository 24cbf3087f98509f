/*
 * The target of a request ("/v1/check?recipient=a%40b"), taken apart: path segments and
 * parameters, percent-decoded. Pure. '+' stays '+': here it is the tag of an address far more
 * often than somebody's space.
 */
#ifndef ADMIN_TARGET_H
#define ADMIN_TARGET_H

#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

#define TARGET_SEGMENTS 8 /* the longest route has four */
#define TARGET_PARAMS   16

struct target_param {
    struct view key, value;
};

struct target {
    struct view path[TARGET_SEGMENTS];
    unsigned n_path;
    struct target_param params[TARGET_PARAMS];
    unsigned n_params;
};

/*
 * RAW into *out; MEMORY has RAW.len bytes and holds what the views point to. ERR_SYNTAX: not a
 * path, a broken '%', or a parameter twice; ERR_LIMIT: more segments or parameters than anything
 * here has.
 */
int target_parse(struct view raw, char *memory, struct target *out, struct error *why);

/* The value of a parameter; false when it is not there. */
bool target_get(const struct target *t, const char *key, struct view *value);

/* Does the path fit PATTERN ("/v1/feeds/NAME/refresh")? A pattern's '*' takes one segment, which is
 * put into *NAME. */
bool target_matches(const struct target *t, const char *pattern, struct view *name);

#endif
