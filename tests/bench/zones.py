"""The part `zones` of the bench: what DNS zones cost.

Cached: throughput when all answers are in memory, against the same daemon and load without zones.
Fresh: ever new domains at a fixed rate through unbound and rbldnsd, against what unbound takes for
the same questions when it is asked directly. Dead: what a zone that ceases to answer costs. Waiting:
latency of recipients in memory while others wait for a slow zone.

Name servers are those of the integration tests, on loopback, and ask nobody else.
"""

import collections
import hashlib
import http.client
import json
import os
import pwd
import signal
import socket
import statistics
import subprocess
import sys
import time

from servers import READY_S, Server, ask, pin, query

CONFIG = """\
[daemon]
user       = {user}
state_dir  = {dir}/state
log_target = stderr

[policy]
listen      = unix:{dir}/policy
socket_mode = 0600
contact     = helpdesk@example.org

[exclusions]
file = {dir}/exclusions

[feed bench]
url        = file:{dir}/feed
format     = entries

[dns]
servers = 127.0.0.1:{port}

[admin]
listen = unix:{dir}/admin.sock
"""

ZONE = """
[dnsbl {name}]
zone  = {name}.bench.example.net
query = {query}
codes = 127.0.0.2
"""

# What each zone is asked, over and over; the patterns are what it is asked for a domain of
# `load -u`, an @ is what changes.
Kind = collections.namedtuple("Kind", "name query lines patterns")
KINDS = (
    Kind("dbl", "domain", "", ("mail.f@.example",)),
    Kind("uri", "domain", "parents = yes\n", ("mail.f@.example", "f@.example")),
    Kind("ebl", "email-sha1", "", ("@" + 24 * "0",)),
)
ZONES = [kind._replace(name=f"{kind.name}{i}") for i in range(3) for kind in KINDS][:8]

DOMAINS, RECIPIENTS, LISTED = 2500, 10000, 100
WAITED = 0.9  # of the timeout: a query that took so long has waited for all of it


def missing():
    """Why this part cannot run, or None."""
    for program in ("/usr/sbin/rbldnsd", "/usr/sbin/unbound"):
        if not os.access(program, os.X_OK):
            return f"{program} is missing"
    try:
        import pytest  # noqa: F401  the servers stand among the tests
    except ImportError:
        return "python3-pytest is missing"
    return None


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Daemon(Server):
    """A rcptguardd of its own, with ZONES asked at PORT."""

    def __init__(self, bench, name, zones, port, listed=(), lines=""):
        self.dir = f"{bench.dir}/{name.replace(' ', '-')}"
        os.makedirs(f"{self.dir}/state", 0o700)
        with open(f"{self.dir}/exclusions", "wb"):
            pass
        with open(f"{self.dir}/feed", "w", encoding="ascii") as f:
            f.writelines(f"{recipient}\n" for recipient in ("someone@listed.example.org", *listed))
        with open(f"{self.dir}/conf", "w", encoding="ascii") as f:
            f.write(CONFIG.format(dir=self.dir, port=port,
                                  user=pwd.getpwuid(os.geteuid()).pw_name))
            for zone in zones:
                f.write(ZONE.format(name=zone.name, query=zone.query) + zone.lines + lines)
        with open(f"{self.dir}/log", "wb") as log:
            super().__init__(name, [bench.program("rcptguardd"), "-c", f"{self.dir}/conf"],
                             {"unix": f"unix:{self.dir}/policy"}, log, bench.one_cpu)
        bench.servers[name] = self
        bench.wait_until(f"{name} has its list and zones", self.is_ready)

    def ask(self, recipient):
        return ask(f"{self.dir}/policy", recipient)

    def zones(self):
        connection = UnixConnection(f"{self.dir}/admin.sock")
        try:
            connection.request("GET", "/v1/feeds")
            rows = json.load(connection.getresponse())["feeds"]
        finally:
            connection.close()
        return [row for row in rows if row["kind"] == "dnsbl"]

    def is_ready(self):
        if self.process.poll() is not None:
            sys.exit(f"bench: {self.name} has ended; see {self.dir}/log")
        return ((self.ask("someone@listed.example.org") or "").startswith("action=5")
                and all(zone["state"] == "on" for zone in self.zones()))

    def sum_of(self, field):
        return sum(zone[field] for zone in self.zones())


class Zones:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options
        self.recipients = f"{bench.dir}/recipients"
        self.results = bench.results["zones"] = {}
        self.closing = []

    def run(self):
        why = missing()
        if why is not None:
            self.results["skipped"] = why
            print(f"\nzones: skipped, {why}")
            return
        try:
            self.start_servers()
            self.cached()
            self.fresh()
            self.dead()
            self.waiting()
        finally:
            for server in reversed(self.closing):
                server()

    def start_servers(self):
        """rbldnsd and unbound away from the CPU of daemon and load, if there is another."""
        sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "integration"))
        import dnsservers

        self.dnsservers = dnsservers
        self.write_recipients()
        os.sched_setaffinity(0, set(self.bench.cpus[:-1]) or set(self.bench.cpus))
        names = [f"{zone.name}.bench.example.net" for zone in ZONES]
        texts = {name: ("dnset", self.zone_text(zone)) for name, zone in zip(names, ZONES)}
        self.rbldnsd = dnsservers.Rbldnsd(texts).start()
        self.closing.append(self.rbldnsd.close)
        self.mortal = dnsservers.Rbldnsd({"dead.bench.example.net": ("dnset", "")}).start()
        self.closing.append(self.mortal.close)
        stubs = dict.fromkeys(names, self.rbldnsd.port)
        stubs["dead.bench.example.net"] = self.mortal.port
        self.unbound = dnsservers.Unbound(stubs).start()
        self.closing.append(self.unbound.close)

    def write_recipients(self):
        """Three of four domains are registered ones; some recipients are listed."""
        self.all, self.listed = [], []
        for i in range(RECIPIENTS):
            domain = i % DOMAINS
            sub = "mail." if domain % 4 == 0 else ""
            self.all.append(f"user{i}@{sub}d{domain}.example")
        self.listed = [f"user{i}@listed{i}.example" for i in range(LISTED)]
        for path, listed in ((self.recipients, []), (self.recipients + "-listed", self.listed)):
            with open(path, "w", encoding="ascii") as f:
                f.writelines(f"{recipient}\n" for recipient in self.all)
                f.writelines(f"!{recipient}\n" for recipient in listed)

    def zone_text(self, zone):
        """All zones list the same recipients, each in its way; negative answers hold for an hour."""
        head = self.dnsservers.SOA.replace(" 300\n", " 3600\n")
        if zone.query == "domain":
            rows = [recipient.partition("@")[2] for recipient in self.listed]
        else:
            rows = [hashlib.sha1(recipient.encode()).hexdigest() for recipient in self.listed]
        return head + "".join(f"{row} :2:listed\n" for row in rows)

    # Cached

    def fill(self, daemon, recipients):
        """Asks for each once, on many connections at a time."""
        sockets = []
        for _ in range(50):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(10)
            s.connect(f"{daemon.dir}/policy")
            sockets.append(s)
        for i in range(0, len(recipients), len(sockets)):
            turn = list(zip(sockets, recipients[i:]))
            for s, recipient in turn:
                s.sendall(query(recipient))
            for s, _ in turn:
                while not s.recv(4096).endswith(b"\n\n"):
                    pass
        for s in sockets:
            s.close()

    def cached(self):
        o, bench = self.options, self.bench
        # Else the kernel lets the load interrupt the daemon after each answer, but only while the
        # daemon takes more of their CPU than the load does: a switch a query, which says nothing of
        # zones. Those who are started inherit it.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        daemons = [Daemon(bench, "without", [], self.unbound.port, self.listed)]
        for n in o.zones:
            daemons.append(Daemon(bench, f"{n} zones", ZONES[:n], self.unbound.port))
        for daemon in daemons:
            self.fill(daemon, self.all + self.listed)
        print(f"\nzones in memory, {o.rounds} interleaved rounds of {o.seconds} s, medians, daemon "
              f"and load on one CPU, {o.connections[0]} connections, unix, {RECIPIENTS} recipients "
              f"in {DOMAINS} domains")
        print(f"{'':24} {'per second':>10} {'ratio':>6} {'CPU s/M':>8} {'ratio':>6} "
              f"{'from memory':>11}")
        self.results["cached"] = {}
        for what, path in (("clear", self.recipients), ("1% listed", self.recipients + "-listed")):
            self.compare_cached(what, path, daemons)
        for daemon in daemons:
            daemon.stop()
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))

    def compare_cached(self, what, path, daemons):
        o, bench = self.options, self.bench
        runs = {daemon.name: [] for daemon in daemons}
        for _ in range(o.rounds):
            for daemon in daemons:
                before = self.counts(daemon)
                run = bench.load(daemon, "unix", o.connections[0],
                                 ["-s", str(o.seconds), "-f", path], bench.one_cpu)
                run["memory"], run["asked"] = (b - a for a, b in zip(before, self.counts(daemon)))
                runs[daemon.name].append(run)
        rows = {}
        for daemon in daemons:
            of_it = runs[daemon.name]
            row = {field: statistics.median(run[field] for run in of_it)
                   for field in ("per_second", "cpu_s_per_million")}
            # Of the same round: what else the machine does meanwhile changes from round to round.
            for ratio, field in (("ratio", "per_second"), ("cpu_ratio", "cpu_s_per_million")):
                row[ratio] = statistics.median(
                    run[field] / bare[field] for run, bare in zip(of_it, runs["without"]))
            memory, asked = (sum(run[field] for run in of_it) for field in ("memory", "asked"))
            row["from_memory"] = memory / (memory + asked) if memory else None
            rows[daemon.name] = row
            shown = f"{row['from_memory']:.2%}" if memory else "-"
            print(f"{daemon.name + ', ' + what:24} {row['per_second']:10.0f} {row['ratio']:6.2f} "
                  f"{row['cpu_s_per_million']:8.2f} {row['cpu_ratio']:6.2f} {shown:>11}", flush=True)
        self.results["cached"][what] = {"medians": rows, "runs": runs}

    @staticmethod
    def counts(daemon):
        return daemon.sum_of("memory"), daemon.sum_of("questions")

    # Fresh

    def dns_load(self, patterns):
        o, bench = self.options, self.bench
        command = [bench.program("bench/dns_load"), "-s", str(o.fresh_seconds), "-r",
                   str(o.fresh_rate), f"127.0.0.1:{self.unbound.port}", *patterns]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True,
                              preexec_fn=pin(bench.one_cpu))
        result = json.loads(done.stdout)
        bench.results["wrong"] += result["wrong"]
        return result

    def fresh_load(self, daemon, connections=400):
        o = self.options
        before = {field: daemon.sum_of(field) for field in ("late", "timeouts")}
        run = self.bench.load(daemon, "unix", connections,
                              ["-u", "-s", str(o.fresh_seconds), "-r", str(o.fresh_rate)],
                              self.bench.one_cpu)
        run.update({field: daemon.sum_of(field) - before[field] for field in before})
        return run

    def fresh(self):
        o = self.options
        zones = ZONES[:3]
        daemon = Daemon(self.bench, "fresh", zones, self.unbound.port)
        patterns = [f"{pattern}.{zone.name}.bench.example.net"
                    for zone in zones for pattern in zone.patterns]
        print(f"\nfresh domains, {o.fresh_rate} a second, three zones, {len(patterns)} questions "
              f"each, unbound before rbldnsd; microseconds, {o.fresh_rounds} interleaved rounds of "
              f"{o.fresh_seconds} s, medians")
        medians, runs = self.compare(
            (("unbound alone", lambda: self.dns_load(patterns)),
             ("verdict", lambda: self.fresh_load(daemon))), ("late", "wrong"), o.fresh_rounds)
        more = medians["verdict"]["p99_us"] - medians["unbound alone"]["p99_us"]
        self.results["fresh"] = {"medians": medians, "runs": runs, "p99_more_us": more}
        print(f"p99 of the verdict beyond that of unbound alone: {more / 1000:+.2f} ms")
        daemon.stop()

    def compare(self, plan, columns, rounds):
        runs = {name: [] for name, _ in plan}
        for _ in range(rounds):
            for name, measure in plan:
                runs[name].append(measure())
        heads = "".join(f" {column:>6}" for column in columns)
        print(f"{'':24} {'p50':>8} {'p99':>8} {'p99.9':>8} {'max':>9}{heads}")
        medians = {}
        for name, of_name in runs.items():
            m = {field: statistics.median(run[field] for run in of_name)
                 for field in ("p50_us", "p99_us", "p999_us", "max_us")}
            m.update({column: sum(run.get(column, 0) for run in of_name) for column in columns})
            medians[name] = m
            sums = "".join(f" {m[column]:6}" for column in columns)
            print(f"{name:24} {m['p50_us']:8.0f} {m['p99_us']:8.0f} {m['p999_us']:8.0f} "
                  f"{m['max_us']:9.0f}{sums}", flush=True)
        return medians, runs

    # Dead

    def dead(self):
        """The server of one zone of three is stopped: it drops all that comes."""
        mortal = KINDS[0]._replace(name="dead")
        daemon = Daemon(self.bench, "dead", [ZONES[0], mortal, ZONES[2]], self.unbound.port,
                        lines="timeout = 1s\n")
        before = self.fresh_load(daemon)
        os.kill(self.mortal.process.pid, signal.SIGSTOP)
        waited, asked, deadline = 0, 0, time.monotonic() + READY_S
        try:
            while not self.is_off(daemon) and time.monotonic() < deadline:
                started = time.monotonic()
                daemon.ask(f"u@dead{asked}.example")
                asked += 1
                waited += time.monotonic() - started > WAITED
            after = self.fresh_load(daemon)
        finally:
            os.kill(self.mortal.process.pid, signal.SIGCONT)
        self.results["dead"] = {"asked": asked, "waited": waited, "before": before, "after": after}
        print(f"\na zone dies: {waited} of {asked} first-time queries waited for its timeout until "
              f"it was off; then at {self.options.fresh_rate} fresh domains a second, microseconds")
        print(f"{'':24} {'p50':>8} {'p99':>8} {'p99.9':>8} {'max':>9}   late")
        for name, run in (("while it lives", before), ("while it is off", after)):
            print(f"{name:24} {run['p50_us']:8.0f} {run['p99_us']:8.0f} {run['p999_us']:8.0f} "
                  f"{run['max_us']:9.0f} {run['late']:6}")
        daemon.stop()

    @staticmethod
    def is_off(daemon):
        return any(zone["state"] == "off" for zone in daemon.zones())

    # Waiting

    def waiting(self):
        """A zone that takes 200 ms for each answer, so that hundreds wait at any time."""
        o = self.options
        server = self.dnsservers.DnsServer()
        self.closing.append(server.stop)
        slow = server.zone("slow.bench.example.net")
        daemon = Daemon(self.bench, "waiting", [KINDS[0]._replace(name="slow")], server.port)
        self.fill(daemon, self.all)
        slow.delay = 0.2
        print(f"\nrecipients in memory at {o.rate} queries a second while {o.fresh_rate} fresh "
              f"domains a second wait 200 ms for a zone; microseconds, {o.fresh_rounds} interleaved "
              f"rounds of {o.fresh_seconds} s, medians")
        medians, runs = self.compare(
            (("nobody waits", lambda: self.remembered_load(daemon, False)),
             ("others wait", lambda: self.remembered_load(daemon, True))),
            ("fresh", "wrong"), o.fresh_rounds)
        ratio = medians["others wait"]["p99_us"] / max(1e-9, medians["nobody waits"]["p99_us"])
        self.results["waiting"] = {"medians": medians, "runs": runs, "p99_ratio": ratio}
        print(f"p99 while others wait / while nobody does: {ratio:.2f}")
        daemon.stop()

    def remembered_load(self, daemon, others):
        o = self.options
        beside = None
        if others:
            beside = subprocess.Popen(
                [self.bench.program("bench/load"), "-u", "-c", "1000", "-s",
                 str(o.fresh_seconds + 1), "-r", str(o.fresh_rate), daemon.endpoints["unix"]],
                stdout=subprocess.PIPE)
            time.sleep(0.5)  # until as many wait as always will
        run = self.bench.load(daemon, "unix", o.swap_connections,
                              ["-s", str(o.fresh_seconds), "-r", str(o.rate), "-f",
                               self.recipients], self.bench.one_cpu)
        if beside is not None:
            row = json.loads(beside.communicate(timeout=READY_S)[0])
            run["fresh"] = row["queries"]
            self.bench.results["wrong"] += row["wrong"]
        return run
