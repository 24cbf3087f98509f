/* Last good copies: the directory, and the bodies in it. */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../packing/pack.h"
#include "meta.h"
#include "rcptguard/base/file.h"

#define META_MAX_BYTES 65536
#define NAME_HEX       (2 * SHA256_BYTES)
#define PACKED         ".gz"

struct store {
    char *feeds, *dir, *name, *meta;
    char *spill[STORE_SOURCES];
};

static bool view_ends(struct view v, const char *end)
{
    size_t len = strlen(end);

    return v.len >= len && memcmp(v.ptr + v.len - len, end, len) == 0;
}

static char *path_join(const char *dir, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* No '/', and no '.' in front: neither "..", nor a hidden directory of somebody else. */
bool store_name_is_good(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL &&
           strlen(name) < BLOCKLIST_NAME_MAX;
}

static bool make_paths(struct store *s, const char *state_dir, const char *name)
{
    s->name = view_dup(view_of(name));
    s->feeds = path_join(state_dir, "feeds");
    if (s->name == NULL || s->feeds == NULL || (s->dir = path_join(s->feeds, name)) == NULL)
        return false;
    s->meta = path_join(s->dir, "meta");
    s->spill[STORE_LIST] = path_join(s->dir, "fetch.tmp");
    s->spill[STORE_CLEARED] = path_join(s->dir, "fetch-cleared.tmp");
    return s->meta != NULL && s->spill[STORE_LIST] != NULL && s->spill[STORE_CLEARED] != NULL;
}

static int make_dirs(const struct store *s, struct error *why)
{
    int rc = file_make_dir(s->feeds, 0750, why);
    return rc < 0 ? rc : file_make_dir(s->dir, 0750, why);
}

struct store *store_new(const char *state_dir, const char *name, struct error *why)
{
    if (!store_name_is_good(name)) {
        error_set(why, ERR_REFUSED, "'%s' cannot be the name of a directory", name);
        return NULL;
    }
    struct store *s = calloc(1, sizeof *s);
    if (s == NULL || !make_paths(s, state_dir, name)) {
        error_set(why, ERR_NOMEM, "no memory");
        store_free(s);
        return NULL;
    }
    make_dirs(s, NULL);
    return s;
}

void store_free(struct store *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < STORE_SOURCES; i++)
        free(s->spill[i]);
    free(s->meta);
    free(s->dir);
    free(s->feeds);
    free(s->name);
    free(s);
}

static char *body_path(const struct store *s, const unsigned char digest[SHA256_BYTES])
{
    char hex[NAME_HEX + 1];
    return path_join(s->dir, hex_text(digest, SHA256_BYTES, hex));
}

/* The body of DIGEST as we compressed it. */
static char *packed_path(const struct store *s, const unsigned char digest[SHA256_BYTES])
{
    char name[NAME_HEX + 1 + sizeof PACKED], hex[NAME_HEX + 1];

    snprintf(name, sizeof name, "%s" PACKED, hex_text(digest, SHA256_BYTES, hex));
    return path_join(s->dir, name);
}

/* Takes the path. */
static bool is_there(char *path, struct stat *st)
{
    bool there = path != NULL && lstat(path, st) == 0 && S_ISREG(st->st_mode);

    free(path);
    return there;
}

static void look_for(const struct store *s, struct store_copy *copy)
{
    struct stat st;

    copy->on_disk = copy->packed = false;
    if (!copy->known)
        return;
    copy->on_disk = is_there(body_path(s, copy->digest), &st) && (uint64_t)st.st_size == copy->size;
    if (!copy->on_disk)
        copy->on_disk = copy->packed = is_there(packed_path(s, copy->digest), &st);
}

/* Where a body goes while it grows: "fetch.tmp." and what made its name unique. */
static bool is_spill(const char *name)
{
    return view_starts(view_of(name), "fetch.tmp") ||
           view_starts(view_of(name), "fetch-cleared.tmp");
}

/* What a crash left of a fetch. */
static void sweep(const struct store *s)
{
    DIR *dir = opendir(s->dir);

    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        if (is_spill(e->d_name))
            unlinkat(dirfd(dir), e->d_name, 0);
    if (dir != NULL)
        closedir(dir);
}

int store_load(const struct store *s, struct store_meta *meta, struct error *why)
{
    struct buf text = BUF_INIT(META_MAX_BYTES);

    memset(meta, 0, sizeof *meta);
    sweep(s);
    int rc = file_read(s->meta, META_MAX_BYTES, &text, why);
    if (rc == 0)
        rc = meta_read(buf_view(&text), s->name, meta, why);
    buf_free(&text);
    if (rc < 0) {
        memset(meta, 0, sizeof *meta);
        return rc;
    }
    for (unsigned i = 0; i < STORE_SOURCES; i++) {
        look_for(s, &meta->sources[i].accepted);
        look_for(s, &meta->sources[i].held);
        look_for(s, &meta->sources[i].previous);
    }
    return 0;
}

int store_save(const struct store *s, const struct store_meta *meta, struct error *why)
{
    struct buf text = BUF_INIT(META_MAX_BYTES);
    int rc = meta_write(meta, s->name, &text);

    if (rc < 0)
        error_set(why, rc, "no memory");
    else if ((rc = make_dirs(s, why)) == 0)
        rc = file_replace(s->meta, 0640, &(struct file_part){text.data, text.len}, 1, why);
    buf_free(&text);
    return rc;
}

/* The bytes are in a file already: it only needs its name. */
static int keep_file(struct body *body, const char *path, struct error *why)
{
    if (fsync(body->fd) != 0)
        return error_errno(why, "cannot fsync %s", body->path);
    if (rename(body->path, path) != 0)
        return error_errno(why, "cannot rename %s", body->path);
    body->ours = false;
    return file_sync_dir_of(path, why);
}

int store_put(const struct store *s, struct body *body, struct error *why)
{
    char *path = body_path(s, body->sha256);
    int rc;

    if (path == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    if ((rc = make_dirs(s, why)) < 0) {
        free(path);
        return rc;
    }
    if (body->fd < 0)
        rc = file_replace(path, 0640, &(struct file_part){body->memory.data, body->memory.len}, 1,
                          why);
    else if (body->ours)
        rc = keep_file(body, path, why);
    else
        rc = 0; /* it came from here */
    free(path);
    return rc;
}

int store_pack(const struct store *s, struct store_copy *copy, const atomic_bool *stop,
               struct error *why)
{
    char *from = body_path(s, copy->digest), *to = packed_path(s, copy->digest);
    int rc = from == NULL || to == NULL ? error_set(why, ERR_NOMEM, "no memory")
                                        : pack_file(from, to, stop, why);

    if (rc == 0)
        copy->packed = true;
    free(from);
    free(to);
    return rc;
}

struct body *store_open(const struct store *s, const struct store_copy *copy, struct error *why)
{
    char *path = copy->packed ? packed_path(s, copy->digest) : body_path(s, copy->digest);

    if (path == NULL) {
        error_set(why, ERR_NOMEM, "no memory");
        return NULL;
    }
    struct body *body = copy->packed ? body_of_stored_gz(path, copy->digest, why)
                                     : body_of_stored(path, copy->digest, why);
    free(path);
    return body;
}

const char *store_spill_path(const struct store *s, unsigned source)
{
    return s->spill[source];
}

/* Names that this store gives: nothing else is ever removed. */
static bool is_ours(const char *name)
{
    unsigned char digest[SHA256_BYTES];
    struct view v = view_of(name);

    if (view_ends(v, ".new"))
        v.len -= 4;
    if (view_ends(v, PACKED))
        v.len -= strlen(PACKED);
    return view_is(v, "meta") || is_spill(name) || hex_parse(v, digest, sizeof digest);
}

static bool names(const struct store_copy *copy, const unsigned char digest[SHA256_BYTES],
                  bool packed)
{
    return copy->known && copy->packed == packed && memcmp(digest, copy->digest, SHA256_BYTES) == 0;
}

static bool is_named(const char *name, const struct store_meta *meta)
{
    unsigned char digest[SHA256_BYTES];
    struct view hex = view_of(name);
    bool packed = view_ends(hex, PACKED);

    if (meta == NULL)
        return false;
    if (strcmp(name, "meta") == 0 || is_spill(name))
        return true; /* a spill belongs to a body that lives, and goes with it */
    if (packed)
        hex.len -= strlen(PACKED);
    if (!hex_parse(hex, digest, sizeof digest))
        return false;
    for (unsigned i = 0; i < STORE_SOURCES; i++) {
        const struct store_source *source = &meta->sources[i];
        if (names(&source->accepted, digest, packed) || names(&source->held, digest, packed) ||
            names(&source->previous, digest, packed))
            return true;
    }
    return false;
}

static void tidy_dir(const char *path, const struct store_meta *meta)
{
    DIR *dir = opendir(path);

    if (dir == NULL)
        return;
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (is_ours(e->d_name) && !is_named(e->d_name, meta))
            unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    if (meta == NULL)
        rmdir(path);
}

void store_tidy(const struct store *s, const struct store_meta *meta)
{
    tidy_dir(s->dir, meta);
}

void store_prune(const char *state_dir, bool (*keep)(const char *name, const void *arg),
                 const void *arg)
{
    char *feeds = path_join(state_dir, "feeds");
    DIR *dir = feeds == NULL ? NULL : opendir(feeds);

    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char *path = store_name_is_good(e->d_name) && !keep(e->d_name, arg)
                         ? path_join(feeds, e->d_name)
                         : NULL;
        if (path != NULL)
            tidy_dir(path, NULL);
        free(path);
    }
    if (dir != NULL)
        closedir(dir);
    free(feeds);
}
