"""A report as JUnit XML: a test case per resource, or per file where a spec is validated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from provisioner.render.documents import Document
from provisioner.render.findings import DRIFT, Finding, findings
from provisioner.render.format import visible_lines


def junit(view: Document) -> str:
    """One suite with a case per resource (or file), those with a remark failed.

    A warning is no failure, nor is a plan's step: they are output of their case. XML can not hold
    every character, not even escaped: those show as JSON's escapes.
    """
    cases = list(_cases(view, findings(view)))
    failures = sum("<failure" in case for case in cases)
    skipped = sum("<skipped" in case for case in cases)
    name = _quoted(f"provisioner {view['report']} {view['spec']}")
    counts = f'tests="{len(cases)}" failures="{failures}" errors="0"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites name={name} {counts}>",
        f'  <testsuite name={name} {counts} skipped="{skipped}">',
        *cases,
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _cases(view: Document, found: Iterable[Finding]) -> Iterator[str]:
    by_case: dict[tuple[str, str], list[Finding]] = {c: [] for c in _names(view)}
    for one in found:
        case = _split(one.address) if one.address else ("file", one.file or view["spec"])
        by_case.setdefault(case, []).append(one)
    for (kind, name), remarks in by_case.items():
        yield _case(kind, name, remarks)


def _names(view: Document) -> Iterator[tuple[str, str]]:
    """The cases that there are whatever was found: without them nothing could pass."""
    if view["report"] == "validate":
        yield from (("file", name) for name in view["files"])
        return
    for known in view["known"]:
        yield _split(known["address"])


def _split(address: str) -> tuple[str, str]:
    kind, _, name = address.partition("/")
    return kind, name


def _case(kind: str, name: str, remarks: list[Finding]) -> str:
    head = f"    <testcase classname={_quoted(kind)} name={_quoted(name)}"
    if place := next((f for f in remarks if f.file), None):
        head += f' file={_quoted(place.file or "")} line="{place.line or 1}"'
    if not remarks:
        return f"{head}/>"
    untried = next((f for f in remarks if f.rule == "apply-skipped"), None)
    failed = [f for f in remarks if f.level == "error" or f.rule in DRIFT]
    told = "\n".join(_told(f) for f in remarks if f not in failed)
    lines = [f"{head}>"]
    if untried and not failed:
        lines.append(f"      <skipped message={_quoted(untried.message)}/>")
    if failed:
        # One `failure` per case: most readers take no more than that.
        kinds = ", ".join(dict.fromkeys(f.rule for f in failed))
        first = failed[0].message.partition("\n")[0]
        message = first if len(failed) == 1 else f"{first} (and {len(failed) - 1} more)"
        text = escape(visible_lines("\n\n".join(map(_told, failed))))
        lines.append(f"      <failure type={_quoted(kinds)} message={_quoted(message)}>")
        lines[-1] += f"{text}</failure>"
    if told:
        lines.append(f"      <system-out>{escape(visible_lines(told))}</system-out>")
    return "\n".join([*lines, "    </testcase>"])


def _told(found: Finding) -> str:
    at = (
        f"\nat {found.file}:{found.line}:{found.place['column']}"
        if found.file and found.line
        else ""
    )
    return f"{found.message}{at}"


def _quoted(text: str) -> str:
    return quoteattr(visible_lines(text))
