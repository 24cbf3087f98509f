/*
 * Explanations over the socket: rows and times of listings that come, come late, come to nobody, or
 * never; references; and the history of a recipient.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/explain.h"
#include "admin/history_keys.h"
#include "fake_client.h"

#define V(text) ((struct view){text, sizeof text - 1})

static struct address address;
static struct decision_listing listings[12];
static struct answer made;

/* The recipient is in N lists, and in a local block beside. */
static void list_it(unsigned n)
{
    static const struct local_line block = {.what = V("example.org"), .line = 3};

    address_parse(V("jane@example.org"), &addresses, &address);
    listings[0] = (struct decision_listing){
        .list = V("local"), .kind = ENTRY_DOMAIN, .key = V("example.org")};
    for (unsigned i = 1; i <= n; i++)
        listings[i] = (struct decision_listing){.list = i == 1 ? V("aper") : V("hosts"),
                                                .rank = i,
                                                .kind = ENTRY_TREE,
                                                .key = V("example.org")};
    made = (struct answer){.action = "550 5.7.1 no",
                           .address = &address,
                           .listings = listings,
                           .n_listings = n + 1,
                           .block = &block};
    fake.answer = &made;
    fake.n_origins = 0;
    fake.history = NULL;
}

static int ask_check(void)
{
    int fd = dial();

    say(fd, "GET /v1/check?recipient=jane%40example.org HTTP/1.1\r\n\r\n");
    turn(30);
    return fd;
}

static const struct feed_origin origin = {.found = true,
                                          .line = 7,
                                          .row = V("example.org,\xff"),
                                          .text = V("spam"),
                                          .value = V("127.0.0.2")};
static const struct history_change changes[] = {{.time = 86400, .list = "aper", .added = true},
                                                {.time = 86401, .list = "aper", .added = true},
                                                {.time = 86402, .list = "aper"},
                                                {.time = 86403, .list = "x", .added = true}};

static void test_whole(void **state)
{
    char answer[8192];

    (void)state;
    list_it(2);
    int fd = ask_check();
    assert_int_equal(fake.n_origins, 2);
    assert_int_equal(fake.n_keys, 1);
    assert_string_equal(fake.key_text[0], ".example.org");
    fake_origin(0, &origin);
    fake.history(changes, 4, 86399, fake.history_arg);
    fake_origin(1, &(struct feed_origin){.found = false});
    assert_true(hear(fd, answer, sizeof answer));
    assert_non_null(strstr(answer, "\"first_seen\":\"1970-01-02T00:00:01Z\",\"first_seen_before\":"
                                   "null,\"row\":\"example.org,\\\\xFF\",\"line\":7,\"text\":"
                                   "\"spam\",\"value\":\"127.0.0.2\""));
    assert_non_null(strstr(answer, "\"first_seen\":null,\"first_seen_before\":"
                                   "\"1970-01-01T23:59:59Z\",\"row\":null,\"line\":null"));
    assert_non_null(strstr(answer, "\"line\":3,")); /* the block's own */
    assert_null(strstr(answer, "note_rows"));
}

static void test_late(void **state)
{
    char answer[8192];

    (void)state;
    list_it(2);
    int fd = ask_check();
    fake_origin(0, &origin);
    pass(ADMIN_EXPLAIN_MS - 1);
    turn(60);
    assert_int_equal(fake.forgotten, 0);
    pass(1);
    assert_true(hear(fd, answer, sizeof answer));
    assert_int_equal(fake.forgotten, 1);
    assert_non_null(strstr(answer, "\"line\":7"));
    assert_non_null(strstr(answer,
                           "\"note_rows\":\"when entries were first seen could not be found "
                           "out in time; rows of lists could not be looked for in time\""));
    fake.history(changes, 4, 0, fake.history_arg); /* finds nobody */
}

static void test_many(void **state)
{
    char answer[8192];

    (void)state;
    list_it(11);
    fake.history_code = ERR_LIMIT;
    int fd = ask_check();
    assert_int_equal(fake.n_origins, ADMIN_EXPLAIN_ROWS);
    for (size_t i = 0; i < ADMIN_EXPLAIN_ROWS; i++)
        fake_origin(i, i == 0 ? NULL : &origin);
    assert_true(hear(fd, answer, sizeof answer));
    assert_non_null(strstr(answer, "first 8 lists only"));
    assert_non_null(strstr(answer, "first seen could not"));
    assert_non_null(strstr(answer, "rows of lists could not"));
}

static void test_gone(void **state)
{
    (void)state;
    list_it(2);
    close(ask_check());
    assert_alone();
    assert_int_equal(fake.forgotten, 2);
    fake.history(changes, 4, 0, fake.history_arg);
    list_it(1);
    int fd = ask_check();
    admin_free(admin);
    admin = NULL;
    assert_int_equal(fake.forgotten, 3);
    fake.history(changes, 4, 0, fake.history_arg);
    close(fd);
}

static const struct record_decision decision = {.time = 86400,
                                                .label = "reject",
                                                .ref = V("B4CD"),
                                                .recipient = V("jane@example.org"),
                                                .canonical = V("jane@example.org"),
                                                .sender = V("s@example.com"),
                                                .list = V("aper"),
                                                .date = 1,
                                                .action = V("550 5.7.1 no"),
                                                .evidence = V("127.0.1.2 since TIME")};

static void test_why(void **state)
{
    char answer[8192];

    (void)state;
    list_it(0);
    int fd = dial();
    say(fd, "GET /v1/why/b4cd HTTP/1.1\r\n\r\n");
    turn(30);
    fake.why(&decision, fake.why_arg);
    assert_true(hear(fd, answer, sizeof answer));
    assert_non_null(strstr(answer,
                           "{\"ref\":\"B4CD\",\"time\":\"1970-01-02T00:00:00Z\",\"outcome\":"
                           "\"reject\",\"recipient\":\"jane@example.org\""));
    assert_non_null(strstr(answer, "\"date\":\"1970-01-02\",\"action\":\"550 5.7.1 no\","
                                   "\"evidence\":\"127.0.1.2 since TIME\",\"now\":{"
                                   "\"recipient\":\"jane@example.org\""));
    assert_string_equal(fake.asked_sender, "s@example.com");

    fd = dial();
    say(fd, "GET /v1/why/NONE HTTP/1.1\r\n\r\n");
    turn(30);
    fake.why(NULL, fake.why_arg);
    assert_true(hear(fd, answer, sizeof answer));
    assert_memory_equal(answer, "HTTP/1.1 404", 12);
    ask("GET /v1/why/a%2Fb HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 404", 12);
    ask("GET /v1/why/0123456789BCD HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 404", 12);

    fd = dial();
    say(fd, "GET /v1/why/GONE HTTP/1.1\r\n\r\n");
    turn(30);
    close(fd);
    assert_alone();
    fake.why(&decision, fake.why_arg);
    fake.why_code = ERR_LIMIT;
    ask("GET /v1/why/BUSY HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 503", 12);
}

/* Searches have no deadline: they must not take every place. */
static void test_searches(void **state)
{
    int fds[ADMIN_MAX_SEARCHING];
    void *args[ADMIN_MAX_SEARCHING];
    char answer[8192];

    (void)state;
    for (size_t i = 0; i < ADMIN_MAX_SEARCHING; i++) {
        fds[i] = dial();
        say(fds[i], "GET /v1/history?recipient=jane%40example.org HTTP/1.1\r\n\r\n");
        turn(30);
        args[i] = fake.history_arg;
    }
    ask("GET /v1/why/BCDF HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 503", 12);
    ask("GET /v1/history?recipient=jane%40example.org HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 503", 12);
    close(fds[0]);
    assert_alone_but(ADMIN_MAX_SEARCHING - 1);
    for (size_t i = 0; i < ADMIN_MAX_SEARCHING; i++)
        fake.history(NULL, 0, 0, args[i]);
    for (size_t i = 1; i < ADMIN_MAX_SEARCHING; i++) {
        assert_true(hear(fds[i], answer, sizeof answer));
        assert_non_null(strstr(answer, "\"since\":null,\"history\":[],\"cut\":false}"));
    }
    fake.history_code = ERR_LIMIT;
    ask("GET /v1/history?recipient=jane%40example.org HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 503", 12);
}

static void test_history(void **state)
{
    char answer[8192];
    int fd = dial();

    (void)state;
    say(fd, "GET /v1/history?recipient=Jane%2Bx%40example.org HTTP/1.1\r\n\r\n");
    turn(30);
    fake.history(changes, 3, 86399, fake.history_arg);
    assert_true(hear(fd, answer, sizeof answer));
    assert_non_null(strstr(
        answer, "{\"recipient\":\"Jane+x@example.org\",\"canonical\":\"jane+x@example.org\","
                "\"since\":\"1970-01-01T23:59:59Z\",\"history\":[{\"time\":"
                "\"1970-01-02T00:00:00Z\",\"list\":\"aper\",\"entry\":\"jane+x@example.org\","
                "\"change\":\"added\"}"));
    assert_non_null(strstr(answer, "\"change\":\"dropped\"}],\"cut\":false}"));
    ask("GET /v1/history HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 400", 12);
    ask("GET /v1/history?recipient=a%40b..c HTTP/1.1\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 400", 12);
}

static void test_keys(void **state)
{
    static const struct {
        struct view recipient;
        const char *has, *has_not;
    } rows[] = {
        {V("jane+x@example.org"), "jane+x@example.org", "*.example.org"},
        {V("jane+x@example.org"), "jane@example.org", NULL},
        {V("jane@example.org"), ".example.org", NULL},
        {V("jane@example.org"), "*.org", "org"},
        {V("jane@example.org"), "digest", NULL}, /* of the domain */
        {V("example.org"), "example.org", "x@example.org"},
        {V("example.org"), "*.example.org", NULL},
        {V(".example.org"), ".example.org", NULL},
        {V("*.example.org"), ".org", NULL},
        {V("@example.org"), "example.org", "@example.org"},
    };
    static struct history_keys keys;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool found = false;
        char digest[2 * HASH_MAX_BYTES + 1];
        unsigned char bytes[HASH_MAX_BYTES];
        const char *has = rows[i].has;
        if (strcmp(has, "digest") == 0)
            has = hex_text(bytes, hash_plain(HASH_SHA256, V("example.org"), bytes), digest);
        assert_int_equal(history_keys_of(rows[i].recipient, &addresses, &keys, NULL), 0);
        for (size_t j = 0; j < keys.n; j++) {
            char shown[256];
            struct text t = text_on(shown, sizeof shown);
            entry_print(&t, keys.keys[j].kind, keys.keys[j].key);
            found |= strcmp(shown, has) == 0;
            if (rows[i].has_not != NULL)
                assert_string_not_equal(shown, rows[i].has_not);
        }
        if (!found)
            fail_msg("%s", has);
    }
}

/*
 * What DNS zones note: the domain, its parents as trees, and digests of the address as hashed zones
 * define it, however [addresses] folds it here, and as it was seen.
 */
static void test_keys_of_zones(void **state)
{
    static const struct address_options plain = {.delimiter = ""};
    static const struct {
        struct view recipient, hashed;
    } rows[] = {
        {V("Jane+x+y@Example.org"), V("jane@example.org")},
        {V("Jane+x+y@Example.org"), V("jane+x+y@example.org")},
        {V("Jane.Doe+x@GoogleMail.com"), V("janedoe@gmail.com")},
        {V("Jane.Doe+x@GoogleMail.com"), V("jane.doe+x@googlemail.com")},
        {V("+jane@example.org"), V("+jane@example.org")},
    };
    static struct history_keys keys;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(history_keys_of(rows[i].recipient, &plain, &keys, NULL), 0);
        for (int hash = 0; hash < HASH_KINDS; hash++) {
            unsigned char digest[HASH_MAX_BYTES];
            size_t len = hash_plain((enum hash_kind)hash, rows[i].hashed, digest), found = 0;
            for (size_t j = 0; j < keys.n; j++) {
                if (keys.keys[j].kind != ENTRY_ADDRESS_HASH ||
                    !view_eq(keys.keys[j].key, view_make(digest, len)))
                    continue;
                assert_true(view_eq(keys.names[j], rows[i].hashed));
                found++;
            }
            if (found != 1)
                fail_msg("row %zu: hash %d: %zu", i, hash, found);
        }
    }
    bool domain = false, tree = false, parent = false;
    assert_int_equal(history_keys_of(V("x@mail.example.org"), &plain, &keys, NULL), 0);
    for (size_t j = 0; j < keys.n; j++) {
        const struct history_key *key = &keys.keys[j];
        domain |= key->kind == ENTRY_DOMAIN && view_is(key->key, "mail.example.org");
        tree |= key->kind == ENTRY_TREE && view_is(key->key, "mail.example.org");
        parent |= key->kind == ENTRY_TREE && view_is(key->key, "example.org");
    }
    assert_true(domain && tree && parent);
}

/* Who asks for an address reads an address, unless a feed that he can look into has the digest. */
static void test_history_of_digests(void **state)
{
    struct history_change found[] = {{.time = 86400, .list = "ebl", .added = true},
                                     {.time = 86401, .list = "hashes", .added = true}};
    char answer[8192], digest[2 * HASH_MAX_BYTES + 1], part[256];
    unsigned char bytes[HASH_MAX_BYTES];
    int fd = dial();

    (void)state;
    fake_feed("hashes", FEED_ACCEPTED);
    hex_text(bytes, hash_plain(HASH_SHA1, V("jane@example.org"), bytes), digest);
    say(fd, "GET /v1/history?recipient=Jane%2Bx%40example.org HTTP/1.1\r\n\r\n");
    turn(30);
    for (unsigned i = 0; i < fake.n_keys; i++)
        if (strcmp(fake.key_text[i], digest) == 0)
            found[0].key = found[1].key = i;
    assert_int_not_equal(found[0].key, 0);
    fake.history(found, 2, 86399, fake.history_arg);
    assert_true(hear(fd, answer, sizeof answer));
    assert_non_null(strstr(answer, "\"list\":\"ebl\",\"entry\":\"jane@example.org\","));
    snprintf(part, sizeof part, "\"list\":\"hashes\",\"entry\":\"%s\",", digest);
    assert_non_null(strstr(answer, part));
}

/* All keys of a monster fit. */
static void test_monster(void **state)
{
    static char recipient[16000];
    static struct history_keys keys;

    (void)state;
    memset(recipient, 'x', sizeof recipient);
    memcpy(recipient, "a+b@", 4);
    for (size_t i = 100; i < sizeof recipient; i += 100)
        recipient[i] = '.';
    assert_int_equal(
        history_keys_of(view_make(recipient, sizeof recipient), &addresses, &keys, NULL), 0);
    assert_true(keys.n > 200 && keys.n < HISTORY_KEYS);
    assert_true(keys.n_digests < HISTORY_DIGESTS);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_whole),
        TEST(test_late),
        TEST(test_many),
        TEST(test_gone),
        TEST(test_why),
        TEST(test_searches),
        TEST(test_history),
        TEST(test_keys),
        TEST(test_monster),
        TEST(test_keys_of_zones),
        TEST(test_history_of_digests),
    };

    return RUN("admin/explain", tests);
}
