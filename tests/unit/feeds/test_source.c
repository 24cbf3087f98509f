/* Mirrors: which is asked next, what a look comes to, whose validators are kept, what a reload
 * leaves alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "feeds/source.h"

static const char *const mirrors[] = {"https://b.example.org/l", "https://c.example.org/l"};
static const struct source_urls three = {"https://a.example.org/l", mirrors, 2, NULL};
static const struct source_urls two = {"https://b.example.org/l", mirrors + 1, 1, NULL};
static const struct source_urls one = {"https://a.example.org/l", NULL, 0, NULL};
static const struct feed_config config = {.name = "main"};

static struct feed *feed_with(const struct source_urls *urls)
{
    struct feed *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->config = &config;
    source_set_urls(f, STORE_LIST, urls, NULL);
    return f;
}

static struct outcome outcome(enum feed_state state, const char *words)
{
    struct outcome o = {.state = state};

    error_set(&o.why, ERR_IO, "%s", words);
    return o;
}

/* The list's outcome after a failure of every URL that is asked; how many were asked. */
static unsigned fail_all(struct feed *f, struct outcome *last, int64_t now)
{
    struct feed_source *s = &f->sources[STORE_LIST];
    unsigned asked = 0;
    bool more = true;

    while (more) {
        char words[] = "broken a";
        words[7] = s->url[strlen("https://")];
        *last = outcome(asked == 0 ? FEED_REFUSED : FEED_FAILED, words);
        asked++;
        more = source_next(f, last, now);
    }
    return asked;
}

static void test_order(void **state)
{
    struct feed *f = feed_with(&three);
    struct feed_source *s = &f->sources[STORE_LIST];
    struct outcome o;
    (void)state;

    source_begin(s, 100, false);
    assert_string_equal(s->url, "https://a.example.org/l");
    assert_int_equal(fail_all(f, &o, 100), 3);
    assert_int_equal(o.state, FEED_REFUSED); /* the first one's */
    assert_string_equal(o.why.text, "all 3 URLs failed, the first of them: broken a");
    source_begin(s, 200, false);
    assert_string_equal(s->url, "https://a.example.org/l");
    free(f);
}

/* Held, accepted, unchanged: the look is over. */
static void test_good_ones(void **state)
{
    static const enum feed_state good[] = {FEED_ACCEPTED, FEED_UNCHANGED, FEED_HELD};
    struct feed *f = feed_with(&three);
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct outcome o = outcome(good[i], "");
        source_begin(&f->sources[STORE_LIST], 100, false);
        assert_false(source_next(f, &o, 100));
        assert_int_equal(o.state, good[i]);
    }
    free(f);
}

static void test_a_single_url(void **state)
{
    struct feed *f = feed_with(&one);
    struct outcome o;
    (void)state;

    source_begin(&f->sources[STORE_LIST], 100, false);
    assert_int_equal(fail_all(f, &o, 100), 1);
    assert_string_equal(o.why.text, "broken a");
    free(f);
}

static void test_retry_after(void **state)
{
    struct feed *f = feed_with(&three);
    struct feed_source *s = &f->sources[STORE_LIST];
    struct outcome o = outcome(FEED_FAILED, "busy");
    (void)state;

    source_begin(s, 100, false);
    s->result.retry_after_s = 50;
    assert_true(source_next(f, &o, 100));
    s->result.retry_after_s = 0;
    source_begin(s, 149, false);
    assert_int_equal(s->at, 1);
    assert_int_equal(fail_all(f, &o, 149), 2);
    assert_string_equal(o.why.text, "all 2 URLs failed, the first of them: broken b");
    source_begin(s, 150, false);
    assert_int_equal(s->at, 0);

    s->urls[0].not_before = s->urls[1].not_before = s->urls[2].not_before = 1000;
    source_begin(s, 200, false);
    assert_int_equal(s->at, 2); /* somebody must be asked: the schedule waited for it */
    source_begin(s, 200, true);
    assert_int_equal(s->at, 0);
    free(f);
}

static void test_validators(void **state)
{
    struct feed *f = feed_with(&three);
    struct feed_source *s = &f->sources[STORE_LIST];
    struct store_source *stored = &f->meta.sources[STORE_LIST];
    struct outcome o = outcome(FEED_FAILED, "broken");
    (void)state;

    source_begin(s, 100, false);
    source_came_from(f, STORE_LIST);
    strcpy(stored->accepted.etag, "\"a\"");
    strcpy(stored->held.last_modified, "then");
    source_came_from(f, STORE_LIST);
    assert_string_equal(stored->accepted.etag, "\"a\"");
    assert_ptr_equal(source_url(s, stored->url), &s->urls[0]);

    assert_true(source_next(f, &o, 100));
    source_came_from(f, STORE_LIST);
    assert_string_equal(stored->accepted.etag, "");
    assert_string_equal(stored->held.last_modified, "");
    assert_ptr_equal(source_url(s, stored->url), &s->urls[1]);
    assert_true(f->changed);
    free(f);
}

static void test_reload(void **state)
{
    struct source_urls with_key = three;
    struct feed *f = feed_with(&three);
    struct feed_source *s = &f->sources[STORE_LIST];
    (void)state;

    assert_false(source_set_urls(f, STORE_LIST, &three, NULL));
    source_begin(s, 100, false);
    s->at = 1; /* that one is being asked */
    s->urls[1].down = true;
    assert_false(source_set_urls(f, STORE_LIST, &two, NULL));
    assert_int_equal(s->at, 0);
    assert_string_equal(s->url, "https://b.example.org/l");
    assert_true(s->urls[0].down);
    assert_true(source_set_urls(f, STORE_LIST, &three, NULL)); /* a is new */
    s->at = 0;
    assert_true(source_set_urls(f, STORE_LIST, &two, NULL)); /* a was being asked */
    with_key.pubkey = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    source_set_urls(f, STORE_LIST, &three, NULL);
    assert_true(source_set_urls(f, STORE_LIST, &with_key, NULL));
    assert_false(source_set_urls(f, STORE_LIST, &with_key, NULL));
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),        cmocka_unit_test(test_good_ones),
        cmocka_unit_test(test_a_single_url), cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_validators),   cmocka_unit_test(test_reload),
    };
    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
