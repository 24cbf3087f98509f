/*
 * One value as json and ndjson mean it: a string, an object with the member that `field =` names,
 * or the object at the end that says how much stood before it.
 */
#ifndef FEEDS_FORMATS_JSON_ROW_H
#define FEEDS_FORMATS_JSON_ROW_H

#include "../parse/format.h"

struct json_place {
    uint64_t line;
    uint64_t records; /* before this one */
    int64_t size;     /* bytes before this one; -1: a trailer could not know them */
};

struct json_copy {
    bool trailer; /* it was there: nothing may follow */
    bool broken;  /* told: what follows is nobody's */
};

/* Tells what VALUE, the whole text of a value, is. */
void json_row_tell(const struct feed_reader *r, struct json_copy *copy, struct view value,
                   const struct json_place *place);

/* The copy as a whole is none. */
void json_broken(const struct feed_reader *r, struct json_copy *copy, uint64_t line,
                 const char *why);

#endif
