"""A problem on the screen: what, where, the line with a marker, what to do."""

from __future__ import annotations

import io

import pytest

from provisioner.model.diagnostics import Diagnostic, Severity, Span
from provisioner.render import diagnostics

TEXT = "accounts:\n  acme:\n    Nmae: Acme\n"


def at(line, column, end_line=None, end_column=None, file="f.yaml"):
    return Span(file, line, column, end_line or line, end_column or column)


def shown(*problems, texts=None, width=120):
    texts = texts if texts is not None else {"f.yaml": TEXT}
    return [str(line) for line in diagnostics.lines(problems, texts, width)]


def marked(line, begin, end, width=120):
    """The source line and the marker under it."""
    problem = Diagnostic("c", "m", at(1, begin, 1, end))
    return shown(problem, texts={"f.yaml": line}, width=width)[3:5]


def test_a_problem_shows_its_line_and_points_at_the_words():
    problem = Diagnostic(
        "unknown-field",
        "`Nmae` is not a field of Account",
        at(3, 5, 3, 9),
        help="did you mean `Name`?",
        notes=("one", "two"),
    )
    assert shown(problem) == [
        "error[unknown-field]: `Nmae` is not a field of Account",
        " --> f.yaml:3:5",
        "  |",
        "3 |     Nmae: Acme",
        "  |     ^^^^",
        "  = note: one",
        "  = note: two",
        "  = help: did you mean `Name`?",
        "",
        "1 problem in 1 file",
    ]


def test_a_warning_says_so():
    assert shown(Diagnostic("c", "m", severity=Severity.WARNING)) == [
        "warning[c]: m",
        "",
        "1 problem",
    ]


def test_problems_are_counted_with_their_files():
    one, two = Diagnostic("c", "m", at(1, 1)), Diagnostic("c", "m", at(1, 1, file="g.yaml"))
    assert shown(one, one, two)[-1] == "3 problems in 2 files"
    assert shown() == []


def test_a_file_that_is_not_at_hand_is_only_named():
    assert shown(Diagnostic("c", "m", at(7, 1)), texts={})[1] == " --> f.yaml:7:1"


def test_numbers_stand_over_one_another():
    text = "\n" * 99 + "x: 1"
    assert shown(Diagnostic("c", "m", at(100, 1, 100, 2), "h"), texts={"f.yaml": text})[:6] == [
        "error[c]: m",
        "   --> f.yaml:100:1",
        "    |",
        "100 | x: 1",
        "    | ^",
        "    = help: h",
    ]


def test_a_place_over_several_lines_is_marked_to_the_end_of_the_first():
    problem = Diagnostic("c", "m", at(2, 3, 3, 5))
    assert shown(problem)[3:5] == ["2 |   acme:", "  |   ^^^^^"]


@pytest.mark.parametrize(
    ("line", "begin", "end", "expected"),
    [
        ("a: b", 4, 4, ["1 | a: b", "  |    ^"]),
        ("a:", 3, 3, ["1 | a:", "  |   ^"]),
        ("a:\tb", 4, 5, ["1 | a:    b", "  |       ^"]),
        ("日本: x", 5, 6, ["1 | 日本: x", "  |       ^"]),
        ("x: 日本", 4, 6, ["1 | x: 日本", "  |    ^^^^"]),
        (
            "e\N{COMBINING ACUTE ACCENT}: x",
            5,
            6,
            ["1 | e\N{COMBINING ACUTE ACCENT}: x", "  |    ^"],
        ),
        ("a: \x1b[31mx", 9, 10, ["1 | a: \ufffd[31mx", "  |         ^"]),
        ("a: b\r", 4, 5, ["1 | a: b", "  |    ^"]),
    ],
)
def test_the_marker_stands_under_the_words(line, begin, end, expected):
    assert marked(line, begin, end) == expected


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (1, 3, "1 | abcdefghijklmnopqrstuvwxyz0123456..."),
        (31, 33, "1 | ...qrstuvwxyz0123456789abcdefghij..."),
        (71, 73, "1 | ...defghijklmnopqrstuvwxyz0123456789"),
        (1, 73, "1 | abcdefghijklmno..."),
    ],
)
def test_a_long_line_is_cut_to_the_width_around_the_words(begin, end, expected):
    line = "abcdefghijklmnopqrstuvwxyz0123456789" * 2
    found, marker = marked(line, begin, end, width=40)
    assert found == expected
    assert len(found) <= 40
    assert found[marker.index("^")] == line[begin - 1]


def test_a_message_can_not_talk_to_the_terminal():
    assert shown(Diagnostic("c", "`\x1b[2J` is\nwrong"))[0] == "error[c]: `\ufffd[2J` is\ufffdwrong"


def test_a_pipe_gets_no_colours():
    stream = io.StringIO()
    diagnostics.write([Diagnostic("c", "m", at(3, 5, 3, 9))], {"f.yaml": TEXT}, stream)
    assert stream.getvalue() == (
        "error[c]: m\n --> f.yaml:3:5\n  |\n"
        "3 |     Nmae: Acme\n  |     ^^^^\n\n1 problem in 1 file\n"
    )


def test_a_terminal_gets_colours(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    diagnostics.write([Diagnostic("c", "m", at(3, 5, 3, 9))], {"f.yaml": TEXT}, stream)
    assert "\x1b[1;31m^^^^\x1b[0m" in stream.getvalue()


def test_a_problem_in_many_places_is_one_block_that_names_three():
    places = tuple(at(line, 5, line, 9) for line in range(3, 139))
    problem = Diagnostic("c", "m", places[0], "h", also=places[1:])
    assert shown(problem)[:6] == [
        "error[c]: m",
        " --> f.yaml:3:5",
        "  |",
        "3 |     Nmae: Acme",
        "  |     ^^^^",
        "  = also at f.yaml:4:5, f.yaml:5:5 and 133 more places",
    ]
    assert shown(problem)[-1] == "1 problem in 1 file"


def test_json_has_every_key():
    found = (
        Diagnostic("c", "m", at(3, 5, 3, 9), "h", ("n",)),
        Diagnostic("d", "m", severity=Severity.WARNING),
    )
    assert [diagnostics.problem(d) for d in found] == [
        {
            "severity": "error",
            "code": "c",
            "message": "m",
            "file": "f.yaml",
            "line": 3,
            "column": 5,
            "end_line": 3,
            "end_column": 9,
            "help": "h",
            "notes": ["n"],
            "count": 1,
            "also": [],
        },
        {
            "severity": "warning",
            "code": "d",
            "message": "m",
            "file": None,
            "line": None,
            "column": None,
            "end_line": None,
            "end_column": None,
            "help": None,
            "notes": [],
            "count": 1,
            "also": [],
        },
    ]


def test_a_secret_is_not_shown_with_its_line():
    out = io.StringIO()
    span = Span("f.yaml", 1, 12, 1, 19)
    problem = Diagnostic("wrong-value", "not here", span, secret=True)
    diagnostics.write([problem], {"f.yaml": "password: 'hunter2', b: 1"}, out)
    assert "1 | password: '***', b: 1" in out.getvalue()
    assert "hunter2" not in out.getvalue()
