"""The exclusion file, saved in every way that people and programs save files. Each time it must be
in force within a second, while queries go on and none is dropped."""

import os
import re
import shutil
import threading
import time

import pytest

from policyclient import blocked
from support import IS_ROOT, give_to_drop_user, run, wait_until, write_by_rename

LISTED = "listed@example.org"
OTHER = "other@example.org"
SECONDS = 1.0


@pytest.fixture
def server(daemon):
    daemon.list_file("main", f"{LISTED}\n{OTHER}\nexample.com\n.example.edu\n")
    daemon.list_file("second", "both@example.com\n")
    daemon.start()
    daemon.wait_blocked(LISTED)
    daemon.wait_blocked("both@example.com")
    return daemon


class Stream:
    """Asks for LISTED again and again on one connection; a thing that goes wrong is a fault."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.last = None
        self.answers = 0
        self.faults = []
        self.ending = False
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            with self.daemon.client(timeout=2) as client:
                while not self.ending:
                    action = client.ask(LISTED)
                    if action != "DUNNO" and not action.startswith("550 5.7.1 on blocklist main;"):
                        self.faults.append(action)
                    self.last = action
                    self.answers += 1
        except Exception as fault:  # whatever it is, the test must see it
            self.faults.append(repr(fault))

    def __enter__(self):
        self.thread.start()
        wait_until("the stream flows", lambda: self.answers > 10)
        return self

    def __exit__(self, *_):
        self.ending = True
        self.thread.join()
        assert self.faults == []

    def wait(self, is_blocked):
        try:
            wait_until(
                "blocked" if is_blocked else "excluded",
                lambda: blocked(self.last) == is_blocked,
                SECONDS,
                every=0.001,
            )
        except AssertionError:
            raise AssertionError(f"{self.daemon.log()[-3000:]}\nnot within a second") from None

    def stays(self, is_blocked, seconds):
        """Watches that nothing changes for that long."""
        end = time.monotonic() + seconds
        wait_until(
            "a change that must not come",
            lambda: blocked(self.last) != is_blocked or time.monotonic() > end,
            seconds + 5,
        )
        assert blocked(self.last) == is_blocked


def in_place(path, text):
    with open(path, "r+") as f:
        f.write(text)
        f.truncate()


def truncate_then_write(path, text):
    with open(path, "w") as f:
        f.write(text)


def truncate_then_write_by_and_by(path, text):
    """A slow writer: one byte a write, the file half there in between."""
    with open(path, "w", buffering=1) as f:
        for character in text:
            f.write(character)
            f.flush()


def rename(path, text):
    write_by_rename(path, text)


def rename_from_elsewhere(path, text):
    fresh = path.parent.parent / "elsewhere"
    fresh.write_text(text)
    fresh.rename(path)


def copy(path, text):
    fresh = path.parent.parent / "to-copy"
    fresh.write_text(text)
    assert run("cp", fresh, path).returncode == 0


def install(path, text):
    fresh = path.parent.parent / "to-install"
    fresh.write_text(text)
    assert run("install", "-m", "644", fresh, path).returncode == 0


def shell(path, text):
    assert run("sh", "-c", 'printf "%s" "$1" > "$0"', path, text).returncode == 0


def sed(path, text):
    line = text.splitlines()[0]
    if not path.read_text().strip():
        path.write_text("x\n")
    assert run("sed", "-i", f"1s/.*/{line}/", path).returncode == 0


def vim(path, text):
    if not shutil.which("vim"):
        vim_calls(path, text)
        return
    line = text.splitlines()[0]
    done = run("vim", "-u", "NONE", "-es", "-c", f"%d|call setline(1,'{line}')|wq", path)
    assert done.returncode == 0, done.stderr


def vim_calls(path, text):
    """What vim does with its default backupcopy=auto: away with the old, write, drop the old."""
    backup = path.with_name(path.name + "~")
    path.rename(backup)
    with open(path, "x") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    path.chmod(0o644)
    backup.unlink()


def nano_calls(path, text):
    """nano writes in place: open with O_TRUNC, write line by line."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), "w") as f:
        for line in text.splitlines(True):
            f.write(line)
            f.flush()


def emacs_calls(path, text):
    """Emacs copies to a backup, then writes over the file, without truncating it first."""
    shutil.copy(path, path.with_name(path.name + "~"))
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    os.write(fd, text.encode())
    os.ftruncate(fd, len(text.encode()))
    os.fsync(fd)
    os.close(fd)


def delete_and_recreate(path, text):
    path.unlink()
    path.write_text(text)


WAYS = [
    in_place,
    truncate_then_write,
    truncate_then_write_by_and_by,
    rename,
    rename_from_elsewhere,
    copy,
    install,
    shell,
    sed,
    vim,
    vim_calls,
    nano_calls,
    emacs_calls,
    delete_and_recreate,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__)
def test_saved(server, way):
    with Stream(server) as stream:
        for _ in range(3):
            way(server.exclusions, f"{LISTED}\n")
            stream.wait(False)
            assert server.blocks(OTHER)
            way(server.exclusions, "# none\n")
            stream.wait(True)


def test_saved_over_tcp(server):
    write_by_rename(server.exclusions, f"{LISTED}\n")
    wait_until("excluded", lambda: server.ask(LISTED, tcp=True) == "DUNNO", SECONDS)


def test_truncated_and_not_yet_written(server):
    """Between an editor's truncation and its write the old exclusions hold."""
    write_by_rename(server.exclusions, f"# a long enough comment\n{LISTED}\n")
    with Stream(server) as stream:
        stream.wait(False)
        with open(server.exclusions, "w") as f:
            stream.stays(False, 1.5)
            f.write(f"{OTHER}\n")
            f.flush()
            stream.stays(False, 0.7)
        stream.wait(True)
        assert not server.blocks(OTHER)


def test_grown_without_a_close(server):
    """A script that appends and keeps the file open is heard too."""
    with Stream(server) as stream:
        with open(server.exclusions, "a") as f:
            f.write(f"{LISTED}\n")
            f.flush()
            wait_until("excluded", lambda: not blocked(stream.last), 2)


def test_half_a_line_is_not_taken(server):
    """`listed@example.org` growing into `listed@example.org.uk`: judged when it rests."""
    with Stream(server) as stream:
        with open(server.exclusions, "a") as f:
            for part in ("list", "ed@", "example.org", "anization.example\n"):
                f.write(part)
                f.flush()
        stream.stays(True, 1)


def test_deleted(server):
    """A file that vanishes keeps the exclusions in force, and says so."""
    write_by_rename(server.exclusions, f"{LISTED}\n")
    with Stream(server) as stream:
        stream.wait(False)
        mark = server.mark()
        server.exclusions.unlink()
        server.wait_log(r"warning: .*exclusion", since=mark)
        stream.stays(False, 1)
        assert server.command("status").returncode == 1
        server.exclusions.write_text(f"{OTHER}\n")
        stream.wait(True)
        assert not server.blocks(OTHER)
        wait_until("healthy", lambda: server.command("status").returncode == 0)


def test_deleted_over_a_restart(server):
    """The last good exclusions are kept with the state."""
    write_by_rename(server.exclusions, f"{LISTED}\n")
    server.wait_free(LISTED, 4)
    server.exclusions.unlink()
    server.stop()
    server.start()
    assert not server.blocks(LISTED)
    server.wait_blocked(OTHER)
    assert not server.blocks(LISTED)
    assert re.search(r"warning: .*exclusion", server.log(since_start=True))


def test_lines_whose_time_is_over_are_not_in_force(server):
    mark = server.mark()
    write_by_rename(server.exclusions, "a@example.org until=2001-01-01\nb@example.org\n")
    server.wait_log(r"exclusions: 1 in force from ", since=mark)


def test_deleted_while_the_good_copy_is_damaged(server):
    """What can be read of it lets mail pass, and that this may not be all is said."""
    good = server.state / "exclusions.good"
    write_by_rename(server.exclusions, f"{LISTED}\n{OTHER}\n")
    wait_until("the good copy", lambda: good.exists() and OTHER in good.read_text())
    server.kill()
    server.exclusions.unlink()
    good.write_bytes(good.read_bytes()[: -len(OTHER)] + bytes(len(OTHER)))
    server.start()
    server.wait_blocked(OTHER)
    assert not server.blocks(LISTED)
    words = "exclusions.good is damaged and counts as far as it can be read"
    server.wait_log(f"warning: exclusions: .*{words}")
    status = server.command("status")
    assert status.returncode == 1 and "is damaged" in status.stdout
    write_by_rename(server.exclusions, f"{LISTED}\n{OTHER}\n")
    server.wait_free(OTHER)
    wait_until("it is mended", lambda: server.command("status").returncode == 0)


@pytest.mark.parametrize(
    "text",
    [
        bytes(4096),
        f"{LISTED}\n".encode("utf-16"),
        b"# hea" + bytes(40),
        f"# ours\r{LISTED}\r".encode(),
        f"{LISTED}\r# ours\r{OTHER}\r".encode(),
    ],
    ids=["zeros", "utf-16", "torn-comment", "old-mac", "old-mac-with-one"],
)
def test_what_is_no_text_takes_nothing_out(server, text):
    """As a power cut leaves it, the wrong editor or an old Mac: what was in force stays, over a start too, and no edit
    is made on it."""
    write_by_rename(server.exclusions, f"{LISTED}\n")
    server.wait_free(LISTED)
    wait_until("the good copy", lambda: LISTED in (server.state / "exclusions.good").read_text())
    server.exclusions.write_bytes(text)
    give_to_drop_user(server.exclusions)
    server.wait_log(r"warning: exclusions: \S+ is no text file \(line 1 has a (NUL byte|CR within)\); the exclusions")
    refused = server.command("exclude", OTHER)
    assert refused.returncode == 2 and "is no text file" in refused.stderr, refused
    linted = server.command("lint", server.exclusions)
    assert linted.returncode == 1 and f"{server.exclusions}:1:" in linted.stdout + linted.stderr, linted
    server.kill()
    server.start()
    assert not server.blocks(LISTED) and server.exclusions.read_bytes() == text
    assert server.command("status").returncode == 1
    write_by_rename(server.exclusions, f"{OTHER}\n")
    server.wait_blocked(LISTED)


def test_missing_from_the_beginning(daemon):
    daemon.exclusions.unlink()
    daemon.list_file("main", f"{LISTED}\n")
    daemon.start()
    daemon.wait_blocked(LISTED)
    daemon.exclusions.write_text(f"{LISTED}\n")
    daemon.wait_free(LISTED, SECONDS)


def test_read_again_when_it_could_not_be_read(server):
    """No descriptor was left when the help desk saved it; nobody has to save it once more."""

    def is_refused():
        write_by_rename(server.exclusions, f"{LISTED}\n")
        return re.search(r"cannot open .*exclusions.*: Too many open files", server.log())

    with server.without_descriptors(LISTED):
        wait_until("it cannot be read", is_refused, every=0.3)
    server.wait_free(LISTED)
    server.wait_log(r"exclusions: .* is back")


def test_directory_replaced(server):
    """A configuration tool moves the whole directory away and a new one in its place."""
    fresh = server.directory / "fresh"
    fresh.mkdir()
    (fresh / "exclusions").write_text(f"{LISTED}\n")
    server.local.rename(server.directory / "old")
    fresh.rename(server.local)
    server.wait_free(LISTED, 4)  # inotify on the directory is gone with it: by the 2 s look
    write_by_rename(server.exclusions, "# none\n")
    server.wait_blocked(LISTED, 4)


@pytest.mark.skipif(not IS_ROOT, reason="needs root: a dropped user")
def test_permission_lost(server):
    write_by_rename(server.exclusions, f"{LISTED}\n")
    with Stream(server) as stream:
        stream.wait(False)
        mark = server.mark()
        server.exclusions.chmod(0)
        server.wait_log(r"warning: .*exclusion", since=mark)
        stream.stays(False, 0.5)
        write_by_rename(server.exclusions, f"{OTHER}\n")
        stream.wait(True)
        assert not server.blocks(OTHER)

        server.local.chmod(0o700)  # now root's alone, and so is the next version
        shutil.chown(server.local, "root", "root")
        write_by_rename(server.exclusions, f"{LISTED}\n")
        stream.stays(True, 0.5)
        assert not server.blocks(OTHER)
        server.local.chmod(0o755)
        wait_until("excluded", lambda: not blocked(stream.last), 3)


def test_symlink(server):
    elsewhere = server.directory / "elsewhere"
    elsewhere.mkdir()
    one, two = elsewhere / "one", elsewhere / "two"
    one.write_text("# none\n")
    two.write_text(f"{LISTED}\n")
    server.exclusions.unlink()
    server.exclusions.symlink_to(one)
    server.reload()
    with Stream(server) as stream:
        stream.stays(True, 0.3)
        truncate_then_write(one, f"{LISTED}\n")  # the target changes
        stream.wait(False)
        write_by_rename(one, "# none\n")
        stream.wait(True)
        link = server.local / "link"  # the link changes, as `ln -sfn` and ConfigMaps do
        link.symlink_to(two)
        link.rename(server.exclusions)
        stream.wait(False)
        write_by_rename(two, "# none\n")
        stream.wait(True)


def test_bad_lines(server):
    """Reported with their number and left out; the good ones apply."""
    mark = server.mark()
    write_by_rename(
        server.exclusions,
        f"# first\n{LISTED}\nnot a thing\n{OTHER} untli=2030-01-01\nany@example.com until=soon\n",
    )
    server.wait_free(LISTED, SECONDS)
    for line in (3, 4, 5):
        server.wait_log(rf"exclusions:{line}:|line {line}\b", since=mark)
    server.wait_log(r"untli.*until", since=mark)  # the nearest key
    assert server.blocks(OTHER)
    assert server.blocks("any@example.com")
    assert server.command("status").returncode == 1


def test_emptied(server):
    write_by_rename(server.exclusions, f"{LISTED}\n")
    server.wait_free(LISTED, SECONDS)
    mark = server.mark()
    truncate_then_write(server.exclusions, "")
    server.wait_blocked(LISTED, SECONDS)
    server.wait_log(r"warning: .*exclusion", since=mark)


def test_more_than_half_lost(server):
    lines = [f"{LISTED}\n"] + [f"u{i}@example.net\n" for i in range(12)]
    write_by_rename(server.exclusions, "".join(lines))
    server.wait_free(LISTED, SECONDS)
    mark = server.mark()
    write_by_rename(server.exclusions, "".join(lines[8:]))
    server.wait_blocked(LISTED, SECONDS)
    server.wait_log(r"warning: .*exclusion", since=mark)


def test_every_kind_of_line(server):
    write_by_rename(
        server.exclusions,
        "# WHAT [key=value ...]\n"
        "jane@example.com  until=2099-12-31 ticket=INC4711 by=ann  # phoned their postmaster\n"
        "old@example.com until=2020-01-01\n"
        ".example.edu\n"
        "both@example.com list=second\n"
        "login:abuse-desk\n"
        "sender:abuse@example.edu\n"
        "sender:<>\n",
    )
    server.wait_free("jane@example.com", SECONDS)
    assert not server.blocks("JANE+tag@Example.Com.")
    assert server.blocks("old@example.com")  # run out
    assert not server.blocks("any@deep.example.edu")
    assert "on blocklist main;" in server.ask("both@example.com")  # freed from `second` only
    assert not server.blocks(LISTED, sasl_username="abuse-desk")
    assert server.blocks(LISTED, sasl_username="Abuse-Desk")
    assert not server.blocks(LISTED, sender="Abuse@Example.EDU")
    assert server.blocks(LISTED, sender="other@example.edu")
    assert not server.blocks(LISTED, sender="")
    assert server.blocks(LISTED)


def test_many_saves(server):
    """An editor that saves all the time: always one of the versions, the last one in the end."""
    with Stream(server) as stream:
        for i in range(200):
            text = f"{LISTED}\n" if i % 2 else "# none\n"
            (rename if i % 3 else truncate_then_write)(server.exclusions, text)
        stream.wait(False)
        give_to_drop_user(server.exclusions)


def test_a_writer_behind_a_writer(server):
    """The second opens, and so empties, what the first has just closed: that close says nothing of what is there now."""
    text = f"{LISTED}\n"
    write_by_rename(server.exclusions, text)
    wait_until("it is free", lambda: not server.blocks(LISTED))
    with server.client() as client:
        for i in range(40):
            server.exclusions.write_text(f"# {i}\n{text}")
            with open(server.exclusions, "w", encoding="ascii") as second:
                end = time.monotonic() + 0.05
                while time.monotonic() < end:
                    assert not blocked(client.ask(LISTED)), i
                second.write(text)
    write_by_rename(server.exclusions, "# none\n")
    wait_until("it is blocked again", lambda: server.blocks(LISTED))


def test_huge_file(server):
    """100,000 lines: answers come while they are parsed, and then they count."""
    text = "".join(f"user{i}@example.net ticket=INC{i}\n" for i in range(100000))
    with server.client() as client:
        write_by_rename(server.exclusions, text + f"{LISTED}\n")
        wait_until("the last line counts", lambda: not blocked(client.ask(LISTED)))
