/*
 * The admin API over its socket: a script of three clients who write requests, or anything, in
 * pieces, read slowly, wait, and leave while the rooms behind still work for them. The rooms are
 * the cardboard ones of the unit tests. What is heard is HTTP; once all have left nothing is kept
 * of them, and who asks then is answered.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../unit/admin/fake_house.h"
#include "admin/connections.h"
#include "must.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS  3
#define ACTS_MAX 200

static const struct address_options addresses = {"+", true};

static struct client {
    int fd; /* -1: not there */
    struct buf writes, heard;
    size_t written;
} clients[CLIENTS];

static struct event_base *base;
static char socket_path[64];
static int64_t now_ms = 1000000;

/* ---- the house, for all runs ------------------------------------------------------------------
 */

static void drop_line(enum log_level level, const char *line, void *arg)
{
    (void)level;
    (void)line;
    (void)arg;
}

/* No file is left behind, however this ends: the socket is reached by a descriptor. */
static void hide_socket(const char *dir, const char *path)
{
    int fd = open(path, O_PATH | O_CLOEXEC);

    must(fd >= 0 && unlink(path) == 0 && rmdir(dir) == 0);
    snprintf(socket_path, sizeof socket_path, "/proc/self/fd/%d", fd);
}

static void open_house(void)
{
    static struct address address;
    static const struct answer answer = {.action = "DUNNO", .address = &address, .ref = ""};
    static struct local_state state;
    static struct admin_house house = {.feeds = (struct feeds *)&fake,
                                       .dnsbl = (struct dnsbl *)&fake,
                                       .history = (struct history *)&fake,
                                       .exclusions_state = &state,
                                       .exclusions_file = "/x/exclusions",
                                       .blocks_state = &state,
                                       .blocks_file = "/x/blocks",
                                       .addresses = &addresses,
                                       .reload_problem = "",
                                       .protect_problem = "",
                                       .started_at = 99000};
    char dir[] = "/tmp/rcptguard-fuzz-XXXXXX", path[64], listen_on[80];
    struct error why = {0};

    log_set_sink(drop_line, NULL);
    must(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/s", dir);
    snprintf(listen_on, sizeof listen_on, "unix:%s", path);
    const struct admin_config config = {.listen = listen_on,
                                        .socket_mode = 0600,
                                        .socket_group = "",
                                        .admin_group = "",
                                        .http = ""};
    clock_set(100000, now_ms);
    base = event_base_new();
    struct admin *admin = admin_new(base, &config, NULL, &house, &why);
    must(admin != NULL && admin_start(admin, &why) == 0);
    hide_socket(dir, path);
    must(address_parse(view_of("u@example.org"), &addresses, &address) == ADDRESS_OK);
    fake.answer = &answer;
    fake.why_code = fake.history_code = ERR_LIMIT; /* the disk thread is busy */
    fake_feed("aper", FEED_ACCEPTED);
    fake_zone("zone", DNSBL_IS_ON, "");
    for (size_t i = 0; i < CLIENTS; i++)
        clients[i].fd = -1;
}

static void pump(void)
{
    for (int i = 0; i < 4; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
}

struct timers {
    struct event *all[64];
    size_t n;
};

static int note_timer(const struct event_base *of, const struct event *e, void *arg)
{
    struct timers *timers = arg;

    (void)of;
    if (event_get_fd(e) < 0 && event_pending(e, EV_TIMEOUT, NULL) && timers->n < 64)
        timers->all[timers->n++] = (struct event *)(uintptr_t)e;
    return 0;
}

/* All timers go off at once. */
static void pass(int64_t ms)
{
    struct timers timers = {.n = 0};

    now_ms += ms;
    clock_set(100000 + now_ms / 1000 - 1000, now_ms);
    event_base_foreach_event(base, note_timer, &timers);
    for (size_t i = 0; i < timers.n; i++)
        event_active(timers.all[i], EV_TIMEOUT, 0);
    pump();
}

static void finish_work(void)
{
    static const struct local_edited edited = {
        .outcome = LOCAL_EDIT_ADDED, .what = {"u@example.org", 13}, .line = 3, .lines = 1};
    static const struct feed_origin origin = {
        .found = true, .line = 7, .row = {"u@example.org", 13}};

    fake_finish(FEEDS_DONE);
    fake_edited(&edited);
    fake_probed();
    for (size_t i = 0; i < fake.n_origins; i++)
        fake_origin(i, &origin);
    fake.n_origins = 0;
    pump();
}

static void decide(void)
{
    const struct record_decision d = {.label = "reject",
                                      .ref = view_of("ABC123"),
                                      .recipient = view_of("u@example.org"),
                                      .canonical = view_of("u@example.org"),
                                      .list = view_of("aper"),
                                      .entry = view_of("u@example.org"),
                                      .action = view_of("550 5.7.1 no")};

    fake_decided(&d);
    pump();
}

/* ---- clients ----------------------------------------------------------------------------------
 */

static void dial(struct client *c)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    if (c->fd >= 0)
        return;
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", socket_path);
    must(c->fd >= 0 && connect(c->fd, (struct sockaddr *)&name, sizeof name) == 0);
}

static void write_some(struct client *c, size_t most)
{
    struct view rest = view_first(view_from(buf_view(&c->writes), c->written), most);

    if (c->fd < 0 || rest.len == 0)
        return;
    ssize_t n = sendto(c->fd, rest.ptr, rest.len, MSG_NOSIGNAL, NULL, 0);
    c->written += n > 0 ? (size_t)n : 0;
}

/* True: there may be more. */
static bool read_some(struct client *c, size_t most)
{
    char bytes[4096];

    if (c->fd < 0)
        return false;
    ssize_t n = recv(c->fd, bytes, most < sizeof bytes ? most : sizeof bytes, MSG_DONTWAIT);
    if (n > 0)
        buf_add(&c->heard, bytes, (size_t)n);
    return n > 0;
}

static void hang_up(struct client *c)
{
    const struct view begin = view_of("HTTP/1.");

    if (c->fd < 0)
        return;
    close(c->fd);
    if (c->heard.len > 0)
        must(view_eq(view_first(buf_view(&c->heard), begin.len), view_first(begin, c->heard.len)));
    buf_free(&c->writes);
    buf_free(&c->heard);
    *c = (struct client){.fd = -1};
}

/* ---- the script -------------------------------------------------------------------------------
 */

#define POST_EXCLUSION                                                                             \
    "POST /v1/exclusions HTTP/1.1\r\nContent-Length: 40\r\n\r\n"                                   \
    "{\"what\":\".d.example\",\"list\":[\"aper\"]   }"
#define POST "POST /v1/feeds/aper/refresh HTTP/1.1\r\nContent-Length: "

static const char *const pieces[] = {
    "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /v1/check?recipient=u%40example.org HTTP/1.0\r\n\r\n",
    "GET /v1/feeds HTTP/1.1\r\n",
    "GET /v1/events?passes=yes HTTP/1.1\r\n\r\n",
    "GET /v1/exclusions HTTP/1.1\r\n\r\n",
    "DELETE /v1/exclusions?what=u@example.org&list=aper HTTP/1.1\r\n\r\n",
    POST "0\r\n\r\n",
    POST "2\r\n\r\n{}",
    POST "99999999999\r\n\r\n",
    "POST /v1/blocks HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "1a\r\n{\"what\":\"u@example.org\"  }\r\n0\r\n\r\n",
    POST_EXCLUSION,
    "POST /v1/feeds/zone/refresh HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "GET /v1/why/ABC123 HTTP/1.1\r\n\r\n",
    "GET /v1/history?recipient=u@example.org HTTP/1.1\r\n\r\n",
    "GET /metrics HTTP/1.1\r\n\r\n",
    "Expect: 100-continue\r\n",
    "X: y\r\n folded\r\n",
    "\r\n",
    "HEAD /v1/top HTTP/1.1\r\n\r\n",
};

static unsigned take_byte(struct view *script)
{
    unsigned byte = script->len > 0 ? (unsigned char)script->ptr[0] : 0;

    *script = view_from(*script, 1);
    return byte;
}

enum { DIAL, PIECE, BYTES, LONG, WRITE, READ, HALF_CLOSE, HANG_UP, PUMP, WORK, TIME, TELL, ACTS };

static void act(struct view *script)
{
    unsigned byte = take_byte(script), how = take_byte(script);
    struct client *c = &clients[byte % 4 % CLIENTS];

    switch (byte / 4 % ACTS) {
    case DIAL:
        dial(c);
        break;
    case PIECE:
        if (c->fd >= 0)
            buf_add_text(&c->writes, pieces[how % (sizeof pieces / sizeof *pieces)]);
        break;
    case BYTES:
        if (c->fd >= 0)
            buf_add_view(&c->writes, view_first(*script, how));
        *script = view_from(*script, how);
        break;
    case LONG:
        for (unsigned i = 0; i < how * 16 && c->fd >= 0 && c->writes.len < 200000; i++)
            buf_add_text(&c->writes, "x-long: .......................\r\n");
        break;
    case WRITE:
        write_some(c, how < 128 ? how + 1 : (size_t)how * 1024);
        break;
    case READ:
        read_some(c, how + 1);
        break;
    case HALF_CLOSE:
        if (c->fd >= 0)
            shutdown(c->fd, SHUT_WR);
        break;
    case HANG_UP:
        hang_up(c);
        break;
    case PUMP:
        pump();
        break;
    case WORK:
        finish_work();
        break;
    case TIME:
        pass(how * 500);
        break;
    case TELL:
        decide();
        break;
    }
}

/* Who comes now is alone, and is answered. */
static void check_serves(void)
{
    static const char request[] = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
    struct client *c = &clients[0];

    dial(c);
    buf_add_text(&c->writes, request);
    write_some(c, sizeof request);
    for (int i = 0; i < 200 && (c->heard.len == 0 || read_some(c, 4096)); i++) {
        pass(100);
        read_some(c, 4096);
    }
    must(view_starts(buf_view(&c->heard), "HTTP/1.1 200 OK\r\n"));
    must(memmem(c->heard.data, c->heard.len, "\"admin_clients\":1,", 18) != NULL);
    hang_up(c);
    pass(1000);
}

static void close_all(void)
{
    for (size_t i = 0; i < CLIENTS; i++)
        hang_up(&clients[i]);
    for (int i = 0; i < 4; i++) {
        pass(100);
        finish_work();
    }
    must(fake.n_watches == 0 && fake.n_waiting == 0 && fake.edit.waiting == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view script = view_make(data, size);

    if (base == NULL)
        open_house();
    for (int i = 0; i < ACTS_MAX && script.len > 0; i++)
        act(&script);
    close_all();
    check_serves();
    return 0;
}
