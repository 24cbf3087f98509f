/*
 * Small helpers over jansson. Values may be NULL (no memory): the field is then null, and a NULL
 * document is answered with 500.
 */
#ifndef ADMIN_JSON_H
#define ADMIN_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "rcptguard/base/view.h"

/* A string; what is not valid UTF-8 is shown escaped, because JSON can hold nothing else. */
json_t *json_text(struct view v);

/* As above, null when empty. */
json_t *json_text_or_null(struct view v);

/* "YYYY-MM-DDTHH:MM:SSZ", null when NOW_S is 0; "YYYY-MM-DD", null when DAYS is 0. */
json_t *json_time(int64_t now_s);
json_t *json_date(int32_t days);

json_t *json_count(uint64_t n);

/* Puts VALUE (taken over) into OBJECT. */
void json_put(json_t *object, const char *key, json_t *value);

/* {"error": "..."} */
json_t *json_error(struct view text);

#endif
