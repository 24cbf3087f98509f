"""Real lists, where they stand beside the working copy: the verdict for every entry and for near
misses agrees with the model, before, during and after refreshes. Nothing of them is kept."""

import random
import re
import selectors
import time

import pytest

from daemon import Daemon
from model import Model, aper_active, fold_domain
from policyclient import PolicyClient, blocked, query
from support import REAL_LISTS, wait_until
from webserver import WebServer

APER = REAL_LISTS / "aper" / "phishing_reply_addresses.20181010"
CLEARED = REAL_LISTS / "aper" / "phishing_cleared_addresses.20181010"
DOMAINS = REAL_LISTS / "domains" / "blocklistproject.tracking.adguard.txt"
MORE_DOMAINS = REAL_LISTS / "disposable" / "martenson.blocklist.conf"
SUFFIXES = REAL_LISTS / "domains" / "publicsuffix.dat"

pytestmark = pytest.mark.skipif(
    not APER.exists(), reason=f"no real lists in {REAL_LISTS} (they are not part of the project)"
)

# Built in at least, by the contract: never blocked as a whole.
PROTECTED = set(
    "gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com icloud.com me.com"
    " mac.com aol.com gmx.com gmx.de gmx.net web.de t-online.de proton.me protonmail.com zoho.com"
    " yandex.com yandex.ru mail.ru qq.com 163.com 126.com".split()
)

CONNECTIONS = 50
QUERIES = 200000


def public_suffixes():
    """A test for names that the daemon may leave out as public suffixes. Its copy of the list is of
    another day than ours, so that this is no more than a hint."""
    rules, wildcards = set(), set()
    for line in SUFFIXES.read_text(encoding="utf-8").splitlines():
        rule = line.split("//")[0].strip()
        if rule.startswith("*."):
            wildcards.add(rule[2:])
        elif rule and rule[0] != "!":
            rules.add(rule)
    return lambda d: "." not in d or d in rules or d.split(".", 1)[1] in wildcards


class Lists:
    """What is served, and the model of it."""

    def __init__(self):
        self.rows = APER.read_text(encoding="utf-8", errors="replace").splitlines()
        cleared = CLEARED.read_text(encoding="utf-8", errors="replace").splitlines()
        self.active, self.inactive = aper_active(self.rows, cleared)
        assert len(self.active) > 15000 and len(self.inactive) > 20000
        is_suffix = public_suffixes()
        names = []
        for line in DOMAINS.read_text().splitlines():
            match = re.fullmatch(r"\|\|([a-z0-9._-]+)\^", line)
            if match:
                names.append("." + match.group(1))
        names += [x for x in MORE_DOMAINS.read_text().split() if x and x[0] != "#"]
        self.domains = [
            n for n in dict.fromkeys(names)
            if n.lstrip(".") not in PROTECTED and fold_domain(n.lstrip(".")) and not is_suffix(n.lstrip("."))
            and not re.fullmatch(r"[0-9.]+", n)
        ]
        self.domain_text = "".join(f"{n}\n" for n in self.domains)
        self.model = Model()
        for address in self.active:
            self.model.add(address, "aper")
        for entry in self.domains:
            self.model.add(entry, "domains")

    def recipients(self):
        """Every entry as a recipient, and near misses of a sample."""
        dice = random.Random(1)
        found = list(self.active) + list(self.inactive)
        found += ["x@" + d.lstrip(".") for d in self.domains]
        for address in dice.sample(sorted(self.active | self.inactive), 5000):
            local, _, domain = address.rpartition("@")
            found += [
                f"{local}x@{domain}",
                f"x{local}@{domain}",
                f"{local}@sub.{domain}",
                f"{local}@x{domain}",
                f"{local}+tag@{domain}",
                f"{local.upper()}@{domain.upper()}.",
                f"{local}",
                f"{local}@{domain.split('.', 1)[1] if '.' in domain else domain}",
            ]
        for entry in dice.sample(self.domains, 5000):
            domain = entry.lstrip(".")
            found += [
                f"a@sub.{domain}",
                f"a@b.c.{domain.upper()}",
                f"a@x{domain}",
                f"a@{domain}.example",
                f"{domain}@example.net",
            ]
        return [r for r in found if r.isascii() and "\n" not in r and "\0" not in r]


@pytest.fixture(scope="module")
def lists():
    return Lists()


@pytest.fixture(scope="module")
def house(lists):
    web = WebServer()
    web.put("aper", APER.read_bytes())
    web.put("cleared", CLEARED.read_bytes())
    web.put("domains", lists.domain_text)
    web.start()
    base = f"http://127.0.0.1:{web.port}"
    d = Daemon()
    d.feed("aper", f"{base}/aper", format="aper", cleared=f"{base}/cleared")
    d.feed("domains", f"{base}/domains")
    d.config["feed domains"]["max_protected"] = "100"
    d.start()
    d.wait_feed("aper", 40, state="accepted")
    d.wait_feed("domains", 40, state="accepted")
    yield d, web
    d.close()
    web.close()


def in_force(daemon, lists):
    d = "x@" + lists.domains[-1].lstrip(".")
    wait_until("both lists", lambda: daemon.blocks(min(lists.active)) and daemon.blocks(d), 20)


def test_counts(house, lists):
    daemon, _ = house
    in_force(daemon, lists)
    aper = daemon.feed_status("aper")
    rows = [r for r in lists.rows if r.strip() and not r.lstrip().startswith("#")]
    assert aper["rows"] + aper["bad_rows"] == len(rows)
    assert abs(aper["active"] - len({a.lower() for a in lists.active})) < 100  # aliases fold more
    domains = daemon.feed_status("domains")
    assert domains["rows"] > 150000 * 0.98
    assert domains["dropped"] < 200
    print({k: (aper[k], domains[k]) for k in ("rows", "bad_rows", "entries", "active", "dropped")})


@pytest.mark.seconds(120)
def test_every_entry_and_near_misses(house, lists):
    daemon, _ = house
    in_force(daemon, lists)
    recipients = lists.recipients()
    assert len(recipients) > 200000
    with daemon.client() as client:
        answers = client.ask_all(recipients)
    wrong = []
    for recipient, answer in zip(recipients, answers):
        wanted = lists.model.blocks(recipient)
        if answer != "DUNNO" if wanted is None else f"blocklist {wanted};" not in answer:
            wrong.append((wanted, recipient.rpartition("@")[2]))
    dropped = daemon.feed_status("domains")["dropped"]
    print(f"{len(recipients)} recipients, {len(wrong)} differ, {dropped} entries dropped")
    # Entries that only the daemon's public suffix list knows are missing there.
    assert len(wrong) <= dropped * 4, wrong[:10]


@pytest.mark.seconds(150)
def test_200000_queries_over_50_connections_during_refreshes(house, lists):
    daemon, web = house
    in_force(daemon, lists)
    dice = random.Random(2)
    pool = lists.recipients()
    with daemon.client() as client:  # those that the model and the daemon agree upon at rest
        sample = [r for r in dice.sample(pool, 25000)]
        answers = client.ask_all(sample)
    wanted = {r: lists.model.blocks(r) is not None for r in sample}
    agreed = [r for r, a in zip(sample, answers) if blocked(a) == wanted[r]]
    assert len(agreed) > len(sample) * 0.999

    changes = iter(range(1000000))

    def change():
        """A new version of the list, with one more entry at its end: a whole swap."""
        web.put("domains", lists.domain_text + f"v{next(changes)}.example\n")

    wrong, done, swaps = run_load(daemon, agreed, wanted, change)
    print(f"{done} queries, {swaps} refreshes during them")
    assert wrong == [], wrong[:5]
    assert done >= QUERIES and swaps >= 3


def run_load(daemon, recipients, wanted, change):
    """50 connections, one outstanding query each, as Postfix does; refreshes go on beside them."""
    import threading

    stop, swaps = threading.Event(), []

    def refresh():
        while not stop.is_set():
            change()
            status, feed = daemon.refresh("domains")
            assert status == 200, feed
            swaps.append(feed["state"])
            stop.wait(0.2)

    dice = random.Random(3)
    requests = {r: query(r, instance=f"load.{i}") for i, r in enumerate(recipients)}
    selector = selectors.DefaultSelector()
    clients = [PolicyClient(daemon.unix if i % 2 else daemon.inet) for i in range(CONNECTIONS)]
    refresher = threading.Thread(target=refresh)
    wrong, sent, done = [], 0, 0
    pending = {}
    begin = time.monotonic()
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
        pending[client] = dice.choice(recipients)
        client.send(requests[pending[client]])
        sent += 1
    while done < QUERIES or len(swaps) < 3:
        if done > QUERIES // 5 and not refresher.is_alive() and not swaps:
            refresher.start()  # a fifth of the queries before the first refresh
        if done > QUERIES * 4 // 5 and len(swaps) >= 3:
            stop.set()  # and a fifth after the last
        for key, _ in selector.select(5):
            client = key.data
            recipient = pending[client]
            action = client.reply()
            if blocked(action) != wanted[recipient]:
                wrong.append((recipient, action))
            done += 1
            pending[client] = dice.choice(recipients)
            client.send(requests[pending[client]])
        assert time.monotonic() - begin < 100
    stop.set()
    refresher.join()
    for client in clients:
        client.close()
    return wrong, done, swaps.count("accepted")
