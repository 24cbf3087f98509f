/* DNS answers: whatever the bytes are, what comes out is in bounds and means one thing. Only what
 * begins with the question replies to it. */
#include <stdint.h>
#include <stdlib.h>

#include "dnsbl/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void read_as(struct view bytes, enum dns_type type)
{
    struct dns_answer out;
    char dst[32];

    dns_message_read(bytes, type, &out);
    must(out.result <= DNS_FAILED);
    must(out.n_addresses <= DNS_ADDRESSES_MAX && out.text_len <= DNS_TEXT_MAX);
    must(out.text[out.text_len] == '\0' && out.ttl_s <= 0x7fffffff);
    if (out.result == DNS_RECORDS)
        must(out.has_ttl && out.rcode == 0 && (out.n_addresses > 0) == (type == DNS_A));
    must(out.result == DNS_RECORDS || (out.n_addresses == 0 && out.text_len == 0));
    must(dns_result_text(&out, dst)[0] != '\0');
}

static void compare(struct view bytes)
{
    unsigned char question[DNS_QUESTION_MAX];
    uint16_t number = 0;

    must(dns_message_number(bytes, &number) == (bytes.len >= 12));
    size_t len = dns_question_write("x.list", DNS_A, number, question);
    bool replies = dns_message_replies(bytes, view_make(question, len));
    bool has_question =
        bytes.len >= len && view_eq_nocase(view_first(view_from(bytes, 12), len - 12),
                                           view_make(question + 12, len - 12));
    must(!replies || has_question || (bytes.ptr[3] & 0xf) != 0);
    must(bytes.len >= 12 || !dns_message_is_cut(bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    compare(view_make(data, size));
    read_as(view_make(data, size), DNS_A);
    read_as(view_make(data, size), DNS_TXT);
    return 0;
}
