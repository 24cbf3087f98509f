/* rcptguard check, why: what is asked of the daemon about a recipient. */
#include "check_show.h"
#include "cli.h"

static bool passes(const json_t *answer)
{
    return view_is(show_field(answer, "verdict"), "pass");
}

static int check_one(struct cli *cli, const char *address)
{
    struct api_call call;

    api_call_begin(&call, API_GET, "/v1/check?recipient=");
    api_call_add_encoded(&call, args_address(address));
    if (cli->args.sender != NULL) {
        buf_add_text(&call.path, "&sender=");
        api_call_add_encoded(&call, args_address(cli->args.sender));
    }
    return cli_ask(cli, &call, check_show, passes);
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

int cli_why(struct cli *cli)
{
    struct api_call call;
    struct error why;
    int code = CLI_OK;

    api_call_begin(&call, API_GET, "/v1/why/");
    api_call_add_encoded(&call, view_trim(view_of(cli->args.operands[0])));
    if (api_run(cli->api, &call, 1, NULL, NULL, &why) != 0)
        code = cli_trouble("%s", why.text);
    else if (call.status != 200)
        code = cli_refused(cli, &call) == CLI_TROUBLE && call.status == 404 ? CLI_NO : CLI_TROUBLE;
    else if ((cli->args.given & ARGS_JSON) != 0)
        cli_print_json(cli, &call);
    else
        why_show(&cli->show, call.answer);
    api_call_end(&call);
    return code;
}
