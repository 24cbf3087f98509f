"""Where lists come from: mirrors, secrets, proxies, client certificates, several files, signatures."""

import base64
import bz2
import gzip
import json
import lzma

import pytest

from daemon import check_config
from scriptedserver import ScriptedServer
from support import DAEMON, give_to_drop_user, run, wait_until, write_by_rename
from webserver import HTML, WebServer

SECRET = "geh/eim+4711"
ENCODED = "geh%2Feim%2B4711"


def text_of(count, prefix="u"):
    return "".join(f"{prefix}{i}@example.org\n" for i in range(count))


@pytest.fixture
def servers():
    """Two of them: a list and its mirror, or a server and where it redirects to."""
    pair = ScriptedServer(), ScriptedServer()
    yield pair
    for server in pair:
        server.close()


@pytest.fixture
def web():
    w = WebServer()
    yield w
    w.close()


def status(code, **headers):
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return lambda r: r.send(f"HTTP/1.1 {code} X\r\nContent-Length: 0\r\n{head}\r\n".encode())


def page(body, **headers):
    return lambda r: r.ok(body, **headers)


def conditional(body, etag):
    """200, or 304 for those who have it."""

    def answer(request):
        if request.headers.get("if-none-match") == etag:
            request.send(f"HTTP/1.1 304 X\r\nETag: {etag}\r\n\r\n".encode())
        else:
            request.ok(body, ETag=etag)

    return answer


def asked(server, path="/list"):
    return [headers for p, headers in server.requests if p == path]


def secret_file(daemon, text=SECRET + "\n"):
    path = daemon.directory / "feed.key"
    path.write_text(text)
    path.chmod(0o600)
    give_to_drop_user(path)
    return path


def assert_nowhere(daemon, *secrets):
    """Not in the log, not in what the command and the API show."""
    shown = [
        daemon.log(),
        daemon.command("feeds").stdout,
        daemon.command("feeds", "--json").stdout,
        daemon.command("status").stdout,
        run(DAEMON, "--dump-config", "-c", daemon.config_file).stdout,
        check_config(daemon.config_file).stderr,
    ]
    for text in shown:
        for secret in secrets:
            assert secret not in text


# mirrors


BAD = {
    "500": status(500),
    "closed": lambda r: None,
    "html": page(HTML),
    "short": lambda r: r.send(b"HTTP/1.1 200 X\r\nContent-Length: 999\r\n\r\nu1@example.org\n"),
}


ROWS = b"".join(b"u%d.example\n" % i for i in range(100))


def test_a_broken_connection_leaves_no_half_row(daemon, servers):
    """Nobody said how long it is; half of partner.org.phish.example is partner.org."""
    servers[0].pages["/list"] = lambda r: r.send(b"HTTP/1.0 200 OK\r\n\r\n" + ROWS + b"partner.org")
    daemon.feed("main", servers[0].url("/list"), format="domains")
    daemon.start()
    daemon.wait_blocked("x@u99.example")
    assert not daemon.blocks("x@partner.org")
    daemon.wait_log("main: the last line, of 11 bytes, is left out: .*Content-Length")


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(ROWS) + 11) + ROWS + b"partner.org",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % (len(ROWS) + 11) + ROWS
    + b"partner.org\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\n" + gzip.compress(ROWS + b"partner.org"),
    b"HTTP/1.0 200 OK\r\n\r\n" + bz2.compress(ROWS + b"partner.org"),
    b"HTTP/1.0 200 OK\r\n\r\n" + lzma.compress(ROWS + b"partner.org"),
])
def test_a_last_row_without_end(daemon, servers, answer):
    """Where the answer says how long it is, it counts as any other."""
    servers[0].pages["/list"] = lambda r: r.send(answer)
    daemon.feed("main", servers[0].url("/list"), format="domains")
    daemon.start()
    daemon.wait_blocked("x@partner.org")


def test_json_of_one_line_from_an_old_server(daemon, servers):
    text = json.dumps([f"u{i}@example.org" for i in range(100)])
    servers[0].pages["/list"] = lambda r: r.send(b"HTTP/1.0 200 OK\r\n\r\n" + text.encode())
    daemon.feed("main", servers[0].url("/list"), format="json")
    daemon.start()
    daemon.wait_blocked("u99@example.org")


@pytest.mark.parametrize("bad", sorted(BAD))
def test_the_mirror_serves(daemon, servers, bad):
    first, second = servers
    first.pages["/list"] = BAD[bad]
    second.pages["/list"] = page(text_of(200))
    daemon.feed("main", [first.url("/list"), second.url("/list")])
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    feed = daemon.wait_feed("main", state="accepted")
    assert not feed["last_error"] and feed["guard"] in (None, "")
    daemon.wait_log(rf"main: .*{first.port}/list fails.*{second.port}/list")

    # It is said once, until it is over.
    mark = daemon.mark()
    for _ in range(2):
        answer = daemon.refresh("main")
        assert answer[0] == 200 and answer[1]["state"] == "unchanged"
    assert "fails" not in daemon.log_since(mark)
    first.pages["/list"] = page(text_of(200))
    assert daemon.refresh("main")[0] == 200
    daemon.wait_log(rf"main: .*{first.port}/list serves the list again", since=mark)
    assert len(asked(first)) == 4 and len(asked(second)) == 3


def test_all_mirrors_fail(daemon, servers):
    first, second = servers
    first.pages["/list"] = page(text_of(200))
    daemon.feed("main", [first.url("/list"), second.url("/list")])
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    first.pages["/list"] = status(503)
    second.pages["/list"] = page(HTML)
    code, _ = daemon.refresh("main")
    feed = daemon.feed_status("main")
    assert (code, feed["state"]) == (502, "failed")
    assert "2 URLs" in feed["last_error"] and "503" in feed["last_error"]
    assert daemon.blocks("u199@example.org")


def test_held_is_no_reason_for_a_mirror(daemon, servers):
    """A list that shrank is the publisher's word; an older mirror must not overrule it."""
    first, second = servers
    first.pages["/list"] = page(text_of(200))
    second.pages["/list"] = page(text_of(200))
    daemon.feed("main", [first.url("/list"), second.url("/list")])
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    first.pages["/list"] = page(text_of(100))
    assert daemon.refresh("main")[1]["state"] == "held"
    assert asked(second) == []


def test_validators_stay_with_their_server(daemon, servers):
    first, second = servers
    first.pages["/list"] = conditional(text_of(200), '"one"')
    second.pages["/list"] = conditional(text_of(200), '"two"')
    urls = [first.url("/list"), second.url("/list")]
    daemon.feed("main", urls)
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    good = first.pages["/list"]
    first.pages["/list"] = status(500)
    for sent in (None, '"two"'):  # the second time it is the mirror's own copy
        assert daemon.refresh("main")[1]["state"] == "unchanged"
        assert asked(first)[-1].get("if-none-match") in (None, '"one"')
        assert asked(second)[-1].get("if-none-match") == sent

    # The mirror's copy is no other feed's after a restart.
    daemon.stop()
    daemon.start()
    assert daemon.blocks("u199@example.org")
    assert daemon.refresh("main")[1]["state"] == "unchanged"
    assert asked(second)[-1].get("if-none-match") == '"two"'
    first.pages["/list"] = good
    daemon.refresh("main")
    assert asked(first)[-1].get("if-none-match") is None
    daemon.refresh("main")
    assert asked(first)[-1].get("if-none-match") == '"one"'


def test_a_new_mirror_is_asked_at_once(daemon, servers):
    first, second = servers
    first.pages["/list"] = status(500)
    second.pages["/list"] = page(text_of(200))
    daemon.feed("main", first.url("/list"))
    daemon.start()
    daemon.wait_feed("main", state="failed")
    daemon.feed("main", [first.url("/list"), second.url("/list")])
    daemon.reload()
    daemon.wait_blocked("u199@example.org")


def test_a_mirror_taken_away_while_it_is_asked(daemon, servers):
    first, second = servers
    first.pages["/list"] = lambda r: r.hang()
    second.pages["/list"] = page(text_of(200))
    daemon.feed("main", [first.url("/list"), second.url("/list")])
    daemon.start()
    wait_until("the first is asked", lambda: "/list" in first.open)
    daemon.feed("main", second.url("/list"))
    daemon.reload()
    daemon.wait_blocked("u199@example.org")
    wait_until("its fetch has ended", lambda: "/list" not in first.open)


def test_mirror_and_cleared_list(daemon, servers):
    """Whichever serves the list, it goes with the cleared one."""
    first, second = servers
    first.pages["/list"] = page(HTML)
    second.pages["/list"] = page("a@example.org,A,20200101\nb@example.org,A,20200101\n")
    first.pages["/cleared"] = conditional("b@example.org,20210101\n", '"c"')
    daemon.feed(
        "aper",
        [first.url("/list"), second.url("/list")],
        format="aper",
        cleared=first.url("/cleared"),
    )
    daemon.start()
    daemon.wait_blocked("a@example.org")
    assert not daemon.blocks("b@example.org")
    assert daemon.refresh("aper")[1]["state"] == "unchanged"


def test_retry_after_of_one_mirror(daemon, servers):
    """It is left alone so long, while the other one serves."""
    first, second = servers
    first.pages["/list"] = status(503, **{"Retry-After": "3600"})
    second.pages["/list"] = page(text_of(200))
    daemon.feed("main", [first.url("/list"), second.url("/list")], refresh="1s")
    daemon.start()
    wait_until("the mirror is asked again and again", lambda: len(asked(second)) >= 3)
    assert len(asked(first)) == 1
    daemon.refresh("main")
    assert len(asked(first)) >= 2


# secrets


def test_header_userpwd_and_url(daemon, servers):
    server, _ = servers
    server.pages[f"/{ENCODED}/list"] = page(text_of(200))
    daemon.feed(
        "main",
        server.url("/${secret}/list"),
        header=["X-Key: ${secret}", "X-Other: plain-word"],
        userpwd="relay:${secret}",
        secret=f"@{secret_file(daemon)}",
    )
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    headers = server.requests[0][1]
    assert headers["x-key"] == SECRET and headers["x-other"] == "plain-word"
    basic = base64.b64encode(f"relay:{SECRET}".encode()).decode()
    assert headers["authorization"] == f"Basic {basic}"
    assert "/***/list" in daemon.feed_status("main")["url"]
    assert_nowhere(daemon, SECRET, ENCODED, basic, "plain-word")


def test_no_secret_in_errors(daemon):
    """libcurl quotes the host that it cannot find."""
    daemon.feed("host", "http://${secret}.invalid/list", secret="geheim4711")
    daemon.feed("user", "http://ann:geheim4712@geheim4712.invalid/list")
    daemon.feed("pwd", "http://geheim4713.invalid/list", userpwd="ann:geheim4713")
    daemon.feed("head", "http://geheim4714.invalid/list", header="X-Key: geheim4714")
    daemon.feed("proxy", "http://127.0.0.1/list", proxy="http://ann:geheim4715@geheim4715.invalid:1")
    daemon.start()
    for name in ("host", "user", "pwd", "head", "proxy"):
        feed = daemon.wait_feed(name, state="failed", seconds=20)
        assert "***" in feed["last_error"]
        daemon.wait_log(rf"{name}: failed")
    shown = daemon.log() + daemon.command("feeds").stdout + daemon.command("feeds", "--json").stdout
    shown += run(DAEMON, "--dump-config", "-c", daemon.config_file).stdout
    # The names of hosts in URLs are no secrets: feeds and the dump show the URL.
    shown = shown.replace("geheim4712.invalid", "").replace("geheim4713.invalid", "")
    shown = shown.replace("geheim4714.invalid", "").replace("geheim4715.invalid", "")
    assert "geheim471" not in shown
    meta = (daemon.state / "feeds" / "host" / "meta").read_text()
    assert "geheim471" not in meta


def test_no_secret_in_rows(daemon, servers):
    """A soft "not found" repeats the URL, and rows that do not parse are logged."""
    server, _ = servers
    server.pages[f"/{ENCODED}/list"] = page(f"no /{ENCODED}/list here\nno {SECRET} here\n")
    daemon.feed("main", server.url("/${secret}/list"), secret=SECRET)
    daemon.start()
    daemon.wait_feed("main", state="refused")
    daemon.wait_log(r"main: line 2: no \*\*\* here")
    assert_nowhere(daemon, SECRET, ENCODED)


@pytest.mark.parametrize("how", ["header", "userpwd"])
def test_redirect_with_a_secret(daemon, servers, how):
    """Another port is another origin: nothing is sent there."""
    here, there = servers
    there.pages["/list"] = page(text_of(200, "there"))
    here.pages["/list"] = status(302, Location=there.url("/list"))
    here.pages["/moved"] = status(302, Location="/here")
    here.pages["/here"] = page(text_of(200, "here"))
    keys = {"header": "X-Key: ${secret}"} if how == "header" else {"userpwd": "relay:${secret}"}
    daemon.feed("main", here.url("/list"), secret=SECRET, **keys)
    daemon.feed("moved", here.url("/moved"), secret=SECRET, **keys)
    daemon.feed("open", here.url("/list"))
    daemon.start()
    daemon.wait_blocked("there199@example.org")  # without a secret it is followed
    daemon.wait_blocked("here199@example.org")  # within the origin too
    feed = daemon.wait_feed("main", state="failed")
    assert "redirect" in feed["last_error"] and "origin" in feed["last_error"]
    assert len(asked(there)) == 1  # that of `open`
    assert not any("x-key" in h or "authorization" in h for _, h in there.requests)
    assert all("x-key" in h or "authorization" in h for h in asked(here, "/here"))
    assert_nowhere(daemon, SECRET)


def test_a_mended_secret_is_tried_at_once(daemon, servers):
    server, _ = servers
    server.pages["/list"] = lambda r: (
        r.ok(text_of(200)) if r.headers.get("x-key") == "right" else status(403)(r)
    )
    key = secret_file(daemon, "wrong\n")
    daemon.feed("main", server.url("/list"), header="X-Key: ${secret}", secret=f"@{key}")
    daemon.start()
    daemon.wait_feed("main", state="failed")
    key.write_text("right")
    daemon.reload()
    daemon.wait_blocked("u199@example.org")


# proxy


def test_proxy(daemon, servers):
    proxy, origin = servers
    proxy.pages["http://lists.example.org/list"] = page(text_of(200))
    proxy.pages["http://lists.example.org/inside"] = status(302, Location="http://10.1.2.3/list")
    through = f"http://ann:geheim@127.0.0.1:{proxy.port}"
    origin.pages["/list"] = page(text_of(200, "direct"))
    daemon.feed("main", "http://lists.example.org/list", proxy=through)
    daemon.feed("inside", "http://lists.example.org/inside", proxy=through)
    daemon.feed("direct", origin.url("/list"))
    environment = {
        "http_proxy": f"http://127.0.0.1:{proxy.port}",
        "no_proxy": "lists.example.org",
    }
    daemon.start(environment)
    daemon.wait_blocked("u199@example.org")
    daemon.wait_blocked("direct199@example.org")
    assert "private" in daemon.wait_feed("inside", state="failed")["last_error"]
    paths = [path for path, _ in proxy.requests]
    assert sorted(paths) == ["http://lists.example.org/inside", "http://lists.example.org/list"]
    assert all("proxy-authorization" in headers for _, headers in proxy.requests)
    assert_nowhere(daemon, "geheim")


# certificates


@pytest.fixture
def certificates(web):
    for name in ("client.pem", "client.key"):
        (web.directory / name).chmod(0o640)
        give_to_drop_user(web.directory / name)
    return {
        "tls_ca": web.ca,
        "tls_cert": web.directory / "client.pem",
        "tls_key": web.directory / "client.key",
    }


def test_client_certificate(daemon, web, certificates):
    web.put("list", text_of(200))
    web.start()
    url = f"https://127.0.0.1:{web.tls_client}/list"
    daemon.feed("main", url, **certificates)
    daemon.feed("nobody", url, tls_ca=web.ca)
    daemon.feed("strange", web.tls_url)
    daemon.feed("away", url.replace("/list", "/away"), **certificates)
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    assert "400" in daemon.wait_feed("nobody", state="failed")["last_error"]
    assert "certificate" in daemon.wait_feed("strange", state="failed")["last_error"]
    assert "origin" in daemon.wait_feed("away", state="failed")["last_error"]


def test_certificate_and_key_in_one_file(daemon, web, certificates):
    both = web.directory / "both.pem"
    both.write_text(certificates["tls_cert"].read_text() + certificates["tls_key"].read_text())
    both.chmod(0o640)
    give_to_drop_user(both)
    web.put("list", text_of(200))
    web.start()
    url = f"https://127.0.0.1:{web.tls_client}/list"
    daemon.feed("main", url, tls_ca=web.ca, tls_cert=both)
    daemon.start()
    daemon.wait_blocked("u199@example.org")


# several files


def test_files_of_a_pattern(daemon):
    lists = daemon.directory / "lists"
    lists.mkdir()
    (lists / "b.txt").write_text("b@example.org")  # no line end
    (lists / "a.txt").write_text("a@example.org\n")
    (lists / "c.new").write_text("c@example.org\n")
    (lists / "d.txt").mkdir()
    daemon.feed("main", f"file:{lists}/*.txt")
    daemon.start()
    daemon.wait_blocked("a@example.org")
    assert daemon.blocks("b@example.org") and not daemon.blocks("c@example.org")

    (lists / "c.new").rename(lists / "c.txt")
    daemon.wait_blocked("c@example.org", 6)
    write_by_rename(lists / "a.txt", "aa@example.org\n")
    daemon.wait_blocked("aa@example.org", 6)
    assert not daemon.blocks("a@example.org")
    (lists / "b.txt").write_text("bb@example.org\n")  # in place
    daemon.wait_blocked("bb@example.org", 6)
    (lists / "c.txt").unlink()
    daemon.wait_free("c@example.org", 6)
    assert daemon.blocks("aa@example.org") and daemon.blocks("bb@example.org")

    for name in ("a.txt", "b.txt"):
        (lists / name).unlink()
    assert "no file matches" in daemon.wait_feed("main", state="failed")["last_error"]
    assert daemon.blocks("aa@example.org")


def test_a_packed_file_among_several(daemon):
    lists = daemon.directory / "lists"
    lists.mkdir()
    (lists / "a.txt").write_text("a@example.org\n")
    (lists / "b.txt").write_bytes(b"\x1f\x8b\x08\x00 not really")
    daemon.feed("main", f"file:{lists}/*.txt")
    daemon.start()
    error = daemon.wait_feed("main", state="failed")["last_error"]
    assert "b.txt" in error and "packed" in error


# signatures


class Signer:
    def __init__(self, directory, name):
        self.key = directory / f"{name}.pem"
        self.public = directory / f"{name}.pub"
        self._openssl("genpkey", "-algorithm", "ed25519", "-out", self.key)
        self._openssl("pkey", "-in", self.key, "-pubout", "-out", self.public)
        self.directory = directory

    @staticmethod
    def _openssl(*arguments):
        result = run("openssl", *arguments)
        assert result.returncode == 0, result.stderr

    def sign(self, data):
        message, signature = self.directory / "message", self.directory / "signature"
        message.write_bytes(data if isinstance(data, bytes) else data.encode())
        self._openssl(
            *("pkeyutl", "-sign", "-rawin", "-inkey", self.key),
            *("-in", message, "-out", signature),
        )
        return signature.read_bytes()


@pytest.fixture
def signer(daemon):
    return Signer(daemon.directory, "signer")


def test_signed_list(daemon, servers, signer):
    server, _ = servers
    old, new = text_of(200, "old"), text_of(200, "new")
    server.pages["/list?x=1"] = conditional(old, '"old"')
    server.pages["/list.sig?x=1"] = page(signer.sign(old))
    daemon.feed("main", server.url("/list?x=1"), pubkey=signer.public, header="X-Key: k")
    daemon.start()
    daemon.wait_blocked("old199@example.org")
    assert asked(server, "/list.sig?x=1")[-1]["x-key"] == "k"
    # 304: there is nothing to check.
    before = len(asked(server, "/list.sig?x=1"))
    assert daemon.refresh("main")[1]["state"] == "unchanged"
    assert len(asked(server, "/list.sig?x=1")) == before

    server.pages["/list?x=1"] = conditional(new, '"new"')
    other = Signer(daemon.directory, "other")
    bad = {
        "of another list": page(signer.sign(old)),
        "by another key": page(other.sign(new)),
        "missing": status(404),
        "no signature": page(HTML),
        "too long": page("x" * 5000),
        "no answer": status(500),
    }
    for what, answer in bad.items():
        server.pages["/list.sig?x=1"] = answer
        code, _ = daemon.refresh("main")
        feed = daemon.feed_status("main")
        failed = what in ("no answer", "too long")
        assert feed["state"] == ("failed" if failed else "refused"), what
        assert code == (502 if failed else 200)
        assert failed or feed["guard"] == "signature"
        assert "signature" in feed["last_error"]
        assert daemon.blocks("old199@example.org") and not daemon.blocks("new199@example.org")

    # Base64 is as good; and the mended signature is taken although the list did not change.
    server.pages["/list.sig?x=1"] = page(base64.b64encode(signer.sign(new)) + b"\n")
    assert daemon.refresh("main")[1]["state"] == "accepted"
    assert daemon.blocks("new199@example.org")


def test_unsigned_list_is_taken_from_the_mirror(daemon, servers, signer):
    first, second = servers
    text = text_of(200)
    first.pages["/list"] = page(text_of(200, "evil"))
    first.pages["/list.sig"] = page(signer.sign(text))
    second.pages["/list"] = page(text)
    second.pages["/list.sig"] = page(signer.sign(text).hex())
    daemon.feed("main", [first.url("/list"), second.url("/list")], pubkey=signer.public)
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    assert not daemon.blocks("evil199@example.org")
    daemon.wait_log(r"main: .*fails.*signature")


def test_a_big_signed_list(daemon, servers, signer):
    """It lies in a file while it is fetched."""
    server, _ = servers
    text = text_of(250000, "a.rather.long.name.")
    server.pages["/list"] = page(text)
    server.pages["/list.sig"] = page(signer.sign(text))
    daemon.feed("main", server.url("/list"), pubkey=signer.public)
    daemon.start()
    daemon.wait_blocked("a.rather.long.name.249999@example.org")
    server.pages["/list"] = page(text + "evil@example.org\n")
    assert daemon.refresh("main")[1]["state"] == "refused"


def test_signed_file(daemon, signer):
    path = daemon.list_file("main", "a@example.org\n", pubkey=signer.public)
    daemon.start()
    feed = daemon.wait_feed("main", state="refused")
    assert feed["guard"] == "signature" and "main.list.sig" in feed["last_error"]
    # One is saved after the other, and whichever comes last makes them fit.
    beside = path.with_name(path.name + ".sig")
    beside.write_bytes(signer.sign("a@example.org\n"))
    daemon.wait_blocked("a@example.org")
    write_by_rename(path, "b@example.org\n")
    daemon.wait_feed("main", state="refused")
    assert daemon.blocks("a@example.org")
    beside.write_bytes(signer.sign("b@example.org\n"))
    daemon.wait_blocked("b@example.org")


def test_a_key_makes_the_list_new(daemon, servers, signer):
    """What was taken unsigned stays, but the server is asked again, without validators."""
    server, _ = servers
    server.pages["/list"] = conditional(text_of(200), '"one"')
    daemon.feed("main", server.url("/list"))
    daemon.start()
    daemon.wait_blocked("u199@example.org")
    server.pages["/list.sig"] = lambda r: None
    daemon.feed("main", server.url("/list"), pubkey=signer.public)
    daemon.reload()
    daemon.wait_feed("main", state="failed")
    assert asked(server)[-1].get("if-none-match") is None
    assert daemon.blocks("u199@example.org")
    server.pages["/list.sig"] = page(signer.sign(text_of(200)))
    assert daemon.refresh("main")[0] == 200


def test_the_room_of_a_list_that_was_read_is_given_back(daemon):
    """30 MB of remarks and one entry, several times: what stays is the entry."""
    remarks = f"# {'nothing ' * 30}\n" * 125000
    path = daemon.list_file("main", "first@example.org\n" + remarks)
    daemon.start()
    daemon.wait_blocked("first@example.org", 120)  # the worker gives way to others
    for i in range(3):
        write_by_rename(path, f"u{i}@example.org\n{remarks}")
        daemon.wait_blocked(f"u{i}@example.org", 120)
    wait_until("little stays", lambda: daemon.resident_kib() < 30000)


def test_the_worker_pauses(daemon):
    """While it reads and builds it gives the CPU away by itself, once a millisecond and more often; a third of that
    without pauses. Where others had the CPU it need not (base/breath.c): one pause for 50 us, at most five each time.
    What a host takes from the whole machine is seen nowhere here: so it may try again."""
    path = daemon.list_file("main", "first@example.org\n")
    daemon.start()
    daemon.wait_blocked("first@example.org")
    text, seen = "".join(f"u{i}@example.org\n" for i in range(500000)), []

    def pauses_enough():
        before, last = daemon.shares_of("feeds"), f"last{len(seen)}@example.org"
        write_by_rename(path, f"{text}{last}\n")
        daemon.wait_blocked(last, 120)
        given, lost, cpu_ms, others_ms = (b - a for a, b in zip(before, daemon.shares_of("feeds")))
        needless = min(others_ms / 0.05, 5 * (given + lost))
        seen.append((given, needless, cpu_ms))
        return given + needless > cpu_ms

    wait_until(("pauses, needless ones, ms of CPU", seen), pauses_enough, 60)
