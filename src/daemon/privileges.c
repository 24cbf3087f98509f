/* Privileges: lowered, raised once to bind, dropped. */
#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

int privileges_find(const char *user, struct privileges *p, struct error *why)
{
    *p = (struct privileges){.uid = geteuid(), .gid = getegid(), .user = user};
    if (geteuid() != 0)
        return 0; /* started unprivileged: `user` is ignored */
    errno = 0;
    const struct passwd *entry = getpwnam(user);
    if (entry == NULL)
        return error_set(why, ERR_ABSENT,
                         "no user %s; make it: adduser --system --group --no-create-home %s", user,
                         user);
    p->uid = entry->pw_uid;
    p->gid = entry->pw_gid;
    p->root = entry->pw_uid != 0;
    return 0;
}

int privileges_make_dir(const struct privileges *p, const char *dir, struct error *why)
{
    struct stat st;

    if (stat(dir, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : error_set(why, ERR_CONFLICT, "%s is not a directory", dir);
    if (mkdir(dir, 0750) != 0)
        return error_errno(why, "cannot make the directory %s; make it: install -d -o %s -m 750 %s",
                           dir, p->user, dir);
    if (p->root && chown(dir, p->uid, p->gid) != 0)
        return error_errno(why, "cannot give %s to %s", dir, p->user);
    return 0;
}

int privileges_lower(const struct privileges *p, struct error *why)
{
    if (!p->root)
        return 0;
    if (initgroups(p->user, p->gid) != 0 || setegid(p->gid) != 0 || seteuid(p->uid) != 0)
        return error_errno(why, "cannot become %s", p->user);
    return 0;
}

int privileges_raise(const struct privileges *p, struct error *why)
{
    if (!p->root)
        return 0;
    if (seteuid(0) != 0 || setegid(0) != 0)
        return error_errno(why, "cannot become root again");
    return 0;
}

int privileges_drop(const struct privileges *p, struct error *why)
{
    if (p->root) {
        if (initgroups(p->user, p->gid) != 0 || setresgid(p->gid, p->gid, p->gid) != 0 ||
            setresuid(p->uid, p->uid, p->uid) != 0)
            return error_errno(why, "cannot become %s", p->user);
        if (setuid(0) == 0)
            return error_set(why, ERR_REFUSED, "root could be taken back after becoming %s",
                             p->user);
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return 0;
}
