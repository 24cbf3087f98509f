/*
 * Resolvers as [dns] servers and resolv.conf(5) write them: addresses only, so that no name must be
 * resolved to resolve names.
 */
#ifndef DNSBL_SERVERS_H
#define DNSBL_SERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"
#include "rcptguard/dnsbl.h"

/* More of them only make a question that nobody answers last longer. */
#define SERVERS_MAX 8

struct servers {
    size_t n;
    struct server {
        bool is_v6;
        unsigned char address[16]; /* 4 of them, or 16 */
        unsigned port;
    } list[SERVERS_MAX];
};

/* "127.0.0.1:5353 [::1]:53 192.0.2.1", blanks or commas between them; ERR_SYNTAX. */
int servers_parse(struct view text, struct servers *out, struct error *why);

/* As [dns] servers writes it. */
#define SERVER_TEXT_MAX 64
const char *server_text(const struct server *server, char dst[SERVER_TEXT_MAX]);

socklen_t server_address(const struct server *server, struct sockaddr_storage *out);

/* What the bytes of an /etc/resolv.conf name, in that form; 127.0.0.1 when they name none. */
void servers_of_resolv_conf(struct view bytes, char dst[DNSBL_SERVERS_MAX]);

#endif
