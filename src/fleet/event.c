/* One refusal in Redis: see event.h. */
#include "event.h"

#include <inttypes.h>
#include <stdlib.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/json_text.h"

#define KIND "event"
#define NAME "events"

int event_seal(const struct seal_key *key, const char *relay, uint64_t number, struct view line,
               struct buf *out)
{
    const struct sealed what = {.kind = KIND,
                                .name = view_of(NAME),
                                .relay = view_of(relay),
                                .version = number,
                                .body = line};

    return seal_make(key, &what, out);
}

/* ---- values --------------------------------------------------------------------------------- */

/* N digits at AT, a number; -1: something else is there. */
static int digits(struct view text, size_t at, size_t n)
{
    int number = 0;

    for (size_t i = at; i < at + n; i++) {
        if (!ascii_digit(text.ptr[i]))
            return -1;
        number = number * 10 + (text.ptr[i] - '0');
    }
    return number;
}

/* YYYY-MM-DDTHH:MM:SSZ, and one that is shown again: behind 1970. */
static bool read_time(struct view text, int64_t *seconds)
{
    int32_t days;

    if (text.len != 20 || text.ptr[10] != 'T' || text.ptr[13] != ':' || text.ptr[16] != ':' ||
        text.ptr[19] != 'Z' || !clock_date_read(view_first(text, 10), &days))
        return false;
    int hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    *seconds = (int64_t)days * 86400 + hour * 3600 + minute * 60 + second;
    return *seconds > 0;
}

/* Passes are nobody's business. */
static bool read_label(struct view text, const char **label)
{
    static const char *const labels[] = {"reject", "defer", "observe"};

    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        if (view_is(text, labels[i])) {
            *label = labels[i];
            return true;
        }
    return false;
}

static int hex_digit(char c)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *at = c == '\0' ? NULL : strchr(hex, c);

    return at == NULL ? -1 : (int)(at - hex);
}

/* Texts are escaped in a line of the log; here they are as they were. *MEMORY moves behind it. */
static bool read_text(struct view text, char **memory, struct view *out)
{
    char *dst = *memory;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\\') {
            *dst++ = text.ptr[i];
            continue;
        }
        if (i + 3 >= text.len || text.ptr[i + 1] != 'x')
            return false;
        int high = hex_digit(text.ptr[i + 2]), low = hex_digit(text.ptr[i + 3]);
        if (high < 0 || low < 0)
            return false;
        *dst++ = (char)(high << 4 | low);
        i += 3;
    }
    *out = view_make(*memory, (size_t)(dst - *memory));
    *memory = dst;
    return true;
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool read_field(const struct record_field *field, const json_t *value, char **memory,
                       struct record_decision *d)
{
    void *at = (char *)d + field->at;

    if (value == NULL || json_is_null(value))
        return field->kind == FIELD_OPTIONAL || field->kind == FIELD_DATE;
    if (!json_is_string(value))
        return false;
    struct view text = view_make(json_string_value(value), json_string_length(value));
    switch (field->kind) {
    case FIELD_TIME:
        return read_time(text, at);
    case FIELD_DATE:
        return clock_date_read(text, at);
    case FIELD_LABEL:
        return read_label(text, at);
    case FIELD_TEXT:
    case FIELD_OPTIONAL:
        break;
    }
    return read_text(text, memory, at);
}

static bool is_reference(struct view ref)
{
    for (size_t i = 0; i < ref.len; i++)
        if (!ascii_alnum(ref.ptr[i]))
            return false;
    return ref.len < REF_MAX;
}

static bool read_decision(const json_t *json, char *memory, struct record_decision *d)
{
    if (!json_is_object(json))
        return false;
    for (size_t i = 0; i < RECORD_FIELDS; i++)
        if (!read_field(&record_fields[i], json_object_get(json, record_fields[i].name), &memory,
                        d))
            return false;
    ptrdiff_t at = view_find_last(d->canonical, '@');
    d->domain = at < 0 ? VIEW_NONE : view_from(d->canonical, (size_t)at + 1);
    return is_reference(d->ref);
}

/* No value is longer than the JSON that it stands in. */
static int open_body(const struct sealed *sealed, struct event **out, struct error *why)
{
    struct event *e = calloc(1, sizeof *e + sealed->relay.len + sealed->body.len);

    if (e == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    memcpy(e->memory, sealed->relay.ptr, sealed->relay.len);
    e->shown.relay = view_make(e->memory, sealed->relay.len);
    json_t *json = json_parse(sealed->body, JSON_REJECT_DUPLICATES, NULL);
    bool good = read_decision(json, e->memory + sealed->relay.len, &e->shown.decision);
    json_decref(json);
    if (good) {
        *out = e;
        return 0;
    }
    free(e);
    return error_set(why, ERR_SYNTAX, "an event that no relay of this version writes");
}

int event_open(const struct seal_key *key, struct view text, struct event **out, struct error *why)
{
    struct sealed sealed;

    if (text.len == 0 || text.len > EVENT_SEALED_MAX)
        return error_set(why, ERR_SYNTAX, "no event of rcptguard, or too long to be one");
    int rc = seal_open(key, KIND, view_of(NAME), text, &sealed, why);
    return rc < 0 ? rc : open_body(&sealed, out, why);
}

/* The name of the field comes first in what record_json writes, and a reference has no quote. */
bool event_may_have(struct view text, struct view ref)
{
    char wanted[REF_MAX + 16];
    struct text t = text_on(wanted, sizeof wanted);

    text_add(&t, "{\"ref\":\"");
    for (size_t i = 0; i < ref.len; i++) {
        char c =
            ref.ptr[i] >= 'a' && ref.ptr[i] <= 'z' ? (char)(ref.ptr[i] - 'a' + 'A') : ref.ptr[i];
        text_add_view(&t, view_make(&c, 1));
    }
    text_add(&t, "\"");
    return text.len > 0 && memmem(text.ptr, text.len, wanted, t.len) != NULL;
}

/* ---- entries of a stream -------------------------------------------------------------------- */

bool event_id_parse(struct view text, struct event_id *id)
{
    ptrdiff_t dash = view_find(text, '-');

    return dash > 0 && view_to_uint(view_first(text, (size_t)dash), UINT64_MAX, &id->ms) &&
           view_to_uint(view_from(text, (size_t)dash + 1), UINT64_MAX, &id->seq);
}

const char *event_id_text(struct event_id id, char dst[EVENT_ID_SIZE])
{
    struct text t = text_on(dst, EVENT_ID_SIZE);

    text_addf(&t, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
    return dst;
}

bool event_id_is_before(struct event_id a, struct event_id b)
{
    return a.ms < b.ms || (a.ms == b.ms && a.seq < b.seq);
}

struct event_id event_id_next(struct event_id id)
{
    if (id.seq < UINT64_MAX)
        id.seq++;
    else if (id.ms < UINT64_MAX)
        id = (struct event_id){id.ms + 1, 0};
    return id;
}

struct event_id event_id_previous(struct event_id id)
{
    if (id.seq > 0)
        id.seq--;
    else if (id.ms > 0)
        id = (struct event_id){id.ms - 1, UINT64_MAX};
    return id;
}
