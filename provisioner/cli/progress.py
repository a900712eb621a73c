"""Show the events of a run: step results and progress on stderr, and all events to the sinks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from provisioner.apply.session import RunEvent, StepFinished
from provisioner.cli import event_sinks, output
from provisioner.model.events import Heartbeat, Message, RunEnded, RunStarted, StepBegun, StepEnded
from provisioner.model.outcome import Outcome, Progress, StepResult, Waits
from provisioner.model.resource import Address
from provisioner.render import text
from provisioner.render.terminal import Line

# With more steps than this, only those that went wrong are shown one by one.
_MANY = 200


class RunDisplay:
    """The listener of one run."""

    def __init__(self) -> None:
        self._waited_for: frozenset[Address] = frozenset()
        self._skipped: list[StepResult] = []

    def __call__(self, event: RunEvent) -> None:
        match event:
            case StepFinished(result, number, total):
                event_sinks.emit(_step_ended(event))
                self._step(result, number, total)
            case Progress():
                _print([text.progress(event)])
            case Waits():
                self._waits(event)
            case Heartbeat(done, total, seconds):
                event_sinks.emit(event)
                if not event_sinks.as_json_lines():
                    output.info(f"applying: {done} of {total} steps have ended, {seconds:.0f} s")
            case Message(level, message):
                (output.warning if level == "warning" else output.info)(message)
            case RunEnded():
                if self._skipped:
                    _print(text.skipped(self._skipped))
                event_sinks.emit(event)
            case RunStarted() | StepBegun():
                event_sinks.emit(event)
            case _:
                assert_never(event)

    def _step(self, result: StepResult, number: int, total: int) -> None:
        if total <= _MANY or result.outcome not in (Outcome.DONE, Outcome.SKIPPED):
            _print(text.result(result, number, total))
        elif result.outcome is Outcome.SKIPPED:
            self._skipped.append(result)

    def _waits(self, waits: Waits) -> None:
        """Print what a run waits for, once for each set of steps."""
        addresses = frozenset(waits.addresses)
        if addresses <= self._waited_for:
            return
        self._waited_for = addresses
        shown = ", ".join(map(str, waits.addresses[:3]))
        more = f" and {len(addresses) - 3} more" if len(addresses) > 3 else ""
        output.info(
            f"waiting until {waits.until:%H:%M:%S} UTC for the outcome of {shown}{more}: "
            f"{waits.reason}"
        )


def _print(lines: Iterable[Line]) -> None:
    """Print lines during a run, which a closed terminal or a full disk must not end."""
    try:
        output.print_lines(lines)
    except OSError:
        return


def _step_ended(event: StepFinished) -> StepEnded:
    result = event.result
    step, span = result.step, result.span
    return StepEnded(
        str(step.address),
        step.action.name.lower(),
        result.outcome.value,
        event.number,
        event.total,
        result.id,
        result.code,
        result.reason,
        span.file if span else None,
        span.line if span else None,
    )
