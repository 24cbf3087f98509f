/* Addresses that redirects may not lead to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "feeds/fetch/private_net.h"

static bool is_private(const char *text)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_in in4 = {.sin_family = AF_INET};

    if (inet_pton(AF_INET, text, &in4.sin_addr) == 1)
        return private_net_is((struct sockaddr *)&in4);
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return private_net_is((struct sockaddr *)&in6);
}

static void test_table(void **state)
{
    static const char *const ours[] = {
        "127.0.0.1",
        "127.255.255.255",
        "0.0.0.0",
        "10.0.0.0",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fd12:3456::1",
        "64:ff9b::a00:1",
        "2002:7f00:1::1",
        "100.127.255.255",
        "febf::1",
        "2002:c0a8:1::",
    };
    static const char *const others[] = {
        "9.255.255.255",   "11.0.0.0",         "172.15.255.255",  "172.32.0.0",
        "192.167.255.255", "192.169.0.0",      "169.253.255.255", "169.255.0.0",
        "100.63.255.255",  "100.128.0.0",      "126.255.255.255", "128.0.0.0",
        "1.0.0.0",         "2001:db8::1",      "2002:101:101::1", "::ffff:192.0.2.1",
        "2606:4700::1",    "64:ff9b::808:808",
    };
    (void)state;

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (!is_private(ours[i]))
            fail_msg("%s", ours[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (is_private(others[i]))
            fail_msg("%s", others[i]);
}

static void test_no_address_is_private(void **state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    (void)state;

    assert_true(private_net_is((struct sockaddr *)&un));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_no_address_is_private),
    };
    return cmocka_run_group_tests_name("private_net", tests, NULL, NULL);
}
