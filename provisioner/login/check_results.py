"""The results of the checks of a login, and the answer that follows from them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from provisioner.login.causes import STATUS, STATUS_OF_SITE, Cause, of_error
from provisioner.login.login_facts import LoginFacts


class CheckStatus(Enum):
    """Whether a check passed. A note does not prevent a login."""

    HOLDS = "holds"
    FAILS = "fails"
    NOTE = "note"
    UNKNOWN = "not known"


class Certainty(Enum):
    """How certain a result is."""

    READ = "read in the org"
    PLANNED = "as planned"
    INFERRED = "inferred"
    GUESS = "guess"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: whether it passed, what was seen (`message`), how certain that is, and the fix."""

    cause: Cause
    status: CheckStatus
    message: str
    certainty: Certainty = Certainty.READ
    remedy: str | None = None
    of_site: bool = False

    @property
    def history_status(self) -> str | None:
        """The status that LoginHistory has for a login that fails for this reason."""
        if self.status is not CheckStatus.FAILS:
            return None
        return (STATUS_OF_SITE if self.of_site else STATUS).get(self.cause)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every result in order, and the answer that follows from them."""

    facts: LoginFacts
    findings: tuple[CheckResult, ...]
    error: str | None = None

    @property
    def causes(self) -> tuple[CheckResult, ...]:
        """What prevents the login, in the order in which Salesforce checks it."""
        return tuple(f for f in self.findings if f.status is CheckStatus.FAILS)

    @property
    def unknown(self) -> tuple[CheckResult, ...]:
        return tuple(f for f in self.findings if f.status is CheckStatus.UNKNOWN)

    @property
    def can_log_in(self) -> bool:
        """Whether no check failed."""
        return not self.causes

    @property
    def suspects(self) -> tuple[Cause, ...]:
        """The possible causes of the error text."""
        return of_error(self.error) if self.error else ()

    @property
    def answer(self) -> str:
        """The answer in one line."""
        name, portal = self.facts.username, self.facts.portal
        where = f" to `{portal.name}`" if portal else ""
        if self.causes:
            first = self._headline()
            more = len(self.causes) - 1
            also = f" (and {more} more {'cause' if more == 1 else 'causes'})" if more else ""
            return f"{name} cannot log in{where}: {first.message}{also}"
        now = " now" if self.suspects else ""
        if self.unknown:
            listed = " and ".join(f.cause.value for f in self.unknown)
            return f"{name} can log in{where}{now}, as far as is known (not known: {listed})"
        return f"{name} can log in{where}{now}"

    def _headline(self) -> CheckResult:
        """The cause that explains the error text, if there is one; else the first cause."""
        return next((f for f in self.causes if f.cause in self.suspects), self.causes[0])
