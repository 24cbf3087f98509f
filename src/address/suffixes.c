/*
 * Public suffixes by libpsl. The newer of the system's list and libpsl's own is taken: Debian
 * updates the package publicsuffix in stable releases, and a machine without it has the built-in.
 */
#include <libpsl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "above_suffixes.h"
#include "rcptguard/address.h"
#include "rcptguard/base/file.h"

struct suffixes {
    psl_ctx_t *psl;
    char version[160];
};

/*
 * Names below which everybody is somebody else, that the list lacks: special-use names of RFC 6761
 * and its registry with more than one label (home.arpa is RFC 8375), and a government's domain
 * that real block lists have held and that the list of 2023 does not know.
 */
static const char *const listed_by_us[] = {
    "home.arpa", "ipv4only.arpa", "resolver.arpa", "service.arpa", "gov.cz",
};

/* The longest name in the DNS; nothing longer is on the list. */
#define NAME_MAX_BYTES 253

#define LIST_MAX_BYTES ((size_t)4 * 1024 * 1024) /* that of 2026 has a quarter of a megabyte */

/* The longest rule of the list of 2026 has seven. */
#define SUFFIX_MAX_LABELS 10

/* Is it a name that fits the DNS, and so into the copy that libpsl needs for its NUL? */
static bool copy_name(struct view domain, char name[NAME_MAX_BYTES + 1])
{
    if (domain.len == 0 || domain.len > NAME_MAX_BYTES || view_find(domain, '\0') >= 0)
        return false;
    memcpy(name, domain.ptr, domain.len);
    name[domain.len] = '\0';
    return true;
}

static bool is_listed(const struct suffixes *s, const char *name, int types)
{
    return psl_is_public_suffix2(s->psl, name, types | PSL_TYPE_NO_STAR_RULE) != 0;
}

static bool is_public(const struct suffixes *s, const char *name)
{
    if (strchr(name, '.') == NULL)
        return true;
    for (size_t i = 0; i < sizeof listed_by_us / sizeof *listed_by_us; i++)
        if (strcmp(name, listed_by_us[i]) == 0)
            return true;
    return is_listed(s, name, PSL_TYPE_ICANN | PSL_TYPE_PRIVATE);
}

static bool is_suffix(const char *name, const void *arg)
{
    return is_public(arg, name);
}

/* What lies above suffixes takes a millisecond to read, and is one for all who ask. */
static struct {
    pthread_mutex_t lock;
    unsigned users;
    struct above_suffixes names; /* while there are users, nobody changes them */
} all_above = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The text lies beside what libpsl reads: Debian's package publicsuffix has both. */
static int read_above(const struct suffixes *s)
{
    static const char compiled[] = ".dafsa";
    struct buf path = BUF_INIT(0), text = BUF_INIT(0);
    struct view name = view_of(psl_dist_filename());

    if (name.len > sizeof compiled &&
        view_is(view_from(name, name.len - (sizeof compiled - 1)), compiled))
        name = view_first(name, name.len - (sizeof compiled - 1));
    buf_addf(&path, "%.*s.dat", (int)name.len, name.ptr);
    int rc = path.failed ? ERR_NOMEM : file_read(path.data, LIST_MAX_BYTES, &text, NULL);
    if (rc == 0)
        rc = above_suffixes_read(&all_above.names, buf_view(&text), is_suffix, s);
    buf_free(&path);
    buf_free(&text);
    if (rc == ERR_NOMEM)
        above_suffixes_free(&all_above.names);
    return rc == ERR_NOMEM ? rc : 0;
}

static int use_above(const struct suffixes *s)
{
    pthread_mutex_lock(&all_above.lock);
    int rc = all_above.users > 0 ? 0 : read_above(s);
    all_above.users += rc == 0;
    pthread_mutex_unlock(&all_above.lock);
    return rc;
}

static void leave_above(void)
{
    pthread_mutex_lock(&all_above.lock);
    if (--all_above.users == 0)
        above_suffixes_free(&all_above.names);
    pthread_mutex_unlock(&all_above.lock);
}

struct suffixes *suffixes_new(void)
{
    struct suffixes *s = calloc(1, sizeof *s);
    struct stat st = {0};

    if (s == NULL)
        return NULL;
    s->psl = psl_latest(NULL);
    if (s->psl == NULL || use_above(s) < 0) {
        psl_free(s->psl);
        free(s);
        return NULL;
    }
    if (stat(psl_dist_filename(), &st) != 0)
        st.st_size = st.st_mtime = 0;
    snprintf(s->version, sizeof s->version, "libpsl %s built-in %s system %lld bytes of %lld",
             psl_get_version(), psl_builtin_sha1sum(), (long long)st.st_size,
             (long long)st.st_mtime);
    return s;
}

void suffixes_free(struct suffixes *s)
{
    if (s == NULL)
        return;
    leave_above();
    psl_free(s->psl);
    free(s);
}

bool suffixes_is_shared(const struct suffixes *s, struct view domain)
{
    char name[NAME_MAX_BYTES + 1];
    size_t at = domain.len;

    if (!copy_name(domain, name))
        return false;
    /* From the root on, as far as a suffix may reach: a hostile name has 127 labels. */
    for (unsigned labels = 1; labels <= SUFFIX_MAX_LABELS && at > 0; labels++) {
        at = (size_t)(view_find_last(view_first(domain, at), '.') + 1);
        if (at < domain.len && is_listed(s, name + at, PSL_TYPE_PRIVATE))
            return true;
        at -= at > 0;
    }
    return false;
}

bool suffixes_is_public(const struct suffixes *s, struct view domain)
{
    char name[NAME_MAX_BYTES + 1];

    if (view_find(domain, '.') < 0)
        return true;
    return copy_name(domain, name) && is_public(s, name);
}

bool suffixes_covered(const struct suffixes *s, enum entry_kind kind, struct view domain)
{
    char name[NAME_MAX_BYTES + 1];

    if (kind != ENTRY_DOMAIN && kind != ENTRY_TREE && kind != ENTRY_BELOW)
        return false;
    if (suffixes_is_public(s, domain))
        return true;
    return kind != ENTRY_DOMAIN && copy_name(domain, name) &&
           above_suffixes_has(&all_above.names, name);
}

/* Where the last LABELS labels begin. */
static size_t last_labels(struct view domain, unsigned labels)
{
    ptrdiff_t dot = (ptrdiff_t)domain.len;

    for (; labels > 0 && dot >= 0; labels--)
        dot = view_find_last(view_first(domain, (size_t)dot), '.');
    return (size_t)(dot + 1);
}

/*
 * Not psl_registrable_domain, which knows neither our names nor how to do without the implied "*".
 * The longest suffix rules, so the first that is found from the left.
 */
struct view suffixes_registrable(const struct suffixes *s, struct view domain)
{
    char name[NAME_MAX_BYTES + 1];

    if (!copy_name(domain, name) || name[0] == '[')
        return VIEW_NONE;
    size_t above = last_labels(domain, SUFFIX_MAX_LABELS + 1);
    size_t at = above;
    while (!is_public(s, name + at)) {
        above = at;
        at += strcspn(name + at, ".") + 1;
    }
    return at == above ? VIEW_NONE : view_from(domain, above);
}

struct view suffixes_of_registry(const struct suffixes *s, struct view domain)
{
    char name[NAME_MAX_BYTES + 1];

    if (!copy_name(domain, name))
        return VIEW_NONE;
    size_t at = last_labels(domain, SUFFIX_MAX_LABELS);
    while (strchr(name + at, '.') != NULL && !is_listed(s, name + at, PSL_TYPE_ICANN))
        at += strcspn(name + at, ".") + 1;
    return view_from(domain, at);
}

const char *suffixes_version(const struct suffixes *s)
{
    return s->version;
}
