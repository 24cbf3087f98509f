/*
 * What shapes a list (rule 7a): a saved index whose list was shaped otherwise is not believed, but
 * built again from the stored copy. So everything that decides which rows become entries goes in
 * here, and nothing that is judged at look-up (entry_max_age, max_age, action, reply). The URL
 * says where a copy comes from, not what it becomes; the copy has a digest of its own.
 */
#include <pthread.h>
#include <stdio.h>

#include "protect.h"

/* To be raised when the code reads the same rows otherwise than before. */
#define SHAPE_VERSION 3

static char suffixes_text[128];
static pthread_once_t suffixes_once = PTHREAD_ONCE_INIT;

/* The list does not change while the process runs, and loading it is too dear for each feed. */
static void read_suffixes_version(void)
{
    struct suffixes *s = suffixes_new();

    snprintf(suffixes_text, sizeof suffixes_text, "%s", s == NULL ? "none" : suffixes_version(s));
    suffixes_free(s);
}

/* Equal to no other: without memory a list counts as shaped otherwise, never as up to date. */
static void make_unique(unsigned char shape[SHA256_BYTES])
{
    for (size_t i = 0; i < SHA256_BYTES; i += sizeof(uint64_t)) {
        uint64_t word = random_u64();
        memcpy(shape + i, &word, sizeof word);
    }
}

void feed_shape(const struct feeds_config *config, const struct feed_config *feed,
                unsigned char shape[SHA256_BYTES])
{
    const unsigned char settings[] = {
        SHAPE_VERSION,
        (unsigned char)feed->types,
        feed->apex,
        feed->as_domains,
        feed->of_domain,
        feed->parents_match,
        config->addresses.provider_aliases,
    };
    struct digest *d = digest_new();

    if (d == NULL) {
        make_unique(shape);
        return;
    }
    pthread_once(&suffixes_once, read_suffixes_version);
    digest_add(d, settings, sizeof settings);
    digest_add_view(d, view_of(feed->format));
    digest_add_view(d, view_of(feed->cleared));
    digest_add_view(d, view_of(feed->column));
    digest_add_view(d, view_of(feed->separator));
    digest_add_view(d, view_of(feed->field));
    digest_add_view(d, view_of(suffixes_text));
    digest_add(d, protect_digest(config->protect), SHA256_BYTES);
    digest_end(d, shape);
}
