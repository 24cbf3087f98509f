/*
 * From root to an ordinary user. Started as root, the daemon reads its lists with the rights of its
 * user (so that what works at start works at reload), takes root once more to bind, then gives it
 * up for ever.
 */
#ifndef DAEMON_PRIVILEGES_H
#define DAEMON_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "rcptguard/base/error.h"

struct privileges {
    bool root; /* started as root, and the user is another */
    uid_t uid;
    gid_t gid;
    const char *user;
};

/* Looks the user up (may ask LDAP; start only). ERR_ABSENT: no such user. */
int privileges_find(const char *user, struct privileges *p, struct error *why);

/* Makes DIR for the user when it is missing, with the rights of whoever calls. */
int privileges_make_dir(const struct privileges *p, const char *dir, struct error *why);

/* For a while, and back. */
int privileges_lower(const struct privileges *p, struct error *why);
int privileges_raise(const struct privileges *p, struct error *why);

/* For ever: no way back is left. */
int privileges_drop(const struct privileges *p, struct error *why);

#endif
