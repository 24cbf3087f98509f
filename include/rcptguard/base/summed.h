/*
 * Text files of ours that hold a sum of themselves, against what a power cut or a disk makes of
 * them (not against forgery). The sum is in their first line, a comment: people can read the file,
 * and who takes it for another's need not know of it.
 */
#ifndef RCPTGUARD_BASE_SUMMED_H
#define RCPTGUARD_BASE_SUMMED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"

/* file_replace_lazily, with the sum of TEXT before it. */
int summed_replace_lazily(const char *path, mode_t mode, struct view text, struct error *why);

/*
 * file_read without the line of the sum; that may come on top of MAX_BYTES. ERR_DAMAGED: it is not
 * what was written, and *OUT is what is left of that. An older version wrote no sum: then it is
 * damaged when it is empty or no text, and *IS_SUMMED (may be NULL) says that it has none.
 */
int summed_read(const char *path, size_t max_bytes, struct buf *out, bool *is_summed,
                struct error *why);

#endif
