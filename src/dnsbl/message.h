/*
 * DNS questions put together and answers taken apart (RFC 1035, 4; RFC 2308 for how long a negative
 * one holds). Pure: bytes from outside in, whatever they are.
 */
#ifndef DNSBL_MESSAGE_H
#define DNSBL_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/base/view.h"

enum dns_type { DNS_A = 1, DNS_TXT = 16 };

enum dns_result {
    DNS_RECORDS, /* there is at least one record of the type */
    DNS_NODATA,  /* the name is there, such a record is not */
    DNS_NXDOMAIN,
    DNS_FAILED,      /* SERVFAIL, REFUSED and other rcodes, a referral, or not to be read */
    DNS_TIMEOUT,     /* by the resolver: nobody answered */
    DNS_UNREACHABLE, /* by the resolver: it could not be sent */
};

#define DNS_ADDRESSES_MAX 64 /* an answer with more of them is DNS_FAILED */
#define DNS_TEXT_MAX      255

struct dns_answer {
    enum dns_result result;
    unsigned rcode;
    unsigned n_addresses;
    unsigned char addresses[DNS_ADDRESSES_MAX][4];
    char text[DNS_TEXT_MAX + 1]; /* TXT: the strings of the first record, joined, cut; any bytes */
    size_t text_len;
    bool has_ttl; /* false: a negative answer without SOA */
    uint32_t
        ttl_s; /* the least of the records; negative: the lesser of the SOA's TTL and minimum */
};

/* A question about NAME (absolute, no dot at its end), recursion desired, into DST. Returns its
 * length, 0: that is no name of the DNS. */
#define DNS_QUESTION_MAX (12 + 255 + 4)
size_t dns_question_write(const char *name, enum dns_type type, uint16_t number,
                          unsigned char dst[DNS_QUESTION_MAX]);

/* The number that a message has; false: it is none. */
bool dns_message_number(struct view bytes, uint16_t *number);

/* Is BYTES a reply to that QUESTION, whatever it says? The name may come back in other letters'
 * case; of failures the question may be missing, as some servers do it. */
bool dns_message_replies(struct view bytes, struct view question);

/* Is there more of it by TCP? */
bool dns_message_is_cut(struct view bytes);

/* A server's answer to a question of TYPE. Sets all but TIMEOUT and UNREACHABLE. */
void dns_message_read(struct view bytes, enum dns_type type, struct dns_answer *out);

/* "SERVFAIL", "REFUSED", "rcode 9" into words for a person; DST holds 32 bytes. */
const char *dns_result_text(const struct dns_answer *answer, char dst[32]);

#endif
