/* Agreeing: what others say comes into the file, and all that stands into what was agreed. */
#include <poll.h>
#include <stdlib.h>

#include "round.h"

/* What finds no room is left out, and told; all else goes on. */
static int agree(struct round *r, const struct record_of *record)
{
    int rc = records_put(r->k->base, record);

    r->k->base_changed |= rc == 0;
    r->no_room += rc == ERR_LIMIT;
    return rc == ERR_LIMIT ? 0 : rc;
}

/*
 * Redis has it, from here. If this relay forgot that, it would take its own word for another
 * relay's: a line that is taken out a moment later would come back. So memory is waited for.
 */
static int agree_on_own(struct round *r, const struct record_of *record)
{
    int rc = agree(r, record);

    for (int i = 0; rc == ERR_NOMEM && i < AGAIN_TIMES; i++) {
        poll(NULL, 0, AGAIN_MS);
        rc = agree(r, record);
    }
    return rc;
}

int round_take(struct round *r, struct error *why)
{
    struct kept_change *changes = calloc(r->n_takes + r->n_puts + 1, sizeof *changes);
    size_t n = 0;

    if (changes == NULL)
        return round_no_memory(why);
    for (size_t i = 0; i < r->n_takes; i++)
        if (!r->takes[i].in_file)
            changes[n++] = (struct kept_change){r->takes[i].record.what, r->takes[i].record.text};
    for (size_t i = 0; i < r->n_puts; i++)
        if (r->puts[i].stands && r->puts[i].also_here)
            changes[n++] =
                (struct kept_change){buf_view(&r->puts[i].what), buf_view(&r->puts[i].text)};
    int rc = n == 0 ? 0 : kept_write(r->k, &r->now, changes, n, why);
    free(changes);
    for (size_t i = 0; rc == 0 && i < r->n_takes; i++)
        if (!r->takes[i].in_base && agree(r, &r->takes[i].record) < 0)
            rc = round_no_memory(why);
    if (rc == 0 && r->vanished > 0)
        records_forget_deleted(r->k->base, ROUND_OUTLIVED + 1);
    return rc;
}

struct record_of put_record(const struct round *r, const struct put *p)
{
    return (struct record_of){
        .what = buf_view(&p->what),
        .version = p->version,
        .text = buf_view(&p->text),
        .sealed = buf_view(&p->sealed),
        .deleted_at = p->text.len > 0 ? 0 : r->time,
    };
}

int round_agree_on_puts(struct round *r, bool also_here, struct error *why)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < r->n_puts; i++) {
        const struct put *p = &r->puts[i];
        if (!p->stands || p->offer || p->also_here != also_here)
            continue;
        const struct record_of record = put_record(r, p);
        rc = agree_on_own(r, &record) < 0 ? round_no_memory(why) : 0;
    }
    return rc;
}
