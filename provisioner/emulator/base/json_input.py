"""The JSON of a request as data, and what Salesforce says of a text that is none.

Salesforce reads JSON with Jackson, and says what Jackson says. The words about names, colons and
minus signs, and that the column is the one behind the character, are those of answers recorded in
public tests and comments; the rest is what Jackson says of the same mistakes.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from provisioner.emulator.base.errors import SalesforceError

_VALUE: Final = (
    "expected a valid value (number, String, array, object, 'true', 'false' or 'null')"
)  # fmt: skip
_MINUS: Final = (
    " in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value"
)
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_WORD: Final = re.compile(r"[A-Za-z_$][\w$]*")
_STRINGS: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


def read(text: str) -> dict[str, Any]:
    """The object that a JSON text holds; JSON_PARSER_ERROR otherwise."""
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        raise SalesforceError("JSON_PARSER_ERROR", _trouble(text, error)) from None
    except RecursionError:
        raise SalesforceError("JSON_PARSER_ERROR", "The body is too deep") from None  # guess
    if not isinstance(body, dict):
        # as WWW-Salesforce's tests have it for a record [Q]
        message = f"Can not deserialize SObject out of {_token(body)} token at [line:1, column:1]"
        raise SalesforceError("JSON_PARSER_ERROR", message)
    return body


def unrecognized(name: str, text: str) -> SalesforceError:
    """A field that a resource does not know, with the place where its value has begun.

    Recorded of other resources in notes of real answers [V]; that the jobs say so too: [I].
    """
    found = re.search(rf'"{re.escape(name)}"\s*:\s*("|[{{\[]|[^\s,}}\]]+)', text)
    message = f'Unrecognized field "{name}"'
    if found:
        message = _placed(text, found.end(1), message)
    return SalesforceError("JSON_PARSER_ERROR", message)


def _token(value: Any) -> str:
    match value:
        case list():
            return "START_ARRAY"
        case str():
            return "VALUE_STRING"
        case None:
            return "VALUE_NULL"
        case bool():
            return "VALUE_TRUE" if value else "VALUE_FALSE"
        case int():
            return "VALUE_NUMBER_INT"
        case _:
            return "VALUE_NUMBER_FLOAT"


def _trouble(text: str, error: json.JSONDecodeError) -> str:
    """Jackson's words for what Python's parser found."""
    at, message = error.pos, error.msg
    if message.startswith("Unterminated string"):
        return _placed(text, len(text), "Unexpected end-of-input in VALUE_STRING")
    if message.startswith("Illegal trailing comma"):
        at += 1
    space = _SPACE.match(text, at)
    if space is not None and not message.startswith("Invalid control"):
        at = space.end()
    if at >= len(text):
        kind = _container(text)
        return _placed(text, at, f"Unexpected end-of-input within/between {kind} entries")
    char, code = text[at], ord(text[at])
    if message.startswith("Invalid control"):
        words = (
            f"Illegal unquoted character ((CTRL-CHAR, code {code})): has to be escaped using"
            " backslash to be included in string value"
        )
        return _placed(text, at + 1, words)
    if message.startswith("Invalid \\"):
        at = min(at + 1, len(text) - 1) if char == "\\" else at
        words = f"Unrecognized character escape '{text[at]}' (code {ord(text[at])})"
        return _placed(text, at + 1, words)
    word = _WORD.match(text, at)
    if message.startswith("Expecting value") and word is not None:
        words = f"Unrecognized token '{word[0]}': was expecting ('true', 'false' or 'null')"
        return _placed(text, word.end(), words)
    if message.startswith("Expecting value") and char == "-":
        at, found = at + 1, text[at + 1 : at + 2] or " "
        return _placed(
            text, at + 1, f"Unexpected character ('{found}' (code {ord(found)})){_MINUS}"
        )
    wanted = _wanted(text[:at], message)
    return _placed(text, at + 1, f"Unexpected character ('{char}' (code {code})): {wanted}")


def _wanted(before: str, message: str) -> str:
    kind = _container(before)
    if message.startswith(("Expecting property name", "Illegal trailing comma before end of obj")):
        return "was expecting double-quote to start field name"
    if message.startswith("Expecting ':'"):
        return "was expecting a colon to separate field name and value"
    if message.startswith("Expecting ','"):
        return f"was expecting comma to separate {kind} entries"
    return _VALUE


def _container(before: str) -> str:
    """What is open at the end of the text, in the parser's word for it."""
    opened = []
    for char in _STRINGS.sub("", before):
        if char in "{[":
            opened.append(char)
        elif char in "}]" and opened:
            opened.pop()
    return "ARRAY" if opened and opened[-1] == "[" else "OBJECT"


def _placed(text: str, end: int, words: str) -> str:
    line = text.count("\n", 0, end - 1 if end else 0) + 1
    column = end - text.rfind("\n", 0, end - 1 if end else 0)
    return f"{words} at [line:{line}, column:{column}]"
