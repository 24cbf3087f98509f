/* The grammar: a file in, what was read of it out, as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/ini.h"

/* "3 [section name]", "4 key=value", "5 bad", with "(6 word)" behind for a hidden key. */
static char *trace(struct view text)
{
    struct buf b = BUF_INIT(0);
    struct ini_item item;
    struct ini ini;

    buf_add_text(&b, "");
    ini_begin(&ini, text);
    while (ini_next(&ini, &item) != INI_END) {
        buf_addf(&b, "%u ", item.line);
        if (item.kind == INI_SECTION)
            buf_addf(&b, "[%.*s|%.*s]", (int)item.name.len, item.name.ptr, (int)item.value.len,
                     item.value.ptr);
        else if (item.kind == INI_KEY)
            buf_addf(&b, "%.*s=%.*s", (int)item.name.len, item.name.ptr, (int)item.value.len,
                     item.value.ptr);
        else
            buf_addf(&b, "bad: %.12s", item.problem);
        if (item.hidden_line != 0)
            buf_addf(&b, " (%u %.*s)", item.hidden_line, (int)item.hidden_key.len,
                     item.hidden_key.ptr);
        buf_add_text(&b, "\n");
    }
    assert_int_equal(ini_end(&ini), 0);
    return b.data;
}

static void test_grammar(void **state)
{
    (void)state;
    static const struct {
        const char *text, *read;
    } rows[] = {
        {"", ""},
        {"\n\n  \n\t\n", ""},
        {"[policy]\nmode = observe\n", "1 [policy|]\n2 mode=observe\n"},
        {"[policy]\r\nmode = observe\r\n", "1 [policy|]\n2 mode=observe\n"},
        {"\xef\xbb\xbf[policy]\n", "1 [policy|]\n"},
        {"\n\xef\xbb\xbf[policy]\n", "2 bad: neither 'key\n"}, /* a BOM begins a file only */
        {"[ feed \t aper ] # mine", "1 [feed|aper]\n"},
        {"[feed a b]", "1 [feed|a b]\n"},
        {"mode=observe", "1 mode=observe\n"},
        {"mode  =\tobserve  \t", "1 mode=observe\n"},
        {"a = b = c", "1 a=b = c\n"},
        {"a =", "1 a=\n"},
        {"a =   # nothing", "1 a=\n"},
        /* comments */
        {"# all\n#\n\t# too\na = 1", "4 a=1\n"},
        {"a = 1 # one", "1 a=1\n"},
        {"a = 1\t# one", "1 a=1\n"},
        {"a = 1# one", "1 a=1# one\n"},
        {"a = x#y", "1 a=x#y\n"},
        {"a =#", "1 a=#\n"},
        {"a = \\# one", "1 a=# one\n"},
        {"a = x \\#1 y # z", "1 a=x #1 y\n"},
        {"a = \\\\#", "1 a=\\#\n"},
        {"a = \\n \\ # z", "1 a=\\n \\\n"},
        {"a = \\", "1 a=\\\n"},
        /* continuation */
        {"a = 1\n 2\n\t3", "1 a=1 2 3\n"},
        {"a = 1\n\n # c\n#d\n 2\nb = 3", "1 a=1 2\n6 b=3\n"},
        {"a =\n  1 # one\n  2 # two\n", "1 a=1 2\n"},
        {"a = 1\r\n 2\r\n", "1 a=1 2\n"},
        {"a = 1\n  b = 2\n  c = 3", "1 a=1 b = 2 c = 3 (2 b)\n"},
        {"a = 1\n  x y = 2", "1 a=1 x y = 2\n"},
        {"  a = 1\nb = 2", "1 bad: begins with \n2 b=2\n"},
        {"[s]\n  a = 1\n  b = 2", "1 [s|]\n2 bad: begins with \n3 bad: begins with \n"},
        {"junk\n more = 1\nb = 2", "1 bad: neither 'key\n3 b=2\n"},
        /* bad */
        {"junk", "1 bad: neither 'key\n"},
        {"; comment", "1 bad: neither 'key\n"},
        {"= 1", "1 bad: no key befor\n"},
        {"[", "1 bad: not a sectio\n"},
        {"[policy", "1 bad: not a sectio\n"},
        {"[policy] x", "1 bad: not a sectio\n"},
        {"[]", "1 bad: a section wi\n"},
        {"[ \t ]", "1 bad: a section wi\n"},
        {"a = \x01", "1 bad: holds a cont\n"},
        {"a = 1\r2", "1 bad: holds a cont\n"},
        {"# ours\rmode = observe\r", "1 bad: holds a cont\n"},
        {"a = 1 # ours\rb = 2\r\nc = 3", "1 bad: holds a cont\n2 c=3\n"},
        {"a = 1\n 2\n # ours\r b = 3\n\nc = 4", "1 a=1 2\n3 bad: holds a cont\n5 c=4\n"},
        {"# one\r\n\r\na = 1 # two\r\n # three\r\r\n", "3 a=1\n"},
        {"a = 1\n \x7f", "1 bad: holds a cont\n"},
        {"a = 1 # \x01\nb = 2", "1 a=1\n2 b=2\n"},
        {"a = \xff\xfe", "1 a=\xff\xfe\n"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *read = trace(view_of(rows[i].text));
        assert_string_equal(read, rows[i].read);
        free(read);
    }
}

static void test_nul_and_utf16(void **state)
{
    (void)state;
    char *nul = trace(view_make("a = 1\0002\nb = 2", 13));
    assert_string_equal(nul, "1 bad: holds a cont\n2 b=2\n");
    free(nul);
    char *torn = trace(view_make("a = 1\n# hea\0\0", 13));
    assert_string_equal(torn, "1 a=1\n2 bad: holds a cont\n");
    free(torn);
    char *utf16 = trace(view_make("\xff\xfe[\0a\0]\0\n\0", 10));
    assert_non_null(strstr(utf16, "bad: holds a cont"));
    free(utf16);
}

/* libinih's 200 bytes are why this reader exists. */
static void test_long_lines(void **state)
{
    (void)state;
    size_t len = 300000;
    char *text = malloc(len + 1);
    struct ini_item item;
    struct ini ini;

    memset(text, 'x', len);
    text[len] = '\0';
    memcpy(text, "a = ", 4);
    ini_begin(&ini, view_make(text, len));
    assert_int_equal(ini_next(&ini, &item), INI_KEY);
    assert_int_equal(item.value.len, len - 4);
    assert_int_equal(ini_next(&ini, &item), INI_END);
    assert_int_equal(ini_end(&ini), 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_nul_and_utf16),
        cmocka_unit_test(test_long_lines),
    };
    return cmocka_run_group_tests_name("config/ini", tests, NULL, NULL);
}
