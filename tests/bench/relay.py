"""The part `postfix` of the bench: recipients a second through a real smtpd, by what it asks.

One Postfix on loopback with an smtpd a policy, the same clients for each, interleaved rounds: no
policy, rcptguardd over unix and TCP, the echo server, which refuses nobody, Postfix's own maps of
the same list, and postfwd where it is installed. A client sends 500 RCPT TO: at once, one in a
hundred listed, reads the answers, begins anew with RSET; no message is ever sent, so that queue
and disk have no part in it.

postfwd compares with each entry of a list in turn, so it is given a thousand of them only.
"""

import os
import shutil
import signal
import smtplib
import subprocess
import tempfile
import threading
import time

import postfix
from measure import interleave, median, ratio
from servers import Daemon, cpu_seconds, free_port

RECIPIENTS = 500  # a transaction; smtpd_recipient_limit is 1000
LISTED_EVERY = 100
FEW = 1000

POLICY = "check_policy_service {{ {0}, timeout=3s, max_ttl=60s, default_action=DUNNO }}"

# For sessions that never end.
ENDLESS = """\
smtpd_client_connection_count_limit = 0
smtpd_soft_error_limit = 1000000001
smtpd_hard_error_limit = 1000000000
smtpd_junk_command_limit = 1000000000
smtpd_timeout = 60s
lmdb_map_size = 1073741824
"""

POSTFWD_RULES = """\
id=listed; recipient==file:{path}; action=550 5.7.1 on a blocklist
id=other; action=DUNNO
"""


class Client(threading.Thread):
    """Transactions on one connection until it is told to stop."""

    def __init__(self, port, number, entries):
        super().__init__(daemon=True)
        self.port = port
        self.recipients = [
            f"u{(number * 7919 + i) % entries:07d}@listed.example.org"
            if i % LISTED_EVERY == 0
            else f"colleague{number}-{i}@example.net"
            for i in range(RECIPIENTS)
        ]
        self.bytes = b"".join(b"RCPT TO:<%s>\r\n" % r.encode() for r in self.recipients)
        self.go_on = True
        self.done = self.wrong = 0

    def run(self):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as session:
            session.ehlo("client.example.net")
            while self.go_on:
                session.mail("sender@example.net")
                session.send(self.bytes)
                answers = [session.getreply()[0] for _ in self.recipients]
                session.rset()
                self.done += len(answers)
                self.wrong += sum(
                    (code == 550) != (i % LISTED_EVERY == 0) for i, code in enumerate(answers)
                )


class Relay:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options
        self.entries = self.options.entries[0]
        self.kinds = {}  # name -> (port, entries)
        self.postfwd = None  # a directory of its own, while it runs

    def add(self, name, restrictions, entries):
        port = free_port()
        self.kinds[name] = (port, entries)
        with open(self.postfix.config / "master.cf", "a", encoding="ascii") as master:
            master.write(f"127.0.0.1:{port} inet n - n - - smtpd\n"
                         f"  -o syslog_name=postfix/{name}\n"
                         f"  -o {{ smtpd_recipient_restrictions = {restrictions} }}\n")

    def add_echo(self):
        """What any policy service costs at least: two changes of process and what smtpd does itself."""
        echo = self.bench.servers["echo-unix"]
        echo.set_cpus(set(self.bench.cpus))
        where = echo.endpoints["unix"]
        os.chmod(where.removeprefix("unix:"), 0o666)
        self.add("echo", POLICY.format(where), 0)

    def add_maps(self):
        """Made by postmap from the same entries."""
        known = subprocess.run(["postconf", "-m"], capture_output=True, text=True).stdout.split()
        source = self.postfix.config / "listed"
        with open(source, "w", encoding="ascii") as file:
            for rows in self.daemon.feed.rows():
                file.write(rows.replace("\n", " 550 5.7.1 on a blocklist\n"))
        for kind in ("hash", "lmdb", "cdb"):
            if kind in known:
                subprocess.run(["postmap", "-c", self.postfix.config, f"{kind}:{source}"],
                               check=True)
                self.add(kind, f"check_recipient_access {kind}:{source}",
                         self.entries)

    def start_postfwd(self):
        program = shutil.which("postfwd") or shutil.which("postfwd", path="/usr/sbin")
        if program is None:
            print("postfwd is not here: left out")
            return
        path, port = f"{self.bench.dir}/few", free_port()
        with open(path, "w", encoding="ascii") as file:
            file.writelines(f"u{i:07d}@listed.example.org\n" for i in range(FEW))
        with open(f"{path}.rules", "w", encoding="ascii") as file:
            file.write(POSTFWD_RULES.format(path=path))
        # It goes into the background by itself, without which it reads its standard input.
        self.postfwd = tempfile.mkdtemp()
        shutil.chown(self.postfwd, "nobody", "nogroup")
        subprocess.run(
            [program, "-d", "-f", f"{path}.rules", "-i", "127.0.0.1", "-p", str(port), "-u",
             "nobody", "-g", "nogroup", "--pidfile", f"{self.postfwd}/pid", "-n", "--norulelog",
             "-S", "0"], check=True, stdout=subprocess.DEVNULL)
        self.add("postfwd", POLICY.format(f"inet:127.0.0.1:{port}"), FEW)

    def stop_postfwd(self):
        if self.postfwd is None:
            return
        with open(f"{self.postfwd}/pid", encoding="ascii") as file:
            os.kill(int(file.read()), signal.SIGTERM)
        shutil.rmtree(self.postfwd)

    def prepare(self):
        subprocess.run(["postconf", "-c", self.postfix.config, "-e", *ENDLESS.splitlines()],
                       check=True)
        self.add("none", "reject_non_fqdn_recipient", 0)
        # smtpd of Postfix is user postfix, and the bench's socket is root's.
        os.chmod(self.daemon.policy, 0o666)
        for path in (self.bench.dir, self.daemon.dir):
            os.chmod(path, 0o711)
        for transport, where in self.daemon.endpoints.items():
            self.add(f"rcptguard-{transport}", POLICY.format(where), self.entries)
        self.add_echo()
        self.add_maps()
        self.start_postfwd()
        self.postfix.start()

    def measure(self, name):
        port, entries = self.kinds[name]
        clients = [Client(port, n, max(entries, 1)) for n in range(self.options.sessions)]
        pid = (self.bench.servers["echo-unix"] if name == "echo" else self.daemon).pid
        cpu, begin = cpu_seconds(pid), time.monotonic()
        for client in clients:
            client.start()
        time.sleep(self.options.seconds)
        for client in clients:
            client.go_on = False
        for client in clients:
            client.join(120)
        seconds = time.monotonic() - begin
        done = sum(client.done for client in clients)
        if name not in ("none", "echo"):
            self.bench.results["wrong"] += sum(client.wrong for client in clients)
        return {"per_second": done / seconds,
                "cpu_s_per_million": (cpu_seconds(pid) - cpu) * 1e6 / max(done, 1)}

    def run(self):
        if not postfix.installed():
            print("Postfix is not here: the part postfix is left out")
            return
        self.postfix = postfix.Postfix("inet:127.0.0.1:1")  # of its own smtpd, which nobody asks
        self.daemon = Daemon(self.bench, "of Postfix", self.entries, cpus=set(self.bench.cpus))
        try:
            self.prepare()
            self.report(interleave(self.options.rounds, [
                (name, lambda name=name: self.measure(name)) for name in self.kinds]))
        finally:
            self.postfix.close()
            self.stop_postfwd()
            self.bench.servers["echo-unix"].set_cpus(self.bench.one_cpu)
        self.daemon.stop()

    def report(self, runs):
        rows = self.bench.results["postfix"] = {}
        print(f"\nrecipients a second through smtpd, {self.options.sessions} sessions, "
              f"{self.entries} entries, 1% listed, medians of {self.options.rounds}")
        print(f"{'policy':16} {'rcpt/s':>9} {'ratio':>7} {'CPU s a million, server':>28}")
        for name, of_it in runs.items():
            row = rows[name] = {"per_second": median(of_it, "per_second"),
                                "ratio": ratio(of_it, runs["none"], "per_second"),
                                "cpu_s_per_million": median(of_it, "cpu_s_per_million")}
            ours = f"{row['cpu_s_per_million']:.1f}" if name.startswith(("echo", "rcptguard")) else ""
            print(f"{name:16} {row['per_second']:9.0f} {row['ratio']:7.3f} {ours:>28}")
