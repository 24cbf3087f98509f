/* Files with a sum: a line in front. Behind the text, it would be lost with a torn end. */
#include "rcptguard/base/summed.h"

#include <inttypes.h>
#include <stdio.h>

#include "rcptguard/base/file.h"
#include "rcptguard/base/hash.h"

#define HEAD       "# sum of what follows: "
#define LINE_BYTES (sizeof HEAD - 1 + 32 + 1)

/* Returns LINE. */
static const char *make_line(struct view text, char line[LINE_BYTES + 1])
{
    struct checksum sum = checksum_of(text.ptr, text.len);

    snprintf(line, LINE_BYTES + 1, HEAD "%016" PRIx64 "%016" PRIx64 "\n", sum.high, sum.low);
    return line;
}

int summed_replace_lazily(const char *path, mode_t mode, struct view text, struct error *why)
{
    char line[LINE_BYTES + 1];
    const struct file_part parts[] = {{make_line(text, line), LINE_BYTES}, {text.ptr, text.len}};

    return file_replace_lazily(path, mode, parts, 2, why);
}

static void take_off(struct buf *b, size_t len)
{
    b->len -= len;
    memmove(b->data, b->data + len, b->len + 1);
}

/* Takes the line off; false: it is damaged. */
static bool is_whole(struct buf *b, bool *is_summed)
{
    struct view all = buf_view(b), text = view_from(all, LINE_BYTES);
    char line[LINE_BYTES + 1];

    /* An empty file, too, begins like one. */
    *is_summed = view_eq(view_first(all, sizeof HEAD - 1), view_first(view_of(HEAD), all.len));
    if (!*is_summed)
        return view_find_nontext(all) < 0;
    if (all.len < LINE_BYTES) {
        buf_clear(b);
        return false;
    }
    bool is_same = view_is(view_first(all, LINE_BYTES), make_line(text, line));
    take_off(b, LINE_BYTES);
    return is_same;
}

int summed_read(const char *path, size_t max_bytes, struct buf *out, bool *is_summed,
                struct error *why)
{
    bool has_sum;
    int rc = file_read(path, max_bytes + LINE_BYTES, out, why);

    if (rc == 0 && !is_whole(out, &has_sum))
        rc = error_set(why, ERR_DAMAGED, "%s is damaged", path);
    else if (rc == 0 && is_summed != NULL)
        *is_summed = has_sum;
    return rc;
}
