"""Read the files that a spec may name, and no others; write files that only their owner can read.

A spec's files are regular files inside the repository that contains it, and secrets are regular
files outside of it. Both are checked after symbolic links are resolved, before a file is opened.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

SECRETS = "PROVISIONER_SECRETS_DIR"
_LARGEST_SECRET = 100_000
# Files of the kernel look like regular files, but are not.
_KERNEL = frozenset({"proc", "sys"})


class RefusedFileError(OSError):
    """A file that may not be read; `strerror` says why."""

    def __init__(self, reason: str, path: str | Path) -> None:
        super().__init__(errno.EACCES, reason, str(path))


def root(folder: Path) -> Path:
    """The repository that contains a folder; the folder itself if there is none."""
    real = Path(os.path.realpath(folder))
    return next((p for p in (real, *real.parents) if (p / ".git").exists()), real)


def checked(path: str | Path, within: Path) -> Path:
    """The path of a regular file below `within`, with symbolic links resolved.

    Raises RefusedFileError for any other file, and OSError if there is none.
    """
    real = _resolved(path)
    if not real.is_relative_to(within):
        raise RefusedFileError("it is outside the repository of the spec", path)
    _check_regular(real.stat(), path)
    return real


def open_text(
    path: str | Path, within: Path, *, encoding: str, errors: str | None = None
) -> TextIO:
    """A text file below `within`, with its line breaks as they are. Raises as `checked` does."""
    handle = _opened(checked(path, within), path)
    return os.fdopen(handle, encoding=encoding, errors=errors, newline="")


def read_bytes(path: str | Path, within: Path) -> bytes:
    """What a file below `within` contains. Raises as `checked` does."""
    with os.fdopen(_opened(checked(path, within), path), "rb") as file:
        return file.read()


def read_secret(path: str, outside: Path, folders: str) -> str:
    """The text of a secret's file, which is in one of the `folders` and not below `outside`.

    `folders` is the value of `PROVISIONER_SECRETS_DIR`. A relative path is looked for in each.
    Raises OSError and UnicodeError.
    """
    allowed = [_resolved(f) for f in folders.split(os.pathsep) if Path(f).is_absolute()]
    named = Path(path).expanduser()
    candidates = [named] if named.is_absolute() else [folder / named for folder in allowed]
    real = [r for r in map(_resolved, candidates) if any(r.is_relative_to(a) for a in allowed)]
    if not real:
        raise RefusedFileError(f"it is not in a folder that `{SECRETS}` names", path)
    if any(r.is_relative_to(outside) for r in real):
        raise RefusedFileError("it is inside the repository of the spec", path)
    existing = next((r for r in real if r.exists()), real[0])
    _check_regular(existing.stat(), path)
    with os.fdopen(_opened(existing, path), "rb") as file:
        content = file.read(_LARGEST_SECRET + 1)
    if len(content) > _LARGEST_SECRET:
        raise RefusedFileError(f"it has more than {_LARGEST_SECRET:,} bytes", path)
    return content.decode("utf-8")


def write_private(path: str | Path, pieces: Iterable[str], *, parents: bool = False) -> None:
    """Write a text file that only its owner can read, whole or not at all. Raises OSError.

    If the path is not a regular file (`/dev/stdout`, a pipe), it is written to directly. With
    `parents`, missing folders are created.
    """
    real = Path(os.path.realpath(path))
    if parents:
        real.parent.mkdir(parents=True, exist_ok=True)
    if real.exists() and not real.is_file():
        with real.open("w", encoding="utf-8", newline="") as stream:
            stream.writelines(pieces)
        return
    # `mkstemp` creates files that nobody else can read.
    handle, temporary = tempfile.mkstemp(
        prefix=f".{real.name[:100]}.", suffix=".tmp", dir=real.parent
    )
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.writelines(pieces)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(real)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _resolved(path: str | Path) -> Path:
    try:
        real = Path(os.path.realpath(path))
    except ValueError as error:  # a NUL
        raise RefusedFileError("its name cannot be that of a file", path) from error
    if len(real.parts) > 1 and real.parts[1] in _KERNEL and os.sep == "/":
        raise RefusedFileError("it is not a regular file", path)
    return real


def _check_regular(status: os.stat_result, path: str | Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise RefusedFileError("it is not a regular file", path)


def _opened(real: Path, path: str | Path) -> int:
    """Open a file that was checked, and check it again: it may have been replaced since."""
    more = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(real, os.O_RDONLY | more)
    try:
        _check_regular(os.fstat(handle), path)
    except BaseException:
        os.close(handle)
        raise
    return handle
