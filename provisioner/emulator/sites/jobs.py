"""What Salesforce does about sites in its own time: making one, publishing, admitting members.

Each job is a row of `BackgroundOperation`; the groups of members carry their own status. A job
takes one step each time somebody has looked at sites, so that what a client sees is the same every
time; one that nobody looks at is finished when it is older than `PATIENCE`.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.base.patience import PATIENCE
from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.sites import mails, members, networks, templates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provisioner.emulator.http.call import Call
    from provisioner.emulator.store.org import Org

CREATE: Final = "SiteTaskCreate"  # values of BackgroundOperation.Type (object reference)
PUBLISH: Final = "SiteTaskPublish"
_KEPT: Final = timedelta(hours=24)  # finished jobs vanish (fact 218)
_TIMEOUT: Final = {CREATE: 600_000, PUBLISH: 900_000}  # 10 and 15 minutes (fact 219)
_NEXT: Final = {"Waiting": "Running", "Running": "Complete"}  # the statuses' order: guess
_OBJECTS: Final = frozenset(
    {"backgroundoperation", "network", "networkmember", "networkmembergroup"}
)
_QUERIED: Final = re.compile(r"\bFROM\s+(?:BackgroundOperation|Network\w*)\b", re.IGNORECASE)
_UNDERWAY: Final = f"""
SELECT 'BackgroundOperation', b."Id" FROM site_job AS j
  JOIN "BackgroundOperation" AS b ON b."Id" = j.id WHERE b."SystemModstamp" < :before
UNION ALL SELECT 'NetworkMemberGroup', "Id" FROM "NetworkMemberGroup"
  WHERE "AssignmentStatus" IN ({", ".join(f"'{status}'" for status in members.NEXT)})
  AND "SystemModstamp" < :before ORDER BY 1, 2
"""  # noqa: S608 - our names
# the rows that make `run_forgotten` due
DUE: Final = (
    f"SELECT 1 FROM ({_UNDERWAY})"  # noqa: S608 - our names
    ' UNION ALL SELECT 1 FROM "BackgroundOperation" WHERE "ExpiresAt" < :now'
)


def start(org: Org, by: str, kind: str, about: Mapping[str, Any]) -> str:
    """Queues a job; returns its id, which is that of its `BackgroundOperation`."""
    now = timestamp(org.now())
    values = {
        "Name": kind,
        "Type": kind,
        "Status": "Waiting",
        "SubmittedAt": now,
        "ProcessAfter": now,
        "Timeout": _TIMEOUT[kind],
    }
    id_ = org.insert("BackgroundOperation", values, by=by)
    org.execute("INSERT INTO site_job VALUES (?, ?, ?)", (id_, kind, json.dumps(about)))
    return id_


def queued(org: Org, kind: str) -> list[dict[str, Any]]:
    """What the jobs of a kind that are not done are about, oldest first."""
    rows = org.execute("SELECT about FROM site_job WHERE kind = ? ORDER BY id", (kind,))
    return [json.loads(row[0]) for row in rows]


def looked_at(call: Call) -> None:
    """Takes every job a step on when an answered call has looked at sites."""
    match call.parts:
        case ("connect", "communities", *_) if call.method == "GET":
            seen = True
        case ("query" | "queryAll", *_):
            seen = bool(_QUERIED.search(call.params.get("q", "")))
        case ("sobjects", name, id_, *_) if call.method == "GET":
            seen = name.lower() in _OBJECTS and ids.normal(id_) is not None
        case _:
            seen = False
    found = _open(call.org) if seen else []
    if found:
        with call.org.transaction():
            for sobject, id_ in found:
                _stepped(call.org, sobject, id_)


def run_forgotten(org: Org) -> None:
    """Finishes what nobody has looked at in a while, and forgets what is over for a day."""
    before = timestamp(org.now() - PATIENCE)
    found = _open(org, before)
    if found:
        with org.transaction():
            for sobject, id_ in found:
                while _stepped(org, sobject, id_):
                    pass
    now = timestamp(org.now())
    if org.execute('SELECT 1 FROM "BackgroundOperation" WHERE "ExpiresAt" < ? LIMIT 1', (now,)):
        org.execute('DELETE FROM "BackgroundOperation" WHERE "ExpiresAt" < ?', (now,))


def _open(org: Org, before: str = "9") -> list[tuple[str, str]]:
    """The object and id of everything under way that has not moved since `before`."""
    rows = org.execute(_UNDERWAY, {"before": before})
    return [(row[0], row[1]) for row in rows]


def _stepped(org: Org, sobject: str, id_: str) -> bool:
    """Takes one job or group a step on; whether there is another step to take."""
    row = org.get(sobject, id_)
    if row is None:
        return False  # another process was faster
    if sobject == "NetworkMemberGroup":
        return members.advance(org, row)
    if row["Status"] not in _NEXT:
        return False
    _advance(org, row)
    return bool(row["Status"] == "Waiting")


def _advance(org: Org, row: Mapping[str, Any]) -> None:
    by, now = row["CreatedById"], org.now()
    values: dict[str, Any] = {"Status": _NEXT[row["Status"]]}
    if values["Status"] == "Running":
        values["StartedAt"] = timestamp(now)
    else:
        (kind, about), *_ = org.execute(
            "SELECT kind, about FROM site_job WHERE id = ?", (row["Id"],)
        )
        try:
            with org.attempt():
                _WORK[kind](org, by, json.loads(about))
        except SalesforceError as error:
            values |= {"Status": "Error", "Error": error.message[:255]}
        values |= {"FinishedAt": timestamp(now), "ExpiresAt": timestamp(now + _KEPT)}
        org.execute("DELETE FROM site_job WHERE id = ?", (row["Id"],))
    org.update("BackgroundOperation", row["Id"], values, by=by)


def _create(org: Org, by: str, about: Mapping[str, Any]) -> None:
    template = templates.site_template(about["template"])
    assert template is not None, "checked when the site was asked for"
    path = networks.path_of(about["prefix"], template)
    networks.check_free(org, about["name"], path)
    networks.check_room(org)
    values = {
        "Name": about["name"],
        "Description": about["description"],
        "UrlPathPrefix": path or None,
    }
    id_ = networks.create(org, by, template, values, authentication=about["authentication"])
    maker = org.get("User", by)
    assert maker is not None, "somebody asked for the site"
    # its maker's profile is a member from the first day: `<profile>admin</profile>` in public
    # retrievals of new sites [V]
    members.add_group(org, by, id_, maker["ProfileId"], status=members.ADDED)


def _publish(org: Org, by: str, about: Mapping[str, Any]) -> None:
    network = org.get(networks.NETWORK, about["id"])
    assert network is not None, "a site is never deleted"
    # The pages are live; who may enter is for the site's status to say (fact 220).
    body = networks.details(org, network["Id"]) | {"published": timestamp(org.now())}
    networks.keep_details(org, network["Id"], network["Name"], body, by)
    mails.published(org, network, by)


_WORK: Final[Mapping[str, Callable[[Org, str, Mapping[str, Any]], None]]] = {
    CREATE: _create,
    PUBLISH: _publish,
}
