"""The part `zones` of the bench: what recipients cost that no memory knows.

Fresh: ever new domains at a fixed rate through unbound and rbldnsd, against what unbound takes for
the same questions when it is asked directly. Dead: what a zone that ceases to answer costs. Waiting:
latency of recipients in memory while others wait for a slow zone. (What zones cost when memory has all
answers is in features.py.)

Name servers are those of the integration tests, on loopback, and ask nobody else.
"""

import json
import os
import signal
import subprocess
import time

import nameservers
from measure import interleave, latency_table
from nameservers import KINDS, ZONES, sum_of, zones_of
from servers import READY_S, Daemon, pin

WAITED = 0.9  # of the timeout: a query that took so long has waited for all of it


class Zones:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options
        self.recipients = nameservers.Recipients(bench.dir)
        self.results = bench.results["zones"] = {}
        self.closing = []

    def run(self):
        why = nameservers.missing()
        if why is not None:
            self.results["skipped"] = why
            print(f"\nzones: skipped, {why}")
            return
        self.servers = nameservers.NameServers(self.bench, self.recipients)
        self.closing.append(self.servers.close)
        try:
            self.fresh()
            self.dead()
            self.waiting()
        finally:
            for close in reversed(self.closing):
                close()

    def daemon(self, name, zones, port=None, lines=""):
        daemon = Daemon(self.bench, name, rows=self.recipients.listed,
                        more=self.servers.config(zones, lines, port))
        self.bench.wait_until("zones are on", lambda: nameservers.are_on(daemon))
        return daemon

    # Fresh

    def dns_load(self, patterns):
        o, bench = self.options, self.bench
        command = [bench.program("bench/dns_load"), "-s", str(o.fresh_seconds), "-r",
                   str(o.fresh_rate), f"127.0.0.1:{self.servers.unbound.port}", *patterns]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True,
                              preexec_fn=pin(bench.one_cpu))
        result = json.loads(done.stdout)
        bench.results["wrong"] += result["wrong"]
        return result

    def fresh_load(self, daemon, connections=400):
        o = self.options
        before = {field: sum_of(daemon, field) for field in ("late", "timeouts")}
        run = self.bench.load(daemon, "unix", connections,
                              ["-u", "-s", str(o.fresh_seconds), "-r", str(o.fresh_rate)])
        run.update({field: sum_of(daemon, field) - before[field] for field in before})
        return run

    def fresh(self):
        o = self.options
        zones = ZONES[:3]
        daemon = self.daemon("fresh", zones)
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

    @staticmethod
    def compare(plan, columns, rounds):
        runs = interleave(rounds, plan)
        return latency_table(runs, columns), runs

    # Dead

    def dead(self):
        """The server of one zone of three is stopped: it drops all that comes."""
        mortal = KINDS[0]._replace(name="dead")
        daemon = self.daemon("dead", [ZONES[0], mortal, ZONES[2]], lines="timeout = 1s\n")
        before = self.fresh_load(daemon)
        os.kill(self.servers.mortal.process.pid, signal.SIGSTOP)
        waited, asked, deadline = 0, 0, time.monotonic() + READY_S
        try:
            while not self.is_off(daemon) and time.monotonic() < deadline:
                started = time.monotonic()
                daemon.ask(f"u@dead{asked}.example")
                asked += 1
                waited += time.monotonic() - started > WAITED
            after = self.fresh_load(daemon)
        finally:
            os.kill(self.servers.mortal.process.pid, signal.SIGCONT)
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
        return any(zone["state"] == "off" for zone in zones_of(daemon))

    # Waiting

    def waiting(self):
        """A zone that takes 200 ms for each answer, so that hundreds wait at any time."""
        o = self.options
        import dnsservers

        server = dnsservers.DnsServer()
        self.closing.append(server.stop)
        slow = server.zone("slow.bench.example.net")
        daemon = self.daemon("waiting", [KINDS[0]._replace(name="slow")], server.port)
        nameservers.fill(daemon.policy, self.recipients.all)
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
                               self.recipients.path])
        if beside is not None:
            row = json.loads(beside.communicate(timeout=READY_S)[0])
            run["fresh"] = row["queries"]
            self.bench.results["wrong"] += row["wrong"]
        return run
