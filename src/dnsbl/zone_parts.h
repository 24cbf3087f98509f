/* What zone.c and questions.c share. */
#ifndef DNSBL_ZONE_PARTS_H
#define DNSBL_ZONE_PARTS_H

#include "zone.h"

#define NAME_MAX_BYTES (ZONE_NAME_MAX - 1)

struct zone_kind {
    enum hash_kind hash;
    size_t bytes;     /* of a digest; 0: no hash */
    size_t label_len; /* that must fit in front of the zone */
    const char *hash_name;
};
const struct zone_kind *zone_kind(const struct dnsbl_zone_config *config);

/* The zone without a dot at its end. Holds the secret. */
struct view zone_bare_name(const struct dnsbl_zone_config *config);

/* A digest as such a zone takes it into DST, NUL-terminated; returns the length. */
size_t zone_digest_label(const struct dnsbl_zone_config *config, const unsigned char *digest,
                         char *dst);

#endif
