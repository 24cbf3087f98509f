/*
 * Answers that are ready wait for the end of the loop's turn, behind what else was ready, and go
 * together (sends.h). Loop thread only.
 */
#ifndef POLICY_TURN_H
#define POLICY_TURN_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "sends.h"

struct client;
struct policy;

struct turn {
    struct sends sends;
    struct event end;
    struct client *clients[SENDS_MAX]; /* each with a whole answer of which nothing was sent */
    size_t n;
};

/* P has its event base, and no clients yet. */
void turn_open(struct policy *p);

/* P has no clients any more. */
void turn_close(struct policy *p);

/* C has an answer; it is sent at the end of the turn. May close others, never C. */
void turn_add(struct client *c);

/* C is about to be closed. */
void turn_remove(struct client *c);

/* Sends what there is, now. */
void turn_end(struct policy *p);

#endif
