/* One zone: its settings, the names it is asked, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dnsbl/message.h"
#include "dnsbl/zone.h"

#define SECRET "s3cr3tk3y"

static struct dnsbl_zone_config config_of(enum dnsbl_query query)
{
    return (struct dnsbl_zone_config){
        .name = "list",
        .zone = SECRET ".dbl.example.net",
        .shown = "***.dbl.example.net",
        .query = query,
        .codes = "127.0.1.[2;4..6]",
        .mask = "",
        .probe_listed = "",
        .probe_unlisted = "",
        .timeout_ms = 1000,
    };
}

static struct zone zone_of(const struct dnsbl_zone_config *config)
{
    struct zone z;
    struct error why = {0};
    const char *key = NULL;

    if (zone_init(&z, config, &key, &why) < 0)
        fail_msg("%s: %s", key, why.text);
    return z;
}

/* ---- the settings ---- */

#define B10 "abcdefghij"
#define B60 B10 B10 B10 B10 B10 B10
#define N180                                                                                       \
    "a2345678901234567890123456789012345678901234567890123456789."                                 \
    "b2345678901234567890123456789012345678901234567890123456789."                                 \
    "c23456789012345678901234567890123456789012345678901234567.eu"

static void check_refused(struct dnsbl_zone_config config, const char *key, const char *words)
{
    struct error why = {0};
    const char *at = NULL;
    struct zone z;
    int code = dnsbl_zone_check(&config, &at, &why);

    if (words == NULL) {
        if (code < 0)
            fail_msg("%s: %s: %s", config.zone, at, why.text);
        return;
    }
    if (code >= 0 || strcmp(at, key) != 0 || strstr(why.text, words) == NULL)
        fail_msg("%s: %s: %s", config.zone, at, code < 0 ? why.text : "good");
    assert_int_equal(why.code, code);
    assert_null(strstr(why.text, SECRET));
    assert_int_equal(zone_init(&z, &config, &at, &why), code);
}

static void test_zone_names(void **state)
{
    (void)state;
    static const struct {
        enum dnsbl_query query;
        const char *zone, *words; /* NULL: good */
    } rows[] = {
        {DNSBL_DOMAIN, "dbl.example.net", NULL},
        {DNSBL_DOMAIN, "DBL.Example.NET.", NULL},
        {DNSBL_DOMAIN, "_email." SECRET ".hbl.example.net", NULL},
        {DNSBL_DOMAIN, "xn--bcher-kva.example", NULL},
        {DNSBL_DOMAIN, "bl", NULL},
        {DNSBL_DOMAIN, B60 "abc.example", NULL},
        {DNSBL_DOMAIN, "", "is not set"},
        {DNSBL_DOMAIN, ".", "is not set"},
        {DNSBL_DOMAIN, SECRET "..example.net", "***.dbl.example.net: has an empty label"},
        {DNSBL_DOMAIN, "." SECRET ".example.net", "has an empty label"},
        {DNSBL_DOMAIN, SECRET ".example.net..", "has an empty label"},
        {DNSBL_DOMAIN, SECRET " .example.net", "holds a character"},
        {DNSBL_DOMAIN, SECRET "/x.example.net", "holds a character"},
        {DNSBL_DOMAIN, "${secret}.example.net", "holds a character"},
        {DNSBL_DOMAIN,
         SECRET ".b\xc3\xbc"
                "cher.example",
         "is not ASCII; write it in A-labels"},
        {DNSBL_DOMAIN, B60 "abcd.example", "more than 63 bytes"},
        {DNSBL_DOMAIN, "-" SECRET ".example.net", "begins or ends with '-'"},
        {DNSBL_DOMAIN, SECRET "-.example.net", "begins or ends with '-'"},
        {DNSBL_DOMAIN, "127.0.0.1", "belongs into 'servers' of [dns]"},
        /* 253 bytes in all: 64, 40, 52 and 32 are left in front of the dot. */
        {DNSBL_DOMAIN, N180 ".xxxxxxx", NULL},
        {DNSBL_DOMAIN, N180 ".xxxxxxx.", NULL},
        {DNSBL_DOMAIN, N180 ".xxxxxxxx", "no room for the 64 bytes"},
        {DNSBL_EMAIL_SHA256B32, N180 ".xxxxxxxxxxxxxxxxxxx", NULL},
        {DNSBL_EMAIL_SHA256B32, N180 ".xxxxxxxxxxxxxxxxxxxx", "no room for the 52 bytes"},
        {DNSBL_EMAIL_SHA1, N180 "." B10 B10 B10 "x", NULL},
        {DNSBL_EMAIL_SHA1, N180 "." B10 B10 B10 "xx", "no room for the 40 bytes"},
        {DNSBL_EMAIL_MD5, N180 "." B10 B10 B10 "xxxxxxxxx", NULL},
        {DNSBL_EMAIL_MD5, N180 "." B10 B10 B10 B10, "no room for the 32 bytes"},
    };

    assert_int_equal(strlen(N180), 180);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dnsbl_zone_config config = config_of(rows[i].query);
        config.zone = rows[i].zone;
        check_refused(config, "zone", rows[i].words);
    }
}

static void test_other_settings(void **state)
{
    (void)state;
    struct dnsbl_zone_config config = config_of(DNSBL_DOMAIN);

    config.codes = "";
    check_refused(config, "codes", "only answers that it names list");
    config.codes = "127.0.0.x";
    check_refused(config, "codes", "expected at 'x'");
    config.codes = "127.0.1.2";
    config.mask = "127.0.0.(2)"; /* a list may answer in both ways */
    check_refused(config, "", NULL);
    config.codes = "";
    check_refused(config, "", NULL);
    config.mask = "127.0.0.2";
    check_refused(config, "mask", "round brackets");

    config = config_of(DNSBL_DOMAIN);
    config.parents = true;
    check_refused(config, "", NULL);
    config.as_seen = true;
    check_refused(config, "as_seen", "query = email-sha1");
    config = config_of(DNSBL_EMAIL_MD5);
    config.as_seen = true;
    check_refused(config, "", NULL);
    config.parents = true;
    check_refused(config, "parents", "has no parents");
}

static void test_probe_labels(void **state)
{
    (void)state;
    static const struct {
        const char *listed, *unlisted, *key, *words;
    } rows[] = {
        {"test", "invalid", "", NULL},
        {"test-point.example.com", "", "", NULL},
        {"te st", "", "probe_listed", "te st: holds a character"},
        {"test.", "", "probe_listed", "has an empty label"},
        {"test", "in..valid", "probe_unlisted", "has an empty label"},
        {B60 "abcd", "", "probe_listed", "more than 63 bytes"},
        {"", N180 "." B60, "probe_unlisted", "does not fit in front of the zone"},
        {"test", "TEST", "probe_unlisted", "is probe_listed too"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dnsbl_zone_config config = config_of(DNSBL_DOMAIN);
        config.probe_listed = rows[i].listed;
        config.probe_unlisted = rows[i].unlisted;
        check_refused(config, rows[i].key, rows[i].words);
    }
}

static bool same_identity(struct dnsbl_zone_config a, struct dnsbl_zone_config b)
{
    struct zone x = zone_of(&a), y = zone_of(&b);

    return memcmp(x.identity, y.identity, sizeof x.identity) == 0;
}

/* What changes the meaning of an answer changes it, and nothing else does. */
static void test_identity(void **state)
{
    (void)state;
    struct dnsbl_zone_config base = config_of(DNSBL_EMAIL_SHA1), other = base;

    other.zone = SECRET ".DBL.example.net.";
    other.codes = "127.0.1.[2;4;5;6]";
    other.timeout_ms = 5;
    other.as_seen = true;
    other.probe_listed = "test";
    assert_true(same_identity(base, other));
    other = base;
    other.zone = "x.example.net";
    assert_false(same_identity(base, other));
    other = base;
    other.codes = "127.0.1.2";
    assert_false(same_identity(base, other));
    other = base;
    other.query = DNSBL_EMAIL_MD5;
    assert_false(same_identity(base, other));
    other = base;
    other.name = "second";
    assert_false(same_identity(base, other));
}

/* ---- questions ---- */

static struct address *address;
static char memory_bytes[4096];

static int make_address(void **state)
{
    (void)state;
    address = malloc(sizeof *address);
    return address == NULL ? -1 : 0;
}

static int free_address(void **state)
{
    (void)state;
    free(address);
    return 0;
}

/* [addresses] has no say: aliases are off and the delimiter is another one. */
static unsigned ask(const struct zone *z, struct view raw, const struct zone_domains *domains,
                    struct text *memory, struct zone_question out[ZONE_QUESTIONS])
{
    static const struct address_options options = {"-", false};

    address_parse(raw, &options, address);
    memset(out, 0xff, ZONE_QUESTIONS * sizeof *out);
    return zone_questions(z, address, raw, domains, memory, out);
}

static void check_question(const struct zone_question *q, const char *label, enum entry_kind kind,
                           const char *key)
{
    assert_string_equal(q->label, label);
    assert_int_equal(q->label_len, strlen(label));
    assert_int_equal(q->kind, kind);
    if (!view_is(q->key, key))
        fail_msg("%s: %.*s", key, (int)q->key.len, q->key.ptr);
}

static const struct vector {
    const char *raw, *key, *md5, *sha1, *sha256b32;
} vectors[] = {
    {"User+News@Example.COM", "user@example.com", "b58996c504c5638798eb6b511e6f49af",
     "63a710569261a24b3766275b7000ce8d7b32e2f7",
     "wte2fcjshmq2ahb6sqhrkdvzxdcuewd7dk75r4hbzqp7yxshkuka"},
    {"plain@example.org", "plain@example.org", "11618c9d6716ef2b6622024cdaa6ced6",
     "92f4d426f9569cf4dd20463ffe5844a84639b342",
     "leiubply7dabltlyi5robxb6ymig7k72asegrjhx77tdpgw4ncya"},
    {"o'neil@example.edu", "o'neil@example.edu", "cb0fe4f69463c4e31d127ac54fbba783",
     "82d02a051975c7d8375b40a7594456d63df2551e",
     "4w757abkl7ibgu4pgvuy7l4ssmkgzjlemuqufogi3g74gllpyzcq"},
    {"A.Made.Up+Tag@GoogleMail.com", "amadeup@gmail.com", "b30f18747f712ff67fe45f458de27431",
     "f1d4fbebe0450bd3a6b801d2f675c8453ede0978",
     "eiba2rza64r67dvls5okq7yxew7bazbdp4ry6yyfivglyhh477ca"},
    {"a.made.up@gmail.com", "amadeup@gmail.com", "b30f18747f712ff67fe45f458de27431",
     "f1d4fbebe0450bd3a6b801d2f675c8453ede0978",
     "eiba2rza64r67dvls5okq7yxew7bazbdp4ry6yyfivglyhh477ca"},
    /* Dots are gmail's matter only. */
    {"made.up@outlook.com", "made.up@outlook.com", "106da5350f42701244415dd22b49c702",
     "765a55c91c07979f09b283f6a623e5c4340f7c3a",
     "f6h4j63gpnlx4qe5fuqbt46dv2pa67zahrnbxxjwse5ixdsliubq"},
    /* Something must precede the '+': an empty local part would be everybody's. */
    {"+lead@example.net", "+lead@example.net", "cf292f304c7e219b59ab2cf652aa0918",
     "f3860fadd3868c8a2eedfe6615771580c8373958",
     "txhiltvbd2c6wfugfx2xl47h3buqnxgyokk75r3avoc5v2yb3enq"},
    {"+a+b@example.net", "+a@example.net", "a16d99a5729623cb8647aa1eb5e8da1f",
     "15c5bdc41bf6dc19d30c3de6b118b5d232210be7",
     "s4e7povwaixmqnamxlvcahuyihpilcw4rz4zwkq3qeldmndhfnqq"},
    {"First.Last+x+y@example.org", "first.last@example.org", "0a52909f700924a456e3c55a7508218e",
     "b83bc35b26032c7d091640f148df59a048b124c5",
     "2dr56b7luign3px4vbpftjotpcodrvjwsvapehc6jjicbobbh4mq"},
    {".foo..bar.@example.jp", ".foo..bar.@example.jp", "4cb4bae72360f9f6a706c027b1575c10",
     "23c74d8ef599d6808f125ee40dbc3a5b34ebef7d",
     "myiux7zrnhbaw5ggbztldwjt6zcihdrr25wb5bek4vmihjexmzwa"},
    {"...@gmail.com", "...@gmail.com", "c6306a016729a7596fb7b4e98d9a14af",
     "408907c1b9f4d04dbe7d128939be0298259a4d23",
     "dvy3kvxjvvy42scgdyfvkbgojqmm3klzmskpg2k4nvmpwx5zhhoa"},
    {"a+B c@example.org", "\"a+b c\"@example.org", "a7ed75365309a84384960ab42e487da2",
     "6378503d8a8d25e80cc793e580f61e27c25fca32",
     "cv6rqh4kjfsyv6sfyazxd33kzcycfdayhrk52pm5gljewaz73saa"},
    /* SMTPUTF8: bytes as they are, ASCII letters in lower case; the domain in A-labels. */
    {"J\xc3\x9cRGEN+x@example.org", "j\xc3\x9crgen@example.org", "37c0dd561d2655e9b19d0f42b956e6ce",
     "0d2988be29b53abfc528d85f8e3346c7b2553957",
     "rcknqiqjlwzhk4fdx57xkryojg7e4uldr7h24wcyuid53rvw7seq"},
    {"x@B\xc3\xbc"
     "cher.example.",
     "x@xn--bcher-kva.example", "bc999a385367e1f68bcb29221423285f",
     "1ab12d97fceb287365843fb72934a10429db54f5",
     "uaa4fyqizjsttioseetqbxww3jxuia3hoyq7dh6x56mmnehnacda"},
};

static void test_hashes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *v = &vectors[i];
        const char *labels[] = {v->sha1, v->sha256b32, v->md5};

        for (int k = 0; k < 3; k++) {
            struct dnsbl_zone_config config = config_of((enum dnsbl_query)(DNSBL_EMAIL_SHA1 + k));
            struct zone z = zone_of(&config);
            struct zone_domains none = {VIEW_NONE, VIEW_NONE};
            struct zone_question out[ZONE_QUESTIONS];
            struct text memory = text_on(memory_bytes, sizeof memory_bytes);

            assert_int_equal(ask(&z, view_of(v->raw), &none, &memory, out), 1);
            check_question(&out[0], labels[k], ENTRY_ADDRESS, v->key);
        }
    }
}

static void hex_of(const char *text, char hex[2 * HASH_MAX_BYTES + 1])
{
    unsigned char digest[HASH_MAX_BYTES];

    hex_text(digest, hash_plain(HASH_SHA1, view_of(text), digest), hex);
}

static void test_as_seen(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *seen; /* NULL: not asked twice */
    } rows[] = {
        {"User+News@Example.COM", "user+news@example.com"},
        {"A.Made.Up@GoogleMail.com", "a.made.up@googlemail.com"},
        {"Plain@Example.org", NULL},
        {"plain@example.org.", "plain@example.org."},
        {"A b@example.org", "a b@example.org"},
        {"x@B\xc3\xbc"
         "cher.example",
         "x@b\xc3\xbc"
         "cher.example"},
    };
    struct dnsbl_zone_config config = config_of(DNSBL_EMAIL_SHA1);
    struct zone_domains none = {VIEW_NONE, VIEW_NONE};

    config.as_seen = true;
    struct zone z = zone_of(&config);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct zone_question out[ZONE_QUESTIONS];
        struct text memory = text_on(memory_bytes, sizeof memory_bytes);
        char hex[2 * HASH_MAX_BYTES + 1];
        unsigned n = ask(&z, view_of(rows[i].raw), &none, &memory, out);

        assert_int_equal(n, rows[i].seen == NULL ? 1 : 2);
        if (rows[i].seen == NULL)
            continue;
        hex_of(rows[i].seen, hex);
        assert_string_equal(out[1].label, hex);
        assert_int_equal(out[1].kind, ENTRY_ADDRESS);
        assert_true(view_eq(out[1].key, address->canonical));
    }
}

static void test_not_asked(void **state)
{
    (void)state;
    static const char *const rows[] = {"user@[192.0.2.1]", "user@[IPv6:2001:db8::1]", "nobody",
                                       "@example.org", "user@a..b"};
    struct zone_domains domains = {view_of("example.org"), view_of("example.org")};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int query = DNSBL_DOMAIN; query <= DNSBL_EMAIL_MD5; query++) {
            struct dnsbl_zone_config config = config_of((enum dnsbl_query)query);
            struct zone_question out[ZONE_QUESTIONS];
            struct text memory = text_on(memory_bytes, sizeof memory_bytes);

            config.as_seen = query != DNSBL_DOMAIN;
            struct zone z = zone_of(&config);
            /* The domain of an address without a local part is a domain. */
            unsigned expected = query == DNSBL_DOMAIN && rows[i][0] == '@' ? 1 : 0;
            assert_int_equal(ask(&z, view_of(rows[i]), &domains, &memory, out), expected);
        }
}

/* The same address of several zones is kept once; where there is no room nothing is asked. */
static void test_memory(void **state)
{
    (void)state;
    struct dnsbl_zone_config config = config_of(DNSBL_EMAIL_SHA1);
    struct zone z = zone_of(&config);
    struct zone_domains none = {VIEW_NONE, VIEW_NONE};
    struct zone_question out[ZONE_QUESTIONS], again[ZONE_QUESTIONS];
    struct text memory = text_on(memory_bytes, sizeof memory_bytes);

    assert_int_equal(ask(&z, view_of("user+x@example.com"), &none, &memory, out), 1);
    assert_int_equal(memory.len, strlen("user@example.com"));
    assert_int_equal(ask(&z, view_of("user+y@example.com"), &none, &memory, again), 1);
    assert_int_equal(memory.len, strlen("user@example.com"));
    assert_ptr_equal(out[0].key.ptr, again[0].key.ptr);
    assert_int_equal(ask(&z, view_of("other+y@example.com"), &none, &memory, again), 1);
    assert_true(view_is(out[0].key, "user@example.com"));
    assert_true(view_is(again[0].key, "other@example.com"));

    memory = text_on(memory_bytes, 8);
    assert_int_equal(ask(&z, view_of("user+x@example.com"), &none, &memory, out), 0);
    assert_int_equal(ask(&z, view_of("user@example.com"), &none, &memory, out), 1);
}

static void test_domains(void **state)
{
    (void)state;
    static const struct {
        bool parents;
        const char *exact, *registrable;
        const char *first, *second; /* NULL: not asked */
        enum entry_kind kind;       /* of the first */
    } rows[] = {
        {false, "mail.example.org", "example.org", "mail.example.org", NULL, ENTRY_DOMAIN},
        {true, "mail.example.org", "example.org", "mail.example.org", "example.org", ENTRY_DOMAIN},
        {true, "example.org", "example.org", "example.org", NULL, ENTRY_TREE},
        {false, "example.org", "example.org", "example.org", NULL, ENTRY_DOMAIN},
        {true, "mail.example.org", "", "mail.example.org", NULL, ENTRY_DOMAIN},
        /* Protected: what its parent is listed for does not refuse it either. */
        {true, "", "example.org", NULL, NULL, ENTRY_DOMAIN},
        {false, "", "", NULL, NULL, ENTRY_DOMAIN},
        {false, "_dmarc.example.org", "example.org", "_dmarc.example.org", NULL, ENTRY_DOMAIN},
        /* Zones of names answer IP addresses with an error code, which switches them off. */
        {true, "192.0.2.1", "2.1", NULL, NULL, ENTRY_DOMAIN},
        {false, "example.123", "", NULL, NULL, ENTRY_DOMAIN},
        /* Not names of the DNS. */
        {false, "a b.example", "", NULL, NULL, ENTRY_DOMAIN},
        {false, "a\\.example", "", NULL, NULL, ENTRY_DOMAIN},
        {false, "*.example", "", NULL, NULL, ENTRY_DOMAIN},
        {false, B60 "abc.example", "", B60 "abc.example", NULL, ENTRY_DOMAIN},
        /* The long one is not asked; its parent is. */
        {true, B60 "abcd.example", "example.org", "example.org", NULL, ENTRY_TREE},
        {true, N180 "." B60, "example.org", "example.org", NULL, ENTRY_TREE},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dnsbl_zone_config config = config_of(DNSBL_DOMAIN);
        struct zone_domains domains = {view_of(rows[i].exact), view_of(rows[i].registrable)};
        struct zone_question out[ZONE_QUESTIONS];
        struct text memory = text_on(memory_bytes, sizeof memory_bytes);

        config.parents = rows[i].parents;
        struct zone z = zone_of(&config);
        unsigned n = ask(&z, view_of("user@example.org"), &domains, &memory, out);
        assert_int_equal(n, (rows[i].first != NULL) + (rows[i].second != NULL));
        if (n > 0)
            check_question(&out[0], rows[i].first, rows[i].kind, rows[i].first);
        if (n > 1)
            check_question(&out[1], rows[i].second, ENTRY_TREE, rows[i].second);
    }
}

/* ---- names ---- */

static void test_names(void **state)
{
    (void)state;
    struct dnsbl_zone_config config = config_of(DNSBL_DOMAIN);
    char name[ZONE_NAME_MAX];

    config.zone = "dbl.example.net.";
    struct zone z = zone_of(&config);
    assert_true(zone_name(&z, view_of("test"), name));
    assert_string_equal(name, "test.dbl.example.net");
    assert_false(zone_name(&z, view_of(""), name));

    config.zone = N180 ".xxxxxxx";
    z = zone_of(&config);
    assert_true(zone_name(&z, view_of(B60 ".abc"), name));
    assert_int_equal(strlen(name), 253);
    assert_false(zone_name(&z, view_of(B60 ".abcd"), name));
}

static void test_random_labels(void **state)
{
    (void)state;
    static const struct {
        enum dnsbl_query query;
        const char *below;
        size_t len;
    } rows[] = {
        {DNSBL_DOMAIN, "", 13},      {DNSBL_DOMAIN, "com", 17},
        {DNSBL_DOMAIN, "co.uk", 19}, {DNSBL_DOMAIN, N180 "." B60, 0},
        {DNSBL_EMAIL_SHA1, "", 40},  {DNSBL_EMAIL_SHA1, "com", 40},
        {DNSBL_EMAIL_MD5, "", 32},   {DNSBL_EMAIL_SHA256B32, "", 52},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dnsbl_zone_config config = config_of(rows[i].query);
        struct zone z = zone_of(&config);
        struct view below = view_of(rows[i].below);
        char one[ZONE_LABEL_MAX + 1], other[ZONE_LABEL_MAX + 1], name[ZONE_NAME_MAX];

        assert_int_equal(zone_random_label(&z, below, 1, one), rows[i].len);
        assert_int_equal(zone_random_label(&z, below, 2, other), rows[i].len);
        if (rows[i].len == 0)
            continue;
        assert_int_equal(strlen(one), rows[i].len);
        assert_string_not_equal(one, other);
        assert_true(zone_name(&z, view_of(one), name));
        assert_int_equal(strspn(one, "abcdefghijklmnopqrstuvwxyz0123456789."), rows[i].len);
        if (config.query == DNSBL_DOMAIN && below.len > 0)
            assert_string_equal(strchr(one, '.') + 1, rows[i].below);
        else
            assert_null(strchr(one, '.'));
    }
}

/* Wherever it stands, in whatever case, and where a text was cut in the middle of it. */
static void test_secrets_in_texts(void **state)
{
    (void)state;
    static const struct {
        size_t before; /* so many letters stand in front */
        const char *text, *shown;
    } rows[] = {
        {0, "see https://example.org/?q=" SECRET ".x", "see https://example.org/?q=***.x"},
        {0, SECRET SECRET "a", "******a"},
        {0, "nothing of it", "nothing of it"},
        {0,
         "sEcReT"
         "12",
         "sEcReT12"},
        {DNS_TEXT_MAX - 5, SECRET, "***"},
        {DNS_TEXT_MAX - 1, SECRET, "*"},
    };
    struct dnsbl_zone_config config = config_of(DNSBL_DOMAIN);
    struct zone z = zone_of(&config);

    config.secret = SECRET;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[DNS_TEXT_MAX + 64];
        memset(text, 'x', rows[i].before);
        strcpy(text + rows[i].before, rows[i].text);
        size_t len = strlen(text) < DNS_TEXT_MAX ? strlen(text) : DNS_TEXT_MAX; /* is cut there */
        len = zone_hide_secret(&z, text, len);
        text[len] = '\0';
        assert_string_equal(text + rows[i].before, rows[i].shown);
    }
}

static void test_history_keys(void **state)
{
    (void)state;
    static const enum hash_kind hashes[] = {HASH_SHA1, HASH_SHA256, HASH_MD5};
    const struct vector *v = &vectors[1];
    const char *labels[] = {v->sha1, v->sha256b32, v->md5};
    unsigned char expected[HASH_MAX_BYTES], digest[HASH_MAX_BYTES];
    enum entry_kind kind;

    for (int k = 0; k < 3; k++) {
        struct dnsbl_zone_config config = config_of((enum dnsbl_query)(DNSBL_EMAIL_SHA1 + k));
        struct zone z = zone_of(&config);
        size_t len = hash_plain(hashes[k], view_of(v->key), expected);

        struct view key = zone_history_key(&z, view_of(labels[k]), false, digest, &kind);
        assert_int_equal(kind, ENTRY_ADDRESS_HASH);
        assert_true(view_eq(key, view_make(expected, len)));
        assert_int_equal(zone_history_key(&z, view_of("test"), false, digest, &kind).len, 0);
    }

    /* The last digit of a SHA-256 stands for one bit: others spell no digest. */
    struct dnsbl_zone_config config = config_of(DNSBL_EMAIL_SHA256B32);
    struct zone z = zone_of(&config);
    char odd[64];
    snprintf(odd, sizeof odd, "%.51sb", v->sha256b32);
    assert_int_equal(zone_history_key(&z, view_of(odd), false, digest, &kind).len, 0);

    config = config_of(DNSBL_DOMAIN);
    z = zone_of(&config);
    static const struct {
        bool parents, registrable;
        enum entry_kind kind;
    } domains[] = {
        {false, false, ENTRY_DOMAIN},
        {false, true, ENTRY_DOMAIN},
        {true, false, ENTRY_DOMAIN}, /* it was not asked as anybody's parent */
        {true, true, ENTRY_TREE},
    };
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
        config.parents = domains[i].parents;
        assert_true(
            view_is(zone_history_key(&z, view_of("a.org"), domains[i].registrable, digest, &kind),
                    "a.org"));
        assert_int_equal(kind, domains[i].kind);
    }
}

/* ---- answers ---- */

static void judge(const struct dnsbl_zone_config *config, const char *answers,
                  struct zone_judgement *out)
{
    struct zone z = zone_of(config);
    unsigned char all[16][4];
    struct view rest = view_of(answers), word;
    size_t n = 0;

    while (view_word(&rest, &word)) {
        unsigned o[4];
        assert_int_equal(sscanf(word.ptr, "%u.%u.%u.%u", &o[0], &o[1], &o[2], &o[3]), 4);
        for (int i = 0; i < 4; i++)
            all[n][i] = (unsigned char)o[i];
        n++;
    }
    zone_judge(&z, (const unsigned char(*)[4])all, n, out);
}

static void test_judge(void **state)
{
    (void)state;
    static const struct {
        const char *answers;
        enum zone_says says;
        const char *decides;
    } rows[] = {
        {"", ZONE_CLEAR, "0.0.0.0"},
        {"127.0.1.2", ZONE_LISTS, "127.0.1.2"},
        {"127.0.1.3", ZONE_UNKNOWN, "127.0.1.3"},
        {"127.0.0.2", ZONE_UNKNOWN, "127.0.0.2"},
        {"127.0.1.102", ZONE_UNKNOWN, "127.0.1.102"},
        {"127.0.1.3 127.0.1.2", ZONE_LISTS, "127.0.1.2"},
        /* Whatever turn they come in. */
        {"127.0.1.5 127.0.1.4 127.0.1.6", ZONE_LISTS, "127.0.1.4"},
        {"127.0.0.1", ZONE_ERROR, "127.0.0.1"},
        {"127.0.0.255", ZONE_ERROR, "127.0.0.255"},
        {"127.0.1.255", ZONE_ERROR, "127.0.1.255"},
        {"127.0.2.255", ZONE_ERROR, "127.0.2.255"},
        {"127.255.255.0", ZONE_ERROR, "127.255.255.0"},
        {"127.255.255.252", ZONE_ERROR, "127.255.255.252"},
        {"127.255.255.254", ZONE_ERROR, "127.255.255.254"},
        {"127.255.255.255", ZONE_ERROR, "127.255.255.255"},
        {"127.0.1.2 127.255.255.254", ZONE_ERROR, "127.255.255.254"},
        {"127.0.0.1 127.0.1.2", ZONE_ERROR, "127.0.0.1"},
        {"127.0.3.255", ZONE_UNKNOWN, "127.0.3.255"},
        {"127.255.254.255", ZONE_UNKNOWN, "127.255.254.255"},
        {"127.1.0.1", ZONE_UNKNOWN, "127.1.0.1"},
        {"192.0.2.1", ZONE_FOREIGN, "192.0.2.1"},
        {"0.0.0.0", ZONE_FOREIGN, "0.0.0.0"},
        {"126.255.255.255", ZONE_FOREIGN, "126.255.255.255"},
        {"128.0.0.0", ZONE_FOREIGN, "128.0.0.0"},
        {"127.0.1.2 192.0.2.1", ZONE_FOREIGN, "192.0.2.1"},
        {"192.0.2.1 127.255.255.254 127.0.1.2", ZONE_FOREIGN, "192.0.2.1"},
    };
    struct dnsbl_zone_config config = config_of(DNSBL_DOMAIN);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct zone_judgement j;
        char decides[32];

        judge(&config, rows[i].answers, &j);
        snprintf(decides, sizeof decides, "%d.%d.%d.%d", j.answer[0], j.answer[1], j.answer[2],
                 j.answer[3]);
        if (j.says != rows[i].says || strcmp(decides, rows[i].decides) != 0)
            fail_msg("%s: %d by %s", rows[i].answers, j.says, decides);
        assert_int_equal(j.means != NULL, j.says == ZONE_ERROR);
    }

    /* An error code stays one where the codes name it by a range. */
    struct zone_judgement j;
    config.codes = "127.[0..255].[0..255].[0..255]";
    judge(&config, "127.0.0.1", &j);
    assert_int_equal(j.says, ZONE_ERROR);
    judge(&config, "127.255.255.254 127.0.0.2", &j);
    assert_int_equal(j.says, ZONE_ERROR);
}

static void test_masks(void **state)
{
    (void)state;
    struct dnsbl_zone_config config = config_of(DNSBL_DOMAIN);
    struct zone_judgement j;

    config.codes = "";
    config.mask = "127.0.0.(8|16|64)";
    judge(&config, "127.0.0.80", &j);
    assert_int_equal(j.says, ZONE_LISTS);
    judge(&config, "127.0.0.4", &j);
    assert_int_equal(j.says, ZONE_UNKNOWN);
    judge(&config, "127.0.0.1", &j);
    assert_int_equal(j.says, ZONE_ERROR);
}

static void test_meanings(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *answer, *words;
    } rows[] = {
        {"dbl.spamhaus.org", "127.255.255.252", "Spamhaus: there is no such zone"},
        {"dbl.spamhaus.org", "127.255.255.254",
         "Spamhaus: query came through a public resolver; use your own resolver or a DQS key"},
        {"DBL.Spamhaus.ORG.", "127.255.255.255", "Spamhaus: too many queries"},
        {"dbl.spamhaus.org", "127.0.1.255", "Spamhaus: the zone takes names"},
        {SECRET ".dbl.dq.spamhaus.net", "127.255.255.252", "Spamhaus DQS: there is no such zone"},
        {SECRET ".dbl.dq.spamhaus.net", "127.255.255.254", "Spamhaus DQS: query came through"},
        {SECRET ".dbl.dq.spamhaus.net", "127.255.255.255", "Spamhaus DQS: too many queries"},
        {SECRET ".dbl.dq.spamhaus.net", "127.255.255.250", "the key in 'secret'"},
        {SECRET ".dbl.dq.spamhaus.net", "127.0.1.255", "Spamhaus DQS: the zone takes names"},
        {"multi.surbl.org", "127.0.0.1", "SURBL: this resolver is blocked"},
        {"multi.uribl.com", "127.0.0.1", "URIBL: the query was refused"},
        /* Mirrors of other names, and names that only end alike. */
        {"dbl.example.net", "127.255.255.254", "the list refused the query"},
        {"dbl.notspamhaus.org", "127.255.255.254", "the list refused the query"},
        {"uribl.com.example.net", "127.0.0.1", "the list does not answer this resolver"},
        {"multi.surbl.org", "127.0.0.255", "the list does not take such questions"},
        {"dbl.example.net", "127.0.1.255", "the list does not take such questions"},
        {"dbl.example.net", "127.0.2.255", "the list does not take such questions"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dnsbl_zone_config config = config_of(DNSBL_DOMAIN);
        struct zone_judgement j;

        config.zone = rows[i].zone;
        judge(&config, rows[i].answer, &j);
        assert_int_equal(j.says, ZONE_ERROR);
        if (strstr(j.means, rows[i].words) == NULL)
            fail_msg("%s %s: %s", rows[i].zone, rows[i].answer, j.means);
        assert_null(strstr(j.means, SECRET));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zone_names),    cmocka_unit_test(test_other_settings),
        cmocka_unit_test(test_probe_labels),  cmocka_unit_test(test_identity),
        cmocka_unit_test(test_hashes),        cmocka_unit_test(test_as_seen),
        cmocka_unit_test(test_not_asked),     cmocka_unit_test(test_memory),
        cmocka_unit_test(test_domains),       cmocka_unit_test(test_names),
        cmocka_unit_test(test_random_labels), cmocka_unit_test(test_secrets_in_texts),
        cmocka_unit_test(test_history_keys),  cmocka_unit_test(test_judge),
        cmocka_unit_test(test_masks),         cmocka_unit_test(test_meanings),
    };
    return cmocka_run_group_tests_name("dnsbl/zone", tests, make_address, free_address);
}
