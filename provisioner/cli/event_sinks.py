"""Where the events of a command go: JSON lines on stderr, a log file, OpenTelemetry.

A process runs one command, so there is one set of listeners. Any thread can emit events.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from provisioner.cli.options import LogOptions
from provisioner.cli.version import version
from provisioner.model.events import (
    CommandEnded,
    CommandStarted,
    Event,
    Listener,
    as_json,
)
from provisioner.model.masking import mask
from provisioner.render import encoding
from provisioner.render.format import visible

_listeners: list[Listener] = []
_lock = threading.Lock()
_on_stderr = False


def emit(event: Event) -> None:
    """Send an event to every listener."""
    if _listeners:
        event = _masked(event)
        with _lock:
            for listener in _listeners:
                listener(event)


def _masked(event: Event) -> Event:
    values = {f.name: getattr(event, f.name) for f in fields(event)}
    masked: Any = {name: mask(v) for name, v in values.items() if isinstance(v, str)}
    return replace(event, **masked)


def as_json_lines() -> bool:
    """Whether stderr shows events as JSON instead of text."""
    return _on_stderr


@contextmanager
def observed(
    command: str, options: LogOptions, warn: Callable[[str], object]
) -> Iterator[Callable[[int], None]]:
    """Send events where the options and the environment say, while the command runs.

    `warn` prints a warning. Yields a function that takes the exit status. Raises OSError for a
    log file that cannot be written.
    """
    global _on_stderr  # noqa: PLW0603 - one command, one stderr
    started = time.monotonic()
    ended = {"status": 1}
    with ExitStack() as stack:
        stack.callback(_forget)
        if options.log_format == "json":
            _on_stderr = True
            _listeners.append(_lines(sys.stderr))
        if options.log_file:
            stream = stack.enter_context(_log(Path(options.log_file)))
            _listeners.append(_lines(stream))
        if _traced():
            from provisioner.cli.otel import spans

            _listeners.append(stack.enter_context(spans(warn)))
        if _listeners:
            emit(CommandStarted(command, version()))
        try:
            yield lambda status: ended.update(status=status)
        finally:
            if _listeners:
                seconds = time.monotonic() - started
                emit(CommandEnded(command, ended["status"], seconds))


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
            # A full disk or a closed pipe ends the log, but no apply.
            over = True
            if stream is not sys.stderr:
                sys.stderr.write(f"warning: the log ends here: {error.strerror}\n")

    return write


def _log(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    # The log names the users of a portal, so only its owner can read it.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(handle, "a", encoding="utf-8")


def _traced() -> bool:
    """Whether the environment configures an exporter, by OpenTelemetry's specification."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "")
    if exporter:
        return exporter != "none"
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return any(os.environ.get(name) for name in names)
