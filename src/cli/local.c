/*
 * rcptguard exclude, unexclude, exclusions, block, unblock, blocks: the edits of the two local
 * files. The daemon writes them, so that what the command reports is in force.
 */
#include <stdlib.h>

#include "check_show.h"
#include "cli.h"
#include "local_show.h"
#include "paste.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/json_text.h"

/* TEXT may be NULL: not given. */
static bool put(json_t *body, const char *key, const char *text)
{
    return text == NULL || json_object_set_new(body, key, json_string(text)) == 0;
}

static int add_until(const struct cli *cli, json_t *body)
{
    const struct args *args = &cli->args;
    const char *until = args->until;
    struct error why;
    int64_t then;
    char text[21];

    if (args->until != NULL && args->lasts != NULL)
        return cli_trouble("--until and --for say the same thing twice: give one of them");
    if (args->lasts != NULL) {
        if (args_until(view_of(args->lasts), cli->show.now, &then, &why) != 0)
            return cli_trouble("%s", why.text);
        until = clock_time_text(then, text);
    }
    return put(body, "until", until) ? CLI_OK : cli_trouble("--until is not UTF-8: write a date");
}

/* The request's body; NULL: told what is wrong. Caller frees. */
static char *edit_body(const struct cli *cli)
{
    const struct args *args = &cli->args;
    json_t *body = json_object();
    char *text = NULL;

    if (!put(body, "what", args->operands[0]) || !put(body, "list", args->list) ||
        !put(body, "ticket", args->ticket) || !put(body, "note", args->note) ||
        !put(body, "by", cli_caller()))
        cli_trouble("what is given is not UTF-8: such a line can only be written by an editor");
    else if (add_until(cli, body) == CLI_OK) {
        if ((args->given & ARGS_FORCE) != 0)
            json_object_set_new(body, "force", json_true());
        text = json_write_text(body, JSON_COMPACT);
    }
    json_decref(body);
    return text;
}

/* The same command again with --force, as far as it can be pasted. */
static void say_force(const struct cli *cli, const struct local_words *w)
{
    const struct args *args = &cli->args;
    const char *const options[][2] = {{"--list", args->list},
                                      {"--until", args->until},
                                      {"--for", args->lasts},
                                      {"--ticket", args->ticket},
                                      {"--note", args->note}};
    struct show s = {.to = stderr, .socket = cli->show.socket, .config = cli->show.config};

    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i][1] != NULL && !paste_can(view_of(options[i][1])))
            return;
    if (!paste_can(view_of(args->operands[0])))
        return;
    fprintf(stderr, "if that is what you want, and you are an admin, type:\n  rcptguard %s --force",
            w->add);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (options[i][1] == NULL)
            continue;
        fprintf(stderr, " %s ", options[i][0]);
        paste_word(s.to, view_of(options[i][1]));
    }
    paste_socket(&s);
    fputs(args->operands[0][0] == '-' ? " -- " : " ", stderr);
    paste_word(stderr, view_of(args->operands[0]));
    fputc('\n', stderr);
}

static int refused(struct cli *cli, const struct local_words *w, const struct api_call *call)
{
    cli_refused(cli, call);
    if ((cli->args.given & ARGS_JSON) != 0)
        return CLI_TROUBLE;
    if (call->status == 409 && view_is(show_field(call->answer, "needs"), "force"))
        say_force(cli, w);
    if (call->status == 403)
        fputs("root and members of [admin] admin_group may: ask one of them, or use sudo\n",
              stderr);
    return CLI_TROUBLE;
}

/*
 * What became of WHAT, an address, by the edit: another list may block it still, or a wider line
 * free it. The edit is done, whatever comes of the question.
 */
static void show_now(struct cli *cli, struct view what)
{
    struct api_call call;
    struct error why;

    if (view_find(what, '@') <= 0 || view_starts(what, "sender:") || view_starts(what, "login:"))
        return;
    api_call_begin(&call, API_GET, "/v1/check?recipient=");
    api_call_add_encoded(&call, what);
    if (api_run(cli->api, &call, 1, NULL, NULL, &why) == 0 && call.status == 200)
        check_show_now(&cli->show, call.answer);
    api_call_end(&call);
}

static int add(struct cli *cli, const struct local_words *w)
{
    char *body = edit_body(cli);
    struct api_call call;
    struct error why;
    int code;

    if (body == NULL)
        return CLI_TROUBLE;
    api_call_begin(&call, API_POST, w->path);
    buf_add_text(&call.request, body);
    free(body);
    if (api_run(cli->api, &call, 1, NULL, NULL, &why) != 0) {
        code = cli_trouble("%s", why.text);
    } else if (call.status != 200 && call.status != 201) {
        code = refused(cli, w, &call);
    } else if ((cli->args.given & ARGS_JSON) != 0) {
        cli_print_json(cli, &call);
        code = json_is_true(json_object_get(call.answer, "changed")) ? CLI_OK : CLI_NO;
    } else {
        bool ends = cli->args.until != NULL || cli->args.lasts != NULL;
        code = local_show_added(&cli->show, w, call.answer, ends) ? CLI_OK : CLI_NO;
        show_now(cli, show_field(call.answer, "what"));
    }
    api_call_end(&call);
    return code;
}

static void add_parameter(struct api_call *call, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_addf(&call->path, "&%s=", name);
    api_call_add_encoded(call, view_of(value));
}

/* Makes the begun DELETE and ends it; WHAT empty: of --prune. */
static int delete_lines(struct cli *cli, const struct local_words *w, struct api_call *call,
                        struct view what)
{
    struct error why;
    int code;

    add_parameter(call, "by", cli_caller());
    if (api_run(cli->api, call, 1, NULL, NULL, &why) != 0) {
        code = cli_trouble("%s", why.text);
    } else if (call->status == 404) {
        cli_refused(cli, call);
        code = CLI_NO;
    } else if (call->status != 200) {
        /* Of two files, one was changed. */
        if ((cli->args.given & ARGS_JSON) == 0 && show_number(call->answer, "removed") > 0)
            local_show_removed(&cli->show, w, what, call->answer);
        code = refused(cli, w, call);
    } else if ((cli->args.given & ARGS_JSON) != 0) {
        cli_print_json(cli, call);
        code = show_number(call->answer, "removed") > 0 ? CLI_OK : CLI_NO;
    } else {
        code = local_show_removed(&cli->show, w, what, call->answer) ? CLI_OK : CLI_NO;
        show_now(cli, show_field(call->answer, "what"));
    }
    api_call_end(call);
    return code;
}

static int take_out(struct cli *cli, const struct local_words *w)
{
    struct view what = view_of(cli->args.operands[0]);
    struct api_call call;

    if (what.len == 0)
        return cli_trouble("%s what? See rcptguard help %s", w->remove, w->remove);
    api_call_begin(&call, API_DELETE, w->path);
    buf_add_text(&call.path, "?what=");
    api_call_add_encoded(&call, what);
    add_parameter(&call, "list", cli->args.list);
    return delete_lines(cli, w, &call, what);
}

static int prune(struct cli *cli, const struct local_words *w)
{
    struct api_call call;

    api_call_begin(&call, API_DELETE, w->path);
    buf_add_text(&call.path, "?expired=yes");
    return delete_lines(cli, w, &call, VIEW_NONE);
}

static int get_lines(struct cli *cli, struct api_call *call)
{
    struct error why;

    if (api_run(cli->api, call, 1, NULL, NULL, &why) != 0)
        return cli_trouble("%s", why.text);
    return call->status == 200 ? CLI_OK : cli_refused(cli, call);
}

/* A long file comes in parts: the lines from FROM on are added to those of ANSWER. */
static int add_part(struct cli *cli, const struct local_words *w, json_t *answer, json_int_t from)
{
    struct api_call part;

    json_object_del(answer, "next");
    api_call_begin(&part, API_GET, w->path);
    buf_addf(&part.path, "?from=%" JSON_INTEGER_FORMAT, from);
    int code = get_lines(cli, &part);
    if (code == CLI_OK) {
        json_t *next = json_object_get(part.answer, "next");
        json_array_extend(json_object_get(answer, w->key), json_object_get(part.answer, w->key));
        /* It goes forward, or it has ended. */
        if (json_integer_value(next) > from)
            json_object_set(answer, "next", next);
    }
    api_call_end(&part);
    return code;
}

static void print_all(const struct cli *cli, const json_t *answer)
{
    json_dumpf(answer, cli->show.to, JSON_COMPACT);
    fputc('\n', cli->show.to);
}

static int show_all(struct cli *cli, const struct local_words *w)
{
    struct api_call call;
    json_int_t from;

    if ((cli->args.given & ARGS_PRUNE) != 0)
        return prune(cli, w);
    api_call_begin(&call, API_GET, w->path);
    int code = get_lines(cli, &call);
    while (code == CLI_OK && (from = json_integer_value(json_object_get(call.answer, "next"))) > 0)
        code = add_part(cli, w, call.answer, from);
    if (code == CLI_OK && (cli->args.given & ARGS_JSON) != 0)
        print_all(cli, call.answer);
    else if (code == CLI_OK)
        local_show_table(&cli->show, w, call.answer);
    api_call_end(&call);
    return code;
}

int cli_exclude(struct cli *cli)
{
    return add(cli, &local_exclusions);
}

int cli_unexclude(struct cli *cli)
{
    return take_out(cli, &local_exclusions);
}

int cli_exclusions(struct cli *cli)
{
    return show_all(cli, &local_exclusions);
}

int cli_block(struct cli *cli)
{
    return add(cli, &local_blocks);
}

int cli_unblock(struct cli *cli)
{
    return take_out(cli, &local_blocks);
}

int cli_blocks(struct cli *cli)
{
    return show_all(cli, &local_blocks);
}
