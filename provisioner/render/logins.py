"""The reports about logins: as JSON values, as lines for a terminal, and as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from provisioner.login.causes import Cause
from provisioner.login.check_results import Certainty, CheckResult, CheckStatus, Explanation
from provisioner.login.verify import Verified
from provisioner.model.diagnostics import Span
from provisioner.render.terminal import Line, Part

_MARKS: Mapping[str, Part] = {
    CheckStatus.HOLDS.value: ("ok  ", "green"),
    CheckStatus.FAILS.value: ("FAIL", "bold red"),
    CheckStatus.NOTE.value: ("note", "yellow"),
    CheckStatus.UNKNOWN.value: ("?   ", "yellow"),
}
Places = Mapping[Cause, Span]


class AttemptDocument(TypedDict):
    at: str
    status: str
    address: str
    type: str


class CheckDocument(TypedDict):
    """One check of a login; `login_history` is the status that Salesforce records if it fails."""

    check: str
    verdict: str
    found: str
    certainty: str
    remedy: str | None
    at: str | None
    login_history: NotRequired[str]
    attempts: NotRequired[list[AttemptDocument]]


class ErrorDocument(TypedDict):
    text: str
    may_mean: list[str]


class ExplanationDocument(TypedDict):
    """Whether a user can log in, and why not."""

    report: Literal["explain"]
    answer: str
    can_log_in: bool
    username: str
    portal: str | None
    url: str | None
    causes: list[str]
    error: NotRequired[ErrorDocument]
    checks: list[CheckDocument]


class StageDocument(TypedDict):
    stage: str
    ok: bool
    milliseconds: int
    said: str


class LoginDocument(TypedDict):
    """A login that was tried, stage by stage, with the causes of a failure."""

    username: str
    portal: str
    url: str
    ok: bool
    stages: list[StageDocument]
    explanation: NotRequired[list[CheckDocument]]


def explained(trace: Explanation, places: Places) -> ExplanationDocument:
    """The document of an explanation, which every format shows."""
    portal = trace.facts.portal
    document: ExplanationDocument = {
        "report": "explain",
        "answer": trace.answer,
        "can_log_in": trace.can_log_in,
        "username": trace.facts.username,
        "portal": portal.name if portal else None,
        "url": portal.url if portal and portal.active else None,
        "causes": [f.cause.value for f in trace.causes],
        "checks": [check_document(f, places.get(f.cause), trace) for f in trace.findings],
    }
    if trace.error is not None:
        suspects = [cause.value for cause in trace.suspects]
        document["error"] = {"text": trace.error, "may_mean": suspects}
    return document


def explained_text(view: ExplanationDocument) -> Iterator[Line]:
    """An explanation for a terminal."""
    yield Line((view["answer"], "bold green" if view["can_log_in"] else "bold red"))
    yield Line("")
    if error := view.get("error"):
        meant = ", ".join(error["may_mean"]) or "no known cause"
        yield Line(f"The error may be about: {meant}.")
        yield Line("")
    width = max(len(check["check"]) for check in view["checks"])
    for check in view["checks"]:
        sure = "" if check["certainty"] == Certainty.READ.value else f" ({check['certainty']})"
        name = check["check"].ljust(width)
        yield Line("  ", _MARKS[check["verdict"]], f"  {name}  {check['found']}{sure}")
        if check["remedy"]:
            at = f"  {check['at']}" if check["at"] else ""
            yield Line(f"        = help: {check['remedy']}{at}")


def explained_markdown(view: ExplanationDocument) -> str:
    """An explanation for a ticket or a comment."""
    lines = [f"**{_cell(view['answer'])}**", ""]
    if error := view.get("error"):
        meant = ", ".join(error["may_mean"]) or "no known cause"
        lines += [f"The error may be about: {meant}.", ""]
    lines += ["| | check | found | remedy |", "| --- | --- | --- | --- |"]
    marks = {"holds": "✓", "fails": "✗", "note": "!", "not known": "?"}
    for check in view["checks"]:
        remedy = " ".join(filter(None, (check["remedy"], check["at"] and f"({check['at']})")))
        cells = (marks[check["verdict"]], check["check"], check["found"], remedy)
        lines.append(f"| {' | '.join(_cell(c) for c in cells)} |")
    return "\n".join(lines) + "\n"


def login_document(
    verified: Verified, causes: Iterable[CheckDocument] | None = None
) -> LoginDocument:
    """The document of a login that was tried, with the `causes` of its failure."""
    document: LoginDocument = {
        "username": verified.username,
        "portal": verified.portal,
        "url": verified.url,
        "ok": verified.ok,
        "stages": [
            {
                "stage": stage.stage.value,
                "ok": stage.ok,
                "milliseconds": stage.milliseconds,
                "said": stage.message,
            }
            for stage in verified.stages
        ],
    }
    if causes is not None:
        document["explanation"] = list(causes)
    return document


def verified_text(logins: Sequence[LoginDocument]) -> Iterator[Line]:
    """The stages of every login, for a terminal."""
    for login in logins:
        where = f" at {login['portal']}" if login["portal"] else ""
        yield Line((f"{login['username']}{where}", "bold"))
        for stage in login["stages"]:
            mark = _MARKS[CheckStatus.HOLDS.value if stage["ok"] else CheckStatus.FAILS.value]
            took = f"{stage['milliseconds']:>5} ms"
            note = f"  {stage['said']}" if stage["said"] else ""
            yield Line("  ", mark, f"  {stage['stage']:<18}{took}{note}")
        for check in login.get("explanation", ()):
            yield Line(f"        = why: {check['found']}")
            if check["remedy"]:
                at = f"  {check['at']}" if check["at"] else ""
                yield Line(f"        = help: {check['remedy']}{at}")
    good = sum(login["ok"] for login in logins)
    counted = f"{good} of {len(logins)} logged in"
    if good == len(logins):
        yield Line((f"Verified: {counted}", "bold green"), ".")
    else:
        yield Line((f"Not verified: {counted}", "bold red"), ".")


_DECLARED = "apply the spec that declares it; `provisioner plan` shows what prevents that"


def check_document(finding: CheckResult, span: Span | None, trace: Explanation) -> CheckDocument:
    """One check as JSON values."""
    declared = finding.cause is Cause.USER and finding.remedy and span
    remedy = _DECLARED if declared else finding.remedy
    document: CheckDocument = {
        "check": finding.cause.value,
        "verdict": finding.status.value,
        "found": finding.message,
        "certainty": finding.certainty.value,
        "remedy": remedy,
        "at": str(span) if span and finding.remedy else None,
    }
    if finding.history_status:
        document["login_history"] = finding.history_status
    if finding.cause is Cause.HISTORY:
        document["attempts"] = [
            {"at": a.at, "status": a.status, "address": a.address, "type": a.type}
            for a in trace.facts.attempts
        ]
    return document


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
