"""How objects are kept in SQLite: tables, indexes, values, and what is worked out when read."""

from __future__ import annotations

import sqlite3
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base import ids
from provisioner.emulator.schema import objects as describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from provisioner.emulator.schema.objects import Field, SObject

OWN_TABLES: Final = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sequence (prefix TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS custom_field (
  sobject TEXT NOT NULL, name TEXT NOT NULL COLLATE NOCASE, line TEXT NOT NULL,
  PRIMARY KEY (sobject, name));
CREATE TABLE IF NOT EXISTS custom_object (
  name TEXT PRIMARY KEY COLLATE NOCASE, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS metadata_job (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, done INTEGER NOT NULL, status TEXT NOT NULL,
  created_by TEXT NOT NULL, created TEXT NOT NULL, started TEXT, modified TEXT NOT NULL,
  completed TEXT, canceled_by TEXT, options TEXT NOT NULL, zip BLOB NOT NULL,
  result TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS metadata_job_open ON metadata_job (modified) WHERE done = 0;
CREATE TABLE IF NOT EXISTS metadata_component (
  type TEXT NOT NULL, id TEXT NOT NULL, full_name TEXT NOT NULL COLLATE NOCASE, body TEXT NOT NULL,
  created_by TEXT NOT NULL, created_date TEXT NOT NULL, modified_by TEXT NOT NULL,
  modified_date TEXT NOT NULL, PRIMARY KEY (type, id), UNIQUE (type, full_name));
CREATE TABLE IF NOT EXISTS portal_profile (
  portal_id TEXT NOT NULL, profile_id TEXT NOT NULL, PRIMARY KEY (portal_id, profile_id));
CREATE TABLE IF NOT EXISTS session (
  token TEXT PRIMARY KEY, user_id TEXT NOT NULL, kind TEXT NOT NULL, expires TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS session_expires ON session (expires);
CREATE TABLE IF NOT EXISTS oauth_code (
  code TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, expires TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS oauth_approval (user_id TEXT PRIMARY KEY, scopes TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refresh_token (token TEXT PRIMARY KEY, user_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refreshed (token TEXT NOT NULL, session TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS oauth_scope (token TEXT PRIMARY KEY, scope TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS recycled (
  id TEXT PRIMARY KEY, sobject TEXT NOT NULL, root TEXT NOT NULL, gone TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS recycled_root ON recycled (root);
CREATE INDEX IF NOT EXISTS recycled_gone ON recycled (gone);
CREATE TABLE IF NOT EXISTS recycled_link (
  root TEXT NOT NULL, sobject TEXT NOT NULL, id TEXT NOT NULL, field TEXT NOT NULL, value TEXT);
CREATE INDEX IF NOT EXISTS recycled_link_root ON recycled_link (root);
CREATE TABLE IF NOT EXISTS outbox (
  id INTEGER PRIMARY KEY, sent TEXT NOT NULL, recipient TEXT NOT NULL, subject TEXT NOT NULL,
  body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS password (
  user_id TEXT PRIMARY KEY, salt TEXT NOT NULL, digest TEXT NOT NULL, expired INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS password_history (
  id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, salt TEXT NOT NULL, digest TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS password_history_user ON password_history (user_id);
CREATE TABLE IF NOT EXISTS security_token (
  user_id TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS challenge (
  ticket TEXT PRIMARY KEY, user_id TEXT NOT NULL, code TEXT NOT NULL, tries INTEGER NOT NULL,
  until TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS activation (
  user_id TEXT NOT NULL, browser TEXT NOT NULL, PRIMARY KEY (user_id, browser)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forgotten (user_id TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS reset_link (
  user_id TEXT PRIMARY KEY, digest TEXT NOT NULL, until TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lockout (
  user_id TEXT PRIMARY KEY, until TEXT NOT NULL) WITHOUT ROWID;
DROP TABLE IF EXISTS query_cursor;
CREATE TABLE IF NOT EXISTS cursor (
  id TEXT PRIMARY KEY, soql TEXT NOT NULL, deleted INTEGER NOT NULL, batch INTEGER NOT NULL,
  total INTEGER NOT NULL, expires TEXT);
CREATE INDEX IF NOT EXISTS cursor_expires ON cursor (expires);
CREATE TABLE IF NOT EXISTS cursor_ids (
  cursor_id TEXT NOT NULL, first INTEGER NOT NULL, ids TEXT NOT NULL,
  PRIMARY KEY (cursor_id, first));
CREATE TABLE IF NOT EXISTS bulk_job (id TEXT PRIMARY KEY, kind TEXT NOT NULL, info TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS bulk_job_waiting ON bulk_job (id) WHERE kind = 'V2Ingest'
  AND json_extract(info, '$.state') IN ('UploadComplete', 'InProgress');
CREATE INDEX IF NOT EXISTS bulk_job_running ON bulk_job (id) WHERE kind = 'V2Query'
  AND json_extract(info, '$.state') = 'InProgress';
DROP TABLE IF EXISTS bulk_data;
CREATE TABLE IF NOT EXISTS bulk_text (
  job_id TEXT NOT NULL, batch TEXT NOT NULL, piece INTEGER NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (job_id, batch, piece));
CREATE TABLE IF NOT EXISTS bulk_rows (
  job_id TEXT NOT NULL, first INTEGER NOT NULL, rows TEXT NOT NULL, PRIMARY KEY (job_id, first));
CREATE TABLE IF NOT EXISTS bulk_result (
  job_id TEXT NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, done TEXT NOT NULL,
  failed TEXT NOT NULL, PRIMARY KEY (job_id, first));
CREATE TABLE IF NOT EXISTS site_job (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, about TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS site_welcome (
  network_id TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (network_id, user_id));
CREATE TABLE IF NOT EXISTS bulk_batch (
  id TEXT PRIMARY KEY, job_id TEXT NOT NULL, info TEXT NOT NULL, results TEXT);
"""
# Seats are counted as users come and go: each new user asks whether one is left.
SEATS: Final = """
CREATE TABLE IF NOT EXISTS seat (
  profile_id TEXT PRIMARY KEY, used INTEGER NOT NULL) WITHOUT ROWID;
DELETE FROM seat;
INSERT INTO seat SELECT "ProfileId", SUM("IsActive") FROM "User" WHERE "ProfileId" IS NOT NULL
  GROUP BY "ProfileId";
CREATE TRIGGER IF NOT EXISTS seat_taken AFTER INSERT ON "User" WHEN NEW."ProfileId" IS NOT NULL
BEGIN
  INSERT INTO seat VALUES (NEW."ProfileId", NEW."IsActive")
    ON CONFLICT (profile_id) DO UPDATE SET used = used + excluded.used;
END;
CREATE TRIGGER IF NOT EXISTS seat_left AFTER UPDATE OF "ProfileId", "IsActive" ON "User"
BEGIN
  UPDATE seat SET used = used - OLD."IsActive" WHERE profile_id = OLD."ProfileId";
  INSERT INTO seat SELECT NEW."ProfileId", NEW."IsActive" WHERE NEW."ProfileId" IS NOT NULL
    ON CONFLICT (profile_id) DO UPDATE SET used = used + excluded.used;
END;
"""
INDEXES: Final = (
    ("User", "Username"), ("User", "Email"), ("User", "Name"), ("User", "ContactId"),
    ("User", "AccountId"), ("User", "CommunityNickname"), ("User", "ProfileId", "IsActive"),
    ("User", "FederationIdentifier"), ("Contact", "Email"), ("Contact", "Name"),
    ("Contact", "AccountId"), ("Contact", "ReportsToId"), ("Account", "ParentId"),
    ("Account", "Name"), ("Account", "AccountNumber"),
    ("Account", "OwnerId"), ("Profile", "Name"), ("Profile", "UserLicenseId"),
    ("UserRole", "PortalAccountId"), ("UserRole", "PortalAccountOwnerId", "PortalRole"),
    ("PermissionSet", "ProfileId"),
    ("PermissionSetAssignment", "AssigneeId"), ("ObjectPermissions", "ParentId"),
    ("FieldPermissions", "ParentId"), ("Case", "ContactId"),
    ("Case", "AccountId"), ("LoginHistory", "UserId", "LoginTime"), ("UserLogin", "UserId"),
    ("Opportunity", "AccountId"), ("Opportunity", "ContactId"),
    ("NetworkMember", "NetworkId", "MemberId"), ("NetworkMember", "MemberId"),
    ("NetworkMemberGroup", "ParentId"), ("NetworkSelfRegistration", "AccountId"),
    ("PermissionSetAssignment", "PermissionSetId"), ("EmailTemplate", "DeveloperName"),
)  # fmt: skip

# Objects whose rows tell what somebody may do or how records are kept: `Database.remember` may
# keep what was read of them, until one of them is written.
REMEMBERED: Final = describe.SETUP_OBJECTS - {"User", "UserLogin"} | {"NetworkMemberGroup"}

# Worked out when read; `{t}` is the table or its alias.
COMPUTED: Final[Mapping[tuple[str, str], str]] = {
    # Active users count (fact 336).
    ("UserLicense", "UsedLicenses"): (
        '(SELECT COALESCE(SUM(s.used), 0) FROM "Profile" AS p JOIN seat AS s'
        ' ON s.profile_id = p."Id" WHERE p."UserLicenseId" = {t}."Id")'
    ),
    ("Case", "IsClosed"): "COALESCE({t}.\"Status\" = 'Closed', 0)",
    ("Opportunity", "IsClosed"): "COALESCE({t}.\"StageName\" IN ('Closed Won', 'Closed Lost'), 0)",
    ("Opportunity", "IsWon"): "COALESCE({t}.\"StageName\" = 'Closed Won', 0)",
}
CASELESS: Final = "caseless text"  # a kind of values: text that is equal in any case
_TEXTS: Final = ("text", CASELESS)
ADDRESS_PARTS: Final = (
    "City", "Country", "GeocodeAccuracy", "Latitude", "Longitude", "PostalCode", "State", "Street",
)  # fmt: skip


def layout_version() -> int:
    """Changes when a table or column does, so that an older file is brought up to date."""
    names = [
        (t.name, f.name, f.type) for t in describe.tables().values() for f in t.fields.values()
    ]
    return zlib.crc32(repr((names, OWN_TABLES, SEATS, INDEXES)).encode()) & 0x7FFFFFFF


def statements(script: str) -> list[str]:
    """The statements of a script; those with a body in BEGIN and END are kept whole."""
    found, held = [], ""
    for part in script.split(";"):
        held += f"{part};"
        if sqlite3.complete_statement(held):
            found.append(held.strip())
            held = ""
    return found


def column(field: Field) -> str:
    """The column of a field in CREATE TABLE; text compares without case as in SOQL."""
    match field.type:
        case "id":
            return '"Id" TEXT PRIMARY KEY NOT NULL'
        case "reference" | "date" | "datetime":
            return f'"{field.name}" TEXT'
        case "boolean":
            return f'"{field.name}" INTEGER NOT NULL DEFAULT {int(field.default == "true")}'
        case "int":
            return f'"{field.name}" INTEGER'
        case "double" | "currency" | "percent":
            return f'"{field.name}" REAL'
        case _:
            case_sensitive = "caseSensitive" in field.flags
            return f'"{field.name}" TEXT' + ("" if case_sensitive else " COLLATE NOCASE")


@lru_cache(maxsize=64)
def reading(
    sobject: str, objects: tuple[str, ...], custom: tuple[tuple[str, str], ...]
) -> tuple[list[Field], list[Field], str]:
    """How whole rows are read: every field, those with a value in SQL, and the SELECT list."""
    fields = [*describe.stored(sobject, objects, custom).fields.values()]
    stored = [field for field in fields if field.type != "address"]
    listed = ", ".join(expression(sobject, field, f'"{sobject}"') for field in stored)
    return fields, stored, listed


@lru_cache(maxsize=64)
def decoder(
    sobject: str, objects: tuple[str, ...], custom: tuple[tuple[str, str], ...]
) -> Callable[[Iterable[Any]], dict[str, Any]]:
    """Makes a whole row by field name from the columns that `reading` lists."""
    fields, stored, _ = reading(sobject, objects, custom)
    names = [field.name for field in stored]
    kinds = {field.name: field.type for field in stored}
    flags = [name for name in names if kinds[name] == "boolean"]
    numbers = [name for name in names if kinds[name] in {"double", "currency", "percent"}]
    addresses = [field.name for field in fields if field.type == "address"]
    order = [field.name for field in fields]

    def decoded(row: Iterable[Any]) -> dict[str, Any]:
        values: dict[str, Any] = dict(zip(names, row, strict=True))
        for name in flags:
            values[name] = None if values[name] is None else bool(values[name])
        for name in numbers:
            values[name] = None if values[name] is None else float(values[name])
        for name in addresses:
            values[name] = address(name.removesuffix("Address"), values)
        return {name: values[name] for name in order} if addresses else values

    return decoded


class Insertion:
    """How rows of a table are inserted that give values for `names`, beside the defaults."""

    def __init__(self, table: SObject, defaults: Mapping[str, Any], names: tuple[str, ...]) -> None:
        given = frozenset(names)
        listed = [*(name for name in defaults if name not in given), *names]
        fields = [table.fields[name.lower()] for name in listed]
        quoted = ", ".join(f'"{field.name}"' for field in fields)
        marks = ", ".join("?" * len(fields))
        self.sql = f'INSERT INTO "{table.name}" ({quoted}) VALUES ({marks})'  # noqa: S608 - our names
        rest = fields[: len(listed) - len(names)]
        self._defaults = [encode(field, defaults[field.name]) for field in rest]
        self._kinds = [_kind(field) for field in fields[len(rest) :]]

    def cells(self, values: Iterable[Any]) -> list[Any]:
        """The parameters of `sql` for the values of `names`, in their order."""
        return [*self._defaults, *map(stored, self._kinds, values)]


def expression(sobject: str, field: Field, alias: str) -> str:
    """The SQL that reads a field of the table or alias given, already quoted."""
    if (sobject, field.name) in COMPUTED:
        return COMPUTED[sobject, field.name].format(t=alias)
    return f'{alias}."{field.name}"'


def selection(table: SObject, names: Iterable[str]) -> tuple[str, list[str]]:
    """The statement that reads fields of one row by its Id, and the type of each for `shown`."""
    fields = [table.fields[name.lower()] for name in names]
    listed = ", ".join(f'"{field.name}"' for field in fields)
    sql = f'SELECT {listed} FROM "{table.name}" WHERE "Id" = ?'  # noqa: S608 - our names
    return sql, [field.type for field in fields]


def compared(table: SObject, field: Field) -> tuple[str, str]:
    """The SQL of a field of its own table, and the kind of its values for `stored`."""
    return expression(table.name, field, f'"{table.name}"'), _kind(field)


def decode(field: Field, value: Any) -> Any:
    """A stored value as JSON shows it."""
    return shown(field.type, value)


def shown(kind: str, value: Any) -> Any:
    """A stored value of that type as JSON shows it."""
    if value is None:
        return None
    match kind:
        case "boolean":
            return bool(value)
        case "double" | "currency" | "percent":
            return float(value)
        case _:
            return value


def address(prefix: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The compound value of `<prefix>Address` from its parts; null when every part is."""
    parts = {part[0].lower() + part[1:]: row.get(prefix + part) for part in ADDRESS_PARTS}
    return parts if any(value is not None for value in parts.values()) else None


def encode(field: Field, value: Any) -> Any:
    """A value as it is stored."""
    return stored(_kind(field), value)


def stored(kind: str, value: Any) -> Any:
    """A value as it is stored in a column of that kind."""
    if isinstance(value, str):
        if kind == "id":
            return ids.normal(value) or value
        # Salesforce does not tell an empty text from null
        return None if not value and kind in _TEXTS else value
    return int(value) if isinstance(value, bool) else value


def _kind(field: Field) -> str:
    if field.is_text:
        return "text" if "caseSensitive" in field.flags else CASELESS
    return "id" if field.type in {"id", "reference"} else ""
