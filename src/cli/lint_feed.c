/* rcptguard lint --format F: what a file would be as the first copy of a feed. */
#include <inttypes.h>
#include <string.h>

#include "lint.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/feeds.h"

void lint_print_formats(FILE *to)
{
    for (size_t i = 0; i < feed_formats(); i++) {
        const struct feed_format_info *f = feed_format_info(i);
        fprintf(to, "%s\n  row    %s\n  means  %s\n", f->name, f->row, f->means);
        for (size_t k = 0; f->keys != NULL && f->keys[k] != NULL; k++)
            fprintf(to, "%s%s", k == 0 ? "  keys   " : ", ", f->keys[k]);
        fputs(f->keys != NULL && f->keys[0] != NULL ? "\n" : "", to);
    }
}

static void on_problem(const struct feed_lint_problem *p, void *arg)
{
    lint_tell(arg, p->line, p->text, p->why, p->warning);
}

/* ---- for people ----------------------------------------------------------------------------- */

static void show_left_out(const struct show *s, const char *what,
                          const struct feed_lint_left_out *out)
{
    if (out->entries == 0)
        return;
    show_label(s, "left out");
    fprintf(s->to, "%" PRIu64 " %s:", out->entries, what);
    for (unsigned i = 0; i < out->n_names; i++)
        fprintf(s->to, " %s", out->names[i]);
    fputs(out->entries > out->n_names ? " ...\n" : "\n", s->to);
}

static void show_counts(const struct show *s, const struct feed_lint_report *r)
{
    uint64_t all = r->rows + r->bad_rows;

    show_label(s, "rows");
    fprintf(s->to, "%" PRIu64 " good, %" PRIu64 " bad (%.1f%%), %" PRIu64 " ignored\n", r->rows,
            r->bad_rows, all == 0 ? 0.0 : 100.0 * (double)r->bad_rows / (double)all,
            r->ignored_rows);
    show_label(s, "entries");
    fprintf(s->to, "%" PRIu64 " unique, %" PRIu64 " would block", r->entries, r->active);
    if (r->exceptions > 0)
        fprintf(s->to, "; %" PRIu64 " rows are exceptions", r->exceptions);
    fputc('\n', s->to);
    show_left_out(s, "would block protected domains", &r->protected_);
    show_left_out(s, "public suffixes, single labels or the root", &r->suffixes);
    if (r->newest != 0) {
        char oldest[11], newest[11];
        show_label(s, "dates");
        fprintf(s->to, "%s to %s\n", clock_date_text(r->oldest, oldest),
                clock_date_text(r->newest, newest));
    }
}

static void show_claim_time(const struct show *s, const char *what, int64_t when)
{
    char time[21], age[SHOW_SPAN_MAX];

    if (when == 0)
        return;
    clock_time_text(when, time);
    show_label(s, "says");
    fprintf(s->to, "%s %s (%s)\n", what, time, show_age(s->now, when, age));
}

static void show_claims(const struct show *s, const struct feed_lint_report *r)
{
    uint64_t read = r->rows + r->bad_rows + r->ignored_rows;

    if (r->claimed != 0) {
        bool fits = (uint64_t)r->claimed == r->rows || (uint64_t)r->claimed == r->entries;
        show_label(s, "says");
        fprintf(s->to, "%" PRId64 " rows: ", r->claimed);
        if (fits)
            fputs("that is right\n", s->to);
        else
            fprintf(s->to, "it has %" PRIu64 "\n", read);
    }
    show_claim_time(s, "made", r->created);
    show_claim_time(s, "not to be used after", r->expires);
}

static void show_report(const struct lint *l, const char *format, const struct feed_lint_report *r)
{
    const struct show *s = &l->cli->show;

    lint_tell_rest(l);
    show_view(s, view_of(l->name));
    fprintf(s->to, ": read as %s\n", format);
    show_counts(s, r);
    show_claims(s, r);
    show_label(s, "as a feed");
    if (r->why[0] == '\0') {
        show_words(s, SHOW_GREEN, "its first copy would be taken\n");
    } else {
        show_words(s, SHOW_RED, "it would be refused: ");
        show_view(s, view_of(r->why));
        if (r->guard[0] != '\0')
            fprintf(s->to, " (%s)", r->guard);
        fputs("\n", s->to);
    }
    if (r->looks_like != NULL) {
        show_label(s, "");
        fprintf(s->to, "it looks like %s: did you mean --format %s?\n", r->looks_like->name,
                r->looks_like->name);
    }
}

/* ---- for programs --------------------------------------------------------------------------- */

static json_t *json_left_out(const struct feed_lint_left_out *out)
{
    json_t *names = json_array();

    for (unsigned i = 0; i < out->n_names; i++)
        json_array_append_new(names, lint_text(view_of(out->names[i])));
    return json_pack("{s:I, s:o}", "entries", (json_int_t)out->entries, "first", names);
}

static json_t *json_time(int64_t when)
{
    char text[21];

    if (when == 0)
        return json_null();
    clock_time_text(when, text);
    return json_string(text);
}

static json_t *json_date(int32_t day)
{
    char text[11];

    return day == 0 ? json_null() : json_string(clock_date_text(day, text));
}

static void print_json(const struct lint *l, const char *format, const struct feed_lint_report *r)
{
    json_t *o = json_pack("{s:s, s:s, s:b}", "kind", "feed", "format", format, "accepted",
                          r->why[0] == '\0');
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"rows", r->rows},       {"bad_rows", r->bad_rows}, {"ignored_rows", r->ignored_rows},
        {"entries", r->entries}, {"active", r->active},     {"exceptions", r->exceptions},
    };

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        json_object_set_new(o, counts[i].name, json_integer((json_int_t)counts[i].count));
    json_object_set_new(o, "protected", json_left_out(&r->protected_));
    json_object_set_new(o, "suffixes", json_left_out(&r->suffixes));
    json_object_set_new(o, "claimed_rows",
                        r->claimed == 0 ? json_null() : json_integer(r->claimed));
    json_object_set_new(o, "created", json_time(r->created));
    json_object_set_new(o, "expires", json_time(r->expires));
    json_object_set_new(o, "oldest", json_date(r->oldest));
    json_object_set_new(o, "newest", json_date(r->newest));
    json_object_set_new(o, "guard", r->guard[0] == '\0' ? json_null() : json_string(r->guard));
    json_object_set_new(o, "why", r->why[0] == '\0' ? json_null() : lint_text(view_of(r->why)));
    json_object_set_new(o, "looks_like",
                        r->looks_like == NULL ? json_null() : json_string(r->looks_like->name));
    lint_print_json(l, o);
}

/* ---- */

static bool protect_of(const struct config *config, struct protect **protect)
{
    struct error why = {.code = 0};

    *protect = protect_load(config->protect_file, &why);
    if (*protect == NULL)
        return false;
    /* The default file need not be there. */
    if (why.code != 0 && (why.code != ERR_ABSENT || config->protect_file_set))
        cli_trouble("warning: %s", why.text);
    return true;
}

int lint_feed(struct lint *l, int fd, const struct feed_config *feed)
{
    struct feeds_config around = {.addresses = l->config->addresses};
    struct feed_lint_report report;
    struct error why;

    if (!protect_of(l->config, &around.protect))
        return cli_trouble("no memory");
    int rc = feed_lint(fd, &around, feed, on_problem, l, &report, &why);
    protect_release(around.protect);
    if (rc < 0)
        return cli_trouble("%s: %s%s", l->name, why.text,
                           rc == ERR_LIMIT ? "; see --set max_bytes=SIZE" : "");
    if (l->list == NULL)
        show_report(l, feed->format, &report);
    else
        print_json(l, feed->format, &report);
    return l->problems == 0 && report.why[0] == '\0' ? CLI_OK : CLI_NO;
}
