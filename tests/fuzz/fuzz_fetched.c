/*
 * What a web server sends beside a list: any bytes. As a Cache-Control header it says an age or
 * nothing; as a body it is sniffed alike however it is cut, and some format or none is guessed.
 */
#include <stdint.h>
#include <string.h>

#include "feeds/fetch/cache_control.h"
#include "feeds/parse/format.h"
#include "feeds/parse/sniff.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_header(struct view header)
{
    struct cache_control once = {.max_age_s = -1}, twice;

    cache_control_read(header, &once);
    must(once.max_age_s >= -1 && once.max_age_s <= INT64_C(365) * 86400);
    twice = once;
    cache_control_read(header, &twice);
    must(twice.never == once.never && twice.max_age_s == once.max_age_s);
}

static bool holds_control(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (ascii_control(v.ptr[i]) && strchr("\t\r\n\f", v.ptr[i]) == NULL)
            return true;
        else if (v.ptr[i] == '\0')
            return true;
    return false;
}

static void try_body(struct view bytes, size_t cut)
{
    static struct sniff whole, pieces;

    memset(&whole, 0, sizeof whole);
    memset(&pieces, 0, sizeof pieces);
    sniff_chunk(&whole, bytes);
    sniff_chunk(&pieces, view_first(bytes, cut));
    sniff_chunk(&pieces, view_from(bytes, cut));
    must(view_eq(sniff_head(&whole), sniff_head(&pieces)));
    must(sniff_is_html(&whole) == sniff_is_html(&pieces));
    must(whole.control == pieces.control && whole.control == holds_control(bytes));
    const struct feed_format *guess = feed_format_guess(sniff_head(&whole));
    must(guess == NULL || feed_format_fits(guess, sniff_head(&whole)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    try_header(view_make(data, size));
    size_t cut = (size_t)data[0] << 8 | data[1];
    try_body(view_make(data + 2, size - 2), cut % (size - 1));
    return 0;
}
