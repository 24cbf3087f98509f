/*
 * rcptguard, the admin's and help desk's command: a table of commands, each of which asks the
 * daemon over the admin socket and shows the answer; `lint` needs no daemon. Exit codes are a
 * contract: 0 and 1 are answers, 2 is "could not ask".
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "api.h"
#include "args.h"
#include "rcptguard/config.h"
#include "show.h"

#define CLI_DEFAULT_SOCKET "/run/rcptguard/admin.sock"

enum cli_exit { CLI_OK = 0, CLI_NO = 1, CLI_TROUBLE = 2 };

/* What a command works with. */
struct cli {
    struct args args;
    struct api *api;
    struct show show;
};

int cli_main(int argc, char **argv);

/* Says on stderr what is wrong, escaped; returns CLI_TROUBLE. */
int cli_trouble(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The configuration of FILE (config_release frees it); NULL: its errors are on stderr. */
struct config *cli_config(const char *file);

/* The daemon's {"error": "..."} of a call that failed, or its status, as JSON when that was asked
 * for; returns CLI_TROUBLE. */
int cli_refused(struct cli *cli, const struct api_call *call);

/* Who asks, for the daemon's log: as claimed, beside the uid that the kernel tells it. Or NULL. */
const char *cli_caller(void);

/* Prints a call's answer as it came: one document, one line. */
void cli_print_json(struct cli *cli, const struct api_call *call);

/*
 * Makes CALL, which was begun, shows its answer by SHOW or as JSON, and ends it. CLI_OK when
 * IS_GOOD says so of the answer (NULL: any is), else CLI_NO.
 */
int cli_ask(struct cli *cli, struct api_call *call,
            void (*show)(const struct show *s, const json_t *answer),
            bool (*is_good)(const json_t *answer));

/* The commands. */
int cli_check(struct cli *cli);
int cli_why(struct cli *cli);
int cli_exclude(struct cli *cli);
int cli_unexclude(struct cli *cli);
int cli_exclusions(struct cli *cli);
int cli_block(struct cli *cli);
int cli_unblock(struct cli *cli);
int cli_blocks(struct cli *cli);
int cli_history(struct cli *cli);
int cli_feeds(struct cli *cli);
int cli_refresh(struct cli *cli);
int cli_accept(struct cli *cli);
int cli_rollback(struct cli *cli);
int cli_lint(struct cli *cli);
int cli_status(struct cli *cli);
int cli_top(struct cli *cli);
int cli_events(struct cli *cli);

#endif
