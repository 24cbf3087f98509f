"""
The part `swaps`: latencies at a fixed rate of queries (open loop) while the whole list is replaced again
and again, against the same without replacing and against the echo server. The part `admin`: the same
while bad clients flood the admin socket, and how long an exclusion takes.

As in real life the daemon's other threads may use another CPU, if there is one.
"""

import os
import socket
import statistics
import sys
import threading
import time

from measure import interleave, latency_table, ratio
from servers import READY_S, Background, Daemon, http, rss_mib, wait_blocked


def be_nice():
    """This thread alone: writing lists, or a flood, must not be what the queries wait for."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


class Paced:
    """A daemon with its list, asked at a fixed rate."""

    def __init__(self, bench, name):
        self.bench, self.options = bench, bench.options
        self.daemon = Daemon(bench, name, self.options.entries[0], cpus=set(bench.cpus))

    def load(self, server):
        o = self.options
        return self.bench.load(server, "unix", o.swap_connections,
                               ["-s", str(o.swap_seconds), "-r", str(o.rate)], o.entries[0],
                               o.hits[0])

    def compare(self, plan, columns):
        o = self.options
        print(f"\nlatency in microseconds at {o.rate} queries a second, {o.swap_connections} "
              f"connections, unix, {o.entries[0]} entries, {o.swap_rounds} interleaved rounds of "
              f"{o.swap_seconds} s, medians")
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self.bench.other_cpus)
        runs = interleave(o.swap_rounds, plan)
        os.sched_setaffinity(0, before)
        return latency_table(runs, columns), runs


class Swaps(Paced):
    def __init__(self, bench):
        super().__init__(bench, "swapped")
        self.daemon.feed.prepare()

    def keep_swapping(self, stop, took):
        """Replaces the list as soon as the one before is in force, but not more often than
        --swap-every; notes how long each took."""
        be_nice()
        while not stop.is_set():
            started = time.monotonic()
            self.daemon.feed.alternate()
            if not wait_blocked(self.daemon.policy, self.daemon.feed.marker(), READY_S):
                took.append(None)
                return
            took.append(time.monotonic() - started)
            stop.wait(max(0.0, self.options.swap_every - took[-1]))

    def swapped_load(self):
        took = []
        with Background(lambda stop: self.keep_swapping(stop, took)):
            result = self.load(self.daemon)
        if None in took:
            sys.exit(f"bench: a new list did not come into force; see {self.daemon.log}")
        return {**result, "swaps": len(took), "swap_s": statistics.median(took)}

    def run(self):
        echo = self.bench.servers["echo-unix"]
        medians, runs = self.compare((
            ("echo server", lambda: self.load(echo)),
            ("rcptguardd", lambda: self.load(self.daemon)),
            ("rcptguardd, swapping", self.swapped_load)), ("swaps", "wrong"))
        swapping, idle = runs["rcptguardd, swapping"], runs["rcptguardd"]
        p999 = ratio(swapping, idle, "p999_us")
        of_echo = medians["rcptguardd, swapping"]["max_us"] / medians["echo server"]["max_us"]
        took = statistics.median(run["swap_s"] for run in swapping)
        self.bench.results["swaps"] = {
            "medians": medians, "runs": runs, "p999_ratio": p999, "max_of_echo": of_echo,
            "swap_s": took, "rss_mib": rss_mib(self.daemon.pid)}
        print(f"with swaps / without: p99.9 {p999:.2f}; with swaps / echo server: max {of_echo:.2f}; "
              f"from saved to in force {took:.2f} s; {rss_mib(self.daemon.pid):.1f} MiB resident")
        self.daemon.stop()


class Admin(Paced):
    def __init__(self, bench):
        super().__init__(bench, "flooded")

    def flood(self, stop, count):
        """Everything that a bad client does, as fast as this thread can."""
        be_nice()
        idle = []
        while not stop.is_set():
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(0.2)
            try:
                s.connect(self.daemon.admin)
                s.sendall((b"", b"GET /v1/st", b"\x00garbage\r\n\r\n" * 50,
                           b"POST /v1/exclusions HTTP/1.1\r\nHost: x\r\n"
                           b"Content-Length: 104857600\r\n\r\n" + b"x" * 65536)[count[0] % 4])
            except OSError:
                pass
            count[0] += 1
            idle.append(s)
            if len(idle) > 500:
                idle.pop(0).close()
        for s in idle:
            s.close()

    def flooded_load(self):
        count = [0]
        with Background(lambda stop: self.flood(stop, count)):
            result = self.load(self.daemon)
        return {**result, "bad clients": count[0]}

    def is_served(self):
        """The flood's connections are gone from the backlog."""
        return http(self.daemon.admin, "/v1/status")[0] == 200

    def run(self):
        medians, runs = self.compare((
            ("rcptguardd", lambda: self.load(self.daemon)),
            ("admin socket flooded", self.flooded_load)), ("bad clients", "wrong"))
        self.bench.wait_until("the admin socket answers after the flood", self.is_served)
        took = []
        for i in range(200):
            started = time.monotonic()
            status, _ = http(self.daemon.admin, "/v1/exclusions", "POST",
                             f'{{"what":"edit{i}@example.org"}}'.encode())
            took.append(time.monotonic() - started)
            if status != 201:
                sys.exit(f"bench: an exclusion was answered with {status}")
        self.bench.results["admin"] = {"medians": medians, "runs": runs,
                                       "edit_s": statistics.median(took), "edit_max_s": max(took)}
        print(f"an exclusion, on disk and in force: {statistics.median(took) * 1000:.1f} ms, "
              f"the slowest of {len(took)} {max(took) * 1000:.1f} ms")
        self.daemon.stop()
