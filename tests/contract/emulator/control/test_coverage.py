"""What the local org says it covers, against what it does and what its help topic says."""

import json
import re
from pathlib import Path

import pytest

from provisioner.emulator.app import create_app
from provisioner.emulator.control import coverage

TOPIC = Path(__file__).parents[4] / "provisioner" / "cli" / "topics" / "local-org.md"

SOURCE = '''"""A module, after a recording."""
LIMIT = 5  # fact 730


def refuse(value):
    """Says no."""
    if value > LIMIT:  # fact 714, text: guess
        raise SalesforceError("TOO_MANY", "too many")
    # The order is what the SOQL guide
    # says, from what is known [Q].
    return sorted(value)


class Kind:
    def check(self, value):
        if value:
            raise SalesforceError("NOT_SO", "no")
        return 1  # nothing to do with Salesforce
'''


@pytest.fixture
def report(local):
    return coverage.report(create_app(local))


def test_comments_and_docstrings_with_a_mark_are_rules():
    rules = coverage.rules_in("m", SOURCE)
    assert [(r.line, r.function, r.codes, r.certainty) for r in rules] == [
        (1, "module", (), "verified"),
        (2, "LIMIT", (), "verified"),
        (7, "refuse", ("TOO_MANY",), "guess"),
        (9, "refuse", (), "quoted"),
        (17, "Kind.check", ("NOT_SO",), "unmarked"),
    ]
    assert rules[3].text == "The order is what the SOQL guide says, from what is known [Q]."


@pytest.mark.parametrize(
    ("note", "certainty"),
    [
        ("fact 730", "verified"),
        ("facts 730 and 105", "quoted"),
        ("fact 730; the text: guess", "guess"),
        ("documented (fact\n# 410)", "inferred"),
        ("in fact nothing", None),
        ("recorded: 2.4", "verified"),
        ("Bulk API guide, Limits", "verified"),
        ("the code [V], the text [U]", "unverified"),
        ("the code [V], the text: guess", "guess"),
        ("[V BF]", "verified"),
        ("our names", None),
        ("guesswork", None),
    ],
)
def test_a_rule_is_as_certain_as_its_weakest_mark(note, certainty):
    assert coverage.certainty_of(note) == certainty


def test_routes_come_from_the_code(report):
    paths = {route.path: route.methods for route in report.routes}
    for path, methods in {
        "/services/oauth2/token": {"POST"},
        "/services/data/<version>/sobjects/<name>/<id>": {"GET", "PATCH", "DELETE"},
        "/services/data/<version>/sobjects/<name>/describe": {"GET"},
        "/services/data/<version>/composite/sobjects": {"POST", "PATCH", "DELETE"},
        "/services/data/<version>/query": {"GET"},
        "/services/Soap/m/<version>#readMetadata": {"POST"},
        "/services/Soap/u/<version>#login": {"POST"},
        "/060/e": {"GET", "POST"},
    }.items():
        assert methods <= set(paths[path]), path
    assert not any(path.startswith("/emulator/") for path in paths), "the door was not opened"


def test_every_rest_route_of_the_report_names_its_methods(report, rest):
    """The table that is listed is the one that answers, also inside of a composite call."""
    base = "/services/data/<version>/"
    listed = [route for route in report.routes if route.path.startswith(base)]
    below = [route for route in listed if "<path:path>" not in route.path]
    assert len(below) > 30
    for route in below:
        path = re.sub(r"<[^>]*>", "x", route.path.removeprefix(base))
        response = rest.send("OPTIONS", f"/{path}")
        allowed = set(response.headers["Allow"].split(",")) - {"HEAD"}
        assert (response.status_code, allowed) == (405, set(route.methods)), route
        inner = {"method": "OPTIONS", "url": f"/services/data/v62.0/{path}", "referenceId": "a"}
        _, body = rest("POST", "/composite", {"compositeRequest": [inner]})
        (one,) = body["compositeResponse"]
        alone = path.startswith(("jobs/", "metadata/"))
        assert one["httpStatusCode"] == (404 if alone else 405), route


def test_an_undeclared_route_is_not_there(rest):
    for path in ("/nonsense", "/jobs", "/jobs/ingest/x/nonsense", "/limits/nonsense", "/connect"):
        assert rest("GET", path)[0] == 404, path


def test_objects_have_the_fields_of_describe(report, rest, local):
    def told(objects):
        return [(one.name, one.fields, one.createable) for one in objects]

    def described(objects):
        found = [rest("GET", f"/sobjects/{one.name}/describe")[1] for one in objects]
        return [(one["name"], len(one["fields"]), one["createable"]) for one in found]

    plain = [one for one in report.objects if one.when is None]
    assert told(plain) == described(plain)
    of_sites = [one for one in report.objects if one.when == "Networks"]
    local.set_feature("Networks", on=True)
    assert told(of_sites) == described(of_sites)
    assert {"Network", "NetworkMember", "NetworkMemberGroup"} <= {one.name for one in of_sites}


def test_the_grammar_is_listed(report):
    names = {feature.name for feature in report.soql}
    assert {"where", "group", "having", "order", "limit", "offset", "liked", "joined"} <= names


def test_metadata_types_are_listed_whatever_is_switched_on(report):
    assert {"Portal", "Profile", "Layout", "OrgSettings"} <= set(report.metadata_types)


def test_every_refusal_of_the_source_is_a_rule_that_says_where_it_is_from(report):
    assert [rule for rule in report.rules if rule.certainty == "unmarked"] == []
    assert {rule.certainty for rule in report.rules} <= {*coverage.CERTAINTIES.values()}
    told = {(rule.module, code) for rule in report.rules for code in rule.codes}
    assert {("rules", "INVALID_TYPE_FOR_OPERATION")} <= {
        (module.partition(".")[0], code) for module, code in told
    }


def test_the_report_is_the_same_each_time(report, local):
    again = coverage.report(create_app(local))
    assert coverage.as_json(report) == coverage.as_json(again)


def test_the_report_is_json_and_text(report):
    data = json.loads(coverage.as_json(report))
    assert list(data) == [
        "routes",
        "objects",
        "soql",
        "metadata_types",
        "facts",
        "relied_on_facts",
        "rules",
    ]
    assert data["objects"][0]["name"] == "Account"
    text = coverage.as_text(report)
    assert text.endswith(coverage.summary(report))
    for heading in ("Routes", "Objects", "SOQL", "Metadata types", "Facts", "Rules"):
        assert f"\n{heading}\n" in f"\n{text}"


def test_facts_are_printed_with_number_sentence_and_source(report):
    text = coverage.as_text(report)
    for fact in report.facts:
        assert f"  {fact.number}  {fact.certainty:10} {fact.text}" in text
        assert f" {fact.source}: {fact.url}\n" in text


def test_what_a_plan_relies_on_without_proof_is_marked(report):
    text = coverage.as_text(report)
    marked = [rule for rule in report.rules if rule.relied_on]
    assert {rule.certainty for rule in marked} == {"unverified", "guess"}
    assert text.count("(relied on by plan: ") == len(marked)
    fact = next(f for f in report.facts if f.number in report.relied_on_facts["plan"])
    assert f"{fact.text} (relied on by plan" in text


def test_the_summary_in_the_help_topic_is_true(report):
    block = re.search(
        r"<!-- coverage -->\n+(.*?)\n+<!-- /coverage -->", TOPIC.read_text("utf-8"), re.DOTALL
    )
    assert block, "the topic has the summary between <!-- coverage --> and <!-- /coverage -->"
    assert block[1] == coverage.summary(report), (
        "paste the output of `coverage.summary` into local-org.md"
    )
