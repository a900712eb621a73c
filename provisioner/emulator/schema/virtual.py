"""Objects that have no table: their rows are made when a query asks for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from provisioner.emulator.schema.objects import SObject, parse_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Rows = str | Callable[[], str]
"""The SQL of the rows of an object, or what makes it when it is needed."""


@lru_cache(maxsize=16)
def entity(name: str, prefix: str | None, flags: str, lines: tuple[str, ...]) -> SObject:
    """An object of fields in the form of `objects.parse_field`, described as its flags say."""
    fields = [parse_field(line) for line in lines]
    # a reference by name, not by an id: only its kind tells that it leads somewhere
    fields = [
        replace(field, references=(field.relationship,)) if field.relationship else field
        for field in fields
    ]
    return SObject(
        name=name,
        label=name,
        plural=f"{name}s",
        prefix=prefix,
        flags=frozenset(flags.split()),
        scopes=(),
        fields={field.name.lower(): field for field in fields},
    )


def rows(sobject: SObject, made: Iterable[Mapping[str, Any]]) -> str:
    """The SQL of rows, each of which has a value for fields by name."""
    columns = [
        f"""json_extract(value, '$.{field.name}') {_collation(field.type)} AS "{field.name}\""""
        for field in sobject.fields.values()
    ]
    text = json.dumps(list(made)).replace("'", "''")
    return f"(SELECT {', '.join(columns)} FROM json_each('{text}'))"  # noqa: S608 - quoted above


def _collation(kind: str) -> str:
    return "" if kind in {"boolean", "int"} else "COLLATE NOCASE"
