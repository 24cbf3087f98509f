#!/usr/bin/python3
"""Makes the pictures of commands in this directory: a daemon with lists and a DNS zone of its own, on
loopback, what the commands print, as SVG. `make` first; needs root, rbldnsd and unbound, as the
integration tests do.
"""

import html
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "integration"))
from daemon import Daemon  # noqa: E402
from dnsservers import Rbldnsd, Unbound  # noqa: E402
from policyclient import REF  # noqa: E402

COLUMN, LINE, SIZE = 8.4, 19, 14
LISTED = "account-verify@example.com"


class Picture:
    def __init__(self, daemon):
        self.daemon = daemon
        self.lines = []  # (text, is it typed)

    def type(self, *words):
        text = " ".join(f"'{w}'" if " " in w else w for w in words)
        if self.lines:
            self.lines.append(("", False))
        self.lines.append((f"$ rcptguard {text}", True))
        result = self.daemon.command(*words)
        output = (result.stdout + result.stderr).rstrip("\n")
        # Where the daemon of the picture keeps its files says nothing to anybody.
        output = output.replace(f" -s {self.daemon.admin}", "")
        output = output.replace(str(self.daemon.local), "/etc/rcptguard/local")
        output = output.replace(f"file:{self.daemon.directory}", "https://lists.example.org")
        self.lines += [(line, False) for line in output.split("\n")]

    def save(self, name):
        width = max(len(text) for text, _ in self.lines) * COLUMN + 40
        height = len(self.lines) * LINE + 36
        rows = "".join(
            f'<text x="20" y="{28 + i * LINE}" fill="{"#9ae6b4" if typed else "#e2e8f0"}" '
            f'xml:space="preserve">{html.escape(text)}</text>\n'
            for i, (text, typed) in enumerate(self.lines)
        )
        (HERE / name).write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
            f'width="{width:.0f}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" '
            f'font-size="{SIZE}">\n<rect width="100%" height="100%" rx="8" fill="#1a202c"/>\n'
            f"{rows}</svg>\n",
            encoding="utf-8",
        )


def rows(first, last):
    return "".join(f"drop-box-{i}@example.com\n" for i in range(first, last))


def main():
    daemon = Daemon()
    rbldnsd = Rbldnsd({"dbl.example.net": ("dnset", ":127.0.1.2:phishing\n.phish.example.com\n")})
    rbldnsd.start()
    unbound = Unbound({"dbl.example.net": rbldnsd.port})
    unbound.start()
    try:
        show(daemon, unbound)
    finally:
        daemon.close()
        unbound.close()
        rbldnsd.close()


def show(daemon, unbound):
    daemon.list_file("phishing", f"{LISTED}\n" + rows(0, 4000))
    path = daemon.list_file("university", rows(4000, 16000))
    daemon.resolvers(unbound.port)
    daemon.zone("dbl", "dbl.example.net", query="domain", codes="127.0.[0..1].2", timeout="1s")
    daemon.start_zones()
    daemon.wait_blocked("drop-box-15999@example.com")

    action = daemon.ask(LISTED, sender="ann@example.edu", sasl_username="ann")
    picture = Picture(daemon)
    picture.type("why", re.search(REF + "$", action)[0])
    picture.type("exclude", LISTED, "--for", "30d", "--ticket", "INC4711")
    picture.type("check", LISTED)
    picture.save("helpdesk.svg")

    path.write_text(rows(4000, 9000))
    daemon.wait_feed("university", state="held")
    picture = Picture(daemon)
    picture.type("feeds")
    picture.save("feeds.svg")


if __name__ == "__main__":
    main()
