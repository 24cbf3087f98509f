/*
 * A setup: one configuration and all that is derived from it, immutable and counted. The loop holds
 * the one in force; the worker may still hold the one before. Built at start and, at reload, on the
 * disk thread, since it reads files.
 */
#ifndef DAEMON_SETUP_H
#define DAEMON_SETUP_H

#include "rcptguard/config.h"
#include "rcptguard/verdict.h"

struct setup {
    struct shared shared; /* first member */
    struct config *config;
    struct protect *protect;
    struct suffixes *suffixes;    /* public ones */
    struct error protect_problem; /* of its file, whose domains are not those; no text: none */
    struct feed_config *feed_configs;
    struct feeds_config feeds;
    struct verdict_list *lists; /* the loop alone writes confirmed_at */
    struct dnsbl_zone_config *zone_configs;
    struct verdict_zone *zones;
    char system_servers[DNSBL_SERVERS_MAX]; /* when [dns] servers is empty */
    struct dnsbl_config dnsbl;
    struct verdict_rules rules;
};

/*
 * Takes CONFIG in every case. Reads the protected domains (trouble with them is a warning in the
 * log; what BEFORE protected stays when they cannot be read, NULL at start). NULL: no memory, or no
 * list of public suffixes.
 */
struct setup *setup_new(struct config *config, const struct setup *before);
void setup_release(struct setup *s); /* NULL is fine */

#endif
