"""A feed's life between its copies: going back, holding, restarts and reloads in between, and what
is believed of a server meanwhile."""

import datetime
import itertools
import os
import re
import shlex
import threading
import time

import pytest

from scriptedserver import ScriptedServer
from support import give_to_drop_user, wait_until, write_by_rename


def rows(count, prefix="u"):
    return "".join(f"{prefix}{i}@example.org\n" for i in range(count))


def answer(code, **headers):
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return lambda r: r.send(f"HTTP/1.1 {code} X\r\nContent-Length: 0\r\n{head}\r\n".encode())


def conditional(body, etag):
    """200, or 304 for those who have it."""

    def page(request):
        if request.headers.get("if-none-match") == etag:
            answer(304, ETag=etag)(request)
        else:
            request.ok(body, ETag=etag)

    return page


GOOD, BAD = rows(200), rows(200) + "victim@example.org\n"


@pytest.fixture
def server():
    s = ScriptedServer()
    yield s
    s.close()


@pytest.fixture
def rolled(daemon, server):
    """A daemon with a feed that took GOOD, then BAD; nobody rolled back yet."""
    server.pages["/list"] = conditional(GOOD, '"good"')
    daemon.feed("main", server.url("/list"))
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    server.pages["/list"] = conditional(BAD, '"bad"')
    assert daemon.refresh("main")[1]["state"] == "accepted"
    assert daemon.blocks("victim@example.org")
    return daemon


def roll_back(daemon):
    result = daemon.command("rollback", "main")
    assert result.returncode == 0, result.stderr
    assert not daemon.blocks("victim@example.org")


# going back


def test_rollback_during_a_fetch(rolled, server):
    """The server's "not modified" is about the copy that was in force when it was asked."""
    go = threading.Event()

    def slow(request):
        go.wait(30)
        conditional(BAD, '"bad"')(request)

    server.pages["/list"] = slow
    done = threading.Thread(target=rolled.refresh, args=("main",))
    done.start()
    wait_until("it is asked", lambda: "/list" in server.open)
    roll_back(rolled)
    server.pages["/list"] = conditional(BAD, '"bad"')
    go.set()
    done.join(30)
    for _ in range(2):
        feed = rolled.refresh("main")[1]
        assert not rolled.blocks("victim@example.org")
        assert feed["state"] == "held" and feed["guard"] == "rollback"


def test_rolled_back_after_a_server_of_two_minds(rolled, server):
    """Behind one name there are servers that are not of the same day."""
    roll_back(rolled)
    for page in (conditional(GOOD, '"good"'), conditional(BAD, '"bad"')):
        server.pages["/list"] = page
        rolled.refresh("main")
        assert not rolled.blocks("victim@example.org")


def test_rolled_back_after_one_that_is_held(rolled, server):
    roll_back(rolled)
    server.pages["/list"] = conditional(rows(150), '"short"')
    assert rolled.refresh("main")[1]["guard"] == "shrink"
    server.pages["/list"] = conditional(BAD, '"bad"')
    rolled.refresh("main")
    assert not rolled.blocks("victim@example.org")


def test_rolled_back_at_another_url(rolled, server):
    roll_back(rolled)
    server.pages["/other"] = conditional(BAD, '"bad"')
    rolled.config["feed main"]["url"] = server.url("/other")
    rolled.reload()
    wait_until("it is asked", lambda: any(p == "/other" for p, _ in server.requests))
    rolled.refresh("main")
    assert not rolled.blocks("victim@example.org")


def protect_others(daemon, _server):
    daemon.protected.write_text("other.example\n")
    daemon.reload()


def other_types(daemon, _server):
    daemon.config["feed main"]["types"] = "ABC"
    daemon.reload()


def clear_others(daemon, server):
    server.pages["/cleared"] = lambda r: r.ok("nobody@example.net,20200101\nu3@example.org,20250101\n")


@pytest.mark.parametrize("change", [protect_others, other_types, clear_others])
def test_rolled_back_under_other_settings(daemon, server, change):
    """What is protected, which types count and what another list clears is no change of the list, whose bytes are
    other ones each time."""
    def page(bad):
        made = itertools.count()
        rows = "".join(f"u{i}@example.org,{'ABCDE'[i % 5]},20200101\n" for i in range(200))
        return lambda r: r.ok(f"# made {next(made)}\n{rows}" + "victim@example.org,A,20200101\n" * bad)

    server.pages["/cleared"] = lambda r: r.ok("nobody@example.net,20200101\n")
    server.pages["/list"] = page(False)
    daemon.feed("main", server.url("/list"), format="aper", cleared=server.url("/cleared"))
    daemon.start()
    daemon.wait_blocked("u0@example.org")
    server.pages["/list"] = page(True)
    daemon.refresh("main")
    daemon.wait_blocked("victim@example.org")
    roll_back(daemon)
    change(daemon, server)
    for _ in range(3):
        daemon.refresh("main")
        assert not daemon.blocks("victim@example.org")
    assert daemon.feed_status("main")["held"]["guard"] == "rollback"
    assert daemon.command("accept", "main").returncode == 0
    daemon.wait_blocked("victim@example.org")


def test_the_cleared_list_is_rolled_back(daemon, server):
    """Whatever was taken last; whoever typed it is told which, as the list may be what is wrong."""
    rows = "".join(f"u{i}@example.org,A,20200101\n" for i in range(200))
    server.pages["/list"] = lambda r: r.ok(rows)
    server.pages["/cleared"] = lambda r: r.ok("nobody@example.net,20200101\n")
    daemon.feed("main", server.url("/list"), format="aper", cleared=server.url("/cleared"))
    daemon.start()
    daemon.wait_blocked("u0@example.org")
    server.pages["/list"] = lambda r: r.ok(rows + "victim@example.org,A,20200101\n")
    daemon.refresh("main")
    daemon.wait_blocked("victim@example.org")
    taken = int(time.time())
    wait_until("it is a later second, for coarse clocks too", lambda: time.time() >= taken + 1.1)
    server.pages["/cleared"] = lambda r: r.ok("nobody@example.net,20200101\nu3@example.org,20250101\n")
    daemon.refresh("main")
    daemon.wait_free("u3@example.org")
    shown = daemon.command("rollback", "main").stdout
    assert shown.startswith("main: rolled back the cleared list: in force is the list taken ")
    assert daemon.blocks("u3@example.org") and daemon.blocks("victim@example.org")
    assert re.search(r"rcptguard rollback main .*# goes back to the list before, too", shown), shown
    shown = daemon.command("rollback", "main").stdout
    assert shown.startswith("main: rolled back: in force is the copy taken ")
    assert not daemon.blocks("victim@example.org")


def test_rollback_and_kill(rolled, server):
    """Once it is answered it holds, from the first query after a crash on."""
    roll_back(rolled)
    for _ in range(10):
        rolled.kill()
        rolled.start()
        assert not rolled.blocks("victim@example.org")
        assert rolled.command("accept", "main").returncode == 0
        result = rolled.command("rollback", "main")
        assert result.returncode == 0, result.stderr
    rolled.kill()
    rolled.start()
    assert not rolled.blocks("victim@example.org")
    rolled.refresh("main")
    assert not rolled.blocks("victim@example.org")
    assert rolled.command("accept", "main").returncode == 0
    assert rolled.blocks("victim@example.org")
    roll_back(rolled)
    assert rolled.command("rollback", "main").returncode == 1  # there was one copy before


# a held copy


@pytest.mark.parametrize("mended", [True, False])
def test_hold_that_ran_out_while_nobody_looked(daemon, server, mended):
    """Whether the size persisted, only a look tells."""
    poison = GOOD + rows(300, "victim")
    server.pages["/list"] = conditional(GOOD, '"good"')
    daemon.feed("main", server.url("/list"), hold="4s", refresh="1s")
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    server.pages["/list"] = conditional(poison, '"poison"')
    feed = daemon.refresh("main")[1]
    assert feed["guard"] == "grow"
    until = datetime.datetime.fromisoformat(feed["held"]["until"]).timestamp()
    daemon.kill()
    if mended:
        server.pages["/list"] = conditional(GOOD, '"good"')
    wait_until("the hold is over", lambda: time.time() > until)
    mark = daemon.mark()
    daemon.start()
    if mended:
        daemon.wait_feed("main", state="unchanged", held=None)
        assert "in force: 500" not in daemon.log_since(mark)
    else:
        daemon.wait_blocked("victim299@example.org")


def test_accept_of_what_is_refused_by_now(daemon, server):
    """Who typed it must not go home believing that it was taken."""
    server.pages["/list"] = conditional(GOOD, '"good"')
    daemon.feed("main", server.url("/list"))
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    server.pages["/list"] = conditional(rows(100), '"short"')
    assert daemon.refresh("main")[1]["state"] == "held"
    daemon.config["feed main"]["min_entries"] = 150
    mark = daemon.mark()
    daemon.reload()
    daemon.wait_log("(?i)reload", since=mark)
    result = daemon.command("accept", "main")
    assert result.returncode == 1 and "min_entries" in result.stdout
    assert daemon.blocks("u199@example.org")


def test_the_first_cleared_list_is_held(daemon, server):
    """Once it is accepted, the list that waits for it is fetched at once."""
    server.pages["/list"] = lambda r: r.ok("a@example.org,A,20200101\n")
    server.pages["/cleared"] = lambda r: r.ok("# Entries: 5\nb@example.org,20200101\n")
    daemon.feed("main", server.url("/list"), format="aper", cleared=server.url("/cleared"))
    daemon.start()
    feed = daemon.wait_feed("main", state="failed")
    assert feed["guard"] == "count" and feed["held"]
    assert daemon.command("accept", "main").returncode == 0
    daemon.wait_blocked("a@example.org")


# other settings of a feed


def test_another_column(daemon, server):
    """Shown, and compared with the next copy, is what the accepted one holds as it is read now."""
    body = "".join(f"x{i % 120}@example.org,u{i}@example.org\n" for i in range(1000))
    server.pages["/list"] = lambda r: r.ok(body)
    daemon.feed("main", server.url("/list"), format="csv", column="1")
    daemon.start()
    daemon.wait_blocked("x99@example.org")
    daemon.wait_feed("main", entries=120)
    daemon.config["feed main"]["column"] = "2"
    daemon.reload()
    daemon.wait_blocked("u999@example.org")
    daemon.wait_feed("main", entries=1000)
    daemon.kill()
    daemon.start()
    daemon.wait_feed("main", entries=1000)
    server.pages["/list"] = lambda r: r.ok(body + "more@example.org,more@example.org\n")
    assert daemon.refresh("main")[1]["state"] == "accepted"


def test_what_is_to_be_typed_for_a_refused_csv_list(daemon):
    """Pasted as it is shown, lint reads the rows as the daemon does."""
    good = "".join(f"x;bad{i}.example.org\n" for i in range(20))
    path = daemon.list_file("main", "What;Bad domain\n" + good, format="csv", separator=";",
                            column="Bad domain", **{"as": "domains"})  # fmt: skip
    daemon.start()
    daemon.wait_blocked("x@bad1.example.org")
    path.write_text("What;Domain\n" + good)
    daemon.refresh("main")
    daemon.wait_feed("main", state="refused")
    shown = daemon.command("feeds").stdout
    line = next(line for line in shown.splitlines() if "rcptguard lint --format" in line)
    words = shlex.split(line.split("rcptguard", 1)[1], comments=True)
    assert words[-1] == str(path)
    refused = daemon.command(*words)
    assert refused.returncode == 1 and "Bad domain" in refused.stdout + refused.stderr, refused
    path.write_text("What;Bad domain\n" + good)
    assert daemon.command(*words).returncode == 0


@pytest.mark.parametrize("limit, text, setting", [
    ({"min_entries": 10}, "a@example.org\n", "min_entries=10"),
    ({"max_bad": "0%"}, rows(100) + "!!!\n", "max_bad=0%"),
    ({"max_protected": 0}, "gmail.com\nu@example.org\n", "max_protected=0"),
])
def test_what_is_to_be_typed_for_a_broken_limit(daemon, limit, text, setting):
    """Lint judges by the limit that the daemon judged by."""
    daemon.list_file("main", text, **limit)
    daemon.start()
    daemon.wait_feed("main", state="refused")
    refreshed = daemon.command("refresh", "main").stdout
    assert "refused: " in refreshed and "last good copy stays" not in refreshed
    shown = daemon.command("feeds").stdout
    line = next(line for line in shown.splitlines() if "rcptguard lint --format" in line)
    words = shlex.split(line.split("rcptguard", 1)[1], comments=True)
    assert setting in words
    if "-c" in words:
        words[words.index("-c") + 1] = str(daemon.config_file)
    answer = daemon.command(*words)
    assert answer.returncode == 1 and "would be refused" in answer.stdout, answer


def test_a_wrong_format_is_not_well(daemon, server):
    """The copy in force says nothing any more in the new format; nobody may call that unchanged."""
    text = "".join(f"bad{i}.example.org\n" for i in range(150))
    server.pages["/list"] = conditional(text, '"one"')
    daemon.feed("main", server.url("/list"))
    daemon.start()
    daemon.wait_blocked("x@bad1.example.org")
    daemon.config["feed main"]["format"] = "aper"
    daemon.reload()
    assert daemon.wait_feed("main", state="refused")["guard"] in ("format", "bad")
    assert daemon.refresh("main")[1]["state"] == "refused"
    assert daemon.command("status").returncode == 1
    daemon.kill()
    daemon.start()
    assert daemon.refresh("main")[1]["state"] == "refused"

    server.pages["/list"] = answer(500)  # mended, and the server is away
    daemon.config["feed main"]["format"] = "domains"
    daemon.reload()
    daemon.wait_blocked("x@sub.bad1.example.org")
    server.pages["/list"] = conditional(text, '"one"')
    assert daemon.refresh("main")[1]["state"] == "unchanged"


# what is stored is lost or damaged


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_lost_state_and_a_collapsed_list(daemon, server, how):
    """What is in force is known by the index; the next copy is compared with that."""
    server.pages["/list"] = conditional(GOOD, '"good"')
    daemon.feed("main", server.url("/list"))
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    meta = daemon.state / "feeds" / "main" / "meta"
    wait_until("it is kept", lambda: meta.exists() and (daemon.state / "index").exists())
    daemon.kill()
    server.pages["/list"] = conditional(rows(10), '"ten"')
    if how == "missing":
        meta.unlink()
    else:
        meta.write_text("rubbish")
    daemon.start()
    feed = daemon.wait_feed("main", state="held")
    assert feed["guard"] == "collapse" and feed["entries"] == 200
    daemon.kill()
    daemon.start()
    assert daemon.refresh("main")[1]["state"] == "held"
    assert daemon.blocks("u199@example.org")


def test_rollback_under_wrong_settings(daemon):
    """The copy before is no list under them either: nobody is refused by what its rows say, and mended settings let
    it come back."""

    def text(number):
        notes = "".join(f"note {number} {i};a{i}@example.org\n" for i in range(30))
        return notes + f"partner.example;thief{number}@example.org\n"

    path = daemon.list_file("main", text(1), format="csv", separator=";", column="2")
    daemon.start()
    daemon.wait_blocked("thief1@example.org")
    path.write_text(text(2))
    daemon.refresh("main")
    daemon.wait_blocked("thief2@example.org")
    daemon.config["feed main"]["column"] = "1"
    daemon.reload()
    daemon.wait_feed("main", state="refused")
    assert daemon.command("rollback", "main").returncode == 1
    daemon.wait_log("main: the copy before .*nothing was changed: as it is read now it is no list: bad: ")
    assert not daemon.blocks("x@partner.example")
    daemon.kill()
    daemon.start()
    assert not daemon.blocks("x@partner.example")
    daemon.config["feed main"]["column"] = "2"
    daemon.reload()
    daemon.wait_blocked("thief2@example.org")
    assert daemon.command("rollback", "main").returncode == 0
    assert daemon.blocks("thief1@example.org") and not daemon.blocks("thief2@example.org")


def test_rollback_to_a_damaged_copy(rolled):
    (packed,) = (rolled.state / "feeds" / "main").glob("*.gz")
    packed.write_bytes(b"rubbish")
    result = rolled.command("rollback", "main")
    assert result.returncode == 1 and "cannot be read" in result.stdout
    assert rolled.blocks("victim@example.org") and rolled.blocks("u199@example.org")
    rolled.wait_log(r"warning: main: the copy before cannot be read.*is damaged")


def test_rollback_that_cannot_be_stored(rolled):
    """It is in force; that it would not outlive a restart, whoever typed it is told."""
    directory = rolled.state / "feeds" / "main"
    directory.chmod(0o500)
    result = rolled.command("rollback", "main")
    assert result.returncode == 0 and "not stored" in result.stdout
    assert not rolled.blocks("victim@example.org")
    assert "not stored" in rolled.command("feeds").stdout
    rolled.wait_log(r"warning: main: the copy in force cannot be kept.*Permission denied")
    # Whoever mended it and asks does not wait for the next try.
    directory.chmod(0o700)
    rolled.refresh("main")
    wait_until("it is stored", lambda: "not stored" not in rolled.command("feeds").stdout, 10)


def test_a_local_list_that_cannot_be_read_for_a_while(daemon):
    """No descriptor was left when it was saved: it is tried again soon, and nobody has to save it once more."""
    path = daemon.list_file("main", GOOD)
    daemon.start()
    daemon.wait_blocked("u199@example.org")

    def failed():
        write_by_rename(path, GOOD + "more@example.org\n")
        return "main: failed: " in daemon.log(since_start=True)

    with daemon.without_descriptors("u199@example.org"):
        wait_until("it cannot be read", failed, every=0.3)
    daemon.wait_blocked("more@example.org", 20)


# restarts


def test_restarts_keep_the_floor(daemon, server):
    """Nothing was ever accepted, so each start wants it; the publisher's min_refresh holds."""
    server.pages["/list"] = server.pages["/free"] = answer(503)
    daemon.feed("main", server.url("/list"), min_refresh="1h")
    daemon.feed("free", server.url("/free"))
    daemon.start()
    daemon.wait_feed("main", state="failed")
    daemon.wait_feed("free", state="failed")
    daemon.stop()
    daemon.start()
    wait_until("the other is asked", lambda: [p for p, _ in server.requests].count("/free") == 2)
    assert [p for p, _ in server.requests].count("/list") == 1
    daemon.refresh("main")  # a person is not bound by it
    assert [p for p, _ in server.requests].count("/list") == 2


def stored_bodies(daemon):
    return {p for p in (daemon.state / "feeds" / "main").iterdir() if p.name != "meta" and p.suffix == ""}


def stored_body(daemon):
    """The only one, once it is there."""
    return wait_until("it is stored", lambda: stored_bodies(daemon)).pop()


@pytest.fixture
def abandoned(daemon, server):
    """A daemon whose list is in force, and whose publisher is away by now."""
    server.pages["/list"] = conditional(GOOD, '"good"')
    daemon.feed("main", server.url("/list"))
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    server.pages["/list"] = answer(503)
    return daemon


def reload_otherwise(daemon, problem):
    """Settings that want the stored copy read again; what comes of it is said."""
    daemon.feed("main", daemon.config["feed main"]["url"], apex="yes")
    daemon.reload()
    wait_until("it is said", lambda: problem in (daemon.feed_status("main")["problem"] or ""))
    daemon.wait_log(f"main: the stored copy {problem}")
    assert daemon.command("status").returncode == 1


def hide(body):
    body.rename(body.with_suffix(".aside"))
    body.mkdir()


def show(body):
    body.rmdir()
    body.with_suffix(".aside").rename(body)


def test_a_stored_copy_that_cannot_be_read_for_a_while(abandoned):
    """It comes back by itself when it can be read."""
    body = stored_body(abandoned)
    hide(body)
    reload_otherwise(abandoned, "cannot be read")
    assert body.exists()
    show(body)
    abandoned.wait_blocked("u199@example.org", 40)
    wait_until("all is well", lambda: not abandoned.feed_status("main")["problem"])


def test_nothing_is_built_for_a_copy_that_cannot_be_read(abandoned):
    """Not once more, whenever it is tried; other lists do not try it either."""

    def swaps():
        page = abandoned.api("GET", "/metrics")[1].decode()
        return int(re.search(r"^rcptguard_index_swaps_total (\d+)", page, re.MULTILINE).group(1))

    body = stored_body(abandoned)
    hide(body)
    reload_otherwise(abandoned, "cannot be read")
    other = abandoned.list_file("other", "one@example.org\n")
    abandoned.reload()
    abandoned.wait_blocked("one@example.org")
    before, began = swaps(), time.monotonic()
    wait_until("two tries more", lambda: time.monotonic() > began + 11, 20, every=0.2)
    assert swaps() == before
    other.write_text("two@example.org\n")
    abandoned.refresh("other")
    abandoned.wait_blocked("two@example.org")
    assert swaps() == before + 1
    show(body)
    assert abandoned.refresh("main")[1]["state"] == "failed"  # the publisher is away, and who asks is not kept waiting
    abandoned.wait_blocked("u199@example.org", 3)


def test_what_is_fetched_is_better_than_what_cannot_be_read(abandoned, server):
    """The publisher says what it said before, and that cannot be read now."""
    hide(stored_body(abandoned))
    reload_otherwise(abandoned, "cannot be read")
    server.pages["/list"] = conditional(GOOD, '"good"')
    assert abandoned.refresh("main")[0] == 200
    abandoned.wait_blocked("u199@example.org")
    assert not abandoned.feed_status("main")["problem"]


def give_to_root(path):
    os.chown(path, 0, 0)
    path.chmod(0o600)


@pytest.mark.parametrize("spoil, mend", [(give_to_root, give_to_drop_user), (hide, show)])
def test_a_state_that_cannot_be_read_for_a_while(rolled, server, spoil, mend):
    """What a person rolled back from is no news for that; nothing is done with the feed until it can be read."""
    roll_back(rolled)
    rolled.stop()
    meta = rolled.state / "feeds" / "main" / "meta"
    spoil(meta)
    rolled.start()
    wait_until("it is said", lambda: "cannot be read" in (rolled.feed_status("main")["problem"] or ""))
    assert rolled.command("refresh", "main").returncode == 1 and rolled.command("status").returncode == 1
    assert rolled.command("rollback", "main").returncode == 1
    rolled.config["feed main"]["reply"] = "no mail to ${entry}"
    rolled.reload()
    wait_until("reloaded", lambda: "no mail to" in rolled.ask("u199@example.org"))
    assert not rolled.blocks("victim@example.org")
    mend(meta)
    wait_until("all is well", lambda: not rolled.feed_status("main")["problem"])
    rolled.refresh("main")
    assert not rolled.blocks("victim@example.org") and rolled.blocks("u199@example.org")


@pytest.mark.parametrize("how", ["gone", "damaged"])
@pytest.mark.parametrize("heed", [True, False])
def test_a_cleared_list_that_is_lost(daemon, server, how, heed):
    """It is fetched whole again, and costs no copy of the list itself."""
    pages = {"/list": "a@example.org,A,20200101\n", "/cleared": "b@example.org,20200101\n"}

    def publish():
        for path, text in pages.items():
            server.pages[path] = conditional(text, f'"{hash(text)}"') if heed else lambda r, t=text: r.ok(t)

    publish()
    daemon.feed("main", server.url("/list"), format="aper", cleared=server.url("/cleared"))
    daemon.start()
    daemon.wait_blocked("a@example.org")
    wait_until("stored", lambda: len(stored_bodies(daemon)) == 2)
    cleared = next(path for path in stored_bodies(daemon) if b"b@example" in path.read_bytes())
    if how == "gone":
        cleared.unlink()
    else:
        cleared.write_text("c@example.org,20200101\n")
    pages["/list"] += "new@example.org,A,20200101\nb@example.org,A,20190101\n"
    publish()
    daemon.refresh("main")
    daemon.wait_blocked("new@example.org")
    assert not daemon.blocks("b@example.org") and daemon.command("status").returncode == 0


def test_a_held_copy_that_cannot_be_read_for_a_while(daemon, server):
    server.pages["/list"] = conditional(GOOD, '"good"')
    daemon.feed("main", server.url("/list"))
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    accepted = stored_body(daemon)
    server.pages["/list"] = conditional(rows(20), '"less"')
    assert daemon.refresh("main")[1]["state"] == "held"
    held = wait_until("it is stored", lambda: stored_bodies(daemon) - {accepted}).pop()
    hide(held)
    assert daemon.command("accept", "main").returncode != 0
    assert daemon.feed_status("main")["held"]
    show(held)
    assert daemon.command("accept", "main").returncode == 0
    wait_until("the small one is in force", lambda: not daemon.blocks("u199@example.org"))


@pytest.mark.parametrize("is_hidden", [False, True])
def test_a_stored_copy_that_is_gone(abandoned, server, is_hidden):
    """Nothing of it is in force: that is not well. Also behind a while in which it could not be read."""
    body = stored_body(abandoned)
    if is_hidden:
        hide(body)
        reload_otherwise(abandoned, "cannot be read")
        body.rmdir()
        wait_until("it is said", lambda: "is lost" in (abandoned.feed_status("main")["problem"] or ""), 40)
    else:
        body.unlink()
        reload_otherwise(abandoned, "is lost")
    server.pages["/list"] = conditional(GOOD, '"good"')
    assert abandoned.refresh("main")[1]["state"] == "accepted"
    abandoned.wait_blocked("u199@example.org")
    assert not abandoned.feed_status("main")["problem"]
