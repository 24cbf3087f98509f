/*
 * TLS. hiredis' own context verifies no name, and its handshake tells nobody what it waits for: so
 * the handshake is made here, on an object that hiredis then reads and writes with.
 */
#include "tls.h"

#ifdef RCPTGUARD_REDIS_TLS

#include <hiredis.h>
#include <hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include "connect.h"

bool redis_tls_is_built(void)
{
    return true;
}

void redis_tls_forget_errors(void)
{
    ERR_clear_error();
}

static SSL_CTX *make_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL)
        return NULL;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
        SSL_CTX_set_default_verify_paths(context) == 1)
        return context;
    SSL_CTX_free(context);
    return NULL;
}

/* An address stands in a certificate as an address, and is no server name. */
static bool expect_host(SSL *ssl, const char *host)
{
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1)
        return true;
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

static SSL *make(const char *host)
{
    SSL_CTX *context = make_context();
    SSL *ssl = context == NULL ? NULL : SSL_new(context);

    SSL_CTX_free(context); /* SSL holds it */
    if (ssl == NULL || expect_host(ssl, host))
        return ssl;
    SSL_free(ssl);
    return NULL;
}

static int explain(SSL *ssl, struct error *why)
{
    long verified = SSL_get_verify_result(ssl);
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    if (verified != X509_V_OK)
        return error_set(why, ERR_REFUSED, "the certificate is not good: %s",
                         X509_verify_cert_error_string(verified));
    return error_set(why, ERR_IO, "TLS: %s", reason == NULL ? "connection closed" : reason);
}

static int shake_hands(SSL *ssl, int fd, int64_t until, struct redis_stop *stop, struct error *why)
{
    int rc = 0;

    while (rc == 0) {
        ERR_clear_error();
        int said = SSL_do_handshake(ssl);
        if (said == 1)
            return 0;
        int wants = SSL_get_error(ssl, said);
        if (wants != SSL_ERROR_WANT_READ && wants != SSL_ERROR_WANT_WRITE)
            return explain(ssl, why);
        rc = redis_wait(fd, wants == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until, stop, why);
    }
    error_prefix(why, "TLS");
    return rc;
}

int redis_tls_start(struct redisContext *c, const char *host, int64_t until,
                    struct redis_stop *stop, struct error *why)
{
    SSL *ssl = make(host);

    if (ssl == NULL)
        return error_set(why, ERR_NOMEM, "cannot set up TLS");
    ERR_clear_error();
    /* From here on hiredis owns SSL, unless it failed at once. */
    if (redisInitiateSSL(c, ssl) != REDIS_OK) {
        int rc = explain(ssl, why);
        SSL_free(ssl);
        return rc;
    }
    return shake_hands(ssl, (int)c->fd, until, stop, why);
}

#else

bool redis_tls_is_built(void)
{
    return false;
}

void redis_tls_forget_errors(void)
{
}

int redis_tls_start(struct redisContext *c, const char *host, int64_t until,
                    struct redis_stop *stop, struct error *why)
{
    (void)c, (void)host, (void)until, (void)stop;
    return error_set(why, ERR_REFUSED,
                     "this rcptguard was built without TLS to Redis (hiredis_ssl, hiredis 1.0 or "
                     "newer); use redis: or unix:, or a TLS proxy on this machine");
}

#endif
