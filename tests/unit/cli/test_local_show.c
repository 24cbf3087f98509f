/* Exclusions and blocks: aligned tables, what expired, and what an edit did. */
#include "cli/local_show.h"

#include "shown.h"

static bool changed;

static void exclusions(const struct show *s, const json_t *answer)
{
    local_show_table(s, &local_exclusions, answer);
}

static void blocks(const struct show *s, const json_t *answer)
{
    local_show_table(s, &local_blocks, answer);
}

static void excluded(const struct show *s, const json_t *answer)
{
    changed = local_show_added(s, &local_exclusions, answer, false);
}

static void blocked(const struct show *s, const json_t *answer)
{
    changed = local_show_added(s, &local_blocks, answer, false);
}

static void removed(const struct show *s, const json_t *answer)
{
    changed = local_show_removed(s, &local_exclusions, view_of("a@x"), answer);
}

static void pruned(const struct show *s, const json_t *answer)
{
    changed = local_show_removed(s, &local_blocks, VIEW_NONE, answer);
}

static void test_table(void **state)
{
    char *out = shown_by(
        exclusions,
        "{'file':'/f','exclusions':["
        "{'what':'jane@example.org','line':2,'list':[],'until':null,'ticket':null,'by':'ann',"
        "'note':'why \\u001b[2J','expired':false},"
        "{'what':'.example.net','line':10,'list':['aper','b'],'until':'2025-11-21T16:00:00Z',"
        "'ticket':'T1','by':null,'note':null,'expired':true},"
        "{'what':'example.com','line':11,'list':[],'until':'2025-12-31','ticket':null,'by':null,"
        "'note':null,'expired':false},"
        "{'what':'a@example.com','line':12,'list':[],'until':'2025-11-24T18:30:00Z','ticket':null,"
        "'by':null,'note':null,'expired':false}],"
        "'errors':[{'line':4,'column':7,'error':'bad'},{'line':5,'error':'worse'}]}");
    static const char *const parts[] = {
        "line  what              lists   until                      ticket  by   note\n"
        "   2  jane@example.org  all     for ever                           ann  why \\x1B[2J\n"
        "  10  .example.net      aper,b  expired 3 d ago            T1           \n"
        "  11  example.com       all     2025-12-31 (in 37 d)                    \n"
        "  12  a@example.com     all     2025-11-24 18:30 (in 2 h)               \n",
        "\nexpired: 1; rcptguard exclusions --prune takes them out\n",
        "\n/f:4:7: error: bad\n/f:5: error: worse\n",
        NULL,
    };

    (void)state;
    shown_holds(0, out, parts, "\x1b");
}

static void test_blocks_table(void **state)
{
    static const char *const parts[] = {"line  what  until     ticket  by  note\n",
                                        "   1  a@x   for ever              \n", NULL};
    static const char *const covering[] = {"fleet 1  b.x   not in force: protected here", NULL};
    static const char *const none[] = {"nothing is blocked in /b\n", NULL};

    (void)state;
    shown_holds(0, shown_by(blocks, "{'file':'/b','blocks':[{'what':'a@x','line':1}],'errors':[]}"),
                parts, "lists");
    shown_holds(1, shown_by(blocks, "{'file':'/b','blocks':[],'errors':[]}"), none, "what");
    shown_holds(2,
                shown_by(blocks, "{'file':'/b','blocks':[{'what':'b.x','line':1,'shared':true,"
                                 "'protected':true}],'errors':[]}"),
                covering, "for ever");
}

static void test_edits(void **state)
{
    static const struct {
        void (*show)(const struct show *s, const json_t *answer);
        const char *answer;
        bool changed;
        const char *parts[8], *absent;
    } rows[] = {
        {excluded,
         "{'what':'a@x','file':'/f','line':7,'changed':true,'before':[],'after':"
         "'a@x until=2025-12-24T16:00:00Z ticket=T # until=2001-01-01'}",
         true,
         {"a@x: excluded, in force now\n", "  until       2025-12-24 16:00 (in 30 d)\n",
          "  line        a@x until=2025-12-24T16:00:00Z ticket=T", "  file        /f line 7\n",
          "  undo        rcptguard unexclude a@x\n"},
         "against"},
        {excluded,
         "{'what':'a@x','file':'/f','line':7,'changed':true,'before':['a@x list=b','a@x'],'after':"
         "'a@x list=b,c'}",
         true,
         {"merged with what was there; in force now\n", "  against     b,c only\n",
          "  before      a@x list=b\n              a@x\n",
          "  undo        rcptguard unexclude a@x   # takes all of it out\n"},
         "until"},
        {excluded,
         "{'what':'a@x','file':'/f','line':7,'changed':false,'before':['a@x by=o'],'after':null}",
         false,
         {"a@x: nothing changed: it is excluded already, at least so long and so far\n",
          "  line        a@x by=o\n"},
         "undo"},
        {blocked,
         "{'what':'-a@x','file':'/b','line':1,'changed':true,'before':[],'after':'-a@x'}",
         true,
         {"-a@x: blocked, in force now\n", "  undo        rcptguard unblock -- -a@x\n"},
         "exclude"},
        {removed,
         "{'what':'a@x','file':'/f','removed':2,'before':['a@x list=b','a@x']}",
         true,
         {"a@x: taken out, the lists decide again\n", "  before      a@x list=b\n", "/f\n"},
         "nothing"},
        {removed,
         "{'error':'/o: no','what':'a@x','file':'/f','removed':1,'before':['a@x']}",
         true,
         {"a@x: taken out of one file only; the other is as it was\n", "/f\n"},
         "decide"},
        {pruned,
         "{'file':'/b','removed':3,'before':['x','y','z']}",
         true,
         {"taken out: 3 expired\n", "  before      x\n              y\n"},
         "decide"},
        {pruned, "{'file':'/b','removed':0,'before':[]}", false, {"nothing has expired\n"}, "out"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *out = shown_by(rows[i].show, rows[i].answer);
        assert_int_equal(changed, rows[i].changed);
        shown_holds(i, out, rows[i].parts, rows[i].absent);
    }
}

static void test_values_of_lines(void **state)
{
    static const struct {
        const char *line, *until;
    } rows[] = {
        {"a@x until=1", "1"},
        {"a@x  by=b\tuntil=2 # until=3", "2"},
        {"a@x # until=3", ""},
        {"a#until=4@x until=5", "5"},
        {"until=6", ""},
        {"\"a until=7 b\"@x until=8", "8"},
        {"\"a\\\" until=7 b\"@x until=8", "8"},
        {"a@x note=\"b until=7\" until=8", "8"},
        {"a@x note=\"b until=7", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct view got = local_line_value(view_of(rows[i].line), "until=");
        if (!view_is(got, rows[i].until))
            fail_msg("row %zu: %.*s", i, (int)got.len, got.ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_blocks_table),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_values_of_lines),
    };
    return cmocka_run_group_tests_name("cli/local_show", tests, shown_in_utc, NULL);
}
