"""One local org in one SQLite file: its records, beside what `state` and `custom_schema` keep.

Nothing another process could change is kept in memory, so any number of threads and processes may
share the file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from provisioner.emulator.base import collation, ids
from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.schema import objects
from provisioner.emulator.store import tables
from provisioner.emulator.store.custom_schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from provisioner.emulator.schema.objects import Field, SObject


class Org(Schema):
    """One local org. Safe to use from several threads; several processes may open one file.

    `path` is a file, or ":memory:". A new org gets its tables, and `fill` inserts its first rows.
    """

    def __init__(self, path: str | Path, fill: Callable[[Org], None]) -> None:
        super().__init__(path)
        self._fill = fill
        self._prepare()

    def reset(self) -> None:
        """Puts the org back to its first day, with new secrets."""
        with self.transaction():
            for row in self.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ):
                self.execute(f'DROP TABLE "{row[0]}"')
            self.forget_counts()
            self._create()

    def organization_id(self) -> str:
        """The id of the organization, in 18 characters."""
        return str(self.execute('SELECT "Id" FROM "Organization"')[0][0])

    # -- rows --------------------------------------------------------------------------------

    def select(self, sobject: str, **equals: Any) -> list[dict[str, Any]]:
        """The live rows whose fields equal `equals`, in Id order, every field by its API name.

        Text compares without case, None matches null. Booleans come as bool, dates and times as
        Salesforce writes them.
        """
        table = self._table(sobject)
        where, params = self._where(table, equals)
        return self._read(table, f'{where} ORDER BY "Id"', params)

    def find(self, sobject: str, **equals: Any) -> list[str]:
        """The ids of the rows that `select` would give."""
        table = self._table(sobject)
        where, params = self._where(table, equals)
        rows = self.execute(
            f'SELECT "Id" FROM "{table.name}" WHERE {where} ORDER BY "Id"',  # noqa: S608 - our names
            params,
        )
        return [row[0] for row in rows]

    def find_each(self, sobject: str, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Each field of `values` with the id of a live row that has its value, in that order."""
        table, parts, every = self._table(sobject), [], []
        for number, (name, value) in enumerate(values.items()):
            where, params = self._where(table, {name: value})
            parts.append(f'SELECT {number}, "Id" FROM "{table.name}" WHERE {where}')  # noqa: S608 - our names
            every += params
        rows = self.execute(f"{' UNION ALL '.join(parts)} ORDER BY 1, 2", every) if parts else []
        return [(list(values)[row[0]], row[1]) for row in rows]

    def some(self, sobject: str, id_: str, *names: str) -> dict[str, Any] | None:
        """As `get`, only those fields, none of which is worked out when read."""
        sql, kinds = self.remember(
            ("some", sobject, names), lambda: tables.selection(self._table(sobject), names)
        )
        rows = self.execute(sql, (ids.normal(id_),))
        return dict(zip(names, map(tables.shown, kinds, rows[0]), strict=True)) if rows else None

    def known(self, sobject: str, id_: str) -> dict[str, Any] | None:
        """As `get`, read once in a transaction; for objects whose writes are never quiet."""
        assert sobject in tables.REMEMBERED
        return self.remember(("row", sobject, id_), lambda: self.get(sobject, id_))

    def get(self, sobject: str, id_: str) -> dict[str, Any] | None:
        """The row of that id, a deleted one too (it says `IsDeleted`), or None."""
        table = self._table(sobject)
        found = self._read(table, '"Id" = ?', [ids.normal(id_)])
        return found[0] if found else None

    def insert(
        self, sobject: str, values: Mapping[str, Any], *, by: str, quietly: bool = False
    ) -> str:
        """Writes a row as the platform itself would, with no rule checked; returns its Id.

        System fields, defaults and the full name of people are filled in. `quietly` says that
        nothing that `remember` keeps depends on the row.
        """
        table = self._table(sobject)
        given = self.remember(
            ("names", sobject, tuple(values)), lambda: [_field(table, name).name for name in values]
        )
        row = dict(zip(given, values.values(), strict=True))
        if not row.get("Id"):
            assert table.prefix is not None
            row["Id"] = self.new_id(table.prefix)
        _name_person(row)
        _name_profile(table, row)
        if table.name == "Case":
            row["CaseNumber"] = f"{self.next_number('case number'):08}"
        if table.name.endswith("__c") and not row.get("Name"):
            row["Name"] = row["Id"]  # a custom object's record without a name has its id for one
        for name, form in self.remember(("numbers", table.name), lambda: _auto_numbers(table)):
            number = self.next_number(f"{table.name}.{name}")
            row[name] = numbered(form, number, self.now())
        names = tuple(row)
        insertion = self.remember(
            ("insertion", table.name, by, names),
            lambda: tables.Insertion(table, self._defaults(table, by), names),
        )
        with self.transaction():
            write = self.execute_quietly if quietly else self._writer(table)
            write(insertion.sql, insertion.cells(row.values()))
        return str(row["Id"])

    def update(self, sobject: str, id_: str, values: Mapping[str, Any], *, by: str) -> None:
        """Changes fields of a row as the platform itself would, with no rule checked."""
        table = self._table(sobject)
        now = timestamp(self.now())
        row = {"LastModifiedDate": now, "LastModifiedById": by, "SystemModstamp": now}
        row = {name: value for name, value in row.items() if name.lower() in table.fields}
        row |= {_field(table, name).name: value for name, value in values.items()}
        with self.transaction():
            if {"FirstName", "LastName"} & row.keys():
                current = self.get(sobject, id_) or {}
                person = current | row
                _name_person(person)
                row["Name"] = person["Name"]
            _name_profile(table, row)
            cells = [(_field(table, name), value) for name, value in row.items()]
            sets = ", ".join(f'"{field.name}" = ?' for field, _ in cells)
            self._writer(table)(
                f'UPDATE "{table.name}" SET {sets} WHERE "Id" = ?',  # noqa: S608 - our names
                [
                    *(tables.encode(field, value) for field, value in cells),
                    ids.normal(id_),
                ],
            )

    def delete(self, sobject: str, id_: str, *, by: str) -> bool:
        """Marks a row `IsDeleted`, or removes it where the object has no such field.

        Returns whether the row was marked, so that it can be restored.
        """
        table = self._table(sobject)
        if table.soft_delete:
            self.update(sobject, id_, {"IsDeleted": True}, by=by)
            return True
        self.execute(
            f'DELETE FROM "{table.name}" WHERE "Id" = ?',  # noqa: S608 - our names
            (ids.normal(id_),),
        )
        return False

    def audit(self, by: str, action: str, section: str, display: str) -> None:
        """Adds a row to the setup audit trail."""
        self.insert(
            "SetupAuditTrail",
            {"Action": action, "Section": section, "Display": display},
            by=by,
        )

    # -- below -------------------------------------------------------------------------------

    def _prepare(self) -> None:
        held = self.execute("PRAGMA user_version")[0][0]
        if held == tables.layout_version():
            return
        with self.transaction():
            # Another process may have been faster.
            if self.execute("PRAGMA user_version")[0][0] != tables.layout_version():
                self._create()

    def _create(self) -> None:
        """Makes what is missing: everything in a new org, new columns in one of an older layout."""
        for statement in tables.OWN_TABLES.split(";"):
            self.execute(statement)
        for table in objects.tables().values():
            stored = [field for field in table.fields.values() if field.stored]
            listed = ", ".join(map(tables.column, stored))
            self.execute(f'CREATE TABLE IF NOT EXISTS "{table.name}" ({listed})')
            rows = self.execute("SELECT name FROM pragma_table_info(?)", (table.name,))
            present = {row[0] for row in rows}
            for field in stored:
                if field.name not in present:
                    self.execute(f'ALTER TABLE "{table.name}" ADD COLUMN {tables.column(field)}')
        for index in tables.INDEXES:
            self._index(index)
        for statement in tables.statements(tables.SEATS):
            self.execute(statement)
        self.execute(f"PRAGMA user_version = {tables.layout_version()}")
        if not self.execute('SELECT 1 FROM "Organization"'):
            self._fill(self)

    def _writer(self, table: SObject) -> Callable[[str, Any], Any]:
        """How rows are written: permissions may be remembered, records of customers never are."""
        return self.execute if table.name in tables.REMEMBERED else self.execute_quietly

    def _read(self, table: SObject, where: str, params: list[Any]) -> list[dict[str, Any]]:
        custom = self._custom(table.name)
        _, _, listed = tables.reading(table.name, *custom)
        decoded = tables.decoder(table.name, *custom)
        rows = self.execute(
            f'SELECT {listed} FROM "{table.name}" WHERE {where}',  # noqa: S608 - our names
            params,
        )
        return [decoded(row) for row in rows]

    def _where(self, table: SObject, equals: Mapping[str, Any]) -> tuple[str, list[Any]]:
        conditions = ['"IsDeleted" = 0'] if table.soft_delete else []
        params = []
        compared = self.remember(
            ("compared", table.name, tuple(equals)),
            lambda: [tables.compared(table, _field(table, name)) for name in equals],
        )
        for (column, kind), value in zip(compared, equals.values(), strict=True):
            plain = kind != tables.CASELESS or not isinstance(value, str) or value.isascii()
            ways = None if plain else collation.spellings(value)
            if ways is not None:
                conditions.append(f"{column} IN ({', '.join('?' * len(ways))})")
                params += ways
                continue
            conditions.append(f"{column} IS ?")
            params.append(tables.stored(kind, value))
        return " AND ".join(conditions) or "1", params

    def _defaults(self, table: SObject, by: str) -> dict[str, Any]:
        now = timestamp(self.now())
        row: dict[str, Any] = {}
        for field in table.fields.values():
            match field.name:
                case "CreatedDate" | "LastModifiedDate" | "SystemModstamp":
                    row[field.name] = now
                case "CreatedById" | "LastModifiedById" | "OwnerId":
                    row[field.name] = by
                case "CaseNumber":
                    row[field.name] = None
                case _ if field.stored and field.type == "boolean":
                    row[field.name] = field.default == "true"
                case _ if field.default is not None:
                    row[field.name] = _default(field.default, now)
        return row


def _field(table: SObject, name: str) -> Field:
    found = table.field(name)
    assert found is not None, f"{table.name} has no field {name}"
    return found


def _auto_numbers(table: SObject) -> list[tuple[str, str]]:
    """The fields that number themselves, with their formats."""
    fields = table.fields.values()
    return [(field.name, field.display_format) for field in fields if field.display_format]


def _default(text: str, now: str) -> str:
    """The value of a field that nobody set; all but two are literals."""
    match text:
        case "TODAY()":
            return now[:10]
        case "NOW()":
            return now
        case _:
            return text


def numbered(form: str, number: int, now: datetime) -> str:
    """The value of an auto number: `A-{0000}` and 7 give `A-0007`; dates as in `{YYYY}`."""
    dates = {"{YYYY}": "%Y", "{YY}": "%y", "{MM}": "%m", "{DD}": "%d"}
    for mark, code in dates.items():
        form = form.replace(mark, now.strftime(code))
    return re.sub(r"\{(0+)\}", lambda found: f"{number:0{len(found[1])}}", form)


def _name_person(row: dict[str, Any]) -> None:
    if row.get("LastName"):
        row["Name"] = " ".join(filter(None, (row.get("FirstName"), row["LastName"])))


def _name_profile(table: SObject, row: dict[str, Any]) -> None:
    # A custom profile's full name is its name, percent-encoded except for spaces (fact 512).
    if table.name == "Profile" and "Name" in row and "FullName" not in row:
        row["FullName"] = quote(row["Name"], safe=" ").replace(".", "%2E")
