"""Read records: few of them in one composite call, many in the cheapest way, side by side."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

from provisioner.model.operations import Describe, Newest, Query, Select
from provisioner.model.resource import Lookup
from provisioner.org import bulk_query, shapes, soql
from provisioner.org import read_strategy as ways
from provisioner.org.error_mapping import refused
from provisioner.org.errors import Refused
from provisioner.org.read_strategy import QUERIES, Way
from provisioner.org.rest import VERSION, Rest, composite_parts, describe, page_of_query
from provisioner.org.rows import Sieve

T = TypeVar("T")
_PARTS = 25
"""Sub-requests of one composite call. (platform reference 8.2)"""
_LONGEST_URI = 2_000
"""Salesforce takes 16,384 bytes of URI and headers, and advises this much for the URI. A query
in a composite call stands in the body, and is not bound by it. (Salesforce knowledge article
000386264)"""
_FEW = 5_000
"""Up to so many keys it is not worth a call to ask how many rows there are in all."""
_SIDE_BY_SIDE = 4
"""Of the 25 calls that Salesforce lets run at a time, were they to last long; others need some.
(platform reference 8.4)"""
_AHEAD = 3
"""Pages of one query that are asked for before they are needed."""


def side_by_side(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """What each of these returns, a few of them being done at a time.

    All have ended on return; where some raise, the first of those in order is heard.
    """
    if len(tasks) < 2:
        return [task() for task in tasks]
    with ThreadPoolExecutor(_SIDE_BY_SIDE, "read") as pool:
        coming = [pool.submit(task) for task in tasks]
    return [one.result() for one in coming]


class Reads:
    """The reads of one org. Every method raises OrgError.

    `choose` picks the way to rows by more than `few` keys, as `ways.choose` does.
    """

    def __init__(
        self, rest: Rest, choose: Callable[..., Way] = ways.choose, few: int = _FEW
    ) -> None:
        self._rest = rest
        self._choose = choose
        self._few = few
        self._totals: dict[str, int | None] = {}
        self._describes: dict[str, Any] = {}

    def read(self, queries: Sequence[Describe | Select | Newest]) -> Mapping[Query[object], object]:
        """The answer to each query, read in as few calls as Salesforce allows."""
        self._count(query for query in queries if isinstance(query, Select))
        asked = [self._asked(query) for query in queries]
        many = any(one.many for one in asked)
        takers: dict[_Part, list[Callable[[Any], object]]] = {}
        tasks: list[Callable[[], object]] = []
        for one in asked:
            if one.task:
                tasks.append(one.task)
            for part in one.parts:
                takers.setdefault(part, []).append(one.take)
        tasks = [
            partial(self._fetch, group, takers, ahead=many) for group in _groups(takers)
        ] + tasks
        if many:
            side_by_side(tasks)
        else:
            for task in tasks:
                task()
        return {query: one.answer() for query, one in zip(queries, asked, strict=True)}

    def find(self, wanted: Lookup) -> list[str]:
        """The Ids of the records that have these values, in order."""

        def read(rows: Sequence[Mapping[str, Any]]) -> list[str]:
            return sorted(shapes.text(row["Id"], "`Id`") for row in rows)

        return self._records(soql.lookup(wanted), read)

    def count_active(self, profile_ids: Sequence[str]) -> dict[str, int]:
        """How many active users have each of these profiles."""

        def read(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
            return {
                shapes.text(row["ProfileId"], "`ProfileId`"): shapes.whole(row["users"], "`users`")
                for row in rows
            }

        return self._records(soql.count_active(profile_ids), read)

    def last_logins(self, user_id: str, fields: Sequence[str], count: int) -> list[dict[str, Any]]:
        """The last rows of a user's LoginHistory, the newest first."""

        def read(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
            return [{name: shapes.plain(row[name], name) for name in fields} for row in rows]

        return self._records(soql.last_logins(user_id, fields, count), read)

    def site_hosts(self) -> frozenset[str]:
        """The hosts that the org lists for its sites, with the port if one is named.

        They are those of the sites' addresses, and of `Domain`, which has an address that was
        assigned to a site. (Connect REST API guide, "Communities"; Object Reference, "Domain")
        """

        def read(rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
            return frozenset(shapes.text(row["Domain"], "`Domain`").lower() for row in rows)

        try:
            domains = self._records(soql.domains(), read)
        except Refused:
            domains = frozenset()
        return domains | self._rest.site_hosts()

    def _records(self, query: str, read: Callable[[Sequence[Mapping[str, Any]]], T]) -> T:
        part = _query(query)
        found: list[Mapping[str, Any]] = []
        self._fetch([part], {part: [found.extend]}, ahead=False)
        with self._rest.understanding("a query"):
            return read(found)

    # ------------------------------------------------------------ what is asked

    def _asked(self, query: Describe | Select | Newest) -> _Asked:
        match query:
            case Describe(sobject):
                described: list[Any] = []
                path = f"sobjects/{quote(sobject, safe='')}/describe"
                part = _Part(path, is_query=False)
                return _Asked(
                    [part], described.append, partial(self._described, sobject, described)
                )
            case Newest():
                sieve = Sieve(query.fields)
                rows = partial(sieve.rows, as_found=True)
                part = _query(soql.newest(query), deleted=query.deleted)
                return _Asked([part], sieve.add, rows)
            case Select():
                return self._selected(query)

    def _described(self, sobject: str, found: Sequence[Any]) -> Any:
        (body,) = found
        if body:
            self._describes[sobject] = body
        return body

    def _selected(self, select: Select) -> _Asked:
        way = self._way(select) if self._is_open(select) else Way.KEYED
        if way is Way.KEYED:
            sieve = Sieve(select.fields)
            parts = [_query(text) for text in soql.selects(select)]
            return _Asked(parts, sieve.add, sieve.rows, many=_keys(select) > self._few)
        fields = self._describes.get(select.sobject, {}).get("fields", ())
        types = {field["name"]: field["type"] for field in fields}
        sieve = Sieve(select.fields, select.any_of, types)
        (text,) = soql.selects(replace(select, fields=sieve.fields, any_of=()))
        scan = self._scan if way is Way.SCAN else partial(bulk_query.read, self._rest)
        return _Asked([], sieve.add, sieve.rows, partial(scan, text, sieve), many=True)

    def _is_open(self, select: Select) -> bool:
        """Whether there are enough keys for another way to be worth a thought."""
        # An Id has two forms, with and without the three letters that tell its case.
        by_id = any(field.endswith("Id") for field, values in select.any_of if values)
        return _keys(select) > self._few and not by_id

    def _way(self, select: Select) -> Way:
        length = sum(len(value) + 3 for _, values in select.any_of for value in values)
        total = self._totals.get(select.sobject)
        described = select.sobject in self._describes
        return self._choose(_keys(select), length, total, bulk=described)

    def _count(self, selects: Iterable[Select]) -> None:
        """Ask once how many records there are, more or less, where the way depends on it."""
        names = {select.sobject for select in selects if self._is_open(select)}
        new = sorted(names - self._totals.keys())
        if not new:
            return
        self._totals |= dict.fromkeys(new)

        def read(answer: Any) -> dict[str, int]:
            listed = shapes.mappings(answer["sObjects"], "`sObjects`")
            return {
                shapes.text(one["name"], "`name`"): shapes.whole(one["count"], "`count`")
                for one in listed
            }

        try:
            counted = self._rest.get(f"limits/recordCount?sObjects={quote(','.join(new))}", read)
        except Refused:
            return  # not everybody may ask
        self._totals |= counted

    # ------------------------------------------------------------ how it is read

    def _scan(self, query: str, sieve: Sieve) -> None:
        for records in self._pages(self._rest.rows(_query(query).path), ahead=True):
            sieve.add(records)

    def _fetch(
        self,
        group: Sequence[_Part],
        takers: Mapping[_Part, Sequence[Callable[[Any], object]]],
        *,
        ahead: bool,
    ) -> None:
        """Give what each part is answered to those who asked for it, page by page."""
        alone = group[0] if len(group) == 1 and len(group[0].path) <= _LONGEST_URI else None
        bodies = [self._get(alone)] if alone else self._compose(group)
        for part, body in zip(group, bodies, strict=True):
            pages = self._pages(body, ahead=ahead) if part.is_query else [body]
            for page in pages:
                with self._rest.understanding("a query" if part.is_query else "a describe"):
                    for take in takers[part]:
                        take(page)

    def _get(self, part: _Part) -> Any:
        try:
            read = self._rest.rows if part.is_query else self._rest.described
            return read(part.path)
        except Refused as error:
            if error.code == "NOT_FOUND" and not part.is_query:
                return None
            raise

    def _compose(self, group: Sequence[_Part]) -> list[Any]:
        # Values are percent-encoded, so that no `@{...}` in one is taken for a reference.
        body = {
            "compositeRequest": [
                {
                    "method": "GET",
                    "url": f"/services/data/v{VERSION}/{part.path}",
                    "referenceId": f"part{number}",
                }
                for number, part in enumerate(group)
            ]
        }

        def read(answer: Any) -> list[Any]:
            parts = composite_parts(answer, [f"part{number}" for number in range(len(group))])
            return [
                part.body(status, body, self._rest.host)
                for part, (status, body) in zip(group, parts, strict=True)
            ]

        return self._rest.ask("composite", json.dumps(body), read)

    def _pages(self, page: Any, *, ahead: bool) -> Iterator[list[Mapping[str, Any]]]:
        """The records of a page and of those after it, the next ones being read meanwhile."""
        if page["done"] or not ahead:
            yield page["records"]
            seen: set[str] = set()
            while not page["done"]:
                page = self._rest.rows(self._new(page["nextRecordsUrl"], seen))
                yield page["records"]
            return
        foreseen = deque(_foreseen(page["nextRecordsUrl"], page["totalSize"]))
        coming: deque[tuple[str, Future[Any]]] = deque()
        seen = set()
        with ThreadPoolExecutor(_AHEAD, "page") as pool:
            while not page["done"]:
                url = self._new(page["nextRecordsUrl"], seen)
                if (coming or foreseen) and url != (coming[0][0] if coming else foreseen[0]):
                    # The pages are not cut where they were thought to be.
                    for _, unread in coming:
                        unread.cancel()
                    coming.clear()
                    foreseen.clear()
                if not coming and not foreseen:
                    foreseen.append(url)
                while foreseen and len(coming) < _AHEAD:
                    coming.append((foreseen[0], pool.submit(self._rest.rows, foreseen.popleft())))
                yield page["records"]
                try:
                    page = coming.popleft()[1].result()
                except Refused:
                    # Perhaps only because it was asked for before its turn.
                    page = self._rest.rows(url)
            yield page["records"]

    def _new(self, url: str, seen: set[str]) -> str:
        """`url`, which must not have been read before: that would never end."""
        with self._rest.understanding("a query"):
            if url in seen:
                raise shapes.UnexpectedError("its pages repeat")
        seen.add(url)
        return url


def _foreseen(url: str, total: int) -> list[str]:
    """Where the pages of a query will be, by where the first one ends: at `...-2000` here.

    An org may cut later pages shorter; then they are elsewhere, and each page tells. (REST
    guide, "Query"; that pages can be asked for out of their order: guess)
    """
    start, _, end = url.rpartition("-")
    if not end.isdecimal() or int(end) == 0:
        return [url]
    return [f"{start}-{place}" for place in range(int(end), total, int(end))]


@dataclass(frozen=True, slots=True)
class _Part:
    """One GET, by its path below `/services/data/vXX.X/`."""

    path: str
    is_query: bool

    def body(self, status: int, body: Any, host: str) -> Any:
        """`body` when it is an answer; `None` for what is not there.

        Raises OrgError, or ValueError for what is neither.
        """
        if 200 <= status < 300:
            return page_of_query(body) if self.is_query else describe(body)
        error = refused(status, body, host)
        if status == 404 and not self.is_query and getattr(error, "code", "") == "NOT_FOUND":
            return None
        raise error


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question: the parts or the task that get it answered, and who puts the answer together.

    `take` is given every page of every part; `many` says that side by side is worth it.
    """

    parts: Sequence[_Part]
    take: Callable[[Any], object]
    answer: Callable[[], Any]
    task: Callable[[], object] | None = None
    many: bool = False


def _keys(select: Select) -> int:
    return sum(len(values) for _, values in select.any_of)


def _query(text: str, *, deleted: bool = False) -> _Part:
    # Only `queryAll` looks into the recycle bin. (REST guide, "QueryAll")
    resource = "queryAll" if deleted else "query"
    return _Part(f"{resource}?q={quote(text, safe='')}", is_query=True)


def _groups(parts: Mapping[_Part, object]) -> list[list[_Part]]:
    """The parts in as few composite calls as will hold them."""
    groups: list[list[_Part]] = []
    for part in parts:
        for group in groups:
            queries = sum(one.is_query for one in group)
            if len(group) < _PARTS and not (part.is_query and queries == QUERIES):
                group.append(part)
                break
        else:
            groups.append([part])
    return groups
