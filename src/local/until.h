/* `until=`: when a line ends. Pure but for the time zone of the system. */
#ifndef LOCAL_UNTIL_H
#define LOCAL_UNTIL_H

#include <stdint.h>

#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

/*
 * YYYY-MM-DD: through the last second of that day, local time. YYYY-MM-DDTHH:MM[:SS] with Z or an
 * offset (+01:00, +0100, +01): through that second. *UNTIL is the last second it holds.
 */
int until_parse(struct view text, int64_t *until, struct error *why);

#endif
