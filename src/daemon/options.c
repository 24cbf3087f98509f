/* The command line of rcptguardd. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/file.h"

struct options {
    const char *config_file;
    bool test, dump;
};

static const char usage[] =
    "usage: rcptguardd [-c FILE] [-t | --dump-config]\n"
    "       rcptguardd -V | --help\n"
    "\n"
    "The policy daemon of rcptguard: answers Postfix whether a recipient is on a blocklist.\n"
    "It stays in the foreground.\n"
    "\n"
    "  -c, --config FILE   the configuration (" CONFIG_DEFAULT_FILE ")\n"
    "  -t, --test          check the configuration and exit: 0 good, 78 bad\n"
    "      --dump-config   print every key, its value and where it came from, and exit\n"
    "  -V, --version       print the version and exit\n"
    "  -h, --help          print this and exit\n"
    "\n"
    "SIGHUP reloads the configuration (a bad one changes nothing), SIGUSR1 opens log files again,\n"
    "SIGTERM drains and exits.\n";

static void print_problems(const struct config_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        fprintf(stderr, "%s\n", problems->items[i].text);
}

/* COLUMN 0: it is about the line as a whole. */
static void print_line(const char *file, unsigned line, unsigned column, const char *words,
                       const char *more)
{
    char shown[1024], at[16] = "";
    struct text t = text_on(shown, sizeof shown);

    escape_to_max(&t, view_of(words), ESCAPE_TERMINAL, sizeof shown - 1);
    if (column > 0)
        snprintf(at, sizeof at, ":%u", column);
    fprintf(stderr, "%s:%u%s: warning: %s%s\n", file, line, at, shown, more);
}

/* The files of exclusions and blocks are no part of the configuration, but -t is where people look.
 * There need be no blocks. */
static void test_local(const struct config *c, const struct local_config *file)
{
    struct buf text = BUF_INIT(0);
    struct error why;

    int rc = file_read(file->file, LOCAL_MAX_FILE_BYTES, &text, &why);
    if (rc < 0) {
        if (rc != ERR_ABSENT || file->kind == LOCAL_EXCLUSIONS)
            fprintf(stderr, "warning: %s.file: %s\n", local_kind_text(file->kind), why.text);
        buf_free(&text);
        return;
    }
    struct local_table *table = local_table_parse(file->kind, buf_view(&text), &c->addresses,
                                                  c->list_names, c->n_list_names);
    for (size_t i = 0; table != NULL && local_table_error_at(table, i) != NULL; i++) {
        const struct local_error *e = local_table_error_at(table, i);
        print_line(file->file, e->line, e->column, e->text,
                   e->warning ? "" : " (the line is left out)");
    }
    for (size_t i = 0; i < local_table_count(table); i++) {
        const struct local_line *e = local_table_at(table, i);
        if (local_line_advice(e) != NULL)
            print_line(file->file, e->line, 0, local_line_advice(e), "");
    }
    local_table_free(table);
    buf_free(&text);
}

/* Nor is that of protected domains part of it; the one of the default path need not exist. */
static void test_protect(const struct config *c)
{
    struct error why;
    struct protect *p = protect_load(c->protect_file, &why);
    char shown[2 * sizeof why.text];
    struct text t = text_on(shown, sizeof shown);

    if (why.code != ERR_OK && (why.code != ERR_ABSENT || c->protect_file_set)) {
        escape_to_max(&t, view_of(why.text), ESCAPE_TERMINAL, sizeof shown - 1);
        fprintf(stderr, "warning: protect.domains: %s\n", shown);
    }
    protect_release(p);
}

/* What is shown may go into a file, and a part of it is none. */
static int end_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EX_OK;
    fputs("rcptguardd: cannot write the output\n", stderr);
    return EX_OSERR;
}

static int run(const struct options *o)
{
    struct config_problems problems = {0};
    struct config *config = NULL;
    int rc = config_load(o->config_file, &config, &problems);

    print_problems(&problems);
    if (rc < 0 && problems.count == 0)
        fputs("rcptguardd: no memory to read the configuration\n", stderr);
    config_problems_free(&problems);
    if (rc < 0)
        return rc == ERR_NOMEM || rc == ERR_IO ? EX_OSERR : EX_CONFIG;
    if (o->dump)
        config_dump(config, stdout);
    if (o->test) {
        test_local(config, &config->exclusions);
        test_local(config, &config->blocks);
        test_protect(config);
    }
    if (o->dump || o->test) {
        config_release(config);
        return o->dump ? end_output() : EX_OK;
    }
    return daemon_serve(config);
}

/* Started with one of the first three closed, the next file or socket would be it, and the log
 * would be written there. */
static void fill_standard(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

int daemon_main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'}, {"test", no_argument, NULL, 't'},
        {"dump-config", no_argument, NULL, 'd'},  {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    struct options o = {.config_file = CONFIG_DEFAULT_FILE};
    int c;

    fill_standard();
    while ((c = getopt_long(argc, argv, "c:tVh", longs, NULL)) != -1) {
        switch (c) {
        case 'c':
            o.config_file = optarg;
            break;
        case 't':
            o.test = true;
            break;
        case 'd':
            o.dump = true;
            break;
        case 'V':
            printf("rcptguardd %s\n", RCPTGUARD_VERSION);
            return EX_OK;
        case 'h':
            fputs(usage, stdout);
            return EX_OK;
        default:
            fputs(usage, stderr);
            return EX_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "rcptguardd: what is '%s'?\n%s", argv[optind], usage);
        return EX_USAGE;
    }
    return run(&o);
}
