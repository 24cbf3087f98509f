/* Who may: the kernel's word on a real socket pair, and groups that are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "admin/peer.h"
#include "rcptguard/base/socket.h"

static void test_peer(void **state)
{
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct peer peer = peer_of(pair[0]);
    assert_true(peer.known);
    assert_int_equal(peer.uid, geteuid());
    assert_int_equal(peer.gid, getegid());
    assert_true(peer_is_admin(&peer, pair[0], SOCKET_NO_GROUP));

    peer.uid = geteuid() + 12345;
    peer.gid = 54321;
    assert_false(peer_is_admin(&peer, pair[0], SOCKET_NO_GROUP));
    assert_false(peer_is_admin(&peer, pair[0], 54322));
    assert_true(peer_is_admin(&peer, pair[0], 54321));

    gid_t groups[64];
    int n = getgroups(64, groups);
    for (int i = 0; i < n; i++)
        assert_true(peer_is_admin(&peer, pair[0], groups[i])); /* SO_PEERGROUPS */
    peer.known = false;
    assert_false(peer_is_admin(&peer, pair[0], 54321));
    close(pair[0]);
    close(pair[1]);
    assert_false(peer_of(-1).known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_peer)};
    return cmocka_run_group_tests_name("admin/peer", tests, NULL, NULL);
}
