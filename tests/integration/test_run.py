"""make run: what it prints for the first minutes works as it stands there."""

import re
import shutil
import socket
import subprocess

import pytest
from support import DEADLINE, ROOT, end_process, run, start_process, wait_until

PORT = 10040
LISTED = "account-verify@example.com"


def is_taken():
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", PORT)) == 0


@pytest.fixture
def shown():
    """What it printed, while it runs. What somebody tried with it before is put back."""
    place, kept, log = (ROOT / "build" / name for name in ("run", "run.kept", "run.shown"))
    if is_taken():
        pytest.skip(f"127.0.0.1:{PORT} is taken")
    if place.exists():
        place.rename(kept)
    with open(log, "w") as out:
        process = start_process([ROOT / "scripts" / "run"], stdout=out, stderr=subprocess.STDOUT, cwd=ROOT)
    try:
        wait_until("the list is in force", lambda: "entries added" in log.read_text(), DEADLINE)
        yield log.read_text()
    finally:
        process.terminate()
        status = end_process(process, 10)
        shutil.rmtree(place, ignore_errors=True)
        if kept.exists():
            kept.rename(place)
        log.unlink()
    assert status == 0


def typed(line):
    return run("bash", "-c", line, cwd=ROOT, timeout=30)


def test_what_it_prints_can_be_typed(shown):
    by_hand = re.search(r"^ +(exec 3.*)\n +(printf .*)\n +(head .*)$", shown, re.MULTILINE)
    ask = "; ".join(by_hand.groups())
    (check,) = re.findall(r"^ +(build/rcptguard .* check .*)$", shown, re.MULTILINE)
    (feeds,) = re.findall(r"^ +(build/rcptguard .* feeds)$", shown, re.MULTILINE)
    (exclude,) = re.findall(r"^ +(build/rcptguard .* exclude .*)$", shown, re.MULTILINE)
    assert typed(ask).stdout.startswith("action=550 5.7.1 ")
    refused = typed(check)
    assert refused.returncode == 1 and f"{LISTED}: rejected" in refused.stdout
    assert typed(feeds).returncode == 0
    done = typed(exclude)
    assert done.returncode == 0, done.stderr
    assert typed(ask).stdout == "action=DUNNO\n"
    assert typed(check).returncode == 0
    done = typed(exclude.split(" --")[0].replace(" exclude ", " unexclude "))
    assert done.returncode == 0, done.stderr
    assert typed(ask).stdout.startswith("action=550 5.7.1 ")
