"""Show a report as one HTML page that needs no other file and no network.

It is readable without JavaScript, which only adds search and filters. Its content security policy
allows only what is in the page.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader
from jinja2.environment import TemplateStream
from markupsafe import Markup, escape

from provisioner.plan.document import StepDocument
from provisioner.render import graph, graph_svg
from provisioner.render.documents import Document, StepsDocument
from provisioner.render.environments import PlansDocument
from provisioner.render.findings import headline
from provisioner.render.format import DRIFTED, also_at, author, count, note_label, value, visible
from provisioner.render.run_document import result_of
from provisioner.render.sections import sections

MOST = 1_000
"""The number of steps that are shown with their fields; further ones take one line each."""
_PIECE = 200
_DRIFT_COUNTS = {
    "create": "missing",
    "update": "changed",
    "deactivate": "still active",
    "delete": "still existing",
}
_PLAN_COUNTS = {
    "create": "create",
    "update": "update",
    "deactivate": "deactivate",
    "delete": "delete",
    "gain_login": "gain a login",
    "lose_login": "lose a login",
    "change_login": "change a login",
    "emails": "emails",
    "irreversible": "irreversible",
}


def html(view: Document, *, title: str, version: str) -> Iterator[str]:
    """The report as a page, in pieces."""
    script = _file("page.js")
    return _pieces(
        _environment()
        .get_template("page.html")
        .stream(
            {
                **_body(view),
                **_styled(),
                "title": title,
                "version": version,
                "about": view["spec"] if view["report"] == "validate" else view["org"]["name"],
                "graph": _graph(view),
                "filters": [] if view["report"] == "validate" else list(_filters(view)),
                "foot": _foot(view),
                "script": Markup(script),  # noqa: S704 - as the style
                "script_hash": _hash(script),
            }
        )
    )


def _pieces(page: TemplateStream) -> Iterator[str]:
    """The page in pieces of a useful size: templates give each of their expressions alone."""
    page.enable_buffering(_PIECE)
    return page


def several(
    view: PlansDocument, tables: Mapping[str, Sequence[Sequence[str]]], *, version: str
) -> Iterator[str]:
    """The plans of several environments as one page, in pieces.

    `tables` are the rows that compare them, by their title.
    """
    body = _environment().get_template("body.html")
    plans = enumerate(view["plans"], 1)
    bodies = (body.render(_body(plan, prefix=f"plan-{number}-")) for number, plan in plans)
    return (
        _environment()
        .get_template("pages.html")
        .generate(
            {
                **_styled(),
                "title": "Plans",
                "version": version,
                "about": view["spec"],
                "environments": view["environments"],
                "tables": [{"title": title, "rows": rows} for title, rows in tables.items()],
                # A template of ours, which escapes what is not.
                "bodies": [Markup(body) for body in bodies],  # noqa: S704
            }
        )
    )


def _body(view: Document, prefix: str = "") -> dict[str, object]:
    """The variables of `body.html` for one report; `prefix` is put before the ids of its steps."""
    steps: Sequence[StepDocument] = () if view["report"] == "validate" else view["steps"]
    return {
        **view,
        "prefix": prefix,
        "drift": view["report"] == "drift",
        "verdict": _verdict(view),
        "counts": list(_counts(view)),
        "sections": list(sections(view)),
        "steps": [_step(step) for step in steps[:MOST]],
        "rest": [_row(step, prefix) for step in steps[MOST:]],
    }


def _styled() -> dict[str, object]:
    style = _file("page.css") + graph_svg.SHAPES
    # Our own style, which the content security policy of the page allows by its hash.
    return {"style": Markup(style), "style_hash": _hash(style)}  # noqa: S704


def _step(step: StepDocument) -> dict[str, object]:
    return {
        **step,
        "kind": _kind(step),
        "marks": " ".join(_marks(step)),
        "drifted": DRIFTED[step["action"]],
        "author": author(step),
    }


def _row(step: StepDocument, prefix: str) -> Markup:
    """A step on one line, without a template: there can be a hundred thousand."""
    action, number, marks = step["action"], step["number"], " ".join(_marks(step))
    place = f"{escape(visible(step['file']))}:{step['line']}" if step["file"] else ""
    ended, result = "", result_of(step)
    if result and result["outcome"] != "done":
        why = ": ".join(filter(None, (result["code"], result["reason"])))
        ended = f' <span class="tone {result["outcome"]}">{result["outcome"]}</span>'
        ended += f" {escape(visible(why))}"
    # Everything that is not our own text is escaped.
    return Markup(  # noqa: S704
        f'<tr class="{action}" id="{prefix}step-{number}" data-kind="{_kind(step)}"'
        f' data-action="{action}" data-mark="{marks}"><td class="dim">{number}</td>'
        f'<td class="tone">{action}</td><td>'
        f"<address>{escape(visible(step['address']))}</address>{ended}</td>"
        f'<td class="l">{place}</td></tr>\n'
    )


def _kind(step: StepDocument) -> str:
    return step["address"].partition("/")[0]


def _marks(step: StepDocument) -> Iterator[str]:
    if step["irreversible"]:
        yield "irreversible"
    if result := result_of(step):
        yield result["outcome"]


def _verdict(view: Document) -> dict[str, str]:
    errors = sum(p["severity"] == "error" for p in view["problems"])
    text = headline(view)
    if view["report"] == "validate":
        word, tone = ("Invalid", "error") if errors else ("Valid", "create")
        return {"tone": tone, "word": word, "text": text}
    if view["report"] == "apply":
        outcomes = {name for name, number in view["run"]["outcomes"].items() if number}
        if outcomes <= {"done"} and view["run"]["in_sync"]:
            return {"tone": "create", "word": "Applied", "text": text}
        tone = "error" if outcomes - {"done", "skipped"} else "update"
        return {"tone": tone, "word": "Partly applied", "text": text}
    drift = view["report"] == "drift"
    if errors:
        word = "Cannot be compared" if drift else "Cannot be applied"
        text = f"{count(errors, 'error')} must be fixed first"
        return {"tone": "error", "word": word, "text": text}
    if view.get("refusals"):
        return {"tone": "error", "word": "Refused", "text": "the policy does not allow this plan"}
    if not view["steps"]:
        text = f"the org has all {count(view['summary']['managed'], 'resource')} as specified"
        return {"tone": "create", "word": "No drift" if drift else "In sync", "text": text}
    return {"tone": "update", "word": "Drift" if drift else "Changes", "text": text}


def _counts(view: Document) -> Iterator[dict[str, object]]:
    if view["report"] == "validate" or not view["steps"]:
        return
    if view["report"] == "apply":
        for name, number in view["run"]["outcomes"].items():
            yield {"tone": name, "number": number, "text": name}
    names: Mapping[str, str] = _DRIFT_COUNTS if view["report"] == "drift" else _PLAN_COUNTS
    numbers: Mapping[str, object] = view["summary"]
    for name, text in names.items():
        number = numbers[name]
        # A run only shows the counts of what its plan contained.
        if number or view["report"] != "apply":
            yield {"tone": name, "number": number, "text": text}


def _graph(view: Document) -> Markup | None:
    if view["report"] == "validate" or view["report"] == "drift" or not view["steps"]:
        return None
    shown = graph.of_steps(view)
    # `graph_svg` escapes its texts.
    picture = graph_svg.svg(shown, "dependencies", links=True)
    return Markup(picture) if shown.edges else None  # noqa: S704


def _filters(view: StepsDocument) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The filters by name, each with its values and their labels."""
    drift, steps = view["report"] == "drift", view["steps"]
    actions = dict.fromkeys(step["action"] for step in steps)
    yield "action", [(a, _DRIFT_COUNTS[a] if drift else a) for a in actions]
    yield "kind", [(kind, kind) for kind in sorted(set(map(_kind, steps)))]
    if not drift:
        marks = sorted({mark for step in steps for mark in _marks(step)})
        yield "mark", [(mark, mark) for mark in marks]


def _foot(view: Document) -> str:
    if view["report"] == "validate":
        checked = view["summary"]
        return f"{count(checked['resources'], 'resource')} in {count(checked['files'], 'file')}."
    summary = view["summary"]
    text = f"{count(summary['managed'], 'resource')} in the spec. "
    calls = view["run"]["api_calls"] if view["report"] == "apply" else summary["api_calls_read"]
    text += f"API calls made: {calls}"
    if view["steps"] and view["report"] == "plan":
        text += f"; to apply: {summary['api_calls_to_apply']} or more"
    return f"{text}."


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("provisioner.render"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["value"] = value
    environment.filters["visible"] = visible
    environment.filters["also_at"] = also_at
    environment.filters["note_label"] = note_label
    return environment


@cache
def _file(name: str) -> str:
    return (resources.files("provisioner.render") / "templates" / name).read_text("utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
