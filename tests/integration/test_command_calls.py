"""What the command asks of the API, and its exit status for each answer, on a stand-in that records
the calls: answers that a good daemon gives seldom are given here at will."""

import http.server
import json
import re
import shlex
import signal
import socketserver
import subprocess
import threading
import urllib.parse

import pytest

from support import COMMAND, make_directory, remove_directory, run, start_process

WHAT = "odd'name+x@example.org"


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


ADDED = {"what": WHAT, "file": "/f", "line": 3, "changed": True, "before": [], "after": WHAT}


def test_exclude(api):
    result = ask(api, "exclude", WHAT, "--for", "1h", "--ticket", "T 1", "--note=a\"b", "--list", "a,b", answer=(201, ADDED))
    assert result.returncode == 0, result.stderr
    ((method, path, query, body),) = api.calls
    assert (method, path, query) == ("POST", "/v1/exclusions", {})
    until = body.pop("until")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", until)
    assert body.pop("by")
    assert body == {"what": WHAT, "ticket": "T 1", "note": 'a"b', "list": "a,b"}
    undo = re.search(r"undo +(rcptguard .*)$", result.stdout, re.MULTILINE).group(1)
    assert shlex.split(undo) == ["rcptguard", "unexclude", WHAT]
    ask(api, "exclude", WHAT, "--until", "2030-12-31", "--force", answer=(201, ADDED))
    assert api.calls[0][3]["until"] == "2030-12-31" and api.calls[0][3]["force"] is True
    ask(api, "block", WHAT, answer=(201, ADDED))
    assert api.calls[0][:2] == ("POST", "/v1/blocks") and "force" not in api.calls[0][3]


@pytest.mark.parametrize("json_too", [False, True])
@pytest.mark.parametrize(
    "words, answer, status",
    [
        (("exclude", "a@b"), (201, ADDED), 0),
        (("exclude", "a@b"), (200, dict(ADDED, changed=False)), 1),
        (("exclude", "a@b"), (400, {"error": "bad"}), 2),
        (("exclude", "a@b"), (403, {"error": "not you"}), 2),
        (("exclude", "a@b"), (409, {"error": "big", "needs": "force"}), 2),
        (("exclude", "a@b"), (500, {"error": "disk"}), 2),
        (("unexclude", "a@b"), (200, {"what": "a@b", "file": "/f", "removed": 1, "before": ["x"]}), 0),
        (("unexclude", "a@b"), (404, {"error": "no such line"}), 1),
        (("unblock", "a@b"), (403, {"error": "not you"}), 2),
        (("exclusions",), (200, {"file": "/f", "exclusions": [], "errors": []}), 0),
        (("exclusions", "--prune"), (200, {"file": "/f", "removed": 0, "before": []}), 1),
        (("blocks", "--prune"), (200, {"file": "/f", "removed": 2, "before": ["a", "b"]}), 0),
        (("why", "R"), (200, {"ref": "R"}), 0),
        (("why", "R"), (404, {"error": "unknown"}), 1),
        (("why", "R"), (500, {"error": "disk"}), 2),
        (("history", "a@b"), (200, {"history": []}), 1),
        (("history", "a@b"), (200, {"history": [{"change": "added"}]}), 0),
        (("top",), (200, {"hour": {}, "day": {}}), 0),
        (("events",), (403, {"error": "not you"}), 2),
    ],
)
def test_exit_status(api, words, answer, status, json_too):
    result = ask(api, *words, *(["--json"] if json_too else []), answer=answer)
    assert result.returncode == status, result.stdout + result.stderr
    if json_too:
        assert json.loads(result.stdout) == answer[1] and result.stderr == ""
    elif answer[0] >= 400:
        assert answer[1]["error"] in result.stderr


def test_what_is_asked(api):
    ask(api, "unexclude", WHAT, "--list", "a,b")
    method, path, query, _ = api.calls[0]
    assert (method, path, query["what"], query["list"]) == ("DELETE", "/v1/exclusions", WHAT, "a,b")
    assert query["by"]
    ask(api, "blocks", "--prune")
    assert api.calls[0][0] == "DELETE" and api.calls[0][2]["expired"] == "yes"
    ask(api, "history", WHAT)
    assert api.calls[0][:3] == ("GET", "/v1/history", {"recipient": WHAT})
    ask(api, "why", "a/b?c")
    assert api.calls[0][1] == "/v1/why/a%2Fb%3Fc"


@pytest.mark.parametrize("command", ["exclusions", "blocks"])
def test_a_long_file_is_shown_whole(api, command):
    """The daemon gives it in parts; whoever looks must not take the first one for all there is."""
    line = {"what": WHAT, "list": [], "until": None, "ticket": None, "by": None, "at": None, "note": None, "expired": False}

    def part(query):
        first = int(query.get("from", 1))
        lines = [dict(line, line=n, what=f"u{n}@example.org") for n in range(first, min(first + 3, 8))]
        return {"file": "/f", command: lines, "errors": []} | ({"next": first + 3} if first + 3 < 8 else {})

    result = ask(api, command, "--json", answer=(200, part))
    answer = json.loads(result.stdout)
    assert [entry["line"] for entry in answer[command]] == list(range(1, 8)) and "next" not in answer
    assert [call[2].get("from") for call in api.calls] == [None, "4", "7"]
    result = ask(api, command, answer=(200, part))
    assert all(f"u{n}@example.org" in result.stdout for n in range(1, 8)), result.stdout
    stuck = {"file": "/f", command: [dict(line, line=5)], "errors": [], "next": 5}
    assert ask(api, command, answer=(200, stuck)).returncode == 0
    assert len(api.calls) == 2


def test_no_call_for_nonsense(api):
    for words in (
        ("exclude", "a@b", "--for", "1d", "--until", "2030-01-01"),
        ("exclude", "a@b", "--for", "soon"),
        ("exclude", "a\udcff@b"),
        ("unexclude", ""),
        ("block", "a@b", "--list", "a"),
        ("exclude",),
    ):
        assert ask(api, *words).returncode == 2, words
        assert api.calls == []


def test_force_can_be_pasted(api):
    answer = (409, {"error": "big", "needs": "force"})
    result = ask(api, "exclude", "gmail.com", "--note", "it's so", answer=answer)
    again = re.search(r"^  rcptguard (.*)$", result.stderr, re.MULTILINE).group(1)
    assert ask(api, *shlex.split(again), answer=(201, ADDED)).returncode == 0
    assert api.calls[0][3]["force"] is True and api.calls[0][3]["note"] == "it's so"
    assert api.calls[0][3]["what"] == "gmail.com"


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
