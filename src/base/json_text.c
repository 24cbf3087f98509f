/* See json_text.h. jansson's allocations are malloc's, and whether one failed is kept. */
#include "rcptguard/base/json_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "rcptguard/base/buf.h"

static _Thread_local bool failed; /* since the last text was read or written */

static void *allocate(size_t size)
{
    void *piece = malloc(size);

    if (piece == NULL)
        failed = true;
    return piece;
}

/* Before any thread: jansson keeps what it is given in plain variables. */
static __attribute__((constructor)) void watch_allocations(void)
{
    json_set_alloc_funcs(allocate, free);
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
    json_t *json = json_loadb(text.ptr == NULL ? "" : text.ptr, text.len, flags, why);

    if (!failed)
        return json;
    failed = false;
    json_decref(json);
    if (why != NULL)
        say_no_memory(why);
    return NULL;
}

struct writing {
    json_dump_callback_t add;
    void *arg;
    bool failed;
};

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
    bool is_whole = rc == 0 && !w.failed && !failed;

    failed = false;
    return is_whole;
}

static int add_to_buf(const char *bytes, size_t len, void *arg)
{
    return buf_add(arg, bytes, len);
}

char *json_write_text(const json_t *json, size_t flags)
{
    struct buf text = BUF_INIT(0);

    if (json != NULL && json_write(json, flags, add_to_buf, &text))
        return text.data;
    buf_free(&text);
    return NULL;
}
