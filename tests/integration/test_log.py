"""The log: one safe line a refusal, as the contract has it."""

import os
import re
import socket

import pytest

from policyclient import REF
from support import run, wait_until, write_by_rename

LISTED = "listed@example.org"

LINE = re.compile(
    rf"(?P<kind>reject|observe): ref=(?P<ref>{REF}) to=<(?P<to>[^<>]*)> from=<(?P<sender>[^<>]*)>"
    r" sasl_username=<(?P<login>[^<>]*)> client=<(?P<client>[^<>]*)> queue_id=(?P<queue>\S*)"
    r" instance=(?P<instance>\S*) list=(?P<list>\S+) entry=<(?P<entry>[^<>]*)>"
    r" action=<(?P<action>[^<>]*)>$"
)


@pytest.fixture
def server(daemon):
    daemon.list_file("main", f"{LISTED}\n.example.edu\n")
    daemon.list_file("watch", "watched@example.org\n", action="observe")
    daemon.start()
    daemon.wait_blocked(LISTED)
    daemon.wait_feed("watch", state="accepted")
    return daemon


def refusals(server, instance, count=1):
    """The log's lines about that transaction; lines of others may still be on their way."""

    def matches():
        found = [m for m in map(LINE.search, server.log().splitlines()) if m]
        found = [m for m in found if m["instance"] == instance]
        return found if len(found) >= count else None

    found = wait_until(f"{count} refusals of {instance}", matches)
    assert len(found) == count
    return found


def test_refusal(server):
    action = server.ask(
        "Listed+tag@Example.ORG", sasl_username="ann", queue_id="4F1", instance="1a.2b.3c",
        client_address="2001:db8::1",
    )
    line = refusals(server, "1a.2b.3c")[0]
    assert line["kind"] == "reject" and line["ref"] in action
    assert (line["login"], line["client"], line["queue"]) == ("ann", "2001:db8::1", "4F1")
    assert (line["list"], line["entry"]) == ("main", LISTED)
    assert line["sender"] == "sender@example.net"
    assert line["to"].lower().startswith("listed")
    assert line["action"] == action


def test_one_line_for_a_repeated_question(server):
    for _ in range(5):
        server.ask(LISTED, instance="same.1")
    server.ask(LISTED, instance="other.1")
    refusals(server, "other.1")  # written in order: the others are there
    refusals(server, "same.1")
    assert int(re.search(r"queries .* repeated (\d+)", server.command("status").stdout).group(1)) >= 4


def test_observed(server):
    assert server.ask("watched@example.org", instance="a.1") == "DUNNO"
    line = refusals(server, "a.1")[0]
    assert (line["kind"], line["list"], line["entry"]) == ("observe", "watch", "watched@example.org")


def test_observe_mode(server):
    server.config["policy"]["mode"] = "observe"
    server.reload()
    server.wait_free(LISTED)
    assert server.ask("any@deep.example.edu", instance="a.1") == "DUNNO"
    line = refusals(server, "a.1")[0]
    assert (line["kind"], line["list"], line["entry"]) == ("observe", "main", ".example.edu")


def test_what_an_exclusion_frees(server):
    """What had decided is named, not the list that only watches; nothing was refused, so there is no reference."""
    write_by_rename(server.exclusions, f"{LISTED} list=main\n")
    server.wait_free(LISTED)
    assert server.ask(LISTED, instance="a.1") == "DUNNO"
    line = server.wait_log(r"excluded: .* instance=a\.1 .*").group()
    assert line.startswith("excluded: ref= to=<") and line.endswith(f"list=main entry=<{LISTED}> action=<DUNNO>"), line


def test_passes_are_not_logged(server):
    server.ask("free@example.org")
    server.ask(LISTED, instance="a.1")
    refusals(server, "a.1")
    assert "free@example.org" not in server.log()


@pytest.mark.parametrize(
    "byte, shown",
    [
        ("\x01", r"\x01"),
        ("\x7f", r"\x7f"),
        ("\\", r"\x5c"),
        ('"', r"\x22"),
        ("<", r"\x3c"),
        (">", r"\x3e"),
        ("\u202e", r"\xe2\x80\xae"),
        ("\u0085", r"\xc2\x85"),
        ("\udcff", r"\xff"),  # a byte that is no UTF-8
        ("ö", "ö"),
    ],
)
def test_bytes_from_outside(server, byte, shown):
    server.ask(LISTED, sender=f"a{byte}b@example.net", instance="a.1")
    assert refusals(server, "a.1")[0]["sender"].lower() == f"a{shown}b@example.net"


def test_long_values_are_cut(server):
    server.ask(LISTED, sender="s" * 5000 + "@example.net", sasl_username="u" * 5000, instance="a.1")
    line = refusals(server, "a.1")[0]
    assert len(line["sender"]) <= 270 and len(line["login"]) <= 270
    assert line["action"].startswith("550 5.7.1")


def test_null_sender_and_nothing(server):
    server.ask(
        LISTED, sender="", sasl_username=None, client_address=None, queue_id=None, instance="a.1"
    )
    line = refusals(server, "a.1")[0]
    assert line["sender"] == "" and line["login"] == ""


# the system's loggers

LOGGER = [
    *("unshare", "--mount", "--propagation", "private", "sh", "-c"),
    """
    mount -t tmpfs -o mode=755 none /dev && ln -s "$0" /dev/log &&
    mount -t tmpfs -o mode=755 none /run && mkdir -p /run/systemd/journal &&
    ln -s "$0" /run/systemd/journal/socket && exec "$@"
    """,
]


@pytest.fixture
def logger(daemon):
    """A socket in the place of /dev/log and of the journal's, as the daemon sees them."""
    path = daemon.directory / "logger"
    if run(*LOGGER, path, "true").returncode != 0:
        pytest.skip("no mount namespace of our own here (a chroot)")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(path))
        path.chmod(0o666)
        s.settimeout(10)
        daemon.wrapper = [*LOGGER, path, *daemon.wrapper]
        daemon.list_file("main", f"{LISTED}\n")
        yield s


def refusal_at(logger, instance):
    while True:
        record = logger.recv(1 << 16).decode()
        if f" instance={instance} " in record:
            return record


def test_syslog(daemon, logger):
    """As Postfix's own lines: facility mail, program[pid], and the same queue id and recipient."""
    daemon.config["daemon"]["log_target"] = "syslog"
    daemon.start()
    daemon.wait_blocked(LISTED)
    daemon.ask(LISTED, queue_id="4Z8vWx2PqLz9rTn", instance="s.1", sasl_username="ann")
    record = refusal_at(logger, "s.1")
    head = rf"<22>\w{{3}} [ \d]\d \d\d:\d\d:\d\d rcptguardd\[{daemon.process.pid}\]: "
    assert re.match(head + "reject: ", record) and LINE.search(record)
    assert f" to=<{LISTED}> " in record and " queue_id=4Z8vWx2PqLz9rTn " in record
    assert "RCPTGUARD_" not in record and "\n" not in record


@pytest.mark.parametrize("target", ["journal", "auto"])
def test_journal(daemon, logger, target):
    """The same line as the message, its values as fields; auto knows by JOURNAL_STREAM."""
    daemon.config["daemon"]["log_target"] = target
    log = os.stat(daemon.log_file)
    daemon.start({"JOURNAL_STREAM": f"{log.st_dev}:{log.st_ino}"})
    daemon.wait_blocked(LISTED)
    daemon.ask(LISTED, queue_id="4Z8", instance="j.1", sasl_username="ann\tRCPTGUARD_LIST=x", sender="")
    record = refusal_at(logger, "j.1")
    fields = dict(line.split("=", 1) for line in record.splitlines())
    line = LINE.match(fields.pop("MESSAGE"))
    ref = fields.pop("RCPTGUARD_REF")
    assert line["ref"] == ref and fields.pop("RCPTGUARD_ACTION") == line["action"]
    assert fields == {
        "PRIORITY": "6", "SYSLOG_FACILITY": "2", "SYSLOG_IDENTIFIER": "rcptguardd",
        "RCPTGUARD_OUTCOME": "reject", "RCPTGUARD_RECIPIENT": LISTED, "RCPTGUARD_CANONICAL": LISTED,
        "RCPTGUARD_SENDER": "", "RCPTGUARD_SASL_USERNAME": r"ann\x09RCPTGUARD_LIST=x",
        "RCPTGUARD_CLIENT": line["client"], "RCPTGUARD_QUEUE_ID": "4Z8", "RCPTGUARD_INSTANCE": "j.1",
        "RCPTGUARD_LIST": "main", "RCPTGUARD_ENTRY": LISTED,
    }
    assert "reject" not in daemon.log()
