"""SIGHUP: all of a new configuration or nothing of it."""

import pytest

from support import free_port, wait_until

LISTED = "listed@example.org"


@pytest.fixture
def server(daemon):
    daemon.list_file("main", f"{LISTED}\nboth@example.org\n")
    daemon.list_file("second", "second@example.org\nboth@example.org\n")
    daemon.start()
    daemon.wait_blocked(LISTED)
    daemon.wait_blocked("second@example.org")
    return daemon


def test_actions_texts_and_mode(server):
    server.config["feed main"]["action"] = "defer"
    server.config["feed main"]["reply"] = "see ${contact} about ${recipient}, entry ${entry}: ${ref}"
    server.config["policy"]["contact"] = "desk@example.org"
    server.reload()
    wait_until("deferred", lambda: server.ask(LISTED).startswith("450 "))
    assert server.ask(LISTED).startswith(
        f"450 4.7.1 see desk@example.org about {LISTED}, entry {LISTED}: "
    )
    assert server.ask("second@example.org").startswith("550 5.7.1 on blocklist second;")
    server.config["policy"]["mode"] = "observe"
    server.reload()
    server.wait_free(LISTED)
    assert server.api("GET", "/v1/check", recipient=LISTED)[1]["mode"] == "observe"


def test_removed_feed(server):
    del server.config["feed main"]
    server.reload()
    server.wait_free(LISTED)
    assert "on blocklist second;" in server.ask("both@example.org")
    assert server.feed_status("main") is None


def test_added_feed(server):
    server.list_file("third", "third@example.org\n")
    server.reload()
    server.wait_blocked("third@example.org")


def test_changed_addresses(server):
    assert server.blocks("listed+tag@example.org")
    server.config["addresses"] = {"recipient_delimiter": "-"}
    server.reload()
    server.wait_free("listed+tag@example.org")
    server.wait_blocked("listed-tag@example.org")


@pytest.mark.parametrize(
    "section, key, value",
    [
        ("policy", "mode", "sometimes"),
        ("policy", "modus", "observe"),
        ("feed main", "action", "hold"),
        ("feed main", "reply", "${nonsense}"),
        ("feed third", "format", "entries"),  # no url
        ("nonsense", "a", "b"),
    ],
)
def test_bad_file_changes_nothing(server, section, key, value):
    """Even what is good in the same file is not taken."""
    server.config["policy"]["contact"] = "new@example.org"
    server.config["feed second"]["action"] = "defer"
    server.config.setdefault(section, {})[key] = value
    mark = server.mark()
    server.reload()
    server.wait_log(rf"rcptguard\.conf:\d+: {section.replace(' ', '.')}|rcptguard\.conf:\d+:", since=mark)
    wait_until("it says so", lambda: "reload" in server.log_since(mark))
    assert "helpdesk@example.org" in server.ask(LISTED)
    assert server.ask("second@example.org").startswith("550 ")
    assert server.alive()


def test_status_says_why_a_reload_changed_nothing(server):
    good = dict(server.config["policy"])
    assert server.api("GET", "/v1/status")[1]["reload_problem"] is None
    server.config["policy"]["mode"] = "sometimes"
    server.reload()

    def problem():
        return server.api("GET", "/v1/status")[1]["reload_problem"] or ""

    wait_until("it is told", lambda: "policy.mode" in problem())
    shown = server.command("status").stdout
    assert "the last one changed nothing: " in shown and "policy.mode" in shown, shown
    server.config["policy"] = dict(good, listen=good["listen"] + f" inet:127.0.0.1:{free_port()}")
    server.reload()
    wait_until("it is another one", lambda: "needs a restart" in problem())
    server.config["policy"] = good
    server.reload()
    wait_until("it is over", lambda: not problem())
    assert "changed nothing" not in server.command("status").stdout


def test_missing_file_changes_nothing(server):
    mark = server.mark()
    server.config_file.unlink()
    server.signal(1)
    server.wait_log(r"rcptguard\.conf", since=mark)
    assert server.blocks(LISTED)


@pytest.mark.parametrize("what", ["listen", "state_dir", "admin", "user"])
def test_what_needs_a_restart(server, what):
    if what == "listen":
        server.config["policy"]["listen"] += f" inet:127.0.0.1:{free_port()}"
    elif what == "state_dir":
        server.config["daemon"]["state_dir"] = server.directory
    elif what == "admin":
        server.config["admin"]["listen"] += "2"
    else:
        server.config["daemon"]["user"] = "root"
    server.config["policy"]["contact"] = "new@example.org"
    mark = server.mark()
    server.reload()
    server.wait_log(r"needs a restart", since=mark)
    assert "helpdesk@example.org" in server.ask(LISTED)


def test_reload_rereads_protected_and_exclusions(server):
    path = server.list_file("domains", "campus.example.org\n")
    server.reload()
    server.wait_blocked("any@campus.example.org")
    server.protected.write_text(".example.org\n")
    server.reload()
    wait_until("protected", lambda: not server.blocks("any@campus.example.org"), 10)
    server.wait_blocked(LISTED)  # single addresses are fine
    assert path.exists()


def test_many_reloads_under_load(server):
    import threading

    faults, stop = [], threading.Event()

    def ask():
        with server.client() as client:
            while not stop.is_set():
                if not client.ask(LISTED).startswith(("550 5.7.1", "450 4.7.1")):
                    faults.append(1)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for t in threads:
        t.start()
    for i in range(40):
        action = "defer" if i % 2 == 0 else "reject"
        server.config["feed main"]["action"] = action
        server.reload()
        code = "450 " if action == "defer" else "550 "
        wait_until(action, lambda: server.ask(LISTED).startswith(code))
    stop.set()
    for t in threads:
        t.join()
    assert not faults


@pytest.mark.parametrize("lost", ["unreadable", "missing"])
def test_protected_file_lost(server, lost):
    """What was protected stays so: the whole domain must not be blocked by a file's trouble."""
    server.list_file("wide", "wide.example\nmark@example.org\n")
    server.protected.write_text("wide.example\n")
    server.reload()
    server.wait_blocked("mark@example.org")
    assert not server.blocks("any@wide.example")
    if lost == "unreadable":
        server.protected.chmod(0o600)
    else:
        server.protected.unlink()
    mark = server.mark()
    server.config["feed main"]["action"] = "defer"
    server.reload()
    wait_until("in force", lambda: server.ask(LISTED).startswith("450 "))
    server.wait_log(r"protect: .*protected.*stays", since=mark)
    server.wait_log(r"in force from .*exclusions", since=mark)
    server.refresh("wide")
    assert not server.blocks("any@wide.example")


def test_changed_format(server):
    """A stored copy that is none in the new format is not "unchanged": the guards say so."""
    server.list_file("wild", "||a.example^\n||b.example^\n", format="adblock")
    server.reload()
    server.wait_blocked("x@a.example")
    server.config["feed wild"]["format"] = "hosts"
    server.reload()
    status = server.wait_feed("wild", state="refused")
    assert "looks like adblock" in status["last_error"]
    assert not server.blocks("x@a.example")
    server.config["feed wild"]["format"] = "adblock"
    server.reload()
    server.wait_blocked("x@a.example")
    server.wait_feed("wild", entries=2)


def test_changed_format_shows_the_rows_as_they_are_read_now(server):
    more = "".join(f"d{i}.example\n" for i in range(40))
    server.list_file("wild", f"a.example\n.b.example\nx@c.example\n{more}", format="dnset")
    server.reload()
    server.wait_feed("wild", state="accepted", entries=43, bad_rows=0)
    server.config["feed wild"]["format"] = "domains"
    server.reload()
    server.wait_blocked("x@s.a.example")
    server.wait_feed("wild", entries=42, bad_rows=1)


def test_exclusions_come_with_the_rules(server):
    """Whoever is excluded under the new settings is never refused by them, however long the file takes to read."""
    server.config["policy"]["mode"] = "observe"
    server.reload()
    server.wait_free(LISTED)
    other = server.directory / "other"
    other.write_text("".join(f"u{i}@example.org\n" for i in range(200000)) + f"{LISTED}\n")
    server.config["policy"]["mode"] = "enforce"
    server.config["exclusions"] = {"file": other}
    server.reload()
    answers = set()
    while not server.blocks("second@example.org"):
        answers.add(server.ask(LISTED))
    assert answers | {server.ask(LISTED)} == {"DUNNO"}
