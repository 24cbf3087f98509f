/* DNS questions put together; answers taken apart: good ones, and all the ways in which bytes from
 * outside are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dnsbl/message.h"

#define NOERROR_  "\x81\x80"
#define NXDOMAIN_ "\x81\x83"

/* number, flags, questions, answers, authority, additional */
#define HEAD(flags, answers, authority) "\x12\x34" flags "\0\1" answers authority "\0\0"
#define QUESTION                                                                                   \
    "\1x\4list\0"                                                                                  \
    "\0\1\0\1"
#define OWNER           "\xc0\x0c"
#define A(ttl, address) OWNER "\0\1\0\1" ttl "\0\4" address
#define CNAME(ttl)                                                                                 \
    OWNER "\0\5\0\1" ttl "\0\2"                                                                    \
          "\xc0\x0e"
#define NS                                                                                         \
    "\0"                                                                                           \
    "\0\2\0\1" HOUR "\0\2"                                                                         \
    "\xc0\x0e"
/* 2 names of 2 bytes, 4 numbers, minimum */
#define SOA(ttl, minimum)                                                                          \
    "\xc0\x0e"                                                                                     \
    "\0\6\0\1" ttl "\0\x18"                                                                        \
    "\xc0\x0e"                                                                                     \
    "\xc0\x0e"                                                                                     \
    "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4" minimum
#define TXT(len, strings)                                                                          \
    OWNER "\0\x10\0\1"                                                                             \
          "\0\0\0\x3c" len strings
#define BYTES(literal) literal, sizeof(literal) - 1

#define MINUTE "\0\0\0\x3c"
#define HOUR   "\0\0\x0e\x10"
#define LISTED "\x7f\0\1\2"

struct row {
    const char *what;
    const char *bytes;
    size_t len;
    enum dns_type type;
    enum dns_result result;
    unsigned rcode, n_addresses;
    const char *text;
    bool has_ttl;
    uint32_t ttl_s;
};

static const struct row table[] = {
    {"one address", BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION A(MINUTE, LISTED)), DNS_A,
     DNS_RECORDS, 0, 1, "", true, 60},
    {"the least TTL counts",
     BYTES(HEAD(NOERROR_, "\0\2", "\0\0") QUESTION A(HOUR, LISTED) A(MINUTE, "\x7f\0\1\4")), DNS_A,
     DNS_RECORDS, 0, 2, "", true, 60},
    {"an alias and what it leads to",
     BYTES(HEAD(NOERROR_, "\0\2", "\0\0") QUESTION CNAME(MINUTE) "\5other\0"
                                                                 "\0\1\0\1" HOUR "\0\4" LISTED),
     DNS_A, DNS_RECORDS, 0, 1, "", true, 60},
    {"a TTL with the first bit set is 0",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION A("\x80\0\0\1", LISTED)), DNS_A, DNS_RECORDS, 0,
     1, "", true, 0},
    {"another class is nothing to us",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION OWNER "\0\1\0\3" MINUTE "\0\4" LISTED), DNS_A,
     DNS_NODATA, 0, 0, "", false, 0},
    {"another type is nothing to us",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION TXT("\0\4", "\3hey")), DNS_A, DNS_NODATA, 0, 0,
     "", false, 0},
    {"no such name, TTL of the SOA",
     BYTES(HEAD(NXDOMAIN_, "\0\0", "\0\1") QUESTION SOA(MINUTE, HOUR)), DNS_A, DNS_NXDOMAIN, 3, 0,
     "", true, 60},
    {"no such name, minimum of the SOA",
     BYTES(HEAD(NXDOMAIN_, "\0\0", "\0\1") QUESTION SOA(HOUR, MINUTE)), DNS_A, DNS_NXDOMAIN, 3, 0,
     "", true, 60},
    {"no such name without SOA", BYTES(HEAD(NXDOMAIN_, "\0\0", "\0\0") QUESTION), DNS_A,
     DNS_NXDOMAIN, 3, 0, "", false, 0},
    {"no such record", BYTES(HEAD(NOERROR_, "\0\0", "\0\1") QUESTION SOA(HOUR, MINUTE)), DNS_A,
     DNS_NODATA, 0, 0, "", true, 60},
    {"an alias to nothing, the alias' TTL",
     BYTES(HEAD(NXDOMAIN_, "\0\1", "\0\1") QUESTION CNAME(MINUTE) SOA(HOUR, HOUR)), DNS_A,
     DNS_NXDOMAIN, 3, 0, "", true, 60},
    {"an alias to nothing without SOA",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION CNAME(MINUTE)), DNS_A, DNS_NODATA, 0, 0, "",
     false, 0},
    {"servers beside the SOA", BYTES(HEAD(NOERROR_, "\0\0", "\0\2") QUESTION NS SOA(HOUR, MINUTE)),
     DNS_A, DNS_NODATA, 0, 0, "", true, 60},
    {"servers of what does not exist", BYTES(HEAD(NXDOMAIN_, "\0\0", "\0\1") QUESTION NS), DNS_A,
     DNS_NXDOMAIN, 3, 0, "", false, 0},
    {"servers beside an address",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\1") QUESTION A(MINUTE, LISTED) NS), DNS_A, DNS_RECORDS, 0, 1,
     "", true, 60},
    {"a referral says nothing of the name", BYTES(HEAD(NOERROR_, "\0\0", "\0\1") QUESTION NS),
     DNS_A, DNS_FAILED, 0, 0, "", false, 0},
    {"a referral behind an alias", BYTES(HEAD(NOERROR_, "\0\1", "\0\1") QUESTION CNAME(MINUTE) NS),
     DNS_A, DNS_FAILED, 0, 0, "", false, 0},
    {"strings joined", BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION TXT("\0\6", "\2he\0\1y")),
     DNS_TXT, DNS_RECORDS, 0, 0, "hey", true, 60},
    {"the first of two texts",
     BYTES(HEAD(NOERROR_, "\0\2", "\0\0") QUESTION TXT("\0\4", "\3one") TXT("\0\4", "\3two")),
     DNS_TXT, DNS_RECORDS, 0, 0, "one", true, 60},
    {"an empty text", BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION TXT("\0\1", "\0")), DNS_TXT,
     DNS_RECORDS, 0, 0, "", true, 60},
    {"bytes behind the message",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION A(MINUTE, LISTED) "rest"), DNS_A, DNS_RECORDS, 0,
     1, "", true, 60},

    {"SERVFAIL", BYTES(HEAD("\x81\x82", "\0\0", "\0\0") QUESTION), DNS_A, DNS_FAILED, 2, 0, "",
     false, 0},
    {"REFUSED", BYTES(HEAD("\x81\x85", "\0\0", "\0\0") QUESTION), DNS_A, DNS_FAILED, 5, 0, "",
     false, 0},
    {"FORMERR, header only", BYTES("\x12\x34\x81\x81\0\0\0\0\0\0\0\0"), DNS_A, DNS_FAILED, 1, 0, "",
     false, 0},
    {"a listing beside SERVFAIL does not list",
     BYTES(HEAD("\x81\x82", "\0\1", "\0\0") QUESTION A(MINUTE, LISTED)), DNS_A, DNS_FAILED, 2, 0,
     "", false, 0},
    {"a listing of what does not exist",
     BYTES(HEAD(NXDOMAIN_, "\0\1", "\0\0") QUESTION A(MINUTE, LISTED)), DNS_A, DNS_FAILED, 0, 0, "",
     false, 0},

    {"nothing", BYTES(""), DNS_A, DNS_FAILED, 0, 0, "", false, 0},
    {"less than a header", BYTES("\x12\x34\x81\x80\0\1\0\1\0\0\0"), DNS_A, DNS_FAILED, 0, 0, "",
     false, 0},
    {"a question, not an answer", BYTES(HEAD("\1\0", "\0\1", "\0\0") QUESTION A(MINUTE, LISTED)),
     DNS_A, DNS_FAILED, 0, 0, "", false, 0},
    {"another opcode", BYTES(HEAD("\xa1\x80", "\0\1", "\0\0") QUESTION A(MINUTE, LISTED)), DNS_A,
     DNS_FAILED, 0, 0, "", false, 0},
    {"cut by the server", BYTES(HEAD("\x83\x80", "\0\1", "\0\0") QUESTION A(MINUTE, LISTED)), DNS_A,
     DNS_FAILED, 0, 0, "", false, 0},
    {"fewer records than counted",
     BYTES(HEAD(NOERROR_, "\xff\xff", "\0\0") QUESTION A(MINUTE, LISTED)), DNS_A, DNS_FAILED, 0, 0,
     "", false, 0},
    {"more questions than there are",
     BYTES("\x12\x34\x81\x80\0\2\0\1\0\0\0\0" QUESTION A(MINUTE, LISTED)), DNS_A, DNS_FAILED, 0, 0,
     "", false, 0},
    {"an authority section that is not there", BYTES(HEAD(NXDOMAIN_, "\0\0", "\0\1") QUESTION),
     DNS_A, DNS_FAILED, 0, 0, "", false, 0},
    {"a pointer to itself",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION "\xc0\x18"
                                                   "\0\1\0\1" MINUTE "\0\4" LISTED),
     DNS_A, DNS_FAILED, 0, 0, "", false, 0},
    {"a label that points to itself",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION "\1a\xc0\x18"
                                                   "\0\1\0\1" MINUTE "\0\4" LISTED),
     DNS_A, DNS_FAILED, 0, 0, "", false, 0},
    {"a pointer forward",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION "\xc0\x20"
                                                   "\0\1\0\1" MINUTE "\0\4" LISTED),
     DNS_A, DNS_FAILED, 0, 0, "", false, 0},
    {"a pointer into the header",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION "\xc0\x02"
                                                   "\0\1\0\1" MINUTE "\0\4" LISTED),
     DNS_A, DNS_FAILED, 0, 0, "", false, 0},
    {"half a pointer", BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION "\xc0"), DNS_A, DNS_FAILED, 0,
     0, "", false, 0},
    {"a label of a kind that nobody uses",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION "\x41x\0"
                                                   "\0\1\0\1" MINUTE "\0\4" LISTED),
     DNS_A, DNS_FAILED, 0, 0, "", false, 0},
    {"an address of 5 bytes",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION OWNER "\0\1\0\1" MINUTE "\0\5" LISTED "\0"),
     DNS_A, DNS_FAILED, 0, 0, "", false, 0},
    {"an address cut",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION OWNER "\0\1\0\1" MINUTE "\0\4"
                                                         "\x7f\0\1"),
     DNS_A, DNS_FAILED, 0, 0, "", false, 0},
    {"data longer than the message",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION OWNER "\0\5\0\1" MINUTE "\xff\xff"
                                                         "x"),
     DNS_A, DNS_FAILED, 0, 0, "", false, 0},
    {"a string longer than its record",
     BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION TXT("\0\4", "\4heyo")), DNS_TXT, DNS_FAILED, 0,
     0, "", false, 0},
    {"a SOA longer than its record",
     BYTES(HEAD(NXDOMAIN_, "\0\0", "\0\1") QUESTION "\xc0\x0e"
                                                    "\0\6\0\1" MINUTE "\0\4"
                                                    "\xc0\x0e\xc0\x0e"
                                                    "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"),
     DNS_A, DNS_FAILED, 0, 0, "", false, 0},
};

/* In a block of exactly that size, so that a read beyond the end is seen by the sanitizer. */
static void read_exactly(const char *bytes, size_t len, enum dns_type type, struct dns_answer *out)
{
    char *copy = malloc(len == 0 ? 1 : len);

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    dns_message_read(view_make(copy, len), type, out);
    free(copy);
}

static void test_answers(void **state)
{
    (void)state;
    struct dns_answer out;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct row *row = &table[i];

        memset(&out, 0xee, sizeof out);
        read_exactly(row->bytes, row->len, row->type, &out);
        if (out.result != row->result || out.rcode != row->rcode ||
            out.n_addresses != row->n_addresses || out.has_ttl != row->has_ttl ||
            out.ttl_s != (row->has_ttl ? row->ttl_s : out.ttl_s) ||
            !view_is(view_make(out.text, out.text_len), row->text) || strcmp(out.text, row->text))
            fail_msg("%s: result %d rcode %u, %u addresses, ttl %d %u, text '%s'", row->what,
                     (int)out.result, out.rcode, out.n_addresses, out.has_ttl, out.ttl_s, out.text);
    }
    read_exactly(table[0].bytes, table[0].len, DNS_A, &out);
    assert_memory_equal(out.addresses[0], LISTED, 4);
}

/* Whatever is missing of an answer at its end, it is no listing. */
static void test_every_cut(void **state)
{
    (void)state;
    struct dns_answer out;

    for (size_t len = 0; len < table[0].len; len++) {
        read_exactly(table[0].bytes, len, DNS_A, &out);
        assert_int_equal(out.result, DNS_FAILED);
        assert_int_equal(out.n_addresses, 0);
    }
}

static void read_many(unsigned n, struct dns_answer *out)
{
    static const char head[] = HEAD(NOERROR_, "\0\0", "\0\0") QUESTION;
    static const char record[] = A(MINUTE, LISTED);
    char bytes[4096];
    size_t len = sizeof head - 1;

    memcpy(bytes, head, len);
    bytes[7] = (char)n;
    for (unsigned i = 0; i < n; i++, len += sizeof record - 1)
        memcpy(bytes + len, record, sizeof record - 1);
    read_exactly(bytes, len, DNS_A, out);
}

static void test_too_many_addresses(void **state)
{
    (void)state;
    struct dns_answer out;

    read_many(DNS_ADDRESSES_MAX, &out);
    assert_int_equal(out.result, DNS_RECORDS);
    assert_int_equal(out.n_addresses, DNS_ADDRESSES_MAX);
    read_many(DNS_ADDRESSES_MAX + 1, &out);
    assert_int_equal(out.result, DNS_FAILED);
    assert_int_equal(out.n_addresses, 0);
}

static void test_long_text_is_cut(void **state)
{
    (void)state;
    static const char head[] =
        HEAD(NOERROR_, "\0\1", "\0\0") QUESTION OWNER "\0\x10\0\1" MINUTE "\2\0"
                                                      "\xff";
    char bytes[sizeof head + 1024];
    struct dns_answer out;

    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, head, sizeof head - 1);
    bytes[sizeof head - 1 + 255] = (char)255; /* the second string */
    read_exactly(bytes, sizeof head - 1 + 511, DNS_TXT, &out);
    assert_int_equal(out.result, DNS_RECORDS);
    assert_int_equal(out.text_len, DNS_TEXT_MAX);
    assert_int_equal(strlen(out.text), DNS_TEXT_MAX);
    assert_int_equal(strspn(out.text, "x"), DNS_TEXT_MAX);
}

/* ---- questions ------------------------------------------------------------------------------ */

static void test_a_question(void **state)
{
    (void)state;
    static const char wanted[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\1x\4list\0\0\x10\0\1";
    unsigned char question[DNS_QUESTION_MAX];

    memset(question, 0xee, sizeof question);
    assert_int_equal(dns_question_write("x.list", DNS_TXT, 0x1234, question), sizeof wanted - 1);
    assert_memory_equal(question, wanted, sizeof wanted - 1);
}

static void test_names_of_questions(void **state)
{
    (void)state;
    static const struct {
        unsigned labels, len; /* so many labels of that length */
        bool good;
    } names[] = {{1, 1, true},   {1, 63, true},   {1, 64, false}, {0, 0, false}, {2, 0, false},
                 {127, 1, true}, {128, 1, false}, {4, 62, true},  {4, 63, false}};
    unsigned char question[DNS_QUESTION_MAX];
    char name[1024];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t at = 0;
        for (unsigned label = 0; label < names[i].labels; label++) {
            at += (size_t)snprintf(name + at, sizeof name - at, "%s", label > 0 ? "." : "");
            memset(name + at, 'a', names[i].len);
            at += names[i].len;
        }
        name[at] = '\0';
        size_t len = dns_question_write(name, DNS_A, 1, question);
        if ((len > 0) != names[i].good || (len > 0 && len != 12 + at + 2 + 4))
            fail_msg("%u labels of %u: %zu", names[i].labels, names[i].len, len);
    }
    static const char *const bad[] = {"a..b", ".a", "a.", "."};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(dns_question_write(bad[i], DNS_A, 1, question), 0);
}

static void test_replies(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *bytes;
        size_t len;
        bool replies;
    } messages[] = {
        {"an answer", BYTES(HEAD(NOERROR_, "\0\1", "\0\0") QUESTION A(MINUTE, LISTED)), true},
        {"no more than the question", BYTES(HEAD(NOERROR_, "\0\0", "\0\0") QUESTION), true},
        {"in other letters", BYTES(HEAD(NOERROR_, "\0\0", "\0\0") "\1X\4LiSt\0\0\1\0\1"), true},
        {"cut", BYTES(HEAD("\x83\x80", "\0\0", "\0\0") QUESTION), true},
        {"another number", BYTES("\x12\x35" NOERROR_ "\0\1\0\0\0\0\0\0" QUESTION), false},
        {"a question", BYTES(HEAD("\1\0", "\0\0", "\0\0") QUESTION), false},
        {"another operation", BYTES(HEAD("\xa8\0", "\0\0", "\0\0") QUESTION), false},
        {"another name", BYTES(HEAD(NOERROR_, "\0\0", "\0\0") "\1y\4list\0\0\1\0\1"), false},
        {"another type", BYTES(HEAD(NOERROR_, "\0\0", "\0\0") "\1x\4list\0\0\x10\0\1"), false},
        {"another class", BYTES(HEAD(NOERROR_, "\0\0", "\0\0") "\1x\4list\0\0\1\0\3"), false},
        {"two questions", BYTES("\x12\x34" NOERROR_ "\0\2\0\0\0\0\0\0" QUESTION QUESTION), false},
        {"cut in the question", BYTES(HEAD(NOERROR_, "\0\0", "\0\0") "\1x\4list\0\0\1\0"), false},
        {"no question, refused", BYTES("\x12\x34\x81\x85\0\0\0\0\0\0\0\0"), true},
        {"no question, no error", BYTES("\x12\x34\x81\x80\0\0\0\0\0\0\0\0"), false},
        {"no question, no such name", BYTES("\x12\x34\x81\x83\0\0\0\0\0\0\0\0"), false},
        {"half a head", BYTES("\x12\x34\x81\x85\0\0\0\0\0\0\0"), false},
        {"nothing", BYTES(""), false},
    };
    unsigned char question[DNS_QUESTION_MAX];
    size_t len = dns_question_write("x.list", DNS_A, 0x1234, question);
    uint16_t number;

    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        char *copy = malloc(messages[i].len + 1);
        assert_non_null(copy);
        memcpy(copy, messages[i].bytes, messages[i].len);
        struct view bytes = view_make(copy, messages[i].len);
        if (dns_message_replies(bytes, view_make(question, len)) != messages[i].replies)
            fail_msg("%s", messages[i].what);
        assert_int_equal(dns_message_number(bytes, &number), messages[i].len >= 12);
        assert_int_equal(dns_message_is_cut(bytes), strcmp(messages[i].what, "cut") == 0);
        free(copy);
    }
}

static void test_words(void **state)
{
    (void)state;
    static const struct {
        enum dns_result result;
        unsigned rcode;
        const char *text;
    } words[] = {
        {DNS_RECORDS, 0, "records"},
        {DNS_NODATA, 0, "no such record"},
        {DNS_NXDOMAIN, 3, "no such name"},
        {DNS_TIMEOUT, 0, "no answer in time"},
        {DNS_UNREACHABLE, 0, "server not reachable"},
        {DNS_FAILED, 0, "unreadable answer, or a referral: the resolver has to recurse"},
        {DNS_FAILED, 1, "FORMERR"},
        {DNS_FAILED, 2, "SERVFAIL"},
        {DNS_FAILED, 4, "NOTIMP"},
        {DNS_FAILED, 5, "REFUSED"},
        {DNS_FAILED, 9, "rcode 9"},
    };
    char dst[32];

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct dns_answer answer = {.result = words[i].result, .rcode = words[i].rcode};
        assert_string_equal(dns_result_text(&answer, dst), words[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_too_many_addresses),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_a_question),
        cmocka_unit_test(test_names_of_questions),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
