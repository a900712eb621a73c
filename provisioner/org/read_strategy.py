"""Choose how to read many rows: by their keys, all of them, or by a Bulk 2.0 job. Pure.

The costs are a model: API calls, of which an org has a daily number, and time. The figures are
rounded from measurements in orgs of medium size. The choice must be right by a factor, not by a
tenth.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import ceil

PAGE = 2_000
"""Rows of one page of a query. (fact 731)"""
QUERIES = 5
"""Queries of one composite call. (fact 734)"""
JOB_PAGE = 50_000
"""Rows of one page of a Bulk 2.0 job's results, as we request them."""


class ReadStrategy(Enum):
    """How the rows of one query are read."""

    BY_KEY = "by their keys, as many in a query as fit"
    SCAN = "all rows, page by page"
    BULK = "all rows, by a Bulk 2.0 query job"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a strategy takes: API calls, and seconds."""

    calls: int
    seconds: float

    @property
    def price(self) -> float:
        """Both in one number: a call is worth some waiting."""
        return self.seconds + self.calls * _CALL_PRICE


_CALL_PRICE = 0.3
_CALL = 0.2  # seconds for a request and its response
_ROW = 0.000_15  # to find, send and read a row
_KEY = 0.000_3  # to look up one key
_JOB = 25.0  # until a job was queued and run, and its end was noticed
_JOB_ROW = 0.000_04
_JOB_CALLS = 8  # to create a job and to poll its state


def choose(keys: int, length: int, total: int | None, *, bulk: bool = True) -> ReadStrategy:
    """The cheapest strategy for the rows that have any of so many keys.

    The keys take `length` characters of SOQL. `total` is the number of all rows; if it is not
    known, rows can only be read by key. `bulk` says whether a job is possible.
    """
    if total is None:
        return ReadStrategy.BY_KEY
    strategies = [s for s in ReadStrategy if bulk or s is not ReadStrategy.BULK]
    return min(strategies, key=lambda strategy: cost(strategy, keys, length, total).price)


def cost(
    strategy: ReadStrategy, keys: int, length: int, total: int, *, longest: int = 90_000
) -> Cost:
    """What a strategy takes."""
    match strategy:
        case ReadStrategy.BY_KEY:
            queries, rows = ceil(length / longest), min(keys, total)
            calls = ceil(queries / QUERIES) + max(ceil(rows / PAGE) - queries, 0)
            return Cost(calls, calls * _CALL + keys * _KEY + rows * _ROW)
        case ReadStrategy.SCAN:
            calls = max(ceil(total / PAGE), 1)
            return Cost(calls, calls * _CALL + total * _ROW)
        case ReadStrategy.BULK:
            calls = _JOB_CALLS + max(ceil(total / JOB_PAGE), 1)
            return Cost(calls, _JOB + calls * _CALL + total * _JOB_ROW)
