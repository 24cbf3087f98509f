"""What a policy client may do, and what none should: attributes in any order and number, broken
queries, caps, closed halves."""

import re
import socket

import pytest

from daemon import Daemon
from policyclient import REF, PolicyClient, is_refusal, query

LISTED = "listed@example.org"
FREE = "free@example.org"


@pytest.fixture(scope="module")
def server():
    d = Daemon()
    d.list_file("main", LISTED + "\n")
    d.start()
    d.wait_blocked(LISTED)
    yield d
    d.close()


@pytest.fixture(params=["unix", "tcp"])
def client(request, server):
    with PolicyClient(server.unix if request.param == "unix" else server.inet) as c:
        yield c


def lines_of(data):
    return [line + b"\n" for line in data[:-2].split(b"\n")]


def test_reply_is_one_write_and_nothing_else(client):
    for recipient, pattern in ((FREE, rb"DUNNO"), (LISTED, rb"550 5\.7\.1 [\x20-\x7e]{1,200}")):
        client.send(query(recipient))
        assert re.fullmatch(rb"action=" + pattern + rb"\n\n", client.socket.recv(65536))


def test_default_text(client):
    assert is_refusal(client.ask(LISTED), "main")


def test_same_transaction_same_reference(client):
    """Postfix asks again after a time-out; that is the same refusal."""
    first = client.ask(LISTED, instance="again.1")
    assert client.ask(LISTED, instance="again.1") == first
    assert client.ask(LISTED, instance="again.2") != first
    assert re.search(REF + "$", first)


def test_reordered_attributes(client):
    client.send(b"".join(reversed(lines_of(query(LISTED)))) + b"\n")
    assert is_refusal(client.reply(), "main")


def test_unknown_attributes(client):
    extra = b"".join(b"x_%d=some thing = else\n" % i for i in range(200))
    client.send(extra + query(LISTED))
    assert is_refusal(client.reply(), "main")
    assert client.ask(LISTED, tls_sni="mx.example.net", mail_version="3.12").startswith("550 ")


@pytest.mark.parametrize("name", ["recipient", "protocol_state", "request"])
def test_repeated_attribute_last_wins(client, name):
    right = {"recipient": LISTED, "protocol_state": "RCPT", "request": "smtpd_access_policy"}
    wrong = {"recipient": FREE, "protocol_state": "DATA", "request": "other"}
    body = b"".join(lines_of(query(LISTED, **{name: None})))
    as_line = lambda values: f"{name}={values[name]}\n".encode()  # noqa: E731
    client.send(as_line(wrong) + body + as_line(right) + b"\n")
    assert is_refusal(client.reply(), "main")
    client.send(as_line(right) + body + as_line(wrong) + b"\n")
    assert client.reply() == "DUNNO"


def test_missing_attributes(client):
    """Only these three decide; a bare query is whole."""
    client.send(
        b"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=" + LISTED.encode() + b"\n\n"
    )
    assert is_refusal(client.reply(), "main")


@pytest.mark.parametrize("name", ["request", "protocol_state", "recipient"])
def test_missing_deciding_attribute_is_dunno(client, name):
    client.send(query(LISTED, **{name: None}))
    assert client.reply() == "DUNNO"


def test_empty_query_is_dunno(client):
    client.send(b"\n")
    assert client.reply() == "DUNNO"
    assert is_refusal(client.ask(LISTED), "main")


@pytest.mark.parametrize("value", ["", "junk", "smtpd_access_policy2", "SMTPD_ACCESS_POLICY "])
def test_other_kind_of_request_is_dunno(client, value):
    assert client.ask(LISTED, request=value) == "DUNNO"


@pytest.mark.parametrize(
    "state", ["CONNECT", "EHLO", "HELO", "MAIL", "DATA", "END-OF-MESSAGE", "VRFY", "ETRN", "", "X"]
)
def test_other_states_are_dunno(client, state):
    assert client.ask(LISTED, protocol_state=state) == "DUNNO"


def test_several_queries_in_one_write_in_order(client):
    wanted = [i % 3 == 0 for i in range(120)]
    client.send(b"".join(query(LISTED if listed else FREE) for listed in wanted))
    assert [client.reply() != "DUNNO" for _ in wanted] == wanted


@pytest.mark.parametrize(
    "junk",
    [b"no equals sign\n", b"no equals sign\n\n", b"recipient\n\n", b"GET / HTTP/1.0\r\n\r\n"],
)
def test_line_without_equals(server, client, junk):
    mark = server.mark()
    client.send(query(LISTED) + query(FREE) + junk)
    assert is_refusal(client.reply(), "main")
    assert client.reply() == "DUNNO"
    assert client.at_end()
    server.wait_log(r"warning|notice|info", since=mark)
    assert server.blocks(LISTED)


def test_nul(server, client):
    client.send(query(FREE) + query("a\0b@example.org"))
    assert client.reply() == "DUNNO"
    assert client.at_end()
    assert server.alive()


def test_longest_line_is_taken(client):
    assert client.ask(LISTED, helo_name="h" * 16000) != "DUNNO"


def test_longer_line_closes(server, client):
    client.send(query(FREE) + b"helo_name=" + b"h" * 17000 + b"\n")
    assert client.reply() == "DUNNO"
    assert client.at_end()
    assert server.alive()


def test_endless_line_closes(server, client):
    try:
        for _ in range(100):
            client.send(b"x" * 10000)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert client.at_end()
    assert server.alive()


def test_biggest_query_is_taken(client):
    many = b"".join(b"x_%04d=%s\n" % (i, b"v" * 1000) for i in range(60))
    assert 60000 < len(many) < 64000
    client.send(many + query(LISTED))
    assert is_refusal(client.reply(), "main")


def test_bigger_query_closes(server, client):
    many = b"".join(b"x_%04d=%s\n" % (i, b"v" * 1000) for i in range(80))
    try:
        client.send(many + query(LISTED))
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert client.at_end()
    assert server.alive()


def test_monster_recipients(client):
    for recipient in ("@" * 2000, "a" * 9000 + "@example.org", "." * 9000, "x@" + "a." * 5000):
        assert client.ask(recipient) == "DUNNO"
    assert client.ask("x@" + "a." * 100 + "example.org") == "DUNNO"
    assert is_refusal(client.ask(LISTED), "main")


def test_half_closed_client_gets_its_answers(client):
    client.send(query(LISTED) + query(FREE))
    client.socket.shutdown(socket.SHUT_WR)
    assert is_refusal(client.reply(), "main")
    assert client.reply() == "DUNNO"
    assert client.at_end()


def test_client_that_goes_in_mid_query(server, client):
    client.send(query(LISTED)[:200])
    client.close()
    assert server.blocks(LISTED)


def test_client_that_never_reads(server, client):
    """Its replies pile up in the kernel; nobody else waits, and nothing grows without end."""
    client.socket.settimeout(0.5)
    data = query(LISTED) * 100
    try:
        for _ in range(200):
            client.send(data)
    except OSError:
        pass
    assert server.blocks(LISTED)
    assert not server.blocks(FREE)
    pages = int(open(f"/proc/{server.process.pid}/statm").read().split()[1])
    assert pages * 4096 < 200 << 20


def test_odd_recipient_makes_one_safe_log_line(server, client):
    """A forged recipient must not be able to write log lines."""
    mark = server.mark()
    name = b'"a\x1b[31m\x7f\xe2\x80\xae> ref=FORGED"@example.org'
    client.send(query(name))
    client.reply()
    sender = b"s\x1b[0m\r> x=<y>@example.net"
    assert is_refusal(client.ask(LISTED, sender=sender, instance=f"odd.{mark}"), "main")
    line = server.wait_log(rf"reject: ref=.* instance=odd\.{mark} ").group()
    assert not re.search(r"[^\n\x20-\x7e]", server.log_since(mark))
    assert r"from=<s\x1b[0m\x0d\x3e x=\x3cy\x3e@example.net>" in line.lower()
