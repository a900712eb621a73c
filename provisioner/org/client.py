"""The org behind its surfaces: each `Query` and `Call` goes to the one that can do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, assert_never

import requests

from provisioner.call import (
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
    ListMetadata,
    Me,
    Newest,
    Query,
    ReadMembership,
    ReadMetadata,
    RenameMetadata,
    ResetPassword,
    Select,
    SetMembership,
    SetPassword,
    UpdateRecord,
)
from provisioner.org.http import Wire
from provisioner.org.metadata import Metadata
from provisioner.org.rest import Rest
from provisioner.org.setup import Setup
from provisioner.resource import Lookup, Secret


class Org(Protocol):
    """An org that can be read and written. Every method raises OrgError."""

    @property
    def instance_url(self) -> str:
        """The address that tells this org from all others."""
        ...

    @property
    def api_calls(self) -> int:
        """The calls made so far that Salesforce counts against the org's daily limit."""
        ...

    @property
    def requests_sent(self) -> int:
        """All requests so far; a login and a setup page count here only."""
        ...

    def read(self, queries: Sequence[Query]) -> list[Any]:
        """The answers in the order of `queries`, each in the form its class promises."""
        ...

    def find(self, lookup: Lookup) -> list[str]:
        """The Ids of all records that match, in order."""
        ...

    def call(self, call: Call) -> str | None:
        """Make one call; the Id of the new record or component when it made one.

        It is sent once. After NoAnswer the org is to be read before it is sent again.
        """
        ...


class SalesforceOrg:
    """An org that speaks Salesforce's protocols at `instance_url`.

    A `session` lends its adapters and settings; it is not used itself, nor changed.
    """

    def __init__(
        self,
        instance_url: str,
        token: Secret,
        *,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._wire = Wire(instance_url, session, sleep=sleep)
        self._rest = Rest(self._wire, token)
        self._metadata = Metadata(self._wire, token)
        self._setup = Setup(self._wire, token)

    def __repr__(self) -> str:
        return f"SalesforceOrg({self.instance_url!r})"

    @property
    def instance_url(self) -> str:
        return self._wire.instance_url

    @property
    def api_calls(self) -> int:
        return self._wire.api_calls

    @property
    def requests_sent(self) -> int:
        return self._wire.requests_sent

    def read(self, queries: Sequence[Query]) -> list[Any]:
        records = [q for q in queries if isinstance(q, (Describe, Select, Newest))]
        found = iter(self._rest.read(records))
        return [
            next(found) if isinstance(query, (Describe, Select, Newest)) else self._read(query)
            for query in queries
        ]

    def find(self, lookup: Lookup) -> list[str]:
        return self._rest.find(lookup)

    def call(self, call: Call) -> str | None:  # noqa: C901 - one branch for each kind of call
        match call:
            case CreateRecord(sobject, fields):
                return self._rest.create(sobject, fields)
            case UpdateRecord(sobject, id_, fields):
                self._rest.update(sobject, id_, fields)
            case DeleteRecord(sobject, id_):
                self._rest.delete(sobject, id_)
            case SetPassword(user, password):
                self._rest.set_password(user, password)
            case ResetPassword(user):
                self._rest.reset_password(user)
            case CreateMetadata(type_, full_name, elements):
                return self._metadata.create(type_, full_name, elements)
            case CloneMetadata(type_, source, full_name, edits):
                return self._metadata.clone(type_, source, full_name, edits)
            case EditMetadata(type_, full_name, edits):
                self._metadata.edit(type_, full_name, edits)
            case RenameMetadata(type_, old, new):
                self._metadata.rename(type_, old, new)
            case DeleteMetadata(type_, full_name):
                self._metadata.delete(type_, full_name)
            case EnableCustomerPortal():
                self._setup.enable_customer_portal()
            case SetMembership(portal, profiles):
                self._setup.set_members(self._setup.portal_id(portal), profiles)
            case _:
                assert_never(call)
        return None

    def _read(self, query: CountActive | Me | ListMetadata | ReadMetadata | ReadMembership) -> Any:
        match query:
            case CountActive(profile_ids):
                return self._rest.count_active(profile_ids)
            case Me():
                return self._rest.me()
            case ListMetadata(types):
                return self._metadata.listed(types)
            case ReadMetadata(type_, full_names):
                return self._metadata.read(type_, full_names)
            case ReadMembership(portal_id):
                return self._setup.members(portal_id)
            case _:
                assert_never(query)
