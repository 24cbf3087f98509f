/* Listening sockets. Stale files of a crashed daemon are replaced, live ones never. */
#include "rcptguard/base/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rcptguard/base/log.h"

static int parse_unix(struct view path, struct socket_address *out, struct error *why)
{
    if (path.len == 0 || path.ptr[0] != '/')
        return error_set(why, ERR_SYNTAX,
                         "a unix socket needs an absolute path, as in unix:/run/rcptguard/policy");
    if (path.len >= sizeof out->path)
        return error_set(why, ERR_SYNTAX, "the path of a unix socket has at most %zu bytes",
                         sizeof out->path - 1);
    out->is_unix = true;
    memcpy(out->path, path.ptr, path.len);
    return 0;
}

static bool host_is_numeric(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(strchr(host, ':') != NULL ? AF_INET6 : AF_INET, host, bytes) == 1;
}

static int parse_inet(struct view text, struct socket_address *out, struct error *why)
{
    ptrdiff_t colon = view_find_last(text, ':');
    uint64_t port;

    if (colon < 0 || !view_to_uint(view_from(text, (size_t)colon + 1), 65535, &port))
        return error_set(why, ERR_SYNTAX, "no port from 0 to 65535, as in inet:127.0.0.1:10040");
    struct view host = view_first(text, (size_t)colon);
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = view_make(host.ptr + 1, host.len - 2);
    else if (view_find(host, ':') >= 0)
        return error_set(why, ERR_SYNTAX, "an IPv6 address stands in brackets: inet:[::1]:10040");
    if (host.len >= sizeof out->host)
        return error_set(why, ERR_SYNTAX, "not a numeric address, as in inet:127.0.0.1:10040");
    snprintf(out->host, sizeof out->host, "%.*s", (int)host.len, host.ptr);
    if (!host_is_numeric(out->host))
        return error_set(why, ERR_SYNTAX, "not a numeric address, as in inet:127.0.0.1:10040");
    out->port = (unsigned)port;
    return 0;
}

int socket_address_parse(struct view text, struct socket_address *out, struct error *why)
{
    memset(out, 0, sizeof *out);
    if (view_starts(text, "unix:"))
        return parse_unix(view_from(text, 5), out, why);
    if (view_starts(text, "inet:"))
        return parse_inet(view_from(text, 5), out, why);
    return error_set(why, ERR_SYNTAX,
                     "neither unix:/path nor inet:ADDRESS:PORT, as in inet:127.0.0.1:10040");
}

bool socket_is_loopback(const struct socket_address *where)
{
    return strncmp(where->host, "127.", 4) == 0 || strcmp(where->host, "::1") == 0;
}

const char *socket_text(const struct socket_address *where, char dst[SOCKET_TEXT_MAX])
{
    const bool is_v6 = strchr(where->host, ':') != NULL;

    if (where->is_unix)
        snprintf(dst, SOCKET_TEXT_MAX, "unix:%s", where->path);
    else
        snprintf(dst, SOCKET_TEXT_MAX, "inet:%s%s%s:%u", is_v6 ? "[" : "", where->host,
                 is_v6 ? "]" : "", where->port);
    return dst;
}

static bool is_listening_stream(int fd)
{
    int type = 0, listens = 0;
    socklen_t len = sizeof type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0)
        return false;
    len = sizeof listens;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens != 0 &&
           type == SOCK_STREAM;
}

int socket_where(int fd, struct socket_address *out, struct error *why)
{
    union {
        struct sockaddr any;
        struct sockaddr_un sun;
        struct sockaddr_in sin;
        struct sockaddr_in6 sin6;
        struct sockaddr_storage storage;
    } at = {.any = {0}};
    socklen_t len = sizeof at.storage;

    memset(out, 0, sizeof *out);
    if (!is_listening_stream(fd) || getsockname(fd, &at.any, &len) != 0)
        return error_set(why, ERR_REFUSED, "is no stream socket that listens");
    if (at.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &at.sin.sin_addr, out->host, sizeof out->host);
        out->port = ntohs(at.sin.sin_port);
        return 0;
    }
    if (at.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &at.sin6.sin6_addr, out->host, sizeof out->host);
        out->port = ntohs(at.sin6.sin6_port);
        return 0;
    }
    /* Abstract names begin with NUL, and Postfix has no word for them. */
    if (at.any.sa_family != AF_UNIX || at.sun.sun_path[0] != '/')
        return error_set(why, ERR_REFUSED, "listens neither at a path nor at an address");
    out->is_unix = true;
    snprintf(out->path, sizeof out->path, "%.*s", (int)sizeof at.sun.sun_path, at.sun.sun_path);
    return 0;
}

static int fill_unix(const char *path, struct sockaddr_un *sun, struct error *why)
{
    *sun = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof sun->sun_path)
        return error_set(why, ERR_LIMIT, "%s: longer than the %zu bytes of a socket's path", path,
                         sizeof sun->sun_path - 1);
    memcpy(sun->sun_path, path, strlen(path) + 1);
    return 0;
}

/* Removes a socket file that nobody answers. */
static int remove_stale(const struct sockaddr_un *sun, struct error *why)
{
    struct stat st;

    if (lstat(sun->sun_path, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : error_errno(why, "cannot look at %s", sun->sun_path);
    if (!S_ISSOCK(st.st_mode))
        return error_set(why, ERR_CONFLICT, "%s is there and is not a socket; remove it",
                         sun->sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(why, "socket");
    int rc = connect(fd, (const struct sockaddr *)sun, sizeof *sun);
    int saved = errno;
    close(fd);
    /* EAGAIN: a live server with a full backlog. */
    if (rc == 0 || saved == EAGAIN || saved == EINPROGRESS)
        return error_set(why, ERR_CONFLICT,
                         "another process answers on %s; stop it first (is rcptguardd running?)",
                         sun->sun_path);
    if (saved != ECONNREFUSED && saved != ENOENT) {
        errno = saved;
        return error_errno(why, "cannot tell whether somebody answers on %s", sun->sun_path);
    }
    if (unlink(sun->sun_path) != 0 && errno != ENOENT)
        return error_errno(why, "cannot remove the stale socket %s", sun->sun_path);
    return 0;
}

/* With the socket's group, without which those who are to connect could not enter. */
static int directory_missing(const struct sockaddr_un *sun, gid_t gid, struct error *why)
{
    const char *slash = strrchr(sun->sun_path, '/');
    int len = slash == NULL ? 0 : (int)(slash - sun->sun_path);
    const struct group *group = gid == (gid_t)-1 ? NULL : getgrgid(gid);

    return error_set(why, ERR_ABSENT,
                     "the directory of %s is missing; make it: install -d -o rcptguard %s%s%s-m "
                     "2750 %.*s",
                     sun->sun_path, group == NULL ? "" : "-g ", group == NULL ? "" : group->gr_name,
                     group == NULL ? "" : " ", len, sun->sun_path);
}

static int bind_unix(int fd, const struct sockaddr_un *sun, gid_t group, struct error *why)
{
    /* Nobody may connect between bind and chmod. */
    mode_t old = umask(0177);
    int rc = bind(fd, (const struct sockaddr *)sun, sizeof *sun);
    int saved = errno;
    umask(old);
    if (rc == 0)
        return 0;
    if (saved == ENOENT || saved == ENOTDIR)
        return directory_missing(sun, group, why);
    errno = saved;
    return error_errno(why, "cannot bind %s", sun->sun_path);
}

static void remember(struct socket_file *file, const char *path)
{
    struct stat st;

    *file = (struct socket_file){0};
    if (stat(path, &st) != 0)
        return;
    snprintf(file->path, sizeof file->path, "%s", path);
    file->dev = st.st_dev;
    file->ino = st.st_ino;
    file->changed = st.st_ctim;
}

void socket_file_remove(struct socket_file *file)
{
    struct stat st;

    if (file->path[0] != '\0' && stat(file->path, &st) == 0 && st.st_dev == file->dev &&
        st.st_ino == file->ino && st.st_ctim.tv_sec == file->changed.tv_sec &&
        st.st_ctim.tv_nsec == file->changed.tv_nsec)
        unlink(file->path);
    file->path[0] = '\0';
}

int socket_listen_unix(const char *path, mode_t mode, gid_t group, struct socket_file *file,
                       struct error *why)
{
    struct sockaddr_un sun;
    int rc = fill_unix(path, &sun, why);

    if (rc == 0)
        rc = remove_stale(&sun, why);
    if (rc < 0)
        return rc;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(why, "socket");
    rc = bind_unix(fd, &sun, group, why);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    if (why != NULL)
        *why = (struct error){0};
    if (group != SOCKET_NO_GROUP && chown(path, (uid_t)-1, group) != 0)
        error_errno(why, "cannot give %s to its group", path);
    if (chmod(path, mode) != 0 || listen(fd, SOCKET_BACKLOG) != 0) {
        rc = error_errno(why, "cannot listen on %s", path);
        close(fd);
        unlink(path);
        return rc;
    }
    remember(file, path);
    return fd;
}

static socklen_t fill_inet(const struct socket_address *address, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (strchr(address->host, ':') != NULL) {
        struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)out;
        sin6->sin6_family = AF_INET6;
        sin6->sin6_port = htons((uint16_t)address->port);
        inet_pton(AF_INET6, address->host, &sin6->sin6_addr);
        return sizeof *sin6;
    }
    struct sockaddr_in *sin = (struct sockaddr_in *)out;
    sin->sin_family = AF_INET;
    sin->sin_port = htons((uint16_t)address->port);
    inet_pton(AF_INET, address->host, &sin->sin_addr);
    return sizeof *sin;
}

int socket_listen_inet(const struct socket_address *address, struct error *why)
{
    struct sockaddr_storage storage;
    socklen_t len = fill_inet(address, &storage);
    const int on = 1;
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 && errno == EAFNOSUPPORT)
        return error_set(why, ERR_ABSENT, "this host has no %s",
                         storage.ss_family == AF_INET6 ? "IPv6" : "IPv4");
    if (fd < 0)
        return error_errno(why, "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (storage.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&storage, len) == 0 && listen(fd, SOCKET_BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    if (saved == EADDRNOTAVAIL)
        return error_set(why, ERR_ABSENT, "this host has no address %s", address->host);
    if (saved == EADDRINUSE)
        return error_set(why, ERR_CONFLICT,
                         "port %u of %s is taken; stop the other process, or change the port",
                         address->port, address->host);
    return error_errno(why, "cannot listen on %s port %u", address->host, address->port);
}

int socket_find_group(const char *key, const char *name, bool set, gid_t *group, struct error *why)
{
    *group = SOCKET_NO_GROUP;
    if (name[0] == '\0')
        return 0;
    const struct group *entry = getgrnam(name);
    if (entry != NULL) {
        *group = entry->gr_gid;
        return 0;
    }
    if (set && geteuid() == 0)
        return error_set(why, ERR_ABSENT,
                         "%s: no group %s; make it (addgroup --system %s) or name another", key,
                         name, name);
    log_warning(NULL, "%s: no group %s; going on without it", key, name);
    return 0;
}
