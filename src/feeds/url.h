/* What of a feed's URL matters here: is it a file, and how is it shown. Pure. */
#ifndef FEEDS_URL_H
#define FEEDS_URL_H

#include <stdbool.h>
#include <stddef.h>

bool url_is_file(const char *url);

/* The path of file:/p, file:///p or file://localhost/p, percent-decoded; false: it has none. */
bool url_file_path(const char *url, char *path, size_t size);

/* Without userinfo, which may hold a password, and escaped. */
void url_shown(const char *url, char *shown, size_t size);

#endif
