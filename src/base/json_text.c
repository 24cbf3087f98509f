/*
 * See json_text.h. jansson's allocations are malloc's, and whether one failed is kept.
 *
 * Where it has no memory for the quote at the end of a string it reads on behind its buffer, and
 * writes what it finds behind another one (2.14, lex_scan_string). So a parse that found none gets
 * the rest from SPARE, and what came of it is thrown away. Another thread that needs it meanwhile
 * waits: a parse is short and waits for nothing else.
 */
#include "rcptguard/base/json_text.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local bool failed; /* since the last text was read or written */

static _Thread_local bool parses, has_spare;

/* A buffer of jansson's doubles: enough for a string of 64 KiB and what belongs to it. */
static _Alignas(max_align_t) char spare[256 * 1024];
static size_t spare_used;
static pthread_mutex_t spare_is_taken = PTHREAD_MUTEX_INITIALIZER; /* by one parse, to its end */

static void *take_spare(size_t size)
{
    size_t bytes = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);

    if (!has_spare)
        pthread_mutex_lock(&spare_is_taken);
    has_spare = true;
    if (size > sizeof spare || bytes > sizeof spare - spare_used)
        return NULL;
    spare_used += bytes;
    return spare + (spare_used - bytes);
}

static void give_back_spare(void)
{
    if (!has_spare)
        return;
    has_spare = false;
    spare_used = 0;
    pthread_mutex_unlock(&spare_is_taken);
}

static void *allocate(size_t size)
{
    void *piece = malloc(size);

    if (piece != NULL)
        return piece;
    failed = true;
    return parses ? take_spare(size) : NULL;
}

static void release(void *piece)
{
    uintptr_t at = (uintptr_t)piece;

    if (at < (uintptr_t)spare || at >= (uintptr_t)spare + sizeof spare)
        free(piece);
}

/* Before any thread: jansson keeps what it is given in plain variables. */
static __attribute__((constructor)) void watch_allocations(void)
{
    json_set_alloc_funcs(allocate, release);
}

/* As jansson itself does: the code is behind the text. */
static void say_no_memory(json_error_t *why)
{
    snprintf(why->text, sizeof why->text, "no memory");
    why->text[sizeof why->text - 1] = json_error_out_of_memory;
}

json_t *json_parse(struct view text, size_t flags, json_error_t *why)
{
    failed = false;
    parses = true;
    json_t *json = json_loadb(text.ptr == NULL ? "" : text.ptr, text.len, flags, why);

    parses = false;
    if (!failed)
        return json;
    failed = false;
    json_decref(json);
    give_back_spare();
    if (why != NULL)
        say_no_memory(why);
    return NULL;
}

struct writing {
    json_dump_callback_t add;
    void *arg;
    bool failed;
};

/* Nothing is taken after what was not: jansson looks at what comes of all pieces but keys, and no
 * document ends with one. */
static int add_piece(const char *bytes, size_t len, void *arg)
{
    struct writing *w = arg;

    if (!w->failed && w->add(bytes, len, w->arg) != 0)
        w->failed = true;
    return w->failed ? -1 : 0;
}

bool json_write(const json_t *json, size_t flags, json_dump_callback_t add, void *arg)
{
    struct writing w = {.add = add, .arg = arg};
    int rc = json_dump_callback(json, add_piece, &w, flags);
    bool is_whole = rc == 0 && !failed;

    failed = false;
    return is_whole;
}

static int add_to_buf(const char *bytes, size_t len, void *arg)
{
    return buf_add(arg, bytes, len);
}

bool json_write_buf(const json_t *json, size_t flags, struct buf *out)
{
    return json_write(json, flags, add_to_buf, out);
}

char *json_write_text(const json_t *json, size_t flags)
{
    struct buf text = BUF_INIT(0);

    if (json != NULL && json_write_buf(json, flags, &text))
        return text.data;
    buf_free(&text);
    return NULL;
}
