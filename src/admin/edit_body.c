/* What a client asks of the exclusions or the blocks, checked for its form: see edit_body.h. */
#include "edit_body.h"

#include "rcptguard/base/escape.h"
#include "rcptguard/base/nearest.h"

#define SHOWN_BYTES 64 /* of a word that is not known */

/* The last are those that blocks do not know. */
static const char *const fields[] = {"what", "until", "ticket", "note", "by", "force", "list"};
#define N_FIELDS        (sizeof fields / sizeof *fields)
#define N_BLOCKS_FIELDS (N_FIELDS - 1)

static int unknown(const char *thing, struct view word, const char *const *names, size_t n,
                   struct error *why)
{
    char memory[SHOWN_BYTES + 8];
    struct text shown = text_on(memory, sizeof memory);

    escape_to_max(&shown, word, ESCAPE_TERMINAL, SHOWN_BYTES);
    return error_set(why, ERR_SYNTAX, "unknown %s '%s': did you mean %s?", thing, memory,
                     nearest_name(word, names, n));
}

static bool is_name(struct view word, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (view_is(word, names[i]))
            return true;
    return false;
}

static int check_fields(enum local_kind kind, const json_t *body, struct error *why)
{
    size_t n = kind == LOCAL_BLOCKS ? N_BLOCKS_FIELDS : N_FIELDS;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)body, key, value)
    {
        if (kind == LOCAL_BLOCKS && strcmp(key, "list") == 0)
            return error_set(why, ERR_SYNTAX, "a local block has no field \"list\"");
        if (!is_name(view_of(key), fields, n))
            return unknown("field", view_of(key), fields, n, why);
    }
    return 0;
}

/* A file has lines: nothing of ours may bring a second one into it. */
static int check_text(const char *field, struct view v, struct error *why)
{
    if (view_find_any(v, "\n\r") >= 0 || view_find(v, '\0') >= 0)
        return error_set(why, ERR_SYNTAX, "%s: write it on one line", field);
    return 0;
}

static struct view text_of(const json_t *string)
{
    return view_make(json_string_value(string), json_string_length(string));
}

static int read_text(const json_t *body, const char *field, struct view *to, struct error *why)
{
    const json_t *value = json_object_get(body, field);

    if (value == NULL || json_is_null(value))
        return 0;
    if (!json_is_string(value))
        return error_set(why, ERR_SYNTAX, "%s: must be a string", field);
    *to = text_of(value);
    return check_text(field, *to, why);
}

static int read_force(const json_t *body, bool *to, struct error *why)
{
    const json_t *value = json_object_get(body, "force");

    if (value == NULL || json_is_null(value))
        return 0;
    if (!json_is_boolean(value))
        return error_set(why, ERR_SYNTAX, "force: must be true or false");
    *to = json_is_true(value);
    return 0;
}

static int join_lists(const json_t *array, struct edit_body *out, struct error *why)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *name = json_array_get(array, i);
        if (!json_is_string(name) || json_string_length(name) == 0 ||
            view_find(text_of(name), ',') >= 0)
            return error_set(why, ERR_SYNTAX, "list: must be names of lists, [\"a\", \"b\"]");
        if (i > 0)
            buf_add_text(&out->joined, ",");
        buf_add_view(&out->joined, text_of(name));
    }
    if (out->joined.failed)
        return error_set(why, ERR_NOMEM, "no memory");
    out->lists = buf_view(&out->joined);
    return check_text("list", out->lists, why);
}

/* An empty variable of a script would make it for every list, or for ever. */
static int refuse_empty(const json_t *body, const char *field, struct error *why)
{
    const json_t *value = json_object_get(body, field);

    if (!json_is_string(value) || !view_is(view_trim(text_of(value)), ""))
        return 0;
    return error_set(why, ERR_SYNTAX, "%s: is empty; give one, or leave the field out", field);
}

/* ["a", "b"] or "a,b"; an empty array, as it is shown of a line without list=, is every list. */
static int read_lists(const json_t *body, struct edit_body *out, struct error *why)
{
    const json_t *value = json_object_get(body, "list");

    if (json_is_array(value))
        return join_lists(value, out, why);
    if (value != NULL && !json_is_null(value) && !json_is_string(value))
        return error_set(why, ERR_SYNTAX, "list: must be an array of strings, or \"a,b\"");
    return read_text(body, "list", &out->lists, why);
}

static int need_what(const struct edit_body *b, struct error *why)
{
    if (view_trim(b->what).len > 0)
        return 0;
    return error_set(why, ERR_SYNTAX,
                     "what: is missing; write user@domain, domain, .domain or *.domain");
}

int edit_body_read(enum local_kind kind, const json_t *body, struct edit_body *out,
                   struct error *why)
{
    const struct {
        const char *field;
        struct view *to;
    } texts[] = {{"what", &out->what},
                 {"until", &out->until},
                 {"ticket", &out->ticket},
                 {"note", &out->note},
                 {"by", &out->by}};

    *out = (struct edit_body){.joined = BUF_INIT(0)};
    int code = check_fields(kind, body, why);
    for (size_t i = 0; code == 0 && i < sizeof texts / sizeof *texts; i++)
        code = read_text(body, texts[i].field, texts[i].to, why);
    if (code == 0)
        code = refuse_empty(body, "until", why);
    if (code == 0)
        code = refuse_empty(body, "list", why);
    if (code == 0)
        code = read_force(body, &out->force, why);
    if (code == 0)
        code = read_lists(body, out, why);
    return code == 0 ? need_what(out, why) : code;
}

int edit_body_from_target(const struct target *t, struct edit_body *out, struct error *why)
{
    struct view expired;

    *out = (struct edit_body){.joined = BUF_INIT(0)};
    bool has_what = target_get(t, "what", &out->what);
    bool has_list = target_get(t, "list", &out->lists);
    target_get(t, "by", &out->by);
    out->expired = target_get(t, "expired", &expired);
    if (out->expired && (!view_is(expired, "yes") || has_what || has_list))
        return error_set(why, ERR_SYNTAX,
                         "expired: write ?expired=yes, without what and list, to take out what "
                         "is over");
    if (has_list && out->lists.len == 0) /* it would be every list */
        return error_set(why, ERR_SYNTAX, "list: name a list, or leave it out for all of them");
    int code = check_text("what", out->what, why);
    return code != 0 || out->expired ? code : need_what(out, why);
}

void edit_body_free(struct edit_body *b)
{
    buf_free(&b->joined);
}

int edit_check_lists(struct view lists, const char *const *names, size_t n, struct error *why)
{
    struct view name;

    while (view_split(&lists, ',', &name))
        if (!is_name(view_trim(name), names, n))
            return unknown("list", view_trim(name), names, n, why);
    return 0;
}
