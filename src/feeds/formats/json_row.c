/*
 * What one value of JSON says. jansson reads it, and so it has to be small: whoever calls has cut
 * it out of the copy. A string of plain ASCII, nearly every one there is, needs no decoding.
 */
#include "json_row.h"

#include <inttypes.h>
#include <stdio.h>

#include "rcptguard/base/json_text.h"

void json_broken(const struct feed_reader *r, struct json_copy *copy, uint64_t line,
                 const char *why)
{
    copy->broken = true;
    r->sink->broken(line, why, r->sink->arg);
}

/* What stands between the quotes of a string that says what it means. */
static bool is_plain(struct view value, struct view *text)
{
    if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"')
        return false;
    *text = view_make(value.ptr + 1, value.len - 2);
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->ptr[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            return false;
    }
    return true;
}

static void tell_text(const struct feed_reader *r, struct view text, struct view value,
                      uint64_t line)
{
    text = view_trim(text);
    if (text.len == 0)
        r->sink->bad(line, value, "an empty string", r->sink->arg);
    else
        feed_entry_tell(r, text, value, (struct feed_row){.line = line});
}

static struct view text_of(const json_t *string)
{
    return view_make(json_string_value(string), json_string_length(string));
}

/* The list's own words: jansson's show the bytes that it was given. */
static const char *fault_of(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_invalid_utf8:
        return "not UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "holds a NUL character";
    case json_error_duplicate_key:
        return "an object with a member twice";
    case json_error_stack_overflow:
        return "nested too deep";
    default:
        return "not a value of JSON";
    }
}

/* --- The trailer ------------------------------------------------------- */

static bool is_trailer(const json_t *object)
{
    const json_t *type = json_object_get(object, "type");

    return json_is_string(type) && view_is(text_of(type), "metadata");
}

/* The number of this name, -1 for what is none; false: there is no such member. */
static bool number_of(const json_t *object, const char *name, int64_t *number)
{
    const json_t *member = json_object_get(object, name);

    *number = json_is_integer(member) && json_integer_value(member) >= 0
                  ? (int64_t)json_integer_value(member)
                  : -1;
    return member != NULL;
}

/* Counted with the end of the last line (LF or CR LF) by some, without by others. */
static bool is_size(int64_t told, int64_t size)
{
    return told >= 0 && told <= size && size - told <= 2;
}

static void tell_mismatch(const struct feed_reader *r, struct json_copy *copy, uint64_t line,
                          const char *what, int64_t told, uint64_t came)
{
    char why[160];

    if (told < 0)
        snprintf(why, sizeof why, "its metadata tell no number of %s", what);
    else
        snprintf(why, sizeof why, "its metadata tell of %" PRId64 " %s, %" PRIu64 " came", told,
                 what, came);
    json_broken(r, copy, line, why);
}

static void take_trailer(const struct feed_reader *r, struct json_copy *copy, const json_t *object,
                         const struct json_place *place)
{
    int64_t records, size, created;

    copy->trailer = true;
    if (number_of(object, "timestamp", &created) && created > 0)
        r->sink->claim(CLAIM_CREATED, created, r->sink->arg);
    if (number_of(object, "records", &records) && (uint64_t)records != place->records)
        tell_mismatch(r, copy, place->line, "records", records, place->records);
    else if (place->size >= 0 && number_of(object, "size", &size) && !is_size(size, place->size))
        tell_mismatch(r, copy, place->line, "bytes", size, (uint64_t)place->size);
}

/* --- Objects and the rest ---------------------------------------------- */

/* Lists of networks come in the same form (DROP). */
static bool is_network(const json_t *object, const char *field)
{
    return json_is_string(json_object_get(object, "cidr")) &&
           (field == NULL || strcmp(field, "cidr") == 0 || json_object_get(object, field) == NULL);
}

static void tell_object(const struct feed_reader *r, const json_t *object, struct view value,
                        uint64_t line)
{
    const char *field = r->options->field;
    const json_t *member = field == NULL ? NULL : json_object_get(object, field);

    if (is_network(object, field))
        r->sink->ignored(line, r->sink->arg);
    else if (field == NULL)
        r->sink->bad(line, value,
                     "an object; name the member with the entry in field =", r->sink->arg);
    else if (member == NULL)
        r->sink->bad(line, value, "an object without the member that field = names", r->sink->arg);
    else if (!json_is_string(member))
        r->sink->bad(line, value, "the member that field = names is not a string", r->sink->arg);
    else
        tell_text(r, text_of(member), value, line);
}

static void tell_value(const struct feed_reader *r, struct json_copy *copy, const json_t *json,
                       struct view value, const struct json_place *place)
{
    if (json_is_object(json) && is_trailer(json))
        take_trailer(r, copy, json, place);
    else if (json_is_object(json))
        tell_object(r, json, value, place->line);
    else if (json_is_string(json) && r->options->field == NULL)
        tell_text(r, text_of(json), value, place->line);
    else
        r->sink->bad(place->line, value,
                     r->options->field == NULL ? "not a string" : "not an object", r->sink->arg);
}

void json_row_tell(const struct feed_reader *r, struct json_copy *copy, struct view value,
                   const struct json_place *place)
{
    json_error_t error;
    struct view text;

    if (copy->trailer) {
        json_broken(r, copy, place->line, "something follows its metadata");
        return;
    }
    if (r->options->field == NULL && is_plain(value, &text)) {
        tell_text(r, text, value, place->line);
        return;
    }
    json_t *json = json_parse(value, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (json == NULL && json_error_code(&error) == json_error_out_of_memory)
        json_broken(r, copy, place->line, "there is no memory for a row");
    else if (json == NULL)
        r->sink->bad(place->line, value, fault_of(&error), r->sink->arg);
    else
        tell_value(r, copy, json, value, place);
    json_decref(json);
}
