"""One apply to an org at a time: a lease that lives in the org, where every machine sees it.

It is a public group without members. Its developer name is unique in the org, so that of two
runs that start at once one gets it; it needs no field, object or package of ours, has no
triggers, leaves no recycle bin behind and is gone after the run. Its dates are its start and
its heartbeat, by the org's own clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from provisioner.call import CreateRecord, DeleteRecord, Select, UpdateRecord
from provisioner.org.client import Org
from provisioner.org.errors import NoAnswer, OrgError, Refused

DEVELOPER_NAME = "provisioner_lease"
BEAT = timedelta(seconds=30)
STALE = timedelta(seconds=120)
_PREFIX = "provisioner"
_LONGEST = 40  # characters of a group's name
_FIELDS = ("Id", "Name", "CreatedDate", "CreatedBy.Name", "LastModifiedDate")
# What Salesforce answers when a record is not there, or no longer. (platform reference 2.4)
_GONE = frozenset({"ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY"})
_WANTED = Select("Group", _FIELDS, (("DeveloperName", (DEVELOPER_NAME,)),))


@dataclass(frozen=True, slots=True)
class Lease:
    """Who is applying: `run` and `host` name the process, `by` its Salesforce user."""

    id: str
    run: str
    host: str
    by: str
    since: datetime
    beat: datetime

    def is_stale(self, now: datetime) -> bool:
        """Whether nobody has heard of the holder for long enough to take it for dead."""
        return now - self.beat >= STALE

    def __str__(self) -> str:
        return (
            f"run {self.run} on {self.host}, by {self.by}, since {self.since:%Y-%m-%d %H:%M:%S} UTC"
        )


class LeaseTaken(Exception):  # noqa: N818 - names what happened
    """Somebody else is applying to the org; `seconds` until the lease is up unless renewed."""

    def __init__(self, lease: Lease, now: datetime) -> None:
        super().__init__(f"another apply is at work on this org: {lease}")
        self.lease = lease
        self.heard = max((now - lease.beat).total_seconds(), 0.0)
        self.seconds = max((lease.beat + STALE - now).total_seconds(), 0.0)


class Held:
    """The lease of this run, kept alive by a thread of its own until `release`."""

    def __init__(self, org: Org, lease: Lease) -> None:
        self.lease = lease
        self._org = org
        self._taken: str | None = None
        self._heard = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> str | None:
        """Why the lease is not held any more: it was taken away, or others take it for stale."""
        if self._taken is None and time.monotonic() - self._heard >= STALE.total_seconds():
            return "the lease on the org could not be renewed in time"
        return self._taken

    def _beat(self) -> None:
        name = _name(self.lease.run, self.lease.host)
        while not self._over.wait(BEAT.total_seconds()):
            try:
                # Written as it is, which is enough to move the date of its last change.
                began = time.monotonic()
                self._org.call(UpdateRecord("Group", self.lease.id, {"Name": name}))
                self._heard = began
            except Refused as error:
                if not error.transient:
                    self._taken = f"the lease on the org was taken away: {error.message}"
                    return
            except OrgError:
                continue  # the run itself will find out that the org can not be reached

    def release(self) -> bool:
        """Give the lease back; whether that worked. Where it did not, it goes stale by itself."""
        self._over.set()
        self._thread.join()
        return self._taken is not None or remove(self._org, self.lease)


def acquire(org: Org, run: str, host: str, is_dead: Callable[[Lease], bool]) -> Held:
    """Take the lease, from whoever is dead too: `is_dead` knows of the runs of this machine.

    Raises LeaseTaken, or OrgError.
    """
    wanted = taking(run, host)
    for _ in range(2):
        refused: Refused | None = None
        try:
            org.call(wanted)
        except Refused as error:
            refused = error
        except NoAnswer:
            pass  # the org tells whether it is there
        found = current(org)
        mine = next((one for one in found if one.run == _short(run)), None)
        others = [one for one in found if one.run != _short(run)]
        if mine and not others:
            return Held(org, mine)
        if mine:
            # Names are unique; were they not, neither of two runs may go on.
            remove(org, mine)
        if not others:
            raise refused or NoAnswer("", "the lease on the org could not be taken")
        now = org.now
        for other in others:
            if not (is_dead(other) or other.is_stale(now)):
                raise LeaseTaken(other, now)
            remove(org, other)
    raise LeaseTaken(others[0], org.now)


def taking(run: str, host: str) -> CreateRecord:
    """The call that takes the lease."""
    fields = {"Name": _name(run, host), "DeveloperName": DEVELOPER_NAME, "Type": "Regular"}
    return CreateRecord("Group", fields)


def current(org: Org) -> tuple[Lease, ...]:
    """The leases on the org: one, or none. Raises OrgError."""
    (rows,) = org.read([_WANTED])
    return tuple(
        Lease(
            row["Id"],
            *_parsed(str(row["Name"])),
            str(row["CreatedBy.Name"]),
            _instant(row["CreatedDate"]),
            _instant(row["LastModifiedDate"]),
        )
        for row in rows
    )


def remove(org: Org, lease: Lease) -> bool:
    """Take a lease away; whether it is gone. Another that took its place is left alone."""
    for _ in range(3):
        try:
            org.call(removal(lease))
        except Refused as error:
            if not error.transient:
                return error.code in _GONE
        except OrgError:
            continue  # whether it was done shows when it is tried again
        else:
            return True
    return False


def remove_of(org: Org, run: str) -> bool:
    """Take away the lease of a run that is over; whether it has none any more."""
    return all(remove(org, one) for one in current(org) if one.run == _short(run))


def removal(lease: Lease) -> DeleteRecord:
    """The call that takes a lease away."""
    return DeleteRecord("Group", lease.id)


def _short(run: str) -> str:
    """The part of a run's name that tells it from others; a group's name is short."""
    return run.rpartition("-")[2]


def _name(run: str, host: str) -> str:
    return f"{_PREFIX} {_short(run)} {host}"[:_LONGEST]


def _parsed(name: str) -> tuple[str, str]:
    _, _, rest = name.partition(" ")
    run, _, host = rest.partition(" ")
    return run, host


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
