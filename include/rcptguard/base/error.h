/*
 * How a function says that it failed: it returns a negative code and, where the detail is known,
 * fills a struct error once; callers on the way up only put words in front. Log or return, never
 * both. `why` may be NULL everywhere.
 */
#ifndef RCPTGUARD_BASE_ERROR_H
#define RCPTGUARD_BASE_ERROR_H

#include <stddef.h>

enum error_code {
    ERR_OK = 0,
    ERR_NOMEM = -1,    /* no memory */
    ERR_IO = -2,       /* the operating system said no */
    ERR_SYNTAX = -3,   /* input that does not parse */
    ERR_LIMIT = -4,    /* a cap was reached */
    ERR_ABSENT = -5,   /* there is no such thing */
    ERR_REFUSED = -6,  /* well-formed, but not allowed */
    ERR_DAMAGED = -7,  /* a file of ours with a wrong magic, version or checksum */
    ERR_TIMEOUT = -8,  /* not ready in time */
    ERR_CONFLICT = -9, /* already there, or changed meanwhile */
};

struct error {
    int code;
    char text[512]; /* one line, may hold bytes from outside: escape before showing */
};

/* Fills *why and returns CODE, so that `return error_set(why, ERR_IO, "...")` reads well. */
int error_set(struct error *why, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As above, with ": " and the text of errno behind; keeps errno. */
int error_errno(struct error *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "WORDS: " in front of the text; returns why->code (ERR_IO when why is NULL). */
int error_prefix(struct error *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
