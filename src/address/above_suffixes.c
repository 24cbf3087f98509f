/* The lines of https://publicsuffix.org/list/: a rule, "*." for all of a level, "!" for none. */
#include "above_suffixes.h"

#include <stdlib.h>
#include <string.h>

#include "canonical.h"
#include "rcptguard/base/error.h"

struct reading {
    struct above_suffixes *above;
    suffix_test *is_suffix;
    const void *arg;
    struct view last; /* the name above the rule before: most are neighbours */
};

/* NAME, with a NUL behind it, and all above it but the top-level domain. */
static void add_from(const struct reading *r, const char *name)
{
    for (; strchr(name, '.') != NULL; name = strchr(name, '.') + 1)
        if (!r->is_suffix(name, r->arg))
            buf_add(&r->above->text, name, strlen(name) + 1);
}

static void add_rule(struct reading *r, struct view rule)
{
    char name[DOMAIN_IDN_MAX_OUT + 1];
    struct domain domain;

    if (view_starts(rule, "//") || view_starts(rule, "!"))
        return;
    struct view above = view_from(rule, (size_t)(view_find(rule, '.') + 1));
    if (above.len == rule.len || view_find(above, '.') < 0 || view_eq(above, r->last))
        return;
    r->last = above;
    if (domain_fold(above, name, sizeof name - 1, &domain) != DOMAIN_GOOD)
        return;
    name[domain.name.len] = '\0';
    add_from(r, name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int sort(struct above_suffixes *a)
{
    if (a->text.len == 0)
        return 0;
    const char *end = a->text.data + a->text.len;
    size_t n = 0;

    for (const char *p = a->text.data; p < end; p += strlen(p) + 1)
        n++;
    a->names = calloc(n + 1, sizeof *a->names);
    if (a->names == NULL)
        return ERR_NOMEM;
    for (const char *p = a->text.data; p < end; p += strlen(p) + 1)
        a->names[a->count++] = p;
    qsort(a->names, a->count, sizeof *a->names, by_name);
    return 0;
}

int above_suffixes_read(struct above_suffixes *a, struct view list, suffix_test *is_suffix,
                        const void *arg)
{
    struct reading r = {a, is_suffix, arg, VIEW_NONE};

    while (list.len > 0) {
        ptrdiff_t end = view_find(list, '\n');
        struct view line = end < 0 ? list : view_first(list, (size_t)end);
        list = view_from(list, end < 0 ? list.len : (size_t)end + 1);
        line = view_trim(line);
        size_t len = 0;
        while (len < line.len && line.ptr[len] != ' ' && line.ptr[len] != '\t')
            len++;
        add_rule(&r, view_first(line, len));
    }
    return a->text.failed ? ERR_NOMEM : sort(a);
}

bool above_suffixes_has(const struct above_suffixes *a, const char *name)
{
    return a->count > 0 && bsearch(&name, a->names, a->count, sizeof *a->names, by_name) != NULL;
}

void above_suffixes_free(struct above_suffixes *a)
{
    free(a->names);
    buf_free(&a->text);
    *a = (struct above_suffixes){.names = NULL};
}
