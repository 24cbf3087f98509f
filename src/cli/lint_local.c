/* rcptguard lint: exclusion files and files of local blocks. */
#include <inttypes.h>

#include "lint.h"
#include "rcptguard/base/file.h"

static const struct {
    const char *file, *over, *covered, *public;
} kind_words[] = {
    [LOCAL_EXCLUSIONS] = {"an exclusion file", "its time is over: it frees nobody any more",
                          "frees every listed address of a protected domain: is that meant? A line "
                          "of one address frees that one",
                          "is a public suffix: it frees whoever has a domain under it: is that "
                          "meant? A line of one address or domain frees that one"},
    [LOCAL_BLOCKS] = {"a file of local blocks", "its time is over: it blocks nobody any more",
                      "blocks a protected domain as a whole: is that meant?",
                      "is a public suffix, under which anybody has domains: is that meant?"},
};

/* Allowed, since blocks like that are written by --force and a help desk may have to free many at
 * once; but nobody should learn of it from the help desk, or from the list that blocks us. */
static const char *too_wide(const struct local_line *line, enum local_kind kind,
                            const struct protect *protect, const struct suffixes *suffixes)
{
    if (line->subject != LOCAL_RECIPIENT || line->kind == ENTRY_ADDRESS)
        return NULL;
    if (suffixes != NULL && suffixes_is_public(suffixes, line->key))
        return kind_words[kind].public;
    if (kind == LOCAL_BLOCKS && suffixes != NULL &&
        suffixes_covered(suffixes, line->kind, line->key))
        return "has a public suffix in it, under which anybody has domains: is that meant?";
    if (protect != NULL && protect_covers(protect, line->kind, line->key))
        return kind_words[kind].covered;
    return NULL;
}

static void tell_wide(struct lint *l, enum local_kind kind, const struct local_table *table)
{
    struct error why;
    struct protect *protect = protect_load(l->config->protect_file, &why);
    struct suffixes *suffixes = suffixes_new();

    for (size_t i = 0; i < local_table_count(table); i++) {
        const struct local_line *line = local_table_at(table, i);
        const char *words = too_wide(line, kind, protect, suffixes);
        if (words != NULL)
            lint_tell(l, line->line, line->what, words, true);
    }
    suffixes_free(suffixes);
    protect_release(protect);
}

static void tell_lines(struct lint *l, enum local_kind kind, const struct local_table *table)
{
    const struct local_error *e;
    size_t n = local_table_errors(table);

    for (size_t i = 0; i < n && (e = local_table_error_at(table, i)) != NULL; i++)
        lint_tell_at(l, (struct lint_place){e->line, e->column}, VIEW_NONE, e->text, e->warning);
    for (size_t i = 0; i < local_table_count(table); i++) {
        const struct local_line *line = local_table_at(table, i);
        const char *advice = local_line_advice(line);
        if (advice != NULL)
            lint_tell(l, line->line, line->what, advice, true);
        if (line->until < l->cli->show.now)
            lint_tell(l, line->line, line->what, kind_words[kind].over, true);
    }
    /* Those that the table counts and has no room for. */
    l->problems = local_table_left_out(table);
}

static void sum_up(struct lint *l, enum local_kind kind, const struct local_table *table,
                   const struct feed_format_info *like)
{
    const struct show *s = &l->cli->show;

    lint_tell_rest(l);
    show_view(s, view_of(l->name));
    fprintf(s->to, ": %s, ", kind_words[kind].file);
    fprintf(s->to, "%zu %s, ", local_table_count(table), local_kind_text(kind));
    if (l->problems == 0)
        show_words(s, SHOW_GREEN, "no line is left out\n");
    else
        fprintf(s->to, "lines left out for errors: %" PRIu64 "\n", l->problems);
    if (like == NULL)
        return;
    fprintf(s->to, "this looks like a feed of format %s: rcptguard lint --format %s ", like->name,
            like->name);
    show_view(s, view_of(l->name));
    fputc('\n', s->to);
}

static int check_local(struct lint *l, enum local_kind kind, struct view text)
{
    const struct config *c = l->config;
    bool names = (l->cli->args.given & ARGS_CONFIG) != 0;
    struct local_table *table = local_table_parse(
        kind, text, &c->addresses, names ? c->list_names : NULL, names ? c->n_list_names : 0);

    if (table == NULL)
        return cli_trouble("no memory");
    tell_lines(l, kind, table);
    tell_wide(l, kind, table);
    const struct feed_format_info *like =
        local_table_left_out(table) > local_table_count(table) ? feed_looks_like(text) : NULL;
    if (l->list == NULL)
        sum_up(l, kind, table, like);
    else
        lint_print_json(l, json_pack("{s:s, s:I, s:s?}", "kind", local_kind_text(kind),
                                     local_kind_text(kind), (json_int_t)local_table_count(table),
                                     "looks_like", like == NULL ? NULL : like->name));
    local_table_free(table);
    return l->problems == 0 ? CLI_OK : CLI_NO;
}

int lint_local(struct lint *l, int fd, enum local_kind kind)
{
    struct buf text = BUF_INIT(0);
    struct error why;
    int code = file_read_fd(fd, l->name, LOCAL_MAX_FILE_BYTES, &text, &why) < 0
                   ? cli_trouble("%s", why.text)
                   : check_local(l, kind, buf_view(&text));

    buf_free(&text);
    return code;
}
