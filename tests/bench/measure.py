"""Rounds that take turns, and what is made of them."""

import statistics


def interleave(rounds, plan):
    """PLAN: names and what gives a run of each. name -> its runs, in the order of the rounds."""
    runs = {name: [] for name, _ in plan}
    for _ in range(rounds):
        for name, measure in plan:
            runs[name].append(measure())
    return runs


def median(runs, field):
    return statistics.median(run[field] for run in runs)


def ratio(runs, base, field):
    """Of runs of the same round: what else the machine does meanwhile changes from round to round."""
    return statistics.median(run[field] / max(1e-9, bare[field]) for run, bare in zip(runs, base))


LATENCIES = ("p50_us", "p99_us", "p999_us", "max_us")


def latency_table(runs, columns):
    """Prints medians of latencies and sums of COLUMNS; returns them by name."""
    heads = "".join(f" {column:>6}" for column in columns)
    print(f"{'':24} {'p50':>8} {'p99':>8} {'p99.9':>8} {'max':>9}{heads}")
    medians = {}
    for name, of_name in runs.items():
        m = {field: median(of_name, field) for field in LATENCIES}
        m.update({column: sum(run.get(column, 0) for run in of_name) for column in columns})
        medians[name] = m
        sums = "".join(f" {m[column]:6}" for column in columns)
        print(f"{name:24} {m['p50_us']:8.0f} {m['p99_us']:8.0f} {m['p999_us']:8.0f} "
              f"{m['max_us']:9.0f}{sums}", flush=True)
    return medians
