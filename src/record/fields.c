/* How a decision is shown: one table of fields for the log of decisions, the journal and the admin
 * API. */
#include <stddef.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/record.h"

#define AT(field) offsetof(struct record_decision, field)

const struct record_field record_fields[RECORD_FIELDS] = {
    {"ref", FIELD_OPTIONAL, AT(ref)},
    {"time", FIELD_TIME, AT(time)},
    {"outcome", FIELD_LABEL, AT(label)},
    {"recipient", FIELD_TEXT, AT(recipient)},
    {"canonical", FIELD_OPTIONAL, AT(canonical)},
    {"sender", FIELD_TEXT, AT(sender)},
    {"sasl_username", FIELD_OPTIONAL, AT(sasl_username)},
    {"client", FIELD_OPTIONAL, AT(client)},
    {"queue_id", FIELD_OPTIONAL, AT(queue_id)},
    {"instance", FIELD_OPTIONAL, AT(instance)},
    {"list", FIELD_OPTIONAL, AT(list)},
    {"entry", FIELD_OPTIONAL, AT(entry)},
    {"date", FIELD_DATE, AT(date)},
    {"action", FIELD_OPTIONAL, AT(action)},
    {"evidence", FIELD_OPTIONAL, AT(evidence)},
};

#define SHOWN_BYTES (ESCAPE_MAX_BYTES + 8)

/* A name with quotes, colon and comma, and a value of nothing but backslashes; in the journal the
 * prefix instead. */
_Static_assert(RECORD_FIELDS * (24 + 2 * ESCAPE_MAX_BYTES) < RECORD_JSON_BYTES, "room for all");
_Static_assert((RECORD_FIELDS - 1) * (26 + ESCAPE_MAX_BYTES) < RECORD_JOURNAL_BYTES,
               "room for all");

/* The value as text in DST; false: it is null. */
static bool show(const struct record_field *field, const struct record_decision *d,
                 char dst[SHOWN_BYTES], struct view *shown)
{
    const char *at = (const char *)d + field->at;
    struct text t = text_on(dst, SHOWN_BYTES);
    struct view text;

    switch (field->kind) {
    case FIELD_TIME:
        *shown = view_of(clock_time_text(*(const int64_t *)(const void *)at, dst));
        return dst[0] != '-';
    case FIELD_DATE:
        *shown = view_of(clock_date_text(*(const int32_t *)(const void *)at, dst));
        return dst[0] != '-';
    case FIELD_LABEL:
        *shown = view_of(*(const char *const *)(const void *)at);
        return true;
    case FIELD_TEXT:
    case FIELD_OPTIONAL:
        break;
    }
    text = *(const struct view *)(const void *)at;
    escape_to(&t, text, ESCAPE_LOG);
    *shown = text_view(&t);
    return text.len > 0 || field->kind == FIELD_TEXT;
}

/* Quotes and control bytes are escaped already; the backslashes of that are what JSON minds. */
static void add_string(struct text *t, struct view shown)
{
    struct view part;
    bool first = true;

    text_add(t, "\"");
    while (view_split(&shown, '\\', &part)) {
        if (!first)
            text_add(t, "\\\\");
        text_add_view(t, part);
        first = false;
    }
    text_add(t, "\"");
}

void record_json(struct text *t, const struct record_decision *d)
{
    char dst[SHOWN_BYTES];
    struct view shown;

    for (size_t i = 0; i < RECORD_FIELDS; i++) {
        text_add(t, i == 0 ? "{\"" : ",\"");
        text_add(t, record_fields[i].name);
        text_add(t, "\":");
        if (show(&record_fields[i], d, dst, &shown))
            add_string(t, shown);
        else
            text_add(t, "null");
    }
    text_add(t, "}");
}

void record_journal_fields(struct text *t, const struct record_decision *d)
{
    char dst[SHOWN_BYTES];
    struct view shown;

    for (size_t i = 0; i < RECORD_FIELDS; i++) {
        const struct record_field *field = &record_fields[i];
        if (field->kind == FIELD_TIME || !show(field, d, dst, &shown))
            continue;
        text_add(t, "RCPTGUARD_");
        for (const char *c = field->name; *c != '\0'; c++) {
            char capital = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
            text_add_view(t, view_make(&capital, 1));
        }
        text_add(t, "=");
        text_add_view(t, shown);
        text_add(t, "\n");
    }
}
