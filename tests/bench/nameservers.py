"""Recipients in domains, zones that list some of them, and real name servers for those, on loopback."""

import collections
import hashlib
import json
import os
import socket

from servers import http, query

DNS = """
[dns]
servers = 127.0.0.1:{port}
"""

ZONE = """
[dnsbl {name}]
zone  = {name}.bench.example.net
query = {query}
codes = 127.0.0.2
"""

# What each zone is asked, over and over; the patterns are what it is asked for a domain of
# `load -u`, an @ is what changes.
Kind = collections.namedtuple("Kind", "name query lines patterns")
KINDS = (
    Kind("dbl", "domain", "", ("mail.f@.example",)),
    Kind("uri", "domain", "parents = yes\n", ("mail.f@.example", "f@.example")),
    Kind("ebl", "email-sha1", "", ("@" + 24 * "0",)),
)
ZONES = [kind._replace(name=f"{kind.name}{i}") for i in range(3) for kind in KINDS][:8]

DOMAINS, RECIPIENTS, LISTED = 2500, 10000, 100


def missing():
    """Why no zones can be asked here, or None."""
    for program in ("/usr/sbin/rbldnsd", "/usr/sbin/unbound"):
        if not os.access(program, os.X_OK):
            return f"{program} is missing"
    try:
        import pytest  # noqa: F401  the servers stand among the tests
    except ImportError:
        return "python3-pytest is missing"
    return None


class Recipients:
    """Three of four domains are registered ones; some recipients are listed. A file for the load."""

    def __init__(self, directory):
        self.path = f"{directory}/recipients"
        self.all = []
        for i in range(RECIPIENTS):
            domain = i % DOMAINS
            sub = "mail." if domain % 4 == 0 else ""
            self.all.append(f"user{i}@{sub}d{domain}.example")
        self.listed = [f"user{i}@listed{i}.example" for i in range(LISTED)]
        with open(self.path, "w", encoding="ascii") as f:
            f.writelines(f"{recipient}\n" for recipient in self.all)
            f.writelines(f"!{recipient}\n" for recipient in self.listed)


class NameServers:
    """rbldnsd with ZONES, one of its own with dead.bench.example.net, and unbound before both."""

    def __init__(self, bench, recipients):
        import dnsservers

        self.recipients = recipients
        self.closing = []
        # Away from the CPU of daemon and load, if there is another.
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, bench.other_cpus)
        names = [f"{zone.name}.bench.example.net" for zone in ZONES]
        texts = {name: ("dnset", self.zone_text(zone, dnsservers.SOA))
                 for name, zone in zip(names, ZONES)}
        self.rbldnsd = self.keep(dnsservers.Rbldnsd(texts).start())
        self.mortal = self.keep(dnsservers.Rbldnsd(
            {"dead.bench.example.net": ("dnset", "")}).start())
        stubs = dict.fromkeys(names, self.rbldnsd.port)
        stubs["dead.bench.example.net"] = self.mortal.port
        self.unbound = self.keep(dnsservers.Unbound(stubs).start())
        os.sched_setaffinity(0, before)

    def keep(self, server):
        self.closing.append(server.close)
        return server

    def close(self):
        for close in reversed(self.closing):
            close()

    def zone_text(self, zone, soa):
        """All zones list the same recipients, each in its way; negative answers hold for an hour."""
        if zone.query == "domain":
            rows = [recipient.partition("@")[2] for recipient in self.recipients.listed]
        else:
            rows = [hashlib.sha1(recipient.encode()).hexdigest()
                    for recipient in self.recipients.listed]
        return soa.replace(" 300\n", " 3600\n") + "".join(f"{row} :2:listed\n" for row in rows)

    def config(self, zones, lines="", port=None):
        return DNS.format(port=port or self.unbound.port) + "".join(
            ZONE.format(name=zone.name, query=zone.query) + zone.lines + lines for zone in zones)


def zones_of(daemon):
    rows = json.loads(http(daemon.admin, "/v1/feeds")[1])["feeds"]
    return [row for row in rows if row["kind"] == "dnsbl"]


def sum_of(daemon, field):
    return sum(zone[field] for zone in zones_of(daemon))


def are_on(daemon):
    return all(zone["state"] == "on" for zone in zones_of(daemon))


def fill(path, recipients):
    """Asks for each once, on many connections at a time."""
    sockets = []
    for _ in range(50):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        s.connect(path)
        sockets.append(s)
    for i in range(0, len(recipients), len(sockets)):
        turn = list(zip(sockets, recipients[i:]))
        for s, recipient in turn:
            s.sendall(query(recipient))
        for s, _ in turn:
            while not s.recv(4096).endswith(b"\n\n"):
                pass
    for s in sockets:
        s.close()
