/* What lists added and dropped: the door, and what a swap appends. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "history_parts.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"

static int open_all(struct history *h, const struct history_config *config, struct error *why)
{
    if (asprintf(&h->dir, "%s/history", config->state_dir) < 0)
        h->dir = NULL;
    h->slice = malloc(HISTORY_SEGMENT_MAX);
    if (h->dir == NULL || h->slice == NULL)
        return error_set(why, ERR_NOMEM, "no memory for the history");
    int rc = file_make_dir(config->state_dir, 0750, why);
    if (rc == 0)
        rc = file_make_dir(h->dir, 0750, why);
    if (rc == 0)
        rc = history_secret(h->dir, &h->secret, why);
    if (rc == 0 && (h->journal = history_journal_open(h->dir, why)) == NULL)
        rc = ERR_IO;
    if (rc == 0)
        history_journal_bound(h->journal, clock_now() - config->keep_s, config->max_bytes);
    return rc;
}

struct history *history_new(const struct history_config *config, struct error *why)
{
    struct history *h = calloc(1, sizeof *h);

    if (h == NULL) {
        error_set(why, ERR_NOMEM, "no memory for the history");
        return NULL;
    }
    atomic_init(&h->stopped, false);
    pthread_mutex_init(&h->writing, NULL);
    pthread_mutex_init(&h->notes.lock, NULL);
    history_configure(h, config->keep_s, config->max_bytes);
    if (open_all(h, config, why) < 0) {
        history_free(h);
        return NULL;
    }
    return h;
}

void history_configure(struct history *h, int64_t keep_s, uint64_t max_bytes)
{
    if (h == NULL)
        return;
    atomic_store(&h->keep_s, keep_s);
    atomic_store(&h->max_bytes, max_bytes);
}

void history_stop(struct history *h)
{
    if (h != NULL)
        atomic_store(&h->stopped, true);
}

void history_free(struct history *h)
{
    if (h == NULL)
        return;
    while (h->searches != NULL)
        history_search_end(h->searches);
    history_notes_flush(h);
    history_journal_close(h->journal);
    pthread_mutex_destroy(&h->writing);
    pthread_mutex_destroy(&h->notes.lock);
    free(h->notes.items);
    free(h->slice);
    free(h->dir);
    free(h);
}

/* ---- writing, by worker and disk thread ----------------------------------------------------- */

size_t history_room(const struct history *h)
{
    size_t longest = history_journal_longest(atomic_load(&h->max_bytes));

    if (longest == 0 || atomic_load(&h->keep_s) <= 0)
        return 0;
    return (longest - HISTORY_HEAD_BYTES) / HISTORY_HASH_BYTES;
}

void history_bound(struct history *h, int64_t now)
{
    pthread_mutex_lock(&h->writing);
    history_journal_bound(h->journal, now - atomic_load(&h->keep_s), atomic_load(&h->max_bytes));
    pthread_mutex_unlock(&h->writing);
}

struct history_head *history_block_new(size_t hashes)
{
    return malloc(HISTORY_HEAD_BYTES + hashes * HISTORY_HASH_BYTES);
}

int history_write(struct history *h, struct history_head *block, const char *list, int64_t now,
                  uint32_t added, uint32_t dropped, struct error *why)
{
    memset(block, 0, sizeof *block);
    snprintf(block->list, sizeof block->list, "%s", list);
    block->time = now;
    block->added = added;
    block->dropped = dropped;
    size_t len = history_block_seal(block);
    pthread_mutex_lock(&h->writing);
    int rc = history_keep_secret(h->dir, &h->secret, why);
    if (rc == 0)
        rc = history_journal_append(h->journal, block, len, atomic_load(&h->max_bytes), why);
    pthread_mutex_unlock(&h->writing);
    return rc;
}

void history_tell(bool failed, bool *failing, const struct error *why)
{
    if (failed && !*failing)
        log_warning("history", "what lists added and dropped is not kept until this is mended: %s",
                    why->text);
    else if (!failed && *failing)
        log_notice("history", "what lists add and drop is kept again");
    *failing = failed;
}

/* ---- a swap --------------------------------------------------------------------------------- */

/*
 * One list's changes on their way into blocks. Hashes are gathered in the very memory that is
 * written: what was added from the front, what was dropped from the back. When it is full it is
 * written, so a first copy of millions needs no more memory than one block.
 */
struct swap {
    struct history *history;
    const char *list;
    int64_t now;
    struct history_head *block; /* the hashes are behind it */
    uint64_t *hashes;
    size_t room, added, dropped; /* hashes */
    uint64_t all_added, all_dropped;
    struct error why;
    bool failed;
};

static void write_swap(struct swap *s)
{
    size_t n = s->added + s->dropped;

    if (n == 0)
        return;
    memmove(s->hashes + s->added, s->hashes + s->room - s->dropped,
            s->dropped * HISTORY_HASH_BYTES);
    s->all_added += s->added;
    s->all_dropped += s->dropped;
    if (history_write(s->history, s->block, s->list, s->now, (uint32_t)s->added,
                      (uint32_t)s->dropped, &s->why) < 0)
        s->failed = true;
    s->added = s->dropped = 0;
}

static int note_change(struct view key, uint8_t kind, bool added, void *arg)
{
    struct swap *s = arg;
    uint64_t hash = history_hash(&s->history->secret, kind, key);

    if (added)
        s->hashes[s->added++] = hash;
    else
        s->hashes[s->room - ++s->dropped] = hash;
    if (s->added + s->dropped == s->room)
        write_swap(s);
    return 0;
}

static int find_list(const struct blocklist *bl, const char *name)
{
    for (size_t i = 0; bl != NULL && i < blocklist_lists(bl); i++)
        if (strcmp(blocklist_list(bl, i)->name, name) == 0)
            return (int)i;
    return -1;
}

/* Made from the same copy under the same settings: it lists the same. */
static bool is_same(const struct blocklist_list *a, const struct blocklist_list *b)
{
    return memcmp(a->copy, b->copy, sizeof a->copy) == 0 &&
           memcmp(a->shape, b->shape, sizeof a->shape) == 0;
}

/* Either number may be -1: the list is not there. */
static void swap_list(struct swap *s, const struct blocklist *old, int before,
                      const struct blocklist *made, int after)
{
    if (before >= 0 && after >= 0 &&
        is_same(blocklist_list(old, (size_t)before), blocklist_list(made, (size_t)after)))
        return;
    s->all_added = s->all_dropped = 0;
    s->list = before >= 0 ? blocklist_list(old, (size_t)before)->name
                          : blocklist_list(made, (size_t)after)->name;
    if (!history_name_is_good(s->list))
        return;
    blocklist_diff(before < 0 ? NULL : old, (uint16_t)(before < 0 ? 0 : before),
                   after < 0 ? NULL : made, (uint16_t)(after < 0 ? 0 : after), note_change, s);
    write_swap(s);
    log_info(s->list, "%" PRIu64 " entries added, %" PRIu64 " dropped", s->all_added,
             s->all_dropped);
}

static void swap_lists(struct swap *s, const struct blocklist *old, const struct blocklist *made)
{
    for (size_t i = 0; made != NULL && i < blocklist_lists(made); i++)
        swap_list(s, old, find_list(old, blocklist_list(made, i)->name), made, (int)i);
    for (size_t i = 0; old != NULL && i < blocklist_lists(old); i++)
        if (find_list(made, blocklist_list(old, i)->name) < 0)
            swap_list(s, old, (int)i, made, -1);
}

void history_swap(struct history *h, const struct blocklist *old, const struct blocklist *made,
                  int64_t now)
{
    if (h == NULL)
        return;
    struct swap s = {.history = h, .now = now, .room = history_room(h)};

    history_bound(h, now);
    if (s.room == 0)
        return;
    s.block = history_block_new(s.room);
    if (s.block == NULL) {
        s.failed = true;
        error_set(&s.why, ERR_NOMEM, "no memory");
    } else {
        s.hashes = (uint64_t *)(void *)(s.block + 1);
        swap_lists(&s, old, made);
    }
    free(s.block);
    history_tell(s.failed, &h->failing, &s.why);
}
