"""CSV text becomes rows, and every cell knows its place."""

from __future__ import annotations

import io

import pytest

from provisioner.model.diagnostics import DiagnosticError, Span
from provisioner.spec.roster import csv_reader


def rows(text, delimiter=","):
    return list(csv_reader.rows(io.StringIO(text, newline=""), "f.csv", delimiter))


def test_rows_know_the_line_they_begin_on():
    found = rows('a,b\r\n"x\ny",z\r\n\r\n"q""r", s\n,\n')
    assert [(row.line, row.cells) for row in found] == [
        (1, ["a", "b"]),
        (2, ["x\ny", "z"]),
        (5, ['q"r', " s"]),
        (6, ["", ""]),
    ]
    assert [row.empty for row in found] == [False, False, False, True]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_break_ends_a_row(end):
    assert [row.line for row in rows(f"a{end}{end}b{end}c")] == [1, 3, 4]


@pytest.mark.parametrize(
    ("text", "delimiter", "expected"),
    [
        ("ab,,c", ",", [(1, 1, 1, 3), (1, 4, 1, 4), (1, 5, 1, 6)]),
        ("ab;c\n", ";", [(1, 1, 1, 3), (1, 4, 1, 5)]),
        ('"a,b",c\r\n', ",", [(1, 1, 1, 6), (1, 7, 1, 8)]),
        ('"a""b",c', ",", [(1, 1, 1, 7), (1, 8, 1, 9)]),
        ('a"b,c', ",", [(1, 1, 1, 4), (1, 5, 1, 6)]),
        ('"a\r\nbc"\t"d\ne"\tf', "\t", [(1, 1, 2, 4), (2, 5, 3, 3), (3, 4, 3, 5)]),
    ],
)
def test_a_cell_is_where_an_editor_shows_it(text, delimiter, expected):
    (row,) = rows(text, delimiter)
    assert csv_reader.cell_spans(row.text, row.line, "f.csv", delimiter) == tuple(
        Span("f.csv", *e) for e in expected
    )


def test_cells_of_a_later_row_have_its_line():
    spans = [
        csv_reader.cell_spans(r.text, r.line, "f.csv") for r in rows('a,bc,d\n"x","1\n2","z\n"\n')
    ]
    assert [row[column] for row in spans for column in (0, 2)] == [
        Span("f.csv", 1, 1, 1, 2),
        Span("f.csv", 1, 6, 1, 7),
        Span("f.csv", 2, 1, 2, 4),
        Span("f.csv", 3, 4, 4, 2),
    ]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ('a,b\n1,"x\ny\nz', "f.csv:2:3", "the quote that begins here is never closed"),
        ('a\n"x"y,1\n', "f.csv:2:4", "there is text after the closing quote of a cell"),
        ('a\n"' + "x" * 200_000, "f.csv:2:1", "the quote that begins here is never closed"),
    ],
)
def test_invalid_csv_is_reported_at_its_place(text, place, message):
    with pytest.raises(DiagnosticError) as caught:
        rows(text)
    ((found),) = caught.value.diagnostics
    assert (str(found.span), found.message) == (place, message)
