/*
 * What Redis, or the disk, may hold of the fleet, from a stranger. The first byte says what the
 * rest is: an object; a relay's name, a version and a body to seal; a file of records; one under a
 * good checksum; two texts to put together. What is opened or read is the same when it is made
 * again.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/merge.h"
#include "fleet/records.h"
#include "fleet/seal.h"
#include "rcptguard/base/hash.h"

#define KIND "exclusions"

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

static void try_object(struct view bytes)
{
    static const struct seal_key none, key = {.bytes = {1}, .secret = true};
    struct buf again = BUF_INIT(0);
    struct sealed what;
    struct error why = {0};

    must(seal_open(&key, KIND, view_of("a@b"), bytes, &what, &why) < 0 && why.text[0] != '\0');
    if (seal_open(&none, KIND, view_of("a@b"), bytes, &what, &why) == 0) {
        must(seal_make(&none, &what, &again) == 0 && view_eq(buf_view(&again), bytes));
        must(seal_open(&none, KIND, view_of("a@c"), bytes, &what, &why) == ERR_REFUSED);
    }
    buf_free(&again);
}

static void try_fields(struct view bytes)
{
    static const struct seal_key key = {.bytes = {1}, .secret = true};
    struct sealed what = {.kind = KIND, .name = view_of("a@b")}, out;
    struct buf made = BUF_INIT(0);

    if (!view_split(&bytes, '\n', &what.relay))
        return;
    if (bytes.len >= sizeof what.version) {
        memcpy(&what.version, bytes.ptr, sizeof what.version);
        bytes = view_from(bytes, sizeof what.version);
    }
    what.body = bytes;
    int rc = seal_make(&key, &what, &made);
    must(rc == (seal_is_relay(what.relay) ? 0 : ERR_SYNTAX));
    if (rc == 0) {
        must(seal_open(&key, KIND, what.name, buf_view(&made), &out, NULL) == 0);
        must(view_eq(out.relay, what.relay) && view_eq(out.body, what.body));
        must(out.version == what.version);
    }
    buf_free(&made);
}

static void try_records(struct view file)
{
    struct records *first = records_new(), *second = records_new();
    struct buf out = BUF_INIT(0), again = BUF_INIT(0);
    unsigned char one[16], two[16];
    struct error why = {0};

    must(first != NULL && second != NULL);
    if (records_read(first, file, &why) < 0) {
        must(records_count(first) == 0 && records_version(first) == 0 && why.text[0] != '\0');
    } else {
        must(records_write(first, &out) == 0);
        must(records_read(second, buf_view(&out), &why) == 0);
        must(records_write(second, &again) == 0 && view_eq(buf_view(&out), buf_view(&again)));
        records_digest(first, one);
        records_digest(second, two);
        must(memcmp(one, two, sizeof one) == 0);
        records_forget_deleted(second, INT64_MAX);
        records_digest(second, two);
        must(memcmp(one, two, sizeof one) == 0);
        for (size_t i = 0; i < records_count(second); i++)
            must(records_find(second, records_at(second, i)->what) == records_at(second, i));
    }
    buf_free(&out);
    buf_free(&again);
    records_free(first);
    records_free(second);
}

static void try_good_checksum(struct view rest)
{
    struct checksum sum = checksum_of(rest.ptr, rest.len);
    struct buf file = BUF_INIT(0);

    buf_addf(&file, "rcptguard fleet records 1\nchecksum=%016" PRIx64 "%016" PRIx64 "\n", sum.high,
             sum.low);
    buf_add_view(&file, rest);
    try_records(buf_view(&file));
    buf_free(&file);
}

/* Once put together, they are that with each of the two. */
static void try_texts(struct view bytes)
{
    struct buf both = BUF_INIT(0), again = BUF_INIT(0);
    struct view file;

    if (bytes.len > RECORD_TEXT_MAX || !view_split(&bytes, '\0', &file))
        return;
    must(merge_lines(file, bytes, &both) == 0 || both.len == file.len);
    if (file.len > 0 && bytes.len > 0 && both.len <= RECORD_TEXT_MAX) {
        must(merge_lines(file, buf_view(&both), &again) == 0);
        must(view_eq(buf_view(&both), buf_view(&again)));
    }
    buf_free(&both);
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct view) = {try_object, try_fields, try_records,
                                                 try_good_checksum, try_texts};

    if (size > 0)
        tries[data[0] % 5](view_make(data + 1, size - 1));
    return 0;
}
