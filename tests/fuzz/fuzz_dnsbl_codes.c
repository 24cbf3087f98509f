/*
 * Patterns of answers, the first byte chooses codes or masks. What is taken lists something in
 * 127.0.0.0/8 and nothing outside; what is refused says why.
 */
#include <stdint.h>
#include <stdlib.h>

#include "dnsbl/codes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static int first_value(const uint64_t field[4])
{
    int value = 0;

    while (value < 256 && (field[value / 64] >> value % 64 & 1) == 0)
        value++;
    return value;
}

static void check_pattern(const struct codes *c, const struct code_pattern *p)
{
    unsigned char answer[4];

    for (int i = 0; i < 4; i++) {
        must(first_value(p->fields[i]) < 256);
        answer[i] = (unsigned char)first_value(p->fields[i]);
    }
    must(answer[0] == 127 && codes_match(c, answer));
    for (int first = 0; first < 256; first++) {
        answer[0] = (unsigned char)first;
        must(first == 127 || !codes_match(c, answer));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct codes c = {0};
    struct error why = {0};
    if (size == 0)
        return 0;

    struct view text = view_make(data + 1, size - 1);
    int failed = data[0] % 2 == 0 ? codes_add(&c, text, &why) : codes_add_mask(&c, text, &why);
    must(c.n <= CODES_PATTERNS);
    if (failed < 0)
        must(why.code == failed && why.text[0] != '\0');
    else
        must(c.n > 0);
    for (unsigned i = 0; i < c.n; i++)
        check_pattern(&c, &c.patterns[i]);
    return 0;
}
