/*
 * What DNS zones are asked about a recipient of any bytes: each name is one that the DNS takes, in
 * lower case, and the same for every spelling of the address.
 */
#include <stdint.h>

#include "dnsbl/labels.h"
#include "dnsbl/zone.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct address_options options = {"+", true};

static void check_question(const struct zone *z, const struct zone_question *q)
{
    struct view label = view_of(q->label);
    char name[ZONE_NAME_MAX];

    must(q->label_len == label.len && label.len > 0 && labels_fault(label) == NULL);
    for (size_t i = 0; i < label.len; i++)
        must(label.ptr[i] < 'A' || label.ptr[i] > 'Z');
    must(q->key.len > 0);
    if (zone_name(z, label, name))
        must(strlen(name) < ZONE_NAME_MAX && view_starts(view_of(name), q->label));
}

static void try_zone(enum dnsbl_query query, const struct address *a, struct view seen, bool both)
{
    const struct dnsbl_zone_config config = {.name = "list",
                                             .zone = "s3cr3t.dbl.example.net",
                                             .shown = "***.dbl.example.net",
                                             .query = query,
                                             .as_seen = both && query != DNSBL_DOMAIN,
                                             .parents = both && query == DNSBL_DOMAIN,
                                             .codes = "127.0.1.[2;4..6]",
                                             .mask = "",
                                             .probe_listed = "",
                                             .probe_unlisted = "",
                                             .timeout_ms = 1000};
    const struct zone_domains domains = {.exact = a->literal ? VIEW_NONE : a->domain};
    static char bytes[2 * ADDRESS_MAX_BYTES];
    struct text memory = text_on(bytes, sizeof bytes);
    struct zone_question questions[ZONE_QUESTIONS];
    const char *key = NULL;
    struct zone z;

    must(zone_init(&z, &config, &key, NULL) == 0);
    unsigned n = zone_questions(&z, a, seen, &domains, &memory, questions);
    must(n <= ZONE_QUESTIONS);
    for (unsigned i = 0; i < n; i++)
        check_question(&z, &questions[i]);
    must(n < 2 || strcmp(questions[0].label, questions[1].label) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum dnsbl_query queries[] = {DNSBL_DOMAIN, DNSBL_EMAIL_SHA1,
                                               DNSBL_EMAIL_SHA256B32, DNSBL_EMAIL_MD5};
    static struct address *a;

    if (size == 0)
        return 0;
    if (a == NULL)
        must((a = malloc(sizeof *a)) != NULL);
    struct view seen = view_make(data + 1, size - 1);
    if (address_parse(seen, &options, a) != ADDRESS_OK)
        return 0;
    try_zone(queries[data[0] & 3], a, seen, data[0] & 4);
    return 0;
}
