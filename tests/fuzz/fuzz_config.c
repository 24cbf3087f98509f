/*
 * Any bytes as a configuration. Refused and explained, or good; and what a good one shows as
 * --dump-config is a configuration too, which shows the same again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/loaded.h"
#include "rcptguard/base/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(property)                                                                            \
    do {                                                                                           \
        if (!(property))                                                                           \
            abort();                                                                               \
    } while (0)

static struct config *parse(struct view text)
{
    struct config_source source = {.path = "t.conf", .text = text, .mode = 0100644};
    struct config_problems problems = {0};
    struct config *config;
    bool forbidden = false;

    int rc = config_parse(&source, &config, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        const struct config_problem *p = &problems.items[i];
        forbidden = forbidden || !p->warning;
        CHECK(i == 0 || p[-1].line <= p->line);
        CHECK(view_starts(view_of(p->text), "t.conf:"));
        for (const char *c = p->text; *c != '\0'; c++)
            CHECK(!ascii_control(*c));
    }
    CHECK((rc == 0) == (config != NULL) && (rc == 0) != forbidden);
    config_problems_free(&problems);
    return config;
}

/* Without the origins, which differ. */
static char *dump(const struct config *config, struct buf *values)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    CHECK(to != NULL);
    config_dump(config, to);
    CHECK(fclose(to) == 0);
    struct view rest = view_of(text), line;
    while (view_split(&rest, '\n', &line)) {
        const char *origin = memmem(line.ptr, line.len, "    # ", 6);
        while (origin != NULL) {
            struct view behind = view_make(origin + 1, line.len - (size_t)(origin + 1 - line.ptr));
            const char *next = memmem(behind.ptr, behind.len, "    # ", 6);
            if (next == NULL)
                break;
            origin = next;
        }
        CHECK(line.len == 0 || line.ptr[0] == '[' || origin != NULL);
        buf_add(values, line.ptr, origin != NULL ? (size_t)(origin - line.ptr) : line.len);
        buf_add_text(values, "\n");
    }
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view text = view_make(data, size);

    /* Files of secrets are the test's machine's, not the input's. */
    if (memmem(data, size, "@/", 2) != NULL)
        return 0;
    struct config *config = parse(text);
    if (config != NULL && view_is_ascii(text)) {
        struct buf first = BUF_INIT(0), second = BUF_INIT(0);
        char *shown = dump(config, &first);
        struct config *again = parse(view_of(shown));
        CHECK(again != NULL);
        char *shown_again = dump(again, &second);
        CHECK(view_eq(buf_view(&first), buf_view(&second)));
        config_release(again);
        free(shown);
        free(shown_again);
        buf_free(&first);
        buf_free(&second);
    }
    config_release(config);
    return 0;
}
