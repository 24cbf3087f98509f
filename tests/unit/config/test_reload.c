/* What a running daemon may change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "parse.h"

#define ZONE "[dnsbl z]\nzone = z.example\n"

static void test_reload(void **state)
{
    (void)state;
    static const struct {
        const char *old, *fresh, *key; /* NULL: it may */
    } rows[] = {
        {"", "", NULL},
        {"", "[daemon]\nstate_dir = /var/lib/rcptguard/\n", NULL},
        {"", "[daemon]\nstate_dir = /srv\n", "daemon.state_dir"},
        {"", "[daemon]\nuser = nobody\n", "daemon.user"},
        {"", "[daemon]\nlog_level = debug\nlog_target = stderr\n", NULL},
        {"", "[policy]\nlisten = unix:/a\n", "policy.listen"},
        {"[policy]\nlisten = unix:/a unix:/b\n", "[policy]\nlisten = unix:/a\nlisten = unix:/b\n",
         NULL},
        {"[policy]\nlisten = unix:/a unix:/b\n", "[policy]\nlisten = unix:/a\n", "policy.listen"},
        {"", "[policy]\nsocket_mode = 660\n", NULL},
        {"", "[policy]\nsocket_mode = 666\n", "policy.socket_mode"},
        {"", "[policy]\nsocket_group = mail\n", "policy.socket_group"},
        {"", "[policy]\nmode = observe\ndeadline = 2s\nmax_clients = 1\ncontact = us\n", NULL},
        {"", "[addresses]\nrecipient_delimiter =\n[exclusions]\nfile = /x\n[protect]\ndomains =\n",
         NULL},
        {"", "[feed a]\nurl = file:/a\nformat = aper\n", NULL},
        {"", ZONE "codes = 127.0.0.2\n[dns]\nservers = 127.0.0.1:5353\n", NULL},
        {ZONE "codes = 127.0.0.2\n",
         ZONE "mask = 127.0.0.(2)\ntimeout = 500ms\n[dns]\ncache = 1M\nmax_questions = 10\n", NULL},
        {"", "[admin]\nlisten =\n", "admin.listen"},
        {"[admin]\nlisten = unix:/a\n", "[admin]\nlisten = unix:/a\n", NULL},
        {"", "[admin]\nsocket_mode = 0600\n", "admin.socket_mode"},
        {"", "[admin]\nsocket_group = mail\n", "admin.socket_group"},
        {"", "[admin]\nadmin_group = mail\n", "admin.admin_group"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parsed old = parse(rows[i].old), fresh = parse(rows[i].fresh);
        struct error why = {0};
        char expected[128] = "";
        int rc = config_can_reload(old.config, fresh.config, &why);

        if (rows[i].key != NULL)
            snprintf(expected, sizeof expected, "%s was changed, which needs a restart",
                     rows[i].key);
        assert_int_equal(rc, rows[i].key == NULL ? 0 : ERR_REFUSED);
        assert_string_equal(why.text, expected);
        parsed_free(&old);
        parsed_free(&fresh);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reload)};
    return cmocka_run_group_tests_name("config/reload", tests, NULL, NULL);
}
