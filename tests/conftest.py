"""What all tests share: whether a sample is tried, or everything there is."""

import os

import pytest


def pytest_xdist_auto_num_workers():
    """Twice the cores: half of the tests wait for other processes most of the time."""
    return 2 * (os.cpu_count() or 1)


def pytest_addoption(parser):
    parser.addoption(
        "--sweep", action="store_true", help="try every place where a run can fail, not a sample"
    )


@pytest.fixture(scope="session")
def sweep(pytestconfig):
    """Whether every place is to be tried."""
    return pytestconfig.getoption("--sweep")


# Tests that take minutes, and mostly wait: begun last, they would keep one worker busy alone.
_LONGEST = (
    "tests/faults/test_sweep.py",
    "tests/fuzz",
    "tests/e2e/test_kills.py",
    "tests/e2e/test_crash.py",
)


def pytest_collection_modifyitems(items):
    """Begin the longest tests first."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))
