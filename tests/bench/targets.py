"""What is promised, and what was measured of it."""


def throughput(results):
    """Of the first list and the first share of listed recipients."""
    rows = results.get("throughput", [])
    first = next((row["server"] for row in rows if row["server"] not in ("echo", "no list")), None)
    for row in rows:
        if row["server"] != first or row["connections"] not in (10, 100):
            continue
        name = f"{row['transport']}, {row['connections']} connections, {row['server']}"
        yield f"queries a second, of the echo server's: {name}", ">=", 0.90, row["ratio"]
        yield (f"CPU a query, of the echo server's: {name}", "<=",
               1.25 if row["transport"] == "unix" else 1.15, row["cpu_ratio"])


def features(results):
    for name in ("Redis", "Redis that hangs"):
        row = results.get("features", {}).get(name)
        if row:
            yield f"queries a second with {name}, of those without", ">=", 0.97, row["ratio"]


def swaps(results):
    row = results.get("swaps")
    if row:
        yield "p99.9 while lists are swapped, of that without", "<=", 1.5, row["p999_ratio"]
        yield "slowest answer while lists are swapped, of the echo server's", "<=", 2, row["max_of_echo"]


def index(results):
    row = results.get("index", {}).get("rcptguard")
    if row:
        yield "bytes an entry beyond the key", "<=", 14, row["bytes_beyond_key"]
        yield "ns a hit", "<=", 200, row["hit_ns"]
        yield "ns a miss", "<=", 110, row["miss_ns"]
        if row["keys"] == 1000000:
            yield "seconds to build a million", "<=", 0.25, row["build_s"]
    for entries, most in ((1000000, 0.1), (10000000, 1)):
        row = results.get("start", {}).get(str(entries))
        if row:
            yield f"seconds to the first answer, {entries:,} saved entries", "<=", most, row["s"]


def postfix(results):
    row = results.get("postfix", {}).get("rcptguard-unix")
    if row:
        yield "recipients a second through smtpd, of those without policy", ">=", 0.90, row["ratio"]


def rows(results):
    """(what, relation, target, measured, is met)."""
    for part in (throughput, features, swaps, index, postfix):
        for what, relation, target, measured in part(results):
            met = measured >= target if relation == ">=" else measured <= target
            yield what, relation, target, measured, met


def show(results):
    lines = list(rows(results))
    if lines:
        print(f"\n{'target':84} {'':>8} {'measured':>9}")
    for what, relation, target, measured, met in lines:
        print(f"{what:84} {relation} {target:5g} {measured:9.3f}{'' if met else '  MISSED'}")
