"""The life of the Debian package in clean systems: scripts/check-package runs this. One line a step; a step
that others need and that fails skips them."""

import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import machine
from asker import Asker
from booted import Booted
from machine import Failed, KEPT, ROOT, shown
from policyclient import PolicyClient

RELEASES = os.environ.get("RELEASES", "bookworm trixie").split()
LISTED, UNLISTED = "account-verify@example.com", "jane.doe@example.edu"
POLICY = "/var/spool/postfix/rcptguard/policy"
ADMIN = "/run/rcptguard/admin.sock"
CONF = "/etc/rcptguard/rcptguard.conf"
EXCLUSIONS = "/etc/rcptguard/local/exclusions"
DAEMON = ("/usr/sbin/rcptguardd", "-c", CONF)
# As README.Debian says.
CONTACT = "contact = helpdesk@example.org\n"
FEED = """
[feed example]
url    = file:/usr/share/doc/rcptguard/examples/example.feed
format = aper
"""


class Skipped(Exception):
    """This cannot be tried here; the text says why."""


def expect(true, text):
    if not true:
        raise Failed(text)


def wait_until(what, probe, seconds=20):
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, EOFError):
            if probe():
                return
        expect(time.monotonic() < deadline, f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Life:
    """One release, from the tarball to the purge. Each step_ method is one line of the report."""

    def __init__(self, release):
        self.release = release
        self.work = KEPT / release / "run"
        self.daemon = self.booted = None

    # the machines

    def step_clean(self):
        """a clean system is made"""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.base = machine.base(self.release)

    def build(self, home, tarball, options, source):
        version = re.search(r"rcptguard-(.+)\.tar\.xz$", tarball.name).group(1)
        builder = machine.builder(self.release, self.base).copy(self.work / "builder")
        self.builder = builder
        script = (
            f"mkdir {home} && cd {home} && tar -xf /tmp/{tarball.name} && cd rcptguard-{version} && dpkg-buildpackage -us -uc {source} 2>&1"
        )
        shutil.copy(tarball, builder.path("/tmp"))
        log = builder.run(
            "setpriv", "--reuid", "builder", "--regid", "builder", "--init-groups",
            "env", "HOME=/srv/builder", f"DEB_BUILD_OPTIONS={options}", "bash", "-c", script,
        )
        (self.work / "build.log").write_text(log)
        expect(not re.search(r"\bwarning:.*(redefined|Wno-)", log), "the compiler warns of flags; see build.log")
        out = self.work / pathlib.Path(home).name
        shutil.copytree(builder.path(home), out, ignore=shutil.ignore_patterns(f"rcptguard-{version}"))
        return out

    def step_build(self):
        """the package is built from the tarball and runs its tests, as an ordinary user without a network"""
        made = subprocess.run(
            ["make", "-s", "dist"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        expect(made.returncode == 0, f"make dist: {shown(made.stdout)}")
        self.tarball = next((ROOT / "build" / "dist").glob("rcptguard-*.tar.xz"))
        self.built = self.build("/srv/builder/first", self.tarball, f"parallel={os.cpu_count()}", "")
        self.deb = next(self.built.glob("rcptguard_*.deb"))

    def step_same_bytes(self):
        """built elsewhere, later and without tests it has the same bytes"""
        options = f"nocheck parallel={os.cpu_count()}"
        again = self.build("/srv/builder/a-longer-name", self.tarball, options, "-b")
        first, second = self.deb.read_bytes(), (again / self.deb.name).read_bytes()
        expect(first == second, f"{self.deb.name} differs between two builds")

    def step_lintian(self):
        """lintian has no error and no warning"""
        linter = machine.linter(self.release, self.base).copy(self.work / "linter")
        shutil.copytree(self.built, linter.path("/srv/builder/built"))
        changes = next(self.built.glob("*.changes")).name
        out = linter.run(
            "setpriv", "--reuid", "builder", "--regid", "builder", "--init-groups",
            "env", "HOME=/srv/builder", "lintian", "--fail-on", "error,warning", "--display-info", "--show-overrides",
            f"/srv/builder/built/{changes}",
        )
        linter.remove()
        tags = re.findall(r"^[EWIO]: .*$", out, re.MULTILINE)
        return "; ".join(tags) or "it says nothing"

    # the package

    def step_install(self):
        """it is installed beside Postfix in one go, and asks nothing"""
        self.machine = self.base.copy(self.work / "machine")
        self.builder.remove()
        shutil.copy(self.deb, self.machine.path("/root"))
        self.machine.apt("install", "--install-recommends", f"/root/{self.deb.name}")

    def owner(self, inside):
        """mode owner:group, as the machine sees it; None when it is not there"""
        path = self.machine.path(inside)
        if not path.exists() and not path.is_symlink():
            return None
        return self.machine.run("stat", "-c", "%a %U:%G", inside).strip()

    def step_files(self):
        """files, owners and modes are right; manuals, units and completions are there"""
        version = re.search(r"_(.+?)_", self.deb.name).group(1)
        expect(version in self.machine.run("rcptguardd", "-V"), f"rcptguardd -V does not say {version}")
        wanted = {
            "/usr/sbin/rcptguardd": "755 root:root",
            "/usr/bin/rcptguard": "755 root:root",
            CONF: "640 root:rcptguard",
            "/etc/rcptguard/protected": "644 root:root",
            "/etc/rcptguard/local": "750 rcptguard:rcptguard",
            EXCLUSIONS: "640 rcptguard:rcptguard",
            "/var/lib/rcptguard": "750 rcptguard:rcptguard",
            "/usr/lib/systemd/system/rcptguard.service": "644 root:root",
            "/usr/lib/systemd/system/rcptguard.socket": "644 root:root",
            "/usr/lib/systemd/system/rcptguard-admin.socket": "644 root:root",
            "/usr/lib/sysusers.d/rcptguard.conf": "644 root:root",
            "/usr/lib/tmpfiles.d/rcptguard.conf": "644 root:root",
            "/usr/share/bash-completion/completions/rcptguard": "644 root:root",
            "/usr/share/zsh/site-functions/_rcptguard": "644 root:root",
            "/usr/share/doc/rcptguard/README.Debian": "644 root:root",
            "/usr/share/doc/rcptguard/examples/example.feed": "644 root:root",
            "/usr/share/man/man8/rcptguardd.8.gz": "644 root:root",
            "/usr/share/man/man1/rcptguard.1.gz": "644 root:root",
            "/usr/share/man/man5/rcptguard.conf.5.gz": "644 root:root",
            "/usr/share/man/man5/rcptguard-exclusions.5.gz": "644 root:root",
        }
        wrong = [f"{p}: {self.owner(p)}, not {w}" for p, w in wanted.items() if self.owner(p) != w]
        place = self.owner("/var/spool/postfix/rcptguard") or "not there"
        if not place.endswith("rcptguard:postfix"):
            wrong.append(f"/var/spool/postfix/rcptguard: {place}, not of rcptguard:postfix")
        user = self.machine.run("getent", "passwd", "rcptguard").strip().split(":")
        if int(user[2]) >= 1000 or not user[6].endswith("nologin"):
            wrong.append(f"user: {user}")
        conffiles = self.machine.run("dpkg-query", "-W", "-f", "${Conffiles}", "rcptguard").split()[::2]
        if sorted(conffiles) != ["/etc/rcptguard/protected", CONF]:
            wrong.append(f"conffiles: {conffiles}")
        expect(not wrong, "\n".join(wrong))

    def step_not_enabled(self):
        """nothing is enabled before somebody has written a configuration"""
        links = [p for p in self.machine.path("/etc/systemd/system").rglob("*") if "rcptguard" in p.name]
        expect(not links, f"enabled: {links}")

    def step_units(self):
        """systemd finds nothing wrong with the installed units"""
        installed = self.machine.path("/lib/systemd/system").glob("rcptguard*")
        units = [f"/lib/systemd/system/{path.name}" for path in installed]
        said = self.machine.run("systemd-analyze", "verify", "--man=no", *units)
        expect("rcptguard" not in said, said)

    def step_smoke(self):
        """what debian/tests tries passes"""
        shutil.copy(ROOT / "debian" / "tests" / "smoke", self.machine.path("/root"))
        self.machine.run("/root/smoke")

    # the daemon

    def spawn(self, *command):
        """Starts COMMAND in place of what a step that failed has left."""
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon.wait()
        with open(self.work / "daemon.log", "ab") as log:
            self.daemon = self.machine.spawn(*command, output=log)

    def start(self):
        self.spawn(*DAEMON)

        def answers():
            if self.daemon.poll() is not None:
                log = (self.work / "daemon.log").read_text(errors="replace")
                raise Failed(f"the daemon ended with {self.daemon.returncode}:\n{shown(log)}")
            return self.ask(LISTED)

        wait_until("the daemon answers", answers)

    def stop(self):
        if self.daemon is None:
            return
        self.daemon.terminate()
        try:
            status = self.daemon.wait(10)
        except subprocess.TimeoutExpired as late:
            self.daemon.kill()
            raise Failed("SIGTERM did not end the daemon within 10 s") from late
        finally:
            self.daemon = None
        expect(status == 0, f"the daemon ended with {status}")

    def ask(self, recipient):
        """The verdict, asked over the policy socket by the user that Postfix is."""
        passwd = self.machine.path("/etc/passwd").read_text()
        uid, gid = map(int, re.search(r"^postfix:[^:]*:(\d+):(\d+):", passwd, re.MULTILINE).groups())
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(Exception):
                os.chroot(self.machine.directory)
                os.setgroups([])
                os.setgid(gid)
                os.setuid(uid)
                with PolicyClient(f"unix:{POLICY}") as client:
                    os.write(writer, client.ask(recipient).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            answer = pipe.read()
        os.waitpid(child, 0)
        return answer

    def step_configuration(self):
        """what README.Debian says to write is a good configuration, also to the daemon's user"""
        conf = self.machine.path(CONF)
        shipped = conf.read_text()
        expect("#" + CONTACT in shipped, f"{CONF} has no {CONTACT}")
        conf.write_text(shipped.replace("#" + CONTACT, CONTACT) + FEED)
        self.machine.run("setpriv", "--reuid", "rcptguard", "--regid", "rcptguard", "--init-groups", *DAEMON, "-t")
        expect(self.owner(CONF) == "640 root:rcptguard", f"{CONF} became {self.owner(CONF)}")

    def step_daemon(self):
        """the daemon refuses what the list names and passes the rest, asked as Postfix asks"""
        self.start()
        wait_until("refused", lambda: self.ask(LISTED).startswith("550 5.7.1 "))
        expect("ask helpdesk@example.org and quote" in self.ask(LISTED), self.ask(LISTED))
        expect(self.ask(UNLISTED) == "DUNNO", f"{UNLISTED}: {self.ask(UNLISTED)}")
        status = pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text()
        uid = re.search(r"^Uid:\s+(\d+)", status, re.MULTILINE).group(1)
        expect(uid == self.machine.run("id", "-u", "rcptguard").strip(), f"it runs as uid {uid}")

    def step_passed_socket(self):
        """so it does on a socket that it was passed, as by systemd"""
        self.stop()
        self.machine.path(POLICY).unlink(missing_ok=True)
        self.spawn("systemd-socket-activate", "--fdname=policy", "-l", POLICY, *DAEMON)
        wait_until("the socket is there", self.machine.path(POLICY).exists)
        self.machine.path(POLICY).chmod(0o666)
        wait_until("refused", lambda: self.ask(LISTED).startswith("550 5.7.1 "))
        expect(self.ask(UNLISTED) == "DUNNO", f"{UNLISTED}: {self.ask(UNLISTED)}")
        self.stop()
        self.machine.path(POLICY).unlink()
        self.start()

    def step_command(self):
        """the command checks, excludes, and finds nothing to complain of"""
        run = self.machine.run
        expect("example" in run("rcptguard", "check", LISTED, status=1), "check does not name the list")
        run("rcptguard", "check", UNLISTED)
        run("rcptguard", "status")
        run("rcptguard", "exclude", LISTED, "--ticket", "INC4711")
        expect(self.ask(LISTED) == "DUNNO", f"excluded, but {self.ask(LISTED)}")
        expect("INC4711" in self.machine.path(EXCLUSIONS).read_text(), f"{EXCLUSIONS} has no INC4711")
        run("rcptguard", "block", "no-way@example.net")
        self.stop()

    # what comes after

    def package(self, version, change_conffile=False, keep=("--force-confold",)):
        """Installs the same package as VERSION, as apt does in a script."""
        tree = self.machine.path("/root/tree")
        shutil.rmtree(tree, ignore_errors=True)
        self.machine.run("dpkg-deb", "-R", f"/root/{self.deb.name}", "/root/tree")
        control = tree / "DEBIAN" / "control"
        control.write_text(re.sub(r"^Version: .*", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
        if change_conffile:
            with open(tree / CONF.lstrip("/"), "a") as conf:
                conf.write("# a key that came with this version\n")
        self.machine.run("dpkg-deb", "--root-owner-group", "-b", "/root/tree", f"/root/next_{version}.deb")
        return self.machine.run("dpkg", *keep, "-i", f"/root/next_{version}.deb")

    def pretend_systemd(self):
        """No systemd runs here: what it is told is written down, and everything counts as active."""
        self.machine.path("/usr/sbin/policy-rc.d").unlink(missing_ok=True)
        self.machine.path("/run/systemd/system").mkdir(parents=True, exist_ok=True)
        systemctl = self.machine.path("/usr/local/bin/systemctl")
        systemctl.write_text('#!/bin/sh\necho "$*" >>/root/told\n')
        systemctl.chmod(0o755)
        self.machine.path("/root/told").write_text("")

    def told(self):
        """What systemctl was told since the last time, without the questions."""
        told = self.machine.path("/root/told").read_text()
        self.machine.path("/root/told").write_text("")
        lines = [line.replace("--system", "").replace("--quiet", "").split() for line in told.splitlines()]
        return [" ".join(words) for words in lines if words and not words[0].startswith("is-")]

    def kept(self):
        """Digest and owner of each file that an upgrade must not touch."""
        found = {}
        for top in ("/etc/rcptguard", "/var/lib/rcptguard"):
            for path in sorted(self.machine.path(top).rglob("*")):
                state = path.stat()
                digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
                inside = "/" + str(path.relative_to(self.machine.directory))
                found[inside] = (oct(state.st_mode), state.st_uid, state.st_gid, digest)
        return found

    def step_upgrade(self):
        """an upgrade keeps configuration, exclusions, blocks and state, and restarts what runs"""
        self.pretend_systemd()
        before = self.kept()
        expect({EXCLUSIONS, "/etc/rcptguard/local/blocks"} <= set(before), f"only {sorted(before)}")
        expect(any(p.startswith("/var/lib/rcptguard/") for p in before), "there is no state to keep")
        said = self.package("9.0-1", keep=())
        expect("Syntax:" not in said, f"a script of the package is wrong; dpkg said:\n{shown(said)}")
        expect(self.kept() == before, f"changed: {set(self.kept().items()) ^ set(before.items())}")
        told = self.told()
        expect(told.index("daemon-reload") < told.index("try-restart rcptguard.service"), f"told {told}")
        expect(not any(re.search(r"\b(stop|start|restart|enable)\b.*socket", t) for t in told), f"told {told}")

    def step_upgrade_conffile(self):
        """so does one that brings another rcptguard.conf, laid beside the edited one"""
        before = self.kept()
        self.package("9.0-2", change_conffile=True)
        after = self.kept()
        new = after.pop(f"{CONF}.dpkg-dist", None)
        expect(new is not None, f"no {CONF}.dpkg-dist")
        expect(after == before, f"changed: {set(after.items()) ^ set(before.items())}")
        self.told()

    def step_upgrade_bad(self):
        """with a configuration that is no longer good the old daemon goes on, and dpkg's output says so"""
        conf = self.machine.path(CONF)
        good = conf.read_text()
        conf.write_text(good + "no_such_key = 1\n")
        said = self.package("9.0-3")
        conf.write_text(good)
        told = self.told()
        expect(not any("restart" in t or "stop" in t for t in told), f"systemctl was told {told}")
        expect("no_such_key" in said and "not restarted" in said, f"dpkg said:\n{shown(said)}")

    def step_after_upgrade(self):
        """the daemon still knows what it knew"""
        self.start()
        expect(self.ask(LISTED) == "DUNNO", f"excluded, but {self.ask(LISTED)}")
        expect(self.ask("no-way@example.net").startswith("550 "), "the local block is gone")
        self.machine.run("rcptguard", "unexclude", LISTED)
        expect(self.ask(LISTED).startswith("550 "), f"{LISTED}: {self.ask(LISTED)}")
        self.stop()

    def step_remove(self):
        """removed, it is stopped, and leaves configuration, exclusions and state"""
        before = self.kept()
        self.told()
        self.machine.run("dpkg", "-r", "rcptguard")
        told = self.told()
        expect(any(t.startswith("stop ") and "rcptguard.socket" in t for t in told), f"systemctl was told {told}")
        expect(self.kept() == before, f"changed: {set(self.kept().items()) ^ set(before.items())}")
        expect(self.owner("/usr/sbin/rcptguardd") is None, "rcptguardd is still there")

    def leftovers(self):
        found = []
        for top in ("etc", "run", "usr", "var", "lib"):
            for path in self.machine.path(top).rglob("*rcptguard*"):
                inside = "/" + str(path.relative_to(self.machine.directory))
                if not inside.startswith(("/var/cache/apt", "/var/log/apt")):
                    found.append(inside)
        return found

    def step_purge(self):
        """purged, nothing of it is left but its user"""
        self.machine.run("dpkg", "-P", "rcptguard")
        expect(not self.leftovers(), f"left: {self.leftovers()}")
        self.machine.run("getent", "passwd", "rcptguard")

    def step_again(self):
        """installed anew it neither starts nor enables anything, also where systemd runs"""
        self.told()
        self.machine.run("dpkg", "-i", f"/root/{self.deb.name}")
        told = self.told()
        expect(not any(re.search(r"start|enable", t) for t in told), f"systemctl was told {told}")
        self.step_not_enabled()
        expect(self.owner(CONF) == "640 root:rcptguard", f"{CONF} is {self.owner(CONF)}")
        self.machine.run("dpkg", "-P", "rcptguard")
        expect(not self.leftovers(), f"left: {self.leftovers()}")

    # where systemd can run

    def step_systemd(self):
        """under a real systemd one command enables it; restarts and an upgrade lose no question, a bad reload says so"""
        self.machine.path("/usr/local/bin/systemctl").unlink()
        try:
            self.machine = self.booted = Booted(self.machine)
        except Failed as why:
            raise Skipped(str(why)) from why
        run = self.machine.run
        run("dpkg", "-i", f"/root/{self.deb.name}")
        self.expect_active("inactive")
        self.step_configuration()
        run("systemctl", "enable", "--now", "rcptguard.socket")
        wait_until("refused", lambda: self.ask(LISTED).startswith("550 5.7.1 "))
        self.expect_active("active")
        run("rcptguard", "status")
        self.without_loss("systemctl", "restart", "rcptguard")
        run("systemctl", "restart", "rcptguard.socket")  # as after an edit of it
        self.expect_active("active")
        wait_until("refused", lambda: self.ask(LISTED).startswith("550 5.7.1 "))
        self.without_loss("systemctl", "reload", "rcptguard")
        before = self.main_pid()
        run("systemctl", "kill", "--signal=KILL", "rcptguard")
        wait_until("it is started again", lambda: self.main_pid() not in ("0", before))
        before = self.main_pid()
        self.without_loss("dpkg", "-i", "/root/next_9.0-1.deb")
        expect(self.main_pid() != before, "the upgrade did not restart it")
        self.bad_reload()
        journal = run("journalctl", "-u", "rcptguard", "-o", "export", "RCPTGUARD_RECIPIENT=" + LISTED)
        expect("\nRCPTGUARD_OUTCOME=reject\n" in journal, f"the journal has no fields:\n{shown(journal)}")
        run("dpkg", "-P", "rcptguard")
        self.expect_active("inactive")
        expect(not self.leftovers(), f"left: {self.leftovers()}")

    def expect_active(self, state):
        for unit in ("rcptguard.service", "rcptguard.socket", "rcptguard-admin.socket"):
            ask = ("systemctl", "is-active", unit)
            wait_until(f"{unit} is {state}", lambda: self.machine.run(*ask, status=None).strip() == state)

    def main_pid(self):
        return self.machine.run("systemctl", "show", "--property=MainPID", "--value", "rcptguard").strip()

    def without_loss(self, *command):
        """Runs COMMAND while somebody asks without pause."""
        with tempfile.TemporaryDirectory() as short:  # the path of a socket has 107 bytes
            link = pathlib.Path(short) / "s"
            link.symlink_to(self.machine.path(POLICY).parent)
            asker = Asker(f"unix:{link}/policy", LISTED, UNLISTED)
            asker.start()
            wait_until("there are answers", lambda: asker.answers > 100)
            self.machine.run(*command)
            seen = asker.answers
            wait_until("there are answers afterwards", lambda: asker.answers > seen + 100)
            asker.go_on = False
            asker.join(20)
        expect(not asker.wrong, f"{command[0]} {command[1]}: {asker.wrong[:3]}")

    def bad_reload(self):
        conf, before = self.machine.path(CONF), self.main_pid()
        good = conf.read_text()
        conf.write_text(good + "no_such_key = 1\n")
        self.machine.run("systemctl", "reload", "rcptguard", status=1)
        conf.write_text(good)
        expect(self.main_pid() == before, "a bad reload restarted it")
        expect(self.ask(LISTED).startswith("550 5.7.1 "), "after a bad reload it refuses nothing")

    def close(self):
        if self.booted is not None:
            self.booted.close()
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon.wait()
        for name in ("builder", "linter", "machine"):
            shutil.rmtree(self.work / name, ignore_errors=True)


STEPS = [name for name in vars(Life) if name.startswith("step_")]
# Without them nothing that follows can be.
NEEDED = {"step_clean", "step_build", "step_install", "step_configuration"}


def main():
    passed = failed = skipped = 0
    for release in RELEASES:
        life = Life(release)
        try:
            for number, name in enumerate(STEPS):
                step = getattr(life, name)
                began = time.monotonic()
                try:
                    note = step()
                except Skipped as why:
                    skipped += 1
                    print(f"{release}: skipped: {step.__doc__}: {why}", flush=True)
                except (Failed, OSError, subprocess.SubprocessError) as why:
                    failed += 1
                    print(f"{release}: FAILED: {step.__doc__} ({time.monotonic() - began:.0f} s)")
                    print("\n".join(f"    {line}" for line in str(why).splitlines()), flush=True)
                    if name in NEEDED:
                        rest = len(STEPS) - number - 1
                        skipped += rest
                        print(f"{release}: skipped: the {rest} steps after it", flush=True)
                        break
                else:
                    passed += 1
                    took = f"({time.monotonic() - began:.0f} s)"
                    print(f"{release}: {step.__doc__} {took}" + (f": {note}" if note else ""), flush=True)
        finally:
            life.close()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
