"""The admin socket under every kind of bad client, while Postfix's questions go on: none is lost."""

import socket
import threading
import time

import pytest

from policyclient import blocked
from support import wait_until

LISTED, FREE = "listed@example.org", "free@example.org"
IDLE = 2000
BODY = 100 << 20
QUESTIONS = 1000


@pytest.fixture
def server(daemon):
    daemon.list_file("main", f"{LISTED}\n")
    daemon.start()
    daemon.wait_blocked(LISTED)
    return daemon


class Load:
    """Questions one after another on a connection of their own, until it is ended."""

    def __init__(self, daemon):
        self.asked, self.problems, self.stop = 0, [], threading.Event()
        self.thread = threading.Thread(target=self.run, args=(daemon,))
        self.thread.start()

    def run(self, daemon):
        try:
            with daemon.client(timeout=10) as client:
                while not self.stop.is_set():
                    for recipient in (LISTED, FREE):
                        if blocked(client.ask(recipient)) != (recipient == LISTED):
                            self.problems.append(recipient)
                        self.asked += 1
        except (OSError, EOFError) as problem:
            self.problems.append(repr(problem))

    def end(self):
        self.stop.set()
        self.thread.join()
        assert not self.problems, self.problems[:5]
        assert self.asked >= QUESTIONS


def connect(daemon, timeout=10):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(timeout)
    s.connect(str(daemon.admin))
    return s


def idle(daemon):
    """Connections that send nothing; the backlog of a unix socket refuses some, which is fine."""
    opened = []
    for _ in range(IDLE):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.setblocking(False)
        try:
            s.connect(str(daemon.admin))
            opened.append(s)
        except OSError:
            s.close()
    return opened


def drip(daemon):
    s = connect(daemon)
    for byte in b"GET /v1/status HT":
        try:
            s.send(bytes([byte]))
        except OSError:
            break
        time.sleep(0.05)  # the slowness is the test
    return [s]


def large_body(daemon):
    s = connect(daemon)
    head = f"POST /v1/exclusions HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY}\r\n\r\n"
    try:
        s.sendall(head.encode())
        for _ in range(BODY >> 20):
            s.sendall(b"x" * (1 << 20))
    except OSError:
        pass  # it need not take it
    else:
        raise AssertionError("a body of 100 MB was read")
    return [s]


def pour(daemon, head, more, times):
    s = connect(daemon)
    try:
        s.sendall(head)
        for _ in range(times):
            s.sendall(more)
    except OSError:
        pass  # it need not take it
    return [s]


def garbage(daemon):
    return pour(daemon, b"", b"\x00\xff{]\r\n\r\nGET / HTTP/9.9\r\n\r\nPOST x\r\n" * 100, 200)


def pipelined(daemon):
    return pour(daemon, b"", b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", 5000)


def endless_header(daemon):
    return pour(daemon, b"GET / HTTP/1.1\r\nX: ", b"a" * 4096, 1000)


@pytest.mark.parametrize("attack", [idle, drip, large_body, garbage, pipelined, endless_header])
def test_no_question_is_lost(server, attack):
    load = Load(server)
    opened, connections = [], 0
    try:
        while connections == 0 or (load.asked < QUESTIONS and load.thread.is_alive()):
            for s in opened:
                s.close()
            opened = attack(server)
            connections += len(opened)
    finally:
        load.end()
        for s in opened:
            s.close()
    wait_until("the admin socket answers", lambda: answers(server), 20)


def answers(daemon):
    try:
        return daemon.api("GET", "/v1/status")[0] == 200
    except OSError:
        return False  # the backlog is full of the attack's connections


def test_readers_of_events_that_do_not_read(server):
    """They lose events and are told; the daemon's memory stays as it is."""
    streams = []
    for _ in range(4):
        s = connect(server)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b"GET /v1/events?all=yes HTTP/1.1\r\nHost: x\r\n\r\n")
        streams.append(s)
    for s in streams:
        assert s.recv(12) == b"HTTP/1.1 200"

    before = server.resident_kib()
    with server.client() as client:
        for _ in range(20):
            assert not any(blocked(a) for a in client.ask_all([FREE] * 500))
    assert server.resident_kib() < before + 20000
    seen = b""
    streams[0].settimeout(20)
    while b'"lost"' not in seen:
        got = streams[0].recv(65536)
        assert got, seen[-300:]
        seen = seen[-100:] + got
        server.ask(FREE)
    for s in streams:
        s.close()
