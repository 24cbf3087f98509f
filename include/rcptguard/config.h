/*
 * The configuration: one table of keys (src/config/keys.c) drives parser, defaults, checks,
 * --dump-config and the sample file. A loaded configuration is immutable and counted (SHARED):
 * the worker may still read the old one while the loop has the new.
 */
#ifndef RCPTGUARD_CONFIG_H
#define RCPTGUARD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "rcptguard/address.h"
#include "rcptguard/admin.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/log.h"
#include "rcptguard/base/shared.h"
#include "rcptguard/decision.h"
#include "rcptguard/dnsbl.h"
#include "rcptguard/feeds.h"
#include "rcptguard/fleet.h"
#include "rcptguard/local.h"
#include "rcptguard/policy.h"

#define CONFIG_DEFAULT_FILE "/etc/rcptguard/rcptguard.conf"

struct config_feed {
    struct feed_config feed;
    enum list_action action;
    const char *reply; /* a template that reply_check finds good */
};

/* [dnsbl NAME] */
struct config_zone {
    struct dnsbl_zone_config zone;
    const char *secret; /* as written: itself or @FILE; zone.zone has it in place */
    enum list_action action;
    const char *reply;
};

struct config {
    struct shared shared; /* first member */
    const char *path;

    const char *state_dir;
    enum log_target log_target;
    enum log_level log_level;
    const char *user;
    bool user_set; /* written in the file: a missing user is then an error when started as root */

    struct policy_config policy;
    enum decision_mode mode;
    int64_t deadline_ms;
    const char *contact; /* "": none; printable ASCII, at most 100 bytes */

    struct address_options addresses;
    struct local_config exclusions, blocks;
    int64_t history_s;
    uint64_t history_max_bytes;
    const char *local_reply;  /* of local blocks: the default of all lists */
    const char *protect_file; /* NULL: only the built-in domains */
    bool protect_file_set;
    struct admin_config admin;
    const char *decisions_file; /* NULL: off */
    bool decisions_passes;

    struct config_feed *feeds; /* in file order */
    size_t n_feeds;
    struct config_zone *zones; /* in file order */
    size_t n_zones;
    const char *dns_servers; /* "": the system's */
    uint64_t dns_cache_bytes;
    unsigned dns_max_questions;
    struct fleet_config fleet;
    const char *fleet_share;       /* as written */
    const char *const *list_names; /* names of all lists: feeds, zones, local blocks */
    size_t n_list_names;
};

/* A problem: "FILE:LINE: section.key: what is wrong; what to do". Named sections read "feed
 * aper.url"; a warning says so behind the key. */
struct config_problem {
    bool warning; /* does not keep the configuration from being used */
    unsigned line;
    char text[512]; /* the whole line, escaped, ready to print */
};

struct config_problems {
    struct config_problem *items; /* owned */
    size_t count, room;
};
void config_problems_free(struct config_problems *p);

/*
 * Reads and checks PATH. All problems are listed, not only the first. Returns 0 and *OUT (the
 * caller's hold) when there is no problem but warnings. Else *OUT is NULL, and the code says
 * whether somebody has to mend something (ERR_SYNTAX; ERR_ABSENT or ERR_REFUSED when the file
 * cannot be read) or the machine is in trouble that may be over soon (ERR_IO, ERR_NOMEM). *PROBLEMS
 * starts zeroed, holds them in the order of the file, and is the caller's to free. Looks at files
 * of secrets (@FILE), never at the feeds; needs neither free sockets nor the user. Blocks: start
 * and disk thread.
 */
int config_load(const char *path, struct config **out, struct config_problems *problems);

/* The same of TEXT, as if it stood in a file NAME: settings that somebody tries. */
int config_of_text(const char *name, struct view text, struct config **out,
                   struct config_problems *problems);

void config_release(struct config *c); /* NULL is fine */

/*
 * Is the change from OLD to FRESH one that a running daemon can make? ERR_REFUSED and *why name
 * the key that "needs a restart" (listen, user, state_dir, admin.listen ...).
 */
int config_can_reload(const struct config *old, const struct config *fresh, struct error *why);

/* --dump-config: every key with its value and where it came from; secrets and the userinfo of URLs
 * as ***. What it prints is a configuration file. */
void config_dump(const struct config *c, FILE *to);

/* The commented reference from the table: conf/rcptguard.conf is its output, byte for byte. */
void config_sample(FILE *to);

#endif
