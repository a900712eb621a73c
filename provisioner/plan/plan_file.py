"""Saved plans: an apply can do less than the plan, but nothing else, and only in the same org."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import NotRequired, TypedDict, cast

from provisioner.model.json_value import Json
from provisioner.model.masking import MASK, Masked
from provisioner.model.resource import Secret, Spec
from provisioner.plan.document import FORMAT_VERSION, PlanDocument, StepDocument
from provisioner.spec.load import NAME

_NO_PLAN = "the file is not a plan that `plan --out` wrote"
_FEW = 10
_LONGEST_NAME = 500
# A home folder, a drive or a Windows path.
_NOT_RELATIVE = re.compile(r"~|[A-Za-z]:|.*\\")


class SavedPlanError(Exception):
    """The file is not a saved plan, or the plan cannot be applied any more, if `stale`.

    `details` name what changed, one for each step and value.
    """

    def __init__(self, message: str, *, stale: bool = False, details: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.stale = stale
        self.details = tuple(details)


class SavedInfo(TypedDict):
    """What a plan was made from, and until when it can be applied."""

    tool_version: str
    spec_digest: str
    read_at: str
    expires_at: str
    targets: list[str]
    excludes: list[str]
    commit: NotRequired[str]


class SavedInfoDocument(SavedInfo):
    hash: str


class SavedPlanDocument(PlanDocument):
    """The content of a plan file."""

    saved: SavedInfoDocument


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """What a plan file says about itself; `document` is the plan as every format shows it."""

    spec: str
    environment: str
    org: str
    steps: tuple[StepDocument, ...]
    spec_digest: str
    expires: datetime
    targets: tuple[str, ...]
    excludes: tuple[str, ...]
    document: PlanDocument
    commit: str | None = None

    @property
    def until(self) -> str:
        """When it expires, as text."""
        return _written(self.expires)


def sign(
    document: PlanDocument,
    *,
    spec_digest: str,
    version: str,
    now: datetime,
    valid_for: timedelta,
    targets: Iterable[str] = (),
    excludes: Iterable[str] = (),
    commit: str | None = None,
) -> SavedPlanDocument:
    """The plan as it is saved, with what it was made from and until when it can be applied.

    `commit` is the commit of the user's repository that contains the specs, if it is known. The
    `hash` covers everything else, so that an edited plan is noticed. It protects against mistakes,
    not against somebody who is allowed to replace the file.
    """
    saved: SavedInfo = {
        "tool_version": version,
        "spec_digest": spec_digest,
        "read_at": _written(now),
        "expires_at": _written(now + valid_for),
        "targets": list(targets),
        "excludes": list(excludes),
    }
    if commit is not None:
        saved["commit"] = commit
    return {**document, "saved": {**saved, "hash": digest({**document, "saved": saved})}}


def parse(text: str) -> SavedPlan:
    """Read a plan file. Unknown keys are ignored, so that plans of newer versions are readable.

    Raises SavedPlanError if it is not a plan, and, as stale, if it was edited.
    """
    try:
        data = json.loads(text)
        version = data["format_version"]
        if version != FORMAT_VERSION:
            raise SavedPlanError(
                f"the plan has format {version}, this version reads {FORMAT_VERSION}: "
                "make the plan again"
            )
        saved = data["saved"]
        plan = SavedPlan(
            data["spec"],
            data["environment"],
            data["org"]["id"],
            tuple(data["steps"]),
            saved["spec_digest"],
            datetime.fromisoformat(saved["expires_at"]),
            tuple(saved.get("targets", ())),
            tuple(saved.get("excludes", ())),
            _completed(data),
            saved.get("commit"),
        )
        for step in plan.steps:
            _allowance(step)
            if not isinstance(step["address"], str):
                raise SavedPlanError(_NO_PLAN)
        _written(plan.expires)
        untouched = {**data, "saved": {k: v for k, v in saved.items() if k != "hash"}}
        intact = saved["hash"] == digest(untouched) and plan.expires.tzinfo is not None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SavedPlanError(_NO_PLAN) from error
    except (RecursionError, OverflowError) as error:
        raise SavedPlanError(_NO_PLAN) from error
    if not intact:
        raise SavedPlanError("the plan was edited after it was saved", stale=True)
    if wrong := _not_a_name(data):
        raise SavedPlanError(f"its `{wrong}` is not a name that `plan --out` writes")
    return plan


def _completed(data: SavedPlanDocument) -> PlanDocument:
    """The document without `saved`, with the keys that older versions did not write."""
    later = ("known", "left_out", "ignored", "absent", "email_differences", "licences")
    document = {
        **{name: value for name, value in data.items() if name != "saved"},
        **{name: () for name in later if name not in data},
    }
    if "change_login" not in data["summary"]:
        document["summary"] = {**data["summary"], "change_login": 0}
    return cast("PlanDocument", document)


def _not_a_name(data: SavedPlanDocument) -> str | None:
    """The name in a plan that `plan --out` does not write: it could lead to other files."""
    saved = data["saved"]
    if not isinstance(data["org"]["id"], str):
        return "org"
    if not is_relative(data["spec"]):
        return "spec"
    if not isinstance(data["environment"], str) or not NAME.fullmatch(data["environment"]):
        return "environment"
    selections = {"targets": saved.get("targets", []), "excludes": saved.get("excludes", [])}
    for part, patterns in selections.items():
        if not isinstance(patterns, list) or not all(map(_is_pattern, patterns)):
            return part
    return None


def is_relative(spec: object) -> bool:
    """Whether this is a folder below the current one, as a plan names it."""
    if not isinstance(spec, str) or not spec.isprintable() or not 0 < len(spec) <= _LONGEST_NAME:
        return False
    path = PurePosixPath(spec)
    return not path.is_absolute() and ".." not in path.parts and not _NOT_RELATIVE.match(spec)


def _is_pattern(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= _LONGEST_NAME


def check(saved: SavedPlan, plan: PlanDocument, *, spec_digest: str, now: datetime) -> None:
    """Raise SavedPlanError if the plan as it is now exceeds the saved one.

    A step can be missing, or change fewer fields: somebody has done a part of it. A step whose live
    value has changed, or that was not planned, is named with the planned and the current value.
    """
    if plan["org"]["id"] != saved.org:
        raise SavedPlanError(
            f"the plan was made for the org {saved.org}, this is {plan['org']['id']}", stale=True
        )
    if now >= saved.expires:
        raise SavedPlanError(f"the plan expired at {_written(saved.expires)}", stale=True)
    steps = {step["address"]: step for step in saved.steps}
    details = [
        f"{step['address']}{excess}"
        for step in plan["steps"]
        for excess in _exceeds(step, steps.get(step["address"]))
    ]
    if len(details) > _FEW:
        details = [*details[:_FEW], f"and {len(details) - _FEW} more"]
    if spec_digest != saved.spec_digest:
        message = "the specs changed after the plan was made"
        raise SavedPlanError(message, stale=True, details=details)
    if details:
        message = "the org changed after the plan was made"
        raise SavedPlanError(message, stale=True, details=details)


def spec_digest(specs: Iterable[Spec], identity: Mapping[str, str]) -> str:
    """A digest of the specs with templates filled in.

    It does not depend on comments, order, files, secrets and masked values.
    """
    declared = [[str(s.address), _digested(s.data)] for s in sorted(specs, key=lambda s: s.address)]
    return digest({"identity": dict(identity), "specs": declared})


def digest(value: object) -> str:
    """The SHA-256 of a value as canonical JSON: sorted keys, no spaces, ASCII."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_hidden)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _digested(value: object) -> object:
    """A value without masked texts: a short text can be guessed from its digest."""
    match value:
        case Masked():
            return MASK
        case Mapping():
            return {key: _digested(item) for key, item in value.items()}
        case list():
            return [_digested(item) for item in value]
        case _:
            return value


def _hidden(value: object) -> str:
    if isinstance(value, Secret):
        return repr(value)
    raise TypeError(f"a spec holds no {type(value).__name__}")


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class _Allowance:
    """What was reviewed of a step, which excludes its number and who changed the record last."""

    action: str
    id: str
    fields: Mapping[str, tuple[Json, Json]]
    people: Counter[str]
    notes: frozenset[tuple[str, str]]
    calls: Counter[str]


def _allowance(step: StepDocument) -> _Allowance:
    people: Counter[str] = Counter()
    for note in step["notes"]:
        people[note["kind"]] += note["people"]
    return _Allowance(
        step["action"],
        step["id"] or "",
        {f["name"]: (f["before"], f["after"]) for f in step["fields"]},
        people,
        frozenset((n["kind"], n.get("subject", n["text"])) for n in step["notes"]),
        Counter(step["calls"]),
    )


def _exceeds(step: StepDocument, saved: StepDocument | None) -> Iterator[str]:
    """In which ways a step does more than the saved step."""
    if saved is None:
        yield f": {step['action']} is not in the plan"
        return
    now, allowed = _allowance(step), _allowance(saved)
    if (now.action, now.id) != (allowed.action, allowed.id):
        current, planned = (f"{a.action} {a.id}".strip() for a in (now, allowed))
        yield f": {current} is not in the plan, which has {planned}"
        return
    for name, (before, after) in now.fields.items():
        yield from _field_exceeds(name, before, after, allowed.fields.get(name))
    for kind, count in now.people.items():
        if count > allowed.people[kind]:
            yield f": {kind}: {count} people, but the plan has {allowed.people[kind]}"
    for kind, subject in sorted(now.notes - allowed.notes):
        yield f": {kind}: {subject}, which is not in the plan"
    if now.calls - allowed.calls and now.fields.keys() <= allowed.fields.keys():
        yield ": needs calls that are not in the plan"


def _field_exceeds(
    name: str, before: Json, after: Json, saved: tuple[Json, Json] | None
) -> Iterator[str]:
    if saved is None:
        yield f".{name}: was in sync, is {_value(before)} now"
    elif before != saved[0]:
        yield f".{name}: was {_value(saved[0])}, is {_value(before)} now"
    elif after != saved[1]:
        yield f".{name}: would become {_value(after)}, but the plan has {_value(saved[1])}"


def _value(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
