/* Any bytes as a feed of one of the formats whose rows are lines about domains; the first byte
 * chooses which. */
#include <stddef.h>
#include <stdint.h>

#include "feed_cuts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct feed_format *const formats[] = {
        &feed_format_domains, &feed_format_hosts,   &feed_format_adblock,
        &feed_format_dnsmasq, &feed_format_unbound, &feed_format_urls,
    };

    if (size == 0)
        return 0;
    cuts_check(formats[data[0] % (sizeof formats / sizeof formats[0])], data + 1, size - 1);
    return 0;
}
