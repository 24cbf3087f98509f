"""Several relays: who else there is, what each says of itself, and whose clock is right."""

import concurrent.futures
import datetime
import time

import pytest

from redisserver import Redis, Sentinel, clock_off, needs_faketime, needs_redis
from relays import HASH, IN_FORCE_S, LISTED, SECRET, exclude, lines, seen_by, status, unexclude, wait_agree, wait_up
from sealing import seal
from support import give_to_drop_user, wait_until

pytestmark = needs_redis


def test_relays_cannot_be_compared(fleet, redis):
    """That is said, is no reason not to share, and is over when it is mended."""
    redis.call("SET", "rcptguard:relays", "nonsense")
    for _ in range(2):
        fleet.add(redis)
    fleet.start()
    wait_until("it is said", lambda: "rcptguard:relays" in (status(fleet[0])["problem"] or ""), 30)
    exclude(fleet[0], LISTED[1])
    wait_agree(fleet)
    assert "WRONGTYPE" in status(fleet[0])["problem"]
    redis.call("DEL", "rcptguard:relays")
    wait_until("it is over", lambda: not status(fleet[0])["problem"], 40)
    assert seen_by(fleet[0])


@pytest.mark.seconds(240)
def test_each_sees_all(five, redis):
    exclude(five[0], LISTED[1])
    wait_agree(five)
    names = {status(relay)["relay"] for relay in five}
    assert len(names) == 5

    def all_the_same():
        seen = [seen_by(relay) for relay in five]
        return all(
            set(s) == names and all(r["exclusions"]["count"] == 1 and r["differs"] is None for r in s.values())
            for s in seen
        )

    wait_until("all see all, and that they have the same", all_the_same, 40, every=0.2)
    shown = five[2].command("status", "--fleet")
    assert shown.returncode == 0 and all(name in shown.stdout for name in names), shown.stdout
    assert "main: 50 entries" in shown.stdout
    # One has another list from now on.
    other = status(five[3])["relay"]
    (five[3].directory / "main.list").write_text("".join(f"{r}\n" for r in LISTED[:49]))
    # One goes, and what it said of itself gets old; it is nobody's any more after a day.
    name = status(five[4])["relay"]
    five[4].kill()
    wait_until("it is away", lambda: seen_by(five[0])[name]["away"], 90, every=0.5)
    assert "away" in five[0].command("status", "--fleet").stdout
    # Who says something else for more than a minute is named.
    five[0].wait_log(rf"others have had something else than this relay for more than a minute: {other} \(main\);", 90)
    assert status(five[0])["drift"] and seen_by(five[0])[other]["differs"] == "main"
    assert five[0].command("status", "--fleet").returncode == 1
    (five[3].directory / "main.list").write_text("".join(f"{r}\n" for r in LISTED))
    five[0].wait_log("all relays say the same again", 60)


@needs_faketime
@pytest.mark.parametrize("seconds", [300, -300])
def test_a_clock_five_minutes_off(fleet, redis, seconds):
    """No relay's clock decides what is newer, nor how long ago somebody was seen."""
    for _ in range(3):
        fleet.add(redis)
    clock_off(fleet[2], seconds)
    fleet.start()
    loaded = fleet[2].wait_feed("main", state="accepted")["last_success"]
    off = datetime.datetime.fromisoformat(loaded.replace("Z", "+00:00"))
    assert abs(off.timestamp() - time.time() - seconds) < 60, "its clock is not off"

    # Who changes it last wins, whoever that is.
    for first, second in ((0, 2), (2, 0)):
        assert exclude(fleet[first], LISTED[first]) == 201
        for relay in fleet:
            relay.wait_free(LISTED[first], IN_FORCE_S)
        wait_agree(fleet)
        assert unexclude(fleet[second], LISTED[first]) == 200
        for relay in fleet:
            relay.wait_blocked(LISTED[first], IN_FORCE_S)
        wait_agree(fleet)
        assert exclude(fleet[first], LISTED[first], note="again") == 201
        for relay in fleet:
            relay.wait_free(LISTED[first], IN_FORCE_S)
        wait_agree(fleet)
    # Many at once, there and elsewhere; each another one's address, and all the same one.
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda n: [exclude(fleet[n], LISTED[i]) for i in (*range(10 + n, 40, 3), 45)], range(3)))
    wait_agree(fleet)
    assert len({tuple(lines(relay)) for relay in fleet}) == 1
    for relay in fleet:
        assert not any(relay.blocks(LISTED[i]) for i in (*range(10, 40), 45))
        assert relay.blocks(LISTED[9]) and relay.blocks(LISTED[44])

    # Seen by Redis' clock; when a list was confirmed, by that of whoever looks.
    def all_see_all():
        return all(len(seen_by(relay)) == 3 and all(r["exclusions"]["count"] == 33 for r in seen_by(relay).values())
                   for relay in fleet)

    wait_until("all see all", all_see_all, 40, every=0.2)
    for looks in fleet:
        now = time.time() + (seconds if looks is fleet[2] else 0)
        for name, said in seen_by(looks).items():
            assert 0 <= said["seen_s"] < 30 and not said["away"] and said["differs"] is None, (name, said)
            assert -2 <= now - said["lists"]["main"]["checked"] < 120, (name, said)


@pytest.mark.seconds(90)
def test_two_of_one_name(fleet, redis):
    """A cloned machine: it is heard by the one it was made of, and both are told what to do. To be started anew, or
    to lose the connection, is no reason to say so."""
    for _ in range(3):
        fleet.add(redis)
    fleet[0].start()
    wait_up(fleet[0])
    name = status(fleet[0])["relay"]
    wait_until("it has said who it is", lambda: redis.call("HEXISTS", "rcptguard:relays", name) == "1")
    fleet[0].stop()
    for relay in fleet[:2]:
        relay.start()
        wait_up(relay)
    redis.call("CLIENT", "KILL", "TYPE", "normal")
    twin, of = fleet[2], fleet[1]
    (twin.state / "fleet").mkdir()
    (twin.state / "fleet" / "relay").write_bytes((of.state / "fleet" / "relay").read_bytes())
    for path in (twin.state / "fleet", twin.state / "fleet" / "relay"):
        give_to_drop_user(path)
    twin.start()
    wait_up(twin)
    assert status(twin)["relay"] == status(of)["relay"]
    wait_agree(fleet)
    assert exclude(twin, LISTED[5]) == 201
    for relay in fleet:
        relay.wait_free(LISTED[5], IN_FORCE_S)
    # As relays of before say it: by name.
    redis.call("HSET", HASH, LISTED[6], seal(SECRET, "exclusions", LISTED[6], 50, f"set\n{LISTED[6]}\n"))
    redis.call("PUBLISH", "rcptguard:news", f"exclusions {status(of)['relay']}")
    for relay in fleet:
        relay.wait_free(LISTED[6], IN_FORCE_S)
    said = "another relay is called .* Remove .*/fleet/relay on one of them"
    for relay in (twin, of):
        relay.wait_log(said, 30)
    twin.stop()
    (twin.state / "fleet" / "relay").unlink()
    twin.start()
    wait_up(twin)
    wait_until("all are seen", lambda: len(seen_by(fleet[0])) == 3, 30)
    assert [relay.log().count("another relay is called") for relay in fleet] == [0, 1, 1]


def test_garbage_among_the_relays(fleet, redis):
    fleet.add(redis)
    redis.call("HSET", "rcptguard:relays", "x", "nonsense", "y", "rcptguard1 relay y 1 " + "0" * 64 + "\n{}")
    fleet.start()
    wait_until("it sees itself", lambda: len(seen_by(fleet[0])) == 1, 20)
    assert list(seen_by(fleet[0])) == [status(fleet[0])["relay"]]


@pytest.mark.seconds(120)
def test_sentinel(fleet, redis):
    """The master dies, a replica takes its place, and all relays find it."""
    replica = Redis(replicaof=["127.0.0.1", redis.port]).start()
    sentinel = Sentinel(redis)
    try:
        wait_until("Sentinel knows the replica", sentinel.knows_replica, 30, every=0.2)
        for _ in range(3):
            fleet.add(redis, url="redis://master.example.org/0",
                      sentinel=f"127.0.0.1:1 127.0.0.1:{sentinel.port}", master="mymaster")
        fleet.start()
        exclude(fleet[0], LISTED[1])
        wait_agree(fleet)
        redis.kill()
        assert exclude(fleet[1], LISTED[2]) == 201
        wait_until("the replica is the master", lambda: sentinel.master() == replica.port, 40, every=0.2)
        for relay in fleet:
            wait_up(relay, 40)
            relay.wait_free(LISTED[2])
            relay.wait_free(LISTED[1])
        wait_agree(fleet)
    finally:
        sentinel.close()
        replica.close()


def test_metrics(five):
    exclude(five[0], LISTED[1])
    wait_agree(five)
    page = five[3].api("GET", "/metrics")[1].decode()
    for line in ("rcptguard_fleet_up 1", 'rcptguard_fleet_lines{kind="exclusions"} 1', "rcptguard_fleet_drift 0",
                 'rcptguard_fleet_lines_waiting{kind="exclusions"} 0'):
        assert line in page.splitlines(), line
