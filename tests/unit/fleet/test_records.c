/* Records: what is known of each WHAT, its bounds, its digest and its file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/records.h"
#include "rcptguard/base/hash.h"

static char zeros[RECORD_SEALED_MAX + 1];

static struct record_of record(const char *what, uint64_t version, const char *text)
{
    return (struct record_of){view_of(what), version, view_of(text), view_of("sealed"),
                              text[0] == '\0' ? 1000 : 0};
}

static int put(struct records *r, const char *what, uint64_t version, const char *text)
{
    struct record_of of = record(what, version, text);

    return records_put(r, &of);
}

static void must_have(const struct records *r, const char *what, uint64_t version, const char *text)
{
    const struct record_of *of = records_find(r, view_of(what));

    assert_non_null(of);
    assert_true(view_is(of->what, what) && view_is(of->text, text));
    assert_true(of->version == version && of->deleted_at == (text[0] == '\0' ? 1000 : 0));
    assert_true(view_is(of->sealed, "sealed"));
}

static void test_put_and_find(void **state)
{
    struct records *r = records_new();

    (void)state;
    assert_null(records_find(r, view_of("a")));
    assert_null(records_find(r, VIEW_NONE));
    assert_true(records_version(r) == 0);
    assert_int_equal(put(r, "a", 5, "a x\n"), 0);
    assert_int_equal(put(r, "b", 7, ""), 0);
    assert_int_equal(records_count(r), 2);
    assert_int_equal(records_count_set(r), 1);
    assert_true(records_version(r) == 7);
    must_have(r, "a", 5, "a x\n");
    must_have(r, "b", 7, "");
    assert_int_equal(put(r, "b", 6, "b\n"), 0); /* the caller knows which is newer */
    assert_int_equal(records_count(r), 2);
    must_have(r, "b", 6, "b\n");
    assert_true(records_version(r) == 7);
    assert_true(view_is(records_at(r, 0)->what, "a") && view_is(records_at(r, 1)->what, "b"));
    records_free(r);
    records_free(NULL);
}

/* What was found may be changed a little and put again, under its own name or another. */
static void test_put_of_what_was_found(void **state)
{
    struct records *r = records_new();
    char name[16];

    (void)state;
    put(r, "a", 5, "a x\n");
    struct record_of of = *records_find(r, view_of("a"));
    of.version = 6;
    of.text = view_first(of.text, 2);
    assert_int_equal(records_put(r, &of), 0);
    must_have(r, "a", 6, "a ");
    for (unsigned i = 0; i < 1000; i++) {
        of = *records_at(r, 0);
        snprintf(name, sizeof name, "%u", i);
        of.what = view_of(name);
        assert_int_equal(records_put(r, &of), 0);
    }
    must_have(r, "999", 6, "a ");
    assert_int_equal(records_count(r), 1001);
    records_free(r);
}

static void test_bounds_of_one(void **state)
{
    struct records *r = records_new();
    struct record_of good = record("a", 1, "a\n"), of;

    (void)state;
    records_put(r, &good);
#define REFUSED(field, value)                                                                      \
    (of = good, of.field = (value), assert_int_equal(records_put(r, &of), ERR_LIMIT))
    REFUSED(what, VIEW_NONE);
    REFUSED(what, view_make(zeros, RECORD_WHAT_MAX + 1));
    REFUSED(text, view_make(zeros, RECORD_TEXT_MAX + 1));
    REFUSED(sealed, view_make(zeros, RECORD_SEALED_MAX + 1));
    REFUSED(version, 0);
    REFUSED(version, RECORD_VERSION_MAX + 1);
    REFUSED(deleted_at, -1);
    REFUSED(deleted_at, 1); /* it has lines */
    REFUSED(text, VIEW_NONE);
    must_have(r, "a", 1, "a\n");
    assert_int_equal(records_count(r), 1);
    assert_true(records_version(r) == 1);
    of = (struct record_of){view_make(zeros, RECORD_WHAT_MAX), RECORD_VERSION_MAX,
                            view_make(zeros, RECORD_TEXT_MAX), view_make(zeros, RECORD_SEALED_MAX),
                            0};
    assert_int_equal(records_put(r, &of), 0);
    of.text = VIEW_NONE;
    of.deleted_at = INT64_MAX;
    assert_int_equal(records_put(r, &of), 0);
    records_free(r);
}

static void test_bound_of_count(void **state)
{
    struct records *r = records_new();
    char name[16];

    (void)state;
    for (unsigned i = 0; i < RECORDS_MAX; i++) {
        snprintf(name, sizeof name, "%u", i);
        assert_int_equal(put(r, name, i + 1, i % 2 == 0 ? "" : "x\n"), 0);
    }
    assert_int_equal(put(r, "more", RECORDS_MAX + 1, ""), ERR_LIMIT);
    assert_true(records_version(r) == RECORDS_MAX);
    assert_int_equal(put(r, "7", 200001, "seven\n"), 0);
    assert_int_equal(records_forget_deleted(r, 1001), RECORDS_MAX / 2);
    assert_int_equal(records_count(r), RECORDS_MAX / 2);
    must_have(r, "7", 200001, "seven\n");
    assert_int_equal(put(r, "more", 200002, ""), 0);
    struct buf out = BUF_INIT(RECORDS_FILE_MAX);
    assert_int_equal(records_write(r, &out), 0);
    buf_free(&out);
    records_free(r);
}

static void test_bound_of_bytes(void **state)
{
    struct records *r = records_new();
    struct record_of of = record("", 1, "");
    char name[16];
    unsigned n = RECORDS_MAX_BYTES / (RECORD_SEALED_MAX + 4);

    (void)state;
    of.sealed = view_make(zeros, RECORD_SEALED_MAX);
    of.what = view_make(name, 4);
    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%04u", i);
        assert_int_equal(records_put(r, &of), 0);
    }
    snprintf(name, sizeof name, "%04u", n);
    assert_int_equal(records_put(r, &of), ERR_LIMIT);
    assert_null(records_find(r, of.what));
    snprintf(name, sizeof name, "%04u", 1); /* in the place of another it needs no more room */
    assert_int_equal(records_put(r, &of), 0);
    of.sealed = VIEW_NONE;
    assert_int_equal(records_put(r, &of), 0);
    snprintf(name, sizeof name, "%04u", n);
    of.sealed = view_make(zeros, RECORD_SEALED_MAX);
    assert_int_equal(records_put(r, &of), 0);
    records_forget_deleted(r, 1001);
    assert_int_equal(records_count(r), 0);
    assert_int_equal(records_put(r, &of), 0);
    records_free(r);
}

static void test_forgetting(void **state)
{
    struct records *r = records_new();
    struct record_of old = record("old", 9, ""), set = record("set", 3, "set\n");

    (void)state;
    old.deleted_at = 10;
    records_put(r, &old);
    records_put(r, &set);
    put(r, "new", 4, "");
    assert_int_equal(records_forget_deleted(r, 10), 0);
    assert_int_equal(records_count(r), 3);
    assert_int_equal(records_forget_deleted(r, 11), 1);
    assert_int_equal(records_count(r), 2);
    assert_null(records_find(r, view_of("old")));
    assert_non_null(records_find(r, view_of("set")));
    must_have(r, "new", 4, "");
    assert_true(records_version(r) == 9); /* or the next would be told below it */
    records_free(r);
}

static bool agree(const struct records *a, const struct records *b)
{
    unsigned char one[16], two[16];

    records_digest(a, one);
    records_digest(b, two);
    return memcmp(one, two, sizeof one) == 0;
}

static void test_digest(void **state)
{
    struct records *a = records_new(), *b = records_new();

    (void)state;
    assert_true(agree(a, b));
    put(a, "a", 1, "a\n");
    put(a, "b", 2, "b\n");
    assert_false(agree(a, b));
    put(b, "b", 7, "b\n"); /* versions and order do not matter, nor deletions */
    put(b, "c", 8, "");
    put(b, "a", 9, "a\n");
    assert_true(agree(a, b));
    put(b, "c", 10, "c\n");
    assert_false(agree(a, b));
    put(b, "c", 11, "");
    put(b, "a", 12, "a x\n");
    assert_false(agree(a, b));
    records_free(a);
    records_free(b);
    /* Where WHAT ends is part of it. */
    a = records_new();
    b = records_new();
    put(a, "ab", 1, "c");
    put(b, "a", 1, "bc");
    assert_false(agree(a, b));
    records_free(a);
    records_free(b);
}

/* Relays on machines of all kinds must agree on it, and of all versions. */
static void test_known_digest(void **state)
{
    static const unsigned char known[16] = {0x3a, 0x41, 0xa8, 0x05, 0xc2, 0x66, 0xdf, 0xb7,
                                            0xd7, 0xfa, 0x62, 0x85, 0x85, 0x40, 0x4b, 0xbe};
    struct records *r = records_new();
    unsigned char digest[16];

    (void)state;
    put(r, "a@b", 1, "a@b\n");
    put(r, "example.org", 2, "example.org\n");
    records_digest(r, digest);
    assert_memory_equal(digest, known, sizeof known);
    records_free(r);
}

/* ---- the file ------------------------------------------------------------------------------- */

static struct records *some(void)
{
    struct records *r = records_new();

    put(r, "a@b", 5, "a@b\na@b list=x\n");
    put(r, "gone", 9, "");
    put(r, "odd\n1 2 3 4 5\n", RECORD_VERSION_MAX, "9 9 9 9 9\n");
    return r;
}

/* From a block of exactly that size. */
static int read_exactly(struct records *r, struct view text, struct error *why)
{
    char *bytes = malloc(text.len == 0 ? 1 : text.len);

    if (text.len > 0)
        memcpy(bytes, text.ptr, text.len);
    int rc = records_read(r, view_make(bytes, text.len), why);
    free(bytes);
    return rc;
}

static void test_written_and_read(void **state)
{
    struct records *r = some(), *again = records_new();
    struct buf out = BUF_INIT(0), twice = BUF_INIT(0);
    struct error why;

    (void)state;
    buf_add_text(&out, "before");
    assert_int_equal(records_write(r, &out), 0);
    struct view file = view_from(buf_view(&out), 6);
    assert_true(view_starts(file, "rcptguard fleet records 1\nchecksum="));
    assert_int_equal(read_exactly(again, file, &why), 0);
    assert_int_equal(records_count(again), 3);
    must_have(again, "a@b", 5, "a@b\na@b list=x\n");
    must_have(again, "gone", 9, "");
    must_have(again, "odd\n1 2 3 4 5\n", RECORD_VERSION_MAX, "9 9 9 9 9\n");
    assert_true(agree(r, again));
    assert_int_equal(records_write(again, &twice), 0);
    assert_true(view_eq(buf_view(&twice), file));
    buf_free(&out);
    buf_free(&twice);
    records_free(r);
    records_free(again);
}

static void test_none_are_a_file_too(void **state)
{
    struct records *r = records_new(), *again = records_new();
    struct record_of of = record("a", 77, "");
    struct buf out = BUF_INIT(0);

    (void)state;
    records_put(r, &of);
    records_forget_deleted(r, 2000);
    assert_true(records_agreed_at(r) == 0);
    records_set_agreed_at(r, 1700000000);
    assert_int_equal(records_write(r, &out), 0);
    assert_int_equal(records_read(again, buf_view(&out), NULL), 0);
    assert_int_equal(records_count(again), 0);
    assert_true(records_version(again) == 77);
    assert_true(records_forgotten(again) == 77);
    assert_true(records_agreed_at(again) == 1700000000);
    buf_free(&out);
    records_free(r);
    records_free(again);
}

static void must_be_damaged(struct view text)
{
    struct records *r = records_new();
    struct error why = {0};

    put(r, "here", 1, "here\n");
    assert_int_equal(read_exactly(r, text, &why), ERR_DAMAGED);
    assert_int_equal(why.code, ERR_DAMAGED);
    assert_int_equal(records_count(r), 1);
    must_have(r, "here", 1, "here\n");
    assert_true(records_version(r) == 1);
    records_free(r);
}

static void test_damaged(void **state)
{
    struct records *r = some();
    struct buf out = BUF_INIT(0);

    (void)state;
    records_write(r, &out);
    for (size_t bit = 0; bit < out.len * 8; bit++) {
        out.data[bit / 8] ^= (char)(1 << bit % 8);
        must_be_damaged(buf_view(&out));
        out.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t len = 0; len < out.len; len++)
        must_be_damaged(view_first(buf_view(&out), len));
    buf_add_text(&out, "\n");
    must_be_damaged(buf_view(&out));
    buf_free(&out);
    records_free(r);
}

/* REST as it was meant, by its checksum: a fault of ours, or of somebody who mended it. */
static struct buf file_of(const char *rest)
{
    struct checksum sum = checksum_of(rest, strlen(rest));
    struct buf out = BUF_INIT(0);

    buf_addf(&out, "rcptguard fleet records 1\nchecksum=%016llx%016llx\n%s",
             (unsigned long long)sum.high, (unsigned long long)sum.low, rest);
    return out;
}

static void test_what_cannot_be(void **state)
{
    static const char *const rows[] = {
        "",
        "1 0 1",
        "1\n",
        "-1 0 1\n",
        "1 -1 1\n",
        "1 0 -1\n",
        "1 0 1 \n",
        "1 0  1\n",
        "9007199254740993 0 1\n",
        "1 9007199254740993 1\n",
        "1 0 9223372036854775808\n",
        "1 0 1\n\n",
        "1 0 1\n1 0 1 1\nabc",
        "1 0 1\n1 0 1 1 1 \nabc",
        "1 0 1\n1 0 1 1 1 1\nabc",
        "1 0 1\n1  0 1 1 1\nabc",
        "1 0 1\n1 0 1 1 1\nab",
        "1 0 1\n1 0 1 1 1\nabcd",
        "1 0 1\n0 0 1 1 1\nabc",
        "1 0 1\n1 -1 1 1 1\nabc",
        "1 0 1\n1 1 1 1 1\nabc",
        "1 0 1\n1 0 1 0 1\nab",
        "1 0 1\n1 0 0 1 1\nbc",
        "1 0 1\n1 0 1025 1 1\nabc",
        "1 0 1\n1 0 1 8193 1\nabc",
        "1 0 1\n1 0 1 1 16385\nabc",
        "1 0 1\n1 0 1 1 18446744073709551617\nabc",
        "1 0 1\n1 0 1 1 1\nabc1 0 1 1 1\nabc",
        "1 0 1\n1 0 1 1 1\nabc1 0 1 1 1\nbb",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf file = file_of(rows[i]);
        must_be_damaged(buf_view(&file));
        buf_free(&file);
    }
}

/* Those of the file take the place of what is known, all or none. */
static void test_read_into_some(void **state)
{
    struct records *r = records_new();
    struct buf file = file_of("30 7 1\n20 0 1 2 6\naa\nsealed21 1000 1 0 6\nbsealed");
    struct error why;
    char name[16];

    (void)state;
    put(r, "b", 4, "b\n");
    put(r, "c", 5, "c\n");
    assert_int_equal(records_read(r, buf_view(&file), &why), 0);
    assert_int_equal(records_count(r), 3);
    must_have(r, "a", 20, "a\n");
    must_have(r, "b", 21, "");
    must_have(r, "c", 5, "c\n");
    assert_true(records_version(r) == 30);
    assert_true(records_forgotten(r) == 7);
    records_free(r);

    r = records_new();
    put(r, "b", 4, "b\n");
    for (unsigned i = 1; i < RECORDS_MAX; i++) {
        snprintf(name, sizeof name, "%u", i);
        put(r, name, 1, "");
    }
    assert_int_equal(records_read(r, buf_view(&file), &why), ERR_LIMIT);
    assert_int_equal(why.code, ERR_LIMIT);
    must_have(r, "b", 4, "b\n");
    assert_null(records_find(r, view_of("a")));
    assert_true(records_version(r) == 4);
    buf_free(&file);
    records_free(r);
}

static void test_too_little_room(void **state)
{
    struct records *r = some();
    struct buf out = BUF_INIT(100);

    (void)state;
    buf_add_text(&out, "before");
    assert_int_equal(records_write(r, &out), ERR_LIMIT);
    assert_int_equal(out.len, 6);
    buf_free(&out);
    records_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_and_find),     cmocka_unit_test(test_put_of_what_was_found),
        cmocka_unit_test(test_bounds_of_one),    cmocka_unit_test(test_bound_of_count),
        cmocka_unit_test(test_bound_of_bytes),   cmocka_unit_test(test_forgetting),
        cmocka_unit_test(test_digest),           cmocka_unit_test(test_known_digest),
        cmocka_unit_test(test_written_and_read), cmocka_unit_test(test_none_are_a_file_too),
        cmocka_unit_test(test_damaged),          cmocka_unit_test(test_what_cannot_be),
        cmocka_unit_test(test_read_into_some),   cmocka_unit_test(test_too_little_room),
    };
    return cmocka_run_group_tests_name("fleet/records", tests, NULL, NULL);
}
