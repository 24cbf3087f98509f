"""The part `index`: the hash by itself beside tinycdb and LMDB, on the same keys, in the same run.
The part `start`: from the start of the daemon to its first right answer. The part `feeds`: a list on its
way into the index."""

import json
import os
import statistics
import subprocess
import time

from measure import interleave, median
from servers import READY_S, Daemon, pin, wait_blocked

SHOWN = ("bytes_beyond_key", "hit_ns", "miss_ns", "build_s", "load_s", "save_s")


class Index:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options

    def measure(self, program):
        command = [program, str(self.options.entries[0]), "25", f"{self.bench.dir}/index"]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True,
                                         preexec_fn=pin(self.bench.one_cpu)).stdout)

    def run(self):
        plan = []
        for name in ("rcptguard", "tinycdb", "LMDB"):
            program = f"{self.bench.build}/bench/index_{name.lower()}"
            if os.access(program, os.X_OK):
                plan.append((name, lambda program=program: self.measure(program)))
            else:
                print(f"index: {name} left out: its library was missing when the bench was built")
        runs = interleave(self.options.rounds, plan)
        print(f"\nindex of {self.options.entries[0]} keys of 25 bytes, medians of "
              f"{self.options.rounds} interleaved rounds")
        print(f"{'':12}" + "".join(f" {field:>17}" for field in SHOWN))
        rows = self.bench.results["index"] = {}
        for name, of_it in runs.items():
            row = rows[name] = {field: median(of_it, field) for field in of_it[0]}
            print(f"{name:12}" + "".join(
                f" {row[field]:17.3f}" if field in row else f" {'':17}" for field in SHOWN))


class Start:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options

    def begin(self, daemon):
        """Seconds until a recipient of the saved list is refused."""
        daemon.stop()
        started = time.monotonic()
        daemon.start(set(self.bench.cpus))
        if not wait_blocked(daemon.policy, daemon.listed(), READY_S, pause=0.001):
            raise SystemExit(f"bench: not in force after a start; see {daemon.log}")
        return time.monotonic() - started

    def run(self):
        self.bench.results["start"] = {}
        print(f"\nfrom the start to the first right answer, saved list, medians of "
              f"{self.options.rounds}")
        for entries in self.options.entries:
            daemon = Daemon(self.bench, f"started with {entries}", entries,
                            cpus=set(self.bench.cpus))
            took = [self.begin(daemon) for _ in range(self.options.rounds)]
            self.bench.results["start"][str(entries)] = {"runs": took, "s": statistics.median(took)}
            print(f"{entries:>12} entries {statistics.median(took):8.3f} s", flush=True)
            daemon.stop()


class Feeds:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options

    def measure(self, *args):
        out = subprocess.run([self.bench.program("bench/feed_bench"), *args],
                             stdout=subprocess.PIPE, check=True,
                             preexec_fn=pin(self.bench.one_cpu)).stdout
        return json.loads(out)

    def run(self):
        """Beside a bare set of its lines; each run a process."""
        self.bench.results["feeds"] = {}
        for rows in self.options.entries:
            path = f"{self.bench.dir}/list"
            subprocess.run([self.bench.program("bench/feed_bench"), "make", str(rows), path],
                           check=True)
            runs = interleave(self.options.rounds, (
                ("bare", lambda: self.measure("bare", path)),
                ("ours", lambda: self.measure("index", "entries", path))))
            os.unlink(path)
            ratio = statistics.median(x["seconds"] / y["seconds"]
                                      for x, y in zip(runs["ours"], runs["bare"]))
            peak = max(run["peak_ratio"] for run in runs["ours"])
            self.bench.results["feeds"][str(rows)] = {**runs, "ratio": ratio, "peak_ratio": peak}
            print(f"\nentries, {rows} rows, medians of {self.options.rounds}: parsed, folded, "
                  f"deduplicated, indexed in {median(runs['ours'], 'seconds'):.3f} s; a bare set of "
                  f"lines {median(runs['bare'], 'seconds'):.3f} s; ratio {ratio:.2f}; peak memory "
                  f"{peak:.2f} of the index", flush=True)
        if self.options.endless_mib:
            self.endless()

    def endless(self):
        """More bytes than memory should ever hold, straight from a pipe into the parser."""
        rows = self.options.endless_mib * 1048576 // 36
        command = self.bench.program("bench/feed_bench")
        with subprocess.Popen([command, "make", str(rows), "/dev/stdout"],
                              stdout=subprocess.PIPE) as maker:
            row = json.loads(subprocess.run([command, "parse", "entries", "/dev/stdin"],
                                            stdin=maker.stdout, stdout=subprocess.PIPE,
                                            check=True).stdout)
        self.bench.results["endless"] = row
        print(f"{row['bytes'] / 1e9:.2f} GB, {row['rows']} rows parsed in {row['seconds']:.1f} s, "
              f"peak memory {row['peak_mib']:.1f} MiB")
