"""Relays that agree about exclusions and blocks through a real Redis, and what is asked of them."""

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
