/*
 * The configuration shown: as it is (--dump-config) and as it could be (the sample file). Both are
 * valid configuration files.
 */
#include <string.h>

#include "loaded.h"
#include "places.h"
#include "rcptguard/base/escape.h"

/* A value as the file would have it. Quotes and backslashes are the administrator's own and stay
 * readable; what could fool a terminal does not. */
static void print_value(struct view v, FILE *to)
{
    while (v.len > 0) {
        size_t len = strcspn(v.ptr, "\"\\#");
        if (len == 0) {
            fprintf(to, "%s%c", v.ptr[0] == '#' ? "\\" : "", v.ptr[0]);
            v = view_from(v, 1);
            continue;
        }
        /* Four bytes of output for one of input, in steps that fit. */
        char shown[1024];
        struct text t = text_on(shown, sizeof shown);
        struct view piece = view_first(v, len < 128 ? len : 128);
        while (piece.len > 0 && piece.len < len && ((unsigned char)v.ptr[piece.len] & 0xc0) == 0x80)
            piece.len--;
        piece.len = piece.len == 0 ? 1 : piece.len;
        escape_to_max(&t, piece, ESCAPE_TERMINAL, sizeof shown - 1);
        fputs(shown, to);
        v = view_from(v, piece.len);
    }
}

/* In the form of what is hidden, so that the dump can be loaded. */
static void print_hidden(const struct key *key, const char *text, FILE *to)
{
    ptrdiff_t colon = view_find(view_of(text), ':');

    if (key->type == VALUE_TEXTS) { /* a header: its name tells nothing */
        print_value(view_first(view_of(text), colon < 0 ? 0 : (size_t)colon), to);
        fputs(": ***", to);
    } else {
        fputs(key->type == VALUE_SECRET ? "***" : "***:***", to);
    }
}

static void print_setting(const struct key *key, const struct setting *setting, const char *path,
                          FILE *to)
{
    struct buf masked = BUF_INIT(0);

    fprintf(to, "%s =%s", key->name, setting->text[0] != '\0' ? " " : "");
    if ((key->flags & KEY_SECRET) != 0 && setting->text[0] != '\0') {
        print_hidden(key, setting->text, to);
    } else if (key->type == VALUE_URL || key->type == VALUE_URLS) {
        place_mask_url(&masked, view_of(setting->text));
        print_value(buf_view(&masked), to);
    } else {
        print_value(view_of(setting->text), to);
    }
    buf_free(&masked);
    if (setting->line == 0) {
        fprintf(to, "    # default\n");
        return;
    }
    char shown[ESCAPE_MAX_BYTES + 1];
    struct text t = text_on(shown, sizeof shown);
    escape_to(&t, view_of(path), ESCAPE_TERMINAL);
    fprintf(to, "    # %s:%u\n", shown, setting->line);
}

static void dump_part(const struct part *part, const char *path, FILE *to)
{
    fprintf(to, "[%s%s%s]\n", part->section->name, part->name.len > 0 ? " " : "",
            part->name.len > 0 ? part->name.ptr : "");
    for (size_t i = 0; i < part->section->n_keys; i++)
        for (const struct setting *s = &part->settings[i]; s != NULL; s = s->again)
            print_setting(&part->section->keys[i], s, path, to);
}

void config_dump(const struct config *c, FILE *to)
{
    const struct loaded *l = (const struct loaded *)c;
    const char *gap = "";

    for (size_t i = 0; i < SECTIONS; i++)
        for (const struct part *part = l->parts; part != NULL; part = part->next) {
            if (part->section != &sections[i])
                continue;
            fputs(gap, to);
            dump_part(part, c->path, to);
            gap = "\n";
        }
}

static const char head[] =
    "# rcptguard.conf: every key there is, with its default or an example. rcptguardd -t checks\n"
    "# this file, rcptguardd --dump-config shows what it comes to, SIGHUP reloads it.\n"
    "#\n"
    "# A '#' begins a comment at the start of a line or after white space; \\# is a literal one.\n"
    "# A line that begins with white space continues the one above. A key stands once, unless its\n"
    "# comment says that it may repeat. Durations: 30s 10m 1h 7d; sizes: 64K 16M 1G; ratios: 20%.\n"
    "# To set a key, take away the '#' before it (and the one before the [section] of a list).\n";

static void sample_key(const struct key *key, FILE *to)
{
    char words[64];
    struct text range = text_on(words, sizeof words);
    struct value_rule rule = key_rule(key);

    value_range(&rule, &range);
    fprintf(to, "\n# %s", key->doc);
    if (range.len > 0)
        fprintf(to, "; %s", words);
    if ((key->flags & KEY_RESTART) != 0)
        fputs("; needs a restart", to);
    if (key->text[0] == '\0' && key->example != NULL)
        fputs((key->flags & KEY_REQUIRED) != 0 ? "; must be there" : "; an example", to);
    fprintf(to, "\n#%s = ", key->name);
    print_value(view_of(key_sample(key)), to);
    fputs("\n", to);
}

void config_sample(FILE *to)
{
    fputs(head, to);
    for (size_t i = 0; i < SECTIONS; i++) {
        const struct section *section = &sections[i];
        bool named = section->named != NULL;
        fprintf(to, "\n\n# %s\n%s[%s%s%s]\n", section->doc, named ? "#" : "", section->name,
                named ? " " : "", named ? section->named : "");
        for (size_t k = 0; k < section->n_keys; k++)
            sample_key(&section->keys[k], to);
    }
}
