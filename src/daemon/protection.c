/* See protection.h. The copy is written where the file differs from it, at start and reload. */
#include "protection.h"

#include <stdio.h>
#include <sys/stat.h>

#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"
#include "rcptguard/base/summed.h"

static void good_path(const struct config *c, char path[1024])
{
    snprintf(path, 1024, "%s/protected.good", c->state_dir);
}

static bool is_same(const char *path, struct view text)
{
    struct buf there = BUF_INIT(0);
    struct error why;
    bool is_summed = false;
    bool same = summed_read(path, PROTECT_FILE_MAX, &there, &is_summed, &why) == 0 && is_summed &&
                view_eq(buf_view(&there), text);

    buf_free(&there);
    return same;
}

/* For the next start, should the file be missing by then. */
static void keep_good(const struct config *c)
{
    char path[1024];
    struct buf text = BUF_INIT(PROTECT_FILE_MAX);
    struct error why;

    good_path(c, path);
    if (file_read(c->protect_file, PROTECT_FILE_MAX, &text, &why) == 0 &&
        !is_same(path, buf_view(&text)) &&
        summed_replace_lazily(path, 0640, buf_view(&text), &why) < 0)
        log_warning("protect",
                    "%s; should %s be missing at the next start, an older copy of it counts, "
                    "or none; check the directory's owner and space",
                    why.text, c->protect_file);
    buf_free(&text);
}

/* Without a byte: what a power cut or a full disk leaves behind. */
static bool is_hollow(const struct config *c)
{
    struct stat st;

    return stat(c->protect_file, &st) == 0 && st.st_size == 0;
}

/* Without a domain, the file lets lists block whole partners. */
static void warn_of_emptied(const struct config *c, const struct protect *p,
                            const struct protect *before)
{
    if (before != NULL && protect_is_built_in(p) && !protect_is_built_in(before))
        log_warning("protect",
                    "%s names no domain any more: only the built-in ones are protected; if that is "
                    "not meant put its lines back, and reload",
                    c->protect_file);
}

/* What is left of a damaged copy protects too much at the worst: it counts, where it names
 * anything.
 */
static struct protect *take_good(const char *path, struct buf *text, int rc, struct error *why)
{
    struct error bad_lines = {0};
    struct protect *good = protect_parse(path, buf_view(text), &bad_lines);

    if (good != NULL && (rc == 0 || !protect_is_built_in(good)))
        return good;
    if (good == NULL)
        *why = bad_lines;
    protect_release(good);
    return NULL;
}

/* Of the last good copy: what was protected until the last stop. NULL: nothing is known. */
static struct protect *load_good(const struct config *c, bool *is_damaged)
{
    char path[1024];
    struct buf text = BUF_INIT(0);
    struct protect *good = NULL;
    struct error why = {0};

    good_path(c, path);
    int rc = summed_read(path, PROTECT_FILE_MAX, &text, NULL, &why);
    *is_damaged = rc == ERR_DAMAGED;
    if (rc == 0 || *is_damaged)
        good = take_good(path, &text, rc, &why);
    if (good == NULL && why.code != ERR_ABSENT)
        log_warning("protect", "%s; what was protected before is not known", why.text);
    buf_free(&text);
    return good;
}

/* P is of the built-in domains, for the reason WHY; BEFORE may be NULL. */
static struct protect *do_without(const struct config *c, struct protect *p, struct protect *before,
                                  const struct error *why, struct error *problem)
{
    bool stays = before != NULL && !protect_is_built_in(before);

    /* The file of the default path need not exist: the big providers are protected without it. */
    if (!stays && why->code == ERR_ABSENT && !c->protect_file_set)
        return p;
    error_set(problem, why->code, "%.300s; %s", why->text,
              stays ? "what was protected before stays so; put the file back, or one with a "
                      "comment alone if nothing is to be, and reload"
                    : "only the built-in domains are protected");
    log_warning("protect", "%s", problem->text);
    if (!stays)
        return p;
    protect_release(p);
    return protect_hold(before);
}

static struct protect *take(const struct config *c, struct protect *p, struct protect *before,
                            const struct error *why, struct error *problem)
{
    if (why->code != ERR_OK && (why->code != ERR_SYNTAX || protect_is_built_in(p)))
        return do_without(c, p, before, why, problem);
    if (why->code == ERR_SYNTAX)
        log_warning("protect", "%s", why->text);
    else
        warn_of_emptied(c, p, before);
    keep_good(c);
    return p;
}

/* What counts was read from what is left of the copy. */
static void tell_damage(const struct config *c, struct error *problem)
{
    char path[1024];
    size_t len = strlen(problem->text);

    good_path(c, path);
    log_warning("protect", "%s is damaged and counts as far as it can be read", path);
    snprintf(problem->text + len, sizeof problem->text - len,
             "; the copy of it in state_dir is damaged and counts as far as it can be read");
}

struct protect *protection_load(const struct config *c, struct protect *running,
                                struct error *problem)
{
    bool was_trouble = running == NULL || problem->code != ERR_OK;
    struct error why = {0};
    struct protect *p = protect_load(c->protect_file, &why);

    *problem = (struct error){0};
    if (p == NULL)
        return NULL;
    /* Where nothing is protected by now the copy may tell: it could not be read at the start. */
    bool is_bare = running == NULL || protect_is_built_in(running), is_damaged = false;
    struct protect *before = is_bare ? load_good(c, &is_damaged) : protect_hold(running);
    /* Emptied while all was well, and then a reload: somebody means it. */
    if (was_trouble && why.code == ERR_OK && is_hollow(c) && before != NULL &&
        !protect_is_built_in(before))
        error_set(&why, ERR_SYNTAX, "%s has no byte", c->protect_file);
    p = take(c, p, before, &why, problem);
    if (is_damaged && p == before)
        tell_damage(c, problem);
    protect_release(before);
    return p;
}
