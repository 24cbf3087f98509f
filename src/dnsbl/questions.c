/*
 * What a zone is asked for a recipient. On the way of every recipient: nothing is allocated.
 */
#include "labels.h"
#include "zone.h"
#include "zone_parts.h"

/* Longer ones cannot be sent (RFC 5321, 4.5.3.1: 64 and 255 bytes), so no list has seen them. */
#define SEEN_MAX 512

static bool leaves_room(const struct zone *z, size_t label_len)
{
    return label_len > 0 && label_len + 1 + zone_bare_name(z->config).len <= NAME_MAX_BYTES;
}

/* A domain as a label; numbers are left out, since zones of names answer those with an error code,
 * and any sender could switch them off. */
static unsigned question_of_domain(const struct zone *z, struct view domain, enum entry_kind kind,
                                   struct zone_question *out)
{
    if (!leaves_room(z, domain.len) || labels_fault(domain) != NULL || labels_are_numeric(domain))
        return 0;
    for (size_t i = 0; i < domain.len; i++)
        out->label[i] = ascii_lower(domain.ptr[i]);
    out->label[domain.len] = '\0';
    out->label_len = domain.len;
    out->kind = kind;
    out->key = domain;
    return 1;
}

/* Where the domain itself may not be asked its parent may not refuse it either. */
static unsigned domain_questions(const struct zone *z, const struct zone_domains *domains,
                                 struct zone_question out[ZONE_QUESTIONS])
{
    struct view exact = domains->exact, parent = domains->registrable;

    if (exact.len == 0)
        return 0;
    if (!z->config->parents || parent.len == 0)
        return question_of_domain(z, exact, ENTRY_DOMAIN, out);
    if (view_eq(exact, parent))
        return question_of_domain(z, exact, ENTRY_TREE, out);
    unsigned n = question_of_domain(z, exact, ENTRY_DOMAIN, out);
    return n + question_of_domain(z, parent, ENTRY_TREE, out + n);
}

static bool is_gmail(struct view domain)
{
    return view_is(domain, "gmail.com") || view_is(domain, "googlemail.com");
}

static bool only_dots(struct view v)
{
    size_t i = 0;

    while (i < v.len && v.ptr[i] == '.')
        i++;
    return i == v.len;
}

static void add_without_dots(struct text *t, struct view local)
{
    struct view part;

    while (view_split(&local, '.', &part))
        text_add_view(t, part);
}

/* What was added to MEMORY since FROM. Zones are asked one after another for the same recipient, so
 * what stands right before it is mostly the same: then that is used, and memory saved. */
static struct view kept(struct text *memory, size_t from)
{
    struct view made = view_make(memory->dst + from, memory->len - from);

    if (memory->cut)
        return VIEW_NONE;
    if (from < made.len || memcmp(made.ptr - made.len, made.ptr, made.len) != 0)
        return made;
    memory->len = from;
    memory->dst[from] = '\0';
    return view_make(made.ptr - made.len, made.len);
}

/*
 * The address as lists hash it (MSBL and Spamhaus agree): cut at the first '+' that something
 * precedes, gmail's names made one and its dots taken out. A quoted local part is none that they
 * have a rule for, and stays. Empty: MEMORY is full.
 */
static struct view listed_form(const struct address *a, struct text *memory)
{
    struct view local = a->local;
    size_t from = memory->len;
    const char *plus =
        local.len > 1 && local.ptr[0] != '"' ? memchr(local.ptr + 1, '+', local.len - 1) : NULL;
    bool gmail = is_gmail(a->domain) && local.ptr[0] != '"';

    if (plus == NULL && !gmail)
        return a->canonical;
    if (plus != NULL)
        local = view_first(local, (size_t)(plus - local.ptr));
    if (gmail && !only_dots(local))
        add_without_dots(memory, local);
    else
        text_add_view(memory, local);
    text_add(memory, "@");
    text_add_view(memory, gmail ? view_of("gmail.com") : a->domain);
    return kept(memory, from);
}

static unsigned question_of_hash(const struct zone *z, struct view hashed, struct view key,
                                 struct zone_question *out)
{
    unsigned char digest[HASH_MAX_BYTES];
    size_t len = hash_plain(zone_kind(z->config)->hash, hashed, digest);

    if (len == 0)
        return 0;
    out->label_len = zone_digest_label(z->config, digest, out->label);
    out->kind = ENTRY_ADDRESS;
    out->key = key;
    return 1;
}

/* As Postfix gave it, with ASCII letters in lower case; none where that is what was asked. */
static unsigned question_as_seen(const struct zone *z, struct view seen, const struct address *a,
                                 const struct zone_question *first, struct zone_question *out)
{
    char lower[SEEN_MAX];

    if (seen.len == 0 || seen.len > sizeof lower)
        return 0;
    for (size_t i = 0; i < seen.len; i++)
        lower[i] = ascii_lower(seen.ptr[i]);
    unsigned n = question_of_hash(z, view_make(lower, seen.len), a->canonical, out);
    return n > 0 && strcmp(first->label, out->label) != 0 ? 1 : 0;
}

static unsigned email_questions(const struct zone *z, const struct address *a, struct view seen,
                                struct text *memory, struct zone_question out[ZONE_QUESTIONS])
{
    if (a->literal || a->local.len == 0)
        return 0;
    struct view form = listed_form(a, memory);
    unsigned n = form.len == 0 ? 0 : question_of_hash(z, form, form, out);
    if (n > 0 && z->config->as_seen)
        n += question_as_seen(z, seen, a, &out[0], &out[1]);
    return n;
}

unsigned zone_questions(const struct zone *z, const struct address *address, struct view seen,
                        const struct zone_domains *domains, struct text *memory,
                        struct zone_question out[ZONE_QUESTIONS])
{
    if (address->state != ADDRESS_OK)
        return 0;
    if (z->config->query == DNSBL_DOMAIN)
        return address->literal ? 0 : domain_questions(z, domains, out);
    return email_questions(z, address, seen, memory, out);
}
