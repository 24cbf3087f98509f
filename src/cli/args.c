/* The command line, taken apart: see args.h. */
#include "args.h"

#include <string.h>

#include "rcptguard/base/nearest.h"

static const struct option_row {
    enum args_option option;
    const char *brief, *name;
    bool takes_value;
    size_t offset; /* of the value in struct args, or of the array of those that repeat */
} option_rows[] = {
    {ARGS_SOCKET, "-s", "--socket", true, offsetof(struct args, socket)},
    {ARGS_CONFIG, "-c", "--config", true, offsetof(struct args, config)},
    {ARGS_JSON, NULL, "--json", false, 0},
    {ARGS_HELP, "-h", "--help", false, 0},
    {ARGS_VERSION, "-V", "--version", false, 0},
    {ARGS_SENDER, NULL, "--sender", true, offsetof(struct args, sender)},
    {ARGS_FORMAT, NULL, "--format", true, offsetof(struct args, format)},
    {ARGS_SET, NULL, "--set", true, offsetof(struct args, set)},
    {ARGS_LIST, NULL, "--list", true, offsetof(struct args, list)},
    {ARGS_UNTIL, NULL, "--until", true, offsetof(struct args, until)},
    {ARGS_FOR, NULL, "--for", true, offsetof(struct args, lasts)},
    {ARGS_TICKET, NULL, "--ticket", true, offsetof(struct args, ticket)},
    {ARGS_NOTE, NULL, "--note", true, offsetof(struct args, note)},
    {ARGS_FORCE, NULL, "--force", false, 0},
    {ARGS_PRUNE, NULL, "--prune", false, 0},
    {ARGS_FOLLOW, NULL, "--follow", false, 0},
    {ARGS_ALL, NULL, "--all", false, 0},
    {ARGS_FLEET, NULL, "--fleet", false, 0},
    {ARGS_BLOCKS, NULL, "--blocks", false, 0},
    {ARGS_NAMES, NULL, "--names", false, 0},
};

/* Of these the last would win silently, and free from less, or more, than was asked. */
#define ARGS_ONCE (ARGS_LIST | ARGS_UNTIL | ARGS_FOR | ARGS_TICKET | ARGS_NOTE)

#define OPTION_ROWS (sizeof option_rows / sizeof *option_rows)

/* The row of WORD; *value is what follows '=' in "--name=value", or NULL. */
static const struct option_row *find_option(const char *word, const char **value)
{
    size_t len = strcspn(word, "=");

    *value = NULL;
    for (size_t i = 0; i < OPTION_ROWS; i++) {
        const struct option_row *row = &option_rows[i];
        if (row->brief != NULL && strcmp(word, row->brief) == 0)
            return row;
        if (strlen(row->name) == len && strncmp(word, row->name, len) == 0) {
            if (word[len] == '=')
                *value = word + len + 1;
            return row;
        }
    }
    return NULL;
}

static int unknown_option(const char *word, struct error *why)
{
    const char *names[OPTION_ROWS];

    for (size_t i = 0; i < OPTION_ROWS; i++)
        names[i] = option_rows[i].name;
    struct view name = view_first(view_of(word), strcspn(word, "="));
    return error_set(why, ERR_SYNTAX,
                     "unknown option %.*s; did you mean %s? See rcptguard help, and write -- "
                     "before an operand that begins with -",
                     (int)(name.len < 60 ? name.len : 60), name.ptr,
                     nearest_name(name, names, OPTION_ROWS));
}

static int take_option(int argc, char **argv, int *i, struct args *out, struct error *why)
{
    const char *value;
    const struct option_row *row = find_option(argv[*i], &value);

    if (row == NULL)
        return unknown_option(argv[*i], why);
    if ((out->given & (unsigned)row->option & ARGS_ONCE) != 0)
        return error_set(why, ERR_SYNTAX, "option %s is given twice%s", row->name,
                         row->option == ARGS_LIST ? "; write --list A,B" : "");
    out->given |= (unsigned)row->option;
    if (!row->takes_value)
        return value == NULL ? 0
                             : error_set(why, ERR_SYNTAX, "option %s takes no value", row->name);
    if (value == NULL) {
        if (*i + 1 >= argc)
            return error_set(why, ERR_SYNTAX, "option %s needs a value", row->name);
        value = argv[++*i];
    }
    if (row->option == ARGS_SET && out->n_set == ARGS_MAX_SET)
        return error_set(why, ERR_SYNTAX, "more than %d options %s", ARGS_MAX_SET, row->name);
    size_t index = row->option == ARGS_SET ? out->n_set++ : 0;
    memcpy((char *)out + row->offset + index * sizeof value, &value, sizeof value);
    return 0;
}

int args_parse(int argc, char **argv, struct args *out, struct error *why)
{
    bool only_operands = false;
    int kept = 1; /* words that are no options move to the front */

    *out = (struct args){.given = 0};
    for (int i = 1; i < argc; i++) {
        bool is_option = !only_operands && argv[i][0] == '-' && argv[i][1] != '\0';
        if (is_option && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (is_option) {
            int code = take_option(argc, argv, &i, out, why);
            if (code != 0)
                return code;
        } else {
            argv[kept++] = argv[i];
        }
    }
    if (kept > 1) {
        out->command = argv[1];
        out->operands = argv + 2;
        out->n_operands = (size_t)kept - 2;
    }
    return 0;
}

const char *args_option_name(unsigned set)
{
    for (size_t i = 0; i < OPTION_ROWS; i++)
        if ((set & (unsigned)option_rows[i].option) != 0)
            return option_rows[i].name;
    return "";
}

#define LONGEST (INT64_C(3650) * 86400)

static int bad_span(struct view lasts, struct error *why)
{
    return error_set(why, ERR_SYNTAX,
                     "--for %.*s: write how long with d, h, m or s, for example 30d, 12h or 1h30m, "
                     "up to 3650d",
                     (int)(lasts.len < 40 ? lasts.len : 40), lasts.len == 0 ? "" : lasts.ptr);
}

int args_until(struct view lasts, int64_t now, int64_t *until, struct error *why)
{
    static const struct {
        char name;
        int64_t seconds;
    } units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    int64_t sum = 0;
    size_t unit = 0, i = 0;

    while (i < lasts.len) {
        int64_t n = 0;
        size_t first = i;
        for (; i < lasts.len && ascii_digit(lasts.ptr[i]) && n <= LONGEST; i++)
            n = n * 10 + (lasts.ptr[i] - '0');
        while (unit < 4 && i < lasts.len && units[unit].name != lasts.ptr[i])
            unit++;
        if (i == first || i == lasts.len || unit == 4 || n > LONGEST)
            return bad_span(lasts, why);
        sum += n * units[unit++].seconds;
        i++;
    }
    if (sum <= 0 || sum > LONGEST)
        return bad_span(lasts, why);
    *until = now + sum;
    return 0;
}

struct view args_address(const char *operand)
{
    struct view v = view_trim(view_of(operand));

    return v.len > 2 && v.ptr[0] == '<' && view_find(v, '>') == (ptrdiff_t)v.len - 1
               ? view_trim(view_make(v.ptr + 1, v.len - 2))
               : v;
}
