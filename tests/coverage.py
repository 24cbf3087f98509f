#!/usr/bin/python3
"""How much of the code the unit tests, the replay and the fuzz corpora reach: `make coverage`.

    coverage.py BUILD_DIR

The build has been made with --coverage, and its tests have run. Lines and branches by room, then each
pure file (docs/architecture.md) below the 95% of lines that are asked for, with the lines that nothing
reached. Exit status 1 when the pure files together are below. Needs gcovr.
"""

import collections
import fnmatch
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
WANTED = 95.0


def pure_patterns():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    return re.search(r"^```pure\n(.*?)^```", text, re.S | re.M)[1].split()


def measure(build):
    done = subprocess.run(
        ["gcovr", build, "--root", ROOT, "--object-directory", build, "--filter", "src/", "--filter", "include/",
         "--gcov-ignore-parse-errors", "--json"],
        cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return {file["file"]: [line for line in file["lines"] if not line["gcovr/noncode"]]
            for file in json.loads(done.stdout)["files"]}


def count(lines):
    """(lines, of them reached, branches, of them taken)."""
    branches = [branch for line in lines for branch in line["branches"]]
    return (len(lines), sum(line["count"] > 0 for line in lines),
            len(branches), sum(branch["count"] > 0 for branch in branches))


def ranges(numbers):
    """3 4 5 9 as 3-5 9."""
    found = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


def row(name, counts):
    lines, reached, branches, taken = counts
    print(f"{name:32} {lines:6} {100 * reached / max(1, lines):6.1f}% {branches:7} "
          f"{100 * taken / max(1, branches):6.1f}%")


def main():
    files = measure(sys.argv[1])
    rooms = collections.defaultdict(lambda: [0, 0, 0, 0])
    for name, lines in files.items():
        for key in (str(pathlib.PurePath(name).parts[1]), "all"):
            rooms[key] = [a + b for a, b in zip(rooms[key], count(lines))]
    patterns = pure_patterns()
    pure = {name: lines for name, lines in sorted(files.items())
            if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)}
    for lines in pure.values():
        rooms["all pure files"] = [a + b for a, b in zip(rooms["all pure files"], count(lines))]
    print(f"{'room':32} {'lines':>6} {'':7} {'branches':>7}")
    for name in sorted(rooms, key=lambda name: (name.startswith("all"), name)):
        row(name, rooms[name])
    print(f"\npure files below {WANTED:g}% of lines, and what is not reached:")
    for name, lines in pure.items():
        total, reached, _, _ = count(lines)
        if 100 * reached < WANTED * total:
            missed = [line["line_number"] for line in lines if line["count"] == 0]
            print(f"  {name} {100 * reached / total:.1f}%: {ranges(missed)}")
    total, reached, _, _ = rooms["all pure files"]
    return 0 if 100 * reached >= WANTED * total else 1


if __name__ == "__main__":
    sys.exit(main())
