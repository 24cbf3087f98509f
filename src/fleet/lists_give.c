/* What this relay fetched for all: its chunks, then the pointer; or that the server did not answer.
 */
#include <inttypes.h>

#include "lists_parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/log.h"

/* Who reads the blob before has so long to finish. */
#define OLD_BLOB_MS 60000

static enum feeds_share_answer ends(struct feeds_share_look *look)
{
    look->phase = LOOK_ENDED;
    return FEEDS_SHARE_NOTHING;
}

/* RC of a call that puts something: false: it did not, and what was begun is taken back. */
static bool was_taken(struct feeds_share_look *look, int rc, const struct error *why)
{
    if (rc == ERR_REFUSED)
        lists_not_taken(look->lists, why);
    else if (rc < 0)
        lists_went_well(look->lists, rc, why);
    return rc >= 0;
}

/* ---- that it failed ------------------------------------------------------------------------- */

static enum feeds_share_answer give_failure(struct feeds_share_look *look)
{
    struct buf body = BUF_INIT(1024), text = BUF_INIT(POINTER_MAX);
    char words[sizeof look->gift.why];
    struct text shown = text_on(words, sizeof words);
    struct error why;

    escape_to_max(&shown, view_of(look->gift.why), ESCAPE_TERMINAL, sizeof words);
    buf_addf(&body, "%" PRId64 " %s", lists_now_ms(look), words);
    const struct sealed sealed = {KIND_FAILED, view_of(look->id), view_of(look->lists->relay),
                                  (uint64_t)look->fence, buf_view(&body)};
    if (seal_make(&look->lists->key, &sealed, &text) == 0 &&
        was_taken(look, lease_fail(look, buf_view(&text), &why), &why))
        look->leads = false; /* given back with it */
    buf_free(&body);
    buf_free(&text);
    return ends(look);
}

/* ---- the pointer ---------------------------------------------------------------------------- */

static int64_t keep_ms(const struct feeds_share_look *look)
{
    return lists_keep_ms(look, look->gift.pointer.expires_s);
}

static void forget_old(struct feeds_share_look *look)
{
    struct error why;

    if (!look->known || strcmp(look->pointer.blob, look->gift.pointer.blob) == 0)
        return;
    int rc = chunks_keep(look, look->pointer.blob, list_pointer_chunks(&look->pointer), OLD_BLOB_MS,
                         &why);
    if (rc < 0 && rc != ERR_REFUSED)
        lists_went_well(look->lists, rc, &why);
}

static void is_given(struct feeds_share_look *look)
{
    look->leads = false; /* the lease went with the flip */
    look->gift.chunks = 0;
    atomic_fetch_add(&look->lists->counts.put, 1);
    lists_taken(look->lists);
    forget_old(look);
}

static enum feeds_share_answer flip(struct feeds_share_look *look)
{
    struct buf body = BUF_INIT(POINTER_MAX), text = BUF_INIT(POINTER_MAX);
    struct error why;
    int rc = list_pointer_make(&look->gift.pointer, &body);
    const struct sealed sealed = {KIND_LIST, view_of(look->id), view_of(look->lists->relay),
                                  (uint64_t)look->fence, buf_view(&body)};

    if (rc == 0)
        rc = seal_make(&look->lists->key, &sealed, &text);
    if (rc == 0) {
        rc = lease_flip(look, buf_view(&text), keep_ms(look), &why);
        if (was_taken(look, rc, &why) && rc > 0)
            is_given(look);
        else if (rc == 0)
            log_info("fleet", "list %s: another relay fetched it meanwhile", look->feed);
    }
    buf_free(&body);
    buf_free(&text);
    return ends(look);
}

/* ---- the bytes ------------------------------------------------------------------------------ */

/* Are they there already, under another time? */
static bool keeps_blob(struct feeds_share_look *look)
{
    const struct list_pointer *old = &look->pointer;
    struct list_pointer *p = &look->gift.pointer;
    struct error why;

    if (!look->known || look->bad || memcmp(old->sha256, p->sha256, SHA256_BYTES) != 0)
        return false;
    int rc = chunks_keep(look, old->blob, list_pointer_chunks(old), keep_ms(look), &why);
    if (rc < 0)
        lists_went_well(look->lists, rc, &why);
    if (rc <= 0)
        return false;
    p->packed = old->packed;
    p->deflated = old->deflated;
    memcpy(p->blob, old->blob, sizeof p->blob);
    if (p->signature_len == 0) {
        memcpy(p->signature, old->signature, old->signature_len);
        p->signature_len = old->signature_len;
    }
    return true;
}

static enum feeds_share_answer begin_giving(struct feeds_share_look *look)
{
    struct gift *g = &look->gift;

    g->begun = true;
    if (keeps_blob(look))
        return flip(look);
    if (g->renew_only)
        return ends(look);
    if (g->pointer.bytes > LIST_MAX_BYTES) {
        log_info("fleet", "list %s is too big to be shared", look->feed);
        return ends(look);
    }
    g->maker = blob_maker_new(!g->packed, g->next, g->from);
    return g->maker == NULL ? ends(look) : FEEDS_SHARE_MORE;
}

/* 1: one more is there; 0: that was all; negative: it ends here. */
static int give_chunk(struct feeds_share_look *look)
{
    struct gift *g = &look->gift;
    struct view chunk;
    struct error why;

    int rc = blob_maker_chunk(g->maker, &chunk, &why);
    if (rc < 0)
        log_warning("fleet", "list %s is not shared: %s", look->feed, why.text);
    if (rc <= 0)
        return rc;
    g->chunks++; /* also when nobody knows whether it arrived */
    rc = chunk_put(look, g->chunks - 1, chunk, keep_ms(look), &why);
    if (!was_taken(look, rc, &why)) {
        g->chunks -= rc == ERR_REFUSED;
        return rc;
    }
    g->pointer.packed += chunk.len;
    return 1;
}

enum feeds_share_answer lists_give(struct feeds_share_look *look)
{
    int64_t until = clock_mono_ms() + LISTS_SLICE_MS;
    int rc = 1;

    if (!lists_hold_lease(look))
        return ends(look);
    if (!look->gift.ok)
        return give_failure(look);
    if (!look->gift.begun)
        return begin_giving(look);
    while (rc == 1 && clock_mono_ms() < until)
        rc = give_chunk(look);
    if (rc < 0)
        return ends(look);
    return rc == 1 ? FEEDS_SHARE_MORE : flip(look);
}
