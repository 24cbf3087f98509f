/*
 * What a fetch is made of, for its own files: fetch.c (its life), fetch_send.c (what is sent, and
 * what of it is secret), fetch_redirect.c (where it goes), fetch_answer.c (what headers say).
 */
#ifndef FEEDS_FETCH_PARTS_H
#define FEEDS_FETCH_PARTS_H

#include <curl/curl.h>

#include "fetch.h"
#include "last_line.h"

struct fetch {
    struct fetcher *fetcher;
    CURL *easy;
    struct curl_slist *headers;
    struct buf url;     /* as it is asked */
    struct buf secrets; /* never to be shown; each ends in a NUL */
    fetch_done *done;
    void *arg;
    struct body *body;
    struct last_line last_line;
    uint64_t max_bytes;
    bool of_lines;
    bool conditional;    /* validators were sent */
    bool private_origin; /* the configured URL itself leads to private addresses only */
    bool public_origin;  /* it leads to a public one, too */
    bool was_https;
    bool bound;           /* a secret goes with the request, to its own origin only */
    bool proxied;         /* sockets lead to the proxy, whatever is asked */
    struct error refused; /* by a callback of ours, when code is not 0 */
    char words[CURL_ERROR_SIZE];
};

/* All that HOW says goes with the request. 0 or negative. */
int fetch_send_access(struct fetch *f, const struct feed_config *how);
int fetch_send_validator(struct fetch *f, const char *name, const char *value);

/* libcurl's words about RC, without secrets; WHAT stands before them, or NULL. */
void fetch_tell(const struct fetch *f, const char *what, CURLcode rc, struct error *why);

/* Refuses, by f->refused, what redirects must not do. */
void fetch_watch_redirects(struct fetch *f);

/* The header NAME of the answer, "" when it is not there or not plain ASCII: validators are kept as
 * text and sent back. */
void fetch_take_header(struct fetch *f, const char *name, char *dst, size_t size);

/* Does the answer say where it ends? */
bool fetch_is_measured(struct fetch *f);

/* How long the answer may be kept, 0: not known. */
int64_t fetch_expires_s(struct fetch *f);

#endif
