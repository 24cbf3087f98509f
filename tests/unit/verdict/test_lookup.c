/* What lists say of a recipient: exceptions against themselves (rule 20), and lists of digests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rcptguard/base/log.h"
#include "rcptguard/verdict.h"

static struct verdict_list lists[] = {
    {.name = "a", .action = ACTION_REJECT, .reply = "on ${list} as ${entry}"},
    {.name = "b", .action = ACTION_REJECT, .reply = "on ${list} as ${entry}"},
};

static struct verdict_rules rules = {
    .addresses = {.delimiter = "+", .provider_aliases = true},
    .lists = lists,
    .n_lists = 2,
};

static void drop_line(enum log_level level, const char *line, void *arg)
{
    (void)level, (void)line, (void)arg;
}

struct row {
    uint16_t list;
    enum entry_kind kind;
    enum listing_effect effect;
    const char *key;
};

static struct blocklist_builder *new_builder(void)
{
    struct blocklist_builder *b = blocklist_builder_new(16);

    for (uint16_t i = 0; i < 2; i++) {
        struct blocklist_list list = {.name = ""};
        strcpy(list.name, lists[i].name);
        assert_int_equal(blocklist_builder_list(b, &list, NULL), i);
    }
    return b;
}

static void put(struct blocklist_builder *b, const struct row *row, struct view key)
{
    const struct listing l = {
        .list = row->list, .kind = (uint8_t)row->kind, .effect = (uint8_t)row->effect};
    assert_true(blocklist_builder_put(b, key, &l, NULL) >= 0);
}

struct told {
    bool blocked;
    char list[8], entry[128];
    unsigned n_listings, n_exceptions;
};

static void take_answer(const struct answer *a, void *arg)
{
    struct told *told = arg;
    const struct decision_listing *l = a->decision.decided_by;
    struct text entry = text_on(told->entry, sizeof told->entry);

    told->blocked = l != NULL;
    told->n_listings = a->n_listings;
    told->n_exceptions = a->n_exceptions;
    told->list[0] = '\0';
    if (l == NULL)
        return;
    snprintf(told->list, sizeof told->list, "%.*s", (int)l->list.len, l->list.ptr);
    entry_print(&entry, l->kind, l->key);
}

static struct told ask(struct verdict *v, const char *recipient)
{
    const struct question q = {.recipient = view_of(recipient), .look_only = true};
    struct told told;

    verdict_ask(v, &q, take_answer, &told);
    return told;
}

struct house {
    struct record *record;
    struct verdict *verdict;
};

static struct house house_of(struct blocklist_builder *b)
{
    struct house h = {.record = record_new()};

    log_set_sink(drop_line, NULL);
    h.verdict = verdict_new(h.record, NULL);
    verdict_set_rules(h.verdict, &rules);
    verdict_set_blocklist(h.verdict, blocklist_builder_finish(b, NULL));
    return h;
}

static void close_house(struct house *h)
{
    verdict_free(h->verdict);
    record_free(h->record);
    log_set_sink(NULL, NULL);
}

#define BLOCK LISTING_BLOCKS
#define BUT   LISTING_EXCEPTS
#define ALL   LISTING_EXCEPTS_ALL

/* "" for the expected list: it passes. */
static const struct {
    struct row rows[4];
    const char *recipient, *list;
} exceptions[] = {
    /* The more specific wins, either way. */
    {{{0, ENTRY_TREE, BLOCK, "d.example"}, {0, ENTRY_DOMAIN, BUT, "good.d.example"}},
     "x@good.d.example",
     ""},
    {{{0, ENTRY_TREE, BLOCK, "d.example"}, {0, ENTRY_DOMAIN, BUT, "good.d.example"}},
     "x@sub.good.d.example",
     "a"},
    {{{0, ENTRY_TREE, BLOCK, "d.example"}, {0, ENTRY_TREE, BUT, "good.d.example"}},
     "x@sub.good.d.example",
     ""},
    {{{0, ENTRY_DOMAIN, BLOCK, "bad.d.example"}, {0, ENTRY_TREE, BUT, "d.example"}},
     "x@bad.d.example",
     "a"},
    {{{0, ENTRY_ADDRESS, BLOCK, "x@d.example"}, {0, ENTRY_DOMAIN, BUT, "d.example"}},
     "x@d.example",
     "a"},
    {{{0, ENTRY_ADDRESS, BUT, "x@d.example"}, {0, ENTRY_DOMAIN, BLOCK, "d.example"}},
     "x@d.example",
     ""},
    {{{0, ENTRY_ADDRESS, BUT, "x@d.example"}, {0, ENTRY_DOMAIN, BLOCK, "d.example"}},
     "y@d.example",
     "a"},
    /* Equal: the exception, in whatever order and of whatever kind. */
    {{{0, ENTRY_DOMAIN, BUT, "d.example"}, {0, ENTRY_DOMAIN, BLOCK, "d.example"}},
     "x@d.example",
     ""},
    {{{0, ENTRY_DOMAIN, BLOCK, "d.example"}, {0, ENTRY_DOMAIN, BUT, "d.example"}},
     "x@d.example",
     ""},
    {{{0, ENTRY_BELOW, BLOCK, "d.example"}, {0, ENTRY_TREE, BUT, "d.example"}},
     "x@s.d.example",
     ""},
    /* rbldnsd's !*.d frees what is below and not d itself. */
    {{{0, ENTRY_TREE, BLOCK, "d.example"}, {0, ENTRY_BELOW, BUT, "d.example"}}, "x@d.example", "a"},
    {{{0, ENTRY_TREE, BLOCK, "d.example"}, {0, ENTRY_BELOW, BUT, "d.example"}},
     "x@s.d.example",
     ""},
    /* adblock's always win. */
    {{{0, ENTRY_DOMAIN, BLOCK, "bad.d.example"}, {0, ENTRY_TREE, ALL, "d.example"}},
     "x@bad.d.example",
     ""},
    {{{0, ENTRY_TREE, BLOCK, "other.example"}, {0, ENTRY_TREE, ALL, "d.example"}},
     "x@other.example",
     "a"},
    /* Only the feed that makes it. */
    {{{0, ENTRY_TREE, BLOCK, "d.example"},
      {1, ENTRY_TREE, BLOCK, "d.example"},
      {0, ENTRY_TREE, ALL, "d.example"}},
     "x@d.example",
     "b"},
    {{{0, ENTRY_TREE, BLOCK, "d.example"}, {1, ENTRY_TREE, ALL, "d.example"}}, "x@d.example", "a"},
};

static void test_exceptions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++) {
        struct blocklist_builder *b = new_builder();
        for (size_t k = 0; k < 4 && exceptions[i].rows[k].key != NULL; k++)
            put(b, &exceptions[i].rows[k], view_of(exceptions[i].rows[k].key));
        struct house h = house_of(b);
        struct told told = ask(h.verdict, exceptions[i].recipient);
        if (strcmp(told.list, exceptions[i].list) != 0)
            fail_msg("row %zu: listed by '%s'", i, told.list);
        assert_int_equal(told.n_listings > 0, exceptions[i].list[0] != '\0');
        /* Nothing of it is left for the next question. */
        assert_false(ask(h.verdict, "x@nowhere.example").blocked);
        told = ask(h.verdict, exceptions[i].recipient);
        assert_string_equal(told.list, exceptions[i].list);
        close_house(&h);
    }
}

static void test_an_exception_lists_nothing_and_is_told(void **state)
{
    (void)state;
    struct blocklist_builder *b = new_builder();
    const struct row row = {0, ENTRY_TREE, BUT, "d.example"};

    put(b, &row, view_of(row.key));
    struct house h = house_of(b);
    struct told told = ask(h.verdict, "x@d.example");
    assert_false(told.blocked);
    assert_int_equal(told.n_listings, 0);
    assert_int_equal(told.n_exceptions, 1);
    assert_int_equal(blocklist_list(verdict_blocklist(h.verdict), 0)->entries, 0);
    close_house(&h);
}

static void put_digest(struct blocklist_builder *b, const char *hex, enum entry_kind kind)
{
    unsigned char digest[HASH_MAX_BYTES];
    const struct row row = {0, kind, BLOCK, ""};
    size_t len = strlen(hex) / 2;

    assert_true(hex_parse(view_of(hex), digest, len));
    put(b, &row, view_make(digest, len));
}

static void put_hash(struct blocklist_builder *b, enum hash_kind hash, const char *of,
                     enum entry_kind kind)
{
    unsigned char digest[HASH_MAX_BYTES];
    const struct row row = {0, kind, BLOCK, ""};
    size_t len = hash_plain(hash, view_of(of), digest);

    assert_true(len > 0);
    put(b, &row, view_make(digest, len));
}

/* Digests made by other programs. */
static void test_known_digests(void **state)
{
    (void)state;
    static const char *const known[] = {
        "b58996c504c5638798eb6b511e6f49af",
        "63a710569261a24b3766275b7000ce8d7b32e2f7",
        "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514",
    };
    for (size_t i = 0; i < 3; i++) {
        struct blocklist_builder *b = new_builder();
        put_digest(b, known[i], ENTRY_ADDRESS_HASH);
        struct house h = house_of(b);
        assert_false(ask(h.verdict, "other@example.com").blocked);
        struct told told = ask(h.verdict, "User+News@Example.COM");
        assert_true(told.blocked);
        assert_string_equal(told.entry, known[i]);
        close_house(&h);
    }
}

static const struct {
    enum hash_kind hash;
    enum entry_kind kind;
    const char *of, *recipient;
    bool blocked;
} hashed[] = {
    {HASH_MD5, ENTRY_ADDRESS_HASH, "accountsupgrade@gmail.com",
     "Accounts.Upgrade+tag@GoogleMail.com", true},
    {HASH_SHA1, ENTRY_ADDRESS_HASH, "user@example.com", "user@example.com", true},
    {HASH_SHA256, ENTRY_ADDRESS_HASH, "user@example.com", "USER@example.com", true},
    /* As it was seen, when that is not one of the canonical forms. */
    {HASH_SHA1, ENTRY_ADDRESS_HASH, "a.b@googlemail.com", "A.b@GoogleMail.com", true},
    {HASH_SHA1, ENTRY_ADDRESS_HASH, "user+tag@example.com", "User+Tag@example.com", true},
    {HASH_SHA1, ENTRY_ADDRESS_HASH, "user@example.com.", "user@example.com.", true},
    {HASH_SHA1, ENTRY_ADDRESS_HASH, "user+tag@example.com", "user@example.com", false},
    /* An address list does not list domains, nor the other way round. */
    {HASH_SHA1, ENTRY_ADDRESS_HASH, "example.com", "user@example.com", false},
    {HASH_SHA1, ENTRY_DOMAIN_HASH, "user@example.com", "user@example.com", false},
    {HASH_SHA1, ENTRY_DOMAIN_HASH, "example.com", "user@Example.com", true},
    {HASH_MD5, ENTRY_DOMAIN_HASH, "example.com", "user@example.com", true},
    {HASH_SHA256, ENTRY_DOMAIN_HASH, "xn--bcher-kva.example",
     "user@B\xc3\xbc"
     "cher.example",
     true},
    {HASH_SHA256, ENTRY_DOMAIN_HASH,
     "b\xc3\xbc"
     "cher.example",
     "user@b\xc3\xbc"
     "cher.example",
     true},
    /* Exactly the domain. */
    {HASH_SHA1, ENTRY_DOMAIN_HASH, "example.com", "user@sub.example.com", false},
    {HASH_SHA1, ENTRY_DOMAIN_HASH, "example.com", "user@[192.0.2.1]", false},
    {HASH_SHA1, ENTRY_ADDRESS_HASH, "user@[192.0.2.1]", "user@[192.0.2.1]", true},
    {HASH_SHA1, ENTRY_ADDRESS_HASH, "user", "user", false},
};

static void test_hashed_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hashed / sizeof hashed[0]; i++) {
        struct blocklist_builder *b = new_builder();
        put_hash(b, hashed[i].hash, hashed[i].of, hashed[i].kind);
        struct house h = house_of(b);
        if (ask(h.verdict, hashed[i].recipient).blocked != hashed[i].blocked)
            fail_msg("row %zu: %s", i, hashed[i].recipient);
        close_house(&h);
    }
}

/* Sixteen bytes that are the text of a domain are a digest all the same, and the other way round.
 */
static void test_a_digest_is_no_name(void **state)
{
    (void)state;
    struct blocklist_builder *b = new_builder();
    const struct row row = {0, ENTRY_ADDRESS_HASH, BLOCK, ""};

    put(b, &row, view_of("abcd.example.org"));
    struct house h = house_of(b);
    assert_false(ask(h.verdict, "x@abcd.example.org").blocked);
    close_house(&h);
}

static bool covers_shop(enum entry_kind kind, struct view key, const void *arg)
{
    (void)kind, (void)arg;
    return view_is(key, "shop.example");
}

/* A digest says what it covers when somebody asks for that. */
static void test_a_digest_of_what_is_protected(void **state)
{
    (void)state;
    struct blocklist_builder *b = new_builder();
    const struct row domain = {0, ENTRY_DOMAIN_HASH, BLOCK, ""},
                     address = {0, ENTRY_ADDRESS_HASH, BLOCK, ""};
    static const char *const hashed_names[] = {"shop.example", "evil.example"};
    unsigned char digest[HASH_MAX_BYTES];
    struct verdict_rules careful = rules;

    for (size_t i = 0; i < 2; i++)
        put(b, &domain,
            view_make(digest, hash_plain(HASH_SHA256, view_of(hashed_names[i]), digest)));
    put(b, &address,
        view_make(digest, hash_plain(HASH_SHA256, view_of("thief@shop.example"), digest)));
    struct house h = house_of(b);
    assert_true(ask(h.verdict, "x@shop.example").blocked);
    careful.covers_too_much = covers_shop;
    verdict_set_rules(h.verdict, &careful);
    assert_false(ask(h.verdict, "x@shop.example").blocked);
    assert_true(ask(h.verdict, "x@evil.example").blocked);
    assert_true(ask(h.verdict, "thief@shop.example").blocked);
    close_house(&h);
}

#define MANY 300 /* more than ANSWER_LISTINGS */

/* Each of many lists has the domain, and frees it again: that counts, however many there are. */
static void test_exceptions_of_many_lists(void **state)
{
    (void)state;
    static struct verdict_list many[MANY];
    static char names[MANY][8];
    const struct verdict_rules rules_of_many = {
        .addresses = {.delimiter = "+"}, .lists = many, .n_lists = MANY};
    struct blocklist_builder *b = blocklist_builder_new(16);

    for (uint16_t i = 0; i < MANY; i++) {
        struct blocklist_list list = {.name = ""};
        snprintf(names[i], sizeof names[i], "l%u", i);
        strcpy(list.name, names[i]);
        many[i] = (struct verdict_list){.name = names[i], .action = ACTION_REJECT, .reply = "no"};
        assert_int_equal(blocklist_builder_list(b, &list, NULL), i);
    }
    for (uint16_t i = 0; i < MANY; i++) {
        put(b, &(struct row){.list = i, .kind = ENTRY_DOMAIN, .effect = BLOCK},
            view_of("d.example"));
        put(b, &(struct row){.list = i, .kind = ENTRY_TREE, .effect = BLOCK}, view_of("d.example"));
    }
    for (uint16_t i = 0; i < MANY; i++)
        put(b, &(struct row){.list = i, .kind = ENTRY_DOMAIN, .effect = BUT}, view_of("d.example"));
    struct house h = house_of(b);
    verdict_set_rules(h.verdict, &rules_of_many);
    struct told told = ask(h.verdict, "x@d.example");
    assert_false(told.blocked);
    assert_int_equal(told.n_listings, 0);
    assert_int_equal(told.n_exceptions, ANSWER_EXCEPTIONS);
    assert_true(ask(h.verdict, "x@sub.d.example").blocked);
    close_house(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exceptions),
        cmocka_unit_test(test_exceptions_of_many_lists),
        cmocka_unit_test(test_a_digest_of_what_is_protected),
        cmocka_unit_test(test_an_exception_lists_nothing_and_is_told),
        cmocka_unit_test(test_known_digests),
        cmocka_unit_test(test_hashed_lists),
        cmocka_unit_test(test_a_digest_is_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
