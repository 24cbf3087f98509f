/*
 * The decision against a plain reading of rules 1, 7 and 20: a small world of lists, exceptions,
 * local blocks and exclusions, this site's and the fleet's, made of the input, and one recipient
 * asked of it. Everything is about few names, so that much of it meets.
 */
#include <stdint.h>
#include <string.h>

#include "model.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "rcptguard/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DAY       86400
#define TODAY     20000 /* days since 1970: 2024-10-04 */
#define LISTS     3
#define RULES_MAX 64
#define OLD       100 /* days */

static const char *const locals[] = {"u", "U+t", "a.b", "\"x y\""};
static const char *const domains[] = {"d.example", "s.d.example", "t.s.d.example",  "D.example.",
                                      "example",   "gmail.com",   "googlemail.com", "com"};
static const char *const logins[] = {"", "u", "desk"};
static const char *const list_names[LISTS] = {"first", "second", "third"};

/* ---- the world --------------------------------------------------------------------------------
 */

enum table { TABLE_LIST, TABLE_EXCLUSIONS, TABLE_BLOCKS };

struct rule {
    enum table table;
    bool shared;    /* exclusions, blocks: the fleet's */
    char what[64];  /* as a file has it; of an exclusion without its subject */
    unsigned list;  /* LIST: which one */
    unsigned lists; /* EXCLUSIONS: bits of those it frees from, bit LISTS is local; 0: all */
    enum listing_effect effect;
    int32_t date; /* LIST */
    bool expired;
    enum local_subject subject;
    const char *login;
    bool null_sender;
    struct model_entry entry;
};

static struct world {
    struct address_options addresses;
    enum decision_mode mode;
    enum list_action actions[LISTS];
    bool ages; /* dates older than OLD do not count */
    char recipient[64], sender[64];
    const char *login;
    bool look_only;
    struct rule rules[RULES_MAX];
    size_t n_rules;
} world;

struct input {
    const uint8_t *data;
    size_t size;
};

static unsigned take(struct input *in)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->data++;
}

static void write_address(char to[64], unsigned byte)
{
    snprintf(to, 64, "%s@%s", locals[byte & 3], domains[byte >> 2 & 7]);
}

static void write_what(char to[64], unsigned byte)
{
    static const char *const signs[] = {"", "", ".", "*."};
    unsigned kind = byte >> 5 & 3;

    if (kind == 0)
        write_address(to, byte);
    else
        snprintf(to, 64, "%s%s", signs[kind], domains[byte >> 2 & 7]);
}

static void make_rule(struct rule *r, struct input *in)
{
    unsigned how = take(in), more = take(in);

    *r = (struct rule){.table = how % 4 == 3 ? TABLE_LIST : (enum table)(how % 4)};
    write_what(r->what, take(in));
    r->list = more % LISTS;
    r->effect =
        how >> 2 & 1 ? (enum listing_effect)(how >> 3 & 1) + LISTING_EXCEPTS : LISTING_BLOCKS;
    r->date = how >> 4 & 1 ? TODAY - OLD - 2 : how >> 5 & 1 ? TODAY - 1 : 0;
    r->shared = how >> 2 & 1;
    r->expired = how >> 3 & 1;
    r->lists = more & 1 ? more >> 1 & ((1U << (LISTS + 1)) - 1) : 0;
    r->subject = how >> 4 & 1 ? LOCAL_SENDER : how >> 5 & 1 ? LOCAL_LOGIN : LOCAL_RECIPIENT;
    r->login = logins[1 + (more >> 7)];
    r->null_sender = more >> 6 & 1;
    must(model_entry(view_of(r->what), &world.addresses, &r->entry) == MODEL_GOOD);
}

static void make_world(struct input in)
{
    unsigned first = take(&in), actions = take(&in), who = take(&in);

    world.addresses = (struct address_options){"+", first & 1};
    world.mode = first & 2 ? MODE_OBSERVE : MODE_ENFORCE;
    world.ages = first & 4;
    world.look_only = first & 8;
    for (unsigned i = 0; i < LISTS; i++)
        world.actions[i] = (enum list_action)((actions >> 2 * i & 3) % 3);
    write_address(world.recipient, who);
    if (who >> 5 & 1)
        write_address(world.sender, take(&in));
    else
        world.sender[0] = '\0';
    world.login = logins[(who >> 6) % 3];
    for (world.n_rules = 0; world.n_rules < RULES_MAX && in.size >= 3; world.n_rules++)
        make_rule(&world.rules[world.n_rules], &in);
}

/* ---- what a plain reading says ----------------------------------------------------------------
 */

/* The names of ADDRESS, most specific first. */
struct names {
    struct view at[16];
    unsigned n, n_addresses, n_exact; /* the latter with the former */
    struct model_address address;
};

static void name_all(struct names *n, const char *address)
{
    struct view rest, label;

    n->n = 0;
    model_address(view_of(address), &world.addresses, &n->address);
    must(n->address.state == ADDRESS_OK);
    n->at[n->n++] = model_view(&n->address.full);
    if (n->address.cut.len > 0)
        n->at[n->n++] = model_view(&n->address.cut);
    n->n_addresses = n->n;
    rest = n->at[n->n++] = model_view(&n->address.domain);
    if (world.addresses.provider_aliases && view_is(rest, "googlemail.com"))
        n->at[n->n++] = view_of("gmail.com");
    n->n_exact = n->n;
    while (view_split(&rest, '.', &label) && rest.ptr != NULL)
        n->at[n->n++] = rest;
}

/* The place of the name that ENTRY is about; -1: of none. */
static int place_of(const struct model_entry *entry, const struct names *n)
{
    unsigned from = entry->kind == ENTRY_ADDRESS ? 0
                    : entry->kind == ENTRY_BELOW ? n->n_exact
                                                 : n->n_addresses;
    unsigned to = entry->kind == ENTRY_ADDRESS  ? n->n_addresses
                  : entry->kind == ENTRY_DOMAIN ? n->n_exact
                                                : n->n;

    for (unsigned i = from; i < to; i++)
        if (view_eq(n->at[i], model_view(&entry->key)))
            return (int)i;
    return -1;
}

static bool exclusion_holds(const struct rule *r, const struct names *recipient,
                            const struct names *sender)
{
    if (r->table != TABLE_EXCLUSIONS || r->expired)
        return false;
    switch (r->subject) {
    case LOCAL_RECIPIENT:
        return place_of(&r->entry, recipient) >= 0;
    case LOCAL_LOGIN:
        return strcmp(r->login, world.login) == 0;
    case LOCAL_SENDER:
        break;
    }
    if (r->null_sender)
        return world.sender[0] == '\0';
    return world.sender[0] != '\0' && place_of(&r->entry, sender) >= 0;
}

/* Bits of lists that exclusions free from, all of them set for a whole one. */
static unsigned freed_lists(const struct names *recipient, const struct names *sender)
{
    unsigned freed = 0;

    for (size_t i = 0; i < world.n_rules; i++)
        if (exclusion_holds(&world.rules[i], recipient, sender))
            freed |= world.rules[i].lists == 0 ? UINT32_MAX : world.rules[i].lists;
    return freed;
}

static bool is_same(const struct rule *a, const struct rule *b)
{
    return a->table == b->table && a->list == b->list && a->effect == b->effect &&
           a->entry.kind == b->entry.kind &&
           view_eq(model_view(&a->entry.key), model_view(&b->entry.key));
}

/* Of a row that comes twice the newest date is that of both. */
static bool is_too_old(const struct rule *r)
{
    int32_t date = r->date;

    for (size_t i = 0; i < world.n_rules; i++)
        if (is_same(r, &world.rules[i]) && world.rules[i].date > date)
            date = world.rules[i].date;
    return world.ages && date != 0 && TODAY - date > OLD;
}

/* Does the list free from its own row at PLACE? */
static bool is_excepted(unsigned list, int place, const struct names *recipient)
{
    for (size_t i = 0; i < world.n_rules; i++) {
        const struct rule *r = &world.rules[i];
        int at = place_of(&r->entry, recipient);
        if (r->table == TABLE_LIST && r->list == list && r->effect != LISTING_BLOCKS && at >= 0 &&
            (r->effect == LISTING_EXCEPTS_ALL || at <= place))
            return true;
    }
    return false;
}

struct best {
    const struct rule *rule;
    int specificity;
    unsigned rank;
};

static void offer(struct best *best, const struct rule *r, int place, unsigned rank)
{
    int specificity = place * 2 + (r->entry.kind == ENTRY_TREE);

    if (best->rule != NULL && (best->specificity < specificity ||
                               (best->specificity == specificity && best->rank <= rank)))
        return;
    *best = (struct best){r, specificity, rank};
}

struct verdict_model {
    struct best decides, observes;
};

/* Of blocks only the most specific one is a listing. */
static void offer_block(struct verdict_model *m, const struct names *recipient)
{
    struct best block = {0};

    for (size_t i = 0; i < world.n_rules; i++) {
        const struct rule *r = &world.rules[i];
        int place = place_of(&r->entry, recipient);
        if (r->table == TABLE_BLOCKS && !r->expired && place >= 0)
            offer(&block, r, place, 0);
    }
    if (block.rule != NULL)
        offer(&m->decides, block.rule, block.specificity / 2, 0);
}

static struct verdict_model judge(void)
{
    static struct names recipient, sender;
    struct verdict_model m = {0};

    name_all(&recipient, world.recipient);
    if (world.sender[0] != '\0')
        name_all(&sender, world.sender);
    unsigned freed = freed_lists(&recipient, &sender);
    if (freed == UINT32_MAX)
        return m;
    if ((freed & 1U << LISTS) == 0)
        offer_block(&m, &recipient);
    for (size_t i = 0; i < world.n_rules; i++) {
        const struct rule *r = &world.rules[i];
        int place = place_of(&r->entry, &recipient);
        if (r->table != TABLE_LIST || r->effect != LISTING_BLOCKS || place < 0 ||
            (freed & 1U << r->list) != 0 || is_too_old(r) ||
            is_excepted(r->list, place, &recipient))
            continue;
        offer(world.actions[r->list] == ACTION_OBSERVE ? &m.observes : &m.decides, r, place,
              r->list + 1);
    }
    return m;
}

/* ---- what the verdict says --------------------------------------------------------------------
 */

static void add_lists(struct buf *text, unsigned lists)
{
    for (unsigned i = 0; i <= LISTS; i++)
        if (lists & 1U << i)
            buf_addf(text, " list=%s", i == LISTS ? LOCAL_LIST : list_names[i]);
}

static struct local_table *make_table(enum table table, bool shared)
{
    enum local_kind kind = table == TABLE_BLOCKS ? LOCAL_BLOCKS : LOCAL_EXCLUSIONS;
    struct buf text = BUF_INIT(0);
    size_t lines = 0;

    buf_add_text(&text, "# nothing\n");
    for (size_t i = 0; i < world.n_rules; i++) {
        const struct rule *r = &world.rules[i];
        if (r->table != table || r->shared != shared)
            continue;
        if (table == TABLE_BLOCKS || r->subject == LOCAL_RECIPIENT)
            buf_add_text(&text, r->what);
        else if (r->subject == LOCAL_LOGIN)
            buf_addf(&text, "login:%s", r->login);
        else
            buf_addf(&text, "sender:%s", r->null_sender ? "<>" : r->what);
        if (table == TABLE_EXCLUSIONS)
            add_lists(&text, r->lists);
        buf_addf(&text, " until=%s\n", r->expired ? "2024-10-01T00:00Z" : "2025-01-01T00:00Z");
        lines++;
    }
    struct local_table *made = local_table_parse(kind, buf_view(&text), &world.addresses, NULL, 0);
    must(made != NULL && local_table_count(made) == lines);
    buf_free(&text);
    return made;
}

/* The lists in another order than that of the configuration. */
static struct blocklist *make_blocklist(void)
{
    struct blocklist_builder *b = blocklist_builder_new(RULES_MAX);

    for (unsigned i = 0; i < LISTS; i++) {
        struct blocklist_list list = {.accepted_at = TODAY * (int64_t)DAY};
        snprintf(list.name, sizeof list.name, "%s", list_names[LISTS - 1 - i]);
        must(blocklist_builder_list(b, &list, NULL) == (int)i);
    }
    for (size_t i = 0; i < world.n_rules; i++) {
        const struct rule *r = &world.rules[i];
        const struct listing listing = {.list = (uint16_t)(LISTS - 1 - r->list),
                                        .kind = (uint8_t)r->entry.kind,
                                        .effect = (uint8_t)r->effect,
                                        .date = r->date};
        if (r->table == TABLE_LIST)
            must(blocklist_builder_put(b, model_view(&r->entry.key), &listing, NULL) >= 0);
    }
    struct blocklist *made = blocklist_builder_finish(b, NULL);
    must(made != NULL);
    return made;
}

static void compare_listing(const struct best *expected, const struct decision_listing *l)
{
    must((expected->rule == NULL) == (l == NULL));
    if (l == NULL)
        return;
    bool is_local = expected->rule->table == TABLE_BLOCKS;
    must(view_is(l->list, is_local ? LOCAL_LIST : list_names[expected->rule->list]));
    must(l->kind == expected->rule->entry.kind);
    must(view_eq(l->key, model_view(&expected->rule->entry.key)));
}

static void compare(const struct answer *a, void *arg)
{
    const struct verdict_model *m = arg;
    const struct rule *by = m->decides.rule;
    bool defers = by != NULL && by->table == TABLE_LIST && world.actions[by->list] == ACTION_DEFER;

    compare_listing(&m->decides, a->decision.decided_by);
    compare_listing(&m->observes, a->decision.observed_by);
    must(a->decision.outcome == (by == NULL ? OUTCOME_PASS
                                 : defers   ? OUTCOME_DEFER
                                            : OUTCOME_REJECT));
    if (by == NULL || world.mode == MODE_OBSERVE)
        must(strcmp(a->action, "DUNNO") == 0);
    else
        must(strncmp(a->action, defers ? "450 4.7.1 on " : "550 5.7.1 on ", 13) == 0);
}

static void drop_line(enum log_level level, const char *line, void *arg)
{
    (void)level;
    (void)line;
    (void)arg;
}

static void ask(struct verdict *v)
{
    struct verdict_list lists[LISTS];
    struct verdict_rules rules = {.mode = world.mode,
                                  .addresses = world.addresses,
                                  .local_reply = "on ${list} as ${entry}",
                                  .lists = lists,
                                  .n_lists = LISTS};
    const struct question question = {.recipient = view_of(world.recipient),
                                      .sender = view_of(world.sender),
                                      .sasl_username = view_of(world.login),
                                      .look_only = world.look_only};
    struct verdict_model expected = judge();

    for (unsigned i = 0; i < LISTS; i++)
        lists[i] = (struct verdict_list){.name = list_names[i],
                                         .action = world.actions[i],
                                         .reply = "on ${list} as ${entry}, ${ref}",
                                         .entry_max_age_s = world.ages ? OLD * DAY : 0};
    verdict_set_rules(v, &rules);
    blocklist_free(verdict_set_blocklist(v, make_blocklist()));
    local_table_free(verdict_set_exclusions(v, make_table(TABLE_EXCLUSIONS, false)));
    local_table_free(verdict_set_blocks(v, make_table(TABLE_BLOCKS, false)));
    local_table_free(verdict_set_shared(v, LOCAL_EXCLUSIONS, make_table(TABLE_EXCLUSIONS, true)));
    local_table_free(verdict_set_shared(v, LOCAL_BLOCKS, make_table(TABLE_BLOCKS, true)));
    must(verdict_ask(v, &question, compare, &expected) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct verdict *v; /* for all runs: it is large */

    if (v == NULL) {
        log_set_sink(drop_line, NULL);
        clock_set(TODAY * (int64_t)DAY, 5000000);
        v = verdict_new(record_new(), NULL);
    }
    make_world((struct input){data, size});
    ask(v);
    return 0;
}
