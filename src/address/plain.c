/*
 * Lists of millions are parsed while mail waits for nothing but a CPU, so the usual entry costs one
 * look at each of its bytes.
 */
#include "plain.h"

#include "canonical.h"

enum { LOCAL = 1, NAME = 2 };

#define BOTH (LOCAL | NAME)

/* LOCAL: needs no quotes (rule 4), is no pattern, and is ASCII. NAME: see domain_char. */
static const unsigned char classes[256] = {
    ['!'] = LOCAL, ['#'] = LOCAL, ['$'] = LOCAL, ['%'] = LOCAL, ['&'] = LOCAL, ['\''] = LOCAL,
    ['+'] = LOCAL, ['/'] = LOCAL, ['='] = LOCAL, ['?'] = LOCAL, ['^'] = LOCAL, ['`'] = LOCAL,
    ['{'] = LOCAL, ['|'] = LOCAL, ['}'] = LOCAL, ['~'] = LOCAL, ['-'] = BOTH,  ['.'] = BOTH,
    ['_'] = BOTH,  ['0'] = BOTH,  ['1'] = BOTH,  ['2'] = BOTH,  ['3'] = BOTH,  ['4'] = BOTH,
    ['5'] = BOTH,  ['6'] = BOTH,  ['7'] = BOTH,  ['8'] = BOTH,  ['9'] = BOTH,  ['A'] = BOTH,
    ['B'] = BOTH,  ['C'] = BOTH,  ['D'] = BOTH,  ['E'] = BOTH,  ['F'] = BOTH,  ['G'] = BOTH,
    ['H'] = BOTH,  ['I'] = BOTH,  ['J'] = BOTH,  ['K'] = BOTH,  ['L'] = BOTH,  ['M'] = BOTH,
    ['N'] = BOTH,  ['O'] = BOTH,  ['P'] = BOTH,  ['Q'] = BOTH,  ['R'] = BOTH,  ['S'] = BOTH,
    ['T'] = BOTH,  ['U'] = BOTH,  ['V'] = BOTH,  ['W'] = BOTH,  ['X'] = BOTH,  ['Y'] = BOTH,
    ['Z'] = BOTH,  ['a'] = BOTH,  ['b'] = BOTH,  ['c'] = BOTH,  ['d'] = BOTH,  ['e'] = BOTH,
    ['f'] = BOTH,  ['g'] = BOTH,  ['h'] = BOTH,  ['i'] = BOTH,  ['j'] = BOTH,  ['k'] = BOTH,
    ['l'] = BOTH,  ['m'] = BOTH,  ['n'] = BOTH,  ['o'] = BOTH,  ['p'] = BOTH,  ['q'] = BOTH,
    ['r'] = BOTH,  ['s'] = BOTH,  ['t'] = BOTH,  ['u'] = BOTH,  ['v'] = BOTH,  ['w'] = BOTH,
    ['x'] = BOTH,  ['y'] = BOTH,  ['z'] = BOTH,
};

/* Bytes of CLASS from AT on, lower-cased into DST; returns where they end. */
static size_t take(struct view v, size_t at, unsigned char class, char *dst)
{
    while (at < v.len && (classes[(unsigned char)v.ptr[at]] & class) != 0) {
        dst[at] = ascii_lower(v.ptr[at]);
        at++;
    }
    return at;
}

/* No empty label, no dot at an end. */
static bool has_sound_labels(struct view name)
{
    if (name.len == 0 || name.ptr[0] == '.' || name.ptr[name.len - 1] == '.')
        return false;
    return memmem(name.ptr, name.len, "..", 2) == NULL;
}

bool plain_address(struct view what, const struct address_options *options, struct entry *out)
{
    if (what.len > ENTRY_MAX_BYTES)
        return false;
    size_t at = take(what, 0, LOCAL, out->text);
    if (at == 0 || at == what.len || what.ptr[at] != '@')
        return false;
    out->text[at] = '@';
    struct view name = view_make(out->text + at + 1, what.len - at - 1);
    if (take(what, at + 1, NAME, out->text) != what.len || !has_sound_labels(name) ||
        (options->provider_aliases && provider_is_gmail(name)))
        return false;
    out->kind = ENTRY_ADDRESS;
    out->key = view_make(out->text, what.len);
    return true;
}

bool plain_domain(struct view name, enum entry_kind kind, struct entry *out)
{
    if (name.len > ENTRY_MAX_BYTES || take(name, 0, NAME, out->text) != name.len)
        return false;
    out->key = view_make(out->text, name.len);
    out->kind = kind;
    return has_sound_labels(out->key) && !ascii_digit(out->text[name.len - 1]);
}
