"""The alerts and the dashboard that are shipped: Prometheus takes them, every metric in them exists,
and each alert fires when it should and at no other time."""

import json
import re

from support import ROOT, run

ALERTS = ROOT / "conf" / "prometheus-alerts.yml"
DASHBOARD = ROOT / "conf" / "grafana-dashboard.json"
DOCUMENT = ROOT / "docs" / "metrics.md"

# The names and types of the table, whose document a unit test compares with it.
METRICS = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", DOCUMENT.read_text(), re.MULTILINE))


def unknown_metrics(text):
    used = set(re.findall(r"\b(?:rcptguard|process)_\w+", text))
    parts = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
    known = set(METRICS)
    for name, kind in METRICS.items():
        known.update(name + part for part in parts.get(kind, ()))
    return used - known


def expressions():
    """(where, expression) of everything that the dashboard asks Prometheus."""
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield annotation["name"], annotation["expr"]


def promtool(*arguments):
    result = run("promtool", *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_every_metric_exists():
    assert len(METRICS) > 50
    assert unknown_metrics("rate(rcptguard_queries_total[5m]) rcptguard_nonsense") == {
        "rcptguard_nonsense"
    }
    assert unknown_metrics(ALERTS.read_text()) == set()
    assert unknown_metrics(DASHBOARD.read_text()) == set()


def test_alerts_are_rules_and_say_what_to_type():
    promtool("check", "rules", ALERTS)
    blocks = re.split(r"^ +- alert: ", ALERTS.read_text(), flags=re.MULTILINE)[1:]
    assert len(blocks) > 10
    for block in blocks:
        name = block.split()[0]
        assert re.search(r"severity: (critical|warning)\n", block), name
        assert re.search(r"^ +summary: ", block, re.MULTILINE), name
        description = " ".join(block[block.index("description:") :].split())
        assert re.search(r"\bType: .*(rcptguard|postconf)", description), name


def test_dashboard_expressions_parse(tmp_path):
    values = {
        "$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h", "$job": "x", "$instance": "y",
    }
    rules = []
    for where, expression in expressions():
        for variable, value in values.items():
            expression = expression.replace(variable, value)
        assert "$" not in expression, where
        rules.append({"record": f"r{len(rules)}", "expr": expression, "labels": {"panel": where}})
    assert len(rules) > 30
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", path)


def test_dashboard_as_grafana_imports_it():
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["id"] is None and dashboard["schemaVersion"] >= 36 and dashboard["title"]
    source = {"type": "prometheus", "uid": "${datasource}"}
    kinds = {v["name"]: v["type"] for v in dashboard["templating"]["list"]}
    assert kinds == {"datasource": "datasource", "job": "query", "instance": "query"}
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"] == source and panel["targets"], panel["title"]
            refs = [target["refId"] for target in panel["targets"]]
            assert len(set(refs)) == len(refs), panel["title"]
            assert all(target["datasource"] == source for target in panel["targets"])


# Alerts against some hours in the life of a daemon for each case, a value a minute. All of them are
# scraped by one Prometheus, since to start one takes a second. Times are seconds since the
# test's beginning, so `time()` is the minute times 60.

END = 240
LATE = 100  # what goes wrong lasts for so many minutes at the end
SOON = END - LATE
RELAY = 'instance="RELAY",job="rcptguard"'
ALL, NONE, NOW = f"1+0x{END}", f"0+0x{END}", f"0+60x{END}"
HEALTHY = {
    f"up{{{RELAY}}}": ALL,
    f'rcptguard_feed_accepted_timestamp_seconds{{{RELAY},list="aper"}}': ALL,
    f'rcptguard_feed_last_success_timestamp_seconds{{{RELAY},list="aper"}}': NOW,
    f'rcptguard_feed_stale{{{RELAY},list="aper"}}': NONE,
    f'rcptguard_feed_unkept{{{RELAY},list="aper"}}': NONE,
    f'rcptguard_feed_held_since_timestamp_seconds{{{RELAY},list="aper"}}': NONE,
    f'rcptguard_feed_state{{{RELAY},list="aper",state="refused"}}': NONE,
    f"rcptguard_deadline_misses_total{{{RELAY}}}": NONE,
    f'rcptguard_queries_total{{{RELAY},kind="recipient"}}': f"0+600x{END}",
    f'rcptguard_dnsbl_state{{{RELAY},list="dbl",state="off"}}': NONE,
    f'rcptguard_local_lines{{{RELAY},file="exclusions",state="broken"}}': NONE,
    f'rcptguard_local_file_missing{{{RELAY},file="exclusions"}}': NONE,
    f'rcptguard_policy_connections_refused_total{{{RELAY},listener="1",kind="unix"}}': NONE,
    f"rcptguard_config_last_reload_successful{{{RELAY}}}": ALL,
    f"rcptguard_worker_last_turn_timestamp_seconds{{{RELAY}}}": NOW,
    f"rcptguard_log_lines_dropped_total{{{RELAY}}}": NONE,
    f'rcptguard_decisions_total{{{RELAY},result="lost"}}': NONE,
    f"rcptguard_degraded{{{RELAY}}}": NONE,
}


def since(good, bad):
    """Good until shortly before the end."""
    return f"{good}+0x{SOON - 1} {bad}+0x{LATE}"


# Alert: the series that make it fire, by the beginnings of their names.
CASES = {
    "RcptguardDown": {"up": since(1, 0)},
    "RcptguardListStale": {"rcptguard_feed_last_success": f"-90000+60x{END}"},
    "RcptguardListExpired": {"rcptguard_feed_stale": since(0, 1)},
    "RcptguardListNeverAccepted": {
        "rcptguard_feed_accepted": NONE,
        "rcptguard_feed_last_success": NONE,
    },
    "RcptguardListRefused": {"rcptguard_feed_state": since(0, 1)},
    "RcptguardListHeld": {"rcptguard_feed_held_since": since(0, 5)},
    "RcptguardListNotStored": {"rcptguard_feed_unkept": since(0, 1)},
    "RcptguardDeadlineMisses": {"rcptguard_deadline_misses": f"0+0x{SOON - 1} 0+12x{LATE}"},
    "RcptguardZoneOff": {"rcptguard_dnsbl_state": since(0, 1)},
    "RcptguardExclusionErrors": {"rcptguard_local_lines": since(0, 2)},
    "RcptguardExclusionsMissing": {"rcptguard_local_file_missing": since(0, 1)},
    "RcptguardConnectionsRefused": {
        "rcptguard_policy_connections_refused": f"0+0x{END - 10} 3+0x9",
    },
    "RcptguardReloadFailed": {"rcptguard_config_last_reload_successful": since(1, 0)},
    "RcptguardWorkerStuck": {"rcptguard_worker_last_turn": f"0+60x{SOON - 1} {60 * SOON}+0x{LATE}"},
    "RcptguardLogDropped": {"rcptguard_log_lines_dropped": f"0+0x{END - 10} 40+0x9"},
    "RcptguardDecisionsLost": {"rcptguard_decisions_total": f"0+0x{END - 10} 40+0x9"},
    "RcptguardDegraded": {"rcptguard_degraded": since(0, 1)},
}
# Not enough to call somebody.
QUIET = {
    "healthy": {},
    "a list that is 23 hours old": {"rcptguard_feed_last_success": f"-82800+60x{END}"},
    "few misses": {"rcptguard_deadline_misses": f"0+0x{SOON - 1} 0+5x{LATE}"},
    "a zone that was off for some minutes": {"rcptguard_dnsbl_state": f"0+0x{END - 10} 1+0x9"},
}

# Refusals of one list, a value each five minutes, against those of the day before.
DAY = 288
JUMPS = {
    "ten times as many for a quarter of an hour": (f"0+10x{DAY - 3} {10 * (DAY - 3) + 100}+100x2", True),
    "a list without refusals goes wrong": (f"0+0x{DAY - 3} 20+20x2", True),
    "as always": (f"0+10x{DAY}", False),
    "somewhat more": (f"0+10x{DAY - 3} {10 * (DAY - 3) + 30}+30x2", False),
    "a quiet relay's first refusals": (f"0+0x{DAY - 3} 5+5x2", False),
    "started again": (f"5000+10x{DAY - 3} 0 10 20", False),
}


def series_of(relay, changes):
    series = dict(HEALTHY)
    for part, values in changes.items():
        (key,) = (key for key in series if key.startswith(part))
        series[key] = values
    return [
        {"series": key.replace("RELAY", relay), "values": values} for key, values in series.items()
    ]


def firing(at, by, wanted):
    """What fires at AT minutes, by that label: WANTED has (alert, label)."""
    return {
        "expr": f'count by (alertname, {by}) (ALERTS{{alertstate="firing"}})',
        "eval_time": f"{at}m",
        "exp_samples": [
            {"labels": f'{{alertname="{alert}",{by}="{label}"}}', "value": 1}
            for alert, label in sorted(wanted)
        ],
    }


def check(tmp_path, interval, tests):
    path = tmp_path / "tests.yml"
    path.write_text(
        json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": interval, "tests": tests})
    )
    promtool("test", "rules", path)


def test_alerts_fire_when_they_should(tmp_path):
    shipped = re.findall(r"- alert: (\w+)", ALERTS.read_text())
    assert sorted([*CASES, "RcptguardRefusalsJump"]) == sorted(shipped)
    series = []
    for name, changes in {**CASES, **QUIET}.items():
        series += series_of(name, changes)
    wanted = [(alert, alert) for alert in CASES]
    test = {
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [firing(END - 1, "instance", wanted)],
    }
    check(tmp_path, "1m", [test])


def test_a_jump_of_refusals_is_told(tmp_path):
    name = 'rcptguard_list_verdicts_total{instance="a",job="rcptguard",list="%s",action="%s"}'
    series, wanted = [], []
    for what, (values, jumps) in JUMPS.items():
        series += [
            {"series": name % (what, "reject"), "values": values},
            {"series": name % (what, "defer"), "values": f"0+0x{DAY}"},
        ]
        if jumps:
            wanted.append(("RcptguardRefusalsJump", what))
    test = {
        "interval": "5m",
        "input_series": series,
        "promql_expr_test": [firing(5 * DAY, "list", wanted)],
    }
    check(tmp_path, "5m", [test])


def test_words_of_an_alert(tmp_path):
    """Labels and values are in their places."""
    wanted = {
        "exp_labels": {
            "instance": "relay1", "job": "rcptguard", "list": "aper", "severity": "warning",
        },
        "exp_annotations": {
            "summary": "List aper on relay1 is 1d 1h 0m 0s old",
            "description": "Its publisher has not confirmed or replaced the copy in force for more "
            "than a day; the copy still counts. Type: rcptguard feeds; then rcptguard refresh aper",
        },
    }
    test = {
        "interval": "1m",
        "input_series": series_of(
            "relay1", {"rcptguard_feed_last_success": f"-90000+60x{END}"}
        ),
        "alert_rule_test": [
            {"eval_time": "20m", "alertname": "RcptguardListStale", "exp_alerts": [wanted]}
        ],
    }
    check(tmp_path, "1m", [test])
