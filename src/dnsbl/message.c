/*
 * DNS messages. Names of answers are stepped over and never followed: whose record it is does not
 * matter (the question was compared, and an alias leads where it leads), so that no compression can
 * go in circles here.
 */
#include "message.h"

#include <stdio.h>
#include <string.h>

#define HEADER_BYTES 12
#define LABEL_MAX    63
#define NAME_MAX     255 /* RFC 1035, 2.3.4 */
#define TYPE_NS      2
#define TYPE_SOA     6
#define CLASS_IN     1
#define TTL_MAX      0x7fffffffu /* RFC 2181, 8: what is beyond counts as 0 */

/* Of the second word of a message. */
enum {
    IS_REPLY = 0x8000,
    OPCODE = 0x7800,
    IS_CUT = 0x0200,
    RECURSION_DESIRED = 0x0100,
    RCODE = 0xf
};

enum rcode { NOERROR = 0, FORMERR = 1, SERVFAIL = 2, NXDOMAIN = 3, NOTIMP = 4, REFUSED = 5 };

struct reader {
    const unsigned char *bytes;
    size_t len, at;
    bool failed; /* stays; what is read from then on is 0 */
};

struct record {
    unsigned type, class;
    uint32_t ttl_s;
    size_t end; /* where its data ends; the reader stands where they begin */
};

static void fail(struct reader *r)
{
    r->failed = true;
    r->at = r->len;
}

static uint32_t number(struct reader *r, unsigned bytes)
{
    uint32_t n = 0;

    if (r->len - r->at < bytes) {
        fail(r);
        return 0;
    }
    while (bytes-- > 0)
        n = n << 8 | r->bytes[r->at++];
    return n;
}

static void skip(struct reader *r, size_t bytes)
{
    if (r->len - r->at < bytes)
        fail(r);
    else
        r->at += bytes;
}

static void skip_name(struct reader *r)
{
    size_t start = r->at;

    while (!r->failed) {
        unsigned first = number(r, 1);

        if (first >= 0xc0) {
            /* A pointer leads back to a name before this one (RFC 1035, 4.1.4), or it is a trap. */
            size_t target = (first & 0x3f) << 8 | number(r, 1);
            if (target < HEADER_BYTES || target >= start)
                fail(r);
            return;
        }
        if (first > LABEL_MAX || r->at - start > NAME_MAX)
            fail(r);
        if (first == 0)
            return;
        skip(r, first);
    }
}

static struct record next_record(struct reader *r)
{
    struct record rec = {0};

    skip_name(r);
    rec.type = number(r, 2);
    rec.class = number(r, 2);
    rec.ttl_s = number(r, 4);
    if (rec.ttl_s > TTL_MAX)
        rec.ttl_s = 0;
    size_t len = number(r, 2);
    if (r->len - r->at < len)
        fail(r);
    rec.end = r->at + (r->failed ? 0 : len);
    return rec;
}

static void keep_ttl(struct dns_answer *out, uint32_t ttl_s)
{
    if (!out->has_ttl || ttl_s < out->ttl_s)
        out->ttl_s = ttl_s;
    out->has_ttl = true;
}

static void read_address(struct reader *r, const struct record *rec, struct dns_answer *out)
{
    if (rec->end - r->at != 4 || out->n_addresses == DNS_ADDRESSES_MAX) {
        fail(r);
        return;
    }
    memcpy(out->addresses[out->n_addresses++], r->bytes + r->at, 4);
}

static void read_text(struct reader *r, const struct record *rec, struct dns_answer *out)
{
    while (!r->failed && r->at < rec->end) {
        size_t len = number(r, 1), room = DNS_TEXT_MAX - out->text_len;

        if (rec->end - r->at < len) {
            fail(r);
            return;
        }
        memcpy(out->text + out->text_len, r->bytes + r->at, len < room ? len : room);
        out->text_len += len < room ? len : room;
        r->at += len;
    }
}

/* Returns how many records of TYPE there are. */
static unsigned read_answers(struct reader *r, unsigned count, enum dns_type type,
                             struct dns_answer *out)
{
    unsigned found = 0;

    for (unsigned i = 0; i < count && !r->failed; i++) {
        struct record rec = next_record(r);

        if (r->failed)
            break;
        if (rec.class == CLASS_IN) {
            keep_ttl(out, rec.ttl_s); /* of aliases too: they are part of what was said */
            if (rec.type == (unsigned)type) {
                if (type == DNS_A)
                    read_address(r, &rec, out);
                else if (found == 0)
                    read_text(r, &rec, out);
                found++;
            }
        }
        if (!r->failed)
            r->at = rec.end;
    }
    return found;
}

/* How long a negative answer holds (RFC 2308, 5), and whether it is one: servers without a SOA are
 * a referral (2.2), by which one that does not recurse says that it does not know. */
static void read_authority(struct reader *r, unsigned count, struct dns_answer *out)
{
    bool soa = false, servers = false;

    for (unsigned i = 0; i < count && !r->failed; i++) {
        struct record rec = next_record(r);

        if (r->failed)
            break;
        if (rec.class == CLASS_IN && rec.type == TYPE_SOA) {
            skip_name(r);
            skip_name(r);
            skip(r, 16); /* serial, refresh, retry, expire */
            uint32_t minimum = number(r, 4);
            if (r->at != rec.end)
                fail(r);
            keep_ttl(out, rec.ttl_s);
            keep_ttl(out, minimum > TTL_MAX ? 0 : minimum);
            soa = true;
        }
        servers |= rec.class == CLASS_IN && rec.type == TYPE_NS;
        if (!r->failed)
            r->at = rec.end;
    }
    if (!soa)
        out->has_ttl = false;
    if (servers && !soa && out->rcode == NOERROR)
        fail(r);
}

/* ---- questions ------------------------------------------------------------------------------ */

static unsigned char *put16(unsigned char *at, unsigned n)
{
    *at++ = (unsigned char)(n >> 8);
    *at++ = (unsigned char)n;
    return at;
}

/* NAME as labels behind their lengths; NULL: it is none. */
static unsigned char *put_name(unsigned char *at, struct view name)
{
    struct view label;

    if (name.len == 0 || name.len + 2 > NAME_MAX)
        return NULL;
    while (view_split(&name, '.', &label)) {
        if (label.len == 0 || label.len > LABEL_MAX)
            return NULL;
        *at++ = (unsigned char)label.len;
        memcpy(at, label.ptr, label.len);
        at += label.len;
    }
    *at++ = 0;
    return at;
}

size_t dns_question_write(const char *name, enum dns_type type, uint16_t number,
                          unsigned char dst[DNS_QUESTION_MAX])
{
    unsigned char *at = put16(dst, number);

    at = put16(at, RECURSION_DESIRED);
    at = put16(at, 1); /* questions */
    memset(at, 0, 6);
    at = put_name(at + 6, view_of(name));
    if (at == NULL)
        return 0;
    at = put16(at, type);
    at = put16(at, CLASS_IN);
    return (size_t)(at - dst);
}

static unsigned word_of(struct view bytes, size_t at)
{
    const unsigned char *from = (const unsigned char *)bytes.ptr + at;

    return (unsigned)from[0] << 8 | from[1];
}

bool dns_message_number(struct view bytes, uint16_t *number)
{
    if (bytes.len < HEADER_BYTES)
        return false;
    *number = (uint16_t)word_of(bytes, 0);
    return true;
}

bool dns_message_replies(struct view bytes, struct view question)
{
    if (bytes.len < HEADER_BYTES || word_of(bytes, 0) != word_of(question, 0) ||
        (word_of(bytes, 2) & (IS_REPLY | OPCODE)) != IS_REPLY)
        return false;
    unsigned rcode = word_of(bytes, 2) & RCODE, questions = word_of(bytes, 4);
    if (questions == 0)
        return rcode != NOERROR && rcode != NXDOMAIN;
    /* Lengths, type and class have no bytes that are letters. */
    return questions == 1 &&
           view_eq_nocase(view_from(view_first(bytes, question.len), HEADER_BYTES),
                          view_from(question, HEADER_BYTES));
}

bool dns_message_is_cut(struct view bytes)
{
    return bytes.len >= HEADER_BYTES && (word_of(bytes, 2) & IS_CUT) != 0;
}

/* ---- answers -------------------------------------------------------------------------------- */

static void unreadable(struct dns_answer *out)
{
    memset(out, 0, sizeof *out);
    out->result = DNS_FAILED;
}

void dns_message_read(struct view bytes, enum dns_type type, struct dns_answer *out)
{
    struct reader r = {(const unsigned char *)bytes.ptr, bytes.len, 0, false};

    unreadable(out);
    skip(&r, 2); /* the number of the question */
    unsigned flags = number(&r, 2), questions = number(&r, 2), answers = number(&r, 2);
    unsigned authority = number(&r, 2);
    skip(&r, 2);
    bool is_answer = (flags & (IS_REPLY | OPCODE)) == IS_REPLY;
    /* Cut: an error code may be in what is missing. */
    if (r.failed || !is_answer || (flags & IS_CUT) != 0)
        return;
    out->rcode = flags & RCODE;
    if (out->rcode != NOERROR && out->rcode != NXDOMAIN)
        return;

    for (unsigned i = 0; i < questions && !r.failed; i++) {
        skip_name(&r);
        skip(&r, 4);
    }
    unsigned found = read_answers(&r, answers, type, out);
    if (found > 0 && out->rcode == NOERROR) {
        out->result = DNS_RECORDS;
    } else {
        read_authority(&r, authority, out);
        out->result = out->rcode == NXDOMAIN ? DNS_NXDOMAIN : DNS_NODATA;
    }
    /* Records of a name that does not exist: whoever says both is not to be believed. */
    if (r.failed || (found > 0 && out->rcode == NXDOMAIN))
        unreadable(out);
}

static const char *failure_text(unsigned rcode, char dst[32])
{
    static const char *const names[] = {
        [FORMERR] = "FORMERR", [SERVFAIL] = "SERVFAIL", [NOTIMP] = "NOTIMP", [REFUSED] = "REFUSED"};

    if (rcode == NOERROR)
        return "unreadable answer, or a referral: the resolver has to recurse";
    if (rcode < sizeof names / sizeof names[0] && names[rcode] != NULL)
        return names[rcode];
    snprintf(dst, 32, "rcode %u", rcode);
    return dst;
}

const char *dns_result_text(const struct dns_answer *answer, char dst[32])
{
    switch (answer->result) {
    case DNS_RECORDS:
        return "records";
    case DNS_NODATA:
        return "no such record";
    case DNS_NXDOMAIN:
        return "no such name";
    case DNS_TIMEOUT:
        return "no answer in time";
    case DNS_UNREACHABLE:
        return "server not reachable";
    case DNS_FAILED:
        break;
    }
    return failure_text(answer->rcode, dst);
}
