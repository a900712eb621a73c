"""Text in Markdown that stays what it is, by the parser that GitHub uses."""

from __future__ import annotations

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import html

from provisioner.render.format import visible
from provisioner.render.markdown_escape import code, fenced, prose


def shown(markdown):
    made = cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE)
    return html.fromstring(f"<div>{made}</div>")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("it is so, 50% sure", "it is so, 50% sure"),
        ("the field `Name` is odd", "the field `Name` is odd"),
        ("mail to a@b.example.", "mail to `a@b.example`."),
        ("see #1 (or GH-2)", "see `#1` (or `GH-2`)"),
        ("snake_case *bold* <b>", "`snake_case` `*bold*` `<b>`"),
        ("www.evil.example", "`www.evil.example`"),
        ("``", "``` `` ```"),
    ],
)
def test_only_what_could_be_markup_is_code(text, expected):
    assert prose(text) == expected


@given(st.text())
@example("``` ` `` x")
@example("`a``b`")
@example("x` @octocat `y")
def test_a_sentence_says_the_same_and_nothing_more(text):
    page = shown(f"x {prose(text)} x")
    assert {e.tag for e in page.iter()} <= {"div", "p", "code"}
    plain = "".join(visible(text).replace("`", "").split())
    assert "".join(page.text_content().replace("`", "").split()) == f"x{plain}x"


@given(st.text(min_size=1))
def test_code_is_kept_as_it_is(text):
    (found,) = shown(f"x {code(text)} x").iter("code")
    # A line of nothing but spaces is the one thing that Markdown does not keep in code.
    assert found.text == visible(text) or not text.strip(" ")


@given(st.lists(st.text(), min_size=1))
def test_a_block_of_code_is_not_left(lines):
    page = shown(fenced(lines, "diff"))
    (block,) = page
    assert block.text_content() == "".join(f"{visible(line)}\n" for line in lines)
