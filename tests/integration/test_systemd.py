"""Under a service manager: sockets that outlive the daemon, and what it tells of itself."""

import os
import re
import shutil
import signal
import sys
import threading
import time

import pytest

import postfix
from asker import Asker
from daemon import SANDBOX
from policyclient import PolicyClient, query
from servicemanager import ServiceManager
from support import DAEMON, ROOT, run, wait_until

LISTED, FREE = "drop-box@example.com", "colleague@example.net"


@pytest.fixture
def manager(daemon):
    daemon.list_file("main", f"{LISTED}\n")
    m = ServiceManager(daemon, watchdog_s=0.4)
    yield m
    m.close()


def begin(manager):
    manager.daemon.spawn()
    manager.wait_told("READY=1")
    manager.daemon.wait_blocked(LISTED)
    return manager.daemon


# sockets


def test_sockets_that_were_passed(manager):
    daemon = begin(manager)
    for name in (daemon.unix, daemon.inet):
        daemon.wait_log(re.escape(f"listening on {name}, which was passed to us"))
    assert daemon.ask(LISTED, tcp=True).startswith("550 ")
    assert daemon.command("check", FREE).returncode == 0
    inodes = [os.stat(path).st_ino for path in (daemon.socket, daemon.admin)]
    assert manager.restart() == 0
    assert inodes == [os.stat(path).st_ino for path in (daemon.socket, daemon.admin)]
    assert daemon.ask(LISTED).startswith("550 ")
    assert daemon.stop() == 0
    assert daemon.socket.exists() and daemon.admin.exists()


def test_who_connects_meanwhile_waits(manager):
    daemon = begin(manager)
    assert daemon.stop() == 0
    with daemon.client() as one, daemon.client(tcp=True) as other:
        one.send(query(LISTED))
        other.send(query(FREE))
        daemon.spawn()
        assert one.reply().startswith("550 ")
        assert other.reply() == "DUNNO"


def test_places_of_the_unit_without_listen(manager):
    """[policy] listen and [admin] listen are not written: what the unit says counts."""
    daemon = manager.daemon
    del daemon.config["policy"]["listen"]
    begin(manager)
    assert daemon.ask(LISTED, tcp=True).startswith("550 ")
    assert "/var/spool/postfix" not in daemon.log()
    page = daemon.api("GET", "/metrics")[1].decode()
    assert len(re.findall(r"^rcptguard_policy_connections_max\{", page, re.M)) == 2


def test_listen_beside_the_unit(manager):
    """A place that is written and was not passed is bound too."""
    daemon = manager.daemon
    path = daemon.run_directory / "more.sock"
    daemon.config["policy"]["listen"] += f" unix:{path}"
    begin(manager)
    with PolicyClient(f"unix:{path}") as client:
        assert client.ask(LISTED).startswith("550 ")
    assert daemon.stop() == 0
    assert not path.exists()


def test_admin_socket_elsewhere(manager):
    daemon = manager.daemon
    daemon.config["admin"]["listen"] = f"unix:{daemon.run_directory}/other.sock"
    begin(manager)
    assert daemon.command("status").returncode in (0, 1)
    daemon.wait_log(r"warning: .*other\.sock is not listened on")


@pytest.mark.parametrize("name", ["", "what"])
def test_a_socket_of_unknown_purpose(manager, name):
    """Who connects there would wait for an answer that nobody gives."""
    daemon = manager.daemon
    path = manager.directory / "third.sock"
    manager.listen_also(path, name)
    daemon.spawn()
    assert daemon.wait_end() == 78
    assert f"unix:{path} was passed as '{name}', and nobody here takes it" in daemon.log()


def test_admin_by_tcp(daemon):
    """Nobody could be told from anybody."""
    daemon.list_file("main", f"{LISTED}\n")
    del daemon.config["policy"]["listen"]
    manager = ServiceManager(daemon, names="policy:admin:policy")
    try:
        daemon.spawn()
        assert daemon.wait_end() == 78
        assert "the socket that was passed as 'admin' is no unix socket" in daemon.log()
    finally:
        manager.close()


def test_nothing_for_postfix(daemon):
    daemon.list_file("main", f"{LISTED}\n")
    del daemon.config["policy"]["listen"]
    manager = ServiceManager(daemon, names="x:y:admin")
    try:
        daemon.spawn()
        assert daemon.wait_end() == 78
        assert "FileDescriptorName=policy" in daemon.log()
    finally:
        manager.close()


# notifications


def test_it_tells_how_it_is(manager):
    daemon = begin(manager)
    wait_until(
        "a status with its list",
        lambda: any(
            line.startswith("STATUS=refuses mail: 1 addresses and domains of 1 lists")
            for line in manager.read()
        ),
        15,
    )
    manager.forget()
    daemon.config["policy"]["mode"] = "observe"
    daemon.reload()
    manager.wait_told("READY=1")
    told = [line.partition("=")[0] for line in manager.read()]
    assert told.index("RELOADING") < told.index("MONOTONIC_USEC") < told.index("READY")
    assert any(line.startswith("STATUS=observes: ") for line in manager.read())
    manager.forget()
    assert daemon.stop() == 0
    assert manager.read()[0] == "STOPPING=1"


def test_a_reload_that_fails(manager):
    daemon = begin(manager)
    manager.forget()
    daemon.config["policy"]["mode"] = "nonsense"
    daemon.reload()
    manager.wait_told("READY=1")
    assert any("the last reload changed nothing" in line for line in manager.read())
    assert daemon.ask(LISTED).startswith("550 ")


def test_watchdog(manager):
    """It hears of us while we live, and no more when the loop stands still."""
    daemon = begin(manager)
    for _ in range(3):
        manager.forget()
        manager.wait_told("WATCHDOG=1")
    daemon.signal(signal.SIGSTOP)
    try:
        wait_until("it stands still", lambda: stopped(daemon.process.pid))
        manager.forget()
        time_out = time.monotonic() + 1  # more than twice the watchdog's time
        while time.monotonic() < time_out:
            assert "WATCHDOG=1" not in manager.read()
            time.sleep(0.05)
    finally:
        daemon.signal(signal.SIGCONT)
    manager.wait_told("WATCHDOG=1")


def stopped(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"


# restarts under load


RESTARTS = 200


@pytest.mark.seconds(240)
def test_restarts_under_load(manager):
    """Not one question is lost or answered wrongly, and Postfix has nothing to say."""
    if not postfix.installed():
        pytest.skip("Postfix is not here")
    daemon = begin(manager)
    # Some 2,000 questions a second: what keeps the CPUs busy all the time shows no more.
    askers = [
        Asker(address, LISTED, FREE, pause=0.002)
        for address in (daemon.unix, daemon.inet)
        for _ in range(2)
    ]
    relay = postfix.Postfix(daemon.inet)
    results = []

    def send():
        while askers[0].go_on:
            results.append(relay.send([LISTED, FREE]))

    try:
        relay.start()
        sender = threading.Thread(target=send, daemon=True)
        for thread in [*askers, sender]:
            thread.start()
        for _ in range(RESTARTS):
            assert manager.restart() == 0
        for asker in askers:
            asker.go_on = False
        for thread in [*askers, sender]:
            thread.join(30)
        log = relay.log()
    finally:
        relay.close()
    assert [w for asker in askers for w in asker.wrong] == []
    assert min(asker.answers for asker in askers) > RESTARTS
    assert sum(asker.again for asker in askers) > 0  # restarts did fall into questions
    assert results and all(r[LISTED][0] == 550 and r[FREE][0] == 250 for r in results), results
    complaints = re.findall(r".*smtpd.*warning: .*", log)
    assert not complaints, complaints[:5]


# the units


needs_analyze = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not here"
)


@pytest.fixture
def units(tmp_path):
    """The units, with programs that are there."""
    for unit in (ROOT / "systemd").iterdir():
        if unit.suffix in (".service", ".socket"):
            text = unit.read_text().replace("/usr/sbin/rcptguardd", str(DAEMON))
            (tmp_path / unit.name).write_text(text)
    return sorted(tmp_path.iterdir())


@needs_analyze
def test_units_are_valid(units):
    result = run("systemd-analyze", "verify", "--man=no", *units)
    assert result.returncode == 0 and result.stdout + result.stderr == ""


@needs_analyze
def test_exposure(units):
    """1.5 of 10, of which 0.5 are the network and 0.4 sockets at all."""
    service = next(unit for unit in units if unit.suffix == ".service")
    result = run("systemd-analyze", "security", "--offline=true", "--threshold=15", service)
    assert result.returncode == 0, result.stdout[-3000:]


def test_the_filter_bites():
    """What the other tests run under is no empty word."""
    if not SANDBOX:
        pytest.skip("needs root, systemd-analyze and libseccomp")
    script = """
import os, socket
for call in (lambda: os.setuid(0), lambda: os.chroot("/"), lambda: os.chown("/", 0, 0),
             lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)):
    try:
        call()
        print("allowed")
    except PermissionError:
        print("denied")
os.setpriority(os.PRIO_PROCESS, 0, 10)
socket.socket(socket.AF_INET)
"""
    result = run(*SANDBOX, sys.executable, "-I", "-c", script)
    assert result.stdout.split() == ["denied"] * 4, result.stderr
