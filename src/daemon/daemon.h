/* The daemon as a whole, for main.c and for tests. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "rcptguard/config.h"

/* Parses the command line and does what it says. Returns the exit status (sysexits.h). */
int daemon_main(int argc, char **argv);

/* Serves with CONFIG (taken) until SIGTERM or SIGINT. Returns the exit status. */
int daemon_serve(struct config *config);

#endif
