"""rcptguard lint: files checked without a daemon."""

import gzip
import json
import os
import threading

import pytest

from support import COMMAND, REAL_LISTS, make_directory, remove_directory, run
from webserver import HTML

APER = "a@example.org,A,20200101\nb@example.org,BE,20210301\n"
ENTRIES = "jane@example.org\nexample.com\n.example.edu  # all of it\n"
EXCLUSIONS = "jane@example.org\n.example.net until=2099-12-31 by=ann\n"


@pytest.fixture
def directory():
    path = make_directory()
    yield path
    remove_directory(path)


def lint(*arguments, **more):
    return run(COMMAND, "lint", *arguments, **more)


def lint_text(directory, content, *arguments):
    """(exit status, what it said) of a file with that content; the file is called `f`."""
    (directory / "f").write_bytes(content if isinstance(content, bytes) else content.encode())
    result = lint(*arguments, "f", cwd=directory)
    assert result.stderr == "" or result.returncode == 2, result.stderr
    return result.returncode, result.stdout


@pytest.mark.parametrize(
    "content, arguments",
    [(EXCLUSIONS, ()), (ENTRIES, ("--format", "entries")), (APER, ("--format", "aper"))],
    ids=["exclusions", "entries", "aper"],
)
def test_good(directory, content, arguments):
    for text in (content, "\ufeff" + content.replace("\n", "\r\n"), content.rstrip("\n")):
        code, said = lint_text(directory, text, *arguments)
        assert code == 0, said
        assert "f:1:" not in said and "refused" not in said


@pytest.mark.parametrize(
    "content, arguments, wanted",
    [
        ("jane@example.org\nnot an exclusion\n", (), ["f:2:5: "]),
        ("jane@example.org utnil=2030-01-01\n", (), ["f:1:18: ", "until"]),
        (ENTRIES + "a b\n", ("--format", "entries"), ["f:4: a b: ", "(bad)"]),
        (ENTRIES + "gmail.com\n", ("--format", "entries"), ["f:4: gmail.com: ", "left out"]),
        (APER + "c@example.org,F,20200101\n", ("--format", "aper"), ["f:3: c@example.org,F"]),
        (APER + "c@example.org,A,20200230\n", ("--format", "aper"), ["f:3: c@example.org,A"]),
        ("# nothing yet\n", ("--format", "entries"), ["min_entries"]),
        ("# Entries: 1,000\n" + ENTRIES, ("--format", "entries"), ["1000 rows", "cut short"]),
        (HTML, ("--format", "entries"), ["(html)"]),
        (HTML, ("--format", "aper"), ["(html)"]),
        (b"a@example.org\nb\0@example.org\n", ("--format", "entries"), ["f:2: ", "NUL", "(control)"]),
        (b"a@example.org\nb\0@example.org\n", (), ["f:2:2: "]),
        (APER, ("--format", "entries"), ["did you mean --format aper?"]),
        (ENTRIES, ("--format", "aper"), ["refused"]),
        (APER, (), ["looks like a feed of format aper: rcptguard lint --format aper f"]),
    ],
)
def test_problems(directory, content, arguments, wanted):
    code, said = lint_text(directory, content, *arguments)
    assert code == 1, said
    for word in wanted:
        assert word in said, said


def test_warnings_are_no_problems(directory):
    code, said = lint_text(directory, "sender:example.edu\njane@example.org until=2001-01-01\n")
    assert code == 0
    assert "f:1: warning: sender:example.edu" in said and "f:2: warning: " in said
    code, said = lint_text(directory, ENTRIES + "com\n", "--format", "entries")
    assert code == 0 and "f:4: warning: com: " in said


def test_no_more_than_a_screen(directory):
    code, said = lint_text(directory, "a@example.org\n" + "a b\n" * 500, "--format", "entries")
    assert code == 1
    assert said.count("a b: ") == 20 and "f:21: " in said and "f:22: " not in said
    assert "and 480 more\n" in said
    code, said = lint_text(directory, "a@example.org\n" + "a b\n" * 500)
    assert said.count("f:") == 21 and "and 480 more\n" in said


@pytest.mark.parametrize("arguments", [(), ("--format", "entries"), ("--format", "aper")])
def test_terminal_obeys_nothing(directory, arguments):
    evil = "x\x1b]0;owned\x07\x1b[2J\u202e\u009b31m y\n".encode() + b"\xff\xfe z\n"
    name = "e\x1b[31mvil"
    (directory / name).write_bytes(evil)
    for more in ((), ("--json",)):
        result = lint(*arguments, *more, name, cwd=directory)
        assert result.returncode == 1
        for sign in "\x1b\x07\u202e\u009b\ufffd":
            assert sign not in result.stdout + result.stderr
        assert r"\x1B" in result.stdout
    result = lint(*arguments, "no\x1b[31m", cwd=directory)
    assert result.returncode == 2 and "\x1b" not in result.stderr


def test_standard_input(directory):
    for arguments, text, wanted in (
        (("-",), EXCLUSIONS, 0),
        (("-",), "not one\n", 1),
        (("--format", "aper", "-"), APER, 0),
        (("--format", "aper", "-"), ENTRIES, 1),
        (("--format", "entries", "-"), "", 1),
    ):
        assert lint(*arguments, input=text).returncode == wanted, (arguments, text)
    # As a pipeline brings it: in pieces.
    read_end, write_end = os.pipe()

    def feed():
        with os.fdopen(write_end, "w") as pipe:
            for i in range(2000):
                print(f"u{i}@example.org", file=pipe, flush=i % 100 == 0)

    writer = threading.Thread(target=feed)
    writer.start()
    said = run(COMMAND, "lint", "--format", "entries", "-", stdin=read_end)
    os.close(read_end)
    writer.join()
    assert said.returncode == 0 and "2000 unique" in said.stdout


def test_could_not_read(directory):
    (directory / "good").write_text(EXCLUSIONS)
    (directory / "list").write_text(ENTRIES)
    for arguments in (
        ("nosuch",),
        (".",),
        ("--format", "entries", "nosuch"),
        ("--format", "entries", "."),
        ("nosuch", "good"),
        ("good", "nosuch"),
        ("--format", "entries", "--set", "max_bytes=10", "list"),
        ("-c", "nosuch.conf", "good"),
    ):
        result = lint(*arguments, cwd=directory)
        assert result.returncode == 2, arguments
        assert "rcptguard: " in result.stderr
        # The others are checked all the same.
        assert ("an exclusion file" in result.stdout) == (len(arguments) == 2 and "good" in arguments)


def test_usage(directory):
    (directory / "f").write_text(ENTRIES)
    for arguments, word in (
        ((), "FILE"),
        (("--format", "entires", "f"), "did you mean entries?"),
        (("--format", "", "f"), "The formats are"),
        (("--set", "apex=yes", "f"), "--format"),
        (("--format", "entries", "--set", "apx=yes", "f"), "did you mean 'apex'?"),
        (("--format", "entries", "--set", "types=A", "f"), "no key 'types'"),
        (("--format", "aper", "--set", "cleared=file:/x", "f"), "lint does not read cleared"),
        (("--format", "aper", "--set", "entry_max_age=30d", "f"), "lint does not read entry_max_age"),
        (("--format", "entries", "--set", "apex", "f"), "KEY=VALUE"),
        (("--format", "entries", "--set", "apex=maybe", "f"), "--set apex: "),
        (("--format", "entries", "--set", "apex=yes\nformat = aper", "f"), "control"),
        (("--format", "aper", "--set", "types=AX", "f"), "--set types: "),
    ):
        result = lint(*arguments, cwd=directory)
        assert result.returncode == 2, arguments
        assert word in result.stderr and result.stdout == "", result.stderr


def test_formats_are_listed():
    result = lint("--format", "list")
    assert result.returncode == 0
    for word in ("entries", "aper", "ADDRESS,TYPE,YYYYMMDD", "types", "apex"):
        assert word in result.stdout
    assert "aper_cleared" not in result.stdout


def test_settings(directory):
    bad = ENTRIES + "a b\n"
    assert lint_text(directory, bad, "--format", "entries", "--set", "max_bad=50%")[1].count("refused") == 0
    code, said = lint_text(directory, APER, "--format", "aper", "--set", "types=A", "--set=min_entries=3")
    assert code == 1 and "1 would block" in said and "min_entries" in said


def test_configuration(directory):
    """With -c the relay's own protected domains and list names."""
    (directory / "protected").write_text("example.com\n")
    conf = directory / "conf"
    conf.write_text(
        f"[protect]\ndomains = {directory}/protected\n[feed main]\nurl = file:/x\nformat = aper\n"
    )
    code, said = lint_text(directory, ENTRIES, "-c", str(conf), "--format", "entries")
    assert code == 1 and "f:2: example.com: would block a protected domain" in said
    text = "jane@example.org list=mian\n"
    assert "list=mian" in lint_text(directory, text, "-c", str(conf))[1]
    assert lint_text(directory, text)[1].count("f:1") == 0


def test_blocks(directory):
    """Files of local blocks: what --force may write is only warned of."""
    text = "jane@example.org note=phish\ngmail.com\nco.uk\n.example.com until=2001-01-01\n.amazonaws.com\n"
    code, said = lint_text(directory, text, "--blocks")
    assert code == 0, said
    for warning in ("f:2: warning: gmail.com: blocks a protected domain", "f:3: warning: co.uk: is a public suffix",
                    "f:5: warning: .amazonaws.com: has a public suffix in it",
                    "f:4: warning: .example.com: its time is over: it blocks nobody"):
        assert warning in said, said
    assert "f: a file of local blocks, 5 blocks, no line is left out" in said
    assert "f:1:" not in said
    (directory / "protected").write_text("example.com\n")
    (directory / "conf").write_text(f"[protect]\ndomains = {directory}/protected\n")
    said = lint_text(directory, text, "--blocks", "-c", str(directory / "conf"))[1]
    assert "f:4: warning: .example.com: blocks a protected domain" in said
    code, said = lint_text(directory, "jane@example.org utnil=2030-01-01\n", "--blocks")
    assert code == 1 and "f:1:" in said and "until" in said
    answer = json.loads(lint_text(directory, text, "--blocks", "--json")[1])
    assert (answer["kind"], answer["blocks"], answer["warning_count"]) == ("blocks", 5, 4)
    assert lint_text(directory, text, "--blocks", "--format", "aper")[0] == 2


def test_exclusions_that_free_many(directory):
    """Good lines, and mostly not what was meant: a criminal's mailbox is at one of those."""
    text = "jane@gmail.com\ngmail.com\n.uk list=main\nlogin:com\nsender:a@gmail.com\nexample.org\n"
    code, said = lint_text(directory, text)
    assert code == 0, said
    assert "f:2: warning: gmail.com: frees every listed address of a protected domain" in said
    assert "f:3: warning: .uk: is a public suffix: it frees whoever has a domain under it" in said
    assert said.count("warning") == 2, said


def test_json(directory):
    (directory / "list").write_text("# Entries: 9\n" + ENTRIES + "gmail.com\ncom\na b\n")
    (directory / "lines").write_text("jane@example.org\nno good\n")
    result = lint("--json", "--format", "entries", "list", "list", cwd=directory)
    assert result.returncode == 1
    first, second = [json.loads(line) for line in result.stdout.splitlines()]
    assert first == second
    assert (first["file"], first["kind"], first["format"]) == ("list", "feed", "entries")
    assert (first["rows"], first["bad_rows"], first["entries"], first["active"]) == (5, 1, 5, 3)
    assert first["problem_count"] == 3 and first["warning_count"] == 1
    assert [(p["line"], p["warning"]) for p in first["problems"]] == [
        (5, False), (6, True), (7, False), (0, False),
    ]
    assert first["protected"] == {"entries": 1, "first": ["gmail.com"]}
    assert first["claimed_rows"] == 9 and first["guard"] == "bad" and first["accepted"] is False
    answer = json.loads(lint("--json", "lines", cwd=directory).stdout)
    assert answer["kind"] == "exclusions" and answer["exclusions"] == 1
    assert answer["problems"][0]["line"] == 2 and answer["looks_like"] is None
    answer = json.loads(lint("--json", "--format", "entries", "-", input="a b\n" * 2000).stdout)
    assert answer["problem_count"] == 2000 and len(answer["problems"]) == 1000


APER_LIST = REAL_LISTS / "aper" / "phishing_reply_addresses.20181010"


def test_a_packed_list_that_is_cut_short_would_not_be_taken(directory):
    whole = gzip.compress("".join(f"user{i}@example.org\n" for i in range(20000)).encode())
    (directory / "cut.gz").write_bytes(whole[: len(whole) // 2])
    result = lint("--json", "--format", "entries", "cut.gz", cwd=directory)
    answer = json.loads(result.stdout)
    assert result.returncode == 1
    assert answer["accepted"] is False and answer["guard"] is None and "cut short" in answer["why"]
    result = lint("--format", "entries", "cut.gz", cwd=directory)
    assert result.returncode == 1
    assert "would be taken" not in result.stdout
    assert "it would be refused: gz: cut short" in result.stdout


@pytest.mark.skipif(
    not APER_LIST.exists(), reason=f"no real lists in {REAL_LISTS} (they are not part of the project)"
)
def test_real_list():
    answer = json.loads(lint("--json", "--format", "aper", APER_LIST, timeout=60).stdout)
    rows = sum(
        1 for line in open(APER_LIST, "rb") if line.strip() and not line.lstrip().startswith(b"#")
    )
    assert answer["accepted"] is True and answer["rows"] > 1000
    assert answer["rows"] + answer["bad_rows"] + answer["ignored_rows"] == rows
