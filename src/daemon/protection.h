/*
 * [protect] domains: its file, and the last good copy of it under state_dir. What was protected
 * stays so while the file is missing or unreadable, over a restart, too: else whole domains would
 * be refused because of a name or a mode that is wrong for a moment.
 */
#ifndef DAEMON_PROTECTION_H
#define DAEMON_PROTECTION_H

#include "rcptguard/config.h"
#include "rcptguard/feeds.h"

/*
 * The domains that are protected from now on, RUNNING those of until now (NULL at start). NULL: no
 * memory. Trouble with the file is a warning in the log, and where it is not the file that counts
 * *PROBLEM says so (no text: it does); before, it says that of RUNNING. Blocks: start and disk
 * thread.
 */
struct protect *protection_load(const struct config *c, struct protect *running,
                                struct error *problem);

#endif
