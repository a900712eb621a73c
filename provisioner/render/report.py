"""A report in any of the formats for machines and pages, by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, assert_never

Format = Literal["json", "markdown", "html", "junit", "sarif", "github"]
_READABLE = 1_000
_TITLES = {"plan": "Plan", "drift": "Drift", "validate": "Validation", "apply": "Run"}


def render(view: Mapping[str, Any], format_: Format, version: str) -> str:
    """The report as text; `version` is that of the tool.

    Each imports what it needs, as only one of them is wanted.
    """
    title = _TITLES[view["report"]]
    match format_:
        case "json":
            # A person reads a short one; a long one is written ten times as fast without indents.
            indent = 2 if len(view.get("steps", ())) <= _READABLE else None
            return json.dumps(view, indent=indent, ensure_ascii=False) + "\n"
        case "markdown":
            from provisioner.render.markdown import markdown

            return markdown(view, title=title)
        case "html":
            from provisioner.render.page import html

            return html(view, title=title, version=version)
        case "junit":
            from provisioner.render.junit import junit

            return junit(view)
        case "sarif":
            from provisioner.render.sarif import sarif

            return sarif(view, version=version)
        case "github":
            from provisioner.render.github import workflow_commands

            return workflow_commands(view)
        case _:
            assert_never(format_)
