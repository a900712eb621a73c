"""Format values, counts and places for people, in the same way in every format. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from provisioner.model.json_value import Json
from provisioner.plan.document import (
    ActionName,
    NoteDocument,
    ProblemDocument,
    StepDocument,
    SummaryDocument,
)

# Text that looks like another value, or like none, without its quotes.
_MISREAD = re.compile(r"|null|true|false|[-+.0-9\"].*", re.DOTALL | re.IGNORECASE)
_MISREAD_IN_A_LIST = re.compile(r".*[,\[\]].*", re.DOTALL)


_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")

SIGNS: Mapping[ActionName, str] = {"create": "+", "update": "~", "deactivate": "!", "delete": "-"}
"""The sign of a step by its action."""
DRIFTED: Mapping[ActionName, str] = {
    "create": "is missing",
    "update": "was changed",
    "deactivate": "is still active",
    "delete": "still exists",
}
"""What is different in the org, by the action of the step that corrects it."""


def value(value: Json) -> str:
    """A value on one line, as in YAML: `null`, `"10001"`, `[read, edit]`.

    A character that a terminal, a log or a page obeys or hides is escaped: `\\u001b`.
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_item, value))}]"
    if isinstance(value, str):
        return _text(value) if _MISREAD.fullmatch(value) is None else _quoted(value)
    return json.dumps(value)


def visible(text: str) -> str:
    """The text with every invisible character escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def visible_lines(text: str) -> str:
    """As `visible`, but keeps line ends."""
    if text.isascii() and not _CONTROL.search(text):
        return text
    return "\n".join(map(visible, text.split("\n")))


def json_text(value: object) -> str:
    """A value as indented JSON, with every invisible character escaped."""
    return visible_lines(json.dumps(value, indent=2, ensure_ascii=False)) + "\n"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, in the plural unless the number is 1."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def also_at(problem: ProblemDocument) -> str:
    """The further places of a problem, if any: `also at a.yaml:3:5 and 12 more places`."""
    if not problem["also"]:
        return ""
    named = ", ".join(f"{p['file']}:{p['line']}:{p['column']}" for p in problem["also"])
    more = problem["count"] - 1 - len(problem["also"])
    return f"also at {named}" + (f" and {count(more, 'more place')}" if more else "")


def logins(summary: SummaryDocument, mark: str = "") -> str:
    """The numbers of logins that a plan creates, removes and changes, each between two `mark`s."""
    gained, lost = summary["gain_login"], summary["lose_login"]
    changed = summary["change_login"]
    more = f", changed: {mark}{changed}{mark}" if changed else ""
    return f"Logins gained: {mark}{gained}{mark}, lost: {mark}{lost}{mark}{more}."


def author(step: StepDocument) -> str | None:
    """When and by whom a step's record was changed, if the org shows it.

    A drift report says whether the last write was this tool's own.
    """
    if changed := step.get("changed"):
        entry = f": {changed['said']}" if changed["said"] else ""
        return f"{changed['source']} {_when(changed['at'])} by {changed['by']}{entry}"
    modified = step["last_modified"]
    if not modified or not modified["at"]:
        return None
    own = ", this tool's own user" if "changed" in step else ""
    return f"last modified {_when(modified['at'])} by {modified['by']}{own}"


def _when(instant: str) -> str:
    return f"{instant[:19].replace('T', ' ')} UTC"


def shortened(text: str, most: int) -> str:
    """The text, cut after `most` characters, with the number of characters left out."""
    if len(text) <= most:
        return text
    return f"{text[:most]}... ({len(text) - most:,} more characters)"


def _item(item: Json) -> str:
    if isinstance(item, str) and _MISREAD_IN_A_LIST.fullmatch(item):
        return _quoted(item)
    return value(item)


def _text(text: str) -> str:
    plain = text == text.strip() and text.isprintable()
    return text if plain else _quoted(text)


def _quoted(text: str) -> str:
    return visible(json.dumps(text, ensure_ascii=False))


def note_label(note: NoteDocument) -> str:
    """The kind of a note as a label. The documents keep the former spelling of `email`."""
    return "email" if note["kind"] == "e-mail" else note["kind"]
