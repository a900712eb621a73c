"""One apply to an org at a time: a lease in the org itself, where every machine sees it.

The lease is a public group without members. Its developer name is unique in the org, so only one of
two runs that start at the same time gets it. It needs no custom field, object or package, has no
triggers, does not go to the recycle bin and is deleted after the run. Its dates are its start and
its last heartbeat, by the org's clock.

A second group, the marker, remains if a run could not find out the outcome of a request. It records
until when the org may still act on that request.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from provisioner.model.operations import CreateRecord, DeleteRecord, Select, UpdateRecord, text
from provisioner.org.client import Org
from provisioner.org.errors import NoAnswer, OrgError, Refused
from provisioner.org.timing import Timing, timing_for
from provisioner.org.transport import pause

DEVELOPER_NAME = "provisioner_lease"
MARKER = "provisioner_unsettled"
SEVERAL = "several"
_PREFIX = "provisioner"
_LONGEST = 40  # characters of a group's name
_TRIES = 4
_FIELDS = ("Id", "DeveloperName", "Name", "CreatedDate", "CreatedBy.Name", "LastModifiedDate")
# What Salesforce answers when a record does not exist, or no longer. (facts 710 and 711)
_GONE = frozenset({"ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY"})
_QUERY = Select("Group", _FIELDS, (("DeveloperName", (DEVELOPER_NAME, MARKER)),))


@dataclass(frozen=True, slots=True)
class Lease:
    """Who is applying: the run, its machine, and its Salesforce user."""

    id: str
    run: str
    host: str
    by: str
    since: datetime
    beat: datetime

    def is_stale(self, now: datetime, timing: Timing) -> bool:
        """Whether the last heartbeat is so old that the run counts as dead."""
        return (now - self.beat).total_seconds() >= timing.stale

    def __str__(self) -> str:
        return (
            f"run {self.run} on {self.host}, by {self.by}, since {self.since:%Y-%m-%d %H:%M:%S} UTC"
        )


@dataclass(frozen=True, slots=True)
class Marker:
    """Until when the org may act on requests of `run`, or of `several` runs."""

    id: str
    run: str
    until: datetime


@dataclass(frozen=True, slots=True)
class State:
    """The lease in the org, if there is one, and the marker."""

    leases: tuple[Lease, ...]
    marker: Marker | None


class LeaseTaken(Exception):  # noqa: N818 - names what happened
    """Another run applies to the org; `seconds` until its lease ends unless it is renewed."""

    def __init__(self, lease: Lease, now: datetime, timing: Timing) -> None:
        super().__init__(f"another apply is running on this org: {lease}")
        self.lease = lease
        self.heard = max((now - lease.beat).total_seconds(), 0.0)
        self.seconds = max(timing.stale - (now - lease.beat).total_seconds(), 0.0)


class HeldLease:
    """The lease of this run, renewed by a thread of its own until `release`.

    `unsettled_until`: an earlier run died or left a marker, and until then the org may still act on
    its requests; `None` if there was no such run. `beat` is called at each renewal.
    """

    def __init__(
        self,
        org: Org,
        lease: Lease,
        timing: Timing,
        unsettled_until: datetime | None,
        marker: Marker | None,
        beat: Callable[[], object],
    ) -> None:
        self.lease = lease
        self.unsettled_until = unsettled_until
        self._marker = marker
        self._org = org
        self._timing = timing
        self._on_beat = beat
        self._taken: str | None = None
        self._heard = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> str | None:
        """Why the lease is no longer held: it was removed, or counts as stale for others."""
        if self._taken is None and time.monotonic() - self._heard >= self._timing.stale:
            return "the lease on the org could not be renewed in time"
        return self._taken

    def _beat(self) -> None:
        name = _name(self.lease.run, self.lease.host)
        while not self._over.wait(self._timing.beat):
            try:
                # Writing the same name is enough to update the date of the last change.
                began = time.monotonic()
                self._org.call(UpdateRecord("Group", self.lease.id, {"Name": name}))
                self._heard = began
            except Refused as error:
                if not error.transient:
                    self._taken = f"the lease on the org was removed: {error.message}"
                    return
            except OrgError:
                continue  # the run itself reports that the org cannot be reached
            self._on_beat()

    def release(
        self,
        unsettled_until: datetime | None = None,
        is_settled: Callable[[str], bool] = lambda _: False,
    ) -> bool:
        """Delete the lease, and return whether it is gone. Otherwise it becomes stale by itself.

        With `unsettled_until`, a marker records until when the org may still act on requests of
        this run, for runs on other machines. `is_settled` returns whether the outcomes of all
        requests of a run are known, for the run of an earlier marker.
        """
        self._over.set()
        self._thread.join()
        try:
            self._mark(unsettled_until, is_settled)
        except OrgError:
            # Without a marker the lease must remain: a stale lease has the same effect.
            return False
        return self._taken is not None or remove(self._org, self.lease)

    def _mark(self, until: datetime | None, is_settled: Callable[[str], bool]) -> None:
        now, marker = datetime.now(UTC), self._marker
        if marker and (marker.until <= self._org.now or is_settled(marker.run)):
            remove_group(self._org, marker.id)
            self._marker = None
        if until is not None and until > now:
            # Local time and the org's time may differ.
            _mark(self._org, self._marker, self.lease.run, until + (self._org.now - now))


def acquire(
    org: Org,
    run: str,
    host: str,
    died_here: Callable[[str], bool],
    *,
    beat: Callable[[], object] = lambda: None,
    uncertain: Callable[[], object] = lambda: None,
    sleep: Callable[[float], object] = time.sleep,
) -> HeldLease:
    """Take the lease, also from a dead run. `died_here` returns whether a run here has ended.

    The unknown writes of such a run are in its journal. After a dead run of another machine, the
    org may act on any of its requests until ten minutes after its last heartbeat. `uncertain` is
    called if the lease of this run may exist although this raises. Raises LeaseTaken or OrgError.
    """
    timing = timing_for(org.instance_url)
    for attempt in range(_TRIES):
        refused = _create(org, run, host, uncertain, sleep)
        state = _current(org, run, uncertain, sleep)
        mine = next((lease for lease in state.leases if lease.run == _short(run)), None)
        others = [lease for lease in state.leases if lease.run != _short(run)]
        if mine and not others:
            marker = state.marker
            until = _open_until(marker, org, died_here)
            return HeldLease(org, mine, timing, until, marker, beat)
        if mine:
            # Names are unique. If they were not, neither of the two runs could continue.
            remove(org, mine)
        if refused and not others:
            raise refused
        now = org.now
        for other in others:
            ended_here = died_here(other.run)
            if not (ended_here or other.is_stale(now, timing)):
                raise LeaseTaken(other, now, timing)
            until = other.beat + timedelta(seconds=timing.unsettled)
            if not ended_here and until > now:
                _mark(org, state.marker, other.run, until)
            remove(org, other)
        if not others:
            # The request was lost. Because names are unique, it can be sent again at once.
            sleep(pause(attempt))
    raise NoAnswer(
        "", "the lease on the org could not be taken: no request to create it was answered"
    )


def _create(
    org: Org,
    run: str,
    host: str,
    uncertain: Callable[[], object],
    sleep: Callable[[float], object],
) -> Refused | None:
    """Create the lease; the error if Salesforce rejected it. Waits for a temporary limit."""
    refused: Refused | None = None
    for attempt in range(_TRIES):
        try:
            org.call(creation(run, host))
        except Refused as error:
            refused = error
            if error.transient:
                sleep(pause(attempt, error.retry_after))
                continue
        except NoAnswer:
            uncertain()  # the lease may be created later, even if it does not exist now
        return refused
    return refused


def _current(
    org: Org, run: str, uncertain: Callable[[], object], sleep: Callable[[float], object]
) -> State:
    try:
        return current(org)
    except OrgError:
        uncertain()
        # It is not known whether this run has the lease, which must not block the next run.
        sleep(pause(0))
        remove_of(org, run)
        raise


def _open_until(
    marker: Marker | None, org: Org, died_here: Callable[[str], bool]
) -> datetime | None:
    """Until when the marker applies to this machine, in local time."""
    if marker is None or marker.until <= org.now or died_here(marker.run):
        return None
    return marker.until - (org.now - datetime.now(UTC))


def creation(run: str, host: str) -> CreateRecord:
    """The call that creates the lease."""
    fields = {"Name": _name(run, host), "DeveloperName": DEVELOPER_NAME, "Type": "Regular"}
    return CreateRecord("Group", fields, unique=True)


def current(org: Org) -> State:
    """The lease and the marker in the org. Raises OrgError."""
    rows = org.read(_QUERY)
    leases = tuple(
        Lease(
            text(row, "Id"),
            *_parsed(text(row, "Name")),
            text(row, "CreatedBy.Name"),
            _instant(text(row, "CreatedDate")),
            _instant(text(row, "LastModifiedDate")),
        )
        for row in rows
        if row["DeveloperName"] == DEVELOPER_NAME
    )
    markers = [
        _marker(text(row, "Id"), text(row, "Name"))
        for row in rows
        if row["DeveloperName"] == MARKER
    ]
    return State(leases, markers[0] if markers else None)


def break_(org: Org, lease: Lease) -> bool:
    """Remove the lease of another run, and mark its open requests; whether the lease is gone."""
    until = lease.beat + timedelta(seconds=timing_for(org.instance_url).unsettled)
    if until > org.now:
        _mark(org, current(org).marker, lease.run, until)
    return remove(org, lease)


def remove(org: Org, lease: Lease) -> bool:
    """Remove a lease; whether it is gone. A newer lease is not removed."""
    return remove_group(org, lease.id)


def remove_group(org: Org, id_: str) -> bool:
    """Delete a group; whether it is gone."""
    for _ in range(3):
        try:
            org.call(DeleteRecord("Group", id_))
        except Refused as error:
            if not error.transient:
                return error.code in _GONE
        except OrgError:
            continue  # the next attempt shows whether it was deleted
        else:
            return True
    return False


def clean(org: Org, ended: Collection[str], is_settled: Callable[[str], bool]) -> bool:
    """Delete the leases of these runs, and a marker that has expired.

    `is_settled` as in `HeldLease.release`. Returns whether no run has a lease any more.
    """
    state = current(org)
    shorts = {_short(run) for run in ended}
    if (marker := state.marker) and (marker.until <= org.now or is_settled(marker.run)):
        remove_group(org, marker.id)
    mine = [lease for lease in state.leases if lease.run in shorts]
    return sum(remove(org, lease) for lease in mine) == len(mine)


def remove_of(org: Org, run: str) -> bool:
    """Remove the lease of a run that has ended; whether it is gone."""
    try:
        return all(remove(org, lease) for lease in current(org).leases if lease.run == _short(run))
    except OrgError:
        return False


def removal(lease: Lease) -> DeleteRecord:
    """The call that deletes a lease."""
    return DeleteRecord("Group", lease.id)


def _mark(org: Org, marker: Marker | None, run: str, until: datetime) -> None:
    """Record in the org until when it may act on requests of this run. Raises OrgError."""
    if marker is None:
        fields = {"Name": _marker_name(run, until), "DeveloperName": MARKER, "Type": "Regular"}
        try:
            org.call(CreateRecord("Group", fields, unique=True))
        except Refused:
            # Another run may have created it.
            marker = current(org).marker
            if marker is None:
                raise
        else:
            return
    several = run if _short(run) == marker.run else SEVERAL
    name = _marker_name(several, max(until, marker.until))
    org.call(UpdateRecord("Group", marker.id, {"Name": name}))


def _marker_name(run: str, until: datetime) -> str:
    return f"{_PREFIX} until {int(until.timestamp()) + 1} {_short(run)}"


def _marker(id_: str, name: str) -> Marker:
    """A marker from its group. A marker that was renamed by hand counts as expired."""
    words = name.split(" ")
    if len(words) != 4 or not words[2].isdecimal() or len(words[2]) > 11:
        return Marker(id_, SEVERAL, datetime.fromtimestamp(0, UTC))
    return Marker(id_, words[3], datetime.fromtimestamp(int(words[2]), UTC))


def _short(run: str) -> str:
    """The part of a run's name that distinguishes it; a group's name is short."""
    return run.rpartition("-")[2]


def _name(run: str, host: str) -> str:
    return f"{_PREFIX} {_short(run)} {host}"[:_LONGEST]


def _parsed(name: str) -> tuple[str, str]:
    _, _, rest = name.partition(" ")
    run, _, host = rest.partition(" ")
    return run, host


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
