/* What surrounds every command: see cli.h. */
#include "cli.h"

#include <locale.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "commands.h"

#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/config.h"

/* A longer one cannot be bound or connected to. */
#define SOCKET_MAX sizeof((struct sockaddr_un){0}.sun_path)

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

int cli_refused(struct cli *cli, const struct api_call *call)
{
    struct view error = show_field(call->answer, "error");

    if ((cli->args.given & ARGS_JSON) != 0) {
        cli_print_json(cli, call);
        return CLI_TROUBLE;
    }
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

const char *cli_caller(void)
{
    const char *name = getenv("SUDO_USER");
    const struct passwd *pw = name == NULL || name[0] == '\0' ? getpwuid(getuid()) : NULL;

    if (pw != NULL)
        name = pw->pw_name;
    return name != NULL && view_is_utf8(view_of(name)) ? name : NULL;
}

int cli_ask(struct cli *cli, struct api_call *call,
            void (*show)(const struct show *s, const json_t *answer),
            bool (*is_good)(const json_t *answer))
{
    struct error why;
    int code;

    if (api_run(cli->api, call, 1, NULL, NULL, &why) != 0) {
        code = cli_trouble("%s", why.text);
    } else if (call->status != 200) {
        code = cli_refused(cli, call);
    } else {
        if ((cli->args.given & ARGS_JSON) != 0)
            cli_print_json(cli, call);
        else
            show(&cli->show, call->answer);
        code = is_good == NULL || is_good(call->answer) ? CLI_OK : CLI_NO;
    }
    api_call_end(call);
    return code;
}

static int unknown_command(const char *name)
{
    return cli_trouble("unknown command %s; did you mean %s? See rcptguard help", name,
                       command_nearest(name));
}

static int help_on(const char *name)
{
    const struct command *command = name == NULL ? NULL : command_named(name);

    if (name != NULL && command == NULL && strcmp(name, "help") != 0)
        return unknown_command(name);
    if (command == NULL)
        command_print_all(stdout);
    else
        command_print(stdout, command);
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
        return cli_trouble("usage: rcptguard %s%s%s; see rcptguard help %s", command->name,
                           command->operands[0] == '\0' ? "" : " ", command->operands,
                           command->name);
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
    if (strlen(socket) == 0 || strlen(socket) >= SOCKET_MAX)
        return cli_trouble("-s: a socket's name has 1 to %zu bytes, this one has %zu",
                           SOCKET_MAX - 1, strlen(socket));
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
    cli.show.socket = cli.args.socket;
    cli.show.config = cli.args.config;
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
        command_print_all(stderr);
        return CLI_TROUBLE;
    }
    const struct command *command = command_named(name);
    if (command == NULL)
        return unknown_command(name);
    if (check_usage(command, &cli.args) != CLI_OK)
        return CLI_TROUBLE;
    return run(command, &cli);
}
