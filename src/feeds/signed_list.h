/*
 * A list with `pubkey =`: when it came, its signature is fetched or read from beside it (".sig"),
 * and only what it signs goes on. What does not is FETCH_UNSIGNED; when the signature could not be
 * asked for, FETCH_FAILED. Worker thread.
 */
#ifndef FEEDS_SIGNED_LIST_H
#define FEEDS_SIGNED_LIST_H

#include "feed.h"

bool signed_list_is(const struct feed *f);

/* S has its list in s->result: asks for the signature, by s->fetch; s->arrived is set when it was
 * checked, or cannot be. */
void signed_list_ask(struct feed_source *s);

/* The same where the signature is here already, and so is the answer when it returns. */
void signed_list_check(struct feed_source *s, struct view signature);

/* The same of a list that was read from PATH; s->arrived when it returns. */
void signed_list_read(struct feed_source *s, const char *path);

#endif
