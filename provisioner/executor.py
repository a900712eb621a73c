"""Carry a plan out, step by step, and say what became of every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

from provisioner.call import Call, ResetPassword, SetPassword
from provisioner.diagnostics import Span
from provisioner.kinds.user import PASSWORD
from provisioner.org.client import Org
from provisioner.org.errors import AuthenticationFailed, NoAnswer, NotSent, Refused
from provisioner.plan import Plan, Step
from provisioner.resource import Address, Lookup, Ref, Value


class Outcome(Enum):
    """What became of a step. UNKNOWN: the answer was lost, so the org must be read."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step's outcome; `code` and `reason` are Salesforce's own, `span` the line it blames."""

    step: Step
    outcome: Outcome
    id: str | None = None
    code: str | None = None
    reason: str | None = None
    span: Span | None = None


def apply(plan: Plan, ids: Mapping[Address, str], org: Org) -> Iterator[StepResult]:
    """Run every step whose needs were met; yield one result per step as it ends.

    `ids` are those of the resources that exist. A step that fails, or whose outcome is not
    known, skips what needs it and nothing else; a login that ends, or a network that does,
    skips all that is left.
    """
    known = dict(ids)
    broken: set[Address] = set()
    stopped: str | None = None
    for step in plan.steps:
        if stopped:
            yield StepResult(step, Outcome.SKIPPED, reason=stopped)
            continue
        try:
            result = _run(step, known, broken, org)
        except (AuthenticationFailed, NotSent) as error:
            # Every step after this one would fail alike.
            stopped = "the org can not be reached any more"
            result = StepResult(step, Outcome.FAILED, reason=str(error), span=step.span)
        if result.outcome is not Outcome.DONE:
            broken.add(step.address)
        if result.id:
            known[step.address] = result.id
        yield result


class _Unmet(Exception):  # noqa: N818  (never leaves this module)
    """A reference of a call stands for nothing, or for several records."""


class _CallRefused(Exception):  # noqa: N818  (nor does this)
    """One of a step's calls was refused."""

    def __init__(self, call: Call, refused: Refused) -> None:
        super().__init__(str(refused))
        self.call = call
        self.refused = refused


def _run(step: Step, known: dict[Address, str], broken: set[Address], org: Org) -> StepResult:
    blocked = sorted(step.needs & broken)
    if blocked:
        return StepResult(
            step, Outcome.SKIPPED, reason=f"needs {blocked[0]}, which was not applied"
        )
    try:
        new = _make(step, known, org)
    except _Unmet as error:
        return StepResult(step, Outcome.FAILED, reason=str(error), span=step.span)
    except NoAnswer as error:
        return StepResult(step, Outcome.UNKNOWN, reason=str(error), span=step.span)
    except _CallRefused as error:
        span, said = _blame(step, error), error.refused
        return StepResult(step, Outcome.FAILED, code=said.code, reason=said.message, span=span)
    return StepResult(step, Outcome.DONE, id=new)


def _make(step: Step, known: dict[Address, str], org: Org) -> str | None:
    """Make the calls of a step in order; the Id of what it made."""
    new = None
    for call in step.calls:
        try:
            made = org.call(_resolve(call, known, org))
        except Refused as error:
            raise _CallRefused(call, error) from error
        if made and new is None:
            new = known[step.address] = made
    return new


def _blame(step: Step, error: _CallRefused) -> Span | None:
    """Where the refused field was written; else where the resource was."""
    after = step.change.after
    if isinstance(error.call, SetPassword | ResetPassword):
        return after.span(PASSWORD)
    written = {name.casefold(): name for name in after.spans}
    named = (written.get(f.casefold()) for f in error.refused.fields)
    return next((after.spans[n] for n in named if n), after.span())


def _resolve(call: Call, known: Mapping[Address, str], org: Org) -> Call:
    """The same call with every Ref and Lookup replaced by the Id it stands for."""
    changes: dict[str, Any] = {}
    for f in fields(call):
        value = getattr(call, f.name)
        if isinstance(value, Mapping):
            changes[f.name] = {k: _id(v, known, org) for k, v in value.items()}
        elif isinstance(value, Ref | Lookup):
            changes[f.name] = _id(value, known, org)
    return replace(call, **changes)


def _id(value: Value, known: Mapping[Address, str], org: Org) -> Value:
    match value:
        case Ref(to):
            if to not in known:
                raise _Unmet(f"the Id of {to} is not known")
            return known[to]
        case Lookup():
            return _find(value, org)
        case _:
            return value


def _find(lookup: Lookup, org: Org) -> str:
    found = org.find(lookup)
    if len(found) != 1:
        raise _Unmet(f"the org has {len(found) or 'no'} {lookup}")
    return found[0]
