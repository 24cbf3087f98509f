"""Everything that can go wrong around the daemon, one fault at a time: see docs/reliability.md.

    torture.py [--list] [--only WORD]... [--jobs N] [--kills N] [--soak N] [--write]
"""

import argparse
import concurrent.futures
import ctypes
import datetime
import os
import pathlib
import platform
import re
import signal
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

import calls  # noqa: E402
import surroundings  # noqa: E402
from support import DAEMON, IS_ROOT  # noqa: E402

PR_SET_PDEATHSIG = 1  # prctl(2)
BEGIN, END = "<!-- table: make torture ARGS=--write -->\n", "<!-- end of table -->\n"
# What takes longest comes first, so that the lanes end together.
LONGEST = ["kill", "soak", "memory: all fail for a while", "memory: one allocation fails", "epoll_ctl: ENOMEM"]


class Row:
    """What one fault came to."""

    def __init__(self, name, tries=0, failures=(), known=(), figures="", skipped=None):
        self.name, self.tries, self.failures, self.known = name, tries, list(failures), list(known)
        self.figures, self.skipped, self.seconds = figures, skipped, 0.0


def all_faults():
    return [kind.name for kind in calls.KINDS] + list(surroundings.TRIALS)


def try_fault(name, options):
    """In a process of its own."""
    began = time.monotonic()
    try:
        if name in surroundings.TRIALS:
            row = try_surroundings(name, options)
        else:
            run = calls.Run(next(k for k in calls.KINDS if k.name == name)).run()
            row = Row(name, run.tries, run.failures, run.known, "not all sites of the start" if run.cut else "")
    except surroundings.Skipped as why:
        row = Row(name, skipped=str(why))
    except Exception:  # of the suite itself
        row = Row(name, 1, [(f"{name}: did not come to its end", traceback.format_exc())])
    row.seconds = time.monotonic() - began
    return row


def try_surroundings(name, options):
    more = {"kill": [options.kills], "soak": [options.soak]}.get(name, [])
    trial = surroundings.TRIALS[name](*more)
    return Row(trial.name, trial.tries, trial.failures, figures=trial.figures)


def table_of(rows):
    lines = ["| fault | tries | failures |", "| --- | ---: | ---: |"]
    for row in rows:
        name = row.name + (f" ({row.figures})" if row.figures else "")
        if row.skipped is not None:
            lines.append(f"| {name} | skipped | |")
        else:
            known = f" (and {len(row.known)} known, see below)" if row.known else ""
            lines.append(f"| {name} | {row.tries} | {len(row.failures)}{known} |")
    tries, failures = sum(r.tries for r in rows), sum(len(r.failures) for r in rows)
    lines.append(f"| **all** | **{tries}** | **{failures}** |")
    return "\n".join(lines) + "\n"


def machine():
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "?")
    with open("/etc/os-release") as release:
        system = dict(re.findall(r'^(\w+)="?(.*?)"?$', release.read(), re.MULTILINE)).get("PRETTY_NAME")
    return f"{os.cpu_count()} CPUs ({model}), {system}, Linux {platform.release().split('-')[0]}"


def write_table(path, rows, minutes):
    head, _, rest = path.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    day = datetime.date.today().isoformat()
    when = f"{day}, {machine()}, {minutes:.0f} minutes.\n\n"
    path.write_text(head + BEGIN + when + table_of(rows) + END + tail)


def show(row):
    counted = f"skipped: {row.skipped}" if row.skipped is not None else f"{row.tries} tries, {len(row.failures)} failures"
    print(f"  {row.name}: {counted} ({row.seconds:.0f} s)", flush=True)
    for words, log in row.failures[:5]:
        print(f"      {words[:1200]}")
        for line in log.splitlines()[-24:]:
            print(f"          {line[:240]}")


def end_with_parent():
    """However that ends; what was started here ends with this one (support.start_process)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def run_all(names, options):
    order = sorted(names, key=lambda n: LONGEST.index(n) if n in LONGEST else len(LONGEST))
    rows = {}
    with concurrent.futures.ProcessPoolExecutor(
        options.jobs, initializer=end_with_parent, max_tasks_per_child=1
    ) as pool:
        waiting = {pool.submit(try_fault, name, options): name for name in order}
        for done in concurrent.futures.as_completed(waiting):
            rows[waiting[done]] = row = done.result()
            show(row)
    return [rows[name] for name in names]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="the names of all faults, and nothing else")
    parser.add_argument("--only", action="append", help="faults whose name has this in it; may repeat")
    parser.add_argument("--jobs", type=int, default=2, help="so many beside each other (2)")
    parser.add_argument("--kills", type=int, default=surroundings.KILLS, help="how often kill -9")
    parser.add_argument("--soak", type=int, default=surroundings.SOAK, help="queries of a day")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    options = parser.parse_args()
    names = [n for n in all_faults() if not options.only or any(w in n for w in options.only)]
    if options.list:
        print("\n".join(names))
        return 0
    if not IS_ROOT or not DAEMON.exists():
        print(f"0 passed, 0 failed, {len(names)} skipped: needs root and a built daemon")
        return 0
    began = time.monotonic()
    rows = run_all(names, options)
    print()
    print(table_of(rows))
    if options.write:
        write_table(HERE.parents[1] / "docs" / "reliability.md", rows, (time.monotonic() - began) / 60)
    failed = sum(bool(row.failures) for row in rows)
    skipped = sum(row.skipped is not None for row in rows)
    print(f"{len(rows) - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
