"""Lists over HTTP from a real nginx: the good cases take effect, and in every bad case the verdicts
stay as they are and `rcptguard feeds` says what is wrong."""

import time

import pytest

from daemon import Daemon
from policyclient import blocked
from support import run, wait_until
from webserver import WebServer


def entries(prefix, count=200):
    return [f"{prefix}{i}@example.org" for i in range(count)]


def text_of(rows):
    return "".join(f"{row}\n" for row in rows)


OLD, NEW = entries("old"), entries("new")


@pytest.fixture
def web():
    w = WebServer()
    yield w
    w.close()


@pytest.fixture
def served(daemon, web):
    """A daemon that has taken OLD from the server."""
    web.put("list", text_of(OLD))
    web.start()
    daemon.feed("main", web.url, timeout="2s", max_bytes="64K")
    daemon.start()
    daemon.wait_blocked(OLD[0])
    return daemon


def verdicts(daemon, rows):
    with daemon.client() as client:
        return [blocked(a) for a in client.ask_all(rows)]


def assert_in_force(daemon, rows, others):
    assert all(verdicts(daemon, rows))
    assert not any(verdicts(daemon, others))


def test_first_fetch(served):
    assert_in_force(served, OLD, NEW)
    feed = served.feed_status("main")
    assert feed["state"] == "accepted"
    assert (feed["rows"], feed["entries"], feed["active"]) == (200, 200, 200)
    assert feed["last_fetch"] and feed["last_success"]
    assert not feed["last_error"]


def test_not_modified(served, web):
    before = len(web.requests())
    status, feed = served.refresh("main")
    assert status == 200 and feed["state"] == "unchanged"
    assert web.requests()[before:][0][:2] == (304, "/list")
    assert_in_force(served, OLD, NEW)


def test_not_modified_after_restart(served, web):
    """The validators are kept with the copy."""
    served.stop()
    before = len(web.requests())
    served.start()
    assert all(verdicts(served, OLD[:50]))  # from the saved index, at once
    status, feed = served.refresh("main")
    assert status == 200 and feed["state"] == "unchanged"
    assert all(r[0] == 304 for r in web.requests()[before:])


def test_no_validators_without_the_copy(served, web):
    """A lost state directory means a whole fetch."""
    served.stop()
    run("find", served.state, "-mindepth", "1", "-delete")
    before = len(web.requests())
    served.start()
    served.wait_blocked(OLD[0])
    assert web.requests()[before][0] == 200


def test_change(served, web):
    web.put("list", text_of(NEW))
    status, feed = served.refresh("main")
    assert status == 200 and feed["state"] == "accepted"
    assert_in_force(served, NEW, OLD)


def test_refresh_command(served, web):
    web.put("list", text_of(NEW))
    result = served.command("refresh", "main")
    assert result.returncode == 0, result.stderr
    assert_in_force(served, NEW, OLD)
    web.mode("500")
    result = served.command("refresh")
    assert result.returncode == 1
    assert "main" in result.stdout + result.stderr
    assert served.command("refresh", "nosuch").returncode != 0


def test_refreshes_by_itself(daemon, web):
    web.put("list", text_of(OLD))
    web.start()
    daemon.feed("main", web.url, refresh="1s")
    daemon.start()
    daemon.wait_blocked(OLD[0])
    web.put("list", text_of(NEW))
    daemon.wait_blocked(NEW[0])
    assert_in_force(daemon, NEW, OLD)


BAD = {
    "404": ("failed", "404"),
    "500": ("failed", "500"),
    "503": ("failed", "503"),
    "hang": ("failed", ""),
    "drip": ("failed", ""),
    "truncated": ("failed", ""),
    "bad-gateway": ("failed", "502"),
    "oversized": (("failed", "refused"), ""),
    "loop": ("failed", ""),
    "to-file": ("failed", ""),
    "to-tls": ("failed", ""),  # a certificate that nobody vouches for
    "html": ("refused", ""),
    "empty": ("refused", ""),
    "204": (("failed", "refused"), ""),
}


@pytest.mark.parametrize("mode", sorted(BAD))
def test_bad_answer_changes_nothing(served, web, mode):
    states, word = BAD[mode]
    web.put("list", text_of(NEW))  # what a careless reader would take half of
    web.put("oversized", text_of(entries("new", 20000)))
    web.mode(mode)
    mark = served.mark()
    begin = time.monotonic()
    status, answer = served.refresh("main")
    assert time.monotonic() - begin < 15
    feed = served.feed_status("main")
    assert feed["state"] in states, feed
    assert status == (502 if feed["state"] == "failed" else 200), answer
    assert feed["last_error"] or feed["guard"], feed
    assert word in feed["last_error"]
    assert (feed["entries"], feed["active"]) == (200, 200)
    assert_in_force(served, OLD, NEW)
    served.wait_log("main", since=mark)

    shown = served.command("feeds")
    assert shown.returncode == (1 if feed["state"] == "failed" else 0)
    assert feed["state"] in shown.stdout and "main" in shown.stdout

    # It survives a restart, and heals by itself when the server does.
    served.stop()
    served.start()
    assert_in_force(served, OLD, NEW)
    web.mode()
    status, feed = served.refresh("main")
    assert status == 200 and feed["state"] == "accepted", feed
    assert not feed["last_error"]
    assert_in_force(served, NEW, OLD)


def test_moved(served, web):
    web.put("other", text_of(NEW))
    web.mode("moved")
    assert served.refresh("main")[0] == 200
    assert_in_force(served, NEW, OLD)


def test_server_away_at_start_then_back(daemon, web):
    daemon.feed("main", web.url, refresh="1s")
    daemon.start()
    assert not daemon.blocks(OLD[0])
    feed = daemon.wait_feed("main", state="failed")
    assert feed["last_error"]
    assert not feed["last_success"]
    assert daemon.command("status").returncode == 1  # never accepted
    web.put("list", text_of(OLD))
    web.start()
    daemon.wait_blocked(OLD[0], 40)  # without being told, back-off and all
    assert_in_force(daemon, OLD, NEW)
    wait_until("healthy", lambda: daemon.command("status").returncode == 0)


def test_server_goes_away(served, web):
    web.stop()
    assert served.refresh("main")[0] == 502
    assert_in_force(served, OLD, NEW)
    served.stop()
    served.start()
    assert_in_force(served, OLD, NEW)


def test_hanging_server_delays_no_other(daemon, web):
    web.put("list", text_of(OLD))
    web.put("good", text_of(NEW))
    web.mode("hang")
    web.start()
    daemon.feed("hangs", web.url, refresh="1s", timeout="30s")
    daemon.feed("works", web.url.replace("/list", "/good"))
    daemon.start()
    daemon.wait_blocked(NEW[0], 6)
    web.put("good", text_of(entries("third")))
    begin = time.monotonic()
    assert daemon.refresh("works")[0] == 200
    assert time.monotonic() - begin < 5
    assert daemon.blocks("third0@example.org")
    assert daemon.stop() == 0  # within 5 s, in the middle of the hung fetch


def test_stop_in_the_middle_of_a_drip(daemon, web):
    web.put("list", text_of(OLD))
    web.mode("drip")
    web.start()
    daemon.feed("main", web.url, timeout="60s")
    daemon.start()
    wait_until("the fetch goes on", lambda: (daemon.feed_status("main") or {}).get("progress"))
    begin = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - begin < 5.5


def test_queries_flow_during_a_hung_fetch(served, web):
    web.mode("hang")
    served.feed("main", web.url, timeout="20s", max_bytes="64K", refresh="1s")
    served.reload()
    wait_until("the fetch hangs", lambda: web.raw.hanging)
    worst = 0
    with served.client() as client:
        for _ in range(300):
            begin = time.monotonic()
            assert blocked(client.ask(OLD[1]))
            worst = max(worst, time.monotonic() - begin)
    assert worst < 1.5


# A private view of the certificate store, for one process: curl has no other way here.
TRUST = [
    *("unshare", "--mount", "--propagation", "private", "sh", "-c"),
    'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"',
]


@pytest.fixture
def trusting(web):
    if run(*TRUST, web.ca, "true").returncode != 0:
        pytest.skip("no mount namespace of our own here (a chroot)")
    d = Daemon(wrapper=[*TRUST, web.ca])
    yield d
    d.close()


def test_tls(trusting, web):
    web.put("list", text_of(OLD))
    web.start()
    trusting.feed("main", web.tls_url, timeout="2s")
    trusting.start()
    trusting.wait_blocked(OLD[0])

    web.put("list", text_of(NEW))
    trusting.feed("main", web.tls_url.replace("/list", "/down"), timeout="2s")
    trusting.reload()
    trusting.wait_log(r"(?i)reload")
    status, _ = trusting.refresh("main")  # https must never become http
    assert status == 502
    assert_in_force(trusting, OLD, NEW)


def test_certificate_of_another_name(trusting, web):
    web.put("list", text_of(OLD))
    web.start()
    trusting.feed("main", web.url, timeout="2s")
    trusting.start()
    trusting.wait_blocked(OLD[0])
    web.put("list", text_of(NEW))
    web.mode("to-wrong-name")
    assert trusting.refresh("main")[0] == 502
    assert_in_force(trusting, OLD, NEW)
    web.mode("to-tls")
    assert trusting.refresh("main")[0] == 200
    assert_in_force(trusting, NEW, OLD)
