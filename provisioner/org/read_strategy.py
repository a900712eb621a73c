"""How to read many rows: by their keys, all there are, or by a Bulk 2.0 job. Pure.

What each way costs is a model: calls, which an org has a daily number of, and time. Its
figures are rounded from what such calls take in orgs of middling size; the choice has to be
right by a factor, not by a tenth.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import ceil

PAGE = 2_000
"""Rows of one page of a query. (platform reference 8.1)"""
QUERIES = 5
"""Queries of one composite call. (platform reference 8.2)"""
JOB_PAGE = 50_000
"""Rows of one page of a Bulk 2.0 job's results, as we ask for them."""


class Way(Enum):
    """How the rows of one query are read."""

    KEYED = "by their keys, as many in a query as it holds"
    SCAN = "all rows, page by page"
    BULK = "all rows, by a Bulk 2.0 query job"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a way takes: API calls, and seconds."""

    calls: int
    seconds: float

    @property
    def price(self) -> float:
        """Both in one number: a call is worth some waiting."""
        return self.seconds + self.calls * _WORTH


_WORTH = 0.3
_CALL = 0.2  # seconds there and back
_ROW = 0.000_15  # to find, send and read a row
_KEY = 0.000_3  # to look up one key
_JOB = 25.0  # until a job has been queued, run and noticed
_JOB_ROW = 0.000_04
_JOB_CALLS = 8  # to make it and to ask how it goes


def choose(keys: int, length: int, total: int | None, *, bulk: bool = True) -> Way:
    """The cheapest way to the rows that have any of so many keys, `length` characters of SOQL.

    `total` is how many rows there are in all; where it is not known, only keys will do. `bulk`
    says whether a job can be had.
    """
    if total is None:
        return Way.KEYED
    ways = [way for way in Way if bulk or way is not Way.BULK]
    return min(ways, key=lambda way: cost(way, keys, length, total).price)


def cost(way: Way, keys: int, length: int, total: int, *, longest: int = 90_000) -> Cost:
    """What a way takes."""
    match way:
        case Way.KEYED:
            queries, rows = ceil(length / longest), min(keys, total)
            calls = ceil(queries / QUERIES) + max(ceil(rows / PAGE) - queries, 0)
            return Cost(calls, calls * _CALL + keys * _KEY + rows * _ROW)
        case Way.SCAN:
            calls = max(ceil(total / PAGE), 1)
            return Cost(calls, calls * _CALL + total * _ROW)
        case Way.BULK:
            calls = _JOB_CALLS + max(ceil(total / JOB_PAGE), 1)
            return Cost(calls, _JOB + calls * _CALL + total * _JOB_ROW)
