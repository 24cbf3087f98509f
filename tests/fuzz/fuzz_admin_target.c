/*
 * Request targets. Properties: every view lies in the memory that was given, and a route of four
 * parts takes four parts.
 */
#include <stdint.h>
#include <stdlib.h>

#include "admin/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct view v, const char *memory, size_t size)
{
    if (v.len > 0 && (v.ptr < memory || v.ptr + v.len > memory + size))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *memory = malloc(size + 1);
    struct target t;
    struct error why;
    struct view value, name = VIEW_NONE;

    if (memory == NULL)
        return 0;
    int code = target_parse(view_make(data, size), memory, &t, &why);
    if (code != 0 && code != ERR_SYNTAX && code != ERR_LIMIT)
        abort();
    for (unsigned i = 0; code == 0 && i < t.n_path; i++)
        check_inside(t.path[i], memory, size);
    for (unsigned i = 0; code == 0 && i < t.n_params; i++)
        check_inside(t.params[i].value, memory, size);
    if (code == 0 && target_get(&t, "recipient", &value))
        check_inside(value, memory, size);
    if (code == 0 && target_matches(&t, "/v1/feeds/*/refresh", &name) && t.n_path != 4)
        abort();
    free(memory);
    return 0;
}
