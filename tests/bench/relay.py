"""The part `postfix` of the bench: recipients a second through a real smtpd, by what it asks.

One Postfix on loopback with an smtpd a policy, the same clients for each, interleaved rounds: no
policy, rcptguardd over unix and TCP, Postfix's own maps of the same list, and postfwd where it is
installed. A client sends 500 RCPT TO: at once, one in a hundred listed, reads the answers, begins
anew with RSET; no message is ever sent, so that queue and disk have no part in it.

postfwd compares with each entry of a list in turn, so it is given a thousand of them only.
"""

import os
import pathlib
import shutil
import signal
import smtplib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from servers import cpu_seconds, free_port

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import postfix  # noqa: E402

RECIPIENTS = 500  # a transaction; smtpd_recipient_limit is 1000
LISTED_EVERY = 100
FEW = 1000

POLICY = "check_policy_service {{ {0}, timeout=3s, max_ttl=60s, default_action=DUNNO }}"

# For sessions that never end.
ENDLESS = """
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
    """BENCH has started rcptguardd with its list."""

    def __init__(self, bench):
        self.bench = bench
        self.options = bench.options
        self.postfix = postfix.Postfix("inet:127.0.0.1:1")  # of its own smtpd, which nobody asks
        self.kinds = {}  # name -> (port, entries)
        self.postfwd = None  # a directory of its own, while it runs

    def add(self, name, restrictions, entries):
        port = free_port()
        self.kinds[name] = (port, entries)
        with open(self.postfix.config / "master.cf", "a", encoding="ascii") as master:
            master.write(f"127.0.0.1:{port} inet n - n - - smtpd\n"
                         f"  -o syslog_name=postfix/{name}\n"
                         f"  -o {{ smtpd_recipient_restrictions = {restrictions} }}\n")

    def add_maps(self):
        """Made by postmap from the same entries."""
        known = subprocess.run(["postconf", "-m"], capture_output=True, text=True).stdout.split()
        source = self.postfix.config / "listed"
        with open(source, "w", encoding="ascii") as file:
            file.writelines(f"{line} 550 5.7.1 on a blocklist\n"
                            for line in self.bench.feed.fixed.split())
        for kind in ("hash", "lmdb", "cdb"):
            if kind in known:
                subprocess.run(["postmap", "-c", self.postfix.config, f"{kind}:{source}"],
                               check=True)
                self.add(kind, f"check_recipient_access {kind}:{source}",
                         self.options.entries)

    def start_postfwd(self):
        program = shutil.which("postfwd") or shutil.which("postfwd", path="/usr/sbin")
        if program is None:
            print("postfwd is not here: left out")
            return
        path, port = f"{self.bench.dir}/few", free_port()
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(self.bench.feed.fixed.split()[:FEW]) + "\n")
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
        with open(self.postfix.config / "main.cf", "a", encoding="ascii") as main:
            main.write(ENDLESS)
        self.add("none", "reject_non_fqdn_recipient", 0)
        # smtpd of Postfix is user postfix, and the bench's socket is root's.
        os.chmod(f"{self.bench.dir}/policy", 0o666)
        os.chmod(self.bench.dir, 0o711)
        for transport in ("unix", "tcp"):
            where = self.bench.servers["rcptguardd"].endpoints[transport]
            self.add(f"rcptguard-{transport}", POLICY.format(where), self.options.entries)
        self.add_maps()
        self.start_postfwd()
        self.postfix.start()

    def round(self, name):
        """(recipients a second, CPU seconds a million of rcptguardd)."""
        port, entries = self.kinds[name]
        clients = [Client(port, n, max(entries, 1)) for n in range(self.options.sessions)]
        pid = self.bench.servers["rcptguardd"].pid
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
        if name != "none":
            self.bench.results["wrong"] += sum(client.wrong for client in clients)
        return done / seconds, (cpu_seconds(pid) - cpu) * 1e6 / max(done, 1)

    def run(self):
        if not postfix.installed():
            print("Postfix is not here: the part postfix is left out")
            return
        try:
            self.prepare()
            runs = {name: [] for name in self.kinds}
            for _ in range(self.options.rounds):
                for name in self.kinds:
                    runs[name].append(self.round(name))
        finally:
            self.postfix.close()
            self.stop_postfwd()
        self.report(runs)

    def report(self, runs):
        self.bench.results["postfix"] = runs
        print(f"\nrecipients a second through smtpd, {self.options.sessions} sessions, "
              f"{self.options.entries} entries, 1% listed, medians of {self.options.rounds}")
        print(f"{'policy':16} {'rcpt/s':>9} {'ratio':>7} {'CPU s a million, rcptguardd':>28}")
        for name, rounds in runs.items():
            rate = statistics.median(r for r, _ in rounds)
            ratio = statistics.median(r / n for (r, _), (n, _) in zip(rounds, runs["none"]))
            cpu = statistics.median(c for _, c in rounds)
            print(f"{name:16} {rate:9.0f} {ratio:7.3f} "
                  f"{f'{cpu:.1f}' if name.startswith('rcptguard') else '':>28}")
