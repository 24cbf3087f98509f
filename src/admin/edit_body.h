/*
 * What a client asks of the exclusions or the blocks: the fields of a body or the parameters of a
 * URL, checked for their form. What they mean is for the room `local` to say. Pure.
 */
#ifndef ADMIN_EDIT_BODY_H
#define ADMIN_EDIT_BODY_H

#include <jansson.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/local.h"
#include "target.h"

struct edit_body {
    struct view what, until, ticket, note, by; /* "": not given */
    struct view lists;                         /* "a,b"; "": every list */
    bool force;
    bool expired; /* DELETE: take out what is over */
    struct buf joined;
};

/* BODY (NULL: none was sent) is borrowed by *out. 0, or ERR_SYNTAX with *why, or ERR_NOMEM. To be
 * freed in every case. */
int edit_body_read(enum local_kind kind, const json_t *body, struct edit_body *out,
                   struct error *why);

/* The same from the parameters of a DELETE. */
int edit_body_from_target(const struct target *t, struct edit_body *out, struct error *why);

void edit_body_free(struct edit_body *b);

/* Are all of LISTS ("a,b") among the N NAMES? If not ERR_SYNTAX, and *why names the nearest. */
int edit_check_lists(struct view lists, const char *const *names, size_t n, struct error *why);

#endif
