/* Lists as a postmaster sees them: what happened, what is in force, when it ends, what to type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/feeds_show.h"

#define NOW 1764000000 /* 2025-11-24T16:00:00Z */

#define WELL                                                                                       \
    "'name':'aper','format':'aper','url':'https://lists.example.org/aper?a=1&b=2',"                \
    "'entries':200,'active':198,'dropped':0,'accepted':'2025-11-24T13:00:00Z',"                    \
    "'last_fetch':'2025-11-24T15:30:00Z','last_success':'2025-11-24T13:00:00Z',"                   \
    "'next_fetch':'2025-11-24T16:12:00Z'"

#define HELD(until)                                                                                \
    WELL ",'state':'held','guard':'shrink','last_error':'said twice','held':{'guard':'shrink',"    \
         "'since':'2025-11-24T12:00:00Z','until':" until                                           \
         ",'why':'150 are fewer than 200','entries':150}"

static int set_up(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    return 0;
}

/* The array of one feed, in JSON with ' for ". Caller frees. */
static char *shown(const char *feed)
{
    char *text = NULL, *out = NULL;
    size_t len = 0;

    assert_true(asprintf(&text, "[{%s}]", feed) > 0);
    for (char *c = text; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *feeds = json_loads(text, 0, NULL);
    assert_non_null(feeds);
    struct show s = {.to = open_memstream(&out, &len), .now = NOW};
    feeds_show(&s, feeds);
    fclose(s.to);
    json_decref(feeds);
    free(text);
    return out;
}

static void test_well(void **state)
{
    char *out = shown(WELL ",'state':'unchanged','held':null,'last_error':null,'progress':null");

    (void)state;
    assert_string_equal(out,
                        "feed  state      entries  active  copy taken  last look   next look\n"
                        "aper  unchanged      200     198  3 h ago     30 min ago  in 12 min\n");
    free(out);
}

static void test_progress_and_left_out(void **state)
{
    char *out = shown("'name':'a','state':'accepted','entries':7,'active':5,'dropped':2,"
                      "'accepted':null,'progress':'fetching 3.1 MB'");

    (void)state;
    assert_string_equal(
        out, "feed  state     entries  active  left out  copy taken  last look  next look\n"
             "a     accepted        7       5         2  never       never      fetching 3.1 MB\n");
    free(out);
}

/* What must be there, and what must not, for each way in which a list is not well. */
static void test_attention(void **state)
{
    static const struct {
        const char *feed, *parts[6], *absent;
    } rows[] = {
        {HELD("'2025-11-26T12:00:00Z'"),
         {"\naper: held since 2025-11-24 12:00 (4 h ago)\n",
          "  why         shrink: 150 are fewer than 200\n",
          "  in force    the copy taken 3 h ago stays: 200 entries, 198 active\n",
          "  ends        taken by itself on 2025-11-26 12:00 (in 44 h) if the list still",
          "  type        rcptguard accept aper   # if it is right: takes its 150 entries\n"},
         "said twice"},
        {HELD("null"), {"  ends        not by itself"}, "taken by itself"},
        /* A copy is held, and now the server is away too. */
        {"'name':'a','state':'failed','accepted':'2025-11-24T13:00:00Z','last_error':'no route',"
         "'held':{'guard':'grow','since':'2025-11-24T12:00:00Z','until':null,'why':'x','entries':"
         "1}",
         {"a: held since", "  why         grow: x\n", "  last look   no route\n",
          "rcptguard accept a"},
         "rcptguard refresh"},
        {WELL ",'state':'failed','held':null,'last_error':'no route to host'",
         {"\naper: failing, last good look 2025-11-24 13:00 (3 h ago)\n",
          "  why         no route to host\n", "the copy taken 3 h ago stays",
          "  ends        with the first good copy; next look in 12 min\n",
          "  type        rcptguard refresh aper   # looks now\n"},
         "lint"},
        {WELL ",'state':'refused','held':null,'last_error':'bad: 9 of 10'",
         {"\naper: refused, last good look", "bad: 9 of 10",
          "  type        curl -fsSL 'https://lists.example.org/aper?a=1&b=2' | rcptguard lint "
          "--format aper -   #",
          "rcptguard refresh aper"},
         "never"},
        {"'name':'a','state':'failed','accepted':null,'last_success':null,'last_error':'x'",
         {"a: failing, last good look never\n", "  in force    nothing: no copy was ever taken"},
         "stays"},
        /* What may not be pasted is not offered for pasting. */
        {"'name':'a','state':'refused','format':'hosts','url':'https://x.example/***','last_error':"
         "'x'",
         {"rcptguard lint --format hosts FILE   #"},
         "curl"},
        {"'name':'a','state':'refused','format':'hosts','url':'https://x.example/`id`',"
         "'last_error':'x'",
         {"--format hosts FILE   #"},
         "`"},
        {"'name':'a','state':'refused','format':'hosts','url':'file:/var/lists/h','last_error':'x'",
         {"rcptguard lint --format hosts /var/lists/h   #"},
         "curl"},
        {"'name':'a','state':'refused','format':'hosts','url':'file:///srv/h','last_error':'x'",
         {"--format hosts /srv/h   #"},
         "//"},
        /* Read as the daemon does. */
        {"'name':'a','state':'refused','format':'csv','url':'file:/srv/h','last_error':'x',"
         "'settings':['column=Bad domain','separator=;','as=domains']",
         {"--format csv --set 'column=Bad domain' --set 'separator=;' --set as=domains /srv/h   #"},
         "curl"},
        {WELL
         ",'state':'failed','held':null,'last_error':'x','problem':'nothing of the stored copy'",
         {"\naper: failing, ", "  in force    nothing of the stored copy\n"},
         "stays"},
        {WELL ",'state':'unchanged','held':null,'problem':'nothing of the stored copy'",
         {"\naper: read otherwise, last good look 2025-11-24 13:00 (3 h ago)\n",
          "  in force    nothing of the stored copy\n", "rcptguard refresh aper"},
         "stays"},
        {"'name':'a','state':'refused','format':'hosts','url':'file:/a;id','last_error':'x'",
         {"--format hosts FILE   #"},
         ";id"},
        {WELL ",'state':'accepted','held':null,'unkept':true",
         {"\naper: not stored, so a restart goes back to the copy of before: look at the disk"},
         "in force"},
        {"'name':'a','state':'failed','last_error':'\\u001b[31m\\u202e'",
         {"\\x1B[31m\\xE2\\x80\\xAE"},
         "\x1b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *out = shown(rows[i].feed);
        for (size_t k = 0; k < 6 && rows[i].parts[k] != NULL; k++)
            if (strstr(out, rows[i].parts[k]) == NULL)
                fail_msg("row %zu: no \"%s\" in:\n%s", i, rows[i].parts[k], out);
        if (strstr(strchr(out, '\n'), rows[i].absent) != NULL)
            fail_msg("row %zu: \"%s\" in:\n%s", i, rows[i].absent, out);
        free(out);
    }
}

static void test_none(void **state)
{
    char *out = NULL;
    size_t len = 0;
    struct show s = {.to = open_memstream(&out, &len), .now = NOW};
    json_t *none = json_array();

    (void)state;
    feeds_show(&s, none);
    fclose(s.to);
    json_decref(none);
    assert_non_null(strstr(out, "[feed NAME]"));
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well),
        cmocka_unit_test(test_progress_and_left_out),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests_name("cli/feeds_show", tests, set_up, NULL);
}
