/*
 * The table of commands: what each takes and what is said about it. Help, the check of the command
 * line, and the tests of the completions read it from here.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli.h"

#define EVERY_OPERAND ((size_t)-1)

struct command {
    const char *name, *operands, *does;
    unsigned options; /* beside ARGS_EVERYWHERE */
    size_t min, max;  /* operands */
    int (*run)(struct cli *cli);
    bool alone;        /* needs no daemon */
    const char *group; /* heads this one and those that follow; NULL: goes on */
    const char *help;  /* ends with the examples */
};

size_t command_count(void);
const struct command *command_at(size_t i);

/* NULL: there is none of that name. */
const struct command *command_named(const char *name);

/* The one that was probably meant. */
const char *command_nearest(const char *name);

/* All commands and the options that each takes. */
void command_print_all(FILE *to);

/* One command, with its examples. */
void command_print(FILE *to, const struct command *command);

#endif
