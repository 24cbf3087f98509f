"""
The part `features`: what each thing that is switched on costs those who ask.

Daemons with the same list and the same load: without anything, with zones whose answers are in memory,
with a Redis that is well and one that hangs, with the decision log, and while its metrics are read every
second. What is missing on this machine is left out.
"""

import http.client
import os
import shutil
import signal

import nameservers
from measure import interleave, median, ratio
from servers import Background, Daemon, free_port

REDIS = """
[redis]
url    = {url}
secret = of the bench
share  = lists exclusions blocks
"""
DECISIONS = """
[decisions]
file       = {path}
log_passes = {passes}
"""
HTTP = "http = 127.0.0.1:{port}\n"


class Features:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options
        self.recipients = nameservers.Recipients(bench.dir)
        self.kinds, self.closing = {}, []
        self.beside = {}  # name -> what goes on while it is measured

    def run(self):
        try:
            self.add("nothing")
            self.add_decisions()
            self.add_metrics()
            self.add_zones()
            self.add_redis()
            self.compare()
        finally:
            for close in reversed(self.closing):
                close()

    def add(self, name, more=""):
        daemon = Daemon(self.bench, f"with {name}", self.options.entries[0],
                        rows=self.recipients.listed, more=more)
        self.kinds[name] = daemon
        return daemon

    def add_decisions(self):
        for name, passes in (("decision log", "no"), ("log of passes", "yes")):
            self.add(name, DECISIONS.format(path=f"{self.bench.dir}/{name.replace(' ', '-')}.json",
                                            passes=passes))

    def add_metrics(self):
        port = free_port()
        self.add("metrics read", HTTP.format(port=port))

        def read(stop):
            while not stop.wait(1):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request("GET", "/metrics")
                connection.getresponse().read()
                connection.close()

        self.beside["metrics read"] = read

    def add_zones(self):
        why = nameservers.missing()
        if why is not None:
            print(f"\nfeatures: no zones: {why}")
            return
        servers = nameservers.NameServers(self.bench, self.recipients)
        self.closing.append(servers.close)
        for n in self.options.zones:
            daemon = self.add(f"{n} zones", servers.config(nameservers.ZONES[:n]))
            self.bench.wait_until("zones are on", lambda: nameservers.are_on(daemon))

    def add_redis(self):
        if not shutil.which("redis-server"):
            print("\nfeatures: no Redis: redis-server is missing")
            return
        from redisserver import Redis

        for name in ("Redis", "Redis that hangs"):
            redis = Redis().start()
            self.closing.append(redis.close)
            daemon = self.add(name, REDIS.format(url=redis.unix))
            self.bench.wait_until("the fleet is up", lambda: daemon.status()["fleet"]["state"] == "up")
        redis.process.send_signal(signal.SIGSTOP)
        self.closing.append(lambda: redis.process.send_signal(signal.SIGCONT))

    def measure(self, name):
        bench, o, daemon = self.bench, self.options, self.kinds[name]
        work = self.beside.get(name, lambda stop: None)
        with Background(work):
            return bench.load(daemon, "unix", o.connections[0],
                              ["-s", str(o.seconds), "-f", self.recipients.path])

    def compare(self):
        o = self.options
        # Else the kernel lets the load interrupt the daemon after each answer, but only while the
        # daemon takes more of their CPU than the load does: a switch a query, which says nothing of
        # what is compared. Those who are started inherit it.
        for daemon in self.kinds.values():
            nameservers.fill(daemon.policy, self.recipients.all + self.recipients.listed)
            for task in os.listdir(f"/proc/{daemon.pid}/task"):
                os.sched_setscheduler(int(task), os.SCHED_BATCH, os.sched_param(0))
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        runs = interleave(o.rounds, [(name, lambda name=name: self.measure(name))
                                     for name in self.kinds])
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        print(f"\nfeatures, {o.rounds} interleaved rounds of {o.seconds} s, medians, daemon and load on "
              f"one CPU, {o.connections[0]} connections, unix, {o.entries[0]} entries, "
              f"{len(self.recipients.all)} recipients, 1% listed")
        print(f"{'':24} {'a second':>9} {'ratio':>6} {'CPU s/M':>8} {'ratio':>6}")
        rows = self.bench.results["features"] = {}
        for name, of_it in runs.items():
            row = rows[name] = {
                "per_second": median(of_it, "per_second"),
                "cpu_s_per_million": median(of_it, "cpu_s_per_million"),
                "ratio": ratio(of_it, runs["nothing"], "per_second"),
                "cpu_ratio": ratio(of_it, runs["nothing"], "cpu_s_per_million")}
            print(f"{name:24} {row['per_second']:9.0f} {row['ratio']:6.3f} "
                  f"{row['cpu_s_per_million']:8.2f} {row['cpu_ratio']:6.3f}", flush=True)
        for daemon in self.kinds.values():
            daemon.stop()
