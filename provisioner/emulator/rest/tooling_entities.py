"""What the Tooling API can be asked: setup objects of the org, layouts, fields and objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from provisioner.emulator.access import definitions, permissions, visible
from provisioner.emulator.metadata.types import layout
from provisioner.emulator.schema import virtual
from provisioner.emulator.schema.objects import Catalog
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioner.emulator.schema.objects import SObject
    from provisioner.emulator.schema.virtual import Rows
    from provisioner.emulator.store.org import Org

# Objects of both APIs that this org has (Tooling API reference); data objects are not among them.
_SHARED: Final = frozenset(
    {"organization", "permissionset", "permissionsetassignment", "profile", "user", "userrole"}
)
_SETUP: Final = frozenset({"CustomField", "CustomObject", "Layout"})
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
    "CustomObject": ("01I", "queryable", (
        "Id | id | Custom Object ID | d",
        "DeveloperName | string 40 | Developer Name | -",
        "NamespacePrefix | string 15 | Namespace Prefix | n",
        *_STAMPED,
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
    known = org.catalog(tooling=True, version=version).sobjects
    seen = visible.catalog(org, by, version).sobjects.keys() & _SHARED
    setup = permissions.has(org, by, "ViewSetup")
    own = {name.lower(): _entity(name) for name in _ENTITIES if setup or name not in _SETUP}
    shared = {name: known[name] for name in known if name in seen}
    return definitions.added(Catalog(shared | own))


def sources(org: Org, by: str, version: int) -> dict[str, Rows]:
    """What makes the SQL of the rows that have no table, by name: what is there for the user."""
    return {
        "CustomField": lambda: virtual.rows(_entity("CustomField"), _custom_fields(org)),
        "CustomObject": lambda: virtual.rows(_entity("CustomObject"), _custom_objects(org)),
        "Layout": lambda: virtual.rows(_entity("Layout"), _layouts(org)),
        **definitions.sources(org, visible.catalog(org, by, version)),
    }


def custom_fields(org: Org) -> list[tuple[str, str]]:
    """Id and full name of each custom field that came by metadata."""
    return [(row.id, unquote(row.full_name)) for row in components.rows(org, "CustomField")]


def _entity(name: str) -> SObject:
    return virtual.entity(name, *_ENTITIES[name])


def _custom_fields(org: Org) -> Iterable[dict[str, Any]]:
    for row in components.rows(org, "CustomField"):
        table, _, name = unquote(row.full_name).partition(".")
        yield {
            "Id": row.id,
            "DeveloperName": name.removesuffix("__c"),
            "TableEnumOrId": table,
            "FullName": f"{table}.{name}",
            "CreatedDate": row.stamp.created_date,
            "LastModifiedDate": row.stamp.modified_date,
        }


def _custom_objects(org: Org) -> Iterable[dict[str, Any]]:
    for row in components.rows(org, "CustomObject"):
        yield {
            "Id": row.id,
            "DeveloperName": unquote(row.full_name).removesuffix("__c"),
            "CreatedDate": row.stamp.created_date,
            "LastModifiedDate": row.stamp.modified_date,
        }


def _layouts(org: Org) -> Iterable[dict[str, Any]]:
    for row in layout.rows(org):
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
