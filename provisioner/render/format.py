"""Words that every format shares: values as people read them, and counts. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from provisioner.model.json_value import Json
from provisioner.plan.document import ActionName, ProblemDocument, StepDocument, SummaryDocument

# Text that would be taken for another value, or for nothing, without its quotes.
_MISREAD = re.compile(r"|null|true|false|[-+.0-9\"].*", re.DOTALL | re.IGNORECASE)
_MISREAD_IN_A_LIST = re.compile(r".*[,\[\]].*", re.DOTALL)


_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")

SIGNS: Mapping[ActionName, str] = {"create": "+", "update": "~", "deactivate": "!", "delete": "-"}
"""The sign of a step by its action."""
DRIFTED: Mapping[ActionName, str] = {
    "create": "is missing",
    "update": "was changed",
    "deactivate": "is still active",
    "delete": "is still there",
}
"""What a step says of the org when nobody asks for a plan."""


def value(given: Json) -> str:
    """A value on one line, as YAML would have it: `null`, `"10001"`, `[read, edit]`.

    What a terminal, a log or a page would obey or hide is written as `\\u001b`.
    """
    if isinstance(given, list | tuple):
        return f"[{', '.join(map(_item, given))}]"
    if isinstance(given, str):
        return _text(given) if _MISREAD.fullmatch(given) is None else _quoted(given)
    return json.dumps(given)


def visible(text: str) -> str:
    """The text with every character that can not be seen as its escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def visible_lines(text: str) -> str:
    """As `visible`, but lines stay lines."""
    if text.isascii() and not _CONTROL.search(text):
        return text
    return "\n".join(map(visible, text.split("\n")))


def json_text(value: object) -> str:
    """A value as indented JSON, where characters that cannot be seen are escapes."""
    return visible_lines(json.dumps(value, indent=2, ensure_ascii=False)) + "\n"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, which takes an `s` when there are more."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def also_at(problem: ProblemDocument) -> str:
    """Where else a problem is: `also at a.yaml:3:5, a.yaml:9:5 and 12 more places`; or nothing."""
    if not problem["also"]:
        return ""
    named = ", ".join(f"{p['file']}:{p['line']}:{p['column']}" for p in problem["also"])
    more = problem["count"] - 1 - len(problem["also"])
    return f"also at {named}" + (f" and {count(more, 'more place')}" if more else "")


def logins(summary: SummaryDocument, mark: str = "") -> str:
    """How many logins a plan gives, takes and changes; `mark` is put around each number."""
    gained, lost = summary["gain_login"], summary["lose_login"]
    changed = summary["change_login"]
    more = f", changed: {mark}{changed}{mark}" if changed else ""
    return f"Logins gained: {mark}{gained}{mark}, lost: {mark}{lost}{mark}{more}."


def author(step: StepDocument) -> str | None:
    """When and by whom a step's record was changed, if the org says so.

    A drift report tells the tool's own last write from that of others.
    """
    if changed := step.get("changed"):
        told = f": {changed['said']}" if changed["said"] else ""
        return f"{changed['source']} {_when(changed['at'])} by {changed['by']}{told}"
    modified = step["last_modified"]
    if not modified or not modified["at"]:
        return None
    own = ", this tool's own user" if "changed" in step else ""
    return f"last modified {_when(modified['at'])} by {modified['by']}{own}"


def _when(instant: str) -> str:
    return f"{instant[:19].replace('T', ' ')} UTC"


def shortened(text: str, most: int) -> str:
    """The text, or as much of it as was asked for and how much more there is."""
    if len(text) <= most:
        return text
    return f"{text[:most]}... ({len(text) - most:,} more characters)"


def _item(given: Json) -> str:
    if isinstance(given, str) and _MISREAD_IN_A_LIST.fullmatch(given):
        return _quoted(given)
    return value(given)


def _text(given: str) -> str:
    plain = given == given.strip() and given.isprintable()
    return given if plain else _quoted(given)


def _quoted(given: str) -> str:
    return visible(json.dumps(given, ensure_ascii=False))
