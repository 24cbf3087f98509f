/* Recipients: canonical form and keys, sentence by sentence of the contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "rcptguard/address.h"

static const struct address_options usual = {"+", true};
static struct address address;

/* "A name" address, "D" domain or tree, "P" parent: tree or below; blanks between. */
static const char *keys_text(const struct address *a)
{
    static char line[4096];
    struct text t = text_on(line, sizeof line);

    for (unsigned i = 0; i < a->n_keys; i++) {
        unsigned kinds = a->keys[i].kinds;
        text_add(&t, i == 0 ? "" : " ");
        if (kinds == ENTRY_BIT(ENTRY_ADDRESS))
            text_add(&t, "A:");
        else if (kinds == (ENTRY_BIT(ENTRY_DOMAIN) | ENTRY_BIT(ENTRY_TREE)))
            text_add(&t, "D:");
        else if (kinds == (ENTRY_BIT(ENTRY_TREE) | ENTRY_BIT(ENTRY_BELOW)))
            text_add(&t, "P:");
        else
            text_addf(&t, "%u?", kinds);
        text_add_view(&t, a->keys[i].name);
    }
    return line;
}

struct row {
    const char *raw, *canonical, *keys;
};

static void check_rows(const struct row *rows, size_t count, const struct address_options *options)
{
    char line[2048];

    for (size_t i = 0; i < count; i++) {
        enum address_state state = address_parse(view_of(rows[i].raw), options, &address);
        struct text t = text_on(line, sizeof line);
        text_add_view(&t, address.canonical);
        if (state != ADDRESS_OK)
            print_error("%s: %s\n", rows[i].raw, address_state_text(state));
        assert_int_equal(state, ADDRESS_OK);
        assert_string_equal(line, rows[i].canonical);
        assert_string_equal(keys_text(&address), rows[i].keys);
    }
}

#define CHECK_ROWS(rows, options) check_rows(rows, sizeof(rows) / sizeof *(rows), options)

static void test_canonical_and_keys(void **state)
{
    static const struct row rows[] = {
        {"jane@example.org", "jane@example.org", "A:jane@example.org D:example.org P:org"},
        {"Jane.DOE@Mail.Example.ORG", "jane.doe@mail.example.org",
         "A:jane.doe@mail.example.org D:mail.example.org P:example.org P:org"},
        {"jane@example.org.", "jane@example.org", "A:jane@example.org D:example.org P:org"},
        {"root@localhost", "root@localhost", "A:root@localhost D:localhost"},
        /* Dots anywhere need no quotes, and are kept. */
        {".foo..bar.@example.org", ".foo..bar.@example.org",
         "A:.foo..bar.@example.org D:example.org P:org"},
        {"o'neil?%^=x/y*z#$&`{|}~!@example.org", "o'neil?%^=x/y*z#$&`{|}~!@example.org",
         "A:o'neil?%^=x/y*z#$&`{|}~!@example.org D:example.org P:org"},
        /* Split at the last @. */
        {"a@b@example.org", "\"a@b\"@example.org", "A:\"a@b\"@example.org D:example.org P:org"},
        {"@example.org", "@example.org", "D:example.org P:org"},
        {"\"\"@example.org", "@example.org", "D:example.org P:org"},
        /* Local parts are bytes: only ASCII is folded. */
        {"J\xc3\x96RG@example.org", "j\xc3\x96rg@example.org",
         "A:j\xc3\x96rg@example.org D:example.org P:org"},
        {"j\xf6rg@example.org", "j\xf6rg@example.org", "A:j\xf6rg@example.org D:example.org P:org"},
        {"a\x01\x1b\x7f@example.org", "\"a\x01\x1b\x7f\"@example.org",
         "A:\"a\x01\x1b\x7f\"@example.org D:example.org P:org"},
    };
    (void)state;
    CHECK_ROWS(rows, &usual);
}

static void test_quotes(void **state)
{
    static const struct row rows[] = {
        {"a b@d.org", "\"a b\"@d.org", "A:\"a b\"@d.org D:d.org P:org"},
        {"\"a b\"@d.org", "\"a b\"@d.org", "A:\"a b\"@d.org D:d.org P:org"},
        {"\"user\"@d.org", "user@d.org", "A:user@d.org D:d.org P:org"},
        {"\"us.er+x\"@d.org", "us.er+x@d.org", "A:us.er+x@d.org A:us.er@d.org D:d.org P:org"},
        {"\"\\U\\s\\e\\r\"@d.org", "user@d.org", "A:user@d.org D:d.org P:org"},
        {"a\"b\\c@d.org", "\"a\\\"b\\\\c\"@d.org", "A:\"a\\\"b\\\\c\"@d.org D:d.org P:org"},
        {"\"a\\\"b\\\\c\"@d.org", "\"a\\\"b\\\\c\"@d.org", "A:\"a\\\"b\\\\c\"@d.org D:d.org P:org"},
        /* Not a quoted-string as a whole: taken as it is. */
        {"\"a\"b\"@d.org", "\"\\\"a\\\"b\\\"\"@d.org", "A:\"\\\"a\\\"b\\\"\"@d.org D:d.org P:org"},
        {"\"a\\\"@d.org", "\"\\\"a\\\\\\\"\"@d.org", "A:\"\\\"a\\\\\\\"\"@d.org D:d.org P:org"},
        {"\"@d.org", "\"\\\"\"@d.org", "A:\"\\\"\"@d.org D:d.org P:org"},
        {"\"a\".b@d.org", "\"\\\"a\\\".b\"@d.org", "A:\"\\\"a\\\".b\"@d.org D:d.org P:org"},
        /* Each sign that needs quotes, alone. */
        {"a,@d", "\"a,\"@d", "A:\"a,\"@d D:d"},
        {"a;@d", "\"a;\"@d", "A:\"a;\"@d D:d"},
        {"a:@d", "\"a:\"@d", "A:\"a:\"@d D:d"},
        {"a<@d", "\"a<\"@d", "A:\"a<\"@d D:d"},
        {"a>@d", "\"a>\"@d", "A:\"a>\"@d D:d"},
        {"a(@d", "\"a(\"@d", "A:\"a(\"@d D:d"},
        {"a)@d", "\"a)\"@d", "A:\"a)\"@d D:d"},
        {"a[@d", "\"a[\"@d", "A:\"a[\"@d D:d"},
        {"a]@d", "\"a]\"@d", "A:\"a]\"@d D:d"},
        {"a\t@d", "\"a\t\"@d", "A:\"a\t\"@d D:d"},
    };
    (void)state;
    CHECK_ROWS(rows, &usual);
}

static void test_tags(void **state)
{
    static const struct address_options set = {"+-", false}, off = {"", false};
    static const struct row with_plus[] = {
        {"user+a+b@d", "user+a+b@d", "A:user+a+b@d A:user@d D:d"},
        {"user+@d", "user+@d", "A:user+@d A:user@d D:d"},
        {"+lead@d", "+lead@d", "A:+lead@d D:d"},
        {"+lead+x@d", "+lead+x@d", "A:+lead+x@d A:+lead@d D:d"},
        {"++@d", "++@d", "A:++@d A:+@d D:d"},
        {"+@d", "+@d", "A:+@d D:d"},
        {"a b+c@d", "\"a b+c\"@d", "A:\"a b+c\"@d A:\"a b\"@d D:d"},
        {"ab+c d@d", "\"ab+c d\"@d", "A:\"ab+c d\"@d A:ab@d D:d"},
        {"user-a@d", "user-a@d", "A:user-a@d D:d"},
        {"user+tag@[192.0.2.1]", "user+tag@[192.0.2.1]", "A:user+tag@[192.0.2.1]"},
    };
    static const struct row with_set[] = {
        {"user+a-b@d", "user+a-b@d", "A:user+a-b@d A:user@d D:d"},
        {"user-a+b@d", "user-a+b@d", "A:user-a+b@d A:user@d D:d"},
        {"-a-b@d", "-a-b@d", "A:-a-b@d A:-a@d D:d"},
    };
    static const struct row without[] = {{"user+a@d", "user+a@d", "A:user+a@d D:d"}};
    (void)state;
    CHECK_ROWS(with_plus, &usual);
    CHECK_ROWS(with_set, &set);
    CHECK_ROWS(without, &off);
    assert_false(address.has_tag);
    address_parse(view_of("user+a@d"), &usual, &address);
    assert_true(address.has_tag);
}

static void test_provider_aliases(void **state)
{
    static const struct address_options plain = {"+", false}, dot = {".", true};
    static const struct row folded[] = {
        {"Foo.Bar+Tag@GoogleMail.com", "foo.bar+tag@googlemail.com",
         "A:foobar+tag@gmail.com A:foobar@gmail.com D:googlemail.com D:gmail.com P:com"},
        {"f.o.o@gmail.com", "f.o.o@gmail.com", "A:foo@gmail.com D:gmail.com P:com"},
        {"foo@gmail.com", "foo@gmail.com", "A:foo@gmail.com D:gmail.com P:com"},
        {"..@gmail.com", "..@gmail.com", "A:..@gmail.com D:gmail.com P:com"},
        {"..+x@googlemail.com", "..+x@googlemail.com",
         "A:+x@gmail.com A:..@gmail.com D:googlemail.com D:gmail.com P:com"},
        {"a b.c@gmail.com", "\"a b.c\"@gmail.com", "A:\"a bc\"@gmail.com D:gmail.com P:com"},
        {"@googlemail.com", "@googlemail.com", "D:googlemail.com D:gmail.com P:com"},
        {"f.o@mail.gmail.com", "f.o@mail.gmail.com",
         "A:f.o@mail.gmail.com D:mail.gmail.com P:gmail.com P:com"},
        {"f.o@example.com", "f.o@example.com", "A:f.o@example.com D:example.com P:com"},
    };
    static const struct row not_folded[] = {
        {"Foo.Bar+Tag@GoogleMail.com", "foo.bar+tag@googlemail.com",
         "A:foo.bar+tag@googlemail.com A:foo.bar@googlemail.com D:googlemail.com P:com"},
    };
    /* The two variants fold to the same address: one key. */
    static const struct row same[] = {
        {"foo.@gmail.com", "foo.@gmail.com", "A:foo@gmail.com D:gmail.com P:com"},
    };
    (void)state;
    CHECK_ROWS(folded, &usual);
    CHECK_ROWS(not_folded, &plain);
    CHECK_ROWS(same, &dot);
}

static void test_domains(void **state)
{
#define BUCHER      "xn--bcher-kva.example.org"
#define BUCHER_KEYS "A:x@" BUCHER " D:" BUCHER " P:example.org P:org"
    static const struct row rows[] = {
        {"x@b\xc3\xbc\x63her.example.org", "x@" BUCHER, BUCHER_KEYS},
        {"x@B\xc3\x9c\x43HER.Example.org", "x@" BUCHER, BUCHER_KEYS},
        {"x@bu\xcc\x88\x63her.example.org", "x@" BUCHER, BUCHER_KEYS},
        {"x@XN--BCHER-KVA.example.org.", "x@" BUCHER, BUCHER_KEYS},
        {"x@b\xc3\xbc\x63her\xe3\x80\x82"
         "example\xef\xbc\x8eorg\xef\xbd\xa1",
         "x@" BUCHER, BUCHER_KEYS},
        /* Non-transitional: sharp s stays a letter of its own. */
        {"x@fa\xc3\x9f.example", "x@xn--fa-hia.example",
         "A:x@xn--fa-hia.example D:xn--fa-hia.example P:example"},
        /* A soft hyphen and full-width letters are mapped away. */
        {"x@exa\xc2\xadmple.\xef\xbd\x8frg", "x@example.org",
         "A:x@example.org D:example.org P:org"},
        {"x@_dmarc.b\xc3\xbc.org", "x@_dmarc.xn--b-eha.org",
         "A:x@_dmarc.xn--b-eha.org D:_dmarc.xn--b-eha.org P:xn--b-eha.org P:org"},
        /* Pure ASCII is never refused by IDNA rules. */
        {"x@_dmarc.A_b.org", "x@_dmarc.a_b.org",
         "A:x@_dmarc.a_b.org D:_dmarc.a_b.org P:a_b.org P:org"},
        {"x@xn--zzzzzzzz99999.org", "x@xn--zzzzzzzz99999.org",
         "A:x@xn--zzzzzzzz99999.org D:xn--zzzzzzzz99999.org P:org"},
        {"x@-a-.ab--c.org", "x@-a-.ab--c.org",
         "A:x@-a-.ab--c.org D:-a-.ab--c.org P:ab--c.org P:org"},
        {"x@192.0.2.1", "x@192.0.2.1", "A:x@192.0.2.1 D:192.0.2.1 P:0.2.1 P:2.1 P:1"},
        /* Literals: the exact address only. */
        {"x@[192.0.2.1]", "x@[192.0.2.1]", "A:x@[192.0.2.1]"},
        {"X@[IPv6:2001:DB8::1]", "x@[ipv6:2001:db8::1]", "A:x@[ipv6:2001:db8::1]"},
        {"x@[192.0.2.1].", "x@[192.0.2.1]", "A:x@[192.0.2.1]"},
        {"@[192.0.2.1]", "@[192.0.2.1]", ""},
    };
    (void)state;
    CHECK_ROWS(rows, &usual);
    assert_true(address.literal);
}

static void test_not_addresses(void **state)
{
    static const struct {
        const char *raw;
        enum address_state state;
    } rows[] = {
        {"", ADDRESS_NO_DOMAIN},
        {"user", ADDRESS_NO_DOMAIN},
        {"host.example!user", ADDRESS_NO_DOMAIN},
        {"user\xef\xbc\xa0"
         "example.org",
         ADDRESS_NO_DOMAIN}, /* a full-width @ is none */
        {"@", ADDRESS_BAD_DOMAIN},
        {"user@", ADDRESS_BAD_DOMAIN},
        {"user@.", ADDRESS_BAD_DOMAIN},
        {"user@..", ADDRESS_BAD_DOMAIN},
        {"user@.example.org", ADDRESS_BAD_DOMAIN},
        {"user@example..org", ADDRESS_BAD_DOMAIN},
        {"user@example.org..", ADDRESS_BAD_DOMAIN},
        {"user@\xe3\x80\x82", ADDRESS_BAD_DOMAIN},
        {"user@example.org.\xe3\x80\x82", ADDRESS_BAD_DOMAIN},
        {"user@b\xc3\xbc.\xc2\xad.org", ADDRESS_BAD_DOMAIN}, /* a label that is mapped to nothing */
        {"user@\xc2\xad", ADDRESS_BAD_DOMAIN},
        {"user@b\xfc"
         "cher.org",
         ADDRESS_BAD_DOMAIN},                          /* Latin-1 */
        {"user@\xed\xa0\x80.org", ADDRESS_BAD_DOMAIN}, /* surrogate */
        {"user@b\xc3\xbc-.org", ADDRESS_BAD_DOMAIN},   /* hyphen at the end */
        {"user@\xcc\x80"
         "a.org",
         ADDRESS_BAD_DOMAIN},                           /* begins with a combining mark */
        {"user@b\xc3\xbc c.org", ADDRESS_BAD_DOMAIN},   /* a space */
        {"user@b\xc3\xbc\x01.org", ADDRESS_BAD_DOMAIN}, /* a control byte */
        {"user@b\xc3\xbc\".org", ADDRESS_BAD_DOMAIN},   /* a quote */
        {"user@a\xef\xbc\xa0"
         "b.org",
         ADDRESS_BAD_DOMAIN}, /* mapped to @ */
        {"user@\xef\xbc\xbb"
         "192.0.2.1\xef\xbc\xbd",
         ADDRESS_BAD_DOMAIN},                          /* mapped to [ ] */
        {"user@\xe2\x84\x80.org", ADDRESS_BAD_DOMAIN}, /* mapped to a/c */
        {"user@[b\xc3\xbc]", ADDRESS_BAD_DOMAIN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        /* What a parse before left must not shine through. */
        address_parse(view_of("user+tag@[192.0.2.1]"), &usual, &address);
        if (address_parse(view_of(rows[i].raw), &usual, &address) != rows[i].state)
            print_error("row %zu: %s\n", i, rows[i].raw);
        assert_int_equal(address.state, rows[i].state);
        assert_int_equal(address.n_keys, 0);
        assert_int_equal(address.canonical.len + address.local.len + address.domain.len, 0);
        assert_false(address.literal || address.has_tag);
    }
    assert_int_equal(address_parse(view_make("x@b\xc3\xbc\0c.org", 10), &usual, &address),
                     ADDRESS_BAD_DOMAIN);
}

/* The recipients of a real Postfix 3.7, one for each way a client may write them. */
static void test_what_postfix_sends(void **state)
{
#define D      "example.invalid"
#define D_KEYS " D:" D " P:invalid"
    static const struct row rows[] = {
        {"user@" D, "user@" D, "A:user@" D D_KEYS},
        {"two@" D, "two@" D, "A:two@" D D_KEYS},
        {"user+tag+x@" D, "user+tag+x@" D, "A:user+tag+x@" D " A:user@" D D_KEYS},
        {"User.NAME@EXAMPLE.Invalid", "user.name@" D, "A:user.name@" D D_KEYS},
        {"user@" D ".", "user@" D, "A:user@" D D_KEYS},
        {"user%other.invalid@" D, "user%other.invalid@" D, "A:user%other.invalid@" D D_KEYS},
        {"user%other.invalid@local.test.invalid", "user%other.invalid@local.test.invalid",
         "A:user%other.invalid@local.test.invalid D:local.test.invalid P:test.invalid P:invalid"},
        {"a b@" D, "\"a b\"@" D, "A:\"a b\"@" D D_KEYS},
        {"a@b@" D, "\"a@b\"@" D, "A:\"a@b\"@" D D_KEYS},
        {"a\"b\\c@" D, "\"a\\\"b\\\\c\"@" D, "A:\"a\\\"b\\\\c\"@" D D_KEYS},
        {"a,b;c:d<e>(f)@" D, "\"a,b;c:d<e>(f)\"@" D, "A:\"a,b;c:d<e>(f)\"@" D D_KEYS},
        {"@" D, "@" D, "D:" D " P:invalid"},
        {"a\x01\x1b\x7f"
         "b@" D,
         "\"a\x01\x1b\x7f"
         "b\"@" D,
         "A:\"a\x01\x1b\x7f"
         "b\"@" D D_KEYS},
        {"a@" D, "a@" D, "A:a@" D D_KEYS},
        {"anb@" D, "anb@" D, "A:anb@" D D_KEYS},
        {"x@" D, "x@" D, "A:x@" D D_KEYS},
        {"srs0=abcd=ef=other.invalid=user@" D, "srs0=abcd=ef=other.invalid=user@" D,
         "A:srs0=abcd=ef=other.invalid=user@" D D_KEYS},
        {"user@[192.0.2.1]", "user@[192.0.2.1]", "A:user@[192.0.2.1]"},
        {"user@[IPv6:2001:db8::1]", "user@[ipv6:2001:db8::1]", "A:user@[ipv6:2001:db8::1]"},
        {"user@other.invalid@" D, "\"user@other.invalid\"@" D,
         "A:\"user@other.invalid\"@" D D_KEYS},
        {"postmaster@" D, "postmaster@" D, "A:postmaster@" D D_KEYS},
        {".us..er.@" D, ".us..er.@" D, "A:.us..er.@" D D_KEYS},
        {"user@_dmarc.example_x.invalid", "user@_dmarc.example_x.invalid",
         "A:user@_dmarc.example_x.invalid D:_dmarc.example_x.invalid P:example_x.invalid "
         "P:invalid"},
        {"user@xn--bcher-kva." D, "user@xn--bcher-kva." D,
         "A:user@xn--bcher-kva." D " D:xn--bcher-kva." D " P:" D " P:invalid"},
        {"j\xc3\xb6rg@b\xc3\xbc\x63her." D, "j\xc3\xb6rg@xn--bcher-kva." D,
         "A:j\xc3\xb6rg@xn--bcher-kva." D " D:xn--bcher-kva." D " P:" D " P:invalid"},
        {"USER@B\xc3\x9c\x43HER\xe3\x80\x82"
         "example\xe3\x80\x82invalid",
         "user@xn--bcher-kva." D,
         "A:user@xn--bcher-kva." D " D:xn--bcher-kva." D " P:" D " P:invalid"},
        {"\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88"
         ".invalid",
         "\xe7\x94\xa8\xe6\x88\xb7@xn--r8jz45g.xn--zckzah.invalid",
         "A:\xe7\x94\xa8\xe6\x88\xb7@xn--r8jz45g.xn--zckzah.invalid "
         "D:xn--r8jz45g.xn--zckzah.invalid "
         "P:xn--zckzah.invalid P:invalid"},
        {"j\xc3\xb6rg@" D, "j\xc3\xb6rg@" D, "A:j\xc3\xb6rg@" D D_KEYS},
        {"j\xf6rg@" D, "j\xf6rg@" D, "A:j\xf6rg@" D D_KEYS},
        {"a\xe2\x80\xa8\xc2\x85"
         "c@" D,
         "a\xe2\x80\xa8\xc2\x85"
         "c@" D,
         "A:a\xe2\x80\xa8\xc2\x85"
         "c@" D D_KEYS},
    };
    (void)state;
    CHECK_ROWS(rows, &usual);
    assert_int_equal(address_parse(view_of("user"), &usual, &address), ADDRESS_NO_DOMAIN);
    assert_int_equal(address_parse(view_of("host.invalid!user"), &usual, &address),
                     ADDRESS_NO_DOMAIN);
}

/* COUNT times BYTE, then @example.invalid: how long recipients look. */
static size_t long_local(char *dst, char byte, size_t count)
{
    memset(dst, byte, count);
    memcpy(dst + count, "@example.invalid", 17);
    return count + 16;
}

static void test_long_recipients(void **state)
{
    static char raw[ADDRESS_MAX_BYTES + 2];
    size_t len;
    (void)state;

    for (size_t count = 64; count <= 15000; count = count * 2 + 3) {
        len = long_local(raw, 'B', count);
        assert_int_equal(address_parse(view_make(raw, len), &usual, &address), ADDRESS_OK);
        assert_int_equal(address.canonical.len, len);
        assert_int_equal(address.n_keys, 3);
        /* Every quote is escaped, and two are added. */
        len = long_local(raw, '"', count);
        assert_int_equal(address_parse(view_make(raw, len), &usual, &address), ADDRESS_OK);
        assert_int_equal(address.canonical.len, len + count + 2);
    }
    len = long_local(raw, 'a', ADDRESS_MAX_BYTES - 16);
    assert_int_equal(address_parse(view_make(raw, len), &usual, &address), ADDRESS_OK);
    len = long_local(raw, 'a', ADDRESS_MAX_BYTES - 15);
    assert_int_equal(address_parse(view_make(raw, len), &usual, &address), ADDRESS_TOO_LONG);
}

/* The worst for memory: all quotes, a tag, and provider folding of both variants. */
static void test_longest_variants(void **state)
{
    static char raw[ADDRESS_MAX_BYTES];
    static const char tail[] = "+@googlemail.com";
    size_t local = sizeof raw - (sizeof tail - 1);
    (void)state;

    memset(raw, '"', sizeof raw);
    raw[0] = 'a';
    raw[1] = '.';
    memcpy(raw + local, tail, sizeof tail - 1);
    assert_int_equal(address_parse(view_make(raw, sizeof raw), &usual, &address), ADDRESS_OK);
    assert_int_equal(address.n_keys, 5);
    assert_int_equal(address.keys[0].name.len, 1 + 2 * (local - 2) + 1 + 2 + strlen("@gmail.com"));
    assert_int_equal(address.keys[1].name.len, address.keys[0].name.len - 1);
    assert_int_equal(address.canonical.len,
                     2 + 2 * (local - 2) + 1 + 2 + strlen("@googlemail.com"));
    assert_memory_equal(address.keys[0].name.ptr, "\"a\\\"", 4);
    assert_memory_equal(address.keys[0].name.ptr + address.keys[0].name.len - 12, "+\"@gmail.com",
                        12);
}

static void test_many_labels(void **state)
{
    static char raw[ADDRESS_MAX_BYTES];
    size_t len = 2;
    (void)state;

    memcpy(raw, "x@", 2);
    for (; len + 4 < sizeof raw; len += 2)
        memcpy(raw + len, "a.", 2);
    memcpy(raw + len, "org", 3);
    len += 3;
    assert_int_equal(address_parse(view_make(raw, len), &usual, &address), ADDRESS_OK);
    assert_int_equal(address.n_keys, 2 + ADDRESS_MAX_LABELS);
    assert_true(view_is(address.keys[address.n_keys - 1].name, "org"));
    assert_true(view_is(address.keys[address.n_keys - 2].name, "a.org"));
    assert_int_equal(address.keys[2].name.len, 3 + 2 * (ADDRESS_MAX_LABELS - 1));

    /* As many bytes that libidn2 would have to map. */
    for (len = 2; len + 4 < sizeof raw; len += 2)
        memcpy(raw + len, "\xc3\xbc", 2);
    assert_int_equal(address_parse(view_make(raw, len), &usual, &address), ADDRESS_BAD_DOMAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_and_keys),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_provider_aliases),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_not_addresses),
        cmocka_unit_test(test_what_postfix_sends),
        cmocka_unit_test(test_long_recipients),
        cmocka_unit_test(test_longest_variants),
        cmocka_unit_test(test_many_labels),
    };
    return cmocka_run_group_tests_name("address/address", tests, NULL, NULL);
}
