"""Check a plan against the policy of its environment: what one plan may do, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from provisioner.kinds import BY_NAME
from provisioner.kinds.org_facts import PROFILES_OF_THE_PORTAL, OrgFacts
from provisioner.kinds.profile.kind import ProfileKind
from provisioner.model.change import Action
from provisioner.model.diagnostics import Diagnostic, Span, did_you_mean
from provisioner.model.plan import NoteKind, Plan, Step
from provisioner.model.resource import Address
from provisioner.spec.policy import DAYS, Policy, Window

# Up to this number of removals, the default limit of their share does not apply.
FEW_REMOVALS = 3
DEFAULT_REMOVALS_PERCENT = 30
_FEW = 5
_LIMITS: Mapping[str, tuple[frozenset[Action], str]] = {
    "creations": (frozenset({Action.CREATE}), "creation"),
    "changes": (frozenset(Action), "change"),
    "deactivations": (frozenset({Action.DEACTIVATE}), "deactivation"),
    "deletions": (frozenset({Action.DELETE}), "deletion"),
    "removals": (frozenset({Action.DEACTIVATE, Action.DELETE}), "removal"),
}
_NOTES: Mapping[str, frozenset[NoteKind]] = {
    "irreversible": frozenset({NoteKind.IRREVERSIBLE}),
    "email": frozenset({NoteKind.EMAIL}),
    "gains-login": frozenset({NoteKind.GAINS_LOGIN}),
    # A user whose username changes can no longer log in as before.
    "loses-login": frozenset({NoteKind.LOSES_LOGIN, NoteKind.CHANGES_LOGIN}),
    "changes-login": frozenset({NoteKind.CHANGES_LOGIN}),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rule that a plan breaks, what breaks it in numbers, and how to proceed anyway."""

    rule: str
    message: str
    help: str


def refusals(plan: Plan, policy: Policy, facts: OrgFacts) -> tuple[Refusal, ...]:
    """Every rule that the plan breaks, whenever it is applied."""
    return (
        *_empty(plan, policy),
        *_limits(plan, policy),
        *_emails(plan, policy),
        *_licences(plan, policy),
        *_frozen(plan, policy),
        *_profiles(plan, policy, facts),
    )


def unknown_profiles(
    policy: Policy, places: Mapping[str, Span], declared: Iterable[Address], facts: OrgFacts
) -> Iterator[Diagnostic]:
    """The forbidden profiles that neither the spec nor the org has, as after a typing error.

    Nothing is reported if the Metadata names of profiles were not read: one of them may be meant.
    """
    if not facts.lists(ProfileKind.type):
        return
    pending = {name for p in PROFILES_OF_THE_PORTAL for name in (p.name, p.full_name)}
    names = {a.name for a in declared if ProfileKind.owns(a)} | pending
    folded = {name.casefold() for name in names}
    for name in policy.forbidden_profiles:
        if name.casefold() not in folded and not facts.profiles_named(name):
            yield Diagnostic(
                "unknown-profile",
                f"the policy forbids the profile `{name}`, which neither the spec nor the org has",
                places.get(name),
                help=did_you_mean(name, [*names, *(p.name for p in facts.profiles)]),
            )


def unknown_approvals(policy: Policy, approvals: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The labels that the policy does not have, each with what to do."""
    labels = sorted(policy.approvals)
    listed = ", ".join(f"`{label}`" for label in labels)
    otherwise = f"its labels are {listed}" if labels else "it has none"
    for label in approvals:
        if label not in policy.approvals:
            yield label, did_you_mean(label, labels) or otherwise


def applying(
    plan: Plan, policy: Policy, *, now: datetime, approvals: Iterable[str]
) -> tuple[Refusal, ...]:
    """Every rule that forbids to apply the plan now with these approvals."""
    if not plan:
        return ()
    return (*_window(policy.windows, now), *_approvals(plan, policy, frozenset(approvals)))


def over_budget(plan: Plan, policy: Policy, left: int | None) -> tuple[Refusal, ...]:
    """The rule that the plan breaks if it takes too many of the `left` API calls of the day.

    The share is `max_api_percent`. Without `left`, which not every org tells, nothing is checked.
    """
    most = None if left is None else left * policy.max_api_percent // 100
    if most is None or plan.writes <= most:
        return ()
    share = f"{policy.max_api_percent} % of the {left} calls that the org has left today"
    takes = f"applying takes about {plan.writes} API calls"
    return (
        Refusal(
            "max_api_percent",
            f"{takes}, and the policy's `max_api_percent` allows {most}, {share}",
            f"apply a part of the plan with `--target`; {_proceed('max_api_percent=100')}",
        ),
    )


def needed_approvals(plan: Plan, policy: Policy) -> Mapping[str, tuple[str, ...]]:
    """The labels that must approve the plan, each with the steps that need it."""
    needed: dict[str, tuple[str, ...]] = {}
    for label, reasons in policy.approvals.items():
        steps = tuple(str(s.address) for s in plan.steps if any(_is(s, r) for r in reasons))
        if steps:
            needed[label] = steps
    return needed


# ---------------------------------------------------------------- how much


def _empty(plan: Plan, policy: Policy) -> Iterator[Refusal]:
    if policy.empty_spec is not False and not plan.managed and not plan.left_out:
        yield Refusal(
            "empty_spec",
            "the spec names 0 resources: nothing would be compared with the org",
            f"name the right folder; if it is meant to be empty, {_proceed('empty_spec=off')}",
        )


def _limits(plan: Plan, policy: Policy) -> Iterator[Refusal]:
    for name, (actions, noun) in _LIMITS.items():
        count = plan.count(*actions)
        most: int | None = getattr(policy, f"max_{name}")
        if most is not None and count > most:
            yield _too_many(f"max_{name}", _counted(count, noun), most, count)
        yield from _percent(plan, policy, name, _counted(count, noun), count)


def _percent(plan: Plan, policy: Policy, name: str, words: str, count: int) -> Iterator[Refusal]:
    rule = f"max_{name}_percent"
    most: int | None = getattr(policy, rule)
    by_default = ""
    if most is None and rule == "max_removals_percent" and count > FEW_REMOVALS:
        most, by_default = DEFAULT_REMOVALS_PERCENT, " by default"
    share = 100 * count / plan.managed if plan.managed else 0
    if most is not None and share > most:
        # Rounded up: a share just over the limit must not be shown as the limit.
        shown = -(-100 * count // plan.managed)
        yield Refusal(
            rule,
            f"the plan has {words}, {shown} % of {plan.managed} resources, and the policy's "
            f"`{rule}` is {most}{by_default}",
            _proceed(f"{rule}={min(shown, 100)}"),
        )


def _emails(plan: Plan, policy: Policy) -> Iterator[Refusal]:
    count = plan.people(NoteKind.EMAIL)
    if policy.max_emails is not None and count > policy.max_emails:
        yield _too_many("max_emails", _counted(count, "email"), policy.max_emails, count)


def _licences(plan: Plan, policy: Policy) -> Iterator[Refusal]:
    least = policy.min_licences_left
    for seats in plan.seats:
        minimum = least.get(seats.licence) if isinstance(least, Mapping) else least
        left = seats.total - seats.after
        if minimum is not None and left < minimum and seats.after > seats.used:
            yield Refusal(
                "min_licences_left",
                f"the plan leaves {_counted(left, 'seat')} of `{seats.licence}`, and the policy's "
                f"`min_licences_left` is {minimum}",
                _proceed(f"min_licences_left={max(left, 0)}"),
            )


# ---------------------------------------------------------------- what


def _frozen(plan: Plan, policy: Policy) -> Iterator[Refusal]:
    for pattern in policy.frozen:
        hit = [named for step in plan.steps for named in _named(step, pattern)]
        if hit:
            rest = ",".join(p for p in policy.frozen if p != pattern) or "off"
            yield Refusal(
                "frozen",
                f"the plan changes {_listed(hit)}, and the policy's `frozen` has `{pattern}`",
                _proceed(f"'frozen={rest}'"),
            )


def _named(step: Step, pattern: str) -> Iterator[str]:
    """The step, or its fields, if the pattern names them."""
    if _is_of(pattern, step.address.kind, str(step.address)):
        yield str(step.address)
        return
    for field in step.change.fields:
        for owner in (step.address.kind, step.address):
            if _is_of(pattern, f"{owner}.{field.name}"):
                yield f"{step.address}.{field.name}"
                break


def _profiles(plan: Plan, policy: Policy, facts: OrgFacts) -> Iterator[Refusal]:
    for name in policy.forbidden_profiles:
        names = {n.casefold() for p in facts.profiles_named(name) for n in (p.name, p.full_name)}
        names.add(name.casefold())
        granting = [
            str(step.address)
            for step in plan.steps
            if any(
                n.casefold() in names
                for n in BY_NAME[step.address.kind].profiles_granted(step.change, facts)
            )
        ]
        if granting:
            rest = ",".join(n for n in policy.forbidden_profiles if n != name) or "off"
            yield Refusal(
                "forbidden_profiles",
                f"the plan gives the profile `{name}` in {_counted(len(granting), 'step')}: "
                f"{_listed(granting)}, and the policy's `forbidden_profiles` has it",
                _proceed(f"'forbidden_profiles={rest}'"),
            )


# ---------------------------------------------------------------- when, and by whose leave


def _window(windows: Iterable[Window], now: datetime) -> Iterator[Refusal]:
    windows = tuple(windows)
    if not windows or any(_open(window, now) for window in windows):
        return
    here = now.astimezone(ZoneInfo(windows[0].time_zone))
    listed = ", ".join(map(_shown, windows))
    yield Refusal(
        "windows",
        f"it is {DAYS[here.weekday()]} {here:%H:%M} {windows[0].time_zone}, and the policy's "
        f"`windows` are {listed}",
        f"wait for the next one; {_proceed('windows=off')}",
    )


def _open(window: Window, now: datetime) -> bool:
    here = now.astimezone(ZoneInfo(window.time_zone))
    today = DAYS[here.weekday()] in window.days
    yesterday = DAYS[here.weekday() - 1] in window.days
    clock, end = here.time().replace(tzinfo=None), window.end
    if end is None or window.start < end:
        return today and window.start <= clock and (end is None or clock < end)
    # A window over midnight belongs to the day on which it opens.
    return (today and clock >= window.start) or (yesterday and clock < end)


def _shown(window: Window) -> str:
    days = "every day" if len(window.days) == len(DAYS) else " ".join(window.days)
    end = "24:00" if window.end is None else f"{window.end:%H:%M}"
    if window.start == time() and window.end is None:
        return days
    return f"{days} {window.start:%H:%M}-{end}"


def _approvals(plan: Plan, policy: Policy, approvals: frozenset[str]) -> Iterator[Refusal]:
    for label, steps in needed_approvals(plan, policy).items():
        if label not in approvals:
            yield Refusal(
                "approvals",
                f"{_counted(len(steps), 'step')} must be approved as `{label}`: {_listed(steps)}",
                f"if they were approved, pass `--approval {label}`",
            )


def _is(step: Step, reason: str) -> bool:
    """Whether a reason of `approvals` applies to a step."""
    if reason in _NOTES:
        return any(note.kind in _NOTES[reason] for note in step.notes)
    if reason in ("any", step.action.name.lower()):
        return True
    return any(_named(step, reason))


# ---------------------------------------------------------------- words


def _is_of(pattern: str, *names: str) -> bool:
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for name in names)


def _too_many(rule: str, words: str, most: int, count: int) -> Refusal:
    message = f"the plan has {words}, and the policy's `{rule}` is {most}"
    return Refusal(rule, message, _proceed(f"{rule}={count}"))


def _proceed(policy: str) -> str:
    return f"to proceed anyway, pass `--policy {policy}`"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _listed(names: Iterable[str]) -> str:
    names = tuple(names)
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(f"`{n}`" for n in names[:_FEW]) + more
