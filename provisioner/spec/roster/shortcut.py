"""The commonest templates of a roster as plain Python: Jinja2 takes ten times as long a row.

`{{ row.Email | lower }}`, `{{ row['First Name'] }} {{ row.Last }}`, `{{ row.Status == 'on' }}`:
what is in the small language of this module gives what Jinja2 gives; the rest is left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import TemplateSyntaxError, nodes

from provisioner.spec import sandbox
from provisioner.spec.limits import LimitError, unwritable

Fill = Callable[[Sequence[str]], Any]

_FILTERS: Mapping[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "string": str,
}
_MOST_PARTS = 100


def shortcut(text: str, columns: Mapping[str, int]) -> Fill | None:
    """The template as a function of the cells of a row, which are text; else `None`.

    `columns` are the places of the cells by the names that `row` has for them.
    """
    try:
        (output,) = sandbox.parse(text).body
    except (TemplateSyntaxError, LimitError, ValueError):
        return None
    if not isinstance(output, nodes.Output) or len(output.nodes) > _MOST_PARTS:
        return None
    if len(output.nodes) == 1:
        return _value(output.nodes[0], columns)
    parts = [_text(node, columns) for node in output.nodes]
    known = [part for part in parts if part]
    if len(known) < len(parts):
        return None
    return lambda cells: "".join([part(cells) for part in known])


def _value(node: nodes.Node, columns: Mapping[str, int]) -> Fill | None:
    """An expression: a text, or whether a text is, or is not, another."""
    match node:
        case nodes.Compare(expr=left, ops=[nodes.Operand(op="eq" | "ne" as op, expr=right)]):
            one, other = _text(left, columns), _text(right, columns)
            if one is None or other is None:
                return None
            if op == "eq":
                return lambda cells: one(cells) == other(cells)
            return lambda cells: one(cells) != other(cells)
        case _:
            return _text(node, columns)


def _text(node: nodes.Node, columns: Mapping[str, int]) -> Callable[[Sequence[str]], str] | None:
    match node:
        case nodes.TemplateData(data=str() as data) | nodes.Const(value=str() as data):
            return None if unwritable(data) else lambda _: data
        case (
            nodes.Getattr(node=nodes.Name(name="row"), attr=str() as name)
            | nodes.Getitem(node=nodes.Name(name="row"), arg=nodes.Const(value=str() as name))
        ) if name in columns:
            place = columns[name]
            return lambda cells: cells[place]
        case nodes.Filter(node=nodes.Node() as inner, name=str() as name, args=[], kwargs=[]) if (
            name in _FILTERS
        ):
            text, change = _text(inner, columns), _FILTERS[name]
            return (lambda cells: change(text(cells))) if text else None
        case _:
            return None
