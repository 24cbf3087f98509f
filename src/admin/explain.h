/*
 * An explanation: the check of a recipient, with what is searched for in files and in the history.
 */
#ifndef ADMIN_EXPLAIN_H
#define ADMIN_EXPLAIN_H

#include "request.h"

#define ADMIN_EXPLAIN_MS   3000 /* what is not found by then is missing from the answer */
#define ADMIN_EXPLAIN_ROWS 8    /* listings whose rows are looked for: each reads a stored copy */

/* Neither an address nor the null sender: a line `sender:<>` must not free what nobody asked. */
#define UNKNOWN_SENDER "?"

/*
 * Answers R with the check of this question (LOGIN: the SASL login, as far as it is known) or,
 * unless AROUND (taken over) is NULL, with AROUND and the check as its "now". The views are used
 * during the call only.
 */
void explain(struct request *r, struct view recipient, struct view sender, struct view login,
             json_t *around);

#endif
