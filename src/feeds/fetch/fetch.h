/*
 * Fetching: conditional, capped, bounded in time, side by side. One fetcher a worker; it is also
 * what the worker waits on, so that a descriptor of its own and all transfers share one poll.
 * libcurl stands behind this door. Worker thread only.
 */
#ifndef FEEDS_FETCH_H
#define FEEDS_FETCH_H

#include "../store/body.h"
#include "rcptguard/feeds.h"

#define FETCH_ETAG_MAX     256
#define FETCH_MODIFIED_MAX 64

/* What to fetch; everything is copied. */
struct fetch_order {
    const char *url;               /* https: or http:, with ${secret} still in it */
    const struct feed_config *how; /* secret, proxy, header, userpwd, tls_*, timeout */
    uint64_t max_bytes;
    const char *etag, *last_modified; /* of the copy that is there, or "" */
    const char *spill_path;
    bool of_lines; /* each may be read alone: half of one must not be (last_line.h) */
};

enum fetch_kind {
    FETCH_FAILED, /* why says it */
    FETCH_SAME,   /* 304: the copy that the validators are of */
    FETCH_BODY,
    FETCH_UNSIGNED, /* a body came that the feed's key did not sign; why says more */
};

struct fetch_result {
    enum fetch_kind kind;
    struct body *body; /* the taker's to free; NULL unless FETCH_BODY */
    char etag[FETCH_ETAG_MAX], last_modified[FETCH_MODIFIED_MAX];
    int64_t retry_after_s;
    int64_t expires_s; /* so long may the answer be kept: Cache-Control, Expires; 0: not known */
    long http_status;  /* 0: there was no answer */
    size_t left_out;   /* bytes of a last line that may be half of one */
    struct error why;  /* never holds a secret, nor the URL */
};

typedef void fetch_done(struct fetch_result *result, void *arg);

struct fetcher;
struct fetch;

struct fetcher *fetcher_new(struct error *why);
void fetcher_free(struct fetcher *f); /* all fetches must be gone; NULL is fine */

/* DONE is called from fetcher_run, once; the fetch is gone then. NULL with *why: DONE never. */
struct fetch *fetch_start(struct fetcher *f, const struct fetch_order *order, fetch_done *done,
                          void *arg, struct error *why);
void fetch_cancel(struct fetch *fetch);             /* at once, without DONE; NULL is fine */
uint64_t fetch_received(const struct fetch *fetch); /* bytes of the body so far */

/* Waits for the transfers or one of FDS (negative ones are left out) to be ready. */
#define FETCHER_MAX_FDS 4
void fetcher_wait(struct fetcher *f, const int *fds, unsigned count, int timeout_ms);
void fetcher_run(struct fetcher *f);

/* Reads a file instead; *RESULT as above. */
void fetch_file(const char *path, uint64_t max_bytes, struct fetch_result *result);

#endif
