"""Where the events of a command go: JSON lines on stderr, a log file, OpenTelemetry.

There is one command in a process, and so one set of listeners, told from any thread.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from provisioner.cli.version import version
from provisioner.model.events import (
    CommandEnded,
    CommandStarted,
    Event,
    Heartbeat,
    Listener,
    as_json,
)
from provisioner.model.masking import mask
from provisioner.render import encoding
from provisioner.render.format import visible

_BEAT = 30.0
_listeners: list[Listener] = []
_lock = threading.Lock()
_on_stderr = False


def emit(event: Event) -> None:
    """Tell everybody who listens."""
    if _listeners:
        event = _masked(event)
        with _lock:
            for listener in _listeners:
                listener(event)


def _masked(event: Event) -> Event:
    given = {f.name: getattr(event, f.name) for f in fields(event)}
    shown: Any = {n: mask(v) for n, v in given.items() if isinstance(v, str)}
    return replace(event, **shown)


def as_json_lines() -> bool:
    """Whether stderr is for events now, and not for people."""
    return _on_stderr


@contextmanager
def observed(options: Namespace) -> Iterator[Callable[[int], None]]:
    """Listen as the options and the environment ask, for as long as the command lasts.

    Gives what is to be told the exit status. Raises OSError for a log file that is none.
    """
    global _on_stderr  # noqa: PLW0603 - one command, one stderr
    started = time.monotonic()
    ended = {"status": 1}
    with ExitStack() as stack:
        stack.callback(_forget)
        if getattr(options, "log_format", "text") == "json":
            _on_stderr = True
            _listeners.append(_lines(sys.stderr))
        if file := getattr(options, "log_file", None):
            stream = stack.enter_context(_log(Path(file)))
            _listeners.append(_lines(stream))
        if _traced():
            from provisioner.cli.otel import spans

            _listeners.append(stack.enter_context(spans()))
        if _listeners:
            emit(CommandStarted(options.command, version()))
        try:
            yield lambda status: ended.update(status=status)
        finally:
            if _listeners:
                seconds = time.monotonic() - started
                emit(CommandEnded(options.command, ended["status"], seconds))


@contextmanager
def heartbeat(
    total: int, tell: Callable[[Heartbeat], None], every: float = _BEAT
) -> Iterator[Callable[[], None]]:
    """Say every so often that the run is alive; gives what is to be called as a step ends."""
    started, over = time.monotonic(), threading.Event()
    done = 0

    def beat() -> None:
        while not over.wait(every):
            tell(Heartbeat(done, total, time.monotonic() - started))

    def count() -> None:
        nonlocal done
        done += 1

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield count
    finally:
        over.set()
        thread.join()


def _forget() -> None:
    global _on_stderr  # noqa: PLW0603 - as above
    _listeners.clear()
    _on_stderr = False


def _lines(stream: TextIO) -> Listener:
    over = False

    def write(event: Event) -> None:
        nonlocal over
        if over:
            return
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **as_json(event)}
        try:
            text = json.dumps(line, ensure_ascii=not encoding.is_unicode(stream))
            stream.write(visible(text) + "\n")
            stream.flush()
        except OSError as error:
            # A disk that is full, or a reader that is gone, stops the log and no apply.
            over = True
            if stream is not sys.stderr:
                sys.stderr.write(f"warning: the log ends here: {error.strerror}\n")

    return write


def _log(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Who is in a portal is nobody else's business.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(handle, "a", encoding="utf-8")


def _traced() -> bool:
    """Whether the environment names an exporter, as OpenTelemetry's specification has it."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "")
    if exporter:
        return exporter != "none"
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return any(os.environ.get(name) for name in names)
