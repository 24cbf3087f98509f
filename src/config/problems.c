/* The list of problems. When it is full the words are lost, never the verdict. */
#include "problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "rcptguard/base/escape.h"
#include "rcptguard/base/file.h"

#define NAME_SHOWN_BYTES 64 /* of a section, a name, a key: longer ones are no names of ours */

static struct config_problem *problem_new(struct complaints *c, enum weight weight)
{
    struct config_problems *p = c->list;

    if (weight == ERROR)
        c->forbid = true;
    if (p->count == p->room && p->count < PROBLEMS_MAX) {
        size_t room = p->room == 0 ? 16 : 2 * p->room;
        struct config_problem *items = realloc(p->items, room * sizeof *items);
        if (items != NULL) {
            p->items = items;
            p->room = room;
        }
    }
    if (p->count == p->room || p->count >= PROBLEMS_MAX) {
        c->dropped++;
        return NULL;
    }
    struct config_problem *problem = &p->items[p->count++];
    *problem = (struct config_problem){.warning = weight == WARNING};
    return problem;
}

static void add_name(struct text *t, const char *before, struct view name)
{
    if (name.len == 0)
        return;
    text_add(t, before);
    escape_to_max(t, name, ESCAPE_TERMINAL, NAME_SHOWN_BYTES);
}

void complain(struct complaints *c, enum weight weight, const struct place *place,
              const char *format, ...)
{
    struct config_problem *problem = problem_new(c, weight);
    char words[sizeof problem->text];
    va_list args;

    if (problem == NULL)
        return;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    problem->line = place->line;
    struct text t = text_on(problem->text, sizeof problem->text);
    escape_to(&t, view_of(c->file), ESCAPE_TERMINAL);
    text_addf(&t, ":%u", place->line);
    add_name(&t, ": ", place->section);
    add_name(&t, " ", place->name);
    add_name(&t, place->section.len > 0 ? "." : ": ", place->key);
    text_add(&t, weight == WARNING ? ": warning: " : ": ");
    escape_to_max(&t, view_of(words), ESCAPE_TERMINAL, sizeof problem->text);
}

void complain_of_file(struct complaints *c, const char *words)
{
    struct config_problem *problem = problem_new(c, ERROR);

    if (problem == NULL)
        return;
    struct text t = text_on(problem->text, sizeof problem->text);
    escape_to_max(&t, view_of(words), ESCAPE_TERMINAL, sizeof problem->text);
}

bool failed_for_now(const char *path, const struct error *why)
{
    return why->code == ERR_NOMEM || (why->code == ERR_IO && file_may_be_read(path));
}

void complaints_end(struct complaints *c)
{
    struct config_problems *p = c->list;

    /* Insertion: they come nearly in order, since each pass goes down the file. */
    for (size_t i = 1; i < p->count; i++) {
        struct config_problem moved = p->items[i];
        size_t at = i;
        while (at > 0 && p->items[at - 1].line > moved.line) {
            p->items[at] = p->items[at - 1];
            at--;
        }
        p->items[at] = moved;
    }
    if (c->dropped > 0 && p->count > 0) {
        struct config_problem *last = &p->items[p->count - 1];
        struct text t = text_on(last->text, sizeof last->text);
        escape_to(&t, view_of(c->file), ESCAPE_TERMINAL);
        text_addf(&t, ":%u: %zu more problems from here on; mend the others first", last->line,
                  c->dropped + 1);
        last->warning = !c->forbid;
    }
}

void config_problems_free(struct config_problems *p)
{
    free(p->items);
    *p = (struct config_problems){0};
}
