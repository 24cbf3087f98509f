"""Name servers for the tests: real rbldnsd behind a real unbound, and one of our own that misbehaves
as the test says. All on loopback, none asks anybody else."""

import collections
import dataclasses
import heapq
import itertools
import os
import selectors
import signal
import socket
import struct
import threading
import time

import pytest

from support import (
    DROP_GROUP,
    DROP_USER,
    IS_ROOT,
    end_process,
    free_port,
    make_directory,
    remove_directory,
    start_process,
    wait_until,
)

TYPES = {"A": 1, "SOA": 6, "TXT": 16}
RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "REFUSED": 5}
_TYPE_NAMES = {number: name for name, number in TYPES.items()}
_RCODE_NAMES = {number: name for name, number in RCODES.items()}
_RESPONSE, _AUTHORITATIVE, _TRUNCATED, _RECURSION = 0x8000, 0x0400, 0x0200, 0x0100


# messages


def _wire_name(name):
    labels = [label.encode("latin-1") for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _read_name(message, at):
    """(name, place behind it); pointers are followed."""
    labels, behind = [], None
    while message[at]:
        if message[at] >= 0xC0:
            behind = behind or at + 2
            at = struct.unpack_from("!H", message, at)[0] & 0x3FFF
            continue
        labels.append(message[at + 1 : at + 1 + message[at]].decode("latin-1"))
        at += 1 + message[at]
    return ".".join(labels), behind or at + 1


@dataclasses.dataclass
class Reply:
    rcode: str
    truncated: bool
    addresses: list
    texts: list
    soa_ttl: object  # of a negative answer; None: there is no SOA


def dig(port, name, kind="A", tcp=False, seconds=2):
    """One question, one answer. OSError when nobody answers in time."""
    number = int.from_bytes(os.urandom(2), "big")
    question = struct.pack("!6H", number, _RECURSION, 1, 0, 0, 0)
    question += _wire_name(name) + struct.pack("!2H", TYPES[kind], 1)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as s:
        s.settimeout(seconds)
        s.connect(("127.0.0.1", port))
        if tcp:
            s.sendall(struct.pack("!H", len(question)) + question)
            with s.makefile("rb") as stream:
                message = stream.read(struct.unpack("!H", stream.read(2))[0])
        else:
            s.send(question)
            message = s.recv(65535)
    assert message[:2] == question[:2], "an answer to another question"
    return _read_reply(message)


def _read_reply(message):
    _, flags, questions, *records = struct.unpack_from("!6H", message)
    reply = Reply(_RCODE_NAMES[flags & 15], bool(flags & _TRUNCATED), [], [], None)
    at = 12
    for _ in range(questions):
        at = _read_name(message, at)[1] + 4
    for _ in range(sum(records)):
        at = _read_name(message, at)[1]
        kind, _, ttl, length = struct.unpack_from("!2HIH", message, at)
        at += 10
        data, at = message[at : at + length], at + length
        if kind == TYPES["A"]:
            reply.addresses.append(socket.inet_ntoa(data))
        elif kind == TYPES["TXT"]:
            reply.texts.append(data[1 : 1 + data[0]].decode())
        elif kind == TYPES["SOA"]:
            reply.soa_ttl = ttl
    return reply


# a server that misbehaves as the test says


@dataclasses.dataclass
class Script:
    """What becomes of a question: the answer's records or its rcode, after a delay, or nothing."""

    addresses: tuple = ()
    text: str = None
    rcode: str = "NOERROR"
    delay: float = 0.0
    drop: bool = False


NXDOMAIN = Script(rcode="NXDOMAIN")
DROP = Script(drop=True)
SERVFAIL = Script(rcode="SERVFAIL")

Question = collections.namedtuple("Question", "name kind number tcp")


class Zone:
    """`names` has a script for some labels, `others` is for the rest, `all` for each and every one
    while it is set. With `truncate` UDP says only that there is more. `soa = False`: negative answers
    do not say how long they hold."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.names = {}
        self.others, self.all = NXDOMAIN, None
        self.delay, self.ttl = 0.0, 300
        self.truncate, self.soa = False, True
        self.says("test", "127.0.0.2")

    def says(self, label, *addresses, **more):
        self.names[label.lower()] = Script(addresses, **more)

    def lists_the_world(self, address="127.0.0.2"):
        self.all = Script((address,), text="everything is listed here")

    def script(self, label):
        return self.all or self.names.get(label, self.others)

    def asked(self, label, kind="A"):
        """How often that was asked. A question that is sent again, or by TCP after an answer was cut,
        is the same question."""
        name = f"{label}.{self.name}".lower()
        return len({q.number for q in self.server.questions if (q.name, q.kind) == (name, kind)})

    def labels(self):
        """What was asked here, of any type, as often as it came."""
        tail = f".{self.name}"
        return [q.name[: -len(tail)] for q in self.server.questions if q.name.endswith(tail)]


class DnsServer:
    """UDP and TCP on one port of loopback. `questions` is all that came, in order, in lower case."""

    def __init__(self):
        self.port = free_port()
        self.zones, self.questions = {}, []
        self.thread = None
        self.start()

    def zone(self, name):
        return self.zones.setdefault(name, Zone(self, name))

    def start(self):
        self.selector = selectors.DefaultSelector()
        self.pending, self.order = [], itertools.count()
        self.wake, awake = socket.socketpair()
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        udp.bind(("127.0.0.1", self.port))
        listener = socket.create_server(("127.0.0.1", self.port))
        for s, ready in ((udp, self._datagrams), (listener, self._accept), (awake, None)):
            s.setblocking(False)
            self.selector.register(s, selectors.EVENT_READ, ready)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def stop(self):
        """The port is closed; `start` opens it again."""
        if self.thread is not None:
            self.wake.send(b"x")
            self.thread.join(10)
            assert not self.thread.is_alive()
            self.thread = None

    def _serve(self):
        try:
            while True:
                late = self.pending[0][0] - time.monotonic() if self.pending else None
                for key, _ in self.selector.select(None if late is None else max(late, 0)):
                    if key.data is None:
                        return
                    key.data(key.fileobj)
                while self.pending and self.pending[0][0] <= time.monotonic():
                    _, _, send, message = heapq.heappop(self.pending)
                    self._send(send, message)
        finally:
            for key in list(self.selector.get_map().values()):
                key.fileobj.close()
            self.selector.close()
            self.wake.close()

    @staticmethod
    def _send(send, message):
        try:
            send(message)
        except OSError:
            pass  # whoever asked has gone

    def _datagrams(self, udp):
        for _ in range(1000):
            try:
                message, address = udp.recvfrom(65535)
            except OSError:
                return
            self._question(message, lambda m, to=address: udp.sendto(m, to), tcp=False)

    def _accept(self, listener):
        connection, _ = listener.accept()
        connection.setblocking(False)
        buffer = bytearray()
        self.selector.register(
            connection, selectors.EVENT_READ, lambda c: self._stream(c, buffer)
        )

    def _stream(self, connection, buffer):
        try:
            data = connection.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(connection)
            connection.close()
            return
        buffer += data
        while len(buffer) >= 2 and len(buffer) >= 2 + int.from_bytes(buffer[:2], "big"):
            length = int.from_bytes(buffer[:2], "big")
            message = bytes(buffer[2 : 2 + length])
            del buffer[: 2 + length]
            self._question(
                message, lambda m: connection.sendall(struct.pack("!H", len(m)) + m), tcp=True
            )

    def _question(self, message, send, tcp):
        number = int.from_bytes(message[:2], "big")
        name, behind = _read_name(message, 12)
        asked, name = message[12 : behind + 4], name.lower()
        kind = int.from_bytes(message[behind : behind + 2], "big")
        self.questions.append(Question(name, _TYPE_NAMES.get(kind, kind), number, tcp))
        for zone in self.zones.values():
            if name == zone.name or name.endswith("." + zone.name):
                break
        else:
            self._send(send, self._message(number, asked, 0, "REFUSED"))
            return
        script = zone.script(name[: -len(zone.name) - 1])
        if script.drop:
            return
        answer = self._answer(zone, script, kind, number, asked, tcp)
        delay = zone.delay + script.delay
        if delay:
            due = time.monotonic() + delay
            heapq.heappush(self.pending, (due, next(self.order), send, answer))
        else:
            self._send(send, answer)

    def _answer(self, zone, script, kind, number, asked, tcp):
        if zone.truncate and not tcp:
            return self._message(number, asked, _TRUNCATED, script.rcode)
        records = []
        if kind == TYPES["A"]:
            records = [socket.inet_aton(address) for address in script.addresses]
        elif kind == TYPES["TXT"] and script.text is not None:
            data = script.text.encode("utf-8", "surrogateescape")
            records = [bytes([len(data)]) + data]
        # The question's own name, by a pointer.
        answers = [
            b"\xc0\x0c" + struct.pack("!2HIH", kind, 1, zone.ttl, len(r)) + r for r in records
        ]
        authority = []
        if not answers and zone.soa and script.rcode in ("NOERROR", "NXDOMAIN"):
            soa = _wire_name("ns." + zone.name) + _wire_name("admin." + zone.name)
            soa += struct.pack("!5I", 1, 3600, 900, 86400, zone.ttl)
            head = struct.pack("!2HIH", TYPES["SOA"], 1, zone.ttl, len(soa))
            authority = [_wire_name(zone.name) + head + soa]
        return self._message(number, asked, 0, script.rcode, answers, authority)

    @staticmethod
    def _message(number, asked, flags, rcode, answers=(), authority=()):
        flags |= _RESPONSE | _AUTHORITATIVE | _RECURSION | RCODES[rcode]
        head = struct.pack("!6H", number, flags, 1, len(answers), len(authority), 0)
        return head + asked + b"".join(answers) + b"".join(authority)


# the real ones


SOA = "$SOA 3600 ns.example.net admin.example.net 0 600 300 86400 300\n$NS 3600 ns.example.net\n"


class Rbldnsd:
    """`zones` is {name: (type, text)}, types as rbldnsd(8) names them; SOA and the test point of
    RFC 5782 are put in front. `also` are zonespecs of more data for them: {name: (type, text)}."""

    def __init__(self, zones, also=()):
        self.directory = make_directory()
        self.port = free_port()
        self.log_file = self.directory / "log"
        self.process, self.serial = None, 0
        self.specs = []
        self.kinds = {name: kind for name, (kind, _) in zones.items()}
        for name, (kind, text) in zones.items():
            self._write(name, text)
            self.specs.append(f"{name}:{kind}:{name}")
        for name, (kind, text) in dict(also).items():
            self._write_file(f"{name}.{kind}", text)
            self.specs.append(f"{name}:{kind}:{name}.{kind}")

    def start(self):
        user = ["-u", f"{DROP_USER}:{DROP_GROUP}"] if IS_ROOT else []
        with open(self.log_file, "ab") as log:
            self.process = start_process(
                ["/usr/sbin/rbldnsd", "-n", "-4", *user, "-w", self.directory, "-c", "1h",
                 "-b", f"127.0.0.1/{self.port}", *self.specs],
                stdout=log,
                stderr=log,
            )
        wait_until("rbldnsd answers", self._current)
        return self

    def put(self, name, text):
        """New data for that zone; in force when this returns."""
        self._write(name, text)
        self.process.send_signal(signal.SIGHUP)
        wait_until(f"rbldnsd has read {name}", self._current)

    def put_also(self, name, kind, text, now_in_force):
        self._write_file(f"{name}.{kind}", text)
        self.process.send_signal(signal.SIGHUP)
        wait_until(f"rbldnsd has read {name}.{kind}", now_in_force)

    def _write(self, name, text):
        marks = {"dnset": "{} :2:\n", "generic": "{} A 127.0.0.2\n"}
        self.serial += 1
        mark = marks[self.kinds[name]]
        head = SOA + mark.format("test") + mark.format(f"serial-{self.serial}")
        self._write_file(name, head + text)
        self.mark = f"serial-{self.serial}.{name}"

    def _write_file(self, name, text):
        # It tells versions apart by size and second.
        self.stamp = getattr(self, "stamp", 1700000000) + 1
        fresh = self.directory / f"{name}.new"
        fresh.write_text(text)
        os.utime(fresh, (self.stamp, self.stamp))
        fresh.rename(self.directory / name)

    def _current(self):
        assert self.process.poll() is None, self.log_file.read_text()
        try:
            return dig(self.port, self.mark, seconds=0.2).addresses == ["127.0.0.2"]
        except OSError:
            return False

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            end_process(self.process, 5)
            self.process = None

    def close(self):
        self.stop()
        remove_directory(self.directory)


UNBOUND = """
server:
    interface: 127.0.0.1
    port: {port}
    do-daemonize: no
    username: ""
    chroot: ""
    directory: "{dir}"
    pidfile: ""
    use-syslog: no
    logfile: ""
    do-ip6: no
    num-threads: 1
    module-config: "iterator"
    do-not-query-localhost: no
    access-control: 127.0.0.0/8 allow
    infra-keep-probing: yes
    local-zone: "ready.example.net." redirect
    local-data: "ready.example.net. A 127.0.0.2"
{local}
remote-control:
    control-enable: no
{stubs}
"""


class Unbound:
    """Resolves the zones of `stubs` ({name: port of its server}); `rewrites` ({name: address}) are
    answered with that address, whatever is below them."""

    def __init__(self, stubs, rewrites=()):
        self.directory = make_directory()
        self.port = free_port()
        self.process = None
        local = "".join(
            f'    local-zone: "{name}." redirect\n    local-data: "{name}. A {address}"\n'
            for name, address in dict(rewrites).items()
        )
        stub_zones = "".join(
            f'stub-zone:\n    name: "{name}"\n    stub-addr: 127.0.0.1@{port}\n'
            for name, port in stubs.items()
        )
        (self.directory / "unbound.conf").write_text(
            UNBOUND.format(port=self.port, dir=self.directory, local=local, stubs=stub_zones)
        )

    def start(self):
        self.log_file = self.directory / "log"
        with open(self.log_file, "ab") as log:
            self.process = start_process(
                ["/usr/sbin/unbound", "-d", "-c", self.directory / "unbound.conf"],
                stdout=log,
                stderr=log,
            )
        wait_until("unbound answers", self._answers)
        return self

    def _answers(self):
        assert self.process.poll() is None, self.log_file.read_text()
        try:
            reply = dig(self.port, "any.ready.example.net", seconds=0.2)
        except OSError:
            return False
        return reply.addresses == ["127.0.0.2"]

    def close(self):
        if self.process is not None:
            self.process.terminate()
            end_process(self.process, 5)
            self.process = None
        remove_directory(self.directory)


@pytest.fixture
def dns():
    server = DnsServer()
    yield server
    server.stop()


DBL = "dbl.example.net"
BAD = "someone@bad.example.org"
GOOD = "someone@good.example.org"


@pytest.fixture
def dbl(daemon, dns):
    """The scripted zone that the daemon, not started yet, knows as `dbl`: it lists BAD's domain."""
    zone = dns.zone(DBL)
    zone.says("bad.example.org", "127.0.0.2", text="seen in spam")
    daemon.resolvers(dns.port)
    daemon.zone("dbl", DBL)
    return zone
