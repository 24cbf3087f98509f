"""The name servers of the tests, by themselves: what is found with them is worth no more than they."""

import time

import pytest

from dnsservers import DROP, SERVFAIL, Rbldnsd, Unbound, dig

ZONE = "dbl.example.net"


def test_scripted_answers(dns):
    zone = dns.zone(ZONE)
    zone.says("bad.example.org", "127.0.0.2", "127.0.0.4", text="seen in spam")
    for tcp in (False, True):
        assert dig(dns.port, f"bad.example.org.{ZONE}", tcp=tcp).addresses == [
            "127.0.0.2",
            "127.0.0.4",
        ]
        assert dig(dns.port, f"BAD.example.org.{ZONE}", "TXT", tcp=tcp).texts == ["seen in spam"]
        clear = dig(dns.port, f"good.example.org.{ZONE}", tcp=tcp)
        assert (clear.rcode, clear.addresses, clear.soa_ttl) == ("NXDOMAIN", [], 300)
    assert dig(dns.port, "elsewhere.example").rcode == "REFUSED"
    assert zone.asked("bad.example.org") == 2
    assert zone.asked("bad.example.org", "TXT") == 2
    assert zone.labels().count("good.example.org") == 2


def test_scripted_misbehaviour(dns):
    zone = dns.zone(ZONE)
    zone.all = SERVFAIL
    assert dig(dns.port, f"a.{ZONE}").rcode == "SERVFAIL"
    zone.lists_the_world()
    assert dig(dns.port, f"a.{ZONE}").addresses == ["127.0.0.2"]
    zone.truncate = True
    cut = dig(dns.port, f"a.{ZONE}")
    assert cut.truncated and not cut.addresses
    assert dig(dns.port, f"a.{ZONE}", tcp=True).addresses == ["127.0.0.2"]
    zone.truncate, zone.delay = False, 0.2
    begin = time.monotonic()
    assert dig(dns.port, f"a.{ZONE}").addresses == ["127.0.0.2"]
    assert time.monotonic() - begin >= 0.2
    zone.all, zone.delay = DROP, 0
    with pytest.raises(OSError):
        dig(dns.port, f"a.{ZONE}", seconds=0.1)
    dns.stop()
    with pytest.raises(ConnectionRefusedError):
        dig(dns.port, f"a.{ZONE}", seconds=0.1)
    dns.start()
    zone.all = None
    assert dig(dns.port, f"a.{ZONE}").rcode == "NXDOMAIN"


def test_real_ones():
    rbldnsd = Rbldnsd(
        {
            ZONE: ("dnset", ":127.0.1.2:spam $\nbad.example.org\n"),
            "ebl.example.net": ("generic", "0123abcd A 127.0.0.3\n"),
        },
        also={ZONE: ("acl", "")},
    ).start()
    unbound = None
    try:
        unbound = Unbound(
            {ZONE: rbldnsd.port, "ebl.example.net": rbldnsd.port}, {"away.example": "203.0.113.9"}
        ).start()
        for port in (rbldnsd.port, unbound.port):
            assert dig(port, f"bad.example.org.{ZONE}").addresses == ["127.0.1.2"]
            assert dig(port, f"bad.example.org.{ZONE}", "TXT").texts == ["spam bad.example.org"]
            assert dig(port, f"good.example.org.{ZONE}").rcode == "NXDOMAIN"
            assert dig(port, f"good.example.org.{ZONE}").soa_ttl == 300
            assert dig(port, "0123abcd.ebl.example.net").addresses == ["127.0.0.3"]
        assert dig(unbound.port, "any.thing.away.example").addresses == ["203.0.113.9"]
        rbldnsd.put(ZONE, ":127.0.1.2:\nworse.example.org\n")
        assert dig(rbldnsd.port, f"worse.example.org.{ZONE}").addresses == ["127.0.1.2"]
        assert dig(rbldnsd.port, f"bad.example.org.{ZONE}").rcode == "NXDOMAIN"
        rbldnsd.put_also(
            ZONE, "acl", "127.0.0.1 :127.0.0.2:go away\n",
            lambda: dig(rbldnsd.port, f"anything.{ZONE}").addresses == ["127.0.0.2"],
        )
    finally:
        if unbound:
            unbound.close()
        rbldnsd.close()
