/*
 * Listening sockets, for the policy server and the admin API alike. Used at start, before
 * privileges are dropped; may block for a moment.
 */
#ifndef RCPTGUARD_BASE_SOCKET_H
#define RCPTGUARD_BASE_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

/* 1024, as Postfix's own servers are advised: a full unix backlog refuses at once (EAGAIN). */
#define SOCKET_BACKLOG 1024

/* Where to listen, taken apart. */
struct socket_address {
    bool is_unix;
    char path[108]; /* unix: NUL-terminated; sun_path holds 107 bytes */
    char host[46];  /* inet: numeric, without brackets */
    unsigned port;
};

/* "unix:/path", "inet:127.0.0.1:10040" or "inet:[::1]:10040"; hosts are numeric. */
int socket_address_parse(struct view text, struct socket_address *out, struct error *why);

bool socket_is_loopback(const struct socket_address *where); /* 127.0.0.0/8 or ::1 */

/* As in the configuration: "unix:/path", "inet:[::1]:10040". Returns DST. */
#define SOCKET_TEXT_MAX 128
const char *socket_text(const struct socket_address *where, char dst[SOCKET_TEXT_MAX]);

/* Where FD listens. ERR_REFUSED when it is no listening stream socket, or an abstract one. */
int socket_where(int fd, struct socket_address *out, struct error *why);

/* The file of a listening unix socket, so that it is removed only while it is still ours. */
struct socket_file {
    char path[108];
    dev_t dev;
    ino_t ino;
    struct timespec changed; /* inode numbers are used again at once */
};

/*
 * A non-blocking listening socket, or a negative code; FILE is for socket_file_remove. A stale
 * socket file is replaced; one that answers, or a file that is no socket, is an error; a missing
 * directory is an error that names the command to make it. GROUP -1: left alone; when the group may
 * not be given away (not root, not a member) that is told in *why while the socket is good:
 * why->code is ERR_OK without.
 */
int socket_listen_unix(const char *path, mode_t mode, gid_t group, struct socket_file *file,
                       struct error *why);

/* Removes the file, unless another process has put its own there meanwhile. */
void socket_file_remove(struct socket_file *file);

/* ERR_ABSENT: this host has no such address. Port 0 lets the system choose. */
int socket_listen_inet(const struct socket_address *address, struct error *why);

#define SOCKET_NO_GROUP ((gid_t) - 1)

/*
 * The group's number; SOCKET_NO_GROUP when NAME is empty. One that does not exist is ERR_ABSENT
 * where it was SET in the configuration and we are root; else a warning in the log, and no group
 * (rule 23). May ask LDAP: at start only. KEY, as in "policy.socket_group", is for the words.
 */
int socket_find_group(const char *key, const char *name, bool set, gid_t *group, struct error *why);

#endif
