"""A server on loopback whose every answer is a function of the test."""

import socket
import threading


class Request:
    def __init__(self, server, connection, path, headers):
        self.server, self.connection, self.path, self.headers = server, connection, path, headers

    def send(self, data):
        self.connection.sendall(data)

    def ok(self, body, pause=None, after=0, **headers):
        """A whole answer; with PAUSE (an Event) it waits for that AFTER so many bytes."""
        body = body.encode() if isinstance(body, str) else body
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode())
        if pause is not None:
            self.send(body[:after])
            pause.wait(60)
            body = body[after:]
        self.send(body)

    def hang(self):
        """Until the client goes away."""
        self.connection.settimeout(60)
        while self.connection.recv(4096):
            pass


class ScriptedServer:
    """`pages` is {path: function of a Request}; `requests` what was asked, [(path, headers)];
    `open` the paths that are being answered."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pages, self.requests, self.open = {}, [], []
        threading.Thread(target=self._serve, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection:
            try:
                head = b""
                while b"\r\n\r\n" not in head:
                    more = connection.recv(65536)
                    if not more:
                        return
                    head += more
                first, *lines = head.decode("latin-1").split("\r\n")
                path = first.split()[1]
                headers = {
                    name.strip().lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines)
                }
                self.requests.append((path, headers))
                self.open.append(path)
                try:
                    self.pages[path](Request(self, connection, path, headers))
                finally:
                    self.open.remove(path)
            except OSError:
                pass
