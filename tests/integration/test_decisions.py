"""[decisions] file: every line is valid, none is lost without a word, and whatever becomes of the file,
Postfix is answered."""

import json
import os
import pathlib
import re
import select
import shutil
import signal
import stat
import threading

import pytest

from daemon import check_config
from support import DROP_GROUP, DROP_USER, ROOT, give_to_drop_user, run, wait_until

jsonschema = pytest.importorskip("jsonschema")

SCHEMA = json.loads((ROOT / "docs" / "decisions.schema.json").read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
FIELDS = set(SCHEMA["definitions"]["decision"]["properties"])
LISTED = "listed@example.org"


def parse(text):
    """The objects of whole lines, each of which the schema finds good."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        VALIDATOR.validate(line)
        assert "lost" in line or set(line) == FIELDS
    return lines


class Log:
    """A daemon that logs decisions into a directory of its user's."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.directory = daemon.directory / "log.d"
        self.directory.mkdir()
        give_to_drop_user(self.directory)
        self.file = self.directory / "decisions"
        daemon.list_file("main", f"{LISTED}\n.example.edu\n")
        daemon.list_file("watch", "watched@example.org\n", action="observe")
        daemon.config["decisions"] = {"file": self.file, "log_passes": "no"}

    def start(self, passes=False):
        if passes:
            self.daemon.config["decisions"]["log_passes"] = "yes"
        self.daemon.start()
        self.daemon.wait_blocked(LISTED)
        self.daemon.wait_feed("watch", state="accepted")
        return self

    def status(self):
        return self.daemon.api("GET", "/v1/status")[1]["decisions"]

    def wait_status(self, what, probe):
        return wait_until(f"decisions: {what}; {self.status()}", lambda: probe(self.status()), 20)

    def wait_written(self):
        self.wait_status("all is written", lambda s: s["waiting_bytes"] == 0)

    def about(self, instance, file=None, count=1):
        """The lines of that transaction."""

        def lines():
            path = file or self.file
            found = [x for x in parse(path.read_text()) if x.get("instance") == instance] if path.exists() else []
            return found if len(found) >= count else None

        found = wait_until(f"{count} lines of {instance}", lines)
        assert len(found) == count
        return found

    def ask_many(self, count, prefix):
        """Passes, one connection, an instance each."""
        with self.daemon.client() as client:
            for i in range(count):
                assert client.ask("free@example.org", instance=f"{prefix}.{i}") == "DUNNO"


@pytest.fixture
def log(daemon):
    return Log(daemon)


def account_for(texts, prefix, asked):
    """In order, each one once or said to be lost; returns how many were lost."""
    number = lost = 0
    for line in [x for text in texts for x in parse(text)]:
        if "lost" in line:
            lost += line["lost"]
            number += line["lost"]
        elif (line["instance"] or "").startswith(prefix + "."):
            assert line["instance"] == f"{prefix}.{number}"
            number += 1
    assert number == asked
    return lost


# what is in it


def test_refusals(log):
    log.start()
    action = log.daemon.ask(
        "Listed+tag@Example.ORG", sasl_username="ann", queue_id="4F1", instance="a.1",
        client_address="2001:db8::1", sender="",
    )
    (line,) = log.about("a.1")
    assert line == {
        "ref": re.search("quote (\\w+)$", action)[1], "time": line["time"], "outcome": "reject",
        "recipient": "Listed+tag@Example.ORG", "canonical": "listed+tag@example.org", "sender": "",
        "sasl_username": "ann", "client": "2001:db8::1", "queue_id": "4F1", "instance": "a.1",
        "list": "main", "entry": LISTED, "date": None, "action": action, "evidence": None,
    }
    assert stat.S_IMODE(log.file.stat().st_mode) & 0o137 == 0
    found = log.daemon.api("GET", f"/v1/why/{line['ref']}")[1]
    assert {name: found[name] for name in FIELDS} == line


def test_outcomes(log):
    log.start()
    d = log.daemon
    d.ask("watched@example.org", instance="o.1")
    d.ask("free@example.org", instance="p.1")
    d.command("exclude", "x@a.example.edu")
    d.command("exclude", LISTED, "--list", "main")
    d.ask("x@a.example.edu", instance="e.1")
    d.ask(LISTED, instance="e.2")
    d.ask("y@a.example.edu", instance="r.1")
    log.about("r.1")
    (observed,) = log.about("o.1")
    assert observed["outcome"] == "observe" and observed["action"].startswith("550 ")
    text = log.file.read_text()
    assert "p.1" not in text and "e.1" not in text and "e.2" not in text
    d.config["decisions"]["log_passes"] = "yes"
    d.reload()
    wait_until("passes are logged", lambda: log.status()["log_passes"])
    d.ask("free@example.org", instance="p.2")
    d.ask("no address", instance="p.3")
    d.ask("x@a.example.edu", instance="e.3")
    d.ask(LISTED, instance="e.4")
    d.ask("z@a.example.edu", instance="r.2")
    log.about("r.2")
    (passed,), (odd,) = log.about("p.2"), log.about("p.3")
    assert (passed["outcome"], passed["action"], passed["ref"]) == ("pass", "DUNNO", None)
    assert odd["outcome"] == "pass" and odd["canonical"] is None
    for instance in ("e.3", "e.4"):
        (freed,) = log.about(instance)
        assert (freed["outcome"], freed["list"], freed["action"]) == ("excluded", "main", "DUNNO")


@pytest.mark.parametrize(
    "byte, shown",
    [("\x01", r"\x01"), ("\\", r"\x5C"), ('"', r"\x22"), ("<", r"\x3C"), ("\u202e", r"\xE2\x80\xAE"),
     ("\udcff", r"\xFF"), ("ö", "ö"), ("\U0001f4e7", "\U0001f4e7")],
)
def test_bytes_from_outside(log, byte, shown):
    log.start()
    log.daemon.ask(LISTED, sender=f"a{byte}b@example.net", sasl_username="u" * 300, instance="a.1")
    (line,) = log.about("a.1")
    assert line["sender"] == f"a{shown}b@example.net" and len(line["sasl_username"]) == 256


# files that come and go


def test_rotation(log):
    """Renamed again and again while questions come: every one of them is in one of the files."""
    log.start(passes=True)
    asked = 3000
    asking = threading.Thread(target=log.ask_many, args=(asked, "r"))
    asking.start()
    old = []
    while asking.is_alive() or len(old) < 3:
        wait_until("there is a file", log.file.exists)
        old.append(log.directory / f"decisions.{len(old)}")
        log.file.rename(old[-1])
        log.daemon.signal(signal.SIGUSR1)
        wait_until("a new file", log.file.exists)
    asking.join()
    log.daemon.stop()
    assert account_for([p.read_text() for p in (*old, log.file)], "r", asked) == 0


def test_removed(log):
    """Noticed without a signal, too."""
    log.start()
    log.daemon.ask(LISTED, instance="a.1")
    log.about("a.1")
    log.file.unlink()
    log.daemon.ask(LISTED, instance="a.2")
    log.about("a.2")
    log.file.unlink()
    log.daemon.signal(signal.SIGUSR1)
    wait_until("it is made anew", log.file.exists)


@pytest.mark.skipif(not shutil.which("logrotate"), reason="no logrotate here")
def test_logrotate(log):
    """The snippet as it is shipped, but for the names that this machine does not have."""
    log.start()
    snippet = (ROOT / "conf" / "logrotate").read_text()
    for name, ours in (
        ("/var/log/rcptguard/decisions", log.file),
        ("su rcptguard rcptguard", f"su {DROP_USER} {DROP_GROUP}"),
        ("systemctl kill --signal=USR1 --kill-whom=main rcptguard.service",
         f"kill -USR1 {log.daemon.process.pid}"),
    ):
        assert snippet.count(str(name)) == 1
        snippet = snippet.replace(str(name), str(ours))
    config = log.daemon.directory / "logrotate"
    config.write_text(snippet)
    config.chmod(0o644)
    log.daemon.ask(LISTED, instance="a.1")
    log.about("a.1")
    tried = run("logrotate", "-d", "-s", log.daemon.directory / "rotated", config)
    assert tried.returncode == 0 and "error" not in tried.stderr.lower(), tried.stderr
    done = run("logrotate", "-f", "-s", log.daemon.directory / "rotated", config)
    assert done.returncode == 0 and not done.stderr, done.stderr
    log.about("a.1", log.directory / "decisions.1")
    wait_until("a new file", log.file.exists)
    log.daemon.ask(LISTED, instance="a.2")
    log.about("a.2")
    assert "a.1" not in log.file.read_text()


def test_reload_takes_another_file(log):
    log.start()
    first, second = log.file, log.directory / "second"
    log.daemon.ask(LISTED, instance="a.1")
    log.daemon.config["decisions"]["file"] = second
    log.daemon.reload()
    log.wait_status("the other file", lambda s: s["file"] == str(second))
    log.daemon.ask(LISTED, instance="a.2")
    log.about("a.2", second)
    log.about("a.1", first)
    log.daemon.config["decisions"]["file"] = ""
    log.daemon.reload()
    wait_until("it is off", lambda: log.status() is None)
    log.daemon.ask(LISTED, instance="a.3")
    log.daemon.config["decisions"]["file"] = first
    log.daemon.reload()
    wait_until("it is on", log.status)
    log.daemon.ask(LISTED, instance="a.4")
    log.about("a.4", first)
    assert "a.3" not in first.read_text() + second.read_text() and "a.2" not in first.read_text()


def test_stop_and_kill(log):
    """SIGTERM writes what waits; after a crash in the middle of a line the next one is whole."""
    log.start(passes=True)
    log.ask_many(500, "s")
    assert log.daemon.stop() == 0
    assert account_for([log.file.read_text()], "s", 500) == 0
    with open(log.file, "a") as torn:
        torn.write('{"ref":null,"ti')
    log.daemon.start()
    log.daemon.ask("free@example.org", instance="t.1")
    log.wait_written()
    before, _, after = log.file.read_text().partition('{"ref":null,"ti\n')
    assert any(line["instance"] == "t.1" for line in parse(after)) and parse(before)


@pytest.mark.parametrize("what", ["no directory", "not allowed", "symlink", "directory", "device"])
def test_what_cannot_be_written(log, what):
    """The configuration is good, the daemon starts, says why, and takes it up when it is mended."""
    elsewhere = log.daemon.directory / "elsewhere"
    if what == "no directory":
        log.directory.rmdir()
    elif what == "not allowed":
        os.chown(log.directory, 0, 0)
    elif what == "symlink":
        log.file.symlink_to(elsewhere)
    elif what == "directory":
        log.file.mkdir()
    else:
        log.daemon.config["decisions"]["file"] = "/dev/null"
    log.daemon.write_config()
    checked = check_config(log.daemon.config_file)
    assert checked.returncode == 0 and "decisions" not in checked.stderr
    log.start()
    words = {
        "no directory": "its directory is missing", "not allowed": "may not be written",
        "symlink": "is a symbolic link", "directory": "neither a file nor a FIFO",
        "device": "neither a file nor a FIFO",
    }[what]
    log.daemon.wait_log(f"warning: decisions: /.*: .*{words}")
    log.daemon.ask(LISTED, instance="a.1")
    assert words in log.status()["problem"]
    said = log.daemon.command("status")
    assert said.returncode == 0 and words in said.stdout
    assert not elsewhere.exists()
    if what == "no directory":
        log.directory.mkdir()
    elif what == "symlink":
        log.file.unlink()
    elif what == "directory":
        log.file.rmdir()
    elif what == "device":
        log.daemon.config["decisions"]["file"] = log.file
        log.daemon.reload()
    give_to_drop_user(log.directory)
    log.about("a.1")
    log.wait_status("all is well", lambda s: s["problem"] is None)


# what takes nothing


def read_all(fd, log):
    """What comes until the daemon has nothing left."""
    text = b""

    def done():
        nonlocal text
        while select.select([fd], [], [], 0)[0]:
            more = os.read(fd, 1 << 16)
            if not more:
                break
            text += more
        return log.status()["waiting_bytes"] == 0 and not select.select([fd], [], [], 0)[0]

    wait_until("all of it was read", done, 20)
    return text.decode()


def flood(log, prefix, lost=200):
    """Asks until so many lines are lost; returns how many were asked."""
    asked = 0
    with log.daemon.client() as client:
        while log.status()["lost"] < lost:
            for _ in range(200):
                assert client.ask("free@example.org", instance=f"{prefix}.{asked}") == "DUNNO"
                asked += 1
    return asked


def test_fifo(log):
    """Nobody reads; somebody comes, goes in the middle, and another comes."""
    os.mkfifo(log.file, 0o600)
    give_to_drop_user(log.file)
    log.start(passes=True)
    log.daemon.wait_log("warning: decisions: .*is a FIFO that nobody reads")
    asked = flood(log, "f")
    log.daemon.wait_log("warning: decisions: .*lines are lost")
    assert log.daemon.blocks(LISTED)
    status = log.status()
    assert "nobody reads" in status["problem"] and status["waiting_bytes"] > 500_000
    said = log.daemon.command("status")
    assert said.returncode == 0 and "lost" in said.stdout and "nobody reads" in said.stdout
    page = log.daemon.api("GET", "/metrics")[1].decode()
    assert "\nrcptguard_decisions_writable 0\n" in page
    assert int(re.search(r'decisions_total\{result="lost"\} (\d+)', page)[1]) > 0
    log.daemon.command("exclude", "fast@example.org")  # the disk thread is free

    first = os.open(log.file, os.O_RDONLY | os.O_NONBLOCK)
    wait_until("it is written", lambda: select.select([first], [], [], 0)[0])
    os.read(first, 1000)
    os.close(first)
    log.wait_status("the reader has gone", lambda s: "nobody reads" in (s["problem"] or ""))
    assert log.daemon.ask("free@example.org", instance="x.0") == "DUNNO"

    second = os.open(log.file, os.O_RDONLY | os.O_NONBLOCK)
    text = read_all(second, log)
    log.daemon.wait_log("decisions: .* is written again; \\d+ lines lost")
    log.daemon.ask("free@example.org", instance="x.1")
    text += read_all(second, log)
    os.close(second)
    lines = parse(text)
    lost = sum(line.get("lost", 0) for line in lines)
    assert lost == log.status()["lost"] > 0
    assert lines[-1]["instance"] == "x.1"
    numbers = [int(x["instance"][2:]) for x in lines if (x.get("instance") or "").startswith("f.")]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) and numbers[-1] < asked


SMALL_DISK = [
    *("unshare", "--mount", "--propagation", "private", "sh", "-c"),
    'mount -t tmpfs -o size=128k,mode=777 none "$0" && exec "$@"',
]


def test_full_disk(log):
    """Lines wait, then are lost and counted; with room again the half-written line is finished."""
    if run(*SMALL_DISK, log.directory, "true").returncode != 0:
        pytest.skip("no mount namespace of our own here (a chroot)")
    log.daemon.wrapper = [*SMALL_DISK, log.directory, *log.daemon.wrapper]
    log.start(passes=True)
    inside = pathlib.Path(f"/proc/{log.daemon.process.pid}/root{log.directory}")
    filler = inside / "filler"
    filler.write_bytes(bytes(64 << 10))
    asked = flood(log, "d")
    log.daemon.wait_log("warning: decisions: .*No space left on device")
    status = log.status()
    assert "No space left" in status["problem"] and status["lost"] >= 200
    assert log.daemon.blocks(LISTED)
    assert not (inside / "decisions").read_text().endswith("\n")
    kept = (inside / "decisions").read_text()
    log.daemon.signal(signal.SIGUSR1)  # the same file: the half line is still to be finished
    log.daemon.ask("free@example.org", instance="x.x")  # the loop has seen the signal

    run("nsenter", "-t", log.daemon.process.pid, "-m", "mount", "-o", "remount,size=8m", log.directory)
    filler.unlink()
    log.daemon.wait_log("decisions: .* is written again; \\d+ lines lost")
    assert log.daemon.ask("free@example.org", instance=f"d.{asked}") == "DUNNO"
    log.wait_written()
    text = (inside / "decisions").read_text()
    assert text.startswith(kept)
    # Between them was one pass that belongs to nobody's count: that of the check above.
    lines = parse(text)
    lost = sum(line.get("lost", 0) for line in lines)
    assert lost == log.status()["lost"]
    numbers = [int(x["instance"][2:]) for x in lines if (x.get("instance") or "").startswith("d.")]
    assert numbers[:-1] == list(range(len(numbers) - 1)) and numbers[-1] == asked
