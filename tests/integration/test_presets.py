"""conf/dnsbl-presets.conf and docs/dnsbl.md are there to be copied from: every section passes
`rcptguardd -t` once its comment signs are gone, alone and together with all others."""

import re

import pytest

from daemon import check_config
from support import ROOT

PRESETS = ROOT / "conf" / "dnsbl-presets.conf"
GUIDE = ROOT / "docs" / "dnsbl.md"
COOKBOOK = ROOT / "docs" / "feeds.md"

# As in rcptguard.conf: a '#' with no blank behind it hides a setting, with one it is a comment.
HIDDEN = re.compile(r"^#(?=[^\s#])", re.MULTILINE)

AROUND = """
[policy]
contact = helpdesk@example.org
[exclusions]
file = {0}/exclusions
[protect]
domains = {0}/protected
"""


def shown():
    return HIDDEN.sub("", PRESETS.read_text())


def presets():
    return [text.strip() + "\n" for text in re.split(r"^(?=\[)", shown(), flags=re.MULTILINE)[1:]]


def guide_sections():
    return re.findall(r"^```ini\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


def name(text):
    return re.search(r"^\[(.*)\]$", text, re.MULTILINE).group(1)


def settings(text):
    """{key: value} of one section."""
    return {
        key: re.sub(r"\s#.*", "", value).strip()
        for key, value in re.findall(r"^(\w+) *=(.*)$", text, re.MULTILINE)
    }


def preset(wanted):
    (found,) = [settings(text) for text in presets() if name(text) == f"dnsbl {wanted}"]
    return found


def check(text, directory):
    """`rcptguardd -t` of TEXT with secrets that are nobody's."""

    def secret(match):
        path = directory / match.group(1)
        path.write_text("notarealkey\n")
        path.chmod(0o600)
        return str(path)

    for file in ("exclusions", "protected"):
        (directory / file).touch()
    config = directory / "rcptguard.conf"
    config.write_text(AROUND.format(directory) + re.sub(r"/etc/rcptguard/([\w.-]+\.key)\b", secret, text))
    config.chmod(0o600)
    result = check_config(config)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


@pytest.mark.parametrize("text", presets(), ids=name)
def test_preset(text, tmp_path):
    check(text, tmp_path)


def test_all_presets_together(tmp_path):
    assert len(presets()) == len({name(text) for text in presets()}) >= 8
    check(shown(), tmp_path)


@pytest.mark.parametrize("text", guide_sections(), ids=name)
def test_section_of_the_guide(text, tmp_path):
    check(text, tmp_path)


def test_other_pages_say_the_same():
    """Whichever page somebody copies from, the same answers list. What to do then is theirs."""
    copies = [
        section
        for page in (GUIDE, COOKBOOK)
        for block in re.findall(r"^```ini\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
        for section in re.split(r"^(?=\[)", block, flags=re.MULTILINE)
        if section.startswith("[dnsbl ")
    ]
    assert len(copies) >= 8
    for section in copies:
        wanted = preset(name(section).removeprefix("dnsbl "))
        assert {**settings(section), "action": None} == {**wanted, "action": None}, name(section)


def test_nothing_is_on_as_shipped():
    lines = PRESETS.read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_every_preset_says_what_lists():
    for text in presets():
        found = settings(text)
        assert ("codes" in found) != ("mask" in found), name(text)
        assert ("${secret}" in found["zone"]) == ("secret" in found), name(text)


def listed_bits(mask):
    return {int(bit) for bit in re.fullmatch(r"127\.0\.0\.\((.*)\)", mask).group(1).split("|")}


def listed_last_numbers(codes):
    """Those of a pattern with one set, the last number."""
    start, last = re.fullmatch(r"(127\.\d+\.\d+)\.(?:(\d+|\[.*\]))", codes).groups()
    numbers = set()
    for part in last.strip("[]").split(";"):
        low, _, high = part.partition("..")
        numbers |= set(range(int(low), int(high or low) + 1))
    return start, numbers


def test_what_must_not_block():
    """Values that their publishers do not mean as "refuse this"."""
    for zone in ("dbl", "dbl-public"):
        assert listed_last_numbers(preset(zone)["codes"]) == ("127.0.1", {2, 4, 5, 6})
    assert listed_last_numbers(preset("ebl")["codes"]) == ("127.0.0", {2, 3})
    assert listed_last_numbers(preset("hbl")["codes"]) == ("127.0.3", {2})
    assert listed_last_numbers(preset("abusix")["codes"]) == ("127.0.1", {1})
    assert listed_bits(preset("uribl")["mask"]) == {2}
    assert not listed_bits(preset("surbl")["mask"]) & {1, 4, 32, 128}


def test_zones_that_keep_registrable_domains():
    assert {name(text)[6:] for text in presets() if settings(text).get("parents") == "yes"} == {"surbl", "uribl"}


def test_addresses_are_hashed_as_the_lists_do():
    for zone in ("ebl", "hbl"):
        assert preset(zone)["query"] == "email-sha1"
        assert "probe_listed" not in preset(zone)  # by default hashed zones have none
