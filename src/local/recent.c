/* A ring of 64: who edits more than that while an editor stays open has other news. */
#include "recent.h"

#include <stdlib.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/escape.h"
#include "rcptguard/base/log.h"

static void drop(struct recent_line *line)
{
    free(line->what);
    free(line->by);
    *line = (struct recent_line){0};
}

void recent_forget(struct recent *r, struct view what)
{
    for (unsigned i = 0; i < RECENT_LINES; i++)
        if (r->lines[i].what != NULL && view_is(what, r->lines[i].what))
            drop(&r->lines[i]);
}

void recent_add(struct recent *r, struct view what, struct view by, int64_t at, int64_t until)
{
    recent_forget(r, what);
    struct recent_line line = {view_dup(what), view_dup(by), at, until};
    if (line.what == NULL || line.by == NULL) {
        drop(&line);
        return;
    }
    drop(&r->lines[r->next]);
    r->lines[r->next] = line;
    r->next = (r->next + 1) % RECENT_LINES;
}

static bool is_there(const struct local_table *table, const char *what)
{
    for (size_t i = 0; i < local_table_count(table); i++)
        if (view_is(local_table_at(table, i)->what, what))
            return true;
    return false;
}

static void warn(const struct recent_line *line, enum local_kind kind, const char *file)
{
    char what[ESCAPE_MAX_BYTES + 8], by[ESCAPE_MAX_BYTES + 8], at[21];
    struct text w = text_on(what, sizeof what), b = text_on(by, sizeof by);
    bool blocks = kind == LOCAL_BLOCKS;

    escape_to(&w, view_of(line->what), ESCAPE_LOG);
    escape_to(&b, view_of(*line->by == '\0' ? "somebody" : line->by), ESCAPE_LOG);
    log_warning(local_kind_text(kind),
                "%s, which %s %s at %s, is gone with the last save of %s; %s it again if that was "
                "not meant",
                what, by, blocks ? "blocked" : "excluded", clock_time_text(line->at, at), file,
                blocks ? "block" : "exclude");
}

void recent_check(struct recent *r, enum local_kind kind, const struct local_table *table,
                  const char *file, int64_t now)
{
    for (unsigned i = 0; i < RECENT_LINES; i++) {
        struct recent_line *line = &r->lines[i];
        if (line->what == NULL || is_there(table, line->what))
            continue;
        if (line->until >= now)
            warn(line, kind, file);
        drop(line);
    }
}

void recent_free(struct recent *r)
{
    for (unsigned i = 0; i < RECENT_LINES; i++)
        drop(&r->lines[i]);
}
