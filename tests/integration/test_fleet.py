"""Several relays, one truth: exclusions and blocks that are shared through a real Redis."""

import concurrent.futures
import os
import re
import time

import pytest

from redisserver import LeapingClock, needs_redis
from relays import (
    HASH, IN_FORCE_S, LISTED, SECRET, Proxy, exclude, lines, status, unexclude, wait_agree, wait_up,
)  # fmt: skip
from sealing import agreed_at, seal, set_agreed_at
from support import IS_ROOT, give_to_drop_user, wait_until

pytestmark = needs_redis


def test_one_is_for_all(five):
    """Typed on one, in force on all, as Postfix would find it; and taken out by another one."""
    begin = time.monotonic()
    assert five[1].command("exclude", LISTED[3], "--ticket", "INC1", "--note", "their postmaster").returncode == 0
    for relay in five:
        relay.wait_free(LISTED[3], IN_FORCE_S - (time.monotonic() - begin))
    begin = time.monotonic()
    assert five[4].command("unexclude", LISTED[3]).returncode == 0
    for relay in five:
        relay.wait_blocked(LISTED[3], IN_FORCE_S - (time.monotonic() - begin))
    wait_agree(five)


def test_blocks_too(five):
    assert five[0].command("block", "thief@example.net", "--note", "stole accounts").returncode == 0
    for relay in five:
        relay.wait_blocked("thief@example.net", IN_FORCE_S)
    assert five[2].command("unblock", "thief@example.net").returncode == 0
    for relay in five:
        relay.wait_free("thief@example.net", IN_FORCE_S)


def test_it_is_said_where_a_line_is_from(five):
    exclude(five[0], LISTED[1], ticket="INC7", note="said so")
    five[3].wait_free(LISTED[1])
    shown = five[3].api("GET", "/v1/exclusions")[1]["exclusions"]
    assert [(e["what"], e["shared"], e["ticket"]) for e in shown] == [(LISTED[1], True, "INC7")]
    found = five[3].api("GET", "/v1/check", recipient=LISTED[1])[1]["exclusion"]
    assert found["shared"] and found["file"] == str(five[3].state / "fleet" / "exclusions"), found
    assert "fleet" in five[3].command("exclusions").stdout
    assert "fleet" in five[3].command("check", LISTED[1]).stdout


def test_this_sites_own_file_rules_here(five):
    """A line that somebody wrote into a relay's own file is nobody else's, and nobody else takes it out."""
    five[0].exclusions.write_text(f"{LISTED[2]}\n")
    five[0].wait_free(LISTED[2])
    exclude(five[1], LISTED[2])
    for relay in five:
        relay.wait_free(LISTED[2])
    assert unexclude(five[1], LISTED[2]) == 200
    for relay in five[1:]:
        relay.wait_blocked(LISTED[2])
    assert not five[0].blocks(LISTED[2])
    assert unexclude(five[0], LISTED[2]) == 200
    five[0].wait_blocked(LISTED[2])
    assert five[0].exclusions.read_text().strip() == ""


def give_away(path):
    """The daemon can read it, and not change it."""
    os.chown(path, 0, 0)
    path.chmod(0o644)


def test_one_of_two_files_is_not_ours(fleet, redis):
    """What can be taken out is, and what cannot is said, with file and remedy."""
    if not IS_ROOT:
        pytest.skip("needs root to give a file away")
    relay = fleet.add(redis)
    fleet.start()
    shared = relay.state / "fleet" / "exclusions"
    owner = shared.stat()

    def both(what):
        relay.exclusions.write_text(f"{what}\n")
        give_to_drop_user(relay.exclusions)
        wait_until("it is read", lambda: relay.api("GET", "/v1/exclusions")[1]["exclusions"])
        assert exclude(relay, what) == 201

    both(LISTED[1])
    give_away(shared)
    code, answer = relay.api("DELETE", "/v1/exclusions", what=LISTED[1])
    assert code == 500 and answer["removed"] == 1 and answer["file"] == str(relay.exclusions), answer
    assert f"{shared} is not the daemon's own" in answer["error"] and "chown" in answer["error"], answer
    assert relay.exclusions.read_text().strip() == "" and lines(relay) != []
    os.chown(shared, owner.st_uid, owner.st_gid)
    assert unexclude(relay, LISTED[1]) == 200
    relay.wait_blocked(LISTED[1])

    both(LISTED[2])
    give_away(relay.exclusions)
    done = relay.command("unexclude", LISTED[2])
    assert done.returncode == 2 and "taken out of one file only" in done.stdout, done.stdout
    assert f"{relay.exclusions} is not the daemon's own" in done.stderr, done.stderr
    assert lines(relay) == [] and not relay.blocks(LISTED[2])
    # Nothing there is no answer while the other file may have it.
    code, answer = relay.api("DELETE", "/v1/exclusions", what=LISTED[2])
    assert code == 500 and "removed" not in answer, answer


def test_two_lists_at_once_are_both_kept(five):
    for relay, name in zip(five, ("main", "local")):
        exclude(relay, LISTED[4], list=[name])
    wait_agree(five)
    held = lines(five[2])
    assert any("main" in line for line in held) and any("local" in line for line in held), held


@pytest.mark.seconds(240)
def test_a_thousand_edits_on_each(five):
    """Some take out what others put in; all agree in the end, and nothing is lost."""

    def edit(number):
        relay = five[number]
        for i in range(500):
            assert exclude(relay, f"r{number}-{i}@example.net") == 201
            if i % 2:
                assert unexclude(relay, f"r{number}-{i}@example.net") == 200
            else:
                exclude(relay, f"common{i}@example.net", note=f"by {number}")

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        list(pool.map(edit, range(5)))
    wait_agree(five, seconds=60)
    held = {line.split()[0] for line in lines(five[0])}
    wanted = {f"r{n}-{i}@example.net" for n in range(5) for i in range(0, 500, 2)}
    assert held == wanted | {f"common{i}@example.net" for i in range(0, 500, 2)}
    assert all(lines(relay) == lines(five[0]) for relay in five)


# Redis is not well


def test_redis_away(five, redis):
    """Edits count at once where they are made, and everywhere when it is back."""
    exclude(five[0], LISTED[1])
    wait_agree(five)
    redis.kill()
    wait_until("it is seen", lambda: status(five[0])["state"] == "away")
    assert exclude(five[1], LISTED[5]) == 201
    assert unexclude(five[2], LISTED[1]) == 200
    five[1].wait_free(LISTED[5], 4)
    five[2].wait_blocked(LISTED[1], 4)
    assert not five[3].blocks(LISTED[1]) and five[3].blocks(LISTED[5])
    redis.start()  # empty
    for relay in five:
        wait_up(relay)
        relay.wait_free(LISTED[5])
        relay.wait_blocked(LISTED[1])
    wait_agree(five)


def test_start_without_redis(five, redis):
    exclude(five[0], LISTED[6])
    wait_agree(five)
    five[4].stop()
    redis.kill()
    five[4].start()
    assert not five[4].blocks(LISTED[6]) and five[4].blocks(LISTED[7])


@pytest.mark.parametrize("kind", ["exclusions", "blocks"])
def test_taken_back_after_an_answer_that_was_lost(fleet, redis, kind):
    """Redis took the line, and the relay did not hear so: it is its own word all the same, and not another's."""
    what = "thief@example.net".encode()

    def heard(sent):
        proxy.deaf = proxy.deaf or what in sent
        return False

    proxy = Proxy(redis, heard)
    relay = fleet.add(redis, url=proxy.url)
    other = fleet.add(redis)
    fleet.start()
    make, undo = ("exclude", "unexclude") if kind == "exclusions" else ("block", "unblock")
    assert relay.command(make, "before@example.net").returncode == 0
    wait_until("Redis knows the script", lambda: len(lines(other, kind)) == 1)
    assert relay.command(make, what.decode()).returncode == 0
    wait_until("Redis has it", lambda: len(lines(other, kind)) == 2)
    wait_until("the answer is lost", lambda: status(relay)["state"] != "up")
    assert relay.command(undo, what.decode()).returncode == 0
    proxy.deaf, proxy.heard = False, lambda sent: False
    wait_up(relay, 30)
    wait_agree(fleet, kind)
    for one in fleet:
        (line,) = lines(one, kind)
        assert line.startswith("before@example.net")
    proxy.close()


def test_one_that_was_away_undoes_nothing(five, redis):
    exclude(five[0], LISTED[8])
    wait_agree(five)
    five[4].stop()
    assert unexclude(five[0], LISTED[8]) == 200
    exclude(five[1], LISTED[9])
    wait_agree(five[:4])
    five[4].start()
    five[4].wait_blocked(LISTED[8])
    five[4].wait_free(LISTED[9])
    assert all(relay.blocks(LISTED[8]) for relay in five)


def test_emptied_while_they_are_connected(five, redis):
    exclude(five[0], LISTED[1])
    exclude(five[0], LISTED[2])
    five[1].wait_free(LISTED[2])
    assert unexclude(five[1], LISTED[2]) == 200
    wait_agree(five)
    redis.call("FLUSHALL")
    exclude(five[3], LISTED[3])
    for relay in five:
        relay.wait_free(LISTED[3])
        relay.wait_blocked(LISTED[2])
        relay.wait_free(LISTED[1])
    wait_agree(five)
    assert redis.call("HLEN", "rcptguard:exclusions") == "3"


@pytest.mark.parametrize("state", ["none", "old"])
def test_emptied_before_one_starts(fleet, redis, state):
    """It knows little or nothing, and the others do not know that Redis does not, either."""
    for _ in range(3):
        fleet.add(redis)
    if state == "old":
        fleet[2].start()
        wait_up(fleet[2])
        exclude(fleet[2], LISTED[1])
        wait_until("it is told", lambda: redis.call("HLEN", HASH) == "1")
        assert unexclude(fleet[2], LISTED[1]) == 200
        wait_until("it is told", lambda: status(fleet[2])["exclusions"]["version"] == 2)
        fleet[2].stop()
    for relay in fleet[:2]:
        relay.start()
        wait_up(relay)
    exclude(fleet[0], LISTED[2])
    fleet[0].command("block", "thief@example.net")
    fleet[1].wait_free(LISTED[2])
    fleet[1].wait_blocked("thief@example.net")
    wait_agree(fleet[:2])
    redis.call("FLUSHALL")
    fleet[2].start()
    wait_up(fleet[2])
    fleet[2].wait_free(LISTED[2], IN_FORCE_S)
    fleet[2].wait_blocked("thief@example.net", IN_FORCE_S)


def test_nothing_is_shared_yet(five, redis):
    """Whoever starts asks the others once for each kind, and nobody goes on asking: not because of news, nor of a
    look."""

    def calls(name):
        return commands_of(redis).get(f"cmdstat_{name}", 0)

    time.sleep(1)  # whoever answers does so at once
    before, looks = calls("publish"), calls("evalsha")
    assert before <= 10
    for _ in range(3):
        for relay in five:
            relay.reload()  # which makes it look at the blocks
        for kind in ("exclusions", "blocks"):
            redis.call("PUBLISH", "rcptguard:news", f"{kind} nobody")
        time.sleep(0.5)
    wait_until("they looked", lambda: calls("evalsha") >= looks + 5 * 3)
    time.sleep(1)
    assert calls("publish") == before + 6
    looks = calls("evalsha")
    time.sleep(2)
    assert calls("evalsha") == looks


def test_full(five, redis):
    redis.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
    redis.call("CONFIG", "SET", "maxmemory", "1")
    assert exclude(five[0], LISTED[1]) == 201
    five[0].wait_free(LISTED[1], 4)
    wait_until("it is said", lambda: re.search("OOM.*raise its maxmemory", status(five[0])["problem"] or ""))
    assert five[1].blocks(LISTED[1])
    redis.call("CONFIG", "SET", "maxmemory", "0")
    for relay in five:
        relay.wait_free(LISTED[1])


def test_what_waits_is_counted(five, redis):
    """Of an edit that meets a Redis that hangs, and of one that Redis has no right for."""
    with redis.hanging():
        assert exclude(five[0], LISTED[1]) == 201
        wait_until("it is away", lambda: status(five[0])["state"] == "away")
        wait_until("it waits", lambda: status(five[0])["exclusions"]["waiting"] == 1)
    wait_agree(five)
    assert status(five[0])["exclusions"]["waiting"] == 0
    redis.call("ACL", "SETUSER", "default", "-time")
    assert exclude(five[0], LISTED[2]) == 201
    wait_until("it is said", lambda: re.search("NOPERM.*; give its user that right", status(five[0])["problem"] or ""))
    assert status(five[0])["exclusions"]["waiting"] == 1
    redis.call("ACL", "SETUSER", "default", "+time")
    wait_agree(five)
    wait_until("nothing waits", lambda: status(five[0])["exclusions"]["waiting"] == 0)


def test_paused(five, redis):
    """Verdicts go on without a breath; so do edits."""
    redis.call("CLIENT", "PAUSE", "10000")
    assert exclude(five[0], LISTED[1]) == 201
    with five[0].client() as client:
        begin = time.monotonic()
        for _ in range(2000):
            client.ask(LISTED[0])
        assert time.monotonic() - begin < 5
    five[0].wait_free(LISTED[1], 4)
    for relay in five:
        relay.wait_free(LISTED[1])


def test_stop_while_redis_hangs(fleet, redis):
    """A call is under way, for which Redis would have five seconds; the stop ends it."""
    relay = fleet.add(redis, share="lists exclusions events")
    fleet.start()
    with redis.hanging():
        assert exclude(relay, LISTED[1]) == 201
        relay.wait_free(LISTED[1], 4)
        assert relay.stop(seconds=3) == 0
    assert "left behind" not in relay.log()
    relay.start()
    wait_agree(fleet)
    wait_until("it is told", lambda: LISTED[1] in redis.call("HGET", "rcptguard:exclusions", LISTED[1]))


@pytest.mark.parametrize("garbage", ["", "x", "rcptguard1 exclusions a 5 " + "0" * 64 + "\nset\n"])
def test_garbage(five, redis, garbage):
    exclude(five[0], LISTED[1])
    wait_agree(five)
    redis.call("HSET", "rcptguard:exclusions", LISTED[2], garbage)
    redis.call("HSET", "rcptguard:exclusions", LISTED[1], garbage)
    redis.call("PUBLISH", "rcptguard:news", "exclusions nobody")
    if garbage.startswith("rcptguard1"):  # what another secret sealed gives way once a minute only
        five[4].wait_log("cannot be believed")
    else:
        wait_until("its own is put in place again",
                   lambda: LISTED[1] in redis.call("HGET", "rcptguard:exclusions", LISTED[1]))
    assert all(relay.blocks(LISTED[2]) and not relay.blocks(LISTED[1]) for relay in five)
    five[0].wait_log("cannot be believed")


@pytest.mark.parametrize("key", ["rcptguard:exclusions", "rcptguard:exclusions:version"])
def test_a_key_of_another_kind(five, redis, key):
    redis.call("DEL", key)
    redis.call("SET" if key.endswith("exclusions") else "LPUSH", key, "nonsense")
    assert exclude(five[0], LISTED[1]) == 201
    five[0].wait_free(LISTED[1], 4)
    wait_until("it is said", lambda: status(five[0])["problem"])
    redis.call("DEL", key)
    for relay in five:
        relay.wait_free(LISTED[1])


def fill(redis, key, entries, size):
    """In portions: Redis must not keep the relays waiting because of the test."""
    script = "for i = ARGV[1], ARGV[2] do redis.call('HSET', KEYS[1], 'junk' .. i, string.rep('x', ARGV[3])) end"
    for first in range(1, entries, 1000):
        redis.call("EVAL", script, "1", key, first, first + 999, size)


@pytest.mark.parametrize("entries, size", [(70_000, 1024), (210_000, 8)])
def test_a_hash_that_is_too_large(fleet, redis, entries, size):
    """It is the trouble of one kind: the connection stays, the other kind is shared."""
    for _ in range(2):
        fleet.add(redis)
    fleet.start()
    fill(redis, "rcptguard:exclusions", entries, size)
    since = [status(relay)["since"] for relay in fleet]
    assert exclude(fleet[0], LISTED[1]) == 201
    wait_until("it is said", lambda: "rcptguard:exclusions: more than" in (status(fleet[0])["problem"] or ""), 30)
    assert fleet[0].command("block", "thief@example.net").returncode == 0
    fleet[1].wait_blocked("thief@example.net")
    assert "rcptguard:exclusions" in status(fleet[0])["problem"]
    redis.call("UNLINK", "rcptguard:exclusions")
    fleet[1].wait_free(LISTED[1])
    wait_until("nothing is wrong", lambda: not status(fleet[0])["problem"], 30)
    assert [(status(relay)["state"], status(relay)["since"]) for relay in fleet] == [("up", at) for at in since]
    assert not any("each relay goes on with what it has" in relay.log() for relay in fleet)


def test_many_lines_are_read_whole(five, redis):
    """Many portions; and junk of megabytes in the place of a line gives way to it."""
    names = [f"many{i}@example.net" for i in range(1500)]
    five[0].stop()
    with open(five[0].state / "fleet" / "exclusions", "a", encoding="utf-8") as shared:
        shared.writelines(f"{name}\n" for name in names)
    five[0].start()
    wait_until("all have them", lambda: all(status(r)["exclusions"]["count"] == 1500 for r in five), 60)
    wait_agree(five)
    redis.call("EVAL", "redis.call('HSET', KEYS[1], ARGV[1], string.rep('x', 3000000))", "1", "rcptguard:exclusions",
               names[7])
    redis.call("PUBLISH", "rcptguard:news", "exclusions nobody")
    wait_until("its own is put in place again", lambda: redis.call("HSTRLEN", "rcptguard:exclusions", names[7]) != "3000000")
    wait_agree(five)
    assert all(status(r)["exclusions"]["count"] == 1500 for r in five)


# trust


def test_another_secret_is_not_believed(fleet, redis):
    fleet.add(redis)
    fleet.add(redis, secret="another one")
    fleet.start()
    exclude(fleet[0], LISTED[1])
    fleet[1].wait_log("cannot be believed")
    assert fleet[1].blocks(LISTED[1])


def test_blocks_without_a_secret(fleet, redis):
    """Anybody who reaches Redis could refuse all mail; that somebody lets mail through is no harm."""
    for _ in range(2):
        fleet.add(redis, secret="")
    fleet.start()
    exclude(fleet[0], LISTED[1])
    fleet[1].wait_free(LISTED[1])
    fleet[0].api("POST", "/v1/blocks", body={"what": "thief@example.net"})
    fleet[0].wait_blocked("thief@example.net")
    fleet[1].wait_log("blocks: .* cannot be believed")
    assert not fleet[1].blocks("thief@example.net")


def protect(relay, *domains):
    relay.protected.write_text("".join(f"{domain}\n" for domain in domains))
    if relay.alive():
        relay.reload()


def test_what_is_forced_is_this_relays(five):
    """No other one would believe it: it stands in this site's own file."""
    assert five[0].command("block", "gmail.com", "--force").returncode == 0
    five[0].wait_blocked("anybody@gmail.com")
    assert "gmail.com" in five[0].blocks_file.read_text()
    five[0].command("block", "thief@example.net")
    five[1].wait_blocked("thief@example.net")
    assert not any(relay.blocks("anybody@gmail.com") for relay in five[1:])
    assert five[0].command("unblock", "gmail.com").returncode == 0
    five[0].wait_free("anybody@gmail.com")


def test_a_block_that_covers_too_much(fleet, redis):
    """What one relay protects, no other one blocks there."""
    for _ in range(2):
        fleet.add(redis)
    protect(fleet[1], "partner.example")
    fleet.start()
    assert fleet[0].command("block", ".partner.example").returncode == 0
    fleet[0].wait_blocked("anybody@partner.example")
    fleet[1].wait_log("covers too much")
    assert not fleet[1].blocks("anybody@partner.example")


def test_protected_at_a_reload(fleet, redis):
    """It counts for what was taken before, too, and for what comes; and back again. Elsewhere the block
    goes on."""
    for _ in range(2):
        fleet.add(redis)
    fleet.start()
    for what in ("partner.example", "thief@partner.example"):
        assert fleet[0].command("block", what).returncode == 0
    for relay in fleet:
        relay.wait_blocked("anybody@partner.example")
    wait_until("both are there", lambda: len(fleet[1].api("GET", "/v1/blocks")[1]["blocks"]) == 2)
    protect(fleet[1], "partner.example", "later.example")
    fleet[1].wait_free("anybody@partner.example")
    assert fleet[1].blocks("thief@partner.example") and fleet[0].blocks("anybody@partner.example")
    shown = {e["what"]: e["protected"] for e in fleet[1].api("GET", "/v1/blocks")[1]["blocks"]}
    assert shown == {"partner.example": True, "thief@partner.example": False}, shown
    assert "not in force: protected here" in fleet[1].command("blocks").stdout
    # What is protected since the reload is not taken, either, and taken when it is not any more.
    assert fleet[0].command("block", "later.example").returncode == 0
    wait_until("it is refused", lambda: status(fleet[1])["blocks"]["refused"] == 1)
    assert not fleet[1].blocks("anybody@later.example")
    protect(fleet[1])
    for domain in ("partner.example", "later.example"):
        fleet[1].wait_blocked(f"anybody@{domain}")
    # Nobody took anything out for the others meanwhile.
    wait_agree(fleet, "blocks")
    assert len(lines(fleet[0], "blocks")) == 3


def test_forced_where_it_is_protected_since(fleet, redis):
    """A block that all have, and that one protects now, is forced there by typing it there."""
    for _ in range(2):
        fleet.add(redis)
    fleet.start()
    fleet[0].command("block", "partner.example")
    fleet[1].wait_blocked("anybody@partner.example")
    protect(fleet[1], "partner.example")
    fleet[1].wait_free("anybody@partner.example")
    assert fleet[1].command("block", "partner.example").returncode == 2
    assert fleet[1].command("block", "partner.example", "--force").returncode == 0
    fleet[1].wait_blocked("anybody@partner.example")


def test_secret_is_never_shown(five, redis):
    exclude(five[0], LISTED[1])
    wait_agree(five)
    shown = five[0].log() + five[0].command("status").stdout + redis.call("HGETALL", "rcptguard:exclusions")
    assert SECRET not in shown


def test_nothing_is_asked_on_the_way_of_a_query(five, redis):
    def asked():
        line = next(x for x in redis.call("INFO", "stats").splitlines() if x.startswith("total_commands_processed"))
        return int(line.split(":")[1])

    def is_quiet():
        """What they bring together behind their start is over: between two looks there is the look alone."""
        before = asked()
        time.sleep(0.3)
        return asked() - before == 1

    wait_until("they are quiet", is_quiet)
    before = asked()
    with five[0].client() as client:
        for i in range(20000):
            client.ask(LISTED[i % 50])
    assert asked() - before < 50


# found by a review


@pytest.mark.parametrize("good", ["whole", "gone", "damaged"])
def test_a_file_that_is_gone_at_start(five, redis, good):
    """It is no word that anything was taken out; not even of what nobody was told yet, where the copy of what
    was in force is there."""
    exclude(five[0], LISTED[1])
    wait_agree(five)
    redis.kill()
    wait_until("it is seen", lambda: status(five[0])["state"] == "away")
    exclude(five[0], LISTED[3])
    wait_until("it waits", lambda: status(five[0])["exclusions"]["waiting"] == 1)
    five[0].stop()
    redis.start()
    (five[0].state / "fleet" / "exclusions").unlink()
    copy = five[0].state / "fleet" / "exclusions.good"
    if good == "gone":
        copy.unlink()
    elif good == "damaged":
        copy.write_bytes(copy.read_bytes().replace(b"@", b"\0"))
    five[0].start()
    wait_up(five[0])
    if good == "damaged":
        five[0].wait_log(r"warning: fleet: \S+exclusions.good is damaged: \S+exclusions is made anew")
    assert not five[0].blocks(LISTED[1])
    exclude(five[2], LISTED[2])
    for relay in five:
        relay.wait_free(LISTED[2])
        if good == "whole":
            relay.wait_free(LISTED[3])
    assert not any(relay.blocks(LISTED[1]) for relay in five)


def commands_of(redis):
    return {line.split(":")[0]: int(line.split("calls=")[1].split(",")[0])
            for line in redis.call("INFO", "commandstats").splitlines() if "calls=" in line}


def test_a_protected_block_is_no_fight(five, redis):
    """One relay holds what the others refuse: nobody puts back and forth."""
    for relay in five[1:]:
        protect(relay, "partner.example")
    for verb in ("block", "unblock", "block"):
        assert five[0].command(verb, "partner.example").returncode == 0
    five[1].wait_log("covers too much")
    wait_until("it is told", lambda: status(five[0])["blocks"]["waiting"] == 0)
    time.sleep(1)  # whoever answers does so at once
    before = commands_of(redis)["cmdstat_evalsha"]
    time.sleep(3)
    assert commands_of(redis)["cmdstat_evalsha"] - before < 6


def test_other_aliases_on_one_relay(fleet, redis):
    """What a line is called does not hang on how a relay reads addresses."""
    for aliases in ("no", "yes"):
        fleet.add(redis)
        fleet[-1].config["addresses"] = {"provider_aliases": "no"}
    for relay in fleet:
        relay.list_file("mails", "a.b@gmail.com\n")
    fleet.start()
    assert exclude(fleet[0], "a.b@gmail.com") == 201
    wait_agree(fleet)
    fleet[1].stop()
    fleet[1].config["addresses"]["provider_aliases"] = "yes"
    fleet[1].start()
    wait_up(fleet[1])
    exclude(fleet[1], LISTED[1])
    fleet[0].wait_free(LISTED[1])
    assert not fleet[0].blocks("a.b@gmail.com") and not fleet[1].blocks("a.b@gmail.com")


def test_start_with_a_broken_directory(fleet, redis):
    relay = fleet.add(redis)
    (relay.state / "fleet").mkdir(mode=0o755)
    (relay.state / "fleet" / "relay").mkdir()
    relay.start()
    relay.wait_blocked(LISTED[0])
    wait_up(relay)


def test_too_long_here_and_changed_elsewhere(fleet, redis):
    """What cannot be shared does not take the place of what others have."""
    for _ in range(2):
        fleet.add(redis)
    fleet.start()
    path = fleet[0].state / "fleet" / "exclusions"
    path.write_text(path.read_text() + "".join(
        f"u9@example.org list=l{i} until=2036-12-31 # {'x' * 80}\n" for i in range(90)))
    exclude(fleet[1], "u9@example.org")
    wait_until("it is told", lambda: redis.call("HGET", "rcptguard:exclusions", "u9@example.org"))
    exclude(fleet[0], LISTED[1])
    fleet[1].wait_free(LISTED[1])
    assert len(redis.call("HGET", "rcptguard:exclusions", "u9@example.org")) < 1000
    wait_until("it is said", lambda: "cannot be shared" in (status(fleet[0])["problem"] or ""))
    assert any("u9@" in line for line in lines(fleet[1]))
    # That the other kind is well is no end of it.
    assert fleet[0].command("block", "thief@example.net").returncode == 0
    fleet[1].wait_blocked("thief@example.net")
    time.sleep(0.5)  # until that comparison is over
    assert "cannot be shared" in (status(fleet[0])["problem"] or "")


def test_what_was_agreed_cannot_be_read_for_a_while(fleet, redis):
    """Nothing is told anew, above what another relay deleted meanwhile; when it can be read that is taken."""
    for _ in range(2):
        fleet.add(redis)
    fleet.start()
    one, other = fleet
    assert one.command("block", "thief@example.net").returncode == 0
    other.wait_blocked("thief@example.net")
    wait_agree(fleet, "blocks")
    other.stop()
    assert one.command("unblock", "thief@example.net").returncode == 0
    agreed = other.state / "fleet" / "blocks.agreed"
    os.chown(agreed, 0, 0)
    agreed.chmod(0o600)
    other.start()
    other.wait_log("blocks.agreed: .*; until it can be read blocks are not shared")
    exclude(one, LISTED[1])
    other.wait_free(LISTED[1])  # the other kind is shared as ever, so there were rounds
    assert not one.blocks("thief@example.net")
    give_to_drop_user(agreed)
    other.wait_free("thief@example.net", 40)
    wait_agree(fleet, "blocks", 40)
    assert not one.blocks("thief@example.net")


@pytest.mark.parametrize("trouble", ["is not a regular file", "more than 16777216 bytes"])
def test_a_file_that_cannot_be_read(fleet, redis, trouble):
    """It is said why; nothing of it is held (sanitizers tell), and all is well when it is mended."""
    for _ in range(2):
        fleet.add(redis)
    fleet.start()
    assert exclude(fleet[0], LISTED[1]) == 201
    wait_agree(fleet)
    path = fleet[0].state / "fleet" / "exclusions"
    kept = path.with_name("kept")
    path.rename(kept)
    if "regular" in trouble:
        path.mkdir()
    else:
        path.write_text("#" * (16 << 20) + "\n")
    assert exclude(fleet[1], LISTED[2]) == 201
    wait_until("it is said", lambda: trouble in (status(fleet[0])["problem"] or ""))
    assert not fleet[0].blocks(LISTED[1])
    if "regular" in trouble:
        path.rmdir()
    kept.replace(path)
    fleet[0].wait_free(LISTED[2])
    wait_until("nothing is wrong", lambda: not status(fleet[0])["problem"], 30)


def test_a_counter_at_its_end(five, redis):
    redis.call("SET", "rcptguard:exclusions:version", str(2**53 - 3))
    for i in range(1, 6):
        exclude(five[0], LISTED[i])
    wait_agree(five)
    assert int(redis.call("GET", "rcptguard:exclusions:version")) < 1000
    assert unexclude(five[1], LISTED[3]) == 200
    for relay in five:
        relay.wait_blocked(LISTED[3])


def test_the_highest_number_was_forged(fleet, redis):
    """Without a secret: nothing can be told any more, but an emptied Redis is filled."""
    for _ in range(2):
        fleet.add(redis, secret="", share="exclusions")
    fleet.start()
    exclude(fleet[0], LISTED[1])
    wait_agree(fleet)
    redis.call("HSET", HASH, LISTED[2], seal("", "exclusions", LISTED[2], 2**53, f"set\n{LISTED[2]}\n"))
    redis.call("PUBLISH", "rcptguard:news", "exclusions nobody")
    for relay in fleet:
        relay.wait_free(LISTED[2])
    for relay, what in zip(fleet, LISTED[3:]):
        exclude(relay, what)
        relay.wait_free(what)
        wait_until("it is said", lambda relay=relay: "forged" in (status(relay)["problem"] or ""))
    redis.call("DEL", HASH)
    redis.call("PUBLISH", "rcptguard:news", "exclusions nobody")
    wait_until("it is filled", lambda: redis.call("HEXISTS", HASH, LISTED[1]) == "1", 30)


def test_a_line_that_is_too_long(five):
    """It stays here; what others say comes through all the same."""
    path = five[0].state / "fleet" / "exclusions"
    path.write_text(path.read_text() + "".join(
        f"u9@example.org list=l{i} until=2036-12-31 # {'x' * 80}\n" for i in range(90)))
    exclude(five[0], LISTED[1])
    for relay in five:
        relay.wait_free(LISTED[1])
    exclude(five[1], LISTED[2])
    five[0].wait_free(LISTED[2])
    assert "cannot be shared" in status(five[0])["problem"]


def test_edits_without_redis_are_counted(five, redis):
    redis.kill()
    wait_until("it is seen", lambda: status(five[0])["state"] == "away")
    exclude(five[0], LISTED[1])
    wait_until("it waits", lambda: status(five[0])["exclusions"]["waiting"] == 1)
    five[0].stop()
    five[0].start()
    wait_until("it still waits", lambda: status(five[0])["exclusions"]["waiting"] == 1)
    redis.start()
    wait_agree(five)


def test_another_secret_for_all(fleet, redis):
    """The relays get it one after the other; in the end they agree, with one that is new, too."""
    for _ in range(2):
        fleet.add(redis, secret="")
    fleet.start()
    exclude(fleet[0], LISTED[1])
    wait_agree(fleet)
    for relay in fleet:
        relay.stop()
        relay.config["redis"]["secret"] = SECRET
        relay.start()
        wait_up(relay)
    fleet.add(redis)
    fleet[2].start()
    fleet[2].wait_blocked(LISTED[0])
    wait_up(fleet[2])
    exclude(fleet[0], LISTED[2])
    for relay in fleet:
        relay.wait_free(LISTED[1])
        relay.wait_free(LISTED[2])
    wait_agree(fleet)


# deletions get old

DAY = 86400


@pytest.fixture
def two(fleet, redis):
    for _ in range(2):
        fleet.add(redis)
    return fleet.start()


def agreed_file(relay):
    return relay.state / "fleet" / "exclusions.agreed"


def put_deleted(redis, version, time, *whats):
    """Each with a version of its own, from VERSION on."""
    words = []
    for i, what in enumerate(whats):
        words += [what, seal(SECRET, "exclusions", what, version + i, f"deleted {time}\n")]
    redis.call("HSET", HASH, *words)


def now_of(redis):
    return int(redis.call("TIME").split()[0])


SOON_S = 15  # for all relays to take it; whoever sees it old first takes it out


def old_soon(redis):
    """When a deletion was told that is forgotten in a moment."""
    return now_of(redis) - 90 * DAY + SOON_S


def wait_forgotten(redis, kind, keys):
    def probe():
        redis.call("PUBLISH", "rcptguard:news", f"{kind} nobody")
        return set(redis.call("HKEYS", f"rcptguard:{kind}").split()) == keys

    wait_until("it is forgotten", probe, SOON_S + 20, every=0.5)


def test_a_deletion_has_the_time_of_redis(two, redis):
    before = now_of(redis)
    exclude(two[0], LISTED[1])
    assert unexclude(two[0], LISTED[1]) == 200
    wait_until("it is told", lambda: "deleted" in redis.call("HGET", HASH, LISTED[1]))
    body = redis.call("HGET", HASH, LISTED[1]).splitlines()[1]
    assert before <= int(body.removeprefix("deleted ")) <= now_of(redis)


def test_old_deletions_leave_redis(two, redis):
    """They count where somebody still has the line; then nobody knows them any more."""
    exclude(two[0], LISTED[1])
    exclude(two[0], LISTED[2])
    wait_agree(two)
    now = now_of(redis)
    put_deleted(redis, 100, now - 91 * DAY, *(f"r{i}@example.net" for i in range(250)))
    put_deleted(redis, 400, old_soon(redis), LISTED[1])
    put_deleted(redis, 401, now - 89 * DAY, "young@example.net")
    redis.call("PUBLISH", "rcptguard:news", "exclusions nobody")
    for relay in two:
        relay.wait_blocked(LISTED[1])
    wait_forgotten(redis, "exclusions", {LISTED[2], "young@example.net"})
    exclude(two[1], LISTED[3])
    wait_agree(two)
    assert int(redis.call("HGET", HASH, LISTED[3]).split()[3]) == 402
    for relay in two:
        relay.stop()
        kept = agreed_file(relay).read_text()
        assert LISTED[2] in kept and "young@example.net" in kept
        assert LISTED[1] not in kept and "r7@example.net" not in kept


@pytest.mark.parametrize("body", ["deleted\n", "deleted 0\n", "deleted x\n", "deleted 5", "set\n"])
def test_a_body_that_is_none(two, redis, body):
    exclude(two[0], LISTED[1])
    wait_agree(two)
    redis.call("HSET", HASH, LISTED[1], seal(SECRET, "exclusions", LISTED[1], 50, body))
    redis.call("PUBLISH", "rcptguard:news", "exclusions nobody")
    wait_until("the line is put back", lambda: "set\n" + LISTED[1] in redis.call("HGET", HASH, LISTED[1]))
    assert not any(relay.blocks(LISTED[1]) for relay in two)


def test_a_clock_that_leaps_makes_nobody_forget(fleet, redis):
    clock = LeapingClock(redis)
    try:
        for _ in range(2):
            fleet.add(redis, url=clock.unix)
        fleet.start()
        exclude(fleet[0], LISTED[1])
        wait_agree(fleet)
        fleet[1].stop()
        assert unexclude(fleet[0], LISTED[1]) == 200
        wait_agree(fleet[:1])
        clock.ahead = 1000 * DAY
        exclude(fleet[0], LISTED[2])
        wait_until("it is told", lambda: "set" in redis.call("HGET", HASH, LISTED[2]))
        assert unexclude(fleet[0], LISTED[2]) == 200
        wait_until("the clock is ahead", lambda: "deleted" in redis.call("HGET", HASH, LISTED[2]))
        assert int(redis.call("HGET", HASH, LISTED[2]).split()[-1]) > now_of(redis) + 900 * DAY
        exclude(fleet[0], LISTED[3])  # one more comparison
        wait_agree(fleet[:1])
        assert "deleted" in redis.call("HGET", HASH, LISTED[1])
        fleet[1].start()
        fleet[1].wait_free(LISTED[3])
        assert all(relay.blocks(LISTED[1]) for relay in fleet)
    finally:
        clock.close()


def away_for(relay, days, redis):
    relay.stop()
    set_agreed_at(agreed_file(relay), now_of(redis) - days * DAY)


@pytest.mark.parametrize("kind, back", [("blocks", False), ("exclusions", True)])
def test_an_old_object_is_put_back(two, redis, kind, back):
    """By who kept a copy, or by an old backup: a wrong block is worse than a missed one."""
    what, key = "victim@example.net", f"rcptguard:{kind}"
    assert two[0].api("POST", f"/v1/{kind}", body={"what": what})[0] == 201
    for relay in two:
        wait_until("it is there", lambda relay=relay: any(what in line for line in lines(relay, kind)))
    copy = redis.call("HGET", key, what) + "\n"
    redis.call("HSET", key, what, seal(SECRET, kind, what, 10, f"deleted {old_soon(redis)}\n"))
    redis.call("PUBLISH", "rcptguard:news", f"{kind} nobody")
    for relay in two:
        wait_until("it is deleted", lambda relay=relay: status(relay)[kind]["version"] == 10)
    wait_forgotten(redis, kind, set())
    for relay in two:
        assert lines(relay, kind) == []
        relay.stop()  # what was forgotten is in its file
        relay.start()
        wait_up(relay)
    redis.call("HSET", key, what, copy)
    redis.call("PUBLISH", "rcptguard:news", f"{kind} nobody")
    for relay in two:
        if back:
            wait_until("it is back", lambda relay=relay: lines(relay, kind) != [])
        else:
            wait_until("it is seen", lambda relay=relay: status(relay)[kind]["refused"] == 1)
            assert lines(relay, kind) == [] and not relay.blocks(what)
    if not back:
        # Whoever types it anew means it.
        assert two[0].api("POST", "/v1/blocks", body={"what": what})[0] == 201
        two[1].wait_blocked(what)


@pytest.mark.parametrize("days", [80, 100])
def test_away_for_long(two, redis, days):
    """What was deleted and forgotten meanwhile is not brought back; what somebody changed here is told."""
    for i in (1, 2, 3):
        exclude(two[0], LISTED[i])
    wait_agree(two)
    away_for(two[1], days, redis)
    path = two[1].state / "fleet" / "exclusions"
    path.write_text(path.read_text().replace(f"{LISTED[2]} ", f"{LISTED[2]} note=mine "))
    for i in (1, 2):
        assert unexclude(two[0], LISTED[i]) == 200
    wait_agree(two[:1])
    two[0].stop()
    redis.call("HDEL", HASH, LISTED[1], LISTED[2])  # as after 90 days
    two[1].start()
    wait_up(two[1])
    wait_until("what was changed is told", lambda: "mine" in redis.call("HGET", HASH, LISTED[2]))
    wait_agree(two[1:])
    if days > 90:
        two[1].wait_blocked(LISTED[1])
    assert two[1].blocks(LISTED[1]) == (days > 90) and not two[1].blocks(LISTED[3])
    assert (LISTED[1] in redis.call("HKEYS", HASH).split()) == (days < 90)
    if days > 90:
        two[1].wait_log("1 lines that the others do not have")
    wait_until("it is noted", lambda: agreed_at(agreed_file(two[1])) > now_of(redis) - DAY)


@pytest.mark.parametrize("lost", ["all", "hash", "most"])
def test_away_for_long_and_redis_was_emptied(two, redis, lost):
    """It may be the only one that knows the lines."""
    for i in range(1, 21):
        exclude(two[0], LISTED[i])
    wait_agree(two)
    away_for(two[1], 100, redis)
    two[0].stop()
    if lost == "most":
        redis.call("HDEL", HASH, *LISTED[1:15])
    else:
        redis.call("DEL", HASH, *(["rcptguard:exclusions:version"] if lost == "all" else []))
    two[1].start()
    wait_up(two[1])
    wait_until("all is offered", lambda: redis.call("HLEN", HASH) == "20")
    assert not any(two[1].blocks(LISTED[i]) for i in range(1, 21))


def test_a_big_base_is_not_written_at_each_edit(fleet, redis):
    """A MiB a second at most, and at the end; a relay that is killed between agrees all the same."""
    relay = fleet.add(redis)
    fleet.start()
    path = relay.state / "fleet" / "exclusions"
    path.write_text(path.read_text() + "".join(f"r{i}@example.net note={'x' * 150}\n" for i in range(10000)))
    begin = time.monotonic()
    exclude(relay, LISTED[1])
    wait_until("all is agreed", lambda: status(relay)["exclusions"]["count"] == 10001, 30)
    wait_until("it is written", lambda: agreed_file(relay).stat().st_size > 2**22)
    size, seen = agreed_file(relay).stat().st_size, set()
    for i in range(40):
        exclude(relay, f"more{i}@example.net")
        wait_until("it is told", lambda: not status(relay)["exclusions"]["waiting"])
        seen.add(agreed_file(relay).stat().st_ino)
    seconds = time.monotonic() - begin
    assert len(seen) <= seconds / (size / 2**20) + 2, (len(seen), seconds, size)
    exclude(relay, LISTED[2])
    wait_until("it is told", lambda: LISTED[2] in redis.call("HKEYS", HASH).split())
    relay.kill()
    relay.start()
    wait_up(relay)
    assert unexclude(relay, LISTED[2]) == 200
    wait_until("it is told", lambda: "deleted" in redis.call("HGET", HASH, LISTED[2]))
    relay.stop()
    kept = agreed_file(relay).read_text()
    assert "deleted" in kept[kept.index(f"{LISTED[2]}rcptguard1"):] and "more39@example.net" in kept


# a file that lost its lines


def put_lines(relay, n, more=""):
    """By hand, and told with an edit."""
    path = relay.state / "fleet" / "exclusions"
    path.write_text(path.read_text() + "".join(f"r{i}@example.net{more}\n" for i in range(n)))
    exclude(relay, LISTED[1])
    wait_until("all is agreed", lambda: status(relay)["exclusions"]["count"] == n + 1)
    return path


def test_a_file_that_lost_most_of_its_lines(two):
    """It is told to nobody, and comes back; what was typed meanwhile counts."""
    path = put_lines(two[0], 30)
    wait_agree(two)
    path.write_text("# nothing\n" + "r3@example.net\n")
    exclude(two[0], LISTED[2])  # which makes it compare
    two[0].wait_log(r"fleet/exclusions lost 30 of 31 lines.*rcptguard unexclude")
    two[1].wait_free(LISTED[2])
    wait_agree(two)
    assert len(lines(two[0])) == 32 and lines(two[0]) == lines(two[1])
    assert "# nothing" in path.read_text()
    # Some lines may go by hand, and what others take out meanwhile stays out.
    path.write_text(path.read_text().replace("r7@example.net\n", ""))
    assert unexclude(two[1], LISTED[1]) == 200
    two[0].wait_blocked(LISTED[1])
    wait_until("it is told", lambda: len(lines(two[1])) == 30)
    wait_agree(two)


def test_a_file_that_is_half_saved(two, redis):
    """Truncated, then written: half of it is told to nobody."""
    for i in range(1, 6):
        exclude(two[0], LISTED[i])
    wait_agree(two)
    path = two[0].state / "fleet" / "exclusions"
    text = path.read_text()
    with open(path, "r+") as file:
        file.truncate(0)
        file.write(text[: len(text) // 2])
        file.flush()
        redis.call("PUBLISH", "rcptguard:news", "exclusions nobody")
        two[0].wait_log("not told to the other relays: .*fleet/exclusions is being written by another program")
        file.write(text[len(text) // 2 :])
    assert "deleted" not in redis.call("HVALS", HASH)
    exclude(two[0], LISTED[6])
    wait_agree(two)
    assert len(lines(two[0])) == 6 and lines(two[0]) == lines(two[1])


def test_an_empty_file_and_redis_was_emptied(two, redis):
    path = put_lines(two[0], 30)
    wait_agree(two)
    two[1].stop()
    redis.kill()
    wait_until("it is seen", lambda: status(two[0])["state"] == "away")
    path.write_text("")
    redis.start()
    wait_until("all is offered", lambda: redis.call("HLEN", HASH) == "31", 20)
    wait_until("and back in the file", lambda: len(lines(two[0])) == 31)


@pytest.mark.parametrize("away", [False, True])
def test_most_lines_are_taken_out_by_edits(two, redis, away):
    """All at once, when they are over; and one after the other, while Redis is away."""
    put_lines(two[0], 30, "" if away else " until=2020-01-01")
    wait_agree(two)
    if away:
        redis.kill()
        wait_until("it is seen", lambda: status(two[0])["state"] == "away")
        for i in range(30):
            assert unexclude(two[0], f"r{i}@example.net") == 200
        redis.start()
    else:
        assert two[0].command("exclusions", "--prune").returncode == 0
    wait_until("both have one line", lambda: [len(lines(relay)) for relay in two] == [1, 1], 20)
    wait_agree(two)
    assert "lost" not in two[0].log()
