"""Programs that the bench starts, and how it asks them."""

import os
import socket
import subprocess
import time

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
READY_S = 60  # for a list of ten million on a slow machine


def query(recipient):
    return ("request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
            f"sender=jane.doe@example.edu\nrecipient={recipient}\n\n").encode()


def ask(path, recipient, timeout=5):
    """One question on a connection of its own; the answer's text, or None when there is none."""
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(timeout)
            s.connect(path)
            s.sendall(query(recipient))
            answer = b""
            while not answer.endswith(b"\n\n"):
                more = s.recv(4096)
                if not more:
                    return None
                answer += more
            return answer.decode("ascii", "replace").strip()
    except OSError:
        return None


def wait_blocked(path, recipient, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (ask(path, recipient) or "").startswith("action=5"):
            return True
        time.sleep(0.02)
    return False


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pid):
    """User and system time of all threads of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def rss_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def pin(cpus):
    """To be run in the child between fork and exec."""
    return (lambda: os.sched_setaffinity(0, cpus)) if cpus else None


class Server:
    def __init__(self, name, command, endpoints, log, cpus):
        self.name = name
        self.endpoints = endpoints  # transport -> what the load connects to
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        preexec_fn=pin(cpus))

    @property
    def pid(self):
        return self.process.pid

    def set_cpus(self, cpus):
        for task in os.listdir(f"/proc/{self.pid}/task"):
            os.sched_setaffinity(int(task), cpus)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
