"""DNS zones that err, die or go mad: the worst that they can do is not to list."""

import re
import threading
import time

import pytest

from dnsservers import BAD, DBL, DROP, GOOD, NXDOMAIN, SERVFAIL, Rbldnsd, Script, Unbound, dig
from policyclient import blocked, is_refusal
from support import free_port, wait_until


def domains(count, tag="fresh"):
    return [f"any@{tag}{i}.example.org" for i in range(count)]


def refused(daemon, recipients, connections=4):
    """Those of them that are refused, asked as fast as it goes."""
    answers = {}

    def ask(part):
        with daemon.client(timeout=30) as client:
            answers.update(zip(part, client.ask_all(part)))

    threads = [
        threading.Thread(target=ask, args=(recipients[i::connections],))
        for i in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert len(answers) == len(set(recipients))
    return [recipient for recipient, answer in answers.items() if blocked(answer)]


def degraded(daemon, name):
    answer = daemon.api("GET", "/v1/status")[1]
    return answer["status"] == "degraded" and any(name in str(r) for r in answer["reasons"])


# error codes


@pytest.mark.parametrize(
    "zone, code, remedy",
    [
        ("dbl.spamhaus.org", "127.255.255.252", "zone"),
        ("dbl.spamhaus.org", "127.255.255.254", "resolver"),
        ("dbl.spamhaus.org", "127.255.255.255", "quer"),
        ("dbl.spamhaus.org", "127.0.1.255", "IP|address"),
        ("zrd.spamhaus.org", "127.0.2.255", "IP|address"),
        ("multi.uribl.com", "127.0.0.1", "resolver|refuse"),
        ("dbl.example.net", "127.0.0.255", ""),
        ("dbl.example.net", "127.255.255.7", ""),
    ],
)
def test_error_code_switches_off_and_refuses_nobody(daemon, dns, zone, code, remedy):
    server = dns.zone(zone)
    server.says("bad.example.org", "127.0.0.2")
    server.says("question.example.org", code)
    daemon.resolvers(dns.port)
    daemon.zone("dbl", zone, codes="127.0.[0..2].[1..255]")
    daemon.start_zones()
    assert is_refusal(daemon.ask(BAD), "dbl")
    mark = daemon.mark()
    assert daemon.ask("any@question.example.org") == "DUNNO"
    why = daemon.wait_feed("dbl", state="off")["why"]
    assert code in why and re.search(remedy, why, re.IGNORECASE), why
    assert code in daemon.command("feeds").stdout
    assert daemon.ask(BAD) == "DUNNO"  # nothing that it said before counts
    assert daemon.ask("any@question.example.org") == "DUNNO"
    daemon.wait_log(re.escape(code), since=mark)
    assert len(re.findall(rf".*warning.*{re.escape(code)}.*", daemon.log(), re.I)) <= 1
    assert degraded(daemon, "dbl") and daemon.command("status").returncode == 1


def test_error_code_beats_a_listing_beside_it(daemon, dbl):
    dbl.says("both.example.org", "127.0.0.2", "127.255.255.255")
    daemon.start_zones()
    assert daemon.ask("any@both.example.org") == "DUNNO"
    daemon.wait_feed("dbl", state="off")


@pytest.mark.parametrize("also", [(), ("127.0.0.2",)], ids=["alone", "beside a listing"])
def test_address_outside_loopback_switches_off(daemon, dbl, also):
    dbl.says("parked.example.org", *also, "203.0.113.9")
    daemon.start_zones()
    assert daemon.ask("any@parked.example.org") == "DUNNO"
    assert "203.0.113.9" in daemon.wait_feed("dbl", state="off")["why"]


def test_error_code_from_the_start(daemon, dbl):
    """As a public resolver gets it: every question, also the probe."""
    dbl.lists_the_world("127.255.255.254")
    daemon.start()
    assert "127.255.255.254" in daemon.wait_feed("dbl", state="off")["why"]
    assert refused(daemon, domains(200)) == []


# zones that list the world


def test_wildcarded_zone_never_comes_on(daemon, dbl):
    dbl.lists_the_world()
    daemon.start()
    assert refused(daemon, domains(500) + [BAD]) == []
    assert daemon.wait_feed("dbl", state="off")["why"]
    assert refused(daemon, domains(500, "later")) == []
    check = daemon.api("GET", "/v1/check", recipient=BAD)[1]
    assert (check["verdict"], [z["result"] for z in check["zones"]]) == ("pass", ["off"])


def test_wildcard_below_a_top_level_domain_is_seen(daemon, dbl):
    """A bare random name would not be listed here."""
    class ComIsListed(dict):
        def get(self, label, default=None):
            return Script(("127.0.0.2",)) if label.endswith(".com") else super().get(label, default)

    dbl.names = ComIsListed(dbl.names)
    daemon.start()
    assert refused(daemon, [f"any@company{i}.com" for i in range(200)]) == []
    daemon.wait_feed("dbl", state="off")


def test_unlisted_test_point_that_is_listed(daemon, dbl):
    """RFC 5782: INVALID must never be."""
    dbl.says("invalid", "127.0.0.2")
    daemon.start()
    assert re.search("invalid|test point", daemon.wait_feed("dbl", state="off")["why"])
    assert daemon.ask(BAD) == "DUNNO"


def test_listed_test_point_that_is_missing_is_a_warning(daemon, dbl):
    """A dead list harms nobody."""
    dbl.names["test"] = NXDOMAIN
    daemon.start_zones()
    daemon.wait_log(r"dbl.*\btest\b")
    assert is_refusal(daemon.ask(BAD), "dbl")


def test_hashed_zones_need_no_test_points(daemon, dns):
    zone = dns.zone("ebl.example.net")
    zone.names.clear()
    daemon.resolvers(dns.port)
    daemon.zone("ebl", zone.name, query="email-md5")
    daemon.start_zones()
    assert not {"test", "invalid"} & set(zone.labels())
    zone.lists_the_world()
    assert refused(daemon, domains(100)) == []
    daemon.wait_feed("ebl", state="off")


def test_zone_that_begins_to_list_the_world_while_mail_flows(daemon, dbl):
    daemon.start_zones()
    assert refused(daemon, domains(300) + [BAD]) == [BAD]
    flowing, more, answers = threading.Event(), threading.Event(), []

    def mail():
        with daemon.client() as client:
            for i in range(100000):
                if more.is_set():
                    return
                answers.append(client.ask(f"any@flow{i}.example.org"))
                flowing.set()

    thread = threading.Thread(target=mail)
    thread.start()
    assert flowing.wait(10)
    dbl.lists_the_world()
    try:
        assert refused(daemon, domains(2000, "mad")) == []
        assert daemon.wait_feed("dbl", state="off")["why"]
        assert refused(daemon, domains(300) + domains(300, "madder")) == []
    finally:
        more.set()
        thread.join(15)
    assert answers and set(answers) == {"DUNNO"}
    assert daemon.ask(BAD) == "DUNNO"


def test_first_question_after_the_world_is_listed(daemon, dbl):
    """No probe has seen it yet: the one beside the question must."""
    daemon.start_zones()
    dbl.lists_the_world()
    assert daemon.ask(GOOD) == "DUNNO"
    daemon.wait_feed("dbl", state="off")


def test_all_zones_list_the_world(daemon, dns):
    """Not one message more than before."""
    for i in range(5):
        zone = dns.zone(f"z{i}.example.net")
        zone.says("bad.example.org", "127.0.0.2")
        daemon.zone(f"z{i}", zone.name)
    daemon.resolvers(dns.port)
    daemon.start_zones()
    assert refused(daemon, domains(100) + [BAD]) == [BAD]
    for zone in dns.zones.values():
        zone.lists_the_world()
    assert set(refused(daemon, domains(500, "mad") + [BAD])) <= {BAD}
    for i in range(5):
        daemon.wait_feed(f"z{i}", state="off")


def test_a_listing_without_its_probe_counts_for_nothing(daemon, dbl):
    """The zone answers for what it lists, and swallows the random names."""
    daemon.config["policy"]["deadline"] = "300ms"
    daemon.start_zones()
    dbl.others = DROP
    assert [daemon.ask(BAD) for _ in range(3)] == ["DUNNO"] * 3
    dbl.others = NXDOMAIN
    daemon.wait_blocked(BAD)


def test_real_rbldnsd_begins_to_list_the_world(daemon):
    """By what makes it do so in life: an access list that answers strangers with a listing."""
    rbldnsd = Rbldnsd(
        {DBL: ("dnset", ":127.0.0.2:spam\nbad.example.org\n")}, also={DBL: ("acl", "")}
    ).start()
    try:
        daemon.resolvers(rbldnsd.port)
        daemon.zone("dbl", DBL)
        daemon.start_zones()
        assert refused(daemon, domains(200) + [BAD]) == [BAD]
        rbldnsd.put_also(
            DBL, "acl", "127.0.0.1 :127.0.0.2:everybody\n",
            lambda: dig(rbldnsd.port, f"anything.{DBL}").addresses == ["127.0.0.2"],
        )
        assert set(refused(daemon, domains(2000, "mad") + [BAD])) <= {BAD}
        daemon.wait_feed("dbl", state="off")
        assert refused(daemon, domains(200) + [BAD]) == []
    finally:
        rbldnsd.close()


def test_real_rbldnsd_gets_a_wild_dataset(daemon):
    rbldnsd = Rbldnsd({DBL: ("dnset", ":127.0.0.2:spam\nbad.example.org\n")}).start()
    try:
        daemon.resolvers(rbldnsd.port)
        daemon.zone("dbl", DBL)
        daemon.start_zones()
        assert refused(daemon, [BAD, GOOD]) == [BAD]
        rbldnsd.put(DBL, ":127.0.0.2:spam\n.com\n.net\n.org\n")
        assert refused(daemon, [f"any@c{i}.com" for i in range(1000)]) == []
        daemon.wait_feed("dbl", state="off")
    finally:
        rbldnsd.close()


@pytest.mark.parametrize("address", ["203.0.113.9", "127.0.0.2"], ids=["elsewhere", "loopback"])
def test_resolver_that_rewrites_nxdomain(daemon, address):
    unbound = Unbound({}, rewrites={DBL: address}).start()
    try:
        daemon.resolvers(unbound.port)
        daemon.zone("dbl", DBL)
        daemon.start()
        assert daemon.wait_feed("dbl", state="off")["why"]
        assert refused(daemon, domains(200)) == []
    finally:
        unbound.close()


# zones that die


@pytest.mark.parametrize("death", ["drop", "closed port", "servfail"])
def test_dead_zone_costs_five_recipients_their_wait(daemon, dns, dbl, death):
    daemon.config["dnsbl dbl"]["timeout"] = "500ms"
    daemon.start_zones()
    assert daemon.ask(GOOD) == "DUNNO"
    if death == "closed port":
        dns.stop()
    else:
        dbl.all = DROP if death == "drop" else SERVFAIL
    took = []
    with daemon.client() as client:
        for recipient in domains(30):
            begin = time.monotonic()
            assert client.ask(recipient) == "DUNNO"
            took.append(time.monotonic() - begin)
    slow = [t for t in took if t > 0.45]
    assert len(slow) <= 5 and max(took) < 4, took
    status = daemon.wait_feed("dbl", state="off")
    assert status["why"] and status["errors"] >= 5
    # Nothing but its probes is sent from now on.
    if death != "closed port":
        assert refused(daemon, domains(300, "more")) == []
        assert not [x for x in dbl.labels() if x.startswith("more")]
    assert degraded(daemon, "dbl")


def test_dead_zone_leaves_others_alone(daemon, dns, dbl):
    alive = dns.zone("alive.example.net")
    alive.says("bad.example.org", "127.0.0.2")
    daemon.config["dnsbl dbl"]["timeout"] = "200ms"
    daemon.zone("alive", alive.name)
    daemon.start_zones()
    dbl.all = DROP
    for recipient in domains(8):
        daemon.ask(recipient)
    daemon.wait_feed("dbl", state="off")
    assert daemon.feed_status("alive")["state"] == "on"
    assert is_refusal(daemon.ask(BAD), "alive")


def test_second_resolver_answers_where_the_first_is_dead(daemon, dns, dbl):
    daemon.resolvers(free_port(), dns.port)
    daemon.start_zones()
    assert is_refusal(daemon.ask(BAD), "dbl")
    assert refused(daemon, domains(100)) == []
    assert daemon.feed_status("dbl")["state"] == "on"


def test_resolver_that_is_restarted(daemon, dns, dbl):
    """Its port is closed for a moment: who is asked about then waits for it, and no zone goes off."""
    daemon.config["policy"]["deadline"] = "5s"
    daemon.config["dnsbl dbl"]["timeout"] = "5s"
    daemon.start_zones()
    before = daemon.feed_status("dbl")["questions"]
    dns.stop()
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(refused(daemon, domains(20) + [BAD])))
    thread.start()
    wait_until("they wait", lambda: daemon.feed_status("dbl")["questions"] >= before + 4)
    dns.start()
    thread.join(20)
    assert answers == [BAD]
    status = daemon.feed_status("dbl")
    assert (status["state"], status["errors"]) == ("on", 0)


def test_single_time_outs_switch_nothing_off(daemon, dbl):
    daemon.config["dnsbl dbl"]["timeout"] = "100ms"
    for i in range(12):
        if i % 3 != 2:
            dbl.says(f"fresh{i}.example.org", drop=True)
    daemon.start_zones()
    for recipient in domains(12):
        assert daemon.ask(recipient) == "DUNNO"
    status = daemon.feed_status("dbl")
    assert status["state"] == "on" and status["errors"] >= 8
    daemon.wait_blocked(BAD)


def test_one_name_that_fails_switches_nothing_off(daemon, dbl):
    """One recipient is one question, however fast it fails."""
    dbl.names["strange.example.org"] = SERVFAIL
    daemon.start_zones()
    for i in range(1, 5):
        assert daemon.ask("any@strange.example.org") == "DUNNO"
        assert dbl.asked("strange.example.org") <= i
    assert daemon.feed_status("dbl")["state"] == "on"


def test_dead_from_the_start(daemon, dns, dbl):
    daemon.config["policy"]["deadline"] = "300ms"
    dns.stop()
    daemon.start()
    assert refused(daemon, domains(50)) == []
    status = daemon.feed_status("dbl")
    assert status["state"] in ("probing", "off")
    daemon.wait_feed("dbl", state="off", seconds=20)
    assert degraded(daemon, "dbl")


def test_memory_while_dns_is_away(daemon, dbl):
    daemon.config["dnsbl dbl"]["timeout"] = "100ms"
    daemon.start_zones()
    dbl.all = DROP
    assert refused(daemon, domains(2000, "warm")) == []
    before = daemon.resident_kib()
    assert refused(daemon, domains(20000)) == []
    assert daemon.resident_kib() < before + 4096
    assert daemon.feed_status("dbl")["state"] == "off"
    assert degraded(daemon, "dbl")


def test_memory_of_many_names_is_bounded(daemon, dbl):
    daemon.config["dns"]["cache"] = "1M"
    daemon.start_zones()
    assert refused(daemon, domains(5000, "warm"), connections=16) == []
    before = daemon.resident_kib()
    assert refused(daemon, domains(15000), connections=16) == []
    assert daemon.resident_kib() < before + 4096
    assert 100 < daemon.feed_status("dbl")["remembered"] < 15000
    assert daemon.ask(BAD) != "DUNNO"


@pytest.mark.seconds(90)
def test_zones_come_back_by_themselves(daemon, dns, dbl):
    """After two good rounds; the one that goes on being mad stays off."""
    names = ("dbl", "dead", "refusing", "mad")
    for name in names[1:]:
        zone = dns.zone(f"{name}.example.net")
        zone.says(f"{name}.example.org", "127.0.0.2")
        daemon.zone(name, zone.name, timeout="200ms")
    daemon.start_zones()
    dead, refusing, mad = (dns.zone(f"{name}.example.net") for name in names[1:])
    dbl.lists_the_world()
    dead.all = DROP
    refusing.lists_the_world("127.255.255.255")
    mad.lists_the_world()
    for recipient in domains(8):
        assert daemon.ask(recipient) == "DUNNO"
    for name in names:
        daemon.wait_feed(name, state="off")
    mark = daemon.mark()
    dbl.all = dead.all = refusing.all = None
    for name in names[:-1]:
        daemon.wait_feed(name, state="on", seconds=45)
    assert daemon.feed_status("mad")["state"] == "off"
    assert is_refusal(daemon.ask(BAD), "dbl")
    assert is_refusal(daemon.ask("any@dead.example.org"), "dead")
    assert refused(daemon, domains(100) + domains(100, "new")) == []
    daemon.wait_log(r"\bdbl\b.* (on|back)\b", since=mark)


def test_listings_of_the_mad_time_are_forgotten(daemon, dbl):
    daemon.start_zones()
    dbl.lists_the_world()
    assert refused(daemon, domains(50)) == []
    daemon.wait_feed("dbl", state="off")
    dbl.all = None
    daemon.refresh("dbl")
    daemon.wait_feed("dbl", state="on", seconds=20)
    daemon.wait_blocked(BAD)  # TTLs are of whole seconds
    assert refused(daemon, domains(50) + [BAD]) == [BAD]


class Suffix(dict):
    """The labels of a zone that lists all below some suffix."""

    def __init__(self, names, suffix):
        super().__init__(names)
        self.suffix = suffix

    def get(self, label, default=None):
        if label.endswith(self.suffix):
            return Script(("127.0.0.2",))
        return super().get(label, default)


@pytest.mark.parametrize("suffix", [".com", ".org", ".co.uk"])
def test_zone_that_lists_all_of_one_suffix(daemon, dbl, suffix):
    """Not one of them is refused, and the zone is found out."""
    daemon.start_zones()
    dbl.names = Suffix(dbl.names, suffix)
    assert refused(daemon, [f"any@company{i}{suffix}" for i in range(300)]) == []
    daemon.wait_feed("dbl", state="off")


def test_shared_host_that_is_listed_with_all_below_it(daemon, dbl):
    """As lists do with hosts of free sites: no name there is refused, and the zone stays on."""
    daemon.start_zones()
    dbl.names = Suffix(dbl.names, ".github.io")
    assert refused(daemon, [f"any@me{i}.github.io" for i in range(100)] + [BAD]) == [BAD]
    assert daemon.feed_status("dbl")["state"] == "on"
    daemon.wait_log("dbl: lists all names below a suffix that strangers share")


@pytest.fixture
def cached(daemon, dns, dbl):
    """A resolver between daemon and zone, and somebody else who asks it, too."""
    server = Unbound({DBL: dns.port}).start()
    daemon.resolvers(server.port)
    others = domains(50, "others")

    def others_ask():
        for recipient in others:
            dig(server.port, f"{recipient.partition('@')[2]}.{DBL}")

    yield others, others_ask
    server.close()


def test_what_the_resolver_remembers_of_the_mad_time(daemon, dbl, cached):
    """It goes on listing the names that were asked then; what is asked first afterwards, it asks."""
    others, others_ask = cached
    truly = iter(domains(1000, "truly"))
    for recipient in domains(1000, "truly"):
        dbl.says(recipient.partition("@")[2], "127.0.0.2")
    daemon.start_zones()
    dbl.lists_the_world()
    assert refused(daemon, domains(50)) == []
    daemon.wait_feed("dbl", state="off")
    others_ask()  # after the last of our probes that was bad
    dbl.all = None
    daemon.refresh("dbl")
    assert daemon.wait_feed("dbl", state="on", seconds=20)["why"].startswith("what a resolver")
    assert refused(daemon, [next(truly) for _ in range(3)]) != []
    assert refused(daemon, domains(50) + others) == []


def test_mad_zone_is_taken_out_and_put_back(daemon, dbl, cached):
    """What anybody does who reads the warning."""
    others, others_ask = cached
    daemon.start_zones()
    dbl.lists_the_world()
    assert refused(daemon, domains(50)) == []
    others_ask()
    daemon.wait_feed("dbl", state="off")
    section = daemon.config.pop("dnsbl dbl")
    daemon.reload()
    wait_until("it is gone", lambda: daemon.feed_status("dbl") is None)
    dbl.all = None
    daemon.config["dnsbl dbl"] = section
    daemon.reload()
    daemon.wait_feed("dbl", state="on", seconds=20)
    assert refused(daemon, domains(50) + others) == []


def test_killed_while_a_zone_is_mad(daemon, dbl, cached):
    others, others_ask = cached
    daemon.start_zones()
    dbl.lists_the_world()
    assert refused(daemon, domains(50)) == []
    others_ask()
    daemon.wait_feed("dbl", state="off")
    wait_until("it is written down", (daemon.state / "dnsbl.doubts").exists)
    daemon.kill()
    dbl.all = None
    daemon.start_zones()
    assert refused(daemon, domains(50) + others) == []


def test_killed_after_its_listings_were_forgotten(daemon, dbl):
    """What was saved before it went mad does not come back."""
    daemon.start_zones()
    daemon.wait_blocked(BAD)
    assert daemon.stop() == 0
    daemon.start_zones()
    assert daemon.blocks(BAD)
    dbl.lists_the_world()
    assert refused(daemon, domains(50)) == []
    daemon.wait_feed("dbl", state="off")
    wait_until("it is written down", (daemon.state / "dnsbl.doubts").exists)
    daemon.kill()
    dbl.all = None
    del dbl.names["bad.example.org"]
    daemon.start_zones()
    assert refused(daemon, [BAD] + domains(50)) == []


def test_what_was_listed_by_luck_before(daemon, dbl):
    """One of its servers was mad for longer; that is known when it is caught."""
    daemon.start_zones()
    dbl.says("half.example.org", "127.0.0.2")
    daemon.wait_blocked("any@half.example.org")
    dbl.lists_the_world()
    assert refused(daemon, domains(50)) == []
    daemon.wait_feed("dbl", state="off")
    dbl.all = None
    del dbl.names["half.example.org"]
    daemon.refresh("dbl")
    daemon.wait_feed("dbl", state="on", seconds=20)
    assert refused(daemon, ["any@half.example.org", BAD]) == [BAD]


def test_one_warning_while_it_is_off(daemon, dbl):
    daemon.start_zones()
    mark = daemon.mark()
    dbl.lists_the_world()
    for _ in range(3):
        refused(daemon, domains(50))
        daemon.refresh("dbl")
    daemon.wait_feed("dbl", state="off")
    daemon.wait_log("dbl: .*switched off", since=mark)  # the disk writes it a moment later
    warnings = [
        line for line in daemon.log_since(mark).splitlines()
        if "dbl" in line and re.search("warning|off", line)
    ]
    assert len(warnings) == 1, warnings


def test_many_questions_while_the_zone_is_slow(daemon, dbl):
    """More than are let on their way at once: mail flows, and what is asked later is found."""
    daemon.config["policy"]["deadline"] = "500ms"
    daemon.config["dns"]["max_questions"] = 50
    daemon.start_zones()
    dbl.delay = 0.3
    assert refused(daemon, domains(1000), connections=200) == []
    dbl.delay = 0
    daemon.refresh("dbl")
    daemon.wait_blocked(BAD)


def test_garbage_instead_of_answers(daemon, dns, dbl):
    """Whatever comes from the port of a resolver."""
    daemon.config["policy"]["deadline"] = "500ms"
    daemon.config["dnsbl dbl"]["timeout"] = "200ms"
    daemon.start_zones()
    whole = dns._message
    damage = [lambda m: m[:2], lambda m: m[:12], lambda m: m[:-1], lambda m: m[:20] + b"\xff" * 50,
              lambda m: m[:6] + b"\xff\xff" + m[8:], lambda m: b"", lambda m: m + b"\xc0\x0c" * 40]
    kinds = iter(range(1 << 30))
    dns._message = lambda *a, **k: damage[next(kinds) % len(damage)](whole(*a, **k))
    for recipient in domains(30):
        assert daemon.ask(recipient) == "DUNNO"
    del dns._message
    wait_until("it is probed well", lambda: daemon.refresh("dbl")[1]["state"] == "on")
    daemon.wait_blocked(BAD)


def test_zone_goes_while_somebody_waits_for_its_probe(daemon, dns, dbl):
    """Who waits is told, and looks at the zones that stay."""
    zone = dns.zone("other.example.net")
    daemon.zone("other", zone.name)
    daemon.start_zones()
    for each in dns.zones.values():
        each.delay = 2
    answers = {}
    threads = [
        threading.Thread(target=lambda n=name: answers.update({n: daemon.refresh(n)}))
        for name in ("dbl", "other")
    ]
    for thread in threads:
        thread.start()
    wait_until("the probes are sent", lambda: dbl.asked("test") > 1 and zone.asked("test") > 1)
    del daemon.config["dnsbl dbl"]
    daemon.reload()
    for thread in threads:
        thread.join(20)
    assert (answers["dbl"][0], answers["other"][0]) == (404, 200)
    assert daemon.alive()
