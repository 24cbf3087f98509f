"""What a machine does to a daemon: no room, no descriptors, no memory, no time, kill -9, and the crowd."""

import contextlib
import glob
import json
import os
import random
import resource
import signal
import socket
import subprocess
import threading
import time

from policyclient import blocked, query
from rig import DEADLINE, LISTED, UNLISTED, Broken, Rig
from support import BUILD, DROP_GROUP, DROP_USER, end_process, give_to_drop_user, run, start_process, wait_until

TROUBLE = (Broken, AssertionError, OSError, EOFError)
FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)


class Skipped(Exception):
    """It cannot be tried here; says why."""


class Trial:
    """Tries and failures of one fault; a rig of its own."""

    def __init__(self, name, **rig):
        self.name, self.tries, self.failures, self.rig = name, 0, [], Rig(**rig)
        self.figures = ""

    @contextlib.contextmanager
    def one(self, words=""):
        """One try: whatever is wrong in it is one failure, after which another daemon goes on."""
        self.tries += 1
        try:
            yield
        except TROUBLE as why:
            log = self.rig.daemon.log(since_start=True)[-1500:]
            self.failures.append((f"{self.name} {words}: {why!r}", log))
            self.rig.kill()
            if not self.rig.start():
                raise Broken(f"{self.name}: no start after a failure") from None

    def work(self, but=(), queries=True):
        """A round of everything. What is refused is no failure, only what is wrong."""
        for name in ("edits", "refresh", "reload", "events", "looks", *(["queries"] if queries else [])):
            if name not in but:
                with contextlib.nullcontext() if name == "queries" else suppress_no_answer(self.rig):
                    getattr(self.rig, f"work_{name}")(next(self.rig.numbers))

    def end(self):
        with self.one("at the end"):
            self.rig.stop()
            self.rig.start()
            self.rig.recover()
            self.rig.stop()
        self.rig.close()
        return self


@contextlib.contextmanager
def suppress_no_answer(rig):
    """Nobody can be let in just now; a wrong answer or an end still counts."""
    try:
        yield
    except Broken as why:
        rig.alive()
        if "no answer" not in str(why):
            raise
    except (OSError, EOFError, AssertionError):
        rig.alive()


# disks


def mount(*arguments):
    done = run("mount", *arguments)
    if done.returncode != 0:
        raise Skipped(f"no mount here: {done.stderr.strip()}")


def on_small_disk(trial, size):
    d = trial.rig.daemon
    for path in (d.state, d.local):
        kept = {p.name: p.read_text() for p in path.iterdir()}
        mount("-t", "tmpfs", "-o", f"size={size},mode=755", "none", path)
        for name, text in kept.items():
            (path / name).write_text(text)
        for there in (path, *path.iterdir()):
            give_to_drop_user(there)


def unmount(trial):
    for path in (trial.rig.daemon.state, trial.rig.daemon.local):
        run("umount", "-l", path)


def fill(path, free):
    """All but FREE bytes of the disk that PATH is on."""
    filler = path / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass
    os.truncate(filler, max(0, filler.stat().st_size - free))
    return filler


def full_disk():
    trial = Trial("full disk, some pages free at first")
    d = trial.rig.daemon
    try:
        on_small_disk(trial, "2m")
        trial.rig.start()
        trial.rig.recover()
        for pages in (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48):
            fillers = []
            with trial.one(f"{pages} pages free"):
                fillers = [fill(p, pages * 4096) for p in (d.state, d.local)]
                trial.work()
                trial.rig.ask()
                if pages % 4 == 0:  # stop and start with the disk full
                    trial.rig.stop()
                    if not trial.rig.start():
                        raise Broken("does not start with a full disk")
                    trial.rig.ask()
                for filler in fillers:
                    filler.unlink()
                trial.rig.recover()
            for filler in fillers:
                filler.unlink(missing_ok=True)
        return trial.end()
    finally:
        unmount(trial)
        trial.rig.close()


def read_only_disk():
    trial = Trial("read-only disk")
    d = trial.rig.daemon
    disks = (d.state, d.local)
    try:
        on_small_disk(trial, "2m")
        trial.rig.start()
        trial.rig.recover()
        trial.rig.stop()
        for number in range(8):
            with trial.one():
                for path in disks:
                    mount("-o", "remount,ro", path)
                if not trial.rig.start():
                    raise Broken("does not start from a read-only disk")
                wait_until("right verdicts", trial.rig.is_right, DEADLINE)
                trial.work()
                if number % 2:
                    trial.rig.stop()
                for path in disks:
                    mount("-o", "remount,rw", path)
                if number % 2:
                    trial.rig.start()
                trial.rig.recover()
                trial.rig.stop()
            for path in disks:
                mount("-o", "remount,rw", path)
            if trial.failures:
                trial.rig.kill()
        trial.rig.start()
        return trial.end()
    finally:
        unmount(trial)
        trial.rig.close()


# limits


def limit(pid, what, value):
    """The soft limit; by the daemon's own user, who may do so everywhere."""
    done = run("setpriv", "--reuid", DROP_USER, "--clear-groups", "--regid", DROP_GROUP,
               "prlimit", "--pid", pid, f"--{what}={value}:")  # fmt: skip
    if done.returncode != 0:
        raise Broken(f"prlimit: {done.stderr}")


def hard_limit(pid):
    with open(f"/proc/{pid}/limits") as limits:
        return next(line.split()[4] for line in limits if line.startswith("Max open files"))


def descriptors():
    trial = Trial("no descriptors left")
    d = trial.rig.daemon
    trial.rig.start()
    trial.rig.recover()
    for spare in (0, 1, 2, 4, 8, 16):
        with trial.one(f"{spare} left"):
            pid = d.process.pid
            crowd = []
            with d.client() as kept:
                kept.ask(UNLISTED)
                used = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd")) + 1
                limit(pid, "nofile", used + spare)
                for i in range(60):
                    crowd.append(socket.socket(socket.AF_UNIX))
                    crowd[-1].settimeout(1)
                    with contextlib.suppress(OSError):
                        crowd[-1].connect(str(d.socket if i % 4 else d.admin))
                for _ in range(50):
                    trial.rig.judge({LISTED: kept.ask(LISTED), UNLISTED: kept.ask(UNLISTED)})
                for client in crowd[:40]:
                    client.close()
                trial.work(but=("looks",), queries=False)
                trial.rig.judge({LISTED: kept.ask(LISTED)})
            limit(pid, "nofile", hard_limit(pid))
            for client in crowd:
                client.close()
            trial.rig.recover()
    return trial.end()


def memory_limit():
    """RLIMIT_AS while it runs; a list that needs more than there is; starts with less and less."""
    trial = Trial("memory limit (RLIMIT_AS)")
    rig, d = trial.rig, trial.rig.daemon
    rig.start()
    rig.recover()
    for spare_kib in (0, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536):
        with trial.one(f"{spare_kib} KiB left"):
            pid = d.process.pid
            with open(f"/proc/{pid}/status") as status:
                size = next(int(l.split()[1]) for l in status if l.startswith("VmSize"))
            limit(pid, "as", (size + spare_kib) * 1024)
            big = rig.text("big") + "".join(f"big{i}@example.org\n" for i in range(100000))
            rig.published = big
            trial.work(but=("refresh",))
            with suppress_no_answer(rig):
                d.api("POST", "/v1/feeds/web/refresh", 10)
            rig.ask()
            limit(pid, "as", "unlimited")
            rig.work_refresh(0)
            rig.recover()
    rig.stop()
    for mib in (*range(16, 64, 2), *range(64, 320, 32)):
        with trial.one(f"a start in {mib} MiB"):
            try:
                start_in(rig, mib << 20)
            finally:
                d.wrapper = []
            rig.check_files()
        rig.kill()
    rig.start()
    return trial.end()


def start_in(rig, size):
    """With so little address space that it starts, or says why not."""
    rig.daemon.wrapper = ["prlimit", f"--as={size}"]
    if rig.start():
        rig.ask()
        rig.stop()
        return
    status = rig.daemon.wait_end()
    if status <= 0:
        raise Broken(f"the start ended with {status}")


# time


def stopped_and_continued():
    trial = Trial("SIGSTOP, SIGCONT at random points")
    rig, dice = trial.rig, random.Random(trial.name)
    rig.start()
    rig.recover()
    for number in range(60):
        with trial.one():
            worker = threading.Thread(target=quietly, args=(trial.work,))
            worker.start()
            time.sleep(dice.uniform(0, 0.1))
            rig.daemon.signal(signal.SIGSTOP)
            time.sleep(3 if number == 0 else dice.uniform(0, 0.2))
            rig.daemon.signal(signal.SIGCONT)
            worker.join()
            rig.recover()
    return trial.end()


def quietly(call):
    with contextlib.suppress(Exception):
        call()


def clock_set():
    """Only the wall clock: the monotonic one cannot be set."""
    if FAKETIME is None:
        raise Skipped("libfaketime is not here")
    trial = Trial("clock set back and forth")
    rig = trial.rig
    stamp = rig.daemon.directory / "clock"

    def set_clock(offset):
        fresh = stamp.with_suffix(".new")
        fresh.write_text(f"{offset}\n")
        fresh.chmod(0o644)
        fresh.rename(stamp)

    set_clock("+0")
    rig.environment = {
        "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(stamp), "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    rig.start(faulty=True)
    rig.recover()
    steps = ["+1s", "-1s", "+1h", "-1h", "+1d", "-1d", "+30d", "-30d", "+400d", "-400d", "+10y", "-10y"]
    for number in range(48):
        offset = steps[number % 12] if number % 2 or number < 24 else "+0"
        with trial.one(offset):
            set_clock(offset)
            trial.work()
            rig.ask()
            rig.recover()
            if number % 6 == 5:  # and a start at that time
                rig.stop()
                rig.start(faulty=True)
                rig.recover()
    return trial.end()


# kill -9

KILLS = 1000


def kill(times=KILLS):
    trial = Trial("kill -9 at a random point under load")
    rig, dice = trial.rig, random.Random(int(os.environ.get("RCPTGUARD_SEED", "0")) or None)
    rig.start()
    rig.recover()
    for number in range(times):
        with trial.one():
            workers = [
                threading.Thread(target=quietly, args=(call,))
                for call in (lambda: edits_until_killed(rig, number), lambda: asks_until_killed(rig),
                             lambda: refresh_until_killed(rig, number))
            ]  # fmt: skip
            for worker in workers:
                worker.start()
            time.sleep(dice.uniform(0, 0.1))
            rig.daemon.process.kill()
            for worker in workers:
                worker.join()
            rig.daemon.wait_end()
            rig.check_files(parse=number % 10 == 0)
            if not rig.start():
                raise Broken("does not start again")
            wait_until("right verdicts", rig.is_right, DEADLINE)
            if not rig.keeps_promises():
                raise Broken("an acknowledged exclusion is not in force")
            # The next kill hides what this one left behind.
            if number % 10 == 0:
                rig.recover(killed=True)
    rig.recover(killed=True)
    return trial.end()


def edits_until_killed(rig, number):
    if number % 3 == 0:  # not beside edits: an editor's later save wins by contract
        rig.work_save(number)
    while rig.edit("POST", "/v1/exclusions", f"u{next(rig.numbers) % 300}@example.org"):
        if not rig.edit("DELETE", "/v1/exclusions", f"u{next(rig.numbers) * 7 % 300}@example.org"):
            rig.daemon.api("GET", "/v1/status", 1)


def asks_until_killed(rig):
    with rig.daemon.client(timeout=1) as client:
        while True:
            rig.judge({LISTED: client.ask(LISTED), UNLISTED: client.ask(UNLISTED)})


def refresh_until_killed(rig, number):
    if number % 5 == 0:
        rig.work_reload(number)
    while True:
        rig.work_refresh(number)
        rig.daemon.api("GET", "/v1/status", 1)


# the crowd

SLOW = 3000


def connected(path):
    """Where the backlog is full a socket with a time-out does not wait, unlike Postfix's."""
    s = socket.socket(socket.AF_UNIX)

    def is_connected():
        with contextlib.suppress(BlockingIOError):
            s.connect(str(path))
            return True
        return False

    wait_until("a place in the backlog", is_connected, DEADLINE, every=0.001)
    return s


def slowloris():
    """Connections that send a byte now and then, to both sockets; a good client beside them."""
    trial = Trial(f"{SLOW} connections that send a byte at a time")
    rig, d = trial.rig, trial.rig.daemon
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < SLOW + 500:
        raise Skipped(f"only {hard} descriptors here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (SLOW + 500, hard))
    rig.start()
    rig.recover()
    slow, worst, turns = [], 0.0, 0
    whole = query(UNLISTED)
    for i in range(SLOW):
        if i % 3 == 0:
            s = socket.create_connection(("127.0.0.1", d.port))
        else:
            s = connected(d.admin if i % 30 == 1 else d.socket)
        s.setblocking(False)
        slow.append((s, b"GET /v1/status HTTP/1.1\r\nX: " if i % 30 == 1 else whole))
    with d.client() as kept:
        end = time.monotonic() + 15
        while time.monotonic() < end:
            for s, text in slow[turns % 10 :: 10]:
                with contextlib.suppress(OSError):
                    s.send(text[turns // 10 % len(text) :][:1])
            turns += 1
            with trial.one():
                begin = time.monotonic()
                with d.client() as fresh:
                    if not blocked(kept.ask(LISTED)) or not blocked(fresh.ask(LISTED)):
                        raise Broken("a listed recipient passes")
                    rig.judge({UNLISTED: fresh.ask(UNLISTED)})
                worst = max(worst, time.monotonic() - begin)
                if worst > 1:
                    raise Broken(f"a good client waited {worst:.1f} s")
    with trial.one("edits beside them"):
        wait_until("an edit", rig.can_edit, 30, every=0.1)
    for s, _ in slow:
        s.close()
    with trial.one("when they have gone"):
        rig.recover()
    trial.figures = f"a good client waited {worst * 1000:.0f} ms at most"
    return trial.end()


# a day's traffic

SOAK = 5_000_000


def at_rest_kib(daemon):
    """The least of a second: while a list is read or built it costs its size once more, and one is every few."""
    sizes = []
    for _ in range(20):
        sizes.append(daemon.resident_kib())
        time.sleep(0.05)
    return min(sizes)


def soak(queries=SOAK):
    trial = Trial(f"a day's traffic: {queries:,} queries")
    rig, d = trial.rig, trial.rig.daemon
    rows = "".join(f"u{i:07}@listed.example.org\n" for i in range(20000))
    text = rig.text
    rig.text = lambda kind: text(kind) + rows
    rig.list_path.write_text(rig.text("file"))
    rig.published = rig.text("http")
    rig.start()
    rig.recover()
    stop = threading.Event()
    wrong = []

    def work():
        while not stop.wait(0.5):
            try:
                trial.work()
            except TROUBLE as why:
                wrong.append(repr(why))

    worker = threading.Thread(target=work)
    worker.start()
    sizes = []
    try:
        for _ in range(5):
            with trial.one():
                process = start_process(
                    [BUILD / "bench" / "load", "-c", "20", "-q", str(queries // 5), "-n", "20000", "-h", "0.05",
                     d.unix],
                    stdout=subprocess.PIPE,
                )  # fmt: skip
                result = json.loads(process.stdout.read())
                end_process(process, DEADLINE)
                sizes.append(at_rest_kib(d))
                if result["wrong"]:
                    raise Broken(f"{result['wrong']} wrong answers")
                if sizes[-1] > sizes[0] * 1.1 + 1024:
                    raise Broken(f"memory grows: {sizes} KiB")
    finally:
        stop.set()
        worker.join()
    with trial.one("work beside it"):
        if wrong:
            raise Broken(f"{len(wrong)} times: {wrong[0]}")
        rig.recover()
    trial.figures = f"{sizes[0]} KiB resident after a fifth of it, {sizes[-1]} KiB at the end"
    return trial.end()


def under_valgrind():
    if run("valgrind", "--version").returncode != 0:
        raise Skipped("valgrind is not here")
    trial = Trial("valgrind: every kind of work, start to end")
    report = trial.rig.daemon.directory / "valgrind"
    trial.rig.daemon.wrapper = [
        "valgrind", "--quiet", "--vgdb=no", "--error-exitcode=99", "--leak-check=full", "--num-callers=20",
        "--errors-for-leak-kinds=definite,indirect", f"--log-file={report}",
    ]  # fmt: skip
    with trial.one():
        if not trial.rig.start():
            raise Broken("does not start under valgrind")
        for _ in range(6):
            trial.work()
            trial.rig.work_save(next(trial.rig.numbers))
        trial.rig.recover()
        status = trial.rig.daemon.stop(60)
        said = report.read_text()
        if status != 0 or said:
            raise Broken(f"status {status}: {said[:3000]}")
    trial.rig.kill()
    trial.rig.close()
    return trial


TRIALS = {
    "disk-full": full_disk,
    "disk-read-only": read_only_disk,
    "descriptors": descriptors,
    "memory-limit": memory_limit,
    "stop-cont": stopped_and_continued,
    "clock": clock_set,
    "kill": kill,
    "slowloris": slowloris,
    "soak": soak,
    "valgrind": under_valgrind,
}
