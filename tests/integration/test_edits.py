"""Edits of the exclusion file under stress: many at once beside an editor, and a crash at any moment."""

import fcntl
import os
import random
import re
import signal
import subprocess
import threading
import time

import pytest

from support import COMMAND, give_to_drop_user, run, wait_until

HEAD = "# kept by hand\n"
COMMENT = "# a remark between\n"


@pytest.fixture
def server(daemon):
    daemon.list_file("main", "".join(f"u{i}@example.org\n" for i in range(2000)))
    daemon.exclusions.write_text(f"{HEAD}hand@example.org   # by hand\n{COMMENT}")
    daemon.start()
    daemon.wait_blocked("u0@example.org")
    return daemon


def lines_of(path):
    return path.read_text().splitlines()


def edit_as_an_editor(path, lock_directory, stop, problems):
    """Reads the file and replaces it by what was read, with a remark moved: under the lock that
    edits take, since an editor's later save wins by contract."""
    while not stop.is_set():
        directory = os.open(lock_directory, os.O_RDONLY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            text = path.read_text()
            if not text.endswith("\n"):
                problems.append(f"cut: {text[-80:]!r}")
            fresh = path.with_name("exclusions.editor")
            fresh.write_text(text)
            give_to_drop_user(fresh)
            fresh.chmod(0o640)
            fresh.rename(path)
        finally:
            os.close(directory)
        stop.wait(0.01)


def run_edits(server, begin, count, failures):
    for i in range(begin, begin + count):
        # Every third stays, the others are taken out again.
        for verb in ("exclude", "unexclude")[: 1 if i % 3 == 0 else 2]:
            failure = edit(server, verb, f"u{i}@example.org", by_command=i % 4 == 0)
            if failure:
                failures.append((verb, i, failure))


def edit(server, verb, what, by_command):
    """Starting the command costs more than the edit does, so most go the way that it goes."""
    if by_command:
        done = run(COMMAND, "-s", server.admin, verb, what, timeout=60)
        return None if done.returncode == 0 else (done.stdout, done.stderr)
    if verb == "exclude":
        status, answer = server.api("POST", "/v1/exclusions", body={"what": what}, timeout=60)
        return None if status == 201 else (status, answer)
    status, answer = server.api("DELETE", "/v1/exclusions", what=what, timeout=60)
    return None if status == 200 else (status, answer)


@pytest.mark.seconds(150)
def test_a_thousand_edits_from_eight_sides(server):
    failures, problems, stop = [], [], threading.Event()
    editor = threading.Thread(
        target=edit_as_an_editor, args=(server.exclusions, server.local, stop, problems)
    )
    editor.start()
    sides = [
        threading.Thread(target=run_edits, args=(server, side * 75, 75, failures)) for side in range(8)
    ]
    for side in sides:
        side.start()
    for side in sides:
        side.join()
    stop.set()
    editor.join()
    assert not failures and not problems, (failures[:3], problems[:3])
    lines = lines_of(server.exclusions)
    assert lines[:3] == [HEAD.strip(), "hand@example.org   # by hand", COMMENT.strip()]
    excluded = sorted(line.split()[0] for line in lines[3:])
    assert excluded == sorted(f"u{i}@example.org" for i in range(600) if i % 3 == 0)
    status, answer = server.api("GET", "/v1/exclusions")
    assert status == 200 and not answer["errors"]
    for i in range(0, 600, 41):
        assert server.blocks(f"u{i}@example.org") == (i % 3 != 0)


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_moment(server, seed):
    """The file is the old one or the new one, and the next start goes on with it."""
    rng = random.Random(seed)
    before = server.exclusions.read_text()
    for i in range(3):
        done = threading.Event()

        def edit(number=i):
            try:
                server.api("POST", "/v1/exclusions", body={"what": f"u{number}@example.org"})
            except (OSError, EOFError, Exception):
                pass  # the daemon was killed under it
            done.set()

        thread = threading.Thread(target=edit)
        thread.start()
        done.wait(rng.random() * 0.01)
        server.kill()
        thread.join()
        after = server.exclusions.read_text()
        lines = after.splitlines()
        assert after == before or (
            after.startswith(before)
            and len(lines) == len(before.splitlines()) + 1
            and lines[-1].split()[0] == f"u{i}@example.org"
            and after.endswith("\n")
        ), after
        server.start()
        server.wait_blocked("u1999@example.org")  # the kill may have come before the list was saved
        assert server.blocks(f"u{i}@example.org") == (after == before)
        before = after
    # What a crash left beside the file does no harm.
    assert server.command("exclude", "u900@example.org").returncode == 0
    left = [p.name for p in server.local.iterdir()]
    assert sorted(left) in (["exclusions"], ["blocks", "exclusions"]), left


def test_the_command_killed(server):
    before = server.exclusions.read_text()
    for i in range(20):
        process = subprocess.Popen(
            [str(COMMAND), "-s", str(server.admin), "exclude", f"u{i}@example.org"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(random.random() * 0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    _, answer = server.api("GET", "/v1/exclusions")
    assert not answer["errors"]
    assert server.exclusions.read_text().startswith(before)


def test_a_directory_that_is_not_ours(server):
    if os.getuid() != 0:
        pytest.skip("needs root to give the directory away")
    os.chown(server.local, 0, 0)
    before = server.exclusions.read_bytes()
    done = server.command("exclude", "u1@example.org")
    assert done.returncode == 2 and "chown" in done.stderr, done.stderr
    assert server.exclusions.read_bytes() == before
    assert server.blocks("u1@example.org")


@pytest.mark.parametrize("owner", [0, None])
def test_what_it_says_helps(server, owner):
    """One command, as root: the owner, and the group where the daemon's user is not in it."""
    if os.getuid() != 0:
        pytest.skip("needs root to give files away")
    own = server.exclusions.stat()
    os.chown(server.exclusions, own.st_uid if owner is None else owner, 0)
    refused = server.command("exclude", "u1@example.org")
    assert refused.returncode == 2
    assert server.blocks("u1@example.org")
    command = re.search(r"as root: (ch(?:own|grp) [^,(]+)", refused.stderr).group(1)
    assert run(*command.split()).returncode == 0
    done = server.command("exclude", "u1@example.org")
    assert done.returncode == 0, done.stderr
    assert not server.blocks("u1@example.org")


def test_group_mode_comments_and_order_stay(server):
    text = "# head\n\nb@example.org\n  \n# middle\na@example.org # note\nbroken line here\n"
    server.exclusions.write_text(text)
    server.exclusions.chmod(0o664)
    wait_until("read", lambda: len(server.api("GET", "/v1/exclusions")[1]["exclusions"]) == 2)
    assert server.command("exclude", "u1@example.org").returncode == 0
    assert server.exclusions.read_text().startswith(text)
    assert server.exclusions.stat().st_mode & 0o777 == 0o664
    assert server.command("unexclude", "u1@example.org").returncode == 0
    assert server.exclusions.read_text() == text


def test_an_editor_s_later_save_wins_and_is_noticed(server):
    before = server.exclusions.read_text()
    assert server.command("exclude", "u5@example.org").returncode == 0
    server.exclusions.write_text(before)
    server.wait_blocked("u5@example.org", 4)
    server.wait_log(r"u5@example\.org")


def test_expiry_to_the_second(server):
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    status, _ = server.api("POST", "/v1/exclusions", body={"what": "u7@example.org", "until": until})
    assert status == 201
    assert not server.blocks("u7@example.org")
    server.wait_blocked("u7@example.org", 6)
    shown = server.command("exclusions")
    assert "expired" in shown.stdout
    assert server.command("exclusions", "--prune").returncode == 0
    assert "u7@" not in server.exclusions.read_text()
