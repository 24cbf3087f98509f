/* Pointers and chunks of shared lists: there and back, and whatever else may stand in Redis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "fleet/list_blob.h"

/* ---- chunks --------------------------------------------------------------------------------- */

struct source {
    struct view left;
    size_t piece;
};

static int next(void *from, struct view *bytes, struct error *why)
{
    struct source *s = from;

    (void)why;
    *bytes = view_first(s->left, s->piece);
    s->left = view_from(s->left, s->piece);
    return 0;
}

static int sink(struct view bytes, bool first, void *arg)
{
    if (first)
        buf_clear(arg);
    return bytes.len == 0 ? 0 : buf_add_view(arg, bytes);
}

static int no_room(struct view bytes, bool first, void *arg)
{
    (void)bytes;
    (void)first;
    (void)arg;
    return ERR_LIMIT;
}

#define MAX_CHUNKS 16

struct blob {
    struct list_pointer pointer;
    struct buf chunks[MAX_CHUNKS];
    size_t n;
};

static void make(struct blob *b, struct view body, bool deflate, size_t piece)
{
    struct source source = {body, piece};
    struct blob_maker *m = blob_maker_new(deflate, next, &source);
    struct view chunk;
    struct digest *d = digest_new();

    memset(b, 0, sizeof *b);
    assert_non_null(m);
    digest_add(d, body.ptr, body.len);
    digest_end(d, b->pointer.sha256);
    b->pointer.bytes = body.len;
    b->pointer.deflated = deflate;
    while (blob_maker_chunk(m, &chunk, NULL) > 0) {
        assert_true(b->n < MAX_CHUNKS);
        b->pointer.packed += chunk.len;
        buf_add_view(&b->chunks[b->n++], chunk);
    }
    assert_int_equal(b->n, list_pointer_chunks(&b->pointer));
    blob_maker_free(m);
}

static void blob_free(struct blob *b)
{
    for (size_t i = 0; i < b->n; i++)
        buf_free(&b->chunks[i]);
}

static int take(const struct blob *b, struct buf *out, struct error *why)
{
    struct blob_taker *t = blob_taker_new(&b->pointer, out == NULL ? no_room : sink, out);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < b->n; i++)
        rc = blob_taker_chunk(t, buf_view(&b->chunks[i]), why);
    if (rc == 0)
        rc = blob_taker_end(t, why);
    blob_taker_free(t);
    return rc;
}

/* Neither all alike nor without any order. */
static void fill(struct buf *b, size_t len)
{
    uint32_t x = 1;

    while (b->len < len) {
        x = x * 1664525 + 1013904223;
        buf_addf(b, "user%u@example.org\n", x >> 8);
    }
}

static void round_trip(struct view body, bool deflate, size_t piece)
{
    struct buf out = BUF_INIT(0);
    struct error why = {.text = ""};
    struct blob b;

    make(&b, body, deflate, piece);
    if (take(&b, &out, &why) < 0)
        fail_msg("%s", why.text);
    assert_true(view_eq(buf_view(&out), body));
    buf_free(&out);
    blob_free(&b);
}

static void test_round_trips(void **state)
{
    static const size_t sizes[] = {
        1, 2, 65536, LIST_CHUNK_BYTES - 1, LIST_CHUNK_BYTES, LIST_CHUNK_BYTES + 1, 3000000};
    struct buf b = BUF_INIT(0);

    (void)state;
    fill(&b, 3000000);
    round_trip(view_make("", 0), true, 100);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        round_trip(view_first(buf_view(&b), sizes[i]), true, 65536);
        round_trip(view_first(buf_view(&b), sizes[i]), false, 65536);
        round_trip(view_first(buf_view(&b), sizes[i]), true, 1000);
    }
    buf_free(&b);
}

static void test_every_changed_chunk_is_noticed(void **state)
{
    struct buf body = BUF_INIT(0);
    struct error why;

    (void)state;
    fill(&body, 4000000);
    for (int deflate = 0; deflate < 2; deflate++) {
        struct blob b;
        struct buf out = BUF_INIT(0);
        make(&b, buf_view(&body), deflate, 65536);
        assert_true(b.n > 1);
        for (size_t i = 0; i < b.n; i++) {
            struct buf *chunk = &b.chunks[i];
            for (size_t at = 0; at < chunk->len; at += chunk->len / 3) {
                chunk->data[at] ^= 1;
                assert_int_equal(take(&b, &out, &why), ERR_DAMAGED);
                chunk->data[at] ^= 1;
            }
            chunk->len--;
            assert_int_equal(take(&b, &out, &why), ERR_DAMAGED);
            chunk->len++;
        }
        b.n--;
        assert_int_equal(take(&b, &out, &why), ERR_DAMAGED);
        b.n++;
        struct buf swapped = b.chunks[0];
        b.chunks[0] = b.chunks[1];
        b.chunks[1] = swapped;
        assert_int_equal(take(&b, &out, &why), ERR_DAMAGED);
        buf_free(&out);
        blob_free(&b);
    }
    buf_free(&body);
}

/* More comes out than the pointer says: it ends there, whatever is still behind. */
static void test_a_bomb(void **state)
{
    char *zeros = calloc(1, 8 << 20);
    struct buf out = BUF_INIT(2 << 20);
    struct error why;
    struct blob b;

    (void)state;
    make(&b, view_make(zeros, 8 << 20), true, 65536);
    b.pointer.bytes = 1 << 20;
    assert_int_equal(take(&b, &out, &why), ERR_DAMAGED);
    assert_true(out.len <= 1 << 20);
    assert_int_equal(take(&b, NULL, &why), ERR_IO);
    blob_free(&b);
    buf_free(&out);
    free(zeros);
}

static void test_something_behind_the_end(void **state)
{
    struct buf body = BUF_INIT(0), out = BUF_INIT(0);
    struct error why;
    struct blob b;

    (void)state;
    fill(&body, 10000);
    make(&b, buf_view(&body), true, 65536);
    buf_add(&b.chunks[0], "x", 1);
    b.pointer.packed++;
    assert_int_equal(take(&b, &out, &why), ERR_DAMAGED);
    blob_free(&b);
    buf_free(&body);
    buf_free(&out);
}

/* ---- pointers ------------------------------------------------------------------------------- */

static struct list_pointer sample(void)
{
    struct list_pointer p = {.bytes = 1000000,
                             .packed = 300000,
                             .deflated = true,
                             .fetched_ms = 1700000000123,
                             .expires_s = 7200,
                             .signature_len = 64};

    memset(p.sha256, 0xa5, sizeof p.sha256);
    memset(p.signature, 7, 64);
    strcpy(p.blob, "00112233445566778899aabbccddeeff");
    strcpy(p.etag, "\"ab\\\"c\"");
    strcpy(p.last_modified, "Thu, 01 Jan 2026 00:00:00 GMT");
    return p;
}

static void test_pointer_there_and_back(void **state)
{
    struct list_pointer p = sample(), q;
    struct buf text = BUF_INIT(0);
    struct error why;

    (void)state;
    assert_int_equal(list_pointer_make(&p, &text), 0);
    assert_int_equal(list_pointer_parse(buf_view(&text), 1000000, &q, &why), 0);
    assert_memory_equal(q.sha256, p.sha256, sizeof p.sha256);
    assert_int_equal(q.bytes, p.bytes);
    assert_int_equal(q.packed, p.packed);
    assert_true(q.deflated);
    assert_int_equal(q.fetched_ms, p.fetched_ms);
    assert_int_equal(q.expires_s, p.expires_s);
    assert_string_equal(q.blob, p.blob);
    assert_string_equal(q.etag, p.etag);
    assert_string_equal(q.last_modified, p.last_modified);
    assert_int_equal(q.signature_len, 64);
    assert_memory_equal(q.signature, p.signature, 64);
    assert_int_equal(list_pointer_parse(buf_view(&text), 999999, &q, &why), ERR_LIMIT);
    buf_free(&text);
}

static void test_pointers_that_lie(void **state)
{
    static const char *const bad[] = {
        "", "{}", "[]", "null", "{\"bytes\":1}", "{\"bytes\":\"1\"}", "\xff",
    };
    struct list_pointer q, lies[6];
    struct error why;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(list_pointer_parse(view_of(bad[i]), 1000, &q, &why), ERR_SYNTAX);
    for (size_t i = 0; i < 6; i++)
        lies[i] = sample();
    lies[0].packed = 0;
    lies[1].packed = 1 << 30;
    lies[2].deflated = false; /* and yet of another size */
    lies[3].blob[0] = 'x';
    lies[4].fetched_ms = 0;
    lies[5].expires_s = -1;
    for (size_t i = 0; i < 6; i++) {
        struct buf text = BUF_INIT(0);
        assert_int_equal(list_pointer_make(&lies[i], &text), 0);
        assert_int_equal(list_pointer_parse(buf_view(&text), UINT64_MAX, &q, &why), ERR_SYNTAX);
        buf_free(&text);
    }
    struct list_pointer big = sample();
    struct buf text = BUF_INIT(0);
    big.bytes = LIST_MAX_BYTES + 1;
    list_pointer_make(&big, &text);
    assert_int_equal(list_pointer_parse(buf_view(&text), UINT64_MAX, &q, &why), ERR_LIMIT);
    buf_free(&text);
}

/* What goes into the header of a request must not be able to add another one. */
static void test_validators_are_printable(void **state)
{
    struct list_pointer p = sample(), q;
    struct buf text = BUF_INIT(0);
    struct error why;

    (void)state;
    strcpy(p.etag, "\"a\"\r\nX-Evil: 1");
    assert_int_equal(list_pointer_make(&p, &text), 0);
    assert_int_equal(list_pointer_parse(buf_view(&text), UINT64_MAX, &q, &why), 0);
    assert_string_equal(q.etag, "");
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_every_changed_chunk_is_noticed),
        cmocka_unit_test(test_a_bomb),
        cmocka_unit_test(test_something_behind_the_end),
        cmocka_unit_test(test_pointer_there_and_back),
        cmocka_unit_test(test_pointers_that_lie),
        cmocka_unit_test(test_validators_are_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
