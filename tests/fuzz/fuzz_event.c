/*
 * Events of other relays as they stand in Redis, where anybody may write. The first byte says what
 * the rest is: an object as it is, the body of one that is sealed well, or the number of an entry.
 */
#include <stdint.h>
#include <string.h>

#include "fleet/event.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct seal_key no_secret, secret = {.bytes = {7}, .secret = true};

static void check_event(const struct event *e)
{
    const struct record_decision *d = &e->shown.decision;

    must(seal_is_relay(e->shown.relay));
    must(d->ref.len < REF_MAX && d->label != NULL && memchr(d->ref.ptr, '"', d->ref.len) == NULL);
    if (view_find(d->canonical, '@') >= 0)
        must(view_eq(d->domain,
                     view_from(d->canonical, (size_t)view_find_last(d->canonical, '@') + 1)));
}

static void try_object(struct view text)
{
    struct event *e = NULL;
    struct error why = {0};

    must(event_open(&secret, text, &e, &why) < 0 && e == NULL && why.text[0] != '\0');
    if (event_open(&no_secret, text, &e, &why) == 0)
        check_event(e);
    free(e);
}

static void try_body(struct view line)
{
    struct buf sealed = BUF_INIT(0);
    struct event *e = NULL;

    must(event_seal(&secret, "relay-1", 1, line, &sealed) == 0);
    if (event_open(&secret, buf_view(&sealed), &e, NULL) == 0)
        check_event(e);
    free(e);
    buf_free(&sealed);
}

static bool is_same(struct event_id a, struct event_id b)
{
    return !event_id_is_before(a, b) && !event_id_is_before(b, a);
}

static void try_id(struct view text)
{
    struct event_id id, again;
    char shown[EVENT_ID_SIZE];

    if (!event_id_parse(text, &id))
        return;
    must(event_id_parse(view_of(event_id_text(id, shown)), &again) && is_same(id, again));
    bool is_last = id.ms == UINT64_MAX && id.seq == UINT64_MAX,
         is_first = id.ms == 0 && id.seq == 0;
    must(is_last || is_same(event_id_previous(event_id_next(id)), id));
    must(is_first || is_same(event_id_next(event_id_previous(id)), id));
    must(is_last != event_id_is_before(id, event_id_next(id)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct view) = {try_object, try_body, try_id};

    if (size > 0)
        tries[data[0] % 3](view_make(data + 1, size - 1));
    return 0;
}
