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
_KEEP_COUNT: Final = "INSERT OR REPLACE INTO sequence VALUES (?, ?)"
_HARMLESS: Final = ("SELECT", "SAVEPOINT", "RELEASE")  # what changes nothing that was read


class Rollback(Exception):  # noqa: N818 - undoes a block, and is caught around it
    """Raised to leave a transaction or an attempt whose writes are to be undone."""


class _Mine(threading.local):
    """What a thread has while its transaction lasts: the connection, what was read and counted."""

    connection: sqlite3.Connection | None = None
    memory: dict[Hashable, Any]
    counted: dict[str, int]


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

    def transaction(self) -> AbstractContextManager[None]:
        """All of the block or nothing of it; a nested one joins the outer."""
        return self._outermost() if self._mine.connection is None else _JOINED

    @contextmanager
    def _outermost(self) -> Iterator[None]:
        connection = self._acquire()
        self._mine.connection = connection
        self._mine.memory = {}
        self._mine.counted = {}
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                connection.executemany(_KEEP_COUNT, self._mine.counted.items())
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        finally:
            self._mine.connection = None
            self._release(connection)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Inside a transaction: undoes only the block when the block raises."""
        assert self._mine.connection is not None, "attempt() needs a transaction around it"
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
        held = self._mine.connection
        if held is not None:
            if not sql.startswith(_HARMLESS):
                self._mine.memory.clear()
            return held.execute(sql, params).fetchall()
        connection = self._acquire()
        try:
            return connection.execute(sql, params).fetchall()
        finally:
            self._release(connection)

    def stream(self, sql: str, params: Any = (), *, size: int) -> Iterator[list[sqlite3.Row]]:
        """Runs one SELECT and yields its rows in lists of at most `size`; it keeps none of them.

        Outside of a transaction it holds a connection until the last row. An org in memory has
        only one, so nothing else can be asked of it before that.
        """
        held = self._mine.connection
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
        held = self._mine.connection
        return self.execute(sql, params) if held is None else held.execute(sql, params).fetchall()

    def remember(self, key: Hashable, work: Callable[[], _T]) -> _T:
        """What `work` gives, worked out once in a transaction until something is written.

        Nobody else can write while a transaction lasts, so that what was read stays true.
        """
        if self._mine.connection is None:
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
        if self._mine.connection is None:
            with self.transaction():
                return self.next_number(name)
        counted = self._mine.counted
        if name not in counted:
            rows = self.execute("SELECT last FROM sequence WHERE prefix = ?", (name,))
            counted[name] = rows[0][0] if rows else 0
        counted[name] += 1
        return counted[name]

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
