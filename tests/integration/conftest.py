import pytest

from dnsservers import dbl, dns  # noqa: F401
from fixtures import *  # noqa: F401,F403: fixtures are found by name
from support import IS_ROOT


def pytest_collection_modifyitems(items):
    if not IS_ROOT:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="integration tests need root"))
