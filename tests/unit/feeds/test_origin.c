/* Where an entry comes from: the row of each format, and what rbldnsd 1.0 answered for dnset's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/origin.h"
#include "feeds/packed.h"

#define SHA1     "77baeb8633437c80bc3f06a7bcfbad66185ca14b" /* of jane@example.org */
#define SHA1_KEY "\x77\xba\xeb\x86\x33\x43\x7c\x80\xbc\x3f\x06\xa7\xbc\xfb\xad\x66\x18\x5c\xa1\x4b"

static const struct feed_options options = {.addresses = {.provider_aliases = true}, .column = "2"};

/* BYTES come in two pieces. */
static void look(const struct feed_format *format, const struct origin_wish *wish,
                 struct view bytes, size_t cut, struct origin *o)
{
    struct origin_search *s = origin_search_new(format, &options, wish, o);

    assert_non_null(s);
    if (!origin_search_chunk(s, view_first(bytes, cut)))
        origin_search_chunk(s, view_from(bytes, cut));
    origin_search_end(s);
}

static void assert_row(const struct origin *o, uint64_t line, const char *row)
{
    assert_int_equal(o->shown.found, row != NULL);
    assert_int_equal(o->shown.line, line);
    assert_int_equal(o->shown.row.len, row == NULL ? 0 : strlen(row));
    if (row != NULL)
        assert_memory_equal(o->shown.row.ptr, row, strlen(row));
}

struct found {
    const struct feed_format *format;
    const char *bytes;
    enum entry_kind kind;
    const char *key;
    uint64_t line;
    const char *row; /* NULL: none */
};

static void test_rows(void **state)
{
    static const struct found rows[] = {
        {&feed_format_entries, "# a list\n\n  Jane@Example.org  # since May\r\njane@example.org\n",
         ENTRY_ADDRESS, "jane@example.org", 3, "  Jane@Example.org  # since May"},
        {&feed_format_entries,
         "\xef\xbb\xbf"
         "jane@example.org",
         ENTRY_ADDRESS, "jane@example.org", 1, "jane@example.org"},
        {&feed_format_entries, "bad row\nJ.Doe@googlemail.com\n", ENTRY_ADDRESS, "jdoe@gmail.com",
         2, "J.Doe@googlemail.com"},
        /* The kind counts, and an exception lists nobody. */
        {&feed_format_entries, "example.org\n*.example.org\n", ENTRY_BELOW, "example.org", 2,
         "*.example.org"},
        {&feed_format_entries, "example.org\n", ENTRY_TREE, "example.org", 0, NULL},
        {&feed_format_dnset, "!d.example\nd.example\n", ENTRY_DOMAIN, "d.example", 2, "d.example"},
        {&feed_format_dnset, "!d.example\n", ENTRY_DOMAIN, "d.example", 0, NULL},
        {&feed_format_hosts, "0.0.0.0 a.example b.example # both\n", ENTRY_TREE, "b.example", 1,
         "0.0.0.0 a.example b.example # both"},
        {&feed_format_adblock, "! Title\n||ads.example^\n", ENTRY_TREE, "ads.example", 2,
         "||ads.example^"},
        {&feed_format_rpz, "$ORIGIN z.example.\nd.example CNAME . ; bad\n", ENTRY_DOMAIN,
         "d.example", 2, "d.example CNAME . ; bad"},
        /* Known only when the next one begins, or the copy ends. */
        {&feed_format_access, "jane@example.org\n  REJECT\njohn@example.org REJECT\n",
         ENTRY_ADDRESS, "jane@example.org", 1, "jane@example.org  REJECT"},
        {&feed_format_access, "a@example.org OK\njohn@example.org REJECT", ENTRY_ADDRESS,
         "john@example.org", 2, "john@example.org REJECT"},
        /* A record over two lines, and one behind it. */
        {&feed_format_csv, "n,mail\n1,\"a\nb\"\n\"x\ny\",jane@example.org\n", ENTRY_ADDRESS,
         "jane@example.org", 4, "\"x\ny\",jane@example.org"},
        {&feed_format_json, "[\"a@example.org\",\n \"j\\u0061ne@example.org\"]", ENTRY_ADDRESS,
         "jane@example.org", 2, "\"j\\u0061ne@example.org\""},
        {&feed_format_ndjson, "# x\n \"jane@example.org\"\n", ENTRY_ADDRESS, "jane@example.org", 2,
         " \"jane@example.org\""},
        {&feed_format_hashes, "# of addresses\n" SHA1 " # jane\n", ENTRY_ADDRESS_HASH, SHA1_KEY, 2,
         SHA1 " # jane"},
        {&feed_format_hashes, SHA1 "\n", ENTRY_DOMAIN_HASH, SHA1_KEY, 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct origin_wish wish = {rows[i].kind, view_of(rows[i].key), 0};
        struct view bytes = view_of(rows[i].bytes);
        for (size_t cut = 0; cut <= bytes.len; cut++) {
            struct origin o;
            look(rows[i].format, &wish, bytes, cut, &o);
            assert_row(&o, rows[i].line, rows[i].row);
            assert_int_equal(o.shown.text.len + o.shown.value.len > 0,
                             rows[i].row != NULL && rows[i].format == &feed_format_dnset);
        }
    }
}

/* Of several rows of one address: those of a wished type first, then the newest, then the first. */
static void test_newest_row(void **state)
{
    static const struct {
        const char *bytes;
        unsigned types;
        uint64_t line;
    } copies[] = {
        {"a@x.example,A,20200101\na@x.example,A,20210101\na@x.example,A,20190101\n", 1, 2},
        {"a@x.example,A,20200101\na@x.example,A,20200101\n", 1, 1},
        {"a@x.example,E,20220101\na@x.example,A,20200101\na@x.example,E,20230101\n", 1, 2},
        {"a@x.example,E,20220101\na@x.example,D,20230101\n", 1, 2}, /* none: still a row */
        {"a@x.example,BA,20200101\na@x.example,B,20210101\n", 1, 1},
        {"a@x.example,E,20220101\na@x.example,A,20200101\n", 0, 1},
    };
    struct origin_wish wish = {ENTRY_ADDRESS, view_of("a@x.example"), 0};

    (void)state;
    for (size_t i = 0; i < sizeof copies / sizeof copies[0]; i++) {
        struct origin o;
        wish.types = copies[i].types;
        look(&feed_format_aper, &wish, view_of(copies[i].bytes), 5, &o);
        assert_true(o.shown.found);
        assert_int_equal(o.shown.line, copies[i].line);
    }
}

/* The rest is not read where it cannot matter. */
static void test_ends_early(void **state)
{
    const struct origin_wish wish = {ENTRY_ADDRESS, view_of("a@x.example"), 0};
    struct origin o;
    struct origin_search *s = origin_search_new(&feed_format_entries, &options, &wish, &o);

    (void)state;
    assert_false(origin_search_chunk(s, view_of("b@x.example\na@x.example")));
    assert_true(origin_search_chunk(s, view_of("\n")));
    origin_search_end(s);
    s = origin_search_new(&feed_format_aper, &options, &wish, &o);
    assert_false(origin_search_chunk(s, view_of("a@x.example,A,20200101\n")));
    origin_search_end(s);
}

static void test_long_row_is_cut(void **state)
{
    const struct origin_wish wish = {ENTRY_DOMAIN, view_of("d.example"), 0};
    struct buf bytes = BUF_INIT(0);
    struct origin o;

    (void)state;
    buf_add_text(&bytes, "d.example :2:");
    for (unsigned i = 0; i < 600; i++)
        buf_add_text(&bytes, "x");
    look(&feed_format_dnset, &wish, buf_view(&bytes), 0, &o);
    assert_int_equal(o.shown.row.len, FEED_ORIGIN_ROW);
    assert_memory_equal(o.shown.row.ptr, bytes.data, FEED_ORIGIN_ROW);
    assert_int_equal(o.shown.text.len, 254);
    buf_free(&bytes);
}

/* ---- dnset: what it is answered with -------------------------------------------------------- */

struct answer {
    const char *bytes;
    enum entry_kind kind;
    const char *key, *value, *text;
};

static void test_answers(void **state)
{
#define ZONE       "$1 VAR ONE\n$1 second\npre.example\n:127.0.0.3:default $ and $$ and $1 and $2 end\n"
#define SAID(name) "default " name " and $ and VAR ONE and $2 end"
#define TEMPLATE   "$= tmpl $= of $ ($1)\n"
    static const struct answer answers[] = {
        {ZONE, ENTRY_DOMAIN, "pre.example", "127.0.0.2", ""},
        {ZONE "d.example", ENTRY_DOMAIN, "d.example", "127.0.0.3", SAID("d.example")},
        {ZONE ".Dot.example.\n", ENTRY_TREE, "dot.example", "127.0.0.3", SAID("dot.example")},
        {ZONE "*.star.example :5\n", ENTRY_BELOW, "star.example", "127.0.0.5",
         SAID("star.example")},
        {ZONE "d.example :6:\n", ENTRY_DOMAIN, "d.example", "127.0.0.6", ""},
        {ZONE "d.example :7.8:two octets\n", ENTRY_DOMAIN, "d.example", "7.0.0.8", "two octets"},
        {ZONE "d.example :127.0.1\n", ENTRY_DOMAIN, "d.example", "127.0.0.1", SAID("d.example")},
        {ZONE "d.example :127.0.1.4 : phish\n", ENTRY_DOMAIN, "d.example", "127.0.1.4", "phish"},
        {ZONE "d.example just $text\n", ENTRY_DOMAIN, "d.example", "127.0.0.3",
         "just d.exampletext"},
        {ZONE "d.example :9: # not a comment\n", ENTRY_DOMAIN, "d.example", "127.0.0.9",
         "# not a comment"},
        {ZONE "d.example # c\n", ENTRY_DOMAIN, "d.example", "127.0.0.3", SAID("d.example")},
        {ZONE "d.example ; c\n", ENTRY_DOMAIN, "d.example", "127.0.0.3", SAID("d.example")},
        {ZONE "d.example :5:$\n", ENTRY_DOMAIN, "d.example", "127.0.0.5", "d.example"},
        {ZONE "d.example :5:=only $\n", ENTRY_DOMAIN, "d.example", "127.0.0.5", "only d.example"},
        {ZONE "d.example :5:=\n", ENTRY_DOMAIN, "d.example", "127.0.0.5", ""},
        {ZONE "Bob@mail.example :4:$ x\n", ENTRY_ADDRESS, "bob@mail.example", "127.0.0.4",
         "bob@mail.example x"},
        {ZONE ":8\nd.example\n", ENTRY_DOMAIN, "d.example", "127.0.0.8", ""},
        {ZONE ":bad\nd.example\n", ENTRY_DOMAIN, "d.example", "127.0.0.3", SAID("d.example")},
        {TEMPLATE "d.example :5:mine\n", ENTRY_DOMAIN, "d.example", "127.0.0.5",
         "tmpl mine of d.example ($1)"},
        {TEMPLATE "d.example :6:\n", ENTRY_DOMAIN, "d.example", "127.0.0.6",
         "tmpl d.example of d.example ($1)"},
        {TEMPLATE "d.example :5:=raw $\n", ENTRY_DOMAIN, "d.example", "127.0.0.5", "raw d.example"},
        {TEMPLATE ":4:dd $\nd.example\n", ENTRY_DOMAIN, "d.example", "127.0.0.4",
         "tmpl dd $ of d.example ($1)"},
        /* Each part of a combined file begins anew. */
        {"$DATASET dnset:a a\n:4:text\n$DATASET dnset:b b\nd.example\n", ENTRY_DOMAIN, "d.example",
         "127.0.0.2", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        const struct answer *a = &answers[i];
        const struct origin_wish wish = {a->kind, view_of(a->key), 0};
        struct origin o;
        look(&feed_format_dnset, &wish, view_of(a->bytes), strlen(a->bytes) / 2, &o);
        assert_true(o.shown.found);
        assert_string_equal(o.value, a->value);
        assert_string_equal(o.text, a->text);
        assert_int_equal(o.shown.text.len, strlen(a->text));
    }
}

/* ---- of a stored copy ----------------------------------------------------------------------- */

static void no_answer(const struct feed_origin *origin, void *arg)
{
    (void)origin, (void)arg;
}

/* Looks for a@example.org in PACKED as the accepted copy of a feed. */
static struct origin_request *look_in_copy(struct view packed, bool stop, bool forgotten)
{
    static const struct feed_config config = {.name = "list", .format = "entries"};
    static const struct feeds_config all = {.n_feeds = 0};
    const atomic_bool stops = stop, forgets = forgotten;
    const struct feed_house house = {.config = &all, .stop = &stops};
    struct body *body = body_new("", 1 << 20);
    struct feed *f = calloc(1, sizeof *f);
    struct origin_request *r =
        origin_request_new(ENTRY_ADDRESS, view_of("a@example.org"), no_answer);

    assert_true(body != NULL && f != NULL && r != NULL);
    assert_int_equal(body_add(body, packed.ptr, packed.len, NULL), 0);
    body_end(body);
    f->config = &config;
    f->meta.sources[STORE_LIST].accepted.known = true;
    f->sources[STORE_LIST].unsaved[COPY_ACCEPTED] = body;
    feed_find_origin(&house, f, &forgets, r);
    body_free(body);
    free(f);
    return r;
}

static void test_packed_copies(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct buf packed = packed_as(kind, view_of("# packed\na@example.org\nb@example.org\n"));
        struct origin_request *r = look_in_copy(buf_view(&packed), false, false);
        assert_true(r->looked);
        assert_row(&r->origin, 2, "a@example.org");
        free(r);
        buf_free(&packed);
    }
}

static void test_copies_without_the_row(void **state)
{
    struct buf packed = packed_as(GZ, view_of("b@example.org\n"));
    struct origin_request *r = look_in_copy(buf_view(&packed), false, false);

    (void)state;
    assert_true(r->looked);
    assert_row(&r->origin, 0, NULL);
    free(r);
    /* Cut short: what is not found in the half of a copy may be in the other. */
    r = look_in_copy(view_first(buf_view(&packed), packed.len - 4), false, false);
    assert_false(r->looked);
    free(r);
    buf_free(&packed);
}

static void test_stop_and_forget(void **state)
{
    struct origin_request *r = look_in_copy(view_of("a@example.org\n"), true, false);

    (void)state;
    assert_false(r->looked);
    free(r);
    r = look_in_copy(view_of("a@example.org\n"), false, true);
    assert_false(r->looked);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_newest_row),
        cmocka_unit_test(test_ends_early),
        cmocka_unit_test(test_long_row_is_cut),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_packed_copies),
        cmocka_unit_test(test_copies_without_the_row),
        cmocka_unit_test(test_stop_and_forget),
    };
    return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
