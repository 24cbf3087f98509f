/*
 * The fleet's thread ends, whatever Redis and the system do: Redis is silent, or the look-up of its
 * name takes minutes. All rooms that it looked at are gone then, as at the end of a daemon.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <netdb.h>
#include <signal.h>

#include "fleet/parts.h"
#include "rcptguard/base/wake.h"
#include "redis_stub.h"

#define DEADLINE_S 300
#define HANGS      "hangs.example"

static void breathe(void)
{
    poll(NULL, 0, 5);
}

/* ---- names that are looked up for as long as the test likes; hiredis looks up numbers, too ----
 */

static atomic_bool looks_up, let_go;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **list)
{
    bool hangs = strcmp(name, HANGS) == 0;

    if (hangs && (hints->ai_flags & AI_NUMERICHOST) != 0)
        return EAI_NONAME;
    atomic_store(&looks_up, hangs);
    while (hangs && !atomic_load(&let_go))
        breathe();
    struct addrinfo *a = calloc(1, sizeof *a + sizeof(struct sockaddr_in));
    struct sockaddr_in *in = (struct sockaddr_in *)(a + 1);
    *in = (struct sockaddr_in){.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons((uint16_t)(service == NULL ? 0 : atoi(service)))};
    *a = (struct addrinfo){.ai_family = AF_INET,
                           .ai_socktype = SOCK_STREAM,
                           .ai_addrlen = sizeof *in,
                           .ai_addr = (struct sockaddr *)in};
    *list = a;
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    free(list);
}

/* ---- a fleet and what it is put into ---- */

struct house {
    char dir[64];
    struct record *record;
    struct queue *loop;
    struct fleet *fleet;
    unsigned answers;
};

static void set_up(struct house *h, const char *url)
{
    static const struct address_options addresses;
    struct local *const none[2] = {NULL, NULL};
    struct fleet_config config = {.url = url,
                                  .secret = "a secret",
                                  .prefix = "t:",
                                  .share = FLEET_EVENTS,
                                  .sentinel = "",
                                  .master = "",
                                  .addresses = &addresses};
    struct error why;

    *h = (struct house){.dir = "/tmp/rcptguard-stop-XXXXXX"};
    assert_non_null(mkdtemp(h->dir));
    config.state_dir = h->dir;
    h->record = record_new();
    h->loop = queue_new(0);
    assert_non_null(h->loop);
    h->fleet = fleet_new(&config, &why);
    if (h->fleet == NULL)
        fail_msg("%s", why.text);
    assert_int_equal(fleet_share_events(h->fleet, h->record, h->loop, &why), 0);
    assert_int_equal(fleet_start(h->fleet, none, &why), 0);
}

static void remove_dir(const char *dir)
{
    char path[128];

    snprintf(path, sizeof path, "%s/fleet/relay", dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/fleet", dir);
    rmdir(path);
    assert_int_equal(rmdir(dir), 0);
}

/* As the daemon does it. */
static void tear_down(struct house *h)
{
    fleet_stop(h->fleet);
    queue_run(h->loop);
    fleet_free(h->fleet);
    record_free(h->record);
    queue_free(h->loop);
    remove_dir(h->dir);
}

static void found(const struct fleet_event *e, const char *problem, void *arg)
{
    struct house *h = arg;

    assert_null(e);
    assert_non_null(problem);
    h->answers++;
}

static void test_silent(void **state)
{
    struct redis_stub *stub = stub_start(STUB_MUTE, NULL, NULL);
    struct house h;
    char url[64];
    (void)state;

    snprintf(url, sizeof url, "redis://127.0.0.1:%d", stub->port);
    set_up(&h, url);
    while (atomic_load(&stub->connections) == 0)
        breathe();
    fleet_stop(h.fleet);
    assert_false(h.fleet->running);
    tear_down(&h);
    stub_stop(stub);
}

/* The name is found at last, and leads to a Redis: nobody wants it any more. */
static void test_name(void **state)
{
    struct redis_stub *stub = stub_start(STUB_ALWAYS, "+PONG\r\n", NULL);
    struct house h;
    char url[64];
    (void)state;

    snprintf(url, sizeof url, "redis://" HANGS ":%d", stub->port);
    set_up(&h, url);
    struct fleet *f = h.fleet;
    while (!atomic_load(&looks_up))
        breathe();
    assert_int_equal(fleet_why(f, view_of("7K2M4QXB"), found, &h), 0);
    tear_down(&h);
    assert_true(f->running && f->left);
    assert_int_equal(h.answers, 0);
    atomic_store(&let_go, true);
    pthread_join(f->thread, NULL);
    f->running = false;
    assert_int_equal(h.answers, 0);
    assert_int_equal(atomic_load(&stub->connections), 0);
    f->events->watch = NULL; /* went with the record */
    fleet_free(f);
    stub_stop(stub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_name),
    };

    alarm(DEADLINE_S);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
