"""Events as OpenTelemetry spans: one for the command, one per step, one per request.

OpenTelemetry comes with `provisioner[otel]`, and is imported only if an exporter is configured. A
collector that cannot be reached never fails a command.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, assert_never

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
def spans(warn: Callable[[str], object]) -> Iterator[Listener]:
    """A listener that turns events into spans and sends them, at the latest at the end."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        warn(
            "an OpenTelemetry exporter is configured, but OpenTelemetry is not installed: install "
            "provisioner with its extra `otel` (`uv sync --locked --extra otel` in its clone), or "
            "set OTEL_TRACES_EXPORTER=none"
        )
        yield lambda _: None
        return
    provider = TracerProvider(resource=Resource.create(_service()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=_timeout())))
    spans = _Spans(provider.get_tracer("provisioner"))
    with _one_warning(warn):
        try:
            yield spans.take
        finally:
            spans.over = True
            provider.shutdown()


def _service() -> dict[str, str]:
    """The name of the service, unless the environment sets one."""
    is_set = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    return {} if is_set else {"service.name": "provisioner"}


def _timeout() -> float | None:
    """Seconds to wait for a collector, unless the environment sets a time."""
    names = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
    return None if any(os.environ.get(name) for name in names) else _SECONDS


@contextmanager
def _one_warning(warn: Callable[[str], object]) -> Iterator[None]:
    """Print one warning at the end if spans could not be sent, instead of one for each try."""
    records: list[logging.LogRecord] = []

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    logger, handler = logging.getLogger("opentelemetry"), Recorder(logging.WARNING)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
    if records:
        warn(f"no spans could be sent: {records[0].getMessage()[:200]}")


class _Spans:
    """The span of the command, and the start times of the steps that are running."""

    def __init__(self, tracer: Any) -> None:
        from opentelemetry.trace import set_span_in_context

        self._tracer = tracer
        self._as_context = set_span_in_context
        self._command: Any = None
        self._steps: dict[str, int] = {}
        self.over = False

    def take(self, event: Event) -> None:
        """Add an event to the trace."""
        if not self.over:
            self._take(event)

    def _take(self, event: Event) -> None:  # noqa: C901 - one branch for each kind of event
        match event:
            case CommandStarted(command, version):
                about = {"provisioner.version": version}
                self._command = self._tracer.start_span(f"provisioner {command}", attributes=about)
            case OrgOpened(spec, environment, url):
                self._set(spec=spec, environment=environment, org_url=url)
            case RunStarted(run, org, _, steps):
                self._set(run=run, org=org, steps=steps)
            case CallEnded():
                self._call(event)
            case StepBegun(step, _):
                self._steps.setdefault(step, time.time_ns())
            case StepEnded():
                self._step(event)
            case Message(level, text) if level != "info":
                self._command.add_event(text, {"level": level})
            case RunEnded(_, _, api_calls, outcomes):
                self._set(api_calls=api_calls, **{f"steps_{k}": n for k, n in outcomes.items()})
            case CommandEnded(_, status, _):
                self._set(exit_status=status)
                self._fail(self._command, f"exit status {status}", when=status not in (0, 2))
                self._command.end()
            case Heartbeat() | Message():
                pass
            case _:
                assert_never(event)

    def _call(self, call: CallEnded) -> None:
        end = time.time_ns()
        # As in OpenTelemetry's semantic conventions for HTTP clients.
        about: dict[str, object] = {"http.request.method": call.method, "url.path": call.path}
        if call.status is not None:
            about["http.response.status_code"] = call.status
        if call.error:
            about["error.type"] = call.error
        failed = call.error is not None or (call.status or 0) >= 400
        self._span(call.method, end - int(call.seconds * _NANO), end, about, failed=failed)

    def _step(self, step: StepEnded) -> None:
        end = time.time_ns()
        about: dict[str, object] = {"outcome": step.outcome, "action": step.action}
        values = {"id": step.id, "code": step.code, "file": step.file, "line": step.line}
        about |= {name: value for name, value in values.items() if value is not None}
        about = {f"provisioner.{name}": value for name, value in about.items()}
        begin = self._steps.pop(step.step, end)
        name = f"{step.action} {step.step}"
        self._span(name, begin, end, about, failed=step.outcome not in ("done", "skipped"))

    def _span(
        self, name: str, begin: int, end: int, about: Mapping[str, Any], *, failed: bool
    ) -> None:
        context = self._as_context(self._command)
        span = self._tracer.start_span(name, context=context, attributes=about, start_time=begin)
        self._fail(span, about.get("provisioner.code") or "", when=failed)
        span.end(end_time=end)

    def _fail(self, span: Any, why: str, *, when: bool) -> None:
        from opentelemetry.trace import Status, StatusCode

        if when:
            span.set_status(Status(StatusCode.ERROR, why))

    def _set(self, **about: object) -> None:
        self._command.set_attributes(
            {f"provisioner.{name}": value for name, value in about.items()}
        )
