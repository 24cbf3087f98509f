/* Small helpers over jansson: see json.h. */
#include "json.h"

#include <stdlib.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"

json_t *json_text(struct view v)
{
    if (v.len == 0)
        return json_string("");
    if (view_is_utf8(v))
        return json_stringn_nocheck(v.ptr, v.len);

    size_t size = 4 * v.len + 8; /* \xHH is the longest form, and escape_to_max keeps some room */
    char *shown = malloc(size);
    if (shown == NULL)
        return NULL;
    struct text t = text_on(shown, size);
    escape_to_max(&t, v, ESCAPE_TERMINAL, size);
    json_t *string = json_stringn(t.dst, t.len);
    free(shown);
    return string;
}

json_t *json_text_or_null(struct view v)
{
    return v.len == 0 ? json_null() : json_text(v);
}

json_t *json_time(int64_t now_s)
{
    char text[21];

    clock_time_text(now_s, text);
    return text[0] == '-' ? json_null() : json_string(text);
}

json_t *json_date(int32_t days)
{
    char text[11];

    return days == 0 ? json_null() : json_string(clock_date_text(days, text));
}

json_t *json_count(uint64_t n)
{
    return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

void json_put(json_t *object, const char *key, json_t *value)
{
    /* Out of memory, a field is missing rather than the answer: null is always to be had. */
    if (object != NULL && json_object_set_new(object, key, value) != 0)
        json_object_set_new(object, key, json_null());
}

json_t *json_error(struct view text)
{
    json_t *object = json_object();

    json_put(object, "error", json_text(text));
    return object;
}
