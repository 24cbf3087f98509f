/*
 * Single changes of lists that are no index: what a DNS zone began or ceased to list. The loop puts
 * a hash into memory and tells the disk thread once; what has gathered by the time that it comes to
 * it is written as blocks of one list and one second, beside the worker's.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "history_parts.h"
#include "rcptguard/base/log.h"

#define NOTES_FIRST 64

struct history_noted {
    uint64_t hash;
    int64_t time;
    char list[BLOCKLIST_NAME_MAX]; /* "": written */
    bool added;
};

/* ---- the disk thread ------------------------------------------------------------------------ */

/* A block on its way. */
struct writing {
    struct history *history;
    struct history_head *block;
    size_t room;
    bool failed;
    struct error why;
};

static bool is_among(const uint64_t *hashes, size_t n, uint64_t hash)
{
    for (size_t i = 0; i < n; i++)
        if (hashes[i] == hash)
            return true;
    return false;
}

/*
 * Takes those of the first one's list and second into one block, up to the first that would stand
 * in it twice: a block does not say which came first, and the order of blocks does.
 */
static void write_first(struct writing *w, struct history_noted *notes, size_t n)
{
    uint64_t *hashes = (uint64_t *)(void *)(w->block + 1);
    const struct history_noted first = notes[0];
    size_t added = 0, dropped = 0;

    for (size_t i = 0; i < n && added + dropped < w->room; i++) {
        if (strcmp(notes[i].list, first.list) != 0)
            continue;
        if (notes[i].time != first.time || is_among(hashes, added, notes[i].hash) ||
            is_among(hashes + w->room - dropped, dropped, notes[i].hash))
            break;
        if (notes[i].added)
            hashes[added++] = notes[i].hash;
        else
            hashes[w->room - ++dropped] = notes[i].hash;
        notes[i].list[0] = '\0';
    }
    memmove(hashes + added, hashes + w->room - dropped, dropped * HISTORY_HASH_BYTES);
    if (history_write(w->history, w->block, first.list, first.time, (uint32_t)added,
                      (uint32_t)dropped, &w->why) < 0)
        w->failed = true;
}

static void write_notes(struct history *h, struct history_noted *notes, size_t n)
{
    struct writing w = {.history = h, .room = history_room(h)};

    if (n == 0)
        return;
    history_bound(h, notes[n - 1].time);
    if (w.room == 0)
        return;
    w.room = n < w.room ? n : w.room;
    w.block = history_block_new(w.room);
    if (w.block == NULL)
        w.failed = error_set(&w.why, ERR_NOMEM, "no memory") < 0;
    for (size_t i = 0; w.block != NULL && i < n; i++)
        if (notes[i].list[0] != '\0')
            write_first(&w, notes + i, n - i);
    free(w.block);
    history_tell(w.failed, &h->notes.failing, &w.why);
}

void history_notes_flush(struct history *h)
{
    struct history_notes *notes = &h->notes;

    pthread_mutex_lock(&notes->lock);
    struct history_noted *items = notes->items;
    size_t n = notes->n;
    notes->items = NULL;
    notes->n = notes->room = 0;
    notes->posted = notes->lost = false;
    pthread_mutex_unlock(&notes->lock);
    write_notes(h, items, n);
    free(items);
}

static void run_notes(struct task *task)
{
    struct history_notes *notes =
        (struct history_notes *)((char *)task - offsetof(struct history_notes, task));

    history_notes_flush((struct history *)((char *)notes - offsetof(struct history, notes)));
}

/* ---- the loop ------------------------------------------------------------------------------- */

static bool has_room(struct history_notes *notes)
{
    size_t room = notes->room == 0 ? NOTES_FIRST : 2 * notes->room;

    if (notes->n < notes->room)
        return true;
    struct history_noted *more =
        notes->n >= HISTORY_NOTES ? NULL : reallocarray(notes->items, room, sizeof *more);
    if (more == NULL)
        return false;
    notes->items = more;
    notes->room = room;
    return true;
}

/* Does the disk thread have to be told? */
static bool add_note(struct history_notes *notes, const struct history_noted *note, bool *lost)
{
    bool tell = !notes->posted;

    if (has_room(notes)) {
        notes->items[notes->n++] = *note;
    } else {
        *lost = !notes->lost;
        notes->lost = true;
    }
    notes->posted = true;
    return tell;
}

void history_note(struct history *h, struct disk *disk, const char *list, enum entry_kind kind,
                  struct view key, bool added, int64_t now)
{
    bool lost = false;

    if (h == NULL || !history_name_is_good(list))
        return;
    struct history_noted note = {
        .hash = history_hash(&h->secret, (uint8_t)kind, key), .time = now, .added = added};
    snprintf(note.list, sizeof note.list, "%s", list);
    pthread_mutex_lock(&h->notes.lock);
    bool tell = add_note(&h->notes, &note, &lost);
    pthread_mutex_unlock(&h->notes.lock);
    if (lost)
        log_warning("history", "the disk does not keep up: some changes of DNS zones are not kept");
    if (!tell)
        return;
    h->notes.task.run = run_notes;
    if (disk_post(disk, &h->notes.task) == 0)
        return;
    /* So many jobs wait: the next note tries again, or the end. */
    pthread_mutex_lock(&h->notes.lock);
    h->notes.posted = false;
    pthread_mutex_unlock(&h->notes.lock);
}
