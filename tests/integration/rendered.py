"""The same names as a list of each format, shaped as its publishers write it. All names are made up:
number I of a list is d<I>.example.org, and of it u<I>@d<I>.example.org is asked for."""

import gzip
import hashlib
import json
from typing import Callable, NamedTuple


def name(i):
    return f"d{i}.example.org"


def names(count, start=0):
    return [name(i) for i in range(start, start + count)]


def recipient(domain):
    """One whom a list with that domain blocks, in whatever format it lists it."""
    return f"u{domain.split('.')[0].lstrip('d')}@{domain}"


def text_of(lines):
    return "".join(f"{line}\n" for line in lines)


def aper(domains):
    head = "# The Anti Phishing Reply list\n# ADDRESS,TYPE,DATE\n"
    return head + text_of(f"{recipient(d)},AB,2012{1 + i % 12:02}{1 + i % 28:02}" for i, d in enumerate(domains))


def csv(domains):
    rows = (f'{d},keitaro,2024-09-01,"A source, quoted"' for d in domains)
    return "Domain,Malware,Date added,Source\n" + text_of(rows)


def json_array(domains):
    return json.dumps(list(domains), separators=(",", ":"))


def ndjson(domains, records=None):
    """With the trailer that tells how much stands before it."""
    body = text_of(json.dumps({"domain": d, "sblid": "SBL1"}) for d in domains)
    trailer = {"type": "metadata", "timestamp": 1700000000, "size": len(body)}
    return body + json.dumps(dict(trailer, records=records or len(domains))) + "\n"


def domains(names_):
    return f"# Disposable domains\n# Entries: {len(names_)}\n" + text_of(names_)


def hosts(names_):
    preamble = "127.0.0.1 localhost\n::1 ip6-localhost\n255.255.255.255 broadcasthost\n0.0.0.0 0.0.0.0\n"
    return "# Title: hosts\n" + preamble + text_of(f"0.0.0.0 {d}" for d in names_)


def adblock(names_):
    head = f"[Adblock Plus]\n! Title: malware\n! Expires: 1 hour\n! Entries: {len(names_):,}\n"
    return head + text_of(f"||{d}^" for d in names_)


def dnsmasq(names_):
    return "# dnsmasq\n" + text_of(f"server=/{d}/" for d in names_)


def unbound(names_):
    return "server:\n" + text_of(f'local-zone: "{d}." always_null' for d in names_)


def rpz(names_, serial=1700000000):
    head = f"$TTL 300\n@ SOA localhost. root.localhost. ( {serial} 3600 600 86400 300 )\n  NS localhost.\n"
    return head + text_of(f"{d} CNAME .\n*.{d} CNAME ." for d in names_)


def dnset(names_, *head):
    return text_of(["$SOA 3600 ns.example.org adm.example.org 0 600 300 86400 300", *head,
                    ":127.0.0.2:listed: $"]) + text_of(f".{d}" for d in names_)


def access(names_):
    return "# access(5)\n" + text_of(f"{d} REJECT on a list" for d in names_)


def urls(names_):
    return text_of(f"https://{d}/login.php?u=1" for d in names_)


def hashes(names_):
    return "# sha1\n" + text_of(hashlib.sha1(d.encode()).hexdigest() for d in names_)


class Rendering(NamedTuple):
    list_of: Callable  # names -> the text of a list
    keys: dict = {}  # what the feed's section says beside its format
    each: int = 1  # entries of one name


RENDERINGS = {
    "entries": Rendering(text_of),
    "aper": Rendering(aper),
    "csv": Rendering(csv, {"column": "Domain", "as": "domains"}),
    "json": Rendering(json_array, {"as": "domains"}),
    "ndjson": Rendering(ndjson, {"field": "domain", "as": "domains"}),
    "domains": Rendering(domains),
    "hosts": Rendering(hosts),
    "adblock": Rendering(adblock),
    "dnsmasq": Rendering(dnsmasq),
    "unbound": Rendering(unbound),
    "rpz": Rendering(rpz, each=2),
    "dnset": Rendering(dnset),
    "access": Rendering(access),
    "urls": Rendering(urls),
    "hashes": Rendering(hashes, {"of": "domain"}),
}


def gz(text):
    return gzip.compress(text if isinstance(text, bytes) else text.encode(), 1)
