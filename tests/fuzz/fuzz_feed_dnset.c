/* Any bytes as a feed of format dnset. */
#include <stddef.h>
#include <stdint.h>

#include "feed_cuts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cuts_check(&feed_format_dnset, data, size);
    return 0;
}
