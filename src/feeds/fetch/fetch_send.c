/*
 * What goes with a request to be let in, and how it stays secret: libcurl's error texts quote hosts
 * and more, so whatever it says goes through url_hide.
 */
#include "fetch_parts.h"
#include "url.h"

static int add_line(struct fetch *f, const char *line)
{
    struct curl_slist *list = curl_slist_append(f->headers, line);

    if (list == NULL)
        return ERR_NOMEM;
    f->headers = list;
    return 0;
}

int fetch_send_validator(struct fetch *f, const char *name, const char *value)
{
    char line[FETCH_ETAG_MAX + 64];
    struct text t = text_on(line, sizeof line);

    if (value == NULL || value[0] == '\0')
        return 0;
    text_addf(&t, "%s: %s", name, value);
    f->conditional = true;
    return t.cut ? ERR_NOMEM : add_line(f, line);
}

static void hide(struct fetch *f, struct view secret)
{
    secret = view_trim(secret);
    if (secret.len > 0)
        buf_add_view(&f->secrets, secret);
    buf_add(&f->secrets, "", 1);
}

/* The whole of NAME:REST and what stands behind the colon. */
static void hide_pair(struct fetch *f, struct view pair)
{
    ptrdiff_t colon = view_find(pair, ':');

    hide(f, pair);
    if (colon >= 0)
        hide(f, view_from(pair, (size_t)colon + 1));
}

static void hide_userinfo(struct fetch *f, const char *url)
{
    struct buf userinfo = BUF_INIT(0);

    if (url != NULL)
        url_userinfo(&userinfo, url);
    hide_pair(f, buf_view(&userinfo));
    buf_free(&userinfo);
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static int add_header(struct fetch *f, const char *header, const char *secret)
{
    struct buf line = BUF_INIT(0);
    int rc = url_expand_text(&line, header, secret);

    /* Configuration lets none through; a second line here would be a header of somebody else's. */
    for (size_t i = 0; rc == 0 && i < line.len; i++)
        if (ascii_control(line.data[i]))
            rc = ERR_SYNTAX;
    if (rc == 0)
        rc = add_line(f, line.data);
    hide_pair(f, buf_view(&line));
    buf_free(&line);
    return rc;
}

static int set_userpwd(struct fetch *f, const char *userpwd, const char *secret)
{
    struct buf both = BUF_INIT(0);
    int rc = url_expand_text(&both, userpwd, secret);

    hide_pair(f, buf_view(&both));
    if (rc == 0 && curl_easy_setopt(f->easy, CURLOPT_USERPWD, both.data) != CURLE_OK)
        rc = ERR_NOMEM;
    buf_free(&both);
    return rc;
}

/* curl_easy_setopt for a text that it copies. */
static int set_text(struct fetch *f, CURLoption option, const char *text)
{
    return !is_set(text) || curl_easy_setopt(f->easy, option, text) == CURLE_OK ? 0 : ERR_NOMEM;
}

/* A CA of the site's own stands in the place of the system's: it is told from whom to come. */
static int set_tls(struct fetch *f, const struct feed_config *how)
{
    const char *key = is_set(how->tls_key) ? how->tls_key : how->tls_cert;

    if (is_set(how->tls_ca))
        curl_easy_setopt(f->easy, CURLOPT_CAPATH, NULL);
    return set_text(f, CURLOPT_CAINFO, how->tls_ca) < 0 ||
                   set_text(f, CURLOPT_SSLCERT, how->tls_cert) < 0 ||
                   set_text(f, CURLOPT_SSLKEY, is_set(how->tls_cert) ? key : NULL) < 0
               ? ERR_NOMEM
               : 0;
}

int fetch_send_access(struct fetch *f, const struct feed_config *how)
{
    struct buf encoded = BUF_INIT(0);
    int rc = 0;

    if (is_set(how->secret)) {
        hide(f, view_of(how->secret));
        url_encode(&encoded, how->secret);
        hide(f, buf_view(&encoded));
        buf_free(&encoded);
    }
    for (size_t i = 0; rc == 0 && i < how->n_headers; i++)
        rc = add_header(f, how->headers[i], how->secret);
    if (rc == 0 && is_set(how->userpwd))
        rc = set_userpwd(f, how->userpwd, how->secret);
    if (rc == 0)
        rc = set_tls(f, how);
    hide_userinfo(f, f->url.data);
    hide_userinfo(f, how->proxy);
    f->bound = how->n_headers > 0 || is_set(how->userpwd) || is_set(how->tls_cert);
    f->proxied = is_set(how->proxy);
    return rc;
}

void fetch_tell(const struct fetch *f, const char *what, CURLcode rc, struct error *why)
{
    const char *words = f->words[0] != '\0' ? f->words : curl_easy_strerror(rc);
    char shown[sizeof why->text];
    struct text t = text_on(shown, sizeof shown);

    url_hide(&t, view_of(words), buf_view(&f->secrets));
    error_set(why, ERR_IO, "%s%s%s", what == NULL ? "" : what, what == NULL ? "" : ": ", shown);
}
