/* History, top and events as people see them. */
#include "cli/record_show.h"

#include "shown.h"

static void test_history(void **state)
{
    char *out = shown_by(
        history_show,
        "{'recipient':'a@x','canonical':'a@x','since':'2025-11-01T00:00:00Z','cut':true,'history':["
        "{'time':'2025-11-20T10:02:00Z','list':'aper','entry':'a@x','change':'added'},"
        "{'time':'2025-11-24T14:00:00Z','list':'b','entry':'.x','change':'dropped'}]}");
    static const char *const none[] = {"a@x: no list added or dropped it",
                                       "no list has changed since the history began\n", NULL};

    (void)state;
    assert_string_equal(
        out, "a@x:\n"
             "time              age      change   list  entry\n"
             "2025-11-20 10:02  4 d ago  added    aper  a@x\n"
             "2025-11-24 14:00  2 h ago  dropped  b     .x\n"
             "there are more changes than are shown\n"
             "the history goes back to 2025-11-01 00:00 (23 d ago); what was listed before and "
             "never changed is not in it\n");
    free(out);
    shown_holds(0,
                shown_by(history_show, "{'recipient':'a@x','since':null,'history':[],'cut':false}"),
                none, "change ");
}

static void test_top(void **state)
{
    char *out =
        shown_by(top_show, "{'since':'2025-11-24T12:00:00Z','hour':{'recipients':[],'domains':[],"
                           "'senders':[],'lists':[]},'day':{'recipients':[{'name':'a@x','count':12"
                           "},{'name':'b\\u001b@x','count':3}],'domains':[{'name':'x','count':15}],"
                           "'senders':[],'lists':[{'name':'aper','count':15}]}}");

    (void)state;
    assert_string_equal(out, "refused or observed in the last hour: nothing\n"
                             "\n"
                             "refused or observed in the last day\n"
                             "  recipients  12  a@x\n"
                             "               3  b\\x1B@x\n"
                             "  domains     15  x\n"
                             "  lists       15  aper\n"
                             "\n"
                             "counted since 2025-11-24 12:00 (4 h ago)\n");
    free(out);
}

static void test_events(void **state)
{
    static const struct {
        const char *event, *line;
    } rows[] = {
        {"{'time':'2025-11-24T15:59:58Z','outcome':'reject','ref':'7K2M4QX','recipient':"
         "'jane.doe@example.org','sender':'ann@example.edu','sasl_username':'ann','list':'aper'}",
         "15:59:58  reject    jane.doe@example.org                  aper          from "
         "ann@example.edu login ann  ref 7K2M4QX\n"},
        {"{'time':'2025-11-24T15:59:58Z','outcome':'reject','ref':'R','recipient':'a@b',"
         "'list':'ebl','sender':'s@t','evidence':'127.0.1.2 since \\u0007X'}",
         "15:59:58  reject    a@b                                   ebl           from s@t  ref R  "
         "said 127.0.1.2 since \\x07X\n"},
        {"{'time':'2025-11-24T15:59:58Z','outcome':'pass','ref':null,'recipient':'a\\u0007@x',"
         "'sender':'','sasl_username':null,'list':null}",
         "15:59:58  pass      a\\x07@x                               -             from <>\n"},
        {"{'time':'2025-11-24T15:59:58Z','outcome':'defer','ref':'R','recipient':'a@b',"
         "'list':'l','sender':'s@t','relay':'mx1.c0ffee'}",
         "15:59:58  defer     a@b                                   l             from s@t  ref R  "
         "on mx1.c0ffee\n"},
        {"{'alive':true,'redis':'up','time':'2025-11-24T16:00:00Z'}", ""},
        {"{'alive':true,'redis':'away','time':'2025-11-24T16:00:00Z'}",
         "16:00:00  Redis is away: nothing of any relay is seen until it is back\n"},
        {"{'lost':12,'time':'2025-11-24T16:00:00Z'}",
         "16:00:00  12 events were lost: this terminal is too slow\n"},
        {"{'alive':true,'time':'2025-11-24T16:00:00Z'}", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *out = shown_by(event_show, rows[i].event);
        assert_string_equal(out == NULL ? "" : out, rows[i].line);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_top),
        cmocka_unit_test(test_events),
    };
    return cmocka_run_group_tests_name("cli/record_show", tests, shown_in_utc, NULL);
}
