/* The command line, taken apart. Pure. Options may stand before or after the command word. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "rcptguard/base/error.h"

enum args_option {
    ARGS_SOCKET = 1 << 0,
    ARGS_CONFIG = 1 << 1,
    ARGS_JSON = 1 << 2,
    ARGS_HELP = 1 << 3,
    ARGS_VERSION = 1 << 4,
    ARGS_SENDER = 1 << 5,
    ARGS_FORMAT = 1 << 6,
    ARGS_SET = 1 << 7,
};
#define ARGS_EVERYWHERE (ARGS_SOCKET | ARGS_CONFIG | ARGS_JSON | ARGS_HELP | ARGS_VERSION)

#define ARGS_MAX_SET 16

struct args {
    unsigned given; /* enum args_option */
    const char *socket, *config, *sender, *format;
    const char *set[ARGS_MAX_SET]; /* each --set KEY=VALUE */
    size_t n_set;
    const char *command; /* NULL: none */
    char **operands;     /* what follows the command word; within argv, which is reordered */
    size_t n_operands;
};

/* Reads argv[1..]. ERR_SYNTAX with what to do about it. */
int args_parse(int argc, char **argv, struct args *out, struct error *why);

/* The name of the first option in SET, for messages. */
const char *args_option_name(unsigned set);

#endif
