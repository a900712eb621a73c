"""Metadata components as XML: read their values, and change only what is managed.

A component is the container element that the Metadata API answers, as bytes. Everything
that an edit does not name is left as it came, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from provisioner.model.resource import Ref, Value

if TYPE_CHECKING:
    from lxml.etree import _Element

    Element = _Element
else:
    Element = Any

# lxml is imported where it is used: commands that never read an org do without it.
NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
_NAMESPACES: Any = {None: NAMESPACE, "xsi": "http://www.w3.org/2001/XMLSchema-instance"}
_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


def parse(component: bytes) -> Element:
    """The container element. Entities are not resolved: an org is not to be trusted."""
    from lxml import etree

    return etree.fromstring(component, etree.XMLParser(resolve_entities=False))


def empty(type_: str, full_name: str) -> Element:
    """A new component of this type with nothing but its full name."""
    from lxml import etree

    root = etree.Element(
        tag("records"),
        {_XSI_TYPE: type_},
        nsmap=_NAMESPACES,
    )
    set_text(root, "fullName", full_name)
    return root


def new(name: str) -> Element:
    """A new element without a parent."""
    from lxml import etree

    return etree.Element(tag(name))


def tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def text(parent: Element, name: str) -> str | None:
    """The text of a child, `None` when there is no such child or nothing in it."""
    child = parent.find(tag(name))
    return None if child is None else child.text


def flag(parent: Element, name: str) -> bool:
    return text(parent, name) == "true"


def spelled(value: Value) -> str:
    """A value as XML text."""
    assert not isinstance(value, Ref), "an element never holds an Id"
    return str(value).lower() if isinstance(value, bool) else str(value)


def set_text(parent: Element, name: str, value: Value) -> None:
    """Give `parent` this one child, in the place the schema has for it; `None` removes it.

    Elements of every type used here stand in alphabetical order, but for `fullName`,
    which is first. (Metadata API WSDL)
    """
    child = parent.find(tag(name))
    if value is None:
        if child is not None:
            remove(child)
        return
    if child is None:
        child = new(name)
        insert(parent, child)
    child.text = spelled(value)


def insert(parent: Element, child: Element) -> None:
    """Put `child` after its siblings with the same name, or in alphabetical order."""
    order = _order(child)
    place = next((i for i, other in enumerate(parent) if _order(other) > order), len(parent))
    parent.insert(place, child)


def remove(child: Element) -> None:
    """Remove an element, and keep the white space around it."""
    parent = child.getparent()
    assert parent is not None, "the container itself is never removed"
    before = child.getprevious()
    if child.tail and before is not None:
        before.tail = child.tail
    elif child.tail:
        parent.text = child.tail
    parent.remove(child)


def _order(element: Element) -> tuple[bool, str]:
    name = local_name(element)
    return name != "fullName", name


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def flat(component: bytes) -> Mapping[str, str | bool | None]:
    """The top-level elements of a component that holds only plain ones."""
    values: dict[str, str | bool | None] = {}
    for child in parse(component):
        name = local_name(child)
        values[name] = {"true": True, "false": False}.get(child.text or "", child.text)
    return values
