"""Read a policy: how much a plan may change, what it must not change, when, and who approves."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from provisioner.model.diagnostics import Diagnostic, did_you_mean
from provisioner.spec.document import Document

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Window:
    """When a plan may be applied: from `start` to before `end` (`None`: midnight) on `days`."""

    days: tuple[str, ...] = DAYS
    start: time = time()
    end: time | None = None
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Policy:
    """What one plan may do. `None` is no limit; percentages are of the managed resources.

    Removals are deactivations and deletions. `frozen` and the reasons of `approvals` are globs
    of kinds, resources and fields; `min_licences_left` can be a number for each licence, and
    `max_api_percent` is of the API calls that the org has left today.
    """

    max_changes: int | None = None
    max_changes_percent: int | None = None
    max_creations: int | None = None
    max_creations_percent: int | None = None
    max_deactivations: int | None = None
    max_deactivations_percent: int | None = None
    max_deletions: int | None = None
    max_deletions_percent: int | None = None
    max_removals: int | None = None
    max_removals_percent: int | None = None
    max_emails: int | None = None
    max_api_percent: int = 80
    min_licences_left: int | Mapping[str, int] | None = None
    frozen: tuple[str, ...] = ()
    forbidden_profiles: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    approvals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    empty_spec: bool | None = None


REASONS = (
    "any",
    "create",
    "update",
    "deactivate",
    "delete",
    "irreversible",
    "email",
    "gains-login",
    "loses-login",
    "changes-login",
)
"""What can need an approval, besides kinds, resources and fields."""


class RuleError(ValueError):
    """A rule on the command line does not exist, or cannot have its value."""


def with_rules(policy: Policy, rules: Iterable[str]) -> Policy:
    """The policy with rules such as `max_changes=20`, `frozen=user,contact` or `windows=off`.

    Raises RuleError.
    """
    for rule in rules:
        name, _, value = rule.partition("=")
        rules = [f.name for f in fields(Policy)]
        if name not in rules:
            near = did_you_mean(name, rules) or f"the rules are {', '.join(rules)}"
            raise RuleError(f"`{name}` is not a rule: {near}")
        policy = replace(policy, **{name: _value_of(name, value)})
    return policy


def _value_of(name: str, value: str) -> Any:
    if name == "empty_spec":
        if value not in ("on", "off"):
            raise RuleError("`empty_spec` must be `on` or `off`")
        return value == "on"
    if name in ("windows", "approvals"):
        if value != "off":
            raise RuleError(f"`{name}` can only be `off`; set it in the environment's file")
        return () if name == "windows" else {}
    if name in ("frozen", "forbidden_profiles"):
        return () if value == "off" else tuple(filter(None, value.split(",")))
    if value == "off":
        # Without a value, the percentage of removals has a default limit.
        return 100 if name.endswith("_percent") else None
    if not value.isdecimal():
        raise RuleError(f"`{name}` must be a whole number or `off`")
    return int(value)


def read_policy(
    document: Document, kinds: Collection[str]
) -> tuple[Policy, tuple[Diagnostic, ...]]:
    """The policy of an environment, and the problems that no schema finds."""
    data = dict(document.mapping.get("policy") or {})
    approvals = {label: tuple(r) for label, r in (data.pop("approvals", None) or {}).items()}
    frozen = tuple(data.pop("frozen", None) or ())
    forbidden = tuple(data.pop("forbidden_profiles", None) or ())
    windows = data.pop("windows", None) or ()
    problems = [
        *_unknown(document, ("frozen",), frozen, kinds),
        *(
            problem
            for label, reasons in approvals.items()
            for problem in _unknown(document, ("approvals", label), reasons, [*REASONS, *kinds])
        ),
        *_zones(document, windows),
    ]
    policy = Policy(
        **data,
        frozen=frozen,
        forbidden_profiles=forbidden,
        windows=tuple(map(_window, windows)),
        approvals=approvals,
    )
    return policy, tuple(problems)


def _unknown(
    document: Document, rule: tuple[str, ...], patterns: Iterable[str], addresses: Collection[str]
) -> Iterator[Diagnostic]:
    """The patterns that do not begin with a kind, so that nothing can match them."""
    for number, pattern in enumerate(patterns):
        first = re.split(r"[./]", pattern, maxsplit=1)[0]
        if first not in addresses and "*" not in first:
            span = document.span(("policy", *rule, number))
            help_ = did_you_mean(first, addresses, f"known: {', '.join(addresses)}")
            what = f"`{first}` is not a kind of resource"
            yield Diagnostic("unknown-kind", what, span, help=help_)


def _zones(document: Document, windows: Iterable[Mapping[str, Any]]) -> Iterator[Diagnostic]:
    for number, window in enumerate(windows):
        zone = window.get("time_zone", "UTC")
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            span = document.span(("policy", "windows", number, "time_zone"))
            help_ = "use an IANA name, such as `Europe/Berlin`"
            yield Diagnostic("unknown-time-zone", f"`{zone}` is not a time zone", span, help=help_)


def _window(data: Mapping[str, Any]) -> Window:
    end = data.get("to", "24:00")
    return Window(
        tuple(day for day in DAYS if day in data.get("days", DAYS)),
        time.fromisoformat(data.get("from", "00:00")),
        None if end == "24:00" else time.fromisoformat(end),
        data.get("time_zone", "UTC"),
    )
