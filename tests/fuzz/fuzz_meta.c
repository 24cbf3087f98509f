/*
 * Any bytes as the lines of a feed's stored state, under a good checksum: what is read and written
 * again is read as the same.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "feeds/store/meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_meta first, second;
    struct buf text = BUF_INIT(0), again = BUF_INIT(0);

    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    buf_addf(&text, "rcptguard feed 1\nname=list\n");
    buf_add(&text, data, size);
    struct checksum sum = checksum_of(text.data, text.len);
    buf_addf(&text, "checksum=%016" PRIx64 "%016" PRIx64 "\n", sum.high, sum.low);
    if (meta_read(buf_view(&text), "list", &first, NULL) == 0) {
        if (meta_write(&first, "list", &again) < 0 ||
            meta_read(buf_view(&again), "list", &second, NULL) < 0)
            abort();
        /* Texts may differ behind their NUL: compare what is written. */
        buf_clear(&text);
        if (meta_write(&second, "list", &text) < 0 || !view_eq(buf_view(&text), buf_view(&again)))
            abort();
    }
    buf_free(&text);
    buf_free(&again);
    return 0;
}
