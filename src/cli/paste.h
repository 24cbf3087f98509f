/*
 * Commands that people paste. An address may hold what a shell obeys, so each word is quoted; what
 * a terminal would hide or change is not offered at all.
 */
#ifndef CLI_PASTE_H
#define CLI_PASTE_H

#include "show.h"

/* Does a terminal show all of it as it is, so that what is pasted is what was meant? */
bool paste_can(struct view v);

/* One word as a POSIX shell reads it back; paste_can(V). */
void paste_word(FILE *to, struct view v);

/* " -s SOCKET" or " -c FILE", when the daemon was not asked over the default socket. */
void paste_socket(const struct show *s);

/* "rcptguard VERB WHAT OPTIONS" without a line end, or a sentence when WHAT cannot be pasted.
 * OPTIONS may be "", and is not quoted. */
void paste_command(const struct show *s, const char *verb, struct view what, const char *options);

#endif
