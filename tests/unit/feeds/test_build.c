/* What goes into a new index: of each feed the accepted copy, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>

#include "feeds/build.h"

#define NOW 1767268800

static const struct feed_config config_a = {.name = "a"}, config_b = {.name = "b"};

/* An index of NAMES, each in copy number COPY, where the first lists KEY. */
static struct blocklist *index_of(const char *key, const char *const *names, size_t n,
                                  unsigned char copy)
{
    struct blocklist_builder *b = blocklist_builder_new(0);
    struct error why;

    assert_non_null(b);
    for (size_t i = 0; i < n; i++) {
        struct blocklist_list list = {.accepted_at = NOW};
        feed_text(list.name, sizeof list.name, names[i]);
        memset(list.copy, copy, sizeof list.copy);
        assert_true(blocklist_builder_list(b, &list, &why) >= 0);
    }
    assert_true(blocklist_builder_add(b, ENTRY_ADDRESS, view_of(key), 0, 0, &why) >= 0);
    return blocklist_builder_finish(b, &why);
}

/* A feed whose accepted copy is number ACCEPTED, and which has parsed number PARSED, of KEY. */
static struct feed feed_of(const struct feed_config *config, unsigned char accepted,
                           unsigned char parsed, const char *key)
{
    static const char *const names[] = {"active", "rest"};
    struct feed f = {.config = config};

    f.meta.sources[STORE_LIST].accepted.known = true;
    memset(f.meta.sources[STORE_LIST].accepted.content, accepted, SHA256_BYTES);
    if (key != NULL)
        f.fresh = index_of(key, names, 2, parsed);
    memset(f.fresh_copy, parsed, SHA256_BYTES);
    return f;
}

static bool lists(const struct blocklist *bl, const char *key)
{
    struct listing found[4];

    return blocklist_find(bl, view_of(key), ENTRY_BIT(ENTRY_ADDRESS), found, 4) > 0;
}

/* Copy 2 was accepted and parsed, its build failed, and the publisher is back at copy 1. */
static void test_what_is_not_accepted_any_more(void **state)
{
    (void)state;
    const char *const name = "a";
    atomic_bool stop = false;
    const struct feed_house house = {.stop = &stop};
    struct feed a = feed_of(&config_a, 1, 2, "innocent@example.org");
    struct feed b = feed_of(&config_b, 7, 7, "other@example.org");
    struct feed *const feeds[] = {&a, &b};
    struct blocklist *current = index_of("listed@example.org", &name, 1, 1), *made;
    struct error why = {0};

    assert_true(build_needed(feeds, 2, current, NOW));
    assert_int_equal(build_blocklist(&house, feeds, 2, current, &made, &why), 0);
    assert_true(lists(made, "listed@example.org"));
    assert_true(lists(made, "other@example.org"));
    assert_false(lists(made, "innocent@example.org"));
    assert_false(build_needed(feeds, 2, made, NOW));
    blocklist_free(made);
    blocklist_free(current);
    blocklist_free(a.fresh);
}

/* What the index has of it stays until then, and no build is tried for it. */
static void test_a_copy_that_could_not_be_read(void **state)
{
    (void)state;
    const char *const name = "a";
    struct feed a = feed_of(&config_a, 2, 0, NULL);
    struct feed *const feeds[] = {&a};
    struct blocklist *current = index_of("listed@example.org", &name, 1, 1);

    assert_true(build_needed(feeds, 1, current, NOW));
    a.unread_until = NOW + 1;
    assert_false(build_needed(feeds, 1, current, NOW));
    assert_false(build_needed(feeds, 1, NULL, NOW));
    assert_true(build_needed(feeds, 1, current, NOW + 1));
    blocklist_free(current);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_accepted_any_more),
        cmocka_unit_test(test_a_copy_that_could_not_be_read),
    };
    return cmocka_run_group_tests_name("feeds/build", tests, NULL, NULL);
}
