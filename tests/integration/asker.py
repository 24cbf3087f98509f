"""Questions one after the other, for tests of what must not lose one."""

import threading
import time

from policyclient import PolicyClient


class Asker(threading.Thread):
    """Asks as smtpd does: keeps its connection, and when that breaks asks once more on a new one
    (attr_clnt.c of Postfix); two in a row are a warning in its log. PAUSE: seconds between two."""

    def __init__(self, address, listed, free, pause=0):
        super().__init__(daemon=True)
        self.address, self.pause = address, pause
        self.listed, self.free = listed, free
        self.go_on = True
        self.answers = self.again = 0
        self.wrong = []

    def run(self):
        client, n = None, 0
        while self.go_on:
            recipient = self.listed if n % 2 else self.free
            n += 1
            fresh = client is None
            try:
                client = client or PolicyClient(self.address)
                action = client.ask(recipient)
            except (OSError, EOFError, AssertionError) as fault:
                if fresh:
                    self.wrong.append(f"a new connection: {fault!r}")
                if client is not None:
                    client.close()
                client = None
                self.again += 1
                n -= 1
                continue
            self.answers += 1
            if self.pause:
                time.sleep(self.pause)
            if action.startswith("550 ") != (recipient == self.listed):
                self.wrong.append(f"{recipient}: {action}")
            if n % 50 == 0:  # smtpd ends after some sessions, and another one begins
                client.close()
                client = None
        if client is not None:
            client.close()
