"""rcptguardd under test: its configuration, its directory, its log, its end."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import urllib.parse

import sandbox
from policyclient import PolicyClient, blocked
from support import (
    DEADLINE,
    COMMAND,
    DAEMON,
    DROP_GROUP,
    DROP_USER,
    IS_ROOT,
    ROOT,
    end_process,
    free_port,
    give_to_drop_user,
    make_directory,
    remove_directory,
    run,
    start_process,
    wait_until,
)

CONTACT = "helpdesk@example.org"

# Tests run the daemon as its systemd unit does, but those of what it does as root. Sanitizers want
# calls of their own.
SANDBOX = []
if sandbox.available() and "RCPTGUARD_BUILD" not in os.environ:
    SANDBOX = sandbox.wrapper(ROOT, DROP_USER, DROP_GROUP)


class UnixHTTPConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    """One instance in a directory of its own. `config` is {section: {key: value}}; change it,
    then `start` or `reload`."""

    def __init__(self, wrapper=(), sandboxed=True):
        self.directory = make_directory()
        self.state = self.directory / "state"
        self.local = self.directory / "local"
        self.run_directory = self.directory / "run"
        for path in (self.state, self.local, self.run_directory):
            path.mkdir()
            give_to_drop_user(path)
        self.config_file = self.directory / "rcptguard.conf"
        self.exclusions = self.local / "exclusions"
        self.blocks_file = self.local / "blocks"
        self.exclusions.write_text("# none yet\n")
        give_to_drop_user(self.exclusions)
        self.protected = self.directory / "protected"
        self.protected.write_text("# none yet\n")
        self.log_file = self.directory / "log"
        self.log_file.touch()
        self.socket = self.run_directory / "policy.sock"
        self.admin = self.run_directory / "admin.sock"
        self.port = free_port()
        self.unix = f"unix:{self.socket}"
        self.inet = f"inet:127.0.0.1:{self.port}"
        self.wrapper = [*wrapper, *(SANDBOX if sandboxed else [])]
        self.pass_fds = ()
        self.environment = {}
        self.process = None
        self.config = {
            "daemon": {"state_dir": self.state, "log_target": "stderr", "log_level": "info"},
            "policy": {
                "listen": f"{self.unix} {self.inet}",
                "socket_mode": "0666",
                "contact": CONTACT,
            },
            "exclusions": {"file": self.exclusions},
            "protect": {"domains": self.protected},
            "admin": {"listen": f"unix:{self.admin}"},
        }
        if IS_ROOT:
            self.config["daemon"]["user"] = DROP_USER
            self.config["policy"]["socket_group"] = DROP_GROUP
            self.config["admin"]["socket_group"] = DROP_GROUP

    # configuration

    def feed(self, name, url, **keys):
        self.config[f"feed {name}"] = dict({"url": url, "format": "entries"}, **keys)

    def list_file(self, name, text, **keys):
        """A file: feed of that name; returns its path."""
        path = self.directory / f"{name}.list"
        path.write_text(text)
        self.feed(name, f"file:{path}", **keys)
        return path

    def zone(self, name, zone, **keys):
        """[dnsbl NAME]; its state is that of `feed_status` and `wait_feed`. Where lateness is not what
        is tested, a slow machine must not make it."""
        keys = dict({"zone": zone, "timeout": "10s"}, **keys)
        self.config["policy"].setdefault("deadline", "10s")
        if "mask" not in keys:
            keys.setdefault("codes", "127.0.0.2")
        self.config[f"dnsbl {name}"] = keys

    def resolvers(self, *ports):
        self.config["dns"] = {"servers": " ".join(f"127.0.0.1:{port}" for port in ports)}

    def write_config(self):
        lines = []
        for section, keys in self.config.items():
            lines.append(f"[{section}]")
            for key, value in keys.items():
                values = value if isinstance(value, list) else [value]  # of a key that repeats
                lines += [f"{key} = {v}" for v in values]
            lines.append("")
        fresh = self.config_file.with_suffix(".new")
        fresh.write_text("\n".join(lines))
        fresh.rename(self.config_file)

    # life

    def spawn(self, environment=None):
        self.write_config()
        self.log_from = self.log_file.stat().st_size
        with open(self.log_file, "ab") as log:
            self.process = start_process(
                [*self.wrapper, DAEMON, "-c", self.config_file],
                stdout=log,
                stderr=log,
                env=dict(os.environ, **self.environment, **(environment or {})),
                pass_fds=self.pass_fds,
            )
        return self

    def start(self, environment=None):
        self.spawn(environment)
        wait_until("the daemon answers", self.answers)
        return self

    def start_zones(self):
        """`start`, and every zone was probed and is believed."""
        self.start()
        for section in list(self.config):
            kind, _, name = section.partition(" ")
            if kind == "dnsbl":
                self.wait_feed(name, state="on")
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(
                f"the daemon ended with {self.process.returncode}:\n{self.log()[-4000:]}"
            )
        try:
            with self.client(timeout=2) as client:
                client.ask("nobody@example.net", protocol_state="CONNECT")
        except (OSError, EOFError):
            return False
        return self.admin.exists()

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def shares_of(self, thread):
        """How often it gave the CPU away by itself, how often it lost it, how many ms it has used and how many waited."""
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            if (task / "comm").read_text() == f"{thread}\n":
                given, lost = map(int, re.findall(r"voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text()))
                cpu_ns, others_ns, _ = map(int, (task / "schedstat").read_text().split())
                return given, lost, cpu_ns / 1e6, others_ns / 1e6
        raise AssertionError(f"no thread {thread}")

    def stop(self, seconds=6):
        """SIGTERM; returns the exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait_end(seconds)

    def wait_end(self, seconds=DEADLINE):
        """Its exit status, when it ends by itself or was told to."""
        status = end_process(self.process, seconds)
        self.process = None
        assert status is not None, f"still there after {seconds} s:\n{self.log()[-2000:]}"
        return status

    def kill(self):
        self.process.kill()
        self.wait_end()

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        """Writes the configuration, SIGHUP; the test waits for what it expects."""
        self.write_config()
        self.signal(signal.SIGHUP)

    def close(self):
        """Ends it however it is, and says whether it had to be killed or had crashed."""
        status = 0
        try:
            if self.process is not None:
                status = self.stop()
        finally:
            text = self.log()
            remove_directory(self.directory)
        assert status == 0, f"the daemon ended with {status}:\n{text[-4000:]}"
        for fault in ("ERROR: AddressSanitizer", "LeakSanitizer: detected", "runtime error: "):
            assert fault not in text, text[text.index(fault) - 1000 :][:8000]

    # looking in

    def log(self, since_start=False):
        with open(self.log_file, "rb") as log:
            if since_start:
                log.seek(self.log_from)
            return log.read().decode("utf-8", "replace")

    def mark(self):
        """A place in the log, for wait_log(since=...)."""
        return self.log_file.stat().st_size

    def log_since(self, mark):
        return self.log_file.read_bytes()[mark:].decode("utf-8", "replace")

    def wait_log(self, pattern, seconds=DEADLINE, since=0):
        return wait_until(
            f"log line {pattern!r}",
            lambda: re.search(pattern, self.log_since(since), re.MULTILINE),
            seconds,
        )

    def client(self, tcp=False, **more):
        return PolicyClient(self.inet if tcp else self.unix, **more)

    def descriptors(self):
        return [int(fd) for fd in os.listdir(f"/proc/{self.process.pid}/fd")]

    @contextlib.contextmanager
    def without_descriptors(self, listed):
        """Anew, LISTED being blocked, with few more than it has now, and inside all of them are taken by clients. A
        file that the daemon closes leaves one free for a moment."""
        limit = max(self.descriptors()) + 6
        self.stop()
        self.wrapper = ["prlimit", f"--nofile={limit}:{limit}"]
        self.start()
        self.wait_blocked(listed)
        clients = [self.client() for _ in range(40)]
        wait_until("all are taken", lambda: len(self.descriptors()) == limit)
        yield
        for client in clients:
            client.close()

    def ask(self, recipient, tcp=False, **attributes):
        with self.client(tcp) as client:
            return client.ask(recipient, **attributes)

    def blocks(self, recipient, **attributes):
        return blocked(self.ask(recipient, **attributes))

    def wait_blocked(self, recipient, seconds=DEADLINE, **attributes):
        wait_until(f"{recipient} blocked", lambda: self.blocks(recipient, **attributes), seconds)

    def wait_free(self, recipient, seconds=DEADLINE, **attributes):
        wait_until(
            f"{recipient} free", lambda: not self.blocks(recipient, **attributes), seconds
        )

    def api(self, method, path, timeout=30, body=None, **parameters):
        """(status, object) of one call; BODY is sent as JSON."""
        if parameters:
            path += "?" + urllib.parse.urlencode(parameters)
        connection = UnixHTTPConnection(self.admin, timeout)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        try:
            return response.status, json.loads(body)
        except ValueError:
            return response.status, body

    def feed_status(self, name):
        status, answer = self.api("GET", "/v1/feeds")
        assert status == 200, answer
        for feed in answer["feeds"]:
            if feed["name"] == name:
                return feed
        return None

    def wait_feed(self, name, seconds=DEADLINE, **wanted):
        """Until that feed's status has these values; returns it."""
        seen = {}

        def probe():
            seen.clear()
            seen.update(self.feed_status(name) or {})
            return all(seen.get(k) == v for k, v in wanted.items()) and dict(seen)

        try:
            return wait_until(f"feed {name}: {wanted}", probe, seconds, every=0.02)
        except AssertionError as late:
            raise AssertionError(f"{late}; it is {seen}") from None

    def wait_history(self, recipient, seconds=DEADLINE):
        """Until a list's word on it is in the history, which comes after the list is in force."""
        wait_until(
            f"history of {recipient}",
            lambda: self.api("GET", "/v1/history", recipient=recipient)[1]["history"],
            seconds,
        )

    def refresh(self, name):
        return self.api("POST", f"/v1/feeds/{name}/refresh", timeout=60)

    def command(self, *arguments, timeout=30, **more):
        """The `rcptguard` command on this daemon."""
        return run(COMMAND, "-s", self.admin, *arguments, timeout=timeout, **more)


def check_config(path, *more):
    return run(DAEMON, "-t", "-c", path, *more)
