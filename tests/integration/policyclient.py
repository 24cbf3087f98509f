"""Speaks the policy protocol as Postfix does, and as it never would."""

import re
import socket

# Postfix 3.7 sends these, in this order.
ATTRIBUTES = (
    "request protocol_state protocol_name client_address client_name client_port"
    " reverse_client_name server_address server_port helo_name sender recipient recipient_count"
    " queue_id instance size etrn_domain stress sasl_method sasl_username sasl_sender ccert_subject"
    " ccert_issuer ccert_fingerprint ccert_pubkey_fingerprint encryption_protocol"
    " encryption_cipher encryption_keysize policy_context"
).split()

TYPICAL = {
    "request": "smtpd_access_policy",
    "protocol_state": "RCPT",
    "protocol_name": "ESMTP",
    "client_address": "192.0.2.7",
    "client_name": "client.example.net",
    "client_port": "50123",
    "reverse_client_name": "client.example.net",
    "server_address": "192.0.2.1",
    "server_port": "25",
    "helo_name": "client.example.net",
    "sender": "sender@example.net",
    "recipient_count": "0",
    "size": "1234",
    "encryption_keysize": "0",
}

# 0-9 and A-Z without the vowels, 6 to 12 of them.
REF = r"[0-9BCDFGHJKLMNPQRSTVWXYZ]{6,12}"

_count = 0


def query(recipient, /, **attributes):
    """One request as Postfix writes it. Every call is another transaction unless `instance` is
    given."""
    global _count
    _count += 1
    values = dict(TYPICAL, recipient=recipient, instance=f"1234.5678abcd.{_count}.0")
    values.update(attributes)
    lines = []
    for name in ATTRIBUTES:
        value = values.pop(name, "")
        if value is None:  # left out on purpose
            continue
        lines.append(_bytes(name) + b"=" + _bytes(value) + b"\n")
    lines += [_bytes(n) + b"=" + _bytes(v) + b"\n" for n, v in values.items()]
    return b"".join(lines) + b"\n"


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


class PolicyClient:
    """One connection. ADDRESS is as in the configuration: unix:/path or inet:host:port."""

    def __init__(self, address, timeout=10.0):
        kind, _, where = address.partition(":")
        if kind == "unix":
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(timeout)
            self.socket.connect(where)
        else:
            host, _, port = where.rpartition(":")
            self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        """The action of the next reply; EOFError when the server closed instead."""
        while b"\n\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(f"closed after {self.buffer!r}")
            self.buffer += data
        reply, _, self.buffer = self.buffer.partition(b"\n\n")
        match = re.fullmatch(rb"action=([\x20-\x7e]+)", reply)
        assert match, f"not a reply: {reply!r}"
        return match.group(1).decode()

    def ask(self, recipient, **attributes):
        self.send(query(recipient, **attributes))
        return self.reply()

    def ask_all(self, recipients, window=50):
        """Verdicts of many, in order, WINDOW queries a write."""
        answers = []
        for i in range(0, len(recipients), window):
            part = recipients[i : i + window]
            self.send(b"".join(query(r) for r in part))
            answers += [self.reply() for _ in part]
        return answers

    def at_end(self):
        """True when the server has closed and nothing is left to read."""
        if self.buffer:
            return False
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def blocked(action):
    return action.startswith(("550 5.", "450 4."))


def is_refusal(action, feed, contact="helpdesk@example.org"):
    """The default text of a refusal, in full."""
    text = f"550 5.7.1 on blocklist {feed}; if this is a mistake ask {contact} and quote "
    return bool(re.fullmatch(re.escape(text) + REF, action))
