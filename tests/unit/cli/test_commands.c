/* The table of commands: help that fits a terminal, two examples each that the command would take.
 */
#include "cli/commands.h"

#include "shown.h"

static void fits(const char *text, size_t width, const char *name)
{
    struct view rest = view_of(text), line;

    while (view_split(&rest, '\n', &line))
        if (line.len > width)
            fail_msg("%s: %.*s", name, (int)line.len, line.ptr);
}

/* "  rcptguard why REF | ..." up to the pipe: known command, known options. */
static void good_example(struct view line, const char *name)
{
    char words[20][64] = {""}, *argv[21];
    struct view word;
    struct args args;
    struct error why;
    int argc = 0;

    while (view_word(&line, &word) && !view_is(word, "|") && argc < 20) {
        assert_true(word.len < sizeof words[0]);
        memcpy(words[argc], word.ptr, word.len);
        argv[argc] = words[argc];
        argc++;
    }
    argv[argc] = NULL;
    if (strcmp(words[0], "rcptguard") != 0)
        return; /* a pipe into it */
    if (args_parse(argc, argv, &args, &why) != 0)
        fail_msg("%s: %s", name, why.text);
    assert_string_equal(args.command, name);
    assert_int_equal(args.given & ~(ARGS_EVERYWHERE | command_named(name)->options), 0);
    assert_true(args.n_operands >= command_named(name)->min);
}

static void test_help(void **state)
{
    (void)state;
    assert_non_null(command_at(0)->group);
    for (size_t i = 0; i < command_count(); i++) {
        const struct command *c = command_at(i);
        const char *examples = strstr(c->help, "\nExamples:\n");
        unsigned count = 0;
        if (examples == NULL || strstr(c->help, "Exit status: 0") == NULL)
            fail_msg("%s: no examples or exit status", c->name);
        fits(c->help, 100, c->name);
        struct view rest = view_of(examples + strlen("\nExamples:\n")), line;
        while (view_split(&rest, '\n', &line)) {
            count += line.len > 0;
            if (line.len > 0)
                good_example(line, c->name);
        }
        if (count < 2)
            fail_msg("%s: %u examples", c->name, count);
    }
    assert_null(command_at(command_count()));
}

static void test_all(void **state)
{
    char *out = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&out, &len);

    (void)state;
    command_print_all(to);
    fclose(to);
    fits(out, 100, "help");
    for (size_t i = 0; i < command_count(); i++)
        if (strstr(out, command_at(i)->does) == NULL)
            fail_msg("no %s", command_at(i)->name);
    free(out);
}

static void test_nearest(void **state)
{
    (void)state;
    assert_string_equal(command_nearest("exclud"), "exclude");
    assert_string_equal(command_nearest("wyh"), "why");
    assert_string_equal(command_nearest("hlep"), "help");
    assert_null(command_named("exclud"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests_name("cli/commands", tests, shown_in_utc, NULL);
}
