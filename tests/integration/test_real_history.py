"""The histories of real lists, revision by revision over HTTP, where they stand beside the working
copy: each good one is taken, each bad one is not. No row of them is shown or kept."""

import gzip
import random

import pytest

import listcount
from daemon import Daemon
from entrycount import aper_active, count_aper
from policyclient import blocked
from support import REAL_LISTS, wait_until
from test_disasters import EVERYBODY
from webserver import WebServer

SERIES = sorted((REAL_LISTS / "aper" / "series").glob("*.csv.gz"))
CLEARED = REAL_LISTS / "aper" / "phishing_cleared_addresses.20181010"

pytestmark = pytest.mark.skipif(
    not SERIES, reason=f"no real lists in {REAL_LISTS} (they are not part of the project)"
)


@pytest.fixture(scope="module")
def web():
    server = WebServer()
    server.put("list", "")
    server.start()
    yield server
    server.close()


class Feed:
    """A daemon that follows what the server has."""

    def __init__(self, daemon, web, format_, **keys):
        self.daemon, self.web = daemon, web
        daemon.feed("main", web.url, format=format_, **keys)

    def give(self, data):
        """The feed's status after a look at that copy."""
        self.web.put("list", data)
        if self.daemon.process is not None:
            status, feed = self.daemon.refresh("main")
            assert status == 200, "the fetch failed"
            return feed
        self.daemon.start()
        wait_until("the first look", lambda: self.daemon.feed_status("main")["last_fetch"])
        wait_until("it is in force", lambda: self.daemon.feed_status("main")["active"] > 0)
        return self.daemon.feed_status("main")

    def differ(self, recipients, refused):
        """How many of these get another verdict, or of everybody who must get mail."""
        recipients = [r for r in recipients if r.isascii()]
        with self.daemon.client() as client:
            answers = client.ask_all(recipients + EVERYBODY)
        wrong = sum(blocked(a) != refused for a in answers[: len(recipients)])
        return wrong + sum(blocked(a) for a in answers[len(recipients) :])


def read(path):
    return (REAL_LISTS / path).read_bytes()


def sample(dice, some, count):
    some = sorted(some)
    return dice.sample(some, min(count, len(some)))


def numbers_of(count, active):
    """Numbers only: an assertion that fails shows whatever it is given."""
    return {
        "rows": count.rows,
        "bad_rows": count.bad,
        "entries": len(count.entries),
        "active": len(active),
    }


@pytest.mark.seconds(180)
@pytest.mark.parametrize("cleared", [False, True], ids=["list", "list-and-cleared"])
def test_29_revisions(daemon, web, cleared):
    """A day and a half of 2011: all are taken, in order, and the set in force is that of each."""
    keys = {}
    if cleared:
        web.put("cleared", CLEARED.read_bytes())
        keys["cleared"] = web.url.replace("/list", "/cleared")
    feed = Feed(daemon, web, "aper", **keys)
    dice, before, taken = random.Random(1), None, 0
    assert len(SERIES) == 29
    for path in SERIES:
        packed = path.read_bytes()
        data = gzip.decompress(packed)
        status = feed.give(packed)
        count = count_aper(data)
        active = aper_active(data, CLEARED.read_bytes() if cleared else b"")
        same = active == before
        assert status["state"] == "accepted" or (same and status["state"] == "unchanged"), path.name
        assert status["held"] is None and status["guard"] is None, path.name
        counted = numbers_of(count, active)
        assert {key: status[key] for key in counted} == counted, path.name
        changed = set(active) ^ set(before or active)
        idle = count.entries - set(active)
        wrong = feed.differ(sorted(changed & set(active)) + sample(dice, active, 400), True)
        wrong += feed.differ(sorted(changed - set(active)) + sample(dice, idle, 200), False)
        assert wrong == 0, path.name
        taken += not same
        before = active
    assert taken > 20


def test_packed_copies_are_the_plain_one(daemon, web):
    plain = read("aper/phishing_reply_addresses.20181010")
    feed = Feed(daemon, web, "aper")
    first = feed.give(plain)
    state = first["state"]
    assert state == "accepted"
    for name in ("aper.csv.gz", "aper.csv.xz", "aper.csv.zst", "aper.zip"):
        status = feed.give(read(f"derived/{name}"))
        assert status["state"] == "unchanged", name
        for key in ("rows", "bad_rows", "ignored_rows", "entries", "active", "accepted"):
            assert status[key] == first[key], (name, key)
    for name in ("truncated.csv.gz", "truncated.csv", "html-404.txt", "empty.txt", "utf16.csv",
                 "nul.csv", "zeus-byebye.txt", "zeus-php-source.txt", "github-404.txt"):
        status = feed.give(read(f"synthetic/{name}"))
        assert status["state"] == ("held" if name == "truncated.csv" else "refused"), (name, status["guard"])
        assert status["entries"] == first["entries"], name
    active = aper_active(plain)
    wrong = feed.differ(sample(random.Random(2), active, 2000), True)
    assert wrong == 0


def aper(name):
    return f"aper/hist/reply.{name}"


def disposable(name):
    return f"disposable/hist/domains.{name}.txt"


# What is told of each day: (file, state, guard). What is not taken leaves the set of before.
DAYS = {
    "2008-08-21 conflict markers": (
        "aper",
        [
            (aper("20080328-first"), "accepted", None),
            (aper("20080821-before-conflict"), "accepted", None),
            (aper("20080821-svn-conflict"), "accepted", None),
            (aper("20080821-after-conflict"), "unchanged", None),  # one side had it all
        ],
    ),
    "2009-09-09 moved": (
        "aper",
        [
            (aper("20090908-before-move"), "accepted", None),
            (aper("20090908-crlf"), "accepted", None),
            (aper("20090908-eol-fixed"), "unchanged", None),
            (aper("20090909-moved-stub"), "refused", "min_entries"),
            (aper("20090914-test-commit"), "accepted", None),
        ],
    ),
    "2018-06-01 gmail.com": (
        "domains",
        [
            (disposable("20180531-good"), "accepted", None),
            (disposable("20180601-poison-gmail.com"), "accepted", None),
        ],
    ),
    "2019-05-29 a quarter is left": (
        "domains",
        [
            (disposable("20190528-good"), "accepted", None),
            (disposable("20190529-shrunk75"), "held", "shrink"),
            (disposable("20190530-restored"), "accepted", None),
        ],
    ),
    "2021-02-03 13 are left": (
        "domains",
        [
            (disposable("20210202-good"), "accepted", None),
            (disposable("20210203-13lines"), "held", "collapse"),
            (disposable("20210204-restored"), "accepted", None),
        ],
    ),
}


def recipients_of(format_, data, dice):
    """Those whom that copy refuses mail to, some of them; and how many entries it has."""
    if format_ == "aper":
        return sample(dice, aper_active(data), 500), len(count_aper(data).entries)
    entries = listcount.count_domains(data).entries
    return ["x@" + e[1:] for e in sample(dice, entries, 500)], len(entries)


@pytest.mark.parametrize("day", DAYS)
def test_day(daemon, web, day):
    format_, copies = DAYS[day]
    feed, dice = Feed(daemon, web, format_), random.Random(3)
    for path, state, guard in copies:
        data = read(path)
        status = feed.give(data)
        assert (status["state"], status["guard"]) == (state, guard), path
        if guard is None:
            recipients, entries = recipients_of(format_, data, dice)
        assert status["entries"] == entries, path
        wrong, dropped = feed.differ(recipients, True), status["dropped"]
        assert wrong <= dropped, path  # public suffixes, and gmail.com for half a day
        if "gmail" in path:
            assert status["left_out"] == ".gmail.com", path
