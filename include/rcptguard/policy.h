/*
 * The Postfix policy delegation server: listeners, connections, protocol. Loop thread only.
 * Wire: SMTPD_POLICY_README of Postfix; attr_scan_plain.c for what its parser accepts.
 */
#ifndef RCPTGUARD_POLICY_H
#define RCPTGUARD_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "rcptguard/base/error.h"
#include "rcptguard/base/passed.h"
#include "rcptguard/base/view.h"
#include "rcptguard/record.h"
#include "rcptguard/verdict.h"

struct event_base;

/* [policy] of the configuration. */
struct policy_config {
    const char *const *listen; /* unix:/path, inet:127.0.0.1:10040, inet:[::1]:10040 */
    size_t n_listen;
    bool listen_set; /* written in the file */
    mode_t socket_mode;
    const char *socket_group;
    bool socket_group_set; /* written in the file: a missing group is then an error */
    unsigned max_clients;  /* per listener */
};

#define POLICY_LINE_MAX  16384
#define POLICY_QUERY_MAX 65536

/* The codec, pure: one query out of a buffer. */
struct policy_query {
    struct view request, protocol_state, recipient, sender, sasl_username, client_address, queue_id,
        instance;
};

enum policy_scan {
    POLICY_QUERY,  /* a whole query; *used bytes of it */
    POLICY_MORE,   /* not whole yet */
    POLICY_BROKEN, /* a line without '=', a NUL, or beyond the caps: *what says which */
};

#define POLICY_ATTRIBUTES 8 /* those of struct policy_query */

/* How far a query was read; all zero at its first byte. Offsets are from there. */
struct policy_scanner {
    size_t line; /* where the line that is not complete yet begins */
    struct {
        uint32_t at, len;
    } values[POLICY_ATTRIBUTES];
};

/*
 * BYTES begin with the query's first byte; what was seen by an earlier call is not read again.
 * After POLICY_QUERY the scanner is ready for the next query, which begins *USED bytes on; the
 * query's views point into BYTES. Of repeated attributes the last one wins (rule 8).
 */
enum policy_scan policy_scan(struct policy_scanner *s, struct view bytes, size_t *used,
                             struct policy_query *query, const char **what);

/* About a recipient, in state RCPT, of the kind Postfix sends. */
bool policy_query_is_recipient(const struct policy_query *q);

/* The server. */
struct policy;

/*
 * Binds every listener; when one fails none is left. Loopback addresses that the host lacks are
 * warnings. Of PASSED (or NULL) it takes what is at these addresses and what is named "policy";
 * then the addresses of the default are not bound. Called before privileges are dropped. VERDICT
 * and RECORD are borrowed. NULL with *why.
 */
struct policy *policy_new(struct event_base *base, const struct policy_config *config,
                          struct passed *passed, struct verdict *verdict, struct record *record,
                          struct error *why);

/* Begins to accept. */
int policy_start(struct policy *p, struct error *why);

/* max_clients may change at reload. */
void policy_configure(struct policy *p, const struct policy_config *config);

/*
 * No new connections; everything readable now is answered; then DRAINED(arg), within WAIT_MS. Who
 * is in a backlog is taken in before, but for sockets that were passed: there he waits for the next
 * process. WAIT_MS: more than half a second, which who has not asked yet is given.
 */
void policy_drain(struct policy *p, int wait_ms, void (*drained)(void *arg), void *arg);
void policy_free(struct policy *p); /* NULL is fine; removes its unix sockets */

size_t policy_clients(const struct policy *p);

/* Of one listener since the start, for /metrics. */
struct policy_listener {
    bool is_unix;
    unsigned open, max_clients; /* connections now, and at most */
    uint64_t accepted;
    uint64_t refused; /* beyond max_clients */
    uint64_t broken;  /* closed for what they sent (rule 8) */
};

/* Listener I in the order of the configuration; false beyond. */
bool policy_listener(const struct policy *p, size_t i, struct policy_listener *out);

#endif
