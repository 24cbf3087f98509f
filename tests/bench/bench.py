#!/usr/bin/python3
"""The figures of the README, each as a ratio measured in one run.

    bench.py BUILD_DIR [options]          (what `make bench` calls; --help lists the options)

Parts, each with a file of its own that tells what it does: index, start, feeds (index.py), throughput,
features, swaps and admin (swaps.py), zones, fleet, postfix (relay.py). Daemon and load share a CPU, as
one process less to wait for; rounds of what is compared take turns; figures are medians.

Tables go to standard output while they grow, then what was promised beside what was measured; all of it
as JSON to --json FILE, of which report.py makes docs/benchmarks.md. Needs nothing but Python's standard
library and the programs that `make bench` builds; zones also rbldnsd, unbound and pytest, postfix also
Postfix, fleet Redis, index also tinycdb and LMDB; what is missing is left out (scripts/need bench).
"""

import argparse
import json
import os
import pathlib
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# Real servers, as the tests start them.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import targets  # noqa: E402
from features import Features  # noqa: E402
from fleet import Fleet  # noqa: E402
from index import Feeds, Index, Start  # noqa: E402
from relay import Relay  # noqa: E402
from servers import READY_S, Server, ask, cpu_seconds, free_port, pin  # noqa: E402
from swaps import Admin, Swaps  # noqa: E402
from throughput import Throughput  # noqa: E402
from zones import Zones  # noqa: E402

PARTS = {"index": Index, "start": Start, "feeds": Feeds, "throughput": Throughput,
         "features": Features, "swaps": Swaps, "admin": Admin, "zones": Zones, "fleet": Fleet,
         "postfix": Relay}
WITH_ECHO = {"throughput", "swaps", "postfix"}
OPEN_FILES = 65536


class Bench:
    """What the parts share: the directory, the CPUs, servers that must end, and the load."""

    def __init__(self, options):
        self.options = options
        self.build = os.path.abspath(options.build)
        self.dir = tempfile.mkdtemp(prefix="rcptguard-bench-")
        # Not beside the files that daemons watch: each line would wake them.
        os.mkdir(f"{self.dir}/log")
        self.cpus = sorted(os.sched_getaffinity(0))
        self.one_cpu = {self.cpus[-1]}
        self.other_cpus = set(self.cpus[:-1]) or set(self.cpus)
        self.servers = {}
        self.results = {"options": vars(options), "cpus": len(self.cpus), "cpu": cpu_model(),
                        "date": time.strftime("%Y-%m-%d"), "kernel": ".".join(os.uname().release.split(".")[:2]),
                        "command": f"make bench ARGS='{shlex.join(sys.argv[2:])}'", "wrong": 0}

    def program(self, name):
        path = os.path.join(self.build, name)
        if not os.access(path, os.X_OK):
            sys.exit(f"bench: {path} is missing; build it first")
        return path

    def wait_until(self, what, probe):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            try:
                if probe():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        sys.exit(f"bench: not within {READY_S} s: {what}; see the logs in {self.dir}/log")

    def start_echo(self):
        for transport, where in (("unix", f"unix:{self.dir}/echo"),
                                 ("tcp", f"inet:127.0.0.1:{free_port()}")):
            self.servers["echo-" + transport] = Server(
                "echo", [self.program("bench/echo_server"), where], {transport: where},
                f"{self.dir}/log/echo-{transport}", self.one_cpu)
        self.wait_until("the echo server answers",
                        lambda: ask(f"{self.dir}/echo", "nobody@other.example.org") is not None)

    def load(self, server, transport, connections, more, entries=0, hits=0.0):
        """One run of the load beside SERVER: what it says, and the CPU that the server took."""
        echo = server.name == "echo"
        command = [self.program("bench/load"), "-c", str(connections), "-n", str(entries),
                   "-h", str(hits), *more, *(["-x"] if echo else []), server.endpoints[transport]]
        before = cpu_seconds(server.pid)
        done = subprocess.run(command, stdout=subprocess.PIPE, preexec_fn=pin(self.one_cpu),
                              check=False)
        if done.returncode != 0:
            sys.exit(f"bench: the load against {server.name} failed; logs in {self.dir}/log")
        result = json.loads(done.stdout)
        result["cpu_s_per_million"] = ((cpu_seconds(server.pid) - before) * 1e6
                                       / max(1, result["queries"]))
        self.results["wrong"] += result["wrong"]
        return result

    def run(self):
        try:
            if WITH_ECHO & set(self.options.parts):
                self.start_echo()
            for part in self.options.parts:
                PARTS[part](self).run()
        finally:
            for server in self.servers.values():
                server.stop()
        targets.show(self.results)
        print(f"\nwrong answers: {self.results['wrong']}")
        if self.options.json:
            with open(self.options.json, "w", encoding="utf-8") as f:
                json.dump(self.results, f, indent=1)
                f.write("\n")
        if not self.options.keep:
            shutil.rmtree(self.dir)
        return 0 if self.results["wrong"] == 0 else 1


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        return next((line.partition(":")[2].strip() for line in f if line.startswith("model name")),
                    "")


def raise_open_files():
    """The load, and each server, has as many connections as are asked for."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def words(kind):
    return lambda text: [kind(word) for word in text.split(",")]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("build", help="where make has put the programs")
    p.add_argument("--parts", type=words(str), default=list(PARTS), help=",".join(PARTS))
    p.add_argument("--entries", type=words(int), default=[1000000, 10000000],
                   help="lists; the first is that of parts with one list only")
    p.add_argument("--endless-mib", type=int, default=3072, help="0: left out")
    p.add_argument("--hits", type=words(float), default=[0.01, 0.5],
                   help="shares of listed recipients")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=2)
    p.add_argument("--transports", type=words(str), default=["unix", "tcp"])
    p.add_argument("--connections", type=words(int), default=[10, 100, 1, 1000],
                   help="the first is that of parts with one number only")
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
    p.add_argument("--json", metavar="FILE", help="all figures, for report.py")
    p.add_argument("--keep", action="store_true", help="keep the directory with logs and lists")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = p.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        p.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    raise_open_files()
    sys.exit(Bench(options).run())


if __name__ == "__main__":
    main()
