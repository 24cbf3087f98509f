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
        {{"exclude", "--for", "30d", "a@b", "--ticket=T 1", "--note", "", "--force", "--list=a,b"},
         0,
         ARGS_FOR | ARGS_TICKET | ARGS_NOTE | ARGS_FORCE | ARGS_LIST,
         "exclude",
         NULL,
         NULL,
         NULL,
         "a@b"},
        {{"events", "--follow", "--all"},
         0,
         ARGS_FOLLOW | ARGS_ALL,
         "events",
         NULL,
         NULL,
         NULL,
         ""},
        {{"blocks", "--prune"}, 0, ARGS_PRUNE, "blocks", NULL, NULL, NULL, ""},
        {{"exclude", "--until", "2030-01-01", "--", "--for"},
         0,
         ARGS_UNTIL,
         "exclude",
         NULL,
         NULL,
         NULL,
         "--for"},
        /* Of two the last would win, and free from less or more than was meant. */
        {{"exclude", "a@b", "--list", "a", "--list", "b"},
         ERR_SYNTAX,
         0,
         NULL,
         NULL,
         NULL,
         NULL,
         ""},
        {{"exclude", "a@b", "--for=1d", "--for=2d"}, ERR_SYNTAX, 0, NULL, NULL, NULL, NULL, ""},
        {{"-s", "/x", "status", "-s", "/y"}, 0, ARGS_SOCKET, "status", "/y", NULL, NULL, ""},
        {{"exclude", "--for"}, ERR_SYNTAX, 0, NULL, NULL, NULL, NULL, ""},
        {{"blocks", "--prune=yes"}, ERR_SYNTAX, 0, NULL, NULL, NULL, NULL, ""},
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

static void test_messages(void **state)
{
    static const struct {
        const char *option, *part;
    } rows[] = {
        {"--prnue", "did you mean --prune?"},
        {"--Follow=x", "did you mean --follow?"},
        {"--jsonx", "did you mean --json?"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[] = "rcptguard", option[32], *argv[] = {name, option, NULL};
        struct args args;
        struct error why;
        strcpy(option, rows[i].option);
        assert_int_equal(args_parse(2, argv, &args, &why), ERR_SYNTAX);
        if (strstr(why.text, rows[i].part) == NULL)
            fail_msg("%s", why.text);
    }
}

static void test_lasts(void **state)
{
    static const struct {
        const char *lasts;
        int64_t seconds; /* 0: refused */
    } rows[] = {
        {"30d", 30 * 86400},
        {"12h", 12 * 3600},
        {"10m", 600},
        {"30s", 30},
        {"1h30m", 5400},
        {"1d2h3m4s", 93784},
        {"3650d", INT64_C(3650) * 86400},
        {"007d", 7 * 86400},
        {"3650d1s", 0},
        {"3651d", 0},
        {"0d", 0},
        {"", 0},
        {"d", 0},
        {"30", 0},
        {"1w", 0},
        {"1M", 0},
        {"30 d", 0},
        {" 30d", 0},
        {"30d ", 0},
        {"-30d", 0},
        {"+30d", 0},
        {"1.5d", 0},
        {"1h1h", 0},
        {"30m1h", 0},
        {"1h30", 0},
        {"99999999999999999999d", 0},
        {"9223372036854775807s", 0},
        {"18446744073709551617s", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error why;
        int64_t until = 0;
        int code = args_until(view_of(rows[i].lasts), 1000, &until, &why);
        if ((code == 0) != (rows[i].seconds != 0) || (code == 0 && until != 1000 + rows[i].seconds))
            fail_msg("%s: %d, %lld", rows[i].lasts, code, (long long)until);
    }
    struct error why;
    int64_t until;
    assert_int_equal(args_until(view_make("1h\0", 3), 0, &until, &why), ERR_SYNTAX);
    assert_non_null(strstr(why.text, "30d"));
}

/* As it stands in a log. What is no address stays as it is: the daemon says so. */
static void test_addresses(void **state)
{
    static const struct {
        const char *operand, *address;
    } rows[] = {
        {"a@example.org", "a@example.org"},
        {" \ta@example.org\t ", "a@example.org"},
        {"<a@example.org>", "a@example.org"},
        {" < a@example.org > ", "a@example.org"},
        {"\" a\"@example.org", "\" a\"@example.org"},
        {"<>", "<>"},
        {" <> ", "<>"},
        {"", ""},
        {"<", "<"},
        {">", ">"},
        {"<a@example.org", "<a@example.org"},
        {"a@example.org>", "a@example.org>"},
        {"<<a@example.org>>", "<<a@example.org>>"},
        {"<a@example.org>@example.com", "<a@example.org>@example.com"},
        {"<\"<a\"@example.org>", "\"<a\"@example.org"},
        {"Ann <a@example.org>", "Ann <a@example.org>"},
        {"<a@example.org> <b@example.org>", "<a@example.org> <b@example.org>"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!view_is(args_address(rows[i].operand), rows[i].address))
            fail_msg("%s: not %s", rows[i].operand, rows[i].address);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines), cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_names), cmocka_unit_test(test_messages),
        cmocka_unit_test(test_lasts), cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests_name("cli/args", tests, NULL, NULL);
}
