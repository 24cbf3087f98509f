"""Relays that agree about exclusions and blocks through a real Redis, and what is asked of them."""

import socket
import threading

from daemon import Daemon
from redisserver import Relays
from support import wait_until

SECRET = "a secret that all relays have"
LISTED = [f"u{i}@example.org" for i in range(50)]
IN_FORCE_S = 2
HASH = "rcptguard:exclusions"


class Fleet(Relays):
    """Relays that share; each has the same list."""

    def add(self, redis, **keys):
        relay = Daemon()
        relay.list_file("main", "".join(f"{r}\n" for r in LISTED))
        relay.config["redis"] = dict(
            {"url": redis.unix, "secret": SECRET, "share": "exclusions blocks"}, **keys
        )
        self.append(relay)
        return relay

    def start(self):
        for relay in self:
            relay.start()
            relay.wait_blocked(LISTED[0])
            wait_up(relay)
        return self


class Proxy:
    """Between one relay and Redis; HEARD is called with all that the relay sent so far. What makes it
    return True is not passed on, nor anything after. While it is DEAF nothing comes back, and nobody is let in."""

    def __init__(self, redis, heard):
        self.redis, self.heard = redis, heard
        self.deaf = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def close(self):
        self.listener.close()

    def _serve(self):
        while True:
            try:
                relay, _ = self.listener.accept()
            except OSError:
                return
            if self.deaf:
                relay.close()
                continue
            there = socket.create_connection(("127.0.0.1", self.redis.port))
            threading.Thread(target=self._pass_back, args=(there, relay), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(relay, there), daemon=True).start()

    def _pass_on(self, relay, there):
        sent = b""
        try:
            while piece := relay.recv(65536):
                sent += piece
                if self.heard(sent):
                    return
                there.sendall(piece)
        except OSError:
            pass
        finally:
            there.close()

    def _pass_back(self, there, relay):
        try:
            while (piece := there.recv(65536)) and not self.deaf:
                relay.sendall(piece)
        except OSError:
            pass
        finally:
            relay.close()


def status(relay):
    return relay.api("GET", "/v1/status")[1]["fleet"]


def wait_up(relay, seconds=15):
    wait_until("connected", lambda: status(relay)["state"] == "up", seconds)


def wait_agree(relays, kind="exclusions", seconds=20):
    """All have the same, and nothing waits."""

    def agree():
        seen = [status(relay)[kind] for relay in relays]
        return len({(s["digest"], s["count"]) for s in seen}) == 1 and not any(s["waiting"] for s in seen)

    try:
        wait_until("the relays agree", agree, seconds)
    except AssertionError as late:
        raise AssertionError(f"{late}: {[status(relay)[kind] for relay in relays]}") from None


def lines(relay, kind="exclusions"):
    text = (relay.state / "fleet" / kind).read_text()
    return sorted(line for line in text.splitlines() if not line.startswith("#"))


def exclude(relay, what, **more):
    return relay.api("POST", "/v1/exclusions", body={"what": what, **more})[0]


def unexclude(relay, what):
    return relay.api("DELETE", "/v1/exclusions", what=what)[0]


def seen_by(relay):
    return {r["relay"]: r for r in relay.api("GET", "/v1/status", fleet="yes")[1]["fleet"]["relays"]}
