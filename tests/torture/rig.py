"""A daemon with a little of everything, the work it is given, and what must be true of it after any fault."""

import contextlib
import http.client
import itertools
import signal
import socket
import subprocess

from daemon import Daemon, check_config
from dnsservers import Rbldnsd
from policyclient import blocked, query
from redisserver import Redis
from scriptedserver import ScriptedServer
from support import give_to_drop_user, remove_directory, wait_until, write_by_rename

LISTED, EXCLUDED, UNLISTED = "listed@example.org", "excluded@example.org", "free@example.net"
BLOCKED = "blocked@example.org"
ZONE, ZONED = "dbl.example.net", "somebody@zoned.example.org"
# What everybody who waits has at most; all is over in a hundredth of it unless something hangs.
DEADLINE = 10.0
LEASE = 15.0  # of who fetches a list for all, as src/fleet/lists_parts.h has it
# What a client waits for an answer while something is broken.
PATIENCE = 1.0


class Broken(Exception):
    """Something that must hold does not."""


class Rig:
    def __init__(self, environment=None, rows=300):
        self.daemon = d = Daemon(sandboxed=False)
        self.environment, self.rows = environment or {}, rows
        self.publisher = ScriptedServer()
        self.publisher.pages["/list"] = self.publish
        self.is_published, self.is_rolled_back = True, False
        self.dns = Rbldnsd({ZONE: ("dnset", "zoned.example.org :2:of the zone\n")}).start()
        self.redis = Redis().start()
        self.numbers = itertools.count(1)
        self.version = 0
        self.acknowledged = {EXCLUDED: True}  # what -> excluded; not in it: nobody knows
        d.exclusions.write_text(f"# kept by hand\n{EXCLUDED}\n")
        d.blocks_file.write_text(f"{BLOCKED}\n")
        give_to_drop_user(d.exclusions)
        give_to_drop_user(d.blocks_file)
        d.config["blocks"] = {"file": d.blocks_file}
        d.config["decisions"] = {"file": d.run_directory / "decisions", "log_passes": "yes"}
        self.list_path = d.list_file("main", self.text("file"))
        self.published = self.text("http")
        d.feed("web", self.publisher.url("/list"), refresh="1h")
        d.config["policy"]["deadline"] = "500ms"
        d.zone("dbl", ZONE, timeout="300ms")
        d.resolvers(self.dns.port)
        d.config["redis"] = {
            "url": self.redis.unix, "secret": "of all relays", "share": "lists exclusions blocks events"
        }  # fmt: skip

    def text(self, kind):
        rows = [LISTED, EXCLUDED, f"{kind}{self.version}@example.org"]
        return "".join(f"{row}\n" for row in rows + [f"u{i}@example.org" for i in range(self.rows)])

    def publish(self, request):
        if self.is_published:
            request.ok(self.published)
        else:
            request.send(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n")

    # life

    def start(self, faulty=False, look=lambda: None):
        """Without faults unless told; returns whether it answers. LOOK is called while waiting."""
        self.daemon.spawn(self.environment if faulty else {})
        return self.wait_start(look)

    def wait_start(self, look=lambda: None):
        def there():
            look()
            if self.daemon.process.poll() is not None:
                return "ended"
            with contextlib.suppress(OSError, EOFError, AssertionError):
                with self.daemon.client(timeout=2) as client:
                    client.ask(UNLISTED)
                return "answers" if self.daemon.admin.exists() else None
            return None

        return wait_until("start", there, DEADLINE) == "answers"

    def alive(self):
        status = self.daemon.process.poll()
        if status is not None:
            raise Broken(f"the daemon ended with {status}")

    def ended_with(self):
        """Its status, or None. One that is about to end may have closed its sockets already."""
        if self.daemon.process is None:
            return "nothing known"
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.daemon.process.wait(0.2)
        return self.daemon.process.poll()

    def stop(self):
        """Orderly; what was promised is in the files then."""
        self.alive()
        status = self.daemon.stop()
        if status != 0:
            raise Broken(f"stopping gave {status}")
        self.check_files()

    def kill(self):
        if self.daemon.process is not None:
            self.daemon.kill()

    def close(self):
        """Once or twice."""
        self.kill()
        for server in (self.publisher, self.dns, self.redis):
            if server is not None:
                server.close()
        self.publisher = self.dns = self.redis = None
        remove_directory(self.daemon.directory)

    # the work, a round each. NUMBER makes what they do new.

    def ask(self, _number=0, retry=True):
        """As Postfix: a connection that breaks is one more try. Returns the actions."""
        answers = {}
        for recipient in (LISTED, EXCLUDED, UNLISTED, BLOCKED, ZONED):
            answers[recipient] = self.ask_one(recipient, retry)
        self.judge(answers)
        return answers

    def ask_one(self, recipient, retry=True, tcp=False):
        for _ in range(2 if retry else 1):
            try:
                with self.daemon.client(tcp, timeout=DEADLINE) as client:
                    return client.ask(recipient)
            except (OSError, EOFError) as trouble:
                fault = trouble
        self.alive()
        if retry:
            raise Broken(f"no answer for {recipient}: {fault!r}")
        return None

    def judge(self, answers):
        """A wrong pass is a pity; a wrong refusal is a fault, and so is anything that makes Postfix defer."""
        for recipient, action in answers.items():
            allowed = action in (None, "DUNNO") or (recipient in (LISTED, BLOCKED, ZONED) and blocked(action))
            if not allowed:
                raise Broken(f"{recipient}: {action}")

    def work_queries(self, number):
        self.ask()
        self.judge({UNLISTED: self.ask_one(UNLISTED, tcp=True)})
        new = f"u{number}@new{number}.example.com"  # of which no zone was asked yet
        self.judge({new: self.ask_one(new)})
        with contextlib.suppress(OSError, EOFError):
            with self.daemon.client(tcp=number % 2 == 0, timeout=PATIENCE) as client:
                names = [LISTED, UNLISTED, EXCLUDED] * 4
                for name, action in zip(names, client.ask_all(names)):
                    self.judge({name: action})

    def work_crowd(self, _number):
        """Questions that are ready at once: their answers go together. Who is closed asks again."""
        names = [LISTED, UNLISTED, EXCLUDED, BLOCKED] * 3
        with contextlib.ExitStack() as crowd:
            clients = []
            for name in names:
                with contextlib.suppress(OSError):
                    clients.append((name, crowd.enter_context(self.daemon.client(timeout=DEADLINE))))
            self.daemon.process.send_signal(signal.SIGSTOP)
            for name, client in clients:
                with contextlib.suppress(OSError):
                    client.send(query(name))
            self.daemon.process.send_signal(signal.SIGCONT)
            for name, client in clients:
                try:
                    action = client.reply()
                except (OSError, EOFError):
                    action = self.ask_one(name)
                self.judge({name: action})

    def edit(self, method, path, what, **more):
        """True: done, and promised; False: refused, or no answer."""
        try:
            if method == "POST":
                status, _ = self.daemon.api(method, path, PATIENCE, body={"what": what, **more})
            else:
                status, _ = self.daemon.api(method, path, PATIENCE, what=what)
        except (OSError, http.client.HTTPException):
            status = None
        if path == "/v1/exclusions":
            if status in (200, 201):
                self.acknowledged[what] = method == "POST"
            else:
                self.acknowledged.pop(what, None)
        return status in (200, 201)

    def work_edits(self, number):
        what = f"u{number % 300}@example.org"
        self.edit("POST", "/v1/exclusions", what, note=f"round {number}")
        self.edit("POST", "/v1/blocks", f"b{number}@example.net")
        if number % 4:
            self.edit("DELETE", "/v1/exclusions", what)
        self.edit("DELETE", "/v1/blocks", f"b{number}@example.net")

    def work_refresh(self, _number):
        self.version += 1
        write_by_rename(self.list_path, self.text("file"))
        self.published, self.is_published = self.text("http"), True
        self.refresh()

    def refresh(self):
        for name in ("main", "web"):
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.daemon.api("POST", f"/v1/feeds/{name}/refresh", PATIENCE)

    def work_reload(self, number):
        """Something of every room is another one each time."""
        config, mark = self.daemon.config, self.daemon.mark()
        config["policy"]["max_clients"] = 1000 + number % 7
        config["daemon"]["history"] = f"{80 + number % 9}d"
        config["feed web"]["reply"] = f"You may not write to ${{entry}} ({number % 5})"
        if number % 3 == 0:
            action = ("reject", "observe")[number % 2]
            config["feed more"] = {"url": f"file:{self.list_path}", "format": "entries", "action": action}
        else:
            config.pop("feed more", None)
        self.reload(mark)

    def work_shape(self, number):
        """Lists are to be read otherwise, and their publisher is away: what is stored of them is all there is."""
        config, mark = self.daemon.config, self.daemon.mark()
        self.is_published = False
        config["feed web"]["apex"] = ("no", "yes")[number % 2]
        config["feed main"]["apex"] = ("yes", "no")[number % 2]
        self.reload(mark)

    def reload(self, mark):
        self.daemon.reload()
        try:
            self.daemon.wait_log(r"is in force: |nothing was changed", 2, mark)
        except AssertionError:
            pass  # no memory for the line; what follows tells

    def work_save(self, number):
        """An editor's: no command is told of it."""
        text = self.daemon.exclusions.read_text()
        what = f"saved{number % 5}@example.net"
        if f"{what}\n" not in text:
            text += f"{what}\n"
        fresh = self.daemon.exclusions.with_name("exclusions.editor")
        fresh.write_text(text + f"# {number}\n")
        give_to_drop_user(fresh)
        fresh.rename(self.daemon.exclusions)
        self.acknowledged[what] = True
        with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
            wait_until("the save", lambda: self.shows(what), 1)

    def shows(self, what):
        status, answer = self.daemon.api("GET", "/v1/exclusions", PATIENCE)
        self.must_be_json("/v1/exclusions", status, answer)
        return status == 200 and what in {line["what"] for line in answer["exclusions"] or ()}

    def must_be_json(self, path, status, answer):
        if status == 200 and path != "/metrics" and not isinstance(answer, dict):
            raise Broken(f"{path}: 200, and no JSON: {len(answer)} bytes, {answer[:40]!r} to {answer[-40:]!r}")

    def work_events(self, number):
        of_all = "&fleet=yes" if number % 2 else ""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(1)
                s.connect(str(self.daemon.admin))
                s.sendall(f"GET /v1/events?all=yes{of_all} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                s.recv(1000)
                for _ in range(3):
                    self.ask_one(LISTED)
                    self.ask_one(UNLISTED)
                s.settimeout(0.3)
                seen = b""
                while seen.count(b'"recipient"') < 6:
                    more = s.recv(65536)
                    if not more:
                        break
                    seen += more
        except OSError:
            pass

    def work_looks(self, _number):
        self.is_published, self.is_rolled_back = True, True
        self.redis.call("XTRIM", "rcptguard:events", "MAXLEN", "50")  # or counting them is all that is done here
        action = self.ask_one(LISTED) or ""
        reference = action.rsplit(" ", 1)[-1]
        for path in (
            f"/v1/check?recipient={LISTED}", f"/v1/check?recipient={EXCLUDED}", f"/v1/why/{reference}",
            f"/v1/history?recipient={LISTED}", "/v1/top", "/v1/feeds", "/v1/status", "/v1/exclusions",
            "/v1/blocks", "/v1/top?fleet=yes", "/v1/status?fleet=yes", "/v1/why/ffffffffffff", "/metrics", "/nowhere",
        ):  # fmt: skip
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.must_be_json(path, *self.daemon.api("GET", path, PATIENCE))
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.daemon.api("POST", "/v1/feeds/web/rollback", PATIENCE)
            self.daemon.api("POST", "/v1/feeds/web/accept", PATIENCE)

    # what must be true when the fault is over

    def recover(self, killed=False):
        """All right again within the deadline, with no help but what a person would do anyway. KILLED: while it
        fetched for all relays, perhaps, which wait then until its lease ends."""
        self.alive()
        try:
            wait_until("right verdicts", self.is_right, DEADLINE, every=0.02)
            wait_until("new lists in force", self.has_new_lists, DEADLINE + LEASE * killed, every=0.05)
            wait_until("an edit", self.can_edit, DEADLINE, every=0.05)
            wait_until("promises kept", self.keeps_promises, DEADLINE, every=0.05)
            wait_until("Redis", self.shares, DEADLINE, every=0.05)
        except AssertionError as late:
            self.alive()
            raise Broken(str(late)) from None
        self.alive()

    def is_right(self):
        answers = self.ask()
        return blocked(answers[LISTED]) and blocked(answers[BLOCKED])

    def has_new_lists(self):
        """Where the publisher is away, from what is stored."""
        kinds = ["file"] if self.is_rolled_back else ["file", "http"]
        if all(self.daemon.blocks(f"{kind}{self.version}@example.org") for kind in kinds):
            return True
        self.refresh()
        return False

    def can_edit(self):
        what = f"again{next(self.numbers)}@example.net"
        return (
            self.edit("POST", "/v1/exclusions", what)
            and self.edit("DELETE", "/v1/exclusions", what)
            and self.edit("POST", "/v1/blocks", what)
            and blocked(self.ask_one(what))
            and self.edit("DELETE", "/v1/blocks", what)
        )

    def shares(self):
        status, answer = self.daemon.api("GET", "/v1/status", DEADLINE)
        return status == 200 and answer["fleet"]["state"] == "up"

    def keeps_promises(self):
        """In force are all that were acknowledged, and none that was taken back."""
        status, answer = self.daemon.api("GET", "/v1/exclusions", DEADLINE)
        return status == 200 and self.promised({line["what"] for line in answer["exclusions"]}) == []

    def promised(self, there):
        return [what for what, is_in in self.acknowledged.items() if (what in there) != is_in]

    def check_files(self, parse=True):
        """Stopped: everything that was promised is in the files, the relay's own and what the relays share, and the
        daemon finds nothing to say of them."""
        shared = self.daemon.state / "fleet" / "exclusions"
        lines = self.daemon.exclusions.read_text().splitlines()
        lines += shared.read_text().splitlines() if shared.exists() else []
        there = {line.split("#")[0].split()[0] for line in lines if line.split("#")[0].split()}
        wrong = self.promised(there)
        if wrong:
            raise Broken(f"lost, or back again: {wrong[:5]}")
        if not parse:
            return
        done = check_config(self.daemon.config_file)
        if done.returncode != 0 or "the line is left out" in done.stderr:
            raise Broken(f"-t says {done.stderr[-500:]}")
