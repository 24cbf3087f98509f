/*
 * Makes system and library calls of rcptguardd fail, for `make torture`. Loaded by LD_PRELOAD; the
 * file named by FAULTS_CONTROL, which the runner maps too, says what fails and takes down what did.
 *
 * What counts is the call site: the return addresses up to the third function of rcptguardd itself.
 * While armed the first call from a site that was not failed yet fails. The sites outlive the
 * process, with the file; so does the last record, which names the site when that was the end of
 * it.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FRAMES     24
#define OWN_FRAMES 3
#define RECORDS    8192
#define SITES      65536 /* a power of two */

/* What can be chosen: bits of control.calls. The runner has the same names in the same order. */
enum call {
    ALLOC,
    READ,
    WRITE,
    SYNC,
    RENAME,
    OPEN,
    STAT,
    CLOSE,
    UNLINK,
    ACCEPT,
    EPOLL_WAIT,
    EPOLL_CTL,
    POLL,
    MMAP,
    THREAD,
    DESCRIPTOR,
    CONNECT,
    RANDOM,
    WATCH,
    LOCK,
    DIRECTORY,
    BIND,
    AIO,
};

/* Bits of control.kinds: of which descriptors. What takes none is ANY. */
enum { REGULAR = 1, SOCKET = 2, PIPE = 4, ANY = 7 };

struct record {
    uint32_t call, n_frames;
    uint64_t frames[FRAMES]; /* of rcptguardd: its offset; of a library: 0 */
    char names[FRAMES][40];  /* of a library's function */
};

struct control {
    atomic_uint armed;   /* 1: the next new site fails; cleared when it did */
    atomic_uint failing; /* all chosen calls fail, until the runner clears it */
    atomic_uint fired;   /* records written */
    uint32_t calls, kinds, error, lasting, half;
    _Atomic uint64_t sites[SITES];
    struct record records[RECORDS];
};

static struct control *control;
static const struct link_map *self;
static _Thread_local bool inside __attribute__((tls_model("initial-exec")));

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

/* Takes down where an address is; true: in rcptguardd itself. */
static bool note_frame(struct record *r, const struct link_map *where, uint64_t offset)
{
    const char *slash = strrchr(where->l_name, '/');
    bool own = where->l_name[0] == '\0';

    r->frames[r->n_frames] = own ? offset : 0;
    if (!own)
        snprintf(r->names[r->n_frames], sizeof r->names[0], "%s+%#lx",
                 slash == NULL ? where->l_name : slash + 1, (unsigned long)offset);
    r->n_frames++;
    return own;
}

/* Takes down the way here; returns what stands for it. */
static uint64_t site_of(struct record *r)
{
    void *stack[FRAMES + 4];
    int n = backtrace(stack, FRAMES + 4), own = 0;
    uint64_t hash = 0xcbf29ce484222325u + r->call;

    for (int i = 0; i < n && own < OWN_FRAMES && r->n_frames < FRAMES; i++) {
        struct dl_find_object found;
        if (_dl_find_object(stack[i], &found) != 0)
            break;
        const struct link_map *where = found.dlfo_link_map;
        if (where == self)
            continue;
        uint64_t offset = (uint64_t)stack[i] - where->l_addr;
        own += note_frame(r, where, offset);
        hash = (hash ^ offset) * 0x100000001b3u;
        hash ^= hash >> 29;
    }
    return hash | 1;
}

static bool is_new(uint64_t site)
{
    for (uint64_t i = site; i < site + SITES; i++) {
        uint64_t there = 0;
        if (atomic_compare_exchange_strong(&control->sites[i % SITES], &there, site))
            return true;
        if (there == site)
            return false;
    }
    return false;
}

static bool first_time(enum call call)
{
    struct record r = {.call = call};
    unsigned one = 1;

    /* Two threads may come at once: only one of them fails, and the other's site stays new. */
    uint64_t site = site_of(&r);
    for (uint64_t i = site; atomic_load(&control->sites[i % SITES]) != 0; i++)
        if (atomic_load(&control->sites[i % SITES]) == site)
            return false;
    if (!atomic_compare_exchange_strong(&control->armed, &one, 0) || !is_new(site))
        return false;
    unsigned at = atomic_load(&control->fired);
    if (at < RECORDS)
        control->records[at] = r;
    if (control->lasting)
        atomic_store(&control->failing, 1);
    atomic_store(&control->fired, at + 1);
    return true;
}

static unsigned kind_of(int fd)
{
    struct stat st;

    if (fd < 0)
        return ANY;
    if (syscall(SYS_fstat, fd, &st) != 0)
        return 0;
    return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? REGULAR
           : S_ISSOCK(st.st_mode)                     ? SOCKET
           : S_ISFIFO(st.st_mode)                     ? PIPE
                                                      : 0;
}

/* True: this call fails, with errno set. */
static bool fails(enum call call, int fd)
{
    struct control *c = control;

    if (c == NULL || inside || (c->calls & 1u << call) == 0)
        return false;
    bool failing = atomic_load(&c->failing) != 0;
    if (!failing && atomic_load(&c->armed) == 0)
        return false;
    int before = errno;
    inside = true;
    bool fail = (kind_of(fd) & c->kinds) != 0 && (failing || first_time(call));
    inside = false;
    errno = fail ? (int)c->error : before;
    return fail;
}

/* Where it ends, into its log; then it ends as it would have. */
static void show_the_end(int number)
{
    void *frames[32];

    (void)number;
    inside = true;
    backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
}

static void watch_the_end(void)
{
    const struct sigaction shows = {.sa_handler = show_the_end, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGABRT, &shows, NULL);
    sigaction(SIGSEGV, &shows, NULL);
}

static __attribute__((constructor)) void start(void)
{
    const char *path = getenv("FAULTS_CONTROL");
    void *prime[2];

    if (path == NULL || strcmp(program_invocation_short_name, "rcptguardd") != 0)
        return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    backtrace(prime, 2); /* loads what it needs */
    watch_the_end();
    struct dl_find_object found;
    if (_dl_find_object((void *)start, &found) == 0)
        self = found.dlfo_link_map;
    void *shared =
        (void *)syscall(SYS_mmap, NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (shared != MAP_FAILED)
        control = shared;
}

#define NEXT(name)                                                                                 \
    static __typeof__(name) *next;                                                                 \
    if (next == NULL)                                                                              \
    next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* Threads that take no signals would end without a word: a fault that is blocked is not shown. */
int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    NEXT(pthread_sigmask);
    sigset_t open;

    if (set != NULL) {
        open = *set;
        sigdelset(&open, SIGABRT);
        sigdelset(&open, SIGSEGV);
        set = &open;
    }
    return next(how, set, old);
}

/* ---- memory ------------------------------------------------------------------------------------
 */

void *malloc(size_t size)
{
    return fails(ALLOC, -1) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails(ALLOC, -1) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    return fails(ALLOC, -1) ? NULL : __libc_realloc(old, size);
}

/* ---- all others: the call of that name in the next library
 * --------------------------------------- */

#define WRAP(result, failed, call, fd, name, params, args)                                         \
    result name params                                                                             \
    {                                                                                              \
        NEXT(name);                                                                                \
        if (fails(call, fd))                                                                       \
            return failed;                                                                         \
        return next args;                                                                          \
    }

/* A call that moves N bytes: fails, or moves half of them. */
#define WRAP_BYTES(call, name, params, args, half_args)                                            \
    ssize_t name params                                                                            \
    {                                                                                              \
        NEXT(name);                                                                                \
        if (!fails(call, fd))                                                                      \
            return next args;                                                                      \
        if (control->half)                                                                         \
            return next half_args;                                                                 \
        return -1;                                                                                 \
    }

ssize_t __read_chk(int fd, void *to, size_t n, size_t room);
ssize_t __pread_chk(int fd, void *to, size_t n, off_t at, size_t room);
ssize_t __pread64_chk(int fd, void *to, size_t n, off_t at, size_t room);
ssize_t __recv_chk(int fd, void *to, size_t n, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *to, size_t n, size_t room, int flags, struct sockaddr *from,
                       socklen_t *len);
int __poll_chk(struct pollfd *fds, nfds_t n, int ms, size_t room);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);

#define HALF(n) ((n) > 1 ? (n) / 2 : (n))

WRAP_BYTES(READ, read, (int fd, void *to, size_t n), (fd, to, n), (fd, to, HALF(n)))
WRAP_BYTES(READ, __read_chk, (int fd, void *to, size_t n, size_t room), (fd, to, n, room),
           (fd, to, HALF(n), room))
WRAP_BYTES(READ, pread, (int fd, void *to, size_t n, off_t at), (fd, to, n, at),
           (fd, to, HALF(n), at))
WRAP_BYTES(READ, __pread_chk, (int fd, void *to, size_t n, off_t at, size_t room),
           (fd, to, n, at, room), (fd, to, HALF(n), at, room))
WRAP_BYTES(READ, pread64, (int fd, void *to, size_t n, off_t at), (fd, to, n, at),
           (fd, to, HALF(n), at))
WRAP_BYTES(READ, __pread64_chk, (int fd, void *to, size_t n, off_t at, size_t room),
           (fd, to, n, at, room), (fd, to, HALF(n), at, room))
WRAP_BYTES(READ, readv, (int fd, const struct iovec *v, int n), (fd, v, n), (fd, v, HALF(n)))
WRAP_BYTES(READ, recv, (int fd, void *to, size_t n, int flags), (fd, to, n, flags),
           (fd, to, HALF(n), flags))
WRAP_BYTES(READ, __recv_chk, (int fd, void *to, size_t n, size_t room, int flags),
           (fd, to, n, room, flags), (fd, to, HALF(n), room, flags))
WRAP_BYTES(READ, recvfrom,
           (int fd, void *to, size_t n, int flags, struct sockaddr *from, socklen_t *len),
           (fd, to, n, flags, from, len), (fd, to, n, flags, from, len))
WRAP_BYTES(READ, __recvfrom_chk,
           (int fd, void *to, size_t n, size_t room, int flags, struct sockaddr *from,
            socklen_t *len),
           (fd, to, n, room, flags, from, len), (fd, to, n, room, flags, from, len))
WRAP_BYTES(READ, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags), (fd, m, flags))
WRAP_BYTES(WRITE, write, (int fd, const void *from, size_t n), (fd, from, n), (fd, from, HALF(n)))
WRAP_BYTES(WRITE, pwrite, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at),
           (fd, from, HALF(n), at))
WRAP_BYTES(WRITE, pwrite64, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at),
           (fd, from, HALF(n), at))
WRAP_BYTES(WRITE, writev, (int fd, const struct iovec *v, int n), (fd, v, n), (fd, v, HALF(n)))
WRAP_BYTES(WRITE, send, (int fd, const void *from, size_t n, int flags), (fd, from, n, flags),
           (fd, from, HALF(n), flags))
WRAP_BYTES(WRITE, sendto,
           (int fd, const void *from, size_t n, int flags, const struct sockaddr *to,
            socklen_t len),
           (fd, from, n, flags, to, len), (fd, from, n, flags, to, len))
WRAP_BYTES(WRITE, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags),
           (fd, m, flags))

WRAP(int, -1, SYNC, fd, fsync, (int fd), (fd))
WRAP(int, -1, SYNC, fd, fdatasync, (int fd), (fd))
WRAP(int, -1, RENAME, -1, rename, (const char *from, const char *to), (from, to))
WRAP(int, -1, RENAME, -1, renameat, (int a, const char *from, int b, const char *to),
     (a, from, b, to))
WRAP(int, -1, RENAME, -1, renameat2,
     (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))
WRAP(int, -1, OPEN, -1, __open_2, (const char *path, int flags), (path, flags))
WRAP(int, -1, OPEN, -1, __open64_2, (const char *path, int flags), (path, flags))
WRAP(int, -1, OPEN, -1, __openat_2, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(FILE *, NULL, OPEN, -1, fopen, (const char *path, const char *mode), (path, mode))
WRAP(FILE *, NULL, OPEN, -1, fopen64, (const char *path, const char *mode), (path, mode))
WRAP(DIR *, NULL, OPEN, -1, opendir, (const char *path), (path))
WRAP(DIR *, NULL, OPEN, -1, fdopendir, (int fd), (fd))
WRAP(int, -1, STAT, fd, fstat, (int fd, struct stat *st), (fd, st))
WRAP(int, -1, STAT, -1, stat, (const char *path, struct stat *st), (path, st))
WRAP(int, -1, STAT, -1, lstat, (const char *path, struct stat *st), (path, st))
WRAP(int, -1, STAT, -1, fstatat, (int dir, const char *path, struct stat *st, int flags),
     (dir, path, st, flags))
WRAP(int, -1, STAT, fd, fstat64, (int fd, struct stat64 *st), (fd, st))
WRAP(int, -1, STAT, -1, stat64, (const char *path, struct stat64 *st), (path, st))
WRAP(int, -1, STAT, -1, lstat64, (const char *path, struct stat64 *st), (path, st))
WRAP(int, -1, STAT, -1, fstatat64, (int dir, const char *path, struct stat64 *st, int flags),
     (dir, path, st, flags))
WRAP(int, -1, UNLINK, -1, unlink, (const char *path), (path))
WRAP(int, -1, UNLINK, -1, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(int, -1, DIRECTORY, -1, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(int, -1, DIRECTORY, -1, ftruncate, (int fd, off_t len), (fd, len))
WRAP(int, -1, DIRECTORY, -1, ftruncate64, (int fd, off64_t len), (fd, len))
WRAP(int, -1, DIRECTORY, -1, truncate64, (const char *path, off64_t len), (path, len))
WRAP(int, -1, RENAME, -1, linkat, (int a, const char *from, int b, const char *to, int flags),
     (a, from, b, to, flags))
WRAP(int, -1, OPEN, -1, mkostemp64, (char *path, int flags), (path, flags))
WRAP(int, -1, LOCK, -1, flock, (int fd, int how), (fd, how))
WRAP(int, -1, ACCEPT, -1, accept, (int fd, struct sockaddr *from, socklen_t *len), (fd, from, len))
WRAP(int, -1, ACCEPT, -1, accept4, (int fd, struct sockaddr *from, socklen_t *len, int flags),
     (fd, from, len, flags))
WRAP(int, -1, EPOLL_WAIT, -1, epoll_wait, (int fd, struct epoll_event *to, int n, int ms),
     (fd, to, n, ms))
WRAP(int, -1, EPOLL_CTL, -1, epoll_ctl, (int fd, int op, int of, struct epoll_event *e),
     (fd, op, of, e))
WRAP(int, -1, POLL, -1, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms))
WRAP(int, -1, POLL, -1, __poll_chk, (struct pollfd * fds, nfds_t n, int ms, size_t room),
     (fds, n, ms, room))
WRAP(void *, MAP_FAILED, MMAP, -1, mmap,
     (void *at, size_t n, int prot, int flags, int fd, off_t from), (at, n, prot, flags, fd, from))
WRAP(void *, MAP_FAILED, MMAP, -1, mmap64,
     (void *at, size_t n, int prot, int flags, int fd, off64_t from),
     (at, n, prot, flags, fd, from))
void *mremap(void *at, size_t old, size_t n, int flags, ...)
{
    NEXT(mremap);
    va_list more;
    va_start(more, flags);
    void *to = (flags & MREMAP_FIXED) != 0 ? va_arg(more, void *) : NULL;
    va_end(more);
    return fails(MMAP, -1) ? MAP_FAILED : next(at, old, n, flags, to);
}

WRAP(int, EAGAIN, THREAD, -1, pthread_create,
     (pthread_t *restrict t, const pthread_attr_t *restrict a, void *(*run)(void *),
      void *restrict arg),
     (t, a, run, arg))
WRAP(int, -1, DESCRIPTOR, -1, socket, (int family, int type, int protocol),
     (family, type, protocol))
WRAP(int, -1, DESCRIPTOR, -1, socketpair, (int family, int type, int protocol, int fds[2]),
     (family, type, protocol, fds))
WRAP(int, -1, DESCRIPTOR, -1, eventfd, (unsigned n, int flags), (n, flags))
WRAP(int, -1, DESCRIPTOR, -1, epoll_create1, (int flags), (flags))
WRAP(int, -1, DESCRIPTOR, -1, pipe2, (int fds[2], int flags), (fds, flags))
WRAP(int, -1, DESCRIPTOR, -1, inotify_init1, (int flags), (flags))
WRAP(int, -1, BIND, -1, bind, (int fd, const struct sockaddr *to, socklen_t len), (fd, to, len))
WRAP(int, -1, BIND, -1, listen, (int fd, int backlog), (fd, backlog))
WRAP(int, -1, CONNECT, -1, connect, (int fd, const struct sockaddr *to, socklen_t len),
     (fd, to, len))
WRAP(ssize_t, -1, RANDOM, -1, getrandom, (void *to, size_t n, unsigned flags), (to, n, flags))
WRAP(int, -1, WATCH, -1, inotify_add_watch, (int fd, const char *path, uint32_t mask),
     (fd, path, mask))

/* Of what has no function of its own: asynchronous I/O. Six arguments whatever they are, as the
 * library's own does. */
long syscall(long number, ...)
{
    NEXT(syscall);
    long a[6];
    va_list more;
    va_start(more, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(more, long);
    va_end(more);
    bool aio = number == SYS_io_setup || number == SYS_io_submit || number == SYS_io_getevents;
    return aio && fails(AIO, -1) ? -1 : next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Linux lets the descriptor go whatever close says. */
int close(int fd)
{
    NEXT(close);
    bool fail = fails(CLOSE, fd);
    int error = errno, rc = next(fd);
    if (fail)
        errno = error;
    return fail ? -1 : rc;
}

#define WRAP_OPEN(name, params, args, last)                                                        \
    int name params                                                                                \
    {                                                                                              \
        NEXT(name);                                                                                \
        va_list more;                                                                              \
        va_start(more, last);                                                                      \
        mode_t mode = va_arg(more, mode_t);                                                        \
        va_end(more);                                                                              \
        if (fails(OPEN, -1))                                                                       \
            return -1;                                                                             \
        return next args;                                                                          \
    }

WRAP_OPEN(open, (const char *path, int flags, ...), (path, flags, mode), flags)
WRAP_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), flags)
WRAP_OPEN(openat, (int dir, const char *path, int flags, ...), (dir, path, flags, mode), flags)
WRAP_OPEN(openat64, (int dir, const char *path, int flags, ...), (dir, path, flags, mode), flags)
