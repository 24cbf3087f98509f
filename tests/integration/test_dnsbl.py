"""DNS zones: which names they are asked, what their answers mean, and what is remembered of them."""

import base64
import hashlib
import re
import resource
import time

import pytest

from daemon import check_config
from dnsservers import BAD, DBL, DROP, GOOD, SERVFAIL, Rbldnsd, Unbound
from policyclient import PolicyClient, is_refusal, query
from support import DAEMON, give_to_drop_user, run, wait_until, write_by_rename


def sha1(address):
    return hashlib.sha1(address.encode()).hexdigest()


def md5(address):
    return hashlib.md5(address.encode()).hexdigest()


def sha256b32(address):
    return base64.b32encode(hashlib.sha256(address.encode()).digest()).decode().rstrip("=").lower()


# real servers


@pytest.fixture(scope="module")
def rbldnsd():
    server = Rbldnsd(
        {
            DBL: ("dnset", ":127.0.1.2:spam: $\nbad.example.org\n.tree.example.org\n"),
            "ebl.example.net": ("generic", f"{sha1('jane.doe@example.org')} A 127.0.0.2\n"),
        }
    ).start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def unbound(rbldnsd):
    server = Unbound({DBL: rbldnsd.port, "ebl.example.net": rbldnsd.port}).start()
    yield server
    server.close()


@pytest.mark.parametrize("way", ["rbldnsd", "unbound"])
def test_real_lists(daemon, way, request):
    daemon.resolvers(request.getfixturevalue(way).port)
    daemon.zone("dbl", DBL, codes="127.0.[0;1].2")
    daemon.zone("ebl", "ebl.example.net", query="email-sha1")
    daemon.start_zones()
    assert is_refusal(daemon.ask(BAD), "dbl")
    assert is_refusal(daemon.ask("any@deep.tree.example.org"), "dbl")
    assert is_refusal(daemon.ask("Jane.Doe+tag@EXAMPLE.org"), "ebl")
    for recipient in (GOOD, "any@sub.bad.example.org", "any@example.org", "john@example.org"):
        assert daemon.ask(recipient) == "DUNNO", recipient
    check = daemon.api("GET", "/v1/check", recipient=BAD)[1]
    assert check["listings"][0]["text"] == "spam: bad.example.org"


# names


def test_parents(daemon, dns, dbl):
    parents = dns.zone("parents.example.net")
    dbl.says("example.co.uk", "127.0.0.2")
    parents.says("example.co.uk", "127.0.0.2")
    daemon.zone("parents", "parents.example.net", parents="yes")
    daemon.start_zones()
    assert is_refusal(daemon.ask("any@a.b.example.co.uk"), "parents")
    assert daemon.ask("any@c.co.uk") == "DUNNO"
    assert dbl.asked("example.co.uk") == 0
    assert [x for x in parents.labels() if x in ("b.example.co.uk", "co.uk", "uk")] == []
    assert is_refusal(daemon.ask("any@example.co.uk"), "dbl")  # itself


def test_domain_is_asked_as_a_label(daemon, dbl):
    dbl.says("xn--bcher-kva.example.org", "127.0.0.2")
    daemon.start_zones()
    assert is_refusal(daemon.ask("any@BÜCHER.Example.org."), "dbl")


@pytest.mark.parametrize("kind, digest", [("sha1", sha1), ("sha256b32", sha256b32), ("md5", md5)])
def test_addresses_are_asked_by_hash(daemon, dns, kind, digest):
    zone = dns.zone("ebl.example.net")
    zone.says(digest("username@gmail.com"), "127.0.0.2")
    zone.says(digest("jane.doe@example.org"), "127.0.0.2")
    daemon.resolvers(dns.port)
    daemon.zone("ebl", "ebl.example.net", query=f"email-{kind}")
    daemon.start_zones()
    for recipient in (
        "User.Name+tag@GoogleMail.com",
        "username@gmail.com",
        "Jane.DOE+x+y@example.ORG",
    ):
        assert is_refusal(daemon.ask(recipient), "ebl"), recipient
    for recipient in ("janedoe@example.org", "jane.doe@example.com"):
        assert daemon.ask(recipient) == "DUNNO", recipient


def test_addresses_as_seen(daemon, dns):
    """A list may hold the form with its tag too; a plain one is not asked for it."""
    seen = sha1("jane+news@example.org")
    plain, both = dns.zone("plain.example.net"), dns.zone("both.example.net")
    for zone in (plain, both):
        zone.says(seen, "127.0.0.2")
    daemon.resolvers(dns.port)
    daemon.zone("plain", "plain.example.net", query="email-sha1")
    daemon.zone("both", "both.example.net", query="email-sha1", as_seen="yes")
    daemon.start_zones()
    assert is_refusal(daemon.ask("Jane+News@example.org"), "both")
    assert plain.asked(seen) == 0 and plain.asked(sha1("jane@example.org")) == 1


def test_hashed_zones_never_see_the_address(daemon, dns):
    zone = dns.zone("ebl.example.net")
    daemon.resolvers(dns.port)
    daemon.zone("ebl", "ebl.example.net", query="email-sha1")
    daemon.start_zones()
    assert daemon.ask("jane.doe@gmail.com") == "DUNNO"  # a protected domain is no reason here
    assert zone.asked(sha1("janedoe@gmail.com")) == 1
    assert all(re.fullmatch("[0-9a-f]{40}", label) for label in zone.labels()), zone.labels()


# answers


@pytest.mark.parametrize(
    "keys, listed, clear",
    [
        ({"codes": "127.0.1.[2;4..6]"}, ["127.0.1.2", "127.0.1.5"], ["127.0.1.3", "127.0.0.2"]),
        ({"codes": "127.0.0.2 127.0.0.3"}, ["127.0.0.2", "127.0.0.3"], ["127.0.1.2"]),
        (
            {"mask": "127.0.0.(2|4|8)"},
            ["127.0.0.2", "127.0.0.12", "127.0.0.66"],
            ["127.0.0.64", "127.0.0.80", "127.0.1.2"],
        ),
    ],
    ids=["pattern", "several", "mask"],
)
def test_codes(daemon, dns, keys, listed, clear):
    zone = dns.zone(DBL)
    zone.says("test", listed[0])
    for address in listed + clear:
        zone.says(f"with-{address.replace('.', '-')}.org", address)
    daemon.resolvers(dns.port)
    daemon.zone("dbl", DBL, **keys)
    daemon.start_zones()
    for address in listed:
        assert daemon.blocks(f"any@with-{address.replace('.', '-')}.org"), address
    for address in clear:
        assert not daemon.blocks(f"any@with-{address.replace('.', '-')}.org"), address
    assert daemon.feed_status("dbl")["state"] == "on"


def test_one_listing_among_several_values(daemon, dbl):
    dbl.says("two.example.org", "127.0.0.9", "127.0.0.2")
    daemon.start_zones()
    assert is_refusal(daemon.ask("any@two.example.org"), "dbl")


def test_unknown_value_is_logged_once(daemon, dbl):
    for i in range(3):
        dbl.says(f"odd{i}.example.org", "127.0.0.99")
    daemon.start_zones()
    assert [daemon.ask(f"any@odd{i}.example.org") for i in range(3)] == ["DUNNO"] * 3
    daemon.wait_log(r"127\.0\.0\.99")
    assert len(re.findall(r".*127\.0\.0\.99.*", daemon.log())) == 1, daemon.log()
    assert daemon.feed_status("dbl")["state"] == "on"


def test_truncated_answers_come_by_tcp(daemon, dns, dbl):
    dbl.truncate = True
    daemon.start_zones()
    assert is_refusal(daemon.ask(BAD), "dbl")
    assert daemon.ask(GOOD) == "DUNNO"
    tcp = {q.name for q in dns.questions if q.tcp}
    assert {f"bad.example.org.{DBL}", f"good.example.org.{DBL}"} <= tcp


# questions


def test_ten_thousand_wait_for_one_question(daemon, dbl):
    connections, each = 1000, 10
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    dbl.says("bad.example.org", "127.0.0.2", delay=1.0)
    daemon.config["policy"]["deadline"] = daemon.config["dnsbl dbl"]["timeout"] = "30s"
    daemon.start_zones()
    clients = []
    try:
        for _ in range(connections):
            clients.append(PolicyClient(daemon.unix, timeout=30))
            clients[-1].send(b"".join(query(BAD) for _ in range(each)))
        answers = [client.reply() for client in clients for _ in range(each)]
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(answers) == 10000 and all(is_refusal(answer, "dbl") for answer in answers)
    assert dbl.asked("bad.example.org") == 1


def test_answers_are_remembered(daemon, dbl):
    daemon.start_zones()
    for _ in range(3):
        assert is_refusal(daemon.ask(BAD), "dbl")
        assert daemon.ask(GOOD) == "DUNNO"
    assert (dbl.asked("bad.example.org"), dbl.asked("good.example.org")) == (1, 1)
    status = daemon.feed_status("dbl")
    assert status["memory"] >= 4 and status["listings"] >= 1 and status["remembered"] >= 2
    assert status["listed"] >= 1 and status["errors"] == 0


def test_who_passes_or_is_listed_already_is_asked_of_nobody(daemon, dbl):
    cases = {
        "control": ("any@control.org", {}),
        "excluded": ("any@excluded.org", {}),
        "excluded from this list": ("any@partly.org", {}),
        "login": ("any@login.org", {"sasl_username": "abuse-desk"}),
        "sender": ("any@sender.org", {"sender": "abuse@example.edu"}),
        "feed": ("any@in-a-feed.org", {}),
        "block": ("any@in-blocks.org", {}),
        "protected": ("any@gmail.com", {}),
        "protected by file": ("any@protected.org", {}),
        "public suffix": ("any@co.uk", {}),
        "literal": ("any@[192.0.2.1]", {}),
        "no domain": ("postmaster", {}),
    }
    daemon.exclusions.write_text(
        "excluded.org\npartly.org list=dbl\nlogin:abuse-desk\nsender:abuse@example.edu\n"
    )
    daemon.protected.write_text("protected.org\n")
    daemon.blocks_file.write_text("in-blocks.org\n")
    daemon.config["blocks"] = {"file": daemon.blocks_file}
    daemon.list_file("main", "in-a-feed.org\n")
    daemon.start_zones()
    daemon.wait_blocked("any@in-a-feed.org")
    dbl.server.questions.clear()
    for recipient, attributes in cases.values():
        daemon.ask(recipient, **attributes)
    asked = set(dbl.labels())
    assert {
        case for case, (recipient, _) in cases.items() if recipient.partition("@")[2] in asked
    } == {"control"}
    # Nothing else was asked either, but for random names.
    assert not [x for x in asked if re.search(r"192|postmaster|\.uk|gmail", x)], asked


# decisions


def test_first_zone_in_configuration_order_decides(daemon, dns, dbl):
    """Whichever answers first."""
    second = dns.zone("second.example.net")
    second.says("bad.example.org", "127.0.0.2")
    daemon.zone("second", "second.example.net")
    daemon.start_zones()
    dbl.says("bad.example.org", "127.0.0.2", delay=0.2)
    assert is_refusal(daemon.ask(BAD), "dbl")


def test_zone_that_is_silent_hides_no_other(daemon, dns, dbl):
    second = dns.zone("second.example.net")
    second.says("bad.example.org", "127.0.0.2")
    daemon.zone("second", "second.example.net")
    daemon.config["dnsbl dbl"]["timeout"] = "300ms"
    daemon.start_zones()
    dbl.all = DROP
    assert is_refusal(daemon.ask(BAD), "second")


def test_zones_are_asked_side_by_side(daemon, dns):
    for i in range(6):
        zone = dns.zone(f"z{i}.example.net")
        daemon.zone(f"z{i}", zone.name)
    daemon.resolvers(dns.port)
    daemon.start_zones()
    for zone in dns.zones.values():
        zone.delay = 0.5
    begin = time.monotonic()
    assert daemon.ask(GOOD) == "DUNNO"
    assert 0.5 <= time.monotonic() - begin < 2
    assert [z.asked("good.example.org") for z in dns.zones.values()] == [1] * 6


def test_defer_and_observe(daemon, dns, dbl):
    soft, quiet = dns.zone("soft.example.net"), dns.zone("quiet.example.net")
    soft.says("soft.example.org", "127.0.0.2")
    quiet.says("quiet.example.org", "127.0.0.2")
    daemon.zone("soft", soft.name, action="defer")
    daemon.zone("quiet", quiet.name, action="observe")
    daemon.start_zones()
    assert daemon.ask("any@soft.example.org").startswith("450 4.7.1 on blocklist soft;")
    assert daemon.ask("any@quiet.example.org") == "DUNNO"
    daemon.wait_blocked(BAD)
    wait_until("quiet is known", lambda: daemon.feed_status("quiet")["listed"] >= 1)
    assert daemon.ask("any@quiet.example.org") == "DUNNO"
    daemon.wait_log(r"observe: ref=\S+ to=<any@quiet\.example\.org> .* list=quiet ")


def test_mode_observe(daemon, dbl):
    daemon.config["policy"]["mode"] = "observe"
    daemon.start_zones()
    assert daemon.ask(BAD) == "DUNNO"
    daemon.wait_log(r"observe: ref=\S+ to=<someone@bad\.example\.org> .* list=dbl ")


def test_reply(daemon, dbl):
    daemon.config["dnsbl dbl"]["reply"] = "5.7.26 ${list} lists ${entry}: ${recipient}, ${ref}"
    daemon.start_zones()
    assert re.fullmatch(
        r"550 5\.7\.26 dbl lists bad\.example\.org: someone@bad\.example\.org, [0-9A-Z]{6,12}",
        daemon.ask(BAD),
    )


def test_refusal_is_logged_with_its_evidence(daemon, dbl):
    daemon.start_zones()
    assert daemon.blocks(BAD)
    daemon.wait_log(
        r"reject: ref=\S+ to=<someone@bad\.example\.org> .* list=dbl entry=<bad\.example\.org>"
        r" action=<.*> evidence=<127\.0\.0\.2 since [^>]+>$"
    )


# time


def test_verdict_does_not_wait_past_the_deadline(daemon, dbl):
    daemon.config["policy"]["deadline"] = "300ms"
    daemon.start_zones()
    dbl.says("bad.example.org", "127.0.0.2", delay=2)
    begin = time.monotonic()
    assert daemon.ask(BAD) == "DUNNO"
    assert 0.29 <= time.monotonic() - begin < 1.8
    # The answer that came late is remembered.
    daemon.wait_blocked(BAD)
    assert dbl.asked("bad.example.org") == 1
    assert daemon.feed_status("dbl")["late"] >= 1


def test_verdict_does_not_wait_past_the_timeout_of_a_zone(daemon, dbl):
    daemon.config["dnsbl dbl"]["timeout"] = "300ms"
    daemon.start_zones()
    dbl.says("bad.example.org", "127.0.0.2", delay=2)
    begin = time.monotonic()
    assert daemon.ask(BAD) == "DUNNO"
    assert 0.29 <= time.monotonic() - begin < 1.8
    daemon.wait_blocked(BAD)
    assert dbl.asked("bad.example.org") == 1


@pytest.mark.parametrize("cut, delay", [(False, 2.5), (True, 1.2)], ids=["udp", "tcp"])
def test_answer_that_takes_seconds_fills_the_memory(daemon, dbl, cut, delay):
    """Whatever tries were sent meanwhile. Of one that is cut both parts take so long."""
    daemon.config["dnsbl dbl"]["timeout"] = "300ms"
    daemon.start_zones()
    dbl.says("bad.example.org", "127.0.0.2", delay=delay)
    dbl.truncate = cut
    assert daemon.ask(BAD) == "DUNNO"
    daemon.wait_blocked(BAD)
    assert dbl.asked("bad.example.org") == 1


# life


def test_restart_keeps_what_is_known(daemon, dns, dbl):
    daemon.start_zones()
    assert is_refusal(daemon.ask(BAD), "dbl")
    assert daemon.ask(GOOD) == "DUNNO"
    since = daemon.api("GET", "/v1/check", recipient=BAD)[1]["listings"][0]["since"]
    assert daemon.stop() == 0
    dns.questions.clear()
    daemon.start_zones()
    assert is_refusal(daemon.ask(BAD), "dbl")
    assert daemon.ask(GOOD) == "DUNNO"
    assert daemon.api("GET", "/v1/check", recipient=BAD)[1]["listings"][0]["since"] == since
    assert not {"bad.example.org", "good.example.org"} & set(dbl.labels())


def test_what_is_remembered_does_not_list_without_a_probe(daemon, dns, dbl):
    daemon.config["policy"]["deadline"] = "300ms"
    daemon.start_zones()
    daemon.wait_blocked(BAD)
    assert daemon.stop() == 0
    dns.stop()
    daemon.start()
    assert daemon.ask(BAD) == "DUNNO"
    assert daemon.feed_status("dbl")["state"] != "on"


def test_damaged_cache_is_a_warning(daemon, dbl):
    daemon.start_zones()
    assert daemon.blocks(BAD)
    assert daemon.stop() == 0
    saved = daemon.state / "dnsbl.cache"
    data = bytearray(saved.read_bytes())
    data[len(data) // 2] ^= 0xFF
    saved.write_bytes(data)
    mark = daemon.mark()
    daemon.start_zones()
    daemon.wait_log(r"dnsbl\.cache", since=mark)
    assert daemon.blocks(BAD)
    assert dbl.asked("bad.example.org") == 2


def test_reload_changes_zones(daemon, dns, dbl):
    daemon.start_zones()
    assert is_refusal(daemon.ask(BAD), "dbl")
    second = dns.zone("second.example.net")
    second.says("worse.example.org", "127.0.0.2")
    daemon.zone("second", second.name)
    daemon.reload()
    daemon.wait_feed("second", state="on")
    assert is_refusal(daemon.ask("any@worse.example.org"), "second")
    assert is_refusal(daemon.ask(BAD), "dbl")
    assert dbl.asked("bad.example.org") == 1  # its settings are the same: nothing is forgotten
    del daemon.config["dnsbl dbl"]
    daemon.reload()
    daemon.wait_free(BAD)
    assert daemon.feed_status("dbl") is None
    assert is_refusal(daemon.ask("any@worse.example.org"), "second")


def test_reload_with_other_codes_judges_anew(daemon, dbl):
    daemon.start_zones()
    assert daemon.blocks(BAD)
    daemon.config["dnsbl dbl"]["codes"] = "127.0.0.3"
    dbl.says("test", "127.0.0.3")
    daemon.reload()
    daemon.wait_free(BAD)
    daemon.config["dnsbl dbl"]["codes"] = "127.0.0.[2..3]"
    daemon.reload()
    daemon.wait_blocked(BAD)


def test_reload_refuses_bad_zones(daemon, dbl):
    daemon.start_zones()
    daemon.config["dnsbl dbl"]["codes"] = "127.0.0.[2"
    mark = daemon.mark()
    daemon.reload()
    daemon.wait_log(r"dnsbl dbl\.codes: ", since=mark)
    assert is_refusal(daemon.ask(BAD), "dbl")


def test_stop_while_questions_wait(daemon, dbl):
    daemon.config["policy"]["deadline"] = daemon.config["dnsbl dbl"]["timeout"] = "30s"
    daemon.start_zones()
    dbl.all = DROP
    with daemon.client() as one, daemon.client() as other:
        for client in (one, other):
            client.send(query(GOOD))
        wait_until("it is asked", lambda: dbl.asked("good.example.org"))
        assert daemon.stop(5) == 0
        for client in (one, other):
            try:
                assert client.reply() == "DUNNO"
            except (EOFError, ConnectionResetError):
                pass


def test_client_that_leaves_while_it_waits(daemon, dbl):
    daemon.start_zones()
    dbl.says("bad.example.org", "127.0.0.2", delay=0.3)
    for _ in range(20):
        with daemon.client() as client:
            client.send(query(BAD))
    daemon.wait_blocked(BAD)
    assert dbl.asked("bad.example.org") == 1


def test_answers_keep_their_order_on_a_connection(daemon, dbl):
    """A question that waits is not overtaken by those that are known."""
    daemon.start_zones()
    assert daemon.ask(GOOD) == "DUNNO"
    dbl.says("bad.example.org", "127.0.0.2", delay=0.2)
    with daemon.client() as client:
        client.send(query(GOOD) + query(BAD) + query(GOOD) + query(BAD))
        answers = [client.reply() for _ in range(4)]
    assert [is_refusal(answer, "dbl") for answer in answers] == [False, True, False, True]


# secrets


SECRET = "k3y0fthesite"


@pytest.fixture
def keyed(daemon, dns):
    """A zone whose name holds a secret, and that quotes its own name in its texts."""
    zone = dns.zone(f"{SECRET}.dbl.example.net")
    zone.says("bad.example.org", "127.0.0.2", text="seen in spam")
    key = daemon.directory / "zone.key"
    key.write_text(SECRET + "\n")
    give_to_drop_user(key)
    key.chmod(0o400)
    daemon.resolvers(dns.port)
    daemon.config["daemon"]["log_level"] = "debug"
    daemon.zone("dbl", "${secret}.dbl.example.net", secret=f"@{key}")
    return zone


def everything_shown(daemon):
    """What a person can get to see of a zone."""
    ref = re.search(r"quote (\S+)", daemon.ask(BAD))
    shown = [daemon.command("why", ref.group(1)).stdout] if ref else []
    for arguments in (("feeds",), ("status",), ("check", BAD, GOOD), ("history", BAD), ("top",)):
        for more in ((), ("--json",)):
            result = daemon.command(*arguments, *more)
            shown += [result.stdout, result.stderr]
    shown += [str(daemon.api("GET", path)) for path in ("/v1/feeds", "/v1/status", "/metrics")]
    for option in ("--dump-config", "-t"):
        result = run(DAEMON, option, "-c", daemon.config_file)
        shown += [result.stdout, result.stderr]
    return "\n".join(shown + [daemon.log()])


def test_secret_is_never_shown(daemon, dns, keyed):
    daemon.start_zones()
    assert is_refusal(daemon.ask(BAD), "dbl")
    shown = everything_shown(daemon)
    assert "***.dbl.example.net" in shown
    assert SECRET not in shown
    for misbehaviour in ("127.255.255.254", "203.0.113.9"):
        keyed.lists_the_world(misbehaviour)
        daemon.ask(f"any@{misbehaviour.replace('.', '-')}.org")
        daemon.wait_feed("dbl", state="off")
        assert SECRET not in everything_shown(daemon)
        keyed.all = None
        daemon.refresh("dbl")
        daemon.wait_feed("dbl", state="on", seconds=20)
    dns.stop()
    mark = daemon.mark()
    daemon.config["dnsbl dbl"]["timeout"] = "300ms"
    daemon.reload()
    daemon.wait_log("is in force", since=mark)
    for i in range(8):
        daemon.ask(f"any@dead{i}.org")
    daemon.wait_feed("dbl", state="off", seconds=20)
    assert SECRET not in everything_shown(daemon)


def test_secret_in_the_text_of_a_list_is_never_shown(daemon, keyed):
    keyed.says("bad.example.org", "127.0.0.2", text=f"see bad.example.org.{keyed.name.upper()}")
    daemon.start_zones()
    assert daemon.blocks(BAD)
    shown = everything_shown(daemon)
    assert "see bad.example.org." in shown
    assert SECRET not in shown.lower()


def test_bad_zone_is_told_without_its_secret(daemon, keyed):
    daemon.zone("dbl", "${secret}..dbl.example.net", secret=SECRET, codes="127.0.0.2")
    daemon.write_config()
    result = check_config(daemon.config_file)
    assert result.returncode == 78 and "dnsbl dbl.zone" in result.stderr
    assert SECRET not in result.stdout + result.stderr


# the command


def test_check_explains(daemon, dbl):
    daemon.start_zones()
    status, answer = daemon.api("GET", "/v1/check", recipient=BAD)
    assert status == 200 and answer["verdict"] == "reject"
    (listing,) = answer["listings"]
    assert listing["list"] == "dbl" and listing["entry"] == "bad.example.org"
    assert listing["action"] == "reject" and listing["excluded"] is False
    assert (listing["value"], listing["text"]) == ("127.0.0.2", "seen in spam")
    assert listing["since"] and listing["first_seen"] == listing["since"]
    (zone,) = answer["zones"]
    assert (zone["list"], zone["result"]) == ("dbl", "listed") and zone["answered"]
    shown = daemon.command("check", BAD)
    assert shown.returncode == 1
    for word in ("dbl", "bad.example.org", "127.0.0.2", "seen in spam"):
        assert word in shown.stdout, shown.stdout


def test_check_of_what_no_zone_lists(daemon, dbl):
    daemon.start_zones()
    answer = daemon.api("GET", "/v1/check", recipient=GOOD)[1]
    assert (answer["verdict"], answer["listings"]) == ("pass", [])
    assert [(z["list"], z["result"]) for z in answer["zones"]] == [("dbl", "clear")]
    assert daemon.command("check", GOOD).returncode == 0
    protected = daemon.api("GET", "/v1/check", recipient="any@gmail.com")[1]
    assert [z["result"] for z in protected["zones"] or []] in ([], ["not asked"])


def test_check_escapes_what_a_list_says(daemon, dbl):
    dbl.says("bad.example.org", "127.0.0.2", text='a\x1b[31m "b"\u009b\n')
    daemon.start_zones()
    shown = daemon.command("check", BAD)
    assert shown.returncode == 1 and r"\x1B[31m" in shown.stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown.stdout)


def test_check_of_one_list_that_is_excluded(daemon, dbl):
    write_by_rename(daemon.exclusions, "bad.example.org list=dbl ticket=T1\n")
    daemon.start_zones()
    assert daemon.ask(BAD) == "DUNNO"
    shown = daemon.command("check", BAD)
    assert shown.returncode == 0
    assert re.search(r"dbl not asked\n +dbl excluded by .*exclusions line 1.*T1", shown.stdout), shown.stdout
    assert "rcptguard unexclude bad.example.org --list dbl" in shown.stdout
    write_by_rename(daemon.exclusions, "bad.example.org list=other\n")
    daemon.wait_blocked(BAD)


def test_command_excludes_from_one_zone(daemon, dns, dbl):
    """The words of the help desk's page: a zone is a list as a feed is."""
    daemon.list_file("main", "any@in-a-feed.org\n")
    daemon.start_zones()
    assert daemon.blocks(BAD)
    done = daemon.command("exclude", BAD, "--list", "dbl", "--for", "7d", "--note", "delisting")
    assert done.returncode == 0, done.stderr
    assert daemon.ask(BAD) == "DUNNO"
    assert daemon.command("unexclude", BAD, "--list", "dbl").returncode == 0
    assert daemon.blocks(BAD)
    wrong = daemon.command("exclude", BAD, "--list", "dbk")
    assert wrong.returncode == 2 and "unknown list 'dbk': did you mean dbl?" in wrong.stderr


def test_why(daemon, dbl):
    daemon.start_zones()
    ref = re.search(r"quote (\S+)", daemon.ask(BAD)).group(1)
    status, why = daemon.api("GET", f"/v1/why/{ref}")
    assert status == 200 and (why["list"], why["entry"]) == ("dbl", "bad.example.org")
    assert re.match(r"127\.0\.0\.2 since ", why["evidence"])
    shown = daemon.command("why", ref)
    assert shown.returncode == 0 and "127.0.0.2 since " in shown.stdout


def test_history_says_of_whom_a_domain_is_the_parent(daemon, dns):
    """What is below a listed domain was only refused if that is what the zone is asked for."""
    zone = dns.zone("parents.example.net")
    zone.says("example.co.uk", "127.0.0.2")
    zone.says("deep.example.com", "127.0.0.2")
    daemon.resolvers(dns.port)
    daemon.zone("parents", zone.name, parents="yes")
    daemon.start_zones()
    for listed, entry, below in (
        ("any@example.co.uk", ".example.co.uk", 1),
        ("any@deep.example.com", "deep.example.com", 0),
    ):
        assert daemon.blocks(listed)
        assert daemon.blocks(listed.replace("@", "@sub.")) == bool(below)
        daemon.wait_history(listed)
        (change,) = daemon.api("GET", "/v1/history", recipient=listed)[1]["history"]
        assert change["entry"] == entry
        above = daemon.api("GET", "/v1/history", recipient=listed.replace("@", "@sub."))[1]
        assert len(above["history"]) == below


def test_history(daemon, dbl):
    daemon.start_zones()
    assert daemon.blocks(BAD)
    daemon.wait_history(BAD)
    (change,) = daemon.api("GET", "/v1/history", recipient=BAD)[1]["history"]
    assert (change["list"], change["change"]) == ("dbl", "added")
    assert change["entry"] == "bad.example.org"
    shown = daemon.command("history", BAD)
    assert shown.returncode == 0 and "dbl" in shown.stdout


def test_history_of_a_hashed_address(daemon, dns):
    dns.zone("ebl.example.net").says(sha1("jane@example.org"), "127.0.0.2")
    daemon.resolvers(dns.port)
    daemon.zone("ebl", "ebl.example.net", query="email-sha1")
    daemon.start_zones()
    assert is_refusal(daemon.ask("jane+tag@example.org"), "ebl")
    daemon.wait_history("jane@example.org")
    assert daemon.api("GET", "/v1/history", recipient="john@example.org")[1]["history"] == []


def test_feeds_shows_zones_behind_feeds(daemon, dbl):
    daemon.list_file("main", "listed@example.org\n")
    daemon.start_zones()
    assert daemon.blocks(BAD)
    feeds = daemon.api("GET", "/v1/feeds")[1]["feeds"]
    assert [(f["name"], f["kind"]) for f in feeds] == [("main", "feed"), ("dbl", "dnsbl")]
    zone = feeds[1]
    assert (zone["zone"], zone["query"], zone["state"], zone["why"]) == (DBL, "domain", "on", None)
    for field in ("state_since", "last_probe", "next_probe", "last_good", "questions", "probes"):
        assert zone[field], (field, zone)
    shown = daemon.command("feeds").stdout
    assert "dbl" in shown and DBL in shown
    assert daemon.command("status").returncode == 0


def test_refresh_probes_now(daemon, dbl):
    daemon.start_zones()
    before = daemon.feed_status("dbl")["probes"]
    status, zone = daemon.refresh("dbl")
    assert status == 200 and (zone["name"], zone["state"]) == ("dbl", "on")
    assert zone["probes"] > before
    assert daemon.command("refresh", "dbl").returncode == 0
    dbl.lists_the_world()
    result = daemon.command("refresh", "dbl")
    assert result.returncode == 1, result.stdout
    assert daemon.feed_status("dbl")["state"] == "off"


def test_refresh_that_is_not_answered_has_failed(daemon, dbl):
    """One failure switches nothing off, but nobody should read "on" for an answer."""
    daemon.start_zones()
    dbl.all = SERVFAIL
    status, zone = daemon.refresh("dbl")
    assert (status, zone["state"]) == (502, "on") and "SERVFAIL" in zone["error"]
    shown = daemon.command("refresh", "dbl")
    assert shown.returncode == 1 and "SERVFAIL" in shown.stdout + shown.stderr
    assert "SERVFAIL" in daemon.command("feeds").stdout
    dbl.all = None
    status, zone = daemon.refresh("dbl")
    assert (status, zone["state"], zone["why"]) == (200, "on", None)


def test_feeds_own_commands_do_not_take_zones(daemon, dbl):
    daemon.start_zones()
    for verb in ("accept", "rollback"):
        assert daemon.command(verb, "dbl").returncode in (1, 2)
    assert daemon.feed_status("dbl")["state"] == "on"
