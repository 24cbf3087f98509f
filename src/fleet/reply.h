/* Answers of Redis as this room reads them: from a stranger, so each says whether it is what was
 * asked for. All is borrowed from the answer. */
#ifndef FLEET_REPLY_H
#define FLEET_REPLY_H

#include "redis.h"

/* The i-th of an array; NULL: there is none. */
const struct redisReply *reply_element(const struct redisReply *reply, size_t i);

/* Of a hash: how many names with their values there are, and one of them. */
size_t reply_pairs(const struct redisReply *reply);
bool reply_pair(const struct redisReply *reply, size_t i, struct view *name, struct view *value);

/* What was published, of a message on a channel. */
bool reply_published(const struct redisReply *reply, struct view *text);

#endif
