/* A few words on what is being parsed, a few times a second. */
#include "progress.h"

#include <inttypes.h>

#include "rcptguard/base/clock.h"

#define EVERY_MS 250

void progress_step(struct progress *p, size_t bytes, const struct copy_builder *builder)
{
    struct copy_seen seen;
    char words[sizeof p->feed->told.progress];
    struct text t = text_on(words, sizeof words);

    p->bytes += bytes;
    if (p->house->tell == NULL || clock_mono_ms() < p->next_ms)
        return;
    p->next_ms = clock_mono_ms() + EVERY_MS;
    text_addf(&t, "parsing %.1f MB", (double)p->bytes / 1e6);
    if (builder != NULL) {
        seen = copy_builder_seen(builder);
        text_addf(&t, ", %" PRIu64 " %s, %" PRIu64 " entries", seen.rows,
                  seen.are_lines ? "lines" : "rows", seen.entries);
    }
    p->house->tell(p->feed, words, p->house->tell_arg);
}
