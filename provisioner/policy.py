"""Hold a plan against the bounds of its environment: how much one plan may change."""

from __future__ import annotations

from provisioner.diff import Action
from provisioner.environment import Policy
from provisioner.plan import NoteKind, Plan


def violations(plan: Plan, policy: Policy) -> tuple[str, ...]:
    """Each bound that the plan goes over, in words that name the bound and the number."""
    changes = len(plan.steps)
    removals = plan.count(Action.DELETE, Action.DEACTIVATE)
    emails = plan.people(NoteKind.EMAIL)
    percent = 100 * changes / plan.managed if plan.managed else 0
    checks = (
        ("max_changes", policy.max_changes, changes, f"{changes} changes"),
        ("max_removals", policy.max_removals, removals, f"{removals} removals"),
        ("max_emails", policy.max_emails, emails, f"{emails} e-mails"),
        (
            "max_changes_percent",
            policy.max_changes_percent,
            percent,
            f"{percent:.0f} % of {plan.managed} resources changed",
        ),
    )
    return tuple(
        f"the plan has {words}, and the policy's `{name}` is {bound}"
        for name, bound, number, words in checks
        if bound is not None and number > bound
    )


def over_budget(plan: Plan, policy: Policy, left: int | None) -> tuple[str, ...]:
    """What is wrong where the plan takes more than its share of the `left` API calls of the day.

    The share is `max_api_percent`; an org that did not say what is left is not held to it.
    """
    most = None if left is None else left * policy.max_api_percent // 100
    if most is None or plan.writes <= most:
        return ()
    share = f"{policy.max_api_percent} % of the {left} that are left of the org's day"
    takes = f"applying takes about {plan.writes} API calls"
    return (f"{takes}, and the policy's `max_api_percent` allows {most}, {share}",)
