/*
 * JSON that is read whole or not at all. jansson goes on where it has no memory for another byte of
 * a string, and gives the string without it: another address than was meant. Thread-safe.
 */
#ifndef RCPTGUARD_BASE_JSON_PARSE_H
#define RCPTGUARD_BASE_JSON_PARSE_H

#include <jansson.h>

#include "rcptguard/base/view.h"

/* json_loadb of TEXT with FLAGS; WHY may be NULL. NULL, too, when there was no memory for all of
 * it: then json_error_code(WHY) is json_error_out_of_memory. */
json_t *json_parse(struct view text, size_t flags, json_error_t *why);

#endif
