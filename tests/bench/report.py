#!/usr/bin/python3
"""Writes what a bench measured into docs/benchmarks.md and draws it.

    report.py BENCH.json                  (`make bench-report JSON=FILE` calls it)

What stands between <!-- NAME --> and <!-- end --> of the page is replaced; the parts that the bench left
out stay as they were. Pictures need gnuplot and go to docs/images/bench-*.svg.
"""

import json
import pathlib
import re
import subprocess
import sys

import targets

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/benchmarks.md"
IMAGES = ROOT / "docs/images"

STYLE = """\
set terminal svg size 760,{height} font "sans-serif,13" background "#ffffff"
set output "{path}"
set title "{title}"
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set boxwidth 0.9
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set xtics rotate by -12
set key top left
set ylabel "{label}"
"""
COLOURS = ("#4878a8", "#e08020", "#5a9a50", "#a05090", "#888888")


def table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def bars(name, title, label, groups, columns, extra=""):
    """GROUPS: [(label, [a value a column])]."""
    path = IMAGES / f"bench-{name}.svg"
    data = "".join(f'"{group}" ' + " ".join(f"{value:g}" for value in values) + "\n"
                   for group, values in groups)
    plots = ", ".join(
        f"'$data' using {i + 2}:xtic(1) title '{column}' lc rgb '{COLOURS[i % len(COLOURS)]}'"
        .replace("'$data'", "$data") for i, column in enumerate(columns))
    script = (STYLE.format(path=path, title=title, label=label, height=360) + extra
              + f"$data << END\n{data}END\nplot {plots}\n")
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
    drawn = path.read_text(encoding="utf-8").splitlines()
    path.write_text("".join(f"{line.rstrip()}\n" for line in drawn).rstrip() + "\n", encoding="utf-8")


def throughput(results):
    rows = results["throughput"]
    kinds = [row["server"] for row in rows if row["server"] != "echo"]
    kinds = list(dict.fromkeys(kinds))
    places = list(dict.fromkeys((row["transport"], row["connections"]) for row in rows))
    found = {(row["transport"], row["connections"], row["server"]): row for row in rows}
    for field, name, label in (("ratio", "throughput", "queries a second, of the echo server's"),
                               ("cpu_ratio", "cpu", "CPU a query, of the echo server's")):
        bars(name, label, "", [(f"{t} {c}", [found[t, c, kind][field] for kind in kinds])
                               for t, c in sorted(places, key=lambda p: (p[0] != "unix", p[1]))],
             kinds, "set yrange [0:*]\nset key outside bottom horizontal\n")
    for transport, connections in sorted(places, key=lambda p: (p[0] != "unix", p[1])):
        echo = found[transport, connections, "echo"]
        cells = [f"{found[transport, connections, kind]['ratio']:.2f} / "
                 f"{found[transport, connections, kind]['cpu_ratio']:.2f}" for kind in kinds]
        yield [transport, connections, f"{echo['per_second']:,.0f}",
               f"{echo['cpu_s_per_million']:.1f}", *cells]


def throughput_table(results):
    kinds = dict.fromkeys(row["server"] for row in results["throughput"] if row["server"] != "echo")
    return table(["", "connections", "echo server, a second", "its CPU s a million", *kinds],
                 list(throughput(results)))


def features_table(results):
    return table(["switched on", "queries a second", "of those with nothing", "CPU a query, of that with nothing"],
                 [[name, f"{row['per_second']:,.0f}", f"{row['ratio']:.3f}", f"{row['cpu_ratio']:.2f}"]
                  for name, row in results["features"].items()])


def swaps_table(results):
    medians = results["swaps"]["medians"]
    fields = ("p50_us", "p99_us", "p999_us", "max_us")
    bars("swaps", "microseconds from due to answered, at a fixed rate", "log scale",
         [(label, [m[field] for m in medians.values()])
          for label, field in zip(("p50", "p99", "p99.9", "max"), fields)],
         list(medians), "set logscale y\n")
    return table(["microseconds", "p50", "p99", "p99.9", "slowest"],
                 [[name, *(f"{m[field]:,.0f}" for field in fields)] for name, m in medians.items()])


def index_table(results):
    rows = results["index"]
    bars("index", "one look-up among a million keys, nanoseconds", "",
         [(name, [row["hit_ns"], row["miss_ns"]]) for name, row in rows.items()], ["hit", "miss"],
         "set yrange [0:*]\n")
    return table(["", "bytes beyond the 25 of the key", "ns a hit", "ns a miss", "s to build"],
                 [[name, f"{row['bytes_beyond_key']:.1f}", f"{row['hit_ns']:.0f}",
                   f"{row['miss_ns']:.0f}", f"{row['build_s']:.2f}"] for name, row in rows.items()])


def start_table(results):
    return table(["saved entries", "s to the first right answer"],
                 [[f"{int(n):,}", f"{row['s']:.3f}"] for n, row in results["start"].items()])


def postfix_table(results):
    rows = results["postfix"]
    bars("postfix", "recipients a second through smtpd, of those without policy", "",
         [(name, [row["ratio"]]) for name, row in rows.items()], ["ratio"],
         "set yrange [0:*]\nset key off\n")
    return table(["smtpd asks", "recipients a second", "of those without policy", "CPU s a million, of the server asked"],
                 [[name, f"{row['per_second']:,.0f}", f"{row['ratio']:.2f}",
                   f"{row['cpu_s_per_million']:.1f}" if name.startswith(("echo", "rcptguard")) else ""]
                  for name, row in rows.items()])


def targets_table(results):
    return table(["what", "target", "measured", ""],
                 [[what, f"{'at least' if relation == '>=' else 'at most'} {target:g}",
                   f"{measured:.2f}", "" if met else "**missed**"]
                  for what, relation, target, measured, met in targets.rows(results)])


def machine(results):
    return (f"{results['cpus']} CPUs ({results['cpu']}), Linux {results['kernel']}, {results['date']}; "
            f"`{results['command']}`; medians of {results['options']['rounds']} rounds.\n")


TABLES = {"throughput": throughput_table, "features": features_table, "swaps": swaps_table,
          "index": index_table, "start": start_table, "postfix": postfix_table}


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        results = json.load(f)
    page = PAGE.read_text(encoding="utf-8")
    texts = {name: make(results) for name, make in TABLES.items() if results.get(name)}
    # They speak of all parts.
    if set(TABLES) <= {name for name, of_part in results.items() if of_part}:
        texts.update(machine=machine(results), targets=targets_table(results))
    else:
        print("machine and targets stay as they were: not all parts were measured")
    for name, text in texts.items():
        page, n = re.subn(rf"(<!-- {name} -->\n).*?(<!-- end -->)",
                          lambda m, text=text: m[1] + text + m[2], page, flags=re.S)
        if n != 1:
            sys.exit(f"{PAGE}: {n} places for {name}, not one")
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
