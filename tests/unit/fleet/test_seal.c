/* Seals: what is opened is what was made, under the same secret and in the same place; nothing
 * else is, and nothing has two spellings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/seal.h"
#include "rcptguard/base/hash.h"

static struct seal_key key, other, none;
static struct error why;

/* An allocation of exactly that size, so that a read beyond it is seen. */
static int open_exactly(const struct seal_key *with, const char *kind, const char *name,
                        struct view text, struct sealed *out)
{
    char *bytes = malloc(text.len == 0 ? 1 : text.len);

    assert_non_null(bytes);
    if (text.len > 0)
        memcpy(bytes, text.ptr, text.len);
    memset(&why, 0, sizeof why);
    int rc = seal_open(with, kind, view_of(name), view_make(bytes, text.len), out, &why);
    free(bytes);
    assert_int_equal(rc, why.code);
    return rc;
}

static int open_text(const char *text)
{
    struct sealed out;

    return open_exactly(&key, "exclusions", "a@b", view_of(text), &out);
}

static struct sealed example(void)
{
    return (struct sealed){.kind = "exclusions",
                           .name = view_of("a@b"),
                           .relay = view_of("mx-1.Example_org"),
                           .version = 42,
                           .body = view_make("a@b\n\0\n", 6)};
}

static struct buf make(const struct seal_key *with, const struct sealed *what)
{
    struct buf out = BUF_INIT(0);

    assert_int_equal(seal_make(with, what, &out), 0);
    return out;
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(seal_key_make(view_of("correct horse"), view_of("rcptguard:"), &key), 0);
    assert_int_equal(seal_key_make(view_of("correct house"), view_of("rcptguard:"), &other), 0);
    assert_int_equal(seal_key_make(view_of(""), view_of("rcptguard:"), &none), 0);
    assert_true(key.secret && other.secret && !none.secret);
    return 0;
}

static void test_made_and_opened(void **state)
{
    static const uint64_t versions[] = {0, 1, 9, 10, 42, UINT64_MAX};
    struct sealed what = example(), out;

    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        what.version = versions[i];
        struct buf made = make(i % 2 == 0 ? &key : &none, &what);
        assert_int_equal(
            seal_open(i % 2 == 0 ? &key : &none, what.kind, what.name, buf_view(&made), &out, &why),
            0);
        assert_string_equal(out.kind, what.kind);
        assert_true(view_eq(out.name, what.name) && view_eq(out.relay, what.relay));
        assert_true(view_eq(out.body, what.body));
        assert_true(out.version == what.version);
        buf_free(&made);
    }
    what.body = VIEW_NONE;
    what.name = VIEW_NONE;
    struct buf made = make(&key, &what);
    assert_int_equal(seal_open(&key, what.kind, VIEW_NONE, buf_view(&made), &out, NULL), 0);
    assert_int_equal(out.body.len, 0);
    buf_free(&made);
}

/* Made by another program (Python's hmac): relays of all versions must agree on these. */
static void test_known(void **state)
{
    struct sealed what = example();
    char name[SEAL_NAME_SIZE];

    (void)state;
    what.body = view_of("a@b\n");
    struct buf made = make(&key, &what);
    assert_string_equal(made.data,
                        "rcptguard1 exclusions mx-1.Example_org 42 "
                        "7146bbb0833f2cf68610978c887deb5c726de418f8c1a2704b8dc57de15b0d24\n"
                        "a@b\n");
    buf_free(&made);
    made = make(&none, &what);
    assert_string_equal(made.data,
                        "rcptguard1 exclusions mx-1.Example_org 42 "
                        "18026bbc315488c8c133d34dbaa7432c10dab76524d7a6364cdb9210ab9cb1a7\n"
                        "a@b\n");
    buf_free(&made);
    assert_int_equal(seal_name(&key, view_of("https://u:p@lists.example/a"), name), 0);
    assert_string_equal(name, "6697e79afa9662aea14ee636066506fe");
}

static void test_names(void **state)
{
    char one[SEAL_NAME_SIZE], two[SEAL_NAME_SIZE];

    (void)state;
    seal_name(&key, view_of("a"), one);
    seal_name(&key, view_of("a"), two);
    assert_string_equal(one, two);
    seal_name(&key, view_of("b"), two);
    assert_string_not_equal(one, two);
    seal_name(&other, view_of("a"), two);
    assert_string_not_equal(one, two);
    seal_name(&none, view_of("a"), two);
    assert_string_not_equal(one, two);
    assert_int_equal(strlen(two), 32);
    assert_int_equal(seal_name(&none, VIEW_NONE, two), 0);
}

/* HMAC itself takes these pairs for one key. */
static void test_no_two_secrets_are_one(void **state)
{
    char many[100];
    unsigned char digest[HASH_MAX_BYTES];
    struct seal_key a, b;

    (void)state;
    seal_key_make(view_make("s", 1), VIEW_NONE, &a);
    seal_key_make(view_make("s\0", 2), VIEW_NONE, &b);
    assert_memory_not_equal(a.bytes, b.bytes, sizeof a.bytes);
    memset(many, 'x', sizeof many);
    seal_key_make(view_make(many, sizeof many), VIEW_NONE, &a);
    size_t len = hash_plain(HASH_SHA256, view_make(many, sizeof many), digest);
    seal_key_make(view_make(digest, len), VIEW_NONE, &b);
    assert_memory_not_equal(a.bytes, b.bytes, sizeof a.bytes);
}

/* Two fleets with one secret in one database; where prefix and secret meet does not matter. */
static void test_no_two_prefixes_are_one(void **state)
{
    struct sealed what = example(), out;
    struct seal_key a, b;
    char one[SEAL_NAME_SIZE], two[SEAL_NAME_SIZE];

    (void)state;
    seal_key_make(view_of("secret"), view_of("a:"), &a);
    seal_key_make(view_of("secret"), view_of("b:"), &b);
    struct buf made = make(&a, &what);
    assert_int_equal(seal_open(&b, what.kind, what.name, buf_view(&made), &out, &why), ERR_REFUSED);
    assert_non_null(strstr(why.text, "prefix"));
    seal_name(&a, view_of("x"), one);
    seal_name(&b, view_of("x"), two);
    assert_string_not_equal(one, two);
    buf_free(&made);
    seal_key_make(view_of("secret"), view_of("a:s"), &a);
    seal_key_make(view_of("ssecret"), view_of("a:"), &b);
    assert_memory_not_equal(a.bytes, b.bytes, sizeof a.bytes);
}

/* Each bit of it is under the HMAC; each cut is seen; so is what is put behind. */
static void test_changed(void **state)
{
    struct sealed what = example(), out;
    struct buf made = make(&key, &what);

    (void)state;
    for (size_t bit = 0; bit < made.len * 8; bit++) {
        made.data[bit / 8] ^= (char)(1 << bit % 8);
        int rc = open_exactly(&key, "exclusions", "a@b", buf_view(&made), &out);
        if (rc != ERR_REFUSED && rc != ERR_SYNTAX)
            fail_msg("bit %zu: %d", bit, rc);
        made.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t len = 0; len < made.len; len++)
        assert_true(
            open_exactly(&key, "exclusions", "a@b", view_first(buf_view(&made), len), &out) < 0);
    assert_int_equal(open_exactly(&key, "exclusions", "a@b", buf_view(&made), &out), 0);
    buf_add_text(&made, "\n");
    assert_int_equal(open_exactly(&key, "exclusions", "a@b", buf_view(&made), &out), ERR_REFUSED);
    buf_free(&made);
}

static void test_another_place(void **state)
{
    struct sealed what = example(), out = {.version = 7};
    struct buf made = make(&key, &what);

    (void)state;
    assert_int_equal(open_exactly(&key, "exclusions", "a@c", buf_view(&made), &out), ERR_REFUSED);
    assert_int_equal(open_exactly(&key, "exclusions", "", buf_view(&made), &out), ERR_REFUSED);
    assert_int_equal(open_exactly(&key, "blocks", "a@b", buf_view(&made), &out), ERR_REFUSED);
    assert_non_null(strstr(why.text, "kind"));
    assert_int_equal(out.version, 7);
    buf_free(&made);
}

/* The words say what to do about it. */
static void test_another_secret(void **state)
{
    struct sealed what = example(), out;
    struct buf made = make(&key, &what), open = make(&none, &what);

    (void)state;
    assert_int_equal(open_exactly(&other, "exclusions", "a@b", buf_view(&made), &out), ERR_REFUSED);
    assert_non_null(strstr(why.text, "another [redis] secret"));
    assert_int_equal(open_exactly(&none, "exclusions", "a@b", buf_view(&made), &out), ERR_REFUSED);
    assert_non_null(strstr(why.text, "this one has none"));
    assert_int_equal(open_exactly(&key, "exclusions", "a@b", buf_view(&open), &out), ERR_REFUSED);
    assert_non_null(strstr(why.text, "who made it has no"));
    buf_free(&made);
    buf_free(&open);
}

#define MAC "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_no_object(void **state)
{
    static const char *const rows[] = {
        "",
        "\n",
        "rcptguard1",
        "PONG\n",
        "rcptguard1 exclusions r 1 " MAC,
        "rcptguard2 exclusions r 1 " MAC "\n",
        "rcptguard1  exclusions r 1 " MAC "\n",
        " rcptguard1 exclusions r 1 " MAC "\n",
        "rcptguard1 exclusions r 1  " MAC "\n",
        "rcptguard1 exclusions r 1 " MAC " \n",
        "rcptguard1 exclusions r 1 " MAC " more\n",
        "rcptguard1 exclusions r 1 " MAC "\r\n",
        "rcptguard1 exclusions r 1\t" MAC "\n",
        "rcptguard1 exclusions r 1 " MAC "00\n",
        "rcptguard1 exclusions r 01 " MAC "\n",
        "rcptguard1 exclusions r 00 " MAC "\n",
        "rcptguard1 exclusions r +1 " MAC "\n",
        "rcptguard1 exclusions r -1 " MAC "\n",
        "rcptguard1 exclusions r  " MAC "\n",
        "rcptguard1 exclusions r 0x1 " MAC "\n",
        "rcptguard1 exclusions r 18446744073709551616 " MAC "\n",
        "rcptguard1 exclusions  1 " MAC "\n",
        "rcptguard1 exclusions r/s 1 " MAC "\n",
        "rcptguard1 exclusions r\xc3\xa4 1 " MAC "\n",
        "rcptguard1 Exclusions r 1 " MAC "\n",
        "rcptguard1  r 1 " MAC "\n",
        "rcptguard1 exclusions " MAC " 1 " MAC "\n", /* 64 bytes of relay */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (open_text(rows[i]) != ERR_SYNTAX)
            fail_msg("%zu: %s", i, rows[i]);
    assert_int_equal(open_text("rcptguard1 exclusions r 1 " MAC "\n"), ERR_REFUSED);
    assert_int_equal(open_text("rcptguard1 exclusions r 0 " MAC "\n"), ERR_REFUSED);
    assert_int_equal(open_text("rcptguard1 exclusions r 18446744073709551615 " MAC "\nx"),
                     ERR_REFUSED);
}

/* A right HMAC in capitals would be a second object that says the same. */
static void test_one_spelling(void **state)
{
    struct sealed what = example(), out;
    struct buf made = make(&key, &what);
    char *mac = strchr(made.data, '\n') - 64;

    (void)state;
    for (int i = 0; i < 64; i++)
        if (mac[i] >= 'a')
            mac[i] = (char)(mac[i] - 32);
    assert_int_equal(open_exactly(&key, "exclusions", "a@b", buf_view(&made), &out), ERR_REFUSED);
    buf_free(&made);
}

static void test_words_hold_nothing_of_it(void **state)
{
    (void)state;
    open_text("rcptguard1 exclusions hunter2 1 " MAC "\nhunter2");
    assert_null(strstr(why.text, "hunter2"));
    open_text("hunter2");
    assert_null(strstr(why.text, "hunter2"));
}

static void test_what_is_not_made(void **state)
{
    static const char *const relays[] = {"", "a b", "a\nb", "a:b", MAC};
    struct sealed what = example();
    struct buf out = BUF_INIT(115);

    (void)state;
    buf_add_text(&out, "before");
    for (size_t i = 0; i < sizeof relays / sizeof relays[0]; i++) {
        what.relay = view_of(relays[i]);
        assert_false(seal_is_relay(what.relay));
        assert_int_equal(seal_make(&key, &what, &out), ERR_SYNTAX);
    }
    what = example();
    what.kind = "a kind";
    assert_int_equal(seal_make(&key, &what, &out), ERR_SYNTAX);
    what = example();
    assert_int_equal(seal_make(&key, &what, &out), ERR_LIMIT);
    assert_int_equal(out.len, 6);
    buf_free(&out);
    assert_true(seal_is_relay(view_first(view_of(MAC), 63)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_and_opened),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_two_secrets_are_one),
        cmocka_unit_test(test_no_two_prefixes_are_one),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_another_place),
        cmocka_unit_test(test_another_secret),
        cmocka_unit_test(test_no_object),
        cmocka_unit_test(test_one_spelling),
        cmocka_unit_test(test_words_hold_nothing_of_it),
        cmocka_unit_test(test_what_is_not_made),
    };
    return cmocka_run_group_tests_name("fleet/seal", tests, set_up, NULL);
}
