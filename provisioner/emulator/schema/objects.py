"""What the org's objects and fields are, from our compact tables in `data/`.

A field is one line, `Name | type size | Label | flags`. The first flag word is letters: `c`
createable, `u` updateable, `n` nillable, `p` permissionable, `d` defaulted on create, `-` none.
`updateable=43` and the like say since which version of the API it is so (`versions`).
The rest of what `describe` says follows from the type, as it does in the recordings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from dataclasses import field as dataclass_field
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final

OBJECTS: Final = (
    "Account", "BackgroundOperation", "Case", "Contact", "EmailTemplate", "FieldPermissions",
    "Group", "Lead", "LoginHistory", "Network", "NetworkMember", "NetworkMemberGroup",
    "NetworkSelfRegistration", "ObjectPermissions", "Opportunity", "Organization",
    "PermissionSet", "PermissionSetAssignment", "PersonAccountOwnerPowerUser", "Profile",
    "RecordType", "SetupAuditTrail", "Site", "User", "UserLicense", "UserLogin", "UserRole",
)  # fmt: skip

# May not be written in one transaction with the others (fact 331).
SETUP_OBJECTS: Final = frozenset(
    {"FieldPermissions", "Group", "ObjectPermissions", "Organization", "PermissionSet",
     "PermissionSetAssignment", "Profile", "User", "UserLogin", "UserRole"}
)  # fmt: skip

_AUDIT: Final = (
    "CreatedDate | datetime | Created Date | d",
    "CreatedById | reference User | Created By ID | d rel=CreatedBy",
    "LastModifiedDate | datetime | Last Modified Date | d",
    "LastModifiedById | reference User | Last Modified By ID | d rel=LastModifiedBy",
    "SystemModstamp | datetime | System Modstamp | d",
)
TEXT_TYPES: Final = frozenset(
    {"string", "textarea", "picklist", "multipicklist", "phone", "url", "email", "combobox"}
)
NUMBER_TYPES: Final = frozenset({"int", "double", "currency", "percent"})


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a picklist."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field; the properties are those of `describe`."""

    name: str
    type: str
    label: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    digits: int = 0
    createable: bool = False
    updateable: bool = False
    nillable: bool = False
    permissionable: bool = False
    defaulted: bool = False
    references: tuple[str, ...] = ()
    relationship: str | None = None
    child: str | None = None
    values: tuple[Value, ...] = ()
    compound: str | None = None
    extra: str | None = None
    default: str | None = None
    when: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    custom: bool = False
    formula: str | None = None
    help: str | None = None
    display_format: str | None = None
    order: int | None = None
    updateable_since: int = 0
    unfilterable_since: int = 0

    def __hash__(self) -> int:
        return hash(self.name)  # fields of one object are keys of many a dict

    @property
    def is_text(self) -> bool:
        return self.type in TEXT_TYPES

    @property
    def is_long_text(self) -> bool:
        return self.type == "textarea" and self.length > 255

    @property
    def filterable(self) -> bool:
        return not self.is_long_text and "nofilter" not in self.flags

    @property
    def sortable(self) -> bool:
        return not self.is_long_text and self.type != "address" and "nosort" not in self.flags

    @property
    def groupable(self) -> bool:
        unfit = {"datetime", "double", "currency", "percent", "address"}
        return not self.is_long_text and self.type not in unfit and "nogroup" not in self.flags

    @property
    def aggregatable(self) -> bool:
        unfit = self.type in {"boolean", "address"} or self.is_long_text
        return not unfit and "noagg" not in self.flags

    @property
    def id_lookup(self) -> bool:
        return self.type == "id" or "idLookup" in self.flags

    @property
    def is_key(self) -> bool:
        """Usable in an upsert or as a foreign key: an external id or an idLookup field."""
        return self.id_lookup or "external" in self.flags

    @property
    def restricted(self) -> bool:
        return "restricted" in self.flags

    @property
    def required(self) -> bool:
        """Must be given on create (fact 301)."""
        return self.createable and not self.nillable and not self.defaulted

    @property
    def stored(self) -> bool:
        """Has a column; addresses and counted fields are worked out when read."""
        return self.type != "address" and "computed" not in self.flags


@dataclass(frozen=True, slots=True)
class SObject:
    """One object with the fields that this org has now, by lower-case name.

    `when` is the feature without which an org has no such object, `since` the version of the API
    before which there is none, `createable_since` that before which no record of it can be made.
    """

    name: str
    label: str
    plural: str
    prefix: str | None
    flags: frozenset[str]
    scopes: tuple[Value, ...]
    fields: Mapping[str, Field]
    when: str | None = None
    since: int = 0
    createable_since: int = 0

    def field(self, name: str) -> Field | None:
        """The field of that name, in any case."""
        return self.fields.get(name.lower())

    def relationship(self, name: str) -> Field | None:
        """The reference field whose parent is reached by `name`, in any case."""
        wanted = name.lower()
        for field in self.fields.values():
            if field.relationship and field.relationship.lower() == wanted:
                return field
        return None

    @property
    def name_field(self) -> Field | None:
        return next((f for f in self.fields.values() if "nameField" in f.flags), None)

    @property
    def soft_delete(self) -> bool:
        """Deleted rows stay, marked `IsDeleted`."""
        return "isdeleted" in self.fields


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every object of an org, by lower-case name."""

    sobjects: Mapping[str, SObject]
    prefixes: dict[str, SObject] = dataclass_field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        found = {s.prefix: s for s in reversed([*self.sobjects.values()]) if s.prefix}
        object.__setattr__(self, "prefixes", found)

    def get(self, name: str) -> SObject | None:
        """The object of that name, in any case."""
        return self.sobjects.get(name.lower())

    def by_prefix(self, prefix: str) -> SObject | None:
        """The object of that key prefix."""
        return self.prefixes.get(prefix)

    def children(self, parent: str) -> list[tuple[SObject, Field]]:
        """The objects and fields that refer to `parent`, by object, then field."""
        return [
            (sobject, field)
            for sobject in sorted(self.sobjects.values(), key=lambda s: s.name)
            for field in sobject.fields.values()
            if parent in field.references
        ]


@lru_cache(maxsize=64)
def catalog(
    features: frozenset[str],
    objects: tuple[str, ...],
    custom: tuple[tuple[str, str], ...],
    *,
    tooling: bool,
    era: int,
) -> Catalog:
    """The objects of an org with these features, custom objects and custom fields.

    With `tooling`, as the Tooling API shows them (`Profile.FullName`); `era` is the first version
    of the API that shows them so (`versions`).
    """
    found = {}
    made = {sobject.name.lower(): sobject for sobject in map(_custom_object, objects)}
    for name, whole in {**tables(), **made}.items():
        if (whole.when and whole.when not in features) or era < whole.since:
            continue
        fields = {
            key: field
            for key, field in whole.fields.items()
            if (not field.when or features.intersection(field.when))
            and (tooling or "tooling" not in field.flags)
        }
        for sobject, line in custom:
            if sobject == whole.name:
                field = replace(parse_field(line), custom=True)
                fields[field.name.lower()] = field
        found[name] = _as_of(replace(whole, fields=_owned(fields)), era)
    return Catalog(found)


@lru_cache(maxsize=256)
def stored(name: str, objects: tuple[str, ...], custom: tuple[tuple[str, str], ...]) -> SObject:
    """The object with every field that has a column, whatever the org's features.

    `objects` and `custom` are the org's custom objects and fields; KeyError when there is none.
    """
    whole = tables().get(name.lower())
    if whole is None:
        made = {sobject.name.lower(): sobject for sobject in map(_custom_object, objects)}
        whole = made[name.lower()]
    fields = dict(whole.fields)
    for sobject, line in custom:
        if sobject == whole.name:
            field = replace(parse_field(line), custom=True)
            fields[field.name.lower()] = field
    return replace(whole, fields=_owned(fields))


def _owned(fields: dict[str, Field]) -> dict[str, Field]:
    """The records of a detail belong to the owner of their master (object reference)."""
    if any("master" in field.flags for field in fields.values()):
        return {name: field for name, field in fields.items() if name != "ownerid"}
    return fields


@lru_cache(maxsize=1)
def tables() -> Mapping[str, SObject]:
    """Every object with every field, whatever an org's features, by lower-case name."""
    return {name.lower(): _read(name) for name in OBJECTS}


def field_line(field: Field) -> str:
    """A field as `parse_field` reads it, whatever characters its labels have."""
    written = {name: value for name, value in asdict(field).items() if value is not None}
    return json.dumps(written | {"flags": sorted(field.flags)})


def parse_field(line: str) -> Field:
    """The field that one line of our tables, or one of `field_line`, means."""
    if line.startswith("{"):
        given = json.loads(line)
        lists = {name: tuple(given.get(name, ())) for name in ("references", "when")}
        values = tuple(Value(**value) for value in given.get("values", ()))
        return Field(**given | lists | {"values": values, "flags": frozenset(given["flags"])})
    name, kind, label, flags = (part.strip() for part in line.split("|"))
    type_, _, size = kind.partition(" ")
    letters, *words = flags.split(" ")
    options = dict(word.split("=", 1) for word in words if "=" in word)
    sizes = size.split(",") if size else []
    number = type_ in {"double", "currency", "percent"}
    default = options.get("default")
    return Field(
        name=name,
        type=type_,
        label=label,
        length=18 if type_ in {"id", "reference"} else _int(sizes, 0, type_ in TEXT_TYPES),
        precision=_int(sizes, 0, number),
        scale=_int(sizes, 1, number),
        digits=_int(sizes, 0, type_ == "int"),
        createable="c" in letters,
        updateable="u" in letters,
        nillable="n" in letters,
        permissionable="p" in letters,
        defaulted="d" in letters,
        references=tuple(sizes) if type_ == "reference" else (),
        relationship=options.get("rel"),
        child=options.get("child"),
        values=_values(options["values"]) if "values" in options else (),
        compound=options.get("compound"),
        extra=options.get("extra") or ("plaintextarea" if type_ == "textarea" else None),
        default=default.replace("_", " ") if default else None,
        when=tuple(options["when"].split(",")) if "when" in options else (),
        flags=frozenset(word for word in words if "=" not in word),
        updateable_since=int(options.get("updateable", 0)),
        unfilterable_since=int(options.get("unfilterable", 0)),
    )


def _int(sizes: list[str], at: int, applies: bool) -> int:  # noqa: FBT001 - reads as a table
    return int(sizes[at]) if applies and len(sizes) > at else 0


def _read(name: str) -> SObject:
    return _sobject(name, _json(name))


@lru_cache(maxsize=256)
def _custom_object(text: str) -> SObject:
    data = json.loads(text)
    return _sobject(data["name"], data)


def _sobject(name: str, data: Mapping[str, Any]) -> SObject:
    fields = [parse_field(line) for line in _lines(data["fields"])]
    return SObject(
        name=name,
        label=data["label"],
        plural=data["labelPlural"],
        prefix=data["keyPrefix"],
        flags=frozenset(data["flags"].split()),
        scopes=tuple(_value(text) for text in data["scopes"]),
        fields={field.name.lower(): field for field in fields},
        when=data.get("when"),
        since=data.get("since", 0),
        createable_since=data.get("createableSince", 0),
    )


def _lines(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        match line:
            case "@audit":
                yield from _AUDIT
            case "@permissions":
                for value in _values("permissions"):
                    yield f"Permissions{value.value} | boolean | {value.label} | cud"
            case _:
                yield line


@cache
def _values(name: str) -> tuple[Value, ...]:
    return tuple(_value(text) for text in _picklists()[name])


def _value(text: str) -> Value:
    value, _, label = text.partition("=")
    return Value(value, label or value)


@lru_cache(maxsize=1)
def _picklists() -> Mapping[str, list[str]]:
    return _json("picklists")  # type: ignore[no-any-return]


def _json(name: str) -> Any:
    path = files("provisioner.emulator.schema") / "data" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _as_of(sobject: SObject, version: int) -> SObject:
    """The object as that version shows it; itself where nothing was different."""
    createable = version >= sobject.createable_since
    fields = {
        key: _field_as_of(field, version, createable=createable)
        for key, field in sobject.fields.items()
    }
    flags = sobject.flags if createable else sobject.flags - {"createable"}
    if flags == sobject.flags and all(fields[key] is sobject.fields[key] for key in fields):
        return sobject
    return replace(sobject, flags=flags, fields=fields)


def _field_as_of(field: Field, version: int, *, createable: bool) -> Field:
    if field.createable and not createable:
        field = replace(field, createable=False)
    if field.updateable and version < field.updateable_since:
        field = replace(field, updateable=False)
    if field.unfilterable_since and version >= field.unfilterable_since:
        field = replace(field, flags=field.flags | {"nofilter"})
    return field
