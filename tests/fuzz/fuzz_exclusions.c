/*
 * Exclusion files: whatever the bytes, every line is blank, good or left out; what is printed of a
 * good line reads as the same line; and every good line frees whom it names.
 */
#include <stdlib.h>

#include "local/grammar.h"
#include "rcptguard/local.h"

static const struct address_options options = {"+", true};
static struct address address;
static struct grammar_line line;

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_printed(const struct local_line *e)
{
    struct error why;

    check(grammar_parse(LOCAL_EXCLUSIONS, e->what, &options, &line, &why) == LINE_GOOD);
    check(line.subject == e->subject && view_eq(line.key, e->key));
    check(e->subject == LOCAL_LOGIN || line.kind == e->kind);
}

static void check_frees(const struct local_table *ex, const struct local_line *e)
{
    struct local_match m = {0};
    struct buf to = BUF_INIT(0);
    bool is_login = e->subject == LOCAL_LOGIN;

    if (e->kind == ENTRY_ADDRESS)
        buf_add_view(&to, e->key);
    else
        buf_addf(&to, e->kind == ENTRY_BELOW ? "x@sub.%.*s" : "x@%.*s", (int)e->key.len,
                 e->key.ptr);
    address_parse(buf_view(&to), &options, &address);
    buf_free(&to);
    /* A name of more labels than DNS allows is not looked up to the last of its parents. */
    if (address.state != ADDRESS_OK && !is_login && e->key.len > 0)
        return;
    local_table_match(ex, e->subject == LOCAL_RECIPIENT ? &address : NULL,
                      e->subject == LOCAL_SENDER && e->key.len > 0 ? &address : NULL,
                      e->subject == LOCAL_SENDER && e->key.len == 0, is_login ? e->key : VIEW_NONE,
                      INT64_MIN, &m);
    check(m.whole != NULL || m.n_partial > 0);
    check(m.n_partial <= LOCAL_MATCHES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const lists[] = {"aper", "local"};
    struct local_table *ex =
        local_table_parse(LOCAL_EXCLUSIONS, view_make(data, size), &options, lists, 2);
    size_t ends = 1;

    check(ex != NULL);
    for (size_t i = 0; i < size; i++)
        ends += data[i] == '\n';
    check(local_table_count(ex) + local_table_left_out(ex) <= ends);
    check(local_table_left_out(ex) <= local_table_errors(ex));
    for (size_t i = 0; i < local_table_errors(ex) && local_table_error_at(ex, i) != NULL; i++)
        check(local_table_error_at(ex, i)->text[0] != '\0' &&
              local_table_error_at(ex, i)->line > 0);
    for (size_t i = 0; i < local_table_count(ex) && i < 50; i++) {
        const struct local_line *e = local_table_at(ex, i);
        check(e->line > 0 && e->line <= ends);
        check_printed(e);
        check_frees(ex, e);
    }
    local_table_free(ex);
    return 0;
}
