/* The command line: options before, between and after, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/args.h"

#define WORDS 10

static void test_lines(void **state)
{
    static const struct {
        const char *argv[WORDS];
        int code;
        unsigned given;
        const char *command, *socket, *sender, *config;
        const char *operands; /* with blanks between */
    } rows[] = {
        {{"status"}, 0, 0, "status", NULL, NULL, NULL, ""},
        {{"-s", "/x", "status"}, 0, ARGS_SOCKET, "status", "/x", NULL, NULL, ""},
        {{"status", "-s", "/x"}, 0, ARGS_SOCKET, "status", "/x", NULL, NULL, ""},
        {{"--socket=/x", "--json", "feeds"},
         0,
         ARGS_SOCKET | ARGS_JSON,
         "feeds",
         "/x",
         NULL,
         NULL,
         ""},
        {{"check", "a@b", "--sender", "s@t", "c@d", "-c", "f"},
         0,
         ARGS_SENDER | ARGS_CONFIG,
         "check",
         NULL,
         "s@t",
         "f",
         "a@b c@d"},
        {{"check", "--sender=", "a@b"}, 0, ARGS_SENDER, "check", NULL, "", NULL, "a@b"},
        {{"check", "--", "-a@b", "--json"}, 0, 0, "check", NULL, NULL, NULL, "-a@b --json"},
        {{"check", "-"}, 0, 0, "check", NULL, NULL, NULL, "-"},
        {{"check", ""}, 0, 0, "check", NULL, NULL, NULL, ""},
        {{"lint", "--format", "aper", "--set", "a=b", "-", "--set=c=d"},
         0,
         ARGS_FORMAT | ARGS_SET,
         "lint",
         NULL,
         NULL,
         NULL,
         "-"},
        {{"lint", "--set"}, ERR_SYNTAX, 0, NULL, NULL, NULL, NULL, ""},
        {{"--version"}, 0, ARGS_VERSION, NULL, NULL, NULL, NULL, ""},
        {{"check", "-h"}, 0, ARGS_HELP, "check", NULL, NULL, NULL, ""},
        {{"check", "-s"}, ERR_SYNTAX, 0, NULL, NULL, NULL, NULL, ""},
        {{"check", "--sender"}, ERR_SYNTAX, 0, NULL, NULL, NULL, NULL, ""},
        {{"--jsonx", "check"}, ERR_SYNTAX, 0, NULL, NULL, NULL, NULL, ""},
        {{"--json=yes", "check"}, ERR_SYNTAX, 0, NULL, NULL, NULL, NULL, ""},
        {{"-x"}, ERR_SYNTAX, 0, NULL, NULL, NULL, NULL, ""},
        {{NULL}, 0, 0, NULL, NULL, NULL, NULL, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char words[WORDS + 1][32] = {"rcptguard"}, *argv[WORDS + 2] = {words[0]};
        char operands[128] = "";
        struct args args;
        struct error why;
        int argc = 1;
        for (; rows[i].argv[argc - 1] != NULL; argc++)
            argv[argc] = strcpy(words[argc], rows[i].argv[argc - 1]);
        assert_int_equal(args_parse(argc, argv, &args, &why), rows[i].code);
        if (rows[i].code != 0)
            continue;
        assert_int_equal(args.given, rows[i].given);
        const char *const got[] = {args.command, args.socket, args.sender, args.config};
        const char *const want[] = {rows[i].command, rows[i].socket, rows[i].sender,
                                    rows[i].config};
        for (size_t j = 0; j < 4; j++) {
            assert_int_equal(got[j] == NULL, want[j] == NULL);
            if (want[j] != NULL)
                assert_string_equal(got[j], want[j]);
        }
        for (size_t j = 0; j < args.n_operands; j++)
            strcat(strcat(operands, j == 0 ? "" : " "), args.operands[j]);
        assert_string_equal(operands, rows[i].operands);
    }
}

static void test_repeated(void **state)
{
    char words[2 * ARGS_MAX_SET + 4][16] = {"rcptguard", "lint"};
    char *argv[2 * ARGS_MAX_SET + 5] = {words[0], words[1]};
    struct args args;
    struct error why;
    int argc = 2;

    (void)state;
    for (int i = 0; i <= ARGS_MAX_SET; i++) {
        char *const added[] = {strcpy(words[argc], "--set"), words[argc + 1]};
        snprintf(added[1], sizeof words[0], "k=%d", i);
        argv[argc++] = added[0];
        argv[argc++] = added[1];
        char *copy[2 * ARGS_MAX_SET + 5];
        memcpy(copy, argv, sizeof copy);
        int code = args_parse(argc, copy, &args, &why);
        assert_int_equal(code, i < ARGS_MAX_SET ? 0 : ERR_SYNTAX);
        if (code == 0)
            assert_string_equal(args.set[i], words[argc - 1]);
    }
    assert_int_equal(args.n_set, ARGS_MAX_SET);
    assert_string_equal(args.set[0], "k=0");
    assert_null(args.format);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(args_option_name(ARGS_SENDER), "--sender");
    assert_string_equal(args_option_name(0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests_name("cli/args", tests, NULL, NULL);
}
