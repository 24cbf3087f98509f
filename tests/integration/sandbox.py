"""The daemon as its systemd unit lets it run: as a user without rights, under the unit's own
SystemCallFilter and RestrictAddressFamilies. `wrapper()` goes before its command line."""

import ctypes
import functools
import grp
import os
import pwd
import shutil
import socket
import subprocess
import sys

UNIT = "systemd/rcptguard.service"
PRELOAD = "RCPTGUARD_TEST_PRELOAD"  # in the environment: LD_PRELOAD of the daemon, not of what starts it
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000  # SCMP_ACT_* of seccomp.h
_EQUAL, _EPERM = 4, 1
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 24, 38


def available():
    """Needs root to become somebody else, systemd-analyze for its groups of calls, libseccomp."""
    return os.geteuid() == 0 and bool(shutil.which("systemd-analyze")) and _library() is not None


def values(unit, key):
    """All values of KEY in the text of a unit, in order."""
    lines = (line.strip() for line in unit.splitlines())
    return [line.split("=", 1)[1] for line in lines if line.startswith(key + "=")]


def _library():
    try:
        return ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        return None


def _members(group):
    """What is in "@group", with the groups in it taken apart."""
    shown = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True
    )
    found = set()
    for word in shown.stdout.split("\n")[1:]:
        word = word.strip()
        if word.startswith("@"):
            found |= _members(word)
        elif word and not word.startswith("#"):
            found.add(word)
    return found


def allowed(unit):
    """The names of the calls that are left; the first word says that it is a list of what is allowed
    (systemd.exec(5)), to which systemd adds @default."""
    names = _members("@default")
    for value in values(unit, "SystemCallFilter"):
        denies = value.startswith("~")
        for word in value.lstrip("~").split():
            members = _members(word) if word.startswith("@") else {word}
            names = names - members if denies else names | members
    return names


@functools.lru_cache
def wrapper(root, user, group):
    with open(root / UNIT, encoding="utf-8") as file:
        unit = file.read()
    assert values(unit, "SystemCallErrorNumber") == ["EPERM"]
    families = " ".join(values(unit, "RestrictAddressFamilies")).split()
    numbers = [str(int(getattr(socket, name))) for name in families]
    ids = f"{pwd.getpwnam(user).pw_uid}:{grp.getgrnam(group).gr_gid}"
    return [
        sys.executable, "-I", "-S", __file__, ids, ",".join(numbers),
        " ".join(sorted(allowed(unit))),
    ]  # fmt: skip


def _prctl(option, value):
    return ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _become(uid, gid):
    capability = 0
    while _prctl(_PR_CAPBSET_DROP, capability) == 0:
        capability += 1
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    assert _prctl(_PR_SET_NO_NEW_PRIVS, 1) == 0


def _restrict(families, names):
    library = _library()
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(_ERRNO | _EPERM))
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0 and name != "socket":  # below 0: unknown to this architecture
            assert library.seccomp_rule_add(context, _ALLOW, number, 0) == 0, name
    number = library.seccomp_syscall_resolve_name(b"socket")

    class Compare(ctypes.Structure):
        _fields_ = [
            ("arg", ctypes.c_uint),
            ("op", ctypes.c_int),
            ("a", ctypes.c_uint64),
            ("b", ctypes.c_uint64),
        ]

    for family in families:
        compare = Compare(0, _EQUAL, family, 0)
        rule = ctypes.byref(compare)
        assert library.seccomp_rule_add_array(context, _ALLOW, number, 1, rule) == 0
    assert library.seccomp_load(context) == 0


def _main(ids, families, names, *command):
    # By its descriptor: the user may have no way into the directory of the clone.
    program = os.open(command[0], os.O_RDONLY | os.O_CLOEXEC)
    _become(*map(int, ids.split(":")))
    _restrict([int(n) for n in families.split(",")], names.split())
    environment = dict(os.environ)
    if PRELOAD in environment:
        environment["LD_PRELOAD"] = environment.pop(PRELOAD)
    os.execve(program, command, environment)


if __name__ == "__main__":
    _main(*sys.argv[1:])
