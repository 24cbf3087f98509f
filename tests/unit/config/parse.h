/* A configuration from a text, and its problems as one text: what the tests of this room compare.
 */
#ifndef TEST_CONFIG_PARSE_H
#define TEST_CONFIG_PARSE_H

#include <stdlib.h>

#include "config/loaded.h"
#include "rcptguard/base/buf.h"

struct parsed {
    struct config *config; /* NULL: refused */
    int rc;
    char *problems; /* a line each; "" without */
};

static inline struct parsed parse_mode(const char *text, mode_t mode)
{
    struct config_source source = {.path = "t.conf", .text = view_of(text), .mode = mode};
    struct config_problems problems = {0};
    struct buf all = BUF_INIT(0);
    struct parsed parsed;

    buf_add_text(&all, "");
    parsed.rc = config_parse(&source, &parsed.config, &problems);
    for (size_t i = 0; i < problems.count; i++)
        buf_addf(&all, "%s\n", problems.items[i].text);
    parsed.problems = all.data;
    config_problems_free(&problems);
    return parsed;
}

static inline struct parsed parse(const char *text)
{
    return parse_mode(text, 0100640);
}

static inline void parsed_free(struct parsed *p)
{
    config_release(p->config);
    free(p->problems);
}

/* TEXT must give exactly these problems. */
#define assert_problems(text, expected)                                                            \
    do {                                                                                           \
        struct parsed parsed_ = parse(text);                                                       \
        assert_string_equal(parsed_.problems, expected);                                           \
        assert_true((parsed_.config != NULL) == (parsed_.rc == 0));                                \
        parsed_free(&parsed_);                                                                     \
    } while (0)

#endif
