"""The org: sends each `Query` and `Call` to the API or page that supports it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar, assert_never, cast

import requests

from provisioner.model.events import CallEnded
from provisioner.model.operations import (
    AnyQuery,
    Call,
    CloneMetadata,
    CountActive,
    CreateMetadata,
    CreateRecord,
    DeleteMetadata,
    DeleteRecord,
    Describe,
    EditMetadata,
    EnableCustomerPortal,
    LastLogins,
    ListMetadata,
    Newest,
    PasswordExpired,
    Query,
    QueryAnswers,
    ReadMembership,
    ReadMetadata,
    ReadSites,
    RenameMetadata,
    ResetPassword,
    RunningUsername,
    Select,
    ServerTime,
    SetMembership,
    SetPassword,
    UpdateRecord,
    UpsertRecord,
)
from provisioner.model.resource import Lookup, Secret
from provisioner.org.bulk import Bulk, Watcher
from provisioner.org.collections import Answer, PasswordCall, RecordCall, set_passwords, write
from provisioner.org.errors import OrgError, Refused
from provisioner.org.metadata import Metadata
from provisioner.org.portal_pages import PortalPages
from provisioner.org.reads import Reads, in_parallel
from provisioner.org.rest import Rest
from provisioner.org.setup_pages import Setup
from provisioner.org.soap_partner import Partner
from provisioner.org.transport import Transport, Usage

T = TypeVar("T")

# The rows of one collection; more are sent as a bulk job. (fact 736)
COLLECTION_ROWS = 200


def is_bulk_job(calls: Sequence[Call]) -> bool:
    """Whether `call_all` sends these as a bulk job."""
    records = CreateRecord | UpsertRecord | UpdateRecord | DeleteRecord
    return len(calls) > COLLECTION_ROWS and isinstance(calls[0], records)


class _Unwatched:
    """Ignores the progress of a job."""

    stopping = False

    def job(self, id_: str) -> None:
        pass

    def processed(self, rows: int) -> None:
        pass


UNWATCHED: Watcher = _Unwatched()


class Org(Protocol):
    """An org that can be read and written. Every method can raise OrgError."""

    @property
    def instance_url(self) -> str:
        """The address that identifies this org."""
        ...

    @property
    def api_calls(self) -> int:
        """The number of calls so far that count against the org's daily limit."""
        ...

    @property
    def requests_sent(self) -> int:
        """The number of all requests so far, with logins and setup pages."""
        ...

    @property
    def now(self) -> datetime:
        """The current time of the org's clock."""
        ...

    @property
    def usage(self) -> Usage | None:
        """The org's last report of its daily limit of API calls; `None` before the first one."""
        ...

    def read(self, query: Query[T]) -> T:
        """The answer to one query."""
        ...

    def read_all(self, queries: Iterable[Query[object]]) -> QueryAnswers:
        """The answers to all `queries`, read together in as few requests as possible."""
        ...

    def find(self, lookup: Lookup) -> list[str]:
        """The Ids of all records that match, in order."""
        ...

    def call(self, call: Call) -> str | None:
        """Make one call, once. Returns the Id of the new record or component, if there is one."""
        ...

    def call_all(self, calls: Sequence[Call], watcher: Watcher = UNWATCHED) -> list[Answer]:
        """Make calls of one family (`provisioner.plan.batches.family`), each of them once.

        Returns one answer for each, in order: the Id of the new record or component, `None`, or
        the error of this call. Raises OrgError if it concerns all of them; after NoAnswer, the org
        must be read before any of them is sent again.
        """
        ...

    def wait_for(self, job: str) -> str:
        """Wait until a bulk job has ended, and return its state."""

    def visit(self, login_page: str) -> PortalPages:
        """A visit to the portal at this address as a customer, without this tool's session."""
        ...


class SalesforceOrg:
    """An org that is reached over HTTP at `instance_url`.

    The adapters and settings of `session` are copied; it is neither used nor changed. `renew`
    returns a token for a new session when this one has ended.
    """

    def __init__(
        self,
        instance_url: str,
        token: Secret,
        *,
        session: requests.Session | None = None,
        sleep: Callable[[float], object] = time.sleep,
        renew: Callable[[], Secret] | None = None,
    ) -> None:
        self._transport = Transport(instance_url, session, sleep=sleep, token=token, renew=renew)
        self._rest = Rest(self._transport)
        self._reads = Reads(self._rest)
        self._metadata = Metadata(self._transport)
        self._bulk = Bulk(self._rest)
        self._setup = Setup(self._transport)
        self._partner = Partner(self._transport)

    def __repr__(self) -> str:
        return f"SalesforceOrg({self.instance_url!r})"

    def observe(self, listener: Callable[[CallEnded], None]) -> None:
        """Call `listener` for every request from now on, in the thread that sent it."""
        self._transport.observe = listener

    @property
    def instance_url(self) -> str:
        return self._transport.instance_url

    @property
    def api_calls(self) -> int:
        return self._transport.api_calls

    @property
    def requests_sent(self) -> int:
        return self._transport.requests_sent

    @property
    def now(self) -> datetime:
        return self._transport.now

    @property
    def usage(self) -> Usage | None:
        return self._transport.usage

    def read(self, query: Query[T]) -> T:
        return self.read_all([query])[query]

    def read_all(self, queries: Iterable[Query[object]]) -> QueryAnswers:
        unique = tuple(dict.fromkeys(queries))
        records = [q for q in unique if isinstance(q, (Describe, Select, Newest))]
        others = [q for q in unique if not isinstance(q, (Describe, Select, Newest))]
        tasks: list[Callable[[], Mapping[Query[object], object]]] = [
            partial(self._read, cast("AnyQuery", query)) for query in others
        ]
        if records:
            tasks.insert(0, partial(self._reads.read, records))
        answers: dict[Query[object], object] = {}
        for part in in_parallel(tasks):
            answers |= part
        return QueryAnswers(answers)

    def find(self, lookup: Lookup) -> list[str]:
        return self._reads.find(lookup)

    def call(self, call: Call) -> str | None:
        (answer,) = self.call_all([call])
        if isinstance(answer, OrgError):
            raise answer
        return answer

    def call_all(self, calls: Sequence[Call], watcher: Watcher = UNWATCHED) -> list[Answer]:
        first = calls[0]
        match first:
            case CreateRecord() | UpsertRecord() | UpdateRecord() | DeleteRecord():
                return self._records(cast("Sequence[RecordCall]", calls), watcher)
            case SetPassword() | ResetPassword() if len(calls) > 1:
                return set_passwords(self._rest, cast("Sequence[PasswordCall]", calls))
            case CreateMetadata() | CloneMetadata() | EditMetadata() | DeleteMetadata():
                return self._components(calls, first.type)
            case _:
                assert len(calls) == 1, f"one {type(first).__name__} is one request"
                try:
                    return [self._single(first)]
                except Refused as error:
                    return [error]

    def wait_for(self, job: str) -> str:
        return self._bulk.wait(job)

    def _records(self, calls: Sequence[RecordCall], watcher: Watcher) -> list[Answer]:
        if len(calls) == 1:
            try:
                return [self._record(calls[0])]
            except Refused as error:
                return [error]
        if is_bulk_job(calls):
            return self._bulk.write(calls, watcher)
        return write(self._rest, calls)

    def visit(self, login_page: str) -> PortalPages:
        return PortalPages(self._transport, login_page, self._reads.site_hosts)

    def _record(self, call: RecordCall) -> str | None:
        match call:
            case CreateRecord(sobject, fields):
                return self._rest.create(sobject, fields)
            case UpsertRecord(sobject, key, value, fields):
                return self._rest.upsert(sobject, key, value, fields)
            case UpdateRecord(sobject, id_, fields):
                self._rest.update(sobject, id_, fields)
            case DeleteRecord(sobject, id_):
                self._rest.delete(sobject, id_)
            case _:
                assert_never(call)
        return None

    def _components(self, calls: Sequence[Call], type_: str) -> list[Answer]:
        match calls[0]:
            case CreateMetadata():
                created = cast("Sequence[CreateMetadata]", calls)
                return self._metadata.create(type_, [(c.full_name, c.elements) for c in created])
            case CloneMetadata():
                cloned = cast("Sequence[CloneMetadata]", calls)
                clones = [(c.source, c.full_name, c.edits) for c in cloned]
                return self._metadata.clone(type_, clones)
            case EditMetadata():
                edited = cast("Sequence[EditMetadata]", calls)
                return self._metadata.edit(type_, [(c.full_name, c.edits) for c in edited])
            case _:
                deleted = cast("Sequence[DeleteMetadata]", calls)
                return self._metadata.delete(type_, [c.full_name for c in deleted])

    def _single(self, call: Call) -> Answer:
        in_session = self._transport.in_session
        match call:
            case SetPassword(user, password):
                self._rest.set_password(user, password)
            case ResetPassword(user):
                self._rest.reset_password(user)
            case RenameMetadata(type_, old, new):
                return self._metadata.rename(type_, old, new)
            case EnableCustomerPortal():
                in_session(self._setup.enable_customer_portal)
            case SetMembership(portal, profiles):
                in_session(lambda: self._setup.set_members(self._setup.portal_id(portal), profiles))
            case _:
                raise AssertionError(f"{type(call).__name__} is handled by `call_all`")
        return None

    def _read(self, query: AnyQuery) -> Mapping[Query[object], object]:
        return {query: self._answer(query)}

    def _answer(self, query: AnyQuery) -> object:  # noqa: C901 - one branch for each kind of query
        match query:
            case LastLogins(user_id, fields, count):
                return self._reads.last_logins(user_id, fields, count)
            case PasswordExpired(user_id):
                return self._rest.password_expired(user_id)
            case ReadSites():
                return self._rest.sites()
            case ServerTime():
                return self._partner.server_time()
            case Describe() | Select() | Newest():
                return self._reads.read([query])[query]
            case CountActive(profile_ids):
                return self._reads.count_active(profile_ids)
            case RunningUsername():
                return self._rest.running_username()
            case ListMetadata(types):
                return self._metadata.listed(types)
            case ReadMetadata(type_, full_names):
                return self._metadata.read(type_, full_names)
            case ReadMembership(portal_id):
                return self._setup.members(portal_id)
            case _:
                assert_never(query)
