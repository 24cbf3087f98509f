/*
 * Values. Every message says what would be right, with the range and an example, because the one
 * who reads it has mail waiting. No strtod and friends: the locale has no say.
 */
#include "values.h"

#include <inttypes.h>
#include <stdio.h>

#include "places.h"

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit duration_s_units[] = {
    {"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}, {NULL, 0}};
static const struct unit duration_ms_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000},
                                                {"s", 1000},     {"ms", 1},      {NULL, 0}};
static const struct unit size_units[] = {{"G", UINT64_C(1) << 30},
                                         {"M", UINT64_C(1) << 20},
                                         {"K", UINT64_C(1) << 10},
                                         {"", 1},
                                         {NULL, 0}};
static const struct unit count_units[] = {{"", 1}, {NULL, 0}};
static const struct unit ratio_units[] = {{"%", 1}, {NULL, 0}};

static const struct unit *units_of(enum value_type type)
{
    switch (type) {
    case VALUE_DURATION_S:
        return duration_s_units;
    case VALUE_DURATION_MS:
        return duration_ms_units;
    case VALUE_SIZE:
        return size_units;
    case VALUE_RATIO:
        return ratio_units;
    default:
        return count_units;
    }
}

/* In the largest unit that leaves a whole number. */
static void add_amount(struct text *t, const struct unit *units, uint64_t amount)
{
    while (units[1].name != NULL && (amount == 0 || amount % units->factor != 0))
        units++;
    text_addf(t, "%" PRIu64 "%s", amount / units->factor, amount == 0 ? "" : units->name);
}

void value_range(const struct value_rule *rule, struct text *t)
{
    const struct unit *units = units_of(rule->type);

    if (rule->max == 0)
        return;
    add_amount(t, units, rule->min);
    text_add(t, " to ");
    add_amount(t, units, rule->max);
}

static int bad(const struct value_rule *rule, struct view text, struct error *why, const char *what)
{
    return error_set(why, ERR_SYNTAX, "'%.*s' is not %s, for example %s",
                     (int)(text.len < 100 ? text.len : 100), text.ptr, what, rule->example);
}

static int out_of_range(const struct value_rule *rule, struct view text, struct error *why)
{
    char words[64];
    struct text range = text_on(words, sizeof words);

    value_range(rule, &range);
    return error_set(why, ERR_LIMIT, "%.*s is out of range; from %s is allowed, for example %s",
                     (int)(text.len < 40 ? text.len : 40), text.ptr, words, rule->example);
}

/* The leading digits; false without any or when they overflow. */
static bool take_digits(struct view *text, uint64_t *number)
{
    size_t len = 0;

    while (len < text->len && ascii_digit(text->ptr[len]))
        len++;
    bool good = view_to_uint(view_first(*text, len), UINT64_MAX, number);
    *text = view_from(*text, len);
    return good;
}

static bool all_digits(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!ascii_digit(v.ptr[i]))
            return false;
    return v.len > 0;
}

/* A number and one of the type's units; "0" needs none. */
static int parse_amount(const struct value_rule *rule, struct view text, struct value *value,
                        struct error *why, const char *what)
{
    const struct unit *unit = units_of(rule->type);
    struct view rest = text;
    uint64_t number;

    if (!take_digits(&rest, &number))
        return all_digits(view_first(text, text.len - rest.len)) ? out_of_range(rule, text, why)
                                                                 : bad(rule, text, why, what);
    while (unit->name != NULL && !view_is(rest, unit->name))
        unit++;
    bool bare_zero = number == 0 && rest.len == 0;
    if (unit->name == NULL && !bare_zero)
        return bad(rule, text, why, what);
    uint64_t factor = bare_zero ? 1 : unit->factor;
    if (number > UINT64_MAX / factor)
        return out_of_range(rule, text, why);
    value->number = number * factor;
    if (rule->max != 0 && (value->number < rule->min || value->number > rule->max))
        return out_of_range(rule, text, why);
    return 0;
}

/* "20%", "12.5%": whole percents and up to four digits behind the point. */
static int parse_ratio(const struct value_rule *rule, struct view text, struct value *value,
                       struct error *why)
{
    static const char what[] = "a ratio; write a number and %";
    struct view number = text;
    uint64_t whole, parts = 0;

    if (view_is(text, "0"))
        number = view_of("0");
    else if (text.len == 0 || text.ptr[text.len - 1] != '%')
        return bad(rule, text, why, what);
    else
        number.len--;
    ptrdiff_t point = view_find(number, '.');
    if (point >= 0) {
        struct view fraction = view_from(number, (size_t)point + 1);
        number = view_first(number, (size_t)point);
        if (fraction.len > 4 || !view_to_uint(fraction, 9999, &parts))
            return bad(rule, text, why, what);
        for (size_t i = fraction.len; i < 4; i++)
            parts *= 10;
    }
    if (!all_digits(number))
        return bad(rule, text, why, what);
    if (!view_to_uint(number, UINT32_MAX, &whole) || whole < rule->min || whole > rule->max ||
        (whole == rule->max && parts > 0))
        return out_of_range(rule, text, why);
    value->ratio = (double)(whole * 10000 + parts) / 1e6;
    return 0;
}

static int parse_bool(const struct value_rule *rule, struct view text, struct value *value,
                      struct error *why)
{
    value->number = view_is(text, "yes");
    if (value->number == 0 && !view_is(text, "no"))
        return bad(rule, text, why, "yes or no; write one of the two");
    return 0;
}

static int parse_mode(const struct value_rule *rule, struct view text, struct value *value,
                      struct error *why)
{
    static const char what[] = "a mode of a socket; write three octal digits";
    uint64_t mode = 0;

    if (text.len < 3 || text.len > 4)
        return bad(rule, text, why, what);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '7')
            return bad(rule, text, why, what);
        mode = mode * 8 + (uint64_t)(text.ptr[i] - '0');
    }
    if (mode > 0777)
        return bad(rule, text, why, what);
    value->number = mode;
    return 0;
}

static int parse_choice(const struct value_rule *rule, struct view text, struct value *value,
                        struct error *why)
{
    char words[128];
    struct text list = text_on(words, sizeof words);

    const char *because = "is not known here";

    for (const struct choice *c = rule->choices; c->word != NULL; c++) {
        if (c->refused != NULL) {
            because = view_eq_nocase(text, view_of(c->word)) ? c->refused : because;
            continue;
        }
        if (view_is(text, c->word)) {
            value->number = c->value;
            return 0;
        }
        bool last = c[1].word == NULL || c[1].refused != NULL;
        text_add(&list, c == rule->choices ? "" : last ? " or " : ", ");
        text_add(&list, c->word);
    }
    return error_set(why, ERR_SYNTAX, "'%.*s' %s; write %s", (int)(text.len < 100 ? text.len : 100),
                     text.ptr, because, words);
}

/* Characters that can stand in a local part between user and tag, as in Postfix. */
static int parse_delimiter(const struct value_rule *rule, struct view text, struct error *why)
{
    if (text.len > VALUE_DELIMITER_MAX)
        return error_set(why, ERR_LIMIT, "more than %d characters; write for example %s",
                         VALUE_DELIMITER_MAX, rule->example);
    for (size_t i = 0; i < text.len; i++)
        if (ascii_alnum(text.ptr[i]) || text.ptr[i] <= ' ' || (unsigned char)text.ptr[i] >= 0x7f ||
            strchr("@.\"", text.ptr[i]) != NULL)
            return bad(rule, text, why,
                       "a set of delimiters; write signs that stand between user and tag, "
                       "without white space, letters, digits, '.' and '@'");
    return 0;
}

static int parse_aper_types(const struct value_rule *rule, struct view text, struct value *value,
                            struct error *why)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 'A' || text.ptr[i] > 'E')
            return bad(rule, text, why, "a set of TYPE letters; write some of A B C D E together");
        value->number |= UINT64_C(1) << (text.ptr[i] - 'A');
    }
    return 0;
}

static int parse_path(const struct value_rule *rule, struct view *text, struct error *why)
{
    if (text->ptr[0] != '/')
        return bad(rule, *text, why, "an absolute path; begin it with '/'");
    while (text->len > 1 && text->ptr[text->len - 1] == '/')
        text->len--;
    return 0;
}

static int parse_name(const struct value_rule *rule, struct view text, struct error *why)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == ' ' || text.ptr[i] == ',')
            return bad(rule, text, why, "one word; write a single name");
    return 0;
}

static int parse_secret(struct view text, struct error *why)
{
    if (text.ptr[0] == '@' && (text.len < 2 || text.ptr[1] != '/'))
        return error_set(why, ERR_SYNTAX,
                         "a file with a secret needs an absolute path; write "
                         "@/etc/rcptguard/NAME.key");
    return 0;
}

static bool take_place(struct view *rest, struct view *place)
{
    size_t len = 0;

    while (rest->len > 0 && (rest->ptr[0] == ' ' || rest->ptr[0] == ','))
        *rest = view_from(*rest, 1);
    while (len < rest->len && rest->ptr[len] != ' ' && rest->ptr[len] != ',')
        len++;
    *place = view_first(*rest, len);
    *rest = view_from(*rest, len);
    return len > 0;
}

static int parse_listens(struct view text, struct arena *arena, struct value *value,
                         struct error *why)
{
    struct view place;

    size_t before = value->n_list;

    if (before == 0)
        value->list = arena_zero(arena, VALUE_MAX_LISTENS * sizeof *value->list);
    if (value->list == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    while (take_place(&text, &place)) {
        int rc = place_check_listen(place, why);
        if (rc < 0)
            return rc;
        if (value->n_list == VALUE_MAX_LISTENS)
            return error_set(why, ERR_LIMIT, "more than %d sockets; write fewer",
                             VALUE_MAX_LISTENS);
        for (size_t i = 0; i < value->n_list; i++)
            if (view_is(place, value->list[i]))
                return error_set(why, ERR_CONFLICT, "%.*s is there twice; write it once",
                                 (int)place.len, place.ptr);
        value->list[value->n_list] = arena_copy(arena, place);
        if (value->list[value->n_list++] == NULL)
            return error_set(why, ERR_NOMEM, "no memory");
    }
    if (value->n_list == before)
        return error_set(why, ERR_SYNTAX, "names no socket; write for example unix:/PATH");
    return 0;
}

/* One line of several. */
static int add_line(struct arena *arena, const char *text, struct value *value, struct error *why)
{
    if (value->list == NULL)
        value->list = arena_zero(arena, VALUE_MAX_LINES * sizeof *value->list);
    if (value->list == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    if (value->n_list == VALUE_MAX_LINES)
        return error_set(why, ERR_LIMIT, "more than %d of them; write fewer", VALUE_MAX_LINES);
    value->list[value->n_list++] = text;
    return 0;
}

static int parse_column(const struct value_rule *rule, struct view text, struct error *why)
{
    uint64_t number;

    if (all_digits(text) && (!view_to_uint(text, 1000, &number) || number == 0))
        return bad(rule, text, why, "a column; write its header, or its number from 1 to 1000");
    return 0;
}

/* What can stand in a cell or quotes one can separate none. */
static int parse_separator(const struct value_rule *rule, struct view *text, struct error *why)
{
    if (view_is(*text, "\\t") || view_is(*text, "tab")) {
        *text = view_of("\t");
        return 0;
    }
    if (text->len != 1 || ascii_alnum(text->ptr[0]) || (unsigned char)text->ptr[0] >= 0x7f ||
        view_find(view_of("\"@._-+*"), text->ptr[0]) >= 0)
        return bad(rule, *text, why, "what can separate columns; write one sign, or tab");
    return 0;
}

/* What is not kept as text. */
static int parse_number(const struct value_rule *rule, struct view text, struct value *value,
                        struct error *why)
{
    switch (rule->type) {
    case VALUE_DURATION_S:
        return parse_amount(rule, text, value, why, "a duration; write a number with s, m, h or d");
    case VALUE_DURATION_MS:
        return parse_amount(rule, text, value, why,
                            "a duration; write a number with ms, s, m, h or d");
    case VALUE_SIZE:
        return parse_amount(rule, text, value, why, "a size; write a number with K, M or G");
    case VALUE_COUNT:
    case VALUE_CLIENTS:
        return parse_amount(rule, text, value, why, "a number; write digits only");
    case VALUE_RATIO:
        return parse_ratio(rule, text, value, why);
    case VALUE_BOOL:
        return parse_bool(rule, text, value, why);
    case VALUE_MODE:
        return parse_mode(rule, text, value, why);
    case VALUE_CHOICE:
    case VALUE_EITHER:
        return parse_choice(rule, text, value, why);
    case VALUE_APER_TYPES:
        return parse_aper_types(rule, text, value, why);
    default:
        return 0;
    }
}

/* What is kept as text; *TEXT may be trimmed. */
static int check_text(const struct value_rule *rule, struct view *text, struct error *why)
{
    switch (rule->type) {
    case VALUE_NAME:
        return parse_name(rule, *text, why);
    case VALUE_PATH:
        return parse_path(rule, text, why);
    case VALUE_COLUMN:
        return parse_column(rule, *text, why);
    case VALUE_SEPARATOR:
        return parse_separator(rule, text, why);
    case VALUE_URL:
    case VALUE_URLS:
        return place_check_url(*text, rule->schemes, rule->example, why);
    case VALUE_SECRET:
        return parse_secret(*text, why);
    case VALUE_LISTEN:
        return place_check_listen(*text, why);
    case VALUE_DELIMITER:
        return parse_delimiter(rule, *text, why);
    default:
        return 0;
    }
}

int value_parse(const struct value_rule *rule, struct view text, struct arena *arena,
                struct value *value, struct error *why)
{
    value->text = "";
    if (text.len == 0 && rule->may_be_empty)
        return 0;
    if (text.len == 0)
        return error_set(why, ERR_SYNTAX,
                         "is empty; write a value, for example %s, or leave the "
                         "key out",
                         rule->example);
    if (rule->type == VALUE_LISTENS)
        return parse_listens(text, arena, value, why);
    int rc = check_text(rule, &text, why);
    if (rc == 0)
        rc = parse_number(rule, text, value, why);
    if (rc < 0)
        return rc;
    value->text = arena_copy(arena, text);
    if (value->text == NULL)
        return error_set(why, ERR_NOMEM, "no memory");
    bool lines = rule->type == VALUE_URLS || rule->type == VALUE_TEXTS;
    return lines ? add_line(arena, value->text, value, why) : 0;
}
