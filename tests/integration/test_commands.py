"""The admin socket and the command on it: check, feeds, refresh, accept, rollback, status."""

import json
import re
import socket
import threading
import time

import pytest

from support import COMMAND, IS_ROOT, run, wait_until, write_by_rename

LISTED = "listed@example.org"


@pytest.fixture
def server(daemon):
    daemon.list_file("main", f"{LISTED}\nexample.com\n.example.edu\n")
    daemon.list_file("watch", f"{LISTED}\nwatched@example.org\n", action="observe")
    daemon.start()
    daemon.wait_blocked(LISTED)
    daemon.wait_feed("watch", state="accepted")
    return daemon


def test_check(server):
    result = server.command("check", LISTED)
    assert result.returncode == 1, result.stderr
    for word in (LISTED, "main", "reject"):
        assert word in result.stdout
    result = server.command("check", "free@example.org")
    assert result.returncode == 0, result.stderr
    result = server.command("check", "free@example.org", "any@example.com", "free2@example.org")
    assert result.returncode == 1
    assert "free@example.org" in result.stdout and "any@example.com" in result.stdout


def test_check_suggests_a_line_that_works(server):
    tagged = LISTED.replace("@", "+tag@")
    shown = server.command("check", tagged).stdout
    command = re.search(r"^ *rcptguard exclude (\S+) --for 30d --ticket TICKET -s \S+$", shown, re.MULTILINE)
    assert command, shown
    write_by_rename(server.exclusions, command.group(1) + "\n")
    server.wait_free(tagged, 1.5)
    assert not server.blocks(LISTED)  # with any tag, and with none


def test_check_names_the_exclusion(server):
    write_by_rename(server.exclusions, f"# one\n\n{LISTED} ticket=INC7 by=ann\n")
    server.wait_free(LISTED, 1.5)
    result = server.command("check", LISTED)
    assert result.returncode == 0
    assert re.search(r"exclusions:3\b|line 3\b", result.stdout), result.stdout
    assert "INC7" in result.stdout
    assert "main" in result.stdout  # it is listed all the same


def test_check_sender(server):
    write_by_rename(server.exclusions, "sender:abuse@example.net\n")
    wait_until("in force", lambda: not server.blocks(LISTED, sender="abuse@example.net"))
    assert server.command("check", LISTED, "--sender", "abuse@example.net").returncode == 0
    assert server.command("check", LISTED, "--sender", "other@example.net").returncode == 1


def test_check_what_is_pasted_from_a_log(server):
    write_by_rename(server.exclusions, "sender:abuse@example.net\nsender:<>\n")
    wait_until("in force", lambda: not server.blocks(LISTED, sender="abuse@example.net"))
    for pasted in (f"<{LISTED}>", f" {LISTED}\t", f" <{LISTED}> "):
        result = server.command("check", pasted)
        assert result.returncode == 1 and result.stdout.startswith(f"{LISTED}: "), result.stdout
        assert "note" not in result.stdout
    for sender in ("<abuse@example.net>", " abuse@example.net ", "<>", " <> "):
        assert server.command("check", LISTED, "--sender", sender).returncode == 0, sender
    assert server.command("check", LISTED, "--sender", "<other@example.net>").returncode == 1
    history = server.command("history", f"<{LISTED}>")
    assert history.returncode == 0 and "main" in history.stdout, history.stdout


def test_check_names_the_senders_exclusion(server):
    write_by_rename(server.exclusions, "# one\nsender:abuse@example.net list=main\n")
    wait_until("in force", lambda: not server.blocks(LISTED, sender="abuse@example.net"))
    result = server.command("check", LISTED, "--sender", "abuse@example.net")
    assert result.returncode == 0
    assert re.search(r"excluded by sender:abuse@example.net in .*exclusions line 2", result.stdout)


def test_check_odd(server):
    for odd in ("nobody", "", "a@", "x@a..b"):
        assert server.command("check", odd).returncode == 0, odd
    assert server.command("check", "watched@example.org").returncode == 0  # observe
    evil = "a\x1b[31m\u202e@example.com"
    result = server.command("check", evil)
    assert result.returncode == 1
    assert "\x1b" not in result.stdout and "\u202e" not in result.stdout
    assert r"\x1b" in result.stdout.lower()


def test_check_json(server):
    for arguments in (("check", "--json", LISTED), ("--json", "check", LISTED)):
        result = server.command(*arguments)
        assert result.returncode == 1
        answer = json.loads(result.stdout)
        answer = answer[0] if isinstance(answer, list) else answer
        answer = answer.get("checks", [answer])[0]
        assert answer["verdict"] == "reject"


def test_json_moves_no_terminal(server):
    evil = "a\u009b31m\u202e@example.com"
    result = server.command("check", "--json", evil)
    assert result.returncode == 1
    assert result.stdout.isascii()
    assert json.loads(result.stdout)["recipient"] == evil


def test_api_check(server):
    status, answer = server.api("GET", "/v1/check", recipient="Listed+tag@EXAMPLE.org.")
    assert status == 200
    assert answer["recipient"] == "Listed+tag@EXAMPLE.org."
    assert answer["canonical"] == "listed+tag@example.org"
    assert LISTED in answer["keys"] and "example.org" in answer["keys"]
    assert answer["verdict"] == "reject"
    assert answer["action"].startswith("550 5.7.1 on blocklist main;")
    assert answer["mode"] == "enforce" and answer["exclusion"] is None
    lists = {x["list"]: x for x in answer["listings"]}
    assert lists["main"]["entry"] == LISTED and lists["main"]["action"] == "reject"
    assert lists["watch"]["action"] == "observe" and not lists["main"]["excluded"]
    status, answer = server.api("GET", "/v1/check", recipient="free@example.org")
    assert (answer["verdict"], answer["action"], answer["listings"]) == ("pass", "DUNNO", [])
    write_by_rename(server.exclusions, "any@deep.example.edu list=main until=2099-01-01\n")
    server.wait_free("any@deep.example.edu", 1.5)
    answer = server.api("GET", "/v1/check", recipient="any@deep.example.edu")[1]
    assert answer["verdict"] == "pass"
    assert answer["listings"][0]["entry"] == ".example.edu" and answer["listings"][0]["excluded"]


def test_check_leaves_no_trace(server):
    assert server.command("check", "checked@example.com").returncode == 1
    server.ask("asked@example.com")
    server.wait_log(r"reject: .*to=<asked@example\.com>")
    assert "checked@example.com" not in server.log()


def test_check_agrees_with_policy(server):
    for recipient in (LISTED, "a@example.com", "a@b.example.edu", "x@example.net", "nobody", "a@[1.2.3.4]"):
        action = server.api("GET", "/v1/check", recipient=recipient)[1]["action"]
        assert action.partition(" quote ")[0] == server.ask(recipient).partition(" quote ")[0]


def test_status(server):
    result = server.command("status")
    assert result.returncode == 0, result.stdout + result.stderr
    status, answer = server.api("GET", "/v1/status")
    assert status == 200 and answer["status"] == "ok" and answer["reasons"] == []
    assert answer["version"] and answer["uptime"] >= 0
    assert json.loads(server.command("status", "--json").stdout)["status"] == "ok"
    write_by_rename(server.exclusions, "not an exclusion\n")
    wait_until("degraded", lambda: server.command("status").returncode == 1)
    answer = server.api("GET", "/v1/status")[1]
    assert answer["status"] == "degraded" and answer["reasons"]


def test_feeds(server):
    result = server.command("feeds")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "main" in result.stdout and "watch" in result.stdout
    feeds = json.loads(server.command("feeds", "--json").stdout)["feeds"]
    assert [f["name"] for f in feeds] == ["main", "watch"]
    for key in (
        "kind url format state rows bad_rows ignored_rows entries active dropped last_fetch"
        " last_success last_error guard held previous progress"
    ).split():
        assert key in feeds[0], key
    assert feeds[0]["kind"] == "feed" and feeds[0]["entries"] == 3


def held(server, count=100):
    """The feed main of 200 entries holds a copy of fewer."""
    path = server.directory / "main.list"
    write_by_rename(path, "".join(f"u{i}@example.org\n" for i in range(200)))
    server.wait_blocked("u199@example.org")
    write_by_rename(path, "".join(f"u{i}@example.org\n" for i in range(count)))
    return server.wait_feed("main", state="held")


def test_feeds_say_what_to_type(server):
    """Of a held and of a refused copy: what happened, what is in force, when it ends, what next."""
    assert "type " not in server.command("feeds").stdout
    held(server)
    shown = server.command("feeds").stdout
    assert re.search(r"^main +held +200 +200 ", shown, re.MULTILINE)
    assert re.search(r"^main: held since 20\d\d-", shown, re.MULTILINE)
    for words in (
        "shrink: 100 entries are 50.0% fewer than the 200",
        "stays: 200 entries, 200 active",
        "taken by itself on 20",
        "rcptguard accept main ",
    ):
        assert words in shown, shown
    write_by_rename(server.directory / "watch.list", "no entry\n" * 10)
    server.wait_feed("watch", state="refused")
    shown = server.command("feeds").stdout
    assert "watch: refused, last good look 20" in shown and "stays: 2 entries, 2 active" in shown
    command = re.search(r"^ +type +rcptguard (lint .*?) +#", shown, re.MULTILINE).group(1)
    lint = run(COMMAND, *command.split())  # as it stands there
    assert lint.returncode == 1 and "watch.list:10: no entry: " in lint.stdout
    assert "main: " in shown  # the other is still told


def test_feeds_name_what_is_left_out(server):
    assert "left out" not in server.command("feeds").stdout
    write_by_rename(server.directory / "main.list", f"{LISTED}\ngmail.com\ncom\n")
    server.wait_feed("main", dropped=2)
    assert re.search(r"^feed .* left out .*\nmain +\w+ +3 +1 +2 ", server.command("feeds").stdout)


def test_rollback(server):
    """To the copy before; what it was rolled back from waits, and can be taken again."""
    held(server)
    assert server.command("accept", "main").returncode == 0
    assert not server.blocks("u150@example.org")
    assert server.feed_status("main")["previous"] is True
    result = server.command("rollback", "main")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "200 entries" in result.stdout and "rcptguard accept main" in result.stdout
    assert server.blocks("u150@example.org")
    assert server.feed_status("main")["state"] == "held"
    assert server.command("status").returncode == 1
    shown = server.command("feeds").stdout
    assert "rcptguard accept main " in shown and "not by itself" in shown
    server.refresh("main")  # the same bytes again
    assert server.blocks("u150@example.org")
    result = server.command("accept", "main")
    assert result.returncode == 0 and "rcptguard rollback main" in result.stdout
    assert not server.blocks("u150@example.org")


def test_rollback_of_nothing(server):
    assert server.feed_status("main")["previous"] is False
    result = server.command("rollback", "main")
    assert result.returncode == 1 and "there is no copy before this one" in result.stdout
    assert server.api("POST", "/v1/feeds/main/rollback")[0] == 409
    assert server.api("POST", "/v1/feeds/nosuch/rollback")[0] == 404
    assert server.command("rollback", "nosuch").returncode in (1, 2)
    assert server.blocks(LISTED)


def test_refresh_names_and_codes(server):
    assert server.command("refresh").returncode == 0
    assert server.command("refresh", "main", "watch").returncode == 0
    assert server.command("refresh", "nosuch").returncode in (1, 2)
    assert server.refresh("nosuch")[0] == 404
    (server.directory / "main.list").unlink()
    assert server.refresh("main")[0] == 502
    assert server.command("refresh", "main").returncode == 1
    assert server.blocks(LISTED)


def test_no_daemon(daemon):
    for arguments in (("check", LISTED), ("status",), ("feeds",), ("refresh",), ("accept", "main"), ("rollback", "main")):
        result = daemon.command(*arguments)
        assert result.returncode == 2, arguments
        assert str(daemon.admin) in result.stderr


def test_hung_daemon(server):
    """Could not ask is 2, and not for ever."""
    server.signal(19)
    try:
        begin = time.monotonic()
        assert server.command("check", LISTED, timeout=50).returncode == 2
        assert time.monotonic() - begin < 45
    finally:
        server.signal(18)


def test_usage():
    for arguments in ((), ("nonsense",), ("check",), ("--nonsense",)):
        assert run(COMMAND, *arguments).returncode not in (0, 1), arguments
    shown = run(COMMAND, "--help")
    assert shown.returncode == 0 and "check" in shown.stdout
    for command in ("check", "feeds", "refresh", "accept", "rollback", "lint", "status"):
        assert f"\n  {command} " in shown.stdout
        of_it = run(COMMAND, "help", command)
        assert of_it.returncode == 0 and "Exit status: 0" in of_it.stdout


def test_unknown_paths_and_methods(server):
    for method, path, wanted in (
        ("GET", "/", 404),
        ("GET", "/v1/nothing", 404),
        ("POST", "/v1/status", 405),
        ("GET", "/v1/feeds/main/refresh", 405),
        ("GET", "/v1/check", 400),
        ("POST", "/metrics", 405),
    ):
        status, answer = server.api(method, path)
        assert status in (wanted, 404), (method, path, status)
        assert isinstance(answer, dict) and answer["error"], (method, path, answer)


@pytest.mark.skipif(not IS_ROOT, reason="needs root: two kinds of users")
def test_who_may(server):
    """The socket's group may look; what changes lists needs root or admin_group."""
    assert server.admin.stat().st_mode & 0o777 == 0o660
    as_group = ["setpriv", "--reuid", "65533", "--regid", "65534", "--clear-groups"]
    as_other = ["setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups"]
    command = [COMMAND, "-s", server.admin]
    assert run(*as_group, *command, "check", LISTED).returncode == 1
    assert run(*as_group, *command, "feeds").returncode == 0
    assert run(*as_other, *command, "check", LISTED).returncode == 2
    write_by_rename(server.directory / "main.list", "".join(f"u{i}@example.org\n" for i in range(200)))
    server.wait_blocked("u1@example.org")
    write_by_rename(server.directory / "main.list", "".join(f"u{i}@example.org\n" for i in range(100)))
    server.wait_feed("main", state="held")
    assert run(*as_group, *command, "accept", "main").returncode != 0
    assert server.feed_status("main")["state"] == "held"
    assert run(*as_group, *command, "rollback", "main").returncode == 2
    assert server.feed_status("main")["state"] == "held"
    assert server.command("accept", "main").returncode == 0


def test_admin_clients_cannot_hurt_policy(server):
    """Silent, slow, broken, endless and many: mail goes on."""
    clients = []

    def connect():
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(1)
        try:
            s.connect(str(server.admin))
        except OSError:
            return None
        clients.append(s)
        return s

    for i in range(300):
        s = connect()
        if s is None:
            break
        try:
            if i % 5 == 1:
                s.sendall(b"GET /v1/status HTTP/1.1\r\n")
            elif i % 5 == 2:
                s.sendall(b"\x00\xff" * 100 + b"\r\n\r\n")
            elif i % 5 == 3:
                s.sendall(b"GET /" + b"a" * 100000)
            elif i % 5 == 4:
                s.sendall(b"POST /v1/feeds/main/refresh HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")
        except OSError:
            pass
    worst = 0.0
    with server.client() as client:
        for _ in range(200):
            begin = time.monotonic()
            assert client.ask(LISTED).startswith("550 ")
            worst = max(worst, time.monotonic() - begin)
    assert worst < 1.5
    for s in clients:
        s.close()
    wait_until("the admin socket answers again", lambda: api_answers(server), 20)


def api_answers(server):
    try:
        return server.api("GET", "/v1/status", timeout=2)[0] == 200
    except OSError:
        return False
    except Exception:
        return False


def test_client_that_goes_during_a_refresh(server):
    """
    Its request is forgotten, not answered into nowhere, and does not count any more: 20 are more than
    may wait for a fetch at once, so "try again later" is an answer until the daemon has seen them go.
    """
    for _ in range(20):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.connect(str(server.admin))
        s.sendall(b"POST /v1/feeds/main/refresh HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        s.close()
    wait_until("a refresh has room again", lambda: server.refresh("main")[0] == 200, 20)
    assert server.blocks(LISTED)


def test_many_at_once(server):
    codes = []

    def ask():
        codes.append(server.command("check", LISTED).returncode)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert codes == [1] * 20


def test_no_passwords_in_urls(daemon):
    """Userinfo is shown nowhere."""
    daemon.feed("main", "http://user:passw0rd@127.0.0.1:9/list", timeout="2s")
    daemon.start()
    daemon.refresh("main")
    texts = [
        daemon.log(),
        daemon.command("feeds").stdout,
        daemon.command("feeds", "--json").stdout,
        daemon.command("status").stdout,
        daemon.command("refresh", "main").stderr,
    ]
    for text in texts:
        assert "passw0rd" not in text
    assert "127.0.0.1:9" in texts[2]
