"""The manual pages: mandoc finds nothing to say, and none of them lags behind the program. And what
docs/ and README.md tell people to type and to set is there."""

import functools
import os
import re
import shutil
import subprocess

import pytest

from daemon import check_config
from support import BUILD, COMMAND, DAEMON, ROOT, run

MAN = ROOT / "man"
PAGES = sorted(p.name for p in MAN.iterdir() if re.fullmatch(r".*\.[1-8]", p.name))
MADE = sorted(p.stem for p in MAN.glob("*.in"))

# Whether other manuals are installed here is no matter of ours.
ELSEWHERE = re.compile(r"referenced manual not found|outdated mandoc\.db|lacks .* entry")


def examples(page):
    """The literal blocks of a page, as a reader sees them."""
    found = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", (MAN / page).read_text(), re.MULTILINE | re.DOTALL)
    shown = {r"\&": "", r"\-": "-", r"\(aq": "'", r"\(dq": '"', r"\e": "\\"}
    for written, seen in shown.items():
        found = [text.replace(written, seen) for text in found]
    return found


@functools.cache
def help_on(*command):
    return run(COMMAND, "help", *command).stdout


def known_commands():
    return re.findall(r"^  ([a-z]+)\b.*?  \S", help_on(), re.MULTILINE)


def options(text):
    """-c, --config ... of usage or of the macros of a page."""
    return set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", text))


def options_of_page(page):
    found = re.findall(r"Fl ((?:\\-)?[A-Za-z][\w\\-]*)", (MAN / page).read_text())
    return {"-" + name.replace("\\-", "-") for name in found}


def test_pages_are_there():
    assert PAGES == ["rcptguard-exclusions.5", "rcptguard.1", "rcptguard.conf.5", "rcptguardd.8"]


@pytest.mark.parametrize("page", PAGES)
def test_mandoc_is_content(page):
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not here")
    result = run("mandoc", "-Tlint", "-W", "style", MAN / page)
    said = [line for line in (result.stdout + result.stderr).splitlines() if not ELSEWHERE.search(line)]
    assert said == []


@pytest.mark.parametrize("page", MADE)
def test_made_pages_are_fresh(page):
    """What the tables of keys, formats and commands say today is what the page says."""
    build = os.path.relpath(BUILD, ROOT)
    made = run("make", "-s", f"BUILD={build}", f"{build}/manual", cwd=ROOT, timeout=120)
    assert made.returncode == 0, made.stderr
    with (MAN / f"{page}.in").open() as template:
        fresh = subprocess.run([BUILD / "manual"], stdin=template, capture_output=True, text=True, timeout=20)
    assert fresh.stdout == (MAN / page).read_text(), "run `make man`"


def test_commands():
    """Each command of the help, and no other, with exactly the options that its own help names."""
    text = (MAN / "rcptguard.1").read_text()
    items = re.findall(r"^\.It Ic (\w+)(.*?)(?=^\.It Ic|^\.Sh)", text, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in items] + ["help"] == known_commands()
    for name, item in items:
        written = {"-" + x.replace("\\-", "-") for x in re.findall(r"Fl ((?:\\-)?[a-z][a-z\\-]*)", item)}
        synopsis, _, _ = help_on(name).partition("Examples:")
        assert written == options(synopsis), name


@pytest.mark.parametrize("program, page", [(DAEMON, "rcptguardd.8"), (COMMAND, "rcptguard.1")])
def test_options(program, page):
    usage = run(program, "--help").stdout
    listed = options(usage[usage.rindex("Options") if "Options" in usage else 0:])
    assert listed and listed <= options_of_page(page)
    if page == "rcptguardd.8":
        assert options_of_page(page) == listed


def test_configurations_of_examples(tmp_path):
    """Those that name files which a reader would have made are tried without them."""
    tried = 0
    for text in examples("rcptguard.conf.5"):
        if text.startswith("["):
            path = tmp_path / "rcptguard.conf"
            path.write_text("[policy]\ncontact = x@example.org\n" * (not text.startswith("[policy]")))
            text = re.sub(r"^pubkey .*\n", "", text, flags=re.MULTILINE)
            text = re.sub(r"@/\S+", "not-a-real-one", text)
            with path.open("a") as file:
                file.write(text)
            path.chmod(0o600)
            result = check_config(path)
            assert "rcptguard.conf:" not in result.stderr and result.returncode == 0, result.stderr
            tried += 1
    assert tried == 2


def test_exclusions_of_examples(tmp_path):
    path = tmp_path / "exclusions"
    path.write_text(next(text for text in examples("rcptguard-exclusions.5") if "login:" in text))
    result = run(COMMAND, "lint", path)
    assert result.returncode == 0 and " 6 " in result.stdout, result.stdout + result.stderr


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def typed(text):
    """Command lines in blocks and between backquotes, each from the first word behind `rcptguard`."""
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    lines = [x for block in re.findall(r"```.*?\n(.*?)```", text, re.DOTALL) for x in block.splitlines()]
    for line in spans + lines:
        for found in re.finditer(r"(?:^|[|;&(])\s*(?:sudo )?rcptguard ([a-z-][^|;&#)]*)", line):
            yield found.group(1)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_of_documents(document):
    for line in typed(document.read_text()):
        name = next(word for word in line.replace(":", "").split() if word[0] != "-")
        assert name in known_commands(), line
        asked = options(re.sub(r"'[^']*'", "", line))
        assert asked <= options(help_on(name)) | {"-s", "-c", "--json"}, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_keys_of_documents(document):
    """`[policy] deadline` names a key that there is."""
    sample = (ROOT / "conf" / "rcptguard.conf").read_text()
    keys = {}
    for line in sample.splitlines():
        if section := re.fullmatch(r"#?\[(\w+)[^\]]*\]", line):
            keys[section.group(1)] = seen = set()
        elif key := re.match(r"#(\w+) = ", line):
            seen.add(key.group(1))
    for section, key in re.findall(r"`\[(\w+)(?: [\w.]+)?\] (\w+)", document.read_text()):
        assert key in keys.get(section, ()), f"[{section}] {key}"


def test_quick_start(tmp_path):
    """Its settings, put where it says, are a configuration, and its list is one."""
    text = (ROOT / "docs" / "quickstart.md").read_text()
    contact, _, feed = re.search(r"```ini\n(.*?)```", text, re.DOTALL).group(1).partition("\n\n")
    path = tmp_path / "rcptguard.conf"
    sample = (ROOT / "conf" / "rcptguard.conf").read_text()
    path.write_text(sample.replace("[policy]\n", f"[policy]\n{contact}\n") + feed)
    result = check_config(path)
    assert result.returncode == 0 and "rcptguard.conf:" not in result.stderr, result.stderr
    address = re.search(r"echo (\S+) > /etc/rcptguard/own.list", text).group(1)
    (tmp_path / "own.list").write_text(address + "\n")
    assert run(COMMAND, "lint", "--format", "entries", tmp_path / "own.list").returncode == 0
