"""Values of a YAML text changed in place: all else stays as it is written."""

import pytest

from provisioner.spec import edit
from provisioner.spec.document import parse

TEXT = """\
# who
org: {login: local}   # here
accounts:
  acme:   # ours
    Name: "Acme"   # legal
    Phone: '1'
    Fax:
    IsPartner: true
    Notes: |
      one
      two
    Site: x
profiles: [A, 'B', "C D"]   # may log in
members:
  # the first
  - A
  - B   # the second
  # and last
  - C
shared: &s old
same: *s
"""


def document(text=TEXT):
    return parse(text, "a.yaml")


def lines(text):
    return text.splitlines()


def changed(path, value, text=TEXT):
    """The lines that are there after and not before, and those that are gone."""
    after, before = lines(edit.set_values(document(text), [(path, value)])), lines(text)
    return [n for n in after if n not in before], [n for n in before if n not in after]


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("accounts", "acme", "Name"), "Globex", '    Name: "Globex"   # legal'),
        (("accounts", "acme", "Name"), 'a "b"', '    Name: "a \\"b\\""   # legal'),
        (("accounts", "acme", "Name"), None, "    Name: null   # legal"),
        (("accounts", "acme", "Phone"), "it's 2", "    Phone: 'it''s 2'"),
        (("accounts", "acme", "Fax"), "3", '    Fax: "3"'),
        (("accounts", "acme", "IsPartner"), False, "    IsPartner: false"),
        (("accounts", "acme", "Site"), "a: b", '    Site: "a: b"'),
        (("accounts", "acme", "Site"), "no # comment", '    Site: "no # comment"'),
        (("accounts", "acme", "Site"), "plain, [text]", "    Site: plain, [text]"),
        (("accounts", "acme", "Site"), "two\nlines", '    Site: "two\\nlines"'),
        (("accounts", "acme", "Site"), "", '    Site: ""'),
        (("accounts", "acme", "Site"), "true", '    Site: "true"'),
        (("accounts", "acme", "Site"), {"find": {"Id": "1"}}, '    Site: {find: {Id: "1"}}'),
        (("org", "login"), "a, b", 'org: {login: "a, b"}   # here'),
        (("profiles",), ["E", "B", "A"], "profiles: [A, 'B', E]   # may log in"),
        (("profiles",), [], "profiles: []   # may log in"),
    ],
)
def test_a_value_is_changed_and_nothing_else(path, value, line):
    new, old = changed(path, value)
    assert new == [line]
    assert len(old) == 1


def test_a_text_block_becomes_one_line():
    new, old = changed(("accounts", "acme", "Notes"), "three")
    assert (new, old) == (["    Notes: three"], ["    Notes: |", "      one", "      two"])


def test_a_list_with_one_item_per_line_keeps_its_comments():
    after = edit.set_values(document(), [(("members",), ["A", "C", "D"])])
    assert "  # the first\n  - A\n  - C\n  - D\nshared" in after
    assert "members:\n  []\n" in edit.set_values(document(), [(("members",), [])]).replace(
        "  # the first\n", ""
    )


def test_several_values_are_changed_at_once():
    paths = [(("accounts", "acme", "Phone"), "2"), (("accounts", "acme", "Name"), "G")]
    after = edit.set_values(document(), paths)
    assert 'Name: "G"' in after
    assert "Phone: '2'" in after


@pytest.mark.parametrize("path", [("shared",), ("same",)])
def test_a_value_with_an_alias_is_not_changed(path):
    with pytest.raises(edit.EditError, match="shares"):
        edit.set_values(document(), [(path, "new")])


def test_windows_line_breaks_are_kept():
    text = "a: 1\r\nb: x\r\n"
    assert edit.set_values(document(text), [(("b",), "y")]) == "a: 1\r\nb: y\r\n"


def test_a_file_without_a_final_line_break_is_changed():
    assert edit.set_values(document("a:\n  - x"), [(("a",), ["x", "y"])]) == "a:\n  - x\n  - y\n"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("org: {login: local}\n", "org: {id: 00D1, login: local}\n"),
        ("org:\n  # how\n  login: local # c\n", "org:\n  # how\n  id: 00D1\n  login: local # c\n"),
    ],
)
def test_a_key_is_inserted_first(text, after):
    assert edit.insert(document(text), ("org", "id"), "00D1") == after


@pytest.mark.parametrize("text", ["org:\n", "org: {}\n", "org: {id: x}\n", "org: [a]\n"])
def test_a_key_without_a_place_is_refused(text):
    with pytest.raises(edit.EditError):
        edit.insert(document(text), ("org", "id"), "00D1")
