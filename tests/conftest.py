"""What all tests share: whether a sample is tried, or everything there is."""

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--sweep", action="store_true", help="try every place where a run can fail, not a sample"
    )


@pytest.fixture(scope="session")
def sweep(pytestconfig):
    """Whether every place is to be tried."""
    return pytestconfig.getoption("--sweep")
