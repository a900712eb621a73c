"""Rows of a CSV file become accounts, contacts and users; what is wrong is at its cell."""

from __future__ import annotations

import io

import pytest

from provisioner.spec import declarations, schema
from provisioner.spec.document import FlawedError, parse, render
from provisioner.spec.roster import expand

SPEC = schema.validator("spec.schema.json")
VARS = {"suffix": "portal", "many": [1]}

PEOPLE = """\
rosters:
  c:
    file: c.csv
    key: "{{ row.Number }}"
    account: {Name: "{{ row.Company }}"}
    contact: {LastName: "{{ row.Last }}", Email: "{{ row.Email | lower }}"}
    user: {profile: Users, Username: "{{ row.Email }}.{{ vars.suffix }}"}
"""
HEADER = "Number,Company,Last,Email\n"


def checked(yaml):
    """The document filled in, and what the schema has against it."""
    try:
        document = render(parse(yaml, "f.yaml"), VARS, {})
        problems = []
    except FlawedError as error:
        document, problems = error.document, list(error.diagnostics)
    by_row = expand.by_row(document)
    return document, problems + [p for p in schema.check(document, SPEC) if p.span not in by_row]


def filled(text, yaml=PEOPLE, identity=None):
    """What the rows declare, after a declaration that is right."""
    document, problems = checked(yaml)
    assert problems == []
    (declared,) = expand.without_problems(document, [])
    lines = io.StringIO(text, newline="")
    names = {"vars": VARS, "env": {}}
    return expand.expand(declared, lines, "c.csv", names, identity or {})


def said(text, yaml=PEOPLE):
    """(place, message, help) of everything that is wrong."""
    return [(str(p.span), p.message, p.help) for p in filled(text, yaml).problems]


def one(field, text="a\n1\n", kind="contact"):
    """What one template gives for the only row."""
    yaml = f'rosters: {{c: {{file: c.csv, key: "{{{{ row.a }}}}", {kind}: {{Email: x@x.io, LastName: D, Username: x@x.io, Description: "{field}"}}}}}}'
    yaml = yaml.replace("Username: x@x.io, ", "") if kind != "user" else yaml
    (found,) = filled(text, yaml).specs
    return found.data["Description"]


# ---------------------------------------------------------------- what rows become


def test_a_row_becomes_its_account_its_contact_and_its_user():
    found = filled(HEADER + "7,Globex,Doe,Jane@X.io\n")
    assert found.problems == ()
    assert [(str(s.address), s.data) for s in found.specs] == [
        ("account/c:Globex", {"Name": "Globex"}),
        ("contact/c:7", {"account": "c:Globex", "LastName": "Doe", "Email": "jane@x.io"}),
        (
            "user/c:7",
            {"contact": "c:7", "profile": "Users", "Username": "Jane@X.io.portal"},
        ),
    ]


def test_every_value_has_the_place_of_its_cell_and_a_constant_that_of_the_spec():
    account, contact, user = filled(HEADER + '7,"Globex",Doe,Jane@X.io\n').specs
    assert [str(s.span) for s in (account, contact, user)] == [
        "c.csv:2:3",
        "c.csv:2:1",
        "c.csv:2:1",
    ]
    assert str(contact.at("Email")) == "c.csv:2:16"
    assert str(contact.at("account")) == "c.csv:2:1"
    assert str(user.at("profile")) == "f.yaml:7:21"
    assert {str(span) for span in user.spans.values()} == {"c.csv:2:1", "c.csv:2:16", "f.yaml:7:21"}
    assert len(user.spans) == len([*user.spans]) == 4


def test_rows_of_one_account_declare_it_once():
    found = filled(HEADER + "1,Globex,A,a@x.io\n2,Initech,B,b@x.io\n3,Globex,C,c@x.io\n")
    accounts = [(s.address.name, str(s.span)) for s in found.specs if s.address.kind == "account"]
    assert accounts == [("c:Globex", "c.csv:2:3"), ("c:Initech", "c.csv:3:3")]
    assert found.specs[-2].data["account"] == "c:Globex"


def test_the_key_of_an_account_is_its_external_id_or_number_or_name():
    yaml = PEOPLE.replace(
        "account: {", 'account: {AccountNumber: "{{ row.Nr }}", K__c: "{{ row.K }}", '
    )
    text = "Number,Company,Last,Email,Nr,K\n1,Globex,A,a@x.io,10,x\n2,Globex,B,b@x.io,11,\n3,G,C,c@x.io,,\n"
    names = [
        s.address.name
        for s in filled(text, yaml, {"Account": "K__c"}).specs
        if s.address.kind == "account"
    ]
    assert names == ["c:x", "c:11", "c:G"]
    names = [s.address.name for s in filled(text, yaml).specs if s.address.kind == "account"]
    assert names == ["c:10", "c:11", "c:G"]


def test_a_part_can_name_its_own_account():
    yaml = PEOPLE.replace('account: {Name: "{{ row.Company }}"}', "").replace(
        "contact: {", 'contact: {account: "{{ row.Company }}", '
    )
    contact, _ = filled(HEADER + "7,acme,Doe,j@x.io\n", yaml).specs
    assert contact.data["account"] == "acme"


def test_an_empty_cell_is_null_and_clears_remove_and_was():
    yaml = PEOPLE.replace(
        "contact: {",
        "contact: {was: \"{{ row.Old }}\", remove: \"{{ row.Gone == 'x' }}\", Phone: '{{ row.P }}', ",
    )
    text = "Number,Company,Last,Email,Old,Gone,P\n1,G,A,a@x.io,,, \n2,G,B,b@x.io,o@x.io,x,5\n"
    first, second = (s.data for s in filled(text, yaml).specs if s.address.kind == "contact")
    assert first == {"account": "c:G", "Phone": None, "LastName": "A", "Email": "a@x.io"}
    assert second["was"] == "o@x.io"
    assert second["remove"] is True
    assert second["Phone"] == "5"


def test_cells_are_trimmed_and_empty_rows_skipped():
    found = filled("\n Number ,Company,Last,Email\n\n 7 , Globex,Doe ,j@x.io,,\n,,,\n\r\n")
    assert found.problems == ()
    assert found.specs[1].address.name == "c:7"
    assert found.specs[1].data["LastName"] == "Doe"


IDENTITY = PEOPLE.replace("    file:", "    identity: {Contact: Portal_Key__c}\n    file:")


def test_the_key_of_a_row_fills_the_identity_of_the_roster():
    found = filled(HEADER + "7,Globex,Doe,j@x.io\n8,Globex,Roe,r@x.io\n", IDENTITY)
    assert found.problems == ()
    contacts = [s for s in found.specs if s.address.kind == "contact"]
    assert [c.data["Portal_Key__c"] for c in contacts] == ["7", "8"]
    assert str(contacts[1].at("Portal_Key__c")) == "c.csv:3:1"
    others = [s for s in found.specs if s.address.kind != "contact"]
    assert not any("Portal_Key__c" in s.data for s in others)


def test_the_field_of_the_identity_cannot_be_declared_twice():
    yaml = IDENTITY.replace("contact: {", "contact: {portal_key__c: '{{ row.Number }}', ")
    (problem,) = filled(HEADER + GOOD, yaml).problems
    assert problem.message == (
        "`portal_key__c` is filled from the key of the row, and is also declared here"
    )
    assert problem.help == "remove it: `identity: {Contact: Portal_Key__c}` fills it"


@pytest.mark.parametrize("blank", ["   ", "\t", ",,,", " , ,\t, ", "  ,", ",", '""," "'])
def test_blank_lines_with_spaces_or_delimiters_are_skipped(blank):
    found = filled(f"{blank}\n{HEADER}{blank}\n7,Globex,Doe,j@x.io\n{blank}\n\n{blank}")
    assert found.problems == ()
    assert [s.address.name for s in found.specs] == ["c:Globex", "c:7", "c:7"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *((cell, True) for cell in ("true", "True", "TRUE", "1")),
        *((cell, False) for cell in ("false", "False", "FALSE", "0")),
    ],
)
def test_the_booleans_of_common_exports_are_booleans(cell, value):
    yaml = PEOPLE.replace("contact: {", "contact: {CanAllowPortalSelfReg: '{{ row.Last }}', ")
    contact = filled(f"{HEADER}1,Globex,{cell},j@x.io\n", yaml).specs[1]
    assert contact.data["CanAllowPortalSelfReg"] is value
    assert contact.data["LastName"] == cell


@pytest.mark.parametrize(
    ("cell", "expression"),
    [
        ("tRUE", "{{ row.Last == 'tRUE' }}"),
        ("yes", "{{ row.Last == 'yes' }}"),
        ("no", "{{ row.Last != 'no' }}"),
        ("N", "{{ row.Last != 'N' }}"),
        ("Blocked", "{{ row.Last != 'Blocked' }}"),
        ("O'Neil", '{{ row.Last == "O\'Neil" }}'),
        ("01", "{{ row.Last == '01' }}"),
        ("x" * 50, "{{ row.Last == 'VALUE' }}"),
    ],
)
def test_other_texts_are_not_booleans_and_the_help_has_an_expression(cell, expression):
    yaml = PEOPLE.replace("contact: {", "contact: {CanAllowPortalSelfReg: '{{ row.Last }}', ")
    (problem,) = filled(f"{HEADER}1,Globex,{cell},j@x.io\n", yaml).problems
    assert problem.help == f"compare it in the template: `{expression}`"


def test_a_nested_template_has_its_own_value_in_each_row():
    yaml = PEOPLE.replace("user: {", 'user: {manager: {find: {Username: "{{ row.Last }}@x.io"}}, ')
    text = HEADER + "1,G,A,a@x.io\n2,G,B,b@x.io\n"
    users = [s for s in filled(text, yaml).specs if s.address.kind == "user"]
    assert [u.data["manager"] for u in users] == [{"find": {"Username": f"{n}@x.io"}} for n in "AB"]
    assert str(users[1].at("manager", "find", "Username")) == "c.csv:3:5"


NO_FILTER = "use a filter of Jinja2, such as `lower`, `trim` or `default`"
TWO_ROWS = "remove one of them, or choose another column for `key`"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ row.a }}", "1"),
        ("{{ row.a | int + 1 }} of {{ vars.suffix }}", "2 of portal"),
        ("<{{ row.a }}|{{ vars.suffix }}>", "<1|portal>"),
        ("{ {{ row.a }} }", "{ 1 }"),
        ("{{ row['a'] }}", "1"),
        ("{% for r in row %}{{ r }}{% endfor %}", "a"),
        ("my row is plain", "my row is plain"),
        ("{{ vars.suffix }} of no row", "portal of no row"),
    ],
)
def test_a_template_of_a_row_can_use_jinja(template, expected):
    assert one(template) == expected


def test_a_column_can_have_any_name():
    assert one("{{ row['Größe, in cm'] }}", 'a,"Größe, in cm"\n1,180\n') == "180"
    assert one("{{ row.Account.Name }}", "a,Account.Name\n1,Globex\n") == "Globex"


# ---------------------------------------------------------------- the declaration


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        (
            PEOPLE.replace("file: c.csv", "files: c.csv"),
            [
                ("f.yaml:3:5", "`files` is not a part of a roster"),
            ],
        ),
        (
            PEOPLE.replace('"{{ row.Number }}"', "Number"),
            [
                (
                    "f.yaml:4:10",
                    '`key` must be a template of the row, such as "{{ row.Email }}", not `Number`',
                )
            ],
        ),
        (
            PEOPLE.replace("LastName", "Lastname"),
            [
                ("f.yaml:6:15", "`Lastname` is not a field of Contact"),
            ],
        ),
        (
            PEOPLE.replace("profile: Users", "profile: 7"),
            [
                (
                    "f.yaml:7:21",
                    "`profile` must be a key of the spec, a name in the org, or {find: {Field: value}}, not a number",
                )
            ],
        ),
        (PEOPLE.replace("vars.suffix", "vars.sufix"), []),
        (
            PEOPLE.replace("  c:\n", "  a:b:\n"),
            [
                (
                    "f.yaml:2:3",
                    "`a:b` is not the name of a roster: it must not be empty, contain `:` or `/`, or begin or end with a space",
                )
            ],
        ),
    ],
)
def test_a_wrong_declaration_is_reported_once(yaml, expected):
    _, problems = checked(yaml)
    assert [(str(p.span), p.message) for p in problems] == expected


def test_a_flawed_roster_is_not_read():
    document, problems = checked(
        PEOPLE.replace("LastName", "Lastname") + "  d: {file: d.csv, key: '{{ row.a }}'}\n"
    )
    assert [r.name for r in expand.without_problems(document, problems)] == ["d"]


@pytest.mark.parametrize(
    ("old", "new", "text", "expected"),
    [
        (
            "row.Last ",
            "row.Lst ",
            HEADER,
            ("f.yaml:6:29", "`row.Lst` is not defined", "did you mean `row.Last`?"),
        ),
        (
            "row.Email | lower",
            "row['E mail']",
            HEADER,
            ("f.yaml:6:50", "`row.E mail` is not defined", "did you mean `row.Email`?"),
        ),
        (
            "row.Number",
            "row.Number",
            "Number;Company\n",
            (
                "f.yaml:3:11",
                "the header of `c.csv` is one column, `Number;Company`",
                'add `delimiter: ";"` to the roster',
            ),
        ),
        ("| lower", "| nope", HEADER, ("f.yaml:6:50", "no filter named 'nope'", NO_FILTER)),
        (
            "vars.suffix",
            "vars.sufix",
            HEADER,
            ("f.yaml:7:58", "`vars.sufix` is not defined", "did you mean `vars.suffix`?"),
        ),
    ],
)
def test_a_template_that_is_wrong_for_every_row_is_reported_once(old, new, text, expected):
    assert said(text + "1,G,A,a@x.io\n2,G,B,b@x.io\n", PEOPLE.replace(old, new))[0] == expected


def test_a_roster_without_parts_is_an_error():
    yaml = 'rosters: {c: {file: c.csv, key: "{{ row.a }}"}}'
    assert said("a\n", yaml) == [
        (
            "f.yaml:1:21",
            "the rows of `c` declare nothing",
            "give the roster an `account`, a `contact` or a `user`",
        )
    ]


# ---------------------------------------------------------------- the rows

GOOD = "1,Globex,Doe,jane@x.io\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("c.csv:1:1", "`c.csv` has no header", "the first line names the columns")]),
        ("\n,,\n", [("c.csv:1:1", "`c.csv` has no header", "the first line names the columns")]),
        (
            "Number,Company,Last,Email,Last\n",
            [("c.csv:1:27", "two columns are named `Last`", "rename one of them")],
        ),
        (
            HEADER + "1,Globex,Doe\n",
            [
                (
                    "c.csv:2:13",
                    "the row has 3 cells, and the header 4",
                    "`Email` is the first that is missing: a cell may be empty, but must be there",
                )
            ],
        ),
        (
            HEADER + "1,Globex,Doe,jane@x.io,more\n",
            [
                (
                    "c.csv:2:24",
                    "the row has 5 cells, and the header 4",
                    "quote a cell that contains the delimiter, or name the column in the header",
                )
            ],
        ),
        (HEADER + ",Globex,Doe,jane@x.io\n", [("c.csv:2:1", "the row has no key", None)]),
        (
            HEADER + '"1\n2",Globex,Doe,jane@x.io\n',
            [("c.csv:2:1", "the key of the row has a line break in it", None)],
        ),
        (
            HEADER + GOOD + "1,Globex,Roe,joe@x.io\n",
            [("c.csv:3:1", "`1` is the key of two rows", TWO_ROWS)],
        ),
        (
            HEADER + "1,Globex,,jane@x.io\n",
            [("c.csv:2:10", "`LastName` must be text, not null", "fill in `Last`")],
        ),
        (
            HEADER + "1,Globex,Doe,jane\n",
            [
                (
                    "c.csv:2:14",
                    "`Email` must be an email address, such as jane@acme.example, not `jane`",
                    None,
                ),
                (
                    "c.csv:2:14",
                    "`Username` must be in the form of an email address, such as jane@acme.example, not `jane.portal`",
                    None,
                ),
            ],
        ),
        (
            HEADER + "1,Globex," + "x" * 81 + ",jane@x.io\n",
            [
                (
                    "c.csv:2:10",
                    "`LastName` has 81 characters, and Salesforce keeps at most 80",
                    "shorten it",
                )
            ],
        ),
        (
            HEADER + '1,Glo"bex,"Doe,jane@x.io\n',
            [
                (
                    "c.csv:2:11",
                    "the quote that begins here is never closed",
                    'close its quotes, and write a quote inside it twice: `"a ""b"" c"`',
                )
            ],
        ),
    ],
)
def test_a_problem_of_a_row_is_reported_at_its_cell(text, expected):
    assert said(text) == expected


def test_rows_of_one_account_must_have_the_same_values():
    yaml = PEOPLE.replace("account: {", 'account: {AccountNumber: "{{ row.Number | first }}", ')
    text = HEADER + "1a,Globex,Doe,jane@x.io\n1b,Globax,Roe,joe@x.io\n"
    assert said(text, yaml) == [
        (
            "c.csv:3:4",
            "`Name` of `account/c:1` is `Globax` here, and `Globex` in another row",
            "rows of one account give it the same values",
        )
    ]


@pytest.mark.parametrize(
    ("field", "message", "help_"),
    [
        (
            "CanAllowPortalSelfReg: '{{ row.Last }}'",
            "`CanAllowPortalSelfReg` must be true or false, not text",
            "compare it in the template: `{{ row.Last == 'Doe' }}`",
        ),
        (
            "MailingLatitude: '{{ row.Last }}'",
            "`MailingLatitude` must be a number, not text",
            "make it one in the template: `{{ row.Last | int }}`",
        ),
        (
            "Title: '{{ row.Last | length }}'",
            "`Title` must be text, not a number",
            "make it text in the template: `{{ row.Last | string }}`",
        ),
    ],
)
def test_the_help_for_a_wrong_type_changes_the_template(field, message, help_):
    found = filled(HEADER + GOOD, PEOPLE.replace("contact: {", f"contact: {{{field}, "))
    (problem,) = found.problems
    assert (str(problem.span), problem.message, problem.help) == ("c.csv:2:10", message, help_)
    column = len("    contact: {") + field.index(":") + 3
    assert problem.notes[-1] == f"from the template at f.yaml:6:{column}"


def test_a_template_that_fails_is_reported_at_its_cell():
    found = filled(HEADER + GOOD, PEOPLE.replace("row.Last ", "row.Last | int // 0 "))
    (problem,) = found.problems
    assert (str(problem.span), problem.code) == ("c.csv:2:10", "template")
    assert problem.message == "the template fails: integer division or modulo by zero"
    assert problem.notes == ("from the template at f.yaml:6:25",)


def test_a_row_without_remove_needs_the_required_fields():
    yaml = """\
rosters:
  c:
    file: c.csv
    key: "{{ row.Email }}"
    contact: {Email: "{{ row.Email }}", remove: "{{ row.Gone == 'x' }}"}
"""
    found = filled("Email,Gone\na@x.io,x\nb@x.io,\n", yaml)
    assert [s.address.name for s in found.specs] == ["c:a@x.io"]
    assert [(str(p.span), p.message) for p in found.problems] == [
        ("c.csv:3:1", "`c:b@x.io` has no `LastName`")
    ]


def test_of_very_many_problems_the_first_are_reported(monkeypatch):
    monkeypatch.setattr(expand, "_MOST_PROBLEMS", 50)
    rows = "".join(f"{n},G,Doe,none\n" for n in range(30))
    problems = filled(HEADER + rows).problems
    assert len(problems) == 51
    assert problems[-1].message == "10 more problems are not shown"
    assert str(problems[-1].span) == "f.yaml:3:11"


# ---------------------------------------------------------------- with the rest of a spec


def test_a_reference_to_a_row_with_a_problem_is_not_reported():
    yaml = (
        PEOPLE
        + "users: {x: {Username: x@x.io, contact: 'c:1'}, y: {Username: y@x.io, contact: 'd:1'}}\n"
    )
    document, _ = checked(yaml)
    found = declarations.specs([document], flawed=frozenset({"c"}))
    assert [p.message for p in found.problems] == ["`contact/d:1` is not declared in any spec"]


def test_the_same_field_in_two_spellings_is_reported_for_a_roster_too():
    document, problems = checked(PEOPLE.replace("contact: {", "contact: {A__c: 1, a__c: 2, "))
    assert problems == []
    assert [p.code for p in declarations.specs([document]).problems] == ["duplicate-field"]
