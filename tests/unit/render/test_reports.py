"""A report for machines: annotations, SARIF and JUnit say what the computed report says."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from provisioner.model.diagnostics import Diagnostic, Severity, Span
from provisioner.render import report
from provisioner.render.findings import findings, headline
from provisioner.render.format import value
from provisioner.render.validation import validation_document

# What SARIF 2.1.0 demands of the objects that are written here (OASIS SARIF 2.1.0, 3.13 to 3.49).
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "version": {"type": "string"},
                                    "rules": {
                                        "uniqueItems": True,
                                        "items": {
                                            "required": ["id"],
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": {"required": ["text"]},
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "results": {
                        "items": {
                            "required": ["message", "ruleId", "ruleIndex", "locations"],
                            "additionalProperties": False,
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": {
                                    "required": ["text"],
                                    "properties": {"text": {"type": "string", "minLength": 1}},
                                },
                                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                                "locations": {
                                    "items": {
                                        "additionalProperties": False,
                                        "properties": {
                                            "logicalLocations": {"type": "array"},
                                            "physicalLocation": {
                                                "required": ["artifactLocation"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "required": ["uri"],
                                                        "properties": {
                                                            "uri": {"pattern": r"^[!-~]+$"}
                                                        },
                                                    },
                                                    "region": {
                                                        "required": ["startLine"],
                                                        "additionalProperties": {
                                                            "type": "integer",
                                                            "minimum": 1,
                                                        },
                                                    },
                                                },
                                            },
                                        },
                                    }
                                },
                            },
                        }
                    },
                },
            },
        },
    },
}


def field(name, before, after, line=4, **more):
    place = {"file": "specs/acme/a.yaml", "line": line, "column": 5}
    ends = {"end_line": line, "end_column": 5 + len(name)}
    return {"name": name, "before": before, "after": after, "default": False} | place | ends | more


def step(number, action, address, *fields, **more):
    return {
        "number": number,
        "address": address,
        "action": action,
        "id": None if action == "create" else "001Lo0000000001AAA",
        "matched_by": None if action == "create" else "Name",
        "irreversible": False,
        "file": "specs/acme/a.yaml",
        "line": number,
        "column": 3,
        "end_line": number,
        "end_column": 7,
        "fields": list(fields),
        "notes": [],
        "needs": [],
        "calls": ["UpdateRecord"],
        "last_modified": None,
    } | more


def compared(report_, *steps, problems=(), known=()):
    """A plan or a drift as it is computed."""
    actions = [s["action"] for s in steps]
    names = ("create", "update", "deactivate", "delete")
    others = ("irreversible", "gain_login", "lose_login", "change_login", "emails")
    others += ("api_calls_to_apply",)
    return {
        "format_version": 1,
        "report": report_,
        "spec": "specs/acme",
        "environment": "local",
        "org": {"id": "00D", "name": "Acme", "instance_url": "https://acme.example"},
        "steps": list(steps),
        "known": [{"address": a, "id": "001", "matched_by": "Name"} for a in known],
        "left_out": [],
        "ignored": [],
        "absent": [],
        "email_differences": [],
        "problems": list(problems),
        "summary": {n: actions.count(n) for n in names}
        | dict.fromkeys(others, 0)
        | {"managed": len({*known, *(s["address"] for s in steps)}), "api_calls_read": 3},
        "licences": [],
    }


def validated(*diagnostics, files=("specs/acme/a.yaml", "specs/acme/b.yaml")):
    return validation_document(
        diagnostics, spec="specs/acme", environment="local", files=files, resources=3
    )


WRONG = Diagnostic(
    "unknown-field",
    "`Nmae` is not a field of Account, 50% sure:\nno",
    Span("specs/acme/a,b.yaml", 3, 5, 3, 9),
    help="did you mean `Name`?",
)
ODD = Diagnostic("odd", "all of it is odd", severity=Severity.WARNING)
MOVED = step(
    2,
    "update",
    "account/acme",
    field("Fax", "2", "1", line=7),
    field("Site", None, "x", line=8),
    last_modified={"by": "Sam Hand", "at": "2026-03-01T10:20:30.000Z"},
)
GONE = step(1, "create", "contact/jane", field("LastName", None, "Doe"))


def drifted():
    return compared("drift", GONE, MOVED, known=("account/acme", "user/jane"))


def rendered(view, format_):
    return report.render(view, format_, "1.2.3")


def test_a_problem_is_annotated_on_its_line():
    lines = rendered(validated(WRONG, ODD), "github").splitlines()
    assert lines == [
        (
            "::error file=specs/acme/a%2Cb.yaml,line=3,endLine=3,col=5,endColumn=9,"
            "title=unknown-field::`Nmae` is not a field of Account, 50%25 sure:%0Ano"
            "%0Ahelp: did you mean `Name`?"
        ),
        "::warning title=odd::all of it is odd",
        "validate: 1 error and 1 warning in 3 resources in 2 files",
    ]


def test_drift_is_annotated_on_the_line_of_each_field_and_names_its_author():
    lines = rendered(drifted(), "github").splitlines()
    assert [re.search(r"line=(\d+)", line)[1] for line in lines[:-1]] == ["1", "7", "8"]
    assert lines[0].endswith("contact/jane is missing in the org")
    assert lines[1].endswith(
        "account/acme Fax was changed in the org, last modified 2026-03-01 10:20:30 UTC by "
        'Sam Hand%0Aspec has "1"%0Aorg has "2"'
    )
    assert lines[-1] == "drift: 2 of 3 resources differ in Acme (00D)"


@pytest.mark.parametrize("format_", ["json", "markdown", "html", "junit", "sarif", "github"])
def test_a_validation_has_every_format(format_):
    shown = rendered(validated(WRONG, ODD), format_)
    assert "is not a field of Account" in shown
    assert "all of it is odd" in shown
    assert (
        "odd" not in rendered(validated(), format_).partition("<body>")[2].partition("<script>")[0]
    )


def test_what_can_not_be_undone_is_annotated_as_a_warning():
    note = {"kind": "irreversible", "text": "for ever", "people": 0}
    door = step(1, "update", "settings/OrgSettings", irreversible=True, notes=[note])
    lines = rendered(compared("plan", GONE, door), "github").splitlines()
    assert [line.partition(" ")[0] for line in lines[:-1]] == ["::warning", "::notice"]
    assert "irreversible: for ever" in lines[0]


def test_sarif_is_as_its_standard_wants_it():
    for view in (validated(WRONG, ODD), validated(), drifted(), compared("plan", GONE, MOVED)):
        log = json.loads(rendered(view, "sarif"))
        jsonschema.validate(log, SARIF)
        (run,) = log["runs"]
        rules = [r["id"] for r in run["tool"]["driver"]["rules"]]
        assert [rules[r["ruleIndex"]] for r in run["results"]] == [f.rule for f in findings(view)]
        prints = [r["partialFingerprints"]["provisioner/v1"] for r in run["results"]]
        assert len(set(prints)) == len(prints)


def test_a_sarif_result_points_at_its_words_and_stays_itself_when_lines_move():
    def result(line):
        there = Span("specs/a b.yaml", line, 5, line, 9)
        view = validated(Diagnostic("odd", "so odd", there))
        return json.loads(rendered(view, "sarif"))["runs"][0]["results"][0]

    physical = result(3)["locations"][0]["physicalLocation"]
    assert unquote(physical["artifactLocation"]["uri"]) == "specs/a b.yaml"
    assert physical["region"] == {"startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 9}
    assert result(3)["partialFingerprints"] == result(30)["partialFingerprints"]


def cases(view):
    (suite,) = etree.fromstring(rendered(view, "junit").encode())
    found = {(c.get("classname"), c.get("name")): c for c in suite}
    assert int(suite.get("tests")) == len(suite) == len(found)
    assert int(suite.get("failures")) == len(suite.findall("testcase/failure"))
    return found


def test_junit_has_a_case_for_each_resource_and_fails_those_that_drifted():
    found = cases(drifted())
    assert {name: len(c.findall("failure")) for name, c in found.items()} == {
        ("account", "acme"): 1,
        ("user", "jane"): 0,
        ("contact", "jane"): 1,
    }
    failure = found["account", "acme"].find("failure")
    assert failure.get("type") == "drift-changed"
    assert failure.get("message").endswith("(and 1 more)")
    assert 'spec has "1"\norg has "2"\nat specs/acme/a.yaml:7:5' in failure.text


def test_junit_has_a_case_for_each_file_and_fails_those_with_problems():
    found = cases(validated(WRONG, ODD, files=("specs/acme/a,b.yaml", "specs/acme/c.yaml")))
    failed = {name for (_, name), c in found.items() if c.findall("failure")}
    assert failed == {"specs/acme/a,b.yaml"}
    assert "all of it is odd" in found["file", "specs/acme"].findtext("system-out")
    assert ("file", "specs/acme/c.yaml") in found


def test_a_pending_step_is_no_failure():
    found = cases(compared("plan", GONE, MOVED, known=("account/acme", "user/jane")))
    assert not any(c.findall("failure") for c in found.values())
    assert "LastName: Doe" in found["contact", "jane"].findtext("system-out")


def test_what_is_unmanaged_is_a_note_in_every_report():
    stray = {"kind": "user", "name": "sam@x.example", "id": "005", "detail": "Portal User"}
    bare = {"kind": "profile", "name": "Odd", "id": None, "detail": None}
    view = compared("drift", MOVED, known=("account/acme",)) | {"unmanaged": [stray, bare]}
    lines = rendered(view, "github").splitlines()
    said = "user/sam@x.example (Portal User) is in the org, but not in the specs"
    assert lines[2] == f"::notice title=drift-unmanaged::{said}"
    assert [r["level"] for r in json.loads(rendered(view, "sarif"))["runs"][0]["results"]] == [
        *("warning", "warning"),
        *("note", "note"),
    ]
    found = cases(view)
    assert said in found["user", "sam@x.example"].findtext("system-out")
    assert not found["profile", "Odd"].findall("failure")


def test_a_headline_says_it_in_one_sentence():
    assert headline(compared("drift")) == "no drift: Acme (00D) is as specified"
    assert (
        headline(compared("plan", known=("user/jane",))) == "in sync: Acme (00D) has all 1 resource"
    )
    assert headline(validated()) == "3 resources in 2 files, ok"
    problem = validated(WRONG)["problems"]
    assert headline(compared("plan", problems=problem)) == "1 error for Acme (00D)"


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ("", '""'),
        ("null", '"null"'),
        ("10001", '"10001"'),
        ("Acme", "Acme"),
        (" Acme", '" Acme"'),
        ('"', '"\\""'),
        ("a\nb", '"a\\nb"'),
        ("\x1b[2J", '"\\u001b[2J"'),
        ("\N{RIGHT-TO-LEFT OVERRIDE}x", '"\\u202ex"'),
        ([], "[]"),
        (["read", "a, b", "1"], '[read, "a, b", "1"]'),
    ],
)
def test_a_value_is_shown_as_what_it_is(given_, expected):
    assert value(given_) == expected


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(texts, texts, texts)
def test_no_text_breaks_out_of_a_format(name, before, after):
    moved = step(1, "update", f"account/{name}", field(name, before, after, line=7))
    view = compared("drift", moved, known=(f"account/{name}",))
    assert len(rendered(view, "github").splitlines()) == 2
    assert json.loads(rendered(view, "json")) == view
    jsonschema.validate(json.loads(rendered(view, "sarif")), SARIF)
    ((_, case),) = cases(view).items()
    assert value(after) in case.find("failure").text or len(value(after)) > 300
