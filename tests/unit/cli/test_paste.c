/* What is offered for pasting: a shell reads the very bytes back, or nothing is offered. */
#include "cli/paste.h"

#include "shown.h"

static void test_words(void **state)
{
    static const struct {
        const char *word, *pasted; /* NULL: cannot be */
    } rows[] = {
        {"jane.doe@example.org", "jane.doe@example.org"},
        {".example.org", ".example.org"},
        {"odd'name@example.org", "'odd'\\''name@example.org'"},
        {"'", "''\\'''"},
        {"$(id)@example.org", "'$(id)@example.org'"},
        {"a;b|c&d<e>f`g!h*i?[j]{k}~#@x", "'a;b|c&d<e>f`g!h*i?[j]{k}~#@x'"},
        {"*.example.org", "'*.example.org'"},
        {"=ls@example.org", "'=ls@example.org'"},
        {"~root@x", "'~root@x'"},
        {"sender:<>", "'sender:<>'"},
        {"\"a b\"@example.org", "'\"a b\"@example.org'"},
        {"\"a\\\\b\"@example.org", "'\"a\\\\b\"@example.org'"},
        {"jos\xc3\xa9@example.org", "'jos\xc3\xa9@example.org'"},
        {"", NULL},
        {"a\x1b[2J@x", NULL},
        {"a\n@x", NULL},
        {"a\x7f@x", NULL},
        {"a\xe2\x80\xae@x", NULL},
        {"a\xff@x", NULL},
        {"a\xc2\x9b@x", NULL},
        /* Bytes that the daemon could not put into JSON. */
        {"a\\xFF@x", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct view word = view_of(rows[i].word);
        char *out = NULL;
        size_t len = 0;
        if (paste_can(word) != (rows[i].pasted != NULL))
            fail_msg("row %zu: %s", i, rows[i].word);
        if (rows[i].pasted == NULL)
            continue;
        FILE *to = open_memstream(&out, &len);
        paste_word(to, word);
        fclose(to);
        assert_string_equal(out, rows[i].pasted);
        free(out);
    }
}

/* A real shell has the last word. */
static void test_shell(void **state)
{
    char every[128] = "echo ", *out = NULL, line[256], got[256];
    size_t len = 0, n = 0;

    (void)state;
    for (char c = 0x20; c < 0x7f; c++)
        every[n++] = c;
    every[n] = '\0';
    FILE *to = open_memstream(&out, &len);
    paste_word(to, view_of(every));
    fclose(to);
    assert_true((size_t)snprintf(line, sizeof line, "printf %%s %s", out) < sizeof line);
    free(out);
    FILE *from = popen(line, "r");
    assert_non_null(from);
    size_t read = fread(got, 1, sizeof got - 1, from);
    got[read] = '\0';
    assert_int_equal(pclose(from), 0);
    assert_string_equal(got, every);
}

static void test_long(void **state)
{
    char word[2000];

    (void)state;
    memset(word, 'a', sizeof word);
    assert_true(paste_can(view_make(word, 1000)));
    assert_false(paste_can(view_make(word, sizeof word)));
}

/* What asks another daemon than the default one says so in what it offers, too. */
static void test_commands(void **state)
{
    static const struct {
        const char *what, *options, *socket, *config, *pasted;
    } rows[] = {
        {"a@x", "", NULL, NULL, "rcptguard block a@x"},
        {"a@x", "--for 1d", NULL, NULL, "rcptguard block a@x --for 1d"},
        {"-a@x", "", NULL, NULL, "rcptguard block -- -a@x"},
        {"a@x", "--for 1d", "/s", NULL, "rcptguard block a@x --for 1d -s /s"},
        {"-a@x", "--for 1d", "/s t", NULL, "rcptguard block --for 1d -s '/s t' -- -a@x"},
        {"a@x", "", NULL, "/c", "rcptguard block a@x -c /c"},
        {"a@x", "", "/s", "/c", "rcptguard block a@x -s /s"},
        {"a@x", "", "/s\x1b", NULL, "rcptguard block a@x"},
        {"a\n@x", "", "/s", NULL,
         "(rcptguard block, by hand: it holds bytes that cannot be pasted safely)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *out = NULL;
        size_t len = 0;
        struct show s = {
            .to = open_memstream(&out, &len), .socket = rows[i].socket, .config = rows[i].config};
        paste_command(&s, "block", view_of(rows[i].what), rows[i].options);
        fclose(s.to);
        assert_string_equal(out, rows[i].pasted);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_shell),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_commands),
    };
    return cmocka_run_group_tests_name("cli/paste", tests, shown_in_utc, NULL);
}
