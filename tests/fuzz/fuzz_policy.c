/*
 * The policy codec. Property: however the stream is cut into reads, the same queries come out, and
 * the same end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rcptguard/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct stream_end {
    unsigned queries;
    bool broken;
    size_t recipient_bytes;
};

/* Reads the stream STEP bytes at a time, as a connection does. */
static struct stream_end read_stream(struct view stream, size_t step)
{
    struct policy_scanner s = {0};
    struct stream_end o = {0};
    size_t start = 0, have = 0;

    while (!o.broken) {
        struct policy_query q;
        const char *what;
        size_t used;
        enum policy_scan scan =
            policy_scan(&s, view_make(stream.ptr + start, have - start), &used, &q, &what);
        if (scan == POLICY_BROKEN) {
            o.broken = true;
        } else if (scan == POLICY_QUERY) {
            o.queries++;
            o.recipient_bytes += q.recipient.len;
            start += used;
        } else if (have == stream.len) {
            break;
        } else {
            have = have + step < stream.len ? have + step : stream.len;
        }
    }
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > POLICY_QUERY_MAX)
        return 0;
    char *copy = malloc(size);
    if (copy == NULL)
        return 0;
    memcpy(copy, data + 1, size - 1);
    struct view stream = view_make(copy, size - 1);
    struct stream_end whole = read_stream(stream, stream.len + 1);
    struct stream_end pieces = read_stream(stream, data[0] + 1u);
    if (whole.queries != pieces.queries || whole.broken != pieces.broken ||
        whole.recipient_bytes != pieces.recipient_bytes)
        abort();
    free(copy);
    return 0;
}
