"""The permissions of a profile in its Metadata XML, one managed entry at a time.

A profile is read only partially, so an absent entry does not mean "no". (fact 514)
"""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.kinds.xml import Element, empty, flag, insert, new, parse, set_text, tag, text
from provisioner.model.resource import Value

# Our words for the flags of ProfileObjectPermissions, in the order Salesforce needs them:
# each rests on those before it.
OBJECT_FLAGS: Mapping[str, str] = {
    "read": "allowRead",
    "create": "allowCreate",
    "edit": "allowEdit",
    "delete": "allowDelete",
    "viewAll": "viewAllRecords",
    "modifyAll": "modifyAllRecords",
}
FIELD_FLAGS: Mapping[str, str] = {"read": "readable", "edit": "editable"}


def values(component: bytes) -> Mapping[str, Value]:
    """The fields of a profile by flat name, such as `objectPermissions.Case`."""
    root = parse(component)
    fields: dict[str, Value] = {
        "description": text(root, "description"),
        "userLicense": text(root, "userLicense"),
    }
    for entry in root.findall(tag("objectPermissions")):
        fields[f"objectPermissions.{text(entry, 'object')}"] = _granted(entry, OBJECT_FLAGS)
    for entry in root.findall(tag("fieldPermissions")):
        fields[f"fieldPermissions.{text(entry, 'field')}"] = _granted(entry, FIELD_FLAGS)
    for entry in root.findall(tag("userPermissions")):
        fields[f"userPermissions.{text(entry, 'name')}"] = flag(entry, "enabled")
    for entry in root.findall(tag("layoutAssignments")):
        layout = text(entry, "layout") or ""
        of = text(entry, "recordType") or layout.partition("-")[0]
        fields[f"layoutAssignments.{of}"] = layout
    return fields


def edit(root: Element, edits: Mapping[str, Value]) -> None:
    """Set the entries that `edits` names; the other entries are not changed."""
    for name, value in edits.items():
        section, _, key = name.partition(".")
        match section:
            case "objectPermissions":
                _grant(_entry(root, section, "object", key), OBJECT_FLAGS, value)
            case "fieldPermissions":
                _grant(_entry(root, section, "field", key), FIELD_FLAGS, value)
            case "userPermissions":
                set_text(_entry(root, section, "name", key), "enabled", value)
            case "layoutAssignments":
                _assign(root, key, value)
            case "description":
                # A profile's update is merged: only an empty element clears.
                set_text(root, section, "" if value is None else value)
            case _:
                set_text(root, section, value)


def merged_only(root: Element, edits: Mapping[str, Value]) -> Element:
    """A profile with only the entries of `edits`: Salesforce merges it into the rest."""
    small = empty("Profile", text(root, "fullName") or "")
    edit(small, edits)
    return small


def _granted(entry: Element, flags: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(word for word, element in flags.items() if flag(entry, element))


def _grant(entry: Element, flags: Mapping[str, str], value: Value) -> None:
    words = value if isinstance(value, tuple) else ()
    for word, element in flags.items():
        set_text(entry, element, word in words)


def _entry(root: Element, section: str, key: str, name: str) -> Element:
    for entry in root.findall(tag(section)):
        if (text(entry, key) or "").casefold() == name.casefold():
            return entry
    entry = new(section)
    set_text(entry, key, name)
    insert(root, entry)
    return entry


def _assign(root: Element, of: str, layout: Value) -> None:
    record_type = of if "." in of else None
    for entry in root.findall(tag("layoutAssignments")):
        on = (text(entry, "layout") or "").partition("-")[0]
        if text(entry, "recordType") == record_type and on == of.partition(".")[0]:
            break
    else:
        entry = new("layoutAssignments")
        insert(root, entry)
    set_text(entry, "layout", layout)
    set_text(entry, "recordType", record_type)
