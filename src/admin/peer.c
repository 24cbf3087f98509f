/* Who is at the other end: SO_PEERCRED and SO_PEERGROUPS, both as of the client's connect(). */
#include "peer.h"

#include "rcptguard/base/socket.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59 /* Linux 4.13; missing from older libc headers */
#endif

struct peer peer_of(int fd)
{
    struct ucred cred;
    socklen_t len = sizeof cred;

    /* Of a TCP connection Linux says -1, and calls that a success. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0 || cred.uid == (uid_t)-1)
        return (struct peer){.known = false};
    return (struct peer){true, cred.uid, cred.gid};
}

static bool has_group(int fd, gid_t group)
{
    socklen_t len = 0;

    /* With no room the kernel says ERANGE and how many bytes it needs: at most 65,536 groups. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || len == 0)
        return false;
    gid_t *groups = malloc(len);
    bool found = false;
    if (groups != NULL && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0)
        for (size_t i = 0; i < len / sizeof *groups && !found; i++)
            found = groups[i] == group;
    free(groups);
    return found;
}

bool peer_is_admin(const struct peer *peer, int fd, gid_t group)
{
    if (!peer->known)
        return false;
    if (peer->uid == 0 || peer->uid == geteuid())
        return true;
    return group != SOCKET_NO_GROUP && (peer->gid == group || has_group(fd, group));
}
