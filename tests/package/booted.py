"""A machine whose first process is a real systemd, in namespaces of its own: where the kernel allows it, the
units are tried and not only read."""

import pathlib
import subprocess
import time

from machine import Failed, Machine

# $0 is the directory. What a container needs (systemd.io/CONTAINER_INTERFACE); control groups as the kernel
# has them.
BOOT = r"""
mount --make-rprivate / && mount --bind "$0" "$0" && ip link set lo up || exit 125
mount -t proc proc "$0/proc"
mount -t sysfs -o ro sysfs "$0/sys" || mount --rbind /sys "$0/sys"
mount -t tmpfs -o mode=755 tmpfs "$0/dev"
for device in null zero full random urandom tty; do
    touch "$0/dev/$device" && mount --bind "/dev/$device" "$0/dev/$device"
done
ln -s /proc/self/fd "$0/dev/fd"
mkdir "$0/dev/pts" "$0/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$0/dev/pts"
ln -s pts/ptmx "$0/dev/ptmx"
for place in dev/shm run tmp; do mount -t tmpfs tmpfs "$0/$place"; done
mount -t cgroup2 cgroup2 "$0/sys/fs/cgroup" || {
    mount -t tmpfs tmpfs "$0/sys/fs/cgroup"
    mkdir "$0/sys/fs/cgroup/systemd" "$0/sys/fs/cgroup/unified"
    mount -t cgroup -o none,name=systemd systemd "$0/sys/fs/cgroup/systemd"
    mount -t cgroup2 cgroup2 "$0/sys/fs/cgroup/unified"
}
hostname package-test
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    chroot "$0" /lib/systemd/systemd --system --log-target=console --show-status=no
"""

NAMESPACES = ["--pid", "--mount", "--uts", "--ipc", "--cgroup", "--net"]


class Booted(Machine):
    """MACHINE, booted; `close` ends all of it. Failed when systemd does not come up here."""

    def __init__(self, machine):
        super().__init__(machine.directory, machine.archives.parent.name)
        with open(self.archives.parent / "boot.log", "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", *NAMESPACES, "--fork", "--kill-child", "sh", "-c", BOOT, str(self.directory)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        try:
            self._wait_up()
        except Failed:
            self.close()
            raise

    def _first(self):
        """The number, out here, of the process that is number 1 in there."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return children[0] if children else None

    def _wait_up(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            if self._first() and self.run("systemctl", "is-system-running", status=None).strip() in ("running", "degraded"):
                return
            time.sleep(0.1)
        raise Failed(f"systemd does not come up; see {self.archives.parent / 'boot.log'}")

    def command(self, arguments, offline=True, alone=True):
        first = self._first() or "0"
        return ["nsenter", "-t", first, "-p", "-m", "-u", "-i", "-n", "-r", "-w", *arguments]

    def close(self):
        self.process.kill()
        self.process.wait()
