"""GET /metrics of a real daemon, on both listeners: what it counts is what was done."""

import http.client
import re
import threading

import pytest

from daemon import UnixHTTPConnection
from dnsservers import BAD, GOOD
from policyclient import query
from support import free_port, run, wait_until, write_by_rename

LISTED = "listed@example.org"
TYPE = "text/plain; version=0.0.4; charset=utf-8"
SAMPLE = re.compile(r'(\w+)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)+)\})? ([0-9.]+)')


class Page(dict):
    """{(name, (("label", "value"), ...)): number}; a page that is not in the format is an error."""

    def __init__(self, text):
        super().__init__()
        self.text = text
        self.types, family = {}, None
        assert text.endswith("\n")
        for line in text.splitlines():
            if line.startswith("# HELP "):
                family = line.split()[2]
                assert family not in self.types, f"{family} stands twice"
            elif line.startswith("# TYPE "):
                assert line.split()[2] == family
                self.types[family] = line.split()[3]
            else:
                match = SAMPLE.fullmatch(line)
                assert match, line
                name, labels, value = match.groups()
                assert name.startswith(family)
                key = (name, tuple(sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or ""))))
                assert key not in self, line
                self[key] = float(value)

    def get(self, name, **labels):
        return self[(name, tuple(sorted(labels.items())))]

    def named(self, name):
        """{label values: number}, without zeros."""
        return {
            tuple(v for _, v in labels): number
            for (n, labels), number in self.items()
            if n == name and number
        }


def fetch(daemon, http_too=False, method="GET"):
    """(response, body) from the admin socket, or from the listener for anybody."""
    if http_too:
        connection = http.client.HTTPConnection("127.0.0.1", daemon.http_port, timeout=20)
    else:
        connection = UnixHTTPConnection(daemon.admin)
    try:
        connection.request(method, "/metrics")
        response = connection.getresponse()
        return response, response.read().decode()
    finally:
        connection.close()


def scrape(daemon, http_too=False):
    response, text = fetch(daemon, http_too)
    assert response.status == 200, text
    return Page(text)


@pytest.fixture
def watched(daemon):
    """Knows some lists, and listens for Prometheus too."""
    daemon.http_port = free_port()
    daemon.config["admin"]["http"] = f"127.0.0.1:{daemon.http_port}"
    daemon.list_file("main", f"{LISTED}\n.tree.example\nfreed@example.net\n")
    daemon.list_file("later", "later@example.org\n", action="defer")
    daemon.list_file("maybe", "maybe@example.org\n", action="observe")
    daemon.exclusions.write_text(
        "freed@example.net\nold.example until=2001-01-01\nbroken until=never\n"
    )
    daemon.blocks_file.write_text("blocked.example\n")
    return daemon


def start(daemon):
    daemon.start()
    for name in ("main", "later", "maybe"):
        daemon.wait_feed(name, state="accepted")
    return daemon


def test_both_listeners(watched):
    start(watched)
    for http_too in (False, True):
        response, text = fetch(watched, http_too)
        assert response.status == 200 and response.getheader("Content-Type") == TYPE
        assert int(response.getheader("Content-Length")) == len(text.encode())
        page = Page(text)
        assert page.get("rcptguard_index_keys") == 5
        response, text = fetch(watched, http_too, "HEAD")
        assert response.status == 200 and response.getheader("Content-Type") == TYPE
        assert text == ""
        response, text = fetch(watched, http_too, "POST")
        assert response.status == 405 and response.getheader("Allow") == "GET, HEAD"


def test_promtool_takes_the_page(watched, dns):
    watched.resolvers(dns.port)
    dns.zone("dbl.example.net")
    watched.zone("dbl", "dbl.example.net")
    start(watched)
    result = run("promtool", "check", "metrics", input=scrape(watched).text)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_what_was_asked_is_counted(watched):
    start(watched)
    before = scrape(watched)
    assert before.named("rcptguard_recipients_total") == {}
    recipients = (
        [LISTED, "a@tree.example", "b@x.tree.example"]  # main
        + ["later@example.org"] * 1
        + ["maybe@example.org", "freed@example.net", "x@blocked.example"]
        + [f"fine{i}@example.com" for i in range(7)]
        + ["no address", "@", "a@b..c"]
    )
    with watched.client() as client:
        for recipient in recipients:
            client.ask(recipient)
        client.ask(LISTED, instance="again.1")
        client.ask(LISTED, instance="again.1")
        client.ask(LISTED, protocol_state="DATA")
    watched.api("GET", "/v1/check", recipient=LISTED)  # looks, and is not counted
    page = scrape(watched)
    assert page.named("rcptguard_recipients_total") == {
        ("reject",): 5, ("defer",): 1, ("observe",): 1, ("excluded",): 1, ("pass",): 7,
        ("unparsed",): 3, ("repeated",): 1,
    }
    assert page.named("rcptguard_list_verdicts_total") == {
        ("reject", "main"): 4, ("reject", "local"): 1, ("defer", "later"): 1,
        ("observe", "maybe"): 1, ("excluded", "main"): 1,
    }
    asked = len(recipients) + 2
    queries = "rcptguard_queries_total"
    assert page.get(queries, kind="recipient") == asked
    assert page.get(queries, kind="foreign") == before.get(queries, kind="foreign") + 1
    latency = "rcptguard_verdict_duration_seconds"
    assert page.get(f"{latency}_count", **{"from": "memory"}) == asked
    assert page.get(f"{latency}_bucket", **{"from": "memory", "le": "+Inf"}) == asked
    buckets = [v for (name, labels), v in page.items()
               if name == f"{latency}_bucket" and ("from", "memory") in labels]
    assert len(buckets) == 18 and buckets == sorted(buckets)
    assert 0 < page.get(f"{latency}_sum", **{"from": "memory"}) < 60
    assert page.get("rcptguard_deadline_misses_total") == 0
    assert page.get("rcptguard_degraded_reasons", reason="file_errors") == 1
    assert page.get("rcptguard_degraded") == 1


def test_what_is_there_is_shown(watched):
    start(watched)
    page = scrape(watched)
    assert page.get("rcptguard_build_info", version=watched.api("GET", "/v1/status")[1]["version"]) == 1
    assert page.get("rcptguard_feed_active_entries", list="main") == 3
    assert page.get("rcptguard_feed_state", list="main", state="accepted") == 1
    assert page.get("rcptguard_feed_state", list="main", state="refused") == 0
    assert page.get("rcptguard_feed_looks_total", list="main", result="accepted") == 1
    success = page.get("rcptguard_feed_last_success_timestamp_seconds", list="main")
    assert 0 <= success - page.get("process_start_time_seconds") < 60
    assert page.named("rcptguard_local_lines") == {
        ("exclusions", "in_force"): 1, ("exclusions", "expired"): 1, ("exclusions", "broken"): 1,
        ("blocks", "in_force"): 1,
    }
    assert page.get("rcptguard_index_lists") == 3 and page.get("rcptguard_index_size_bytes") > 0
    assert page.get("rcptguard_index_swaps_total") >= 1
    assert page.get("rcptguard_index_build_duration_seconds") > 0
    assert page.get("rcptguard_config_last_reload_successful") == 1
    assert page.get("process_cpu_seconds_total") > 0
    # What only files tell is of the page before.
    wait_until("memory and descriptors", lambda: "process_open_fds " in scrape(watched).text)
    page = scrape(watched)
    assert 1e6 < page.get("process_resident_memory_bytes") < page.get("process_virtual_memory_bytes")
    assert 5 < page.get("process_open_fds") < page.get("process_max_fds")


def test_connections(watched):
    watched.config["policy"]["max_clients"] = 2
    start(watched)
    unix = {"listener": "1", "kind": "unix"}
    accepted = "rcptguard_policy_connections_accepted_total"
    before = scrape(watched).get(accepted, **unix)
    with watched.client() as one, watched.client() as two, watched.client(tcp=True) as other:
        for client in (one, two, other):
            client.ask(GOOD)
        with watched.client() as three:
            assert three.at_end()
        page = scrape(watched)
        assert page.named("rcptguard_policy_connections") == {("unix", "1"): 2, ("inet", "2"): 1}
        assert page.get("rcptguard_policy_connections_max", **unix) == 2
        assert page.get(accepted, **unix) == before + 2
        assert page.named("rcptguard_policy_connections_refused_total") == {("unix", "1"): 1}
        other.send(b"no query\n\n")
        assert other.at_end()
    page = scrape(watched)
    assert page.named("rcptguard_policy_connections_broken_total") == {("inet", "2"): 1}


def test_a_guard_and_a_reload_are_counted(watched):
    watched.config["feed main"]["min_entries"] = "2"
    start(watched)
    watched.ask(LISTED)
    write_by_rename(watched.directory / "main.list", f"{LISTED}\n")
    watched.wait_feed("main", state="refused")
    page = scrape(watched)
    failures = "rcptguard_feed_guard_failures_total"
    assert page.named(failures)[("min_entries", "main")] >= 1
    assert page.get("rcptguard_feed_state", list="main", state="refused") == 1
    assert page.get("rcptguard_feed_looks_total", list="main", result="refused") >= 1
    assert page.get("rcptguard_degraded_reasons", reason="feed_refused") == 1
    assert page.get("rcptguard_feed_active_entries", list="main") == 3  # of the copy in force

    # What goes, goes; what stays, goes on.
    del watched.config["feed later"]
    watched.list_file("new", "new@example.org\n")
    watched.reload()
    watched.wait_feed("new", state="accepted")
    page = scrape(watched)
    assert 'list="later"' not in page.text and 'list="new"' in page.text
    assert page.get("rcptguard_list_verdicts_total", list="main", action="reject") == 1
    assert page.named(failures)[("min_entries", "main")] >= 1
    watched.config["policy"]["nonsense"] = "1"
    watched.reload()
    name = "rcptguard_config_last_reload_successful"
    wait_until("a failed reload", lambda: scrape(watched).get(name) == 0)
    del watched.config["policy"]["nonsense"]
    watched.reload()
    wait_until("a good reload", lambda: scrape(watched).get(name) == 1)


def test_zones(watched, dns):
    zone = dns.zone("dbl.example.net")
    zone.says("bad.example.org", "127.0.0.2")
    watched.resolvers(dns.port)
    watched.zone("dbl", "dbl.example.net")
    watched.start_zones()
    for recipient in (BAD, GOOD, GOOD):
        watched.ask(recipient)
    page = scrape(watched)
    assert page.get("rcptguard_list_verdicts_total", list="dbl", action="reject") == 1
    assert page.get("rcptguard_dnsbl_state", list="dbl", state="on") == 1
    assert page.get("rcptguard_dnsbl_questions_total", list="dbl") == 3  # and the listing's TXT
    assert page.get("rcptguard_dnsbl_answer_duration_seconds_count", list="dbl") == 2
    assert page.get("rcptguard_dnsbl_answer_duration_seconds_sum", list="dbl") > 0
    assert page.get("rcptguard_dnsbl_listings_total", list="dbl") == 1
    assert page.get("rcptguard_dnsbl_cache_hits_total", list="dbl") == 1
    assert page.get("rcptguard_dnsbl_cache_misses_total", list="dbl") == 2
    latency = "rcptguard_verdict_duration_seconds_count"
    assert (page.get(latency, **{"from": "dns"}), page.get(latency, **{"from": "memory"})) == (2, 1)
    zone.lists_the_world()
    watched.refresh("dbl")
    watched.wait_feed("dbl", state="off")
    page = scrape(watched)
    assert page.named("rcptguard_dnsbl_state") == {("dbl", "off"): 1}
    assert page.get("rcptguard_degraded_reasons", reason="zone_off") == 1


def test_a_late_zone_is_a_deadline_miss(watched, dns):
    zone = dns.zone("dbl.example.net")
    watched.resolvers(dns.port)
    watched.zone("dbl", "dbl.example.net", timeout="100ms")
    watched.start_zones()
    zone.delay = 3.0
    assert watched.ask(GOOD) == "DUNNO"
    page = scrape(watched)
    assert page.get("rcptguard_deadline_misses_total") == 1
    assert page.get("rcptguard_dnsbl_late_total", list="dbl") == 1
    bucket = "rcptguard_verdict_duration_seconds_bucket"
    assert page.get(bucket, **{"from": "dns", "le": "0.05"}) == 0
    # The deadline counts whole milliseconds, from the one in which the question came.
    assert page.get("rcptguard_verdict_duration_seconds_sum", **{"from": "dns"}) > 0.099


def test_hostile_recipients_are_in_no_label(watched):
    """However many and whatever they are: the lines of the page are those of the configuration."""
    start(watched)
    before = scrape(watched)
    with watched.client() as client:
        for i in range(300):
            client.send(query(b'x"}\\%d\xff{@tree.example' % i, sender=b'evil"%d@a.b' % i))
            client.reply()
    page = scrape(watched)
    assert set(page) - {k for k in page if k[0].startswith("process_")} == {
        k for k in before if not k[0].startswith("process_")
    }
    assert page.get("rcptguard_list_verdicts_total", list="main", action="reject") == 300
    for secret in ("evil", "tree.example", "example.org", "file:", str(watched.directory), "127.0.0.1"):
        assert secret not in page.text, secret


def test_while_lists_are_swapped(watched):
    """Scraped by several while each save of a list makes a new index and queries go on."""
    start(watched)
    pages, stop = [], threading.Event()

    def scrape_on(http_too):
        while not stop.is_set():
            pages.append(scrape(watched, http_too))

    threads = [threading.Thread(target=scrape_on, args=(h,)) for h in (False, True)]
    for thread in threads:
        thread.start()
    try:
        for i in range(8):
            write_by_rename(watched.directory / "main.list", f"{LISTED}\nn{i}@example.org\n" * 50)
            watched.wait_blocked(f"n{i}@example.org")
            assert not watched.blocks(GOOD)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert len(pages) >= 8
    last = scrape(watched)
    assert last.get("rcptguard_index_swaps_total") >= 8
    # All but the few lines that a page has from files, which the first may lack.
    assert all(len(set(last) - set(page)) <= 3 for page in pages)


def test_many_lists(watched):
    """The page grows by lines a list."""
    start(watched)
    few = len(scrape(watched))
    for i in range(50):
        watched.list_file(f"feed{i}", f"u{i}@example.org\n")
    watched.reload()
    watched.wait_blocked("u49@example.org")
    watched.wait_feed("feed49", state="accepted")
    page = scrape(watched)
    assert len(page) - few <= 50 * 30
    assert page.get("rcptguard_feed_active_entries", list="feed49") == 1
