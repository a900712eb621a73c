"""Read records: a few in one composite call, many by the cheapest strategy and in parallel."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar
from urllib.parse import quote

from provisioner.model.json_value import Json
from provisioner.model.operations import Describe, Newest, ObjectDescribe, Query, Row, Select
from provisioner.model.resource import Lookup
from provisioner.org import bulk_query, shapes, soql
from provisioner.org.error_mapping import refused
from provisioner.org.errors import Refused
from provisioner.org.read_strategy import QUERIES, ReadStrategy, choose
from provisioner.org.rest import VERSION, QueryPage, Rest, composite_parts, query_page
from provisioner.org.rows import RowCollector
from provisioner.org.shapes import JsonObject

T = TypeVar("T")
_PARTS = 25
"""Sub-requests of one composite call. (fact 734)"""
_LONGEST_URI = 2_000
"""Salesforce takes 16,384 bytes of URI and headers, and advises this much for the URI. A query
in a composite call stands in the body, and is not bound by it. (Salesforce knowledge article
000386264)"""
_FEW_KEYS = 5_000
"""With this many keys or fewer, the number of all rows is not worth an API call."""
_PARALLEL = 4
"""Salesforce allows 25 long calls at a time; other programs need some. (fact 725)"""
_PAGES_AHEAD = 3
"""Pages of one query that are requested before they are needed."""


def in_parallel(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """The results of these functions, of which a few run at a time.

    All have ended when it returns. If some raise, the first exception in order is raised.
    """
    if len(tasks) < 2:
        return [task() for task in tasks]
    with ThreadPoolExecutor(_PARALLEL, "read") as pool:
        futures = [pool.submit(task) for task in tasks]
    return [future.result() for future in futures]


class Reads:
    """The reads of one org. Every method raises OrgError.

    `choose` selects the strategy for reading rows by more than `few` keys, as
    `read_strategy.choose` does.
    """

    def __init__(
        self, rest: Rest, choose: Callable[..., ReadStrategy] = choose, few: int = _FEW_KEYS
    ) -> None:
        self._rest = rest
        self._choose = choose
        self._few = few
        self._totals: dict[str, int | None] = {}
        self._describes: dict[str, ObjectDescribe] = {}

    def read(self, queries: Sequence[Describe | Select | Newest]) -> Mapping[Query[object], object]:
        """The answer to each query, read in as few calls as Salesforce allows."""
        self._count(query for query in queries if isinstance(query, Select))
        requests = [self._request(query) for query in queries]
        many = any(request.many for request in requests)
        by_part: dict[_Part, list[_Request]] = {}
        tasks: list[Callable[[], object]] = []
        for request in requests:
            if request.task:
                tasks.append(request.task)
            for part in request.parts:
                by_part.setdefault(part, []).append(request)
        tasks = [
            partial(self._fetch, group, by_part, ahead=many) for group in _groups(by_part)
        ] + tasks
        if many:
            in_parallel(tasks)
        else:
            for task in tasks:
                task()
        return {query: request.answer() for query, request in zip(queries, requests, strict=True)}

    def find(self, lookup: Lookup) -> list[str]:
        """The Ids of the records that have these values, in order."""

        def read(rows: Sequence[JsonObject]) -> list[str]:
            return sorted(shapes.text(row["Id"], "`Id`") for row in rows)

        return self._records(soql.lookup(lookup), read)

    def count_active(self, profile_ids: Sequence[str]) -> dict[str, int]:
        """How many active users have each of these profiles."""

        def read(rows: Sequence[JsonObject]) -> dict[str, int]:
            return {
                shapes.text(row["ProfileId"], "`ProfileId`"): shapes.count(row["users"], "`users`")
                for row in rows
            }

        return self._records(soql.count_active(profile_ids), read)

    def last_logins(self, user_id: str, fields: Sequence[str], count: int) -> list[Row]:
        """The last rows of a user's LoginHistory, the newest first."""

        def read(rows: Sequence[JsonObject]) -> list[Row]:
            return [{name: shapes.scalar(row[name], name) for name in fields} for row in rows]

        return self._records(soql.last_logins(user_id, fields, count), read)

    def site_hosts(self) -> frozenset[str]:
        """The hosts that the org lists for its sites, with the port if one is named.

        They are those of the sites' addresses, and of `Domain`, which has an address that was
        assigned to a site. (Connect REST API guide, "Communities"; Object Reference, "Domain")
        """

        def read(rows: Sequence[JsonObject]) -> frozenset[str]:
            return frozenset(shapes.text(row["Domain"], "`Domain`").lower() for row in rows)

        try:
            domains = self._records(soql.domains(), read)
        except Refused:
            domains = frozenset()
        return domains | self._rest.site_hosts()

    def _records(self, query: str, read: Callable[[Sequence[JsonObject]], T]) -> T:
        part = _query(query)
        records: list[JsonObject] = []
        request = _Request([part], lambda: None, take_records=records.extend)
        self._fetch([part], {part: [request]}, ahead=False)
        with self._rest.understanding("a query"):
            return read(records)

    # ------------------------------------------------------------ what is requested

    def _request(self, query: Describe | Select | Newest) -> _Request:
        match query:
            case Describe(sobject):
                answers: list[ObjectDescribe | None] = []
                path = f"sobjects/{quote(sobject, safe='')}/describe"
                part = _Part(path, is_query=False)
                answer = partial(self._described, sobject, answers)
                return _Request([part], answer, take_describe=answers.append)
            case Newest():
                rows = RowCollector(query.fields)
                part = _query(soql.newest(query), deleted=query.deleted)
                answer_rows = partial(rows.rows, in_order_added=True)
                return _Request([part], answer_rows, take_records=rows.add)
            case Select():
                return self._selected(query)

    def _described(
        self, sobject: str, answers: Sequence[ObjectDescribe | None]
    ) -> ObjectDescribe | None:
        (described,) = answers
        if described:
            self._describes[sobject] = described
        return described

    def _selected(self, select: Select) -> _Request:
        strategy = self._strategy(select) if self._has_choice(select) else ReadStrategy.BY_KEY
        if strategy is ReadStrategy.BY_KEY:
            rows = RowCollector(select.fields)
            parts = [_query(text) for text in soql.selects(select)]
            many = _keys(select) > self._few
            return _Request(parts, rows.rows, take_records=rows.add, many=many)
        described = self._describes.get(select.sobject)
        fields = described["fields"] if described else ()
        types = {field["name"]: field["type"] for field in fields}
        rows = RowCollector(select.fields, select.any_of, types)
        (text,) = soql.selects(replace(select, fields=rows.fields, any_of=()))
        scan = strategy is ReadStrategy.SCAN
        read = self._scan if scan else partial(bulk_query.read, self._rest)
        return _Request([], rows.rows, task=partial(read, text, rows), many=True)

    def _has_choice(self, select: Select) -> bool:
        """Whether there are enough keys to consider another strategy than `BY_KEY`."""
        # An Id has two forms, with and without the three characters that encode its case.
        by_id = any(field.endswith("Id") for field, values in select.any_of if values)
        return _keys(select) > self._few and not by_id

    def _strategy(self, select: Select) -> ReadStrategy:
        length = sum(len(value) + 3 for _, values in select.any_of for value in values)
        total = self._totals.get(select.sobject)
        described = select.sobject in self._describes
        return self._choose(_keys(select), length, total, bulk=described)

    def _count(self, selects: Iterable[Select]) -> None:
        """Ask once for the approximate number of records, if the strategy depends on it."""
        names = {select.sobject for select in selects if self._has_choice(select)}
        new = sorted(names - self._totals.keys())
        if not new:
            return
        self._totals |= dict.fromkeys(new)

        def read(answer: Json) -> dict[str, int]:
            objects = shapes.mappings(shapes.mapping(answer)["sObjects"], "`sObjects`")
            return {
                shapes.text(item["name"], "`name`"): shapes.count(item["count"], "`count`")
                for item in objects
            }

        try:
            totals = self._rest.get(f"limits/recordCount?sObjects={quote(','.join(new))}", read)
        except Refused:
            return  # the user may lack the permission
        self._totals |= totals

    # ------------------------------------------------------------ how it is read

    def _scan(self, query: str, rows: RowCollector) -> None:
        for records in self._pages(self._rest.rows(_query(query).path), ahead=True):
            rows.add(records)

    def _fetch(
        self,
        group: Sequence[_Part],
        requests: Mapping[_Part, Sequence[_Request]],
        *,
        ahead: bool,
    ) -> None:
        """Give the answer to each part to the requests that need it, page by page."""
        alone = group[0] if len(group) == 1 and len(group[0].path) <= _LONGEST_URI else None
        bodies = [self._get(alone)] if alone else self._compose(group)
        for part, body in zip(group, bodies, strict=True):
            if isinstance(body, QueryPage):
                for records in self._pages(body, ahead=ahead):
                    with self._rest.understanding("a query"):
                        for request in requests[part]:
                            request.take_records(records)
            else:
                for request in requests[part]:
                    request.take_describe(body)

    def _get(self, part: _Part) -> QueryPage | ObjectDescribe | None:
        if part.is_query:
            return self._rest.rows(part.path)
        try:
            return self._rest.described(part.path)
        except Refused as error:
            if error.code == "NOT_FOUND":
                return None
            raise

    def _compose(self, group: Sequence[_Part]) -> list[QueryPage | ObjectDescribe | None]:
        # Values are percent-encoded, so that no `@{...}` in a value is read as a reference.
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

        def read(answer: Json) -> list[QueryPage | ObjectDescribe | None]:
            parts = composite_parts(answer, [f"part{number}" for number in range(len(group))])
            return [
                part.body(status, body, self._rest.host)
                for part, (status, body) in zip(group, parts, strict=True)
            ]

        return self._rest.ask("composite", json.dumps(body), read)

    def _pages(self, page: QueryPage, *, ahead: bool) -> Iterator[Sequence[JsonObject]]:
        """The records of a page and of the pages after it; with `ahead`, those are read early."""
        seen: set[str] = set()
        if page.next_url is None or not ahead:
            yield page.records
            while page.next_url is not None:
                page = self._rest.rows(self._new(page.next_url, seen))
                yield page.records
            return
        expected = deque(_expected_urls(page.next_url, page.total))
        requested: deque[tuple[str, Future[QueryPage]]] = deque()
        with ThreadPoolExecutor(_PAGES_AHEAD, "page") as pool:
            while page.next_url is not None:
                url = self._new(page.next_url, seen)
                first = requested[0][0] if requested else next(iter(expected), url)
                if url != first:
                    # The pages do not start where they were expected.
                    for _, unread in requested:
                        unread.cancel()
                    requested.clear()
                    expected.clear()
                if not requested and not expected:
                    expected.append(url)
                while expected and len(requested) < _PAGES_AHEAD:
                    next_ = expected.popleft()
                    requested.append((next_, pool.submit(self._rest.rows, next_)))
                yield page.records
                try:
                    page = requested.popleft()[1].result()
                except Refused:
                    # Perhaps only because it was requested before its turn.
                    page = self._rest.rows(url)
            yield page.records

    def _new(self, url: str, seen: set[str]) -> str:
        """`url`, which must not have been read before: the loop would never end."""
        with self._rest.understanding("a query"):
            if url in seen:
                raise shapes.UnexpectedError("its pages repeat")
        seen.add(url)
        return url


def _expected_urls(url: str, total: int) -> list[str]:
    """The URLs of the pages of a query, if all are as long as the first: `...-2000`, `...-4000`.

    Later pages may be shorter; then the URLs are different, and each page has that of the next.
    (REST guide, "Query"; that pages can be requested out of order: guess)
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

    def body(self, status: int, body: Json, host: str) -> QueryPage | ObjectDescribe | None:
        """The answer in `body`; `None` for an object that does not exist.

        Raises OrgError, or ValueError if it is neither an answer nor a refusal.
        """
        if 200 <= status < 300:
            return query_page(body) if self.is_query else shapes.describe(body)
        error = refused(status, body, host)
        if status == 404 and not self.is_query and getattr(error, "code", "") == "NOT_FOUND":
            return None
        raise error


def _ignore(_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class _Request:
    """What reads the answer to one query: `parts` or a `task`. `answer` returns it afterwards.

    `take_records` is called with the records of every page of every part. `many` says that there
    are enough rows to read in parallel.
    """

    parts: Sequence[_Part]
    answer: Callable[[], object]
    take_records: Callable[[Sequence[JsonObject]], object] = _ignore
    take_describe: Callable[[ObjectDescribe | None], object] = _ignore
    task: Callable[[], object] | None = None
    many: bool = False


def _keys(select: Select) -> int:
    return sum(len(values) for _, values in select.any_of)


def _query(text: str, *, deleted: bool = False) -> _Part:
    # Only `queryAll` looks into the recycle bin. (REST guide, "QueryAll")
    resource = "queryAll" if deleted else "query"
    return _Part(f"{resource}?q={quote(text, safe='')}", is_query=True)


def _groups(parts: Mapping[_Part, object]) -> list[list[_Part]]:
    """The parts in as few composite calls as possible."""
    groups: list[list[_Part]] = []
    for part in parts:
        for group in groups:
            queries = sum(other.is_query for other in group)
            if len(group) < _PARTS and not (part.is_query and queries == QUERIES):
                group.append(part)
                break
        else:
            groups.append([part])
    return groups
