"""One local org in one SQLite file: rows, ids, transactions, clock, settings, sessions, mail.

Nothing another process could change is kept in memory, so any number of threads and processes may
share the file.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from provisioner.emulator import columns, describe, ids, recycle_bin, texts
from provisioner.emulator.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from provisioner.emulator.describe import Field, SObject

_SESSION_HOURS: Final = 2  # sessionSecondsValid 7200, platform reference 6.4 [V]


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody is logged in; `kind` is `API`, `UI` or `Portal`."""

    token: str
    user_id: str
    kind: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail the org would have sent."""

    sent: str
    recipient: str
    subject: str
    body: str


class Org(Database):
    """One local org. Safe to use from several threads; several processes may open one file.

    `path` is a file, made and filled when it is not there, or ":memory:".
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
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

    def some(self, sobject: str, id_: str, *names: str) -> dict[str, Any] | None:
        """As `get`, only those fields, none of which is worked out when read."""
        sql, kinds = self.remember(
            ("some", sobject, names), lambda: columns.selection(self._table(sobject), names)
        )
        rows = self.execute(sql, (ids.normal(id_),))
        return dict(zip(names, map(columns.shown, kinds, rows[0]), strict=True)) if rows else None

    def known(self, sobject: str, id_: str) -> dict[str, Any] | None:
        """As `get`, read once in a transaction; for objects whose writes are never quiet."""
        assert sobject in columns.REMEMBERED
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
            lambda: columns.Insertion(table, self._defaults(table, by), names),
        )
        with self.transaction():
            write = self.execute_quietly if quietly else self._writer(table)
            write(insertion.sql, insertion.cells(row.values()))
            if table.name == "Profile":
                self._profile_permission_set(self._defaults(table, by) | row, by=by)
            if table.name == "User":
                self._assign_new(row["Id"], row.get("ProfileId"), by=by)
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
                    *(columns.encode(field, value) for field, value in cells),
                    ids.normal(id_),
                ],
            )
            if table.name == "Profile":
                self._copy_permissions(ids.normal(id_) or id_, row, by=by)
            if table.name == "User" and "ProfileId" in row:
                self._assign_profile(ids.normal(id_) or id_, row["ProfileId"], by=by)

    def delete(self, sobject: str, id_: str, *, by: str) -> None:
        """Marks a row `IsDeleted`, or removes it where the object has no such field."""
        table = self._table(sobject)
        if table.soft_delete:
            self.update(sobject, id_, {"IsDeleted": True}, by=by)
            recycle_bin.put(self, table.name, ids.normal(id_) or id_)
            return
        with self.transaction():
            if table.name == "Profile":
                for owned in self.select("PermissionSet", ProfileId=ids.normal(id_)):
                    for kind in ("ObjectPermissions", "FieldPermissions"):
                        self.execute(
                            f'DELETE FROM "{kind}" WHERE "ParentId" = ?',  # noqa: S608 - our names
                            (owned["Id"],),
                        )
                    self.execute('DELETE FROM "PermissionSet" WHERE "Id" = ?', (owned["Id"],))
            self.execute(
                f'DELETE FROM "{table.name}" WHERE "Id" = ?',  # noqa: S608 - our names
                (ids.normal(id_),),
            )

    def new_id(self, prefix: str) -> str:
        """The next unused id behind a three-character prefix."""
        return ids.make(prefix, self.next_number(prefix))

    # -- what the org is ---------------------------------------------------------------------

    def now(self) -> datetime:
        """The org's clock, in UTC; `set_clock` moves it."""
        offset = self.setting("clock offset")
        return datetime.now(UTC) + timedelta(seconds=float(offset or 0))

    def set_clock(self, now: datetime) -> None:
        """Moves the org's clock, which goes on running from there."""
        self.put_setting("clock offset", str((now - datetime.now(UTC)).total_seconds()))

    def feature(self, name: str) -> bool:
        """Whether a feature of the org is on: `CustomerPortal`, `Networks`, ..."""
        return self.setting(f"feature {name}") == "on"

    def set_feature(self, name: str, on: bool) -> None:  # noqa: FBT001 - the agreed signature
        """Switches a feature on or off; fields that depend on it come or go."""
        self.put_setting(f"feature {name}", "on" if on else "off")
        self.put_setting("schema changed", timestamp(self.now()))

    def features(self) -> frozenset[str]:
        """The features that are on."""
        sql = "SELECT name FROM setting WHERE name LIKE 'feature %' AND value = 'on'"
        return self.remember(
            "features",
            lambda: frozenset(row[0].removeprefix("feature ") for row in self.execute(sql)),
        )

    def setting(self, name: str) -> str | None:
        """A value kept under a name, or None."""
        sql = "SELECT value FROM setting WHERE name = ?"
        rows = self.remember(("setting", name), lambda: self.execute(sql, (name,)))
        return rows[0][0] if rows else None

    def put_setting(self, name: str, value: str) -> None:
        """Keeps a value under a name."""
        self.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))

    def custom_field_lines(self) -> tuple[tuple[str, str], ...]:
        """The custom fields, as pairs of object and line of `describe.parse_field`."""
        sql = "SELECT sobject, line FROM custom_field ORDER BY sobject, rowid"
        return self.remember(
            "custom fields", lambda: tuple((row[0], row[1]) for row in self.execute(sql))
        )

    def custom_objects(self) -> tuple[str, ...]:
        """The custom objects as JSON, each in the form of the files in `data/` and with a name."""
        sql = "SELECT data FROM custom_object ORDER BY name"
        return self.remember("custom objects", lambda: tuple(row[0] for row in self.execute(sql)))

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
            listed = ", ".join(columns.column(field) for field in fields)
            self.execute(f'CREATE TABLE IF NOT EXISTS "{name}" ({listed})')
            self.put_setting("schema changed", timestamp(self.now()))

    def remove_custom_object(self, name: str) -> None:
        """Forgets a custom object, its fields and its records."""
        with self.transaction():
            self.execute("DELETE FROM custom_field WHERE sobject = ?", (name,))
            self.execute("DELETE FROM custom_object WHERE name = ?", (name,))
            self.execute(f'DROP TABLE "{name}"')
            self.put_setting("schema changed", timestamp(self.now()))

    def change_custom_field(self, sobject: str, line: str) -> None:
        """Changes what is told of a custom field; its column stays as it was made."""
        field = describe.parse_field(line)
        self.execute(
            "UPDATE custom_field SET line = ? WHERE sobject = ? AND name = ?",
            (line, sobject, field.name),
        )
        if "unique" in field.flags or field.is_key:
            self._index((sobject, field.name))
        self.put_setting("schema changed", timestamp(self.now()))

    def remove_custom_field(self, sobject: str, name: str) -> None:
        """Forgets a custom field and its values."""
        with self.transaction():
            self.execute("DELETE FROM custom_field WHERE sobject = ? AND name = ?", (sobject, name))
            self.execute(f'DROP INDEX IF EXISTS "{sobject}_{name}"')
            self.execute(f'ALTER TABLE "{sobject}" DROP COLUMN "{name}"')
            self.put_setting("schema changed", timestamp(self.now()))

    def add_custom_field(self, sobject: str, line: str) -> None:
        """Adds a field ending in `__c`; `line` is in the form of `describe.parse_field`."""
        table = self._table(sobject)
        field = describe.parse_field(line)
        assert field.name.endswith("__c"), "a custom field's name ends in __c"
        with self.transaction():
            self.execute(
                "INSERT INTO custom_field VALUES (?, ?, ?)", (table.name, field.name, line)
            )
            self.execute(f'ALTER TABLE "{table.name}" ADD COLUMN {columns.column(field)}')
            if "unique" in field.flags or field.is_key:
                self._index((table.name, field.name))
            self.put_setting("schema changed", timestamp(self.now()))

    def api_calls(self) -> int:
        """How many API calls there were today."""
        return int(self.setting(f"api calls {self.now():%Y-%m-%d}") or 0)

    def api_call(self) -> int:
        """Counts an API call; returns how many there were today."""
        name = f"api calls {self.now():%Y-%m-%d}"
        rows = self.execute(
            "INSERT INTO setting VALUES (?, '1')"
            " ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            (name,),
        )
        return int(rows[0][0])

    # -- people ------------------------------------------------------------------------------

    def start_session(self, user_id: str, kind: str = "API") -> Session:
        """Logs a user in for two hours by the org's clock."""
        organization = self.execute('SELECT "Id" FROM "Organization"')[0][0]
        token = f"{organization[:15]}!AQ{secrets.token_urlsafe(72)}"
        expires = self.now() + timedelta(hours=_SESSION_HOURS)
        self.execute(
            "INSERT INTO session VALUES (?, ?, ?, ?)",
            (token, user_id, kind, timestamp(expires)),
        )
        return Session(token, user_id, kind, expires)

    def session(self, token: str) -> Session | None:
        """The session of a token, or None when there is none or it has expired."""
        rows = self.execute("SELECT user_id, kind, expires FROM session WHERE token = ?", (token,))
        for user_id, kind, expires in rows:
            if expires > timestamp(self.now()):
                return Session(token, user_id, kind, parse_timestamp(expires))
        return None

    def end_sessions(self, *, token: str | None = None, user_id: str | None = None) -> None:
        """Ends one session, or all of one user."""
        self.execute("DELETE FROM session WHERE token = ? OR user_id = ?", (token, user_id))

    def audit(self, by: str, action: str, section: str, display: str) -> None:
        """Adds a row to the setup audit trail."""
        self.insert(
            "SetupAuditTrail",
            {"Action": action, "Section": section, "Display": display},
            by=by,
        )

    def mail(self, recipient: str, subject: str, body: str) -> None:
        """Puts an e-mail into the outbox; nothing is ever sent."""
        self.execute(
            "INSERT INTO outbox (sent, recipient, subject, body) VALUES (?, ?, ?, ?)",
            (timestamp(self.now()), recipient, subject, body),
        )

    def outbox(self) -> list[Mail]:
        """The e-mails the org would have sent, oldest first."""
        rows = self.execute("SELECT sent, recipient, subject, body FROM outbox ORDER BY id")
        return [Mail(*row) for row in rows]

    # -- below -------------------------------------------------------------------------------

    def _prepare(self) -> None:
        held = self.execute("PRAGMA user_version")[0][0]
        if held == columns.layout_version():
            return
        with self.transaction():
            # Another process may have been faster.
            if self.execute("PRAGMA user_version")[0][0] != columns.layout_version():
                self._create()

    def _create(self) -> None:
        """Makes what is missing: everything in a new org, new columns in one of an older layout."""
        for statement in columns.OWN_TABLES.split(";"):
            self.execute(statement)
        for table in describe.tables().values():
            stored = [field for field in table.fields.values() if field.stored]
            listed = ", ".join(map(columns.column, stored))
            self.execute(f'CREATE TABLE IF NOT EXISTS "{table.name}" ({listed})')
            rows = self.execute("SELECT name FROM pragma_table_info(?)", (table.name,))
            present = {row[0] for row in rows}
            for field in stored:
                if field.name not in present:
                    self.execute(f'ALTER TABLE "{table.name}" ADD COLUMN {columns.column(field)}')
        for index in columns.INDEXES:
            self._index(index)
        for statement in columns.statements(columns.SEATS):
            self.execute(statement)
        self.execute(f"PRAGMA user_version = {columns.layout_version()}")
        if not self.execute('SELECT 1 FROM "Organization"'):
            from provisioner.emulator import seed

            seed.fill(self)

    def _table(self, sobject: str) -> SObject:
        return self.remember(
            ("table", sobject), lambda: describe.stored(sobject.lower(), *self._custom(sobject))
        )

    def _custom(self, sobject: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """What may make an object more than our tables say: custom objects and fields."""
        objects = () if sobject.lower() in describe.tables() else self.custom_objects()
        return objects, self.custom_field_lines()

    def _writer(self, table: SObject) -> Callable[[str, Any], Any]:
        """How rows are written: permissions may be remembered, records of customers never are."""
        return self.execute if table.name in columns.REMEMBERED else self.execute_quietly

    def _index(self, index: tuple[str, ...]) -> None:
        table, *names = index
        name = f"{table}_{'_'.join(names)}"
        quoted = ", ".join(f'"{column}"' for column in names)
        self.execute(f'CREATE INDEX IF NOT EXISTS "{name}" ON "{table}" ({quoted})')

    def _read(self, table: SObject, where: str, params: list[Any]) -> list[dict[str, Any]]:
        custom = self._custom(table.name)
        _, _, listed = columns.reading(table.name, *custom)
        decoded = columns.decoder(table.name, *custom)
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
            lambda: [columns.compared(table, _field(table, name)) for name in equals],
        )
        for (column, kind), value in zip(compared, equals.values(), strict=True):
            plain = kind != columns.CASELESS or not isinstance(value, str) or value.isascii()
            ways = None if plain else texts.spellings(value)
            if ways is not None:
                conditions.append(f"{column} IN ({', '.join('?' * len(ways))})")
                params += ways
                continue
            conditions.append(f"{column} IS ?")
            params.append(columns.stored(kind, value))
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

    def _profile_permission_set(self, profile: Mapping[str, Any], *, by: str) -> None:
        # Each profile owns a permission set that tells its permissions (4.1 [V]). Its name is the
        # key prefix and id of the profile as seen in real orgs: X00e...
        values = {
            "Name": f"X{profile['Id'][:15]}",
            "Label": profile["Name"],
            "ProfileId": profile["Id"],
            "LicenseId": profile["UserLicenseId"],
            "IsOwnedByProfile": True,
            "IsCustom": True,
            "Type": "Profile",
        }
        self.insert("PermissionSet", values | _permissions(profile), by=by)

    def _assign_new(self, user_id: str, profile_id: str | None, *, by: str) -> None:
        # Quietly: nobody can have asked yet what a new user may do.
        sql = 'SELECT "Id" FROM "PermissionSet" WHERE "ProfileId" = ?'
        sets = self.remember(("owned set", profile_id), lambda: self.execute(sql, (profile_id,)))
        for owned in sets:
            values = {"AssigneeId": user_id, "PermissionSetId": owned[0]}
            self.insert("PermissionSetAssignment", values, by=by, quietly=True)

    def _assign_profile(self, user_id: str, profile_id: str | None, *, by: str) -> None:
        # A user is assigned the permission set of the profile, as one of any other set.
        self.execute(
            'DELETE FROM "PermissionSetAssignment" WHERE "AssigneeId" = ? AND "PermissionSetId" IN'
            ' (SELECT "Id" FROM "PermissionSet" WHERE "IsOwnedByProfile" = 1)',
            (user_id,),
        )
        for owned in self.find("PermissionSet", ProfileId=profile_id) if profile_id else ():
            values = {"AssigneeId": user_id, "PermissionSetId": owned}
            self.insert("PermissionSetAssignment", values, by=by)

    def _copy_permissions(self, id_: str, changed: Mapping[str, Any], *, by: str) -> None:
        values = _permissions(changed)
        owned = self.execute('SELECT "Id" FROM "PermissionSet" WHERE "ProfileId" = ?', (id_,))
        if values and owned:
            self.update("PermissionSet", owned[0][0], values, by=by)


def timestamp(moment: datetime) -> str:
    """A moment as Salesforce writes it: `2026-05-01T10:00:00.000+0000` (11.2 [V])."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def parse_timestamp(text: str) -> datetime:
    """The moment that `timestamp` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)


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
    # A custom profile's full name is its name, percent-encoded except for spaces (4.2 [V]).
    if table.name == "Profile" and "Name" in row and "FullName" not in row:
        row["FullName"] = quote(row["Name"], safe=" ").replace(".", "%2E")


def _permissions(profile: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in profile.items() if name.startswith("Permissions")}
