/*
 * Public suffixes by libpsl. The newer of the system's list and libpsl's own is taken: Debian
 * updates the package publicsuffix in stable releases, and a machine without it has the built-in.
 */
#include <libpsl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "rcptguard/address.h"

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

/* The longest rule of the list of 2026 has seven. */
#define SUFFIX_MAX_LABELS 10

struct suffixes *suffixes_new(void)
{
    struct suffixes *s = calloc(1, sizeof *s);
    const char *system_list = psl_dist_filename();
    struct stat st = {0};

    if (s == NULL)
        return NULL;
    s->psl = psl_latest(NULL);
    if (s->psl == NULL) {
        free(s);
        return NULL;
    }
    if (stat(system_list, &st) != 0)
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
    psl_free(s->psl);
    free(s);
}

/* Is a name that fits the DNS on the list's sections TYPES? */
static bool is_listed(const struct suffixes *s, struct view domain, int types)
{
    char name[NAME_MAX_BYTES + 1];

    memcpy(name, domain.ptr, domain.len);
    name[domain.len] = '\0';
    return psl_is_public_suffix2(s->psl, name, types | PSL_TYPE_NO_STAR_RULE) != 0;
}

bool suffixes_is_shared(const struct suffixes *s, struct view domain)
{
    size_t at = domain.len;

    if (domain.len > NAME_MAX_BYTES || view_find(domain, '\0') >= 0)
        return false;
    /* From the root on, as far as a suffix may reach: a hostile name has 127 labels. */
    for (unsigned labels = 1; labels <= SUFFIX_MAX_LABELS && at > 0; labels++) {
        at = (size_t)(view_find_last(view_first(domain, at), '.') + 1);
        if (at < domain.len && is_listed(s, view_from(domain, at), PSL_TYPE_PRIVATE))
            return true;
        at -= at > 0;
    }
    return false;
}

bool suffixes_is_public(const struct suffixes *s, struct view domain)
{
    if (view_find(domain, '.') < 0)
        return true;
    if (domain.len > NAME_MAX_BYTES || view_find(domain, '\0') >= 0)
        return false;
    for (size_t i = 0; i < sizeof listed_by_us / sizeof *listed_by_us; i++)
        if (view_is(domain, listed_by_us[i]))
            return true;
    return is_listed(s, domain, PSL_TYPE_ICANN | PSL_TYPE_PRIVATE);
}

const char *suffixes_version(const struct suffixes *s)
{
    return s->version;
}
