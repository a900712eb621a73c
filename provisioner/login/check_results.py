"""What the checks of a login find, and the answer that follows from it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from provisioner.login.causes import STATUS, STATUS_OF_SITE, Cause, of_error
from provisioner.login.login_facts import LoginFacts


class CheckStatus(Enum):
    """What a check found. A note does not keep anybody out."""

    HOLDS = "holds"
    FAILS = "fails"
    NOTE = "note"
    UNKNOWN = "not known"


class Certainty(Enum):
    """How sure a finding is."""

    READ = "read in the org"
    PLANNED = "as planned"
    INFERRED = "inferred"
    GUESS = "guess"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: what was found, whether it holds, how sure that is, and what mends it."""

    cause: Cause
    verdict: CheckStatus
    found: str
    certainty: Certainty = Certainty.READ
    remedy: str | None = None
    of_site: bool = False

    @property
    def status(self) -> str | None:
        """What LoginHistory says of a login that fails for it."""
        if self.verdict is not CheckStatus.FAILS:
            return None
        return (STATUS_OF_SITE if self.of_site else STATUS).get(self.cause)


@dataclass(frozen=True, slots=True)
class Trace:
    """Every finding in order, and the answer that follows from them."""

    facts: LoginFacts
    findings: tuple[CheckResult, ...]
    error: str | None = None

    @property
    def causes(self) -> tuple[CheckResult, ...]:
        """What keeps the user out, the first to bite first."""
        return tuple(f for f in self.findings if f.verdict is CheckStatus.FAILS)

    @property
    def unknown(self) -> tuple[CheckResult, ...]:
        return tuple(f for f in self.findings if f.verdict is CheckStatus.UNKNOWN)

    @property
    def can_log_in(self) -> bool:
        """Whether nothing that is known keeps the user out."""
        return not self.causes

    @property
    def suspects(self) -> tuple[Cause, ...]:
        """What the error text that was given may stand for."""
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
            return f"{name} can not log in{where}: {first.found}{also}"
        now = " now" if self.suspects else ""
        if self.unknown:
            listed = " and ".join(f.cause.value for f in self.unknown)
            return f"{name} can log in{where}{now}, as far as is known (not known: {listed})"
        return f"{name} can log in{where}{now}"

    def _headline(self) -> CheckResult:
        """The cause that the error stands for, if there is one; else the first to bite."""
        return next((f for f in self.causes if f.cause in self.suspects), self.causes[0])
