/*
 * The way of one question: parse, exclusions, blocklist, DNS zones, decision, reply, record. All of
 * it is memory and computation; nothing on this way allocates or waits, and the one lock is that of
 * the log, held for the copy of a refusal's line. One that has to wait for a zone leaves the way
 * before anything was recorded (wait.c).
 */
#include "lookup.h"

#include <stdlib.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

#define ENTRY_SHOWN 1024

struct verdict *verdict_new(struct record *record, struct dnsbl *dnsbl)
{
    struct verdict *v = calloc(1, sizeof *v);

    if (v != NULL) {
        v->record = record;
        v->dnsbl = dnsbl;
    }
    return v;
}

void verdict_free(struct verdict *v)
{
    if (v == NULL)
        return;
    while (v->waits != NULL)
        verdict_forget(v->waits);
    blocklist_free(v->blocklist);
    local_table_free(v->exclusions);
    local_table_free(v->blocks);
    local_table_free(v->shared_exclusions);
    local_table_free(v->shared_blocks);
    free(v->lists);
    free(v);
}

void verdict_set_rules(struct verdict *v, const struct verdict_rules *rules)
{
    v->rules = rules;
    lookup_rules(v);
    counts_rules(v);
}

struct blocklist *verdict_set_blocklist(struct verdict *v, struct blocklist *bl)
{
    struct blocklist *old = v->blocklist;
    v->blocklist = bl;
    lookup_rules(v);
    return old;
}

static struct local_table *set(struct local_table **at, struct local_table *table)
{
    struct local_table *old = *at;
    *at = table;
    return old;
}

struct local_table *verdict_set_exclusions(struct verdict *v, struct local_table *table)
{
    return set(&v->exclusions, table);
}

struct local_table *verdict_set_blocks(struct verdict *v, struct local_table *blocks)
{
    return set(&v->blocks, blocks);
}

struct local_table *verdict_set_shared(struct verdict *v, enum local_kind kind,
                                       struct local_table *table)
{
    return set(kind == LOCAL_BLOCKS ? &v->shared_blocks : &v->shared_exclusions, table);
}

const struct blocklist *verdict_blocklist(const struct verdict *v)
{
    return v->blocklist;
}

const struct local_table *verdict_exclusions(const struct verdict *v)
{
    return v->exclusions;
}

const struct local_table *verdict_blocks(const struct verdict *v)
{
    return v->blocks;
}

const struct local_table *verdict_shared(const struct verdict *v, enum local_kind kind)
{
    return kind == LOCAL_BLOCKS ? v->shared_blocks : v->shared_exclusions;
}

const struct histogram *verdict_latency(const struct verdict *v, enum verdict_way way)
{
    return &v->latency[way];
}

static void match_exclusions(struct verdict *v, const struct question *q, int64_t now)
{
    const struct address *sender = NULL;

    v->match.whole = NULL;
    v->match.n_partial = 0;
    bool wanted =
        local_table_wants_sender(v->exclusions) || local_table_wants_sender(v->shared_exclusions);
    if (q->sender.len > 0 && wanted &&
        address_parse(q->sender, &v->rules->addresses, &v->sender) == ADDRESS_OK)
        sender = &v->sender;
    local_table_match(v->exclusions, &v->recipient, sender, q->sender.len == 0, q->sasl_username,
                      now, &v->match);
    local_table_match(v->shared_exclusions, &v->recipient, sender, q->sender.len == 0,
                      q->sasl_username, now, &v->match);
}

static struct view print_entry(const struct decision_listing *l, char *dst, size_t size)
{
    struct text t = text_on(dst, size);
    entry_print(&t, l->kind, l->key);
    return text_view(&t);
}

static void build_reply(struct verdict *v, const struct decision_listing *l, enum outcome outcome)
{
    char entry[ENTRY_SHOWN], date[11];
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

/* Of a DNS zone: what it answered, and since when; it may have changed its mind tomorrow. */
static struct view evidence_of(struct verdict *v, const struct decision_listing *l)
{
    struct text t = text_on(v->evidence, sizeof v->evidence);
    char time[21];

    if (l->said[0] != '\0')
        text_addf(&t, "%s since %s", l->said, clock_time_text(l->since, time));
    return text_view(&t);
}

/* What is kept and told of a decision. L: the listing that it speaks of, or NULL; its entry is
 * printed into ENTRY. */
static struct record_decision describe(struct verdict *v, const struct question *q,
                                       const char *label, const struct decision_listing *l,
                                       char entry[ENTRY_SHOWN])
{
    bool parsed = v->recipient.state == ADDRESS_OK;

    return (struct record_decision){
        .time = clock_now(),
        .label = label,
        .ref = view_of(v->ref),
        .recipient = q->recipient,
        .sender = q->sender,
        .sasl_username = q->sasl_username,
        .client = q->client_address,
        .queue_id = q->queue_id,
        .instance = q->instance,
        .canonical = parsed ? v->recipient.canonical : VIEW_NONE,
        .domain = parsed ? v->recipient.domain : VIEW_NONE,
        .list = l == NULL ? VIEW_NONE : l->list,
        .entry = l == NULL ? VIEW_NONE : print_entry(l, entry, ENTRY_SHOWN),
        .date = l == NULL ? 0 : l->date,
        .action = view_of(v->action),
        .evidence = l == NULL ? VIEW_NONE : evidence_of(v, l),
    };
}

_Static_assert(RECORD_JOURNAL_BYTES <= LOG_FIELDS_BYTES, "the log takes them whole");

static void log_decision(const char *label, const struct record_decision *d)
{
    char line[LOG_LINE_BYTES], fields[LOG_FIELDS_BYTES + 1];
    struct text t = text_on(line, sizeof line), f = text_on(fields, sizeof fields);
    const struct log_words words = {
        .evidence = d->evidence,
        .label = label,
        .ref = d->ref,
        .recipient = d->recipient,
        .sender = d->sender,
        .sasl_username = d->sasl_username,
        .client = d->client,
        .queue_id = d->queue_id,
        .instance = d->instance,
        .list = d->list,
        .entry = d->entry,
        .action = d->action,
    };
    decision_log_line(&t, &words);
    if (log_takes_fields())
        record_journal_fields(&f, d);
    log_line(text_view(&t), text_view(&f));
}

/* Logs, keeps and tells a refusal; the log calls a deferral a refusal too (rule 28). */
static void record_refused(struct verdict *v, const struct question *q, const char *label,
                           const struct decision_listing *l)
{
    char entry[ENTRY_SHOWN];
    const struct record_decision d = describe(v, q, label, l, entry);

    log_decision(strcmp(label, "defer") == 0 ? "reject" : label, &d);
    record_decide(v->record, &d);
}

/*
 * Gives the reference of what LIST says; true when this is the first time within a minute. Postfix
 * gives each message an instance; to others, who do not, the sender and who he is are one.
 */
static bool refer_to(struct verdict *v, const struct question *q, struct view list)
{
    char memory[LOG_LINE_BYTES];
    struct text who = text_on(memory, sizeof memory);
    bool is_new;

    if (q->instance.len == 0) {
        text_add_view(&who, q->sender);
        text_add(&who, " ");
        text_add_view(&who, q->sasl_username);
        text_add(&who, " ");
        text_add_view(&who, q->client_address);
    }
    record_reference(v->record, q->instance.len == 0 ? text_view(&who) : q->instance,
                     v->recipient.canonical, list, clock_mono_ms(), v->ref, &is_new);
    return is_new;
}

static bool refer(struct verdict *v, const struct question *q, const struct decision_listing *l)
{
    bool is_new = refer_to(v, q, l->list);

    if (!is_new)
        record_counts(v->record)->repeated++;
    return is_new;
}

/* The first time within a minute. Nothing is kept of a pass and it has no reference: the one that
 * is given here for that must not be that of a bounce a moment later, when the exclusion has gone.
 */
static bool is_new_pass(struct verdict *v, const struct question *q,
                        const struct decision_listing *l)
{
    char name[BLOCKLIST_NAME_MAX + 16];
    struct text t = text_on(name, sizeof name);

    text_add(&t, "excluded:");
    text_add_view(&t, l->list);
    return refer_to(v, q, text_view(&t));
}

/* What Postfix is told unless it is refused. */
static void pass(struct verdict *v)
{
    strcpy(v->action, "DUNNO");
    v->ref[0] = '\0';
}

/* A list holds it and it passes all the same: said, so that nobody has to guess (rule 7). True:
 * those who watch were told. */
static bool record_listed_pass(struct verdict *v, const struct question *q,
                               const struct decision *d)
{
    struct record_counts *counts = record_counts(v->record);

    if (v->match.whole != NULL)
        return false;
    if (d->observed_by != NULL && refer(v, q, d->observed_by)) {
        counts->observed++;
        counts_of(v, d->observed_by)->observed++;
        build_reply(v, d->observed_by, OUTCOME_REJECT);
        record_refused(v, q, "observe", d->observed_by);
    } else if (d->observed_by == NULL && d->overruled != NULL && is_new_pass(v, q, d->overruled)) {
        char entry[ENTRY_SHOWN];
        pass(v);
        const struct record_decision passed = describe(v, q, "excluded", d->overruled, entry);
        log_decision("excluded", &passed);
    }
    return d->observed_by != NULL;
}

static void record_pass(struct verdict *v, const struct question *q, const struct decision *d)
{
    struct record_counts *counts = record_counts(v->record);
    const struct decision_listing *freed = d->overruled;

    if (v->recipient.state != ADDRESS_OK) {
        counts->unparsed++;
    } else if (d->observed_by == NULL && freed != NULL) {
        counts->excluded++;
        counts_of(v, freed)->excluded++;
    } else if (d->observed_by == NULL) {
        counts->passed++;
    }
    bool told = record_listed_pass(v, q, d);
    pass(v);
    if (told || !record_wants_passes(v->record))
        return;
    char entry[ENTRY_SHOWN];
    const struct record_decision passed =
        describe(v, q, freed == NULL ? "pass" : "excluded", freed, entry);
    record_decide(v->record, &passed);
}

static void count_refusal(struct verdict *v, const struct decision *d)
{
    struct record_counts *counts = record_counts(v->record);
    struct verdict_list_counts *list = counts_of(v, d->decided_by);

    if (d->observed)
        counts->observed++, list->observed++;
    else if (d->outcome == OUTCOME_DEFER)
        counts->deferred++, list->deferred++;
    else
        counts->rejected++, list->rejected++;
}

static void record_refusal(struct verdict *v, const struct question *q, const struct decision *d)
{
    bool is_new = refer(v, q, d->decided_by);

    build_reply(v, d->decided_by, d->outcome);
    if (is_new) {
        count_refusal(v, d);
        record_refused(v, q, d->observed ? "observe" : outcome_text(d->outcome), d->decided_by);
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

static void make_decision(const struct verdict *v, struct decision *out)
{
    const struct evidence evidence = {
        .mode = v->rules->mode,
        .parsed = v->recipient.state == ADDRESS_OK,
        .excluded = v->match.whole != NULL,
        .listings = v->listings,
        .n_listings = v->n_listings,
    };
    decision_make(&evidence, out);
}

static void give_answer(struct verdict *v, const struct decision *decision, verdict_done *done,
                        void *arg)
{
    const struct answer answer = {
        .action = v->action,
        .decision = *decision,
        .address = &v->recipient,
        .exclusion = v->match.whole,
        .partial = v->match.partial,
        .n_partial = v->match.n_partial,
        .listings = v->listings,
        .n_listings = v->n_listings,
        .block = v->block,
        .exceptions = v->exceptions,
        .n_exceptions = v->n_exceptions,
        .idle = v->idle,
        .zones = v->zones_asked ? &v->zones : NULL,
        .ref = v->ref,
        .mode = v->rules->mode,
    };
    done(&answer, arg);
}

/* Nothing in memory refuses it, and nobody said that it passes. */
static bool is_open(const struct verdict *v, const struct decision *decision)
{
    return v->rules->n_zones > 0 && decision->outcome == OUTCOME_PASS && v->match.whole == NULL &&
           v->recipient.state == ADDRESS_OK;
}

bool verdict_try(struct verdict *v, const struct question *q, int64_t since_ns,
                 struct dnsbl_wait *w, verdict_done *done, void *arg)
{
    int64_t now = clock_now();
    struct decision decision;

    v->zones_asked = false;
    address_parse(q->recipient, &v->rules->addresses, &v->recipient);
    look_up_expect(v);
    match_exclusions(v, q, now);
    look_up(v, q->recipient, now);
    make_decision(v, &decision);
    if (is_open(v, &decision)) {
        if (look_up_zones(v, q, since_ns / CLOCK_NS_A_MS, w))
            return true;
        make_decision(v, &decision);
    }
    conclude(v, q, &decision);
    if (!q->look_only)
        histogram_add(&v->latency[w == NULL ? VERDICT_AT_ONCE : VERDICT_WAITED],
                      clock_mono_ns() - since_ns);
    give_answer(v, &decision, done, arg);
    return false;
}
