"""Start the local org: the only module of the product that does, for every caller."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from provisioner.emulator import ports
from provisioner.emulator.control import endpoint
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.local import LocalOrg, LocalOrgError
from provisioner.emulator.server import InProcessAdapter
from provisioner.model.resource import Secret
from provisioner.org.client import SalesforceOrg
from provisioner.org.errors import OrgError

__all__ = [
    "CONTROL_HEADER",
    "LocalOrg",
    "LocalOrgError",
    "UnknownLicence",
    "connect_local",
    "coverage",
    "default_port",
    "local_org",
    "new_control_token",
    "set_seats",
]

CONTROL_HEADER = endpoint.HEADER
"""The HTTP header with the token of the control interface."""
new_control_token = endpoint.new_token


class UnknownLicence(Exception):  # noqa: N818 - names what happened
    """The local org has no licence `name`, only `names`."""

    def __init__(self, name: str, names: tuple[str, ...]) -> None:
        super().__init__(f"the local org has no licence `{name}`")
        self.name = name
        self.names = names


@contextmanager
def local_org(home: Path) -> Iterator[LocalOrg]:
    """The local org in the folder `home`, closed at the end."""
    ports.claim(home)
    local = LocalOrg(home)
    try:
        yield local
    finally:
        local.close()


@contextmanager
def connect_local(home: Path) -> Iterator[SalesforceOrg]:
    """A connection to the local org in this process, which gets the requests of a real org.

    Raises OrgError.
    """
    with local_org(home) as local, requests.Session() as session:
        try:
            credentials = local.credentials()
        except LocalOrgError as error:
            raise OrgError(str(error), remedy=error.remedy) from error
        session.mount(credentials.instance_url, InProcessAdapter(local.app()))
        yield SalesforceOrg(
            credentials.instance_url,
            Secret(credentials.access_token),
            session=session,
            renew=lambda: Secret(local.credentials().access_token),
        )


def default_port(home: Path) -> int:
    """The port on which the local org in the folder `home` is served."""
    return ports.of(home)


def set_seats(local: LocalOrg, seats: Iterable[tuple[str, int]]) -> None:
    """Set the seats of licences, each by its name or key. Raises UnknownLicence, changing none."""
    org = local.open()
    # If two licences have the same name, the active one counts.
    rows = sorted(org.select("UserLicense"), key=lambda row: row["Status"] == "Active")
    keys = {
        str(row[column]).casefold(): row["LicenseDefinitionKey"]
        for row in rows
        for column in ("LicenseDefinitionKey", "Name")
    }
    seats_by_key: dict[str, int] = {}
    for name, count in seats:
        key = keys.get(name.casefold())
        if key is None:
            raise UnknownLicence(name, tuple(sorted({str(row["Name"]) for row in rows})))
        seats_by_key[key] = count
    first_day.set_seats(org, seats_by_key, first_day.admin_id(org))


def coverage(local: LocalOrg, *, as_json: bool) -> str:
    """Which APIs the local org serves, as text or JSON."""
    from provisioner.emulator.control import coverage

    report = coverage.report(local.app(control=True))
    return coverage.as_json(report) if as_json else coverage.as_text(report)
