"""The port of each local org of this machine: the first has the usual one, the others the next."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Final

FIRST: Final = 8787
_MOST: Final = 1000
_FILE: Final = "port"


def claim(folder: Path) -> None:
    """Give the local org of a folder a port of its own, once.

    The ports that were given are noted in the user's state folder. Where that cannot be written,
    the org keeps the first port.
    """
    if _own(folder) is not None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        notes = _notes()
        notes.mkdir(parents=True, exist_ok=True)
        for port in range(FIRST, FIRST + _MOST):
            if _free(port) and _taken(notes / str(port), folder, port):
                return
    except OSError:
        return


def of(folder: Path) -> int:
    """The port of a folder's local org: the first one unless it was given another."""
    return _own(folder) or FIRST


def _own(folder: Path) -> int | None:
    """The port that a folder holds, if it was given to this folder and not copied with it."""
    try:
        held = json.loads((folder / _FILE).read_text("utf-8"))
        return int(held["port"]) if held["folder"] == str(folder.absolute()) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _taken(note: Path, folder: Path, port: int) -> bool:
    """Take the port for the folder, unless another local org has it; whether that was done."""
    try:
        handle = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        holder = Path(note.read_text("utf-8"))
        if holder.is_absolute() and holder != folder.absolute() and _own(holder) == port:
            return False
        handle = os.open(note, os.O_WRONLY | os.O_TRUNC)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(str(folder.absolute()))
    held = {"port": port, "folder": str(folder.absolute())}
    file = folder / _FILE
    file.touch(mode=0o600)
    file.write_text(json.dumps(held) + "\n", "utf-8")
    return True


def _free(port: int) -> bool:
    """Whether nothing listens on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _notes() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "provisioner" / "ports"
