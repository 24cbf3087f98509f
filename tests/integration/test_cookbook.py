"""docs/feeds.md is there to be copied from: every section in it passes `rcptguardd -t`, and its
commands do what it says."""

import re
import shutil

import pytest

from daemon import check_config
from support import ROOT, run

COOKBOOK = ROOT / "docs" / "feeds.md"

# What the sections refer to by name and a reader would have made.
PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAlIwhg6AUCB8OgF/1g6YKptj4EniaU+fdIx0Oiwun4wY=
-----END PUBLIC KEY-----
"""

# What a section finds in a configuration that works.
AROUND = """
[policy]
contact = helpdesk@example.org
[exclusions]
file = {0}/exclusions
[protect]
domains = {0}/protected
"""


def blocks(kind):
    """Fenced blocks of that kind; a block in a list item without its indent."""
    found = re.findall(rf"^( *)```{kind}\n(.*?)^\1```$", COOKBOOK.read_text(), re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def first_section(text):
    return re.search(r"^\[(.*)\]$", text, re.MULTILINE).group(1)


def make_files(text, directory):
    """TEXT with the keys and certificates that it names moved into DIRECTORY, and there."""

    def make(match):
        path = directory / match.group(1)
        texts = {".pub": PUBLIC_KEY, ".pem": "-----BEGIN CERTIFICATE-----\n"}
        pem_key = "tls_key" in text and path.suffix == ".key"
        path.write_text("-----BEGIN PRIVATE KEY-----\n" if pem_key else texts.get(path.suffix, "not-a-real-one\n"))
        path.chmod(0o600)
        return str(path)

    return re.sub(r"/etc/rcptguard/([\w.-]+\.(?:key|pub|pem))\b", make, text)


@pytest.mark.parametrize("text", blocks("ini"), ids=first_section)
def test_section(text, tmp_path):
    config = tmp_path / "rcptguard.conf"
    for name in ("exclusions", "protected"):
        (tmp_path / name).touch()
    config.write_text(AROUND.format(tmp_path) + make_files(text, tmp_path))
    config.chmod(0o600)
    result = check_config(config)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def test_there_are_sections():
    assert len(blocks("ini")) > 10
    assert any("[dnsbl " in text for text in blocks("ini"))


def test_every_format_has_a_row():
    """Those of the contract: what a reader may write behind `format =`."""
    text = COOKBOOK.read_text()
    table = text[text.index("## 4. Formats"):text.index("## 5.")]
    for name in (
        "entries aper csv json ndjson domains hosts adblock dnsmasq unbound rpz dnset access urls hashes"
    ).split():
        assert re.search(rf"^\| `{name}` \|", table, re.MULTILINE), name


def script(word):
    (found,) = [text for text in blocks("") if word in text]
    return found


def shell(text, directory):
    result = run("sh", "-euc", text, cwd=directory)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.skipif(not shutil.which("perl"), reason="no perl")
def test_hashing(tmp_path):
    (tmp_path / "addresses").write_text("User+News@Example.COM\na.B.c+x@GoogleMail.com\n+lead@example.org\n")
    by_hand = shell(script("sha1_hex").split("#")[0], tmp_path)
    known = {
        "63a710569261a24b3766275b7000ce8d7b32e2f7": "user@example.com",
        "c0d0a32c405c68cb538e3891a3e3bce98887f012": "abc@gmail.com",
    }
    written = (tmp_path / "addresses.sha1").read_text().split()
    assert len(written) == 3 and set(known) < set(written)
    assert by_hand.split()[0] in known


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
def test_publishing(tmp_path):
    keys = script("genpkey").replace("/etc/lists", str(tmp_path))
    shell(keys, tmp_path)
    publish = script("# publish SOURCE TARGET").replace("/etc/lists", str(tmp_path))
    (tmp_path / "rcptguard").write_text("#!/bin/sh\n")  # its lint has tests of its own
    (tmp_path / "rcptguard").chmod(0o755)
    (tmp_path / "publish").write_text(publish.replace("rcptguard lint", "./rcptguard lint"))
    (tmp_path / "drops").write_text("# ours\n\nb@example.org\na@example.org\nb@example.org\n")
    shell("sh ./publish drops drops.gz", tmp_path)
    assert shell("gzip -dc drops.gz", tmp_path) == "# Entries: 2\na@example.org\nb@example.org\n"
    assert (tmp_path / "drops.gz.sig").stat().st_size == 64
    assert not list(tmp_path.glob(".new.*"))
    verify = re.search(r"`(openssl pkeyutl -verify [^`]*)`", COOKBOOK.read_text()).group(1)
    shell(verify, tmp_path)
    assert run("sh", "./publish", "/dev/null", "drops.gz", cwd=tmp_path).returncode != 0
    shell(verify, tmp_path)  # the old edition stays whole
    with open(tmp_path / "drops.gz", "ab") as f:
        f.write(b"x")
    assert run("sh", "-c", verify, cwd=tmp_path).returncode != 0
