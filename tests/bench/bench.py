#!/usr/bin/python3
"""The figures of the README, each as a ratio measured in one run.

    bench.py BUILD_DIR [options]          (what `make bench` calls; --help lists the options)

Throughput: rcptguardd with a million entries against an echo server that only finds the blank
line, both pinned to the same CPU as the load that asks them, runs interleaved, medians compared.
Swaps: latencies at a fixed rate of queries (open loop) while the list of a million entries is
replaced again and again, against the same without replacing. Admin: the same while bad clients flood
the admin socket, and how long an exclusion takes. Index: the hash by itself. Zones: see zones.py;
postfix: see relay.py; fleet: see fleet.py.

A table goes to standard output while it grows, one JSON object to --json FILE at the end.
Needs nothing but Python's standard library and the programs that `make bench` builds; zones also
rbldnsd, unbound and pytest, postfix also Postfix, fleet Redis; what is missing is left out.
"""

import argparse
import json
import os
import pwd
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from fleet import Fleet
from relay import Relay
from servers import READY_S, Server, ask, cpu_seconds, free_port, pin, rss_mib, wait_blocked
from zones import Zones

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

[feed bench]
url        = file:{dir}/feed
format     = entries
refresh    = 1h
max_bytes  = 1G

[admin]
listen = unix:{dir}/admin.sock
"""


class Feed:
    """The list: N fixed entries that the load asks for, and one that tells versions apart."""

    def __init__(self, path, entries):
        self.path = path
        self.version = 0
        self.fixed = "".join(f"u{i:07d}@listed.example.org\n" for i in range(entries))
        self.write()

    def marker(self):
        return f"version-{self.version}@listed.example.org"

    def write(self):
        self.version += 1
        with open(self.path + ".new", "w", encoding="ascii") as f:
            f.write(self.fixed)
            f.write(self.marker() + "\n")
        os.rename(self.path + ".new", self.path)


class Bench:
    def __init__(self, options):
        self.options = options
        self.build = os.path.abspath(options.build)
        self.dir = tempfile.mkdtemp(prefix="rcptguard-bench-")
        self.cpus = sorted(os.sched_getaffinity(0))
        self.one_cpu = {self.cpus[-1]}
        self.servers = {}
        self.feed = None
        self.results = {"options": vars(options), "cpus": len(self.cpus),
                        "machine": " ".join(os.uname()), "throughput": [], "wrong": 0}

    def program(self, name):
        path = os.path.join(self.build, name)
        if not os.access(path, os.X_OK):
            sys.exit(f"bench: {path} is missing; build it first")
        return path

    # Servers

    def start_echo(self):
        for transport, where in (("unix", f"unix:{self.dir}/echo"),
                                 ("tcp", f"inet:127.0.0.1:{free_port()}")):
            log = open(f"{self.dir}/echo-{transport}.log", "wb")
            self.servers["echo-" + transport] = Server(
                "echo", [self.program("bench/echo_server"), where], {transport: where}, log,
                self.one_cpu)
        self.wait_listening(f"{self.dir}/echo")

    def wait_listening(self, path):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if ask(path, "nobody@other.example.org") is not None:
                return
            time.sleep(0.05)
        sys.exit(f"bench: nobody answers on {path}; see the logs in {self.dir}")

    def start_daemon(self):
        os.mkdir(f"{self.dir}/state", 0o700)
        open(f"{self.dir}/exclusions", "wb").close()
        self.feed = Feed(f"{self.dir}/feed", self.options.entries)
        port = free_port()
        config = f"{self.dir}/rcptguard.conf"
        with open(config, "w", encoding="ascii") as f:
            f.write(CONFIG.format(dir=self.dir, port=port,
                                  user=pwd.getpwuid(os.geteuid()).pw_name))
        log = open(f"{self.dir}/rcptguardd.log", "wb")
        command = [self.program("rcptguardd"), "-c", config]
        server = Server("rcptguardd", command,
                        {"unix": f"unix:{self.dir}/policy", "tcp": f"inet:127.0.0.1:{port}"},
                        log, None)
        self.servers["rcptguardd"] = server
        started = time.monotonic()
        if not wait_blocked(f"{self.dir}/policy", self.feed.marker(), READY_S):
            server.stop()
            with open(f"{self.dir}/rcptguardd.log", encoding="utf-8", errors="replace") as f:
                sys.stderr.write(f.read()[-4000:])
            sys.exit("bench: rcptguardd does not answer from its list")
        self.results["first_list_s"] = round(time.monotonic() - started, 2)
        self.results["rss_mib"] = round(rss_mib(server.pid), 1)
        print(f"rcptguardd: list of {self.options.entries} in force after "
              f"{self.results['first_list_s']} s, {self.results['rss_mib']} MiB resident")

    def wait_until(self, what, probe):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            try:
                if probe():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        sys.exit(f"bench: not within {READY_S} s: {what}; see the logs in {self.dir}")

    # Load

    def load(self, server, transport, connections, extra, cpus):
        echo = server.name == "echo"
        command = [self.program("bench/load"), "-c", str(connections),
                   "-n", str(self.options.entries), "-h", str(self.options.hits),
                   *extra, *(["-x"] if echo else []), server.endpoints[transport]]
        before = cpu_seconds(server.pid)
        done = subprocess.run(command, stdout=subprocess.PIPE, preexec_fn=pin(cpus), check=False)
        if done.returncode != 0:
            sys.exit(f"bench: the load against {server.name} failed; logs in {self.dir}")
        result = json.loads(done.stdout)
        result["cpu_s_per_million"] = ((cpu_seconds(server.pid) - before) * 1e6
                                       / max(1, result["queries"]))
        self.results["wrong"] += result["wrong"]
        return result

    def throughput(self):
        o = self.options
        daemon = self.servers["rcptguardd"]
        daemon.set_cpus(self.one_cpu)
        print(f"\nthroughput, {o.rounds} interleaved rounds of {o.seconds} s, medians, "
              f"server and load on one CPU, {o.hits:.0%} of recipients listed")
        print(f"{'':4} {'conns':>5} {'echo/s':>9} {'daemon/s':>9} {'ratio':>6} "
              f"{'echo CPU s/M':>13} {'daemon CPU s/M':>15} {'ratio':>6}")
        for transport in o.transports:
            for connections in o.connections:
                runs = {"echo": [], "rcptguardd": []}
                for _ in range(o.rounds):
                    for server in (self.servers["echo-" + transport], daemon):
                        runs[server.name].append(self.load(
                            server, transport, connections, ["-s", str(o.seconds)],
                            self.one_cpu))
                self.report_throughput(transport, connections, runs)

    def report_throughput(self, transport, connections, runs):
        def median(name, field):
            return statistics.median(run[field] for run in runs[name])

        row = {"transport": transport, "connections": connections}
        for name in runs:
            row[name] = {field: median(name, field)
                         for field in ("per_second", "cpu_s_per_million", "p99_us")}
        row["ratio"] = row["rcptguardd"]["per_second"] / row["echo"]["per_second"]
        row["cpu_ratio"] = (row["rcptguardd"]["cpu_s_per_million"]
                            / max(1e-9, row["echo"]["cpu_s_per_million"]))
        row["runs"] = runs
        self.results["throughput"].append(row)
        print(f"{transport:4} {connections:5} {row['echo']['per_second']:9.0f} "
              f"{row['rcptguardd']['per_second']:9.0f} {row['ratio']:6.2f} "
              f"{row['echo']['cpu_s_per_million']:13.2f} "
              f"{row['rcptguardd']['cpu_s_per_million']:15.2f} {row['cpu_ratio']:6.2f}", flush=True)

    # Swaps

    def keep_swapping(self, stop, swaps):
        """Replaces the list as soon as the one before is in force; notes how long each took."""
        # This thread alone: writing 30 MB must not be what the queries wait for.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        while not stop.is_set():
            started = time.monotonic()
            self.feed.write()
            if not wait_blocked(f"{self.dir}/policy", self.feed.marker(), READY_S):
                swaps.append(None)
                return
            took = time.monotonic() - started
            swaps.append(took)
            stop.wait(max(0.0, self.options.swap_every - took))

    def latency_run(self, server, swapping):
        stop, swaps = threading.Event(), []
        thread = threading.Thread(target=self.keep_swapping, args=(stop, swaps))
        if swapping:
            thread.start()
        result = self.paced_load(server)
        stop.set()
        if swapping:
            thread.join()
        if None in swaps:
            sys.exit(f"bench: a new list did not come into force; logs in {self.dir}")
        result["swaps"] = len(swaps)
        result["swap_s"] = statistics.median(swaps) if swaps else None
        return result

    def paced_load(self, server):
        o = self.options
        return self.load(server, "unix", o.swap_connections,
                         ["-s", str(o.swap_seconds), "-r", str(o.rate)], self.one_cpu)

    def compare_latency(self, columns, plan):
        """PLAN: names and what gives a run of each; their medians, and sums of COLUMNS."""
        o = self.options
        print(f"\nlatency in microseconds at {o.rate} queries a second, {o.swap_connections} "
              f"connections, unix, {o.swap_rounds} interleaved rounds of {o.swap_seconds} s, "
              "medians")
        heads = "".join(f" {column:>6}" for column in columns)
        print(f"{'':24} {'p50':>8} {'p99':>8} {'p99.9':>8} {'max':>9}{heads}")
        runs = {name: [] for name, _ in plan}
        for _ in range(o.swap_rounds):
            for name, measure in plan:
                runs[name].append(measure())
        medians = {}
        for name, of_name in runs.items():
            m = {field: statistics.median(run[field] for run in of_name)
                 for field in ("p50_us", "p99_us", "p999_us", "max_us")}
            m.update({column: sum(run[column] for run in of_name) for column in columns})
            medians[name] = m
            sums = "".join(f" {m[column]:6}" for column in columns)
            print(f"{name:24} {m['p50_us']:8.0f} {m['p99_us']:8.0f} {m['p999_us']:8.0f} "
                  f"{m['max_us']:9.0f}{sums}")
        return medians, runs

    def spread_cpus(self):
        # As in real life: the other threads may use another CPU, if there is one.
        self.servers["rcptguardd"].set_cpus(set(self.cpus))
        # What writes the lists, or floods, must not take the CPU of the load.
        os.sched_setaffinity(0, set(self.cpus[:-1]) or set(self.cpus))

    def swaps(self):
        daemon, echo = self.servers["rcptguardd"], self.servers["echo-unix"]
        self.spread_cpus()
        medians, runs = self.compare_latency(("swaps", "wrong"), (
            ("echo server", lambda: self.latency_run(echo, False)),
            ("rcptguardd", lambda: self.latency_run(daemon, False)),
            ("rcptguardd, swapping", lambda: self.latency_run(daemon, True))))
        ratio = (medians["rcptguardd, swapping"]["p999_us"]
                 / max(1e-9, medians["rcptguardd"]["p999_us"]))
        took = [run["swap_s"] for run in runs["rcptguardd, swapping"] if run["swap_s"]]
        self.results["swap"] = {"medians": medians, "runs": runs, "p999_ratio": ratio}
        print(f"p99.9 with swaps / without: {ratio:.2f}; from saved to in force: "
              f"{statistics.median(took) if took else 0:.2f} s; "
              f"{rss_mib(daemon.pid):.1f} MiB resident")

    # The admin socket

    def admin_call(self, method, path, body=b""):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(f"{self.dir}/admin.sock")
            s.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\n"
                      f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = b""
            while more := s.recv(65536):
                answer += more
        return int(answer[9:12])

    def wait_admin(self):
        """Until the flood's connections are gone from the backlog."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            try:
                if self.admin_call("GET", "/v1/status") == 200:
                    return
            except OSError:
                time.sleep(0.05)
        sys.exit("bench: the admin socket does not answer after the flood")

    def flood(self, stop, count):
        """Everything that a bad client does, as fast as this thread can."""
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        idle = []
        while not stop.is_set():
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(0.2)
            try:
                s.connect(f"{self.dir}/admin.sock")
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

    def flooded_run(self, server, flooding):
        stop, count = threading.Event(), [0]
        thread = threading.Thread(target=self.flood, args=(stop, count))
        if flooding:
            thread.start()
        result = self.paced_load(server)
        stop.set()
        if flooding:
            thread.join()
        result["bad clients"] = count[0]
        return result

    def admin(self):
        daemon = self.servers["rcptguardd"]
        self.spread_cpus()
        medians, _ = self.compare_latency(("bad clients", "wrong"), (
            ("rcptguardd", lambda: self.flooded_run(daemon, False)),
            ("admin socket flooded", lambda: self.flooded_run(daemon, True))))
        self.wait_admin()
        took = []
        for i in range(200):
            what = f"edit{i}@example.org".encode()
            started = time.monotonic()
            status = self.admin_call("POST", "/v1/exclusions", b'{"what":"%s"}' % what)
            took.append(time.monotonic() - started)
            if status != 201:
                sys.exit(f"bench: an exclusion was answered with {status}")
        self.results["admin"] = {"medians": medians, "edit_s": statistics.median(took)}
        print(f"an exclusion, on disk and in force: {statistics.median(took) * 1000:.1f} ms, "
              f"the slowest of {len(took)} {max(took) * 1000:.1f} ms")

    # Index

    def index(self):
        command = [self.program("bench/index_bench"), str(self.options.entries), "25",
                   f"{self.dir}/index"]
        runs = [json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True,
                                          preexec_fn=pin(self.one_cpu)).stdout)
                for _ in range(self.options.rounds)]
        row = {field: statistics.median(run[field] for run in runs) for field in runs[0]}
        self.results["index"] = row
        print(f"\nindex of {row['keys']:.0f} keys of {row['key_bytes']:.0f} bytes, medians of "
              f"{self.options.rounds}")
        for field, value in row.items():
            if field not in ("keys", "key_bytes"):
                print(f"  {field:18} {value:8.3f}")

    # Feeds

    def feed_run(self, *args):
        out = subprocess.run([self.program("bench/feed_bench"), *args], stdout=subprocess.PIPE,
                             check=True, preexec_fn=pin(self.one_cpu)).stdout
        return json.loads(out)

    def feeds(self):
        """A list on its way into the index, beside a bare set of its lines; each run a process."""
        self.results["feeds"] = {}
        for rows in self.options.feed_rows:
            path = f"{self.dir}/list"
            subprocess.run([self.program("bench/feed_bench"), "make", str(rows), path], check=True)
            bare, ours = [], []
            for _ in range(self.options.rounds):
                bare.append(self.feed_run("bare", path))
                ours.append(self.feed_run("index", "entries", path))
            os.unlink(path)
            b = statistics.median(run["seconds"] for run in bare)
            o = statistics.median(run["seconds"] for run in ours)
            ratio = statistics.median(x["seconds"] / y["seconds"] for x, y in zip(ours, bare))
            peak = max(run["peak_ratio"] for run in ours)
            self.results["feeds"][rows] = {"bare": bare, "ours": ours, "ratio": ratio}
            print(f"\nentries, {rows} rows, medians of {self.options.rounds}: parsed, folded, "
                  f"deduplicated, indexed in {o:.3f} s; a bare set of lines {b:.3f} s; ratio "
                  f"{ratio:.2f}; peak memory {peak:.2f} of the index")
        if self.options.endless_mib:
            self.endless()

    def endless(self):
        """More bytes than memory should ever hold, straight from a pipe into the parser."""
        rows = self.options.endless_mib * 1048576 // 36
        command = self.program("bench/feed_bench")
        with subprocess.Popen([command, "make", str(rows), "/dev/stdout"],
                              stdout=subprocess.PIPE) as maker:
            row = json.loads(subprocess.run([command, "parse", "entries", "/dev/stdin"],
                                            stdin=maker.stdout, stdout=subprocess.PIPE,
                                            check=True).stdout)
        self.results["endless"] = row
        print(f"{row['bytes'] / 1e9:.2f} GB, {row['rows']} rows parsed in {row['seconds']:.1f} s, "
              f"peak memory {row['peak_mib']:.1f} MiB")

    def run(self):
        try:
            if "index" in self.options.parts:
                self.index()
            if "feeds" in self.options.parts:
                self.feeds()
            if {"throughput", "swaps", "admin", "postfix"} & set(self.options.parts):
                self.start_echo()
                self.start_daemon()
            if "throughput" in self.options.parts:
                self.throughput()
            if "swaps" in self.options.parts:
                self.swaps()
            if "admin" in self.options.parts:
                self.admin()
            if "postfix" in self.options.parts:
                Relay(self).run()
            if "zones" in self.options.parts:
                Zones(self).run()
            if "fleet" in self.options.parts:
                Fleet(self).run()
        finally:
            for server in self.servers.values():
                server.stop()
        print(f"\nwrong answers: {self.results['wrong']}")
        if self.options.json:
            with open(self.options.json, "w", encoding="utf-8") as f:
                json.dump(self.results, f, indent=1)
                f.write("\n")
        if not self.options.keep:
            shutil.rmtree(self.dir)
        return 0 if self.results["wrong"] == 0 else 1


def words(kind):
    return lambda text: [kind(word) for word in text.split(",")]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("build", help="where make has put the programs")
    p.add_argument("--parts", type=words(str),
                   default=["index", "feeds", "throughput", "swaps", "admin", "postfix", "zones",
                            "fleet"])
    p.add_argument("--entries", type=int, default=1000000)
    p.add_argument("--feed-rows", type=words(int), default=[1000000, 10000000])
    p.add_argument("--endless-mib", type=int, default=3072, help="0: left out")
    p.add_argument("--hits", type=float, default=0.01, help="share of listed recipients")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=3)
    p.add_argument("--transports", type=words(str), default=["unix", "tcp"])
    p.add_argument("--connections", type=words(int), default=[10, 100])
    p.add_argument("--rate", type=int, default=5000, help="open loop: queries a second")
    p.add_argument("--swap-rounds", type=int, default=5)
    p.add_argument("--swap-seconds", type=float, default=10)
    p.add_argument("--swap-every", type=float, default=1, help="seconds between lists, at least")
    p.add_argument("--swap-connections", type=int, default=50)
    p.add_argument("--sessions", type=int, default=10, help="of clients with Postfix")
    p.add_argument("--zones", type=words(int), default=[1, 3, 8], help="how many are in memory")
    p.add_argument("--fresh-rate", type=int, default=1000, help="new domains a second")
    p.add_argument("--fresh-rounds", type=int, default=3)
    p.add_argument("--fresh-seconds", type=float, default=10)
    p.add_argument("--json", metavar="FILE", help="all runs, for plots")
    p.add_argument("--keep", action="store_true", help="keep the directory with logs and list")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(Bench(p.parse_args()).run())


if __name__ == "__main__":
    main()
