/* The table: it is whole, consistent with itself, and what it stores can be compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/keys.h"
#include "rcptguard/config.h"

/* All keys of the contract, so that none is lost by an edit. */
static void test_every_key_of_the_contract(void **state)
{
    (void)state;
    static const char *const keys[][48] = {
        {"daemon", "state_dir", "log_target", "log_level", "user", "history", "history_max"},
        {"policy", "listen", "socket_mode", "socket_group", "mode", "deadline", "max_clients",
         "contact"},
        {"addresses", "recipient_delimiter", "provider_aliases"},
        {"exclusions", "file"},
        {"blocks", "file"},
        {"protect", "domains"},
        {"feed",          "url",      "format",  "types",       "cleared",
         "entry_max_age", "refresh",  "action",  "reply",       "min_entries",
         "max_shrink",    "max_grow", "max_bad", "hold",        "max_protected",
         "max_bytes",     "max_age",  "timeout", "min_refresh", "honour_expires",
         "proxy",         "header",   "userpwd", "secret",      "pubkey",
         "tls_ca",        "tls_cert", "tls_key", "column",      "separator",
         "field",         "as",       "apex",    "of",          "parent_domain_matches_subdomains"},
        {"dnsbl", "zone", "query", "codes", "action", "reply", "timeout", "parents", "as_seen",
         "secret", "mask", "probe_listed", "probe_unlisted"},
        {"dns", "servers", "cache", "max_questions"},
        {"admin", "listen", "socket_mode", "socket_group", "admin_group", "http"},
        {"redis", "url", "secret", "prefix", "share", "sentinel", "master"},
        {"decisions", "file", "log_passes"},
    };

    assert_int_equal(sizeof keys / sizeof keys[0], SECTIONS);
    for (size_t i = 0; i < SECTIONS; i++) {
        const struct section *section = section_find(view_of(keys[i][0]));
        size_t n = 0;
        assert_non_null(section);
        for (; keys[i][n + 1] != NULL; n++)
            assert_non_null(section_key(section, view_of(keys[i][n + 1])));
        assert_int_equal(section->n_keys, n);
    }
    assert_null(section_find(view_of("polic")));
    assert_null(section_find(view_of("")));
    assert_null(section_key(section_find(view_of("dns")), view_of("server")));
}

/* Defaults and examples are good values; comparable ones are of a type that key_same knows. */
static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < SECTIONS; i++)
        for (size_t k = 0; k < sections[i].n_keys; k++) {
            const struct key *key = &sections[i].keys[k];
            struct value_rule rule = key_rule(key);
            struct arena *arena = arena_new();
            struct value value = {0};
            struct error why = {0};

            if ((key->flags & KEY_REQUIRED) == 0)
                assert_int_equal(value_parse(&rule, view_of(key->text), arena, &value, &why), 0);
            value = (struct value){0};
            assert_int_equal(value_parse(&rule, view_of(key_sample(key)), arena, &value, &why), 0);
            assert_true(rule.example[0] != '\0');
            assert_true(key->doc[0] != '\0');
            if ((key->flags & KEY_RESTART) != 0)
                assert_true(key->type == VALUE_LISTENS || key->type == VALUE_LISTEN ||
                            key->type == VALUE_MODE || key->type == VALUE_NAME ||
                            key->type == VALUE_TEXT || key->type == VALUE_URL ||
                            key->type == VALUE_SECRET ||
                            (key->type == VALUE_PATH && (key->flags & KEY_EMPTY) == 0));
            arena_free(arena);
        }
}

static void test_nearest(void **state)
{
    (void)state;
    assert_string_equal(section_nearest(view_of("feeds")), "feed");
    assert_string_equal(section_nearest(view_of("POLICY")), "policy");
    assert_string_equal(key_nearest(section_find(view_of("feed")), view_of("max-shrink")),
                        "max_shrink");
    assert_string_equal(key_nearest(section_find(view_of("exclusions")), view_of("zzzzzzzz")),
                        "file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key_of_the_contract),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests_name("config/key", tests, NULL, NULL);
}
