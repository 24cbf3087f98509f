"""A real nginx whose one URL, /list, behaves as the test says; and a raw server for what nginx
cannot do. The behaviour is chosen by a file in mode/, so that nothing is reloaded in between."""

import os
import re
import socket
import threading

from support import (
    end_process,
    free_port,
    make_directory,
    remove_directory,
    run,
    start_process,
    wait_until,
)

CONFIG = """
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
events {{ worker_connections 200; }}
http {{
    log_format short '$status $request_uri $http_if_none_match $http_if_modified_since';
    access_log {dir}/access.log short;
    client_body_temp_path {dir}/tmp-body;
    proxy_temp_path {dir}/tmp-proxy;
    fastcgi_temp_path {dir}/tmp-fastcgi;
    uwsgi_temp_path {dir}/tmp-uwsgi;
    scgi_temp_path {dir}/tmp-scgi;
    default_type text/plain;
    proxy_buffering off;
    proxy_http_version 1.1;

    server {{
        listen 127.0.0.1:{port};
        root {dir}/root;
        location = /list {{
            if (-f {dir}/mode/404) {{ return 404; }}
            if (-f {dir}/mode/500) {{ return 500; }}
            if (-f {dir}/mode/503) {{ return 503; }}
            if (-f {dir}/mode/204) {{ return 204; }}
            if (-f {dir}/mode/loop) {{ return 302 http://127.0.0.1:{port}/list; }}
            if (-f {dir}/mode/moved) {{ return 301 http://127.0.0.1:{port}/other; }}
            if (-f {dir}/mode/to-file) {{ return 302 file:///etc/passwd; }}
            if (-f {dir}/mode/to-tls) {{ return 302 https://127.0.0.1:{tls}/list; }}
            if (-f {dir}/mode/to-wrong-name) {{ return 302 https://127.0.0.1:{tls_wrong}/list; }}
            if (-f {dir}/mode/html) {{ rewrite ^ /page.html last; }}
            if (-f {dir}/mode/empty) {{ rewrite ^ /empty last; }}
            if (-f {dir}/mode/oversized) {{ rewrite ^ /oversized last; }}
            if (-f {dir}/mode/drip) {{ rewrite ^ /drip last; }}
            if (-f {dir}/mode/hang) {{ rewrite ^ /raw/hang last; }}
            if (-f {dir}/mode/truncated) {{ rewrite ^ /raw/truncated last; }}
            if (-f {dir}/mode/bad-gateway) {{ rewrite ^ /raw/reset last; }}
        }}
        location = /drip {{ limit_rate 20; alias {dir}/root/list; }}
        location /raw/ {{ proxy_pass http://127.0.0.1:{raw}; }}
    }}
    server {{
        listen 127.0.0.1:{tls} ssl;
        ssl_certificate {dir}/good.pem;
        ssl_certificate_key {dir}/good.key;
        root {dir}/root;
        location = /down {{ return 302 http://127.0.0.1:{port}/list; }}
    }}
    server {{
        listen 127.0.0.1:{tls_client} ssl;
        ssl_certificate {dir}/good.pem;
        ssl_certificate_key {dir}/good.key;
        ssl_client_certificate {dir}/ca.pem;
        ssl_verify_client on;
        root {dir}/root;
        location = /away {{ return 302 https://127.0.0.1:{tls}/list; }}
    }}
    server {{
        listen 127.0.0.1:{tls_wrong} ssl;
        ssl_certificate {dir}/wrong.pem;
        ssl_certificate_key {dir}/wrong.key;
        root {dir}/root;
    }}
}}
"""

HTML = """<!DOCTYPE html>
<html><head><title>Sign in</title></head>
<body><p>Please sign in to see someone@example.org's list.</p></body></html>
"""


class WebServer:
    def __init__(self):
        self.directory = make_directory()
        for name in ("root", "mode"):
            (self.directory / name).mkdir()
        self.port, self.tls, self.tls_wrong = free_port(), free_port(), free_port()
        self.tls_client = free_port()
        self.raw = RawServer(self)
        self.process = None
        self.serial = 0
        self._certificates()
        (self.directory / "nginx.conf").write_text(
            CONFIG.format(
                dir=self.directory,
                port=self.port,
                tls=self.tls,
                tls_wrong=self.tls_wrong,
                tls_client=self.tls_client,
                raw=self.raw.port,
            )
        )
        self.url = f"http://127.0.0.1:{self.port}/list"
        self.tls_url = f"https://127.0.0.1:{self.tls}/list"
        self.put("page.html", HTML)
        self.put("empty", "")
        self.put("other", "moved@example.org\n")

    def _certificates(self):
        """A certificate authority that nobody trusts, a good certificate, one of another name, one
        of a client."""
        d = self.directory
        self.ca = d / "ca.pem"
        self._openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
            f" -subj /CN=Test-CA -keyout {d}/ca.key -out {self.ca}"
        )
        names = {"good": "IP:127.0.0.1", "wrong": "DNS:other.example", "client": "DNS:relay.example"}
        for name, subject in names.items():
            (d / f"{name}.ext").write_text(f"subjectAltName={subject}\n")
            self._openssl(
                "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
                f" -subj /CN={name} -keyout {d}/{name}.key -out {d}/{name}.csr"
            )
            self._openssl(
                f"x509 -req -in {d}/{name}.csr -CA {self.ca} -CAkey {d}/ca.key -CAcreateserial"
                f" -days 2 -extfile {d}/{name}.ext -out {d}/{name}.pem"
            )

    @staticmethod
    def _openssl(arguments):
        result = run("openssl", *arguments.split())
        assert result.returncode == 0, result.stderr

    def start(self):
        with open(self.directory / "stderr", "ab") as stderr:
            self.process = start_process(
                [
                    "/usr/sbin/nginx",
                    *("-c", str(self.directory / "nginx.conf")),
                    *("-p", str(self.directory)),
                    *("-e", str(self.directory / "error.log")),
                ],
                stdout=stderr,
                stderr=stderr,
            )
        wait_until("nginx listens", self._listens)
        return self

    def _listens(self):
        assert self.process.poll() is None, (self.directory / "stderr").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self):
        if self.process is not None:
            end_process(self.process)
            self.process = None

    def close(self):
        self.stop()
        self.raw.close()
        remove_directory(self.directory)

    def put(self, name, data):
        """Replaces a file. nginx makes ETag and Last-Modified of size and second: every version
        gets its own second."""
        self.serial += 1
        path = self.directory / "root" / name
        fresh = path.with_name(path.name + ".new")
        fresh.write_bytes(data if isinstance(data, bytes) else data.encode())
        os.utime(fresh, (1700000000 + self.serial, 1700000000 + self.serial))
        fresh.rename(path)

    def mode(self, name=None):
        for old in (self.directory / "mode").iterdir():
            old.unlink()
        if name:
            (self.directory / "mode" / name).touch()

    def requests(self):
        """[(status, uri, etag)] so far."""
        text = (self.directory / "access.log").read_text()
        return [(int(f[0]), f[1], f[2]) for f in (line.split(" ") for line in text.splitlines())]

    def wait_request(self, status, uri="/list", since=0):
        wait_until(
            f"a request for {uri} answered {status}",
            lambda: any(r[:2] == (status, uri) for r in self.requests()[since:]),
        )


class RawServer:
    """Bodies cut short and answers that never come."""

    def __init__(self, owner):
        self.owner = owner
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.hanging = []  # kept open
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self.listener.close()
        for connection in self.hanging:
            connection.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            try:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(4096)
                self._answer(connection, re.match(rb"GET /raw/(\S+)", request).group(1).decode())
            except OSError:
                connection.close()

    def _answer(self, connection, what):
        if what == "hang":
            self.hanging.append(connection)
            return
        body = (self.owner.directory / "root" / "list").read_bytes()
        if what == "truncated":
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
                % len(body)
                + body[: len(body) // 2]
            )
        connection.close()
