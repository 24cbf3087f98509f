/* Naming those who differ: as many as a line of the log bears. */
#include "drift.h"

#include <string.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/escape.h"

#define NAME_MAX_SHOWN 128 /* of a relay, of a list */

void drift_add(struct drift *d, struct view relay, struct view what)
{
    if (d->n++ >= DRIFT_SHOWN)
        return;
    size_t len = strlen(d->names);
    struct text t = text_on(d->names + len, sizeof d->names - len);
    text_add(&t, len == 0 ? "" : ", ");
    escape_to_max(&t, relay, ESCAPE_LOG, NAME_MAX_SHOWN);
    text_add(&t, " (");
    escape_to_max(&t, what, ESCAPE_LOG, NAME_MAX_SHOWN);
    text_add(&t, ")");
}

const char *drift_text(const struct drift *d, char dst[DRIFT_TEXT + 32])
{
    struct text t = text_on(dst, DRIFT_TEXT + 32);

    text_add(&t, d->names);
    if (d->n > DRIFT_SHOWN)
        text_addf(&t, " and %zu more", d->n - DRIFT_SHOWN);
    return dst;
}
