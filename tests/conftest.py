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
