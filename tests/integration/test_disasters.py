"""Disasters of real lists, replayed: what a web server gave out, copy after copy, with a look after
each. Whatever comes, those who must get mail get it, the good copy's entries stay refused, and the
daemon says what happened. The numbers are those of the day or the same ratio of fewer names."""

from typing import NamedTuple

import pytest

from rendered import RENDERINGS, gz, name, names, recipient, text_of
from support import wait_until, write_by_rename
from webserver import HTML, WebServer

# Never refused, whatever a list says.
EVERYBODY = [
    "someone@" + domain
    for domain in (
        "gmail.com", "googlemail.com", "outlook.com", "qq.com", "mail.ru", "zoho.com", "gmx.com",
        "example.edu", "cs.example.edu", "example.co.jp", "example.my.id", "example.com",
        "innocent.example.net",
    )
]

GITHUB_PAGE = """


<!DOCTYPE html>
<html lang="en" data-color-mode="auto">
<head><title>lists/domains.txt at master</title></head>
<body><table><tr><td>one.example.org</td></tr></table></body></html>
"""
PORTAL = "\ufeff<HTML><HEAD><META HTTP-EQUIV='refresh' CONTENT='0;url=http://login.example.net/'></HEAD></HTML>"
LOGIN = '<?xml version="1.0" encoding="UTF-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><body>Log in</body></html>'
PHP = "<?php\nheader('Content-Type: text/plain');\nforeach ($domains as $d) { echo $d . \"\\n\"; }\n"
PAGES = {"page": HTML, "github": GITHUB_PAGE, "portal": PORTAL, "login": LOGIN, "php": PHP}

FREEMAIL = ["outlook.com", "googlemail.com", "mail.ru", "yandex.com", "zoho.com", "gmx.com"]
PUBLIC = ["edu", "co.jp", "ne.jp", "my.id", "gov.cz", "home.arpa", "github.io"]


@pytest.fixture(scope="module")
def web():
    server = WebServer()
    server.put("list", "")
    server.start()
    yield server
    server.close()


class Look(NamedTuple):
    """A copy, and what the daemon has to say of it."""

    copy: object  # text or bytes; None: as the look before
    state: str  # one of several with |
    guard: str = None
    entries: int = None  # in force after it; None: as many as before
    held: int = None  # entries of the copy that is held
    more: dict = {}  # other fields of its status
    error: str = ""  # in last_error
    listed: list = []  # domains refused from now on
    freed: list = []  # and those that are not, from now on
    mode: str = None  # how the server misbehaves
    then: str = None  # accept or rollback, whose outcome is looked at; or lasts, expires


# A hold that is over within the test, and not before it was looked at: it is counted in whole seconds.
SOON = "4s"

SHOWN = (
    "state", "guard", "rows", "bad_rows", "ignored_rows", "entries", "active", "dropped", "held",
    "last_error",
)


def look(copy, state, guard=None, **more):
    return Look(copy, state, guard, **more)


class Replay:
    """One daemon and its feed, and what is to be true of them."""

    def __init__(self, daemon, web, format_, **keys):
        self.daemon, self.web = daemon, web
        self.verdicts = dict.fromkeys(EVERYBODY, False)
        self.entries = 0
        self.number = 0
        web.mode()
        daemon.feed("main", web.url, format=format_, **keys)

    def run(self, looks):
        for step in looks:
            self.number += 1
            self.take(step)

    def take(self, step):
        if step.copy is not None:
            self.web.put("list", step.copy)
        self.web.mode(step.mode)
        feed = getattr(self, step.then or "refresh")()
        self.expect(step, feed)

    def expect(self, step, feed):
        for domain in step.listed:
            self.verdicts[recipient(domain) if "@" not in domain else domain] = True
        for domain in step.freed:
            self.verdicts[recipient(domain) if "@" not in domain else domain] = False
        self.entries = self.entries if step.entries is None else step.entries
        words = f"look {self.number}: " + str({k: feed[k] for k in SHOWN})
        states, state = step.state.split("|"), feed["state"]
        assert state in states, words
        if state in ("accepted", "unchanged"):
            assert feed["guard"] is None and feed["held"] is None and not feed["last_error"], words
        else:
            assert step.guard is None or feed["guard"] == step.guard, words
            assert step.error in feed["last_error"], words
        assert feed["entries"] == self.entries, words
        assert (feed["held"] or {}).get("entries") == step.held, words
        for key, value in step.more.items():
            assert feed[key] == value, (key, words)
        self.verdicts_hold(words)

    def verdicts_hold(self, words):
        recipients = list(self.verdicts)
        with self.daemon.client() as client:
            answers = client.ask_all(recipients)
        wrong = [r for r, a in zip(recipients, answers) if (a != "DUNNO") != self.verdicts[r]]
        assert wrong == [], words

    # what is done between two looks

    def refresh(self):
        if self.daemon.process is None:
            return self.first()
        status, feed = self.daemon.refresh("main")
        assert status in (200, 502), feed
        return feed

    def first(self):
        """Comes with the start; nobody is told when it is over."""
        self.daemon.start()
        self.daemon.wait_feed("main", state="accepted")
        self.daemon.wait_blocked(recipient(name(0)))
        return self.daemon.feed_status("main")

    def lasts(self):
        """Looks for longer than `hold`."""
        seconds = set()
        wait_until(
            "looks for longer than hold",
            lambda: seconds.add(self.refresh()["last_fetch"]) or len(seconds) > 5,
            20,
            every=0.1,
        )
        return self.refresh()

    def expires(self):
        """`hold` is over, and nobody looked meanwhile."""
        return self.daemon.wait_feed("main", state="accepted")

    def accept(self):
        return self.order("accept")

    def rollback(self):
        return self.order("rollback")

    def order(self, what):
        result = self.daemon.command(what, "main")
        assert result.returncode == 0, result.stderr
        return self.daemon.feed_status("main")


# ---- each of the days -----------------------------------------------------------------------

MOVED = "#\n# This list has moved, please fetch it from\n# https://lists.example.org/aper/new\n#\n"
GOOD = names(400)
FIRST, LAST = name(0), name(399)


def in_format(name_, domains, *head, **more):
    return RENDERINGS[name_].list_of(domains, *head, **more)


def svn_conflict(old, new):
    """Both versions of the file, each whole."""
    old, new = in_format("aper", old), in_format("aper", new)
    return f"<<<<<<< .mine\n{old}=======\n{new}>>>>>>> .r667\n"


def with_byte(byte, domains):
    """Deep in the file, beyond what anybody looks at first."""
    lines = in_format("domains", domains).splitlines(keepends=True)
    middle = len(lines) // 2
    return "".join(lines[:middle] + [f"no{byte}w.example.org\n"] + lines[middle:])


def rows(count, entries=None, **more):
    return dict(entries=count if entries is None else entries, **more)


def day_of(format_, *looks, **keys):
    return format_, keys, list(looks)


DISASTERS = {
    "2008-08-21 svn conflict markers double the list for 28 minutes": day_of(
        "aper",
        look(in_format("aper", names(667)), "accepted", **rows(667), listed=[name(0), name(666)]),
        look(
            svn_conflict(names(667), names(668, 1)), "accepted", **rows(669),
            more={"bad_rows": 3, "rows": 1335}, listed=[name(668)],
        ),
        look(in_format("aper", names(668, 1)), "accepted", **rows(668), more={"bad_rows": 0}, freed=[name(0)]),
    ),
    "2012-10-11 three marker rows for two hours": day_of(
        "aper",
        look(in_format("aper", GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(
            in_format("aper", GOOD) + "<<<<<<< .mine\n=======\n>>>>>>> .r24495\n", "unchanged",
            more={"bad_rows": 3},
        ),
        look(in_format("aper", GOOD), "unchanged", more={"bad_rows": 0}),
    ),
    "2008 markers around a copy that was cut": day_of(
        "aper",
        look(in_format("aper", GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look("<<<<<<< .mine\n=======\n>>>>>>> .r3\n" * 9 + in_format("aper", GOOD), "refused", "bad"),
        look(in_format("aper", GOOD), "unchanged"),
    ),
    "2009-01-31 Safe Browsing ships the entry / for 50 minutes": day_of(
        "urls",
        look(in_format("urls", GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(in_format("urls", GOOD) + "/\nhttp://\nhttp:///\n*\n", "unchanged"),
        look(in_format("urls", GOOD), "unchanged"),
    ),
    "2009-09-09 an 89-byte comment says moved, back for a day, gone again": day_of(
        "aper",
        look(in_format("aper", names(812)), "accepted", **rows(812), listed=[FIRST, name(811)]),
        look(MOVED, "refused", "min_entries", error="0 entries"),
        look(in_format("aper", names(808)), "accepted", **rows(808), freed=[name(811)]),
        look(MOVED, "refused", "min_entries"),
        look(None, "refused", "min_entries", then="lasts"),
        hold=SOON,
    ),
    "2018-06-01 gmail.com on a list of disposable domains for 12 hours": day_of(
        "domains",
        look(in_format("domains", names(436)), "accepted", **rows(436), listed=[FIRST, name(435)]),
        look(
            in_format("domains", names(456) + ["gmail.com"]), "accepted", **rows(457),
            more={"active": 456, "dropped": 1, "left_out": ".gmail.com"}, listed=[name(455)],
        ),
        look(in_format("domains", names(456)), "accepted", **rows(456), more={"dropped": 0}),
    ),
    "2019-05-29 18,203 -> 4,486, restored next day": day_of(
        "domains",
        look(in_format("domains", names(1820)), "accepted", **rows(1820), listed=[FIRST, name(1819)]),
        look(in_format("domains", names(448)), "held", "shrink", held=448),
        look(None, "held", "shrink", held=448),
        look(in_format("domains", names(1884)), "accepted", **rows(1884), listed=[name(1883)]),
        look(None, "unchanged"),
    ),
    "2019-07-08 ZeuS Tracker is a comment, then its PHP source": day_of(
        "hosts",
        look(in_format("hosts", GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look("# ZeuS Tracker has been discontinued on Jul 8th, 2019\n", "refused", "min_entries"),
        look(PHP, "refused", "html"),
        look(PHP.replace("<?php", "<?\n# rest of the page"), "refused"),
        look("", "refused", "min_entries"),
        look(None, "refused", "min_entries", then="lasts"),
        hold=SOON,
    ),
    "2020-03-10 names that nobody protects: mail.google.com, twitter, reddit": day_of(
        "adblock",
        look(in_format("adblock", GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(
            in_format("adblock", GOOD + ["mail.google.com", "twitter.com", "reddit.com"]), "accepted",
            **rows(403), more={"dropped": 0},
            listed=["x@mail.google.com", "x@twitter.com", "x@reddit.com"],
        ),
        look(
            None, "held", "rollback", **rows(400), held=403, then="rollback",
            freed=["x@mail.google.com", "x@twitter.com", "x@reddit.com"],
        ),
        look(None, "held", "rollback", held=403),
        look(in_format("adblock", GOOD + [name(400)]), "accepted", **rows(401), listed=[name(400)]),
    ),
    "2021-02-03 124,006 -> 13 for a day": day_of(
        "domains",
        look(in_format("domains", names(1240)), "accepted", **rows(1240), listed=[FIRST, name(1239)]),
        look(text_of(names(13)).rstrip("\n"), "held", "collapse", held=13, error="accept main"),
        look(None, "held", "collapse", held=13, then="lasts"),
        look(in_format("domains", names(1248)), "accepted", **rows(1248), listed=[name(1247)]),
        hold=SOON,
    ),
    "2021-03-17 six freemail domains for 11 hours, one of them for 79 days": day_of(
        "json",
        look(in_format("json", GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(
            in_format("json", GOOD + FREEMAIL + [name(400)]), "refused", "protected",
            error="outlook.com", freed=[name(400)],
        ),
        look(
            in_format("json", GOOD + ["gmx.com", name(400)]), "accepted", **rows(402),
            more={"dropped": 1}, listed=[name(400)],
        ),
        **RENDERINGS["json"].keys,
    ),
    "2022-05-12 +4,041 freemail domains, 2.9 % more": day_of(
        "csv",
        look(in_format("csv", names(4000)), "accepted", **rows(4000), listed=[FIRST, name(3999)]),
        look(
            in_format("csv", names(4000) + FREEMAIL + ["gmail.com", "web.de"] + [f"free{i}.example.net" for i in range(108)]),
            "refused", "protected", freed=["x@free0.example.net", "x@free107.example.net"],
        ),
        look(None, "refused", "protected", then="lasts"),
        look(in_format("csv", names(4001)), "accepted", **rows(4001), listed=[name(4000)]),
        hold=SOON,
        **RENDERINGS["csv"].keys,
    ),
    "2024-08-24 168,278 -> 50,561, and qq.com and zoho.com, for a day": day_of(
        "domains",
        look(in_format("domains", names(1682)), "accepted", **rows(1682), listed=[FIRST, name(1681)]),
        look(in_format("domains", names(505) + ["qq.com", "zoho.com"]), "held", "shrink", held=507),
        look(in_format("domains", names(1682)), "unchanged"),
        # ... and were it not: a person takes it, and it still blocks neither of them.
        look(in_format("domains", names(505) + ["qq.com", "zoho.com"]), "held", "shrink", held=507),
        look(
            None, "accepted", **rows(507), more={"dropped": 2, "active": 505}, then="accept",
            freed=[name(1681), name(505)], listed=[name(504)],
        ),
    ),
    "2023-08 a NUL byte deep in the file, an ESC byte in another": day_of(
        "domains",
        look(in_format("domains", names(4000)), "accepted", **rows(4000), listed=[FIRST, name(3999)]),
        look(with_byte("\0", names(4001)), "refused", "control", freed=[name(4000)]),
        look(with_byte("\x1b[31m", names(4001)), "refused", "control"),
        look(with_byte("", names(4001)), "accepted", **rows(4002), listed=[name(4000), "x@now.example.org"]),
    ),
    "google.com on a list: the site's own protected file": day_of(
        "dnsmasq",
        look(in_format("dnsmasq", GOOD + ["google.com", "akamai.net"]), "accepted", **rows(402),
             more={"dropped": 1}, listed=[FIRST, LAST, "x@google.com"], freed=["x@akamai.net"]),
    ),
    "public suffixes in live lists, one of each kind": day_of(
        "entries",
        look(text_of(GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(
            text_of(GOOD + ["*.edu", "*.co.jp", "*.ne.jp", ".my.id", "@gov.cz", "home.arpa", ".com", "github.io"]),
            "accepted", **rows(408), more={"active": 400, "dropped": 8},
        ),
        # What holds one: s3.amazonaws.com is a public suffix, amazonaws.com itself is none.
        look(
            text_of(GOOD + [".amazonaws.com", "*.amazonaws.com", "amazonaws.com"]),
            "accepted", **rows(403), more={"active": 401, "dropped": 2},
            listed=["x@amazonaws.com"], freed=["x@b.s3.amazonaws.com"],
        ),
        look(
            text_of(["*", "*@*", "@", ".", "*.*"] + GOOD),
            "accepted", **rows(400), more={"dropped": 5}, freed=["x@amazonaws.com"],
        ),
    ),
    "gmail.com in disguise": day_of(
        "entries",
        look(text_of(GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(
            text_of(GOOD + ["GMAIL.COM.", "@Gmail.com", "*@gmail.com", "\uff47\uff4d\uff41\uff49\uff4c.com"]),
            "accepted", **rows(401), more={"active": 400, "dropped": 1},
        ),
        look(
            text_of(GOOD + ["googlemail.com.", ".gmail.com", "\u200bqq.com", "outlook\u3002com"]),
            "refused", "protected",
        ),
    ),
    "a legitimate clean-up of 41 %": day_of(
        "domains",
        look(in_format("domains", names(1000)), "accepted", **rows(1000), listed=[FIRST, name(999)]),
        look(in_format("domains", names(584)), "held", "shrink", held=584),
        look(None, "accepted", **rows(584), then="expires", listed=[name(583)], freed=[name(584), name(999)]),
        look(None, "unchanged"),
        hold=SOON,
    ),
    "a shrunk copy that heals before hold is over, and shrinks again": day_of(
        "domains",
        look(in_format("domains", names(1000)), "accepted", **rows(1000), listed=[FIRST, name(999)]),
        look(in_format("domains", names(584)), "held", "shrink", held=584),
        look(in_format("domains", names(999)), "accepted", **rows(999), freed=[name(999)]),
        look(in_format("domains", names(583)), "held", "shrink", held=583),
        look(None, "accepted", **rows(583), then="expires", freed=[name(583), name(998)]),
        hold=SOON,
    ),
    "growth of 67 % passes, of 101 % does not": day_of(
        "unbound",
        look(in_format("unbound", names(1000)), "accepted", **rows(1000), listed=[FIRST, name(999)]),
        look(in_format("unbound", names(1670)), "accepted", **rows(1670), listed=[name(1669)]),
        look(in_format("unbound", names(3357)), "held", "grow", held=3357, freed=[name(1670)]),
        look(None, "accepted", **rows(3357), then="accept", listed=[name(1670), name(3356)]),
    ),
    "a poisoned copy is held, and its server is repaired for longer than hold": day_of(
        "domains",
        look(in_format("domains", names(1000)), "accepted", **rows(1000), listed=[FIRST, name(999)]),
        look(in_format("domains", names(2500)), "held", "grow", held=2500, freed=[name(1000)]),
        look(HTML, "refused", "html", held=2500),
        look(None, "refused", "html", held=2500, then="lasts"),
        look(None, "failed", held=2500, mode="500", then="lasts"),
        look(in_format("domains", names(1001)), "accepted", **rows(1001), listed=[name(1000)]),
        hold=SOON,
    ),
    "a copy that is held comes again after hold is over": day_of(
        "domains",
        look(in_format("domains", names(1000)), "accepted", **rows(1000), listed=[FIRST, name(999)]),
        look(in_format("domains", names(2500)), "held", "grow", held=2500, freed=[name(1000)]),
        look(HTML, "refused", "html", held=2500, then="lasts"),
        look(in_format("domains", names(2500)), "accepted", **rows(2500), listed=[name(1000), name(2499)]),
        hold=SOON,
    ),
    "line ends flip, the order changes: the same set": day_of(
        "aper",
        look(in_format("aper", GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(in_format("aper", GOOD).replace("\n", "\r\n"), "unchanged"),
        look("\ufeff" + in_format("aper", GOOD), "unchanged"),
        look(in_format("aper", GOOD).replace(",AB,", " , AB , "), "unchanged"),
        look(text_of(reversed(in_format("aper", GOOD).splitlines())), "unchanged"),
        look(in_format("aper", GOOD) + in_format("aper", GOOD), "unchanged", more={"rows": 800}),
        look(gz(in_format("aper", GOOD)), "unchanged"),
        look(in_format("aper", GOOD).upper().replace("# ", "#"), "unchanged"),
    ),
    "a packed copy is cut short": day_of(
        "domains",
        look(gz(in_format("domains", GOOD)), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(gz(in_format("domains", names(401)))[:-9], "refused", "packing", freed=[name(400)]),
        look(gz(in_format("domains", names(401)))[: 700], "refused", "packing"),
        look(gz(HTML), "refused", "html"),
        look(gz(in_format("domains", names(401))) + b"</html>", "refused", "packing"),
        look(gz(in_format("domains", names(401))), "accepted", **rows(401), listed=[name(400)]),
    ),
    "the connection breaks in the middle, the server has a bad day": day_of(
        "domains",
        look(in_format("domains", GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(in_format("domains", names(401)), "failed", mode="truncated", freed=[name(400)]),
        look(None, "failed", error="500", mode="500"),
        look(None, "failed", error="404", mode="404"),
        look(None, "failed|refused", mode="204"),
        look(None, "accepted", **rows(401), listed=[name(400)]),
    ),
    "a list says how long it is, and was cut at the end of a line": day_of(
        "domains",
        look(in_format("domains", GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look("# Entries: 400\n" + text_of(names(399)), "held", "count", held=399, error="cut short"),
        look("# Entries: 400\n" + text_of(names(300)), "held", held=300),
        look(in_format("domains", GOOD), "unchanged"),
    ),
    "a trailer tells of rows that did not come": day_of(
        "ndjson",
        look(in_format("ndjson", GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(in_format("ndjson", names(399), records=400), "refused", "broken", error="400 records, 399"),
        look(in_format("ndjson", GOOD) + in_format("ndjson", names(1, 400)), "refused", "broken", freed=[name(400)]),
        **RENDERINGS["ndjson"].keys,
    ),
    "an array of JSON that does not end": day_of(
        "json",
        look(in_format("json", GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(in_format("json", GOOD)[:-1], "refused", "broken", error="does not end"),
        look(in_format("json", GOOD)[:-9], "refused", "broken"),
        look('{"message":"API rate limit exceeded"}', "refused", "broken"),
        look("[]", "refused"),
        **RENDERINGS["json"].keys,
    ),
    "a list of tomorrow, one that expired, one that is older than the last": day_of(
        "dnset",
        look(in_format("dnset", names(400)), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(
            in_format("dnset", names(401), "$TIMESTAMP 2024:01:01:00:00:00"), "accepted", **rows(401),
            listed=[name(400)],
        ),
        look(in_format("dnset", names(402), "$TIMESTAMP 2099:01:01:00:00:00"), "refused", "future", freed=[name(401)]),
        look(in_format("dnset", names(402), "$TIMESTAMP 2024:02:01:00:00:00 2024:03:01:00:00:00"), "refused", "expired"),
        look(in_format("dnset", names(402), "$TIMESTAMP 2023:12:01:00:00:00"), "held", "older", held=402),
        look(
            in_format("dnset", names(402), "$TIMESTAMP 2024:01:02:00:00:00"), "accepted", **rows(402),
            listed=[name(401)],
        ),
    ),
    "a zone whose serial goes back, and one from the future": day_of(
        "rpz",
        look(in_format("rpz", names(400), serial=1700000000), "accepted", **rows(800), listed=[FIRST, LAST]),
        look(in_format("rpz", names(401), serial=1699000000), "held", "older", held=802, freed=[name(400)]),
        look(in_format("rpz", names(401), serial=4000000000), "refused", "future", held=802),
        look(in_format("rpz", names(401), serial=1700000001), "accepted", **rows(802), listed=[name(400)]),
    ),
    "a zone that lists the world": day_of(
        "rpz",
        look(in_format("rpz", GOOD), "accepted", **rows(800), listed=[FIRST, LAST]),
        look(in_format("rpz", GOOD) + "* CNAME .\n*.com CNAME .\n*.edu CNAME .\ncom CNAME .\n", "accepted", **rows(803)),
        look(in_format("rpz", []) + "* CNAME .\n", "refused|held", held=None),
    ),
    "rolled back from, and taken back": day_of(
        "access",
        look(in_format("access", GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(in_format("access", names(399, 1)), "accepted", **rows(399), freed=[FIRST], more={"previous": True}),
        look(
            None, "held", "rollback", **rows(400), held=399, then="rollback", listed=[FIRST],
            more={"previous": False},
        ),
        look(None, "held", "rollback", held=399),
        look(in_format("access", names(399, 1)[::-1]), "held", "rollback", held=399),
        look(None, "held", "rollback", held=399, then="lasts"),
        look(None, "accepted", **rows(399), then="accept", freed=[FIRST]),
        look(None, "unchanged"),
        hold=SOON,
    ),
}


@pytest.mark.parametrize("what", DISASTERS)
def test_day(daemon, web, what):
    format_, keys, looks = DISASTERS[what]
    Replay(daemon, web, format_, **keys).run(looks)


# ---- all formats, all poisons ---------------------------------------------------------------

SHARED = [d for d in PUBLIC if "." in d]

# What a server says with 200 when it has no list.
NO_LISTS = {
    **PAGES,
    "nothing": "",
    "blank": "\n\n \n",
    "github raw": "404: Not Found",
    "json error": '{"message":"API rate limit exceeded","status":"403"}\n',
}


def broken_copies(text):
    """None of them is the list, however much of it is in there."""
    middle = len(text) // 2
    return {
        "NUL": text[:middle] + "\0" + text[middle:],
        "ESC": text[:middle] + "\x1b[0m" + text[middle:],
        "UTF-16": text.encode("utf-16"),
        "gz cut": gz(text)[:-4],
        "gz of a page": gz(HTML),
        "page behind it": gz(text) + HTML.encode(),
    }


def sentence_look(format_):
    text = "Dear user, this service was discontinued. Thanks for all the fish.\n"
    if format_ == "dnset":  # to that, a name with some text behind it
        return look(text, "held", "collapse", held=1)
    return look(text, "refused")


def looks_of_every_format(format_):
    r = RENDERINGS[format_]
    good, whole = r.list_of(GOOD), 400 * r.each
    names_domains = format_ not in ("aper", "urls")  # as a whole, and mailbox providers too

    def more(domains):
        taken = 0 if format_ == "urls" else len(domains) * r.each
        return look(r.list_of(GOOD + domains), "accepted|unchanged", **rows(whole + taken))

    yield look(good, "accepted", **rows(whole), listed=[FIRST, LAST])
    for text in NO_LISTS.values():
        yield look(text, "refused")
    for copy in broken_copies(good).values():
        yield look(copy, "refused")
    yield sentence_look(format_)
    yield look(good, "unchanged")
    for count, guard in ((100, "shrink"), (13, "collapse"), (801, "grow")):
        yield look(r.list_of(names(count)), "held", guard, held=count * r.each, freed=[name(800)])
        yield look(good, "unchanged")
    yield more(FREEMAIL[:3])
    if names_domains:
        yield look(r.list_of(GOOD + FREEMAIL), "refused", "protected")
    else:
        yield more(FREEMAIL)
    yield more(SHARED)
    yield look(good, "accepted|unchanged", **rows(whole))


@pytest.mark.parametrize("format_", RENDERINGS)
def test_every_format(daemon, web, format_):
    Replay(daemon, web, format_, **RENDERINGS[format_].keys).run(looks_of_every_format(format_))


@pytest.mark.parametrize("format_", RENDERINGS)
def test_line_ends_of_old_macs(daemon, web, format_):
    """One long line to most: never read by half."""
    odd = {"json": ("unchanged", None), "urls": ("held", 1)}  # blanks; a URL with a long path
    state, held = odd.get(format_, ("refused", None))
    good = RENDERINGS[format_].list_of(GOOD)
    whole = 400 * RENDERINGS[format_].each
    Replay(daemon, web, format_, **RENDERINGS[format_].keys).run([
        look(good, "accepted", **rows(whole), listed=[FIRST, LAST]),
        look(good.replace("\n", "\r"), state, held=held),
    ])


# Where rows of the one say the same in the other.
PLAIN = {"entries", "domains", "dnset"}


def looks_of_others(format_):
    r = RENDERINGS[format_]
    good, whole = r.list_of(GOOD), 400 * r.each
    yield look(good, "accepted", **rows(whole), listed=[FIRST, LAST])
    for other, rendering in RENDERINGS.items():
        if other == format_ or {other, format_} <= PLAIN:
            continue
        yield look(rendering.list_of(names(401)), "refused", freed=[name(400)])
    yield look(good, "unchanged")


@pytest.mark.parametrize("format_", RENDERINGS)
def test_another_format(daemon, web, format_):
    """The publisher changes it, or the wrong file is linked: nothing of it is read wrongly."""
    Replay(daemon, web, format_, **RENDERINGS[format_].keys).run(looks_of_others(format_))


@pytest.mark.parametrize("format_", ["entries", "domains", "hosts", "aper", "dnset"])
def test_another_format_is_named(daemon, web, format_):
    looks = [look(in_format(format_, GOOD), "accepted", **rows(400), listed=[FIRST, LAST])]
    for other in ("adblock", "unbound", "rpz", "access", "urls", "hashes"):
        looks.append(
            look(in_format(other, GOOD), "refused", "format", error=f"looks like {other}, not like {format_}")
        )
    Replay(daemon, web, format_).run(looks)


# ---- what is not one list alone -------------------------------------------------------------


def test_deleted_entries_do_not_stay(daemon, web):
    """A validator is that of the copy that was accepted: not of one that was refused or is held, for
    then 304 would keep what the publisher took out."""
    replay = Replay(daemon, web, "domains")
    replay.run([look(in_format("domains", GOOD), "accepted", **rows(400), listed=[FIRST, LAST])])
    since = len(web.requests())
    replay.run([
        look(None, "unchanged"),  # 304
        look(HTML, "refused", "html"),
        look(None, "refused", "html"),  # again with 200
        look(in_format("domains", names(399)), "accepted", **rows(399), freed=[LAST]),
        look(None, "unchanged"),
        look(in_format("domains", names(100)), "held", "shrink", held=100),
        look(None, "held", "shrink", held=100),  # 304, for the copy that is held
        look(in_format("domains", names(398)), "accepted", **rows(398), freed=[name(398)]),
        look(None, "unchanged"),
    ])
    statuses = [status for status, uri, _ in web.requests()[since:] if uri == "/list"]
    assert statuses == [304, 200, 200, 200, 304, 200, 304, 200, 304]


def test_own_protected_file_and_exclusions(daemon, web):
    """What is big for one site only, and what nobody thought of before."""
    daemon.protected.write_text("google.com\n.reddit.com\n")
    poison = ["google.com", "old.reddit.com", "twitter.com"]
    replay = Replay(daemon, web, "adblock")
    replay.verdicts.update({"x@google.com": False, "x@reddit.com": False, "x@old.reddit.com": False})
    replay.run([
        look(in_format("adblock", GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(
            in_format("adblock", GOOD + poison), "accepted", **rows(403), more={"dropped": 2},
            listed=["x@twitter.com"],
        ),
    ])
    write_by_rename(daemon.exclusions, ".twitter.com\n")
    daemon.wait_free("x@twitter.com")
    replay.run([
        look(None, "unchanged", freed=["x@twitter.com", "x@mail.twitter.com"]),
        look(in_format("adblock", GOOD[1:] + poison), "accepted", **rows(402), freed=[FIRST]),
    ])


def test_cleared_list_goes_wrong(daemon, web):
    """Whoever was cleared stays free, whatever becomes of the list that says so."""
    def cleared(domains):
        return text_of(f"{recipient(d)},20131231" for d in domains)

    web.put("cleared", cleared(names(150)))
    replay = Replay(daemon, web, "aper", cleared=web.url.replace("/list", "/cleared"), hold="48h")
    replay.verdicts.update({recipient(d): False for d in names(150, 250)})
    list_ = in_format("aper", names(250, 150) + names(150))
    web.put("list", list_)
    daemon.start()
    daemon.wait_feed("main", state="accepted", entries=400)
    daemon.wait_blocked(recipient(name(399)))
    replay.entries = 400
    replay.verdicts.update({recipient(d): True for d in names(250, 150)})
    replay.verdicts.update({recipient(d): False for d in names(150)})
    for copy, state, guard in (
        (HTML, "refused", "html"),
        ("", "refused", "min_entries"),
        (cleared(names(60)), "held", "shrink"),
        (list_, "held", "grow"),  # the other file
        (cleared(names(150)), "unchanged", None),
    ):
        web.put("cleared", copy)
        feed = replay.refresh()
        assert (feed["state"], feed["guard"]) == (state, guard), feed
        assert guard is None or feed["last_error"].startswith("cleared list: "), feed
        replay.verdicts_hold(feed)


def test_people_see_it(daemon, web):
    """In five seconds: what happened, what is in force, what to type."""
    replay = Replay(daemon, web, "domains")
    replay.run([
        look(in_format("domains", GOOD), "accepted", **rows(400), listed=[FIRST, LAST]),
        look(in_format("domains", names(100)), "held", "shrink", held=100),
    ])
    said = daemon.command("feeds").stdout
    for words in ("held", "shrink", "100 entries are 75.0% fewer than the 400", "400 entries, 400 active",
                  "rcptguard accept main"):
        assert words in said, said
    replay.run([look(HTML, "refused", "html", held=100)])
    said = daemon.command("feeds").stdout
    for words in ("shrink: 100 entries", "html: it begins like a web page", "rcptguard accept main"):
        assert words in said, said
    assert daemon.command("status").returncode == 1
    replay.run([look(in_format("domains", GOOD), "unchanged")])
    assert daemon.command("status").returncode == 0
