/*
 * Commands that people copy from the screen into a root shell: whatever the daemon shows, the word
 * reads in the shell as what it stands for, and none that could do more is offered.
 */
#include <stdint.h>

#include "cli/paste.h"
#include "rcptguard/base/buf.h"
#include "shown.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One word as sh(1) reads it: bare bytes that mean nothing to it, 'quoted' ones, and \'. */
static bool read_word(struct view text, struct buf *word)
{
    bool quoted = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\'') {
            quoted = !quoted;
        } else if (!quoted && c == '\\') {
            if (++i == text.len || text.ptr[i] != '\'')
                return false;
            buf_add(word, "'", 1);
        } else {
            if (!quoted && !ascii_alnum(c) && view_find(view_of("@.-_+:/,%"), c) < 0)
                return false;
            buf_add(word, &c, 1);
        }
    }
    return !quoted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view v = view_make(data, size);
    struct buf word = BUF_INIT(0);
    char *text = NULL;
    size_t len;
    FILE *to;

    if (!paste_can(v))
        return 0;
    shown_must_be_safe(v);
    must((to = open_memstream(&text, &len)) != NULL);
    paste_word(to, v);
    fclose(to);
    must(read_word(view_make(text, len), &word) && view_eq(buf_view(&word), v));
    free(text);
    buf_free(&word);
    return 0;
}
