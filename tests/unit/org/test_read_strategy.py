"""Which way many rows are read: by keys, all of them, or by a job; by calls and time."""

from __future__ import annotations

import pytest

from provisioner.org.read_strategy import Cost, ReadStrategy, choose, cost

EMAIL = 33  # characters of an e-mail address in SOQL, with its quotes and comma


@pytest.mark.parametrize(
    ("keys", "total", "expected"),
    [
        # The org holds little more than is wanted: all of it, a page at a time.
        (1_200, 1_500, ReadStrategy.SCAN),
        (50_000, 50_000, ReadStrategy.SCAN),
        (50_000, 60_000, ReadStrategy.SCAN),
        # It holds much more: only what is wanted.
        (1_200, 50_000, ReadStrategy.BY_KEY),
        (10_000, 1_000_000, ReadStrategy.BY_KEY),
        (50_000, 1_000_000, ReadStrategy.BY_KEY),
        # Very much of very much: a job.
        (400_000, 500_000, ReadStrategy.BULK),
        (200_000, 200_000, ReadStrategy.BULK),
        (1_000_000, 5_000_000, ReadStrategy.BULK),
        # An empty org is one call.
        (50_000, 0, ReadStrategy.SCAN),
        # Nobody told how much there is.
        (50_000, None, ReadStrategy.BY_KEY),
    ],
)
def test_the_cheapest_way_is_chosen(keys, total, expected):
    assert choose(keys, keys * EMAIL, total) is expected


def test_without_a_job_all_rows_are_read_by_page():
    assert choose(200_000, 200_000 * EMAIL, 200_000, bulk=False) is ReadStrategy.SCAN


@pytest.mark.parametrize(
    ("way", "keys", "total", "calls"),
    [
        (
            ReadStrategy.BY_KEY,
            50_000,
            50_000,
            10,
        ),  # 19 queries in 4 composite calls, and 6 more pages
        (ReadStrategy.SCAN, 50_000, 50_000, 25),
        (ReadStrategy.BULK, 50_000, 50_000, 9),
        (ReadStrategy.BULK, 50_000, 50_001, 10),
        (ReadStrategy.SCAN, 1, 0, 1),
    ],
)
def test_calls_are_counted(way, keys, total, calls):
    assert cost(way, keys, keys * EMAIL, total).calls == calls


def test_a_call_is_worth_some_waiting():
    assert Cost(10, 1.0).price == pytest.approx(4.0)
