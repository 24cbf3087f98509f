/* Many writes in one system call, with the kernel's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policy/sends.h"

#define N 4

static struct sends sends;
static struct send all[N];
static int peers[N];

static int setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    sends_open(&sends);
    for (int i = 0; i < N; i++) {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
            return -1;
        peers[i] = fds[1];
        all[i] = (struct send){.fd = fds[0], .bytes = "hello", .len = 5, .result = 77};
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sends_close(&sends);
    sends_close(&sends);
    for (int i = 0; i < N; i++) {
        close(all[i].fd);
        if (peers[i] >= 0)
            close(peers[i]);
    }
    return 0;
}

static void assert_heard(int i, const char *expected)
{
    char text[64] = "";
    ssize_t n = recv(peers[i], text, sizeof text - 1, MSG_DONTWAIT);

    text[n < 0 ? 0 : n] = '\0';
    assert_string_equal(text, expected);
}

static void need_kernel(void)
{
    if (sends.context == 0)
        skip(); /* io_setup is forbidden here, or fs.aio-max-nr reached */
}

static void test_all_go(void **state)
{
    (void)state;
    need_kernel();
    for (int round = 0; round < 3; round++) {
        assert_int_equal(sends_write(&sends, all, N), 0);
        for (int i = 0; i < N; i++) {
            assert_int_equal(all[i].result, 5);
            assert_heard(i, "hello");
        }
    }
}

/* One is full, one has left, one takes a part: the last all the same gets its own. */
static void test_each_has_its_own_fate(void **state)
{
    static const char junk[65536];
    static char large[1 << 20];

    (void)state;
    need_kernel();
    for (size_t len = sizeof junk; len > 0; len /= 2)
        while (send(all[0].fd, junk, len, MSG_DONTWAIT) > 0)
            ;
    close(peers[1]);
    peers[1] = -1;
    all[2].bytes = large;
    all[2].len = sizeof large;
    assert_int_equal(sends_write(&sends, all, N), 0);
    assert_int_equal(all[0].result, 0);
    assert_int_equal(all[1].result, 0);
    assert_in_range(all[2].result, 1, sizeof large - 1);
    assert_int_equal(all[3].result, 5);
    assert_heard(3, "hello");
}

/* What stands behind one that the kernel does not take at all was not tried. */
static void test_no_such_descriptor(void **state)
{
    int fd = all[1].fd;

    (void)state;
    need_kernel();
    all[1].fd = -1;
    assert_int_equal(sends_write(&sends, all, N), 0);
    all[1].fd = fd;
    assert_int_equal(all[0].result, 5);
    assert_heard(0, "hello");
    for (int i = 1; i < N; i++) {
        assert_int_equal(all[i].result, 0);
        assert_heard(i, "");
    }
}

static void test_without_the_call(void **state)
{
    (void)state;
    sends_close(&sends);
    assert_int_equal(sends_write(&sends, all, N), 0);
    for (int i = 0; i < N; i++) {
        assert_int_equal(all[i].result, 0);
        assert_heard(i, "");
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_go),
        TEST(test_each_has_its_own_fate),
        TEST(test_no_such_descriptor),
        TEST(test_without_the_call),
    };
    return cmocka_run_group_tests_name("policy/sends", tests, NULL, NULL);
}
