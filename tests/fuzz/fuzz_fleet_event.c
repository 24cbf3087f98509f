/*
 * What Redis may hold in the place of a refusal, from a stranger. The first byte says what the rest
 * is: an entry as it stands there; a line under a good seal; the name of an entry; a reference, a
 * line end, and where it is looked for. What is believed can be shown, and is believed again.
 */
#include <stdlib.h>
#include <string.h>

#include "fleet/event.h"

#define RELAY "mx1.0a"

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

static struct event *open_again(const struct seal_key *key, const struct record_decision *d)
{
    static char line[RECORD_JSON_BYTES];
    struct text t = text_on(line, sizeof line);
    struct buf sealed = BUF_INIT(0);
    struct event *e = NULL;
    struct error why;

    record_json(&t, d);
    must(!t.cut);
    must(event_seal(key, RELAY, 1, text_view(&t), &sealed) == 0);
    if (event_open(key, buf_view(&sealed), &e, &why) < 0)
        abort();
    buf_free(&sealed);
    return e;
}

static void must_be_shown(const struct seal_key *key, const struct event *e)
{
    const struct record_decision *d = &e->shown.decision;
    struct event *again = open_again(key, d);

    must(d->ref.len < REF_MAX && d->label != NULL && strcmp(d->label, "pass") != 0);
    must(d->domain.len <= d->canonical.len);
    must(again->shown.decision.time == d->time && again->shown.decision.date == d->date);
    must(again->shown.decision.label == d->label && view_eq(again->shown.decision.ref, d->ref));
    free(again);
}

static void try_with(const struct seal_key *key, struct view text)
{
    struct event *e = NULL;
    struct error why = {0};

    if (event_open(key, text, &e, &why) == 0) {
        must_be_shown(key, e);
        free(e);
    } else {
        must(e == NULL && why.text[0] != '\0');
    }
}

static void try_object(struct view bytes)
{
    static const struct seal_key none, key = {.bytes = {1}, .secret = true};
    struct event *e = NULL;

    try_with(&none, bytes);
    must(event_open(&key, bytes, &e, NULL) < 0 && e == NULL);
}

static void try_line(struct view line)
{
    static const struct seal_key key = {.bytes = {1}, .secret = true};
    struct buf sealed = BUF_INIT(0);

    must(event_seal(&key, RELAY, 1, line, &sealed) == 0);
    try_with(&key, buf_view(&sealed));
    buf_free(&sealed);
}

static void try_id(struct view text)
{
    struct event_id id, again, next, previous;
    char shown[EVENT_ID_SIZE];

    if (!event_id_parse(text, &id))
        return;
    must(event_id_parse(view_of(event_id_text(id, shown)), &again));
    must(again.ms == id.ms && again.seq == id.seq && !event_id_is_before(id, again));
    next = event_id_next(id);
    previous = event_id_previous(id);
    must(!event_id_is_before(next, id) && !event_id_is_before(id, previous));
    must(!event_id_is_before(id, next) || event_id_previous(next).seq == id.seq);
}

static void try_reference(struct view bytes)
{
    struct view ref;

    if (view_split(&bytes, '\n', &ref))
        event_may_have(bytes, ref);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct view) = {try_object, try_line, try_id, try_reference};

    if (size > 0)
        tries[data[0] % 4](view_make(data + 1, size - 1));
    return 0;
}
