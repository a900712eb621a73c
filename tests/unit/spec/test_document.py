"""YAML text becomes data, every value knows its place, and every problem is said once."""

from __future__ import annotations

import itertools
import json

import pytest

from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Span
from provisioner.spec.document import decode, parse, render


def problems(text, variables=None, environ=None):
    """(line:column, message, help) of everything that is wrong with a file."""
    with pytest.raises(DiagnosticError) as caught:
        render(parse(text, "f.yaml"), variables or {}, environ or {})
    return [
        (str(d.span).removeprefix("f.yaml:"), d.message, d.help) for d in caught.value.diagnostics
    ]


def filled(template, variables):
    document = parse(json.dumps({"k": template}), "f.yaml")
    return render(document, variables, {"HOME": "/root"}).data["k"]


# ---------------------------------------------------------------- bytes to text


def test_bytes_are_utf_8_with_or_without_a_mark():
    assert decode(b"\xef\xbb\xbfa: \xc3\xa4\r\n", "f.yaml") == "a: ä\r\n"


@pytest.mark.parametrize(
    ("raw", "span", "message"),
    [
        (b"a: 1\nb: \xe4\n", Span("f.yaml", 2, 4, 2, 5), "byte 0xE4 is not UTF-8"),
        (
            "ä: 1\r\nü: ".encode() + b"\xff",
            Span("f.yaml", 2, 4, 2, 5),
            "byte 0xFF is not UTF-8",
        ),
        ("a: 1".encode("utf-16"), Span("f.yaml", 1, 1, 1, 1), "the file is UTF-16, not UTF-8"),
    ],
)
def test_other_encodings_are_refused_at_the_first_byte_that_shows_it(raw, span, message):
    with pytest.raises(DiagnosticError) as caught:
        decode(raw, "f.yaml")
    expected = Diagnostic("encoding", message, span, help="save the file as UTF-8")
    assert caught.value.diagnostics == (expected,)


# ---------------------------------------------------------------- text to data


def test_scalars_are_those_of_yaml_1_2():
    text = (
        "[NO, yes, on, 12:30, 2024-01-01, ~, null, 7, +7, 010, 0x1F, 0o17, 1.5, 1e3, true, =, 1_0]"
    )
    assert parse(text, "f.yaml").data == [
        *["NO", "yes", "on", "12:30", "2024-01-01"],
        *[None, None, 7, 7, 10, 31, 15, 1.5, 1000.0, True, "=", "1_0"],
    ]


@pytest.mark.parametrize("text", ["", "# a comment\n", "---\n", "\ufeff"])
def test_an_empty_file_has_no_data(text):
    assert parse(text, "f.yaml").data is None


def test_every_key_and_value_has_its_place():
    document = parse('a:\n  - b: "x y"\n    c: [1, 22]\n', "f.yaml")
    assert document.span(("a", 0, "b")) == Span("f.yaml", 2, 8, 2, 13)
    assert document.span(("a", 0, "c", 1)) == Span("f.yaml", 3, 12, 3, 14)
    assert document.span(("a", 0, "c"), key=True) == Span("f.yaml", 3, 5, 3, 6)
    assert document.written(("a", 0, "b")) == '"x y"'
    assert document.span(("a", 0, "missing")) == document.span(("a", 0))


def test_line_breaks_and_wide_characters_do_not_change_places():
    document = parse("ä: 1\r\n😀: [ü, x]\r\n", "f.yaml")
    assert document.span(("😀", 1)) == Span("f.yaml", 2, 8, 2, 9)


def test_own_keys_replace_merged_ones_which_keep_their_places():
    document = parse(
        "b: &b {x: 1, y: 2}\nc: &c {x: 9, z: 0}\nd:\n  <<: [*b, *c]\n  y: 3\n", "f.yaml"
    )
    assert document.data["d"] == {"x": 1, "z": 0, "y": 3}
    assert str(document.span(("d", "x"))) == "f.yaml:1:11"
    assert str(document.span(("d", "z"))) == "f.yaml:2:17"
    assert str(document.span(("d", "y"))) == "f.yaml:5:6"


def test_a_quoted_merge_key_is_a_key():
    assert parse('{"<<": 1}', "f.yaml").data == {"<<": 1}


def test_an_alias_repeats_the_value_of_its_anchor():
    assert parse("a: &x {y: 1}\nb: *x\n", "f.yaml").data == {"a": {"y": 1}, "b": {"y": 1}}


QUOTE = 'write "{{ ... }}", with quotes around the whole value'


CLOSE = "close the bracket, and separate its items with commas"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            ("3:1", "`a` appears twice in the same mapping", "keep one of them"),
        ),
        ("1: x\n", ("1:1", "the key `1` is a number, not text", 'quote it: "1"')),
        ("true: x\n", ("1:1", "the key `true` is true or false, not text", 'quote it: "true"')),
        ("~: x\n", ("1:1", "the key `~` is null, not text", 'quote it: "~"')),
        ("? [a]\n: x\n", ("1:3", "a key must be text", None)),
        ("a: {{ x }}\n", ("1:4", "a value that starts with `{{` must be quoted", QUOTE)),
        (
            "a: {{ x }}.y\n",
            ("1:11", "a key is expected here", "quote a value that starts with a template"),
        ),
        (
            "a: {% if %}\n",
            ("1:5", "no value can start with `%`", "quote a value that starts with a template"),
        ),
        ("a:\n\tb: 1\n", ("2:1", "a tab cannot indent", "indent with spaces")),
        ("a: 1\n\tb: 1\n", ("2:1", "a tab cannot indent", "indent with spaces")),
        ("a: @x\n", ("1:4", "no value can start with `@`", "quote the text")),
        ("a: b: c\n", ("1:5", "a `:` is not expected here", "quote a text that contains `: `")),
        ('a: "x\nb: 2\n', ("1:4", "this text is never closed", "add the closing quote")),
        ("a: [1, 2\nb: 3\n", ("2:2", "did not find expected `,` or `]`", CLOSE)),
        (
            "a:\n  b: 1\n c: 2\n",
            (
                "3:2",
                "a key is expected here",
                "check the indentation: keys of one mapping start in the same column",
            ),
        ),
        (
            "a: 1\nbcd\ne: 2\n",
            (
                "3:1",
                "this is neither a key nor a value",
                "a key ends with `:`; a text over several lines is indented",
            ),
        ),
        (
            "a: 1\n---\nb: 2\n",
            (
                "2:1",
                "a file has one document, and a second one starts here",
                "put it in its own file",
            ),
        ),
        ("a: *x\n", ("1:4", "this alias has no anchor", None)),
        ("a: &x [*x]\n", ("1:4", "this value contains itself", None)),
        ("a: &x\n  <<: *x\n", ("1:4", "this mapping merges itself", None)),
        ("a: {<<: 1}\n", ("1:9", "`<<` takes a mapping or a list of mappings", None)),
        ("a: !foo 1\n", ("1:4", "the tag `!foo` cannot be used here", "remove it")),
        ("a: !!set {b}\n", ("1:4", "the tag `!!set` cannot be used here", "remove it")),
        (
            "a: .inf\n",
            ("1:4", "`.inf` is not a number that can be stored", "quote it if it is a text"),
        ),
        ("a: \x07\n", ("1:4", "character U+0007 is not allowed in YAML", "remove it")),
        ("a: \ud800\n", ("1:4", "character U+D800 is not allowed in YAML", "remove it")),
    ],
)
def test_yaml_that_specs_cannot_use_is_an_error(text, expected):
    assert problems(text) == [expected]


def test_all_problems_of_a_file_are_reported_together():
    found = problems("a: 1\na: 2\n3: x\nb: !t y\nc: {d: 1, d: 2}\n")
    assert [place for place, _, _ in found] == ["2:1", "3:1", "4:4", "5:11"]


def test_a_repeated_key_names_the_place_of_the_first():
    with pytest.raises(DiagnosticError) as caught:
        parse("a: 1\nb: {c: 1, c: 2}\n", "f.yaml")
    (problem,) = caught.value.diagnostics
    assert problem.notes == ("first declared at f.yaml:2:5",)


@pytest.mark.parametrize("text", ["[" * 200_000, "- " * 200_000, "[" * 60 + "]" * 60])
def test_very_deep_nesting_is_an_error(text):
    ((_, message, _),) = problems(text)
    assert message == "nested deeper than 50 levels"


def test_aliases_of_aliases_do_not_fill_the_memory():
    names = "abcdefghij"
    text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{after}: &{after} [{', '.join(['*' + before] * 10)}]\n"
        for before, after in itertools.pairwise(names)
    )
    with pytest.raises(DiagnosticError) as caught:
        parse(text, "f.yaml")
    assert {d.message for d in caught.value.diagnostics} == {"its aliases make this file too large"}


# ---------------------------------------------------------------- templates


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("no template { here }", "no template { here }"),
        ("{{ vars.number }}", 5),
        ("{{vars.flag}}", True),
        ("{{ vars.nothing }}", None),
        ("{{ vars.deep.items }}", [1, 2]),
        ("{{ vars.deep }}", {"items": [1, 2]}),
        ("n{{ vars.number }}-{{ vars.flag }}-{{ vars.nothing }}-{{ env.HOME }}", "n5-true--/root"),
        ("{{ vars.number + 1 }}", 6),
        ("{{ vars.name | upper }}", "ACME"),
        ("{{ vars.name | upper }}.x", "ACME.x"),
        ("{{ vars.absent | default('d') }}", "d"),
        ("{{ vars.absent is defined }}", False),
        ("{% if vars.flag %}yes{% endif %}", "yes"),
        ("{# nothing #}x\n\n", "x\n\n"),
        ("{% raw %}{{ vars.name }}{% endraw %}", "{{ vars.name }}"),
        ("{{ vars.template }}", "{{ vars.name }}"),
        ("{{ 'a}}b' }}", "a}}b"),
        ("{{ vars.deep['items'][1] }}", 2),
    ],
)
def test_templates_fill_in_values(template, value):
    variables = {
        "number": 5,
        "flag": True,
        "nothing": None,
        "deep": {"items": [1, 2]},
        "name": "acme",
        "template": "{{ vars.name }}",
    }
    assert filled(template, variables) == value


def test_the_value_of_a_template_is_not_a_template():
    document = parse('k: "{{ vars.a }}"', "f.yaml")
    once = render(document, {"a": "{{ vars.b }}", "b": 1}, {})
    assert once.data == {"k": "{{ vars.b }}"}
    assert render(once, {"a": 1, "b": 2}, {}) is once


NO_TEXT = "it can only be a whole value, not a part of a text"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (
            "x {{ vars.domian }}",
            ("1:10", "`vars.domian` is not defined", "did you mean `vars.domain`?"),
        ),
        (
            "{{ vars.zzz + 1 }}",
            ("1:8", "`vars.zzz` is not defined", "defined are `vars.domain`, `vars.deep`"),
        ),
        ("{{ domain }}", ("1:8", "`domain` is not defined", "did you mean `vars.domain`?")),
        (
            "{{ range(3) }}",
            (
                "1:8",
                "`range` is not defined",
                "a template can use `vars.NAME` and `env.NAME`",
            ),
        ),
        (
            "{{ vars.deep.nmae }}",
            ("1:8", "`vars.deep.nmae` is not defined", "did you mean `vars.deep.name`?"),
        ),
        ("{{ env.HOEM }}", ("1:8", "`env.HOEM` is not set", "did you mean `env.HOME`?")),
        ("{{ env.QUX }}", ("1:8", "`env.QUX` is not set", "set the variable `QUX`")),
        ("x{{ vars.deep }}", ("1:9", "`vars.deep` is a mapping", NO_TEXT)),
        ("x{{ [1] }}", ("1:4", "a part of it is a list", NO_TEXT)),
        (
            "{{ [1]|map('string') }}",
            (
                "1:5",
                "the template gives a generator",
                "it must give text, a number, true or false, null, a list or a mapping",
            ),
        ),
        (
            "{{ vars.domain.x }}",
            (
                "1:8",
                "`vars.domain.x` is not defined: the value before `.x` is not a mapping",
                None,
            ),
        ),
        (
            "a {{ vars.x + }} b",
            ("1:7", "unexpected 'end of print statement'", "write it as `{{ name }}`"),
        ),
        ("{{ 1/0 }}", ("1:4", "the template fails: division by zero", None)),
        (
            "{{ 9**9**9 }}",
            ("1:4", "the template fails: `**` is not allowed in a template", None),
        ),
        (
            "{{ ''.__class__ }}",
            (
                "1:4",
                "the template fails: access to attribute '__class__' of 'str' object is unsafe",
                None,
            ),
        ),
        (
            "{% include 'x' %}",
            ("1:4", "the template fails: no loader for this environment specified", None),
        ),
    ],
)
def test_a_wrong_template_is_reported_at_its_place(template, expected):
    variables = {"domain": "acme.example", "deep": {"name": "x"}}
    assert problems(f'k: "{template}"', variables, {"HOME": "/root"}) == [expected]


def test_every_undefined_name_is_reported_on_its_own_line():
    text = 'a: |\n  one\n  two {{ vars.x }}\nb: ["{{ vars.y }}{{ vars.z }}"]\n"{{ vars.k }}": 1\n'
    assert [(place, message) for place, message, _ in problems(text)] == [
        ("3:10", "`vars.x` is not defined"),
        ("4:9", "`vars.y` is not defined"),
        ("4:21", "`vars.z` is not defined"),
        ("5:1", "templates work in values, not in keys"),
    ]
