"""Answers that the real daemon cannot be brought to give, or only by chance, from a stand-in: trouble
of its own, no JSON, a stream cut anywhere, events lost. All else is asked of the real daemon in
test_command_edits.py and its neighbours."""

import http.server
import json
import signal
import socketserver
import subprocess
import threading
import urllib.parse

import pytest

from support import COMMAND, make_directory, remove_directory, run, start_process


class StandIn(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path):
        self.calls, self.answer, self.stream, self.gone = [], (200, {}), None, threading.Event()
        super().__init__(str(path), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass

    def take(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urllib.parse.urlsplit(self.path)
        self.server.calls.append(
            (self.command, url.path, dict(urllib.parse.parse_qsl(url.query)), json.loads(body or "null"))
        )
        status, answer = self.server.answer
        if callable(answer):
            answer = answer(self.server.calls[-1][2])
        self.send_response(status)
        if self.server.stream is not None:
            self.end_headers()
            self.close_connection = True
            for line in self.server.stream:
                self.wfile.write(line.encode())
                self.wfile.flush()
            self.server.gone.wait(20)
            return
        text = json.dumps(answer).encode()
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = take


@pytest.fixture
def api():
    directory = make_directory()
    server = StandIn(directory / "s")
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    server.path = directory / "s"
    yield server
    server.gone.set()
    server.shutdown()
    server.server_close()
    remove_directory(directory)


def ask(api, *words, answer=(200, {})):
    api.answer = answer
    del api.calls[:]
    return run(COMMAND, "-s", api.path, *words)


@pytest.mark.parametrize("json_too", [False, True])
@pytest.mark.parametrize(
    "words",
    [
        ("exclude", "a@b"),
        ("unexclude", "a@b"),
        ("exclusions",),
        ("exclusions", "--prune"),
        ("block", "a@b"),
        ("blocks",),
        ("check", "a@b"),
        ("why", "R"),
        ("history", "a@b"),
        ("top",),
        ("status",),
        ("feeds",),
        ("events",),
    ],
)
def test_trouble_of_the_daemon(api, words, json_too):
    answer = {"error": "disk\x1b"}
    result = ask(api, *words, *(["--json"] if json_too else []), answer=(500, answer))
    assert result.returncode == 2, result.stdout
    if json_too:
        assert json.loads(result.stdout) == answer and result.stderr == ""
    else:
        assert result.stderr == "rcptguard: disk\\x1B\n" and result.stdout == ""


@pytest.mark.parametrize("answer", [[], "text", None])
def test_no_object(api, answer):
    result = ask(api, "check", "a@b", answer=(200, answer))
    assert result.returncode == 2 and "is it rcptguardd's admin socket?" in result.stderr


def test_a_name_of_any_bytes_stays_one_path(api):
    ask(api, "why", "a/b?c")
    assert api.calls[0][1] == "/v1/why/a%2Fb%3Fc"


@pytest.mark.parametrize("next_line", [1, 0, -5, "2"])
def test_pages_come_to_an_end(api, next_line):
    """Whatever is said to be next, what was asked for is not asked for again."""
    page = {"file": "/f", "exclusions": [], "errors": [], "next": next_line}
    assert ask(api, "exclusions", answer=(200, page)).returncode == 0
    assert len(api.calls) <= 2


def events(api, *words):
    return start_process(
        [COMMAND, "-s", api.path, "events", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


EVENTS = [
    '{"alive":true,"time":"2030-01-01T00:00:00Z"}\n{"time":"2030-01-01T00:00:00Z","outcome":"re',
    'ject","recipient":"a@example.org","list":"main","ref":"R"}\n',
    '{"lost":3,"time":"2030-01-01T00:00:01Z"}\n',
]


def test_events(api):
    api.stream = EVENTS
    process = events(api, "--follow")
    assert "a@example.org" in process.stdout.readline()
    assert "3 events were lost" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert api.calls[0][:3] == ("GET", "/v1/events", {})


def test_events_json_and_a_daemon_that_goes(api):
    api.stream = EVENTS
    process = events(api, "--all", "--json")
    lines = [process.stdout.readline() for _ in range(3)]
    assert "".join(lines) == "".join(EVENTS)
    assert api.calls[0][2] == {"all": "yes"}
    api.gone.set()
    assert process.wait(10) == 2
    assert "gone away" in process.stderr.read()


def zone(name="dbl", state="on", **more):
    return {
        "name": name,
        "kind": "dnsbl",
        "zone": f"***.{name}.example.net",
        "query": "domain",
        "state": state,
        "state_since": "2026-01-01T00:00:00Z",
        "why": None,
        "last_probe": "2026-01-01T00:00:00Z",
        "next_probe": "2026-01-01T00:05:00Z",
        "last_good": None,
        "questions": 7,
        "probes": 4,
        "listings": 3,
        "errors": 1,
        "timeouts": 1,
        "memory": 5,
        "late": 0,
        "remembered": 6,
        "listed": 2,
        **more,
    }


FEED = {"name": "main", "kind": "feed", "state": "unchanged", "entries": 7, "active": 5}


@pytest.mark.parametrize("state, code", [("on", 0), ("probing", 0), ("off", 1)])
def test_zones_among_feeds(api, state, code):
    answer = {"feeds": [FEED, zone(state=state, why="it lists\x1b the world")]}
    result = ask(api, "feeds", answer=(200, answer))
    assert result.returncode == code and result.stderr == ""
    assert "main  unchanged" in result.stdout
    assert f"dbl    ***.dbl.example.net  domain  {state}" in result.stdout
    assert "it lists\\x1B the world" in result.stdout
    assert ("rcptguard refresh dbl" in result.stdout) == (state == "off")
    result = ask(api, "feeds", "--json", answer=(200, answer))
    assert (result.returncode, json.loads(result.stdout)) == (code, answer)
    assert ask(api, "feeds", "--names", answer=(200, answer)).stdout == "main\ndbl\n"


def test_only_zones(api):
    result = ask(api, "feeds", answer=(200, {"feeds": [zone()]}))
    assert result.returncode == 0 and result.stdout.startswith("dnsbl  zone ")


@pytest.mark.parametrize(
    "status, answer, shown, code",
    [
        (200, zone(), "dbl: on: 6 names remembered, 2 of them listed\n", 0),
        (200, zone(state="probing"), "dbl: probing, and blocks nobody until it was found good: 6", 0),
        (502, {"error": "5 time-outs\x1b in a row"}, "dbl: failed: 5 time-outs\\x1B in a row\n", 1),
        (404, {"error": "there is no feed or DNS zone"}, "dbl: there is no feed or DNS zone\n", 1),
    ],
)
def test_refresh_of_a_zone(api, status, answer, shown, code):
    result = ask(api, "refresh", "dbl", answer=(status, answer))
    assert result.returncode == code and result.stdout.startswith(shown)
    assert api.calls[0][:2] == ("POST", "/v1/feeds/dbl/refresh")
    result = ask(api, "refresh", "dbl", "--json", answer=(status, answer))
    assert (result.returncode, json.loads(result.stdout)) == (code, answer)


def test_refresh_of_all(api):
    ask(api, "refresh", answer=(200, {"feeds": [FEED, zone(), zone("ebl")]}))
    assert sorted(c[1] for c in api.calls) == ["/v1/feeds"] + [
        f"/v1/feeds/{name}/refresh" for name in ("dbl", "ebl", "main")
    ]


@pytest.mark.parametrize("order", ["accept", "rollback"])
def test_zones_hold_no_copies(api, order):
    result = ask(api, order, "dbl", answer=(409, {"error": "a DNS zone holds no copies"}))
    assert (result.returncode, result.stdout) == (1, "dbl: a DNS zone holds no copies\n")


def test_check_of_a_zone(api):
    listing = {
        "list": "ebl",
        "entry": "a@example.org",
        "action": "reject",
        "decides": True,
        "value": "127.0.1.2",
        "text": "see \x1b[2J\u202e",
        "since": "2026-01-01T10:02:00Z",
        "first_seen": "2026-01-01T10:02:00Z",
    }
    answer = {
        "recipient": "a@example.org",
        "canonical": "a@example.org",
        "verdict": "reject",
        "action": "550 5.7.1 no",
        "listings": [listing],
        "zones": [
            {"list": "ebl", "result": "listed", "answered": "2026-01-01T10:02:00Z"},
            {"list": "dbl", "result": "off", "answered": None},
        ],
    }
    result = ask(api, "check", "a@example.org", answer=(200, answer))
    assert result.returncode == 1
    assert "the zone lists it since 2026-01-01" in result.stdout
    assert "it says: 127.0.1.2 see \\x1B[2J\\xE2\\x80\\xAE\n" in result.stdout
    assert "dns zones   ebl listed (" in result.stdout and ", dbl off\n" in result.stdout
    result = ask(api, "check", "a@example.org", "--json", answer=(200, answer))
    assert json.loads(result.stdout) == answer


def test_status_of_zones(api):
    dns = {"zones": 3, "on": 2, "names": 10, "bytes": 2500000, "waiting": 4, "dropped": 0}
    answer = {
        "status": "degraded",
        "reasons": ["zone dbl is off: \x1b"],
        "counts": {"queries": 9, "late": 6},
        "dns": {**dns, "servers": "127.0.0.1:53"},
    }
    result = ask(api, "status", answer=(200, answer))
    assert result.returncode == 1 and "zone dbl is off: \\x1B\n" in result.stdout
    assert ", late 6, foreign 0\n" in result.stdout
    assert "2 of 3 on, 10 names remembered, 2.5 MB, 4 questions on their way\n" in result.stdout
    assert "asked through 127.0.0.1:53\n" in result.stdout and "were not asked" not in result.stdout
    answer["dns"]["dropped"] = 5
    assert "5 questions were not asked" in ask(api, "status", answer=(200, answer)).stdout
    answer["dns"] = None
    assert "dns zones" not in ask(api, "status", answer=(200, answer)).stdout
