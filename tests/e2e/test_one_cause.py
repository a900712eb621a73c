"""One mistake that many resources share is one problem, with three places and a count."""

import json
import re

import pytest
import yaml
from lxml import etree, html

FORMATS = ("json", "markdown", "html", "junit", "sarif", "github")
PORTAL = {"settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}}}
ACCOUNT = {"accounts": {"acme": {"Name": "Acme", "owner": "portal.admin@acme.example"}}}
ROSTER = {
    "people": {
        "file": "people.csv",
        "key": "{{ row.Email }}",
        "contact": {"account": "acme", "Email": "{{ row.Email }}", "LastName": "{{ row.Last }}"},
    }
}


def people(count, **user):
    users = {
        f"p{n:03}": {"contact": f"p{n:03}", "Username": f"p{n}@acme.example", **user}
        for n in range(count)
    }
    contacts = {
        f"p{n:03}": {"account": "acme", "LastName": f"P{n}", "Email": f"p{n}@acme.example"}
        for n in range(count)
    }
    return {**PORTAL, **ACCOUNT, "contacts": contacts, "users": users}


def rows(count):
    return "Email,Last\n" + "".join(f"r{n}@acme.example,\n" for n in range(count))


@pytest.mark.parametrize(
    ("command", "spec", "count", "message"),
    [
        (
            "plan",
            people(236, profile="High Volume Customer Portal"),
            136,
            (
                "`High Volume Customer Portal` has no seat left: 0 of 100 are used, "
                "and the plan needs 236 more"
            ),
        ),
        (
            "plan",
            people(40, profile="No Such Profile"),
            40,
            "neither the spec nor the org has a Profile with Name 'No Such Profile'",
        ),
        (
            "validate",
            {**ACCOUNT, "rosters": ROSTER},
            300,
            "`LastName` must be text, not null",
        ),
    ],
    ids=["seats", "profile", "roster"],
)
def test_one_mistake_is_reported_once_in_every_format(new_work, command, spec, count, message):
    work = new_work()
    folder = work.folder / "specs/many"
    folder.mkdir(parents=True)
    (folder / "portal.yaml").write_text(yaml.safe_dump(spec), "utf-8")
    (folder / "people.csv").write_text(rows(300), "utf-8")

    text = work.run(command, "specs/many", status=1)
    said = text.out + text.err
    assert said.count(message) == 1
    assert f"and {count - 3} more places" in said
    assert "1 problem in 1 file" in said

    made = {
        form: work.run(command, "specs/many", "--format", form, status=1).out for form in FORMATS
    }
    (problem,) = json.loads(made["json"])["problems"]
    assert (problem["message"], problem["count"], len(problem["also"])) == (message, count, 2)
    places = [f"{p['file']}:{p['line']}" for p in (problem, *problem["also"])]
    assert len(set(places)) == 3

    markdown = next(
        line for line in made["markdown"].splitlines() if line.startswith("- **error**")
    )
    assert [f"`{place}`" in markdown for place in places] == [True] * 3
    assert f"and {count - 3} more" in markdown
    assert made["markdown"].count("- **error**") == 1

    (item,) = html.fromstring(made["html"]).find_class("problems")[0]
    assert f"and {count - 3} more places" in item.text_content()
    assert all(place in item.text_content() for place in places)

    results = json.loads(made["sarif"])["runs"][0]["results"]
    (result,) = [r for r in results if r["level"] == "error"]
    assert len(result["relatedLocations"]) == 2
    assert f"and {count - 3} more places" in result["message"]["text"]

    (failure,) = etree.fromstring(made["junit"].encode()).iter("failure")
    assert f"and {count - 3} more places" in failure.text

    errors = [line for line in made["github"].splitlines() if line.startswith("::error")]
    assert len(errors) == 1
    assert re.search(rf"and {count - 3} more places", errors[0])
    assert "1 error" in made["github"]
