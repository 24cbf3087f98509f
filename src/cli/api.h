/*
 * The admin API's client: HTTP over the unix socket, by libcurl. Calls run side by side, because a
 * refresh may take minutes and feeds must not wait for each other.
 */
#ifndef CLI_API_H
#define CLI_API_H

#include <jansson.h>
#include <stdbool.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

struct api;

/* SOCKET is borrowed. NULL: no memory. */
struct api *api_new(const char *socket);
void api_free(struct api *c); /* NULL is fine */

enum api_method { API_GET, API_POST, API_DELETE };

/* One request and its answer. Begin with api_call_begin, end with api_call_end. */
struct api_call {
    enum api_method method;
    struct buf path;         /* "/v1/..." with parameters */
    struct buf request, raw; /* bodies */
    long status;
    json_t *answer;   /* a JSON object, or NULL */
    struct error why; /* code 0, or why there was no HTTP answer that is JSON */
    void *handle;     /* the client's own */

    /*
     * Not NULL: an answer of 200 is a stream, taken line by line as it comes, without a limit of
     * time, until ON_LINE returns false or the daemon is gone (ERR_IO).
     */
    bool (*on_line)(struct view line, void *arg);
    void *line_arg;
};

void api_call_begin(struct api_call *c, enum api_method method, const char *path);
void api_call_end(struct api_call *c);

/* Adds V to the path, percent-encoded. */
void api_call_add_encoded(struct api_call *c, struct view v);

/*
 * Makes N calls and waits for all. TICK (may be NULL) is called about twice a second meanwhile.
 * 0 when each of them got an answer, whatever its status; else the first error.
 */
int api_run(struct api *api, struct api_call *calls, size_t n, void (*tick)(void *arg), void *arg,
            struct error *why);

#endif
