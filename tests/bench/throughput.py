"""
The part `throughput`: how many queries a second, against an echo server that only finds the blank line.

Server and load share a CPU, rounds take turns, each ratio is of two runs of the same round. Daemons:
without a list, and with each of --entries at each of --hits.
"""

from measure import interleave, median, ratio
from servers import Daemon

FIELDS = ("per_second", "cpu_s_per_million", "p99_us")


class Throughput:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options
        self.rows = bench.results["throughput"] = []

    def run(self):
        bench, o = self.bench, self.options
        kinds = [("no list", Daemon(bench, "no list"), 0, 0.0)]
        for entries in o.entries:
            daemon = Daemon(bench, f"{entries} entries", entries)
            kinds += [(f"{entries:,}, {hits:.0%} listed", daemon, entries, hits) for hits in o.hits]
        print(f"\nthroughput, {o.rounds} interleaved rounds of {o.seconds} s, medians, server and "
              "load on one CPU")
        print(f"{'':4} {'conns':>5} {'daemon':24} {'a second':>9} {'of echo':>7} "
              f"{'CPU s/M':>8} {'of echo':>7}")
        for transport in o.transports:
            for connections in o.connections:
                self.compare(transport, connections, kinds)
        for daemon in {daemon for _, daemon, _, _ in kinds}:
            daemon.stop()

    def compare(self, transport, connections, kinds):
        bench, o = self.bench, self.options
        echo = bench.servers["echo-" + transport]

        def measure(server, entries, hits):
            return lambda: bench.load(server, transport, connections, ["-s", str(o.seconds)],
                                      entries, hits)

        runs = interleave(o.rounds, [("echo", measure(echo, 0, 0.0))] + [
            (name, measure(daemon, entries, hits)) for name, daemon, entries, hits in kinds])
        for name, of_it in runs.items():
            row = {"transport": transport, "connections": connections, "server": name,
                   **{field: median(of_it, field) for field in FIELDS},
                   "ratio": ratio(of_it, runs["echo"], "per_second"),
                   "cpu_ratio": ratio(of_it, runs["echo"], "cpu_s_per_million")}
            self.rows.append(row)
            print(f"{transport:4} {connections:5} {name:24} {row['per_second']:9.0f} "
                  f"{row['ratio']:7.2f} {row['cpu_s_per_million']:8.2f} {row['cpu_ratio']:7.2f}",
                  flush=True)
