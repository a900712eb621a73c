"""The answers about logins: as lines for people, as Markdown, as plain data for JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from provisioner.login.causes import Cause
from provisioner.login.check_results import Certainty, CheckResult, CheckStatus, Trace
from provisioner.model.diagnostics import Span
from provisioner.render.terminal import Line, Part

_MARKS: Mapping[str, Part] = {
    CheckStatus.HOLDS.value: ("ok  ", "green"),
    CheckStatus.FAILS.value: ("FAIL", "bold red"),
    CheckStatus.NOTE.value: ("note", "yellow"),
    CheckStatus.UNKNOWN.value: ("?   ", "yellow"),
}
Places = Mapping[Cause, Span]


def explained(trace: Trace, places: Places) -> dict[str, Any]:
    """A trace as plain data, which every format shows. The answer comes first."""
    portal = trace.facts.portal
    data: dict[str, Any] = {
        "report": "explain",
        "answer": trace.answer,
        "can_log_in": trace.can_log_in,
        "username": trace.facts.username,
        "portal": portal.name if portal else None,
        "url": portal.url if portal and portal.active else None,
        "causes": [f.cause.value for f in trace.causes],
    }
    if trace.error is not None:
        data["error"] = {
            "text": trace.error,
            "may_mean": [cause.value for cause in trace.suspects],
        }
    data["checks"] = [_finding(f, places.get(f.cause), trace) for f in trace.findings]
    return data


def explained_text(view: Mapping[str, Any]) -> Iterator[Line]:
    """What `explained` gives, for a terminal."""
    yield Line((view["answer"], "bold green" if view["can_log_in"] else "bold red"))
    yield Line("")
    if error := view.get("error"):
        meant = ", ".join(error["may_mean"]) or "nothing that is known here"
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


def explained_markdown(view: Mapping[str, Any]) -> str:
    """What `explained` gives, for a ticket or a comment."""
    lines = [f"**{_cell(view['answer'])}**", ""]
    if error := view.get("error"):
        meant = ", ".join(error["may_mean"]) or "nothing that is known here"
        lines += [f"The error may be about: {meant}.", ""]
    lines += ["| | check | found | remedy |", "| --- | --- | --- | --- |"]
    marks = {"holds": "✓", "fails": "✗", "note": "!", "not known": "?"}
    for check in view["checks"]:
        remedy = " ".join(filter(None, (check["remedy"], check["at"] and f"({check['at']})")))
        cells = (marks[check["verdict"]], check["check"], check["found"], remedy)
        lines.append(f"| {' | '.join(_cell(c) for c in cells)} |")
    return "\n".join(lines) + "\n"


def verified_text(logins: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    """The stages of every login, for a terminal."""
    for login in logins:
        where = f" at {login['portal']}" if login["portal"] else ""
        yield Line((f"{login['username']}{where}", "bold"))
        for stage in login["stages"]:
            mark = _MARKS[CheckStatus.HOLDS.value if stage["ok"] else CheckStatus.FAILS.value]
            took = f"{stage['milliseconds']:>5} ms"
            said = f"  {stage['said']}" if stage["said"] else ""
            yield Line("  ", mark, f"  {stage['stage']:<18}{took}{said}")
        for cause in login.get("explanation", ()):
            yield Line(f"        = why: {cause['found']}")
            if cause["remedy"]:
                at = f"  {cause['at']}" if cause["at"] else ""
                yield Line(f"        = help: {cause['remedy']}{at}")
    good = sum(login["ok"] for login in logins)
    counted = f"{good} of {len(logins)} logged in"
    if good == len(logins):
        yield Line((f"Verified: {counted}", "bold green"), ".")
    else:
        yield Line((f"Not verified: {counted}", "bold red"), ".")


_DECLARED = "apply the spec that declares it; `provisioner plan` says what stands in the way"


def _finding(finding: CheckResult, span: Span | None, trace: Trace) -> dict[str, Any]:
    declared = finding.cause is Cause.USER and finding.remedy and span
    remedy = _DECLARED if declared else finding.remedy
    data: dict[str, Any] = {
        "check": finding.cause.value,
        "verdict": finding.verdict.value,
        "found": finding.found,
        "certainty": finding.certainty.value,
        "remedy": remedy,
        "at": str(span) if span and finding.remedy else None,
    }
    if finding.status:
        data["login_history"] = finding.status
    if finding.cause is Cause.HISTORY:
        data["attempts"] = [
            {"at": a.at, "status": a.status, "address": a.address, "type": a.type}
            for a in trace.facts.attempts
        ]
    return data


def cause(finding: CheckResult, span: Span | None, trace: Trace) -> dict[str, Any]:
    """One cause of a failed login as plain data."""
    return _finding(finding, span, trace)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
