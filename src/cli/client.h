/*
 * The admin API's client: HTTP over the unix socket, by libcurl. Calls run side by side, because a
 * refresh may take minutes and feeds must not wait for each other.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

struct client;

/* SOCKET is borrowed. NULL: no memory. */
struct client *client_new(const char *socket);
void client_free(struct client *c); /* NULL is fine */

/* One request and its answer. Begin with call_begin, end with call_end. */
struct call {
    bool post;
    struct buf path;         /* "/v1/..." with parameters */
    struct buf request, raw; /* bodies */
    long status;
    json_t *answer;   /* a JSON object, or NULL */
    struct error why; /* code 0, or why there was no HTTP answer that is JSON */
    void *handle;     /* the client's own */
};

void call_begin(struct call *c, bool post, const char *path);
void call_end(struct call *c);

/* Adds V to the path, percent-encoded. */
void call_add_encoded(struct call *c, struct view v);

/*
 * Makes N calls and waits for all. TICK (may be NULL) is called about twice a second meanwhile.
 * 0 when each of them got an answer, whatever its status; else the first error.
 */
int client_run(struct client *c, struct call *calls, size_t n, void (*tick)(void *arg), void *arg,
               struct error *why);

#endif
