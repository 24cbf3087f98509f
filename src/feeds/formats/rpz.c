/*
 * rpz: a response policy zone. A DNS master file (RFC 1035, 5.1) in which the owner of a CNAME says
 * whom it is about and its target what to do.
 *
 * Which part of an owner is the name it is about depends on the zone's own name, and the file does
 * not always tell that. It is the absolute owner of the SOA or the first $ORIGIN; what lies in it
 * is cut at it. Without either, relative owners are the names as they stand. Absolute ones outside
 * of the zone stand as they are, too: BIND would not load them, but lists are published like that.
 *
 * Records come line by line, and only their first words are kept: no record is long that matters.
 */
#include "../parse/format.h"

#define NAME_BYTES   253 /* of a name as text, without the dot at its end */
#define RECORD_WORDS 12  /* owner, TTL, class, SOA, its seven fields, and one too many */
#define RECORD_BYTES 4096

/* A name with its origin, in lower case; "" is the root, or the zone where that is not known. */
struct name {
    bool absolute;
    size_t len;
    char text[NAME_BYTES + 1];
};

struct record {
    uint64_t line;  /* where it began */
    bool no_owner;  /* it began with a blank: the owner is the one before */
    bool cut;       /* a word did not fit */
    unsigned depth; /* of parentheses: it goes on over the line's end */
    unsigned n;
    size_t used;
    struct view words[RECORD_WORDS]; /* in text */
    char text[RECORD_BYTES];
};

struct rpz {
    uint64_t last; /* line that was seen */
    bool has_owner, has_zone;
    struct name owner, zone, origin;
    struct record record;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct view name_view(const struct name *name)
{
    return view_make(name->text, name->len);
}

static bool name_is(const struct name *name, const char *text)
{
    return name->absolute && view_is(name_view(name), text);
}

/* False: too long, or with an escape, which no mail domain needs. */
static bool resolve(struct view word, const struct name *origin, struct name *out)
{
    bool absolute = word.len > 0 && word.ptr[word.len - 1] == '.';
    struct view tail = absolute ? VIEW_NONE : name_view(origin);
    struct name name = {.absolute = absolute || origin->absolute};

    if (view_is(word, "@")) {
        *out = *origin;
        return true;
    }
    if (absolute)
        word.len--;
    size_t dot = word.len > 0 && tail.len > 0 ? 1 : 0;
    if (word.len + dot + tail.len > NAME_BYTES || view_find(word, '\\') >= 0)
        return false;
    for (; name.len < word.len; name.len++)
        name.text[name.len] = ascii_lower(word.ptr[name.len]);
    if (dot > 0)
        name.text[name.len++] = '.';
    if (tail.len > 0)
        memcpy(name.text + name.len, tail.ptr, tail.len);
    name.len += tail.len;
    *out = name;
    return true;
}

/* What OWNER is about: "" is the whole zone. */
static struct view trigger_of(const struct rpz *z, const struct name *owner)
{
    struct view name = name_view(owner), zone = name_view(&z->zone);

    if (!z->has_zone || zone.len == 0 || owner->absolute != z->zone.absolute ||
        name.len < zone.len || !view_eq(view_make(name.ptr + name.len - zone.len, zone.len), zone))
        return name;
    if (name.len == zone.len)
        return view_first(name, 0);
    size_t dot = name.len - zone.len - 1;
    return name.ptr[dot] == '.' ? view_first(name, dot) : name;
}

/* About addresses or name servers, not about names that are asked for. */
static bool is_about_servers(struct view trigger)
{
    static const char *const marks[] = {"rpz-ip", "rpz-client-ip", "rpz-nsdname", "rpz-nsip"};
    struct view label;

    while (view_split(&trigger, '.', &label))
        for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
            if (view_is(label, marks[i]))
                return true;
    return false;
}

enum policy {
    POLICY_LISTS,
    POLICY_PASSES,
    POLICY_OTHER, /* walled gardens, rpz-tcp-only */
};

static enum policy policy_of(const struct rpz *z, struct view target)
{
    struct name name;

    if (!resolve(target, &z->origin, &name))
        return POLICY_OTHER;
    if (name_is(&name, "") || name_is(&name, "*") || name_is(&name, "rpz-drop"))
        return POLICY_LISTS;
    if (name_is(&name, "rpz-passthru"))
        return POLICY_PASSES;
    /* The first drafts said passthru by a target that is the name itself. */
    bool self = name.absolute && (view_eq(name_view(&name), trigger_of(z, &z->owner)) ||
                                  view_eq(name_view(&name), name_view(&z->owner)));
    return self ? POLICY_PASSES : POLICY_OTHER;
}

static void take_policy(const struct feed_reader *r, struct view target, struct view text)
{
    struct rpz *z = r->state;
    struct feed_row row = {.line = z->record.line};
    enum entry_kind kind = ENTRY_DOMAIN;
    struct entry entry;
    struct error why;

    if (!z->has_zone && z->origin.absolute && z->origin.len > 0) {
        z->zone = z->origin;
        z->has_zone = true;
    }
    enum policy policy = policy_of(z, target);
    struct view trigger = trigger_of(z, &z->owner);
    if (policy == POLICY_OTHER || is_about_servers(trigger)) {
        r->sink->ignored(row.line, r->sink->arg);
        return;
    }
    if (policy == POLICY_PASSES)
        row.effect = LISTING_EXCEPTS;
    if (view_starts(trigger, "*.")) {
        kind = ENTRY_BELOW;
        trigger = view_from(trigger, 2);
    }
    enum entry_result result = entry_parse_domain(trigger, kind, &entry, &why);
    feed_row_tell(result, &entry, &why, trigger, text, row, r->sink);
}

/* The first SOA names the zone, and its serial may be a time. */
static void take_soa(const struct feed_reader *r, struct view serial)
{
    struct rpz *z = r->state;

    if (!z->has_zone) {
        z->zone = z->owner;
        z->has_zone = true;
        if (!z->origin.absolute && z->owner.absolute)
            z->origin = z->owner;
    }
    feed_serial_tell(r, serial);
    r->sink->ignored(z->record.line, r->sink->arg);
}

/* "3600", "1h30m" */
static bool is_ttl(struct view word)
{
    bool digit = false;

    for (size_t i = 0; i < word.len; i++) {
        bool unit = view_find(view_of("smhdw"), ascii_lower(word.ptr[i])) >= 0;
        if (!ascii_digit(word.ptr[i]) && !(unit && digit))
            return false;
        digit = !unit;
    }
    return word.len > 0;
}

static bool is_among(struct view word, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (view_eq_nocase(word, view_of(names[i])))
            return true;
    return false;
}

#define IS_AMONG(word, names) is_among(word, names, sizeof(names) / sizeof(names)[0])

/* Known, so that a line of prose is no record. */
static bool is_type(struct view word)
{
    static const char *const types[] = {
        "A",      "AAAA",  "AFSDB",      "CAA",        "CDNSKEY", "CDS", "CERT",  "DNAME",
        "DNSKEY", "DS",    "HINFO",      "HTTPS",      "LOC",     "MX",  "NAPTR", "NS",
        "NSEC",   "NSEC3", "NSEC3PARAM", "OPENPGPKEY", "PTR",     "RP",  "RRSIG", "SMIMEA",
        "SPF",    "SRV",   "SSHFP",      "SVCB",       "TLSA",    "TXT", "URI",   "ZONEMD"};
    uint64_t number;

    if (view_eq_nocase(view_first(word, 4), view_of("TYPE")))
        return view_to_uint(view_from(word, 4), UINT16_MAX, &number);
    return IS_AMONG(word, types);
}

/* TTL and class, each at most once, in either order. Returns what follows. */
static unsigned skip_ttl_and_class(const struct record *record, unsigned i)
{
    static const char *const classes[] = {"IN", "CH", "HS", "CS"};
    bool ttl = false, class = false;

    for (; i < record->n; i++) {
        if (!ttl && is_ttl(record->words[i]))
            ttl = true;
        else if (!class && IS_AMONG(record->words[i], classes))
            class = true;
        else
            break;
    }
    return i;
}

/* What is wrong with the record, or NULL: then it was told. Its owner is known. */
static const char *take_data(const struct feed_reader *r, unsigned at, struct view text)
{
    const struct rpz *z = r->state;
    const struct record *record = &z->record;
    struct view type = at < record->n ? record->words[at] : VIEW_NONE;
    unsigned n_data = at < record->n ? record->n - at - 1 : 0;
    bool exact = !record->cut;

    if (view_eq_nocase(type, view_of("CNAME"))) {
        if (n_data != 1 || !exact)
            return "not one target behind CNAME";
        take_policy(r, record->words[at + 1], text);
        return NULL;
    }
    if (view_eq_nocase(type, view_of("SOA"))) {
        if (n_data != 7 || !exact)
            return "not seven fields behind SOA";
        take_soa(r, record->words[at + 3]);
        return NULL;
    }
    if (!is_type(type))
        return "not a record: OWNER CNAME TARGET";
    if (n_data == 0 && exact)
        return "no data behind the type of the record";
    r->sink->ignored(record->line, r->sink->arg);
    return NULL;
}

static const char *take_directive(const struct feed_reader *r)
{
    struct rpz *z = r->state;
    const struct record *record = &z->record;
    struct view word = record->words[0];
    bool exact = record->n == 2 && !record->cut;

    if (view_eq_nocase(word, view_of("$ORIGIN"))) {
        /* Every name behind it would be another than is meant. */
        if (!exact || !resolve(record->words[1], &z->origin, &z->origin))
            r->sink->broken(record->line, "an $ORIGIN that cannot be read", r->sink->arg);
        return NULL;
    }
    if (view_eq_nocase(word, view_of("$TTL")))
        return exact && is_ttl(record->words[1]) ? NULL : "not a time behind $TTL";
    if (view_eq_nocase(word, view_of("$INCLUDE")) || view_eq_nocase(word, view_of("$GENERATE")))
        return "$INCLUDE and $GENERATE are not followed; publish the zone as it is served";
    return "not a $ line that a zone knows";
}

/* Makes the record's owner the one that counts. */
static const char *take_owner(struct rpz *z)
{
    struct record *record = &z->record;

    if (record->no_owner)
        return z->has_owner ? NULL : "begins with a blank, but no owner is known";
    z->has_owner = record->n > 0 && resolve(record->words[0], &z->origin, &z->owner);
    return z->has_owner ? NULL : "the owner has an escape or is too long: no mail domain has";
}

/* The record is complete. */
static void finish(const struct feed_reader *r, struct view text)
{
    struct rpz *z = r->state;
    struct record *record = &z->record;
    const char *fault;

    if (!record->no_owner && record->n > 0 && view_starts(record->words[0], "$")) {
        fault = take_directive(r);
    } else {
        fault = take_owner(z);
        if (fault == NULL)
            fault = take_data(r, skip_ttl_and_class(record, record->no_owner ? 0 : 1), text);
    }
    if (fault != NULL)
        r->sink->bad(record->line, text, fault, r->sink->arg);
}

static void add_word(struct record *record, struct view word)
{
    if (record->cut || record->n == RECORD_WORDS || word.len > sizeof record->text - record->used) {
        record->cut = true;
        return;
    }
    memcpy(record->text + record->used, word.ptr, word.len);
    record->words[record->n++] = view_make(record->text + record->used, word.len);
    record->used += word.len;
}

/* The length of the word, or of the quoted string with its quotes, at the beginning of V; 0: the
 * string does not end in this line. */
static size_t word_length(struct view v)
{
    bool quoted = v.ptr[0] == '"';

    for (size_t i = quoted ? 1 : 0; i < v.len; i++) {
        if (v.ptr[i] == '\\')
            i++;
        else if (quoted && v.ptr[i] == '"')
            return i + 1;
        else if (!quoted && view_find(view_of(" \t;()\""), v.ptr[i]) >= 0)
            return i;
    }
    return quoted ? 0 : v.len;
}

/* Puts the words of LINE into the record. Returns what is wrong, or NULL. */
static const char *add_line(struct record *record, struct view line)
{
    while ((line = view_trim(line)).len > 0 && line.ptr[0] != ';') {
        size_t len = 1;
        if (line.ptr[0] == '(') {
            record->depth++;
        } else if (line.ptr[0] == ')') {
            if (record->depth-- == 0)
                return "a ) without its (";
        } else {
            len = word_length(line);
            if (len == 0)
                return "a quoted string that does not end";
            add_word(record, view_first(line, len));
        }
        line = view_from(line, len);
    }
    return NULL;
}

static void begin(struct record *record, struct view line, uint64_t number)
{
    record->line = number;
    record->no_owner = line.len > 0 && is_blank(line.ptr[0]);
    record->cut = false;
    record->depth = 0;
    record->n = 0;
    record->used = 0;
}

static void rpz_line(const struct feed_reader *r, struct view line, uint64_t number)
{
    struct rpz *z = r->state;
    struct record *record = &z->record;
    struct view text = view_trim(line);

    /* A line that never came here (too long, or a NUL in it) may have named an owner. */
    if (number != z->last + 1) {
        record->depth = 0;
        z->has_owner = false;
    }
    z->last = number;
    if (record->depth == 0)
        begin(record, line, number);
    if (view_starts(text, ";"))
        feed_comment_tell(r, text);
    const char *fault = add_line(record, line);
    if (fault != NULL) {
        r->sink->bad(record->line, text, fault, r->sink->arg);
        record->depth = 0;
        z->has_owner = false;
    } else if (record->depth == 0 && (record->n > 0 || record->cut)) {
        finish(r, text);
    }
}

static void rpz_end(const struct feed_reader *r)
{
    const struct rpz *z = r->state;

    if (z->record.depth > 0)
        r->sink->broken(z->record.line, "a parenthesis is never closed: the zone is cut short",
                        r->sink->arg);
}

static bool rpz_looks(struct view line)
{
    struct view rest = line, word;
    bool cname = false;

    while (view_word(&rest, &word)) {
        if (cname)
            return view_is(word, ".") || view_is(word, "*.") ||
                   view_eq_nocase(view_first(word, 4), view_of("rpz-"));
        if (view_eq_nocase(word, view_of("SOA")) || view_eq_nocase(word, view_of("$ORIGIN")))
            return true;
        cname = view_eq_nocase(word, view_of("CNAME"));
    }
    return false;
}

const struct feed_format feed_format_rpz = {
    .info = {"rpz", "d or *.d CNAME TARGET, in a zone file; ; comments",
             "targets . and *. and rpz-drop. list, rpz-passthru. frees; all else is ignored", NULL},
    .state_bytes = sizeof(struct rpz),
    .line = rpz_line,
    .end = rpz_end,
    .looks = rpz_looks,
    .one_piece = true,
};
