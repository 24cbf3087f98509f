/* What the log says of a file that was read, or could not be. */
#include <stdio.h>

#include "keep.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/log.h"

#define SUBJECT(l) local_kind_text((l)->settings->kind)

/* From here up, a file that loses more than half of its lines at once is worth a warning. */
#define LOSS_COUNTS_FROM 10

void local_log_errors(const struct local *l, const struct local_table *table)
{
    size_t total = local_table_errors(table), told = 0;
    const struct local_error *e;

    for (; (e = local_table_error_at(table, told)) != NULL; told++) {
        char words[2 * ESCAPE_MAX_BYTES];
        struct text t = text_on(words, sizeof words);
        escape_to_max(&t, view_of(e->text), ESCAPE_TERMINAL, sizeof words - 1);
        log_warning(SUBJECT(l), "%s:%u: %s%s", l->settings->file, e->line, words,
                    e->warning ? "" : " (the line is left out)");
    }
    if (total > told)
        log_warning(SUBJECT(l), "%s: %zu more lines with errors", l->settings->file, total - told);
}

void local_log_losses(const struct local *l, size_t before, const struct local_table *table)
{
    size_t now = local_table_count(table);

    if (now == 0 && before > 0)
        log_warning(SUBJECT(l),
                    "%s %s now: none of the %zu %s is in force any more; if that was "
                    "a mistake, the file before may be in your editor's backup",
                    l->settings->file,
                    local_table_left_out(table) > 0 ? "has no line without an error" : "is empty",
                    before, SUBJECT(l));
    else if (before >= LOSS_COUNTS_FROM && now * 2 < before)
        log_warning(SUBJECT(l),
                    "%s lost more than half of its lines: %zu of %zu %s are left; applied, "
                    "restore the file if that was a mistake",
                    l->settings->file, now, before, SUBJECT(l));
}

bool local_note_missing(struct local *l, const struct error *why)
{
    char problem[sizeof l->state.problem];
    struct text t = text_on(problem, sizeof problem);

    text_add(&t, why->text);
    if (l->good_damaged)
        text_addf(&t, "; %s is damaged and counts %s", l->settings->good_file,
                  l->settings->kind == LOCAL_BLOCKS ? "for nothing" : "as far as it can be read");
    if (l->state.missing && strcmp(problem, l->state.problem) == 0)
        return false;
    log_warning(SUBJECT(l),
                "%s; the %s read before stay in force (%zu); put the file back, or make an "
                "empty one if none are wanted",
                problem, SUBJECT(l), l->in_force);
    l->state.missing = true;
    strcpy(l->state.problem, problem);
    return true;
}
