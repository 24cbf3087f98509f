"""kill -9 at any moment of a refresh: the daemon starts again, and every verdict is that of the old
list or of the new one, never of a mix."""

import os
import random
import threading
import time

import pytest

from policyclient import blocked
from support import run, wait_until, write_by_rename

ROUNDS = 100
ENTRIES = 20000
SAMPLE = 200


def rows(version):
    return [f"{version}{i}@example.org" for i in range(ENTRIES)]


TEXT = {v: "".join(f"{row}\n" for row in rows(v)) for v in "ab"}
# Both versions side by side, so that a mix cannot hide in a corner of the list.
QUESTIONS = [f"{v}{i * (ENTRIES // SAMPLE)}@example.org" for i in range(SAMPLE) for v in "ab"]


def versions_seen(daemon):
    """The versions that the verdicts agree with, in the order of asking. One swap may come between
    two questions; more than two runs are a mix."""
    with daemon.client() as client:
        answers = client.ask_all(QUESTIONS, window=100)
    other = {"a": "b", "b": "a"}
    seen = []
    for question, answer in zip(QUESTIONS, answers):
        version = question[0] if blocked(answer) else other[question[0]]
        if not seen or seen[-1] != version:
            seen.append(version)
    assert len(seen) <= 2, f"a mix: {seen}"
    return seen


@pytest.mark.seconds(150)
def test_kill_at_any_moment(daemon):
    path = daemon.list_file("main", TEXT["a"])
    daemon.start()
    daemon.wait_blocked("a0@example.org")

    # How long is a refresh? The moments are spread over one and a half of it.
    write_by_rename(path, TEXT["b"])
    begin = time.monotonic()
    daemon.wait_blocked("b0@example.org")
    span = (time.monotonic() - begin) * 1.5

    seed = int(os.environ.get("RCPTGUARD_SEED", random.randrange(1 << 30)))
    print(f"RCPTGUARD_SEED={seed}")
    dice = random.Random(seed)
    outcomes = {"old": 0, "new": 0}
    current = "b"
    for _ in range(ROUNDS):
        target = "a" if current == "b" else "b"
        write_by_rename(path, TEXT[target])
        if dice.random() < 0.5:  # by inotify alone, and by command beside it
            threading.Thread(target=refresh_quietly, args=(daemon,), daemon=True).start()
        deadline = time.monotonic() + dice.uniform(0, span)
        wait_until("the moment", lambda: time.monotonic() >= deadline, span + 5, every=0.0005)
        daemon.kill()
        daemon.start()
        seen = versions_seen(daemon)
        assert set(seen) <= {current, target}
        outcomes["new" if seen[0] == target else "old"] += 1
        # Left alone it comes to the new list.
        daemon.wait_blocked(f"{target}0@example.org")
        assert versions_seen(daemon)[-1] == target
        current = target
    print(f"found after the kill: {outcomes}")


def refresh_quietly(daemon):
    try:
        daemon.refresh("main")
    except Exception:  # the daemon is killed under it
        pass


def test_damaged_index_is_rebuilt(daemon):
    """Whatever a crash or a disk does to the files: refused, rebuilt from the stored copies."""
    path = daemon.list_file("main", TEXT["a"])
    daemon.start()
    daemon.wait_blocked("a0@example.org")
    wait_until("it is kept", lambda: [*daemon.state.rglob("*index*")])  # after it is in force
    path.unlink()  # nothing to fetch from: only what was kept
    for damage in ("truncate", "flip", "empty", "garbage", "remove"):
        daemon.stop()
        index = max(
            (p for p in daemon.state.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size
        )
        index = next((p for p in daemon.state.rglob("*") if "index" in p.name or "blocklist" in p.name), index)
        data = index.read_bytes()
        if damage == "truncate":
            index.write_bytes(data[: len(data) // 2])
        elif damage == "flip":
            middle = len(data) // 2
            index.write_bytes(data[:middle] + bytes([data[middle] ^ 0x40]) + data[middle + 1 :])
        elif damage == "empty":
            index.write_bytes(b"")
        elif damage == "garbage":
            index.write_bytes(b"\xff" * len(data))
        else:
            index.unlink()
        daemon.start()
        daemon.wait_blocked("a0@example.org")
        assert versions_seen(daemon) == ["a"]


SMALL_DISK = [
    *("unshare", "--mount", "--propagation", "private", "sh", "-c"),
    'mount -t tmpfs -o size=200k,mode=777 none "$0" && exec "$@"',
]


def test_full_disk(daemon):
    """The state directory is full: verdicts are those of one version, the trouble is told, and it
    heals when there is room."""
    if run(*SMALL_DISK, daemon.state, "true").returncode != 0:
        pytest.skip("no mount namespace of our own here (a chroot)")
    daemon.wrapper = [*SMALL_DISK, daemon.state]
    path = daemon.list_file("main", TEXT["a"][: TEXT["a"].index("a500@")])
    daemon.start()
    daemon.wait_blocked("a0@example.org")
    mark = daemon.mark()
    write_by_rename(path, TEXT["b"])
    daemon.command("refresh", "main")
    daemon.wait_log(r"main: .*No space left", since=mark)
    new = daemon.blocks("b0@example.org")
    assert daemon.blocks("a0@example.org") != new
    assert daemon.blocks("b19999@example.org") == new
    assert daemon.command("accept", "main").returncode in (0, 1)
    assert daemon.alive()
    write_by_rename(path, TEXT["a"][: TEXT["a"].index("a500@")])
    daemon.command("refresh", "main")
    daemon.command("accept", "main")
    daemon.wait_blocked("a0@example.org")
    assert not daemon.blocks("b0@example.org")
    mark = daemon.mark()
    write_by_rename(path, TEXT["a"][: TEXT["a"].index("a501@")])
    daemon.command("refresh", "main")
    daemon.wait_blocked("a500@example.org")
    assert "No space" not in daemon.log_since(mark)


def test_killed_when_the_index_is_saved(daemon):
    """What the index of the next start holds already is in the history, too."""
    text = {v: "".join(f"{v}{i}@example.org\n" for i in range(100000)) for v in "ab"}
    index = daemon.state / "index"
    path = daemon.list_file("main", text["a"])
    daemon.start()
    daemon.wait_blocked("a0@example.org")
    wait_until("the index is saved", index.exists)
    daemon.wait_history("a0@example.org")
    before = index.stat().st_ino
    write_by_rename(path, text["b"])
    wait_until("the index is saved", lambda: index.stat().st_ino != before, every=0.0005)
    daemon.kill()
    daemon.start()
    daemon.wait_blocked("b99999@example.org")
    daemon.wait_history("b99999@example.org", 10)
    assert [h["change"] for h in daemon.api("GET", "/v1/history", recipient="a99999@example.org")[1]["history"]] == [
        "added",
        "dropped",
    ]
