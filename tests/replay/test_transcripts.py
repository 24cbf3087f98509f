"""Every request that a real Postfix was seen to send gets the answer it should.

The table is written by hand from the requests: which of the two lists names this recipient, when
the state is RCPT. An address is more specific than a domain, so `people` speaks first.
"""

import pytest

from daemon import Daemon
from policyclient import PolicyClient, is_refusal
from support import TRANSCRIPTS

PEOPLE = "\n".join(
    [
        "user@example.invalid",
        "user.NAME@Example.INVALID",
        '"a b"@example.invalid',
        '"a@b"@example.invalid',
        r'"a\"b\\c"@example.invalid',
        '"a,b;c:d<e>(f)"@example.invalid',
        "srs0=abcd=ef=other.invalid=user@example.invalid",
        ".us..er.@example.invalid",
        "user@[192.0.2.1]",
        "user@xn--bcher-kva.example.invalid",
        "jörg@bücher.example.invalid",
        "jörg@example.invalid",
        "b" * 1000 + "@example.invalid",
        '"' + r"\"" * 900 + '"@example.invalid',
        "",
    ]
)

PLACES = "\n".join(
    [
        "example.invalid",
        "*.example.invalid",
        ".example_x.invalid",
        "例え.テスト.invalid",
        "192.0.2.1",
        "",
    ]
)

EXPECTED = {
    "01-rcpt-plain": "people",
    "02-rcpt-second-recipient": "places",
    "03-rcpt-helo-smtp": "people",
    "04-rcpt-no-helo": "people",
    "05-rcpt-helo-odd": "people",
    "06-rcpt-helo-ctl": "people",
    "07-rcpt-null-sender": "people",
    "08-rcpt-plus-address": "people",  # without its tag
    "09-rcpt-uppercase": "people",
    "10-rcpt-trailing-dot": "people",
    "11-rcpt-percent-hack": "places",
    "12-rcpt-percent-local": None,
    "13-rcpt-bang-path": None,  # no @
    "14-rcpt-quoted-space": "people",
    "15-rcpt-quoted-at": "people",
    "16-rcpt-quoted-dquote": "people",
    "17-rcpt-quoted-comma": "people",
    "18-rcpt-quoted-empty": "places",  # empty local part
    "19-rcpt-quoted-tab": "people",  # Postfix made a space of it
    "20-rcpt-quoted-ctl": "places",
    "21-rcpt-quoted-cr": "people",
    "22-rcpt-quoted-backslash-n": "places",
    "23-rcpt-needless-quotes": "people",
    "24-rcpt-equals": "people",
    "25-rcpt-literal-v4": "people",  # an exact entry; the domain entry says nothing about it
    "26-rcpt-literal-v6": None,
    "27-rcpt-source-route": "people",
    "28-rcpt-double-at": "places",  # the last @ counts
    "29-rcpt-no-domain": None,
    "30-rcpt-only-at": "places",
    "31-rcpt-postmaster-domain": "places",
    "32-rcpt-comment": "people",
    "33-rcpt-no-brackets": "people",
    "34-rcpt-leading-space": "people",
    "35-rcpt-dots": "people",
    "36-rcpt-underscore-domain": "places",
    "37-rcpt-alabel": "people",
    "38-rcpt-smtputf8": "people",
    "39-rcpt-smtputf8-cjk": "places",
    "40-rcpt-smtputf8-fullwidthdot": "people",  # upper case, full-width dots
    "41-rcpt-8bit-local-no-smtputf8": "people",
    "42-rcpt-nl-sep-utf8": "places",
    "43-rcpt-long-local-64": "places",
    "44-rcpt-long-local-1000": "people",
    "45-rcpt-long-max": "places",
    "46-rcpt-long-everything": "places",
    "47-rcpt-dsn-params": "people",
    "48-rcpt-many-quoted-expand": "people",
    "49-rcpt-tls-nocert": "people",
    "50-rcpt-tls-clientcert": "people",
    "51-rcpt-tls-untrusted-cert": "people",
    "52-rcpt-sasl": "people",
    "53-rcpt-sasl-odd": "people",
    "54-rcpt-sasl-authparam": "people",
    "55-rcpt-xclient-v6": "people",
    "56-rcpt-xclient-unverified": "people",
    "57-rcpt-xclient-unknownport": "people",
    "58-connect": None,  # from here on: states that are not about a recipient
    "59-ehlo": None,
    "60-mail": None,
    "61-rcpt-delay-no": "places",
    "62-data-one-rcpt": None,
    "63-eom-one-rcpt": None,
    "64-helo": None,
    "65-data-multi-rcpt": None,
    "66-eom-multi-rcpt": None,
    "67-vrfy": None,
    "68-etrn": None,
    "69-bdat-data": None,
    "70-data-multi-rcpt-2527": None,
    "71-eom-multi-rcpt-2527": None,
    "72-stress-yes": "places",
    "73-rcpt-latin1-smtputf8-off": "places",  # not UTF-8; the domain is
    "74-rcpt-huge-15k": "places",
}

# CONNECT, EHLO, MAIL, RCPT r0 r1 r2, DATA, END-OF-MESSAGE
STREAM = [None, None, None, "places", "places", "places", None, None]


@pytest.fixture(scope="module")
def server():
    d = Daemon()
    d.list_file("people", PEOPLE)
    d.list_file("places", PLACES)
    d.start()
    d.wait_blocked("user@example.invalid")
    d.wait_blocked("someone@example.invalid")
    yield d
    d.close()


@pytest.fixture(params=["unix", "tcp"])
def address(request, server):
    return server.unix if request.param == "unix" else server.inet


def request_bytes(name):
    return (TRANSCRIPTS / f"{name}.req").read_bytes()


def verify(action, wanted, name):
    if wanted is None:
        assert action == "DUNNO", name
    else:
        assert is_refusal(action, wanted), f"{name}: {action}"


def test_table_is_complete():
    assert sorted(EXPECTED) == sorted(p.stem for p in TRANSCRIPTS.glob("*.req"))
    assert len(EXPECTED) == 74


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_transcript(name, server):
    """Whole, and cut at every byte, on one connection that stays."""
    data = request_bytes(name)
    with PolicyClient(server.unix) as client:
        client.send(data)
        verify(client.reply(), EXPECTED[name], name)
        for i in range(len(data)):
            client.send(data[i : i + 1])
        verify(client.reply(), EXPECTED[name], name)


def test_all_in_one_write(address):
    names = sorted(EXPECTED)
    with PolicyClient(address) as client:
        client.send(b"".join(request_bytes(n) for n in names))
        for name in names:
            verify(client.reply(), EXPECTED[name], name)
        client.socket.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.reply()


@pytest.mark.parametrize("size", [2, 3, 7, 511, 4096, 65536])
def test_all_in_pieces(address, size):
    names = sorted(EXPECTED)
    data = b"".join(request_bytes(n) for n in names)
    with PolicyClient(address) as client:
        for i in range(0, len(data), size):
            client.send(data[i : i + size])
        for name in names:
            verify(client.reply(), EXPECTED[name], name)


def test_stream_of_one_session(address):
    data = (TRANSCRIPTS / "session-all-stages.stream").read_bytes()
    with PolicyClient(address) as client:
        client.send(data)
        for i, wanted in enumerate(STREAM):
            verify(client.reply(), wanted, f"stream {i}")


def test_stream_one_by_one(address):
    data = (TRANSCRIPTS / "session-all-stages.stream").read_bytes()
    parts = [p + b"\n\n" for p in data.split(b"\n\n") if p]
    assert len(parts) == len(STREAM)
    with PolicyClient(address) as client:
        for part, wanted in zip(parts, STREAM):
            client.send(part)
            verify(client.reply(), wanted, part)
