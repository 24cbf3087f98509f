/* The whole story of a recipient: what was decided, by which list, since when, what to type. */
#ifndef CLI_CHECK_SHOW_H
#define CLI_CHECK_SHOW_H

#include "show.h"

void check_show(const struct show *s, const json_t *answer);

/* The same answer in short, behind an edit: whether mail flows now, and what decides that. */
void check_show_now(const struct show *s, const json_t *answer);

/* The answer of /v1/why: the decision then, and the check now. */
void why_show(const struct show *s, const json_t *answer);

#endif
