"""A real redis-server in a directory of its own, on a unix socket and a loopback port."""

import contextlib
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

import sandbox
from support import end_process, free_port, make_directory, remove_directory, run, start_process, wait_until

needs_redis = pytest.mark.skipif(not shutil.which("redis-server"), reason="redis-server is not here")


# The preloaded library; the clock that counts from the start stays, as it does when a real one is set.
FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
needs_faketime = pytest.mark.skipif(
    FAKETIME is None or "RCPTGUARD_BUILD" in os.environ, reason="no faketime, or sanitizers, which want to be first"
)


def clock_off(relay, seconds):
    """That daemon's clock alone, from its next start on."""
    relay.environment.update(FAKETIME=f"{seconds:+d}", FAKETIME_DONT_FAKE_MONOTONIC="1")
    relay.environment[sandbox.PRELOAD if relay.wrapper else "LD_PRELOAD"] = FAKETIME


def ask(where, *words, timeout=30):
    """One command to the Redis at a path or (host, port); the answer as redis-cli prints it where that is no terminal.
    Asked hundreds of times while something is waited for, which a process each time would make dear."""
    parts = [word if isinstance(word, bytes) else str(word).encode("utf-8", "surrogateescape") for word in words]
    family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
    with socket.socket(family) as connection:
        connection.settimeout(timeout)
        connection.connect(where)
        connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        with connection.makefile("rb") as stream:
            return "\n".join(_lines_of_answer(stream))


def _lines_of_answer(stream):
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("Redis closed the connection")
    kind, rest = line[:1], line[1:-2].decode("utf-8", "surrogateescape")
    if kind == b"$" and int(rest) >= 0:
        text = stream.read(int(rest) + 2)[:-2]
        return [text.decode("utf-8", "surrogateescape")]
    if kind == b"*" and int(rest) > 0:
        return [line for _ in range(int(rest)) for line in _lines_of_answer(stream)]
    return ["" if kind in b"$*" else rest]


class Relays(list):
    """Daemons that share. All are ended, whatever one of them says at its end."""

    def close(self):
        errors = []
        for relay in self:
            try:
                relay.close()
            except AssertionError as error:
                errors.append(error)
        if errors:
            raise errors[0]


class Redis:
    def __init__(self, **settings):
        self.directory = make_directory()
        self.port = free_port()
        self.socket = self.directory / "redis.sock"
        self.settings = settings
        self.process = None
        self.log = self.directory / "log"

    def start(self):
        arguments = {
            "port": self.port, "bind": "127.0.0.1", "unixsocket": self.socket, "unixsocketperm": "777",
            "dir": self.directory, "save": '""', "appendonly": "no", "logfile": self.log, **self.settings,
        }
        words = ["redis-server"]
        for key, value in arguments.items():
            words += [f"--{key}", *(value if isinstance(value, list) else [value])]
        self.process = start_process(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("Redis answers", lambda: self.call("PING", check=False) == "PONG")
        return self

    @property
    def unix(self):
        return f"unix:{self.socket}"

    def call(self, *words, check=True):
        """The answer as redis-cli prints it."""
        try:
            answer = ask(str(self.socket), *words)
        except OSError as error:
            assert not check, (words, error)
            return ""
        if check:
            assert not answer.startswith("ERR"), (words, answer)
        return answer.rstrip("\n")

    @contextlib.contextmanager
    def hanging(self):
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        end_process(self.process, 5)
        self.process = None

    def close(self):
        if self.process is not None:
            end_process(self.process)
        remove_directory(self.directory)


class TlsRedis(Redis):
    """With a TLS port, and a certificate of its own (for 127.0.0.1) that nobody knows."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.tls_port = free_port()
        self.certificate, key = self.directory / "cert.pem", self.directory / "key.pem"
        made = run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", key, "-out", self.certificate,
        )
        assert made.returncode == 0, made.stderr
        self.settings.update({
            "tls-port": self.tls_port, "tls-cert-file": self.certificate, "tls-key-file": key,
            "tls-ca-cert-file": self.certificate, "tls-auth-clients": "no",
        })

    @property
    def tls(self):
        return f"rediss://127.0.0.1:{self.tls_port}/0"


class LeapingClock:
    """A Redis whose clock leaps: what it says when it is asked for the time of a comparison is changed on its way."""

    ANSWER = re.compile(rb"(?<=\*2\r\n\$10\r\n)\d{10}(?=\r\n\$)")

    def __init__(self, redis):
        self.redis = redis
        self.ahead = 0
        self.directory = make_directory()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.directory / "redis.sock"))
        (self.directory / "redis.sock").chmod(0o777)
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def unix(self):
        return f"unix:{self.directory / 'redis.sock'}"

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self.redis.socket))
            for source, to, change in ((client, server, bytes), (server, client, self._change)):
                threading.Thread(target=self._pass_on, args=(source, to, change), daemon=True).start()

    def _change(self, data):
        return self.ANSWER.sub(lambda time: b"%d" % (int(time.group()) + self.ahead), data)

    @staticmethod
    def _pass_on(source, to, change):
        try:
            while data := source.recv(65536):
                to.sendall(change(data))
        except OSError:
            pass
        for end in (source, to):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        remove_directory(self.directory)


class Sentinel:
    """One that alone may decide, and soon."""

    def __init__(self, master):
        self.directory = make_directory()
        self.port = free_port()
        (self.directory / "sentinel.conf").write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.directory}\n"
            f"sentinel monitor mymaster 127.0.0.1 {master.port} 1\n"
            "sentinel down-after-milliseconds mymaster 1000\n"
            "sentinel failover-timeout mymaster 4000\n"
        )
        self.process = start_process(
            ["redis-server", self.directory / "sentinel.conf", "--sentinel"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        wait_until("Sentinel knows the master", lambda: self.master() == master.port)

    def call(self, *words):
        try:
            return ask(("127.0.0.1", self.port), *words)
        except OSError:
            return ""

    def master(self):
        said = self.call("SENTINEL", "get-master-addr-by-name", "mymaster").split()
        return int(said[1]) if len(said) == 2 else None

    def knows_replica(self):
        return "127.0.0.1:" in self.call("SENTINEL", "replicas", "mymaster")

    def close(self):
        end_process(self.process)
        remove_directory(self.directory)
