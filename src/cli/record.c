/* rcptguard history, top, events: what is asked of the daemon about what was. */
#include <signal.h>
#include <unistd.h>

#include "cli.h"
#include "record_show.h"

static bool was_listed(const json_t *answer)
{
    return json_array_size(json_object_get(answer, "history")) > 0;
}

int cli_history(struct cli *cli)
{
    struct api_call call;

    api_call_begin(&call, API_GET, "/v1/history?recipient=");
    api_call_add_encoded(&call, args_address(cli->args.operands[0]));
    return cli_ask(cli, &call, history_show, was_listed);
}

int cli_top(struct cli *cli)
{
    struct api_call call;

    api_call_begin(&call, API_GET,
                   (cli->args.given & ARGS_FLEET) != 0 ? "/v1/top?fleet=yes" : "/v1/top");
    return cli_ask(cli, &call, top_show, NULL);
}

/* ---- events --------------------------------------------------------------------------------- */

/* Each event was written whole when it came; there is nothing to finish. */
static void on_interrupt(int signal_number)
{
    (void)signal_number;
    _exit(CLI_OK);
}

static bool on_event(struct view line, void *arg)
{
    struct cli *cli = arg;
    FILE *to = cli->show.to;

    if ((cli->args.given & ARGS_JSON) != 0) {
        fwrite(line.ptr, 1, line.len, to);
        fputc('\n', to);
    } else {
        json_t *event = json_loadb(line.ptr, line.len, JSON_ALLOW_NUL, NULL);
        if (json_is_object(event))
            event_show(&cli->show, event);
        json_decref(event);
    }
    return fflush(to) == 0;
}

int cli_events(struct cli *cli)
{
    struct api_call call;
    struct error why = {0};
    int code;

    signal(SIGINT, on_interrupt);
    api_call_begin(&call, API_GET, "/v1/events");
    if ((cli->args.given & ARGS_ALL) != 0)
        buf_add_text(&call.path, "?all=yes");
    if ((cli->args.given & ARGS_FLEET) != 0)
        buf_add_text(&call.path, (cli->args.given & ARGS_ALL) != 0 ? "&fleet=yes" : "?fleet=yes");
    call.on_line = on_event;
    call.line_arg = cli;
    if (api_run(cli->api, &call, 1, NULL, NULL, &why) == 0)
        code = cli_refused(cli, &call); /* an answer that is no stream */
    else if (ferror(cli->show.to))
        code = CLI_TROUBLE; /* told when the command ends */
    else
        code = cli_trouble("%s", why.text);
    api_call_end(&call);
    return code;
}
