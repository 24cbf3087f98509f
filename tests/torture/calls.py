"""Failing calls, one call site after the other, while the daemon starts, works and stops."""

import time
from typing import NamedTuple

from control import ANY, REGULAR, SOCKET, Faults, build_library
from rig import EXCLUDED, Broken, Rig
from support import make_directory, remove_directory


class Kind(NamedTuple):
    """A fault: the name of its row, what fails how."""

    name: str
    call: str
    error: str
    kinds: int = ANY
    lasting: bool = False  # from then on until the round is over, not once
    half: bool = False  # no failure: half of it
    rows: int = 300  # of the lists


KINDS = [
    Kind("memory: one allocation fails", "alloc", "ENOMEM"),
    Kind("memory: all fail for a while", "alloc", "ENOMEM", lasting=True),
    Kind("read of a file: EIO", "read", "EIO", REGULAR),
    Kind("read of a file: EIO for a while", "read", "EIO", REGULAR, lasting=True),
    Kind("read of a file: half of it", "read", "EIO", REGULAR, half=True),
    Kind("read of a socket: ECONNRESET", "read", "ECONNRESET", SOCKET),
    Kind("read of a socket: EINTR", "read", "EINTR", SOCKET),
    Kind("read of a socket: half of it", "read", "EINTR", SOCKET, half=True),
    Kind("write to a file: ENOSPC", "write", "ENOSPC", REGULAR),
    Kind("write to a file: ENOSPC for a while", "write", "ENOSPC", REGULAR, lasting=True),
    Kind("write to a file: EIO", "write", "EIO", REGULAR),
    Kind("write to a file: half of it", "write", "EIO", REGULAR, half=True),
    Kind("write to a socket: EPIPE", "write", "EPIPE", SOCKET),
    Kind("write to a socket: EAGAIN", "write", "EAGAIN", SOCKET),
    Kind("write to a socket: half of it", "write", "EINTR", SOCKET, half=True),
    Kind("fsync: EIO", "sync", "EIO"),
    Kind("fsync: ENOSPC for a while", "sync", "ENOSPC", lasting=True),
    Kind("rename, link: EIO", "rename", "EIO"),
    Kind("rename, link: ENOSPC for a while", "rename", "ENOSPC", lasting=True),
    Kind("open: EMFILE", "open", "EMFILE"),
    Kind("open: EMFILE for a while", "open", "EMFILE", lasting=True),
    Kind("open: EIO", "open", "EIO"),
    Kind("stat: EIO", "stat", "EIO"),
    Kind("close: EIO", "close", "EIO", REGULAR),
    Kind("unlink: EIO", "unlink", "EIO"),
    Kind("mkdir, truncate: ENOSPC", "directory", "ENOSPC"),
    Kind("flock: EINTR", "lock", "EINTR"),
    Kind("accept: ECONNABORTED", "accept", "ECONNABORTED"),
    Kind("accept: EMFILE for a while", "accept", "EMFILE", lasting=True),
    Kind("epoll_wait: EINTR", "epoll_wait", "EINTR"),
    Kind("epoll_ctl: ENOMEM", "epoll_ctl", "ENOMEM"),
    Kind("io_setup, io_submit, io_getevents: EAGAIN", "aio", "EAGAIN"),
    Kind("poll: EINTR", "poll", "EINTR"),
    Kind("mmap, mremap: ENOMEM, long lists", "mmap", "ENOMEM", rows=60000),
    Kind("pthread_create: EAGAIN", "thread", "EAGAIN"),
    Kind("socket, eventfd, epoll: EMFILE", "descriptor", "EMFILE"),
    Kind("bind, listen: EADDRINUSE", "bind", "EADDRINUSE"),
    Kind("connect: ECONNREFUSED", "connect", "ECONNREFUSED"),
    Kind("getrandom: EINTR", "random", "EINTR"),
    Kind("inotify_add_watch: ENOSPC", "watch", "ENOSPC"),
]

# Sites where what ends the daemon is no code of ours: words that are all in the way there.
KNOWN = [
    ("libc.so", "privileges_find"),  # getpwnam of glibc 2.36 reads its own tables through NULL, at start
    ("libcrypto.so", "fetch_all"),  # OpenSSL 3.0 while it loads its own providers, at start
]

WORK = ("queries", "crowd", "edits", "refresh", "reload", "shape", "save", "events", "looks")
# After so many rounds in a row without a new site one kind of work has shown what it has. Some ways are
# taken now and then only, when two threads meet.
QUIET_ROUNDS = 2
# Without memory there are more than a thousand sites at the start alone; later ones are cut off, and said to be.
START_SECONDS = 150
# A fault that lasts is over after so many seconds, where nothing else ends it.
LASTS = 0.3


class Run:
    """One kind of fault, through all phases."""

    def __init__(self, kind):
        self.kind = kind
        self.tries, self.failures, self.known = 0, [], []
        self.cut = False
        self.directory = make_directory()
        self.library = build_library(self.directory)
        self.faults = Faults(
            self.directory / "control", kind.call, kind.error, kind.kinds, kind.lasting, kind.half
        )
        self.rig = Rig(self.faults.environment(self.library), kind.rows)

    def close(self):
        self.rig.close()
        self.faults.close()
        remove_directory(self.directory)

    def run(self):
        try:
            for go in (self.starts, self.works, self.stops):
                go()
        finally:
            self.close()
        return self

    def failed(self, phase, why):
        site = self.faults.last_site()
        has_ended = self.rig.ended_with()
        if has_ended and any(all(word in site for word in known) for known in KNOWN):
            self.known.append(site)
            return
        words = f"{self.kind.name}, {phase}: {why}; {site}" + (f"; it ended with {has_ended}" if has_ended else "")
        log = self.rig.daemon.log(since_start=True)[-5000:]
        self.failures.append((words, log))

    def tried(self):
        """Whether a call failed since it was asked last."""
        now, before = self.faults.fired(), self.tries
        self.tries = now
        return now != before

    # start

    def starts(self):
        """It starts all the same, or says why not and ends; the next start finds all that was."""
        self.rig.start()
        self.rig.work_edits(next(self.rig.numbers) * 4)
        self.rig.recover()
        self.rig.stop()
        end = time.monotonic() + START_SECONDS
        while self.one_start():
            if time.monotonic() > end:
                self.cut = True
                break
        self.clean_start("start")

    def one_start(self):
        rig, before = self.rig, self.tries
        self.faults.arm()
        try:
            answers = rig.start(faulty=True, look=self.end_in_time())
            self.faults.disarm()
            fired = self.tried()
            if answers:
                if fired:
                    rig.ask()
                    rig.recover()
                rig.stop()
            else:
                status = rig.daemon.wait_end()
                if status < 0 or status == 0:
                    raise Broken(f"the start ended with {status}")
                if not rig.daemon.log(since_start=True).strip():
                    raise Broken(f"the start ended with {status} and said nothing")
                rig.check_files()
        except (Broken, AssertionError, OSError, EOFError) as why:
            self.faults.disarm()
            self.tried()
            self.failed("start", why)
            rig.kill()
        return self.tries != before

    def end_in_time(self):
        """To be called while a start is waited for: ends a fault that lasts."""
        since = None

        def look():
            nonlocal since
            if self.faults.fired() != self.tries:
                since = since or time.monotonic()
                if time.monotonic() > since + LASTS:
                    self.faults.disarm()

        return look

    def clean_start(self, phase):
        try:
            if not self.rig.start():
                raise Broken("does not start any more")
            self.rig.recover()
            self.rig.stop()
        except (Broken, AssertionError, OSError, EOFError) as why:
            self.failed(f"after {phase}", why)
            self.rig.kill()

    # work

    def works(self):
        self.rig.start(faulty=True)
        self.rig.recover()
        for name in WORK:
            self.work(name, getattr(self.rig, f"work_{name}"))
        try:
            self.rig.stop()
        except (Broken, AssertionError) as why:
            self.failed("stop after work", why)
            self.rig.kill()
        self.clean_start("work")

    def work(self, name, go):
        self.rig.recover()
        quiet = 0
        while quiet < QUIET_ROUNDS:
            before = self.tries
            try:
                self.one_round(go)
            except (Broken, AssertionError, OSError, EOFError) as why:
                self.faults.disarm()
                self.tried()
                self.failed(name, why)
                self.again()
                if self.tries == before:
                    break
            quiet = 0 if self.tries != before else quiet + 1

    def one_round(self, go):
        rig = self.rig
        self.faults.arm()
        try:
            go(next(rig.numbers))
        except (Broken, AssertionError):
            # While no memory is to be had, or no descriptor, nobody can be let in.
            rig.alive()
            if not self.kind.lasting:
                raise
        self.faults.disarm()
        if self.tried():
            rig.recover()

    def again(self):
        """Another daemon, after one that failed. What was lost then is not lost again."""
        self.rig.kill()
        self.rig.acknowledged = {EXCLUDED: True}
        if not self.rig.start(faulty=True):
            self.failed("start after a failure", "does not start any more")
            self.rig.kill()
            raise Broken("no daemon to go on with")

    # stop

    def stops(self):
        while self.one_stop():
            pass
        self.clean_start("stop")

    def one_stop(self):
        rig = self.rig
        try:
            if not rig.start(faulty=True):
                raise Broken("does not start any more")
            number = next(rig.numbers)
            rig.work_edits(number)
            rig.ask()
            self.faults.arm()
            status = rig.daemon.stop()
            self.faults.disarm()
            if status != 0:
                raise Broken(f"stopping gave {status}")
            rig.check_files()
        except (Broken, AssertionError, OSError, EOFError) as why:
            self.faults.disarm()
            self.failed("stop", why)
            rig.kill()
        return self.tried()
