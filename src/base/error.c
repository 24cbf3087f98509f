/* Errors: filled once, prefixed on the way up. */
#include "rcptguard/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *why, int code, const char *format, ...)
{
    if (why != NULL) {
        va_list args;
        va_start(args, format);
        why->code = code;
        vsnprintf(why->text, sizeof why->text, format, args);
        va_end(args);
    }
    return code;
}

int error_errno(struct error *why, const char *format, ...)
{
    int saved = errno;

    if (why != NULL) {
        char words[sizeof why->text];
        va_list args;
        va_start(args, format);
        vsnprintf(words, sizeof words, format, args);
        va_end(args);
        why->code = ERR_IO;
        snprintf(why->text, sizeof why->text, "%.400s: %s", words, strerrordesc_np(saved));
    }
    errno = saved;
    return ERR_IO;
}

int error_prefix(struct error *why, const char *format, ...)
{
    if (why == NULL)
        return ERR_IO;

    char words[sizeof why->text];
    char old[sizeof why->text];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    memcpy(old, why->text, sizeof old);
    snprintf(why->text, sizeof why->text, "%.255s: %.254s", words, old);
    return why->code;
}
