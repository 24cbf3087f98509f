/* One pass over the text, a logical line at a time, into one buffer. */
#include "ini.h"

#include "rcptguard/base/error.h"

#define BOM "\xef\xbb\xbf"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

void ini_begin(struct ini *ini, struct view text)
{
    *ini = (struct ini){.rest = text, .text = BUF_INIT(0)};
    if (view_starts(text, BOM))
        ini->rest = view_from(text, strlen(BOM));
}

int ini_end(struct ini *ini)
{
    int rc = ini->text.failed ? ERR_NOMEM : 0;
    buf_free(&ini->text);
    return rc;
}

/* The next physical line without its end, and what stands behind it. */
static struct view first_line(struct view rest, struct view *behind)
{
    ptrdiff_t end = view_find(rest, '\n');
    struct view line = end < 0 ? rest : view_first(rest, (size_t)end);

    *behind = end < 0 ? VIEW_NONE : view_from(rest, (size_t)end + 1);
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* Length of LINE without its comment and the blanks before that. */
static size_t length_without_comment(struct view line)
{
    size_t len = 0;

    while (len < line.len && !(line.ptr[len] == '#' && (len == 0 || is_blank(line.ptr[len - 1]))))
        len++;
    while (len > 0 && is_blank(line.ptr[len - 1]))
        len--;
    return len;
}

/* LINE without its comment; all of it where that is no text, since settings may stand behind the
 * damage. */
static struct view said_in(struct view line)
{
    return view_find_nontext(line) >= 0 ? line : view_first(line, length_without_comment(line));
}

/* Adds what LINE says: "\#" becomes '#', a tab becomes a space. */
static void add_line(struct buf *text, struct view line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] == '\\' && i + 1 < line.len && line.ptr[i + 1] == '#')
            continue;
        buf_add(text, line.ptr[i] == '\t' ? " " : line.ptr + i, 1);
    }
}

/* The word before '=' when LINE reads like a key. */
static bool looks_like_key(struct view line, struct view *word)
{
    size_t len = 0;

    while (len < line.len && (ascii_alnum(line.ptr[len]) || line.ptr[len] == '_'))
        len++;
    struct view behind = view_trim(view_from(line, len));
    *word = view_first(line, len);
    return len > 0 && behind.len > 0 && behind.ptr[0] == '=';
}

/* Takes the lines that continue the one in the buffer. */
static void take_continuations(struct ini *ini, struct ini_item *item)
{
    struct view behind;

    while (ini->rest.len > 0) {
        struct view line = first_line(ini->rest, &behind);
        struct view said = said_in(line);
        if ((said.len > 0 && !is_blank(said.ptr[0])) || view_find_nontext(said) >= 0)
            return;
        ini->rest = behind;
        ini->line++;
        said = view_trim(said);
        if (said.len == 0)
            continue;
        if (item->hidden_line == 0 && looks_like_key(said, &item->hidden_key))
            item->hidden_line = ini->line;
        buf_add_text(&ini->text, " ");
        add_line(&ini->text, said);
    }
}

static enum ini_kind bad(struct ini_item *item, const char *problem)
{
    item->problem = problem;
    item->hidden_line = 0;
    return item->kind = INI_BAD;
}

static enum ini_kind take_section(struct ini_item *item, struct view line)
{
    ptrdiff_t end = view_find(line, ']');

    if (end < 0 || (size_t)end + 1 < line.len)
        return bad(item, "not a section; write [section] or [section name] and nothing behind it");
    struct view inside = view_trim(view_make(line.ptr + 1, (size_t)end - 1));
    if (!view_word(&inside, &item->name))
        return bad(item, "a section without a name; write [section] or [section name]");
    item->value = view_trim(inside);
    return item->kind = INI_SECTION;
}

static enum ini_kind take_key(struct ini_item *item, struct view line)
{
    size_t equals = (size_t)view_find(line, '=');

    item->name = view_trim(view_first(line, equals));
    item->value = view_trim(view_from(line, equals + 1));
    if (item->name.len == 0)
        return bad(item, "no key before '='; write 'key = value'");
    return item->kind = INI_KEY;
}

static bool has_control(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (ascii_control(v.ptr[i]))
            return true;
    return false;
}

static const char damaged[] = "holds a control byte; save the file as plain text in UTF-8 with the "
                              "line ends of Unix";

/* Moves to the next line that says something; false at the end. */
static bool find_line(struct ini *ini, struct view *said)
{
    while (ini->rest.len > 0) {
        struct view line = first_line(ini->rest, &ini->rest);
        ini->line++;
        *said = said_in(line);
        if (said->len > 0)
            return true;
    }
    return false;
}

enum ini_kind ini_next(struct ini *ini, struct ini_item *item)
{
    struct view said;

    *item = (struct ini_item){.kind = INI_END};
    if (ini->text.failed || !find_line(ini, &said))
        return INI_END;
    item->line = ini->line;
    if (view_find_nontext(said) >= 0)
        return bad(item, damaged);
    if (is_blank(said.ptr[0]))
        return bad(item, "begins with white space, which continues the key above, but there is "
                         "none; begin it in the first column");
    buf_clear(&ini->text);
    add_line(&ini->text, said);
    if (said.ptr[0] != '[')
        take_continuations(ini, item);
    if (ini->text.failed)
        return INI_END;
    struct view line = buf_view(&ini->text);
    if (has_control(line))
        return bad(item, damaged);
    if (said.ptr[0] != '[' && view_find(said, '=') < 0)
        return bad(item, "neither 'key = value' nor '[section]'; comments begin with '#'");
    return said.ptr[0] == '[' ? take_section(item, line) : take_key(item, line);
}
