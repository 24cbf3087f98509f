/*
 * Protected domains. No size guard sees a few poisoned rows (4,041 freemail domains were 2.9 % of
 * one list), so what a relay cannot live without is kept by name.
 *
 * One table of names with four marks answers every question with one look-up, and one more for
 * each parent that could be a `.d` line: the parents of all protected names are in it too.
 */
#include "protect.h"

#include <stdlib.h>

#include "format.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/map.h"

/* Marks of a name. */
enum {
    SELF = 1,   /* the name is protected */
    TREE = 2,   /* and everything below it */
    ABOVE = 4,  /* something below it is protected */
    HASHED = 8, /* the digest of one that is */
};

/* The big mailbox providers: to block one is to stop the mail of a site (rule 16). */
static const char *const built_in[] = {
    "gmail.com",   "googlemail.com", "outlook.com",    "hotmail.com", "live.com",
    "msn.com",     "yahoo.com",      "icloud.com",     "me.com",      "mac.com",
    "aol.com",     "gmx.com",        "gmx.de",         "gmx.net",     "web.de",
    "t-online.de", "proton.me",      "protonmail.com", "zoho.com",    "yandex.com",
    "yandex.ru",   "mail.ru",        "qq.com",         "163.com",     "126.com",
};

struct protect {
    struct shared shared;
    struct map *names;
    bool named;           /* by a file, more than what is built in */
    unsigned tree_labels; /* labels of the longest `.d`: no longer parent needs a look */
    unsigned char digest[SHA256_BYTES];
};

static bool add_mark(struct protect *p, struct view name, unsigned mark)
{
    uint64_t *marks = map_put(p->names, name, NULL);

    if (marks == NULL)
        return false;
    *marks |= mark;
    return true;
}

static unsigned count_labels(struct view name)
{
    unsigned n = 1;

    for (size_t i = 0; i < name.len; i++)
        n += name.ptr[i] == '.';
    return n;
}

static bool add_hashes_of(struct protect *p, struct view name)
{
    unsigned char digest[HASH_MAX_BYTES];

    for (unsigned hash = 0; hash < HASH_KINDS; hash++) {
        size_t len = hash_plain((enum hash_kind)hash, name, digest);
        if (len > 0 && !add_mark(p, view_make(digest, len), HASHED))
            return false;
    }
    return true;
}

/* Lists of hashed domains hold them under these names. That of a domain as the sender wrote it is
 * looked up, too. */
static bool add_hashes(struct protect *p, struct view name)
{
    char written[DOMAIN_UNICODE_MAX_BYTES];
    struct view unicode = domain_unicode(name, written);

    return add_hashes_of(p, name) && (unicode.len == 0 || add_hashes_of(p, unicode));
}

static bool add_name(struct protect *p, struct view name, bool tree)
{
    unsigned labels = count_labels(name);
    ptrdiff_t dot;

    if (!add_mark(p, name, tree ? SELF | TREE : SELF) || !add_hashes(p, name))
        return false;
    if (tree && labels > p->tree_labels)
        p->tree_labels = labels;
    while ((dot = view_find(name, '.')) >= 0) {
        name = view_from(name, (size_t)dot + 1);
        if (!add_mark(p, name, ABOVE))
            return false;
    }
    return true;
}

static int line_error(struct error *why, struct view what, const char *words)
{
    return error_set(why, ERR_SYNTAX, "%.*s: %s", what.len > 100 ? 100 : (int)what.len, what.ptr,
                     words);
}

/* 0 when the line was taken, ERR_NOMEM to give up; else *why says what is wrong with it. */
static int add_line(struct protect *p, struct view what, struct error *why)
{
    static const struct address_options as_written;
    struct entry entry;

    switch (entry_parse(what, &as_written, &entry, why)) {
    case ENTRY_GOOD:
        break;
    case ENTRY_ROOT:
        return line_error(why, what, "the whole world; write one domain a line");
    case ENTRY_IGNORED:
        return line_error(why, what, "an IP address; write one domain a line");
    case ENTRY_BAD:
        return ERR_SYNTAX;
    }
    if (entry.kind == ENTRY_ADDRESS)
        return line_error(why, what, "an address; write its domain alone");
    if (entry.kind == ENTRY_BELOW)
        return line_error(why, what, "write .domain to protect a domain and all below it");
    if (!add_name(p, entry.key, entry.kind == ENTRY_TREE))
        return error_set(why, ERR_NOMEM, "no memory");
    return 0;
}

/* 0, also for a line that says nothing; else as add_line. A comment that is damaged may hide lines
 * that were others before. */
static int take_line(struct protect *p, struct view line, struct error *why)
{
    struct view what = feed_line_text(line);

    if (view_find_nontext(line) >= 0)
        return error_set(why, ERR_SYNTAX,
                         "holds a NUL byte, or a CR that does not end it; save the file as plain "
                         "text with the line ends of Unix");
    return what.len == 0 ? 0 : add_line(p, what, why);
}

/* The first bad line goes into *why whole, the others as a number. */
static int add_text(struct protect *p, const char *path, struct view rest, struct error *why)
{
    struct view line;
    unsigned number = 0, bad = 0;

    if (view_starts(rest, "\xef\xbb\xbf"))
        rest = view_from(rest, 3);
    while (view_split(&rest, '\n', &line)) {
        struct error reason = {0};
        number++;
        int rc = take_line(p, line, &reason);
        if (rc == ERR_NOMEM)
            return rc;
        if (rc < 0 && bad++ == 0)
            error_set(why, ERR_SYNTAX, "%.150s:%u: %.250s; the line is left out", path, number,
                      reason.text);
    }
    if (bad > 1)
        error_prefix(why, "%u bad lines, the first at", bad);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct view *x = a, *y = b;
    int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);

    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

static bool make_digest(struct protect *p)
{
    size_t n = map_count(p->names);
    struct view *names = calloc(n, sizeof *names);
    struct digest *digest = names == NULL ? NULL : digest_new();

    if (digest == NULL) {
        free(names);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        names[i] = map_key(p->names, i);
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++) {
        char marks = (char)*map_get(p->names, names[i]);
        digest_add_view(digest, names[i]);
        digest_add(digest, &marks, 1);
    }
    digest_end(digest, p->digest);
    free(names);
    return true;
}

static void protect_free(struct shared *shared)
{
    struct protect *p = (struct protect *)shared;

    map_free(p->names);
    free(p);
}

static bool fill(struct protect *p, const char *name, struct view text, struct error *why)
{
    p->names = map_new();
    if (p->names == NULL)
        return false;
    for (size_t i = 0; i < sizeof built_in / sizeof built_in[0]; i++)
        if (!add_name(p, view_of(built_in[i]), false))
            return false;
    size_t n = map_count(p->names);
    if (add_text(p, name, text, why) < 0)
        return false;
    p->named = map_count(p->names) > n;
    return make_digest(p);
}

struct protect *protect_parse(const char *name, struct view text, struct error *why)
{
    struct protect *p = calloc(1, sizeof *p);

    if (p != NULL) {
        shared_init(&p->shared, protect_free);
        if (fill(p, name, text, why))
            return p;
        protect_release(p);
    }
    error_set(why, ERR_NOMEM, "no memory for protected domains");
    return NULL;
}

struct protect *protect_load(const char *path, struct error *why)
{
    struct buf bytes = BUF_INIT(PROTECT_FILE_MAX);

    if (why != NULL)
        *why = (struct error){0};
    int rc = path == NULL ? 0 : file_read(path, PROTECT_FILE_MAX, &bytes, why);
    if (rc < 0)
        buf_clear(&bytes);
    struct protect *p = rc == ERR_NOMEM ? NULL : protect_parse(path, buf_view(&bytes), why);
    buf_free(&bytes);
    return p;
}

struct protect *protect_hold(struct protect *p)
{
    shared_hold(&p->shared);
    return p;
}

void protect_release(struct protect *p)
{
    shared_release(p == NULL ? NULL : &p->shared);
}

bool protect_is_built_in(const struct protect *p)
{
    return !p->named;
}

const unsigned char *protect_digest(const struct protect *p)
{
    return p->digest;
}

static unsigned marks_of(const struct protect *p, struct view name)
{
    const uint64_t *marks = map_get(p->names, name);

    return marks == NULL ? 0 : (unsigned)*marks;
}

/* Is NAME below a `.d`? Goes up from the root, so that a hostile name of 2,000 labels costs no
 * more than the longest line of the file. */
static bool is_below_tree(const struct protect *p, struct view name)
{
    size_t at = name.len;

    for (unsigned labels = 1; labels <= p->tree_labels; labels++) {
        ptrdiff_t dot = view_find_last(view_first(name, at), '.');
        if (dot < 0)
            return false;
        if (marks_of(p, view_from(name, (size_t)dot + 1)) & TREE)
            return true;
        at = (size_t)dot;
    }
    return false;
}

bool protect_covers(const struct protect *p, enum entry_kind kind, struct view domain)
{
    static const unsigned covered_by[] = {
        [ENTRY_DOMAIN] = SELF,
        [ENTRY_TREE] = SELF | ABOVE,
        [ENTRY_BELOW] = TREE | ABOVE,
        [ENTRY_DOMAIN_HASH] = HASHED,
    };

    if (kind == ENTRY_ADDRESS || kind == ENTRY_ADDRESS_HASH)
        return false;
    if ((marks_of(p, domain) & covered_by[kind]) != 0)
        return true;
    return kind != ENTRY_DOMAIN_HASH && is_below_tree(p, domain);
}
