/* Sockets passed by a service manager. */
#include "rcptguard/base/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

struct passed {
    size_t n;
    struct {
        int fd; /* -1: taken */
        struct socket_address where;
        char name[64];
    } items[PASSED_MAX];
};

static int number_of(const char *variable, uint64_t max, uint64_t *out, struct error *why)
{
    const char *text = getenv(variable);

    if (text != NULL && view_to_uint(view_of(text), max, out))
        return 0;
    return error_set(why, ERR_SYNTAX, "%s of the environment is no number up to %llu", variable,
                     (unsigned long long)max);
}

/* Names stand in the order of the sockets, with colons between (sd_listen_fds_with_names(3)). */
static void name_all(struct passed *p)
{
    const char *names = getenv("LISTEN_FDNAMES");

    for (size_t i = 0; i < p->n && names != NULL; i++) {
        size_t len = strcspn(names, ":");
        snprintf(p->items[i].name, sizeof p->items[i].name, "%.*s", (int)len, names);
        names = names[len] == ':' ? names + len + 1 : NULL;
    }
}

static int take_one(struct passed *p, struct error *why)
{
    int fd = FIRST_FD + (int)p->n;
    int rc = socket_where(fd, &p->items[p->n].where, why);
    int flags = fcntl(fd, F_GETFL);

    if (rc < 0)
        return error_prefix(why, "descriptor %d, passed by LISTEN_FDS", fd);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return error_errno(why, "descriptor %d, passed by LISTEN_FDS", fd);
    p->items[p->n++].fd = fd;
    return 0;
}

static int take_all(struct passed **out, struct error *why)
{
    uint64_t pid = 0, n = 0;
    int rc = number_of("LISTEN_PID", INT32_MAX, &pid, why);

    if (rc < 0 || (pid_t)pid != getpid())
        return rc;
    if ((rc = number_of("LISTEN_FDS", PASSED_MAX, &n, why)) < 0)
        return rc;
    struct passed *p = calloc(1, sizeof *p);
    if (p == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    while (rc == 0 && p->n < n)
        rc = take_one(p, why);
    name_all(p);
    if (rc == 0)
        *out = p;
    else
        passed_free(p);
    return rc;
}

int passed_take_all(struct passed **out, struct error *why)
{
    int rc = 0;

    *out = NULL;
    if (getenv("LISTEN_PID") != NULL)
        rc = take_all(out, why);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return rc;
}

void passed_free(struct passed *p)
{
    for (size_t i = 0; p != NULL && i < p->n; i++)
        if (p->items[i].fd >= 0)
            close(p->items[i].fd);
    free(p);
}

static int hand_out(struct passed *p, size_t i)
{
    int fd = p->items[i].fd;

    p->items[i].fd = -1;
    return fd;
}

static bool same_place(const struct socket_address *a, const struct socket_address *b)
{
    return a->is_unix == b->is_unix && a->port == b->port && strcmp(a->host, b->host) == 0 &&
           strcmp(a->path, b->path) == 0;
}

int passed_at(struct passed *p, const struct socket_address *where)
{
    for (size_t i = 0; p != NULL && i < p->n; i++)
        if (p->items[i].fd >= 0 && same_place(&p->items[i].where, where))
            return hand_out(p, i);
    return -1;
}

int passed_named(struct passed *p, const char *name, struct socket_address *where)
{
    for (size_t i = 0; p != NULL && i < p->n; i++)
        if (p->items[i].fd >= 0 && strcmp(p->items[i].name, name) == 0) {
            *where = p->items[i].where;
            return hand_out(p, i);
        }
    return -1;
}

int passed_check_taken(const struct passed *p, struct error *why)
{
    char shown[SOCKET_TEXT_MAX];

    for (size_t i = 0; p != NULL && i < p->n; i++)
        if (p->items[i].fd >= 0)
            return error_set(why, ERR_REFUSED,
                             "%s was passed as '%s', and nobody here takes it: write "
                             "FileDescriptorName=policy, admin or http in its socket unit, the "
                             "last two for one socket each",
                             socket_text(&p->items[i].where, shown), p->items[i].name);
    return 0;
}
