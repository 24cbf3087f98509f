/* The table of commands, their help, and what surrounds them: see cli.h. */
#include "cli.h"

#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/config.h"

#define EVERY_OPERAND ((size_t)-1)

static const struct command {
    const char *name, *operands, *does;
    unsigned options; /* beside ARGS_EVERYWHERE */
    size_t min, max;  /* operands */
    int (*run)(struct cli *cli);
    bool alone; /* needs no daemon */
    const char *help;
} commands[] = {
    {"status", "", "health at a glance", 0, 0, 0, cli_status, false,
     "Exit status: 0 all is well, 1 degraded (the reasons are shown), 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard status\n"
     "  rcptguard status --json | jq -r '.reasons[]'\n"},
    {"check", "ADDRESS... [--sender A]", "what the daemon answers for a recipient now, and why",
     ARGS_SENDER, 1, EVERY_OPERAND, cli_check, false,
     "Shows the verdict, what was looked up, the exclusion or the lists that hold the address,\n"
     "the reply that a sender would see, and what to do next. With --json one object a line.\n"
     "Exit status: 0 none is blocked, 1 some are, 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard check jane.doe@example.org\n"
     "  rcptguard check --sender bulk@example.com jane.doe@example.org john@example.net\n"},
    {"feeds", "", "the state of each list, and what to type where one is not well", 0, 0, 0,
     cli_feeds, false,
     "Entries are those of the copy in force, active those that block now; left out are public\n"
     "suffixes and protected domains. Below the table: what happened to a list, what is in force\n"
     "meanwhile, when it ends by itself, and what to type.\n"
     "Exit status: 0, 1 some failed to be fetched, 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard feeds\n"
     "  rcptguard feeds --json | jq '.feeds[] | select(.held)'\n"},
    {"refresh", "[FEED...]", "fetch lists now, and wait", 0, 0, EVERY_OPERAND, cli_refresh, false,
     "Without FEED all of them. Returns when what was accepted is in force.\n"
     "Exit status: 0, 1 some fetch failed, 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard refresh\n"
     "  rcptguard refresh aper\n"},
    {"accept", "FEED", "take the copy that a guard holds", 0, 1, 1, cli_accept, false,
     "For root and members of [admin] admin_group. Look at `rcptguard feeds` first: it says why\n"
     "the copy is held.\n"
     "Exit status: 0 taken, 1 nothing is held or it failed, 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard accept aper\n"
     "  sudo rcptguard -c /etc/rcptguard/rcptguard.conf accept aper\n"},
    {"rollback", "FEED", "go back to the copy before the last one taken", 0, 1, 1, cli_rollback,
     false,
     "For root and members of [admin] admin_group. The copy rolled back from waits as held until\n"
     "its content changes or `rcptguard accept` takes it again.\n"
     "Exit status: 0 done, 1 there is no copy before this one or it failed, 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard rollback aper\n"},
    {"lint", "[--format F] FILE...", "check an exclusion file, or with --format a list",
     ARGS_FORMAT | ARGS_SET, 0, EVERY_OPERAND, cli_lint, true,
     "Needs no daemon. Without --format FILE is read as an exclusion file, with it as the first\n"
     "copy of a feed of that format: what is wrong, line by line, what it holds, and whether the\n"
     "guards would take it. - is the standard input.\n"
     "  --format list     the formats, what their rows look like and mean, and their keys\n"
     "  --set KEY=VALUE   a key of [feed ...] that the format or the guards read; may repeat\n"
     "  -c FILE           [addresses], [protect] and the names of lists from this configuration\n"
     "Exit status: 0 no problems (warnings are none), 1 problems, 2 could not read.\n"
     "\nExamples:\n"
     "  rcptguard lint /etc/rcptguard/local/exclusions\n"
     "  curl -fsSL https://lists.example.org/list | rcptguard lint --format aper -\n"
     "  rcptguard lint --format entries --set apex=yes my-list\n"},
};

#define COMMANDS (sizeof commands / sizeof *commands)

int cli_trouble(const char *format, ...)
{
    struct error e;
    char shown[2048];
    struct text t = text_on(shown, sizeof shown);
    va_list args;

    va_start(args, format);
    vsnprintf(e.text, sizeof e.text, format, args);
    va_end(args);
    escape_to_max(&t, view_of(e.text), ESCAPE_TERMINAL, sizeof shown);
    fprintf(stderr, "rcptguard: %s\n", shown);
    return CLI_TROUBLE;
}

int cli_refused(const struct api_call *call)
{
    struct view error = show_field(call->answer, "error");

    if (error.len == 0)
        return cli_trouble("the daemon answers %ld", call->status);
    return cli_trouble("%.*s", (int)error.len, error.ptr);
}

void cli_print_json(struct cli *cli, const struct api_call *call)
{
    struct view v = view_trim(buf_view(&call->raw));

    fwrite(v.ptr, 1, v.len, cli->show.to);
    fputc('\n', cli->show.to);
}

int cli_ask(struct cli *cli, struct api_call *call,
            void (*show)(const struct show *s, const json_t *answer), const char *key,
            const char *good)
{
    struct error why;
    int code;

    if (api_run(cli->api, call, 1, NULL, NULL, &why) != 0) {
        code = cli_trouble("%s", why.text);
    } else if (call->status != 200) {
        code = cli_refused(call);
    } else {
        if ((cli->args.given & ARGS_JSON) != 0)
            cli_print_json(cli, call);
        else
            show(&cli->show, call->answer);
        code = view_is(show_field(call->answer, key), good) ? CLI_OK : CLI_NO;
    }
    api_call_end(call);
    return code;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void print_help(FILE *to)
{
    fputs("rcptguard asks rcptguardd, the policy daemon that keeps mail from blocklisted\n"
          "recipients.\n\nUsage: rcptguard [OPTION...] COMMAND [OPERAND...]\n\nCommands:\n",
          to);
    for (size_t i = 0; i < COMMANDS; i++) {
        int pad = 34 - (int)strlen(commands[i].name) - (int)strlen(commands[i].operands);
        fprintf(to, "  %s %s%*s%s\n", commands[i].name, commands[i].operands, pad, "",
                commands[i].does);
    }
    fputs("  help [COMMAND]                     this text, or a command's, with examples\n"
          "\nOptions, before or after the command:\n"
          "  -s, --socket SOCKET   the daemon's admin socket (" CLI_DEFAULT_SOCKET ")\n"
          "  -c, --config FILE     take the socket from this configuration\n"
          "      --json            print the daemon's JSON as it is\n"
          "  -h, --help            help, of a command when one is named\n"
          "  -V, --version         the version\n",
          to);
}

static int help_on(const char *name)
{
    const struct command *command = name == NULL ? NULL : find_command(name);

    if (name != NULL && command == NULL && strcmp(name, "help") != 0)
        return cli_trouble("unknown command %s; see rcptguard help", name);
    if (command == NULL)
        print_help(stdout);
    else
        printf("Usage: rcptguard %s%s%s\n\n%s: %s.\n%s", command->name,
               command->operands[0] == '\0' ? "" : " ", command->operands, command->name,
               command->does, command->help);
    return CLI_OK;
}

/* What is wrong with the options and operands for this command; CLI_OK when nothing is. */
static int check_usage(const struct command *command, const struct args *args)
{
    unsigned foreign = args->given & ~(ARGS_EVERYWHERE | command->options);

    if (foreign != 0)
        return cli_trouble("%s does not take %s; see rcptguard help %s", command->name,
                           args_option_name(foreign), command->name);
    if (args->n_operands < command->min || args->n_operands > command->max)
        return cli_trouble("usage: rcptguard %s %s", command->name, command->operands);
    return CLI_OK;
}

struct config *cli_config(const char *file)
{
    struct config *config = NULL;
    struct config_problems problems = {0};

    if (config_load(file, &config, &problems) != 0)
        for (size_t i = 0; i < problems.count; i++)
            if (!problems.items[i].warning)
                fprintf(stderr, "%s\n", problems.items[i].text);
    config_problems_free(&problems);
    return config;
}

/* The socket of a configuration file into PATH. */
static int socket_of_config(const char *file, char *path, size_t size)
{
    struct config *config = cli_config(file);
    int code = CLI_OK;

    if (config == NULL)
        return cli_trouble("cannot use %s; give the socket by -s SOCKET instead", file);
    if (config->admin.listen[0] == '\0')
        code = cli_trouble("%s: admin.listen is empty: the daemon has no admin socket", file);
    else
        snprintf(path, size, "%s", config->admin.listen);
    config_release(config);
    return code;
}

static int finish(const struct cli *cli, int code)
{
    if (fflush(cli->show.to) != 0 || ferror(cli->show.to))
        return cli_trouble("cannot write the output");
    return code;
}

static int run(const struct command *command, struct cli *cli)
{
    char path[256] = CLI_DEFAULT_SOCKET;
    const char *socket = path;

    if (command->alone)
        return finish(cli, command->run(cli));
    if (cli->args.socket != NULL)
        socket = cli->args.socket;
    else if (cli->args.config != NULL &&
             socket_of_config(cli->args.config, path, sizeof path) != CLI_OK)
        return CLI_TROUBLE;
    if (strncmp(socket, "unix:", 5) == 0)
        socket += 5;
    cli->api = api_new(socket);
    if (cli->api == NULL)
        return cli_trouble("no memory");
    int code = command->run(cli);
    api_free(cli->api);
    return finish(cli, code);
}

int cli_main(int argc, char **argv)
{
    struct cli cli = {.api = NULL};
    struct error why;

    setlocale(LC_TIME, "");
    cli.show = show_on(stdout, clock_now());
    if (args_parse(argc, argv, &cli.args, &why) != 0)
        return cli_trouble("%s", why.text);
    const char *name = cli.args.command;
    if ((cli.args.given & ARGS_VERSION) != 0) {
        puts("rcptguard " RCPTGUARD_VERSION);
        return CLI_OK;
    }
    if (name != NULL && strcmp(name, "help") == 0)
        return help_on(cli.args.n_operands == 0 ? NULL : cli.args.operands[0]);
    if ((cli.args.given & ARGS_HELP) != 0)
        return help_on(name);
    if (name == NULL) {
        print_help(stderr);
        return CLI_TROUBLE;
    }
    const struct command *command = find_command(name);
    if (command == NULL)
        return cli_trouble("unknown command %s; see rcptguard help", name);
    if (check_usage(command, &cli.args) != CLI_OK)
        return CLI_TROUBLE;
    return run(command, &cli);
}
