/*
 * What a resolver takes by itself: ever new names at a fixed rate, some questions for each sent at
 * once, as the daemon sends them for a recipient that it has not seen. Latency counts from when a
 * name was due until the last of its answers (open loop), the least that a verdict can take.
 *
 *     dns_load [-s SECONDS] [-r RATE] ADDRESS:PORT PATTERN...
 *
 * An @ in a PATTERN becomes 16 hex digits, other ones each time: mail.f@.example.dbl.example.net.
 * One JSON object as load's; `wrong` are names that were not answered with NXDOMAIN within 5 s.
 */
#include <poll.h>
#include <sys/prctl.h>

#include "endpoint.h"
#include "latency.h"

#define PATTERNS_MAX  16
#define MESSAGE_BYTES 512
#define GIVE_UP_NS    (5ull * SECOND_NS)

/* By the number of a message. A name is taken by its first number while it waits. */
struct asked {
    uint64_t due_ns;
    unsigned missing; /* answers of this name that are still to come */
    uint16_t first;
    bool waits, wrong;
};

static struct asked asked[65536];
static uint16_t next_number;
static uint64_t wrong, sent;

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static size_t put_name(unsigned char *dst, const char *pattern, uint64_t number)
{
    unsigned char *at = dst, *length = at++;

    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '.') {
            *length = (unsigned char)(at - length - 1);
            length = at++;
        } else if (*pattern == '@') {
            at += sprintf((char *)at, "%016llx", (unsigned long long)number);
        } else {
            *at++ = (unsigned char)*pattern;
        }
    }
    *length = (unsigned char)(at - length - 1);
    *at++ = 0;
    return (size_t)(at - dst);
}

static void send_question(int fd, const char *pattern, uint64_t number, uint16_t id)
{
    /* Recursion desired, one question; class and type A behind the name. */
    unsigned char message[MESSAGE_BYTES] = {id >> 8, id & 255, 1, 0, 0, 1};
    size_t len = 12 + put_name(message + 12, pattern, number);

    memcpy(message + len, "\0\1\0\1", 4);
    if (send(fd, message, len + 4, 0) < 0)
        fail("send");
}

static void ask(int fd, char **patterns, unsigned n, uint64_t due_ns)
{
    static uint64_t number;
    uint16_t first = next_number;

    if (number == 0)
        number = now_ns();
    number++;
    sent++;
    for (unsigned i = 0; i < n; i++) {
        uint16_t id = next_number++;
        asked[id] = (struct asked){due_ns, i == 0 ? n : 0, first, true, false};
        send_question(fd, patterns[i], number, id);
    }
}

static void hear(int fd)
{
    unsigned char message[MESSAGE_BYTES * 8];
    ssize_t len;

    while ((len = recv(fd, message, sizeof message, MSG_DONTWAIT)) >= 12) {
        struct asked *one = &asked[message[0] << 8 | message[1]], *name = &asked[one->first];
        if (!one->waits)
            continue;
        one->waits = false;
        name->wrong |= (message[3] & 15) != 3;
        if (--name->missing > 0)
            continue;
        latency_record(now_ns() - name->due_ns);
        wrong += name->wrong;
    }
}

static void wait_until(int fd, uint64_t due_ns)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    uint64_t now = now_ns(), left = due_ns > now ? due_ns - now : 0;
    struct timespec timeout = {(time_t)(left / SECOND_NS), (long)(left % SECOND_NS)};

    if (ppoll(&readable, 1, &timeout, NULL) > 0)
        hear(fd);
}

int main(int argc, char **argv)
{
    struct endpoint server;
    char where[128];
    double seconds = 3;
    unsigned long rate = 1000;
    int c, size = 4 << 20;

    while ((c = getopt(argc, argv, "s:r:")) != -1) {
        if (c == 's')
            seconds = strtod(optarg, NULL);
        else if (c == 'r')
            rate = strtoul(optarg, NULL, 10);
        else
            return EXIT_FAILURE;
    }
    unsigned n = argc > optind ? (unsigned)(argc - optind - 1) : 0;
    if (n == 0 || n > PATTERNS_MAX || rate == 0 ||
        snprintf(where, sizeof where, "inet:%s", argv[optind]) >= (int)sizeof where ||
        !endpoint_parse(where, &server)) {
        fprintf(stderr, "usage: dns_load [-s SECONDS] [-r RATE] ADDRESS:PORT PATTERN...\n");
        return EXIT_FAILURE;
    }
    prctl(PR_SET_TIMERSLACK, 1);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (fd < 0 || connect(fd, &server.address.any, server.len) != 0)
        fail("connect");
    uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), due = start;
    for (; due < end; due = start + sent * SECOND_NS / rate) {
        if (now_ns() >= due)
            ask(fd, argv + optind + 1, n, due);
        else
            wait_until(fd, due);
    }
    double took = (double)(now_ns() - start) / 1e9;
    while (answered < sent && now_ns() < due + GIVE_UP_NS)
        wait_until(fd, now_ns() + SECOND_NS / 10);
    latency_print(took, wrong + sent - answered);
    return EXIT_SUCCESS;
}
