"""Turn the edits of a call into a component's XML, by its Metadata type."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from provisioner.kinds import layout_xml, profile_xml
from provisioner.kinds.xml import empty, parse, set_text
from provisioner.model.resource import Value


def edited(type_: str, component: bytes, edits: Mapping[str, Value]) -> bytes:
    """The component with only what `edits` names changed. Raises NoPlaceError."""
    root = parse(component)
    _edit(type_, root, edits)
    return etree.tostring(root)


def update(type_: str, component: bytes, edits: Mapping[str, Value]) -> bytes:
    """What `updateMetadata` is sent to make these edits on `component`.

    Most types are replaced by an update, so all of it goes back; a profile is merged, so
    only what is owned goes, and nothing else can be undone by it. (platform reference 4.1)
    """
    if type_ == "Profile":
        return etree.tostring(profile_xml.merged_only(parse(component), edits))
    return edited(type_, component, edits)


def built(type_: str, full_name: str, elements: Mapping[str, Value]) -> bytes:
    """A new component that says just this."""
    root = empty(type_, full_name)
    _edit(type_, root, {n: v for n, v in elements.items() if v is not None})
    return etree.tostring(root)


def _edit(type_: str, root: etree._Element, edits: Mapping[str, Value]) -> None:
    match type_:
        case "Layout":
            layout_xml.edit(root, edits)
        case "Profile":
            profile_xml.edit(root, edits)
        case _:
            for name, value in edits.items():
                set_text(root, name, value)
