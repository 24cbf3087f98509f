/*
 * What is at the other end of a connection to Redis: any bytes, in pieces, and hanging up at any
 * moment. The first byte says what is asked: some commands, a subscription, or a Sentinel for its
 * master. What comes back is an answer or words that say why not, without the password, and a
 * broken connection stays broken.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "fleet/redis.h"
#include "fleet/reply.h"
#include "fleet/sentinel.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the other end: it reads all, and says what the script has behind each question -----------
 */

static struct view script;
static bool may_speak;
static struct buf spoken; /* all that was heard: what it holds is no secret */

#define FDS_MAX 256

static bool is_redis[FDS_MAX]; /* descriptors that were connected in this run */

static ssize_t hear(void *bytes, size_t len)
{
    errno = EAGAIN;
    if (!may_speak)
        return -1;
    if (script.len == 0)
        return 0;
    /* 0 ends an answer, any other byte says how long a piece is. */
    size_t piece = (unsigned char)script.ptr[0];
    script = view_from(script, 1);
    may_speak = piece > 0;
    struct view said = view_first(script, piece < len ? piece : len);
    script = view_from(script, said.len);
    if (said.len == 0)
        return -1;
    memcpy(bytes, said.ptr, said.len);
    buf_add_view(&spoken, said);
    return (ssize_t)said.len;
}

static bool is_ours(int fd)
{
    return fd >= 0 && fd < FDS_MAX && is_redis[fd];
}

/* hiredis 0.14 reads and writes, 1.x receives and sends. */
ssize_t read(int fd, void *bytes, size_t len)
{
    return is_ours(fd) ? hear(bytes, len) : syscall(SYS_read, fd, bytes, len);
}

ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
    return is_ours(fd) ? hear(bytes, len) : recvfrom(fd, bytes, len, flags, NULL, NULL);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    if (!is_ours(fd))
        return syscall(SYS_write, fd, bytes, len);
    may_speak = true;
    return (ssize_t)len;
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    return is_ours(fd) ? write(fd, bytes, len) : sendto(fd, bytes, len, flags, NULL, 0);
}

/* Nobody waits here: who would is told that there is something, in the end that it is over. */
/* glibc declares that poll only writes what it is given; of fd and events that is not so. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    (void)timeout;
    for (nfds_t i = 0; i < n; i++)
        fds[i].revents = fds[i].fd < 0 ? 0 : fds[i].events;
    may_speak = true;
    return (int)n;
}

/* Nothing leaves this host: only our own socket is really connected to, and no name is looked up.
 */
int connect(int fd, const struct sockaddr *name, socklen_t len)
{
    must(fd < FDS_MAX);
    is_redis[fd] = true;
    return name->sa_family == AF_UNIX ? (int)syscall(SYS_connect, fd, name, len) : 0;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    struct addrinfo numeric = hints == NULL ? (struct addrinfo){0} : *hints;

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    must(real != NULL);
    numeric.ai_flags |= AI_NUMERICHOST;
    return real(host, service, &numeric, out);
}

/* ---- what is asked ----------------------------------------------------------------------------
 */

#define SECRET "s3cr3t"

static struct redis_url place;

static void listen_somewhere(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/rcptguard-fuzz-XXXXXX";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd >= 0 && mkdtemp(dir) != NULL);
    snprintf(name.sun_path, sizeof name.sun_path, "%s/s", dir);
    must(bind(fd, (struct sockaddr *)&name, sizeof name) == 0 && listen(fd, 4096) == 0);
    int file = open(name.sun_path, O_PATH | O_CLOEXEC);
    must(file >= 0 && unlink(name.sun_path) == 0 && rmdir(dir) == 0);
    must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    snprintf(place.path, sizeof place.path, "/proc/self/fd/%d", file);
    snprintf(place.user, sizeof place.user, "u");
    snprintf(place.password, sizeof place.password, SECRET);
    must(dup2(fd, 100) == 100);
    close(fd);
}

/* Whoever connected is hung up on. */
static void clear_backlog(void)
{
    int fd;

    while ((fd = accept4(100, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        close(fd);
}

static void look_into(const struct redisReply *reply, unsigned depth)
{
    struct view text, name;
    int64_t number;

    redis_text(reply, &text);
    redis_number(reply, &number);
    redis_is_nil(reply);
    reply_published(reply, &text);
    for (size_t i = 0; i < reply_pairs(reply) && i < 100; i++)
        reply_pair(reply, i, &name, &text);
    for (size_t i = 0; i < 10 && depth < 4 && reply_element(reply, i) != NULL; i++)
        look_into(reply_element(reply, i), depth + 1);
}

static void check_failure(const struct error *why)
{
    struct view said = buf_view(&spoken);

    must(why->text[0] != '\0');
    if (said.len == 0 || memmem(said.ptr, said.len, SECRET, strlen(SECRET)) == NULL)
        must(strstr(why->text, SECRET) == NULL);
}

static void ask(struct redis *r, const char *command)
{
    const struct view words[] = {view_of(command), view_of("x")};
    struct redisReply *reply = NULL;
    struct error why = {0};
    bool was_up = redis_is_up(r);
    int rc = redis_call(r, words, 2, 1000, &reply, &why);

    must((rc == 0) == (reply != NULL) && (rc == 0 || rc == ERR_REFUSED || !redis_is_up(r)));
    must(was_up || rc != 0);
    if (rc == 0)
        look_into(reply, 0);
    else
        check_failure(&why);
    redis_reply_free(reply);
}

static void take_messages(struct redis *r)
{
    struct redisReply *reply = NULL;
    struct error why = {0};
    int rc;

    for (int i = 0; i < 20 && (rc = redis_message(r, &reply, &why)) != 0; i++) {
        if (rc < 0) {
            must(!redis_is_up(r));
            check_failure(&why);
            return;
        }
        look_into(reply, 0);
        redis_reply_free(reply);
        reply = NULL;
    }
}

static void try_calls(bool subscribes)
{
    struct redis *r = redis_new(NULL);
    struct error why = {0};

    must(r != NULL);
    int rc = redis_open(r, &place, 1000, &why);
    must((rc == 0) == (bool)redis_is_up(r));
    if (rc != 0)
        check_failure(&why);
    ask(r, subscribes ? "SUBSCRIBE" : "GET");
    for (int i = 0; i < 3; i++) {
        if (subscribes)
            take_messages(r);
        ask(r, subscribes ? "PING" : "HGETALL");
    }
    redis_free(r);
}

static void try_script(void)
{
    struct redis_script lua = {.text = "return 1"};
    const struct view key = view_of("k");
    struct redis *r = redis_new(NULL);
    struct redisReply *reply = NULL;
    struct error why = {0};

    must(r != NULL);
    if (redis_open(r, &place, 1000, &why) == 0) {
        int rc = redis_run(r, &lua, &key, 1, &key, 1, 1000, &reply, &why);
        must((rc == 0) == (reply != NULL));
        if (rc == 0)
            look_into(reply, 0);
    }
    redis_reply_free(reply);
    redis_free(r);
}

static void try_sentinel(void)
{
    const struct redis_url sentinels[] = {place, place};
    struct redis_url found = place;
    struct error why = {0};

    if (sentinel_find(sentinels, 2, view_of("mymaster"), 1000, NULL, &found, &why) == 0)
        must(found.host[0] != '\0' && found.path[0] == '\0' && found.port > 0);
    else
        check_failure(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (place.path[0] == '\0')
        listen_somewhere();
    script = view_make(data + 1, size - 1);
    buf_clear(&spoken);
    may_speak = false;
    switch (data[0] & 3) {
    case 0:
    case 1:
        try_calls(data[0] & 1);
        break;
    case 2:
        try_script();
        break;
    default:
        try_sentinel();
        break;
    }
    clear_backlog();
    memset(is_redis, 0, sizeof is_redis);
    return 0;
}
