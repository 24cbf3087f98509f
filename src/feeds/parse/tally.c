/* What is counted of a copy, and the checksum of what it lists. */
#include "tally.h"

#include <inttypes.h>

#include "rcptguard/base/escape.h"

/* The row in a sample: enough to find it again, and what is wrong with it still fits behind. */
#define SAMPLE_ROW_BYTES 64

void tally_bytes(struct tally *t, struct view bytes)
{
    sniff_chunk(&t->sniff, bytes);
}

void tally_bad(struct tally *t, uint64_t line, struct view row, const char *why)
{
    t->counts.bad_rows++;
    if (t->counts.n_samples == COPY_SAMPLES)
        return;
    unsigned i = t->counts.n_samples++;
    t->counts.samples[i].line = line;
    struct text text = text_on(t->counts.samples[i].text, sizeof t->counts.samples[i].text);
    escape_to_max(&text, row, ESCAPE_TERMINAL, SAMPLE_ROW_BYTES);
    text_add(&text, ": ");
    /* It may quote the row. */
    escape_to(&text, view_of(why), ESCAPE_TERMINAL);
}

/* Of several the largest number of rows and the latest day count. A number of rows behind the first
 * row is that of a list that was merged into this one, and tells nothing about the whole. */
void tally_claim(struct tally *t, enum feed_claim claim, int64_t value)
{
    int64_t *kept = &t->counts.claims[claim];

    if (value > *kept && !(claim == CLAIM_ROWS && t->counts.rows > 0))
        *kept = value;
}

/* The first says enough. */
void tally_broken(struct tally *t, uint64_t line, const char *why)
{
    struct text text = text_on(t->counts.broken, sizeof t->counts.broken);

    if (t->counts.broken[0] != '\0')
        return;
    text_addf(&text, "line %" PRIu64 ": %s", line, why);
}

void tally_end(struct tally *t, struct copy_counts *counts)
{
    t->counts.html = sniff_is_html(&t->sniff);
    t->counts.control = t->sniff.control;
    const struct feed_format *guess = feed_format_guess(sniff_head(&t->sniff));
    if (guess != NULL && !feed_format_fits(t->format, sniff_head(&t->sniff)))
        t->counts.looks_like = guess->info.name;
    /* An entry alone on its line is the same in both. */
    t->counts.takes_any = t->format->takes_any && guess != &feed_format_entries;
    *counts = t->counts;
}

/* splitmix64's finalizer: every bit of the result depends on every bit of N. */
static uint64_t mix(uint64_t n)
{
    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;
    return n ^ n >> 31;
}

/* A sum does not depend on the order in which the entries are met. */
static void add_to(struct checksum *set, struct checksum key, uint64_t rest)
{
    set->low += mix(key.low ^ mix(rest + 1));
    set->high += mix(key.high + mix(rest + 2));
}

int tally_listing(struct view key, const struct listing *l, void *arg)
{
    struct copy_sets *sets = arg;
    struct checksum sum = checksum_of(key.ptr, key.len);
    uint64_t plain = (uint64_t)(uint32_t)l->date << 32 | l->effect;

    add_to(&sets->plain, sum, plain);
    add_to(&sets->shaped, sum, plain | (uint64_t)l->list << 16 | (uint64_t)l->kind << 8);
    return 0;
}
