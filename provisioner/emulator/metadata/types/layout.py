"""Page layouts: kept as XML, replaced as a whole, checked against the object's fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from lxml import etree

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.schema.standard_layouts import STANDARD_LAYOUTS
from provisioner.emulator.schema.wsdl import NAMESPACE, Value, wsdl
from provisioner.emulator.store import components
from provisioner.emulator.store.components import Listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.emulator.schema.objects import Field, SObject
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org

# fact 526 names the rule; which fields is general knowledge [U]
_REQUIRED_FIELDS: Final = {"Account": ("Name",), "Contact": ("Name",), "Case": ("Status",)}
_COLUMNS: Final = {  # what the styles are named after; CustomLinks has three in recordings [V]
    "OneColumn": 1,
    "TwoColumnsTopToBottom": 2,
    "TwoColumnsLeftToRight": 2,
    "CustomLinks": 3,
}
_KEY_PREFIX: Final = "00h"


def rows(org: Org) -> list[Row]:
    """All layouts by full name, those of a new org made on the first call."""
    _ensure(org)
    return components.rows(org, "Layout")


def find(org: Org, full_name: str) -> Row | None:
    """The layout of that full name."""
    _ensure(org)
    return components.by_name(org, "Layout", full_name)


class Layouts:
    """The kind `Layout`; see `registry.Kind` for the promises."""

    name = "Layout"
    directory = "layouts"
    suffix = "layout"

    def list(self, org: Org) -> list[Listed]:
        return [Listed(row.id, row.full_name, row.stamp) for row in rows(org)]

    def read(self, org: Org, full_name: str) -> Value | None:
        row = find(org, full_name)
        return None if row is None else {"fullName": row.full_name} | _from_xml(row.body)

    def create(self, org: Org, values: Value, by: str) -> None:
        full_name = values["fullName"]
        if find(org, full_name) is not None:
            raise _refused("DUPLICATE_DEVELOPER_NAME", f"Layout already exists: {full_name}")
        body = _checked(org, values)
        id_ = org.new_id(_KEY_PREFIX)
        components.add(org, self.name, id_, full_name, body, by)
        org.audit(by, "createdlayout", "Page Layouts", f"Created layout {unquote(full_name)}")

    def update(self, org: Org, values: Value, by: str) -> None:
        row = self._existing(org, values["fullName"])
        components.change(org, self.name, row.id, row.full_name, _checked(org, values), by)
        display = f"Changed page layout {_label(row.full_name)}"
        org.audit(by, "changedlayout", "Page Layouts", display)

    def delete(self, org: Org, full_name: str, by: str) -> None:
        row = self._existing(org, full_name)
        sobject = _sobject(row.full_name)
        if sum(_sobject(other.full_name) == sobject for other in rows(org)) == 1:
            # fact 526: refused [V], code and text guess
            raise _refused("DELETE_FAILED", f"Cannot delete the last layout of {sobject}")
        components.remove(org, self.name, row.id)
        display = f"Deleted page layout {_label(row.full_name)}"
        org.audit(by, "deletedlayout", "Page Layouts", display)

    def rename(self, org: Org, old: str, new: str, by: str) -> None:
        row = self._existing(org, old)
        if _sobject(new) != _sobject(row.full_name):
            raise _refused("INVALID_CROSS_REFERENCE_KEY", f"Invalid layout name: {new}")  # guess
        taken = find(org, new)
        if taken is not None and taken.id != row.id:
            raise _refused("DUPLICATE_DEVELOPER_NAME", f"Layout already exists: {new}")
        components.change(org, self.name, row.id, new, row.body, by)
        display = f"Renamed page layout {_label(row.full_name)} to {_label(new)}"
        org.audit(by, "renamedlayout", "Page Layouts", display)

    def _existing(self, org: Org, full_name: str) -> Row:
        row = find(org, full_name)
        if row is None:
            # wording as certinia/apex-mdapi issue 86 has it for list views [V]
            raise _refused(
                "INVALID_CROSS_REFERENCE_KEY",
                f"In field: fullName - no Layout named {full_name} found",
            )
        return row


def make_first(org: Org, sobject: str, label: str, by: str) -> None:
    """The layout that a new custom object has from the start: its name and its owner [U]."""
    described = org.catalog().get(sobject)
    assert described is not None, "just made"
    name = described.name_field
    behavior = "Required" if name is not None and name.createable else "Readonly"
    items = [{"behavior": behavior, "field": "Name"}, {"behavior": "Edit", "field": "OwnerId"}]
    section = {
        "customLabel": False,
        "detailHeading": False,
        "editHeading": True,
        "label": "Information",
        "layoutColumns": [{"layoutItems": [items[0]]}, {"layoutItems": [items[1]]}],
        "style": "TwoColumnsTopToBottom",
    }
    full_name = f"{sobject}-{label} Layout"
    body = _to_xml({"layoutSections": [section]})
    components.add(org, "Layout", org.new_id(_KEY_PREFIX), full_name, body, by)


def take_off(org: Org, sobject: str, field: str) -> None:
    """Removes a field from every layout of an object."""
    for row in rows(org):
        if _sobject(row.full_name).lower() != sobject.lower():
            continue
        root = etree.fromstring(row.body)
        found = [
            item
            for item in root.iter(f"{{{NAMESPACE}}}layoutItems")
            if item.findtext(f"{{{NAMESPACE}}}field") == field
        ]
        for item in found:
            column = item.getparent()
            assert column is not None, "an item stands in a column"
            column.remove(item)
        if found:
            text = etree.tostring(root, encoding="unicode")
            by = row.stamp.modified_by
            components.change(org, "Layout", row.id, row.full_name, text, by)


def _ensure(org: Org) -> None:
    """Gives an org its standard layouts when the first one is asked for."""
    if components.rows(org, "Layout"):
        return
    with org.transaction():
        if components.rows(org, "Layout"):
            return  # another client asked at the same time
        (organization,) = org.select("Organization")
        by = organization["CreatedById"]
        for layout in STANDARD_LAYOUTS:
            id_ = org.new_id(_KEY_PREFIX)
            body = _to_xml(layout.values(id_))
            components.add(org, "Layout", id_, layout.full_name, body, by)


def _checked(org: Org, values: Value) -> str:
    """The XML to store; raises a SalesforceError for the first rule that is broken."""
    sobject = _sobject(values["fullName"])
    described = org.catalog().get(sobject)
    if described is None or "layoutable" not in described.flags:
        # wording of public deployment logs [V]
        raise _refused("INVALID_CROSS_REFERENCE_KEY", f"no CustomObject named {sobject} found")
    sections = values.get("layoutSections", [])
    if not sections:
        # certinia/df12-deployment-tools issue 5 [V]
        raise _refused("FIELD_INTEGRITY_EXCEPTION", "Layout must have at least 1 section")
    for section in sections:
        most = _COLUMNS[section["style"]]
        # fewer are taken: zeep, for one, drops empty columns from what it read
        if len(section.get("layoutColumns", [])) > most:
            raise _refused(
                "FIELD_INTEGRITY_EXCEPTION",
                f"Section {section.get('label', '')} has more than {most} column(s)",  # guess
            )
    _check_items(described, list(_items(sections)))
    _check_related_lists(values.get("relatedLists", []))
    return _to_xml({name: value for name, value in values.items() if name != "fullName"})


def _check_items(sobject: SObject, items: list[Value]) -> None:
    used: dict[str, str] = {}
    for item in items:
        if "field" not in item:
            continue
        name = item["field"]
        field = sobject.field(name)
        # a part of a name or of an address stands on no layout of its own [U]
        if field is None or field.compound not in {None, field.name}:
            # public deployment logs [V]
            raise _refused(
                "INVALID_CROSS_REFERENCE_KEY",
                f"In field: field - no CustomField named {sobject.name}.{name} found",
            )
        name = field.name
        if name in used:
            # refused, fact 526; the wording is the one that related lists have
            # in certinia/apex-mdapi issue 45
            raise _refused(
                "DUPLICATE_VALUE", f"Field: layoutItems, value:{name} appears more than once"
            )
        behavior = used[name] = item.get("behavior", "Edit")
        if behavior != "Readonly" and _is_read_only(field):
            # as "Field:Status must be Required", public notes of deployments [V]; here [I]
            raise _refused("FIELD_INTEGRITY_EXCEPTION", f"Field:{name} must be Readonly")
    required = _REQUIRED_FIELDS.get(sobject.name, ())
    name_field = sobject.name_field
    if sobject.name.endswith("__c") and name_field is not None and name_field.createable:
        required = ("Name",)  # as for the standard objects [U]
    for name in required:
        if name not in used:
            # public deployment logs [V]
            raise _refused(
                "FIELD_INTEGRITY_EXCEPTION",
                f"Layout must contain an item for required layout field: {name}",
            )
        if used[name] != "Required":
            # public deployment logs [V]
            raise _refused("FIELD_INTEGRITY_EXCEPTION", f"Field:{name} must be Required")


def _check_related_lists(lists: list[Value]) -> None:
    seen: set[str] = set()
    for related in lists:
        name = related["relatedList"]
        if name in seen:
            # certinia/apex-mdapi issue 45 [V]
            raise _refused(
                "DUPLICATE_VALUE", f"Field: relatedLists, value:{name} appears more than once"
            )
        seen.add(name)


def _items(sections: list[Value]) -> Iterator[Value]:
    for section in sections:
        for column in section.get("layoutColumns", []):
            yield from column.get("layoutItems", [])


def _is_read_only(field: Field) -> bool:
    """A field nobody can write. The name and the addresses are written through their parts."""
    writable = field.createable or field.updateable
    return not writable and field.type != "address" and field.name != "Name"


def _sobject(full_name: str) -> str:
    return unquote(full_name).partition("-")[0]


def _label(full_name: str) -> str:
    return unquote(full_name).partition("-")[2]


def _refused(code: str, message: str) -> SalesforceError:
    return SalesforceError(code, message, ())


def _to_xml(values: Value) -> str:
    node: Any = wsdl().build("Layout", "Layout", values)
    return etree.tostring(node, encoding="unicode")


def _from_xml(text: str) -> Value:
    return wsdl().read(etree.fromstring(text), "Layout")
