"""Show a report as GitHub-flavoured Markdown that fits in a pull request comment. Pure.

Every value is in code, where markup and mentions have no effect. Steps that do not fit are counted
by kind.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from provisioner.plan.document import PlaceDocument, ProblemDocument, StepDocument
from provisioner.render import graph
from provisioner.render.documents import Document, StepsDocument
from provisioner.render.findings import headline
from provisioner.render.format import (
    DRIFTED,
    SIGNS,
    author,
    count,
    logins,
    note_label,
    shortened,
    value,
    visible,
)
from provisioner.render.markdown_escape import code, fenced, prose
from provisioner.render.run_document import result_of
from provisioner.render.sections import sections

LIMIT = 65_000
"""Characters, as UTF-16 counts them. A comment on GitHub has at most 65,536 of them."""
_GRAPH_ROOM = 12_000
_TABLE_ROOM = 2_000
# So few steps are read without a click.
_FEW = 3
# Of the whole: the problems leave room for the steps.
_PROBLEMS_SHARE = 4
_MOST_ITEMS = 40
_MOST_REMARKS = 25
_REMARK = 300
_LONGEST = 1_000
_SHORTEST = 160


def markdown(view: Document, *, title: str, limit: int = LIMIT) -> str:
    """The report, its marker first: the same for the same spec, environment and report.

    It is no longer than `limit`. The problems take no more than a quarter of that, so that there
    is room for the steps.
    """
    head = "\n\n".join([_marker(view), *_head(view, title, limit)])
    if view["report"] == "validate":
        return f"{head}\n"
    steps: Sequence[StepDocument] = view["steps"]
    opened = len(steps) <= _FEW
    for longest, defaults in ((_LONGEST, True), (_SHORTEST, False)):
        shown = [
            _step(step, view["report"], longest, defaults=defaults, opened=opened) for step in steps
        ]
        whole = "\n\n".join([head, *shown])
        drawn = _drawn(view)
        if _size(whole) + _size(drawn) < limit:
            return f"{whole}{drawn}\n"
        if _size(whole) < limit:
            return f"{whole}\n"
    return f"{_fitting(head, shown, steps, limit)}\n"


def _marker(view: Document) -> str:
    """A comment that identifies this report, so that a later one can replace it."""
    words = [view["report"], view["spec"], view["environment"]]
    safe = ("".join(c if c.isalnum() or c in "./_" else "_" for c in word) for word in words)
    return f"<!-- provisioner {' '.join(safe)} -->"


def _head(view: Document, title: str, limit: int) -> Iterator[str]:
    yield f"## {title}: {prose(headline(view))}"
    yield _about(view)
    yield from _verdict(view)
    if view["report"] != "validate" and view["steps"]:
        yield from _counts(view)
    yield from _problems(view["problems"], limit // _PROBLEMS_SHARE)
    yield from _first_of_all(view)
    yield from _sections(view)


def _about(view: Document) -> str:
    parts = []
    if view["report"] != "validate":
        org = view["org"]
        parts += [f"Org {code(org['id'])} at {code(org['instance_url'])}"]
    if view["report"] == "apply":
        run = view["run"]
        parts.append(f"run {code(run['id'])} by {code(run['identity'] or 'unknown')}")
        parts.append(f"from {code(run['started'])} to {code(run['finished'])}")
    parts.append(f"spec {code(view['spec'])}")
    parts.append(f"environment {code(view['environment'])}")
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _verdict(view: Document) -> Iterator[str]:
    errors = sum(p["severity"] == "error" for p in view["problems"])
    if errors:
        yield _alert("CAUTION", f"{count(errors, 'error')} must be fixed first.", ())


def _counts(view: StepsDocument) -> Iterator[str]:
    s = view["summary"]
    if view["report"] == "drift":
        yield (
            f"**{s['create']}** missing, **{s['update']}** changed, "
            f"**{s['deactivate']}** still active, **{s['delete']}** still existing, "
            f"of **{s['managed']}** managed."
        )
        return
    lines = [
        (
            f"**{s['create']}** to create, **{s['update']}** to update, "
            f"**{s['deactivate']}** to deactivate, **{s['delete']}** to delete."
        ),
        (
            f"{logins(s, '**')} "
            f"Emails sent: **{s['emails']}**. Irreversible steps: **{s['irreversible']}**."
        ),
    ]
    lines += [
        f"Licence {code(seat['name'])}: {seat['used']} -> {seat['after']} of {seat['total']} "
        f"used, {seat['left']} left."
        for seat in view["licences"]
    ]
    yield "  \n".join(lines)


def _problems(problems: Sequence[ProblemDocument], room: int) -> Iterator[str]:
    if not problems:
        return
    lines: list[str] = []
    for problem in problems:
        named: list[PlaceDocument] = [problem, *problem["also"]]
        places = [f"{p['file']}:{p['line']}" for p in named if p["file"]]
        more = problem["count"] - len(places) if places else 0
        listed = ", ".join(map(code, places)) + (f" and {more:,} more" if more else "")
        at = f" ({listed})" if places else ""
        remedy = f"; {prose(problem['help'])}" if problem["help"] else ""
        message = prose(shortened(problem["message"], _LONGEST))
        line = f"- **{problem['severity']}** {message}{at}{remedy}"
        room -= _size(line) + 1
        if room < 0:
            break
        lines.append(line)
    lines += _left_out(len(problems) - len(lines), "problems")
    yield "### Problems"
    yield "\n".join(lines)


def _first_of_all(view: Document) -> Iterator[str]:
    """What a reviewer must not miss, wherever it is in the order."""
    if view["report"] != "plan":
        return
    lines = [
        f"{code(step['address'])}: {prose(shortened(note['text'], _REMARK))}"
        for step in view["steps"]
        for note in step["notes"]
        if note["kind"] in ("irreversible", "changes the login", "loses the login")
    ]
    lines += [
        f"{code(step['address'])}: {step['action']}d"
        for step in view["steps"]
        if step["action"] in ("deactivate", "delete")
    ]
    if lines:
        yield _alert("WARNING", "Review these first:", lines)


def _sections(view: Document) -> Iterator[str]:
    for section in sections(view):
        if section.tone == "note" and len(section.items) == 1:
            yield f"**{section.title}**: {prose(section.items[0])}"
        elif section.tone == "note":
            items = section.items[:_MOST_ITEMS]
            lines = [f"- {prose(shortened(item, _REMARK))}" for item in items]
            lines += _left_out(len(section.items) - _MOST_ITEMS, "")
            yield _details(f"{section.title}: {len(section.items):,}", lines)
        else:
            kind = "CAUTION" if section.tone == "error" else "WARNING"
            yield _alert(kind, f"{section.title}:", [prose(item) for item in section.items])


def _left_out(number: int, noun: str) -> list[str]:
    return [f"- and {number:,} more{noun and ' ' + noun}"] if number > 0 else []


def _step(step: StepDocument, report: str, longest: int, *, defaults: bool, opened: bool) -> str:
    address, result = _html_code(step["address"]), result_of(step)
    place = f"{step['file']}:{step['line']}"
    at = f" <sub>{_html_code(place)}</sub>" if step["file"] else ""
    if report == "drift":
        by = f", {_html_code(changed)}" if (changed := author(step)) else ""
        title = f"{address} {DRIFTED[step['action']]}{by}{at}"
        lines = list(_differences(step, longest))
    else:
        sign = SIGNS[step["action"]]
        more = " <b>irreversible</b>" if step["irreversible"] else ""
        ended = f" <b>{result['outcome']}</b>" if result else ""
        title = f"{step['number']}. {sign} {address} {step['action']}{more}{ended}{at}"
        lines = list(_changes(step, longest, defaults=defaults))
    notes = [f"- {note_label(n)}: {prose(shortened(n['text'], longest))}" for n in step["notes"]]
    if report == "drift":
        notes = []
    if result and result["reason"]:
        code_ = f"{result['code']}: " if result["code"] else ""
        notes.insert(0, f"- {prose(shortened(code_ + result['reason'], longest))}")
    body = [fenced(lines, "diff")] if lines else []
    if notes:
        body.append("\n".join(notes))
    if not body:
        return f"<p>{title}</p>"
    return _details(title, body, raw=True, opened=opened)


def _changes(step: StepDocument, longest: int, *, defaults: bool) -> Iterator[str]:
    for field in step["fields"]:
        if field["default"] and not defaults:
            continue
        name = visible(field["name"])
        more = "  # default" if field["default"] else ""
        if step["action"] != "create":
            yield f"- {name}: {shortened(value(field['before']), longest)}"
        yield f"+ {name}: {shortened(value(field['after']), longest)}{more}"


def _differences(step: StepDocument, longest: int) -> Iterator[str]:
    if step["action"] != "update":
        return
    for field in step["fields"]:
        yield f"- {visible(field['name'])}: {shortened(value(field['before']), longest)}  # org"
        yield f"+ {visible(field['name'])}: {shortened(value(field['after']), longest)}  # spec"


def _drawn(view: StepsDocument) -> str:
    shown = graph.of_steps(view)
    if not shown.edges or view["report"] == "drift":
        return ""
    drawn = fenced(graph.mermaid(shown).splitlines(), "mermaid")
    part = "\n\n" + _details("Dependencies", [drawn], raw=True)
    return part if _size(part) <= _GRAPH_ROOM else ""


def _fitting(head: str, shown: Sequence[str], steps: Sequence[StepDocument], limit: int) -> str:
    """The head, as many steps as there is room for, and the others by their number."""
    kept, size = [head], _size(head)
    room = limit - _TABLE_ROOM
    for part in shown:
        size += _size(part) + 2
        if size > room:
            break
        kept.append(part)
    left = steps[len(kept) - 1 :]
    kinds = Counter((s["address"].partition("/")[0], s["action"]) for s in left)
    rows = [f"| {code(kind)} | {action} | {n:,} |" for (kind, action), n in kinds.items()]
    more = (
        f"**{count(len(left), 'more step', 'more steps')}** did not fit in this comment; "
        "the other reports have all steps."
    )
    return "\n\n".join(
        [*kept, more, "\n".join(["| kind | action | steps |", "| --- | --- | --- |", *rows])]
    )


def _details(title: str, body: Iterable[str], *, raw: bool = False, opened: bool = False) -> str:
    """A part that opens with a click. Its title is HTML where it is `raw`."""
    summary = title if raw else html.escape(title)
    inner = "\n\n".join(body) if raw else "\n".join(body)
    start = "<details open>" if opened else "<details>"
    return f"{start}<summary>{summary}</summary>\n\n{inner}\n\n</details>"


def _html_code(text: str) -> str:
    return f"<code>{html.escape(visible(text))}</code>"


def _alert(kind: str, title: str, lines: Sequence[str]) -> str:
    shown = [f"> - {line}" for line in lines[:_MOST_REMARKS]]
    shown += [f"> {line}" for line in _left_out(len(lines) - _MOST_REMARKS, "")]
    return "\n".join([f"> [!{kind}]", f"> **{title}**", *([">", *shown] if shown else [])])


def _size(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
