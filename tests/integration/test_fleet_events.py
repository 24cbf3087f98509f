"""Several relays, one truth: refusals that are shared through a real Redis, and who writes there besides."""

import json
import re
import select
import time

import pytest

from daemon import UnixHTTPConnection
from policyclient import REF
from redisserver import needs_redis
from support import DEADLINE, wait_until
from relays import LISTED, status, wait_up

pytestmark = needs_redis

STREAM = "rcptguard:events"
SEEN_S = 2


def start(relays, redis):
    """With an empty stream: starting refuses somebody."""
    relays.start()
    for relay in relays:
        wait_told(relay)
    redis.call("DEL", STREAM)
    return relays


@pytest.fixture
def three(fleet, redis):
    for _ in range(3):
        fleet.add(redis, share="events")
    return start(fleet, redis)


def refuse(relay, recipient=LISTED[0], **attributes):
    """The reference of a refusal."""
    answer = relay.ask(recipient, **attributes)
    return re.search(rf"quote ({REF})$", answer).group(1)


def told(relay):
    return status(relay)["events"]


def wait_told(relay, seconds=DEADLINE):
    """All that it refused is in Redis."""
    wait_until("told", lambda: told(relay)["waiting_bytes"] == 0, seconds)


class Follower:
    """GET /v1/events?fleet=yes."""

    def __init__(self, relay):
        self.connection = UnixHTTPConnection(relay.admin, 10)
        self.connection.request("GET", "/v1/events?fleet=yes")
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        time.sleep(0.3)  # the place in the stream is found behind the answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def next(self, seconds=SEEN_S):
        self.connection.sock and self.connection.sock.settimeout(seconds)
        while True:
            event = json.loads(self.answer.readline())
            if "alive" not in event:
                return event

    def until(self, ref, seconds=SEEN_S):
        """The event of that reference, and how many came before it."""
        end = time.monotonic() + seconds
        for count in range(10000):
            event = self.next()
            if event.get("ref") == ref:
                assert time.monotonic() < end
                return event, count
        raise AssertionError("it did not come")


def test_one_sees_what_another_refuses(three):
    with Follower(three[2]) as follower:
        ref = refuse(three[0], LISTED[4], sender="ann@example.edu", sasl_username='a"n\\n')
        event, _ = follower.until(ref)
        assert (event["recipient"], event["sender"]) == (LISTED[4], "ann@example.edu")
        assert event["relay"] == status(three[0])["relay"] and event["sasl_username"] == 'a"n\\n'
        assert (event["outcome"], event["list"], event["entry"]) == ("reject", "main", LISTED[4])
        own = refuse(three[2], LISTED[5])
        assert follower.until(own)[0]["relay"] == status(three[2])["relay"]
        for i in range(500):  # more than a page, more than a call
            refuse(three[1], LISTED[i % 50])
        last = refuse(three[1], LISTED[7])
        assert follower.until(last, 5)[1] == 500


def test_two_follow_and_one_leaves(three):
    with Follower(three[0]) as stays:
        with Follower(three[0]) as leaves:
            ref = refuse(three[1])
            assert stays.until(ref) and leaves.until(ref)
        ref = refuse(three[2])
        assert stays.until(ref)[1] == 0


def test_passes_are_nobodys_business(three, redis):
    three[0].ask("free@example.org")
    refuse(three[0])
    wait_told(three[0])
    assert redis.call("XLEN", STREAM) == "1"
    assert three[1].api("GET", "/v1/events", fleet="yes", all="yes")[0] == 400


def test_the_command(three):
    from support import COMMAND, start_process
    import subprocess

    process = start_process(
        [COMMAND, "-s", three[1].admin, "events", "--fleet", "--follow"], stdout=subprocess.PIPE, text=True
    )
    def shown():
        refuse(three[0], LISTED[9], sender="bob@example.edu")
        return select.select([process.stdout], [], [], 0.1)[0]

    try:
        wait_until("it follows, and shows one", shown)
        line = process.stdout.readline()
    finally:
        process.kill()
        process.wait()
    assert LISTED[9] in line and "bob@example.edu" in line and status(three[0])["relay"] in line


def test_why_of_another_relay(three):
    ref = refuse(three[0], LISTED[3], sender="ann@example.edu")
    for _ in range(450):  # the next page
        refuse(three[1], LISTED[1])
    wait_told(three[0])
    wait_told(three[1])
    for relay in three[1:]:
        code, answer = relay.api("GET", f"/v1/why/{ref.lower()}")
        assert code == 200, answer
        assert answer["relay"] == status(three[0])["relay"] and answer["recipient"] == LISTED[3]
        assert answer["now"]["verdict"] == "reject"
        shown = relay.command("why", ref)
        assert shown.returncode == 0 and status(three[0])["relay"] in shown.stdout
    own = three[0].api("GET", f"/v1/why/{ref}")[1]
    assert "relay" not in own and own["recipient"] == LISTED[3]
    code, answer = three[1].api("GET", "/v1/why/ZZZZZZZZ")
    assert code == 404 and "of this relay or another" in answer["error"]


def test_top_of_all(three):
    for i, relay in enumerate(three):
        for _ in range(100 * (i + 1)):
            refuse(relay, LISTED[i], sender="bulk@example.edu")
        wait_told(relay)
    code, answer = three[0].api("GET", "/v1/top", fleet="yes")
    assert code == 200 and answer["events"] == 600 and answer["problem"] is None
    for span in "hour", "day":
        rows = [(row["name"], row["count"]) for row in answer[span]["recipients"]]
        assert rows == [(LISTED[2], 300), (LISTED[1], 200), (LISTED[0], 100)]
        assert answer[span]["senders"] == [{"name": "bulk@example.edu", "count": 600}]
        assert answer[span]["domains"] == [{"name": "example.org", "count": 600}]
        assert answer[span]["lists"] == [{"name": "main", "count": 600}]
    assert "of all relays" in three[1].command("top", "--fleet").stdout
    own = three[0].api("GET", "/v1/top")[1]["day"]["recipients"]
    assert own == [{"name": LISTED[0], "count": 101}]  # with that of the start


# Redis is not well


def test_redis_away(three, redis):
    """Nothing waits for it; what finds room is told when it is back, the rest is counted."""
    redis.kill()
    wait_until("it is seen", lambda: status(three[0])["state"] == "away")
    begin = time.monotonic()
    refs = [refuse(three[0], LISTED[i % 50]) for i in range(2000)]
    assert time.monotonic() - begin < 10
    lost = told(three[0])["lost"]
    assert 1000 < lost < 2000
    code, answer = three[0].api("GET", "/v1/why/ZZZZZZZZ")
    assert code == 404 and "Redis is away" in answer["error"]
    assert three[0].api("GET", "/v1/top", fleet="yes")[0] == 503
    assert "lost" in three[0].command("status").stdout
    redis.start()
    wait_told(three[0], 20)
    assert redis.call("XLEN", STREAM) == str(2000 - lost)
    wait_up(three[1])
    assert three[1].api("GET", f"/v1/why/{refs[0]}")[0] == 200
    assert three[1].api("GET", f"/v1/why/{refs[-1]}")[0] == 404


def test_hanging(three, redis):
    redis.call("CLIENT", "PAUSE", "4000", "ALL")
    slowest = 0
    for i in range(300):
        begin = time.monotonic()
        refuse(three[0], LISTED[i % 50])
        slowest = max(slowest, time.monotonic() - begin)
    assert slowest < 1.5
    wait_told(three[0], 20)
    assert redis.call("XLEN", STREAM) == "300"


def test_followed_through_a_break(three, redis):
    with Follower(three[1]) as follower:
        assert follower.until(refuse(three[0]))
        redis.kill()
        wait_until("it is seen", lambda: all(status(relay)["state"] == "away" for relay in three))
        ref = refuse(three[0], LISTED[8])
        redis.start()  # empty
        for relay in three:
            wait_up(relay)
        assert follower.until(ref, 10)


def test_full(three, redis):
    redis.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
    redis.call("CONFIG", "SET", "maxmemory", "1")
    refuse(three[0])
    wait_until("it is said", lambda: "OOM" in (told(three[0])["problem"] or ""))
    assert status(three[0])["state"] == "up"
    redis.call("CONFIG", "SET", "maxmemory", "0")
    wait_told(three[0], 15)
    wait_until("it is over", lambda: told(three[0])["problem"] is None)


# somebody else writes there


def test_hostile_entries(three, redis):
    """They are passed over and counted; one that was copied from elsewhere is not believed either."""
    ref = refuse(three[0], LISTED[3])
    wait_told(three[0])
    true = redis.call("XRANGE", STREAM, "-", "+").split("line\n", 1)[1]
    assert true.startswith("rcptguard1 event ")
    with Follower(three[1]) as follower:
        redis.call("XADD", STREAM, "*", "line", "garbage")
        redis.call("XADD", STREAM, "*", "other", true)
        redis.call("XADD", STREAM, "*", "line", true, "line", true)
        redis.call("XADD", STREAM, "*", "line", true.replace(LISTED[3], "x" + LISTED[3][1:]))
        redis.call("EVAL", f"for i = 1, 40 do redis.call('XADD', '{STREAM}', '*', 'line', "
                   "string.rep('x', 1048576)) end return 1", "0")
        again = refuse(three[2], LISTED[6])
        assert follower.until(again) and told(three[1])["refused"] == 44
    answer = three[2].api("GET", "/v1/top", fleet="yes")[1]
    assert answer["events"] == 2 and answer["problem"] is None
    assert told(three[2])["refused"] == 44
    assert three[2].api("GET", f"/v1/why/{ref}")[1]["recipient"] == LISTED[3]
    assert all(status(relay)["state"] == "up" for relay in three)


def test_not_a_stream(three, redis):
    redis.call("SET", STREAM, "x")
    refuse(three[0])
    wait_until("it is said", lambda: "WRONGTYPE" in (told(three[0])["problem"] or ""))
    assert three[1].api("GET", "/v1/top", fleet="yes")[0] == 503
    assert three[1].api("GET", "/v1/why/ZZZZZZZZ")[0] == 404
    assert all(status(relay)["state"] == "up" for relay in three)


def test_another_secret(fleet, redis):
    fleet.add(redis, share="events")
    fleet.add(redis, share="events", secret="another one")
    fleet.add(redis, share="events", secret="")
    start(fleet, redis)
    refs = [refuse(relay, LISTED[i]) for i, relay in enumerate(fleet)]
    for relay in fleet:
        wait_told(relay)
    for relay in fleet:
        assert relay.api("GET", "/v1/top", fleet="yes")[1]["events"] == 1
        found = [relay.api("GET", f"/v1/why/{ref}")[0] for ref in refs]
        assert sorted(found) == [200, 404, 404]


def test_without_a_secret(fleet, redis):
    """They change no verdict, so they are shared all the same."""
    for _ in range(2):
        fleet.add(redis, share="events", secret="")
    start(fleet, redis)
    ref = refuse(fleet[0])
    wait_told(fleet[0])
    assert fleet[1].api("GET", f"/v1/why/{ref}")[0] == 200


def test_least_rights(fleet, redis):
    """The user of docs/fleet.md can do all of it."""
    from support import ROOT

    words = re.search(r"^ACL SETUSER .*$", (ROOT / "docs" / "fleet.md").read_text(), re.MULTILINE).group(0).split()
    redis.call(*[word.replace("PASSWORD", "pw") for word in words])
    for _ in range(2):
        fleet.add(redis, share="lists exclusions blocks events", url=f"redis://rcptguard:pw@127.0.0.1:{redis.port}/0")
    start(fleet, redis)
    with Follower(fleet[1]) as follower:
        ref = refuse(fleet[0])
        assert follower.until(ref)
    assert fleet[1].api("GET", f"/v1/why/{ref}")[0] == 200
    assert fleet[1].api("GET", "/v1/top", fleet="yes")[1]["events"] == 1
    assert int(redis.call("PTTL", STREAM)) > 89 * 86400 * 1000
    assert not redis.call("ACL", "LOG")


def metrics(relay):
    """Of events: {name with labels: number}."""
    page = relay.api("GET", "/metrics")[1].decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in page if line.startswith("rcptguard_fleet_events"))
    return {name.removeprefix("rcptguard_fleet_events_"): int(number) for name, number in pairs}


def test_metrics(fleet, redis):
    for share in ("events", "events", "exclusions"):
        fleet.add(redis, share=share)
    fleet.start()
    wait_told(fleet[0])
    assert metrics(fleet[2]) == {}
    before = metrics(fleet[0])
    assert before['total{result="lost"}'] == 0 and before["waiting_bytes"] == 0, before
    for i in range(3):
        refuse(fleet[0], LISTED[i])
    wait_until("three are told", lambda: metrics(fleet[0])['total{result="told"}'] ==
               before['total{result="told"}'] + 3)
    redis.call("XADD", STREAM, "*", "e", "garbage")
    fleet[1].command("top", "--fleet")
    assert metrics(fleet[1])["refused_total"] == 1
    redis.kill()
    wait_until("it is seen", lambda: status(fleet[0])["state"] == "away")
    refuse(fleet[0], LISTED[7])
    assert metrics(fleet[0])["waiting_bytes"] > 0


def test_not_shared(fleet, redis):
    """Nothing is written, and who asks is told what to do."""
    fleet.add(redis, share="exclusions blocks")
    fleet.start()
    ref = refuse(fleet[0])
    time.sleep(1)
    assert redis.call("XLEN", STREAM) == "0" and redis.call("EXISTS", STREAM) == "0"
    assert status(fleet[0])["events"] is None
    for path in "/v1/events", "/v1/top":
        code, answer = fleet[0].api("GET", path, fleet="yes")
        assert code == 409 and "share" in answer["error"]
        assert fleet[0].api("GET", path, fleet="perhaps")[0] == 400
    assert fleet[0].command("top", "--fleet").returncode == 2
    assert fleet[0].api("GET", f"/v1/why/{ref}")[0] == 200
    assert fleet[0].api("GET", "/v1/why/ZZZZZZZZ")[0] == 404
