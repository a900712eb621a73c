"""No format shows a character that a terminal obeys or that reorders text, wherever it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioner.render import report

GOLDEN = Path(__file__).parents[2] / "golden"
# C0, DEL, C1 (CSI), bidi overrides and isolates, zero width, line separator, byte order mark, tag.
HOSTILE = "\x1b[31m\x07\x7f\x9b31m\x85\u202e\u2066\u200b\u2028\ufeff\U000e0041"
FREE = frozenset(
    {
        *("message", "help", "notes", "file", "address", "name", "before", "after", "text", "id"),
        *("reason", "code", "by", "instance_url", "spec", "environment", "matched_by", "needs"),
        *("identity", "version", "told", "said", "detail", "rule", "remedy"),
    }
)


def hostile(value, key=None):
    match value:
        case dict():
            return {name: hostile(item, name) for name, item in value.items()}
        case list():
            return [hostile(item, key) for item in value]
        case str() if key in FREE:
            return value + HOSTILE
        case _:
            return value


@pytest.mark.parametrize("format_", ["json", "markdown", "html", "junit", "sarif", "github"])
@pytest.mark.parametrize("name", ["plan", "drift", "apply", "validate"])
def test_everything_is_printable(name, format_):
    view = hostile(json.loads((GOLDEN / f"{name}.view.json").read_text("utf-8")))
    text = report.render(view, format_, "1.0")
    assert "".join(text.split("\n")).isprintable()
    if format_ == "json":
        assert json.loads(text) == view
