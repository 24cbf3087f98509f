/* DNS zones as a postmaster sees them: whether they count, why not, until when, what to type. */
#include "cli/feeds_show.h"
#include "cli/zones_show.h"
#include "shown.h"

#define DBL                                                                                        \
    "{'name':'dbl','kind':'dnsbl','zone':'***.dbl.example.net','query':'domain',"                  \
    "'state_since':'2025-11-24T13:00:00Z','last_probe':'2025-11-24T15:59:30Z',"                    \
    "'next_probe':'2025-11-24T16:05:00Z','questions':1200,'listings':7,'errors':3,"                \
    "'remembered':900,'listed':4,"
#define ON  DBL "'state':'on','why':null}"
#define OFF DBL "'state':'off','why':'lists random names'}"

static void test_table(void **state)
{
    char *out = shown_by(feeds_show, "[" ON "]");

    (void)state;
    assert_string_equal(
        out, "dnsbl  zone                 query   state  since    last probe  questions  listings  "
             "errors\n"
             "dbl    ***.dbl.example.net  domain  on     3 h ago  30 s ago         1200         7  "
             "     3\n");
    free(out);
}

static void test_beside_feeds(void **state)
{
    char *out = shown_by(feeds_show, "[" ON ",{'name':'aper','kind':'feed','state':'accepted',"
                                     "'entries':7,'active':5}]");

    (void)state;
    assert_string_equal(
        out, "feed  state     entries  active  copy taken  last look  next look\n"
             "aper  accepted        7       5  never       never      never\n"
             "\n"
             "dnsbl  zone                 query   state  since    last probe  questions  listings  "
             "errors\n"
             "dbl    ***.dbl.example.net  domain  on     3 h ago  30 s ago         1200         7  "
             "     3\n");
    free(out);
}

static void test_attention(void **state)
{
    static const struct {
        const char *zones, *parts[8], *absent;
    } rows[] = {
        {"[" ON "]", {"on"}, "\n\n"},
        {"[" OFF "]",
         {"\n\ndbl: off since 2025-11-24 13:00 (3 h ago)\n", "  why         lists random names\n",
          "  in force    nothing: while it is off it blocks nobody\n",
          "  ends        with two good probes; next probe in 5 min\n",
          "  type        rcptguard refresh dbl   # probes now\n"},
         "look at it"},
        /* A dead list is a warning only. */
        {"[" DBL "'state':'on','why':'test is not listed'}]",
         {"\n\ndbl: on, but look at it\n", "  why         test is not listed\n"},
         "type"},
        {"[" DBL "'state':'probing','why':null}]", {"  probing  "}, "\n\n"},
        {"[{'name':'a','kind':'dnsbl','state':'off','state_since':null,'next_probe':null,"
         "'why':'\\u001b[31m\\u202e'}]",
         {"\\x1B[31m\\xE2\\x80\\xAE", "off since never", "next probe never"},
         "\x1b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        shown_holds(i, shown_by(feeds_show, rows[i].zones), rows[i].parts, rows[i].absent);
}

static void test_probed(void **state)
{
    static const struct {
        const char *zone, *parts[4], *absent;
    } rows[] = {
        {ON, {"on: 900 names remembered, 4 of them listed\n"}, "why"},
        {DBL "'state':'on','why':'test is not listed'}",
         {"on: 900", "  why         test is not listed\n"},
         NULL},
        {DBL "'state':'probing','why':null}",
         {"probing, and blocks nobody until it was found good: 900 names"},
         "why"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        shown_holds(i, shown_by(zone_show_probed, rows[i].zone), rows[i].parts, rows[i].absent);
}

static void test_said(void **state)
{
    char *out = shown_by(zones_show_said,
                         "[{'list':'ebl','result':'clear','answered':'2025-11-24T15:58:30Z'},"
                         "{'list':'d\\u001b','result':'not asked','answered':null}]");

    (void)state;
    assert_string_equal(out, "  dns zones   ebl clear (90 s ago), d\\x1B not asked\n");
    free(out);
    out = shown_by(zones_show_said, "[]");
    assert_string_equal(out, "");
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),     cmocka_unit_test(test_beside_feeds),
        cmocka_unit_test(test_attention), cmocka_unit_test(test_probed),
        cmocka_unit_test(test_said),
    };
    return cmocka_run_group_tests_name("cli/zones_show", tests, shown_in_utc, NULL);
}
