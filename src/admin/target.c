/* The target of a request, taken apart: see target.h. */
#include "target.h"

/* Where decoded bytes go: never more than there were encoded ones. */
struct decoder {
    char *next;
};

static int hex_digit(char c)
{
    if (ascii_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode(struct decoder *d, struct view raw, struct view *out, struct error *why)
{
    char *begin = d->next;

    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] != '%') {
            *d->next++ = raw.ptr[i];
            continue;
        }
        int high = i + 2 < raw.len ? hex_digit(raw.ptr[i + 1]) : -1;
        int low = i + 2 < raw.len ? hex_digit(raw.ptr[i + 2]) : -1;
        if (high < 0 || low < 0)
            return error_set(why, ERR_SYNTAX,
                             "a '%%' in the URL is not followed by two hex digits; write %%25");
        *d->next++ = (char)(high * 16 + low);
        i += 2;
    }
    *out = view_make(begin, (size_t)(d->next - begin));
    return 0;
}

static int parse_path(struct decoder *d, struct view path, struct target *out, struct error *why)
{
    struct view segment;

    while (view_split(&path, '/', &segment)) {
        if (out->n_path == TARGET_SEGMENTS)
            return error_set(why, ERR_LIMIT, "more than %d parts in the path", TARGET_SEGMENTS);
        int code = decode(d, segment, &out->path[out->n_path], why);
        if (code != 0)
            return code;
        out->n_path++;
    }
    return 0;
}

static int parse_param(struct decoder *d, struct view raw, struct target *out, struct error *why)
{
    ptrdiff_t equals = view_find(raw, '=');
    struct view key = equals < 0 ? raw : view_first(raw, (size_t)equals);
    struct view value = equals < 0 ? VIEW_NONE : view_from(raw, (size_t)equals + 1);
    struct target_param *p = &out->params[out->n_params];

    if (out->n_params == TARGET_PARAMS)
        return error_set(why, ERR_LIMIT, "more than %d parameters", TARGET_PARAMS);
    int code = decode(d, key, &p->key, why);
    if (code == 0)
        code = decode(d, value, &p->value, why);
    if (code != 0)
        return code;
    for (unsigned i = 0; i < out->n_params; i++)
        if (view_eq(out->params[i].key, p->key))
            return error_set(why, ERR_SYNTAX, "a parameter stands twice in the URL");
    out->n_params++;
    return 0;
}

int target_parse(struct view raw, char *memory, struct target *out, struct error *why)
{
    struct decoder d = {memory};
    ptrdiff_t question = view_find(raw, '?');
    struct view path = question < 0 ? raw : view_first(raw, (size_t)question);
    struct view query = question < 0 ? VIEW_NONE : view_from(raw, (size_t)question + 1), param;

    *out = (struct target){.n_path = 0};
    if (path.len == 0 || path.ptr[0] != '/')
        return error_set(why, ERR_SYNTAX, "the path does not begin with '/'");
    path.ptr++, path.len--;
    int code = parse_path(&d, path, out, why);
    while (code == 0 && view_split(&query, '&', &param))
        if (param.len > 0)
            code = parse_param(&d, param, out, why);
    return code;
}

bool target_get(const struct target *t, const char *key, struct view *value)
{
    for (unsigned i = 0; i < t->n_params; i++) {
        if (view_is(t->params[i].key, key)) {
            *value = t->params[i].value;
            return true;
        }
    }
    return false;
}

bool target_matches(const struct target *t, const char *pattern, struct view *name)
{
    struct view rest = view_of(pattern + 1), segment;
    unsigned i = 0;

    while (view_split(&rest, '/', &segment)) {
        if (i == t->n_path)
            return false;
        if (view_is(segment, "*"))
            *name = t->path[i];
        else if (!view_eq(segment, t->path[i]))
            return false;
        i++;
    }
    return i == t->n_path;
}
