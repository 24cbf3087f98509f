"""The runner's side of faults.c: what is to fail, and what did."""

import errno
import mmap
import os
import struct
import subprocess

from support import DAEMON, run

CALLS = (
    "alloc read write sync rename open stat close unlink accept epoll_wait epoll_ctl poll mmap thread"
    " descriptor connect random watch lock directory bind aio"
).split()
REGULAR, SOCKET, PIPE, ANY = 1, 2, 4, 7

FRAMES, SITES, RECORDS = 24, 65536, 8192
HEAD = struct.Struct("=8I")  # armed failing fired calls kinds error lasting half
ARMED, FAILING, FIRED = 0, 4, 8
NAME_BYTES = 40
RECORD_AT = HEAD.size + 8 * SITES
RECORD_BYTES = 8 + FRAMES * (8 + NAME_BYTES)


def build_library(directory):
    """faults.so; the daemon's user must be able to read neither it nor the control file."""
    source = os.path.join(os.path.dirname(__file__), "faults.c")
    library = directory / "faults.so"
    subprocess.run(
        ["cc", "-D_GNU_SOURCE", "-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Wno-nonnull-compare",
         "-U_FORTIFY_SOURCE", "-shared", "-fPIC", "-o", library, source],
        check=True,
    )  # fmt: skip
    return library


class Faults:
    """One kind of fault for as long as it lives. Sites that failed once do not fail again, whatever
    process comes to them; `forget` begins anew."""

    def __init__(self, path, call, error, kinds=ANY, lasting=False, half=False):
        self.path = path
        with open(path, "wb") as file:
            file.truncate(RECORD_AT + RECORDS * RECORD_BYTES)
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        self.map[: HEAD.size] = HEAD.pack(
            0, 0, 0, 1 << CALLS.index(call), kinds, getattr(errno, error), lasting, half
        )

    def close(self):
        self.map.close()

    def environment(self, library):
        return {"LD_PRELOAD": str(library), "FAULTS_CONTROL": str(self.path)}

    def _set(self, at, value):
        self.map[at : at + 4] = struct.pack("=I", value)

    def arm(self):
        """The next call from a site that was not failed yet fails."""
        self._set(ARMED, 1)

    def disarm(self):
        self._set(ARMED, 0)
        self._set(FAILING, 0)

    def fired(self):
        return struct.unpack("=I", self.map[FIRED : FIRED + 4])[0]

    def last_site(self):
        """The way to the last call that failed, innermost first."""
        n = self.fired()
        if n == 0:
            return "none"
        at = RECORD_AT + (n - 1) * RECORD_BYTES
        record = self.map[at : at + RECORD_BYTES]
        call, count = struct.unpack("=2I", record[:8])
        offsets = struct.unpack(f"={FRAMES}Q", record[8 : 8 + 8 * FRAMES])[:count]
        names = record[8 + 8 * FRAMES :]
        words = []
        for i, offset in enumerate(offsets):
            name = names[i * NAME_BYTES : (i + 1) * NAME_BYTES].split(b"\0")[0].decode()
            words.append(name or _function(offset))
        return f"{CALLS[call]} in " + " < ".join(words)


def _function(offset):
    """What is at the address before OFFSET, which is where a call returns to."""
    shown = run("addr2line", "-s", "-f", "-e", DAEMON, hex(offset - 1)).stdout.split()
    return " ".join(shown[:2]) if len(shown) >= 2 else hex(offset)
