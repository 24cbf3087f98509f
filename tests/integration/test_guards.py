"""The guards between a published copy and the mail: what is held, what is refused, what is left out,
and that the old list stays in force meanwhile."""

import hashlib
import os
import re

import pytest

from support import free_port, give_to_drop_user, wait_until, write_by_rename
from webserver import HTML


def rows(count, prefix="u"):
    return [f"{prefix}{i}@example.org" for i in range(count)]


def text_of(lines):
    return "".join(f"{line}\n" for line in lines)


@pytest.fixture
def server(daemon):
    daemon.path = daemon.list_file("main", text_of(rows(200)))
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    return daemon


def give(server, lines, state=None):
    """A new copy; returns the feed's status once it has been looked at."""
    write_by_rename(server.path, lines if isinstance(lines, str) else text_of(lines))
    status, feed = server.refresh("main")
    assert status == 200, feed
    if state:
        assert feed["state"] in state, feed
    return feed


def still_old(server):
    return server.blocks("u0@example.org") and server.blocks("u199@example.org")


def test_small_changes_pass(server):
    feed = give(server, rows(161), ["accepted", "unchanged"])  # 19.5% fewer
    assert feed["entries"] == 161
    assert not server.blocks("u199@example.org")
    feed = give(server, rows(320), ["accepted", "unchanged"])
    assert server.blocks("u319@example.org")


def test_shrunk_is_held_and_accepted_by_hand(server):
    mark = server.mark()
    feed = give(server, rows(150), ["held"])
    assert "shrink" in feed["guard"]
    assert feed["held"]["entries"] == 150 and feed["held"]["since"] and feed["held"]["until"]
    assert still_old(server)
    assert "accept" in server.wait_log(r"main.*shrink.*", since=mark).group()
    shown = server.command("feeds")
    assert "held" in shown.stdout
    assert server.command("status").returncode == 1

    server.stop()  # it is still held after a restart
    server.start()
    assert still_old(server)
    assert server.feed_status("main")["state"] == "held"

    result = server.command("accept", "main")
    assert result.returncode == 0, result.stderr
    assert not server.blocks("u199@example.org") and server.blocks("u149@example.org")
    assert server.feed_status("main")["held"] is None
    assert server.command("status").returncode == 0
    assert server.command("accept", "main").returncode == 1  # nothing more to take
    assert server.command("accept", "nosuch").returncode in (1, 2)


def test_accept_takes_what_was_held(server):
    """Not what the file holds by now."""
    give(server, rows(150), ["held"])
    server.path.write_text(HTML)
    assert server.command("accept", "main").returncode == 0
    assert server.blocks("u149@example.org") and not server.blocks("u150@example.org")


def test_grown_is_held(server):
    feed = give(server, rows(401), ["held"])
    assert "grow" in feed["guard"]
    assert not server.blocks("u400@example.org") and still_old(server)
    assert server.command("accept", "main").returncode == 0
    assert server.blocks("u400@example.org")


def test_one_inside_the_limits_ends_the_hold(server):
    give(server, rows(150), ["held"])
    feed = give(server, rows(199), ["accepted", "unchanged"])
    assert feed["held"] is None
    assert server.command("accept", "main").returncode == 1


def test_hold_runs_out(server):
    server.config["feed main"]["hold"] = "1s"
    server.reload()
    server.wait_log(r"(?i)reload")
    give(server, rows(150), ["held", "accepted", "unchanged"])
    wait_until("taken by itself", lambda: not server.blocks("u199@example.org"), 10)
    assert server.blocks("u149@example.org")


def test_a_tenth_is_never_taken_by_itself(server):
    server.config["feed main"].update(hold="1s", refresh="1s")
    server.reload()
    server.wait_log(r"(?i)reload")
    give(server, rows(19), ["held", "refused"])
    looks = set()
    wait_until(
        "four looks, seconds apart",
        lambda: looks.add(server.feed_status("main")["last_fetch"]) or len(looks) > 3,
        20,
        every=0.1,
    )
    assert still_old(server)
    assert server.feed_status("main")["state"] in ("held", "refused")


def test_min_entries(server):
    server.config["feed main"]["min_entries"] = "190"
    server.reload()
    server.wait_log(r"(?i)reload")
    feed = give(server, rows(180), ["held", "refused"])
    assert feed["guard"] == "min_entries"
    assert still_old(server)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# moved to https://lists.example.org/new\n",
        "\n\n\n",
        HTML,
        "<?php echo 'list'; ?>\n" + text_of(rows(200)),
    ],
    ids=["empty", "comment", "blank", "html", "php"],
)
def test_no_list_is_refused(server, text):
    feed = give(server, text, ["refused"])
    assert feed["guard"] and (feed["last_error"] or feed["guard"])
    assert still_old(server)
    shown = server.command("feeds")
    assert "refused" in shown.stdout


def test_too_many_bad_rows(server):
    lines = rows(200)
    feed = give(server, lines + ["not an entry"] * 9, ["accepted", "unchanged"])  # 4.3%
    assert feed["bad_rows"] == 9
    feed = give(server, rows(200, "n") + ["<<<<<<< .mine", "no entry"] * 8, ["held", "refused"])
    assert "bad" in feed["guard"]
    assert still_old(server) and not server.blocks("n0@example.org")


NOTHING = (r"nothing of the stored copy is in force: the guards refuse it as it is read now "
           r"\(format=domains\); look at \[feed main\]")


def test_another_format_at_reload(server):
    """The copy is read anew, and as nothing: no word may say then that it stays."""
    mark = server.mark()
    server.config["feed main"]["format"] = "domains"
    server.reload()
    feed = server.wait_feed("main", state="refused")
    assert feed["active"] == 0 and re.search(NOTHING, feed["problem"])
    assert re.search(f"refused: format: .*{NOTHING}", server.wait_log(r"refused: .*", since=mark).group())
    assert "last good copy stays" not in server.log_since(mark)
    shown = server.command("feeds").stdout
    assert re.search(f"in force +{NOTHING}", shown) and "stays" not in shown
    assert "stays" not in server.command("refresh", "main").stdout
    status = server.command("status")
    assert status.returncode == 1 and re.search(NOTHING, status.stdout)

    server.config["feed main"]["format"] = "entries"
    server.reload()
    server.wait_blocked("u199@example.org")
    server.wait_feed("main", state="unchanged", problem=None)
    assert server.command("status").returncode == 0


@pytest.mark.parametrize("lines, state, key, value", [
    (rows(200, "n") + ["no entry"] * 50, "refused", "max_bad", "30%"),
    (rows(900, "n"), "held", "max_grow", "500%"),
    (rows(150, "n"), "held", "max_shrink", "50%"),
    (rows(200, "n") + ["gmail.com", "gmx.de", "web.de", "aol.com", "me.com", "mac.com"], "refused", "max_protected", "9"),
])
def test_mended_limits_at_reload(server, lines, state, key, value):
    """Whoever reloads them is waiting for the list, and not until its next look."""
    give(server, lines, [state])
    assert not server.blocks("n0@example.org")
    server.config["feed main"][key] = value
    server.reload()
    server.wait_blocked("n0@example.org")


def test_a_lower_limit_takes_nothing_out(daemon):
    """The same rows say the same, also when they are read again (rule 14)."""
    rows = "".join(f"u{i}@example.org\n" for i in range(98)) + "no entry\nnor this\n"
    daemon.list_file("main", rows, max_bad="5%")
    daemon.start()
    daemon.wait_blocked("u97@example.org")
    daemon.config["feed main"]["max_bad"] = "1%"
    daemon.protected.write_text("partner.example\n")
    daemon.reload()
    daemon.wait_feed("main", state="refused")
    assert daemon.blocks("u97@example.org") and "guards would refuse it" in daemon.feed_status("main")["problem"]


@pytest.mark.parametrize("column", ["reporter", None])
def test_a_column_of_others(daemon, column):
    """The few addresses in it are not those that the publisher lists: none of them is refused, over a start neither.
    It is named, also where nobody wrote it."""
    head = "reporter,drop\n"
    rows = [f"{'n/a' if i % 20 else f'abuse{i}@partner.example'},drop{i}@example.org" for i in range(200)]
    path = daemon.list_file("main", head + "\n".join(rows) + "\n", format="csv", column="drop")
    daemon.start()
    daemon.wait_blocked("drop7@example.org")
    if column is None:
        del daemon.config["feed main"]["column"]
    else:
        daemon.config["feed main"]["column"] = column
    daemon.reload()
    words = f"as it is read now (format=csv column={column or 1}); look at [feed main]"
    wait_until("it is said", lambda: words in (daemon.feed_status("main")["problem"] or ""))
    for go in (daemon.reload, daemon.kill):
        go()
        if daemon.process is None or daemon.process.poll() is not None:
            daemon.start()
        wait_until("it is said", lambda: words in (daemon.feed_status("main")["problem"] or ""))
        assert not daemon.blocks("abuse20@partner.example") and not daemon.blocks("drop7@example.org")
    # Nor is it measured by what was misread: more protected domains do not make it a list.
    daemon.protected.write_text("partner.example\n")
    daemon.reload()
    wait_until("it is said", lambda: words in (daemon.feed_status("main")["problem"] or ""))
    assert not daemon.blocks("abuse20@partner.example")
    path.unlink()  # what is stored brings it back
    daemon.config["feed main"]["column"] = "drop"
    daemon.reload()
    daemon.wait_blocked("drop7@example.org")
    daemon.wait_feed("main", problem=None)  # the loop hears of it a moment behind the index


def test_another_format_at_start(server):
    """With the source away no look says what is wrong."""
    server.stop()
    server.path.unlink()
    server.config["feed main"]["format"] = "domains"
    server.start()
    feed = server.wait_feed("main", state="failed")
    assert feed["active"] == 0 and re.search(NOTHING, feed["problem"])
    server.wait_log(f"warning: main: {NOTHING}")
    assert re.search(f"in force +{NOTHING}", server.command("feeds").stdout)
    status = server.command("status")
    assert status.returncode == 1 and re.search(f"the stored copy is not well: {NOTHING}", status.stdout)
    server.config["feed main"]["format"] = "entries"
    server.reload()
    server.wait_blocked("u199@example.org")


def test_hand_kept_list_takes_effect_at_once(daemon):
    """Below 100 entries neither shrinking nor growing is judged."""
    path = daemon.list_file("mine", text_of(rows(90)))
    daemon.start()
    daemon.wait_blocked("u89@example.org")
    write_by_rename(path, text_of(rows(3)))
    wait_until("in force", lambda: not daemon.blocks("u89@example.org"), 10)
    write_by_rename(path, text_of(rows(3000)))
    daemon.wait_blocked("u2999@example.org")


@pytest.mark.parametrize("way", ["rename", "in place"])
def test_file_feed_is_in_force_when_it_is_saved(daemon, way):
    """Long before the next refresh. How long it takes is the bench's business."""
    path = daemon.list_file("mine", text_of(rows(100000)))
    daemon.start()
    daemon.wait_blocked("u99999@example.org")
    (write_by_rename if way == "rename" else type(path).write_text)(
        path, text_of(rows(100000) + ["fresh@example.org"])
    )
    daemon.wait_blocked("fresh@example.org")


def test_protected_and_public_domains(daemon):
    """Left out as whole domains; single addresses at them are fine."""
    daemon.protected.write_text("ours.example.net\n.campus.example.edu\n")
    daemon.list_file(
        "main",
        text_of(
            ["gmail.com", ".campus.example.edu", "ours.example.net"]  # protected
            + ["com", ".com", "*.co.uk", "co.uk", "github.io", "localhost"]  # public
            + ["someone@gmail.com", "someone@ours.example.net", "*.gmail.com"]
            + ["bad.example.org", "example.co.uk"]
        ),
    )
    daemon.start()
    daemon.wait_blocked("any@bad.example.org")
    for free in (
        "any@gmail.com", "any@googlemail.com", "any@ours.example.net", "any@x.campus.example.edu",
        "any@campus.example.edu", "any@example.com", "any@other.co.uk", "any@x.github.io",
    ):
        assert not daemon.blocks(free), free
    for listed in (
        "someone@gmail.com", "some.one@googlemail.com", "someone@ours.example.net",
        "any@example.co.uk", "any@x.gmail.com",
    ):
        assert daemon.blocks(listed), listed
    feed = daemon.feed_status("main")
    assert feed["state"] == "accepted"
    assert feed["dropped"] == 9
    daemon.wait_log(r"warning: .*gmail\.com")


def test_tree_above_a_protected_domain(daemon):
    daemon.protected.write_text("mail.ours.example.net\n")
    daemon.list_file("main", text_of([".example.net", "example.net", "fine.example.org"]))
    daemon.start()
    daemon.wait_blocked("any@fine.example.org")
    assert not daemon.blocks("any@mail.ours.example.net")
    assert not daemon.blocks("any@x.example.net")  # the whole row was left out
    assert daemon.blocks("any@example.net")


def test_poisoned_copy_is_refused(server):
    """More protected domains than max_protected: it is not the list it was."""
    poison = ["gmail.com", "outlook.com", "yahoo.com", "gmx.com"]
    feed = give(server, rows(200) + poison[:3] + ["new@example.org"], ["accepted", "unchanged"])
    assert feed["dropped"] == 3 and server.blocks("new@example.org")
    feed = give(server, rows(200) + poison + ["newer@example.org"], ["refused", "held"])
    assert "protected" in feed["guard"]
    assert not server.blocks("newer@example.org") and server.blocks("new@example.org")
    assert not server.blocks("any@gmail.com")


def test_world_entries(daemon):
    daemon.list_file("main", text_of(["*", ".", "@", "*@*", "*.*", "one@example.org"]) + text_of(rows(100)))
    daemon.start()
    daemon.wait_blocked("one@example.org")
    assert not daemon.blocks("other@example.org")
    assert not daemon.blocks("any@example.com")


def test_aper(daemon):
    cleared = daemon.directory / "cleared"
    cleared.write_text("b@example.org,20200101\nc@example.org,20200301\nc2@example.org,20200201\n")
    daemon.list_file(
        "aper",
        "# ADDRESS,TYPE,DATE\r\n"
        "a@example.org,A,20200101\r\n"
        "b@example.org,B,20200101\r\n"  # cleared the same day
        "c@example.org,C,20200201\n"  # cleared later
        "c2@example.org,C,20200202\n"  # listed again after it was cleared
        "e@example.org,E,20200101\n"  # a victim
        "ae@example.org,AE,20200101\n"
        " space@example.org , D , 20200101 \n"
        "twice@example.org,E,20200105\n"
        "twice@example.org,D,20200103\n"
        "last@example.org,A,20200101",
        format="aper",
        cleared=f"file:{cleared}",
    )
    daemon.start()
    daemon.wait_blocked("a@example.org")
    for name in ("a", "c2", "ae", "space", "twice", "last"):
        assert daemon.blocks(f"{name}@example.org"), name
    for name in ("b", "c", "e"):
        assert not daemon.blocks(f"{name}@example.org"), name
    status, check = daemon.api("GET", "/v1/check", recipient="twice@example.org")
    assert status == 200 and check["listings"][0]["date"] == "2020-01-03"

    daemon.config["feed aper"]["types"] = "ABCDE"
    daemon.reload()
    daemon.wait_blocked("e@example.org")  # without a fetch
    cleared.write_text("a@example.org,20210101\n")
    daemon.wait_free("a@example.org")
    assert daemon.blocks("b@example.org")


def test_aper_waits_for_its_cleared_list(daemon):
    cleared = daemon.directory / "cleared"
    daemon.list_file(
        "aper", "a@example.org,A,20200101\n", format="aper", cleared=f"file:{cleared}"
    )
    daemon.start()
    feed = daemon.wait_feed("aper", state="failed")
    assert "cleared" in feed["last_error"]
    assert not daemon.blocks("a@example.org")
    cleared.write_text("b@example.org,20200101\n")
    daemon.refresh("aper")
    daemon.wait_blocked("a@example.org")


def test_old_entries_are_inactive(daemon):
    daemon.list_file(
        "aper", "old@example.org,A,20080101\nnew@example.org,A,20991231\n", format="aper",
        entry_max_age="30d",
    )
    daemon.start()
    daemon.wait_blocked("new@example.org")
    assert not daemon.blocks("old@example.org")
    shown = daemon.command("check", "old@example.org").stdout
    assert re.search("note +list aper holds it, which counts for nothing: its date is longer ago", shown), shown
    assert re.search("list +none holds it in force", shown), shown
    daemon.config["feed aper"]["entry_max_age"] = "0"
    daemon.reload()
    daemon.wait_blocked("old@example.org")


def test_the_end_of_max_age_is_told(daemon):
    daemon.list_file("main", "a@example.org\n", max_age="2s")
    daemon.start()
    daemon.wait_log("main: max_age is over, nothing of it blocks", 45)
    daemon.wait_free("a@example.org")
    assert "list main holds it, which counts for nothing: max_age is over" in daemon.command("check", "a@example.org").stdout
    shown = daemon.command("feeds").stdout
    assert re.search(r"ends +when its publisher is reached\n +type +rcptguard refresh main ", shown), shown
    assert daemon.refresh("main")[0] == 200
    daemon.wait_log("main: max_age is not over any more", 45)


def test_bom_and_crlf(daemon):
    daemon.list_file("main", "\ufeffone@example.org\r\ntwo@example.org # why\r\n\r\n#no\r\nthree@example.org")
    daemon.start()
    for name in ("one", "two", "three"):
        daemon.wait_blocked(f"{name}@example.org")
    assert daemon.feed_status("main")["bad_rows"] == 0


@pytest.fixture
def partner(daemon):
    """A daemon with a list that has a partner, who is protected."""
    daemon.protected.write_text("partner.example\n")
    daemon.list_file("main", "partner.example\nevil.example\n")
    daemon.start()
    daemon.wait_blocked("x@evil.example")
    assert not daemon.blocks("x@partner.example")
    return daemon


@pytest.mark.parametrize("left", [b"# our par" + bytes(60), b"# ours\rpartner.example\r"], ids=["torn", "old-mac"])
def test_a_comment_that_is_damaged_takes_no_protection(partner, left):
    """As a power cut or an old Mac leaves the file; over a start, too."""
    partner.protected.write_bytes(left)
    partner.reload()
    partner.wait_log(r"warning: protect: \S+protected:1: holds a NUL byte, .*; what was protected before stays so")
    assert not partner.blocks("x@partner.example")
    partner.kill()
    partner.start()
    partner.wait_blocked("x@evil.example")
    assert not partner.blocks("x@partner.example")


@pytest.mark.parametrize("nothing", ["# nothing\n", ""])
def test_an_emptied_file_of_protected_domains_is_told(partner, nothing):
    path = partner.protected
    path.write_text("<html>\n")
    partner.reload()
    partner.wait_log(r"warning: protect: \S+protected:1: .*; what was protected before stays so")
    assert not partner.blocks("x@partner.example")
    path.write_text("partner.example\n")
    partner.reload()
    wait_until("it is mended", lambda: "stays so" not in partner.command("status").stdout)
    path.write_text(nothing)
    partner.reload()
    partner.wait_log(r"warning: protect: \S+protected names no domain any more")
    partner.wait_blocked("x@partner.example")


def test_digests_of_what_no_list_may_block(daemon):
    """What is below a protected `.d` and public suffixes, too: nobody knows them before they are asked for."""
    daemon.protected.write_text(".own.example\n")
    names = ["own.example", "mail.own.example", "blogspot.com", "k12.ca.us", "evil.example"]
    rows = "".join(f"{hashlib.sha256(name.encode()).hexdigest()}\n" for name in names)
    daemon.list_file("main", rows, format="hashes", of="domain")
    daemon.start()
    daemon.wait_blocked("x@evil.example")
    assert [daemon.blocks(f"x@{name}") for name in names] == [False] * 4 + [True]
    shown = daemon.command("check", "x@mail.own.example")
    assert shown.returncode == 0 and "list main has the digest of this domain, which counts for nothing" in shown.stdout


def test_protected_domains_outlive_their_file(partner):
    """Also over a start: a file that a tool has not put back yet, or of which a power cut left the name, costs no
    partner's mail."""
    path = partner.protected
    for go, lose in ((partner.stop, path.unlink), (partner.kill, path.touch)):
        go()
        lose()
        partner.start()
        partner.wait_blocked("x@evil.example")
        assert not partner.blocks("x@partner.example")
    words = "what was protected before stays so; put the file back"
    assert words in partner.command("status").stdout
    partner.wait_log(words)
    mark = partner.mark()
    partner.reload()
    partner.wait_log("reload: .* is in force: ", since=mark)
    partner.refresh("main")
    assert not partner.blocks("x@partner.example")
    path.write_text("other.example\n")
    partner.reload()
    partner.wait_blocked("x@partner.example")
    assert words not in partner.command("status").stdout
    # A reload that is refused keeps nothing of what it found for the next start.
    listen = partner.config["policy"]["listen"]
    path.write_text("# none\n")
    partner.config["policy"]["listen"] = listen + f" inet:127.0.0.1:{free_port()}"
    partner.reload()
    partner.wait_log("needs a restart.*nothing was changed")
    partner.config["policy"]["listen"] = listen
    assert (partner.state / "protected.good").read_text().partition("\n")[2] == "other.example\n"
    path.write_text("other.example\n")
    # Emptied while it was stopped: that counts, and is told.
    partner.stop()
    path.write_text("# none\n")
    partner.start()
    partner.wait_log(r"warning: protect: \S+protected names no domain any more")


def test_a_good_copy_of_the_protected_that_is_damaged(partner):
    """What can be read of it is protected, and that this is not all is said."""
    good = partner.state / "protected.good"
    partner.protected.write_text("partner.example\nother.example\n")
    partner.reload()
    wait_until("it is kept", lambda: "other.example" in good.read_text())
    partner.stop()
    partner.protected.unlink()
    good.write_bytes(good.read_bytes()[:-10] + bytes(10))
    partner.start()
    partner.wait_log(r"warning: protect: \S+protected.good is damaged and counts as far as it can be read")
    partner.wait_blocked("x@evil.example")
    assert not partner.blocks("x@partner.example")
    assert "in state_dir is damaged" in partner.command("status").stdout
    partner.stop()
    good.write_bytes(bytes(4096))
    partner.start()
    partner.wait_log("protect: .*protected.good is damaged; what was protected before is not known")
    # As an older version wrote it.
    partner.stop()
    good.write_text("partner.example\n")
    partner.start()
    partner.wait_blocked("x@evil.example")
    assert not partner.blocks("x@partner.example") and "damaged" not in partner.log(since_start=True)


def test_a_good_copy_of_the_protected_that_cannot_be_read(partner):
    """That is said, and the next reload looks again."""
    good = partner.state / "protected.good"
    partner.stop()
    partner.protected.unlink()
    os.chown(good, 0, 0)
    good.chmod(0o600)
    partner.start()
    partner.wait_log("protect: .*protected.good.*; what was protected before is not known")
    assert "only the built-in domains are protected" in partner.command("status").stdout
    give_to_drop_user(good)
    partner.reload()
    partner.wait_log("protect: .*; what was protected before stays so")
    partner.wait_free("x@partner.example")
