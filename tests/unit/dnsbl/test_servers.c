/* Lists of resolvers, ours and those of resolv.conf(5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dnsbl/servers.h"

static void test_lists(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        unsigned ports[3];
        bool last_is_v6;
    } table[] = {
        {"127.0.0.1", 1, {53}, false},
        {"127.0.0.1:5353", 1, {5353}, false},
        {"[::1]:53", 1, {53}, true},
        {"[::1]", 1, {53}, true},
        {"[::ffff:192.0.2.1]:54", 1, {54}, true},
        {"127.0.0.1:5353 [::1]:53 192.0.2.1", 3, {5353, 53, 53}, false},
        {" 192.0.2.1:1,\t[2001:db8::1]:65535\n", 2, {1, 65535}, true},
        {"192.0.2.1,,192.0.2.2 , 192.0.2.3:7", 3, {53, 53, 7}, false},
        {"192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8",
         8,
         {53, 53, 53},
         false},
    };
    struct servers out;
    struct error why;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (servers_parse(view_of(table[i].text), &out, &why) != 0)
            fail_msg("%s: %s", table[i].text, why.text);
        assert_int_equal(dnsbl_servers_check(view_of(table[i].text), &why), 0);
        assert_int_equal(out.n, table[i].n);
        for (size_t k = 0; k < out.n && k < 3; k++)
            assert_int_equal(out.list[k].port, table[i].ports[k]);
        assert_int_equal(out.list[out.n - 1].is_v6, table[i].last_is_v6);
    }
    assert_int_equal(servers_parse(view_of("192.0.2.7 [::1]"), &out, &why), 0);
    assert_memory_equal(out.list[0].address, "\xc0\0\2\7", 4);
    assert_memory_equal(out.list[1].address, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
}

#define BYTES(literal) literal, sizeof(literal) - 1

static void test_wrong_lists(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *why;
    } table[] = {
        {BYTES(""), "no server"},
        {BYTES(" , "), "no server"},
        {BYTES("localhost"), "names are not"},
        {BYTES("ns.example.org:53"), "names are not"},
        {BYTES("127.0.0.1:0"), "port"},
        {BYTES("127.0.0.1:65536"), "port"},
        {BYTES("127.0.0.1:"), "port"},
        {BYTES("127.0.0.1:dns"), "port"},
        {BYTES("127.0.0.1.5"), "address"},
        {BYTES("127.1"), "address"},
        {BYTES("::1"), "brackets"},
        {BYTES("2001:db8::1:53"), "brackets"},
        {BYTES("[::1"), "address"},
        {BYTES("[::1]53"), "address"},
        {BYTES("[::1]:"), "port"},
        {BYTES("[]"), "address"},
        {BYTES("["), "address"},
        {BYTES(":53"), "address"},
        {BYTES("[127.0.0.1]:53"), "address"},
        {BYTES("fe80::1%eth0"), "link-local"},
        {BYTES("127.0.0.1\0:53"), "address"},
        {BYTES("127.0.0.1 x\"\x1b[2J"), "\\x1B"},
        {BYTES("192.0.2.1 192.0.2.1 192.0.2.1 192.0.2.1 192.0.2.1 192.0.2.1 192.0.2.1 192.0.2.1 "
               "192.0.2.1"),
         "more than 8"},
    };
    struct error why;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int rc = dnsbl_servers_check(view_make(table[i].bytes, table[i].len), &why);
        if (rc != ERR_SYNTAX || strstr(why.text, table[i].why) == NULL)
            fail_msg("%s: %d %s", table[i].bytes, rc, why.text);
    }
}

static void test_resolv_conf(void **state)
{
    (void)state;
    static const struct {
        const char *text, *servers;
    } table[] = {
        {"nameserver 192.0.2.1\n", "192.0.2.1"},
        {"nameserver 192.0.2.1", "192.0.2.1"},
        {"nameserver\t 192.0.2.1 \r\n", "192.0.2.1"},
        {"# nameserver 192.0.2.9\n;nameserver 192.0.2.8\nsearch example.org\noptions ndots:5\n"
         "nameserver 2001:db8::1\nnameserver 127.0.0.53 # stub\n",
         "[2001:db8::1] 127.0.0.53"},
        {"nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n",
         "192.0.2.1 192.0.2.2 192.0.2.3"},
        {"nameserver fe80::1%eth0\nnameserver 192.0.2.1\n", "192.0.2.1"},
        {"nameserver ns.example.org\nnameserver\nnameserver \nnameservers 192.0.2.2\n",
         "127.0.0.1"},
        {" nameserver 192.0.2.1\n", "127.0.0.1"}, /* the keyword must begin the line */
        {"", "127.0.0.1"},
    };
    char dst[DNSBL_SERVERS_MAX];
    struct error why;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        servers_of_resolv_conf(view_of(table[i].text), dst);
        assert_string_equal(dst, table[i].servers);
        assert_int_equal(dnsbl_servers_check(view_of(dst), &why), 0);
    }
}

/* Whatever this machine has. */
static void test_system(void **state)
{
    (void)state;
    char dst[DNSBL_SERVERS_MAX];
    struct error why;

    dnsbl_system_servers(dst);
    assert_int_equal(dnsbl_servers_check(view_of(dst), &why), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_wrong_lists),
        cmocka_unit_test(test_resolv_conf),
        cmocka_unit_test(test_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
