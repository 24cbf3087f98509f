/*
 * The text form of struct store_meta: a first line that names it, KEY=VALUE lines from one table,
 * and a checksum line. Pure.
 */
#ifndef FEEDS_META_H
#define FEEDS_META_H

#include "store.h"

/* 0 or ERR_NOMEM, ERR_LIMIT. */
int meta_write(const struct store_meta *meta, const char *name, struct buf *out);

/* ERR_DAMAGED: not whole, of another version or feed. Unknown keys are left out, so that an older
 * program reads what a newer one wrote. */
int meta_read(struct view text, const char *name, struct store_meta *meta, struct error *why);

#endif
