"""PK chunking: a query of Bulk API 1.0 split by ids, one batch for each chunk of them.

Header, bounds and what becomes of the batch that is split: Bulk API guide, "PK Chunking Header"
[V].
A chunk is so many ids, not records: those of deleted records count, and those between records, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.bulk import jobs
from provisioner.emulator.bulk.v1_batches import AsyncError
from provisioner.emulator.soql import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.emulator.bulk.jobs import Batch, Job
    from provisioner.emulator.soql.tree import Query
    from provisioner.emulator.store.org import Org

_SIZE: Final = 100_000
_MOST: Final = 250_000
_SINCE: Final = 28  # the guide has it for API versions from 28.0 [V]
_SPLIT: Final = "NotProcessed"  # as answers of real orgs spell it (salesforce-bulk#75 [V])


@dataclass(frozen=True, slots=True)
class Chunking:
    """What the header asks for: how many ids a chunk has, and the first, "" for the table's."""

    size: int = _SIZE
    start: str = ""


def asked(header: str, version: int) -> Chunking | None:
    """What a header asks for: `TRUE`, `FALSE`, or parameters, also behind `TRUE;`."""
    if version < _SINCE:
        return None
    parts = [part.strip() for part in header.split(";") if part.strip()]
    if not parts or parts[0].lower() == "false":
        return None
    size, start = _SIZE, ""
    for part in parts[1:] if parts[0].lower() == "true" else parts:
        name, _, value = (text.strip() for text in part.partition("="))
        match name.lower():
            case "chunksize" if value.isdecimal() and 0 < int(value[:9]) <= _MOST:
                size = int(value)
            case "startrow" if ids.normal(value):
                start = value[:15]
            case "parent" if value:  # of a sharing object, of which there is none here
                continue
            case _:  # code and text: guess
                raise AsyncError("InvalidJob", f"Invalid PK chunking parameter: {part}")
    return Chunking(size, start)


def split(org: Org, job: Job, batch: Batch, text: str) -> None:
    """Makes the batches that a batch of a chunked job stands for, and ends it.

    A query that is wrong stays as it is, to fail; so does one with more than a WHERE behind its
    object, which the guide says chunking does not work with: that it runs whole is an inference
    from the guide of Bulk 2.0 [I].
    """
    try:
        query = parse.parse(text)
    except SalesforceError:
        return
    sobject = visible.catalog(org, job.created_by, job.version).get(query.source)
    if sobject is None or sobject.name != job.sobject or not _is_plain(query):
        return
    if not jobs.can_be_split(sobject.name):
        # the rule: the guide's list [V]; the text: guess
        message = f"InvalidBatch : PK chunking is not supported for {sobject.name}"
        jobs.end_batch(org, batch, None, state="Failed", message=message)
        return
    rows = org.execute(f'SELECT MIN("Id"), MAX("Id") FROM "{sobject.name}"')  # noqa: S608 - ours
    first, last = rows[0]
    if first is not None:
        for low, high in _bounds(job.chunk_start or first[:15], last[:15], job.chunk_size):
            jobs.add_batch(org, job, _bounded(text, query, low, high))
    jobs.end_batch(org, batch, None, state=_SPLIT)


def _is_plain(query: Query) -> bool:
    more = (
        query.counted, query.group, query.having, query.order, query.offset, query.using,
        query.purposes,
    )  # fmt: skip
    return query.limit is None and not any(more)


def _bounds(first: str, last: str, size: int) -> Iterator[tuple[str, str]]:
    low = first
    while low <= last:
        high = ids.after(low, size)
        yield low, high
        low = high


def _bounded(text: str, query: Query, low: str, high: str) -> str:
    bounds = f"Id >= '{low}' AND Id < '{high}'"
    if query.where is None:
        return f"{text} WHERE {bounds}"
    head, _, condition = _WHERE.split(text, maxsplit=1)
    return f"{head}WHERE ({condition.strip()}) AND {bounds}"


# The first is the query's own: none is among the fields, and child queries are refused in bulk.
_WHERE: Final = re.compile(r"\b(where)\b", re.IGNORECASE)
