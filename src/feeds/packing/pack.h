/* Copies that are kept for the day that somebody wants them back, in little room. Blocks. */
#ifndef FEEDS_PACK_H
#define FEEDS_PACK_H

#include <stdatomic.h>

#include "rcptguard/base/error.h"

/*
 * The file FROM as gzip in TO, mode 0640, replaced as file_replace does; FROM stays. Read it again
 * with body_of_stored_gz. ERR_TIMEOUT: STOP was set meanwhile (NULL: nobody stops it).
 */
int pack_file(const char *from, const char *to, const atomic_bool *stop, struct error *why);

#endif
