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
