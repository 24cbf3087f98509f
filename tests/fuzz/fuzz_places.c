/*
 * Where to listen and whom to ask, as configurations and resolv.conf(5) write it: any bytes. The
 * first byte says what of. What is good prints as text that reads the same.
 */
#include <stdint.h>

#include "dnsbl/servers.h"
#include "fleet/parts.h"
#include "must.h"
#include "rcptguard/base/socket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_socket(struct view text)
{
    struct socket_address first, again;
    char shown[SOCKET_TEXT_MAX], second[SOCKET_TEXT_MAX];
    struct error why = {0};

    if (socket_address_parse(text, &first, &why) < 0) {
        must(why.text[0] != '\0');
        return;
    }
    must(memchr(first.path, '\0', sizeof first.path) != NULL);
    must(memchr(first.host, '\0', sizeof first.host) != NULL && first.port <= 65535);
    must(socket_address_parse(view_of(socket_text(&first, shown)), &again, NULL) == 0);
    must(strcmp(shown, socket_text(&again, second)) == 0);
    must(socket_is_loopback(&first) == socket_is_loopback(&again));
}

static void try_servers(struct view text)
{
    struct servers first, again;
    struct sockaddr_storage address;
    struct error why = {0};
    struct buf shown = BUF_INIT(0);
    char one[SERVER_TEXT_MAX];

    if (servers_parse(text, &first, &why) != 0) {
        must(why.text[0] != '\0');
        return;
    }
    must(first.n > 0 && first.n <= SERVERS_MAX);
    for (size_t i = 0; i < first.n; i++) {
        must(first.list[i].port > 0 && server_address(&first.list[i], &address) > 0);
        buf_addf(&shown, " %s", server_text(&first.list[i], one));
    }
    must(servers_parse(buf_view(&shown), &again, NULL) == 0 && again.n == first.n);
    for (size_t i = 0; i < first.n; i++)
        must(first.list[i].port == again.list[i].port &&
             memcmp(first.list[i].address, again.list[i].address, 16) == 0);
    buf_free(&shown);
}

/* There is always somebody to ask. */
static void try_resolv_conf(struct view text)
{
    char found[DNSBL_SERVERS_MAX];
    struct servers servers;

    servers_of_resolv_conf(text, found);
    must(servers_parse(view_of(found), &servers, NULL) == 0);
}

static void try_sentinels(struct view text)
{
    struct redis_url found[FLEET_MAX_SENTINELS];
    struct error why = {0};
    size_t n;

    if (fleet_sentinels_parse(text, found, &n, &why) < 0) {
        must(why.text[0] != '\0');
        return;
    }
    must(n <= FLEET_MAX_SENTINELS);
    for (size_t i = 0; i < n; i++)
        must(found[i].host[0] != '\0' && memchr(found[i].host, '\0', sizeof found[i].host) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct view) = {try_socket, try_servers, try_resolv_conf,
                                                 try_sentinels};

    if (size > 0)
        tries[data[0] % 4](view_make(data + 1, size - 1));
    return 0;
}
