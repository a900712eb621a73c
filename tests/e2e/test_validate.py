"""`validate`, offline: every problem of every file, each at its place, and nothing else."""

import re

import pytest

# Each file holds what another would hide; together they hold every kind of problem.
FILES = {
    "a_syntax.yaml": """\
accounts:
  initech: {Name: Initech
profiles: {}
""",
    "b_repeated.yaml": """\
profiles:
  Guest User: {description: one}
  Guest User: {description: two}
""",
    "c_template.yaml": """\
layouts:
  Case-Case Layout:
    fields:
      Subject: {section: "{{ vars.sectoin }}"}
""",
    "d_people.yaml": """\
accounts:
  acme:
    Name: Acme Corporation
    Nmae: Acme Corporation
    IsPartner: NO
  twin:
    Name: ACME corporation
  nameless:
    Phone: "1"
    IsDeleted: true
  hen: {Name: Hen, parent: egg}
  egg: {Name: Egg, parent: hen}
contacts:
  jane:
    account: acmee
    LastName: Doe
    Email: jane.doe@acme.example
users:
  jane:
    contact: jnae
    profile: Acme Portal User
    Username: jane.doe@acme.example
""",
    "e_portal.yaml": """\
accounts:
  twin: {Name: Second Twin}
layouts:
  Contact-Contact Layout:
    fields:
      CanAllowPortalSelfReg: {section: Additional Information}
      canallowportalselfreg: {behavior: Edti}
portal:
  Acme Customer Portal: {active: true}
""",
    "environments/local.yaml": "org: {login: local}\nvars: {section: Details}\n",
}
EXPECTED = [
    ("a_syntax.yaml:3:9", "yaml-syntax", "did not find expected `,` or `}`", None),
    ("b_repeated.yaml:3:3", "duplicate-key", "`Guest User` appears twice", None),
    ("c_template.yaml:4:30", "undefined-name", "`vars.sectoin` is not defined", "`vars.section`"),
    ("d_people.yaml:4:5", "unknown-field", "`Nmae` is not a field of Account", "`Name`"),
    ("d_people.yaml:5:16", "wrong-type", "`IsPartner` must be true or false", "write `false`"),
    (
        "d_people.yaml:7:11",
        "duplicate-record",
        "would be the same record, matched by `Name`",
        "declare it once",
    ),
    ("d_people.yaml:8:3", "missing-field", "`nameless` has no `Name`", "requires it"),
    ("d_people.yaml:10:5", "refused-field", "`IsDeleted` cannot be managed", "`remove: true`"),
    ("d_people.yaml:11:28", "reference-cycle", "account/hen -> account/egg -> account/hen", None),
    ("d_people.yaml:15:14", "unknown-reference", "`account/acmee` is not declared", "`acme`"),
    ("d_people.yaml:20:14", "unknown-reference", "`contact/jnae` is not declared", "`jane`"),
    ("e_portal.yaml:2:3", "duplicate-key", "`twin` is declared twice", None),
    ("e_portal.yaml:7:7", "duplicate-field", "are the same name for Salesforce", "keep the one"),
    ("e_portal.yaml:7:41", "wrong-value", "`behavior` must be", "did you mean `Edit`?"),
    ("e_portal.yaml:8:1", "unknown-field", "`portal` is not a section", "`portals`"),
]


@pytest.fixture
def wrong(work):
    """A spec that holds every kind of problem."""
    for name, text in FILES.items():
        work.write(f"specs/wrong/{name}", text)
    return work


def place(problem):
    return f"{problem['file']}:{problem['line']}:{problem['column']}".removeprefix("specs/wrong/")


def problems(work):
    """What `validate` finds, as place and code."""
    found = work.run("validate", "--format", "json", status=1).json["problems"]
    return [(place(p), p["code"]) for p in found]


def test_every_problem_is_reported_at_its_place_and_nothing_else(wrong):
    found = wrong.run("validate", "--format", "json", status=1)
    assert found.err == ""
    shown = found.json["problems"]
    assert [(place(p), p["code"]) for p in shown] == [row[:2] for row in EXPECTED]
    for problem, (_, _, message, help_) in zip(shown, EXPECTED, strict=True):
        assert message in problem["message"]
        assert help_ is None or help_ in problem["help"]
        assert problem["severity"] == "error"
        assert (problem["end_line"], problem["end_column"]) >= (problem["line"], problem["column"])


def test_every_problem_is_shown_with_its_line_a_marker_and_a_remedy(wrong):
    shown = wrong.run("validate", status=1)
    places = re.findall(r"^ *--> specs/wrong/(\S+)$", shown.out, re.MULTILINE)
    assert places == [row[0] for row in EXPECTED]
    assert "15 problems in 5 files" in shown.out
    assert (
        "error[unknown-field]: `Nmae` is not a field of Account\n"
        " --> specs/wrong/d_people.yaml:4:5\n"
        "  |\n"
        "4 |     Nmae: Acme Corporation\n"
        "  |     ^^^^\n"
        "  = help: did you mean `Name`?\n"
    ) in shown.out
    # No terminal, no colours: the bytes are for whoever reads the pipe.
    assert "\x1b" not in shown.said


def test_the_same_problems_stop_a_plan(wrong):
    stopped = wrong.run("plan", status=1)
    assert stopped.out == ""
    assert "15 problems in 5 files" in stopped.err
    # Nothing was asked of any org: the local one was not even made.
    assert not wrong.home.exists()


def test_a_repeated_key_hides_no_other_problem_of_its_file(work):
    work.write(
        "specs/wrong/a.yaml",
        "accounts:\n  a: {Name: A}\n  a: {Name: B}\n  b: {Nmae: B, Name: B}\n",
    )
    assert problems(work) == [("a.yaml:3:3", "duplicate-key"), ("a.yaml:4:7", "unknown-field")]


def test_an_undefined_name_hides_no_other_problem_of_its_file(work):
    work.write(
        "specs/wrong/a.yaml",
        "accounts:\n  a: {Name: '{{ vars.x }}'}\n  b: {Nmae: B, Name: B}\n",
    )
    assert problems(work) == [("a.yaml:2:17", "undefined-name"), ("a.yaml:3:7", "unknown-field")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("contacts: {jane: {LastName: Doe, Email: j@x.example}", ("a.yaml:1:53", "yaml-syntax")),
        (
            "contacts: {jane: {LastName: '{{ vars.x }}', Email: j@x.example}}",
            ("a.yaml:1:33", "undefined-name"),
        ),
    ],
)
def test_a_file_that_can_not_be_used_makes_no_problems_elsewhere(text, problem, work):
    work.write("specs/wrong/a.yaml", text)
    work.write(
        "specs/wrong/b.yaml",
        "users: {jane: {contact: jane, profile: P, Username: j@x.example}}\n",
    )
    assert problems(work) == [problem]


def test_the_walk_through_is_right_and_needs_no_secrets(work):
    work.copy_acme()
    assert "7 resources" in work.run("validate", status=0).out
    shown = work.run("validate", "--format", "json", status=0).json
    assert shown["problems"] == []
    assert shown["summary"] == {"resources": 7, "files": 3, "errors": 0, "warnings": 0}
    # Neither the key of the real org nor a session for the served one is there.
    work.run("validate", "--env", "production", status=0)
    assert not work.home.exists()


@pytest.mark.parametrize("command", ["validate", "plan", "apply", "drift"])
def test_without_a_spec_it_says_where_one_is_looked_for(command, work):
    missing = work.run(command, status=1)
    assert missing.out == ""
    assert "there is no spec here" in missing.err
    assert "specs/<portal>/" in missing.err


def test_a_spec_is_named_where_there_are_several(work):
    for name in ("acme", "globex"):
        work.write(f"specs/{name}/accounts.yaml", f"accounts: {{a: {{Name: {name}}}}}\n")
    several = work.run("validate", status=1)
    assert "`specs/acme`, `specs/globex`" in several.err
    assert "specs/globex: 1 resource" in work.run("validate", "specs/globex", status=0).out
    unknown = work.run("validate", "specs/initech", status=1)
    assert "there is no folder `specs/initech`" in unknown.err


@pytest.mark.parametrize("arguments", [["plna"], ["plan", "--fromat", "json"], ["org", "serv"]])
def test_a_wrong_call_is_told_what_is_right(arguments, work):
    wrong = work.run(*arguments, status=1)
    assert wrong.err.startswith("error: ")
    assert "--help" in wrong.err
    assert wrong.out == ""
