"""The command by hand, as the help desk and the security desk use it, on the real daemon: edits and
their exit status, steps that a shell runs as they are shown, files of any size, events, terminals."""

import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import threading
import time

import pytest

from fixtures import needs_root
from scriptedserver import ScriptedServer
from support import COMMAND, give_to_drop_user, run, start_process, wait_until, write_by_rename

LISTED = "jane.doe@example.org"
# What Postfix may send of an address that a list holds, and a shell or an option parser minds.
ODD = [
    "odd'name@example.org",
    "-dash@example.org",
    "$(touch pwned)`x`@example.org",
    "semi;colon&x|y@example.org",
    '"two words"@example.org',
    "hash#mark@example.org",
    "star*@example.org",
    "jos\u00e9@example.org",
]


def in_quotes(address):
    """As a list writes it."""
    return address if address[0] == '"' else '"%s"@%s' % tuple(address.split("@"))


def save(path, text):
    """As an editor of the daemon's user does."""
    write_by_rename(path, text)
    give_to_drop_user(path)


@pytest.fixture
def server(daemon):
    rows = "".join(f"{in_quotes(address)}\n" for address in [LISTED, *ODD])
    daemon.list_file("aper", rows)
    daemon.list_file("other", "else@example.org\n")
    daemon.start()
    daemon.wait_blocked(LISTED)
    daemon.wait_history(LISTED)
    daemon.wait_feed("other", state="accepted")
    return daemon


def in_shell(server, line):
    """LINE as somebody pastes it: nothing is added, only the command is found."""
    path = f"{COMMAND.parent}:{os.environ['PATH']}"
    return run("bash", "-c", line, cwd=server.directory, env=dict(os.environ, PATH=path))


def step(text, verb):
    """The line of TEXT that is to be pasted for VERB."""
    found = re.search(rf"(?:^|undo) +(rcptguard {verb} .*)$", text, re.MULTILINE)
    assert found, text
    return found.group(1)


@pytest.mark.parametrize("address", [LISTED, *ODD])
def test_steps_work_in_a_shell(server, address):
    def check():
        return server.command("check", "--", address)

    shown = check()
    assert shown.returncode == 1, shown.stdout + shown.stderr
    for make, undo in (
        (lambda: step(shown.stdout, "exclude"), lambda done: step(done.stdout, "unexclude")),
        (lambda: step(shown.stdout, "exclude"), lambda done: step(check().stdout, "unexclude")),
    ):
        done = in_shell(server, make())
        assert done.returncode == 0, done.stderr
        assert re.search(r"^  now +passes: excluded by ", done.stdout, re.MULTILINE)
        assert check().returncode == 0
        done = in_shell(server, undo(done))
        assert done.returncode == 0, done.stderr
        assert re.search(r"^  now +rejected: list aper has ", done.stdout, re.MULTILINE)
        assert check().returncode == 1
    blocked = server.command("block", "--", in_quotes(address))
    assert blocked.returncode == 0, blocked.stderr
    assert in_shell(server, step(check().stdout, "unblock")).returncode == 0
    assert in_shell(server, step(blocked.stdout, "unblock")).returncode == 1  # out already
    assert not (server.directory / "pwned").exists()


def test_an_edit_says_whether_mail_flows_now(server):
    """Another list may block it still, or a wider line free it: nobody goes home believing otherwise."""
    def now(*words):
        done = server.command(*words)
        assert done.returncode in (0, 1), done.stderr
        return re.findall(r"^  now +(.*)$", done.stdout, re.MULTILINE)

    assert now("exclude", LISTED, "--list", "other") == [f"rejected: list aper has {LISTED}"]
    domain = LISTED.partition("@")[2]
    assert now("exclude", domain) == []
    (line,) = now("unexclude", LISTED)
    assert line.startswith(f"passes: excluded by {domain} in {server.exclusions} line ")
    assert now("exclude", "login:ann") == now("exclude", f"sender:{LISTED}") == []
    assert now("block", "new@example.com") == ["rejected: local block new@example.com"]
    assert now("unblock", "new@example.com") == ["passes"]
    assert now("unblock", "new@example.com") == []


def test_steps_ask_the_daemon_of_that_configuration(server):
    shown = run(COMMAND, "-c", server.config_file, "check", LISTED)
    assert in_shell(server, step(shown.stdout, "exclude")).returncode == 0
    assert not server.blocks(LISTED)


def test_steps_for_lists(server):
    write_by_rename(server.directory / "aper.list", "".join(f"u{i}@example.org\n" for i in range(200)))
    server.wait_blocked("u199@example.org")
    write_by_rename(server.directory / "aper.list", "".join(f"u{i}@example.org\n" for i in range(100)))
    server.wait_feed("aper", state="held")
    shown = server.command("feeds").stdout
    line = re.search(r"type +(rcptguard accept .*)$", shown, re.MULTILINE).group(1)
    done = in_shell(server, line)
    assert done.returncode == 0, done.stderr
    line = re.search(r"type +(rcptguard rollback .*)$", done.stdout, re.MULTILINE).group(1)
    assert in_shell(server, line).returncode == 0


def test_force_can_be_pasted(server):
    refused = server.command("exclude", "gmail.com", "--note", "it's so", "--for", "1d")
    assert refused.returncode == 2
    line = re.search(r"^  (rcptguard .*)$", refused.stderr, re.MULTILINE).group(1)
    assert "--force" in shlex.split(line)
    assert in_shell(server, line).returncode == 0
    assert "# it's so" in server.exclusions.read_text()
    (line,) = server.api("GET", "/v1/exclusions")[1]["exclusions"]
    assert (line["what"], line["note"]) == ("gmail.com", "it's so")


def test_every_option_is_in_the_line(server):
    result = server.command(
        "exclude", LISTED, "--until", "2099-12-31", "--ticket", "T1", '--note=a "b"', "--list", "aper,other",
        env=dict(os.environ, SUDO_USER="ann"),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    (line,) = server.api("GET", "/v1/exclusions")[1]["exclusions"]
    assert (line["until"], line["ticket"], line["by"]) == ("2099-12-31", "T1", "ann")
    assert line["note"] == 'a "b"' and sorted(line["list"]) == ["aper", "other"]
    assert server.command("unexclude", LISTED, "--list", "aper").returncode == 0
    before = time.time()
    assert server.command("block", LISTED, "--for", "1h30m").returncode == 0
    (line,) = server.api("GET", "/v1/blocks")[1]["blocks"]
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(before + 5400))
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 5400))
    assert until <= line["until"] <= later


@pytest.mark.parametrize("json_too", [False, True])
def test_exit_status(server, json_too):
    """Of every command in turn, with an answer in either form."""
    ref = re.search(r"quote (\w+)", server.ask(LISTED)).group(1)
    wait_until("the reference is kept", lambda: server.api("GET", f"/v1/why/{ref}")[0] == 200)
    expired = "old@example.org until=2020-01-01\n"
    save(server.exclusions, expired)
    wait_until("read", lambda: server.api("GET", "/v1/exclusions")[1]["exclusions"])
    for words, status in (
        (("why", ref), 0),
        (("why", "ZZZZZZZZ"), 1),
        (("why", "no reference"), 1),
        (("history", LISTED), 0),
        (("history", "never@example.org"), 1),
        (("exclude", LISTED), 0),
        (("exclude", LISTED), 1),
        (("exclude", LISTED, "--list", "aper"), 1),
        (("exclude", "a b"), 2),
        (("exclude", "x@example.org", "--list", "nosuch"), 2),
        (("exclude", "x@example.org", "--until", "2020-01-01"), 2),
        (("exclude", "gmail.com"), 2),
        (("unexclude", LISTED), 0),
        (("unexclude", LISTED), 1),
        (("exclusions",), 0),
        (("exclusions", "--prune"), 0),
        (("exclusions", "--prune"), 1),
        (("block", "x@example.org", "--ticket", "T1"), 0),
        (("block", "x@example.org", "--ticket", "T1"), 1),
        (("block", "login:ann"), 2),
        (("block", "co.uk"), 2),
        (("blocks",), 0),
        (("blocks", "--prune"), 1),
        (("unblock", "x@example.org"), 0),
        (("unblock", "x@example.org"), 1),
        (("top",), 0),
        (("feeds",), 0),
        (("status",), 0),
        (("refresh", "other"), 0),
        (("refresh", "nosuch"), 1),
        (("accept", "other"), 1),
        (("rollback", "other"), 1),
    ):
        result = server.command(*words, *(["--json"] if json_too else []))
        assert result.returncode == status, (words, result.stdout, result.stderr)
        if json_too:
            assert isinstance(json.loads(result.stdout), dict) and result.stderr == "", words
        elif status == 2:
            assert result.stdout == "" and result.stderr.startswith("rcptguard: "), words
        else:
            assert result.stdout or status == 1, words


def test_nonsense_is_told_before_anybody_is_asked():
    for words in (
        ("exclude", "a@b", "--for", "1d", "--until", "2030-01-01"),
        ("exclude", "a@b", "--for", "soon"),
        ("exclude", b"a\xff@b"),
        ("unexclude", ""),
        ("block", "a@b", "--list", "a"),
        ("exclude",),
        ("check",),
    ):
        arguments = [COMMAND, "-s", "/nonexistent", *words]
        result = subprocess.run(arguments, capture_output=True, text=True, timeout=30)
        assert result.returncode == 2, words
        assert "cannot connect" not in result.stderr and len(result.stderr) > 20, words


@pytest.mark.parametrize("socket", ["", "/x" * 100])
def test_a_socket_that_cannot_be(socket):
    result = run(COMMAND, "-s", socket, "check", LISTED)
    assert result.returncode == 2 and "1 to 107 bytes" in result.stderr


def test_merged_with_a_line_without_end(server):
    """The later end counts (rule 13): whoever asked for 30 days is told that it is for ever."""
    assert server.command("exclude", LISTED, "--list", "aper").returncode == 0
    shown = server.command("exclude", LISTED, "--for", "30d").stdout
    assert re.search("until +for ever", shown), shown


def test_a_tree_with_a_public_suffix_in_it(server):
    """Blocking it blocks strangers; freeing it frees a provider's own names, and mail flows."""
    refused = server.command("block", ".amazonaws.com")
    assert refused.returncode == 2 and "has a public suffix in it" in refused.stderr
    assert server.command("block", ".amazonaws.com", "--force").returncode == 0
    assert server.blocks("x@b.s3.amazonaws.com")
    assert server.command("exclude", ".amazonaws.com").returncode == 0
    assert not server.blocks("x@b.s3.amazonaws.com")


@needs_root
def test_who_may_edit(server):
    as_group = ["setpriv", "--reuid", "65533", "--regid", "65534", "--clear-groups", COMMAND]
    for words, status in (
        (("exclude", LISTED, "--for", "1h"), 0),
        (("unexclude", LISTED), 0),
        (("exclude", "gmail.com", "--force"), 2),
        (("exclusions", "--prune"), 2),
        (("block", LISTED), 2),
        (("unblock", LISTED), 2),
        (("blocks",), 0),
    ):
        result = run(*as_group, "-s", server.admin, *words)
        assert result.returncode == status, (words, result.stderr)
        assert status == 0 or "admin_group" in result.stderr, words
    assert not server.blocks_file.exists()
    as_other = ["setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups", COMMAND]
    result = run(*as_other, "-s", server.admin, "exclude", LISTED)
    assert result.returncode == 2 and "are you in group rcptguard?" in result.stderr


# ---- files of any size, and with errors ----------------------------------------------------------

MANY = 20001


@pytest.mark.parametrize("kind", ["exclusions", "blocks"])
def test_a_file_of_many_lines(server, kind):
    path = {"exclusions": server.exclusions, "blocks": server.blocks_file}[kind]
    whats = [f"u{i}@example.com" for i in range(1, MANY + 1)]
    save(path, "".join(f"{what} until=2020-01-01\n" for what in whats))
    wait_until("read", lambda: server.api("GET", f"/v1/{kind}")[1].get("next"))
    shown = server.command(kind)
    assert shown.returncode == 0, shown.stderr
    rows = re.findall(r"^ *(\d+)  (\S+@\S+) ", shown.stdout, re.MULTILINE)
    assert rows == [(str(i + 1), what) for i, what in enumerate(whats)]
    assert f"expired: {MANY}; " in shown.stdout
    whole = json.loads(server.command(kind, "--json").stdout)  # one document, however many parts
    assert [line["what"] for line in whole[kind]] == whats and "next" not in whole
    assert server.command(kind, "--prune").returncode == 0
    assert f"nothing is {'excluded' if kind == 'exclusions' else 'blocked'} in " in server.command(kind).stdout


def test_errors_have_their_column_everywhere(server):
    write_by_rename(server.exclusions, "ok@example.org\nx@example.org unti=2030-01-01\ny@example.org list=nosuch\n")
    write_by_rename(server.blocks_file, "z@example.org  list=a\n")
    wait_until("read", lambda: len(server.api("GET", "/v1/exclusions")[1]["errors"]) == 2)
    wait_until("read", lambda: server.api("GET", "/v1/blocks")[1]["errors"])
    shown = server.command("exclusions").stdout
    assert f"{server.exclusions}:2:15: error: unknown key 'unti'; did you mean 'until'?" in shown
    assert f"{server.exclusions}:3:15: warning: list=nosuch: no such list" in shown
    shown = server.command("status").stdout
    assert "line 2:15: unknown key" in shown and "line 3:15: warning: list=nosuch" in shown
    told = run(COMMAND.with_name("rcptguardd"), "-t", "-c", server.config_file).stderr
    lint = run(COMMAND, "lint", "-c", server.config_file, server.exclusions, server.blocks_file).stdout
    for text in (told, lint):
        assert f"{server.exclusions}:2:15: " in text, text
        assert f"{server.blocks_file}:1:16: " in text, text


def test_a_very_long_address(server):
    long = "a" * 3000 + "@example.org"
    for words in (("check", long), ("history", long), ("exclude", long), ("unexclude", long)):
        assert server.command(*words).returncode in (0, 1), words[0]
    server.command("exclude", long)
    server.command("exclude", LISTED)
    shown = server.command("exclusions").stdout
    assert max(map(len, shown.splitlines())) < 400
    assert re.search(rf"^ *\d+  {LISTED}  +all  ", shown, re.MULTILINE)


# ---- events --------------------------------------------------------------------------------------


def follow(server, *words):
    """The command, and the first line that it prints when LISTED is refused now and now."""
    process = start_process(
        [COMMAND, "-s", server.admin, "events", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for i in range(200):
        server.ask(LISTED, sender="ann@example.edu", sasl_username="ann", instance=f"f.{i}")
        if select.select([process.stdout], [], [], 0.1)[0]:
            break
    return process, process.stdout.readline()


def outcome_of(line):
    event = json.loads(line)
    return event.get("outcome"), event.get("recipient")


def test_events(server):
    process, line = follow(server, "--follow")
    for word in ("reject", LISTED, "aper", "ann@example.edu"):
        assert word in line, line
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_events_json_and_a_daemon_that_goes(server):
    process, line = follow(server, "--all", "--json")
    while "outcome" not in json.loads(line):  # it is alive
        line = process.stdout.readline()
    assert json.loads(line)["recipient"] == LISTED
    server.ask("free@example.org")
    wanted = ("pass", "free@example.org")
    wait_until("told", lambda: outcome_of(process.stdout.readline()) == wanted)
    server.kill()
    assert process.wait(10) == 2
    assert "gone away" in process.stderr.read()


def test_events_into_head(server):
    """The reader leaves; the command does, too, at the next event."""
    process, line = follow(server, "--all")
    assert LISTED in line
    process.stdout.close()
    ended = threading.Thread(target=process.wait, args=(20,))
    ended.start()
    for i in range(1000):
        server.ask(f"free{i}@example.org")
        if process.poll() is not None:
            break
    ended.join()
    assert process.returncode == -signal.SIGPIPE


# ---- terminals -----------------------------------------------------------------------------------


def on_terminal(arguments, environment, until=None, then=None):
    """What ARGUMENTS print on a terminal; THEN is called when UNTIL was seen."""
    ours, theirs = pty.openpty()
    process = start_process(arguments, stdout=theirs, stderr=theirs, env=dict(os.environ, **environment))
    os.close(theirs)
    seen = b""
    while True:
        try:
            if not select.select([ours], [], [], 20)[0]:
                raise AssertionError(f"silent after {seen!r}")
            more = os.read(ours, 65536)
        except OSError:  # the other end is closed
            more = b""
        if not more:
            break
        seen += more
        if until is not None and re.search(until, seen):
            then()
            until = None
    os.close(ours)
    assert until is None, seen
    return process.wait(10), seen.decode()


@pytest.mark.parametrize(
    "environment, coloured",
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colours(server, environment, coloured):
    environment = {"NO_COLOR": "", **environment}
    status, seen = on_terminal([COMMAND, "-s", server.admin, "check", LISTED], environment)
    assert status == 1 and ("\x1b[31mrejected\x1b[0m" in seen) is coloured
    assert coloured or "\x1b" not in seen
    assert "\x1b" not in server.command("check", LISTED, env=dict(os.environ, TERM="xterm")).stdout


def test_times_are_local(server):
    (change,) = server.api("GET", "/v1/history", recipient=LISTED)[1]["history"]
    for zone, hours in (("UTC0", 0), ("XYZ-5:45", 5.75)):
        then = time.mktime(time.strptime(change["time"], "%Y-%m-%dT%H:%M:%SZ")) + hours * 3600
        shown = server.command("history", LISTED, env=dict(os.environ, TZ=zone)).stdout
        assert time.strftime("%Y-%m-%d %H:%M", time.localtime(then)) in shown, shown
        assert " ago" in shown or "now" in shown


def test_refresh_shows_progress(server):
    web, go = ScriptedServer(), threading.Event()
    body = "".join(f"u{i}@example.net\n" for i in range(5000))
    try:
        web.pages["/list"] = lambda request: request.ok(body)
        server.feed("slow", web.url("/list"))
        server.reload()
        server.wait_feed("slow", 10, state="accepted")
        web.pages["/list"] = lambda request: request.ok(body + "x@example.net\n", go, 30000)
        arguments = [COMMAND, "-s", server.admin, "refresh", "slow"]
        status, seen = on_terminal(arguments, {"TERM": "xterm"}, rb"slow: [^\r]*\d", go.set)
    finally:
        go.set()
        web.close()
    assert status == 0 and "slow: accepted: 5001 entries" in seen.replace("\x1b[32m", "").replace("\x1b[0m", ""), seen
    assert server.blocks("x@example.net")
