"""The help desk's story with a real Postfix: a bounce, why, exclude, delivered; block, refused."""

import json
import re
import shutil
import time

import pytest

from policyclient import REF
from postfix import Postfix, installed
from support import wait_until

LISTED = "jane.doe@example.org"
WANTED = "second@example.org"


@pytest.fixture
def listing(daemon):
    daemon.list_file(
        "aper",
        f"someone@example.com,A,20300101\n{LISTED},AB,20240610\n{WANTED},A,20240611\n",
        format="aper",
    )
    daemon.start()
    daemon.wait_blocked(LISTED)
    daemon.wait_history(LISTED)
    return daemon


@pytest.fixture
def postfix(listing):
    if not installed():
        pytest.skip("no postfix and smtp-sink here")
    p = Postfix(listing.unix)
    try:
        yield p.start()
    finally:
        p.close()


def send(postfix, subject):
    return postfix.send([LISTED], subject=subject)[LISTED]


def test_from_the_bounce_to_mail_that_flows(listing, postfix):
    code, text = send(postfix, "one")
    assert code == 550
    ref = re.search(rf"quote ({REF})", text).group(1)

    why = listing.command("why", ref)
    assert why.returncode == 0, why.stderr
    for word in (ref, LISTED, "aper", "2024-06-10", "sender@example.net", f"{LISTED},AB,20240610"):
        assert word in why.stdout, why.stdout
    assert re.search(r"\bline 2\b|:2\b", why.stdout), why.stdout
    assert f"rcptguard exclude {LISTED}" in why.stdout

    done = listing.command("exclude", LISTED, "--for", "30d", "--ticket", "INC4711", "--note", "phoned")
    assert done.returncode == 0, done.stderr
    assert not listing.blocks(LISTED)  # in force when the command returns
    assert send(postfix, "two")[0] == 250
    postfix.wait_delivered("two", [LISTED])

    check = listing.command("check", LISTED)
    assert check.returncode == 0
    assert "INC4711" in check.stdout and "unexclude" in check.stdout
    shown = listing.command("exclusions")
    assert shown.returncode == 0 and LISTED in shown.stdout and "INC4711" in shown.stdout

    again = listing.command("exclude", LISTED, "--for", "1d")
    assert again.returncode == 1, again.stdout
    assert listing.command("unexclude", LISTED).returncode == 0
    assert listing.blocks(LISTED)
    assert send(postfix, "three")[0] == 550
    assert listing.command("unexclude", LISTED).returncode == 1


def test_block(listing, postfix):
    phish = "payroll-desk@example.com"
    assert postfix.send([phish], subject="one")[phish][0] == 250
    begin = time.monotonic()
    done = listing.command("block", phish, "--note", "phish of today")
    assert done.returncode == 0, done.stderr
    assert postfix.send([phish], subject="two")[phish][0] == 550
    assert time.monotonic() - begin < 10
    assert "phish of today" in listing.command("check", phish).stdout
    assert phish in listing.command("blocks").stdout
    # It outlives the daemon.
    listing.stop()
    listing.start()
    assert listing.blocks(phish)
    assert listing.command("unblock", phish).returncode == 0
    assert not listing.blocks(phish)
    assert listing.command("unblock", phish).returncode == 1


def refused_reference(daemon, recipient):
    return re.search(rf"quote ({REF})", daemon.ask(recipient)).group(1)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_references_outlive_the_daemon(listing, end):
    ref = refused_reference(listing, LISTED)
    # Answered from memory at once, it is with the disk a moment later.
    files = listing.state / "references"
    wait_until("it is kept", lambda: any(ref.encode() in f.read_bytes() for f in files.iterdir() if f.is_file()))
    if end == "stop":
        listing.stop()
    else:
        listing.kill()
    listing.start()
    listing.wait_blocked(LISTED)
    status, answer = listing.api("GET", f"/v1/why/{ref.lower()}")
    assert status == 200
    assert (answer["ref"], answer["recipient"], answer["list"]) == (ref, LISTED, "aper")
    assert (answer["entry"], answer["date"]) == (LISTED, "2024-06-10")
    assert answer["now"]["verdict"] == "reject"
    assert listing.command("why", "ZZZZZZZZ").returncode == 1


def test_check_tells_where_an_entry_comes_from(listing):
    status, answer = listing.api("GET", "/v1/check", recipient="Jane.Doe+tag@example.org")
    assert status == 200
    (listed,) = answer["listings"]
    assert (listed["row"], listed["line"]) == (f"{LISTED},AB,20240610", 2)
    assert listed["first_seen"] and answer["action"].startswith("550 5.7.1 ")


def test_first_seen_without_a_history(listing):
    """As after the first start of a version that keeps one: lists are there, their changes not."""
    listing.stop()
    shutil.rmtree(listing.state / "history")
    listing.start()
    _, answer = listing.api("GET", "/v1/check", recipient=LISTED)
    (listed,) = answer["listings"]
    assert listed["first_seen"] is None
    assert listed["first_seen_before"] == listed["list_accepted"] is not None
    assert "first seen here before" in listing.command("check", LISTED).stdout


def test_history(listing):
    gone = listing.api("GET", "/v1/history", recipient="never@example.org")
    assert gone[0] == 200 and gone[1]["history"] == []
    assert listing.command("history", "never@example.org").returncode == 1
    path = listing.directory / "aper.list"
    path.write_text(f"{WANTED},A,20240611\n")
    listing.wait_free(LISTED)

    def changes():
        _, answer = listing.api("GET", "/v1/history", recipient=LISTED)
        return [(c["list"], c["entry"], c["change"]) for c in answer["history"]]

    both = [("aper", LISTED, "added"), ("aper", LISTED, "dropped")]
    wait_until("both changes are kept", lambda: changes() == both)
    listing.kill()
    listing.start()
    assert changes() == both
    shown = listing.command("history", LISTED)
    assert shown.returncode == 0 and "added" in shown.stdout and "dropped" in shown.stdout


def test_top_and_events(listing):
    from daemon import UnixHTTPConnection

    connection = UnixHTTPConnection(listing.admin, 20)
    connection.request("GET", "/v1/events")
    stream = connection.getresponse()
    assert stream.status == 200
    listing.ask(LISTED, sender="ann@example.edu", instance="1.1")
    event = json.loads(stream.readline())
    assert (event["outcome"], event["recipient"], event["list"]) == ("reject", LISTED, "aper")
    connection.close()
    for i in range(3):
        listing.ask(WANTED, sender="bob@example.edu", instance=f"2.{i}")
    _, top = listing.api("GET", "/v1/top")
    assert top["hour"]["recipients"][0] == {"name": WANTED, "count": 3}
    (lists,) = top["day"]["lists"]
    assert lists["name"] == "aper" and lists["count"] >= 4
    assert WANTED in listing.command("top").stdout


@pytest.mark.parametrize("what", ["gmail.com", ".co.uk", "*.org"])
def test_whole_providers_need_force(listing, what):
    for verb in ("exclude", "block"):
        refused = listing.command(verb, what)
        assert refused.returncode == 2, (verb, what, refused.stdout)
        assert "--force" in refused.stderr
    assert not listing.blocks_file.exists()


def test_json_is_the_api_s(listing):
    for command, path, more in (
        (("check", LISTED), "/v1/check", {"recipient": LISTED}),
        (("exclusions",), "/v1/exclusions", {}),
        (("blocks",), "/v1/blocks", {}),
        (("feeds",), "/v1/feeds", {}),
        (("history", LISTED), "/v1/history", {"recipient": LISTED}),
        (("top",), "/v1/top", {}),
    ):
        said = json.loads(listing.command(*command, "--json").stdout)
        assert said == listing.api("GET", path, **more)[1], command


def test_status_of_blocks_that_nobody_made(listing):
    shown = listing.command("status")
    assert shown.returncode == 0 and "which is not there" in shown.stdout, shown.stdout


def test_bytes_are_shown_as_in_the_log(daemon):
    """Latin-1 in a local part: what the log says can be found in what the command says."""
    daemon.list_file("main", "example.com\n")
    daemon.start()
    daemon.wait_blocked("x@example.com")
    result = daemon.command("check", "j\udcf6rg@example.com")  # the byte F6
    assert r"j\xF6rg@example.com" in result.stdout and r"\x5C" not in result.stdout
