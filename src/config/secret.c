/*
 * Secrets in files of their own, so that the configuration can be shown around; and ${secret},
 * which stands for one where it is used.
 */
#include <sys/stat.h>

#include "loaded.h"
#include "rcptguard/base/buf.h"
#include "rcptguard/base/file.h"

#define SECRET_MAX_BYTES 4096
#define PEM_MAX_BYTES    (1024 * 1024) /* a CA file may hold all authorities of the world */

/* Before reading: that it is open to all must be told even where it is ours to read. */
static int check_mode(const char *path, struct error *why)
{
    struct stat st;

    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IROTH | S_IWOTH)) != 0)
        return error_set(why, ERR_REFUSED, "others can read the secret; run chmod o-rwx %s", path);
    return 0;
}

/* Appends what a file that is fit to hold a secret holds, without the line end. */
static int secret_file_read(const char *path, struct buf *out, struct error *why)
{
    struct buf text = BUF_INIT(SECRET_MAX_BYTES);
    int rc = check_mode(path, why);

    if (rc == 0)
        rc = file_read(path, SECRET_MAX_BYTES, &text, why);
    struct view v = buf_view(&text);
    if (rc == 0 && view_trim(v).len == 0)
        rc = error_set(why, ERR_REFUSED, "%s is empty; write the secret into it", path);
    if (rc == 0 && v.ptr[v.len - 1] == '\n')
        v.len--;
    if (rc == 0 && v.ptr[v.len - 1] == '\r')
        v.len--;
    for (size_t i = 0; rc == 0 && i < v.len; i++)
        if (ascii_control(v.ptr[i]))
            rc = error_set(why, ERR_REFUSED,
                           "%s holds more than one line, or a control byte; write the secret alone "
                           "into it",
                           path);
    if (rc == 0 && buf_add_view(out, v) < 0)
        rc = error_set(why, ERR_NOMEM, "no memory for %s", path);
    buf_free(&text);
    return rc;
}

int secret_file_check(const char *path, struct error *why)
{
    struct buf unused = BUF_INIT(0);
    int rc = secret_file_read(path, &unused, why);

    buf_free(&unused);
    return rc;
}

const char *secret_resolve(struct arena *arena, const char *secret, const struct place *place,
                           struct complaints *c)
{
    struct buf text = BUF_INIT(0);

    if (secret[0] != '@')
        return secret;
    const char *read = "";
    struct error why = {.code = ERR_NOMEM, .text = "no memory"};
    int rc = secret_file_read(secret + 1, &text, &why);
    if (rc == 0)
        read = arena_copy(arena, buf_view(&text));
    else if (failed_for_now(secret + 1, &why))
        read = NULL;
    /* When it is looked at with the other secrets it may be well again, and it was not read. */
    if (read == NULL) {
        complain(c, ERROR, place, "%s", why.text);
        c->for_now = true;
    }
    if (text.data != NULL)
        explicit_bzero(text.data, text.len);
    buf_free(&text);
    return read;
}

bool secret_is_in(const char *text)
{
    return strstr(text, SECRET_WORD) != NULL;
}

bool secret_check_use(const struct part *part, const struct place *place, const char *text,
                      struct complaints *c)
{
    bool good = true;

    for (const char *at = strstr(text, "${"); at != NULL; at = strstr(at + 2, "${")) {
        struct view v = view_of(at);
        ptrdiff_t end = view_find(v, '}');
        if (view_starts(v, SECRET_WORD))
            continue;
        complain(c, ERROR, place, "%.*s is not known here; the only variable is %s",
                 (int)(end < 0 || end > 40 ? 2 : end + 1), at, SECRET_WORD);
        good = false;
    }
    if (!secret_is_in(text) || part_setting(part, "secret")->text[0] != '\0')
        return good;
    complain(c, ERROR, place, "uses %s, which is not set; write secret = @FILE in [%s %s]",
             SECRET_WORD, part->section->name, part->name.ptr);
    return false;
}

int pem_file_check(const char *path, bool private, struct error *why)
{
    static const char begin[] = "-----BEGIN ";
    struct buf text = BUF_INIT(0);
    int rc = private ? check_mode(path, why) : 0;

    if (rc == 0)
        rc = file_read(path, PEM_MAX_BYTES, &text, why);
    if (rc == 0 && (text.len == 0 || memmem(text.data, text.len, begin, strlen(begin)) == NULL))
        rc = error_set(why, ERR_SYNTAX,
                       "%s holds nothing in PEM; write a file that begins with "
                       "-----BEGIN",
                       path);
    buf_free(&text);
    return rc;
}
