"""Start, drop of privileges, the first minutes without a list."""

import contextlib
import os
import re
import shutil
import socket
import time

import pytest

from daemon import Daemon
from support import DROP_USER, IS_ROOT, run, wait_until

pytestmark = pytest.mark.as_root

LISTED = "listed@example.org"


def ids(daemon):
    text = open(f"/proc/{daemon.process.pid}/status").read()
    return {
        name: set(re.search(rf"^{name}:\s*(.*)$", text, re.MULTILINE).group(1).split())
        for name in ("Uid", "Gid", "Groups", "CapEff", "CapPrm")
    }


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_drops_to_user(daemon):
    daemon.list_file("main", f"{LISTED}\n")
    daemon.start()
    daemon.wait_blocked(LISTED)
    found = ids(daemon)
    assert found["Uid"] == {"65534"} and found["Gid"] == {"65534"}
    assert "0" not in found["Groups"]
    assert found["CapEff"] == {"0" * 16} and found["CapPrm"] == {"0" * 16}
    for path in daemon.state.rglob("*"):
        if path.suffix == ".new":
            continue  # on its way to another name, and perhaps there already
        assert path.owner() == DROP_USER, path
        assert path.stat().st_mode & 0o002 == 0, path


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_only_state_dir_is_written(daemon):
    """Everything else may be read-only for its user: fetches, holds, reloads and the end work."""
    path = daemon.list_file("main", "".join(f"u{i}@example.org\n" for i in range(200)))
    for directory in (daemon.local, daemon.directory):
        shutil.chown(directory, "root", "root")
        directory.chmod(0o755)
    shutil.chown(daemon.exclusions, "root", "root")
    daemon.start()
    daemon.wait_blocked("u0@example.org")
    path.write_text("".join(f"u{i}@example.org\n" for i in range(100)))
    daemon.wait_feed("main", state="held")
    assert daemon.command("accept", "main").returncode == 0
    daemon.exclusions.write_text("u0@example.org\n")
    daemon.wait_free("u0@example.org")
    assert daemon.stop() == 0
    strangers = [
        p for p in daemon.directory.rglob("*")
        if p.owner() == DROP_USER and daemon.state not in p.parents
        and p not in (daemon.state, daemon.run_directory)
    ]
    assert strangers == []


@pytest.mark.parametrize("section, key, value", [
    ("policy", "listen", "inet:192.0.2.1:10040"),
    ("admin", "http", "192.0.2.1:9340"),
])
def test_an_address_that_may_come(daemon, section, key, value):
    """A network that is late at boot: tried again by the service manager, which leaves 78 alone."""
    daemon.config[section][key] = value
    daemon.spawn()
    assert daemon.wait_end() == 71
    assert "this host has no address 192.0.2.1" in daemon.log()


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_unknown_user(daemon):
    daemon.config["daemon"]["user"] = "no-such-user-here"
    daemon.spawn()
    assert daemon.wait_end() == 78
    assert "no-such-user-here" in daemon.log()


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_unknown_group(daemon):
    daemon.config["policy"]["socket_group"] = "no-such-group-here"
    daemon.spawn()
    assert daemon.wait_end() == 78
    assert "no-such-group-here" in daemon.log()


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_what_its_user_cannot_read_is_told_at_start(daemon):
    """Read as root it would be there at start, and gone at the first reload."""
    daemon.protected.chmod(0o600)
    daemon.list_file("main", f"{LISTED}\n")
    daemon.start()
    daemon.wait_log(r"warning: protect: .*Permission denied; only the built-in domains are protected")


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_user_root_is_warned_about(daemon):
    daemon.config["daemon"]["user"] = "root"
    daemon.start()
    daemon.wait_log(r"warning: .*root")


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_socket_owner_and_mode(daemon):
    daemon.config["policy"].update(socket_mode="0640", socket_group="daemon")
    daemon.start()
    assert daemon.socket.stat().st_mode & 0o777 == 0o640
    assert daemon.socket.group() == "daemon"


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_state_dir_that_cannot_be_used(daemon):
    shutil.chown(daemon.state, "root", "root")
    daemon.state.chmod(0o755)
    daemon.spawn()
    assert daemon.wait_end() != 0
    assert f"chown -R 65534 {daemon.state}" in daemon.log()


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_state_dir_that_cannot_be_written(daemon):
    """All that was kept is read and in force; that nothing more is kept is no small matter."""
    daemon.list_file("main", f"{LISTED}\n")
    daemon.start()
    daemon.wait_blocked(LISTED)
    assert daemon.stop() == 0
    kept = [daemon.state, *daemon.state.rglob("*")]
    for path in kept:
        shutil.chown(path, "root", "root")
        path.chmod(0o755 if path.is_dir() else 0o644)
    daemon.exclusions.write_text("one@example.org\n")
    daemon.start()
    daemon.wait_blocked(LISTED)
    words = f"chown -R 65534 {daemon.state}"

    def reasons():
        return [r for r in daemon.api("GET", "/v1/status")[1]["reasons"] if words in r]

    wait_until("both are told", lambda: reasons() and "exclusions, feed main" in reasons()[0])
    status = daemon.command("status")
    assert status.returncode == 1 and words in status.stdout
    for path in [daemon.state, *daemon.state.rglob("*")]:
        shutil.chown(path, DROP_USER)
    daemon.wait_log("exclusions: the copy for the next start is kept again")
    wait_until("the feed is kept again", lambda: daemon.command("status").returncode == 0, 40)


@pytest.mark.parametrize("broken", ["references", "history"])
def test_stores_that_cannot_be_used(daemon, broken):
    """What is only kept for explanations must not keep lists from being in force."""
    (daemon.state / broken).write_text("no directory")
    daemon.list_file("main", f"{LISTED}\n")
    daemon.start()
    daemon.wait_blocked(LISTED)
    daemon.wait_log(rf"{broken}: .*{broken}")
    assert daemon.command("check", LISTED).returncode == 1
    path = {"references": "/v1/why/BCDFGH", "history": "/v1/history?recipient=" + LISTED}[broken]
    status, answer = daemon.api("GET", path)
    assert status in (200, 503, 404) and isinstance(answer, dict), (status, answer)
    assert daemon.api("POST", "/v1/exclusions", body={"what": LISTED})[0] == 201
    assert not daemon.blocks(LISTED)


def test_no_list_yet(daemon):
    """It serves at once, and says that it blocks nobody."""
    daemon.feed("main", f"file:{daemon.directory}/not-there-yet")
    daemon.start()
    assert daemon.ask(LISTED) == "DUNNO"
    daemon.wait_log(r"main")
    assert daemon.wait_feed("main", state="failed")["last_error"]
    assert daemon.command("status").returncode == 1
    (daemon.directory / "not-there-yet").write_text(f"{LISTED}\n")
    daemon.wait_blocked(LISTED)
    wait_until("healthy", lambda: daemon.command("status").returncode == 0)


def test_no_feeds_at_all(daemon):
    daemon.start()
    assert daemon.ask(LISTED) == "DUNNO"


def test_saved_lists_serve_before_any_fetch(daemon):
    path = daemon.list_file("main", "".join(f"u{i}@example.org\n" for i in range(50000)))
    daemon.start()
    daemon.wait_blocked("u49999@example.org")
    daemon.stop()
    path.unlink()
    for _ in range(3):
        daemon.start()
        assert daemon.blocks("u0@example.org") and daemon.blocks("u49999@example.org")
        daemon.stop()


def test_stop_in_the_moment_when_a_list_is_in_force(daemon):
    """It is not saved yet, and is what the next start begins with all the same."""
    path = daemon.list_file("main", "")
    for i in range(10):
        path.write_text(f"u{i}@example.org\n")
        daemon.start()
        daemon.wait_blocked(f"u{i}@example.org")
        daemon.stop()
        path.unlink()
        daemon.start()
        assert daemon.blocks(f"u{i}@example.org"), i
        daemon.stop()


def test_settings_changed_while_away(daemon):
    """Rule 7a: a list that was shaped otherwise counts for nothing until it is built again from
    its stored copy; one that is no longer configured counts for nothing."""
    daemon.list_file("aper", "a@example.org,A,20200101\ne@example.org,E,20200101\n", format="aper")
    other = daemon.list_file("other", "o@example.org\n")
    daemon.start()
    daemon.wait_blocked("a@example.org")
    daemon.wait_blocked("o@example.org")
    assert not daemon.blocks("e@example.org")
    daemon.stop()
    del daemon.config["feed other"]
    daemon.config["feed aper"]["types"] = "E"
    (daemon.directory / "aper.list").unlink()
    daemon.start()
    assert not daemon.blocks("a@example.org")
    assert not daemon.blocks("o@example.org")
    daemon.wait_blocked("e@example.org")
    assert other.exists()


def test_missing_loopback_address_is_a_warning(daemon):
    """A host without IPv6 still serves IPv4."""
    daemon.config["policy"]["listen"] += " inet:[::1]:%d" % (daemon.port + 1)
    daemon.start()
    assert daemon.ask(LISTED) == "DUNNO"


def test_descriptor_limit_is_raised(daemon):
    daemon.wrapper = ["prlimit", "--nofile=256:"]
    daemon.start()
    limits = open(f"/proc/{daemon.process.pid}/limits").read()
    soft, hard = re.search(r"Max open files\s+(\d+)\s+(\d+)", limits).groups()
    assert int(soft) >= min(int(hard), 4096) > 256


def test_sigusr1_and_sigpipe_are_harmless(daemon):
    daemon.start()
    for number in (10, 13):
        daemon.signal(number)
    assert daemon.ask(LISTED) == "DUNNO"


def test_a_log_reader_that_stops_reading(daemon):
    """stderr is a pipe that nobody reads: verdicts do not wait for it."""
    daemon.list_file("main", f"{LISTED}\n")
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    daemon.wrapper = ["bash", "-c", f'exec "$@" 2>&{writer}', "bash"]
    try:
        start_with(daemon, writer)
        worst = 0.0
        with daemon.client() as client:
            for i in range(5000):
                begin = time.monotonic()
                assert client.ask(LISTED, instance=f"pipe.{i}").startswith("550 ")
                worst = max(worst, time.monotonic() - begin)
        assert worst < 1.5
        assert daemon.stop() == 0
    finally:
        os.close(reader)
        os.close(writer)


def start_with(daemon, descriptor):
    daemon.pass_fds = (descriptor,)
    daemon.start()
    daemon.wait_blocked(LISTED)


def test_help():
    from support import DAEMON

    result = run(DAEMON, "--help")
    assert result.returncode == 0 and "-c" in result.stdout + result.stderr
    assert run(DAEMON, "--nonsense").returncode not in (0, 1)


def test_two_on_one_state_dir_are_told(daemon):
    """Each would overwrite the other's copies; one that was just stopped is no other."""
    daemon.start()
    assert daemon.stop() == 0
    daemon.start()
    other = Daemon()
    try:
        other.config["daemon"]["state_dir"] = daemon.state
        other.start()
        other.wait_log(f"warning: another rcptguardd uses {daemon.state}: .*a state_dir of its own")
        assert other.ask(LISTED) == "DUNNO"
        assert "another rcptguardd" not in daemon.log()
    finally:
        other.close()


def test_closed_descriptors(daemon):
    """The next that is opened would be stderr, and the log would be written there."""
    daemon.wrapper = ["bash", "-c", 'exec "$@" <&- >&- 2>&-', "bash"]
    daemon.list_file("main", f"{LISTED}\n")
    daemon.start()
    daemon.wait_blocked(LISTED)
    for fd in range(3):
        assert os.readlink(f"/proc/{daemon.process.pid}/fd/{fd}") == "/dev/null"


def test_clients_leave_some_descriptors(daemon):
    daemon.wrapper = ["prlimit", "--nofile=300"]
    daemon.list_file("main", f"{LISTED}\n")
    daemon.start()
    daemon.wait_blocked(LISTED)
    daemon.wait_log(r"max_clients = \d+ for each of \d+ sockets is more than the 236 descriptors")
    with contextlib.ExitStack() as stack:
        for _ in range(400):
            s = stack.enter_context(socket.socket(socket.AF_UNIX))
            s.connect(str(daemon.socket))
        daemon.wait_log("all but 64 of the 300 descriptors are taken")
        assert daemon.command("status").returncode == 0
        daemon.exclusions.write_text(f"{LISTED}\n")
        wait_until("the edit counts", lambda: daemon.api("GET", "/v1/exclusions")[1]["exclusions"])
