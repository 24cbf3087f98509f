/*
 * The codec: `name=value` lines, LF only, and an empty line (Postfix attr_print_plain.c). A value
 * is everything behind the first '='. Attributes that are not ours are skipped unseen; their order
 * and number have changed with nearly every release of Postfix and will again.
 */
#include "rcptguard/policy.h"

#include <string.h>

enum attribute {
    ATTR_REQUEST,
    ATTR_STATE,
    ATTR_RECIPIENT,
    ATTR_SENDER,
    ATTR_SASL,
    ATTR_CLIENT,
    ATTR_QUEUE_ID,
    ATTR_INSTANCE,
    ATTR_OTHER,
};

_Static_assert((int)ATTR_OTHER == POLICY_ATTRIBUTES, "one scanner slot an attribute");

/* Told apart by length first: most lines are of none of these. */
static enum attribute attribute_of(const char *name, size_t len)
{
    switch (len) {
    case 6:
        return memcmp(name, "sender", 6) == 0 ? ATTR_SENDER : ATTR_OTHER;
    case 7:
        return memcmp(name, "request", 7) == 0 ? ATTR_REQUEST : ATTR_OTHER;
    case 8:
        if (memcmp(name, "queue_id", 8) == 0)
            return ATTR_QUEUE_ID;
        return memcmp(name, "instance", 8) == 0 ? ATTR_INSTANCE : ATTR_OTHER;
    case 9:
        return memcmp(name, "recipient", 9) == 0 ? ATTR_RECIPIENT : ATTR_OTHER;
    case 13:
        return memcmp(name, "sasl_username", 13) == 0 ? ATTR_SASL : ATTR_OTHER;
    case 14:
        if (memcmp(name, "protocol_state", 14) == 0)
            return ATTR_STATE;
        return memcmp(name, "client_address", 14) == 0 ? ATTR_CLIENT : ATTR_OTHER;
    default:
        return ATTR_OTHER;
    }
}

static struct view value_of(const struct policy_scanner *s, struct view bytes,
                            enum attribute attribute)
{
    return view_make(bytes.ptr + s->values[attribute].at, s->values[attribute].len);
}

static void fill_query(const struct policy_scanner *s, struct view bytes, struct policy_query *q)
{
    q->request = value_of(s, bytes, ATTR_REQUEST);
    q->protocol_state = value_of(s, bytes, ATTR_STATE);
    q->recipient = value_of(s, bytes, ATTR_RECIPIENT);
    q->sender = value_of(s, bytes, ATTR_SENDER);
    q->sasl_username = value_of(s, bytes, ATTR_SASL);
    q->client_address = value_of(s, bytes, ATTR_CLIENT);
    q->queue_id = value_of(s, bytes, ATTR_QUEUE_ID);
    q->instance = value_of(s, bytes, ATTR_INSTANCE);
}

/* Bytes in which NUL is looked for at once: a query has some thirty lines, and each search costs
 * more than its bytes; but what is behind the query is searched again with the next one. */
#define NUL_SEARCH 1024

/* What is wrong with a line, or NULL. NUL: the first one from here on, or NULL. */
static const char *read_line(struct policy_scanner *s, const char *line, size_t len,
                             const char *nul)
{
    const char *equals = memchr(line, '=', len);

    if (len > POLICY_LINE_MAX)
        return "a line longer than 16 KiB";
    if (equals == NULL)
        return "a line without '='";
    if (nul != NULL && nul < line + len)
        return "a NUL byte";
    size_t name_len = (size_t)(equals - line);
    enum attribute attribute = attribute_of(line, name_len);
    if (attribute != ATTR_OTHER) {
        s->values[attribute].at = (uint32_t)(s->line + name_len + 1);
        s->values[attribute].len = (uint32_t)(len - name_len - 1);
    }
    return NULL;
}

enum policy_scan policy_scan(struct policy_scanner *s, struct view bytes, size_t *used,
                             struct policy_query *query, const char **what)
{
    const char *nul = NULL, *searched = bytes.ptr; /* for it, up to there */

    for (;;) {
        const char *line = bytes.ptr + s->line;
        size_t left = bytes.len - s->line;
        const char *end = left == 0 ? NULL : memchr(line, '\n', left);
        if (end == NULL) {
            *what = left > POLICY_LINE_MAX          ? "a line longer than 16 KiB"
                    : bytes.len >= POLICY_QUERY_MAX ? "a query longer than 64 KiB"
                                                    : NULL;
            return *what == NULL ? POLICY_MORE : POLICY_BROKEN;
        }
        size_t len = (size_t)(end - line);
        if (s->line + len + 1 > POLICY_QUERY_MAX) {
            *what = "a query longer than 64 KiB";
            return POLICY_BROKEN;
        }
        if (len == 0) {
            *used = s->line + 1;
            fill_query(s, bytes, query);
            memset(s, 0, sizeof *s);
            return POLICY_QUERY;
        }
        if (end > searched) {
            size_t n = len > NUL_SEARCH ? len : left < NUL_SEARCH ? left : NUL_SEARCH;
            nul = memchr(line, '\0', n);
            searched = line + n;
        }
        *what = read_line(s, line, len, nul);
        if (*what != NULL)
            return POLICY_BROKEN;
        s->line += len + 1;
    }
}

bool policy_query_is_recipient(const struct policy_query *q)
{
    return view_is(q->request, "smtpd_access_policy") && view_is(q->protocol_state, "RCPT");
}
