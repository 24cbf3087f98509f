/* Any bytes as a feed of format rpz. */
#include <stddef.h>
#include <stdint.h>

#include "feed_cuts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cuts_check(&feed_format_rpz, data, size);
    return 0;
}
