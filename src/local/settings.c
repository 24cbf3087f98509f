/* Copies of what the configuration says: the loop's own may be gone before they are read. */
#include "settings.h"

#include <limits.h>
#include <stdlib.h>

#include "rcptguard/base/buf.h"

const char *local_kind_text(enum local_kind kind)
{
    return kind == LOCAL_BLOCKS ? "blocks" : "exclusions";
}

void local_settings_free(struct settings *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n_lists; i++)
        free(s->lists[i]);
    free(s->lists);
    free(s->file);
    free(s->good_file);
    free(s);
}

static char *good_path(const struct local_config *config)
{
    struct buf b = BUF_INIT(PATH_MAX);

    if (buf_addf(&b, "%s/%s.good", config->state_dir, local_kind_text(config->kind)) == 0)
        return b.data;
    buf_free(&b);
    return NULL;
}

struct settings *local_settings_new(const struct local_config *config,
                                    const struct address_options *options, const char *const *lists,
                                    size_t n_lists)
{
    struct settings *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->options = *options;
    s->lists_known = lists != NULL;
    s->file = view_dup(view_of(config->file));
    s->kind = config->kind;
    s->shared = config->shared;
    s->good_file = good_path(config);
    s->lists = calloc(n_lists + 1, sizeof *s->lists);
    bool good = s->file != NULL && s->good_file != NULL && s->lists != NULL;
    for (size_t i = 0; good && lists != NULL && i < n_lists; i++) {
        good = (s->lists[i] = view_dup(view_of(lists[i]))) != NULL;
        s->n_lists += good;
    }
    if (good)
        return s;
    local_settings_free(s);
    return NULL;
}
