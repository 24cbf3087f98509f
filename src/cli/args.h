/* The command line, taken apart. Pure. Options may stand before or after the command word. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

enum args_option {
    ARGS_SOCKET = 1 << 0,
    ARGS_CONFIG = 1 << 1,
    ARGS_JSON = 1 << 2,
    ARGS_HELP = 1 << 3,
    ARGS_VERSION = 1 << 4,
    ARGS_SENDER = 1 << 5,
    ARGS_FORMAT = 1 << 6,
    ARGS_SET = 1 << 7,
    ARGS_LIST = 1 << 8,
    ARGS_UNTIL = 1 << 9,
    ARGS_FOR = 1 << 10,
    ARGS_TICKET = 1 << 11,
    ARGS_NOTE = 1 << 12,
    ARGS_FORCE = 1 << 13,
    ARGS_PRUNE = 1 << 14,
    ARGS_FOLLOW = 1 << 15,
    ARGS_ALL = 1 << 16,
    ARGS_BLOCKS = 1 << 17,
    ARGS_NAMES = 1 << 18,
    ARGS_FLEET = 1 << 19,
};
#define ARGS_EVERYWHERE (ARGS_SOCKET | ARGS_CONFIG | ARGS_JSON | ARGS_HELP | ARGS_VERSION)

#define ARGS_MAX_SET 16

struct args {
    unsigned given; /* enum args_option */
    const char *socket, *config, *sender, *format;
    const char *list, *until, *lasts, *ticket, *note; /* lasts: of --for */
    const char *set[ARGS_MAX_SET];                    /* each --set KEY=VALUE */
    size_t n_set;
    const char *command; /* NULL: none */
    char **operands;     /* what follows the command word; within argv, which is reordered */
    size_t n_operands;
};

/* Reads argv[1..]. ERR_SYNTAX with what to do about it. */
int args_parse(int argc, char **argv, struct args *out, struct error *why);

/* The name of the first option in SET, for messages; "" for none. */
const char *args_option_name(unsigned set);

/*
 * --for as a moment that lasts so long from NOW: "30d", "12h", "1h30m", the units s, m, h, d from
 * the largest down, each once. Up to ten years, so that a slip of the finger is no "for ever".
 */
int args_until(struct view lasts, int64_t now, int64_t *until, struct error *why);

/* An address as people paste it out of a log: without blanks around it and < > that hold all of it.
 * (<> alone is a sender.) */
struct view args_address(const char *operand);

#endif
