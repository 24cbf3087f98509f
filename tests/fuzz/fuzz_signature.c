/*
 * Keys, signatures and URLs, any bytes of them: nothing is read beyond the end, a key that is read
 * reads the same as hex, and no random bytes are ever a good signature.
 */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#include "feeds/fetch/signature.h"
#include "feeds/fetch/url.h"
#include "rcptguard/base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* Its secret is put in, what is shown fits, and a pattern is a path too. */
static void try_url(const char *url)
{
    char path[PATH_MAX], pattern[PATH_MAX], shown[64];
    struct buf expanded = BUF_INIT(0), beside = BUF_INIT(0);

    must(url_expand(&expanded, url, "s e\\cret") == 0);
    must((strcmp(expanded.data, url) == 0) == (strstr(url, "${secret}") == NULL));
    must(url_of_signature(&beside, url) == 0);
    must(strstr(beside.data, ".sig") != NULL);
    url_shown(url, shown, sizeof shown);
    must(strlen(shown) < sizeof shown);
    bool is_path = url_file_path(url, path, sizeof path);
    must(!is_path || path[0] == '/');
    must(!url_file_pattern(url, pattern, sizeof pattern) || is_path);
    buf_free(&expanded);
    buf_free(&beside);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char key[FEED_PUBKEY_BYTES], again[FEED_PUBKEY_BYTES];
    char hex[2 * FEED_PUBKEY_BYTES + 1];
    struct view v = view_make(data, size);
    char *text = view_dup(v);

    if (feed_pubkey_parse(v, key)) {
        must(feed_pubkey_parse(view_of(hex_text(key, sizeof key, hex)), again));
        must(memcmp(key, again, sizeof key) == 0);
        must(signature_check(key, v, view_of("message"), NULL) < 0);
    }
    memset(key, 7, sizeof key);
    must(signature_check(key, v, view_of("message"), NULL) < 0);
    if (text != NULL)
        try_url(text);
    free(text);
    return 0;
}
