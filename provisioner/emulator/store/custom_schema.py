"""The objects and fields that an org has beyond the standard ones, and their tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from provisioner.emulator.schema import objects as describe
from provisioner.emulator.schema import versions
from provisioner.emulator.store import tables
from provisioner.emulator.store.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.objects import Catalog, SObject


class Schema(State):
    """Custom objects and custom fields, each with its table or its column."""

    def catalog(self, *, tooling: bool = False, version: int | None = None) -> Catalog:
        """The objects as this org has them now: its features and custom fields decide.

        With `tooling`, as the Tooling API shows them (`Profile.FullName`); with `version`, as that
        version of the API does.
        """
        era = versions.era(version)
        return self.remember(
            ("catalog", tooling, era),
            lambda: describe.catalog(
                self.features(),
                self.custom_objects(),
                self.custom_field_lines(),
                tooling=tooling,
                era=era,
            ),
        )

    def custom_field_lines(self) -> tuple[tuple[str, str], ...]:
        """The custom fields, as pairs of object and line of `objects.parse_field`."""
        return self._customs()[1]

    def custom_objects(self) -> tuple[str, ...]:
        """The custom objects as JSON, each in the form of the files in `data/` and with a name."""
        return self._customs()[0]

    def _customs(self) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """The custom objects by name, and the custom fields in the order of their creation."""
        sql = (
            "SELECT 0 AS kind, name AS place, 0 AS number, NULL AS sobject, data FROM custom_object"
            " UNION ALL SELECT 1, sobject, rowid, sobject, line FROM custom_field"
            " ORDER BY kind, place, number"
        )

        def read() -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
            rows = self.execute(sql)
            return (
                tuple(row["data"] for row in rows if not row["kind"]),
                tuple((row["sobject"], row["data"]) for row in rows if row["kind"]),
            )

        return self.remember("custom objects and fields", read)

    def put_custom_object(self, data: Mapping[str, Any]) -> None:
        """Adds a custom object and its table, or changes what is told of one."""
        name = data["name"]
        with self.transaction():
            self.execute(
                "INSERT INTO custom_object VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET data = excluded.data",
                (name, json.dumps(data)),
            )
            fields = describe.stored(name, self.custom_objects(), ()).fields.values()
            listed = ", ".join(tables.column(field) for field in fields)
            self.execute(f'CREATE TABLE IF NOT EXISTS "{name}" ({listed})')
            self._schema_changed()

    def remove_custom_object(self, name: str) -> None:
        """Forgets a custom object, its fields and its records."""
        with self.transaction():
            self.execute("DELETE FROM custom_field WHERE sobject = ?", (name,))
            self.execute("DELETE FROM custom_object WHERE name = ?", (name,))
            self.execute(f'DROP TABLE "{name}"')
            self._schema_changed()

    def change_custom_field(self, sobject: str, line: str) -> None:
        """Changes what is told of a custom field; its column stays as it was made."""
        field = describe.parse_field(line)
        self.execute(
            "UPDATE custom_field SET line = ? WHERE sobject = ? AND name = ?",
            (line, sobject, field.name),
        )
        if "unique" in field.flags or field.is_key:
            self._index((sobject, field.name))
        self._schema_changed()

    def remove_custom_field(self, sobject: str, name: str) -> None:
        """Forgets a custom field and its values."""
        with self.transaction():
            self.execute("DELETE FROM custom_field WHERE sobject = ? AND name = ?", (sobject, name))
            self.execute(f'DROP INDEX IF EXISTS "{sobject}_{name}"')
            self.execute(f'ALTER TABLE "{sobject}" DROP COLUMN "{name}"')
            self._schema_changed()

    def add_custom_field(self, sobject: str, line: str) -> None:
        """Adds a field ending in `__c`; `line` is in the form of `objects.parse_field`."""
        table = self._table(sobject)
        field = describe.parse_field(line)
        assert field.name.endswith("__c"), "a custom field's name ends in __c"
        with self.transaction():
            self.execute(
                "INSERT INTO custom_field VALUES (?, ?, ?)", (table.name, field.name, line)
            )
            self.execute(f'ALTER TABLE "{table.name}" ADD COLUMN {tables.column(field)}')
            if "unique" in field.flags or field.is_key:
                self._index((table.name, field.name))
            self._schema_changed()

    # -- below -----------------------------------------------------------------------------------

    def _table(self, sobject: str) -> SObject:
        return self.remember(
            ("table", sobject), lambda: describe.stored(sobject.lower(), *self._custom(sobject))
        )

    def _custom(self, sobject: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """What may make an object more than our tables say: custom objects and fields."""
        objects = () if sobject.lower() in describe.tables() else self.custom_objects()
        return objects, self.custom_field_lines()

    def _index(self, index: tuple[str, ...]) -> None:
        table, *names = index
        name = f"{table}_{'_'.join(names)}"
        quoted = ", ".join(f'"{column}"' for column in names)
        self.execute(f'CREATE INDEX IF NOT EXISTS "{name}" ON "{table}" ({quoted})')
