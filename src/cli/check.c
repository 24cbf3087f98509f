/* rcptguard check: what would happen to mail for an address, why, and what to do next. */
#include <string.h>

#include "cli.h"

static void line_of_field(const struct show *s, const char *label, const json_t *object,
                          const char *key)
{
    if (!show_is_set(object, key))
        return;
    show_label(s, label);
    show_view(s, show_field(object, key));
    fputc('\n', s->to);
}

static void show_verdict(const struct show *s, const json_t *answer)
{
    struct view verdict = show_field(answer, "verdict");

    show_view(s, show_field(answer, "recipient"));
    fputs(": ", s->to);
    if (view_is(verdict, "reject"))
        show_words(s, SHOW_RED, "rejected");
    else if (view_is(verdict, "defer"))
        show_words(s, SHOW_RED, "deferred");
    else
        show_words(s, SHOW_GREEN, "passes");
    if (show_is_set(answer, "would")) {
        fputs(", ", s->to);
        show_words(s, SHOW_YELLOW, "because mode is observe; enforced it would ");
        show_view(s, show_field(answer, "would"));
    }
    fputc('\n', s->to);
}

static void show_keys(const struct show *s, const json_t *answer)
{
    const json_t *keys = json_object_get(answer, "keys"), *key;
    size_t i;

    if (json_array_size(keys) == 0)
        return;
    show_label(s, "looked up");
    json_array_foreach(keys, i, key)
    {
        fputs(i == 0 ? "" : "  ", s->to);
        show_view(s, view_make(json_string_value(key), json_string_length(key)));
    }
    fputs(show_is_set(answer, "keys_cut") ? "  ...\n" : "\n", s->to);
}

static void show_exclusion(const struct show *s, const json_t *exclusion)
{
    static const char *const details[] = {"list", "until", "ticket", "by", "note"};

    show_view(s, show_field(exclusion, "what"));
    fputs(" in ", s->to);
    show_view(s, show_field(exclusion, "file"));
    fprintf(s->to, " line %lld", (long long)show_number(exclusion, "line"));
    for (size_t i = 0; i < sizeof details / sizeof *details; i++) {
        if (!show_is_set(exclusion, details[i]))
            continue;
        fprintf(s->to, ", %s ", details[i]);
        show_view(s, show_field(exclusion, details[i]));
    }
    fputc('\n', s->to);
}

static void show_listing(const struct show *s, const json_t *listing)
{
    struct view action = show_field(listing, "action");
    char age[SHOW_SPAN_MAX];

    show_label(s, "list");
    show_view(s, show_field(listing, "list"));
    fputs(": ", s->to);
    show_view(s, show_field(listing, "entry"));
    if (show_is_set(listing, "date")) {
        fputs(" of ", s->to);
        show_view(s, show_field(listing, "date"));
    }
    fputs(", action ", s->to);
    show_view(s, action);
    if (view_is(action, "observe"))
        fputs(" (only shown)", s->to);
    if (json_is_true(json_object_get(listing, "excluded")))
        fputs(" (excluded)", s->to);
    if (json_is_true(json_object_get(listing, "decides")))
        fputs(" (decides)", s->to);
    fputc('\n', s->to);
    if (show_is_set(listing, "list_checked")) {
        show_label(s, "");
        fprintf(s->to, "list fetched %s, ", show_field_age(s, listing, "list_checked", age));
        fprintf(s->to, "this copy taken %s\n", show_field_age(s, listing, "list_accepted", age));
    }
    if (show_is_set(listing, "excluded_by")) {
        show_label(s, "");
        fputs("excluded by ", s->to);
        show_exclusion(s, json_object_get(listing, "excluded_by"));
    }
}

/* A list says itself that it does not mean this one. */
static void show_exception(const struct show *s, const json_t *exception)
{
    show_label(s, "");
    fputs("list ", s->to);
    show_view(s, show_field(exception, "list"));
    fputs(" itself excepts ", s->to);
    show_view(s, show_field(exception, "entry"));
    fputc('\n', s->to);
}

/* What to exclude: the address without its tag, which frees it with any. */
static struct view plain_address(const json_t *answer)
{
    struct view plain = show_field(answer, "canonical");
    const json_t *key;
    size_t i;

    json_array_foreach(json_object_get(answer, "keys"), i, key)
    {
        struct view name = view_make(json_string_value(key), json_string_length(key));
        if (view_find(name, '@') > 0)
            plain = name;
    }
    return plain;
}

/* The next step, ready to paste. */
static void show_next(const struct show *s, const json_t *answer)
{
    const json_t *exclusion = json_object_get(answer, "exclusion");
    bool held_back = !view_is(show_field(answer, "verdict"), "pass");

    if (json_is_object(exclusion)) {
        show_label(s, "next");
        fputs("to let the lists decide again, take that line out\n", s->to);
    } else if (held_back || show_is_set(answer, "would")) {
        show_label(s, "next");
        fputs("to let mail through, add this line to ", s->to);
        show_view(s, show_field(answer, "exclusions_file"));
        fputs(" and send again:\n", s->to);
        show_label(s, "");
        show_view(s, plain_address(answer));
        fputs("   # who asked, and why\n", s->to);
    }
}

static void show_answer(const struct show *s, const json_t *answer)
{
    const json_t *listings = json_object_get(answer, "listings"), *listing;
    const json_t *exclusion = json_object_get(answer, "exclusion");
    size_t i;

    show_verdict(s, answer);
    line_of_field(s, "note", answer, "note");
    line_of_field(s, "canonical", answer, "canonical");
    show_keys(s, answer);
    if (json_is_object(exclusion)) {
        show_label(s, "exclusion");
        show_exclusion(s, exclusion);
    }
    json_array_foreach(listings, i, listing) show_listing(s, listing);
    if (i == 0) {
        show_label(s, "list");
        fputs("none holds it\n", s->to);
    }
    json_array_foreach(json_object_get(answer, "exceptions"), i, listing)
        show_exception(s, listing);
    if (!view_is(show_field(answer, "action"), "DUNNO"))
        line_of_field(s, "reply", answer, "action");
    show_next(s, answer);
}

static int check_one(struct cli *cli, const char *address)
{
    struct api_call call;

    api_call_begin(&call, false, "/v1/check?recipient=");
    api_call_add_encoded(&call, view_of(address));
    if (cli->args.sender != NULL) {
        buf_add_text(&call.path, "&sender=");
        api_call_add_encoded(&call, view_of(cli->args.sender));
    }
    return cli_ask(cli, &call, show_answer, "verdict", "pass");
}

int cli_check(struct cli *cli)
{
    int worst = CLI_OK;

    for (size_t i = 0; i < cli->args.n_operands; i++) {
        if (i > 0 && (cli->args.given & ARGS_JSON) == 0)
            fputc('\n', cli->show.to);
        int code = check_one(cli, cli->args.operands[i]);
        worst = code > worst ? code : worst;
    }
    return worst;
}
