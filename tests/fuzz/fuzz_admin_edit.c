/*
 * Bodies of edits. Properties: what is taken is one line a field and has a WHAT; lists are known
 * ones only; an error says why.
 */
#include <stdint.h>
#include <stdlib.h>

#include "admin/edit_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(struct view v)
{
    if (view_find_any(v, "\n\r") >= 0 || view_find(v, '\0') >= 0)
        abort();
}

static void read_one(enum local_kind kind, const json_t *body)
{
    static const char *const names[] = {"local", "aper"};
    struct edit_body b;
    struct error why = {0};
    int code = edit_body_read(kind, body, &b, &why);

    if (code == 0 && (b.what.len == 0 || (kind == LOCAL_BLOCKS && b.lists.len > 0)))
        abort();
    if (code != 0 && why.text[0] == '\0')
        abort();
    if (code == 0) {
        const struct view all[] = {b.what, b.lists, b.until, b.ticket, b.note, b.by};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            check_line(all[i]);
        edit_check_lists(b.lists, names, 2, &why);
    }
    edit_body_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *body = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);

    if (json_is_object(body)) {
        read_one(LOCAL_EXCLUSIONS, body);
        read_one(LOCAL_BLOCKS, body);
    }
    json_decref(body);
    return 0;
}
