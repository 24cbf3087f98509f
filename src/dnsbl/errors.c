/*
 * Error codes. Whether an answer is one is the same for all zones, known or not; what it means is
 * told for the big lists, by the end of the zone's name, so that mirrors with a key in front of it
 * (KEY.dbl.dq.spamhaus.net) are recognised too.
 *
 * Spamhaus: docs.spamhaus.com, "Available Zones". URIBL: uribl.com/refused.shtml. SURBL:
 * surbl.org, "Implementation Guidelines" (bit 1 of the last octet).
 */
#include "errors.h"

#define ANY 256 /* in place of an octet */

struct pattern {
    unsigned short octets[4];
};

static bool fits(const struct pattern *p, const unsigned char answer[4])
{
    for (int i = 0; i < 4; i++)
        if (p->octets[i] != ANY && p->octets[i] != answer[i])
            return false;
    return true;
}

bool errors_is_code(const unsigned char answer[4])
{
    static const struct pattern codes[] = {
        {{127, 255, 255, ANY}}, {{127, 0, 0, 1}},   {{127, 0, 0, 255}},
        {{127, 0, 1, 255}},     {{127, 0, 2, 255}},
    };

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (fits(&codes[i], answer))
            return true;
    return false;
}

/* The first row that fits counts. An empty end is that of every zone. */
static const struct meaning {
    const char *end;
    struct pattern answer;
    const char *text;
} meanings[] = {
    {"spamhaus.org",
     {{127, 255, 255, 252}},
     "Spamhaus: there is no such zone; compare 'zone' with its documentation"},
    {"spamhaus.org",
     {{127, 255, 255, 254}},
     "Spamhaus: query came through a public resolver; use your own resolver or a DQS key"},
    {"spamhaus.org",
     {{127, 255, 255, 255}},
     "Spamhaus: too many queries for the free service; use a DQS key"},
    {"dq.spamhaus.net",
     {{127, 255, 255, 252}},
     "Spamhaus DQS: there is no such zone; compare 'zone' with its documentation"},
    {"dq.spamhaus.net",
     {{127, 255, 255, 254}},
     "Spamhaus DQS: query came through a public resolver; use your own resolver"},
    {"dq.spamhaus.net",
     {{127, 255, 255, 255}},
     "Spamhaus DQS: too many queries for this key; look at your account with Spamhaus"},
    {"dq.spamhaus.net",
     {{127, 255, 255, ANY}},
     "Spamhaus DQS: the query was refused; look whether the key in 'secret' is right and paid for"},
    {"spamhaus.org",
     {{127, 0, 1, 255}},
     "Spamhaus: the zone takes names and was asked about an IP address; it cannot be asked with "
     "this 'query'"},
    {"spamhaus.org",
     {{127, 0, 2, 255}},
     "Spamhaus: the zone takes names and was asked about an IP address; it cannot be asked with "
     "this 'query'"},
    {"dq.spamhaus.net",
     {{127, 0, 1, 255}},
     "Spamhaus DQS: the zone takes names and was asked about an IP address; it cannot be asked "
     "with this 'query'"},
    {"dq.spamhaus.net",
     {{127, 0, 2, 255}},
     "Spamhaus DQS: the zone takes names and was asked about an IP address; it cannot be asked "
     "with this 'query'"},
    {"surbl.org",
     {{127, 0, 0, 1}},
     "SURBL: this resolver is blocked; use your own resolver, or ask SURBL for a subscription"},
    {"uribl.com",
     {{127, 0, 0, 1}},
     "URIBL: the query was refused (a public resolver, or too many queries); use your own "
     "resolver, see uribl.com/refused.shtml"},
    {"",
     {{127, 255, 255, ANY}},
     "the list refused the query (a public resolver, too many queries or a wrong zone or key); use "
     "your own resolver and look into the list's documentation"},
    {"",
     {{127, 0, 0, 1}},
     "the list does not answer this resolver; use your own resolver and look into the list's "
     "documentation"},
    {"",
     {{ANY, ANY, ANY, ANY}},
     "the list does not take such questions; look into its documentation for the 'query' that it "
     "takes"},
};

/* Whole labels: notsurbl.org is somebody else's. */
static bool ends_with(struct view zone, struct view end)
{
    if (end.len == 0)
        return true;
    if (zone.len < end.len || !view_eq_nocase(view_from(zone, zone.len - end.len), end))
        return false;
    return zone.len == end.len || zone.ptr[zone.len - end.len - 1] == '.';
}

const char *errors_meaning(struct view zone, const unsigned char answer[4])
{
    const struct meaning *m = meanings;

    while (!fits(&m->answer, answer) || !ends_with(zone, view_of(m->end)))
        m++;
    return m->text;
}
