/*
 * A load that speaks like Postfix: so many connections, one outstanding query on each, queries of
 * some 600 bytes with ever new recipients, every answer checked.
 *
 *     load [options] unix:PATH | inet:ADDRESS:PORT
 *       -c N      connections (10)
 *       -s S      seconds (3); or -q M: queries in all
 *       -r R      open loop: R queries a second in all, whatever the server does. Latency counts
 *                 from when a query was due, so that a stall is felt by all that it delays.
 *       -n N      recipients u0000000@listed.example.org to N-1 are listed (1000000)
 *       -h RATIO  share of queries for listed recipients (0.01); others go to other.example.org
 *       -f FILE   recipients from a file instead, one a line, '!' before those that are listed
 *       -u        recipients in ever new domains instead, none of them listed
 *       -x        any answer is right (for the echo server)
 *
 * One JSON object on standard output; latencies in microseconds. A listed recipient must get a
 * 5xx, any other DUNNO. Exit status 1 when it could not run to the end; wrong answers are counted.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

#include "endpoint.h"
#include "latency.h"

#define QUERY_BYTES  4096
#define ANSWER_BYTES 1024
#define EVENTS       256

struct options {
    struct endpoint server;
    unsigned connections;
    double seconds, hit_ratio;
    unsigned long queries, rate, listed;
    const char *file;
    bool new_domains, any_answer;
};

struct connection {
    int fd;
    bool busy, listed;
    uint64_t due_ns;
    size_t len;
    char answer[ANSWER_BYTES];
};

static uint64_t wrong;

static struct {
    char **rows;
    size_t count;
} recipients;

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static uint32_t next_random(void)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

static void read_recipients(const char *path)
{
    FILE *in = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    if (in == NULL)
        fail(path);
    while ((len = getline(&line, &size, in)) > 0) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0' || len > QUERY_BYTES / 2)
            continue;
        /* The number of rows is unknown: grow by doubling. */
        if ((recipients.count & (recipients.count - 1)) == 0)
            recipients.rows =
                realloc(recipients.rows, (recipients.count * 2 + 1) * sizeof *recipients.rows);
        recipients.rows[recipients.count++] = strdup(line);
    }
    free(line);
    fclose(in);
    if (recipients.count == 0) {
        fprintf(stderr, "%s: no recipients\n", path);
        exit(EXIT_FAILURE);
    }
}

/* Returns whether it is listed. */
static bool pick_recipient(const struct options *o, char *dst, size_t size)
{
    if (recipients.count > 0) {
        const char *row = recipients.rows[next_random() % recipients.count];
        snprintf(dst, size, "%s", row + (row[0] == '!'));
        return row[0] == '!';
    }
    if (o->new_domains) {
        static uint64_t number;
        if (number == 0)
            number = now_ns();
        snprintf(dst, size, "u@mail.f%016llx.example", (unsigned long long)number++);
        return false;
    }
    bool listed = o->listed > 0 && next_random() < o->hit_ratio * 4294967296.0;
    unsigned long number = next_random() % (o->listed > 0 ? o->listed : 1000000);
    snprintf(dst, size, "u%07lu@%s.example.org", number, listed ? "listed" : "other");
    return listed;
}

static size_t make_query(char *dst, const char *recipient)
{
    static unsigned long instance;

    int n = snprintf(
        dst, QUERY_BYTES,
        "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
        "client_address=192.0.2.25\nclient_name=webmail.example.edu\nclient_port=38702\n"
        "reverse_client_name=webmail.example.edu\nserver_address=192.0.2.1\nserver_port=587\n"
        "helo_name=webmail.example.edu\nsender=jane.doe@example.edu\nrecipient=%s\n"
        "recipient_count=0\nqueue_id=\ninstance=468c.%08lx.3f42e.0\nsize=0\netrn_domain=\n"
        "stress=\nsasl_method=PLAIN\nsasl_username=jane.doe\nsasl_sender=\nccert_subject=\n"
        "ccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\n"
        "encryption_protocol=TLSv1.3\nencryption_cipher=TLS_AES_256_GCM_SHA384\n"
        "encryption_keysize=256\npolicy_context=\n\n",
        recipient, instance++);
    return (size_t)n;
}

static void ask(const struct options *o, struct connection *c, uint64_t due_ns)
{
    char query[QUERY_BYTES], recipient[QUERY_BYTES / 2];

    c->listed = pick_recipient(o, recipient, sizeof recipient);
    size_t len = make_query(query, recipient);
    c->busy = true;
    c->len = 0;
    c->due_ns = due_ns;
    if (send(c->fd, query, len, MSG_NOSIGNAL) != (ssize_t)len)
        fail("send");
}

/* True when the answer is complete. */
static bool hear(const struct options *o, struct connection *c)
{
    ssize_t n = recv(c->fd, c->answer + c->len, sizeof c->answer - 1 - c->len, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        errno = n == 0 ? ECONNRESET : errno;
        fail("the server");
    }
    c->len += (size_t)n;
    c->answer[c->len] = '\0';
    if (c->len < 2 || memcmp(c->answer + c->len - 2, "\n\n", 2) != 0)
        return false;
    latency_record(now_ns() - c->due_ns);
    bool right = c->listed ? strncmp(c->answer, "action=5", 8) == 0
                           : strcmp(c->answer, "action=DUNNO\n\n") == 0;
    if (!right && !o->any_answer && wrong++ == 0)
        fprintf(stderr, "first wrong answer: %s", c->answer);
    c->busy = false;
    return true;
}

static struct connection *open_all(const struct options *o, int epoll)
{
    struct connection *all = calloc(o->connections, sizeof *all);

    if (all == NULL)
        fail("memory");
    for (unsigned i = 0; i < o->connections; i++) {
        all[i].fd = endpoint_connect(&o->server);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        if (all[i].fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event) != 0)
            fail("connect");
    }
    return all;
}

static bool time_is_up(const struct options *o, uint64_t asked, uint64_t now, uint64_t end_ns)
{
    return o->queries > 0 ? asked >= o->queries : now >= end_ns;
}

/* Each connection asks again as soon as it was answered. */
static void closed_loop(const struct options *o, int epoll, struct connection *all, uint64_t end_ns)
{
    struct epoll_event events[EVENTS];
    uint64_t asked = 0;
    unsigned busy = 0;

    for (; busy < o->connections && !time_is_up(o, asked, 0, 1); busy++, asked++)
        ask(o, &all[busy], now_ns());
    while (busy > 0) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        uint64_t now = now_ns();
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!hear(o, c))
                continue;
            if (time_is_up(o, asked, now, end_ns)) {
                busy--;
                continue;
            }
            asked++;
            ask(o, c, now_ns());
        }
    }
}

/* Waits until something was answered or DUE_NS has come, and takes the answers. */
static void wait_until(const struct options *o, int epoll, struct connection **idle,
                       unsigned *n_idle, uint64_t due_ns)
{
    struct epoll_event events[EVENTS];
    uint64_t now = now_ns(), wait_ns = due_ns > now ? due_ns - now : 0;
    struct timespec timeout = {(time_t)(wait_ns / SECOND_NS), (long)(wait_ns % SECOND_NS)};
    int n = epoll_pwait2(epoll, events, EVENTS, &timeout, NULL);

    for (int i = 0; i < n; i++)
        if (hear(o, events[i].data.ptr))
            idle[(*n_idle)++] = events[i].data.ptr;
}

static void open_loop(const struct options *o, int epoll, struct connection *all, uint64_t end_ns)
{
    struct connection **idle = calloc(o->connections, sizeof *idle);
    uint64_t start = now_ns(), asked = 0;
    unsigned n_idle = 0;

    if (idle == NULL)
        fail("memory");
    for (; n_idle < o->connections; n_idle++)
        idle[n_idle] = &all[n_idle];
    for (;;) {
        uint64_t due_ns = start + asked * SECOND_NS / o->rate;
        if (time_is_up(o, asked, due_ns, end_ns))
            break;
        if (n_idle > 0 && now_ns() >= due_ns) {
            ask(o, idle[--n_idle], due_ns);
            asked++;
        } else {
            wait_until(o, epoll, idle, &n_idle, n_idle > 0 ? due_ns : due_ns + SECOND_NS);
        }
    }
    while (n_idle < o->connections)
        wait_until(o, epoll, idle, &n_idle, now_ns() + SECOND_NS);
    free(idle);
}

static bool read_options(int argc, char **argv, struct options *o)
{
    int c;

    *o = (struct options){.connections = 10, .seconds = 3, .hit_ratio = 0.01, .listed = 1000000};
    while ((c = getopt(argc, argv, "c:s:q:r:n:h:f:ux")) != -1) {
        switch (c) {
        case 'c':
            o->connections = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 's':
            o->seconds = strtod(optarg, NULL);
            break;
        case 'q':
            o->queries = strtoul(optarg, NULL, 10);
            break;
        case 'r':
            o->rate = strtoul(optarg, NULL, 10);
            break;
        case 'n':
            o->listed = strtoul(optarg, NULL, 10);
            break;
        case 'h':
            o->hit_ratio = strtod(optarg, NULL);
            break;
        case 'f':
            o->file = optarg;
            break;
        case 'u':
            o->new_domains = true;
            break;
        case 'x':
            o->any_answer = true;
            break;
        default:
            return false;
        }
    }
    return optind == argc - 1 && o->connections > 0 && endpoint_parse(argv[optind], &o->server);
}

int main(int argc, char **argv)
{
    struct options o;

    if (!read_options(argc, argv, &o)) {
        fprintf(stderr,
                "usage: load [-c N] [-s S | -q M] [-r R] [-n N] [-h RATIO] [-f FILE | -u] [-x] "
                "unix:PATH | inet:ADDRESS:PORT\n");
        return EXIT_FAILURE;
    }
    if (o.file != NULL)
        read_recipients(o.file);
    /* The kernel rounds timers by 50 us unless told otherwise. */
    prctl(PR_SET_TIMERSLACK, 1);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = open_all(&o, epoll);
    uint64_t start = now_ns(), end_ns = start + (uint64_t)(o.seconds * 1e9);
    if (o.rate > 0)
        open_loop(&o, epoll, all, end_ns);
    else
        closed_loop(&o, epoll, all, end_ns);
    double seconds = (double)(now_ns() - start) / 1e9;
    latency_print(seconds, wrong);
    free(all);
    return EXIT_SUCCESS;
}
