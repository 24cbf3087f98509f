/* The whole story: who holds it since when, what frees it, and a next step that can be pasted. */
#include "cli/check_show.h"

#include "shown.h"

#define CANONICAL "'recipient':'Jane+t@Example.org','canonical':'jane+t@example.org'"
#define KEYS      "'keys':['jane+t@example.org','jane@example.org','example.org','.example.org']"
#define REJECTED  CANONICAL "," KEYS ",'verdict':'reject','action':'550 5.7.1 on blocklist aper'"
#define PASSES    CANONICAL "," KEYS ",'verdict':'pass','action':'DUNNO'"
#define DECIDES   "'action':'reject','excluded':false,'decides':true"
#define APER      "'list':'aper','entry':'jane@example.org','date':'2025-10-01'," DECIDES
#define LOCAL                                                                                      \
    "'list':'local','entry':'.example.org','date':null," DECIDES ",'file':'/etc/l/"                \
    "blocks','line':3,'until':'2025-12-31','ticket':'S1','by':'ann','note':'phish'"

static void test_check(void **state)
{
    static const struct {
        const char *answer, *parts[8], *absent;
    } rows[] = {
        {"{" REJECTED ",'exclusion':null,'listings':[{" APER
         ",'first_seen':'2025-11-21T10:02:00Z','first_seen_before':null,'row':'Jane@x,A','line':17,"
         "'text':null,'value':null,'list_checked':'2025-11-24T15:00:00Z','list_accepted':"
         "'2025-11-24T11:00:00Z'}]}",
         {"Jane+t@Example.org: rejected\n",
          "  list        aper: jane@example.org of 2025-10-01, action reject (decides)\n",
          "              first seen here 2025-11-21 10:02 (3 d ago)\n",
          "              list fetched 60 min ago, this copy taken 5 h ago\n",
          "              its line 17: Jane@x,A\n", "  reply       550 5.7.1 on blocklist aper\n",
          "  next        to let mail through, with the number of your ticket, type:\n"
          "              rcptguard exclude jane@example.org --for 30d --ticket TICKET\n"},
         "it says"},
        {"{" REJECTED ",'listings':[{" APER
         ",'first_seen':null,'first_seen_before':'2025-11-01T00:00:00Z','row':'r','line':null,"
         "'text':'phish drop','value':'127.0.0.2'}],'note_rows':'rows of b: not in time'}",
         {"first seen here before 2025-11-01 00:00 (23 d ago)\n", "its row: r\n",
          "it says: 127.0.0.2 phish drop\n", "  note        rows of b: not in time\n"},
         "its line"},
        /* Both ways out of a local block of a whole domain. */
        {"{" REJECTED ",'listings':[{" LOCAL "}]}",
         {"  local block .example.org, action reject (decides)\n",
          "/etc/l/blocks line 3, ticket S1, by ann, note phish, until 2025-12-31 (in 37 d)\n",
          "              rcptguard unblock .example.org\n", "rcptguard exclude jane@example.org"},
         "list local"},
        {"{" PASSES
         ",'exclusion':{'what':'o\\u0027x@example.org','file':'/etc/l/x','line':2,'until':"
         "'2025-11-24T18:00:00Z','ticket':'T','by':'bob','note':null},'listings':[{" APER "}]}",
         {"passes\n",
          "  exclusion   o'x@example.org in /etc/l/x line 2, ticket T, by bob, until 2025-11-24 "
          "18:00 (in 2 h)\n",
          "              rcptguard unexclude 'o'\\''x@example.org'\n"},
         "rcptguard exclude"},
        {"{" PASSES ",'exclusion':null,'listings':[{'list':'aper','entry':'e','action':'reject',"
         "'excluded':true,'excluded_by':{'what':'e','file':'/f','line':9,'list':'aper,b'}}]}",
         {"(excluded)", "excluded by e in /f line 9, list aper,b\n",
          "rcptguard unexclude e --list aper,b\n"},
         "rcptguard exclude"},
        {"{" PASSES ",'would':'reject','listings':[{" APER "}]}",
         {"because mode is observe; enforced it would reject", "rcptguard exclude jane@"},
         "unexclude"},
        {"{" PASSES ",'exclusion':null,'listings':[]}",
         {"  list        none holds it in force\n"},
         "next"},
        {"{" PASSES ",'listings':[],'zones':null}",
         {"  list        none holds it in force\n"},
         "dns zones"},
        /* A DNS zone: its answer, what it says of it, since when; and what the others said. */
        {"{'recipient':'a@example.org','canonical':'a@example.org','verdict':'reject',"
         "'action':'550 5.7.1 x','listings':[{'list':'ebl','entry':'a@example.org','date':null,"
         "'action':'reject','decides':true,'value':'127.0.1.2','text':'see \\u001b[2Jhttps://x',"
         "'since':'2025-11-24T13:00:00Z','first_seen':'2025-11-24T13:00:00Z'}],"
         "'zones':[{'list':'ebl','result':'listed','answered':'2025-11-24T15:58:30Z'},"
         "{'list':'dbl','result':'late','answered':null}]}",
         {"  list        ebl: a@example.org, action reject (decides)\n",
          "              the zone lists it since 2025-11-24 13:00 (3 h ago)\n",
          "              it says: 127.0.1.2 see \\x1B[2Jhttps://x\n",
          "  dns zones   ebl listed (90 s ago), dbl late\n", "rcptguard exclude "},
         "first seen"},
        /* What a terminal would obey is neither shown nor offered. */
        {"{'recipient':'a\\u001b[2J@example.org','canonical':'a\\u001b[2J@example.org','keys':["
         "'a\\u001b[2J@example.org','example.org'],'verdict':'reject','action':'550 5.7.1 x',"
         "'listings':[]}",
         {"a\\x1B[2J@example.org: rejected\n",
          "(rcptguard exclude, by hand: it holds bytes that cannot be pasted safely)"},
         "\x1b"},
        {"{'recipient':'-v@example.org','canonical':'-v@example.org','keys':['-v@example.org'],"
         "'verdict':'defer','action':'450 4.7.1 x','listings':[]}",
         {": deferred", "rcptguard exclude --for 30d --ticket TICKET -- -v@example.org\n"},
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        shown_holds(i, shown_by(check_show, rows[i].answer), rows[i].parts, rows[i].absent);
}

/* What became of it by an edit. */
static void test_now(void **state)
{
    static const struct {
        const char *answer, *parts[8], *absent;
    } rows[] = {
        {"{" PASSES ",'exclusion':null,'listings':[]}", {"  now         passes\n"}, "more"},
        {"{" PASSES ",'exclusion':{'what':'.example.org','file':'/etc/l/x','line':2},"
         "'listings':[{" APER "}]}",
         {"  now         passes: excluded by .example.org in /etc/l/x line 2\n"},
         "more"},
        {"{" REJECTED ",'exclusion':null,'listings':[{'list':'b','entry':'e','action':'reject',"
         "'excluded':true,'excluded_by':{'what':'e','file':'/f','line':9,'list':'b'}},{" APER "}]}",
         {"  now         rejected: list aper has jane@example.org\n",
          "  more        rcptguard check Jane+t@Example.org\n"},
         "excluded by"},
        {"{" REJECTED ",'exclusion':null,'listings':[{" LOCAL "}]}",
         {"  now         rejected: local block .example.org\n", "rcptguard check "},
         "list local"},
        {"{" PASSES ",'would':'reject','exclusion':null,'listings':[{" APER "}]}",
         {"  now         passes, because mode is observe; enforced it would reject: list aper "
          "has "},
         "excluded by"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        shown_holds(i, shown_by(check_show_now, rows[i].answer), rows[i].parts, rows[i].absent);
}

static void test_why(void **state)
{
    static const struct {
        const char *answer, *parts[8], *absent;
    } rows[] = {
        {"{'ref':'7K2M4QX','time':'2025-11-24T13:00:00Z','outcome':'reject','recipient':"
         "'jane@example.org','sender':'ann@example.edu','sasl_username':'ann','client':'192.0.2.7',"
         "'queue_id':'4Xy','list':'aper','entry':'jane@example.org','date':'2025-10-01',"
         "'action':'550 5.7.1 on blocklist aper','evidence':'127.0.1.2 since X','now':{" PASSES
         ",'listings':[]}}",
         {"then: 7K2M4QX, rejected 2025-11-24 13:00 (3 h ago)\n",
          "  to          jane@example.org\n",
          "  from        ann@example.edu, login ann, client 192.0.2.7, queue id 4Xy\n",
          "  list        aper: jane@example.org of 2025-10-01\n",
          "  it said     127.0.1.2 since X\n", "  reply       550 5.7.1 on blocklist aper\n",
          "\nnow: Jane+t@Example.org: passes\n"},
         NULL},
        {"{'ref':'R','time':'2025-11-24T13:00:00Z','outcome':'observe','recipient':'a@b','sender':"
         "'','sasl_username':'','list':'l','entry':'e','date':null,'now':null}",
         {"observed (let through all the same) 2025-11-24", "  from        <>\n"},
         "now:"},
        {"{'ref':'R','time':'2025-11-24T13:00:00Z','outcome':'reject','recipient':'a@b','sender':"
         "'','list':'l','entry':'e','evidence':null,'now':null}",
         {"  list        l: e\n"},
         "it said"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        shown_holds(i, shown_by(why_show, rows[i].answer), rows[i].parts, rows[i].absent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_now),
        cmocka_unit_test(test_why),
    };
    return cmocka_run_group_tests_name("cli/check_show", tests, shown_in_utc, NULL);
}
