"""make install and make dist."""

import hashlib
import os
import shutil
import subprocess

import pytest
from support import BUILD, ROOT, make_directory, remove_directory

PROGRAMS = {"usr/sbin/rcptguardd": 0o755, "usr/bin/rcptguard": 0o755}
FILES = (
    "etc/rcptguard/rcptguard.conf",
    "etc/rcptguard/protected",
    "usr/share/bash-completion/completions/rcptguard",
    "usr/share/zsh/site-functions/_rcptguard",
    "usr/share/doc/rcptguard/README.md",
    "usr/share/doc/rcptguard/LICENSE",
    "usr/share/doc/rcptguard/postfix.md",
    "usr/share/doc/rcptguard/examples/example.feed",
)
# Where what lies in these folders goes.
FOLDERS = {
    "systemd/*.service": "usr/lib/systemd/system/{name}",
    "systemd/*.socket": "usr/lib/systemd/system/{name}",
    "systemd/rcptguard.sysusers": "usr/lib/sysusers.d/rcptguard.conf",
    "systemd/rcptguard.tmpfiles": "usr/lib/tmpfiles.d/rcptguard.conf",
    "man/*.[1-8]": "usr/share/man/man{section}/{name}",
    "docs/*.md": "usr/share/doc/rcptguard/{name}",
}


def make(*arguments, directory=ROOT, umask=0o022, **environment):
    """`make`'s output; nothing of a make above it is handed down."""
    kept = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    result = subprocess.run(
        ["make", *map(str, arguments)], cwd=directory, env={**kept, **environment}, umask=umask,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def found(top):
    """{path: (mode, digest)} of the files below."""
    return {
        str(p.relative_to(top)): (p.stat().st_mode & 0o7777, hashlib.sha256(p.read_bytes()).hexdigest())
        for p in sorted(top.rglob("*"))
        if p.is_file()
    }


@pytest.fixture
def directory():
    path = make_directory()
    yield path
    remove_directory(path)


def expected():
    wanted = dict(PROGRAMS, **dict.fromkeys(FILES, 0o644))
    for pattern, place in FOLDERS.items():
        for path in ROOT.glob(pattern):
            wanted[place.format(name=path.name, section=path.suffix[1:])] = 0o644
    return wanted


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_install(directory, umask):
    arguments = ("install", f"BUILD={BUILD}", f"DESTDIR={directory}", "PREFIX=/usr")
    make(*arguments, umask=umask)
    files = found(directory)
    wrong = {p: files.get(p) for p, mode in expected().items() if files.get(p, (None,))[0] != mode}
    assert not wrong
    directories = [p for p in directory.rglob("*") if p.is_dir() and p.stat().st_mode & 0o7777 != 0o755]
    assert not directories

    make(*arguments, umask=umask)
    assert found(directory) == files

    config = directory / "etc/rcptguard/rcptguard.conf"
    config.write_text("[policy]\nmode = observe\n")
    config.chmod(0o640)
    protected = directory / "etc/rcptguard/protected"
    protected.unlink()
    protected.symlink_to("/nowhere/protected")
    make(*arguments, umask=umask)
    assert config.read_text() == "[policy]\nmode = observe\n"
    assert config.stat().st_mode & 0o7777 == 0o640
    assert protected.is_symlink()

    make("uninstall", *arguments[1:])
    assert list(found(directory)) == ["etc/rcptguard/rcptguard.conf"]


def test_install_elsewhere(directory):
    """Units name the programs and the configuration where they are."""
    make("install", f"BUILD={BUILD}", f"DESTDIR={directory}", "PREFIX=/opt/mail", "SYSCONFDIR=/opt/mail/etc")
    assert all(p.startswith("opt/mail/") for p in found(directory))
    for unit in (directory / "opt/mail/lib/systemd/system").glob("*"):
        text = unit.read_text()
        assert "/usr/sbin/rcptguardd" not in text and " /etc/rcptguard" not in text
        if unit.suffix == ".service":
            assert "\nExecStart=/opt/mail/sbin/rcptguardd -c /opt/mail/etc/rcptguard/rcptguard.conf\n" in text


def tarball(directory, **more):
    make("-s", "dist", directory=directory, **more)
    (path,) = (directory / "build" / "dist").glob("rcptguard-*.tar.xz")
    return path


def test_dist(directory):
    """Whoever packs the same tree, where, when and with whatever umask, gets the same bytes; and it packs itself."""
    first = directory / "first"
    if (ROOT / ".git").exists():
        subprocess.run(["git", "clone", "-q", ROOT, first], check=True)
    else:
        shutil.copytree(ROOT, first, ignore=shutil.ignore_patterns("build"))
    one = tarball(first)
    name = one.name.removesuffix(".tar.xz")

    second = directory / "a-longer-name"
    second.mkdir()
    subprocess.run(["tar", "-x", "-f", one, "-C", second], check=True, umask=0o077)
    two = tarball(second / name, umask=0o077, TZ="Pacific/Auckland", LC_ALL="C.UTF-8")
    assert one.read_bytes() == two.read_bytes()

    packed = {p for p in found(second / name) if not p.startswith("build/")}
    tree = {p for p in found(first) if not p.startswith((".git/", "build/"))}
    assert packed == tree
    assert os.access(second / name / "scripts" / "check", os.X_OK)


def test_dist_changes(directory):
    """A tree that differs gives another tarball, so the test above can fail."""
    tree = directory / "tree"
    for part in ("scripts", "mk"):
        shutil.copytree(ROOT / part, tree / part)
    shutil.copy(ROOT / "Makefile", tree)
    one = tarball(tree).read_bytes()
    (tree / "README.md").write_text("something else\n")
    assert tarball(tree).read_bytes() != one


def test_versions_agree():
    """The package says the version that the programs say."""
    version = make("-s", "print-VERSION").strip()
    head = (ROOT / "debian" / "changelog").read_text().partition("\n")[0]
    assert head.startswith(f"rcptguard ({version}) ")
