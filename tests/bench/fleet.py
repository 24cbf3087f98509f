"""
The part `fleet`: a list on its way through Redis. How long from a changed list until the relay that
fetched it has it in force, and until another has that took it from Redis; and the bytes that Redis holds
then. (What Redis costs those who ask is in features.py.)
"""

import functools
import http.server
import shutil
import statistics
import threading
import time

from features import REDIS
from measure import median
from servers import READY_S, Daemon, Feed, http as call, wait_blocked

JUST_NOW_S = 2.5  # what was fetched since is new enough, also for a person


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Fleet:
    def __init__(self, bench):
        self.bench, self.options = bench, bench.options
        self.runs = bench.results["fleet"] = []

    def run(self):
        if not shutil.which("redis-server"):
            print("\nfleet: skipped, redis-server is missing")
            return
        from redisserver import Redis

        self.redis = Redis().start()
        publisher = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Quiet, directory=self.bench.dir))
        threading.Thread(target=publisher.serve_forever, daemon=True).start()
        try:
            self.feed = Feed(f"{self.bench.dir}/published", self.options.entries[0],
                             f"http://127.0.0.1:{publisher.server_port}/published")
            self.relays = [self.relay("first relay"), self.relay("second relay")]
            for _ in range(self.options.rounds):
                self.runs.append(self.publish())
            for relay in self.relays:
                relay.stop()
        finally:
            publisher.shutdown()
            self.redis.close()
        self.report()

    def relay(self, name):
        daemon = Daemon(self.bench, name, feed=self.feed, cpus=set(self.bench.cpus),
                        more=REDIS.format(url=self.redis.unix))
        self.bench.wait_until("the fleet is up", lambda: daemon.status()["fleet"]["state"] == "up")
        return daemon

    def publish(self):
        self.feed.write()
        time.sleep(JUST_NOW_S)
        waits = {}

        def wait(relay):
            if wait_blocked(relay.policy, self.feed.marker(), READY_S, pause=0.002):
                waits[relay.name] = time.monotonic() - started

        threads = [threading.Thread(target=wait, args=(relay,)) for relay in self.relays]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        call(self.relays[0].admin, "/v1/feeds/bench/refresh", "POST")
        for thread in threads:
            thread.join()
        if len(waits) < len(self.relays):
            raise SystemExit("bench: the list did not come through Redis")
        keys = self.redis.call("KEYS", "rcptguard:*").split()
        return {"fetched_s": waits["first relay"], "taken_s": waits["second relay"],
                "redis_bytes": sum(self.bytes_of(key) for key in keys)}

    def bytes_of(self, key):
        return int(self.redis.call("MEMORY", "USAGE", key))

    def report(self):
        first, second = (median(self.runs, field) for field in ("fetched_s", "taken_s"))
        held = median(self.runs, "redis_bytes")
        more = statistics.median(run["taken_s"] - run["fetched_s"] for run in self.runs)
        print(f"\nfleet, a list of {self.options.entries[0]} entries, medians of "
              f"{self.options.rounds}: in force where it was fetched after {first:.2f} s, on another "
              f"relay after {second:.2f} s ({more:+.2f} s); {held / 1e6:.1f} MB in Redis")
