/* Signed lists: the signature is asked for where the list was, and checked before anything else. */
#include "signed_list.h"

#include <stdio.h>
#include <stdlib.h>

#include "fetch/signature.h"
#include "fetch/url.h"
#include "rcptguard/base/file.h"

bool signed_list_is(const struct feed *f)
{
    return f->config->pubkey != NULL && f->config->pubkey[0] != '\0';
}

static int add_piece(struct view bytes, void *arg, struct error *why)
{
    return buf_add_view(arg, bytes) < 0
               ? error_set(why, ERR_NOMEM, "no memory for the whole list, to check its signature")
               : 0;
}

/* The bytes that are checked are those of the body's digest: body_each sees to it. */
static int check_body(const unsigned char *key, struct view signature, const struct body *body,
                      struct error *why)
{
    struct buf whole = BUF_INIT(0);

    if (body->fd < 0)
        return signature_check(key, signature, buf_view(&body->memory), why);
    int rc = body_each(body, add_piece, &whole, why);
    if (rc == 0)
        rc = signature_check(key, signature, buf_view(&whole), why);
    buf_free(&whole);
    return rc;
}

/* CODE and S->result.why say why the list cannot be believed, or CODE is 0. */
static void conclude(struct feed_source *s, int code)
{
    if (code != 0)
        feed_drop_result(s);
    s->arrived = true;
    if (code == 0)
        return;
    bool refused = code == ERR_REFUSED || code == ERR_SYNTAX || code == ERR_ABSENT;
    s->result.kind = refused ? FETCH_UNSIGNED : FETCH_FAILED;
}

void signed_list_check(struct feed_source *s, struct view signature)
{
    unsigned char key[FEED_PUBKEY_BYTES];
    struct error *why = &s->result.why;
    int rc = 0;

    if (!feed_pubkey_parse(view_of(s->feed->config->pubkey), key))
        rc = error_set(why, ERR_SYNTAX, "the key in pubkey cannot be read");
    if (rc == 0)
        rc = check_body(key, signature, s->result.body, why);
    if (rc == 0 && signature.len <= sizeof s->signature) {
        memcpy(s->signature, signature.ptr, signature.len);
        s->signature_len = signature.len;
    }
    conclude(s, rc);
}

/* That the server has no signature is an answer; that it did not answer is none. */
static void on_fetched(struct fetch_result *result, void *arg)
{
    struct feed_source *s = arg;
    long status = result->http_status;

    s->fetch = NULL;
    if (result->kind == FETCH_BODY) {
        signed_list_check(s, buf_view(&result->body->memory));
        body_free(result->body);
        return;
    }
    s->result.why = result->why;
    s->result.retry_after_s = result->retry_after_s;
    error_prefix(&s->result.why, "the signature beside the list");
    conclude(s, status == 403 || status == 404 || status == 410 ? ERR_ABSENT : ERR_IO);
}

void signed_list_ask(struct feed_source *s)
{
    struct buf url = BUF_INIT(0);
    struct fetch_order order = {
        .how = s->feed->config,
        .max_bytes = SIGNATURE_FILE_BYTES,
        .spill_path = "", /* so few bytes stay in memory */
    };

    if (url_of_signature(&url, s->url) < 0) {
        conclude(s, error_set(&s->result.why, ERR_NOMEM, "no memory"));
    } else {
        order.url = url.data;
        s->fetch = fetch_start(s->fetcher, &order, on_fetched, s, &s->result.why);
        if (s->fetch == NULL)
            conclude(s, ERR_NOMEM);
    }
    buf_free(&url);
}

void signed_list_read(struct feed_source *s, const char *path)
{
    struct buf bytes = BUF_INIT(0);
    char *beside = NULL;
    int rc = asprintf(&beside, "%s" SIGNATURE_SUFFIX, path) < 0
                 ? error_set(&s->result.why, ERR_NOMEM, "no memory")
                 : file_read(beside, SIGNATURE_FILE_BYTES, &bytes, &s->result.why);

    if (rc < 0)
        conclude(s, rc);
    else
        signed_list_check(s, buf_view(&bytes));
    free(beside);
    buf_free(&bytes);
}
