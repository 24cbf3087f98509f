/* Sockets of a service manager: known by name and by address, each handed out once. */
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "rcptguard/base/passed.h"

static char dir[] = "/tmp/rcptguard-passed.XXXXXX";
static char paths[2][64];
static int kept[4]; /* what stood at descriptors 3 to 6 */

/* The next descriptors of the protocol; HOW: 'u' and 'U' unix, 4, 6, or 'd' for a datagram one. */
static unsigned bind_at(int fd, char how)
{
    struct socket_address where = {.is_unix = false};
    struct socket_file file;
    struct error why;
    int made;

    if (how == 'u' || how == 'U') {
        made = socket_listen_unix(paths[how == 'U'], 0600, SOCKET_NO_GROUP, &file, &why);
    } else if (how == 'd') {
        made = socket(AF_UNIX, SOCK_DGRAM, 0);
    } else {
        strcpy(where.host, how == '6' ? "::1" : "127.0.0.1");
        made = socket_listen_inet(&where, &why);
    }
    assert_true(made >= 0);
    if (made != fd) {
        assert_int_equal(dup2(made, fd), fd);
        close(made);
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    if (how != '4' && how != '6')
        return 0;
    assert_int_equal(socket_where(fd, &where, &why), 0);
    return where.port;
}

static void tell(const char *pid, const char *fds, const char *names)
{
    char own[16];

    snprintf(own, sizeof own, "%d", (int)getpid());
    setenv("LISTEN_PID", pid == NULL ? own : pid, 1);
    setenv("LISTEN_FDS", fds, 1);
    if (names == NULL)
        unsetenv("LISTEN_FDNAMES");
    else
        setenv("LISTEN_FDNAMES", names, 1);
}

static int start(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        kept[i] = fcntl(3 + i, F_DUPFD_CLOEXEC, 20);
    if (mkdtemp(dir) == NULL)
        return -1;
    for (int i = 0; i < 2; i++)
        snprintf(paths[i], sizeof paths[i], "%s/%d", dir, i);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        close(3 + i);
        if (kept[i] >= 0) {
            dup2(kept[i], 3 + i);
            close(kept[i]);
        }
    }
    unlink(paths[0]);
    unlink(paths[1]);
    rmdir(dir);
    strcpy(strrchr(dir, '.') + 1, "XXXXXX");
    return 0;
}

static void test_none(void **state)
{
    struct passed *p = (struct passed *)1;
    struct socket_address where = {.port = 1};
    struct error why;

    (void)state;
    assert_int_equal(passed_take_all(&p, &why), 0);
    assert_null(p);
    assert_int_equal(passed_at(p, &where), -1);
    assert_int_equal(passed_named(p, "policy", &where), -1);
    assert_int_equal(passed_check_taken(p, &why), 0);
    passed_free(p);
}

static void test_by_address_and_by_name(void **state)
{
    struct socket_address where = {.is_unix = true};
    struct passed *p;
    struct error why;

    (void)state;
    bind_at(3, 'u');
    unsigned port = bind_at(4, '4');
    bind_at(5, 'U');
    tell(NULL, "3", "policy:policy:admin");
    assert_int_equal(passed_take_all(&p, &why), 0);
    assert_null(getenv("LISTEN_PID"));
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_FDNAMES"));
    assert_true((fcntl(3, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(5, F_GETFD) & FD_CLOEXEC) != 0);

    strcpy(where.path, paths[1]);
    assert_int_equal(passed_at(p, &where), 5);
    assert_int_equal(passed_at(p, &where), -1);
    assert_int_equal(passed_check_taken(p, &why), ERR_REFUSED);
    assert_int_equal(passed_named(p, "policy", &where), 3);
    assert_true(where.is_unix);
    assert_string_equal(where.path, paths[0]);
    assert_int_equal(passed_check_taken(p, &why), ERR_REFUSED);
    assert_non_null(strstr(why.text, "inet:127.0.0.1:"));
    assert_non_null(strstr(why.text, "'policy'"));
    assert_int_equal(passed_named(p, "policy", &where), 4);
    assert_string_equal(where.host, "127.0.0.1");
    assert_int_equal(where.port, port);
    assert_int_equal(passed_named(p, "policy", &where), -1);
    assert_int_equal(passed_named(p, "admin", &where), -1);
    assert_int_equal(passed_check_taken(p, &why), 0);
    passed_free(p);
    assert_true(fcntl(3, F_GETFL) >= 0); /* what was handed out is not ours any more */
}

/* systemd before version 227, and other managers, give no names. */
static void test_without_names(void **state)
{
    struct socket_address where = {.is_unix = true};
    struct passed *p;
    struct error why;

    (void)state;
    bind_at(3, 'u');
    tell(NULL, "1", NULL);
    assert_int_equal(passed_take_all(&p, &why), 0);
    strcpy(where.path, paths[0]);
    assert_int_equal(passed_at(p, &where), 3);
    passed_free(p);
}

static void test_ipv6(void **state)
{
    struct socket_address where = {.is_unix = false};
    char text[SOCKET_TEXT_MAX], expected[SOCKET_TEXT_MAX];
    struct passed *p;
    struct error why;

    (void)state;
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    if (probe < 0 || bind(probe, (struct sockaddr *)&loopback, sizeof loopback) != 0)
        skip();
    close(probe);
    unsigned port = bind_at(3, '6');
    tell(NULL, "1", "policy");
    assert_int_equal(passed_take_all(&p, &why), 0);
    assert_int_equal(passed_named(p, "policy", &where), 3);
    snprintf(expected, sizeof expected, "inet:[::1]:%u", port);
    assert_string_equal(socket_text(&where, text), expected);
    passed_free(p);
}

static void test_for_another_process(void **state)
{
    struct passed *p;
    struct error why;

    (void)state;
    tell("1", "3", "policy");
    assert_int_equal(passed_take_all(&p, &why), 0);
    assert_null(p);
    assert_null(getenv("LISTEN_FDS"));
}

static void test_what_is_no_listening_socket(void **state)
{
    static const struct {
        const char *pid, *fds;
        char second;
        int code;
    } rows[] = {
        {NULL, "2", 'd', ERR_REFUSED},  {NULL, "2", '\0', ERR_REFUSED},
        {NULL, "65", '\0', ERR_SYNTAX}, {NULL, "-1", '\0', ERR_SYNTAX},
        {"x", "1", '\0', ERR_SYNTAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct passed *p;
        struct error why;
        unlink(paths[0]);
        bind_at(3, 'u');
        close(4);
        if (rows[i].second != '\0')
            bind_at(4, rows[i].second);
        tell(rows[i].pid, rows[i].fds, "policy:policy");
        assert_int_equal(passed_take_all(&p, &why), rows[i].code);
        assert_null(p);
        assert_null(getenv("LISTEN_FDS"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_none, start, stop),
        cmocka_unit_test_setup_teardown(test_by_address_and_by_name, start, stop),
        cmocka_unit_test_setup_teardown(test_without_names, start, stop),
        cmocka_unit_test_setup_teardown(test_ipv6, start, stop),
        cmocka_unit_test_setup_teardown(test_for_another_process, start, stop),
        cmocka_unit_test_setup_teardown(test_what_is_no_listening_socket, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
