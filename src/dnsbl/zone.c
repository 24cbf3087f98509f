/* One zone: its settings, its names, and what its answers mean. Questions are in questions.c. */
#include "zone.h"

#include "errors.h"
#include "labels.h"
#include "message.h"
#include "zone_parts.h"

/* Room for a domain in front of a zone: longer ones are not asked, but most are far shorter. */
#define DOMAIN_ROOM 64

const struct zone_kind *zone_kind(const struct dnsbl_zone_config *config)
{
    static const struct zone_kind kinds[] = {
        [DNSBL_DOMAIN] = {.label_len = DOMAIN_ROOM},
        [DNSBL_EMAIL_SHA1] = {HASH_SHA1, 20, 40, "SHA-1"},
        [DNSBL_EMAIL_SHA256B32] = {HASH_SHA256, 32, BASE32_LEN(32), "SHA-256"},
        [DNSBL_EMAIL_MD5] = {HASH_MD5, 16, 32, "MD5"},
    };

    return &kinds[config->query];
}

struct view zone_bare_name(const struct dnsbl_zone_config *config)
{
    struct view name = view_of(config->zone);

    return name.len > 0 && name.ptr[name.len - 1] == '.' ? view_first(name, name.len - 1) : name;
}

size_t zone_digest_label(const struct dnsbl_zone_config *config, const unsigned char *digest,
                         char *dst)
{
    size_t len = zone_kind(config)->bytes;

    if (config->query == DNSBL_EMAIL_SHA256B32)
        return base32_text(digest, len, dst);
    hex_text(digest, len, dst);
    return 2 * len;
}

/* ---- the settings ---- */

/* The zone itself is never quoted: it holds the secret. */
static int check_zone(const struct dnsbl_zone_config *config, const char **key, struct error *why)
{
    struct view name = zone_bare_name(config);
    const char *fault = labels_fault(name);
    size_t label_len = zone_kind(config)->label_len;

    *key = "zone";
    if (name.len == 0)
        return error_set(why, ERR_SYNTAX,
                         "is not set; write the name that the list is asked under, as "
                         "dbl.example.net");
    if (fault != NULL)
        return error_set(why, ERR_SYNTAX, "%s: %s", config->shown, fault);
    if (labels_are_numeric(name))
        return error_set(why, ERR_SYNTAX,
                         "%s: is an address and not the name of a zone; a server to ask belongs "
                         "into 'servers' of [dns]",
                         config->shown);
    if (name.len + 1 + label_len > NAME_MAX_BYTES)
        return error_set(why, ERR_LIMIT,
                         "%s: leaves no room for the %zu bytes that are asked below it; names have "
                         "at most %d",
                         config->shown, label_len, NAME_MAX_BYTES);
    return 0;
}

static int check_probe(const struct dnsbl_zone_config *config, const char *label, struct error *why)
{
    const char *fault = label[0] == '\0' ? NULL : labels_fault(view_of(label));

    if (fault != NULL)
        return error_set(why, ERR_SYNTAX, "%s: %s", label, fault);
    if (strlen(label) + 1 + zone_bare_name(config).len > NAME_MAX_BYTES)
        return error_set(why, ERR_LIMIT,
                         "%.60s...: does not fit in front of the zone; names have "
                         "at most %d bytes",
                         label, NAME_MAX_BYTES);
    return 0;
}

static int check_probes(const struct dnsbl_zone_config *config, const char **key, struct error *why)
{
    int failed;

    *key = "probe_listed";
    if ((failed = check_probe(config, config->probe_listed, why)) < 0)
        return failed;
    *key = "probe_unlisted";
    if ((failed = check_probe(config, config->probe_unlisted, why)) < 0)
        return failed;
    if (config->probe_listed[0] != '\0' &&
        view_eq_nocase(view_of(config->probe_listed), view_of(config->probe_unlisted)))
        return error_set(why, ERR_SYNTAX,
                         "%s: is probe_listed too, and cannot be both; write one that the list "
                         "never lists, or leave it empty",
                         config->probe_unlisted);
    return 0;
}

static int check_query(const struct dnsbl_zone_config *config, const char **key, struct error *why)
{
    const struct zone_kind *kind = zone_kind(config);
    unsigned char digest[HASH_MAX_BYTES];

    *key = "parents";
    if (config->parents && config->query != DNSBL_DOMAIN)
        return error_set(why, ERR_SYNTAX,
                         "the hash of an address has no parents; leave it out, or set query = "
                         "domain");
    *key = "as_seen";
    if (config->as_seen && config->query == DNSBL_DOMAIN)
        return error_set(why, ERR_SYNTAX,
                         "only hashes of addresses are asked as they were seen; leave it out, or "
                         "set query = email-sha1");
    *key = "query";
    if (kind->bytes > 0 && hash_plain(kind->hash, view_of(""), digest) == 0)
        return error_set(why, ERR_LIMIT,
                         "this system does not offer %s (is it in FIPS mode?); leave this zone "
                         "out, or ask the list for another hash",
                         kind->hash_name);
    return 0;
}

static int read_codes(const struct dnsbl_zone_config *config, struct codes *codes, const char **key,
                      struct error *why)
{
    bool has_codes = config->codes[0] != '\0', has_mask = config->mask[0] != '\0';

    int failed = 0;

    codes->n = 0;
    *key = "codes";
    if (has_codes)
        failed = codes_add(codes, view_of(config->codes), why);
    if (failed == 0 && has_mask) {
        *key = "mask";
        failed = codes_add_mask(codes, view_of(config->mask), why);
    }
    if (failed < 0 || has_codes || has_mask)
        return failed;
    return error_set(why, ERR_SYNTAX,
                     "is not set; only answers that it names list: write for example codes = "
                     "127.0.0.2, from the list's documentation");
}

static int check_all(const struct dnsbl_zone_config *config, struct codes *codes, const char **key,
                     struct error *why)
{
    int failed = check_zone(config, key, why);

    if (failed == 0)
        failed = check_query(config, key, why);
    if (failed == 0)
        failed = read_codes(config, codes, key, why);
    if (failed == 0)
        failed = check_probes(config, key, why);
    return failed;
}

int dnsbl_zone_check(const struct dnsbl_zone_config *zone, const char **key, struct error *why)
{
    struct codes codes;

    return check_all(zone, &codes, key, why);
}

/* The list's name too, so that two sections with the same zone have memories of their own. */
static int identify(struct zone *z, struct error *why)
{
    struct view name = zone_bare_name(z->config);
    char lower[ZONE_NAME_MAX];
    unsigned char query = (unsigned char)z->config->query;
    struct digest *d = digest_new();

    if (d == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    for (size_t i = 0; i < name.len; i++)
        lower[i] = ascii_lower(name.ptr[i]);
    hash_plain(HASH_SHA256, view_make(lower, name.len), z->name);
    digest_add_view(d, view_of(z->config->name));
    digest_add_view(d, view_make(lower, name.len));
    digest_add(d, &query, sizeof query);
    digest_add(d, z->codes.patterns, z->codes.n * sizeof z->codes.patterns[0]);
    digest_end(d, z->identity);
    return 0;
}

int zone_init(struct zone *z, const struct dnsbl_zone_config *config, const char **key,
              struct error *why)
{
    *z = (struct zone){.config = config};

    int failed = check_all(config, &z->codes, key, why);
    return failed < 0 ? failed : identify(z, why);
}

/* ---- names ---- */

bool zone_name(const struct zone *z, struct view label, char dst[ZONE_NAME_MAX])
{
    struct view zone = zone_bare_name(z->config);

    if (label.len == 0 || label.len + 1 + zone.len > NAME_MAX_BYTES)
        return false;
    memcpy(dst, label.ptr, label.len);
    dst[label.len] = '.';
    memcpy(dst + label.len + 1, zone.ptr, zone.len);
    dst[label.len + 1 + zone.len] = '\0';
    return true;
}

size_t zone_random_label(const struct zone *z, struct view below, uint64_t random,
                         char dst[ZONE_LABEL_MAX + 1])
{
    struct view bytes = view_make(&random, sizeof random);
    unsigned char digest[HASH_MAX_BYTES];

    if (z->config->query != DNSBL_DOMAIN)
        return hash_plain(zone_kind(z->config)->hash, bytes, digest) == 0
                   ? 0
                   : zone_digest_label(z->config, digest, dst);
    size_t len = base32_text(bytes.ptr, bytes.len, dst);
    if (below.len == 0)
        return len;
    if (len + 1 + below.len > ZONE_LABEL_MAX)
        return 0;
    dst[len] = '.';
    memcpy(dst + len + 1, below.ptr, below.len);
    dst[len + 1 + below.len] = '\0';
    return len + 1 + below.len;
}

struct view zone_history_key(const struct zone *z, struct view label, bool registrable,
                             unsigned char digest[HASH_MAX_BYTES], enum entry_kind *kind)
{
    size_t len = zone_kind(z->config)->bytes;

    if (z->config->query == DNSBL_DOMAIN) {
        *kind = z->config->parents && registrable ? ENTRY_TREE : ENTRY_DOMAIN;
        return label;
    }
    *kind = ENTRY_ADDRESS_HASH;
    bool read = z->config->query == DNSBL_EMAIL_SHA256B32 ? base32_parse(label, digest, len)
                                                          : hex_parse(label, digest, len);
    return read ? view_make(digest, len) : VIEW_NONE;
}

/* A text that was cut may end in the middle of the secret. */
static size_t hide_cut(struct view secret, char *text, size_t len)
{
    for (size_t part = secret.len - 1; part > 0; part--)
        if (part <= len &&
            view_eq_nocase(view_make(text + len - part, part), view_first(secret, part))) {
            memset(text + len - part, '*', part < 3 ? part : 3);
            return len - part + (part < 3 ? part : 3);
        }
    return len;
}

size_t zone_hide_secret(const struct zone *z, char *text, size_t len)
{
    static const char stars[] = "***";
    struct view secret = view_of(z->config->secret);
    size_t to = 0;

    if (secret.len == 0)
        return len;
    for (size_t i = 0; i < len;) {
        struct view here = view_first(view_make(text + i, len - i), secret.len);
        if (!view_eq_nocase(here, secret)) {
            text[to++] = text[i++];
            continue;
        }
        for (size_t j = 0; j < secret.len && stars[j] != '\0'; j++)
            text[to++] = '*';
        i += secret.len;
    }
    return len < DNS_TEXT_MAX ? to : hide_cut(secret, text, to);
}

/* ---- answers ---- */

static enum zone_says says(const struct zone *z, const unsigned char answer[4])
{
    if (answer[0] != 127)
        return ZONE_FOREIGN;
    if (errors_is_code(answer))
        return ZONE_ERROR;
    return codes_match(&z->codes, answer) ? ZONE_LISTS : ZONE_UNKNOWN;
}

/* What beats what in one answer. */
static int rank(enum zone_says what)
{
    static const int ranks[] = {
        [ZONE_CLEAR] = 0, [ZONE_UNKNOWN] = 1, [ZONE_LISTS] = 2,
        [ZONE_ERROR] = 3, [ZONE_FOREIGN] = 4,
    };

    return ranks[what];
}

/* Of equal ones the lowest address decides: resolvers give them in turns, and what is shown should
 * not change with each. */
void zone_judge(const struct zone *z, const unsigned char (*answers)[4], size_t n,
                struct zone_judgement *out)
{
    *out = (struct zone_judgement){.says = ZONE_CLEAR};
    for (size_t i = 0; i < n; i++) {
        enum zone_says what = says(z, answers[i]);
        int higher = rank(what) - rank(out->says);

        if (higher > 0 || (higher == 0 && memcmp(answers[i], out->answer, 4) < 0)) {
            out->says = what;
            memcpy(out->answer, answers[i], 4);
        }
    }
    if (out->says == ZONE_ERROR)
        out->means = errors_meaning(zone_bare_name(z->config), out->answer);
}
