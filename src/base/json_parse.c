/* See json_parse.h. jansson's allocations are malloc's, and whether one failed is kept. */
#include "rcptguard/base/json_parse.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local bool failed;

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
    json_decref(json);
    if (why != NULL)
        say_no_memory(why);
    return NULL;
}
