"""What relays put into Redis, and keep on disk of it, made here: for tests of what takes 90 days."""

import ctypes
import hashlib
import hmac
import re

PREFIX = b"rcptguard:"


def seal(secret, kind, name, version, body, relay="mx-of-the-test"):
    """An object as seal.h says."""
    scope = len(PREFIX).to_bytes(8, "big") + PREFIX + secret.encode()
    key = hmac.digest(b"rcptguard fleet 2", scope, hashlib.sha256) if secret else bytes(32)
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in ("rcptguard1", kind, name, relay):
        mac.update(len(part.encode()).to_bytes(8, "big") + part.encode())
    mac.update(version.to_bytes(8, "big") + len(body.encode()).to_bytes(8, "big") + body.encode())
    return f"rcptguard1 {kind} {relay} {version} {mac.hexdigest()}\n{body}"


class _Sum(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def _checksum(data):
    function = ctypes.CDLL("libxxhash.so.0").XXH3_128bits
    function.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    function.restype = _Sum
    made = function(data, len(data))
    return b"%016x%016x" % (made.high, made.low)


def agreed_at(path):
    """When the relay last agreed with Redis, as it is in its file of what was agreed (records.h)."""
    return int(path.read_bytes().split(b"\n")[2].split()[2])


def set_agreed_at(path, time):
    magic, _, rest = path.read_bytes().split(b"\n", 2)
    rest = re.sub(rb"^(\d+ \d+) \d+\n", rb"\g<1> %d\n" % time, rest)
    path.write_bytes(magic + b"\nchecksum=" + _checksum(rest) + b"\n" + rest)
