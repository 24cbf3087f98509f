/* Who is at the other end of a unix socket: the kernel's word, not the client's. */
#ifndef ADMIN_PEER_H
#define ADMIN_PEER_H

#include <stdbool.h>
#include <sys/types.h>

struct peer {
    bool known;
    uid_t uid;
    gid_t gid;
};

struct peer peer_of(int fd);

/*
 * May this peer do what changes verdicts for everybody (rule 30)? uid 0, the daemon's own user
 * (who owns the lists anyway), or a member of GROUP, unless that is SOCKET_NO_GROUP.
 */
bool peer_is_admin(const struct peer *peer, int fd, gid_t group);

#endif
