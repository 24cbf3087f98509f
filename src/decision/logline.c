/*
 * The one line that the log gets of a refusal (rule 28): fields in a fixed order, so that a grep by
 * queue id or recipient finds it beside Postfix's own lines. Nothing that a recipient holds can
 * break out of its brackets.
 */
#include "rcptguard/base/escape.h"
#include "rcptguard/decision.h"

static void add_name(struct text *t, const char *name)
{
    text_add(t, " ");
    text_add(t, name);
    text_add(t, "=");
}

static void add_bracketed(struct text *t, const char *name, struct view value)
{
    add_name(t, name);
    text_add(t, "<");
    escape_to(t, value, ESCAPE_LOG);
    text_add(t, ">");
}

#define WORD_BYTES 64 /* of a value: more would push the list and the entry off the line */

/* Values without brackets hold no blanks. */
static void add_word(struct text *t, const char *name, struct view value)
{
    struct view word;
    bool first = true;

    add_name(t, name);
    value = view_first(value, WORD_BYTES);
    while (view_split(&value, ' ', &word)) {
        if (!first)
            text_add(t, "\\x20");
        escape_to_max(t, word, ESCAPE_LOG, WORD_BYTES);
        first = false;
    }
}

void decision_log_line(struct text *t, const struct log_words *words)
{
    text_add(t, words->label);
    text_add(t, ":");
    add_word(t, "ref", words->ref);
    add_bracketed(t, "to", words->recipient);
    add_bracketed(t, "from", words->sender);
    add_bracketed(t, "sasl_username", words->sasl_username);
    add_bracketed(t, "client", words->client);
    add_word(t, "queue_id", words->queue_id);
    add_word(t, "instance", words->instance);
    add_word(t, "list", words->list);
    add_bracketed(t, "entry", words->entry);
    add_bracketed(t, "action", words->action);
    if (words->evidence.len > 0)
        add_bracketed(t, "evidence", words->evidence);
}
