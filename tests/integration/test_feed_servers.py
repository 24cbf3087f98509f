"""What web servers do that nginx never does, and what the administrator does meanwhile."""

import threading
from datetime import datetime

import pytest

from scriptedserver import ScriptedServer
from support import wait_until


def text_of(count, prefix="u"):
    return "".join(f"{prefix}{i}@example.org\n" for i in range(count))


@pytest.fixture
def server():
    s = ScriptedServer()
    yield s
    s.close()


def test_cleared_list_taken_away_while_it_is_fetched(daemon, server):
    """Its fetch ends with the reload, and is not there to answer for the next one."""
    server.pages["/list"] = lambda r: r.ok("a@example.org,A,20200101\n")
    server.pages["/cleared"] = lambda r: r.hang()
    cleared = server.url("/cleared")
    daemon.feed("aper", server.url("/list"), format="aper", cleared=cleared)
    daemon.start()
    wait_until("the cleared list is asked for", lambda: "/cleared" in server.open)
    del daemon.config["feed aper"]["cleared"]
    daemon.reload()
    daemon.wait_blocked("a@example.org")
    wait_until("its fetch has ended", lambda: "/cleared" not in server.open)
    server.pages["/cleared"] = lambda r: r.ok("a@example.org,20200101\n")
    daemon.config["feed aper"]["cleared"] = cleared
    daemon.reload()
    daemon.wait_free("a@example.org")


def test_accept_while_a_big_copy_arrives(daemon, server):
    """What is kept of the one copy does not take the other one's file away."""
    big = text_of(300000, "a.rather.long.name.")
    go = threading.Event()
    server.pages["/list"] = lambda r: r.ok(text_of(200))
    daemon.feed("main", server.url("/list"), max_grow="1000000%")
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    server.pages["/list"] = lambda r: r.ok(text_of(100))
    assert daemon.refresh("main")[1]["state"] == "held"

    server.pages["/list"] = lambda r: r.ok(big, pause=go, after=5 << 20, ETag='"big"')
    refresh = threading.Thread(target=daemon.refresh, args=("main",))
    refresh.start()
    wait_until("half of it is here", lambda: "fetching 5." in (daemon.feed_status("main")["progress"] or ""))
    status, feed = daemon.api("POST", "/v1/feeds/main/accept")
    assert (status, feed["state"]) == (200, "accepted")
    daemon.wait_free("u199@example.org")
    go.set()
    refresh.join()
    assert daemon.blocks("a.rather.long.name.299999@example.org")
    # Its state, the copy, and the one before.
    wait_until("it is kept", lambda: len(list((daemon.state / "feeds" / "main").iterdir())) == 3)
    assert daemon.refresh("main")[1]["state"] == "unchanged"
    assert server.requests[-1][1]["if-none-match"] == '"big"'
    assert "cannot be kept" not in daemon.log()


def test_error_page_without_end(daemon, server):
    """Nobody reads it; the status says enough."""

    def endless(request):
        request.send(b"HTTP/1.1 503 Busy\r\nRetry-After: 600\r\n\r\n")
        while True:
            request.send(b"sorry\n" * 4096)

    server.pages["/list"] = endless
    daemon.feed("main", server.url("/list"), refresh="1s")
    daemon.start()
    feed = daemon.wait_feed("main", state="failed")
    assert "503" in feed["last_error"]
    late = datetime.fromisoformat(feed["next_fetch"]) - datetime.fromisoformat(feed["last_fetch"])
    assert late.total_seconds() >= 600
