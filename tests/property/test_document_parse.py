"""Whatever the text, it is data or it is diagnostics, and places lie inside the file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.model.diagnostics import DiagnosticError
from provisioner.spec import positions
from provisioner.spec.document import decode, parse

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"))
LEAVES = st.none() | st.booleans() | st.integers() | NAMES
DATA = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=20
)
YAML_LIKE = st.text(st.sampled_from(list("ab:-?[]{}&*!|>'\"#%@<,. \t\n\r\\~1\x85\u2028{}ä")))


def inside(span, lines):
    return (
        1 <= span.line <= span.end_line <= len(lines)
        and 1 <= span.column <= len(lines[span.line - 1]) + 1
        and 1 <= span.end_column <= len(lines[span.end_line - 1]) + 1
        and (span.line, span.column) <= (span.end_line, span.end_column)
    )


def places(written):
    """Every place that the reading of a text speaks of, in data or in diagnostics."""
    try:
        document = parse(written, "f.yaml")
    except DiagnosticError as error:
        return [d.span for d in error.diagnostics if d.span]
    return [*document.values.values(), *document.keys.values()]


@settings(max_examples=500, deadline=None)
@given(st.text() | YAML_LIKE)
def test_any_text_is_data_or_diagnostics(written):
    lines = positions.lines(written.removeprefix("\ufeff"))
    assert all(inside(span, lines) for span in places(written))


@settings(deadline=None)
@given(DATA)
def test_json_is_read_as_it_is(data):
    assert parse(json.dumps(data, ensure_ascii=False), "f.yaml").data == data


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])), st.booleans())
def test_any_text_in_utf_8_is_decoded(written, with_mark):
    written = written.removeprefix("\ufeff")
    raw = written.encode("utf-8-sig" if with_mark else "utf-8")
    assert decode(raw, "f.yaml") == written


@settings(deadline=None)
@given(
    st.text(max_size=20),
    st.sampled_from([b"\xff", b"\xe4\xf6", b"\xc3"]),
    st.text("ab\n", max_size=5),
)
def test_bytes_that_are_not_utf_8_have_one_problem_at_their_place(before, wrong, after):
    start = before.removeprefix("\ufeff").encode("utf-8", "replace")
    with pytest.raises(DiagnosticError) as caught:
        decode(start + wrong + after.encode(), "f.yaml")
    (problem,) = caught.value.diagnostics
    lines = positions.lines(start.decode())
    assert (problem.code, problem.span.line) == ("encoding", len(lines))
    assert problem.span.column == len(lines[-1]) + 1
