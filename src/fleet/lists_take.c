/* A list that another relay fetched: its chunks, one after the other, some a step. */
#include "lists_parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"

void lists_take_begin(struct feeds_share_look *look)
{
    blob_taker_free(look->taker);
    look->taker = blob_taker_new(&look->pointer, look->order.take, look->order.arg);
    look->next_chunk = 0;
    look->phase = look->taker == NULL ? LOOK_ENDED : LOOK_TAKES;
}

/* Not for news: it is fetched instead, by one of those who found out, and put there anew. */
static enum feeds_share_answer is_bad(struct feeds_share_look *look,
                                      struct feeds_share_found *found, const struct error *why)
{
    bool news = look->order.wish == FEEDS_SHARE_NEWS;

    atomic_fetch_add(&look->lists->counts.bad, 1);
    log_warning("fleet", "list %s of relay %s cannot be taken: %s; %s", look->feed, look->relay,
                why->text, news ? "what is here stays" : "it is fetched");
    look->bad = true;
    look->bad_mark = look->mark;
    look->phase = news ? LOOK_ENDED : LOOK_ASKS;
    found->mark = look->mark;
    return news ? FEEDS_SHARE_NOTHING : FEEDS_SHARE_MORE;
}

static enum feeds_share_answer is_whole(struct feeds_share_look *look,
                                        struct feeds_share_found *found)
{
    atomic_fetch_add(&look->lists->counts.taken, 1);
    log_info("fleet", "list %s comes from relay %s", look->feed, look->relay);
    look->phase = LOOK_ENDED;
    lists_tell_found(look, found);
    return FEEDS_SHARE_BODY;
}

/* 0, ERR_DAMAGED; or what became of the call. */
static int take_chunk(struct feeds_share_look *look, struct error *why)
{
    struct redisReply *reply = NULL;
    struct view bytes;
    int rc = chunk_get(look, look->next_chunk, &reply, &bytes, why);

    if (rc == 0) {
        look->next_chunk++;
        rc = bytes.len == 0 ? error_set(why, ERR_DAMAGED, "a part of it is not in Redis any more")
                            : blob_taker_chunk(look->taker, bytes, why);
        redis_reply_free(reply);
    } else if (rc == ERR_REFUSED) {
        rc = ERR_DAMAGED; /* something else stands there */
    } else if (!lists_went_well(look->lists, rc, why)) {
        rc = ERR_TIMEOUT;
    }
    return rc;
}

enum feeds_share_answer lists_take(struct feeds_share_look *look, struct feeds_share_found *found)
{
    size_t chunks = list_pointer_chunks(&look->pointer);
    int64_t until = clock_mono_ms() + LISTS_SLICE_MS;
    struct error why;
    int rc = 0;

    if (!lists_ready(look))
        return FEEDS_SHARE_NOTHING;
    while (rc == 0 && look->next_chunk < chunks && clock_mono_ms() < until)
        rc = take_chunk(look, &why);
    if (rc == 0 && look->next_chunk < chunks)
        return FEEDS_SHARE_MORE;
    if (rc == 0)
        rc = blob_taker_end(look->taker, &why);
    if (rc == ERR_DAMAGED)
        return is_bad(look, found, &why);
    return rc == 0 ? is_whole(look, found) : FEEDS_SHARE_NOTHING;
}
