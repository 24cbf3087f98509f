/*
 * Edits over the socket: who may, what asks for force, what is answered and logged, and what
 * happens to an edit whose client or server is gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_client.h"

#define V(text) ((struct view){text, sizeof text - 1})

static int send_body(const char *method, const char *target, const char *body)
{
    char request[1024];
    int fd = dial();

    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", method,
             target, strlen(body), body);
    say(fd, request);
    return fd;
}

/* Runs the loop until so many edits wait. */
static void until_waiting(size_t n)
{
    time_t end = time(NULL) + 5;

    while (fake.edit.waiting < n && time(NULL) <= end)
        turn(1);
    assert_int_equal(fake.edit.waiting, n);
}

static void test_refused(void **state)
{
    static const struct {
        const char *method, *target, *body, *status, *part;
    } rows[] = {
        {"POST", "/v1/exclusions", "", "400", "what: is missing"},
        {"POST", "/v1/exclusions", "{\"waht\":\"x\"}", "400", "did you mean what?"},
        {"POST", "/v1/exclusions", "{\"what\":\"x\",\"what\":\"y\"}", "400",
         "not a JSON object: duplicate"},
        {"POST", "/v1/exclusions", "[]", "400", "not a JSON object\""},
        {"POST", "/v1/exclusions", "{\"what\":\"*x*@example.org\"}", "400", "\"error\""},
        {"POST", "/v1/exclusions", "{\"what\":\"a@example.org\",\"list\":\"apre\"}", "400",
         "did you mean aper?"},
        {"POST", "/v1/exclusions", "{\"what\":\"big.example\"}", "409", "\"needs\":\"force\""},
        {"POST", "/v1/exclusions", "{\"what\":\".big.example\"}", "409", "protected domain"},
        {"POST", "/v1/exclusions", "{\"what\":\"sender:big.example\"}", "409", "\"needs\":"},
        {"POST", "/v1/exclusions", "{\"what\":\"co.uk\"}", "409", "public suffix"},
        {"POST", "/v1/exclusions", "{\"what\":\"*.co.uk\"}", "409", "public suffix"},
        {"POST", "/v1/blocks", "{\"what\":\"big.example\"}", "409", "\"needs\":\"force\""},
        {"POST", "/v1/blocks", "{\"what\":\"localhost\"}", "409", "public suffix"},
        {"POST", "/v1/blocks", "{\"what\":\"x@example.org\",\"list\":\"aper\"}", "400", "list"},
        {"DELETE", "/v1/exclusions", "", "400", "what: is missing"},
        {"DELETE", "/v1/exclusions?expired=maybe", "", "400", "expired"},
        {"GET", "/v1/exclusions?from=x", "", "400", "number of a line"},
    };

    (void)state;
    fake.protects = true;
    fake_feed("aper", FEED_ACCEPTED);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char answer[8192];
        assert_true(
            hear(send_body(rows[i].method, rows[i].target, rows[i].body), answer, sizeof answer));
        if (strncmp(answer + strlen("HTTP/1.1 "), rows[i].status, 3) != 0 ||
            strstr(answer, rows[i].part) == NULL)
            fail_msg("%s %s: %s", rows[i].target, rows[i].body, answer);
        assert_int_equal(fake.edit.waiting, 0);
    }
}

static void test_done(void **state)
{
    static const struct {
        const char *method, *target, *body;
        struct local_edited result;
        const char *words; /* what the file's room was asked for */
        const char *status, *part, *logged;
    } rows[] = {
        {"POST",
         "/v1/exclusions",
         "{\"what\":\"a@example.org\",\"list\":[\"aper\",\"local\"],\"until\":\"2027-01-01\","
         "\"ticket\":\"T1\",\"note\":\"n\",\"by\":\"ann\"}",
         {.outcome = LOCAL_EDIT_ADDED,
          .what = V("a@example.org"),
          .line = 4,
          .after = V("a@example.org <x>")},
         "a@example.org|aper,local|2027-01-01|T1|n|ann",
         "201",
         "{\"what\":\"a@example.org\",\"file\":\"/x/"
         "exclusions\",\"shared\":false,\"line\":4,\"changed\":true,"
         "\"after\":\"a@example.org <x>\",\"before\":[]}",
         "by=<ann> old=<> new=<a@example.org \\x3Cx\\x3E>"},
        {"POST",
         "/v1/exclusions",
         "{\"what\":\"a@example.org\"}",
         {.outcome = LOCAL_EDIT_CHANGED,
          .what = V("a@example.org"),
          .line = 4,
          .before = V("one\ntwo"),
          .after = V("three")},
         "a@example.org|||||",
         "201",
         "\"before\":[\"one\",\"two\"]",
         "exclude: a@example.org: changed uid="},
        {"POST",
         "/v1/exclusions",
         "{\"what\":\"a@example.org\"}",
         {.outcome = LOCAL_EDIT_NOTHING, .what = V("a@example.org"), .line = 4},
         "a@example.org|||||",
         "200",
         "\"changed\":false",
         "nothing to do"},
        {"POST",
         "/v1/exclusions",
         "{\"what\":\"login:abuse\"}",
         {.outcome = LOCAL_EDIT_BAD, .why = {ERR_SYNTAX, "until: no such day"}},
         "login:abuse|||||",
         "400",
         "no such day",
         "bad"},
        {"POST",
         "/v1/exclusions",
         "{\"what\":\"sender:<>\"}",
         {.outcome = LOCAL_EDIT_FAILED, .why = {ERR_IO, "chown it\n"}},
         "sender:<>|||||",
         "500",
         "chown it",
         "failed uid="},
        {"POST",
         "/v1/blocks",
         "{\"what\":\"big.example\",\"force\":true}",
         {.outcome = LOCAL_EDIT_ADDED, .what = V("big.example"), .line = 1, .after = V("big")},
         "big.example|||||",
         "201",
         "\"file\":\"/x/blocks\"",
         "block: big.example: added"},
        {"POST",
         "/v1/exclusions",
         "{\"what\":\"*.big.example\"}",
         {.outcome = LOCAL_EDIT_ADDED, .what = V("*.big.example"), .line = 1},
         "*.big.example|||||",
         "201",
         "\"changed\":true",
         "added"},
        {"DELETE",
         "/v1/exclusions?what=a%40example.org&list=gone&by=ann",
         "",
         {.outcome = LOCAL_EDIT_CHANGED,
          .what = V("a@example.org"),
          .lines = 2,
          .before = V("x\ny")},
         "a@example.org|gone||||ann",
         "200",
         "{\"what\":\"a@example.org\",\"file\":\"/x/"
         "exclusions\",\"shared\":false,\"removed\":2,\"before\":[\"x\","
         "\"y\"]}",
         "unexclude: a@example.org: changed uid="},
        {"DELETE",
         "/v1/exclusions?what=a%40example.org",
         "",
         {.outcome = LOCAL_EDIT_ABSENT},
         "a@example.org|||||",
         "404",
         "there is no such exclusion; look at the list of exclusions",
         "absent"},
        {"DELETE",
         "/v1/exclusions?what=a%40example.org&list=aper",
         "",
         {.outcome = LOCAL_EDIT_ABSENT},
         "a@example.org|aper||||",
         "404",
         "no such exclusion that names this list",
         "absent"},
        {"DELETE",
         "/v1/blocks?what=a%40example.org",
         "",
         {.outcome = LOCAL_EDIT_ABSENT},
         "a@example.org|||||",
         "404",
         "no such block",
         "unblock"},
        {"DELETE",
         "/v1/exclusions?expired=yes",
         "",
         {.outcome = LOCAL_EDIT_CHANGED, .lines = 1, .before = V("x")},
         "|||||",
         "200",
         "{\"file\":\"/x/exclusions\",\"shared\":false,\"removed\":1,\"before\":[\"x\"]}",
         "prune exclusions: all: changed"},
        {"DELETE",
         "/v1/blocks?expired=yes",
         "",
         {.outcome = LOCAL_EDIT_NOTHING},
         "|||||",
         "200",
         "{\"file\":\"/x/blocks\",\"shared\":false,\"removed\":0,\"before\":[]}",
         "prune blocks"},
    };

    (void)state;
    fake.protects = true;
    fake_feed("aper", FEED_ACCEPTED);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char answer[8192];
        int fd = send_body(rows[i].method, rows[i].target, rows[i].body);
        until_waiting(1);
        assert_string_equal(fake.edit.words, rows[i].words);
        fake_edited(&rows[i].result);
        assert_true(hear(fd, answer, sizeof answer));
        if (strncmp(answer + strlen("HTTP/1.1 "), rows[i].status, 3) != 0 ||
            strstr(answer, rows[i].part) == NULL)
            fail_msg("%s %s: %s", rows[i].target, rows[i].body, answer);
        assert_non_null(strstr(logged, rows[i].logged));
        assert_null(strchr(logged, '\n'));
    }
}

static void test_busy(void **state)
{
    static const struct local_edited done = {.outcome = LOCAL_EDIT_NOTHING};
    int fds[ADMIN_MAX_EDITING];
    char answer[8192];

    (void)state;
    for (unsigned i = 0; i < ADMIN_MAX_EDITING; i++) {
        fds[i] = send_body("POST", "/v1/exclusions", "{\"what\":\"a@example.org\"}");
        until_waiting(i + 1);
    }
    assert_true(hear(send_body("POST", "/v1/exclusions", "{\"what\":\"b@example.org\"}"), answer,
                     sizeof answer));
    assert_memory_equal(answer, "HTTP/1.1 503", 12);
    assert_serves();
    fake_edited(&done);
    for (unsigned i = 0; i < ADMIN_MAX_EDITING; i++)
        assert_true(hear(fds[i], answer, sizeof answer));
}

static void test_not_taken(void **state)
{
    static const struct {
        int code;
        const char *status;
    } rows[] = {{ERR_LIMIT, "HTTP/1.1 503"}, {ERR_NOMEM, "HTTP/1.1 500"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char answer[8192];
        fake.edit.code = rows[i].code;
        assert_true(hear(send_body("POST", "/v1/exclusions", "{\"what\":\"b@example.org\"}"),
                         answer, sizeof answer));
        assert_memory_equal(answer, rows[i].status, 12);
    }
}

/* Somebody who may use the socket and is no admin. Only root can play him. */
static void test_roles(void **state)
{
    static const struct {
        const char *method, *target, *body;
        bool may;
        const char *logged;
    } rows[] = {
        {"POST", "/v1/exclusions", "{\"what\":\"a@example.org\"}", true, ""},
        {"DELETE", "/v1/exclusions?what=a", "", true, ""},
        {"POST", "/v1/exclusions", "{\"what\":\"a@example.org\",\"force\":true}", false,
         "exclude: a@example.org: refused"},
        {"POST", "/v1/blocks", "{\"what\":\"a@example.org\",\"by\":\"ann\"}", false,
         "block: a@example.org: refused, not in admin_group, uid=65534 by=<ann>"},
        {"POST", "/v1/blocks", "{\"what\":7}", false, "block: "},
        {"DELETE", "/v1/blocks?what=a", "", false, "unblock: a: refused"},
        {"DELETE", "/v1/blocks?expired=yes", "", false, "prune blocks: "},
        {"DELETE", "/v1/exclusions?expired=yes", "", false, "prune exclusions: "},
        {"POST", "/v1/feeds/aper/rollback", "", false, "rollback: aper: refused"},
    };
    static const struct local_edited done = {.outcome = LOCAL_EDIT_NOTHING};

    (void)state;
    if (geteuid() != 0) {
        print_message("# not root: skipped\n");
        skip();
    }
    chmod(dir, 0711);
    chmod(path, 0666);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char answer[8192];
        logged[0] = '\0';
        assert_int_equal(seteuid(65534), 0);
        int fd = send_body(rows[i].method, rows[i].target, rows[i].body);
        assert_int_equal(seteuid(0), 0);
        if (rows[i].may) {
            until_waiting(1);
            fake_edited(&done);
        }
        assert_true(hear(fd, answer, sizeof answer));
        assert_memory_equal(answer, rows[i].may ? "HTTP/1.1 200" : "HTTP/1.1 403", 12);
        assert_non_null(strstr(logged, rows[i].logged));
        assert_int_equal(fake.edit.waiting, 0);
    }
    unlink(path); /* changed by us, it is not the server's to remove */
}

/* New lines go to the fleet's file; old ones are taken out of both, and of this site's own only
 * where it has one: it need not be the daemon's. */
static void test_shared(void **state)
{
    static const struct local_line own[] = {
        {.what = V("b@example.org"), .key = V("b@example.org"), .line = 7, .until = INT64_MAX}};
    static const struct local_edited added = {.outcome = LOCAL_EDIT_ADDED, .line = 3},
                                     removed = {.outcome = LOCAL_EDIT_CHANGED,
                                                .lines = 1,
                                                .before = V("from the fleet")},
                                     own_removed = {.outcome = LOCAL_EDIT_CHANGED,
                                                    .lines = 2,
                                                    .before = V("one\ntwo")},
                                     absent = {.outcome = LOCAL_EDIT_ABSENT};
    struct local *const fleets = (struct local *)&fake.fleet; /* only looked at */
    char answer[4096];

    (void)state;
    house.exclusions = (struct local *)&fake.edit;
    house.shared[LOCAL_EXCLUSIONS] = (struct admin_shared){fleets, NULL, "/s/exclusions"};
    int fd = send_body("POST", "/v1/exclusions", "{\"what\":\"a@example.org\"}");
    until_waiting(1);
    assert_ptr_equal(fake.edit.local, fleets);
    fake_edited(&added);
    assert_true(hear(fd, answer, sizeof answer));
    assert_non_null(strstr(answer, "\"file\":\"/s/exclusions\",\"shared\":true"));
    assert_int_equal(fake.fleet_edited, 1);

    fd = send_body("DELETE", "/v1/exclusions?what=a%40example.org", "");
    until_waiting(1);
    fake_edited(&absent);
    assert_int_equal(fake.edit.waiting, 0);
    assert_true(hear(fd, answer, sizeof answer));
    assert_non_null(strstr(answer, "404"));

    fake.lines = own;
    fake.n_lines = 1;
    fd = send_body("DELETE", "/v1/exclusions?what=b%40example.org", "");
    until_waiting(1);
    assert_ptr_equal(fake.edit.local, fleets);
    local_edit_done *done = fake.edit.done[0];
    fake.edit.waiting = 0;
    done(&removed, fake.edit.arg[0]);
    assert_int_equal(fake.edit.waiting, 1);
    assert_ptr_equal(fake.edit.local, house.exclusions);
    assert_string_equal(fake.edit.words, "b@example.org|||||");
    fake_edited(&own_removed);
    assert_true(hear(fd, answer, sizeof answer));
    assert_non_null(
        strstr(answer, "\"removed\":3,\"before\":[\"from the fleet\",\"one\",\"two\"]"));
    house.shared[LOCAL_EXCLUSIONS] = (struct admin_shared){NULL};
}

/* What was forced holds on this relay alone, whatever is shared; other blocks hold on all. */
static void test_forced_block(void **state)
{
    static const struct local_edited added = {.outcome = LOCAL_EDIT_ADDED, .line = 3};
    static const struct local_line shared[] = {
        {.what = V("big.example"), .kind = ENTRY_DOMAIN, .key = V("big.example"), .shared = true},
        {.what = V("x.example"), .kind = ENTRY_DOMAIN, .key = V("x.example"), .shared = true}};
    static const struct {
        const char *path, *body;
        enum local_kind kind;
        bool here;
    } rows[] = {
        {"/v1/blocks", "{\"what\":\"big.example\",\"force\":true}", LOCAL_BLOCKS, true},
        {"/v1/blocks", "{\"what\":\"co.uk\",\"force\":true}", LOCAL_BLOCKS, true},
        {"/v1/blocks", "{\"what\":\"x.example\",\"force\":true}", LOCAL_BLOCKS, false},
        {"/v1/blocks", "{\"what\":\"a@big.example\"}", LOCAL_BLOCKS, false},
        {"/v1/exclusions", "{\"what\":\"big.example\",\"force\":true}", LOCAL_EXCLUSIONS, false},
    };
    struct local *const own = (struct local *)&fake.edit, *const fleets =
                                                              (struct local *)&fake.fleet;
    char answer[4096];

    (void)state;
    fake.protects = true;
    house.exclusions = house.blocks = own; /* only looked at, these two */
    for (int i = 0; i < 2; i++)
        house.shared[i] = (struct admin_shared){fleets, NULL, "/s/file"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fd = send_body("POST", rows[i].path, rows[i].body);
        until_waiting(1);
        assert_ptr_equal(fake.edit.local, rows[i].here ? own : fleets);
        fake_edited(&added);
        assert_true(hear(fd, answer, sizeof answer));
        assert_non_null(
            strstr(answer, rows[i].here ? "/x/blocks\",\"shared\":false" : "\"shared\":true"));
    }
    fake.shared_lines = shared;
    fake.n_shared = 2;
    ask("GET /v1/blocks HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_non_null(strstr(answer, "\"what\":\"big.example\",\"line\":0,\"shared\":true,"
                                   "\"protected\":true"));
    assert_non_null(strstr(answer, "\"what\":\"x.example\",\"line\":0,\"shared\":true,"
                                   "\"protected\":false"));
    for (int i = 0; i < 2; i++)
        house.shared[i] = (struct admin_shared){NULL};
}

/* Each of the two files fails for itself: what could be done is done and said, and so is the
 * other's error. Not to have found it in one of them says nothing of the other. */
static void test_one_of_two_fails(void **state)
{
    static const struct local_line own[] = {
        {.what = V("b@example.org"), .key = V("b@example.org"), .line = 7, .until = INT64_MAX}};
    static const struct local_edited
        removed = {.outcome = LOCAL_EDIT_CHANGED, .lines = 1, .before = V("b"), .what = V("b")},
        absent = {.outcome = LOCAL_EDIT_ABSENT},
        fleets_fails = {.outcome = LOCAL_EDIT_FAILED, .why = {ERR_REFUSED, "/s/x: chown"}},
        own_fails = {.outcome = LOCAL_EDIT_FAILED, .why = {ERR_REFUSED, "/x/x: chown"}};
    static const struct {
        const struct local_edited *fleets, *own; /* NULL: no room for the job */
        const char *answer;
        unsigned told;
    } rows[] = {
        {&fleets_fails, &removed,
         "{\"error\":\"/s/x: chown\",\"what\":\"b\",\"file\":\"/x/exclusions\","
         "\"shared\":false,\"removed\":1,\"before\":[\"b\"]}",
         0},
        {&removed, &own_fails,
         "{\"error\":\"/x/x: chown\",\"what\":\"\",\"file\":\"/s/exclusions\","
         "\"shared\":true,\"removed\":1,\"before\":[\"b\"]}",
         1},
        {&removed, NULL, "{\"error\":\"/x/exclusions: too busy", 1},
        {&removed, NULL, "\"removed\":1,\"before\":[\"b\"]}", 1},
        {&fleets_fails, &absent, "{\"error\":\"/s/x: chown\"}", 0},
        {&absent, &own_fails, "{\"error\":\"/x/x: chown\"}", 0},
        {&absent, NULL, "{\"error\":\"/x/exclusions: too busy", 0},
        {&fleets_fails, &own_fails, "{\"error\":\"/s/x: chown; and /x/x: chown\"}", 0},
    };
    struct local *const fleets = (struct local *)&fake.fleet; /* only looked at */

    (void)state;
    house.exclusions = (struct local *)&fake.edit;
    house.shared[LOCAL_EXCLUSIONS] = (struct admin_shared){fleets, NULL, "/s/exclusions"};
    fake.lines = own;
    fake.n_lines = 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char answer[4096];
        fake.fleet_edited = 0;
        int fd = send_body("DELETE", "/v1/exclusions?what=b%40example.org", "");
        until_waiting(1);
        local_edit_done *done = fake.edit.done[0];
        fake.edit.waiting = 0;
        fake.edit.code = rows[i].own == NULL ? ERR_LIMIT : 0;
        done(rows[i].fleets, fake.edit.arg[0]);
        fake.edit.code = 0;
        assert_int_equal(fake.edit.waiting, rows[i].own == NULL ? 0 : 1);
        if (rows[i].own != NULL)
            fake_edited(rows[i].own);
        assert_true(hear(fd, answer, sizeof answer));
        assert_memory_equal(answer, "HTTP/1.1 500", 12);
        if (strstr(answer, rows[i].answer) == NULL)
            fail_msg("%zu: %s", i, answer);
        assert_int_equal(fake.fleet_edited, rows[i].told);
    }
    house.shared[LOCAL_EXCLUSIONS] = (struct admin_shared){NULL};
}

/* The edit is logged whether its client, or the whole API, is there or not. */
static void test_gone(void **state)
{
    static const struct local_edited done = {.outcome = LOCAL_EDIT_ADDED, .after = V("after")};

    (void)state;
    int fd = send_body("POST", "/v1/exclusions", "{\"what\":\"a@example.org\",\"by\":\"ann\"}");
    until_waiting(1);
    close(fd);
    assert_alone();
    fake_edited(&done);
    assert_non_null(strstr(logged, "exclude: a@example.org: added"));
    fd = send_body("POST", "/v1/exclusions", "{\"what\":\"b@example.org\",\"by\":\"ann\"}");
    until_waiting(1);
    admin_free(admin);
    admin = NULL;
    fake_edited(&done);
    assert_non_null(strstr(logged, "exclude: b@example.org: added"));
    close(fd);
}

static void test_lines(void **state)
{
    static struct local_line lines[10001];
    static char answer[1 << 20];

    (void)state;
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++)
        lines[i] = (struct local_line){.what = V("x"), .line = i + 1, .until = INT64_MAX};
    lines[0] = (struct local_line){.what = V("a@example.org"),
                                   .lists = V("aper,x"),
                                   .ticket = V("T"),
                                   .line = 1,
                                   .until = 99999};
    fake.lines = lines;
    fake.n_lines = 2;
    ask("GET /v1/exclusions HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_non_null(strstr(
        answer,
        "{\"file\":\"/x/exclusions\",\"exclusions\":[{\"what\":\"a@example.org\","
        "\"line\":1,\"shared\":false,\"list\":[\"aper\",\"x\"],\"until\":null,\"ticket\":\"T\","
        "\"by\":null,\"at\":null,\"note\":null,\"expired\":true},"));
    assert_non_null(strstr(answer, "\"expired\":false}],\"errors\":[]}"));
    ask("GET /v1/blocks HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_non_null(strstr(answer, "{\"file\":\"/x/blocks\",\"blocks\":[{\"what\":"));
    fake.n_lines = 10001;
    ask("GET /v1/blocks HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 200", 12);
    ask("GET /v1/blocks?from=10001 HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_non_null(strstr(answer, "\"line\":10001,"));
    assert_null(strstr(answer, "\"line\":10000,"));
}

/* Lines may be long: what a client that reads nothing keeps in memory is bounded in bytes. */
static void test_long_lines(void **state)
{
    static struct local_line lines[100];
    static char note[16000], answer[4 << 20];

    (void)state;
    memset(note, 'n', sizeof note);
    for (unsigned i = 0; i < 100; i++)
        lines[i] = (struct local_line){
            .what = V("x"), .note = view_make(note, sizeof note), .line = i + 1};
    fake.lines = lines;
    fake.n_lines = 100;
    ask("GET /v1/blocks?from=1 HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_non_null(strstr(answer, "\"line\":66,"));
    assert_null(strstr(answer, "\"line\":67,"));
    assert_non_null(strstr(answer, "\"next\":67,"));
    ask("GET /v1/blocks?from=67 HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_non_null(strstr(answer, "\"line\":100,"));
    assert_null(strstr(answer, "\"next\""));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_refused),
        TEST(test_done),
        TEST(test_busy),
        TEST(test_not_taken),
        TEST(test_roles),
        TEST(test_shared),
        TEST(test_roles),
        TEST(test_gone),
        TEST(test_lines),
        TEST(test_long_lines),
        TEST(test_one_of_two_fails),
        TEST(test_forced_block),
    };

    return RUN("admin/edits", tests);
}
