/*
 * Replies and log lines: a template and values of any bytes, each on a line of its own. What
 * Postfix gets is one line of ASCII with a code and a text, never longer than it may be, and holds
 * contact and reference where a template that was found good asks for them; what the log gets is
 * one line out of whose brackets nothing breaks.
 */
#include <stdint.h>

#include "rcptguard/base/escape.h"
#include "rcptguard/decision.h"
#include "shown.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct view field(struct view *rest)
{
    struct view v = VIEW_NONE;

    view_split(rest, '\n', &v);
    return v.ptr == NULL ? view_of("") : v;
}

static bool has_control(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (ascii_control(v.ptr[i]))
            return true;
    return false;
}

static void try_reply(struct view template, enum outcome outcome, struct reply_words words)
{
    char action[ACTION_MAX];
    struct error why = {0};

    reply_build(template, outcome, &words, action);
    struct view v = view_of(action);
    must(v.len > 10 && v.len < ACTION_MAX);
    must(view_starts(v, outcome == OUTCOME_DEFER ? "450 4." : "550 5."));
    for (size_t i = 0; i < v.len; i++)
        must(v.ptr[i] >= ' ' && v.ptr[i] <= '~');
    must(view_find(view_from(v, 4), ' ') > 0); /* something stands behind the DSN code */
    if (reply_check(template, words.contact, &why) < 0) {
        must(why.text[0] != '\0');
        return;
    }
    words.ref = view_of("0123456789BC"); /* what our own references and dates look like */
    words.date = view_of("2026-12-31");
    reply_build(template, outcome, &words, action);
    v = view_of(action);
    if (shown_has(template, "${ref}"))
        must(shown_has(v, "0123456789BC"));
    if (shown_has(template, "${contact}") && view_is_ascii(words.contact) &&
        words.contact.len < REPLY_TEXT_MAX && !has_control(words.contact))
        must(memmem(v.ptr, v.len, words.contact.ptr, words.contact.len) != NULL);
}

static void try_escape(struct view v)
{
    char bytes[ESCAPE_MAX_BYTES + 1], small[20];
    struct text t = text_on(bytes, sizeof bytes);

    escape_to(&t, v, ESCAPE_LOG);
    shown_must_be_safe(text_view(&t));
    must(view_find_any(text_view(&t), "<>\"") < 0);
    t = text_on(small, sizeof small);
    escape_to(&t, v, ESCAPE_TERMINAL);
    shown_must_be_safe(text_view(&t));
    must(view_find(text_view(&t), '"') < 0);
}

static void try_log_line(const struct reply_words *words, struct view other)
{
    const struct log_words log = {.label = "reject",
                                  .ref = words->ref,
                                  .recipient = words->recipient,
                                  .sender = other,
                                  .sasl_username = words->contact,
                                  .client = words->date,
                                  .queue_id = other,
                                  .instance = words->recipient,
                                  .list = words->list,
                                  .entry = words->entry,
                                  .action = other,
                                  .evidence = words->date};
    char line[8192];
    struct text t = text_on(line, sizeof line);
    int depth = 0;

    decision_log_line(&t, &log);
    shown_must_be_safe(text_view(&t));
    for (size_t i = 0; i < t.len; i++) {
        depth += line[i] == '<' ? 1 : line[i] == '>' ? -1 : 0;
        must(depth == 0 || depth == 1);
    }
    must(depth == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct view rest = view_make(data + 1, size - 1);
    struct view template = field(&rest);
    struct reply_words words = {.recipient = field(&rest)};
    words.list = field(&rest);
    words.entry = field(&rest);
    words.date = field(&rest);
    words.contact = field(&rest);
    words.ref = field(&rest);
    try_reply(template, data[0] & 1 ? OUTCOME_DEFER : OUTCOME_REJECT, words);
    try_log_line(&words, rest);
    try_escape(view_make(data, size));
    return 0;
}
