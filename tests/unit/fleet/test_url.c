/* Where Redis is, as postmasters write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fleet/url.h"

#define BYTES(literal) literal, sizeof(literal) - 1

static void test_good(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct redis_url is;
        const char *where;
    } table[] = {
        {"unix:/run/redis/redis.sock",
         {.path = "/run/redis/redis.sock"},
         "unix:/run/redis/redis.sock"},
        {"unix:/run/r.sock?db=3", {.path = "/run/r.sock", .database = 3}, "unix:/run/r.sock"},
        {"unix:///run/r.sock", {.path = "/run/r.sock"}, "unix:/run/r.sock"},
        {"unix:///run/r@main.sock", {.path = "/run/r@main.sock"}, "unix:/run/r@main.sock"},
        {"unix://u:p@/run/r.sock?db=15",
         {.path = "/run/r.sock", .user = "u", .password = "p", .database = 15},
         "unix:/run/r.sock"},
        {"UNIX:/run/a%20b%25", {.path = "/run/a b%"}, "unix:/run/a b%"},
        {"redis://localhost", {.host = "localhost", .port = 6379}, "localhost:6379"},
        {"Redis://localhost/", {.host = "localhost", .port = 6379}, "localhost:6379"},
        {"redis://192.0.2.1:7000/2",
         {.host = "192.0.2.1", .port = 7000, .database = 2},
         "192.0.2.1:7000"},
        {"redis://[2001:db8::1]", {.host = "2001:db8::1", .port = 6379}, "[2001:db8::1]:6379"},
        {"redis://[::1]:1/0", {.host = "::1", .port = 1}, "[::1]:1"},
        {"redis://:secret@redis_1.example.org.",
         {.host = "redis_1.example.org.", .port = 6379, .password = "secret"},
         "redis_1.example.org.:6379"},
        {"redis://me:a:b%40%2F%3f@h:65535/2147483647",
         {.host = "h", .port = 65535, .user = "me", .password = "a:b@/?", .database = INT32_MAX},
         "h:65535"},
        {"rediss://me:pw@h",
         {.host = "h", .port = 6379, .user = "me", .password = "pw", .tls = true},
         "h:6379"},
    };
    char where[REDIS_WHERE_MAX];
    struct redis_url out;
    struct error why;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (redis_url_parse(view_of(table[i].text), &out, &why) != 0)
            fail_msg("%s: %s", table[i].text, why.text);
        assert_string_equal(out.path, table[i].is.path);
        assert_string_equal(out.host, table[i].is.host);
        assert_string_equal(out.user, table[i].is.user);
        assert_string_equal(out.password, table[i].is.password);
        assert_int_equal(out.port, table[i].is.port);
        assert_int_equal(out.database, table[i].is.database);
        assert_int_equal(out.tls, table[i].is.tls);
        assert_string_equal(redis_url_where(&out, where), table[i].where);
    }
}

/* Each holds "hush" or "pssst", which no error may repeat. */
static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *why;
    } table[] = {
        {BYTES(""), "begins with neither"},
        {BYTES("hush"), "begins with neither"},
        {BYTES("http://:hush@h"), "begins with neither"},
        {BYTES("redis:hush"), "begins with neither"},
        {BYTES("unix:"), "absolute path"},
        {BYTES("unix:hush"), "absolute path"},
        {BYTES("unix:/"), "absolute path"},
        {BYTES("unix://hush"), "no host"},
        {BYTES("unix://hush/path"), "no host"},
        {BYTES("unix://u:hush@host/path"), "no host"},
        {BYTES("unix://u:hush@"), "absolute path"},
        {BYTES("unix:/hush?"), "?db=N"},
        {BYTES("unix:/p?password=hush"), "?db=N"},
        {BYTES("unix:/p?db="), "number"},
        {BYTES("unix:/p?db=1&password=hush"), "number"},
        {BYTES("unix:/p?db=-1"), "number"},
        {BYTES("unix:/p#hush"), "?db=N"},
        {BYTES("unix:/p%zz"), "%25"},
        {BYTES("unix:/p%00hush"), "control"},
        {BYTES("unix:/p\0hush"), "control"},
        {BYTES("redis://"), "no host"},
        {BYTES("redis:///1"), "no host"},
        {BYTES("redis://:hush@"), "no host"},
        {BYTES("redis://:hush@/1"), "no host"},
        {BYTES("redis://hush@h"), ":PASSWORD@"},
        {BYTES("redis://hush:@h"), "no password"},
        {BYTES("redis://:hush@pssst@h"), "%40"},
        {BYTES("redis://:hush/pssst@h"), "%2F"},
        {BYTES("redis://:hush#pssst@h"), "%23"},
        {BYTES("redis://:hush?pssst@h"), "%3F"},
        {BYTES("redis://:hush%@h"), "%25"},
        {BYTES("redis://:hush%4@h"), "%25"},
        {BYTES("redis://:hush%0a@h"), "control"},
        {BYTES("redis://:hush%00@h"), "control"},
        {BYTES("redis://hush%g0:pssst@h"), "user"},
        {BYTES("redis://::1"), "brackets"},
        {BYTES("redis://:hush@2001:db8::1:6379"), "brackets"},
        {BYTES("redis://[::1"), "without"},
        {BYTES("redis://[hush]"), "IPv6"},
        {BYTES("redis://[127.0.0.1]"), "IPv6"},
        {BYTES("redis://[::1\0hush]"), "IPv6"},
        {BYTES("redis://[fe80::1%25eth0]"), "IPv6"},
        {BYTES("redis://[::1]hush"), "port"},
        {BYTES("redis://h:"), "port"},
        {BYTES("redis://h:0"), "port"},
        {BYTES("redis://h:65536"), "port"},
        {BYTES("redis://h:hush"), "port"},
        {BYTES("redis://:hush"), "neither a name"},
        {BYTES("redis://hu\0sh"), "neither a name"},
        {BYTES("redis://hush pssst"), "neither a name"},
        {BYTES("redis://-hush"), "neither a name"},
        {BYTES("redis://h\x1b[2J"), "neither a name"},
        {BYTES("redis://h/hush"), "number"},
        {BYTES("redis://h/1/"), "number"},
        {BYTES("redis://h/2147483648"), "number"},
        {BYTES("redis://h/0?password=hush"), "'?'"},
        {BYTES("redis://h?db=1"), "'?'"},
    };
    struct redis_url out;
    struct error why;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int rc = redis_url_parse(view_make(table[i].bytes, table[i].len), &out, &why);
        if (rc != ERR_SYNTAX || strstr(why.text, table[i].why) == NULL)
            fail_msg("%s: %d %s", table[i].bytes, rc, why.text);
        if (strstr(why.text, "hush") != NULL || strstr(why.text, "pssst") != NULL)
            fail_msg("%s: told: %s", table[i].bytes, why.text);
    }
}

static void test_long(void **state)
{
    (void)state;
    char text[2048];
    struct redis_url out;
    struct error why;

    for (int fits = 0; fits < 2; fits++) {
        snprintf(text, sizeof text, "unix:/%0*d", 107 - fits, 1);
        assert_int_equal(redis_url_parse(view_of(text), &out, &why), fits ? 0 : ERR_SYNTAX);
        snprintf(text, sizeof text, "redis://%0*d", 256 - fits, 1);
        assert_int_equal(redis_url_parse(view_of(text), &out, &why), fits ? 0 : ERR_SYNTAX);
        snprintf(text, sizeof text, "redis://:%0*d@h", 512 - fits, 1);
        assert_int_equal(redis_url_parse(view_of(text), &out, &why), fits ? 0 : ERR_SYNTAX);
        snprintf(text, sizeof text, "redis://%0*d:p@h", 512 - fits, 1);
        assert_int_equal(redis_url_parse(view_of(text), &out, &why), fits ? 0 : ERR_SYNTAX);
    }
}

static void test_host(void **state)
{
    (void)state;
    struct redis_url out;
    struct error why;

    assert_int_equal(redis_host_parse(view_of("s1.example.org"), SENTINEL_PORT, &out, &why), 0);
    assert_string_equal(out.host, "s1.example.org");
    assert_int_equal(out.port, 26379);
    assert_int_equal(redis_host_parse(view_of("[::1]:5"), SENTINEL_PORT, &out, &why), 0);
    assert_string_equal(out.host, "::1");
    assert_int_equal(out.port, 5);
    assert_string_equal(out.path, "");
    assert_int_equal(redis_host_parse(view_of(""), SENTINEL_PORT, &out, &why), ERR_SYNTAX);
    assert_int_equal(redis_host_parse(view_of("::1"), SENTINEL_PORT, &out, &why), ERR_SYNTAX);
    assert_int_equal(redis_host_parse(view_of(":hush@h"), SENTINEL_PORT, &out, &why), ERR_SYNTAX);
    assert_non_null(strstr(why.text, "26379"));
    assert_null(strstr(why.text, "hush"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
