"""Programs that the bench starts, and how it asks them."""

import json
import os
import pwd
import socket
import subprocess
import sys
import threading
import time

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
READY_S = 120  # for a list of ten million on a slow machine
BLOCK_ROWS = 100000

CONFIG = """\
[daemon]
user       = {user}
state_dir  = {dir}/state
log_target = stderr

[policy]
listen      = unix:{dir}/policy
listen      = inet:127.0.0.1:{port}
socket_mode = 0600
contact     = helpdesk@example.org

[exclusions]
file = {dir}/exclusions
"""

FEED = """
[feed bench]
url        = {url}
format     = entries
refresh    = 1h
max_bytes  = 1G
"""

# The last section, so that what follows may be keys of it.
ADMIN = """
[admin]
listen = unix:{dir}/admin.sock
"""


def query(recipient):
    return ("request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
            f"sender=jane.doe@example.edu\nrecipient={recipient}\n\n").encode()


def ask(path, recipient, timeout=5):
    """One question on a connection of its own; the answer's text, or None when there is none."""
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(timeout)
            s.connect(path)
            s.sendall(query(recipient))
            answer = b""
            while not answer.endswith(b"\n\n"):
                more = s.recv(4096)
                if not more:
                    return None
                answer += more
            return answer.decode("ascii", "replace").strip()
    except OSError:
        return None


def wait_blocked(path, recipient, seconds, pause=0.02):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (ask(path, recipient) or "").startswith("action=5"):
            return True
        time.sleep(pause)
    return False


def http(path, target, method="GET", body=b""):
    """(status, body) of a request to the HTTP socket at PATH."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(path)
        s.sendall(f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = b""
        while more := s.recv(65536):
            answer += more
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head[9:12]), rest


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pid):
    """User and system time of all threads of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def rss_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def pin(cpus):
    """To be run in the child between fork and exec."""
    return (lambda: os.sched_setaffinity(0, cpus)) if cpus else None


class Background:
    """Calls WORK with an event that says when to stop, in a thread, while the block runs."""

    def __init__(self, work):
        self.stop = threading.Event()
        self.thread = threading.Thread(target=work, args=(self.stop,), daemon=True)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


class Feed:
    """The list: N entries that the load asks for, and one that tells versions apart."""

    def __init__(self, path, entries, url=None):
        self.path, self.entries, self.url = path, entries, url or f"file:{path}"
        self.version = 0
        self.write()

    def marker(self):
        return f"version-{self.version}@listed.example.org"

    def rows(self):
        """Text of many rows at a time: ten million make 300 MB."""
        for begin in range(0, self.entries, BLOCK_ROWS):
            yield "".join(f"u{i:07d}@listed.example.org\n"
                          for i in range(begin, min(begin + BLOCK_ROWS, self.entries)))

    def write(self):
        self.version += 1
        self.write_to(self.path + ".new")
        os.rename(self.path + ".new", self.path)

    def write_to(self, path):
        with open(path, "w", encoding="ascii") as f:
            f.writelines(self.rows())
            f.write(self.marker() + "\n")

    def prepare(self):
        """Versions for `alternate`: writing them should not be what is measured. Four, so that the
        one that comes is neither in force nor kept as the one before."""
        self.prepared = []
        for _ in range(4):
            self.version += 1
            self.prepared.append((self.version, f"{self.path}.{self.version}"))
            self.write_to(self.prepared[-1][1])

    def alternate(self):
        self.prepared.append(self.prepared.pop(0))
        self.version, path = self.prepared[0]
        os.link(path, self.path + ".new")
        os.rename(self.path + ".new", self.path)


class Server:
    def __init__(self, name, command, endpoints, log, cpus):
        self.name = name
        self.endpoints = endpoints  # transport -> what the load connects to
        self.command, self.log = command, log
        self.start(cpus)

    def start(self, cpus):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=pin(cpus))

    @property
    def pid(self):
        return self.process.pid

    def set_cpus(self, cpus):
        for task in os.listdir(f"/proc/{self.pid}/task"):
            os.sched_setaffinity(int(task), cpus)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Daemon(Server):
    """
    A rcptguardd in a directory of its own, with that many entries (0: no list at all) or the rows
    that are given, or what is at FEED's URL; MORE is more of its configuration. On BENCH's CPU of
    measuring, or on CPUS.
    """

    def __init__(self, bench, name, entries=0, rows=None, feed=None, more="", cpus=None):
        self.bench = bench
        self.dir = f"{bench.dir}/{name.replace(' ', '-')}"
        self.policy, self.admin = f"{self.dir}/policy", f"{self.dir}/admin.sock"
        self.feed = feed
        port = free_port()
        os.makedirs(f"{self.dir}/state", 0o700)
        with open(f"{self.dir}/exclusions", "wb"):
            pass
        config = CONFIG.format(dir=self.dir, port=port, user=pwd.getpwuid(os.geteuid()).pw_name)
        if entries or rows:
            self.feed = Feed(f"{self.dir}/feed", entries)
        if rows:
            with open(f"{self.dir}/feed", "a", encoding="ascii") as f:
                f.writelines(f"{row}\n" for row in rows)
        if self.feed:
            config += FEED.format(url=self.feed.url)
        with open(f"{self.dir}/conf", "w", encoding="ascii") as f:
            f.write(config + ADMIN.format(dir=self.dir) + more)
        bench.servers[name] = self
        super().__init__(name, [bench.program("rcptguardd"), "-c", f"{self.dir}/conf"],
                         {"unix": f"unix:{self.policy}", "tcp": f"inet:127.0.0.1:{port}"},
                         f"{bench.dir}/log/{name.replace(' ', '-')}", cpus or bench.one_cpu)
        bench.wait_until(f"{name} answers right", self.is_ready)

    def is_ready(self):
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                sys.exit(f"bench: {self.name} has ended:\n{log.read()[-4000:]}")
        answer = self.ask(self.feed.marker() if self.feed else "nobody@other.example.org") or ""
        return answer.startswith("action=5" if self.feed else "action=DUNNO")

    def ask(self, recipient):
        return ask(self.policy, recipient)

    def status(self):
        return json.loads(http(self.admin, "/v1/status")[1])

    def listed(self):
        """One that stays listed; only of a daemon with entries."""
        return "u0000000@listed.example.org"
