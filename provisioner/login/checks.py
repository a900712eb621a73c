"""The checks of a login, in the order in which Salesforce makes them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from provisioner.login import portal_checks as of_portal
from provisioner.login import user_checks as of_user
from provisioner.login.check_results import CheckResult, Explanation
from provisioner.login.login_facts import LoginFacts


def run_checks(facts: LoginFacts, error: str | None = None) -> Explanation:
    """Run every check that the facts allow. `error` is the text that the user saw, if any."""
    return Explanation(facts, tuple(f for check in CHECKS for f in check(facts)), error)


CHECKS: tuple[Callable[[LoginFacts], Iterator[CheckResult]], ...] = (
    of_user.user,
    of_user.active,
    of_user.frozen,
    of_user.locked,
    of_user.licence,
    of_user.password,
    of_user.profile,
    of_user.person,
    of_user.role,
    of_portal.portal,
    of_portal.member,
    of_portal.hours,
    of_portal.address,
    of_portal.url,
    of_portal.history,
)
