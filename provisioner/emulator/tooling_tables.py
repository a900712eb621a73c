"""What the Tooling API can be asked: setup objects of the org, layouts, fields and objects."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from provisioner.emulator import component_rows, describe, layouts
from provisioner.emulator.describe import Catalog, SObject, parse_field
from provisioner.emulator.rules import permissions, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioner.emulator.store import Org

# Objects of both APIs that this org has (Tooling API reference); data objects are not among them.
_SHARED: Final = frozenset(
    {"organization", "permissionset", "permissionsetassignment", "profile", "user", "userrole"}
)
_SETUP: Final = frozenset({"CustomField", "Layout"})
_STAMPED: Final = (
    "CreatedDate | datetime | Created Date | d",
    "LastModifiedDate | datetime | Last Modified Date | d",
)
# The fields that this org can tell of, those of the Tooling API's reference being many more.
_ENTITIES: Final[Mapping[str, tuple[str | None, str, tuple[str, ...]]]] = {
    "CustomField": ("00N", "queryable createable updateable deletable", (
        "Id | id | Custom Field ID | d",
        "DeveloperName | string 40 | Developer Name | -",
        "TableEnumOrId | string 255 | Entity | -",
        "NamespacePrefix | string 15 | Namespace Prefix | n",
        "FullName | string 255 | Full Name | n nofilter nosort nogroup",
        *_STAMPED,
    )),
    "EntityDefinition": (None, "queryable", (
        "Id | id | Entity Definition ID | d",
        "DurableId | string 255 | Durable ID | -",
        "QualifiedApiName | string 70 | Qualified API Name | n",
        "DeveloperName | string 40 | Developer Name | n",
        "Label | string 70 | Label | n",
        "PluralLabel | string 70 | Plural Label | n",
        "KeyPrefix | string 3 | Key Prefix | n",
        "IsQueryable | boolean | Queryable | d",
        "IsCustomizable | boolean | Customizable | d",
        "IsLayoutable | boolean | Layoutable | d",
    )),
    "FieldDefinition": (None, "queryable", (
        "Id | id | Field Definition ID | d",
        "DurableId | string 255 | Durable ID | -",
        "QualifiedApiName | string 70 | Qualified API Name | n",
        "DeveloperName | string 40 | Developer Name | n",
        "EntityDefinitionId | string 255 | Entity Definition ID | n rel=EntityDefinition",
        "Label | string 255 | Label | n",
        "Length | int 8 | Length | n",
        "DataType | string 255 | Data Type | n",
        "IsNillable | boolean | Nillable | d",
        "IsIndexed | boolean | Indexed | d",
    )),
    "Layout": ("00h", "queryable", (
        "Id | id | Layout ID | d",
        "Name | string 80 | Name | nameField",
        "TableEnumOrId | string 255 | Entity | -",
        "LayoutType | picklist 40 | Layout Type | -",
        "NamespacePrefix | string 15 | Namespace Prefix | n",
        "FullName | string 255 | Full Name | n nofilter nosort nogroup",
        *_STAMPED,
    )),
}  # fmt: skip


def catalog(org: Org, by: str, version: int) -> Catalog:
    """The objects of the Tooling API that exist for a user.

    Users of a portal can not access `Profile` (Tooling API reference [V]), nor the others that are
    not there for them in the other APIs [I]. Who may not view the setup is answered that an entity
    of it is not supported (afawcett/apex-toolingapi issue 19 [Q]); which are meant: guess.
    """
    known = describe.catalog(org, tooling=True, version=version).sobjects
    seen = visible.catalog(org, by, version).sobjects.keys() & _SHARED
    setup = permissions.has(org, by, "ViewSetup")
    own = {name.lower(): _entity(name) for name in _ENTITIES if setup or name not in _SETUP}
    return Catalog({name: known[name] for name in known if name in seen} | own)


def sources(org: Org, by: str, version: int) -> dict[str, str]:
    """The SQL of the rows of those that have no table, by name: what is there for the user."""
    seen = visible.catalog(org, by, version)
    return {
        "CustomField": _table("CustomField", _custom_fields(org)),
        "EntityDefinition": _table("EntityDefinition", _entities(seen)),
        "FieldDefinition": _table("FieldDefinition", _fields(seen)),
        "Layout": _table("Layout", _layouts(org)),
    }


def custom_fields(org: Org) -> list[tuple[str, str]]:
    """Id and full name of each custom field that came by metadata."""
    return [(row.id, unquote(row.full_name)) for row in component_rows.rows(org, "CustomField")]


@lru_cache(maxsize=8)
def _entity(name: str) -> SObject:
    prefix, flags, lines = _ENTITIES[name]
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


def _custom_fields(org: Org) -> Iterable[dict[str, Any]]:
    for row in component_rows.rows(org, "CustomField"):
        table, _, name = unquote(row.full_name).partition(".")
        yield {
            "Id": row.id,
            "DeveloperName": name.removesuffix("__c"),
            "TableEnumOrId": table,
            "FullName": f"{table}.{name}",
            "CreatedDate": row.stamp.created_date,
            "LastModifiedDate": row.stamp.modified_date,
        }


def _layouts(org: Org) -> Iterable[dict[str, Any]]:
    for row in layouts.rows(org):
        table, _, name = row.full_name.partition("-")
        yield {
            "Id": row.id,
            "Name": unquote(name),
            "TableEnumOrId": table,
            "LayoutType": "Standard",
            "FullName": row.full_name,
            "CreatedDate": row.stamp.created_date,
            "LastModifiedDate": row.stamp.modified_date,
        }


def _entities(seen: Catalog) -> Iterable[dict[str, Any]]:
    for sobject in seen.sobjects.values():
        yield {
            "Id": sobject.name,
            "DurableId": sobject.name,
            "QualifiedApiName": sobject.name,
            "DeveloperName": sobject.name.removesuffix("__c"),
            "Label": sobject.label,
            "PluralLabel": sobject.plural,
            "KeyPrefix": sobject.prefix,
            "IsQueryable": "queryable" in sobject.flags,
            "IsCustomizable": "layoutable" in sobject.flags,
            "IsLayoutable": "layoutable" in sobject.flags,
        }


def _fields(seen: Catalog) -> Iterable[dict[str, Any]]:
    for sobject in seen.sobjects.values():
        for field in sobject.fields.values():
            durable = f"{sobject.name}.{field.name.removesuffix('__c')}"
            yield {
                "Id": durable,
                "DurableId": durable,
                "QualifiedApiName": field.name,
                "DeveloperName": field.name.removesuffix("__c"),
                "EntityDefinitionId": sobject.name,
                "Label": field.label,
                "Length": field.length,
                # its words ("Text(255)", "Lookup(User)") are those of Setup: the API's type here
                "DataType": field.type,
                "IsNillable": field.nillable,
                "IsIndexed": field.is_key,
            }


def _table(name: str, rows: Iterable[Mapping[str, Any]]) -> str:
    columns = [
        f"""json_extract(value, '$.{field.name}') {_collation(field.type)} AS "{field.name}\""""
        for field in _entity(name).fields.values()
    ]
    text = json.dumps(list(rows)).replace("'", "''")
    return f"(SELECT {', '.join(columns)} FROM json_each('{text}'))"  # noqa: S608 - quoted above


def _collation(kind: str) -> str:
    return "" if kind in {"boolean", "int"} else "COLLATE NOCASE"
