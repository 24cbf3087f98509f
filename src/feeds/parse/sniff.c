/* Telling a list from a page. */
#include "sniff.h"

/* Blank, or part of the byte order mark that the first line may begin with. */
static bool is_lead(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\xef' ||
           c == '\xbb' || c == '\xbf';
}

/* Comments are a list's own words: one that thanks <headmaster@example.org> is no page. */
static bool is_comment(struct sniff *s, char c)
{
    if (c == '\n')
        s->line = SNIFF_BLANK;
    else if (s->line == SNIFF_BLANK && !is_lead(c))
        s->line = c == '#' ? SNIFF_COMMENT : SNIFF_TEXT;
    return s->line == SNIFF_COMMENT;
}

static void keep_head(struct sniff *s, struct view bytes)
{
    for (size_t i = 0; i < bytes.len && s->len < sizeof s->head; i++)
        if (!is_comment(s, bytes.ptr[i]) && (s->len > 0 || !is_lead(bytes.ptr[i])))
            s->head[s->len++] = ascii_lower(bytes.ptr[i]);
}

static void keep_raw(struct sniff *s, struct view bytes)
{
    bytes = view_first(bytes, sizeof s->raw - s->raw_len);
    memcpy(s->raw + s->raw_len, bytes.ptr, bytes.len);
    s->raw_len += bytes.len;
}

struct view sniff_head(const struct sniff *s)
{
    struct view head = view_make(s->raw, s->raw_len);
    ptrdiff_t end = s->raw_len == sizeof s->raw ? view_find_last(head, '\n') : -1;

    return end < 0 ? head : view_first(head, (size_t)end);
}

static bool is_control(char c)
{
    return ascii_control(c) && c != '\t' && c != '\r' && c != '\n' && c != '\f';
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* May one of eight bytes be below 0x20 or be 0x7f? (Hacker's Delight, 6-1; never a false no.) */
static bool may_hold_control(uint64_t word)
{
    uint64_t del = word ^ EACH(0x7f);

    return (((word - EACH(0x20)) & ~word) | ((del - EACH(1)) & ~del)) & EACH(0x80);
}

/* Eight bytes at a time: every byte of every list passes here. */
static bool holds_control(struct view bytes)
{
    uint64_t word;

    for (size_t at = 0; at < bytes.len; at += sizeof word) {
        struct view eight = view_first(view_from(bytes, at), sizeof word);
        if (eight.len == sizeof word) {
            memcpy(&word, eight.ptr, sizeof word);
            if (!may_hold_control(word))
                continue;
        }
        for (size_t i = 0; i < eight.len; i++)
            if (is_control(eight.ptr[i]))
                return true;
    }
    return false;
}

void sniff_chunk(struct sniff *s, struct view bytes)
{
    keep_head(s, bytes);
    if (bytes.len > 0 && s->raw_len < sizeof s->raw)
        keep_raw(s, bytes);
    s->control |= holds_control(bytes);
}

bool sniff_is_html(const struct sniff *s)
{
    static const char *const tags[] = {"<!doctype", "<html", "<?php", "<?xml", "<head", "<script"};

    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (memmem(s->head, s->len, tags[i], strlen(tags[i])) != NULL)
            return true;
    return false;
}
