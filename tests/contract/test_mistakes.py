"""A table of mistakes: for each, all that is said, once: the place, the cause and the remedy.

Each spec of `mistakes.yaml` is for an org with a portal, an account, two contacts and a user.
What a message says beyond its first line of code, place and cause is indented.
"""

from pathlib import Path

import pytest
import yaml

from provisioner.plan import make as workflow
from provisioner.spec.load import load

CASES = yaml.safe_load((Path(__file__).parent / "mistakes.yaml").read_text("utf-8"))
START = {
    "settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}},
    "profiles": {"Portal User": {"clone_of": "High Volume Customer Portal"}},
    "accounts": {"acme": {"Name": "Acme", "owner": "portal.admin@acme.example"}},
    "contacts": {
        "jane": {
            "account": "acme",
            "FirstName": "Jane",
            "LastName": "Doe",
            "Email": "jane@x.example",
        },
        "john": {
            "account": "acme",
            "FirstName": "John",
            "LastName": "Roe",
            "Email": "john@x.example",
        },
    },
    "users": {
        "jane": {
            "contact": "jane",
            "profile": "Portal User",
            "Username": "jane@x.example.portal",
            "on_create": {"password": "email"},
        }
    },
}


def said(case, portal, folder):
    """What is said of the spec, as lines."""
    for name, text in {"portal.yaml": case["spec"], **case.get("files", {})}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    loaded = load(folder, None, secrets=False)
    problems = loaded.problems
    if not problems:
        portal.apply(START)
        problems = workflow.plan(loaded, portal.org).plan.problems
    return [line for problem in problems for line in shown(problem, folder)]


def shown(problem, folder):
    span = problem.span
    place = f"{Path(span.file).relative_to(folder)}:{span.line}:{span.column}" if span else "-"
    yield f"{problem.severity.value}[{problem.code}] {place}"
    yield f"  {problem.message}".replace(str(folder), ".")
    yield from (f"  {note}".replace(str(folder), ".") for note in problem.notes)
    if problem.help:
        yield f"  help: {problem.help}".replace(str(folder), ".")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["mistake"])
def test_a_mistake_is_reported_once_with_its_place_cause_and_remedy(case, portal, tmp_path):
    assert said(case, portal, tmp_path / "mistake") == case["says"].splitlines()


def test_there_are_sixty():
    assert len({case["mistake"] for case in CASES}) >= 60
    # What a value must be is a remedy, too.
    assert all("help: " in case["says"] or " must be " in case["says"] for case in CASES)
