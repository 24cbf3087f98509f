/* See reserve.h. Pieces of one size in the program's own pages, which cost nothing until touched.
 */
#include "rcptguard/base/reserve.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static _Alignas(max_align_t) unsigned char pieces[RESERVE_PIECES][RESERVE_PIECE_BYTES];
static bool taken[RESERVE_PIECES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_size_t in_use;

static bool is_piece(const void *ptr)
{
    uintptr_t begin = (uintptr_t)pieces;

    return (uintptr_t)ptr >= begin && (uintptr_t)ptr < begin + sizeof pieces;
}

void *reserve_take(size_t size)
{
    void *piece = NULL;

    if (size > RESERVE_PIECE_BYTES)
        return NULL;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < RESERVE_PIECES && piece == NULL; i++) {
        if (taken[i])
            continue;
        taken[i] = true;
        piece = pieces[i];
        atomic_fetch_add(&in_use, 1);
    }
    pthread_mutex_unlock(&lock);
    return piece;
}

static void give_back(const void *piece)
{
    pthread_mutex_lock(&lock);
    taken[((uintptr_t)piece - (uintptr_t)pieces) / RESERVE_PIECE_BYTES] = false;
    atomic_fetch_sub(&in_use, 1);
    pthread_mutex_unlock(&lock);
}

void *reserve_malloc(size_t size)
{
    void *piece = malloc(size);

    return piece != NULL ? piece : reserve_take(size);
}

/* OLD is a piece of the reserve: what is in it moves out if it can. */
static void *move_out(void *old, size_t size)
{
    void *piece = malloc(size);

    if (piece == NULL)
        return size <= RESERVE_PIECE_BYTES ? old : NULL;
    memcpy(piece, old, size < RESERVE_PIECE_BYTES ? size : RESERVE_PIECE_BYTES);
    give_back(old);
    return piece;
}

void *reserve_realloc(void *old, size_t size)
{
    if (old == NULL)
        return reserve_malloc(size);
    return is_piece(old) ? move_out(old, size) : realloc(old, size);
}

void reserve_free(void *piece)
{
    if (is_piece(piece))
        give_back(piece);
    else
        free(piece);
}

size_t reserve_used(void)
{
    return atomic_load(&in_use);
}
