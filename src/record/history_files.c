/* Names of the history's files, and its secret. */
#include "history_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"

#define NUMBER_DIGITS 8
#define SECRET_NAME   ".secret"

bool history_name_is_good(const char *list)
{
    return list[0] != '\0' && list[0] != '.' && strchr(list, '/') == NULL;
}

bool history_path(const char *dir, const char *list, uint32_t number, char *path)
{
    int len = number == 0
                  ? snprintf(path, PATH_MAX, "%s/%s", dir, list)
                  : snprintf(path, PATH_MAX, "%s/%s/%0*u", dir, list, NUMBER_DIGITS, number);
    return len > 0 && len < PATH_MAX;
}

/* 0: not the name of a segment. */
static uint32_t number_of(const char *name)
{
    uint64_t number;

    if (strlen(name) != NUMBER_DIGITS || !view_to_uint(view_of(name), UINT32_MAX, &number))
        return 0;
    return (uint32_t)number;
}

struct files {
    struct history_file *files;
    size_t n, room;
};

static int add_file(struct files *f, const char *list, uint32_t number, struct error *why)
{
    if (f->n == f->room) {
        size_t room = f->room == 0 ? 64 : f->room * 2;
        struct history_file *more = reallocarray(f->files, room, sizeof *more);
        if (more == NULL)
            return error_set(why, ERR_NOMEM, "no memory for the history");
        f->files = more;
        f->room = room;
    }
    struct history_file *file = &f->files[f->n++];
    snprintf(file->list, sizeof file->list, "%s", list);
    file->number = number;
    return 0;
}

static int add_list(struct files *f, const char *dir, const char *list, struct error *why)
{
    char path[PATH_MAX];
    int rc = 0;
    DIR *d = history_path(dir, list, 0, path) ? opendir(path) : NULL;

    if (d == NULL)
        return 0; /* no directory, or removed meanwhile */
    for (struct dirent *e; rc == 0 && (e = readdir(d)) != NULL;) {
        uint32_t number = number_of(e->d_name);
        if (number != 0)
            rc = add_file(f, list, number, why);
    }
    closedir(d);
    return rc;
}

static int compare_files(const void *a, const void *b)
{
    const struct history_file *x = a, *y = b;
    int order = strcmp(x->list, y->list);
    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

int history_files(const char *dir, struct history_file **files, size_t *n, struct error *why)
{
    struct files f = {NULL, 0, 0};
    int rc = 0;
    DIR *d = opendir(dir);

    if (d == NULL)
        return error_errno(why, "cannot open %s", dir);
    for (struct dirent *e; rc == 0 && (e = readdir(d)) != NULL;)
        if (history_name_is_good(e->d_name) && strlen(e->d_name) < BLOCKLIST_NAME_MAX)
            rc = add_list(&f, dir, e->d_name, why);
    closedir(d);
    if (rc < 0) {
        free(f.files);
        return rc;
    }
    if (f.n > 0)
        qsort(f.files, f.n, sizeof *f.files, compare_files);
    *files = f.files;
    *n = f.n;
    return 0;
}

/* ---- the secret ----------------------------------------------------------------------------- */

static int remove_all(const char *dir, struct error *why)
{
    struct history_file *files = NULL;
    size_t n = 0;
    char path[PATH_MAX];
    int rc = history_files(dir, &files, &n, why);

    if (rc < 0)
        return rc;
    if (n > 0)
        log_warning("history", "the secret is lost, and with it what lists added and dropped");
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (history_path(dir, files[i].list, files[i].number, path) && unlink(path) != 0 &&
            errno != ENOENT)
            rc = error_errno(why, "cannot remove %s", path);
    free(files);
    return rc;
}

int history_secret(const char *dir, struct hash_secret *secret, struct error *why)
{
    struct buf bytes = BUF_INIT(0);
    struct error lost = {.code = ERR_OK};
    char path[PATH_MAX];

    if (!history_path(dir, SECRET_NAME, 0, path))
        return error_set(why, ERR_LIMIT, "%s: path too long", dir);
    int rc = file_read(path, sizeof *secret, &bytes, &lost);
    if (rc == 0 && bytes.len == sizeof *secret) {
        memcpy(secret, bytes.data, sizeof *secret);
        buf_free(&bytes);
        return 0;
    }
    buf_free(&bytes);
    if (rc < 0 && rc != ERR_ABSENT && rc != ERR_LIMIT) {
        if (why != NULL)
            *why = lost;
        return rc;
    }
    /* First the segments: after a crash in between there must be none that look readable. */
    rc = remove_all(dir, why);
    if (rc < 0)
        return rc;
    hash_secret_random(secret);
    return file_replace(path, 0600, &(struct file_part){secret, sizeof *secret}, 1, why);
}

int history_keep_secret(const char *dir, const struct hash_secret *secret, struct error *why)
{
    char path[PATH_MAX];

    if (!history_path(dir, SECRET_NAME, 0, path))
        return error_set(why, ERR_LIMIT, "%s: path too long", dir);
    if (access(path, F_OK) == 0)
        return 0;
    int rc = file_make_dir(dir, 0750, why);
    return rc < 0 ? rc
                  : file_replace(path, 0600, &(struct file_part){secret, sizeof *secret}, 1, why);
}
