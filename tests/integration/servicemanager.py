"""What systemd does for rcptguardd, where systemd does not run: sockets that stay while the daemon
is restarted (sd_listen_fds), and a place to be told how it is (sd_notify)."""

import os
import pathlib
import socket
import sys

from support import DEADLINE, make_directory, remove_directory, wait_until

# Runs as the process that becomes the daemon, since LISTEN_PID is its number.
_BECOME = """
import os, sys
names, fds, command = sys.argv[1], [int(n) for n in sys.argv[2].split(",")], sys.argv[3:]
for i, fd in enumerate([os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]):
    os.dup2(fd, 3 + i, inheritable=True)
os.closerange(3 + len(fds), 200)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=names)
os.execvp(command[0], command)
"""


class ServiceManager:
    """Listens in place of DAEMON at where it is configured to; NAMES are FileDescriptorNames of its
    unix socket, its TCP socket and its admin socket. Sets it up to be started so."""

    def __init__(self, daemon, names="policy:policy:admin", watchdog_s=None):
        self.daemon = daemon
        self.directory = make_directory()
        os.chmod(self.directory, 0o711)
        self.sockets = [
            self._unix(daemon.socket),
            self._inet(daemon.port),
            self._unix(daemon.admin),
        ]
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.directory / "notify"
        self.notify.bind(str(path))
        os.chmod(path, 0o777)
        self.notify.setblocking(False)
        self.told = []
        fds = [s.fileno() for s in self.sockets]
        self.become = [sys.executable, "-I", "-S", "-c", _BECOME, names, ",".join(map(str, fds))]
        self.inner = daemon.wrapper
        daemon.wrapper = self.become + self.inner
        daemon.pass_fds = fds
        daemon.environment = {"NOTIFY_SOCKET": str(path)}
        if watchdog_s is not None:
            daemon.environment["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))

    @staticmethod
    def _unix(path):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.bind(str(path))
        os.chmod(path, 0o666)
        s.listen(1024)
        return s

    @staticmethod
    def _inet(port):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen(1024)
        return s

    def listen_also(self, path, name):
        """One socket more; NAME may be ""."""
        self.sockets.append(self._unix(pathlib.Path(path)))
        fds = [s.fileno() for s in self.sockets]
        if name:
            self.become[-2] += f":{name}"
        self.become[-1] = ",".join(map(str, fds))
        self.daemon.wrapper = self.become + self.inner
        self.daemon.pass_fds = fds

    def read(self):
        """All that it was told, in order, a list of lines."""
        while True:
            try:
                self.told += self.notify.recv(65536).decode().split("\n")
            except BlockingIOError:
                return self.told

    def forget(self):
        self.read()
        self.told = []

    def wait_told(self, line, seconds=DEADLINE):
        wait_until(f"the manager is told {line}", lambda: line in self.read(), seconds)

    def restart(self):
        """As `systemctl restart`: SIGTERM, the end, start, READY=1."""
        status = self.daemon.stop()
        self.forget()
        self.daemon.spawn()
        self.wait_told("READY=1")
        return status

    def close(self):
        for s in [*self.sockets, self.notify]:
            s.close()
        remove_directory(self.directory)
