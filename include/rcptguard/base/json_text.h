/*
 * JSON that is read and written whole or not at all. jansson goes on where it has no memory for
 * another byte of a string, and gives the string without it: another address than was meant; it
 * leaves out a value that it cannot put into an object, and a key that its callback could not take.
 * Thread-safe.
 */
#ifndef RCPTGUARD_BASE_JSON_TEXT_H
#define RCPTGUARD_BASE_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/view.h"

/* json_loadb of TEXT with FLAGS; WHY may be NULL. NULL, too, when there was no memory for all of
 * it: then json_error_code(WHY) is json_error_out_of_memory. */
json_t *json_parse(struct view text, size_t flags, json_error_t *why);

/*
 * json_dump_callback. False: ADD failed once, or this thread had no memory for a value since it
 * last parsed or wrote, so that something may be missing in JSON; what ADD took is no document.
 */
bool json_write(const json_t *json, size_t flags, json_dump_callback_t add, void *arg);

/* The same behind what is in OUT; what was there stays, false or not. */
bool json_write_buf(const json_t *json, size_t flags, struct buf *out);

/* json_dumps: a string for free(). NULL: as above, or JSON is NULL. */
char *json_write_text(const json_t *json, size_t flags);

#endif
