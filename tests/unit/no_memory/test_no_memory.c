/*
 * No memory, at every place in turn: what the pure rooms build is tried with the first, the second,
 * the third ... allocation failing, alone and with all that follow it, until none is left to fail.
 * Each try either says that there is no memory, or what it made is whole; what it took it gives
 * back (the address sanitizer looks). The linker puts the functions here in the place of libc's.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "dnsbl/cache.h"
#include "feeds/packing/gunzip.h"
#include "feeds/parse/cleared.h"
#include "fleet/list_blob.h"
#include "fleet/records.h"
#include "local/edit_text.h"
#include "local/table.h"
#include "rcptguard/base/json_text.h"
#include "rcptguard/blocklist.h"

/* ---- allocations that fail ------------------------------------------------------------------ */

static _Thread_local struct {
    unsigned long fails;   /* the number of the one that fails, from 1; 0: none */
    bool all_that_follow;  /* and they, too */
    unsigned long counted; /* while FAILS is not 0 */
} memory;

static bool fails(void)
{
    if (memory.fails == 0)
        return false;
    memory.counted++;
    return memory.all_that_follow ? memory.counted >= memory.fails : memory.counted == memory.fails;
}

/* The linker's own names (ld, --wrap). NOLINTBEGIN(bugprone-reserved-identifier) */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_mmap(void *at, size_t bytes, int may, int flags, int fd, off_t offset);
void *__real_mremap(void *old, size_t old_bytes, size_t bytes, int flags);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_mmap(void *at, size_t bytes, int may, int flags, int fd, off_t offset);
void *__wrap_mremap(void *old, size_t old_bytes, size_t bytes, int flags);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_mmap(void *at, size_t bytes, int may, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED : __real_mmap(at, bytes, may, flags, fd, offset);
}

void *__wrap_mremap(void *old, size_t old_bytes, size_t bytes, int flags)
{
    return fails() ? MAP_FAILED : __real_mremap(old, old_bytes, bytes, flags);
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* False: it said that there is no memory. */
typedef bool try_it(void);

static unsigned long try_each(try_it *try, bool all_that_follow)
{
    for (unsigned long n = 1;; n++) {
        memory.fails = n;
        memory.all_that_follow = all_that_follow;
        memory.counted = 0;
        bool is_done = try();
        memory.fails = 0;
        if (memory.counted < n) {
            assert_true(is_done);
            return n - 1;
        }
    }
}

/* At least LEAST allocations: a test whose allocations are not seen could not fail. */
static void try_all(try_it *try, unsigned long least)
{
    assert_true(try_each(try, false) >= least);
    assert_true(try_each(try, true) >= least);
    assert_true(try());
}

/* ---- blocklists ----------------------------------------------------------------------------- */

#define KEYS 3000

static struct view key_of(unsigned i, char text[32])
{
    snprintf(text, 32, "somebody%u@example.org", i);
    return view_of(text);
}

static bool put_all(struct blocklist_builder *b, struct error *why)
{
    char text[32];

    for (unsigned i = 0; i < KEYS; i++) {
        int rc = blocklist_builder_add(b, ENTRY_ADDRESS, key_of(i, text), 0, (int32_t)i, why);
        if (rc >= 0 && i % 3 == 0)
            rc = blocklist_builder_add(b, ENTRY_ADDRESS, key_of(i, text), 1, 7, why);
        if (rc < 0) {
            assert_int_equal(rc, ERR_NOMEM);
            return false;
        }
    }
    return true;
}

static void must_find_all(const struct blocklist *bl)
{
    struct listing found[4];
    char text[32];

    assert_int_equal(blocklist_keys(bl), KEYS);
    for (unsigned i = 0; i < KEYS; i++) {
        size_t n = blocklist_find(bl, key_of(i, text), ENTRY_BIT(ENTRY_ADDRESS), found, 4);
        assert_int_equal(n, i % 3 == 0 ? 2 : 1);
    }
}

static bool add_lists(struct blocklist_builder *b, struct error *why)
{
    return blocklist_builder_list(b, &(struct blocklist_list){.name = "one"}, why) == 0 &&
           blocklist_builder_list(b, &(struct blocklist_list){.name = "two"}, why) == 1;
}

static struct blocklist *build(const struct blocklist *from, struct blocklist *absorbed)
{
    static const int numbers[] = {0, 1};
    struct blocklist_builder *b = blocklist_builder_new(16);
    struct error why;

    if (b == NULL)
        return NULL;
    bool is_good = add_lists(b, &why);
    if (is_good && absorbed != NULL)
        is_good = blocklist_builder_absorb(b, absorbed, numbers, &why) >= 0;
    else if (is_good && from != NULL)
        is_good = blocklist_builder_add_from(b, from, numbers, &why) >= 0;
    else if (is_good)
        is_good = put_all(b, &why);
    if (is_good)
        return blocklist_builder_finish(b, &why);
    blocklist_builder_free(b);
    return NULL;
}

static bool build_a_blocklist(void)
{
    struct blocklist *made = build(NULL, NULL);

    if (made == NULL)
        return false;
    must_find_all(made);
    struct blocklist *copy = build(made, NULL);
    if (copy != NULL)
        must_find_all(copy);
    bool is_done = copy != NULL;
    blocklist_free(copy);
    blocklist_free(made);
    blocklist_trim(INT64_MAX); /* kept memory would answer the next try */
    return is_done;
}

/* ---- lists that are read -------------------------------------------------------------------- */

static struct protect *protect;
static struct suffixes *suffixes;

/* Enough for tables to grow, a bad row, one to be left out, and one to be cleared. */
static struct view rows(const char *ends)
{
    static char text[32768];
    struct text t = text_on(text, sizeof text);

    for (unsigned i = 0; i < 600; i++)
        text_addf(&t, "somebody%u@example.org%s\n", i, ends);
    text_addf(&t, "no address\n");
    return text_view(&t);
}

static struct map *read_cleared(struct copy_counts *counts)
{
    static const struct feed_options options;
    struct error why;
    struct cleared *c = cleared_new(&options, &why);

    if (c == NULL)
        return NULL;
    int rc = cleared_chunk(c, rows(",20100101"), &why);
    if (rc == 0)
        return cleared_end(c, counts, &why);
    assert_int_equal(rc, ERR_NOMEM);
    cleared_free(c);
    return NULL;
}

static struct blocklist *read_copy(const struct map *cleared, struct copy_counts *counts)
{
    static const struct feed_options options;
    const struct copy_shaping shaping = {0xf, cleared, protect, suffixes, 1 << 20};
    struct error why;
    struct copy_builder *b = copy_builder_new(&feed_format_aper, &options, &shaping, &why);

    if (b == NULL)
        return NULL;
    int rc = copy_builder_chunk(b, rows(",A,20100102"), &why);
    if (rc == 0)
        return copy_builder_end(b, counts, &why);
    assert_int_equal(rc, ERR_NOMEM);
    copy_builder_free(b);
    return NULL;
}

static bool read_a_list(void)
{
    struct copy_counts counts, cleared_counts;
    struct map *cleared = read_cleared(&cleared_counts);

    if (cleared == NULL)
        return false;
    assert_int_equal(map_count(cleared), 600);
    assert_int_equal(cleared_counts.bad_rows, 1);
    struct blocklist *copy = read_copy(cleared, &counts);
    if (copy != NULL) {
        assert_int_equal(counts.active, 600);
        assert_int_equal(counts.bad_rows, 1);
        assert_int_equal(blocklist_list(copy, COPY_ACTIVE)->entries, 600);
    }
    map_free(cleared);
    blocklist_free(copy);
    blocklist_trim(INT64_MAX);
    return copy != NULL;
}

/* "one\n", by gzip. */
static const unsigned char packed[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
                                       0x02, 0x03, 0xcb, 0xcf, 0x4b, 0xe5, 0x02, 0x00,
                                       0x9f, 0xa8, 0x17, 0xf8, 0x04, 0x00, 0x00, 0x00};

static bool unpack(void)
{
    struct view rest = view_make(packed, sizeof packed);
    struct gunzip *g = gunzip_new();
    char out[16];
    struct error why;

    if (g == NULL)
        return false;
    long n = gunzip_step(g, &rest, out, sizeof out, &why);
    assert_int_equal(n, 4);
    assert_memory_equal(out, "one\n", 4);
    assert_int_equal(gunzip_end(g, &why), 0);
    gunzip_free(g);
    return true;
}

/* ---- files of exclusions -------------------------------------------------------------------- */

static const struct address_options options = {"+", true};

static struct view exclusions(void)
{
    static char text[16384];
    struct text t = text_on(text, sizeof text);

    for (unsigned i = 0; i < 200; i++)
        text_addf(&t, "somebody%u@example.org list=aper ticket=%u\n", i, i);
    text_addf(&t, "login:desk\nsender:.example.net\nno address at all\n"
                  "a@example.org list=unknown\n");
    return text_view(&t);
}

static bool parse_exclusions(void)
{
    static const char *const lists[] = {"aper"};
    struct local_table *table =
        local_table_parse(LOCAL_EXCLUSIONS, exclusions(), &options, lists, 1);

    if (table == NULL)
        return false;
    /* None may be missing that nobody complains of. */
    assert_int_equal(local_table_count(table), 203);
    assert_int_equal(local_table_left_out(table), 1);
    local_table_free(table);
    return true;
}

static bool edit_exclusions(void)
{
    static const char added[] = "new@example.org";
    const struct local_edit edit = {.action = LOCAL_ADD, .what = view_of(added), .now = 1};
    struct edited_text out;

    edit_text(LOCAL_EXCLUSIONS, exclusions(), &edit, &options, &out);
    bool is_done = out.outcome == LOCAL_EDIT_ADDED;
    if (is_done)
        assert_true(view_starts(view_from(buf_view(&out.text), exclusions().len), added));
    else
        assert_int_equal(out.outcome, LOCAL_EDIT_FAILED);
    edited_text_free(&out);
    return is_done;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* The length of the string under test: where its buffer grows matters. */
static int json_length;

static bool parse_json(void)
{
    char text[256];
    json_error_t why;
    int len = snprintf(text, sizeof text, "{\"what\":\"%0*d\",\"force\":true}", json_length, 7);
    json_t *json = json_parse(view_make(text, (size_t)len), 0, &why);

    if (json == NULL) {
        assert_int_equal(json_error_code(&why), json_error_out_of_memory);
        return false;
    }
    assert_int_equal(json_string_length(json_object_get(json, "what")), json_length);
    json_decref(json);
    return true;
}

/* ---- what several relays share -------------------------------------------------------------- */

static struct records *put_records(void)
{
    struct records *r = records_new();
    char what[32];

    for (unsigned i = 0; r != NULL && i < 200; i++) {
        const bool is_gone = i % 2 == 0;
        const struct record_of of = {.what = key_of(i, what),
                                     .version = i + 1,
                                     .text = view_of(is_gone ? "" : "line\n"),
                                     .sealed = view_of("sealed"),
                                     .deleted_at = is_gone ? 1000 : 0};
        int rc = records_put(r, &of);
        if (rc == 0)
            continue;
        assert_int_equal(rc, ERR_NOMEM);
        assert_int_equal(records_count(r), i);
        records_free(r);
        return NULL;
    }
    return r;
}

static bool read_records(struct view text, struct records *r)
{
    struct error why;
    int rc = records_read(r, text, &why);

    if (rc != 0) {
        assert_int_equal(rc, ERR_NOMEM);
        assert_int_equal(records_count(r), 0);
        return false;
    }
    assert_int_equal(records_count(r), 200);
    size_t forgotten = records_forget_deleted(r, 2000);
    assert_int_equal(records_count(r), 200 - forgotten);
    return forgotten == 100;
}

static bool keep_records(void)
{
    struct records *r = put_records(), *again = NULL;
    struct buf file = BUF_INIT(RECORDS_FILE_MAX);
    int rc = r == NULL ? ERR_NOMEM : records_write(r, &file);
    bool is_done = false;

    if (rc == 0 && (again = records_new()) != NULL)
        is_done = read_records(buf_view(&file), again);
    records_free(again);
    records_free(r);
    buf_free(&file);
    return is_done;
}

/* Bytes that zlib cannot make much smaller, so that there are several chunks. */
static char body[(size_t)3 * LIST_CHUNK_BYTES];

static int body_next(void *from, struct view *bytes, struct error *why)
{
    struct view *rest = from;

    (void)why;
    *bytes = view_first(*rest, 100000);
    *rest = view_from(*rest, 100000);
    return 0;
}

static int body_came(struct view bytes, bool first, void *arg)
{
    size_t *n = arg;

    *n = first ? bytes.len : *n + bytes.len;
    return 0;
}

static bool take_chunks(struct blob_maker *m, struct blob_taker *t)
{
    struct error why;
    struct view chunk;
    int rc;

    while ((rc = blob_maker_chunk(m, &chunk, &why)) > 0)
        if (blob_taker_chunk(t, chunk, &why) != 0) {
            assert_int_equal(why.code, ERR_NOMEM);
            return false;
        }
    if (rc == 0)
        assert_int_equal(blob_taker_end(t, &why), 0);
    else
        assert_int_equal(rc, ERR_NOMEM);
    return rc == 0;
}

static bool share_a_list(void)
{
    static struct list_pointer pointer = {.deflated = true};
    struct view rest = view_make(body, sizeof body);
    struct blob_maker *m = blob_maker_new(true, body_next, &rest);
    struct view chunk;
    size_t came = 0;

    /* The pointer says how many bytes they become, so they are made twice. */
    while (pointer.packed == 0 && m != NULL) {
        unsigned long fails_at = memory.fails;
        memory.fails = 0;
        struct digest *d = digest_new();
        digest_add(d, body, sizeof body);
        digest_end(d, pointer.sha256);
        uint64_t bytes = 0;
        while (blob_maker_chunk(m, &chunk, NULL) > 0)
            bytes += chunk.len;
        pointer.bytes = sizeof body;
        pointer.packed = bytes;
        blob_maker_free(m);
        memory.fails = fails_at;
        rest = view_make(body, sizeof body);
        m = blob_maker_new(true, body_next, &rest);
    }
    struct blob_taker *t = m == NULL ? NULL : blob_taker_new(&pointer, body_came, &came);
    bool is_done = t != NULL && take_chunks(m, t);
    assert_true(!is_done || came == sizeof body);
    blob_maker_free(m);
    blob_taker_free(t);
    return is_done;
}

/* ---- what zones have said ------------------------------------------------------------------- */

#define NOW_MS INT64_C(100000)
#define NOW_S  INT64_C(1700000000)

static bool fill_cache(struct cache *c)
{
    char text[32];

    for (unsigned i = 0; i < 100; i++) {
        struct cache_entry *e = cache_put(c, 0, key_of(i, text), NOW_MS);
        if (e == NULL)
            return false;
        e->known = true;
        e->said_at = e->listed_since = NOW_S;
        e->expires_ms = NOW_MS + 60000;
        cache_list_as(c, e, CACHE_PROVEN);
        if (cache_set_text(c, e, view_of("listed")) != 0)
            return false;
    }
    return true;
}

static bool save_cache(const struct cache *c, struct buf *out)
{
    const struct cache_zone_id id = {{1}};
    size_t cursor = 0;

    if (cache_file_begin(out, &id, 1) != 0)
        return false;
    while (cache_file_slice(c, &cursor, 16, out, NOW_S, NOW_MS))
        ;
    return cache_file_end(out) == 0;
}

static bool load_cache(struct view file)
{
    struct cache *c = cache_new((size_t)1 << 20);
    struct cache_zone_id ids[1];
    unsigned n;
    struct error why;
    int rc = c == NULL ? ERR_NOMEM : cache_file_read(c, file, ids, 1, &n, NOW_S, NOW_MS, &why);

    if (rc != 0)
        assert_int_equal(rc, ERR_NOMEM);
    if (c != NULL)
        assert_int_equal(cache_count(c), rc == 0 ? 100 : 0);
    cache_free(c);
    return rc == 0;
}

static bool keep_cache(void)
{
    struct cache *c = cache_new((size_t)1 << 20);
    struct buf file = BUF_INIT((size_t)1 << 20);
    bool is_done =
        c != NULL && fill_cache(c) && save_cache(c, &file) && load_cache(buf_view(&file));

    buf_free(&file);
    cache_free(c);
    return is_done;
}

/* ---- the tests ------------------------------------------------------------------------------ */

static int set_up(void **state)
{
    uint32_t random = 1;

    (void)state;
    protect = protect_load(NULL, NULL);
    suffixes = suffixes_new();
    for (size_t i = 0; i < sizeof body; i++) {
        random = random * 1664525 + 1013904223;
        body[i] = (char)(random >> 24);
    }
    return protect == NULL || suffixes == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    protect_release(protect);
    suffixes_free(suffixes);
    return 0;
}

static void test_blocklists(void **state)
{
    (void)state;
    try_all(build_a_blocklist, 20);
}

static void test_lists_that_are_read(void **state)
{
    (void)state;
    try_all(read_a_list, 20);
    try_all(unpack, 1);
}

static void test_exclusions(void **state)
{
    (void)state;
    try_all(parse_exclusions, 10);
    try_all(edit_exclusions, 10);
}

static void test_json(void **state)
{
    (void)state;
    for (json_length = 1; json_length < 140; json_length++)
        try_all(parse_json, 5);
}

/* In *ARG: nothing else was said than that there is no memory. */
static void *parse_without_memory(void *arg)
{
    bool *is_well = arg;

    *is_well = true;
    for (int i = 0; i < 20000; i++) {
        char json_text[256];
        json_error_t why;
        int len = snprintf(json_text, sizeof json_text, "{\"what\":\"%0*d\"}", 1 + i % 139, 7);
        memory.fails = 1 + (unsigned long)(i % 7);
        memory.all_that_follow = true;
        memory.counted = 0;
        json_t *json = json_parse(view_make(json_text, (size_t)len), 0, &why);
        memory.fails = 0;
        if (json == NULL && json_error_code(&why) != json_error_out_of_memory)
            *is_well = false;
        json_decref(json);
    }
    return NULL;
}

/* What jansson gets then is there for one parse at a time. */
static void test_json_in_two_threads(void **state)
{
    bool is_well[2] = {false, false};
    pthread_t other;

    (void)state;
    assert_int_equal(pthread_create(&other, NULL, parse_without_memory, &is_well[1]), 0);
    parse_without_memory(&is_well[0]);
    pthread_join(other, NULL);
    assert_true(is_well[0] && is_well[1]);
}

static void test_what_relays_share(void **state)
{
    (void)state;
    try_all(keep_records, 200);
    try_all(share_a_list, 3);
}

static void test_what_zones_said(void **state)
{
    (void)state;
    try_all(keep_cache, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocklists),          cmocka_unit_test(test_lists_that_are_read),
        cmocka_unit_test(test_exclusions),          cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_in_two_threads), cmocka_unit_test(test_what_relays_share),
        cmocka_unit_test(test_what_zones_said),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
