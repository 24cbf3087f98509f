/* Listening sockets: stale files are replaced, live ones and strangers never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "rcptguard/base/socket.h"

static char dir[] = "/tmp/rcptguard-socket.XXXXXX";
static char path[64];

static int make_dir(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/s", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static int listen_here(struct socket_file *file, struct error *why)
{
    return socket_listen_unix(path, 0600, (gid_t)-1, file, why);
}

static void test_mode_and_removal(void **state)
{
    (void)state;
    struct socket_file file;
    struct error why;
    struct stat st;
    int fd = listen_here(&file, &why);

    assert_true(fd >= 0);
    assert_int_equal(why.code, ERR_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    close(fd);
    socket_file_remove(&file);
    assert_int_equal(access(path, F_OK), -1);
    socket_file_remove(&file); /* twice does no harm */
}

/* Older kernels count a file's times in ticks of some milliseconds. */
static void wait_for_another_tick(void)
{
    struct timespec first, now;

    clock_gettime(CLOCK_REALTIME_COARSE, &first);
    do {
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
    } while (now.tv_sec == first.tv_sec && now.tv_nsec == first.tv_nsec);
}

static void test_stale_is_replaced_and_live_is_not(void **state)
{
    (void)state;
    struct socket_file stale, live, refused;
    struct error why;

    close(listen_here(&stale, &why));
    wait_for_another_tick();
    int fd = listen_here(&live, &why);
    assert_true(fd >= 0);
    assert_int_equal(listen_here(&refused, &why), ERR_CONFLICT);
    assert_non_null(strstr(why.text, "another process answers"));
    /* The file is another's by now: who made the stale one leaves it alone. */
    socket_file_remove(&stale);
    assert_int_equal(access(path, F_OK), 0);
    close(fd);
    socket_file_remove(&live);
}

static void test_what_is_no_socket_is_left_alone(void **state)
{
    (void)state;
    struct socket_file file;
    struct error why;

    fclose(fopen(path, "w"));
    assert_int_equal(listen_here(&file, &why), ERR_CONFLICT);
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
}

static void test_missing_directory_names_the_command(void **state)
{
    (void)state;
    struct socket_file file;
    struct error why;

    assert_int_equal(socket_listen_unix("/nonexistent/dir/s", 0600, (gid_t)-1, &file, &why),
                     ERR_ABSENT);
    assert_non_null(strstr(why.text, "install -d"));
    assert_non_null(strstr(why.text, "/nonexistent/dir"));
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        unsigned port;
    } good[] = {
        {"inet:127.0.0.1:10040", "127.0.0.1", 10040},
        {"inet:[::1]:10040", "::1", 10040},
        {"inet:0.0.0.0:0", "0.0.0.0", 0},
    };
    static const char *const bad[] = {
        "",           "127.0.0.1:10040",    "inet:localhost:1", "inet:::1:1",       "inet:[::1]",
        "unix:rel/s", "inet:1.2.3.4:65536", "inet:1.2.3.4:",    "inet:[1.2.3:4]:5", "unix:"};
    struct socket_address address;
    struct error why;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(socket_address_parse(view_of(good[i].text), &address, &why), 0);
        assert_false(address.is_unix);
        assert_string_equal(address.host, good[i].host);
        assert_int_equal(address.port, good[i].port);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(socket_address_parse(view_of(bad[i]), &address, &why), ERR_SYNTAX);
    assert_int_equal(socket_address_parse(view_of("unix:/run/s"), &address, &why), 0);
    assert_true(address.is_unix);
    assert_string_equal(address.path, "/run/s");
}

static void test_path_as_long_as_the_kernel_takes(void **state)
{
    (void)state;
    char text[5 + 108 + 1] = "unix:";
    struct socket_address address;
    struct error why;

    memset(text + 5, '/', 108);
    assert_int_equal(socket_address_parse(view_make(text, 5 + 107), &address, &why), 0);
    assert_int_equal(socket_address_parse(view_make(text, 5 + 108), &address, &why), ERR_SYNTAX);
}

static void test_inet_taken_and_absent(void **state)
{
    (void)state;
    struct socket_address address;
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    struct error why;
    char text[64];

    assert_int_equal(socket_address_parse(view_of("inet:127.0.0.1:0"), &address, &why), 0);
    int fd = socket_listen_inet(&address, &why);
    assert_true(fd >= 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &len), 0);
    const unsigned char *port = (const unsigned char *)&bound + 2;
    snprintf(text, sizeof text, "inet:127.0.0.1:%d", port[0] << 8 | port[1]);
    assert_int_equal(socket_address_parse(view_of(text), &address, &why), 0);
    assert_int_equal(socket_listen_inet(&address, &why), ERR_CONFLICT);
    close(fd);
    assert_int_equal(socket_address_parse(view_of("inet:192.0.2.1:0"), &address, &why), 0);
    assert_int_equal(socket_listen_inet(&address, &why), ERR_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mode_and_removal),
        cmocka_unit_test(test_stale_is_replaced_and_live_is_not),
        cmocka_unit_test(test_what_is_no_socket_is_left_alone),
        cmocka_unit_test(test_missing_directory_names_the_command),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_path_as_long_as_the_kernel_takes),
        cmocka_unit_test(test_inet_taken_and_absent),
    };
    return cmocka_run_group_tests_name("base/socket", tests, make_dir, remove_dir);
}
