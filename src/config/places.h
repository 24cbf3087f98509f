/* Where things are: sockets and URLs, as far as their spelling goes. Nothing is opened. */
#ifndef CONFIG_PLACES_H
#define CONFIG_PLACES_H

#include <stdbool.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

/* unix:/absolute/path or inet:ADDRESS:PORT, port from 1. */
int place_check_listen(struct view text, struct error *why);

/*
 * One of SCHEMES ("https http file"); file: and unix: need an absolute path, the others a host.
 * The message never quotes the URL: it may hold a password.
 */
int place_check_url(struct view url, const char *schemes, const char *example, struct error *why);

/* Does a fetch stay on this host? file:, or a loopback address. */
bool place_url_is_local(struct view url);

/* user:password@ in front of the host. */
bool place_has_userinfo(struct view url);

/* Appends the URL with "***" in place of the userinfo. */
int place_mask_url(struct buf *to, struct view url);

#endif
