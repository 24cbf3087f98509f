/*
 * Any bytes as a segment: what is good in it is read, as lines and as decisions, and a record
 * behind it is found whatever it is. Every line of it as a record gives the same lines back, and a
 * decision that was read is written and read again as the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "record/journal.h"
#include "record/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

static void write_and_read(struct view line, char dst[LINE_BYTES], struct record_decision *d)
{
    static char copy[1 << 16];

    must(line.len < sizeof copy);
    memcpy(copy, line.ptr, line.len);
    must(line_read(copy, line.len, d));
    struct text t = text_on(dst, LINE_BYTES);
    line_write(&t, d);
    must(!t.cut && view_find(text_view(&t), '\n') < 0);
}

static void try_line(struct view line)
{
    static char copy[1 << 16], first[LINE_BYTES], second[LINE_BYTES];
    struct record_decision d;

    if (line.len >= sizeof copy || line.len == 0)
        return;
    memcpy(copy, line.ptr, line.len);
    if (!line_read(copy, line.len, &d))
        return;
    /* Twice, for the first may cut its texts, and a number may have had zeros in front. */
    write_and_read(line, first, &d);
    write_and_read(view_of(first), second, &d);
    must(view_is(view_of(first), second));
    must(line_has_ref(view_of(first), view_first(view_of(first), strcspn(first, "\t"))));
}

static void note(struct view line, void *arg)
{
    struct buf *lines = arg;

    must(buf_add_view(lines, line) == 0 && buf_add(lines, "\n", 1) == 0);
    try_line(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf batch = BUF_INIT(0), lines = BUF_INIT(0), again = BUF_INIT(0);
    struct view bytes = view_make(data, size), rest = bytes, line;

    must(journal_records(bytes, note, &lines) <= size);
    buf_clear(&lines);
    while (size > 0 && view_split(&rest, '\n', &line)) {
        must(journal_frame(&batch, line) == 0);
        note(line, &lines);
    }
    must(journal_records(buf_view(&batch), note, &again) == batch.len);
    must(view_eq(buf_view(&lines), buf_view(&again)));
    /* Torn bytes with a line end behind them hide nothing that follows. */
    buf_clear(&batch);
    buf_clear(&again);
    buf_add_view(&batch, bytes);
    buf_add(&batch, "\n", 1);
    must(journal_frame(&batch, view_of("last")) == 0);
    must(journal_records(buf_view(&batch), note, &again) == batch.len);
    must(again.len >= 5 && view_is(view_from(buf_view(&again), again.len - 5), "last\n"));
    buf_free(&batch);
    buf_free(&lines);
    buf_free(&again);
    return 0;
}
