"""A plan as a document for people: Markdown for a pull request, HTML for a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


def markdown(view: Mapping[str, Any], *, title: str) -> str:
    """The plan as GitHub-flavoured Markdown."""
    return _environment().get_template("plan.md").render(view, title=title)


def html(view: Mapping[str, Any], *, title: str) -> str:
    """The plan as one HTML page that needs no other file."""
    return _environment().get_template("plan.html").render(view, title=title)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("provisioner.render"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["value"] = _value
    environment.filters["cell"] = _cell
    return environment


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cell(value: Any) -> str:
    """A value inside a Markdown table: its pipes and markup show as they are."""
    text = value if isinstance(value, str) else _value(value)
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("`", "'")
