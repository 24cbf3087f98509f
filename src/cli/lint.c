/*
 * rcptguard lint: is this file what it is meant to be? Without a daemon, as what is wrong should
 * be known before the file is in force. A file's lines are said as "FILE:LINE: what is wrong",
 * which editors can jump to.
 */
#include "lint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rcptguard/base/escape.h"

#define SHOWN_PROBLEMS 20   /* a screen; the first tell what is wrong with the others too */
#define JSON_PROBLEMS  1000 /* for programs, which have no screen */
#define ROW_BYTES      64
#define LONG_TEXT      4096

json_t *lint_text(struct view v)
{
    char shown[LONG_TEXT];
    struct text t = text_on(shown, sizeof shown);

    escape_to_max(&t, v, ESCAPE_TERMINAL, sizeof shown);
    return json_stringn(t.dst, t.len);
}

static void say(const struct lint *l, struct lint_place at, struct view text, const char *why,
                bool warning)
{
    const struct show *s = &l->cli->show;
    char row[ROW_BYTES + 1];
    struct text t = text_on(row, sizeof row);

    show_view(s, view_of(l->name));
    if (at.line > 0)
        fprintf(s->to, ":%" PRIu64, at.line);
    if (at.line > 0 && at.column > 0)
        fprintf(s->to, ":%u", at.column);
    fputs(": ", s->to);
    show_words(s, SHOW_YELLOW, warning ? "warning: " : "");
    if (text.len > 0) {
        escape_to_max(&t, text, ESCAPE_TERMINAL, ROW_BYTES);
        fprintf(s->to, "%s%s: ", row, t.cut ? "..." : "");
    }
    show_view(s, view_of(why));
    fputc('\n', s->to);
}

void lint_tell_at(struct lint *l, struct lint_place at, struct view text, const char *why,
                  bool warning)
{
    l->problems += !warning;
    l->warnings += warning;
    if (l->told == (l->list == NULL ? SHOWN_PROBLEMS : JSON_PROBLEMS))
        return;
    l->told++;
    if (l->list == NULL) {
        say(l, at, text, why, warning);
        return;
    }
    json_t *problem =
        json_pack("{s:I, s:o, s:o, s:b}", "line", (json_int_t)at.line, "row", lint_text(text),
                  "why", lint_text(view_of(why)), "warning", warning);
    if (at.column > 0)
        json_object_set_new(problem, "column", json_integer((json_int_t)at.column));
    json_array_append_new(l->list, problem);
}

void lint_tell(struct lint *l, uint64_t line, struct view text, const char *why, bool warning)
{
    lint_tell_at(l, (struct lint_place){line, 0}, text, why, warning);
}

void lint_tell_rest(const struct lint *l)
{
    uint64_t more = l->problems + l->warnings - l->told;

    if (more > 0)
        fprintf(l->cli->show.to, "and %" PRIu64 " more\n", more);
}

void lint_print_json(const struct lint *l, json_t *details)
{
    json_t *object = json_pack("{s:o, s:I, s:I, s:O}", "file", lint_text(view_of(l->name)),
                               "problem_count", (json_int_t)l->problems, "warning_count",
                               (json_int_t)l->warnings, "problems", l->list);

    json_object_update(object, details);
    json_decref(details);
    json_dumpf(object, l->cli->show.to, JSON_COMPACT);
    fputc('\n', l->cli->show.to);
    json_decref(object);
}

/* ---- the command ---------------------------------------------------------------------------- */

/* Is NAME the file of local blocks of the configuration that was named? */
static bool is_blocks_file(const struct cli *cli, const struct config *config, const char *name)
{
    struct stat file, blocks;

    return (cli->args.given & ARGS_CONFIG) != 0 && config->blocks.file != NULL &&
           stat(name, &file) == 0 && stat(config->blocks.file, &blocks) == 0 &&
           file.st_dev == blocks.st_dev && file.st_ino == blocks.st_ino;
}

static enum local_kind kind_of(const struct cli *cli, const struct config *config, const char *name)
{
    bool blocks = (cli->args.given & ARGS_BLOCKS) != 0 || is_blocks_file(cli, config, name);

    return blocks ? LOCAL_BLOCKS : LOCAL_EXCLUSIONS;
}

static int lint_file(struct cli *cli, const struct config *config, const struct feed_config *feed,
                     const char *name)
{
    bool json = (cli->args.given & ARGS_JSON) != 0;
    struct lint l = {
        .cli = cli, .config = config, .name = name, .list = json ? json_array() : NULL};
    bool input = strcmp(name, "-") == 0;
    int fd = input ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return cli_trouble("cannot open %s: %s", name, strerror(errno));
    int code =
        feed == NULL ? lint_local(&l, fd, kind_of(cli, config, name)) : lint_feed(&l, fd, feed);
    json_decref(l.list);
    if (!input)
        close(fd);
    return code;
}

static int lint_files(struct cli *cli, const struct config *config, const struct feed_config *feed)
{
    int worst = CLI_OK;

    for (size_t i = 0; i < cli->args.n_operands; i++) {
        if (i > 0 && (cli->args.given & ARGS_JSON) == 0)
            fputc('\n', cli->show.to);
        int code = lint_file(cli, config, feed, cli->args.operands[i]);
        worst = code > worst ? code : worst;
    }
    return worst;
}

static int unknown_format(const char *name)
{
    cli_trouble("unknown format %s; did you mean %s? The formats are:", name,
                feed_format_nearest(name));
    lint_print_formats(stderr);
    return CLI_TROUBLE;
}

/* With -c the relay's own settings around the feed, else the defaults. */
static int lint_with(struct cli *cli, const struct feed_format_info *format)
{
    struct config *settings = lint_settings(&cli->args, format);
    struct config *around = cli->args.config == NULL ? NULL : cli_config(cli->args.config);
    int code;

    if (settings == NULL)
        code = CLI_TROUBLE;
    else if (cli->args.config != NULL && around == NULL)
        code = cli_trouble("cannot use %s", cli->args.config);
    else
        code = lint_files(cli, around == NULL ? settings : around,
                          format == NULL ? NULL : &settings->feeds[0].feed);
    config_release(around);
    config_release(settings);
    return code;
}

int cli_lint(struct cli *cli)
{
    const char *name = cli->args.format;
    const struct feed_format_info *format = name == NULL ? NULL : feed_format_named(name);

    if (name != NULL && strcmp(name, "list") == 0) {
        lint_print_formats(cli->show.to);
        return CLI_OK;
    }
    if (name != NULL && format == NULL)
        return unknown_format(name);
    if (cli->args.n_operands == 0)
        return cli_trouble("lint what? Name a FILE, or - for the standard input");
    if (name != NULL && (cli->args.given & ARGS_BLOCKS) != 0)
        return cli_trouble("a FILE is one of local blocks (--blocks) or a list (--format), not "
                           "both; see rcptguard help lint");
    if (name == NULL && cli->args.n_set > 0)
        return cli_trouble("--set goes with --format; see rcptguard help lint");
    return lint_with(cli, format);
}
