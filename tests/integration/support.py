"""What every test needs: deadlines instead of sleeps, free ports, directories that a dropped
user can enter, children that cannot outlive us."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("RCPTGUARD_BUILD", "build")
DAEMON = BUILD / "rcptguardd"
COMMAND = BUILD / "rcptguard"
TRANSCRIPTS = ROOT / "tests" / "data" / "transcripts"

# Real lists are never part of the project; where a working copy of them stands beside it, they
# are used.
REAL_LISTS = pathlib.Path(
    os.environ.get("RCPTGUARD_REAL_LISTS", ROOT / ".." / "shared" / "feeds" / "data")
)

IS_ROOT = os.geteuid() == 0
# The user that the daemon drops to in the tests: present on every Debian, owns nothing.
DROP_USER, DROP_GROUP = "nobody", "nogroup"

# A parent's death signal needs code of ours in the child, and so a copy of this whole process for each (no
# vfork), and does not hold for a child that changes its user. So a process that outlives us in any case reads
# a pipe from us, and ends when we do: by then it has killed what was still running.
_WATCHER = """
import os, sys
children = set()
for line in sys.stdin:
    (children.add if line[0] == "+" else children.discard)(int(line[1:]))
for pid in children:
    try:
        os.kill(pid, 9)
    except OSError:
        pass
"""
_watcher = None


def start_process(arguments, **more):
    """Popen of something that must not outlive the tests; end_process ends it."""
    global _watcher
    if _watcher is None:
        _watcher = subprocess.Popen(
            [sys.executable, "-c", _WATCHER], stdin=subprocess.PIPE, start_new_session=True
        )
    process = subprocess.Popen(
        [str(a) for a in arguments],
        stdin=subprocess.DEVNULL,
        **more,
    )
    _tell_watcher("+", process.pid)
    return process


def end_process(process, seconds=0):
    """Waits for its end that long, then kills it. Returns its status, None when it was killed."""
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        status = None
    _tell_watcher("-", process.pid)
    return status


def _tell_watcher(sign, pid):
    _watcher.stdin.write(f"{sign}{pid}\n".encode())
    _watcher.stdin.flush()


# How long a condition may take on a machine that has other work, too. It costs time only where a test fails.
DEADLINE = 30.0


def wait_until(what, probe, seconds=DEADLINE, every=0.005):
    """Polls PROBE until it returns something true, and returns that. WHAT is for the failure."""
    deadline = time.monotonic() + seconds
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


# A port is claimed by a socket in the abstract namespace, which goes with us, so that test runs side
# by side never choose the same one between our bind-and-close and the server's own bind. Below the
# range of ephemeral ports.
_claimed = []


def free_port():
    start = 20000 + (os.getpid() * 61 + len(_claimed) * 7) % 10000
    for offset in range(10000):
        port = 20000 + (start - 20000 + offset) % 10000
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            lock.bind(f"\0rcptguard-test-port-{port}")
        except OSError:
            lock.close()
            continue
        if _can_bind(socket.AF_INET, "127.0.0.1", port):
            _claimed.append(lock)
            return port
        lock.close()
    raise AssertionError("no free port")


def _can_bind(family, host, port):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
        except OSError:
            return False
    return True


def have_ipv6():
    return socket.has_ipv6 and _can_bind(socket.AF_INET6, "::1", 0)


def make_directory():
    """A temporary directory that other users may enter; pytest's own may not be."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="rcptguard-test."))
    path.chmod(0o755)
    return path


def remove_directory(path):
    shutil.rmtree(path, ignore_errors=True)


def give_to_drop_user(path):
    if IS_ROOT:
        shutil.chown(path, DROP_USER, DROP_GROUP)


def run(*arguments, timeout=30, **more):
    """
    A command that ends by itself. `make check` takes it along should we be killed; no preexec_fn, since
    without one the command needs no copy of this whole process (vfork).
    """
    return subprocess.run(
        [str(a) for a in arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=timeout,
        **more,
    )


def write_by_rename(path, text):
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.rename(path)
