/*
 * What of a feed's URL matters here: is it a file, where is its signature, what stands in it for
 * the secret, and how is it shown. Pure.
 */
#ifndef FEEDS_URL_H
#define FEEDS_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "rcptguard/base/buf.h"

bool url_is_file(const char *url);

/* The path of file:/p, file:///p or file://localhost/p, percent-decoded; false: it has none. */
bool url_file_path(const char *url, char *path, size_t size);

/* The same of a URL that feed_url_is_glob, as a pattern of glob(3): what was written as %XX means
 * itself. */
bool url_file_pattern(const char *url, char *pattern, size_t size);

/* Without what may be secret, and escaped: *** for the userinfo and for ${secret}. */
void url_shown(const char *url, char *shown, size_t size);

/* Appends TEXT with SECRET in place of every ${secret}, as it is. 0 or ERR_NOMEM. */
int url_expand_text(struct buf *to, const char *text, const char *secret);

/* The same of a URL: what would be read as a part of the URL is percent-encoded. */
int url_expand(struct buf *to, const char *url, const char *secret);

/* Appends SECRET as url_expand puts it in. */
int url_encode(struct buf *to, const char *secret);

/* Where the signature of the list at URL lies: ".sig" behind the path. */
int url_of_signature(struct buf *to, const char *url);

/* Appends the part of URL before the '@' of its host, to be hidden; nothing without one. */
int url_userinfo(struct buf *to, const char *url);

/* Appends WORDS (somebody else's: libcurl quotes hosts) with *** for each of SECRETS, every one of
 * which ends in a NUL. */
void url_hide(struct text *to, struct view words, struct view secrets);

#endif
