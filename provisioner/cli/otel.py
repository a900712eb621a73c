"""Events as OpenTelemetry spans: one for the command, one per step, one per request.

OpenTelemetry comes with `provisioner[otel]`, and is imported only where an exporter is
configured. What fails on the way to a collector never fails a command.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, assert_never

from provisioner.cli import output
from provisioner.model.events import (
    CallEnded,
    CommandEnded,
    CommandStarted,
    Event,
    Heartbeat,
    Listener,
    Message,
    OrgOpened,
    RunEnded,
    RunStarted,
    StepBegun,
    StepEnded,
)

_NANO = 1_000_000_000
_SECONDS = 3.0


@contextmanager
def spans() -> Iterator[Listener]:
    """What turns events into spans and sends them, until this ends."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        output.warn(
            "an OpenTelemetry exporter is configured, and OpenTelemetry is not installed",
            "install provisioner with its extra `otel`: `uv sync --locked --extra otel` in its "
            "clone; or set OTEL_TRACES_EXPORTER=none",
        )
        yield lambda _: None
        return
    provider = TracerProvider(resource=Resource.create(_service()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=_patience())))
    found = _Spans(provider.get_tracer("provisioner"))
    with _said_once():
        try:
            yield found.take
        finally:
            found.over = True
            provider.shutdown()


def _service() -> dict[str, str]:
    """The name of the service, where the environment gives none."""
    given = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    return {} if given else {"service.name": "provisioner"}


def _patience() -> float | None:
    """Seconds to wait for a collector, where the environment does not say."""
    names = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
    return None if any(os.environ.get(name) for name in names) else _SECONDS


@contextmanager
def _said_once() -> Iterator[None]:
    """Say what goes wrong on the way to the collector once, at the end, and not as it does."""
    records: list[logging.LogRecord] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    logger, handler = logging.getLogger("opentelemetry"), Kept(logging.WARNING)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
    if records:
        output.warn(f"no spans could be sent: {records[0].getMessage()[:200]}")


class _Spans:
    """The span of the command, and those of the steps that are under way."""

    def __init__(self, tracer: Any) -> None:
        from opentelemetry.trace import set_span_in_context

        self._tracer = tracer
        self._within = set_span_in_context
        self._command: Any = None
        self._steps: dict[str, int] = {}
        self.over = False

    def take(self, event: Event) -> None:
        """Make of an event what it is in a trace."""
        if not self.over:
            self._take(event)

    def _take(self, event: Event) -> None:  # noqa: C901 - one branch for each kind of event
        match event:
            case CommandStarted(command, version):
                about = {"provisioner.version": version}
                self._command = self._tracer.start_span(f"provisioner {command}", attributes=about)
            case OrgOpened(spec, environment, url):
                self._say(spec=spec, environment=environment, org_url=url)
            case RunStarted(run, org, _, steps):
                self._say(run=run, org=org, steps=steps)
            case CallEnded():
                self._call(event)
            case StepBegun(step, _):
                self._steps.setdefault(step, time.time_ns())
            case StepEnded():
                self._step(event)
            case Message(level, text) if level != "info":
                self._command.add_event(text, {"level": level})
            case RunEnded(_, _, api_calls, outcomes):
                self._say(api_calls=api_calls, **{f"steps_{k}": n for k, n in outcomes.items()})
            case CommandEnded(_, status, _):
                self._say(exit_status=status)
                self._fail(self._command, f"exit status {status}", when=status not in (0, 2))
                self._command.end()
            case Heartbeat() | Message():
                pass
            case _:
                assert_never(event)

    def _call(self, call: CallEnded) -> None:
        end = time.time_ns()
        # As in OpenTelemetry's semantic conventions for HTTP clients.
        about: dict[str, Any] = {"http.request.method": call.method, "url.path": call.path}
        if call.status is not None:
            about["http.response.status_code"] = call.status
        if call.error:
            about["error.type"] = call.error
        failed = call.error is not None or (call.status or 0) >= 400
        self._past(call.method, end - int(call.seconds * _NANO), end, about, failed=failed)

    def _step(self, step: StepEnded) -> None:
        end = time.time_ns()
        about: dict[str, Any] = {"outcome": step.outcome, "action": step.action}
        given = {"id": step.id, "code": step.code, "file": step.file, "line": step.line}
        about |= {name: value for name, value in given.items() if value is not None}
        about = {f"provisioner.{name}": value for name, value in about.items()}
        begin = self._steps.pop(step.step, end)
        name = f"{step.action} {step.step}"
        self._past(name, begin, end, about, failed=step.outcome not in ("done", "skipped"))

    def _past(self, name: str, begin: int, end: int, about: Any, *, failed: bool) -> None:
        context = self._within(self._command)
        span = self._tracer.start_span(name, context=context, attributes=about, start_time=begin)
        self._fail(span, about.get("provisioner.code") or "", when=failed)
        span.end(end_time=end)

    def _fail(self, span: Any, why: str, *, when: bool) -> None:
        from opentelemetry.trace import Status, StatusCode

        if when:
            span.set_status(Status(StatusCode.ERROR, why))

    def _say(self, **about: Any) -> None:
        self._command.set_attributes(
            {f"provisioner.{name}": value for name, value in about.items()}
        )
