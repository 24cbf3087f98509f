/*
 * The reply: what Postfix tells the sender. Postfix 3.0 to 3.11.0 reads past the end of an action
 * that has a DSN code and no text (fixed upstream on 2026-03-10, never in Debian 12's 3.7), takes a
 * bare number for a permit, and passes non-ASCII on to clients that did not ask for it: so there is
 * always text, and it is printable ASCII. Long values are shortened, not the words around them,
 * since contact and reference are what helps the sender.
 */
#include "rcptguard/decision.h"

enum variable { VAR_RECIPIENT, VAR_LIST, VAR_ENTRY, VAR_DATE, VAR_CONTACT, VAR_REF, VAR_COUNT };

static const char *const variable_names[VAR_COUNT] = {"recipient", "list",    "entry",
                                                      "date",      "contact", "ref"};

#define VAR_LITERAL VAR_COUNT
#define VAR_BROKEN  (VAR_COUNT + 1)

#define SHORTEST_BYTES 12 /* a value that outsiders choose is never cut below this */

/* Cut in the middle when the reply is too long: they come from outside. */
static bool may_be_shortened(int variable)
{
    return variable == VAR_RECIPIENT || variable == VAR_ENTRY || variable == VAR_LIST;
}

static int variable_of(struct view name)
{
    for (int i = 0; i < VAR_COUNT; i++)
        if (view_is(name, variable_names[i]))
            return i;
    return VAR_BROKEN;
}

/* Takes the next piece of the template: a variable's number, or VAR_LITERAL with its text. */
static bool next_piece(struct view *rest, int *variable, struct view *text)
{
    if (rest->len == 0)
        return false;
    if (view_starts(*rest, "${")) {
        ptrdiff_t end = view_find(*rest, '}');
        size_t used = end < 0 ? rest->len : (size_t)end + 1;
        *text = view_first(*rest, used);
        *variable = end < 0 ? VAR_BROKEN : variable_of(view_make(rest->ptr + 2, used - 3));
        *rest = view_from(*rest, used);
        return true;
    }
    size_t len = 1;
    while (len < rest->len && (rest->ptr[len] != '$' || !view_starts(view_from(*rest, len), "${")))
        len++;
    *variable = VAR_LITERAL;
    *text = view_first(*rest, len);
    *rest = view_from(*rest, len);
    return true;
}

/* One to three digits. */
static size_t dsn_number(struct view v)
{
    size_t len = 0;
    while (len < v.len && len < 3 && ascii_digit(v.ptr[len]))
        len++;
    return len;
}

/* The length of a leading "d.d.d" (RFC 3463) that ends at a blank or the end; 0 without. */
static size_t dsn_length(struct view v)
{
    size_t at = 0;

    if (v.len == 0 || v.ptr[0] < '2' || v.ptr[0] > '5')
        return 0;
    for (int part = 0; part < 3; part++) {
        size_t digits = part == 0 ? 1 : dsn_number(view_from(v, at));
        if (digits == 0)
            return 0;
        at += digits;
        if (part < 2 && (at >= v.len || v.ptr[at++] != '.'))
            return 0;
    }
    return at == v.len || v.ptr[at] == ' ' ? at : 0;
}

static struct view value_of(int variable, const struct reply_words *words)
{
    switch (variable) {
    case VAR_RECIPIENT:
        return words->recipient;
    case VAR_LIST:
        return words->list;
    case VAR_ENTRY:
        return words->entry;
    case VAR_DATE:
        return words->date;
    case VAR_CONTACT:
        return words->contact;
    case VAR_REF:
        return words->ref;
    default:
        return VIEW_NONE;
    }
}

/* The bytes of the whole when a value from outside takes at most ROOM. */
static size_t length_with(struct view template, const struct reply_words *words, size_t room)
{
    size_t len = 0;
    int variable;
    struct view text;

    while (next_piece(&template, &variable, &text)) {
        struct view value = variable == VAR_LITERAL ? text : value_of(variable, words);
        len += may_be_shortened(variable) && value.len > room ? room : value.len;
    }
    return len;
}

/* How many bytes each value from outside may take, so that the whole fits. */
static size_t room_for_each(struct view template, const struct reply_words *words)
{
    size_t room = REPLY_TEXT_MAX;

    while (room > SHORTEST_BYTES && length_with(template, words, room) > REPLY_TEXT_MAX)
        room--;
    return room;
}

static void add_ascii(struct text *t, struct view v)
{
    size_t from = t->len;

    text_add_view(t, v);
    for (char *c = t->dst + from; c < t->dst + t->len; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
}

static void add_shortened(struct text *t, struct view v, size_t room)
{
    if (v.len <= room) {
        add_ascii(t, v);
        return;
    }
    size_t kept = room - 3, head = kept / 2;
    add_ascii(t, view_first(v, head));
    text_add(t, "...");
    add_ascii(t, view_from(v, v.len - (kept - head)));
}

void reply_build(struct view template, enum outcome outcome, const struct reply_words *words,
                 char action[ACTION_MAX])
{
    size_t dsn = dsn_length(template);
    struct view status = dsn > 0 ? view_first(template, dsn) : view_of("5.7.1");
    struct text text = text_on(action, ACTION_MAX);
    struct view piece;
    int variable;

    text_add(&text, outcome == OUTCOME_DEFER ? "450 4" : "550 5");
    text_add_view(&text, view_from(status, 1));
    text_add(&text, " ");
    size_t front = text.len;
    text.size = front + REPLY_TEXT_MAX + 1;
    template = view_trim(view_from(template, dsn));
    size_t room = room_for_each(template, words);
    while (next_piece(&template, &variable, &piece)) {
        if (variable == VAR_LITERAL)
            add_ascii(&text, piece);
        else if (may_be_shortened(variable))
            add_shortened(&text, value_of(variable, words), room);
        else
            add_ascii(&text, value_of(variable, words));
    }
    if (view_trim(view_from(text_view(&text), front)).len == 0)
        text_add(&text, "recipient is on a blocklist");
}

static int check_piece(int variable, struct view text, struct view contact, size_t *len,
                       struct error *why)
{
    if (variable == VAR_BROKEN)
        return error_set(why, ERR_SYNTAX,
                         "unknown variable %.*s; there are ${recipient} ${list} ${entry} ${date} "
                         "${contact} ${ref}",
                         (int)text.len, text.ptr);
    if (variable == VAR_CONTACT && contact.len == 0)
        return error_set(why, ERR_SYNTAX,
                         "uses ${contact}, which is empty; set contact in [policy]");
    if (may_be_shortened(variable))
        *len += SHORTEST_BYTES;
    else if (variable == VAR_CONTACT)
        *len += contact.len;
    else if (variable == VAR_REF || variable == VAR_DATE)
        *len += 12;
    else
        *len += text.len;
    return 0;
}

int reply_check(struct view template, struct view contact, struct error *why)
{
    struct view rest = view_trim(view_from(template, dsn_length(template)));
    size_t len = 0;
    struct view text;
    int variable;

    if (rest.len == 0)
        return error_set(why, ERR_SYNTAX, "no text; say what happened and whom to ask");
    for (size_t i = 0; i < template.len; i++)
        if (template.ptr[i] < 0x20 || template.ptr[i] > 0x7e)
            return error_set(why, ERR_SYNTAX, "only printable ASCII can be sent in a reply");
    while (next_piece(&rest, &variable, &text)) {
        int rc = check_piece(variable, text, contact, &len, why);
        if (rc < 0)
            return rc;
    }
    if (len > REPLY_TEXT_MAX)
        return error_set(why, ERR_LIMIT,
                         "up to %zu bytes with its variables, but a reply has at most %d; shorten "
                         "it",
                         len, REPLY_TEXT_MAX);
    return 0;
}
