"""A report as JUnit XML: a test case per resource, or per file where a spec is validated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from provisioner.render.documents import Document
from provisioner.render.findings import DRIFT, Finding, findings
from provisioner.render.format import visible_lines


def junit(view: Document) -> str:
    """One suite with a case per resource (or file).

    Errors and drift are failures. Warnings and the steps of a plan are output of their case. XML
    cannot contain every character, even escaped: such characters are shown as in JSON.
    """
    cases = list(_cases(view, findings(view)))
    failures = sum(bool(case.failed) for case in cases)
    skipped = sum(case.is_skipped for case in cases)
    name = _quoted(f"provisioner {view['report']} {view['spec']}")
    counts = f'tests="{len(cases)}" failures="{failures}" errors="0"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites name={name} {counts}>",
        f'  <testsuite name={name} {counts} skipped="{skipped}">',
        *map(str, cases),
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class _Case:
    kind: str
    name: str
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.level == "error" or f.rule in DRIFT)

    @property
    def is_skipped(self) -> bool:
        return not self.failed and self._skipped is not None

    @property
    def _skipped(self) -> Finding | None:
        return next((f for f in self.findings if f.rule == "apply-skipped"), None)

    def __str__(self) -> str:
        head = f"    <testcase classname={_quoted(self.kind)} name={_quoted(self.name)}"
        if place := next((f for f in self.findings if f.file), None):
            head += f' file={_quoted(place.file or "")} line="{place.line or 1}"'
        if not self.findings:
            return f"{head}/>"
        failed, skipped = self.failed, self._skipped
        output = "\n".join(_text(f) for f in self.findings if f not in failed)
        lines = [f"{head}>"]
        if skipped and not failed:
            lines.append(f"      <skipped message={_quoted(skipped.message)}/>")
        if failed:
            # One `failure` per case: most readers show only one.
            kinds = ", ".join(dict.fromkeys(f.rule for f in failed))
            first = failed[0].message.partition("\n")[0]
            message = first if len(failed) == 1 else f"{first} (and {len(failed) - 1} more)"
            text = escape(visible_lines("\n\n".join(map(_text, failed))))
            lines.append(f"      <failure type={_quoted(kinds)} message={_quoted(message)}>")
            lines[-1] += f"{text}</failure>"
        if output:
            lines.append(f"      <system-out>{escape(visible_lines(output))}</system-out>")
        return "\n".join([*lines, "    </testcase>"])


def _cases(view: Document, findings: Iterable[Finding]) -> Iterator[_Case]:
    by_case: dict[tuple[str, str], list[Finding]] = {c: [] for c in _names(view)}
    for finding in findings:
        file = ("file", finding.file or view["spec"])
        case = _split(finding.address) if finding.address else file
        by_case.setdefault(case, []).append(finding)
    for (kind, name), mine in by_case.items():
        yield _Case(kind, name, tuple(mine))


def _names(view: Document) -> Iterator[tuple[str, str]]:
    """The cases that exist even without findings: the ones that passed."""
    if view["report"] == "validate":
        yield from (("file", name) for name in view["files"])
        return
    for matched in view["known"]:
        yield _split(matched["address"])


def _split(address: str) -> tuple[str, str]:
    kind, _, name = address.partition("/")
    return kind, name


def _text(finding: Finding) -> str:
    at = (
        f"\nat {finding.file}:{finding.line}:{finding.place['column']}"
        if finding.file and finding.line
        else ""
    )
    return f"{finding.message}{at}"


def _quoted(text: str) -> str:
    return quoteattr(visible_lines(text))
