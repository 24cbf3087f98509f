/* Answers of Redis: see reply.h. RESP2, so there are arrays, and no maps. */
#include "reply.h"

#include <hiredis.h>

static bool is_array(const struct redisReply *reply)
{
    return reply != NULL && reply->element != NULL && reply->type == REDIS_REPLY_ARRAY;
}

const struct redisReply *reply_element(const struct redisReply *reply, size_t i)
{
    return is_array(reply) && i < reply->elements ? reply->element[i] : NULL;
}

size_t reply_pairs(const struct redisReply *reply)
{
    return is_array(reply) ? reply->elements / 2 : 0;
}

bool reply_pair(const struct redisReply *reply, size_t i, struct view *name, struct view *value)
{
    return redis_text(reply_element(reply, 2 * i), name) &&
           redis_text(reply_element(reply, 2 * i + 1), value);
}

bool reply_published(const struct redisReply *reply, struct view *text)
{
    struct view word;

    return redis_text(reply_element(reply, 0), &word) && view_is(word, "message") &&
           redis_text(reply_element(reply, 2), text);
}
