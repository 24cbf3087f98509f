"""A clean Debian in a directory. Commands run in it with /proc and /dev in a mount namespace of their own, so
that the directory never holds a mount, and end with all they started."""

import glob
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = ROOT / "build" / "package"

# $0 is the directory, $1 the one with packages already fetched, the rest the command.
ENTER = """
mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && mount --bind /dev/pts "$0/dev/pts" &&
mkdir -p "$0/var/cache/apt/archives" && mount --bind "$1" "$0/var/cache/apt/archives" || exit 125
shift
exec chroot "$0" "$@"
"""
ENTER_OFFLINE = "ip link set lo up || exit 125\n" + ENTER


class Failed(Exception):
    """A step did not come out as it should; the text says how."""


def shown(text, lines=25):
    """The end of what a command printed; where packages come from is this machine's business."""
    text = re.sub(r"[a-z+]+://[^ ]*", "(source)", text)
    return "\n".join(line[:200] for line in text.strip().splitlines()[-lines:])


class Machine:
    def __init__(self, directory, release):
        self.directory = pathlib.Path(directory)
        self.archives = KEPT / release / "archives"
        self.archives.mkdir(parents=True, exist_ok=True)

    def path(self, inside):
        return self.directory / str(inside).lstrip("/")

    def command(self, arguments, offline=True, alone=True):
        """alone: what the command leaves running ends with it; else it keeps its process id from the start."""
        namespaces = ["--mount"] + ["--net"] * offline + ["--pid", "--fork", "--kill-child"] * alone
        enter = ENTER_OFFLINE if offline else ENTER
        return ["unshare", *namespaces, "sh", "-c", enter, self.directory, self.archives, *arguments]

    def environment(self, more=None):
        kept = {k: v for k, v in os.environ.items() if k.lower() in ("http_proxy", "https_proxy", "no_proxy")}
        base = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        return {**kept, **base, **(more or {})}

    def run(self, *arguments, status=0, offline=True, seconds=900, environment=None):
        """The command's output, both streams; Failed unless it ends with STATUS (None: any)."""
        try:
            result = subprocess.run(
                [str(a) for a in self.command(arguments, offline)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, errors="replace", timeout=seconds, env=self.environment(environment),
            )
        except subprocess.TimeoutExpired as late:
            raise Failed(f"{arguments[0]}: not done within {seconds} s") from late
        if status is not None and result.returncode != status:
            words = " ".join(str(a) for a in arguments)[:200]
            log = self.archives.parent / "failed.log"
            log.write_text(result.stdout)
            raise Failed(
                f"`{words}` ended with {result.returncode}, not {status}; all it said: {log}\n{shown(result.stdout)}"
            )
        return result.stdout

    def spawn(self, *arguments, output):
        """Popen of a command that the caller ends; signals reach it itself."""
        return subprocess.Popen(
            [str(a) for a in self.command(arguments, alone=False)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self.environment(),
        )

    def apt(self, *arguments):
        shutil.copyfile("/etc/resolv.conf", self.path("/etc/resolv.conf"))
        return self.run(
            "apt-get", "-y", "-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3", *arguments,
            offline=False, seconds=1200, environment=proxy(),
        )

    def copy(self, directory):
        shutil.rmtree(directory, ignore_errors=True)
        pathlib.Path(directory).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", "--reflink=auto", self.directory, directory], check=True)
        return Machine(directory, self.archives.parent.name)

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def proxy():
    found = subprocess.run(
        ["apt-config", "shell", "http_proxy", "Acquire::http::Proxy"], stdout=subprocess.PIPE, text=True
    ).stdout
    value = re.search(r"http_proxy='(.+)'", found)
    return {"http_proxy": value.group(1)} if value and value.group(1) != "DIRECT" else {}


def mirror():
    if os.environ.get("MIRROR"):
        return os.environ["MIRROR"]
    for name in sorted(glob.glob("/etc/apt/sources.list.d/*.sources")) + ["/etc/apt/sources.list"]:
        try:
            text = pathlib.Path(name).read_text()
        except OSError:
            continue
        found = re.search(r"^(?:URIs: *|deb (?:\[[^]]*\] *)?)(https?://\S+)", text, re.MULTILINE)
        if found:
            return found.group(1)
    raise Failed("no apt source of this machine could be read; set MIRROR=")


def _kept(release, name, key, make):
    """The machine NAME as MAKE(machine) left it in an earlier run, if that was of the same KEY and program."""
    key = hashlib.sha256(key + pathlib.Path(__file__).read_bytes()).hexdigest()
    machine = Machine(KEPT / release / name, release)
    stamp = KEPT / release / f"{name}.key"
    if not (stamp.exists() and stamp.read_text() == key and machine.directory.is_dir()):
        stamp.unlink(missing_ok=True)
        machine.remove()
        make(machine)
        stamp.write_text(key)
    return machine


def base(release):
    def make(machine):
        source = mirror()
        more = ["--include=ca-certificates"] if source.startswith("https:") else []
        result = subprocess.run(
            ["debootstrap", "--variant=minbase", *more, release, machine.directory, source],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=dict(os.environ, **proxy()),
        )
        if result.returncode != 0:
            raise Failed(f"debootstrap ended with {result.returncode}:\n{shown(result.stdout, 10)}")
        deny = machine.path("/usr/sbin/policy-rc.d")
        deny.write_text("#!/bin/sh\nexit 101\n")
        deny.chmod(0o755)
        machine.path("/etc/apt/apt.conf.d/50lean").write_text('APT::Install-Recommends "false";\n')

    machine = _kept(release, "base", b"", make)
    machine.apt("update")
    machine.apt("upgrade")
    return machine


def builder(release, clean):
    """What a Debian build machine has, debian/control's Build-Depends, and the user builder."""
    control = (ROOT / "debian" / "control").read_bytes()

    def make(machine):
        clean.copy(machine.directory)
        machine.apt("install", "build-essential")
        machine.path("/tmp/source/debian").mkdir(parents=True)
        machine.path("/tmp/source/debian/control").write_bytes(control)
        machine.apt("build-dep", "/tmp/source")
        machine.run("useradd", "--create-home", "--home-dir", "/srv/builder", "builder")

    return _kept(release, "builder", control, make)


def linter(release, clean):
    def make(machine):
        clean.copy(machine.directory)
        machine.apt("install", "lintian")
        machine.run("useradd", "--create-home", "--home-dir", "/srv/builder", "builder")

    return _kept(release, "linter", b"", make)
