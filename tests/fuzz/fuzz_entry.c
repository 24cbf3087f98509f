/*
 * Entries: what is good prints as a row that means the same, and matches the recipients that it
 * is about and only those; what is bad says why. Of ASCII the model says what it means.
 */
#include <stdint.h>
#include <stdlib.h>

#include "model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct address_options some_options[] = {
    {"+", true}, {"", false}, {"+-", true}, {".x", true}};

static char line[4 * ENTRY_MAX_BYTES];

/* Does the recipient, of which PREFIX is put before the entry's name, look this entry up? */
static bool matches(const char *prefix, const struct entry *e,
                    const struct address_options *options)
{
    static struct address *a;
    struct text t = text_on(line, sizeof line);

    if (a == NULL)
        a = malloc(sizeof *a);
    text_add(&t, prefix);
    text_add_view(&t, e->key);
    must(address_parse(text_view(&t), options, a) == ADDRESS_OK);
    for (unsigned i = 0; i < a->n_keys; i++)
        if ((a->keys[i].kinds & ENTRY_BIT(e->kind)) != 0 && view_eq(a->keys[i].name, e->key))
            return true;
    return false;
}

static void check_printed(const struct entry *e, const struct address_options *options)
{
    static struct entry again;
    struct text t = text_on(line, sizeof line);

    entry_print(&t, e->kind, e->key);
    if (t.len > ENTRY_MAX_BYTES)
        return;
    must(entry_parse(text_view(&t), options, &again, NULL) == ENTRY_GOOD);
    must(again.kind == e->kind && view_eq(again.key, e->key));
}

static unsigned labels(struct view domain)
{
    unsigned count = 1;

    for (size_t i = 0; i < domain.len; i++)
        count += domain.ptr[i] == '.';
    return count;
}

static void check_model(struct view what, const struct address_options *options,
                        enum entry_result result, const struct entry *e)
{
    static struct model_entry m;

    switch (model_entry(what, options, &m)) {
    case MODEL_GOOD:
        must(result == ENTRY_GOOD && e->kind == m.kind && view_eq(e->key, model_view(&m.key)));
        break;
    case MODEL_ROOT:
        must(result == ENTRY_ROOT);
        break;
    case MODEL_BAD:
        must(result == ENTRY_BAD);
        break;
    case MODEL_UNSURE:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct entry *e;
    struct error why = {0};
    if (size == 0)
        return 0;
    if (e == NULL)
        e = malloc(sizeof *e);

    const struct address_options *options = &some_options[data[0] % 4];
    enum entry_result result = entry_parse(view_make(data + 1, size - 1), options, e, &why);
    check_model(view_make(data + 1, size - 1), options, result, e);
    if (result == ENTRY_BAD)
        must(why.code == ERR_SYNTAX && why.text[0] != '\0');
    if (result != ENTRY_GOOD)
        return 0;
    must(e->key.len > 0);
    check_printed(e, options);
    if (e->kind == ENTRY_ADDRESS) {
        must(matches("", e, options));
        return 0;
    }
    must(matches("u@", e, options) == (e->kind != ENTRY_BELOW));
    if (labels(e->key) <= ADDRESS_MAX_LABELS)
        must(matches("u@sub.", e, options) == (e->kind != ENTRY_DOMAIN));
    must(!matches("u@sub", e, options));
    return 0;
}
