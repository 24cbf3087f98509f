/* A list in several files. */
#include "file_glob.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "../packing/unpack.h"
#include "rcptguard/base/file.h"

#define BOM "\xef\xbb\xbf"

/* Sorted by name. A directory that cannot be read must not look like one without files: the list
 * would shrink. */
static int find(const char *pattern, glob_t *found, struct error *why)
{
    *found = (glob_t){.gl_pathc = 0};
    errno = 0;
    int rc = glob(pattern, GLOB_ERR, NULL, found);
    if (rc == 0)
        return 0;
    int saved = errno;
    globfree(found);
    errno = saved;
    if (rc == GLOB_NOMATCH || (rc == GLOB_ABORTED && saved == ENOENT))
        return error_set(why, ERR_ABSENT, "no file matches %s", pattern);
    if (rc == GLOB_NOSPACE)
        return error_set(why, ERR_NOMEM, "no memory for the files that match %s", pattern);
    return error_errno(why, "cannot look for %s", pattern);
}

static bool is_regular(const char *path, struct stat *st)
{
    return stat(path, st) == 0 && S_ISREG(st->st_mode);
}

static size_t keep_regular(glob_t *found)
{
    struct stat st;
    size_t n = 0;

    for (size_t i = 0; i < found->gl_pathc; i++)
        if (is_regular(found->gl_pathv[i], &st)) {
            char *path = found->gl_pathv[i];
            found->gl_pathv[i] = found->gl_pathv[n]; /* freed with the rest */
            found->gl_pathv[n++] = path;
        }
    return n;
}

/* *NEWLINE: what stands before ends in the middle of a line. */
static int add_file(struct body *body, const char *path, bool among_others, bool *newline,
                    struct error *why)
{
    struct buf text = BUF_INIT(0);
    int rc = file_read(path, body->max_bytes - body->size, &text, why);
    struct view v = buf_view(&text);

    if (rc == ERR_LIMIT)
        error_set(why, rc, "%s: more than max_bytes (%" PRIu64 " bytes) with the files before it",
                  path, body->max_bytes);
    /* What is packed can only be unpacked whole. */
    if (rc == 0 && among_others && unpack_is_packed(v))
        rc = error_set(why, ERR_REFUSED,
                       "%s is packed; among several files only plain ones can be read", path);
    if (rc == 0 && body->size > 0 && view_starts(v, BOM))
        v = view_from(v, strlen(BOM));
    if (rc == 0 && *newline && v.len > 0)
        rc = body_add(body, "\n", 1, why);
    if (rc == 0 && v.len > 0) {
        rc = body_add(body, v.ptr, v.len, why);
        *newline = v.ptr[v.len - 1] != '\n';
    }
    buf_free(&text);
    return rc;
}

static int add_files(struct body *body, const char *pattern, struct error *why)
{
    bool newline = false;
    glob_t found;
    int rc = find(pattern, &found, why);

    if (rc < 0)
        return rc;
    size_t n = keep_regular(&found);
    if (n == 0)
        rc = error_set(why, ERR_ABSENT, "no file matches %s", pattern);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_file(body, found.gl_pathv[i], n > 1, &newline, why);
    globfree(&found);
    return rc;
}

struct body *file_glob_read(const char *pattern, const char *spill_path, uint64_t max_bytes,
                            struct error *why)
{
    struct body *body = body_new(spill_path, max_bytes);

    if (body == NULL) {
        error_set(why, ERR_NOMEM, "no memory to read %s", pattern);
        return NULL;
    }
    if (add_files(body, pattern, why) < 0) {
        body_free(body);
        return NULL;
    }
    body_end(body);
    return body;
}

static void mark_file(struct digest *d, const char *path)
{
    struct stat st;

    if (!is_regular(path, &st))
        return;
    const int64_t facts[] = {(int64_t)st.st_dev, (int64_t)st.st_ino, (int64_t)st.st_size,
                             (int64_t)st.st_mtim.tv_sec, (int64_t)st.st_mtim.tv_nsec};
    digest_add_view(d, view_of(path));
    digest_add(d, facts, sizeof facts);
}

void file_glob_mark(const char *pattern, unsigned char mark[SHA256_BYTES])
{
    struct digest *d = digest_new();
    glob_t found;
    int rc = find(pattern, &found, NULL);

    memset(mark, 0, SHA256_BYTES);
    if (d == NULL) {
        if (rc == 0)
            globfree(&found);
        return;
    }
    digest_add(d, &rc, sizeof rc);
    for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
        mark_file(d, found.gl_pathv[i]);
    if (rc == 0)
        globfree(&found);
    digest_end(d, mark);
}

bool file_glob_changed(struct file_glob_watch *w, const char *pattern, int64_t mono_ms)
{
    unsigned char now[SHA256_BYTES];

    if (mono_ms < w->look_at_ms)
        return false;
    w->look_at_ms = mono_ms + FILE_GLOB_LOOK_MS;
    file_glob_mark(pattern, now);
    bool still = memcmp(now, w->seen, sizeof now) == 0;
    bool changed = still && memcmp(now, w->taken, sizeof now) != 0;
    memcpy(w->seen, now, sizeof now);
    if (changed)
        memcpy(w->taken, now, sizeof now);
    return changed;
}
