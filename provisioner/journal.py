"""What a run was about to do, and what became of it, written down before and after each write.

A journal is a file of JSON lines, one file a run. A `begin` is on the disk before its request
leaves; a `begin` without an `end` is a write in doubt, which the next run looks up in the org.
No journal is needed to go on: the org is the truth. It only tells what was found out.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from provisioner.call import Call
from provisioner.resource import Address

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

FORMAT = 1
# What the writes of a lease stand under.
LEASE = Address("lease", "provisioner_lease")
_KEPT = 100
_KEPT_FOR = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one begun write: `outcome` is done, refused, not sent or unknown."""

    begun: int
    outcome: str
    id: str | None = None
    code: str | None = None
    reason: str | None = None


class Journal:
    """The journal of the run that is going on. Safe to write to from several threads."""

    def __init__(self, path: Path, run: str, file: IO[str], header: Mapping[str, Any]) -> None:
        self.path = path
        self.run = run
        self.watch: Callable[[Sequence[tuple[Address, Call]]], None] = lambda _: None
        """Told what is about to be sent, once that is on the disk."""
        self._file = file
        self._lock = threading.Lock()
        self._last = 0
        self._write([header])

    def begin(self, calls: Sequence[tuple[Address, Call]]) -> range:
        """Note what is about to be sent, as numbers to end it by; on the disk on return."""
        with self._lock:
            numbers = range(self._last + 1, self._last + 1 + len(calls))
            self._last += len(calls)
            now = _now()
            self._write(
                {"begin": number, "step": str(address), **_described(call), "at": now}
                for number, (address, call) in zip(numbers, calls, strict=True)
            )
        self.watch(calls)
        return numbers

    def end(self, ended: Iterable[Ended]) -> None:
        """Note what became of it; on the disk on return."""
        now = _now()
        with self._lock:
            self._write(
                {
                    "end": one.begun,
                    "outcome": one.outcome,
                    **_given(id=one.id, code=one.code, reason=one.reason),
                    "at": now,
                }
                for one in ended
            )

    def job(self, id_: str, numbers: range) -> None:
        """Note the bulk job that these writes travel in."""
        with self._lock:
            self._write([{"job": id_, "begins": [numbers.start, numbers.stop - 1], "at": _now()}])

    def close(self, counts: Mapping[str, int]) -> None:
        """Note that the run came to its end."""
        with self._lock:
            self._write([{"closed": dict(counts), "at": _now()}])
            self._file.close()

    def discard(self) -> None:
        """Leave no trace of a run that never began."""
        with self._lock:
            self._file.close()
            self.path.unlink(missing_ok=True)

    def _write(self, lines: Iterable[Mapping[str, Any]]) -> None:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        self._file.write(text)
        self._file.flush()
        os.fsync(self._file.fileno())


@dataclass(frozen=True, slots=True)
class Doubt:
    """A write whose outcome nobody wrote down."""

    path: Path
    begun: int
    address: Address
    call: str
    at: datetime


@dataclass(slots=True)
class Record:
    """A journal as read. `torn` says that its last line was cut off by a crash."""

    path: Path
    header: Mapping[str, Any] = field(default_factory=dict)
    begun: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    ended: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    settled: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    jobs: list[Mapping[str, Any]] = field(default_factory=list)
    closed: Mapping[str, Any] | None = None
    torn: bool = False

    @property
    def run(self) -> str:
        return str(self.header.get("run", self.path.stem))

    @property
    def state(self) -> str:
        """`running`, `done`, `in doubt` or `interrupted`."""
        if self.closed is None and alive(self.path):
            return "running"
        if self.doubts:
            return "in doubt"
        return "interrupted" if self.closed is None else "done"

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """The writes in doubt, in the order in which they began; `lease` tells of the lease."""
        return tuple(
            Doubt(
                self.path,
                number,
                Address(*str(line["step"]).split("/", 1)),
                str(line["call"]),
                datetime.fromisoformat(str(line["at"])),
            )
            for number, line in self.begun.items()
            if number not in self.settled
            and not str(line["step"]).startswith(f"{LEASE.kind}/")
            and self.ended.get(number, {"outcome": "unknown"})["outcome"] == "unknown"
        )

    @property
    def keeps_lease(self) -> bool:
        """Whether the run took its lease, or was about to, and did not give it back."""
        mine = [n for n, line in self.begun.items() if line["step"] == str(LEASE)]
        given_back = any(
            self.begun[n]["call"] == "DeleteRecord" and self.ended[n]["outcome"] == "done"
            for n in self.ended.keys() & mine
        )
        return not given_back and any(n not in self.settled for n in mine)

    def open_jobs(self) -> tuple[str, ...]:
        """The bulk jobs that carried writes in doubt, and may be at work even now."""
        doubtful = {doubt.begun for doubt in self.doubts}
        return tuple(
            str(line["job"])
            for line in self.jobs
            if doubtful & set(range(line["begins"][0], line["begins"][1] + 1))
        )


def start(folder: Path, run: str, about: Mapping[str, Any]) -> Journal:
    """A new journal in `folder`; `about` says which org, spec and environment. Tidies old ones.

    While the process lives, `alive` is true of the file. Raises OSError.
    """
    # Who is in a roster is nobody else's business.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tidy(folder)
    path = folder / f"{run}.jsonl"
    path.touch(mode=0o600, exist_ok=False)
    file = path.open("w", encoding="utf-8")
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    here = {"host": host(), "pid": os.getpid(), "at": _now()}
    return Journal(path, run, file, {"journal": FORMAT, "run": run, **about, **here})


def new_run() -> str:
    """The name of a new run: when it started, and something that no other run has."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"


def host() -> str:
    """This machine, as people know it."""
    return socket.gethostname()


def read(path: Path) -> Record:
    """A journal from its file. Raises OSError; a torn or foreign line is passed over."""
    record = Record(path)
    places = {"begin": record.begun, "end": record.ended, "settled": record.settled}
    for text in path.read_text("utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            record.torn = True
            continue
        if "journal" in line:
            record.header = line
        elif "closed" in line:
            record.closed = line["closed"]
        elif "job" in line:
            record.jobs.append(line)
        else:
            for name, place in places.items():
                if name in line:
                    place[int(line[name])] = line
    return record


def records(folder: Path) -> tuple[Record, ...]:
    """Every journal of a folder, the oldest first."""
    return tuple(read(path) for path in _files(folder))


def unfinished(folder: Path, instance_url: str) -> tuple[Record, ...]:
    """The journals of runs on this org that are over, and left a write in doubt or their lease."""
    found = (record for record in records(folder) if record.header.get("url") == instance_url)
    over = (record for record in found if record.state != "running")
    return tuple(record for record in over if record.doubts or record.keeps_lease)


def settle(doubts: Iterable[tuple[Doubt, str, str | None]]) -> None:
    """Note in its own journal what was found out about each: `done` or `not done`, and its Id."""
    by_path: dict[Path, list[str]] = {}
    for doubt, found, id_ in doubts:
        line = {"settled": doubt.begun, "found": found, **_given(id=id_), "at": _now()}
        by_path.setdefault(doubt.path, []).append(json.dumps(line) + "\n")
    for path, lines in by_path.items():
        _append(path, lines)


def released(record: Record) -> None:
    """Note that the lease of a run that is over is there no more."""
    mine = [n for n, line in record.begun.items() if line["step"] == str(LEASE)]
    lines = [{"settled": n, "found": "given back", "at": _now()} for n in mine]
    _append(record.path, [json.dumps(line) + "\n" for line in lines])


def _append(path: Path, lines: Iterable[str]) -> None:
    torn = not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        # What a crash cut off stays a line of its own.
        file.write(("\n" if torn else "") + "".join(lines))
        file.flush()
        os.fsync(file.fileno())


def alive(path: Path) -> bool:
    """Whether the process that writes this journal is still there.

    It holds a lock on the file, which the kernel takes from whoever dies.
    """
    if fcntl is None:  # pragma: no cover - Windows
        return False
    try:
        with path.open("r", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except OSError:
        return True


def tidy(folder: Path, *, keep: int = _KEPT) -> int:
    """Delete journals that are past their use; how many.

    The newest `keep` stay, and those of the last 90 days beyond them do not; what is in doubt
    or running stays however old it is.
    """
    files = _files(folder)
    oldest = (datetime.now(UTC) - _KEPT_FOR).timestamp()
    extra = set(files[: max(len(files) - keep, 0)])
    aged = {path for path in files if path.stat().st_mtime < oldest}
    gone = 0
    for path in extra | aged:
        if read(path).state in ("done", "interrupted"):
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl")) if folder.is_dir() else []


def _described(call: Call) -> dict[str, Any]:
    """A call without its values, some of which are secret and many of which are private."""
    described: dict[str, Any] = {"call": type(call).__name__}
    of = getattr(call, "sobject", None) or getattr(call, "type", None)
    fields = getattr(call, "fields", None) or getattr(call, "edits", None)
    if of:
        described["of"] = of
    if fields:
        described["fields"] = sorted(fields)
    return described


def _given(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
