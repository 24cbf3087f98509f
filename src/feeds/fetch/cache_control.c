/* Cache-Control: words with or without a value, separated by commas. What is not understood says
 * nothing; of two ages the shorter one holds. */
#include "cache_control.h"

#define LONGEST_S (INT64_C(365) * 86400)

/* "600", or in quotes, which some servers write; too many digits mean for ever. */
static int64_t seconds_of(struct view v)
{
    uint64_t number;

    if (v.len >= 2 && v.ptr[0] == '"' && v.ptr[v.len - 1] == '"')
        v = view_make(v.ptr + 1, v.len - 2);
    for (size_t i = 0; i < v.len; i++)
        if (!ascii_digit(v.ptr[i]))
            return -1;
    if (v.len == 0)
        return -1;
    return view_to_uint(v, (uint64_t)LONGEST_S, &number) ? (int64_t)number : LONGEST_S;
}

void cache_control_read(struct view header, struct cache_control *c)
{
    struct view part;

    while (view_split(&header, ',', &part)) {
        ptrdiff_t equals = view_find(part, '=');
        struct view name = view_trim(equals < 0 ? part : view_first(part, (size_t)equals));
        struct view value = equals < 0 ? VIEW_NONE : view_from(part, (size_t)equals + 1);
        if (view_eq_nocase(name, view_of("no-cache")) || view_eq_nocase(name, view_of("no-store")))
            c->never = true;
        if (!view_eq_nocase(name, view_of("max-age")))
            continue;
        int64_t age = seconds_of(view_trim(value));
        if (age >= 0 && (c->max_age_s < 0 || age < c->max_age_s))
            c->max_age_s = age;
    }
}
