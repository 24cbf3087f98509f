/*
 * The rooms behind the admin API, made of cardboard: the same doors, answers as a test wants them,
 * and at the moment it wants them. Included once by a test, in place of the real rooms.
 */
#ifndef FAKE_HOUSE_H
#define FAKE_HOUSE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rcptguard/admin.h"

#define FAKE_WAITING 64

struct feeds_request {
    feeds_done *done;
    void *arg;
};

static struct {
    struct feed_status feeds[1000];
    size_t n_feeds;
    struct feeds_request waiting[FAKE_WAITING]; /* done NULL: none */
    size_t n_waiting, forgotten;
    const char *asked; /* what the last request was for */
    size_t n_exclusions;
    const struct local_error *errors;
    size_t n_errors;
    const struct answer *answer;
    bool later; /* verdict_ask waits */
    verdict_done *done;
    void *done_arg;
    char asked_sender[64];
    struct record_counts counts;
} fake;

const struct feed_status *feeds_status(const struct feeds *f, size_t i)
{
    (void)f;
    return i < fake.n_feeds ? &fake.feeds[i] : NULL;
}

const struct feed_status *feeds_status_of(const struct feeds *f, struct view name)
{
    (void)f;
    for (size_t i = 0; i < fake.n_feeds; i++)
        if (view_is(name, fake.feeds[i].name))
            return &fake.feeds[i];
    return NULL;
}

const char *feed_state_text(enum feed_state state)
{
    static const char *const words[] = {"never", "accepted", "unchanged",
                                        "held",  "refused",  "failed"};
    return words[state];
}

struct feeds_request *feeds_refresh(struct feeds *f, struct view name, feeds_done *done, void *arg)
{
    (void)f, (void)name;
    if (fake.n_waiting == FAKE_WAITING)
        return NULL;
    struct feeds_request *r = &fake.waiting[fake.n_waiting++];
    *r = (struct feeds_request){done, arg};
    fake.asked = "refresh";
    return r;
}

struct feeds_request *feeds_accept(struct feeds *f, struct view name, feeds_done *done, void *arg)
{
    struct feeds_request *r = feeds_refresh(f, name, done, arg);
    fake.asked = "accept";
    return r;
}

struct feeds_request *feeds_rollback(struct feeds *f, struct view name, feeds_done *done, void *arg)
{
    struct feeds_request *r = feeds_refresh(f, name, done, arg);
    fake.asked = "rollback";
    return r;
}

void feeds_forget(struct feeds_request *r)
{
    r->done = NULL;
    fake.forgotten++;
}

/* Ends every request that waits. */
static inline void fake_finish(enum feeds_result result)
{
    for (size_t i = 0; i < fake.n_waiting; i++)
        if (fake.waiting[i].done != NULL)
            fake.waiting[i].done(result, fake.waiting[i].arg);
    fake.n_waiting = 0;
}

static inline void fake_feed(const char *name, enum feed_state state)
{
    struct feed_status *feed = &fake.feeds[fake.n_feeds++];

    *feed = (struct feed_status){
        .state = state, .accepted_at = 87400, .last_success = 87400, .entries = 7, .active = 5};
    snprintf(feed->name, sizeof feed->name, "%s", name);
}

size_t local_table_count(const struct local_table *ex)
{
    (void)ex;
    return fake.n_exclusions;
}

size_t local_table_left_out(const struct local_table *ex)
{
    size_t left_out = 0;

    (void)ex;
    for (size_t i = 0; i < fake.n_errors; i++)
        left_out += !fake.errors[i].warning;
    return left_out;
}

size_t local_table_errors(const struct local_table *ex)
{
    (void)ex;
    return fake.n_errors;
}

const struct local_error *local_table_error_at(const struct local_table *ex, size_t i)
{
    (void)ex;
    return i < fake.n_errors ? &fake.errors[i] : NULL;
}

bool local_line_frees(const struct local_line *e, struct view list)
{
    return view_eq(e->lists, list);
}

void verdict_ask(struct verdict *v, const struct question *q, verdict_done *done, void *arg)
{
    (void)v;
    snprintf(fake.asked_sender, sizeof fake.asked_sender, "%.*s", (int)q->sender.len,
             q->sender.len == 0 ? "" : q->sender.ptr);
    if (fake.later) {
        fake.done = done;
        fake.done_arg = arg;
    } else {
        done(fake.answer, arg);
    }
}

const struct blocklist *verdict_blocklist(const struct verdict *v)
{
    (void)v;
    return NULL;
}

const struct local_table *verdict_exclusions(const struct verdict *v)
{
    (void)v;
    return (const struct local_table *)&fake;
}

struct record_counts *record_counts(struct record *r)
{
    (void)r;
    return &fake.counts;
}

size_t policy_clients(const struct policy *p)
{
    (void)p;
    return 3;
}

#endif
