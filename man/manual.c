/*
 * Puts the tables of the program into a manual page, so that no page can lag behind:
 *
 *     manual <man/NAME.in >man/NAME
 *
 * A line @keys@ becomes all sections and keys of the configuration (src/config/keys.c), @formats@
 * the formats of lists, @commands@ the commands and their help (src/cli/commands.c); all other
 * lines stay as they are. `make man` writes the pages; a test fails when one is not fresh.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "config/keys.h"
#include "rcptguard/feeds.h"

#define WIDTH 78 /* mandoc finds longer lines of text bad style */

#define PUNCTUATION ".,:;)" /* which macros set apart from their arguments */

/* Where the line of text on stdout is; 0: at its beginning. */
static size_t column;

/* ---- words of mdoc --------------------------------------------------------------------------- */

/* A byte as roff shows it unchanged: a hyphen that can be copied, straight quotes. */
static const char *escape_of(char c)
{
    switch (c) {
    case '\\':
        return "\\e";
    case '-':
        return "\\-";
    case '\'':
        return "\\(aq";
    case '"':
        return "\\(dq";
    case '`':
        return "\\(ga";
    case '^':
        return "\\(ha";
    case '~':
        return "\\(ti";
    default:
        return NULL;
    }
}

static size_t put(struct view v)
{
    size_t len = 0;

    for (size_t i = 0; i < v.len; i++) {
        const char *escape = escape_of(v.ptr[i]);
        if (escape != NULL)
            fputs(escape, stdout);
        else
            putchar(v.ptr[i]);
        len += escape == NULL ? 1 : strlen(escape);
    }
    return len;
}

static void end_line(void)
{
    if (column > 0)
        putchar('\n');
    column = 0;
}

static void macro(const char *text)
{
    end_line();
    puts(text);
}

/* An argument of a macro, which must not be taken for another macro or for punctuation. */
static void put_argument(struct view v)
{
    fputs(v.len <= 3 ? " \"\\&" : " \"", stdout);
    put(v);
    fputs(v.len > 0 && strchr(PUNCTUATION, v.ptr[v.len - 1]) != NULL ? "\\&\"" : "\"", stdout);
}

/* `quoted words` as a macro of their own, with the punctuation that follows; what is left. */
static struct view put_quoted(struct view rest)
{
    struct view inside = view_from(rest, 1);
    ptrdiff_t end = view_find(inside, '`');

    end_line();
    fputs(".Ql", stdout);
    put_argument(view_first(inside, (size_t)end));
    rest = view_from(inside, (size_t)end + 1);
    for (; rest.len > 0 && strchr(PUNCTUATION, rest.ptr[0]) != NULL; rest = view_from(rest, 1))
        printf(" %c", rest.ptr[0]);
    putchar('\n');
    return rest;
}

static bool ends_sentence(struct view word, struct view rest)
{
    return word.len > 1 && strchr(".?!", word.ptr[word.len - 1]) != NULL &&
           (rest.len == 0 || rest.ptr[0] < 'a' || rest.ptr[0] > 'z') &&
           (ascii_alnum(word.ptr[word.len - 2]) || strchr(")}]", word.ptr[word.len - 2]) != NULL);
}

/* "--json," in the font of options. */
static void put_option(struct view word)
{
    size_t len = word.len;

    while (strchr(PUNCTUATION, word.ptr[len - 1]) != NULL)
        len--;
    end_line();
    fputs(".Fl ", stdout);
    put(view_from(view_first(word, len), 1));
    for (; len < word.len; len++)
        printf(" %c", word.ptr[len]);
    putchar('\n');
}

static void put_word(struct view word)
{
    if (column > 0 && column + word.len >= WIDTH)
        end_line();
    if (column > 0)
        putchar(' ');
    else if (word.ptr[0] == '.' || word.ptr[0] == '\'')
        fputs("\\&", stdout);
    column += put(word) + 1;
}

/* Words of text; a new sentence begins a new line, as mdoc wants it. */
static void words(const char *text)
{
    struct view rest = view_trim(view_of(text)), word;

    while (rest.len > 0) {
        if (rest.ptr[0] == '`' && view_find(view_from(rest, 1), '`') >= 0) {
            rest = view_trim(put_quoted(rest));
            continue;
        }
        view_word(&rest, &word);
        rest = view_trim(rest);
        if (word.len > 1 && word.ptr[0] == '-' && word.ptr[1] != '.')
            put_option(word);
        else
            put_word(word);
        if (ends_sentence(word, rest))
            end_line();
    }
}

/* The first letter is made a capital where a plain word begins the sentence. */
static void sentence(const char *text)
{
    char copy[1024];
    size_t first = strspn(text, "abcdefghijklmnopqrstuvwxyz-");

    snprintf(copy, sizeof copy, "%s.", text);
    if (first > 0 && text[first] == ' ' && text[first + 1] != '(' && text[first + 1] != '=')
        copy[0] = (char)(copy[0] - 'a' + 'A');
    words(copy);
}

static void put_macro(const char *name, const char *argument, const char *behind)
{
    end_line();
    printf(".%s", name);
    put_argument(view_of(argument));
    printf("%s\n", behind);
}

/* ---- the keys of the configuration ----------------------------------------------------------- */

static const char *type_words(enum value_type type)
{
    switch (type) {
    case VALUE_TEXT:
    case VALUE_TEXTS:
        return "Ar text";
    case VALUE_NAME:
        return "Ar name";
    case VALUE_PATH:
        return "Ar path";
    case VALUE_URL:
    case VALUE_URLS:
        return "Ar url";
    case VALUE_SECRET:
        return "Ar secret | No @ Ns Ar path";
    case VALUE_LISTEN:
        return "Ar socket";
    case VALUE_LISTENS:
        return "Ar socket ...";
    case VALUE_DURATION_S:
    case VALUE_DURATION_MS:
        return "Ar time";
    case VALUE_SIZE:
        return "Ar size";
    case VALUE_COUNT:
    case VALUE_CLIENTS:
        return "Ar number";
    case VALUE_RATIO:
        return "Ar percent";
    case VALUE_BOOL:
        return "Cm yes | no";
    case VALUE_MODE:
        return "Ar mode";
    case VALUE_COLUMN:
        return "Ar name | number";
    case VALUE_SEPARATOR:
        return "Ar sign";
    case VALUE_DELIMITER:
        return "Ar signs";
    case VALUE_APER_TYPES:
        return "Ar letters";
    case VALUE_CHOICE:
    case VALUE_EITHER:
        break;
    }
    return NULL; /* by its words */
}

static void key_head(const struct key *key)
{
    const char *before = " Cm";

    printf(".It Cm %s No =", key->name);
    if (key->choices == NULL)
        printf(" %s", type_words(key->type));
    for (const struct choice *c = key->choices; c != NULL && c->word != NULL; c++)
        if (c->refused == NULL) {
            printf("%s %s", before, c->word);
            before = " |";
        }
    putchar('\n');
}

/* "csv, json: the column" is of those formats only. */
static void key_doc(const struct key *key)
{
    const char *colon = strstr(key->doc, ": ");
    struct view rest = view_make(key->doc, colon == NULL ? 0 : (size_t)(colon - key->doc)), name;
    size_t formats = 0, others = colon == NULL;
    char copy[1024];

    while (view_split(&rest, ',', &name)) {
        char *word = view_dup(view_trim(name));
        feed_format_named(word) != NULL ? formats++ : others++;
        free(word);
    }
    snprintf(copy, sizeof copy, "%s%s",
             others > 0     ? ""
             : formats == 1 ? "Format "
                            : "Formats ",
             key->doc);
    sentence(copy);
}

static void key_value(const struct key *key)
{
    char range_words[64] = "";
    struct text range = text_on(range_words, sizeof range_words);
    struct value_rule rule = key_rule(key);

    value_range(&rule, &range);
    if ((key->flags & KEY_REQUIRED) != 0) {
        words("Required.");
    } else if (key->text[0] == '\0') {
        words("Default: empty.");
    } else {
        words("Default:");
        put_macro("Ql", key->text, range.len > 0 ? " ;" : " .");
        if (range.len > 0) {
            words("from");
            words(range_words);
            fputs(".\n", stdout);
            column = 0;
        }
    }
    if (key->text[0] == '\0' && key->example != NULL) {
        words("Example:");
        put_macro("Ql", key->example, " .");
    }
}

static void print_key(const struct key *key)
{
    key_head(key);
    key_doc(key);
    key_value(key);
    if ((key->flags & KEY_RESTART) != 0)
        words("A change needs a restart.");
    end_line();
}

static void print_keys(void)
{
    for (size_t i = 0; i < SECTIONS; i++) {
        const struct section *section = &sections[i];
        printf(".Ss [%s%s]\\&\n", section->name, section->named != NULL ? " NAME" : "");
        words(section->doc);
        macro(".Bl -tag -width Ds");
        for (size_t k = 0; k < section->n_keys; k++)
            print_key(&section->keys[k]);
        macro(".El");
    }
}

static void print_row(const char *name, const char *text)
{
    end_line();
    printf(".It %s\n", name);
    words(text);
}

static void print_formats(void)
{
    puts(".Bl -tag -width Ds");
    for (size_t i = 0; i < feed_formats(); i++) {
        const struct feed_format_info *info = feed_format_info(i);
        printf(".It Cm %s\n.Bl -tag -width means -compact\n", info->name);
        print_row("row", info->row);
        print_row("means", info->means);
        if (info->keys != NULL)
            print_row("keys", "");
        for (size_t k = 0; info->keys != NULL && info->keys[k] != NULL; k++)
            put_macro("Cm", info->keys[k], info->keys[k + 1] != NULL ? " ," : "");
        macro(".El");
    }
    puts(".El");
}

/* ---- the commands ---------------------------------------------------------------------------- */

/* "[--list A,B]" and "ADDRESS..." as macros; the line goes on. */
static void put_operands(struct view text)
{
    struct view word;

    while (view_word(&text, &word)) {
        bool opens = word.ptr[0] == '[', closes = word.ptr[word.len - 1] == ']';
        word = view_from(word, opens);
        word = view_first(word, word.len - closes);
        if (opens)
            fputs(" Oo", stdout);
        fputs(word.ptr[0] == '-' ? " Fl " : " Ar ", stdout);
        put(view_from(word, word.ptr[0] == '-'));
        if (closes)
            fputs(" Oc", stdout);
    }
}

/* The next line of *REST, without its end. */
static bool next_line(struct view *rest, struct view *line)
{
    return rest->len > 0 && view_split(rest, '\n', line);
}

static void words_of(struct view v)
{
    char *text = view_dup(v);

    if (text != NULL)
        words(text);
    free(text);
}

/* "  --for 30d         so long from now" begins one, "                    more" goes on. */
static bool is_option(struct view line)
{
    return view_starts(line, "  -");
}

static void print_option(struct view line)
{
    struct view head = view_from(line, 2), text = VIEW_NONE;

    for (size_t i = 0; i + 1 < head.len; i++)
        if (head.ptr[i] == ' ' && head.ptr[i + 1] == ' ') {
            text = view_trim(view_from(head, i));
            head = view_first(head, i);
            break;
        }
    end_line();
    fputs(".It", stdout);
    put_operands(head);
    putchar('\n');
    words_of(text);
}

static void print_example(struct view line)
{
    line = view_from(line, 2);
    if (line.len > 0 && line.ptr[0] == '.')
        fputs("\\&", stdout);
    put(line);
    putchar('\n');
}

static void print_help(const char *help)
{
    struct view rest = view_of(help), line;
    bool in_list = false;

    while (next_line(&rest, &line) && !view_starts(line, "Examples:")) {
        if (is_option(line) && !in_list)
            macro(".Bl -tag -width \"\\-\\-until DATE\" -compact");
        in_list = in_list || is_option(line);
        if (in_list && line.len > 0 && line.ptr[0] != ' ') {
            macro(".El");
            in_list = false;
        }
        if (view_starts(line, "Exit status:") && line.ptr != help)
            macro(".Pp");
        if (is_option(line))
            print_option(line);
        else
            words_of(line);
    }
    if (in_list)
        macro(".El");
    macro(".Bd -literal -offset indent");
    while (next_line(&rest, &line))
        print_example(line);
    macro(".Ed");
}

static void print_commands(void)
{
    bool open = false;

    for (size_t i = 0; i < command_count(); i++) {
        const struct command *command = command_at(i);
        if (command->group != NULL) {
            if (open)
                macro(".El");
            printf(".Ss %s\n.Bl -tag -width Ds\n", command->group);
            open = true;
        }
        printf(".It Ic %s", command->name);
        put_operands(view_of(command->operands));
        putchar('\n');
        sentence(command->does);
        if (command->help[0] != ' ')
            macro(".Pp");
        print_help(command->help);
    }
    macro(".El");
}

/* ---- the page -------------------------------------------------------------------------------- */

int main(void)
{
    static const struct {
        const char *line;
        void (*print)(void);
    } parts[] = {
        {"@keys@\n", print_keys}, {"@formats@\n", print_formats}, {"@commands@\n", print_commands}};
    char line[4096];

    puts(".\\\" Written by `make man` from the file of this name with .in behind it: change that "
         "one.");
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t i = 0;
        while (i < sizeof parts / sizeof *parts && strcmp(line, parts[i].line) != 0)
            i++;
        if (i < sizeof parts / sizeof *parts)
            parts[i].print();
        else
            fputs(line, stdout);
    }
    return ferror(stdin) || fflush(stdout) != 0 ? 1 : 0;
}
