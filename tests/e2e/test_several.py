"""`plan --env a --env b`: what would be done where, and what differs on purpose."""

import json

import pytest
from lxml import html

STAGING = """\
env: [{name: ORG_URL, plain: true}]
org:
  login: access_token
  instance_url: "{{ env.ORG_URL }}"
  token: {env: ORG_TOKEN}
vars: {domain: acme.example, suffix: staging}
"""


@pytest.fixture
def acme(work, org):
    work.copy_acme()
    work.write("specs/acme/environments/staging.yaml", STAGING)
    work.use(org)
    work.run("apply", "--target", "settings/*", "--auto-approve", status=0)
    return work


BOTH = ["plan", "--env", "local", "--env", "staging"]


def test_plans_stand_side_by_side(acme, org):
    seen = acme.run(*BOTH, "--format", "json", status=0).json
    assert seen["environments"] == ["local", "staging"]
    local, staging = seen["plans"]
    assert staging["org"]["id"] == org.credentials["organization_id"] != local["org"]["id"]
    assert (len(local["steps"]), len(staging["steps"])) == (6, 7)
    actions = {step["address"]: step["actions"] for step in seen["steps"]}
    assert actions["settings/OrgSettings"] == {"local": None, "staging": "update"}
    assert actions["user/jane"] == {"local": "create", "staging": "create"}
    assert seen["differences"] == [
        {
            "address": "user/jane",
            "field": "Username",
            "values": {
                "local": "jane.doe@acme.example.portal",
                "staging": "jane.doe@acme.example.staging",
            },
        }
    ]


def test_each_plan_is_the_one_of_its_environment_alone(acme):
    seen = acme.run(*BOTH, "--format", "json", status=0).json
    for name, plan in zip(seen["environments"], seen["plans"], strict=True):
        alone = acme.run("plan", "--env", name, "--format", "json", status=0).json
        assert plan == alone


def test_text_and_markdown_have_the_tables(acme):
    told = acme.run(*BOTH, "--report", "both.md", "--report", "both.json", status=0).out
    assert "settings/OrgSettings           in sync   ~ update" in told
    assert "user/jane.Username  jane.doe@acme.example.portal  jane.doe@acme.example.staging" in told
    row = "| `user/jane.Username` | `jane.doe@acme.example.portal` | `jane.doe@acme.example.staging` |"
    assert row in (acme.folder / "both.md").read_text("utf-8")
    assert json.loads((acme.folder / "both.json").read_text("utf-8"))["report"] == "plans"


def test_a_page_has_the_tables_and_every_plan(acme):
    acme.run(*BOTH, "--report", "both.html", status=0)
    text = acme.run(*BOTH, "--format", "html", status=0).out
    assert text == (acme.folder / "both.html").read_text("utf-8")
    page = html.fromstring(text)
    assert [h.text for h in page.iter("h1")] == ["Plans: specs/acme", "local", "staging"]
    side_by_side, on_purpose = (
        [[cell.text or "" for cell in row] for row in page.xpath("//table")[n]] for n in (0, 1)
    )
    assert side_by_side[0] == ["", "local", "staging"]
    assert ["settings/OrgSettings", "in sync", "~ update"] in side_by_side
    usernames = ["jane.doe@acme.example.portal", "jane.doe@acme.example.staging"]
    assert on_purpose[1:] == [["user/jane.Username", *usernames]]
    ids = page.xpath("//section/@id")
    assert ids == [
        *(f"plan-1-step-{n}" for n in range(1, 7)),
        *(f"plan-2-step-{n}" for n in range(1, 8)),
    ]
    assert "<script" not in text


def test_the_gravest_status_of_any_counts(acme):
    acme.run(*BOTH, "--detailed-exitcode", status=2)
    refused = acme.run(*BOTH, "--policy", "max_changes=6", status=4)
    assert refused.err.count("the plan has 7 changes") == 1
    acme.run(*BOTH, status=3, ORG_URL="http://127.0.0.1:9")
    acme.run("plan", "--env", "local", "--env", "nowhere", status=1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--format", "junit"], "`junit` shows the plan of one environment"),
        (["--report", "x.sarif"], "`sarif` shows the plan of one environment"),
        (["--out", "p.json"], "`--out` saves the plan of one environment"),
    ],
)
def test_what_is_about_one_plan_is_refused(more, said, work):
    work.copy_acme()
    assert said in work.run(*BOTH, *more, status=1).err


def test_where_nothing_differs_that_is_said(work):
    work.write("specs/shop/a.yaml", "accounts: {acme: {Name: Acme}}\n")
    work.write("specs/shop/environments/one.yaml", "org: {login: local}\n")
    work.write("specs/shop/environments/two.yaml", "org: {login: local}\n")
    told = work.run("plan", "--env", "one", "--env", "two", status=0).out
    assert "The spec has the same values for every environment." in told
