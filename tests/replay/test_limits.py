"""Many clients, too many clients, no descriptors left, the end, and the sockets left behind."""

import os
import re
import signal
import threading
import time

import pytest

from daemon import Daemon
from policyclient import PolicyClient, is_refusal, query
from support import DAEMON, free_port, have_ipv6, run, wait_until

LISTED = "listed@example.org"
FREE = "free@example.org"


@pytest.fixture
def server(daemon):
    daemon.list_file("main", LISTED + "\n")
    return daemon


def started(server):
    server.start()
    server.wait_blocked(LISTED)
    return server


def test_hundreds_of_idle_connections(server):
    started(server)
    idle = [PolicyClient(a) for a in (server.unix, server.inet) for _ in range(300)]
    for client in idle:
        assert client.ask(FREE) == "DUNNO"
    begin = time.monotonic()
    for _ in range(200):
        assert server.blocks(LISTED)
    assert time.monotonic() - begin < 5
    for client in idle:  # silence is no reason to close
        assert client.ask(LISTED) != "DUNNO"
        client.close()


def ask_at_once(server, asked):
    """All of them before the daemon has its turn. ASKED: clients and recipients."""
    server.process.send_signal(signal.SIGSTOP)
    for client, recipients in asked:
        client.send(b"".join(query(recipient) for recipient in recipients))


def crowd_of(server, n):
    clients = [PolicyClient(server.inet if i % 3 == 0 else server.unix) for i in range(n)]
    return [(c, ([LISTED, FREE], [FREE], [LISTED])[i % 3]) for i, c in enumerate(clients)]


def hear_all(asked):
    for client, recipients in asked:
        for recipient in recipients:
            assert is_refusal(client.reply(), "main") == (recipient == LISTED)


def test_hundreds_ask_at_once(server):
    """Their answers go together, each to who asked."""
    started(server)
    crowd = crowd_of(server, 200)
    for _ in range(4):
        ask_at_once(server, crowd)
        server.process.send_signal(signal.SIGCONT)
        hear_all(crowd)
    ask_at_once(server, crowd)
    for client, _ in crowd[::2]:
        client.close()
    server.process.send_signal(signal.SIGCONT)
    hear_all(crowd[1::2])
    for client, _ in crowd:
        client.close()


def test_hundreds_have_asked_at_the_end(server):
    started(server)
    crowd = crowd_of(server, 200)
    ask_at_once(server, crowd)
    server.process.send_signal(signal.SIGTERM)
    server.process.send_signal(signal.SIGCONT)
    hear_all(crowd)
    for client, _ in crowd:
        assert client.socket.recv(1) == b""
    assert server.process.wait(10) == 0


def test_connections_come_and_go(server):
    started(server)
    wait_until("stray connections are gone", lambda: descriptors(server) < 60)
    before = descriptors(server)
    for i in range(1000):
        client = PolicyClient(server.unix if i % 2 else server.inet)
        if i % 3:
            client.send(query(FREE)[: i % 500])
        client.close()
    assert server.blocks(LISTED)
    wait_until("descriptors are given back", lambda: descriptors(server) <= before)


def test_max_clients(server):
    server.config["policy"]["max_clients"] = 5
    started(server)
    wait_until("no client is left", lambda: can_open(server, 5))
    inside = [server.client() for _ in range(5)]
    for client in inside:
        assert client.ask(FREE) == "DUNNO"
    for _ in range(20):
        with server.client() as refused:
            assert refused.at_end()
    assert server.ask(LISTED, tcp=True).startswith("550 ")  # counted per listener
    for client in inside:  # those inside do not notice
        assert client.ask(LISTED) != "DUNNO"
    inside.pop().close()
    wait_until("a place is free", lambda: asks_well(server))
    for client in inside:
        client.close()
    server.wait_log("max_clients")
    assert len([x for x in server.log().splitlines() if "max_clients" in x]) == 1  # once a minute


def asks_well(server):
    try:
        return server.blocks(LISTED)
    except (EOFError, OSError):
        return False


def can_open(server, count):
    clients = [server.client() for _ in range(count)]
    try:
        return all(c.ask(FREE) == "DUNNO" for c in clients)
    except (EOFError, OSError):
        return False
    finally:
        for c in clients:
            c.close()


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def test_out_of_descriptors_pauses_and_resumes(server):
    started(server)
    highest = max(int(fd) for fd in os.listdir(f"/proc/{server.process.pid}/fd"))
    server.stop()
    server.wrapper = ["prlimit", f"--nofile={highest + 6}:{highest + 6}"]
    started(server)
    clients = [server.client() for _ in range(40)]
    for client in clients:
        client.send(query(LISTED))
    answered = []

    def some_answer():
        for client in clients:
            if client not in answered:
                client.socket.settimeout(0.01)
                try:
                    assert client.reply().startswith("550 ")
                    answered.append(client)
                except TimeoutError:
                    pass
        return answered

    wait_until("the first are served", some_answer)
    assert len(answered) < len(clients)  # else the limit did not bite
    before = cpu_seconds(server)
    begin = time.monotonic()
    wait_until("a while", lambda: time.monotonic() - begin > 0.5)
    assert cpu_seconds(server) - before < 0.3, "accept spins"

    def drained():
        some_answer()
        while answered:
            client = answered.pop()
            client.close()
            clients.remove(client)
        return not clients

    wait_until("everybody is served once there is room", drained, 20)
    assert server.blocks(LISTED)


def cpu_seconds(server):
    fields = open(f"/proc/{server.process.pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_sigterm_answers_what_is_pending(server):
    started(server)
    clients = [PolicyClient(a) for a in (server.unix, server.inet) for _ in range(20)]
    for client in clients:
        assert client.ask(FREE) == "DUNNO"
    server.signal(signal.SIGSTOP)  # so that all of it is pending when SIGTERM comes
    for client in clients:
        client.send(query(LISTED) + query(FREE) + query(LISTED))
    server.signal(signal.SIGTERM)
    server.signal(signal.SIGCONT)
    for client in clients:
        assert client.reply().startswith("550 ")
        assert client.reply() == "DUNNO"
        assert client.reply().startswith("550 ")
        assert client.at_end()
        client.close()
    assert server.wait_end(6) == 0
    assert not server.socket.exists()
    assert not server.admin.exists()


def test_sigterm_with_half_a_query(server):
    started(server)
    with server.client() as client:
        client.send(query(LISTED)[:100])
        begin = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begin < 5.5


def test_sigterm_under_load(server):
    """No client ever gets half a reply or a wrong one."""
    started(server)
    faults, replies = [], []
    enough = threading.Event()

    def ask():
        try:
            with server.client() as client:
                while True:
                    answer = client.ask(LISTED)
                    if not answer.startswith("550 "):
                        faults.append(answer)
                    replies.append(1)
                    if len(replies) > 500:
                        enough.set()
        except EOFError as end:
            if "closed after b''" not in str(end):
                faults.append(str(end))
        except OSError:
            pass

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for t in threads:
        t.start()
    assert enough.wait(20)
    assert server.stop() == 0
    for t in threads:
        t.join()
    assert faults == []


def test_stale_socket_is_replaced(server):
    started(server)
    server.kill()
    assert server.socket.exists() and server.admin.exists()
    started(server)


def second_of(server):
    second = Daemon()
    second.list_file("main", LISTED + "\n")
    return second


@pytest.mark.parametrize("kind", ["policy", "inet", "admin"])
def test_live_socket_is_an_error(server, kind):
    started(server)
    second = second_of(server)
    try:
        if kind == "admin":
            second.config["admin"]["listen"] = f"unix:{server.admin}"
        else:
            second.config["policy"]["listen"] = server.unix if kind == "policy" else server.inet
        second.spawn()
        assert second.wait_end() != 0
        name = str(server.port) if kind == "inet" else str(getattr(server, "admin" if kind == "admin" else "socket"))
        assert name in second.log()
    finally:
        second.close()
    assert server.blocks(LISTED)
    assert server.api("GET", "/v1/status")[0] == 200


def test_missing_socket_directory_names_the_command(server):
    server.config["policy"]["listen"] = f"unix:{server.directory}/nowhere/policy.sock"
    server.spawn()
    assert server.wait_end() != 0
    assert "nowhere" in server.log()
    group = server.config["policy"].get("socket_group")
    if group:  # else Postfix could not enter it
        assert re.search(rf"install -d -o \S+ -g {group} -m 2750 ", server.log())
    assert "install -d" in server.log() or "mkdir" in server.log()


@pytest.mark.skipif(not have_ipv6(), reason="no IPv6 loopback here")
def test_ipv6(server):
    port = free_port()
    server.config["policy"]["listen"] += f" inet:[::1]:{port}"
    started(server)
    with PolicyClient(f"inet:[::1]:{port}") as client:
        assert client.ask(LISTED).startswith("550 ")


def test_version():
    result = run(DAEMON, "-V")
    assert result.returncode == 0 and "rcptguard" in result.stdout
