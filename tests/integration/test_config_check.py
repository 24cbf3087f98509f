"""`rcptguardd -t` and --dump-config."""

import re

import pytest

from daemon import check_config
from support import DAEMON, ROOT, run

GOOD = """
[daemon]
state_dir = /nonexistent/state
user = no-such-user-here
[policy]
listen = unix:/nonexistent/socket inet:127.0.0.1:10040
contact = desk@example.org
[feed one]
url = https://lists.example.org/list   # a comment
format = entries
"""


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "rcptguard.conf"
        path.write_text(text)
        return path

    return write


def test_good(config):
    """Needs neither sockets, nor the user, nor the feeds."""
    result = check_config(config(GOOD))
    assert result.returncode == 0, result.stderr


def test_all_problems_are_listed(config):
    path = config(
        "[daemon]\n"
        "state_dri = /x\n"
        "log_level = loud\n"
        "[polcy]\n"
        "listen = x\n"
        "[policy]\n"
        "mode = sometimes\n"
        "deadline = soon\n"
        "[feed one]\n"
        "format = nonsense\n"
        "max_shrink = lots\n"
    )
    result = check_config(path)
    assert result.returncode == 78
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    for number, words in (
        (2, ["state_dri", "state_dir"]),
        (3, ["daemon.log_level"]),
        (4, ["polcy", "policy"]),
        (7, ["policy.mode"]),
        (8, ["policy.deadline"]),
        (10, ["feed one.format", "entries"]),
        (11, ["feed one.max_shrink"]),
    ):
        found = [x for x in lines if x.startswith(f"{path}:{number}: ")]
        assert found, (number, result.stderr)
        for word in words:
            assert word in found[0], found
        assert ";" in found[0]  # what to do
    assert any("url" in x for x in lines)


@pytest.mark.parametrize(
    "section, key, value, word",
    [
        ("policy", "listen", "tcp:127.0.0.1:1", "listen"),
        ("policy", "listen", "inet:127.0.0.1:99999", "listen"),
        ("policy", "listen", "unix:" + "x" * 200, "listen"),
        ("policy", "socket_mode", "rw-rw----", "socket_mode"),
        ("policy", "max_clients", "-1", "max_clients"),
        ("feed one", "action", "hold", "action"),
        ("feed one", "action", "discard", "action"),
        ("feed one", "reply", "5.7.1 no ${nonsense}", "nonsense"),
        ("feed one", "url", "ftp://lists.example.org/list", "url"),
        ("feed one", "url", "lists.example.org/list", "url"),
        ("feed one", "refresh", "0", "refresh"),
        ("feed one", "types", "AX", "types"),
        ("feed one", "max_bytes", "many", "max_bytes"),
        ("daemon", "log_target", "paper", "log_target"),
    ],
)
def test_bad_values(config, section, key, value, word):
    text = GOOD.replace(f"[{section}]\n", f"[{section}]\n{key} = {value}\n")
    text = "".join(
        line for i, line in enumerate(text.splitlines(True))
        if not (line.startswith(f"{key} =") and value not in line)
    )
    result = check_config(config(text))
    assert result.returncode == 78, result.stderr
    assert word in result.stderr


def test_contact_missing(config):
    """A text that names the contact, without one, is an error; the default text does without."""
    text = GOOD.replace("contact = desk@example.org\n", "")
    result = check_config(config(text + "reply = ask ${contact}, quote ${ref}\n"))
    assert result.returncode == 78 and "contact" in result.stderr
    assert check_config(config(text)).returncode == 0


def test_repeated_key(config):
    result = check_config(config(GOOD + "format = entries\n"))
    assert result.returncode == 78 and "format" in result.stderr
    assert check_config(config(GOOD + "url = https://mirror.example.org/\n")).returncode == 0


def test_continuation_and_escapes(config):
    text = GOOD.replace(
        "listen = unix:/nonexistent/socket inet:127.0.0.1:10040",
        "listen = unix:/nonexistent/socket\n    inet:127.0.0.1:10040\n\tinet:[::1]:10040  # three",
    ) + "reply = see issue \\#5, ${contact} ${ref}\n"
    path = config(text)
    result = check_config(path)
    assert result.returncode == 0, result.stderr
    shown = run(DAEMON, "--dump-config", "-c", path).stdout
    assert "inet:[::1]:10040" in shown and "#5" in shown


def test_what_would_not_be_shared(config):
    result = check_config(config(GOOD + "[redis]\nurl = unix:/run/redis/redis.sock\nshare = lists\n"))
    assert result.returncode == 0 and "write secret = @FILE" in result.stderr
    result = check_config(config(GOOD + "[redis]\nurl = redis://u:geheim@[::1/0\nshare = exclusions\n"))
    assert result.returncode == 78 and "redis.url" in result.stderr and "geheim" not in result.stderr


def test_a_url_and_nothing_to_share(config):
    result = check_config(config(GOOD + "[redis]\nurl = unix:/run/redis/redis.sock\n"))
    assert result.returncode == 0
    assert "nothing is shared" in result.stderr


@pytest.mark.parametrize("text, words", [(None, "No such file"), ("user@example.org\n", ":1: .*an address")])
def test_protected_domains_that_are_none(config, tmp_path, text, words):
    protected = tmp_path / "protected"
    if text is not None:
        protected.write_text(text)
    result = check_config(config(GOOD + f"[protect]\ndomains = {protected}\n"))
    assert result.returncode == 0
    assert re.search(f"warning: protect.domains: .*{protected}.*{words}", result.stderr), result.stderr
    protected.write_text("partner.example\n")
    assert "protect" not in check_config(config(GOOD + f"[protect]\ndomains = {protected}\n")).stderr


def test_missing_file(tmp_path):
    result = check_config(tmp_path / "nothing.conf")
    assert result.returncode != 0 and "nothing.conf" in result.stderr


def test_dump(config):
    path = config(GOOD)
    result = run(DAEMON, "--dump-config", "-c", path)
    assert result.returncode == 0, result.stderr
    assert re.search(r"state_dir\s*=\s*/nonexistent/state", result.stdout)
    assert re.search(r"deadline\s*=\s*1s", result.stdout)  # a default
    assert "default" in result.stdout and "rcptguard.conf" in result.stdout  # where from
    assert re.search(r"max_shrink\s*=\s*20%", result.stdout)


def test_dump_that_cannot_be_written(config):
    result = run("sh", "-c", '"$@" >/dev/full', "sh", DAEMON, "--dump-config", "-c", config(GOOD))
    assert result.returncode == 71 and "cannot write" in result.stderr


def test_dump_hides_secrets(config):
    path = config(GOOD + "secret = s3cr3t-key\n")
    path.chmod(0o600)
    result = run(DAEMON, "--dump-config", "-c", path)
    assert "s3cr3t" not in result.stdout + result.stderr
    assert "***" in result.stdout


def test_dump_is_a_configuration(config, tmp_path):
    first = run(DAEMON, "--dump-config", "-c", config(GOOD)).stdout
    again = tmp_path / "again.conf"
    again.write_text(first)
    result = check_config(again)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", ["rcptguard.conf"])
def test_shipped_samples(name):
    result = check_config(ROOT / "conf" / name)
    assert result.returncode in (0, 78)
    if result.returncode == 78:  # the reference sample leaves the contact to the postmaster
        assert all("contact" in x for x in result.stderr.splitlines() if x), result.stderr


def test_bad_configuration_does_not_start(daemon):
    daemon.config["policy"]["mode"] = "sometimes"
    daemon.spawn()
    assert daemon.wait_end() == 78
    assert "policy.mode" in daemon.log()


@pytest.mark.parametrize("cut", [b"# hea" + bytes(60), b"# ours\r[policy]\rmode = observe\r"], ids=["torn", "old-mac"])
def test_a_damaged_comment_is_refused(config, cut):
    """As a power cut or an old Mac leaves the file: settings may have stood there."""
    path = config(GOOD)
    last = len(GOOD.splitlines()) + 1
    path.write_bytes(GOOD.encode() + cut)
    result = check_config(path)
    assert result.returncode == 78, result.stderr
    assert f"{path}:{last}: holds a control byte; save the file as plain text" in result.stderr
    path.write_bytes((GOOD + "# ours\n").replace("\n", "\r\n").encode())
    assert check_config(path).returncode == 0


def test_dns_names_in_listen(config):
    """Names would have to be looked up, and may block: numbers only."""
    result = check_config(config(GOOD.replace("inet:127.0.0.1:10040", "inet:localhost:10040")))
    assert result.returncode == 78
