"""A SQLite file shared by threads and processes: connections, transactions, what they count."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from provisioner.emulator.base import collation

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

_T = TypeVar("_T")

_MOST_CONNECTIONS: Final = 64
_BUSY: Final = 30  # seconds to wait for another process's transaction
_JOINED: Final = nullcontext()
_KEEP_COUNTS: Final = "INSERT OR REPLACE INTO sequence VALUES "
_HARMLESS: Final = ("SELECT", "SAVEPOINT", "RELEASE")  # what changes nothing that was read
_READS: Final = ("SELECT", "PRAGMA")
_LOCK: Final = "UPDATE sequence SET last = last WHERE 0"  # takes the write lock, changes nothing


class Rollback(Exception):  # noqa: N818 - undoes a block, and is caught around it
    """Raised to leave a transaction or an attempt whose writes are to be undone."""


class _Mine(threading.local):
    """What a thread has while its snapshot or transaction lasts: the connection, what was read."""

    connection: sqlite3.Connection | None = None
    writing: bool = False  # in a transaction, not only in a snapshot
    open: bool = False  # a `snapshot` block
    memory: dict[Hashable, Any]
    counted: dict[str, int]
    pending: list[tuple[str, Any]]


class Database:
    """One SQLite file, or ":memory:". A thread keeps one connection for a whole transaction."""

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        self._lock = threading.Condition()
        self._idle: list[sqlite3.Connection] = []
        self._open: list[sqlite3.Connection] = []
        self._copies: list[sqlite3.Connection] = []
        self._locks: dict[str, threading.Lock] = {}
        self._mine = _Mine()
        in_memory = self._path == ":memory:"
        # A second connection to ":memory:" would be a second, empty database.
        self._most = 1 if in_memory else _MOST_CONNECTIONS
        if not in_memory:
            Path(self._path).touch(mode=0o600)

    def close(self) -> None:
        """Closes the file; the org must not be used afterwards."""
        with self._lock:
            for connection in (*self._open, *self._copies):
                connection.close()
            self._open.clear()
            self._copies.clear()
            self._idle.clear()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reads one state of the file in the whole block, and remembers what was read.

        A transaction in the block continues from that state. If another connection has written in
        between, the transaction starts from the newest state, and what was read is forgotten. Reads
        after a transaction see a new snapshot. In a snapshot or transaction the block joins it.
        """
        mine = self._mine
        if mine.open or mine.writing:
            yield
            return
        mine.open, mine.pending = True, []
        try:
            yield
        finally:
            try:
                self._end_snapshot()
            finally:
                mine.open = False

    def refresh(self) -> None:
        """Lets the next read of a snapshot see the newest state, after a wait for somebody else."""
        mine = self._mine
        if mine.open and not mine.writing and mine.connection is not None:
            connection, mine.connection = mine.connection, None
            connection.execute("COMMIT")
            self._release(connection)

    def write_later(self, sql: str, params: Any = ()) -> None:
        """Writes at the end of the snapshot, or with its first transaction; at once without one."""
        if self._mine.open:
            self._mine.pending.append((sql, params))
        else:
            self.execute(sql, params)

    def pending(self) -> int:
        """How many writes `write_later` has put off, and no transaction has yet begun with."""
        return 0 if self._mine.writing or not self._mine.open else len(self._mine.pending)

    def transaction(self) -> AbstractContextManager[None]:
        """All of the block or nothing of it; a nested one joins the outer."""
        return _JOINED if self._mine.writing else self._outermost()

    @contextmanager
    def _outermost(self) -> Iterator[None]:
        mine = self._mine
        connection = self._lock_for_writing()
        mine.connection = connection
        mine.writing = True
        mine.counted = {}
        try:
            try:
                yield
                if mine.counted:
                    _keep_counts(connection, mine.counted)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            if mine.open:
                mine.pending.clear()
        finally:
            mine.writing = False
            mine.connection = None
            self._release(connection)

    def _lock_for_writing(self) -> sqlite3.Connection:
        """The connection of the thread in a transaction that may write, with what is pending."""
        mine = self._mine
        connection = mine.connection
        pending = mine.pending if mine.open else []
        if connection is not None:
            try:
                for sql, params in pending or [(_LOCK, ())]:
                    connection.execute(sql, params)
            except sqlite3.OperationalError:  # another process writes, or has written
                connection.execute("ROLLBACK")
            else:
                return connection
        else:
            connection = self._acquire()
        mine.memory = {}
        try:
            connection.execute("BEGIN IMMEDIATE")
            for sql, params in pending:
                connection.execute(sql, params)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            mine.connection = None
            self._release(connection)
            raise
        return connection

    def _end_snapshot(self) -> None:
        mine = self._mine
        if mine.pending:
            with self.transaction():
                pass
        connection, mine.connection = mine.connection, None
        if connection is not None:
            connection.execute("COMMIT")
            self._release(connection)

    def _reading(self) -> sqlite3.Connection | None:
        """The connection of the thread's transaction or snapshot; the first read begins one."""
        mine = self._mine
        if mine.connection is None and mine.open:
            mine.connection = self._acquire()
            mine.memory = {}
            mine.connection.execute("BEGIN")
        return mine.connection

    def atomic(self) -> AbstractContextManager[None]:
        """All of the block or nothing of it: a transaction, or inside of one an attempt."""
        return self.attempt() if self._mine.writing else self._outermost()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Inside a transaction: undoes only the block when the block raises."""
        assert self._mine.writing, "attempt() needs a transaction around it"
        counted = self._mine.counted.copy()
        self.execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException:
            self._mine.counted = counted
            self.execute("ROLLBACK TO attempt")
            self.execute("RELEASE attempt")
            raise
        self.execute("RELEASE attempt")

    def execute(self, sql: str, params: Any = ()) -> list[sqlite3.Row]:
        """Runs one statement, in the current transaction if there is one, and returns its rows."""
        if self._mine.open and not self._mine.writing and not sql.lstrip().startswith(_READS):
            with self.transaction():
                return self.execute(sql, params)
        held = self._reading()
        if held is not None:
            if not sql.lstrip().startswith(_HARMLESS):
                self._mine.memory.clear()
            return held.execute(sql, params).fetchall()
        connection = self._acquire()
        try:
            return connection.execute(sql, params).fetchall()
        finally:
            self._release(connection)

    def stream(self, sql: str, params: Any = (), *, size: int) -> Iterator[list[sqlite3.Row]]:
        """Runs one SELECT and yields its rows in lists of at most `size`; it keeps none of them.

        Outside of a snapshot or transaction it holds a connection until the last row. An org in
        memory has only one, so nothing else can be asked of it before that.
        """
        held = self._reading()
        connection = held or self._acquire()
        try:
            cursor = connection.execute(sql, params)
            try:
                while rows := cursor.fetchmany(size):
                    yield rows
            finally:
                cursor.close()
        finally:
            if held is None:
                self._release(connection)

    def lock(self, name: str) -> threading.Lock:
        """The lock of that name, which the threads of this process share for this org alone."""
        with self._lock:
            return self._locks.setdefault(name, threading.Lock())

    def execute_quietly(self, sql: str, params: Any = ()) -> list[sqlite3.Row]:
        """As `execute`, for a write on which nothing depends that `remember` keeps."""
        held = self._mine.connection if self._mine.writing else None
        return self.execute(sql, params) if held is None else held.execute(sql, params).fetchall()

    def remember(self, key: Hashable, work: Callable[[], _T]) -> _T:
        """The value of `work`, called once in a snapshot or transaction until something is written.

        Neither sees what somebody else writes while it lasts, so that what was read stays true.
        """
        if self._reading() is None:
            return work()
        memory = self._mine.memory
        if key not in memory:
            # Kept only afterwards: `work` may itself write, or ask for other things.
            found = work()
            self._mine.memory[key] = found
            return found
        kept: _T = memory[key]
        return kept

    def next_number(self, name: str) -> int:
        """Counts up from 1 under a name; no number is given twice.

        Nobody else can count while a transaction lasts, so what was counted is written at its end.
        """
        if not self._mine.writing:
            with self.transaction():
                return self.next_number(name)
        counted = self._mine.counted
        if name not in counted:
            counted[name] = self._last_numbers().get(name, 0)
        counted[name] += 1
        return counted[name]

    def _last_numbers(self) -> dict[str, int]:
        """What was counted before this transaction, which writes it at its end only."""
        rows = "SELECT prefix, last FROM sequence"
        return self.remember("last numbers", lambda: {row[0]: row[1] for row in self.execute(rows)})

    def forget_counts(self) -> None:
        """Lets a transaction that removed everything count from 1 again."""
        self._mine.counted.clear()

    def copied(self) -> sqlite3.Connection:
        """A copy of everything committed so far, in memory; outside of transactions only.

        It is closed with the org.
        """
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        with self._lock:
            self._copies.append(copy)
        connection = self._acquire()
        try:
            connection.backup(copy)
        finally:
            self._release(connection)
        return copy

    def replace(self, copy: sqlite3.Connection) -> None:
        """Puts everything back as it was when `copied`; waits for other transactions to end."""
        connection = self._acquire()
        try:
            copy.backup(connection)
        finally:
            self._release(connection)

    def _acquire(self) -> sqlite3.Connection:
        with self._lock:
            while True:
                if self._idle:
                    return self._idle.pop()
                if len(self._open) < self._most:
                    connection = self._connect()
                    self._open.append(connection)
                    return connection
                self._lock.wait()

    def _release(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if connection in self._open:
                self._idle.append(connection)
            else:
                connection.close()
            self._lock.notify()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        collation.register(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        # What an `attempt` may have to undo is a temporary file otherwise, written at each row.
        connection.execute("PRAGMA temp_store = MEMORY")
        return connection


def _keep_counts(connection: sqlite3.Connection, counted: dict[str, int]) -> None:
    rows = ", ".join(["(?, ?)"] * len(counted))
    connection.execute(_KEEP_COUNTS + rows, [part for pair in counted.items() for part in pair])
