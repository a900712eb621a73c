"""`graph`: the order of a spec without asking its org, and that of a saved plan."""

import re

import pytest
from lxml import etree

EDGES = {
    ("settings/OrgSettings", "profile/Acme Portal User"),
    ("settings/OrgSettings", "portal/Acme Customer Portal"),
    ("settings/OrgSettings", "layout/Contact-Contact Layout"),
    ("profile/Acme Portal User", "portal/Acme Customer Portal"),
    ("profile/Acme Portal User", "user/jane"),
    ("account/acme", "contact/jane"),
    ("contact/jane", "user/jane"),
    ("portal/Acme Customer Portal", "user/jane"),
}


def arrows(text, box, arrow):
    names = dict(re.findall(box, text))
    return {(names[a], names[b]) for a, b in re.findall(arrow, text)}


@pytest.mark.parametrize("target", ["specs/acme", "plan.json"])
def test_a_spec_and_its_plan_on_a_new_org_have_the_same_order(target, work):
    work.copy_acme()
    work.run("plan", "--out", "plan.json", status=0)
    shown = work.run("graph", target, status=0).out
    found = arrows(shown, r'(n\d+) \[label="\d+  (?:[+~] )?(.*)"\]', r"(n\d+) -> (n\d+)")
    assert found == EDGES
    drawn = work.run("graph", target, "--format", "mermaid", status=0).out
    found = arrows(drawn, r'(n\d+)\["\d+  (?:[+~] )?(.*)"\]', r"(n\d+) --> (n\d+)")
    assert found == EDGES
    picture = work.run("graph", target, "--format", "svg", status=0).out
    assert len(re.findall('class="edge"', picture)) == len(EDGES)
    assert etree.fromstring(picture.encode()).tag == "{http://www.w3.org/2000/svg}svg"


def test_a_graph_of_what_is_none_says_so(work):
    work.write("plan.json", "{}")
    assert "not a plan" in work.run("graph", "plan.json", status=1).err
    work.write(
        "specs/shop/a.yaml", "accounts: {a: {Name: A, parent: b}, b: {Name: B, parent: a}}\n"
    )
    assert "references form a cycle" in work.run("graph", status=1).err
    assert "no folder" in work.run("graph", "specs/none", status=1).err
