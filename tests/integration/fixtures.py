"""Fixtures and guards shared by integration and replay."""

import signal

import pytest

from daemon import Daemon
from redisserver import Redis
from relays import Fleet
from support import DAEMON, IS_ROOT

# No test may hang: each one ends by itself or by this.
TEST_SECONDS = 60


def pytest_configure(config):
    config.addinivalue_line("markers", "seconds(n): this test may take that long")
    config.addinivalue_line("markers", "as_root: the daemon begins as root, not as its unit lets it")


@pytest.fixture(autouse=True)
def deadline(request):
    marker = request.node.get_closest_marker("seconds")
    seconds = marker.args[0] if marker else TEST_SECONDS

    def late(_number, _frame):
        raise TimeoutError(f"the test took more than {seconds} s")

    old = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


@pytest.fixture
def daemon(request):
    """Not started yet; the test says what it is to know."""
    assert DAEMON.exists(), "make it first"
    d = Daemon(sandboxed=request.node.get_closest_marker("as_root") is None)
    yield d
    d.close()


@pytest.fixture(params=["unix", "tcp"])
def tcp(request):
    """Runs the test over both kinds of listener."""
    return request.param == "tcp"


@pytest.fixture
def redis():
    server = Redis().start()
    yield server
    server.close()


@pytest.fixture
def fleet(redis):
    relays = Fleet()
    yield relays
    relays.close()


@pytest.fixture
def five(fleet, redis):
    for _ in range(5):
        fleet.add(redis)
    return fleet.start()


needs_root = pytest.mark.skipif(not IS_ROOT, reason="needs root")
