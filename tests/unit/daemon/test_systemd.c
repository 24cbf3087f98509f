/* The notify protocol, at a socket of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "daemon/systemd.h"
#include "rcptguard/base/clock.h"

#define DEADLINE_MS 10000

static char dir[] = "/tmp/rcptguard-notify.XXXXXX";
static char address[80];
static int manager;
static struct event_base *base;
static bool lives;
static char words[64];

static bool alive(void *arg)
{
    (void)arg;
    return lives;
}

static void tell_status(void *arg, char *dst, size_t size)
{
    (void)arg;
    snprintf(dst, size, "%s", words);
}

static const struct systemd_events events = {.alive = alive, .status = tell_status};

static void listen_at(const char *text)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    size_t len = strlen(text);

    memcpy(sun.sun_path, text, len);
    if (text[0] == '@')
        sun.sun_path[0] = '\0';
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(manager, (struct sockaddr *)&sun,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    setenv("NOTIFY_SOCKET", text, 1);
}

static int start(void **state)
{
    (void)state;
    lives = true;
    strcpy(words, "all is well");
    base = event_base_new();
    if (mkdtemp(dir) == NULL || base == NULL)
        return -1;
    snprintf(address, sizeof address, "%s/notify", dir);
    listen_at(address);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    close(manager);
    unlink(address);
    rmdir(dir);
    strcpy(strrchr(dir, '.') + 1, "XXXXXX");
    event_base_free(base);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return 0;
}

/* The next datagram; the loop runs until there is one. */
static const char *next_text(void)
{
    static char text[512];
    int64_t until = clock_mono_ms() + DEADLINE_MS;

    while (clock_mono_ms() < until) {
        ssize_t n = recv(manager, text, sizeof text - 1, 0);
        if (n >= 0) {
            text[n] = '\0';
            return text;
        }
        event_base_loop(base, EVLOOP_ONCE);
    }
    fail_msg("nothing came");
    return "";
}

static void test_states(void **state)
{
    struct error why;
    struct systemd *s = systemd_new(base, &events, &why);

    (void)state;
    assert_non_null(s);
    assert_null(getenv("NOTIFY_SOCKET"));
    systemd_ready(s);
    assert_string_equal(next_text(), "READY=1");
    assert_string_equal(next_text(), "STATUS=all is well");
    strcpy(words, "reads");
    systemd_reloading(s);
    unsigned long long usec = 0;
    assert_int_equal(sscanf(next_text(), "RELOADING=1\nMONOTONIC_USEC=%llu", &usec), 1);
    assert_true(usec / 1000 <= (unsigned long long)clock_mono_ms() && usec > 0);
    assert_string_equal(next_text(), "STATUS=reads");
    systemd_ready(s);
    assert_string_equal(next_text(), "READY=1");
    next_text();
    systemd_stopping(s);
    assert_string_equal(next_text(), "STOPPING=1");
    systemd_free(s);
}

static void test_watchdog(void **state)
{
    struct error why;
    char pid[16];

    (void)state;
    setenv("WATCHDOG_USEC", "40000", 1);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    struct systemd *s = systemd_new(base, &events, &why);
    assert_null(getenv("WATCHDOG_USEC"));
    systemd_ready(s);
    next_text();
    assert_string_equal(next_text(), "WATCHDOG=1");
    next_text();
    assert_string_equal(next_text(), "WATCHDOG=1");
    /* Who does not live any more only tells that all else changed. */
    lives = false;
    strcpy(words, "something else");
    const char *text = next_text();
    while (strcmp(text, "WATCHDOG=1") == 0)
        text = next_text();
    assert_string_equal(text, "STATUS=something else");
    for (int ticks = 0; ticks < 3; ticks++) {
        event_base_loop(base, EVLOOP_ONCE);
        assert_int_equal(recv(manager, pid, sizeof pid, 0), -1);
    }
    systemd_free(s);
}

/* Each change of state begins the timer anew. */
static void test_watchdog_beside_reloads(void **state)
{
    struct error why;

    (void)state;
    setenv("WATCHDOG_USEC", "60000000", 1);
    struct systemd *s = systemd_new(base, &events, &why);
    systemd_ready(s);
    assert_string_equal(next_text(), "READY=1");
    assert_string_equal(next_text(), "WATCHDOG=1");
    systemd_free(s);
}

static void test_watchdog_of_another_process(void **state)
{
    struct error why;
    char byte;

    (void)state;
    setenv("WATCHDOG_USEC", "4000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    struct systemd *s = systemd_new(base, &events, &why);
    systemd_ready(s);
    next_text();
    next_text();
    const struct timeval later = {.tv_usec = 50000};
    event_base_loopexit(base, &later); /* a dozen ticks, if there were any */
    event_base_loop(base, 0);
    assert_int_equal(recv(manager, &byte, 1, 0), -1);
    systemd_free(s);
}

/* systemd does not read: nothing waits for it, and it learns what it must as soon as it does. */
static void test_manager_that_does_not_read(void **state)
{
    struct error why;
    struct systemd *s = systemd_new(base, &events, &why);
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int stranger = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    int filled = 0;

    (void)state;
    memcpy(sun.sun_path, address, strlen(address) + 1);
    while (sendto(stranger, "x", 1, 0, (struct sockaddr *)&sun, sizeof sun) == 1)
        filled++;
    systemd_ready(s);
    for (; filled > 0; filled--)
        assert_string_equal(next_text(), "x");
    const char *text = next_text();
    while (strcmp(text, "READY=1") != 0)
        text = next_text();
    close(stranger);
    systemd_free(s);
}

static void test_abstract_address(void **state)
{
    struct error why;

    (void)state;
    close(manager);
    snprintf(words, sizeof words, "@rcptguard-test-%d", (int)getpid());
    listen_at(words);
    struct systemd *s = systemd_new(base, &events, &why);
    systemd_ready(s);
    assert_string_equal(next_text(), "READY=1");
    systemd_free(s);
}

static void test_without_systemd(void **state)
{
    struct error why;

    (void)state;
    unsetenv("NOTIFY_SOCKET");
    struct systemd *s = systemd_new(base, &events, &why);
    systemd_ready(s);
    systemd_reloading(s);
    systemd_stopping(s);
    assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    systemd_free(s);
    systemd_free(NULL);
}

static void test_no_address(void **state)
{
    static const char *const texts[] = {"", "@", "relative", "vsock:2:1234"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct error why;
        setenv("NOTIFY_SOCKET", texts[i], 1);
        assert_null(systemd_new(base, &events, &why));
        assert_non_null(strstr(why.text, "NOTIFY_SOCKET"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_states, start, stop),
        cmocka_unit_test_setup_teardown(test_watchdog, start, stop),
        cmocka_unit_test_setup_teardown(test_watchdog_beside_reloads, start, stop),
        cmocka_unit_test_setup_teardown(test_watchdog_of_another_process, start, stop),
        cmocka_unit_test_setup_teardown(test_manager_that_does_not_read, start, stop),
        cmocka_unit_test_setup_teardown(test_abstract_address, start, stop),
        cmocka_unit_test_setup_teardown(test_without_systemd, start, stop),
        cmocka_unit_test_setup_teardown(test_no_address, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
