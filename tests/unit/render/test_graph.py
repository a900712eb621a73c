"""What needs what: the same boxes and arrows as DOT, Mermaid and SVG, laid out to be read."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from provisioner.render import graph_svg as drawing
from provisioner.render.graph import Graph, Node, dot, graph, mermaid
from provisioner.render.graph_layout import ROW, layout

SVG = "{http://www.w3.org/2000/svg}"
ORDER = (
    ("account/acme", "create", ()),
    ("contact/jane", "update", ("account/acme",)),
    ("user/jane", "deactivate", ("contact/jane", "profile/elsewhere")),
)
NASTY = 'account/"a\\b" &lt; <b>`x`</b> [y] #1; --> z\x1b'


def test_a_need_that_is_no_step_has_no_arrow():
    shown = graph(ORDER)
    assert shown.edges == ((0, 1), (1, 2))
    assert [n.label for n in shown.nodes] == [
        "1  + account/acme",
        "2  ~ contact/jane",
        "3  ! user/jane",
    ]


def test_dot_and_mermaid_have_every_box_and_arrow():
    assert dot(graph(ORDER), "specs/acme").splitlines() == [
        'digraph "specs/acme" {',
        "  rankdir=LR;",
        '  node [shape=box, style=rounded, fontname="sans-serif"];',
        '  n1 [label="1  + account/acme"];',
        '  n2 [label="2  ~ contact/jane"];',
        '  n3 [label="3  ! user/jane"];',
        "  n1 -> n2;",
        "  n2 -> n3;",
        "}",
    ]
    assert mermaid(graph(ORDER)).splitlines() == [
        "flowchart LR",
        '  n1["1  + account/acme"]',
        '  n2["2  ~ contact/jane"]',
        '  n3["3  ! user/jane"]',
        "  n1 --> n2",
        "  n2 --> n3",
    ]


def test_no_name_breaks_out_of_its_box():
    shown = graph([(NASTY, None, ())])
    (label,) = re.findall(r'label=("(?:[^"\\]|\\.)*")\];$', dot(shown, "x"), re.MULTILINE)
    visible = NASTY.replace("\x1b", "\\u001b")
    read = label[1:-1].replace('\\"', '"').replace("\\\\", "\\").replace("&amp;", "&")
    assert read == f"1  {visible}"
    (label,) = re.findall(r'\["(.*)"\]', mermaid(shown))
    assert not set(label) & set("\"<>`[]&'\\")
    assert re.sub(r"#(\d+);", lambda m: chr(int(m[1])), label) == f"1  {visible}"
    picture = etree.fromstring(drawing.picture(shown, NASTY).encode())
    assert picture.find(f".//{SVG}title").text == visible


def test_alike_boxes_become_one_when_there_are_too_many():
    people = [(f"contact/c{n}", "create", ("account/acme",)) for n in range(70)]
    users = [(f"user/u{n}", "create", (f"contact/c{n}",)) for n in range(70)]
    shown = graph([("account/acme", "update", ()), *people, *users])
    assert [n.label for n in shown.nodes] == [
        "1  ~ account/acme",
        "+ contact (70)",
        "+ user (70)",
    ]
    assert shown.edges == ((0, 1), (1, 2))


def test_a_picture_has_every_box_and_arrow_and_leads_to_the_steps():
    picture = etree.fromstring(drawing.svg(graph(ORDER), "Plan", links=True).encode())
    assert [t.text for t in picture.iter(f"{SVG}text")] == [n.label for n in graph(ORDER).nodes]
    assert [a.get("href") for a in picture.iter(f"{SVG}a")] == ["#step-1", "#step-2", "#step-3"]
    assert len(picture.findall(f".//{SVG}path[@class='edge']")) == 2
    assert drawing.svg(graph(()), "Nothing").startswith("<svg")


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 25))
    if count == 1:
        return count, ()
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    edges = draw(st.sets(pairs.filter(lambda p: p[0] < p[1]), max_size=40))
    return count, tuple(sorted(edges))


@given(graphs())
def test_a_need_stands_left_and_no_box_on_another(drawn):
    count, edges = drawn
    laid = layout(count, edges)
    assert len(laid.places) == count
    for a, b in edges:
        assert laid.places[a][0] < laid.places[b][0]
    empty = [place for way in laid.ways for place in way[1:-1]]
    for (column, above), (other, below) in pairwise(sorted([*laid.places, *empty])):
        assert column != other or below - above >= ROW - 1e-6
    for (a, b), way in zip(edges, laid.ways, strict=True):
        assert (way[0], way[-1]) == (laid.places[a], laid.places[b])
        assert [c for c, _ in way] == list(range(way[0][0], way[-1][0] + 1))


def test_an_arrow_back_keeps_its_head():
    """Folded groups may need each other: a user owns the account that another user is of."""
    shown = Graph((Node("user", 1), Node("account", 2)), ((0, 1), (1, 0)))
    picture = drawing.svg(shown, "x")
    assert picture.count("marker-end") == picture.count("marker-start") == 1


@pytest.mark.parametrize("pairs", [4, 12, 29])
def test_straight_chains_are_drawn_without_a_crossing(pairs):
    chains = [(n, n + pairs) for n in range(pairs)]
    laid = layout(2 * pairs, chains)
    assert all(way[0][1] == pytest.approx(way[1][1]) for way in laid.ways)
