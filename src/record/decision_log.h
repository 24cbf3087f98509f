/*
 * The log of decisions: lines go from the loop through a ring to a thread of its own, which writes
 * them. Called by the loop; see record_log_to for what it promises.
 */
#ifndef RECORD_DECISION_LOG_H
#define RECORD_DECISION_LOG_H

#include "rcptguard/record.h"

struct decision_log;

/* Starts its thread, with no file yet. NULL with *why. */
struct decision_log *decision_log_new(struct error *why);

/* FILE is copied; NULL: none. ERR_NOMEM: nothing was changed. */
int decision_log_to(struct decision_log *l, const char *file);

void decision_log_add(struct decision_log *l, const struct record_decision *d);
void decision_log_reopen(struct decision_log *l);
void decision_log_look(const struct decision_log *l, struct record_log *look); /* not PASSES */

/* Writes what the file takes, for a second at most, and ends the thread. Nothing is added then. */
void decision_log_stop(struct decision_log *l);
void decision_log_free(struct decision_log *l); /* after the stop; NULL is fine */

#endif
