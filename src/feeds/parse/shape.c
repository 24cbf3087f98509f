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
#define SHAPE_VERSION 4

static char suffixes_text[128];
static pthread_once_t suffixes_once = PTHREAD_ONCE_INIT;

/* The list does not change while the process runs, and loading it is too dear for each feed. */
static void read_suffixes_version(void)
{
    struct suffixes *s = suffixes_new();

    snprintf(suffixes_text, sizeof suffixes_text, "%s", s == NULL ? "none" : suffixes_version(s));
    suffixes_free(s);
}

/*
 * What stands for a feed's settings; each text by a checksum of its own, so that none runs into the
 * next. No memory is asked for, since verdict and worker each have this made and must come to the
 * same: a list whose shapes differ counts for nothing.
 */
struct settings {
    unsigned char version, types, apex, as_domains, of_domain, parents_match, provider_aliases,
        padding;
    struct checksum format, cleared, column, separator, field, suffixes;
    unsigned char protect[SHA256_BYTES];
};

_Static_assert(sizeof(struct settings) == 8 + 6 * sizeof(struct checksum) + SHA256_BYTES,
               "no holes: all of it is looked at");

static struct checksum text_checksum(const char *text)
{
    struct view v = view_of(text);

    return checksum_of(v.ptr, v.len);
}

void feed_shape(const struct feeds_config *config, const struct feed_config *feed,
                unsigned char shape[SHA256_BYTES])
{
    pthread_once(&suffixes_once, read_suffixes_version);
    struct settings settings = {
        .version = SHAPE_VERSION,
        .types = (unsigned char)feed->types,
        .apex = feed->apex,
        .as_domains = feed->as_domains,
        .of_domain = feed->of_domain,
        .parents_match = feed->parents_match,
        .provider_aliases = config->addresses.provider_aliases,
        .format = text_checksum(feed->format),
        .cleared = text_checksum(feed->cleared),
        .column = text_checksum(feed->column),
        .separator = text_checksum(feed->separator),
        .field = text_checksum(feed->field),
        .suffixes = text_checksum(suffixes_text),
    };
    memcpy(settings.protect, protect_digest(config->protect), SHA256_BYTES);
    struct checksum sum = checksum_of(&settings, sizeof settings);
    memset(shape, 0, SHA256_BYTES);
    memcpy(shape, &sum, sizeof sum);
}
