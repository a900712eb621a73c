"""A saved plan is a ceiling: what is applied may be less than it, never more, never elsewhere."""

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
# A home folder, a drive or a path of Windows.
_LEADS_AWAY = re.compile(r"~|[A-Za-z]:|.*\\")
# How many people a note is about is compared as a number, and not with its words.
_COUNTED = re.compile(r"\d+ active users?")


class SavedPlanError(Exception):
    """The file is no plan of ours, or the plan is stale; `stale` tells which.

    `details` name what moved, one for each step and value.
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
        """When it expires, as people read it."""
        return _written(self.expires)


def seal(
    view: PlanDocument,
    *,
    spec_digest: str,
    version: str,
    now: datetime,
    valid_for: timedelta,
    targets: Iterable[str] = (),
    excludes: Iterable[str] = (),
    commit: str | None = None,
) -> SavedPlanDocument:
    """The plan as it is saved: its view, what it was made from and until when it holds.

    `commit` is the commit of the user's repository that the specs are from, if it is known.

    `hash` is over all of the rest, so that an edited plan is known as one. It protects
    against mistakes; who may write the file is for whoever keeps it to say.
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
    return {**view, "saved": {**saved, "hash": digest({**view, "saved": saved})}}


def parse(text: str) -> SavedPlan:
    """Read a plan file. Unknown keys are ignored, so that newer plans stay readable.

    Raises SavedPlanError for what is no plan, and, as stale, for an edited one.
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
        found = SavedPlan(
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
        for step in found.steps:
            _ceiling(step)
            if not isinstance(step["address"], str):
                raise SavedPlanError(_NO_PLAN)
        _written(found.expires)
        untouched = {**data, "saved": {k: v for k, v in saved.items() if k != "hash"}}
        intact = saved["hash"] == digest(untouched) and found.expires.tzinfo is not None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SavedPlanError(_NO_PLAN) from error
    except (RecursionError, OverflowError) as error:
        raise SavedPlanError(_NO_PLAN) from error
    if not intact:
        raise SavedPlanError("the plan was edited after it was saved", stale=True)
    if wrong := _not_a_name(data):
        raise SavedPlanError(f"its `{wrong}` is not a name that `plan --out` writes")
    return found


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
    """The part of a plan that could lead elsewhere than to the spec that it is for."""
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
    """Whether this is the folder of a spec below the current one, as a plan names it."""
    if not isinstance(spec, str) or not spec.isprintable() or not 0 < len(spec) <= _LONGEST_NAME:
        return False
    path = PurePosixPath(spec)
    return not path.is_absolute() and ".." not in path.parts and not _LEADS_AWAY.match(spec)


def _is_pattern(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= _LONGEST_NAME


def check(saved: SavedPlan, view: PlanDocument, *, spec_digest: str, now: datetime) -> None:
    """Raise SavedPlanError when the plan as it would be now goes beyond the saved one.

    A step may be gone, or change fewer fields: somebody did a part of it. One whose live
    value moved, or that was never planned, is named with what was planned and what is there.
    """
    if view["org"]["id"] != saved.org:
        raise SavedPlanError(
            f"the plan was made for the org {saved.org}, this is {view['org']['id']}", stale=True
        )
    if now >= saved.expires:
        raise SavedPlanError(f"the plan expired at {_written(saved.expires)}", stale=True)
    ceilings = {step["address"]: step for step in saved.steps}
    moved = [
        f"{step['address']}{beyond}"
        for step in view["steps"]
        for beyond in _beyond(step, ceilings.get(step["address"]))
    ]
    if len(moved) > _FEW:
        moved = [*moved[:_FEW], f"and {len(moved) - _FEW} more"]
    if spec_digest != saved.spec_digest:
        raise SavedPlanError("the specs changed since the plan was made", stale=True, details=moved)
    if moved:
        raise SavedPlanError("the org moved since the plan was made", stale=True, details=moved)


def spec_digest(specs: Iterable[Spec], identity: Mapping[str, str]) -> str:
    """What the specs ask for, with templates filled in, as a digest.

    Comments, order and the files that they stand in are no part of it, nor are secrets
    and masked values.
    """
    declared = [[str(s.address), _digested(s.data)] for s in sorted(specs, key=lambda s: s.address)]
    return digest({"identity": dict(identity), "specs": declared})


def digest(value: object) -> str:
    """The SHA-256 of a value as canonical JSON: sorted keys, no spaces, ASCII."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_hidden)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _digested(value: object) -> object:
    """A value without the texts that outputs mask: a digest of a short one could be guessed."""
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
class _Ceiling:
    """What of a step was reviewed. Its number, and who touched the record last, were not."""

    action: str
    id: str
    fields: Mapping[str, tuple[Json, Json]]
    people: Counter[str]
    notes: frozenset[tuple[str, str]]
    calls: Counter[str]


def _ceiling(step: StepDocument) -> _Ceiling:
    people: Counter[str] = Counter()
    for note in step["notes"]:
        people[note["kind"]] += note["people"]
    return _Ceiling(
        step["action"],
        step["id"] or "",
        {f["name"]: (f["before"], f["after"]) for f in step["fields"]},
        people,
        frozenset((n["kind"], _COUNTED.sub("users", n["text"])) for n in step["notes"]),
        Counter(step["calls"]),
    )


def _beyond(step: StepDocument, planned: StepDocument | None) -> Iterator[str]:
    """In which ways a step goes beyond what was planned of it."""
    if planned is None:
        yield f": to {step['action']}, which was not planned"
        return
    now, most = _ceiling(step), _ceiling(planned)
    if (now.action, now.id) != (most.action, most.id):
        was = f"{most.action} {most.id}".strip()
        yield f": to {now.action} {now.id}".rstrip() + f", planned was to {was}"
        return
    for name, (before, after) in now.fields.items():
        yield from _moved(name, before, after, most.fields.get(name))
    for kind, count in now.people.items():
        if count > most.people[kind]:
            yield f": {kind}: {count} people, planned were {most.people[kind]}"
    for kind, text in sorted(now.notes - most.notes):
        yield f": {kind}: {text}, which was not planned"
    if now.calls - most.calls and now.fields.keys() <= most.fields.keys():
        yield ": takes other calls than were planned"


def _moved(
    name: str, before: Json, after: Json, planned: tuple[Json, Json] | None
) -> Iterator[str]:
    if planned is None:
        yield f".{name}: was in sync, is {_value(before)} now"
    elif before != planned[0]:
        yield f".{name}: was {_value(planned[0])}, is {_value(before)} now"
    elif after != planned[1]:
        yield f".{name}: would become {_value(after)}, planned was {_value(planned[1])}"


def _value(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
