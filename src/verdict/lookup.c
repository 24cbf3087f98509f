/*
 * What the lists say of a recipient: listings, and exceptions by which a list frees from itself.
 * Lists of digests are asked with the digests of the same names, computed only for the kinds of
 * hash that the blocklist holds.
 */
#include "lookup.h"

#include "rcptguard/base/clock.h"

#define SECONDS_A_DAY 86400

/* Listings of one name that are fetched together. */
#define LOOKUP_AT_ONCE 64

static uint32_t find_rule(const struct verdict_rules *rules, const struct blocklist_list *list)
{
    for (size_t i = 0; i < rules->n_lists; i++)
        if (strcmp(rules->lists[i].name, list->name) == 0)
            return memcmp(rules->lists[i].shape, list->shape, sizeof list->shape) == 0
                       ? (uint32_t)i
                       : LOOKUP_NOT_CONFIGURED;
    return LOOKUP_NOT_CONFIGURED;
}

void lookup_rules(struct verdict *v)
{
    if (v->blocklist == NULL || v->rules == NULL)
        return;
    for (size_t i = 0; i < blocklist_lists(v->blocklist); i++)
        v->rule_of[i] = find_rule(v->rules, blocklist_list(v->blocklist, i));
}

/* Ages are judged here and not when the index is built: they change while it stands still. */
static bool is_too_old(struct verdict *v, const struct verdict_list *rule,
                       const struct blocklist_list *list, int32_t date, int64_t now)
{
    if (rule->entry_max_age_s > 0 && date != 0 &&
        now - (int64_t)date * SECONDS_A_DAY > rule->entry_max_age_s) {
        v->idle = (struct verdict_idle){rule->name, IDLE_ENTRY_OLD};
        return true;
    }
    int64_t confirmed =
        rule->confirmed_at > list->accepted_at ? rule->confirmed_at : list->accepted_at;
    if (rule->max_age_s == 0 || now - confirmed <= rule->max_age_s)
        return false;
    v->idle = (struct verdict_idle){rule->name, IDLE_LIST_OLD};
    return true;
}

bool lookup_is_freed(const struct verdict *v, struct view list)
{
    for (unsigned i = 0; i < v->match.n_partial; i++)
        if (local_line_frees(v->match.partial[i], list))
            return true;
    return false;
}

/* A wider kind of entry at the same name is less specific: d, then .d; *.d, then .d. */
static unsigned specificity_of(unsigned key_number, uint8_t kind)
{
    return key_number * 2 + (kind == ENTRY_TREE ? 1 : 0);
}

/* One name of the recipient, or its digest, at which to look. */
struct look {
    struct view key;
    uint64_t hash; /* of KEY, by blocklist_expect */
    unsigned kinds;
    unsigned number; /* place of the name among the recipient's keys */
};

static void add_listing(struct verdict *v, const struct look *look, const struct listing *found,
                        const struct verdict_list *rule, struct decision_listing *to)
{
    struct view list = view_of(rule->name);

    *to = (struct decision_listing){
        .list = list,
        .rank = v->rule_of[found->list] + 1,
        .specificity = specificity_of(look->number, found->kind),
        .action = rule->action,
        .reply = view_of(rule->reply),
        .kind = (enum entry_kind)found->kind,
        .key = look->key,
        .date = found->date,
        .excluded = lookup_is_freed(v, list),
    };
}

/* Exceptions are remembered for what was found already and for what is found later. */
static void add_exception(struct verdict *v, const struct look *look, const struct listing *found,
                          const struct verdict_list *rule)
{
    uint16_t at = (uint16_t)(found->effect == LISTING_EXCEPTS_ALL ? 1 : look->number + 1);
    uint16_t *first = &v->excepted_at[found->list];

    if (*first == 0)
        v->excepting[v->n_excepting++] = found->list;
    if (*first == 0 || at < *first)
        *first = at;
    if (v->n_exceptions < ANSWER_EXCEPTIONS)
        add_listing(v, look, found, rule, &v->exceptions[v->n_exceptions++]);
}

/* Of a digest nobody knows what it covers before somebody asks for that (rule 16). */
static bool hides_too_much(struct verdict *v, const struct look *look, const struct listing *found,
                           const struct verdict_list *rule)
{
    const struct verdict_rules *rules = v->rules;

    if (found->kind != ENTRY_DOMAIN_HASH || rules->covers_too_much == NULL ||
        !rules->covers_too_much(ENTRY_DOMAIN, v->recipient.keys[look->number].name,
                                rules->covers_arg))
        return false;
    v->idle = (struct verdict_idle){rule->name, IDLE_COVERS};
    return true;
}

/* Where there is no room, what decides nothing gives way to what may. ANSWER_LISTINGS: nowhere. */
static unsigned place_for(struct verdict *v, const struct verdict_list *rule)
{
    unsigned place = 0;

    if (v->n_listings < ANSWER_LISTINGS)
        return v->n_listings++;
    if (rule->action == ACTION_OBSERVE)
        return ANSWER_LISTINGS;
    while (place < ANSWER_LISTINGS && v->listings[place].action != ACTION_OBSERVE &&
           !v->listings[place].excluded)
        place++;
    return place;
}

static void take(struct verdict *v, const struct look *look, const struct listing *found,
                 int64_t now)
{
    uint32_t number = v->rule_of[found->list];

    if (number == LOOKUP_NOT_CONFIGURED)
        return;
    const struct verdict_list *rule = &v->rules->lists[number];
    if (found->effect != LISTING_BLOCKS) {
        add_exception(v, look, found, rule);
        return;
    }
    if (is_too_old(v, rule, blocklist_list(v->blocklist, found->list), found->date, now) ||
        hides_too_much(v, look, found, rule))
        return;
    unsigned place = place_for(v, rule);
    if (place == ANSWER_LISTINGS)
        return;
    v->listed_by[place] = found->list;
    v->listed_at[place] = (uint16_t)look->number;
    add_listing(v, look, found, rule, &v->listings[place]);
}

/* All of them: behind what there is room for may be an exception. */
static void look_at(struct verdict *v, const struct look *look, int64_t now)
{
    struct listing found[LOOKUP_AT_ONCE];
    size_t n = 0, done = 0;

    do {
        n = blocklist_find_expected(v->blocklist, look->key, look->hash, look->kinds, done, found,
                                    LOOKUP_AT_ONCE);
        for (size_t i = 0; i < LOOKUP_AT_ONCE && done < n; i++, done++)
            take(v, look, &found[i], now);
    } while (done < n);
}

/* NAME by each kind of hash in the bits of HASHES. */
static void look_at_hashes(struct verdict *v, struct view name, unsigned hashes, unsigned kinds,
                           unsigned number, int64_t now)
{
    for (unsigned hash = 0; hash < HASH_KINDS; hash++) {
        if ((hashes & 1u << hash) == 0 || v->n_digests == LOOKUP_DIGESTS)
            continue;
        unsigned char *digest = v->digests[v->n_digests];
        size_t len = hash_plain((enum hash_kind)hash, name, digest);
        if (len == 0)
            continue;
        struct view key = view_make(digest, len);
        struct look look = {key, blocklist_expect(v->blocklist, key), kinds, number};
        v->n_digests++;
        look_at(v, &look, now);
    }
}

/* SEEN with ASCII letters in lower case, in the sender's space, which nobody reads any more. */
static struct view lower_seen(struct verdict *v, struct view seen)
{
    seen = view_first(seen, sizeof v->sender.text);
    for (size_t i = 0; i < seen.len; i++)
        v->sender.text[i] = ascii_lower(seen.ptr[i]);
    return view_make(v->sender.text, seen.len);
}

/* The place of the recipient's key NAME with one of KINDS, or of the first of those kinds;
 * *FOUND: it is that very name. */
static unsigned place_of(const struct address *a, struct view name, unsigned kinds, bool *found)
{
    unsigned first = a->n_keys;

    *found = false;
    for (unsigned i = 0; i < a->n_keys; i++) {
        if ((a->keys[i].kinds & kinds) == 0)
            continue;
        if (first == a->n_keys)
            first = i;
        if (view_eq(a->keys[i].name, name)) {
            *found = true;
            return i;
        }
    }
    return first;
}

/* As it was seen, in lower case: some lists hash that too, and not the canonical form alone. */
static void look_at_seen(struct verdict *v, struct view seen, unsigned addresses, unsigned domains,
                         int64_t now)
{
    struct view lower = lower_seen(v, seen);
    struct view domain = view_from(lower, (size_t)(view_find_last(lower, '@') + 1));
    bool known;

    unsigned at = place_of(&v->recipient, lower, ENTRY_BIT(ENTRY_ADDRESS), &known);
    if (!known && at < v->recipient.n_keys)
        look_at_hashes(v, lower, addresses, ENTRY_BIT(ENTRY_ADDRESS_HASH), at, now);
    at = place_of(&v->recipient, domain, ENTRY_BIT(ENTRY_DOMAIN), &known);
    if (!known && at < v->recipient.n_keys)
        look_at_hashes(v, domain, domains, ENTRY_BIT(ENTRY_DOMAIN_HASH), at, now);
}

static void look_up_hashes(struct verdict *v, struct view seen, int64_t now)
{
    unsigned hashes = blocklist_hashes(v->blocklist);
    unsigned addresses = hashes & ((1u << BLOCKLIST_HASHES_OF_DOMAIN) - 1);
    unsigned domains = hashes >> BLOCKLIST_HASHES_OF_DOMAIN;

    if (hashes == 0 || v->recipient.n_keys == 0)
        return;
    for (unsigned i = 0; i < v->recipient.n_keys; i++) {
        const struct address_key *key = &v->recipient.keys[i];
        if (key->kinds & ENTRY_BIT(ENTRY_ADDRESS))
            look_at_hashes(v, key->name, addresses, ENTRY_BIT(ENTRY_ADDRESS_HASH), i, now);
        if (key->kinds & ENTRY_BIT(ENTRY_DOMAIN))
            look_at_hashes(v, key->name, domains, ENTRY_BIT(ENTRY_DOMAIN_HASH), i, now);
    }
    look_at_seen(v, seen, addresses, domains, now);
}

/* Rule 20: the more specific wins, of two on one name the exception. */
static void take_exceptions(struct verdict *v)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < v->n_listings; i++) {
        uint16_t first = v->excepted_at[v->listed_by[i]];
        if (first == 0 || v->listed_at[i] + 1u < first)
            v->listings[kept++] = v->listings[i];
    }
    v->n_listings = kept;
    while (v->n_excepting > 0)
        v->excepted_at[v->excepting[--v->n_excepting]] = 0;
}

/* The day of "2026-11-24T10:02:00Z" or "2026-11-24"; 0: somebody wrote something else. */
static int32_t day_of(struct view at)
{
    int32_t days;

    return clock_date_read(view_first(at, 10), &days) ? days : 0;
}

/* Of what several relays agree on, each leaves out what it protects itself. (What is less specific
 * than a line that covers too much covers as much: none is looked for behind it.) */
static bool covers_too_much(const struct verdict_rules *rules, const struct local_line *shared)
{
    return rules->covers_too_much != NULL &&
           rules->covers_too_much(shared->kind, shared->key, rules->covers_arg);
}

/* The more specific of this site's own and the fleet's; of two on one name its own. */
static const struct local_line *find_block(const struct verdict *v, int64_t now, unsigned *number)
{
    unsigned shared_number = 0;
    const struct local_line *own = local_table_block(v->blocks, &v->recipient, now, number);
    const struct local_line *shared =
        local_table_block(v->shared_blocks, &v->recipient, now, &shared_number);

    if (shared != NULL && covers_too_much(v->rules, shared))
        shared = NULL;
    if (shared == NULL || (own != NULL && specificity_of(*number, (uint8_t)own->kind) <=
                                              specificity_of(shared_number, (uint8_t)shared->kind)))
        return own;
    *number = shared_number;
    return shared;
}

/*
 * A local block stands before the listings that are not more specific (rule 7): it is the first of
 * the lists, no list's exception frees from it, and where there is no room the last listing goes.
 */
static void add_local_block(struct verdict *v, int64_t now)
{
    unsigned number = 0, at = 0;

    v->block = find_block(v, now, &number);
    if (v->block == NULL)
        return;
    struct decision_listing listing = {
        .list = view_of(LOCAL_LIST),
        .specificity = specificity_of(number, (uint8_t)v->block->kind),
        .action = ACTION_REJECT,
        .reply = view_of(v->rules->local_reply),
        .kind = v->block->kind,
        .key = v->block->key,
        .date = day_of(v->block->at),
        .excluded = lookup_is_freed(v, view_of(LOCAL_LIST)),
    };
    if (v->n_listings == ANSWER_LISTINGS)
        v->n_listings--;
    while (at < v->n_listings && v->listings[at].specificity < listing.specificity)
        at++;
    memmove(&v->listings[at + 1], &v->listings[at], (v->n_listings - at) * sizeof listing);
    v->listings[at] = listing;
    v->n_listings++;
}

static void look_up_lists(struct verdict *v, struct view seen, int64_t now)
{
    for (unsigned i = 0; i < v->recipient.n_keys; i++) {
        const struct address_key *key = &v->recipient.keys[i];
        look_at(v, &(struct look){key->name, v->expected[i], key->kinds, i}, now);
    }
    look_up_hashes(v, seen, now);
    if (v->n_excepting > 0)
        take_exceptions(v);
}

void look_up_expect(struct verdict *v)
{
    for (unsigned i = 0; v->blocklist != NULL && i < v->recipient.n_keys; i++)
        v->expected[i] = blocklist_expect(v->blocklist, v->recipient.keys[i].name);
}

void look_up(struct verdict *v, struct view seen, int64_t now)
{
    v->n_listings = v->n_exceptions = v->n_digests = 0;
    v->idle.list = NULL;
    if (v->blocklist != NULL)
        look_up_lists(v, seen, now);
    add_local_block(v, now);
}
