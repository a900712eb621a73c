"""Turn the edits of a call into a component's XML, as its kind edits it."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from provisioner.kinds import BY_TYPE
from provisioner.kinds.metadata import MetadataKind
from provisioner.kinds.xml import empty, parse, set_text
from provisioner.model.resource import Value


def edited(type_: str, component: bytes, edits: Mapping[str, Value]) -> bytes:
    """The component with only what `edits` names changed. Raises NoPlaceError."""
    root = parse(component)
    _kind(type_).edit_xml(root, edits)
    return etree.tostring(root)


def update(type_: str, component: bytes, edits: Mapping[str, Value]) -> bytes:
    """What `updateMetadata` is sent to make these edits on `component`. Raises NoPlaceError."""
    return etree.tostring(_kind(type_).update_xml(parse(component), edits))


def copied(type_: str, component: bytes, name: str, edits: Mapping[str, Value]) -> bytes:
    """A new component that is a copy of `component` with these edits. Raises NoPlaceError."""
    root = parse(component)
    set_text(root, "fullName", name)
    _kind(type_).copy_xml(root)
    _kind(type_).edit_xml(root, edits)
    return etree.tostring(root)


def built(type_: str, full_name: str, elements: Mapping[str, Value]) -> bytes:
    """A new component with these elements."""
    root = empty(type_, full_name)
    _kind(type_).edit_xml(root, {n: v for n, v in elements.items() if v is not None})
    return etree.tostring(root)


def _kind(type_: str) -> MetadataKind:
    # The types of settings share one kind.
    return BY_TYPE.get(type_) or BY_TYPE["Settings"]
