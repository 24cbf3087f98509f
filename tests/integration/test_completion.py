"""Completions of bash and zsh: they know every command and every option of the command itself."""

import os
import re
import shutil
import subprocess

import pytest

from support import COMMAND, ROOT, run

BASH = ROOT / "completions" / "rcptguard.bash"
ZSH = ROOT / "completions" / "_rcptguard"


def commands():
    """Those that the help names, without `help` itself."""
    text = run(COMMAND, "help").stdout
    found = re.findall(r"^  ([a-z]+)\b.*?  \S", text, re.MULTILINE)
    assert {"check", "exclude", "lint", "events"} < set(found), text
    return [name for name in found if name != "help"]


def takes(command, option):
    """Does the command itself take it? Asked on its command line; no daemon is there to answer."""
    words = [command, option] + ([] if option in FLAGS else ["1h"]) + ["-s", "/nonexistent"]
    return "does not take" not in run(COMMAND, *words).stderr


FLAGS = {"--force", "--prune", "--follow", "--all", "--fleet", "--blocks", "--names"}
OPTIONS = sorted(
    FLAGS | {"--sender", "--format", "--set", "--list", "--until", "--for", "--ticket", "--note"}
)


def complete(*words, daemon=None):
    """What bash offers for the last of the words."""
    script = """
    source "$1"; shift
    rcptguard() { "$COMMAND" "$@"; }
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _rcptguard
    printf '%s\\n' "${COMPREPLY[@]}"
    """
    result = subprocess.run(
        ["bash", "-c", script, "bash", str(BASH), daemon or str(COMMAND), *words],
        capture_output=True,
        text=True,
        timeout=20,
        env=dict(os.environ, COMMAND=str(COMMAND)),
    )
    assert result.stderr == "", result.stderr
    return result.stdout.split()


def test_options_are_all_there():
    """The list above, from which the other tests ask, is that of the source."""
    source = (ROOT / "src" / "cli" / "args.c").read_text()
    everywhere = {"--socket", "--config", "--json", "--help", "--version"}
    assert set(OPTIONS) == set(re.findall(r'^\s*\{ARGS_\w+, [^,]+, "(--\w+)"', source, re.MULTILINE)) - everywhere


def test_commands():
    assert sorted(complete("")) == sorted(commands() + ["help"])
    assert complete("unex") == ["unexclude"]
    assert complete("-c", "file", "roll") == ["rollback"]


@pytest.mark.parametrize("command", commands())
def test_options(command):
    offered = set(complete(command, "--"))
    wanted = {option for option in OPTIONS if takes(command, option)}
    assert offered - {"--socket", "--config", "--json", "--help", "--version"} == wanted
    assert "--json" in offered


def test_values(tmp_path):
    assert "aper" in complete("lint", "--format", "")
    assert "means" not in complete("lint", "--format", "")
    (tmp_path / "a-list").write_text("")
    assert complete("lint", str(tmp_path / "a-")) == [str(tmp_path / "a-list")]
    assert "30d" in complete("exclude", "a@example.org", "--for", "")


def test_silent_without_a_daemon():
    assert complete("refresh", "-s", "/nonexistent", "") == []
    assert complete("exclude", "-s", "/nonexistent", "--list", "") == []


def test_names_of_lists(daemon):
    daemon.list_file("main", "a@example.org\n")
    daemon.list_file("more", "b@example.org\n")
    daemon.start()
    where = ("-s", str(daemon.admin))
    assert run(COMMAND, *where, "feeds", "--names").stdout == "main\nmore\n"
    assert complete(*where, "refresh", "ma") == ["main"]
    assert complete(*where, "exclude", "a@example.org", "--list", "") == ["main", "more"]


def test_zsh_names_all():
    text = ZSH.read_text()
    for command in commands():
        assert f"'{command}:" in text, command
        if any(takes(command, option) for option in OPTIONS):
            assert re.search(rf"^    (\w+ \| )*{command}( \| \w+)*\)", text, re.MULTILINE), command
    for option in OPTIONS:
        assert f"{option}[" in text, option


def test_zsh_parses():
    if not shutil.which("zsh"):
        pytest.skip("zsh is not here")
    assert subprocess.run(["zsh", "-n", ZSH], timeout=20).returncode == 0
