"""The journal of a run: every write is recorded before it is sent and after its outcome is known.

A journal is a file of JSON lines, one file for each run. A `begin` line is on the disk before its
request is sent. A `begin` without an `end` is a write whose outcome is unknown. The next run looks
it up in the org, which is the source of truth. No run needs a journal to work correctly: it only
lists the writes of earlier runs whose outcome is unknown.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from provisioner.kinds import BY_SOBJECT
from provisioner.kinds.record import RecordKind
from provisioner.model.masking import mask
from provisioner.model.operations import (
    Call,
    CreateRecord,
    DeleteRecord,
    ResetPassword,
    may_duplicate,
)
from provisioner.model.resource import Address

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

JsonObject = Mapping[str, object]
FORMAT = 1
# The address under which the writes of the lease are recorded.
LEASE = Address("lease", "provisioner_lease")
_KEPT = 100
_KEPT_FOR = timedelta(days=90)
_OUTCOMES = frozenset({"done", "refused", "not sent", "unknown"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ended:
    """The outcome of one recorded write: `outcome` is done, refused, not sent or unknown."""

    begun: int
    outcome: str
    id: str | None = None
    code: str | None = None
    reason: str | None = None


class Journal:
    """The journal of the current run. Several threads may write to it.

    Every method that writes raises OSError if the disk is full or not writable.
    """

    def __init__(self, path: Path, run: str, file: IO[str], header: JsonObject) -> None:
        self.path = path
        self.run = run
        self.watch: Callable[[Sequence[tuple[Address, Call]]], None] = lambda _: None
        """Called with the writes that are about to be sent, once they are on the disk."""
        self._file = file
        self._lock = threading.Lock()
        self._last = 0
        self._write([header])

    def begin(self, calls: Sequence[tuple[Address, Call]], *, in_job: bool = False) -> range:
        """Record the writes before they are sent; the numbers for their outcomes.

        `in_job`: as a bulk job, which `job` records before any of its data is sent.
        """
        with self._lock:
            numbers = range(self._last + 1, self._last + 1 + len(calls))
            now, more = _now(), {"in_job": True} if in_job else {}
            self._write(
                {"begin": number, "step": str(address), **_described(call), **more, "at": now}
                for number, (address, call) in zip(numbers, calls, strict=True)
            )
            self._last += len(calls)
        self.watch(calls)
        return numbers

    def end(self, ended: Iterable[Ended]) -> None:
        """Record the outcomes."""
        now = _now()
        with self._lock:
            self._write(
                {
                    "end": end.begun,
                    "outcome": end.outcome,
                    **_present(id=end.id, code=end.code, reason=end.reason),
                    "at": now,
                }
                for end in ended
            )

    def settle(self, numbers: Iterable[int], result: str, id_: str | None = None) -> None:
        """Record the outcome of writes of this run that was unknown before."""
        lines = [_settled(number, result, id_) for number in numbers]
        if lines:
            with self._lock:
                self._write(lines)

    def job(self, id_: str, numbers: range) -> None:
        """Record the bulk job with these writes."""
        with self._lock:
            self._write([{"job": id_, "begins": [numbers.start, numbers.stop - 1], "at": _now()}])

    def beat(self) -> None:
        """Record that the run is alive: its writes may have been sent until now."""
        with self._lock:
            if not self._file.closed:
                self._write([{"alive": True, "at": _now()}])

    def close(self, counts: Mapping[str, int]) -> None:
        """Record that the run has ended."""
        with self._lock:
            try:
                self._write([{"closed": dict(counts), "at": _now()}])
            finally:
                self._file.close()

    def discard(self) -> None:
        """Delete the journal of a run that sent nothing."""
        with self._lock:
            self._file.close()
            self.path.unlink(missing_ok=True)

    def _write(self, lines: Iterable[JsonObject]) -> None:
        text = mask("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        self._file.write(text)
        self._file.flush()
        os.fsync(self._file.fileno())


@dataclass(frozen=True, slots=True)
class UnknownWrite:
    """A write of an earlier run whose outcome is not recorded.

    The run waited for its response until `at` at the latest. `job` is its bulk job, if it has
    one. `may_duplicate`: sending it again could create a second record or send a second email.
    """

    path: Path
    begun: int
    address: Address
    call: str
    at: datetime
    may_duplicate: bool
    job: str | None = None


@dataclass(slots=True)
class Record:
    """A journal as read. `torn`: the file or some of its lines cannot be read."""

    path: Path
    header: JsonObject = field(default_factory=dict)
    begun: dict[int, JsonObject] = field(default_factory=dict)
    ended: dict[int, JsonObject] = field(default_factory=dict)
    settled: dict[int, JsonObject] = field(default_factory=dict)
    jobs: list[tuple[str, range]] = field(default_factory=list)
    alive_at: datetime = _EPOCH
    closed: JsonObject | None = None
    torn: bool = False

    @property
    def run(self) -> str:
        return str(self.header.get("run", self.path.stem))

    @property
    def state(self) -> str:
        """`running`, `done`, `interrupted`, or `unknown`: it left writes of unknown outcome."""
        if self.closed is None and alive(self.path):
            return "running"
        if self.unknown:
            return "unknown"
        return "interrupted" if self.closed is None else "done"

    @property
    def unknown(self) -> tuple[UnknownWrite, ...]:
        """The writes whose outcome is unknown, in the order in which they were sent.

        The writes of the lease are not included: see `keeps_lease`.
        """
        return tuple(
            UnknownWrite(
                self.path,
                number,
                Address(*str(line["step"]).split("/", 1)),
                str(line["call"]),
                self._waited_until(number),
                _may_duplicate(line),
                self._job_of(number),
            )
            for number, line in self.begun.items()
            if line["step"] != str(LEASE) and self._is_unknown(number)
        )

    @property
    def keeps_lease(self) -> bool:
        """Whether the run created its lease, or may have, and did not delete it."""
        mine = [n for n, line in self.begun.items() if line["step"] == str(LEASE)]
        deleted = any(
            self.begun[n]["call"] == DeleteRecord.operation and self.ended[n]["outcome"] == "done"
            for n in self.ended.keys() & mine
        )
        return not deleted and any(n not in self.settled for n in mine)

    def _is_unknown(self, number: int) -> bool:
        if number in self.settled:
            return False
        if number in self.ended:
            return bool(self.ended[number]["outcome"] == "unknown")
        # No data of a bulk job is sent before the job is recorded.
        return not self.begun[number].get("in_job") or self._job_of(number) is not None

    def _waited_until(self, number: int) -> datetime:
        """The last moment at which the run may have waited for the response to this write."""
        if number in self.ended:
            return _instant(self.ended[number]["at"])
        return max(_instant(self.begun[number]["at"]), self.alive_at)

    def _job_of(self, number: int) -> str | None:
        jobs = [job for job, numbers in self.jobs if number in numbers]
        return jobs[-1] if jobs else None


def start(folder: Path, run: str, about: JsonObject) -> Journal:
    """Create a journal in `folder`; `about` names the org, the spec and the environment.

    Old journals are deleted, see `tidy`. While the process runs, `alive` returns true for the
    file. Raises OSError.
    """
    # The journal names the users of a portal, so only its owner can read it.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tidy(folder)
    path = folder / f"{run}.jsonl"
    # Another process sees the file only once it is locked.
    hidden = folder / f".{run}.new"
    hidden.touch(mode=0o600, exist_ok=False)
    file = hidden.open("w", encoding="utf-8")
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        here = {"host": host(), "pid": os.getpid(), "at": _now()}
        journal = Journal(path, run, file, {"journal": FORMAT, "run": run, **about, **here})
        hidden.rename(path)
    except BaseException:
        file.close()
        hidden.unlink(missing_ok=True)
        raise
    return journal


def new_run() -> str:
    """The name of a new run: its start and a unique part."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"


def host() -> str:
    """The name of this machine."""
    return socket.gethostname()


def read(path: Path) -> Record:
    """A journal from its file. Invalid lines are skipped.

    Never raises: a file that cannot be read at all is a torn record without lines.
    """
    record = Record(path)
    try:
        # A folder or a pipe with that name is not opened.
        text = path.read_text("utf-8", errors="replace") if path.is_file() else None
    except OSError:
        text = None
    if text is None:
        record.torn = True
        return record
    # Not `splitlines`, which also splits at characters that a name may contain.
    for line in filter(None, text.split("\n")):
        try:
            parsed = json.loads(line)
        except (ValueError, RecursionError):
            parsed = None
        if not _take(record, parsed):
            record.torn = True
    return record


def records(folder: Path) -> tuple[Record, ...]:
    """Every journal of a folder, the oldest first."""
    return tuple(read(path) for path in _files(folder))


def unfinished(folder: Path, instance_url: str) -> tuple[Record, ...]:
    """The runs on this org that have ended with unknown writes or a remaining lease."""
    mine = (record for record in records(folder) if record.header.get("url") == instance_url)
    ended = (record for record in mine if record.state != "running")
    return tuple(record for record in ended if record.unknown or record.keeps_lease)


def settle(writes: Iterable[tuple[UnknownWrite, str, str | None]]) -> None:
    """Record the outcome of each unknown write in its journal, with the Id if there is one."""
    by_path: dict[Path, list[JsonObject]] = {}
    for write, result, id_ in writes:
        by_path.setdefault(write.path, []).append(_settled(write.begun, result, id_))
    for path, lines in by_path.items():
        _append(path, lines)


def released(record: Record) -> None:
    """Record that the lease of a run that has ended is no longer in the org."""
    mine = [n for n, line in record.begun.items() if line["step"] == str(LEASE)]
    _append(record.path, [_settled(number, "released", None) for number in mine])


def alive(path: Path) -> bool:
    """Whether the process that writes this journal is running.

    It holds a lock on the file, which the operating system releases when the process ends.
    """
    with _locked(path) as is_ours:
        return is_ours is False


def tidy(folder: Path, *, keep: int = _KEPT) -> int:
    """Delete old journals; the number of deleted files.

    A journal is deleted if `keep` newer ones exist or if it is older than 90 days, unless its run
    is active or has unknown writes or a lease. A file that is not a journal is never deleted.
    """
    files = _files(folder)
    oldest = (datetime.now(UTC) - _KEPT_FOR).timestamp()
    extra = set(files[: max(len(files) - keep, 0)])
    deleted = 0
    for path in files:
        try:
            if path not in extra and path.stat().st_mtime >= oldest:
                continue
            deleted += _deleted(path)
        except OSError:
            continue  # another process has deleted it, or the file is not ours
    return deleted


def _deleted(path: Path) -> bool:
    with _locked(path) as is_ours:
        record = read(path)
        if not is_ours or not record.header or record.unknown or record.keeps_lease:
            return False
        path.unlink()
        return True


@contextmanager
def _locked(path: Path) -> Iterator[bool | None]:
    """Whether this process got the lock of a journal; `None` if there is no such file."""
    try:
        file = path.open("r", encoding="utf-8") if path.is_file() else None
    except OSError:
        file = None
    if file is None:
        yield None
        return
    with file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
        yield True


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl")) if folder.is_dir() else []


def _append(path: Path, lines: Iterable[JsonObject]) -> None:
    torn = not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        # A line that was cut off stays a separate line.
        file.write(("\n" if torn else "") + "".join(json.dumps(line) + "\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())


# ---------------------------------------------------------------- lines


def _take(record: Record, line: object) -> bool:
    """Add a line to a record; whether the line is valid."""
    if not isinstance(line, dict) or ("at" in line and not _is_instant(line["at"])):
        return False
    match line:
        case {"journal": int()}:
            record.header = line
        case {"closed": dict() as counts}:
            record.closed = counts
        case {"job": str(job), "begins": [int(first), int(last)]}:
            record.jobs.append((job, range(first, last + 1)))
        case {"alive": True, "at": at}:
            record.alive_at = max(record.alive_at, _instant(at))
        case {"begin": int(number), "step": str(step), "call": str(), "at": _} if "/" in step:
            record.begun[number] = line
        case {"end": int(number), "outcome": str(outcome), "at": _} if outcome in _OUTCOMES:
            record.ended[number] = line
        case {"settled": int(number), "found": str()}:
            record.settled[number] = line
        case _:
            return False
    return True


def _is_instant(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _instant(text: object) -> datetime:
    return datetime.fromisoformat(str(text))


def _described(call: Call) -> dict[str, object]:
    """A call without its values, which can be secret or personal."""
    described: dict[str, object] = {"call": call.operation}
    of = getattr(call, "sobject", None) or getattr(call, "type", None)
    fields = getattr(call, "fields", None) or getattr(call, "edits", None)
    if of:
        described["of"] = of
    if fields:
        described["fields"] = sorted(fields)
    if may_duplicate(call):
        described["may_duplicate"] = True
    return described


def _may_duplicate(line: JsonObject) -> bool:
    if "may_duplicate" in line:
        return line["may_duplicate"] is True
    # A journal of version 0.1 does not record it.
    kind = BY_SOBJECT.get(str(line.get("of")))
    unique = isinstance(kind, RecordKind) and kind.salesforce_rejects_second
    creates = line["call"] == CreateRecord.operation and not unique and line.get("of") != "Group"
    return creates or line["call"] == ResetPassword.operation


def _settled(number: int, result: str, id_: str | None) -> dict[str, object]:
    return {"settled": number, "found": result, **_present(id=id_), "at": _now()}


def _present(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
