"""An edited layout has what was asked for, and all else as it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from provisioner.kinds import xml_edit as components
from provisioner.kinds.layout.xml import Placement, placements

FIELDS = ("A", "B", "C", "D", "E")


@st.composite
def layouts(draw):
    """A layout of two sections, S and T, with two columns each, and the five fields in it."""
    root = etree.Element("Layout", nsmap={None: "http://soap.sforce.com/2006/04/metadata"})
    columns = []
    for name in "ST":
        section = etree.SubElement(root, "layoutSections")
        etree.SubElement(section, "label").text = name
        columns += [etree.SubElement(section, "layoutColumns") for _ in range(2)]
    for field in draw(st.permutations(FIELDS))[: draw(st.integers(0, 5))]:
        item = etree.SubElement(draw(st.sampled_from(columns)), "layoutItems")
        etree.SubElement(item, "behavior").text = "Edit"
        etree.SubElement(item, "field").text = field
    text = etree.tostring(root)
    return etree.tostring(etree.fromstring(text))


PLACES = st.none() | st.fixed_dictionaries(
    {"section": st.sampled_from("ST")},
    optional={
        "column": st.sampled_from([1, 2]),
        "behavior": st.sampled_from(["Edit", "Readonly", "Required"]),
    },
)


def edits_of(wanted):
    found = {}
    for field, place in wanted.items():
        found[field] = None if place is None else "on the layout"
        found |= {f"{field}.{part}": value for part, value in (place or {}).items()}
    return found


def column_of(place):
    return place.section, place.column


@given(layouts(), st.dictionaries(st.sampled_from(FIELDS), PLACES, max_size=3))
def test_an_edited_layout_has_what_was_asked_and_all_else_as_it_was(layout, wanted):
    edited = components.edited("Layout", layout, edits_of(wanted))
    before, after = placements(layout), placements(edited)
    assert {f for f, place in wanted.items() if place is None}.isdisjoint(after)
    for field, place in wanted.items():
        if place is None:
            continue
        stays = field in before and before[field].section == place["section"]
        # What is not said of a field that stays in its section is left as it is.
        was = before[field] if stays else Placement("", 1, 1, "Edit")
        moved = field in before and not stays
        assert column_of(after[field]) == (place["section"], place.get("column", was.column))
        assert after[field].behavior == place.get(
            "behavior", before[field].behavior if moved else was.behavior
        )
    others = [(f, column_of(place)) for f, place in before.items() if f not in wanted]
    assert [(f, column_of(place)) for f, place in after.items() if f not in wanted] == others
    assert components.edited("Layout", edited, edits_of(wanted)) == edited
