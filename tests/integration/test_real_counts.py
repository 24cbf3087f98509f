"""Real lists, where they stand beside the working copy: what `lint` and the daemon count in each
equals a count that shares nothing with them. No row of them is shown or kept."""

import functools
import json
import pathlib
import shutil
from typing import Callable, NamedTuple

import pytest

import entrycount
import listcount
import zonecount
from daemon import Daemon
from support import COMMAND, REAL_LISTS, run, wait_until
from test_real_lists import PROTECTED

pytestmark = pytest.mark.skipif(
    not (REAL_LISTS / "MANIFEST.tsv").exists(),
    reason=f"no real lists in {REAL_LISTS} (they are not part of the project)",
)


class RealList(NamedTuple):
    path: str
    format: str
    count: Callable
    keys: dict = {}


def of_zone(count, **keys):
    """A count of zonecount, which has the whole world among its entries."""

    def counted(data):
        c = count(data, **keys)
        roots = "." in c.entries
        return listcount.Count(c.entries - {"."}, c.rows - roots, c.bad, c.ignored, roots)

    return counted


# Of the same day as the compiled one beside it, which the daemon reads.
SUFFIXES = pathlib.Path("/usr/share/publicsuffix/public_suffix_list.dat")


def count_urls(data):
    if not SUFFIXES.exists():
        pytest.skip("without the package publicsuffix the daemon has another list than we")
    return listcount.count_urls(
        data, listcount.left_out_by(SUFFIXES.read_text(encoding="utf-8"), PROTECTED)
    )


AS_DOMAINS = {"as": "domains"}
APER_HISTORY = (
    "20080328-first 20080821-before-conflict 20080821-svn-conflict 20080821-after-conflict"
    " 20090908-before-move 20090908-crlf 20090908-eol-fixed 20090914-test-commit"
).split()
DISPOSABLE_HISTORY = (
    "20180531-good 20180601-poison-gmail.com 20190528-good 20190529-shrunk75 20190530-restored"
    " 20210202-good 20210203-13lines 20210204-restored"
).split()

LISTS = [
    RealList("aper/phishing_reply_addresses.20181010", "aper", entrycount.count_aper),
    RealList("aper/phishing_from_addresses.20181010", "entries", entrycount.count_entries),
    *(RealList(f"aper/hist/reply.{n}", "aper", entrycount.count_aper) for n in APER_HISTORY),
    RealList("disposable/domains.txt", "domains", listcount.count_domains),
    RealList("disposable/domains.txt", "entries", entrycount.count_entries),
    RealList(
        "disposable/domains.json", "json", functools.partial(entrycount.count_json, as_domains=True), AS_DOMAINS
    ),
    RealList("disposable/domains.json", "json", entrycount.count_json),
    RealList(
        "disposable/ivolo.wildcard.json", "json",
        functools.partial(entrycount.count_json, as_domains=True), AS_DOMAINS,
    ),
    RealList("disposable/domains_sha1.txt", "hashes", entrycount.count_hashes, {"of": "domain"}),
    *(
        RealList(f"disposable/hist/domains.{n}.txt", "domains", listcount.count_domains)
        for n in DISPOSABLE_HISTORY
    ),
    RealList("disposable/martenson.blocklist.conf", "domains", listcount.count_domains),
    RealList("disposable/mailchecker.list.txt", "domains", listcount.count_domains),
    RealList("domains/blocklistproject.redirect.hosts.txt", "hosts", listcount.count_hosts),
    RealList("domains/stevenblack.hosts.txt", "hosts", listcount.count_hosts),
    RealList("domains/blocklistproject.tracking.adguard.txt", "adblock", listcount.count_adblock),
    RealList("domains/blocklistproject.redirect.dnsmasq.conf", "dnsmasq", listcount.count_dnsmasq),
    RealList("domains/hagezi.fake.unbound.conf", "unbound", listcount.count_unbound),
    RealList("domains/hagezi.light.wildcard.txt", "domains", listcount.count_domains),
    RealList("domains/hagezi.light.wildcard.txt", "entries", entrycount.count_entries),
    RealList("domains/notrack.txt", "domains", listcount.count_domains),
    RealList("domains/sfs.toxic_domains_whole.txt", "domains", listcount.count_domains),
    RealList(
        "domains/blackbook.csv", "csv",
        functools.partial(entrycount.count_csv, column="Domain", as_domains=True),
        {"column": "Domain", **AS_DOMAINS},
    ),
    RealList(
        "domains/blackbook.csv", "csv", functools.partial(entrycount.count_csv, column="Domain")
    ),
    RealList("domains/dnsbunker.rpz.txt", "rpz", of_zone(zonecount.count_rpz)),
    RealList("url/openphish.feed.txt", "urls", count_urls),
    *(
        RealList(f"derived/aper.canon.{h}.txt", "hashes", entrycount.count_hashes)
        for h in ("md5", "sha1", "sha256", "sha256b32")
    ),
    RealList("derived/ebl.rbldnsd.dnset", "hashes", entrycount.count_hashes),
    RealList("derived/ebl.rbldnsd.dnset", "dnset", of_zone(zonecount.count_dnset)),
    RealList("derived/rhsbl.rbldnsd.dnset", "dnset", of_zone(zonecount.count_dnset)),
    RealList("derived/multi.rbldnsd.combined", "dnset", of_zone(zonecount.count_dnset)),
    RealList("derived/aper.postfix-access", "access", of_zone(zonecount.count_access, aliases=True)),
    RealList("synthetic/bom-crlf.csv", "aper", entrycount.count_aper),
    RealList(
        "synthetic/ndjson.json", "ndjson",
        functools.partial(entrycount.count_ndjson, field="email"), {"field": "email"},
    ),
    RealList("synthetic/world.glob.txt", "entries", entrycount.count_entries),
    RealList("synthetic/world.adblock.txt", "adblock", listcount.count_adblock),
    RealList("synthetic/world.rpz", "rpz", of_zone(zonecount.count_rpz)),
    RealList("synthetic/longline.txt", "entries", entrycount.count_entries),
    RealList("synthetic/dn.zone", "dnset", of_zone(zonecount.count_dnset)),
    RealList("synthetic/comb.zone", "dnset", of_zone(zonecount.count_dnset)),
]


def name_of(real):
    keys = "".join(f",{k}={v}" for k, v in real.keys.items())
    return f"{real.path}:{real.format}{keys}"


@functools.cache
def independent(i):
    """Of LISTS[i], with the names that the daemon and lint use."""
    count = LISTS[i].count((REAL_LISTS / LISTS[i].path).read_bytes())
    exceptions = sum(e[0] in "!@" for e in count.entries)
    return {
        "rows": count.rows + count.roots,
        "bad_rows": count.bad,
        "ignored_rows": count.ignored,
        "entries": len(count.entries) - exceptions,
    }


def counts_of(answer):
    return {key: answer[key] for key in ("rows", "bad_rows", "ignored_rows", "entries")}


every_list = pytest.mark.parametrize("i", range(len(LISTS)), ids=[name_of(r) for r in LISTS])


def lint(real):
    settings = [word for k, v in real.keys.items() for word in ("--set", f"{k}={v}")]
    result = run(COMMAND, "lint", "--format", real.format, *settings, "--json", REAL_LISTS / real.path)
    code = result.returncode
    assert code in (0, 1), "lint could not read it"
    return json.loads(result.stdout)


@every_list
def test_lint_counts(i):
    said, counted = counts_of(lint(LISTS[i])), independent(i)
    assert said == counted  # numbers only: an assertion that fails shows whatever it is given


@pytest.fixture(scope="module")
def house():
    """All of them at once, each a feed of its own."""
    d = Daemon()
    copies = d.directory / "lists"
    copies.mkdir()
    for i, real in enumerate(LISTS):
        shutil.copyfile(REAL_LISTS / real.path, copies / str(i))
        d.feed(
            f"list{i}", f"file:{copies / str(i)}", format=real.format, max_bad="100%",
            max_protected="1000", **real.keys,
        )
    d.start()
    wait_until(
        "a look at each",
        lambda: all(f["last_fetch"] for f in d.api("GET", "/v1/feeds")[1]["feeds"]),
        170,
        every=0.1,
    )
    yield d
    d.close()


# Digests, to be read as such; and rules of which none names a domain to list.
NEVER_TAKEN = {
    "derived/ebl.rbldnsd.dnset:dnset": "format",
    "synthetic/world.adblock.txt:adblock": "min_entries",
}


@pytest.mark.seconds(200)
@every_list
def test_daemon_counts(house, i):
    feed = house.feed_status(f"list{i}")
    name, state, guard = name_of(LISTS[i]), feed["state"], feed["guard"]
    if name in NEVER_TAKEN:
        assert (state, guard) == ("refused", NEVER_TAKEN[name])
        return
    assert state == "accepted", guard
    said, counted = counts_of(feed), independent(i)
    assert said == counted
