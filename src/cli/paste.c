/* Commands that people paste: see paste.h. */
#include "paste.h"

#include "rcptguard/base/escape.h"

#define LONGEST 1024

/* The daemon's JSON shows bytes that are not UTF-8 so; nobody can tell which was meant. */
static bool is_escape(struct view v, size_t at)
{
    return v.len - at >= 2 && v.ptr[at] == '\\' && v.ptr[at + 1] == 'x';
}

bool paste_can(struct view v)
{
    char plain[LONGEST], shown[LONGEST + 1];
    struct text t = text_on(shown, sizeof shown);

    if (v.len == 0 || v.len > sizeof plain)
        return false;
    for (size_t i = 0; i < v.len; i++) {
        if (is_escape(v, i))
            return false;
        plain[i] = v.ptr[i] == '"' || v.ptr[i] == '\\' ? '_' : v.ptr[i];
    }
    escape_to_max(&t, view_make(plain, v.len), ESCAPE_TERMINAL, sizeof shown);
    return view_eq(text_view(&t), view_make(plain, v.len));
}

static bool is_plain(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!ascii_alnum(v.ptr[i]) && view_find(view_of("@.-_+:/,%"), v.ptr[i]) < 0)
            return false;
    return v.len > 0;
}

void paste_word(FILE *to, struct view v)
{
    if (is_plain(v)) {
        fwrite(v.ptr, 1, v.len, to);
        return;
    }
    fputc('\'', to);
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] == '\'')
            fputs("'\\''", to);
        else
            fputc(v.ptr[i], to);
    }
    fputc('\'', to);
}

void paste_socket(const struct show *s)
{
    const char *value = s->socket != NULL ? s->socket : s->config;

    if (value == NULL || !paste_can(view_of(value)))
        return;
    fputs(s->socket != NULL ? " -s " : " -c ", s->to);
    paste_word(s->to, view_of(value));
}

void paste_command(const struct show *s, const char *verb, struct view what, const char *options)
{
    bool like_option = what.len > 0 && what.ptr[0] == '-';

    if (!paste_can(what)) {
        fprintf(s->to, "(rcptguard %s, by hand: it %s)", verb,
                what.len > LONGEST ? "is too long for a terminal"
                                   : "holds bytes that cannot be pasted safely");
        return;
    }
    fprintf(s->to, "rcptguard %s", verb);
    if (!like_option) {
        fputc(' ', s->to);
        paste_word(s->to, what);
    }
    fprintf(s->to, "%s%s", options[0] == '\0' ? "" : " ", options);
    paste_socket(s);
    if (like_option) {
        fputs(" -- ", s->to);
        paste_word(s->to, what);
    }
}
