"""Several relays, one fetch: lists that are shared through a real Redis, and Redis when it is not well."""

import datetime
import os
import pathlib
import re
import signal
import threading
import time

import pytest

from daemon import Daemon
from redisserver import Relays, TlsRedis, clock_off, needs_faketime, needs_redis
from relays import Proxy
from scriptedserver import ScriptedServer
from support import ROOT, wait_until

pytestmark = needs_redis

SECRET = "a secret that all relays have"
POINTER = "rcptguard:list:" + "?" * 32
CHUNKS = "rcptguard:blob:*"
LEASE = "rcptguard:list:*:lease"
LEASE_S = 15
JUST_NOW_S = 2  # what was fetched since is new enough for a person
TIMEOUT_S = 2  # what a hanging Redis may cost a fetch


def text_of(count, prefix="u"):
    return "".join(f"{prefix}{i}@example.org\n" for i in range(count))


def unordered(count):
    """It packs badly: 100,000 take several chunks."""
    return "".join(f"x{i * 2654435761 % 2**32:x}{i}@example.org\n" for i in range(count))


class Publisher(ScriptedServer):
    """A site with one list, that says what did not change."""

    def __init__(self):
        super().__init__()
        self.pages["/list"] = self._answer_list
        self.serial = 0
        self.put(text_of(200))

    def put(self, text):
        self.serial += 1
        self.text, self.etag = text, f'"{self.serial}"'

    def _answer_list(self, request):
        if request.headers.get("if-none-match") == self.etag:
            request.send(f"HTTP/1.1 304 X\r\nETag: {self.etag}\r\n\r\n".encode())
        else:
            request.ok(self.text, ETag=self.etag)

    def fetches(self):
        return len(self.requests)


class Fleet(Relays):
    def __init__(self, redis, publisher):
        super().__init__()
        self.redis, self.publisher = redis, publisher

    def add(self, redis=None, **keys):
        relay = Daemon()
        relay.feed("main", self.publisher.url("/list"), **keys)
        relay.config["redis"] = dict(
            {"url": self.redis.unix, "secret": SECRET, "share": "lists"}, **(redis or {})
        )
        self.append(relay)
        return relay

    def five(self, **keys):
        for _ in range(5):
            self.add(**keys)
        return self.start()

    def start(self):
        for relay in self:
            relay.spawn()
        for relay in self:
            wait_until("the daemon answers", relay.answers)
        return self

    def wait_blocked(self, recipient, seconds=20):
        for relay in self:
            relay.wait_blocked(recipient, seconds)


@pytest.fixture
def publisher():
    server = Publisher()
    yield server
    server.close()


@pytest.fixture
def fleet(redis, publisher):
    relays = Fleet(redis, publisher)
    yield relays
    relays.close()


def keys(redis, pattern):
    return redis.call("KEYS", pattern).split()


def wait_put(redis, count=1):
    wait_until("the list is in Redis", lambda: len(keys(redis, POINTER)) == count)
    wait_until("no lease is left", lambda: not keys(redis, LEASE))


def not_just_now():
    """A person's refresh asks the publisher again."""
    time.sleep(JUST_NOW_S + 0.2)


def warnings(relay, word):
    return [line for line in relay.log().splitlines() if "warning" in line and word in line]


# all is well


@pytest.fixture
def tls(publisher):
    """Two relays, and the Redis that they reach by TLS alone."""
    server = TlsRedis()
    relays = Fleet(server, publisher)
    try:
        for _ in range(2):
            relays.add({"url": server.tls}).environment["SSL_CERT_FILE"] = str(server.certificate)
        server.start()
        yield relays
    finally:
        relays.close()
        server.close()


def fleet_of(relay):
    return relay.api("GET", "/v1/status")[1]["fleet"]


def start_by_tls(relay):
    relay.start()
    wait_until("it said something", lambda: fleet_of(relay)["state"] != "connecting", 15)
    if "built without TLS" in (fleet_of(relay)["problem"] or ""):
        pytest.skip("a hiredis without TLS (0.14)")
    wait_until("connected", lambda: fleet_of(relay)["state"] == "up", 15)


def test_by_tls(tls, publisher):
    """One fetches, the other takes it over, of several chunks, and what is new too."""
    text = unordered(100000)
    publisher.put(text)
    start_by_tls(tls[0])
    tls[0].wait_blocked(text.splitlines()[-1], 20)
    wait_put(tls.redis)
    assert len(keys(tls.redis, CHUNKS)) > 1, "not several chunks"
    start_by_tls(tls[1])
    tls[1].wait_blocked(text.splitlines()[-1], 20)
    assert publisher.fetches() == 1
    not_just_now()
    publisher.put(text + "new@example.org\n")
    assert tls[1].refresh("main")[0] == 200
    tls.wait_blocked("new@example.org")
    assert publisher.fetches() == 2
    assert all(not warnings(relay, "fleet") for relay in tls)


def test_a_certificate_that_nobody_knows(tls, publisher):
    """Nothing is shared with such a Redis; the list is fetched all the same."""
    tls[0].environment.clear()
    tls[0].start()
    tls[0].wait_blocked("u199@example.org")
    wait_until("it is away", lambda: fleet_of(tls[0])["state"] == "away", 15)
    if "built without TLS" in fleet_of(tls[0])["problem"]:
        pytest.skip("a hiredis without TLS (0.14)")
    assert "certificate" in fleet_of(tls[0])["problem"]
    assert not keys(tls.redis, "*")


def test_five_relays_fetch_once(fleet, redis, publisher):
    fleet.five()
    fleet.wait_blocked("u199@example.org")
    assert publisher.fetches() == 1
    assert all(not warnings(relay, "fleet") for relay in fleet)

    # What one of them is told to fetch is in force on all.
    not_just_now()
    publisher.put(text_of(201))
    assert fleet[3].refresh("main")[0] == 200
    fleet.wait_blocked("u200@example.org", seconds=15)  # less than until they look of themselves
    assert publisher.fetches() == 2

    # Nothing new: all know that the publisher confirmed it.
    not_just_now()
    assert fleet[1].refresh("main")[1]["state"] == "unchanged"
    for relay in fleet:
        relay.wait_feed("main", state="unchanged")
    assert publisher.fetches() == 3

    # A person who tells them all one after the other makes one fetch.
    not_just_now()
    for relay in fleet:
        assert relay.refresh("main")[1]["state"] == "unchanged"
    assert publisher.fetches() <= 5


@pytest.mark.seconds(90)
def test_one_fetch_a_period(fleet, publisher):
    """The hour, in 4 s."""
    fleet.five(refresh="4s")
    fleet.wait_blocked("u199@example.org")
    began, first = time.monotonic(), publisher.fetches()
    publisher.put(text_of(202))
    wait_until("five periods", lambda: time.monotonic() - began > 20, 30, every=0.1)
    periods = (time.monotonic() - began) / 4
    assert 2 <= publisher.fetches() - first <= periods + 1
    fleet.wait_blocked("u201@example.org", seconds=1)


def test_who_comes_later_takes_it(fleet, redis, publisher):
    fleet.add().start()
    fleet[0].wait_blocked("u199@example.org")
    wait_put(redis)
    fleet.add().start()
    fleet[1].wait_blocked("u199@example.org")
    assert publisher.fetches() == 1
    # It knows the ETag too, when it is its turn.
    fleet[1].wait_feed("main", state="accepted")
    not_just_now()
    assert fleet[1].refresh("main")[1]["state"] == "unchanged"
    assert publisher.requests[-1][1]["if-none-match"] == publisher.etag


@needs_faketime
@pytest.mark.parametrize("seconds", [300, -300])
def test_a_clock_five_minutes_off(fleet, redis, publisher, seconds):
    """It takes what others fetched, and they take what it did; how old that is says Redis' clock."""
    fleet.add(max_age="3m").start()
    fleet[0].wait_blocked("u199@example.org")
    wait_put(redis)
    clock_off(fleet.add(max_age="3m"), seconds)
    fleet[1].start()
    fleet[1].wait_blocked("u199@example.org")
    assert publisher.fetches() == 1
    not_just_now()
    publisher.put(text_of(201))
    assert fleet[1].refresh("main")[1]["state"] == "accepted"
    fleet.wait_blocked("u200@example.org")
    assert publisher.fetches() == 2
    for relay, off in ((fleet[0], 0), (fleet[1], seconds)):
        success = datetime.datetime.fromisoformat(relay.feed_status("main")["last_success"].replace("Z", "+00:00"))
        assert -2 <= time.time() + off - success.timestamp() < 120


def test_each_relay_has_its_own_guards(fleet, redis, publisher):
    fleet.add(max_shrink="100%")
    fleet.add()
    fleet.start()
    fleet.wait_blocked("u199@example.org")
    wait_put(redis)
    not_just_now()
    publisher.put(text_of(100))
    assert fleet[0].refresh("main")[1]["state"] == "accepted"
    fleet[0].wait_free("u199@example.org")
    fleet[1].wait_feed("main", state="held")
    assert fleet[1].blocks("u199@example.org")
    assert publisher.fetches() == 2
    # And its people decide, as about what it fetched itself.
    assert fleet[1].command("accept", "main").returncode == 0
    fleet[1].wait_free("u199@example.org")
    assert publisher.fetches() == 2


def test_a_page_is_refused_by_all(fleet, publisher):
    fleet.five()
    fleet.wait_blocked("u199@example.org")
    not_just_now()
    publisher.put("<!DOCTYPE html><html><body>Sign in</body></html>\n")
    fleet[0].refresh("main")
    for relay in fleet:
        relay.wait_feed("main", state="refused", guard="html")
        assert relay.blocks("u199@example.org")
    assert publisher.fetches() == 2


# servers and holders that fail


def test_a_dead_server_is_not_hammered(fleet, publisher):
    publisher.pages["/list"] = lambda r: r.send(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n")
    fleet.five()
    for relay in fleet:
        relay.wait_feed("main", state="failed")
    assert publisher.fetches() == 1
    said = [relay.feed_status("main")["last_error"] for relay in fleet]
    assert sum("could not fetch it" in words for words in said) == 4
    assert all("503" in words for words in said)
    # A person may try at once, and what comes of it is everybody's.
    publisher.pages["/list"] = publisher._answer_list
    not_just_now()
    assert fleet[2].refresh("main")[0] == 200
    fleet.wait_blocked("u199@example.org")
    assert publisher.fetches() == 2


@pytest.mark.seconds(120)
def test_the_holder_is_killed_while_it_fetches(fleet, redis, publisher):
    gate = threading.Event()
    publisher.pages["/list"] = lambda r: r.ok(publisher.text, pause=gate, after=100)
    fleet.five()
    wait_until("it is asked", lambda: publisher.fetches() == 1)
    time.sleep(1)
    assert publisher.fetches() == 1
    holder = next(relay for relay in fleet if is_fetching(relay))
    holder.kill()
    publisher.pages["/list"] = publisher._answer_list
    gate.set()
    rest = [relay for relay in fleet if relay is not holder]
    for relay in rest:
        relay.wait_blocked("u199@example.org", LEASE_S + 10)
    assert publisher.fetches() == 2


def is_fetching(relay):
    """Has it a TCP connection? Redis it asks by a unix socket."""
    with open("/proc/net/tcp") as table:
        established = {line.split()[9] for line in table if line.split()[3] == "01"}
    descriptors = pathlib.Path(f"/proc/{relay.process.pid}/fd")
    names = [os.readlink(descriptor) for descriptor in descriptors.iterdir()]
    return any(name.startswith("socket:[") and name[8:-1] in established for name in names)


@pytest.mark.seconds(120)
def test_the_holder_is_killed_while_it_puts(fleet, redis, publisher):
    """Three chunks are on their way; the pointer is the one before, and whole."""
    fleet.add(max_grow="1000000%").start()
    fleet[0].wait_blocked("u199@example.org")
    wait_put(redis)
    before = redis.call("GET", keys(redis, POINTER)[0])
    dead = threading.Event()

    def heard(sent):
        if sent.count(b"\r\nSET\r\n") >= 3 and not dead.is_set():
            dead.set()
            holder.process.send_signal(signal.SIGKILL)
        return dead.is_set()

    proxy = Proxy(redis, heard)
    holder = fleet.add(redis={"url": proxy.url}, max_grow="1000000%")
    holder.start()
    holder.wait_blocked("u199@example.org")
    assert publisher.fetches() == 1
    publisher.put(unordered(200000))
    not_just_now()
    holder.refresh("main")  # it is in force there before the others are told
    assert holder.wait_end() == -signal.SIGKILL
    assert redis.call("GET", keys(redis, POINTER)[0]) == before

    later = fleet.add(max_grow="1000000%")
    later.start()
    later.wait_blocked("u199@example.org")  # from the blob of before
    began = time.monotonic()
    assert later.refresh("main")[0] == 200  # waits for the lease to end
    assert time.monotonic() - began < LEASE_S + 10
    last = publisher.text.splitlines()[-1]
    later.wait_blocked(last)
    fleet[0].wait_blocked(last)
    assert publisher.fetches() == 3
    proxy.close()


# what else may stand in Redis


def test_a_corrupted_blob(fleet, redis, publisher):
    fleet.add().start()
    fleet[0].wait_blocked("u199@example.org")
    wait_put(redis)
    redis.call("SETRANGE", keys(redis, CHUNKS)[0], "30", "junk")
    fleet.add().start()
    fleet[1].wait_blocked("u199@example.org")
    assert publisher.fetches() == 2
    fleet[1].wait_log("cannot be taken")  # a moment behind what it tells of
    assert len(warnings(fleet[1], "cannot be taken")) == 1
    # It put it there anew.
    wait_until("the lease is given back", lambda: not keys(redis, LEASE))
    fleet.add().start()
    fleet[2].wait_blocked("u199@example.org")
    assert publisher.fetches() == 2 and not warnings(fleet[2], "cannot be taken")


@pytest.mark.parametrize("garbage", ["string", "another type", "another secret", "all"])
def test_garbage(fleet, redis, publisher, garbage):
    fleet.add().start()
    fleet[0].wait_blocked("u199@example.org")
    wait_put(redis)
    key = keys(redis, POINTER)[0]
    if garbage == "string":
        redis.call("SET", key, "x" * 100000)
    elif garbage == "another type":
        redis.call("DEL", key)
        redis.call("LPUSH", key, "x")
    elif garbage == "another secret":
        text = redis.call("GET", key)
        head, body = text.split("\n", 1)
        redis.call("SET", key, "\n".join([head[:-4] + "0000", body]))
    else:
        for name in keys(redis, "rcptguard:*"):
            redis.call("DEL", name)
            redis.call("HSET", name, "a", "b")
    fleet.add().start()
    fleet[1].wait_blocked("u199@example.org")
    assert publisher.fetches() == 2
    assert fleet[0].blocks("u199@example.org")


def test_without_a_secret(fleet, redis, publisher):
    for _ in range(2):
        fleet.add(redis={"secret": ""})
    fleet.start().wait_blocked("u199@example.org")
    assert publisher.fetches() == 2 and not keys(redis, "rcptguard:list:*")
    for relay in fleet:
        assert len(warnings(relay, "[redis] secret")) == 1


def test_least_rights(fleet, redis, publisher):
    """The user of docs/fleet.md can put a list and take it over."""
    words = re.search(r"^ACL SETUSER .*$", (ROOT / "docs" / "fleet.md").read_text(), re.MULTILINE).group(0).split()
    redis.call(*[word.replace("PASSWORD", "pw") for word in words])
    for _ in range(2):
        fleet.add(redis={"url": f"redis://rcptguard:pw@127.0.0.1:{redis.port}/0"})
    fleet.start().wait_blocked("u199@example.org")
    assert publisher.fetches() == 1
    not_just_now()
    publisher.put(text_of(201))
    assert fleet[0].refresh("main")[0] == 200
    fleet.wait_blocked("u200@example.org")
    assert publisher.fetches() == 2
    assert not redis.call("ACL", "LOG")


def test_nothing_tells_the_password(fleet, redis, publisher):
    publisher.pages["/list?key=s3cr3t"] = publisher._answer_list
    relay = fleet.add()
    relay.feed("main", publisher.url("/list?key=${secret}"), secret="s3cr3t")
    relay.start()
    relay.wait_blocked("u199@example.org")
    wait_put(redis)
    for key in keys(redis, "rcptguard:*"):
        assert "s3cr3t" not in key
        if redis.call("TYPE", key) == "string" and "blob" not in key:
            assert "s3cr3t" not in redis.call("GET", key)


# Redis that is not well


def test_redis_is_away(fleet, redis, publisher):
    redis.kill()
    fleet.five()
    fleet.wait_blocked("u199@example.org")
    assert publisher.fetches() == 5
    # It comes back, empty: the next fetch is one for all again.
    redis.start()
    for relay in fleet:
        relay.wait_log("fleet: .*connected", 30)
    publisher.put(text_of(201))
    wait_until("one of them shares it", lambda: fleet[0].refresh("main")[0] == 200 and keys(redis, POINTER), 30, every=1)
    fleet.wait_blocked("u200@example.org")


def test_redis_goes_and_comes_back_while_all_is_quiet(fleet, redis, publisher):
    fleet.five()
    fleet.wait_blocked("u199@example.org")
    not_just_now()
    redis.kill()
    publisher.put(text_of(201))
    began = time.monotonic()
    assert fleet[0].refresh("main")[0] == 200
    assert time.monotonic() - began < TIMEOUT_S + 2
    assert fleet[0].blocks("u200@example.org")
    assert all(relay.blocks("u199@example.org") for relay in fleet)


@pytest.mark.seconds(120)
def test_redis_is_full(fleet, redis, publisher):
    redis.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
    redis.call("CONFIG", "SET", "maxmemory", "1")
    fleet.five()
    fleet.wait_blocked("u199@example.org")
    assert publisher.fetches() == 5 and not keys(redis, "rcptguard:list:*")
    for relay in fleet:
        # Of lists, once; that the relays cannot be compared is another matter.
        assert len([line for line in warnings(relay, "OOM") if "rcptguard:relays" not in line]) == 1
    for relay in fleet:
        relay.refresh("main")
        # Of lists, once; that the relays cannot be compared is another matter.
        assert len([line for line in warnings(relay, "OOM") if "rcptguard:relays" not in line]) == 1
    redis.call("CONFIG", "SET", "maxmemory", "0")
    fleet[0].refresh("main")
    wait_put(redis)
    fleet[0].wait_log("fleet: .*put into Redis again")


@pytest.mark.seconds(120)
def test_redis_gets_full_while_one_puts(fleet, redis, publisher):
    fleet.add(max_grow="1000000%")
    fleet.add(max_grow="1000000%")
    fleet.start().wait_blocked("u199@example.org")
    wait_put(redis)
    not_just_now()
    before, chunks = redis.call("GET", keys(redis, POINTER)[0]), sorted(keys(redis, CHUNKS))
    used = next(
        int(line.split(":")[1]) for line in redis.call("INFO", "memory").splitlines() if line.startswith("used_memory:")
    )
    redis.call("CONFIG", "SET", "maxmemory", str(used + (1 << 20) + (1 << 19)))
    publisher.put("".join(f"x{i * 2654435761 % 2**32:x}{i}@example.org\n" for i in range(300000)))
    assert fleet[0].refresh("main")[0] == 200
    last = publisher.text.splitlines()[-1]
    fleet[0].wait_blocked(last)
    fleet[0].wait_log("OOM")
    wait_until("the lease is given back", lambda: not keys(redis, LEASE))
    assert redis.call("GET", keys(redis, POINTER)[0]) == before
    assert sorted(keys(redis, CHUNKS)) == chunks
    # The other one fetches for itself.
    assert fleet[1].refresh("main")[0] == 200
    fleet[1].wait_blocked(last)
    assert publisher.fetches() == 3


@pytest.mark.seconds(120)
def test_redis_hangs(fleet, redis, publisher):
    fleet.add()
    fleet.add()
    fleet.start().wait_blocked("u199@example.org")
    wait_put(redis)
    not_just_now()
    publisher.put(text_of(201))
    redis.call("CLIENT", "PAUSE", "6000")
    began = time.monotonic()
    assert fleet[0].refresh("main")[0] == 200
    assert time.monotonic() - began < TIMEOUT_S + 2
    assert fleet[0].blocks("u200@example.org")
    slowest = 0
    while time.monotonic() - began < 6:
        asked = time.monotonic()
        assert fleet[1].blocks("u199@example.org")
        slowest = max(slowest, time.monotonic() - asked)
    assert slowest < 1.5
    wait_until(
        "it is shared again",
        lambda: fleet[0].refresh("main")[0] == 200 and fleet[1].blocks("u200@example.org"),
        40,
        every=1,
    )
