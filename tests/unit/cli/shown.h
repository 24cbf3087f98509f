/* What a show function prints for a JSON object, written with ' for ". */
#ifndef TESTS_CLI_SHOWN_H
#define TESTS_CLI_SHOWN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/show.h"

#define SHOWN_NOW 1764000000 /* 2025-11-24T16:00:00Z */

static inline int shown_in_utc(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    return 0;
}

static inline json_t *shown_json(const char *text)
{
    char *copy = strdup(text);

    assert_non_null(copy);
    for (char *c = copy; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *object = json_loads(copy, 0, NULL);
    if (object == NULL)
        fail_msg("no JSON: %s", copy);
    free(copy);
    return object;
}

/* Caller frees. */
static inline char *shown_by(void (*show)(const struct show *s, const json_t *answer),
                             const char *text)
{
    json_t *object = shown_json(text);
    char *out = NULL;
    size_t len = 0;
    struct show s = {.to = open_memstream(&out, &len), .now = SHOWN_NOW};

    show(&s, object);
    fclose(s.to);
    json_decref(object);
    return out;
}

/* Every one of PARTS (NULL ends them) is in OUT, and ABSENT (may be NULL) is not. Frees OUT. */
static inline void shown_holds(size_t row, char *out, const char *const *parts, const char *absent)
{
    for (; *parts != NULL; parts++)
        if (strstr(out, *parts) == NULL)
            fail_msg("row %zu: no \"%s\" in:\n%s", row, *parts, out);
    if (absent != NULL && strstr(out, absent) != NULL)
        fail_msg("row %zu: \"%s\" in:\n%s", row, absent, out);
    free(out);
}

#endif
