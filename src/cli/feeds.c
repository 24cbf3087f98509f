/* rcptguard feeds, refresh, accept, rollback: what is asked of the daemon about lists. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feeds_show.h"
#include "rcptguard/base/json_text.h"
#include "zones_show.h"

#define PROGRESS_BYTES 64 /* "parsing 12.1 MB, 120000 lines, 118000 entries" and some */

/* GET /v1/feeds; the caller ends CALL in every case. */
static int get_feeds(struct cli *cli, struct api_call *call)
{
    struct error why;

    api_call_begin(call, API_GET, "/v1/feeds");
    if (api_run(cli->api, call, 1, NULL, NULL, &why) != 0)
        return cli_trouble("%s", why.text);
    return call->status == 200 ? CLI_OK : cli_refused(cli, call);
}

/* For completions: what cannot be had is no reason to write into somebody's command line. */
static int print_names(struct cli *cli)
{
    struct api_call call;
    const json_t *feed;
    size_t i;
    int code = CLI_OK;

    api_call_begin(&call, API_GET, "/v1/feeds");
    if (api_run(cli->api, &call, 1, NULL, NULL, NULL) != 0 || call.status != 200)
        code = CLI_TROUBLE;
    json_array_foreach(json_object_get(call.answer, "feeds"), i, feed)
    {
        show_view(&cli->show, show_field(feed, "name"));
        fputc('\n', cli->show.to);
    }
    api_call_end(&call);
    return code;
}

/* Held and refused copies are the guards' doing; `status` tells of those. Zones fail by being off.
 */
static bool some_failed(const json_t *feeds)
{
    const json_t *feed;
    size_t i;

    json_array_foreach(feeds, i, feed)
    {
        if (view_is(show_field(feed, "state"), zone_is(feed) ? "off" : "failed"))
            return true;
    }
    return false;
}

int cli_feeds(struct cli *cli)
{
    if ((cli->args.given & ARGS_NAMES) != 0)
        return print_names(cli);
    struct api_call call;
    int code = get_feeds(cli, &call);
    const json_t *feeds = code == CLI_OK ? json_object_get(call.answer, "feeds") : NULL;

    if (code == CLI_OK && (cli->args.given & ARGS_JSON) != 0)
        cli_print_json(cli, &call);
    else if (code == CLI_OK)
        feeds_show(&cli->show, feeds);
    if (some_failed(feeds))
        code = CLI_NO;
    api_call_end(&call);
    return code;
}

static void add_claim(struct api_call *call)
{
    json_t *body = json_pack("{s:s?}", "by", cli_caller());
    char *text = body == NULL ? NULL : json_write_text(body, JSON_COMPACT);

    buf_add_text(&call->request, text == NULL ? "{}" : text);
    free(text);
    json_decref(body);
}

static void begin_order(struct api_call *call, const char *feed, const char *order)
{
    api_call_begin(call, API_POST, "/v1/feeds/");
    api_call_add_encoded(call, view_of(feed));
    buf_add_text(&call->path, order);
    add_claim(call);
}

/* Shows an outcome that is not good, or not for people, or begins one line; false: go on with it.
 */
static bool is_shown(struct cli *cli, const char *name, const struct api_call *call, int *code)
{
    const struct show *s = &cli->show;
    bool failed = call->status != 200;

    *code = failed ? CLI_NO : CLI_OK;
    if ((cli->args.given & ARGS_JSON) != 0) {
        cli_print_json(cli, call);
        return true;
    }
    show_view(s, view_of(name));
    fputs(": ", s->to);
    if (!failed)
        return false;
    show_words(s, SHOW_RED, call->status == 502 ? "failed: " : "");
    show_view(s, show_field(call->answer, "error"));
    fputc('\n', s->to);
    return true;
}

/* One list after its fetch or probe: 0 when it went well, 1 when it did not. */
static int show_outcome(struct cli *cli, const char *name, const struct api_call *call)
{
    const struct show *s = &cli->show;
    struct view state = show_field(call->answer, "state");
    bool stays = show_is_set(call->answer, "accepted") && !show_is_set(call->answer, "problem");
    int code;

    if (is_shown(cli, name, call, &code))
        return code;
    if (zone_is(call->answer)) {
        zone_show_probed(s, call->answer);
        return code;
    }
    if (view_is(state, "held"))
        show_words(s, SHOW_YELLOW, stays ? "held, the last good copy stays: " : "held: ");
    else if (view_is(state, "refused"))
        show_words(s, SHOW_RED, stays ? "refused, the last good copy stays: " : "refused: ");
    else
        show_words(s, SHOW_GREEN, view_is(state, "unchanged") ? "unchanged: " : "accepted: ");
    feeds_show_size(s, call->answer);
    fputc('\n', s->to);
    feeds_show_attention(s, call->answer);
    return code;
}

static int show_accepted(struct cli *cli, const char *name, const struct api_call *call)
{
    int code = show_outcome(cli, name, call);

    if (code == CLI_OK && (cli->args.given & ARGS_JSON) == 0 &&
        json_is_true(json_object_get(call->answer, "previous")))
        feeds_show_order(&cli->show, call->answer, "rollback", "goes back to the copy before");
    return code;
}

/* Of a feed with a cleared list, what was accepted last goes back, and that may be either. */
static bool was_cleared_list(const json_t *feed)
{
    return view_starts(show_field(feed, "last_error"), "cleared list: ");
}

/* What is in force now, and what leads back to where we were. */
static int show_rollback(struct cli *cli, const char *name, const struct api_call *call)
{
    const struct show *s = &cli->show;
    char age[SHOW_SPAN_MAX];
    int code;

    if (is_shown(cli, name, call, &code))
        return code;
    bool cleared = was_cleared_list(call->answer);
    show_words(s, SHOW_GREEN, cleared ? "rolled back the cleared list: " : "rolled back: ");
    fprintf(s->to, "in force is the %s taken %s, ", cleared ? "list" : "copy",
            show_field_age(s, call->answer, "accepted", age));
    feeds_show_size(s, call->answer);
    fprintf(s->to, "\n  the %s that was in force waits as held until its content changes\n",
            cleared ? "cleared list" : "copy");
    feeds_show_order(s, call->answer, "accept", "takes it again");
    if (cleared && json_is_true(json_object_get(call->answer, "previous")))
        feeds_show_order(s, call->answer, "rollback", "goes back to the list before, too");
    feeds_show_unkept(s, call->answer);
    return code;
}

/* What the feeds that are being fetched say of themselves, on one line of the terminal. */
static void show_progress(void *arg)
{
    struct cli *cli = arg;
    struct show s = {.to = stderr, .now = cli->show.now};
    struct api_call call;
    const json_t *feed;
    size_t i;

    api_call_begin(&call, API_GET, "/v1/feeds");
    if (api_run(cli->api, &call, 1, NULL, NULL, NULL) == 0 && call.status == 200) {
        fputs("\r\033[K", stderr);
        json_array_foreach(json_object_get(call.answer, "feeds"), i, feed)
        {
            if (!show_is_set(feed, "progress"))
                continue;
            show_view(&s, show_field(feed, "name"));
            fputs(": ", stderr);
            show_view(&s, view_first(show_field(feed, "progress"), PROGRESS_BYTES));
            fputs("  ", stderr);
        }
        fflush(stderr);
    }
    api_call_end(&call);
}

static int refresh_these(struct cli *cli, const char *const *names, size_t n)
{
    struct api_call *calls = calloc(n == 0 ? 1 : n, sizeof *calls);
    bool progress = isatty(STDERR_FILENO) == 1;
    int worst = CLI_OK;

    if (calls == NULL)
        return cli_trouble("no memory");
    for (size_t i = 0; i < n; i++)
        begin_order(&calls[i], names[i], "/refresh");
    api_run(cli->api, calls, n, progress ? show_progress : NULL, cli, NULL);
    if (progress)
        fputs("\r\033[K", stderr);
    for (size_t i = 0; i < n; i++) {
        int code = calls[i].why.code != 0 ? cli_trouble("%s: %s", names[i], calls[i].why.text)
                                          : show_outcome(cli, names[i], &calls[i]);
        worst = code > worst ? code : worst;
        api_call_end(&calls[i]);
    }
    free(calls);
    return worst;
}

static int refresh_all(struct cli *cli)
{
    struct api_call call;
    int code = get_feeds(cli, &call);
    const json_t *feeds = json_object_get(call.answer, "feeds"), *feed;
    size_t n = json_array_size(feeds), i, known = 0;
    const char **names = code == CLI_OK ? calloc(n + 1, sizeof *names) : NULL;

    if (names != NULL) {
        json_array_foreach(feeds, i, feed)
        {
            const char *name = json_string_value(json_object_get(feed, "name"));
            if (name != NULL)
                names[known++] = name;
        }
        code = refresh_these(cli, names, known);
    } else if (code == CLI_OK) {
        code = cli_trouble("no memory");
    }
    free(names);
    api_call_end(&call);
    return code;
}

int cli_refresh(struct cli *cli)
{
    if (cli->args.n_operands == 0)
        return refresh_all(cli);
    return refresh_these(cli, (const char *const *)cli->args.operands, cli->args.n_operands);
}

/* An order for one feed that only admins may give. */
static int order_one(struct cli *cli, const char *order,
                     int (*show)(struct cli *cli, const char *name, const struct api_call *call))
{
    const char *name = cli->args.operands[0];
    struct api_call call;
    struct error why;
    int code;

    begin_order(&call, name, order);
    if (api_run(cli->api, &call, 1, NULL, NULL, &why) != 0)
        code = cli_trouble("%s", why.text);
    else if (call.status == 403)
        code = cli_refused(cli, &call);
    else
        code = show(cli, name, &call);
    api_call_end(&call);
    return code;
}

int cli_accept(struct cli *cli)
{
    return order_one(cli, "/accept", show_accepted);
}

int cli_rollback(struct cli *cli)
{
    return order_one(cli, "/rollback", show_rollback);
}
