"""The part `fleet` of the bench: what sharing through Redis costs those who ask.

Throughput of three daemons with the same list: without Redis, with one that is well (lists, exclusions
and blocks are shared), and with one that hangs: it was stopped, so calls end by their deadlines. Daemon
and load share a CPU, rounds interleave. The daemon's threads besides the loop must not be felt.
"""

import os
import pwd
import shutil
import signal
import statistics
import sys

from servers import Server, ask

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
url     = file:{dir}/feed
format  = entries

[admin]
listen = unix:{dir}/admin.sock
"""

REDIS = """
[redis]
url    = {url}
secret = of the bench
share  = lists exclusions blocks
"""

LISTED = "someone@listed.example.org"


class Daemon(Server):
    def __init__(self, bench, name, redis):
        self.dir = f"{bench.dir}/fleet-{name.replace(' ', '-')}"
        os.makedirs(f"{self.dir}/state", 0o700)
        with open(f"{self.dir}/exclusions", "wb"):
            pass
        with open(f"{self.dir}/feed", "w", encoding="ascii") as f:
            f.write(LISTED + "\n")
            f.writelines(f"u{i:07d}@listed.example.org\n" for i in range(bench.options.entries))
        with open(f"{self.dir}/conf", "w", encoding="ascii") as f:
            f.write(CONFIG.format(dir=self.dir, user=pwd.getpwuid(os.geteuid()).pw_name))
            if redis is not None:
                f.write(REDIS.format(url=redis.unix))
        with open(f"{self.dir}/log", "wb") as log:
            super().__init__(name, [bench.program("rcptguardd"), "-c", f"{self.dir}/conf"],
                             {"unix": f"unix:{self.dir}/policy"}, log, bench.one_cpu)
        bench.servers[name] = self
        bench.wait_until(f"{name} has its list",
                         lambda: (ask(f"{self.dir}/policy", LISTED) or "").startswith("action=5"))


class Fleet:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options

    def run(self):
        if not shutil.which("redis-server"):
            print("\nfleet: skipped, redis-server is missing")
            return
        sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "integration"))
        from redisserver import Redis

        well, hanging = Redis(), Redis()
        try:
            well.start(), hanging.start()
            daemons = [Daemon(self.bench, "without Redis", None),
                       Daemon(self.bench, "with Redis", well),
                       Daemon(self.bench, "with one that hangs", hanging)]
            hanging.process.send_signal(signal.SIGSTOP)
            self.compare(daemons)
            for daemon in daemons:
                daemon.stop()
        finally:
            hanging.process.send_signal(signal.SIGCONT)
            well.close(), hanging.close()

    def compare(self, daemons):
        o, bench = self.options, self.bench
        runs = {daemon.name: [] for daemon in daemons}
        for _ in range(o.rounds):
            for daemon in daemons:
                runs[daemon.name].append(bench.load(
                    daemon, "unix", o.connections[0],
                    ["-s", str(o.seconds)], bench.one_cpu))
        bench.results["fleet"] = runs
        print(f"\nfleet, {o.rounds} interleaved rounds of {o.seconds} s, medians, daemon and load on "
              f"one CPU, {o.connections[0]} connections, unix, {o.entries} entries")
        print(f"{'':24} {'per second':>10} {'ratio':>6}")
        for name, of_it in runs.items():
            rate = statistics.median(run["per_second"] for run in of_it)
            ratio = statistics.median(run["per_second"] / bare["per_second"]
                                      for run, bare in zip(of_it, runs["without Redis"]))
            print(f"{name:24} {rate:10.0f} {ratio:6.3f}", flush=True)
