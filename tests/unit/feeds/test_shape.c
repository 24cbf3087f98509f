/* The shape changes with every setting that shapes a list, and with nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/crypto.h>
#include <stdlib.h>
#include <unistd.h>

#include "rcptguard/feeds.h"

static struct protect *protect;

static bool no_memory; /* for libcrypto */

static void *crypto_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return no_memory ? NULL : malloc(size);
}

static void *crypto_realloc(void *old, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return no_memory ? NULL : realloc(old, size);
}

static void crypto_free(void *old, const char *file, int line)
{
    (void)file, (void)line;
    free(old);
}

static int set_up(void **state)
{
    (void)state;
    protect = protect_load(NULL, NULL);
    return protect == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    protect_release(protect);
    return 0;
}

static struct feed_config aper(void)
{
    return (struct feed_config){
        .name = "aper",
        .url = "https://lists.example.org/a",
        .format = "aper",
        .types = 0x0f,
        .cleared = "https://lists.example.org/c",
        .refresh_s = 3600,
        .max_shrink = 0.2,
    };
}

static bool same_shape(const struct feeds_config *c1, struct feed_config f1,
                       const struct feeds_config *c2, struct feed_config f2)
{
    unsigned char a[SHA256_BYTES], b[SHA256_BYTES];

    feed_shape(c1, &f1, a);
    feed_shape(c2, &f2, b);
    return memcmp(a, b, sizeof a) == 0;
}

static void test_settings_of_the_feed(void **state)
{
    const struct feeds_config c = {.protect = protect};
    struct feed_config f;

    (void)state;
    assert_true(same_shape(&c, aper(), &c, aper()));
#define CHANGED(member, value, same)                                                               \
    f = aper();                                                                                    \
    f.member = (value);                                                                            \
    assert_int_equal(same_shape(&c, aper(), &c, f), same)
    CHANGED(format, "entries", false);
    CHANGED(types, 0x1f, false);
    CHANGED(cleared, NULL, false);
    CHANGED(cleared, "", false);
    CHANGED(cleared, "https://lists.example.org/d", false);
    CHANGED(apex, true, false);
    CHANGED(name, "other", true);
    CHANGED(url, "https://lists.example.org/b", true);
    CHANGED(refresh_s, 1, true);
    CHANGED(entry_max_age_s, 1, true);
    CHANGED(max_age_s, 1, true);
    CHANGED(hold_s, 1, true);
    CHANGED(min_entries, 1, true);
    CHANGED(max_protected, 1, true);
    CHANGED(max_shrink, 0.3, true);
}

static void test_settings_of_the_house(void **state)
{
    const struct feeds_config c = {.protect = protect};
    struct feeds_config other = c;
    char path[] = "/tmp/test_shape.XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    other.addresses.provider_aliases = true;
    assert_false(same_shape(&c, aper(), &other, aper()));

    other = c;
    other.state_dir = "/elsewhere";
    memcpy(other.addresses.delimiter, "+", 2); /* tags are never cut from an entry */
    assert_true(same_shape(&c, aper(), &other, aper()));

    assert_true(fd >= 0 && write(fd, "ours.example\n", 13) == 13);
    close(fd);
    other = c;
    other.protect = protect_load(path, NULL);
    assert_false(same_shape(&c, aper(), &other, aper()));
    protect_release(other.protect);
    unlink(path);
}

/* Verdict and worker each make it: one that came out otherwise would switch the list off. */
static void test_needs_no_memory(void **state)
{
    const struct feeds_config c = {.protect = protect};
    const struct feed_config f = aper();
    unsigned char with[SHA256_BYTES], without[SHA256_BYTES];

    (void)state;
    feed_shape(&c, &f, with);
    no_memory = true;
    feed_shape(&c, &f, without);
    no_memory = false;
    assert_memory_equal(with, without, sizeof with);
}

int main(void)
{
    if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_of_the_feed),
        cmocka_unit_test(test_settings_of_the_house),
        cmocka_unit_test(test_needs_no_memory),
    };
    return cmocka_run_group_tests_name("feeds/shape", tests, set_up, tear_down);
}
