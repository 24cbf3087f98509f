/*
 * Reading the stream of events, a page at a time. events_read.c has the page, events_follow.c who
 * sees refusals as they come, events_ask.c one reference and the count of a day. Fleet thread, but
 * for what fleet.h offers to the loop.
 */
#ifndef FLEET_EVENTS_READ_H
#define FLEET_EVENTS_READ_H

#include "events.h"

struct page {
    struct redisReply *reply; /* the caller's, whatever became of the call */
    size_t n, at;             /* entries, and the next of them */
    bool is_last;
};

/* ---- events_read.c */

/* At most MOST entries by COMMAND, XRANGE or XREVRANGE. Codes as of redis_run. */
int page_read(struct events *e, struct redis *redis, const char *command, const char *from,
              const char *to, unsigned most, struct page *p, struct error *why);

/* From ID on. */
int page_read_on(struct events *e, struct redis *redis, struct event_id id, struct page *p,
                 struct error *why);

/* The next entry, borrowed from the page; false: it was the last, or Redis answers garbage. */
bool page_next(struct page *p, struct event_id *id, struct view *text);

/* The caller's (free). NULL: it is not believed, or there is no memory. What is not believed is
 * counted, once though it be read again: up to ID, when it was opened, all have been seen. */
struct event *events_open_entry(struct events *e, struct event_id id, struct view text);
void events_have_seen(struct events *e, struct event_id id);

/* To the loop. False: nobody is there any more. */
bool events_post(struct events *e, struct task *task);

/* ---- events_follow.c: one turn, and when the next is due (mono; INT64_MAX: nobody follows) */

int follow_turn(struct events *e, struct redis *redis, struct error *why);
int64_t follow_due(const struct events *e);

/* ---- events_ask.c: one page for the first who waits; REDIS may be NULL: none then */

int ask_turn(struct events *e, struct redis *redis, struct error *why);

#endif
