/*
 * The way of one question: parse, exclusions, blocklist, decision, reply, record. All of it is
 * memory and computation; nothing on this way allocates, locks or waits.
 */
#include "rcptguard/verdict.h"

#include <stdlib.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

#define NOT_CONFIGURED UINT32_MAX
#define SECONDS_A_DAY  86400

struct verdict {
    struct record *record;
    const struct verdict_rules *rules;
    struct blocklist *blocklist;
    struct exclusions *exclusions;
    /* For each list of the blocklist: its place in the rules, or NOT_CONFIGURED. */
    uint32_t rule_of[BLOCKLIST_MAX_LISTS];
    /* The work space of the one question that is being answered. */
    struct address recipient, sender;
    struct exclusion_match match;
    struct decision_listing listings[ANSWER_LISTINGS];
    unsigned n_listings;
    char ref[REF_MAX];
    char action[ACTION_MAX];
};

struct verdict *verdict_new(struct record *record)
{
    struct verdict *v = calloc(1, sizeof *v);
    if (v != NULL)
        v->record = record;
    return v;
}

void verdict_free(struct verdict *v)
{
    if (v == NULL)
        return;
    blocklist_free(v->blocklist);
    exclusions_free(v->exclusions);
    free(v);
}

static uint32_t find_rule(const struct verdict_rules *rules, const struct blocklist_list *list)
{
    for (size_t i = 0; i < rules->n_lists; i++)
        if (strcmp(rules->lists[i].name, list->name) == 0)
            return memcmp(rules->lists[i].shape, list->shape, sizeof list->shape) == 0
                       ? (uint32_t)i
                       : NOT_CONFIGURED;
    return NOT_CONFIGURED;
}

static void match_lists_to_rules(struct verdict *v)
{
    if (v->blocklist == NULL || v->rules == NULL)
        return;
    for (size_t i = 0; i < blocklist_lists(v->blocklist); i++)
        v->rule_of[i] = find_rule(v->rules, blocklist_list(v->blocklist, i));
}

void verdict_set_rules(struct verdict *v, const struct verdict_rules *rules)
{
    v->rules = rules;
    match_lists_to_rules(v);
}

struct blocklist *verdict_set_blocklist(struct verdict *v, struct blocklist *bl)
{
    struct blocklist *old = v->blocklist;
    v->blocklist = bl;
    match_lists_to_rules(v);
    return old;
}

struct exclusions *verdict_set_exclusions(struct verdict *v, struct exclusions *ex)
{
    struct exclusions *old = v->exclusions;
    v->exclusions = ex;
    return old;
}

const struct blocklist *verdict_blocklist(const struct verdict *v)
{
    return v->blocklist;
}

const struct exclusions *verdict_exclusions(const struct verdict *v)
{
    return v->exclusions;
}

/* Ages are judged here and not when the index is built: they change while it stands still. */
static bool is_too_old(const struct verdict_list *rule, const struct blocklist_list *list,
                       int32_t date, int64_t now)
{
    if (rule->entry_max_age_s > 0 && date != 0 &&
        now - (int64_t)date * SECONDS_A_DAY > rule->entry_max_age_s)
        return true;
    int64_t confirmed =
        rule->confirmed_at > list->accepted_at ? rule->confirmed_at : list->accepted_at;
    return rule->max_age_s > 0 && now - confirmed > rule->max_age_s;
}

static bool is_freed(const struct exclusion_match *match, struct view list)
{
    for (unsigned i = 0; i < match->n_partial; i++)
        if (exclusion_frees(match->partial[i], list))
            return true;
    return false;
}

/* A wider kind of entry at the same name is less specific: d, then .d; *.d, then .d. */
static unsigned specificity_of(unsigned key_number, uint8_t kind)
{
    return key_number * 2 + (kind == ENTRY_TREE ? 1 : 0);
}

static void add_listing(struct verdict *v, const struct listing *found, unsigned key_number,
                        int64_t now)
{
    uint32_t number = v->rule_of[found->list];
    if (number == NOT_CONFIGURED || v->n_listings == ANSWER_LISTINGS)
        return;
    const struct verdict_list *rule = &v->rules->lists[number];
    if (is_too_old(rule, blocklist_list(v->blocklist, found->list), found->date, now))
        return;
    struct view list = view_of(rule->name);
    v->listings[v->n_listings++] = (struct decision_listing){
        .list = list,
        .rank = number + 1,
        .specificity = specificity_of(key_number, found->kind),
        .action = rule->action,
        .reply = view_of(rule->reply),
        .kind = (enum entry_kind)found->kind,
        .key = v->recipient.keys[key_number].name,
        .date = found->date,
        .excluded = is_freed(&v->match, list),
    };
}

static void look_up(struct verdict *v, int64_t now)
{
    struct listing found[ANSWER_LISTINGS];

    if (v->blocklist == NULL || v->rules == NULL)
        return;
    for (unsigned i = 0; i < v->recipient.n_keys; i++) {
        const struct address_key *key = &v->recipient.keys[i];
        size_t n = blocklist_find(v->blocklist, key->name, key->kinds, found, ANSWER_LISTINGS);
        for (size_t j = 0; j < n && j < ANSWER_LISTINGS; j++)
            add_listing(v, &found[j], i, now);
    }
}

static void match_exclusions(struct verdict *v, const struct question *q, int64_t now)
{
    const struct address *sender = NULL;

    v->match.whole = NULL;
    v->match.n_partial = 0;
    if (v->exclusions == NULL)
        return;
    if (q->sender.len > 0 && exclusions_want_sender(v->exclusions) &&
        address_parse(q->sender, &v->rules->addresses, &v->sender) == ADDRESS_OK)
        sender = &v->sender;
    exclusions_match(v->exclusions, &v->recipient, sender, q->sender.len == 0, q->sasl_username,
                     now, &v->match);
}

static struct view print_entry(const struct decision_listing *l, char *dst, size_t size)
{
    struct text t = text_on(dst, size);
    entry_print(&t, l->kind, l->key);
    return text_view(&t);
}

static void build_reply(struct verdict *v, const struct decision_listing *l, enum outcome outcome)
{
    char entry[1024], date[11];
    const struct reply_words words = {
        .recipient = v->recipient.canonical,
        .list = l->list,
        .entry = print_entry(l, entry, sizeof entry),
        .date = view_of(clock_date_text(l->date, date)),
        .contact = view_of(v->rules->contact),
        .ref = view_of(v->ref),
    };
    reply_build(l->reply, outcome, &words, v->action);
}

static void log_listing(struct verdict *v, const struct question *q, const char *label,
                        const struct decision_listing *l)
{
    char line[LOG_LINE_BYTES], entry[1024];
    struct text t = text_on(line, sizeof line);
    const struct log_words words = {
        .label = label,
        .ref = view_of(v->ref),
        .recipient = q->recipient,
        .sender = q->sender,
        .sasl_username = q->sasl_username,
        .client = q->client_address,
        .queue_id = q->queue_id,
        .instance = q->instance,
        .list = l->list,
        .entry = print_entry(l, entry, sizeof entry),
        .action = view_of(v->action),
    };
    decision_log_line(&t, &words);
    log_line(text_view(&t));
}

/* Gives the reference; true when this is the first time within a minute. */
static bool refer(struct verdict *v, const struct question *q, const struct decision_listing *l)
{
    bool is_new;
    record_reference(v->record, q->instance, v->recipient.canonical, l->list, clock_mono_ms(),
                     v->ref, &is_new);
    if (!is_new)
        record_counts(v->record)->repeated++;
    return is_new;
}

/* What Postfix is told unless it is refused. */
static void pass(struct verdict *v)
{
    strcpy(v->action, "DUNNO");
    v->ref[0] = '\0';
}

/* A list holds it and it passes all the same: said, so that nobody has to guess (rule 7). */
static void record_pass(struct verdict *v, const struct question *q, const struct decision *d)
{
    struct record_counts *counts = record_counts(v->record);
    const struct decision_listing *freed = NULL;

    for (unsigned i = 0; i < v->n_listings && freed == NULL; i++)
        if (v->listings[i].excluded)
            freed = &v->listings[i];
    if (v->recipient.state != ADDRESS_OK)
        counts->unparsed++;
    else if (v->n_listings > 0 && (v->match.whole != NULL || freed != NULL))
        counts->excluded++;
    else if (d->observed_by == NULL)
        counts->passed++;
    if (v->match.whole != NULL)
        return;
    if (d->observed_by != NULL && refer(v, q, d->observed_by)) {
        counts->observed++;
        build_reply(v, d->observed_by, OUTCOME_REJECT);
        log_listing(v, q, "observe", d->observed_by);
    } else if (d->observed_by == NULL && freed != NULL && refer(v, q, freed)) {
        build_reply(v, freed, OUTCOME_REJECT);
        log_listing(v, q, "excluded", freed);
    }
    pass(v);
}

static void record_refusal(struct verdict *v, const struct question *q, const struct decision *d)
{
    struct record_counts *counts = record_counts(v->record);
    bool is_new = refer(v, q, d->decided_by);

    build_reply(v, d->decided_by, d->outcome);
    if (is_new) {
        if (d->observed)
            counts->observed++;
        else if (d->outcome == OUTCOME_DEFER)
            counts->deferred++;
        else
            counts->rejected++;
        log_listing(v, q, d->observed ? "observe" : "reject", d->decided_by);
    }
    if (d->observed)
        pass(v);
}

static void conclude(struct verdict *v, const struct question *q, const struct decision *d)
{
    pass(v);
    if (q->look_only) {
        if (d->decided_by != NULL && !d->observed) {
            strcpy(v->ref, "-");
            build_reply(v, d->decided_by, d->outcome);
            v->ref[0] = '\0';
        }
        return;
    }
    if (d->outcome == OUTCOME_PASS)
        record_pass(v, q, d);
    else
        record_refusal(v, q, d);
}

void verdict_ask(struct verdict *v, const struct question *q, verdict_done *done, void *arg)
{
    int64_t now = clock_now();
    struct decision decision;

    v->n_listings = 0;
    address_parse(q->recipient, &v->rules->addresses, &v->recipient);
    match_exclusions(v, q, now);
    look_up(v, now);

    const struct evidence evidence = {
        .mode = v->rules->mode,
        .parsed = v->recipient.state == ADDRESS_OK,
        .excluded = v->match.whole != NULL,
        .listings = v->listings,
        .n_listings = v->n_listings,
    };
    decision_make(&evidence, &decision);
    conclude(v, q, &decision);

    const struct answer answer = {
        .action = v->action,
        .decision = decision,
        .address = &v->recipient,
        .exclusion = v->match.whole,
        .partial = v->match.partial,
        .n_partial = v->match.n_partial,
        .listings = v->listings,
        .n_listings = v->n_listings,
        .ref = v->ref,
        .mode = v->rules->mode,
    };
    done(&answer, arg);
}
