/*
 * The admin API: HTTP/JSON on a unix socket, for `rcptguard` and for curl. Loop thread only; any
 * request, however broken, slow, large or many, leaves the policy path untouched.
 */
#ifndef RCPTGUARD_ADMIN_H
#define RCPTGUARD_ADMIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "rcptguard/base/error.h"
#include "rcptguard/base/passed.h"
#include "rcptguard/dnsbl.h"
#include "rcptguard/feeds.h"
#include "rcptguard/fleet.h"
#include "rcptguard/local.h"
#include "rcptguard/policy.h"
#include "rcptguard/record.h"
#include "rcptguard/verdict.h"

struct event_base;

/* [admin] of the configuration. */
struct admin_config {
    const char *listen; /* unix:/path; "" when off */
    mode_t socket_mode;
    const char *socket_group;
    bool socket_group_set;   /* written in the file: a missing group is then an error */
    const char *admin_group; /* "": root only may accept */
    const char *http;        /* "127.0.0.1:9340": /v1/status and /metrics for anybody; "": off */
};

/* A file of the fleet. */
struct admin_shared {
    struct local *local; /* NULL: not shared */
    const struct local_state *state;
    const char *file;
};

/* What it looks at. All borrowed; the daemon keeps exclusions_state and reloaded_at fresh. */
struct admin_house {
    struct verdict *verdict;
    struct record *record;
    struct feeds *feeds;
    struct dnsbl *dnsbl;
    struct policy *policy;
    struct history *history;
    struct local *exclusions, *blocks; /* to edit them */
    const struct local_state *exclusions_state, *blocks_state;
    const char *exclusions_file, *blocks_file;
    const char *state_dir;
    struct fleet *fleet;                     /* NULL: off */
    struct admin_shared shared[2];           /* by enum local_kind */
    const struct address_options *addresses; /* of the configuration in force */
    const struct protect *protect;           /* the same */
    const char *protect_problem;             /* with their file; empty: none */
    struct disk *disk;                       /* for what is searched in files */
    struct queue *loop;                      /* on which its answers come */
    int64_t started_at;
    int64_t started_ms;         /* by clock_mono_ms: nobody sets that clock */
    int64_t reloaded_at;        /* 0: never */
    const char *reload_problem; /* why the last one changed nothing; empty: it is in force */
    bool observe;               /* mode = observe */
};

struct admin;

/*
 * How many reasons there are to call the daemon degraded (rule 27), as /v1/status tells anybody;
 * the first of them in FIRST.
 */
size_t admin_degraded(const struct admin_house *house, char *first, size_t size);

/*
 * Binds (before privileges are dropped) and resolves groups. A live socket is an error, a stale one
 * is replaced. Of PASSED (or NULL) it takes those named "admin" and "http", and whatever is at the
 * configured addresses. NULL with *why.
 */
struct admin *admin_new(struct event_base *base, const struct admin_config *config,
                        struct passed *passed, struct admin_house *house, struct error *why);
int admin_start(struct admin *a, struct error *why);
void admin_free(struct admin *a); /* closes connections, removes the socket; NULL is fine */

#endif
