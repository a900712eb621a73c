"""A plan that was saved is a ceiling: it is applied as reviewed, or not at all."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parents[2] / "schemas"

SHOP = """\
accounts:
  acme:
    Name: Acme Corporation
    Phone: "1"
  globex:
    Name: Globex
"""
ENVIRONMENT = """\
env: [{name: ORG_URL, plain: true}]
org: {login: access_token, instance_url: "{{ env.ORG_URL }}", token: {env: ORG_TOKEN}}
"""


@pytest.fixture
def shop(work, org):
    """A folder with a saved plan of two accounts for the served org, which has one as another."""
    org.send("POST", "/composite/sobjects", all_accounts("Acme Corporation"))
    work.write("specs/shop/accounts.yaml", SHOP)
    work.write("specs/shop/environments/there.yaml", ENVIRONMENT)
    work.use(org)
    saved = work.run("plan", "--env", "there", "--out", "plan.json", status=0)
    assert "provisioner apply plan.json" in saved.err
    yield work
    for account in org.query("SELECT Id FROM Account"):
        org.send("DELETE", f"/sobjects/Account/{account['Id']}")


def all_accounts(*names):
    return {"records": [{"attributes": {"type": "Account"}, "Name": name} for name in names]}


def names(org):
    return {(a["Name"], a["Phone"]) for a in org.query("SELECT Name, Phone FROM Account")}


def test_a_saved_plan_is_applied(shop, org):
    applied = shop.run("apply", "plan.json", "--auto-approve", status=0)
    assert "2 done, 0 failed" in applied.out
    assert names(org) == {("Acme Corporation", "1"), ("Globex", None)}
    again = shop.run("apply", "plan.json", "--auto-approve", status=0)
    assert "In sync" in again.out


def test_it_may_do_less_where_somebody_did_a_part(shop, org):
    org.create("Account", Name="Globex")
    assert "1 done, 0 failed" in shop.run("apply", "plan.json", "--auto-approve", status=0).out


def test_it_asks_too(shop, org):
    shop.run("apply", "plan.json", status=1)
    assert names(org) == {("Acme Corporation", None)}


def test_a_value_that_moved_since_refuses_it(shop, org):
    org.change("Account", "Name='Acme Corporation'", Phone="2")
    refused = shop.run("apply", "plan.json", "--auto-approve", status=4)
    assert "the org changed after the plan was made" in refused.err
    assert "account/acme: to update" not in refused.err
    assert 'account/acme.Phone: was null, is "2" now' in refused.err
    assert "plan again" in refused.err
    assert names(org) == {("Acme Corporation", "2")}
    # What moved can be left out: less than was reviewed is done, and not more.
    assert "`--exclude ADDRESS`" in refused.err
    less = shop.run("apply", "plan.json", "--exclude", "account/acme", "--auto-approve", status=0)
    assert "1 done" in less.out
    assert names(org) == {("Acme Corporation", "2"), ("Globex", None)}


def test_a_spec_that_moved_since_refuses_it(shop, org):
    shop.write("specs/shop/accounts.yaml", SHOP.replace("Globex", "Initech"))
    refused = shop.run("apply", "plan.json", "--auto-approve", status=4)
    assert "the specs changed after the plan was made" in refused.err
    assert "account/globex" in refused.err
    assert names(org) == {("Acme Corporation", None)}


def test_another_org_refuses_it(shop, org, serve):
    other = serve()
    other.create("Account", Name="Acme Corporation")
    assert other.credentials["organization_id"] != org.credentials["organization_id"]
    shop.use(other)
    refused = shop.run("apply", "plan.json", "--auto-approve", status=4)
    assert "the plan was made for the org" in refused.err
    assert names(other) == {("Acme Corporation", None)}


def test_the_file_is_as_its_schema_says(shop, org):
    schema = json.loads((SCHEMAS / "plan.schema.json").read_text("utf-8"))
    valid = Draft202012Validator(schema)
    shop.run("drift", "--env", "there", "--revert", "back.json", "--exclude", "*/globex", status=2)
    for file in ("plan.json", "back.json"):
        saved = json.loads((shop.folder / file).read_text("utf-8"))
        valid.validate(saved)
        assert saved.keys() <= schema["properties"].keys()
        for step in saved["steps"]:
            assert step.keys() <= schema["$defs"]["step"]["properties"].keys()


def test_a_plan_is_applied_only_for_what_it_was_told_to_be_of(shop, org):
    commit, other = "a" * 40, "b" * 40
    shop.run("plan", "--env", "there", "--out", "of.json", "--commit", commit, status=0)
    schema = json.loads((SCHEMAS / "plan.schema.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(json.loads((shop.folder / "of.json").read_text("utf-8")))
    for options, said in (
        (["--commit", other], f"the commit `{commit}`, not `{other}`"),
        (["--env", "local"], "the environment `there`, not `local`"),
        (["--spec", "specs/other"], "the spec `specs/shop`, not `specs/other`"),
    ):
        refused = shop.run("apply", "of.json", "--auto-approve", *options, status=1)
        assert said in refused.err
    unknown = shop.run("apply", "plan.json", "--auto-approve", "--commit", commit, status=1)
    assert f"the commit `unknown`, not `{commit}`" in unknown.err
    assert names(org) == {("Acme Corporation", None)}
    expected = ("--commit", commit, "--env", "there", "--spec", "specs/shop/")
    shop.run("apply", "of.json", "--auto-approve", *expected, status=0)


READER = """\
profiles:
  Portal Reader:
    clone_of: Read Only
    userPermissions: {ApiEnabled: true, ViewSetup: true, ViewAllData: true, ModifyMetadata: true}
"""


def test_one_user_plans_and_another_applies(acme):
    """The user that plans in a pipeline needs no permission to write data or setup."""
    work, org, _ = acme
    environment = (work.folder / "specs/acme/environments/served.yaml").read_text("utf-8")
    work.write("specs/reader/environments/served.yaml", environment)
    work.write("specs/reader/profile.yaml", READER)
    work.run("apply", "specs/reader", "--env", "served", "--auto-approve", status=0)
    reader = org.colleague("Rita", "Reader")
    where = "Username='rita.reader@acme.example'"
    org.change("User", where, ProfileId=org.id("Profile", "Name='Portal Reader'"))

    options = ("--env", "served", "--detailed-exitcode", "--out", "plan.json")
    planned = work.run("plan", "specs/acme", *options, status=2, ORG_TOKEN=reader.token)
    assert "warning[missing-permission]" in planned.err
    refused = work.run("apply", "plan.json", "--auto-approve", status=1, ORG_TOKEN=reader.token)
    assert "the running user lacks permissions" in refused.err
    assert org.query("SELECT Id FROM Account") == []
    work.run("apply", "plan.json", "--auto-approve", status=0)


def test_what_a_plan_must_be_of_needs_a_plan(shop):
    refused = shop.run("apply", "specs/shop", "--commit", "a" * 40, status=1)
    assert "checked against a saved plan" in refused.err
    assert "full hash" in shop.run("plan", "--commit", "abc1234", status=1).err


def test_a_comment_is_no_change_of_the_spec(shop):
    shop.write("specs/shop/accounts.yaml", f"# what we sell\n{SHOP}")
    shop.run("apply", "plan.json", "--auto-approve", status=0)


def test_an_edited_plan_is_refused(shop, org):
    text = (shop.folder / "plan.json").read_text("utf-8")
    shop.write("plan.json", text.replace("Globex", "Hooli"))
    for command in (["apply", "plan.json", "--auto-approve"], ["show", "plan.json"]):
        assert "the plan was edited" in shop.run(*command, status=4).err
    assert names(org) == {("Acme Corporation", None)}


def test_an_expired_plan_is_refused_before_the_org_is_asked(shop):
    shop.run("plan", "--env", "there", "--out", "old.json", "--valid-for", "0s", status=0)
    refused = shop.run(
        "apply", "old.json", "--auto-approve", status=4, ORG_URL="http://127.0.0.1:9"
    )
    assert "the plan expired at" in refused.err
    assert "expired" in shop.run("show", "old.json", status=0).err


@pytest.mark.parametrize("time", ["soon", "7", "-1h", "7w", ""])
def test_a_time_that_is_none_is_refused(time, work):
    refused = work.run("plan", "--out", "plan.json", f"--valid-for={time}", status=1)
    assert f"`{time}` is not a time such as" in refused.err


def test_a_saved_plan_is_shown_without_an_org(shop):
    planned = shop.run("plan", "--env", "there", status=0)
    shown = shop.run("show", "plan.json", status=0, ORG_URL="http://127.0.0.1:9", ORG_TOKEN="")
    assert shown.out == planned.out
    assert "can be applied until" in shown.err
    for format_ in ("json", "markdown", "html"):
        planned = shop.run("plan", "--env", "there", "--format", format_, status=0)
        assert shop.run("show", "plan.json", "--format", format_, status=0).out == planned.out


def test_a_plan_that_is_not_there_can_not_be_shown(work):
    assert "`none.json` cannot be read" in work.run("show", "none.json", status=1).err


@pytest.mark.parametrize(
    "text",
    ["garbage", "", "[]", "{}", '{"format_version": 1}', '{"format_version": 99}', "null"],
)
def test_a_file_that_is_no_plan_is_refused(text, shop, org):
    shop.write("other.json", text)
    refused = shop.run("apply", "other.json", "--auto-approve", status=1)
    assert "`other.json`" in refused.err
    assert refused.out == ""
    assert names(org) == {("Acme Corporation", None)}


def test_a_binary_file_is_refused(shop):
    (shop.folder / "binary").write_bytes(b"\x00\xff\xfe")
    assert "`binary`" in shop.run("apply", "binary", "--auto-approve", status=1).err


def test_a_plan_of_another_environment_is_refused(shop):
    refused = shop.run("apply", "plan.json", "--env", "elsewhere", "--auto-approve", status=1)
    assert "the environment `there`" in refused.err


def test_the_file_is_the_plan_as_json(shop):
    saved = json.loads((shop.folder / "plan.json").read_text("utf-8"))
    shown = shop.run("plan", "--env", "there", "--format", "json", status=0).json
    about = saved.pop("saved")
    assert saved == shown
    assert about.keys() == {
        "tool_version", "spec_digest", "read_at", "expires_at", "targets", "excludes", "hash",
    }  # fmt: skip


def test_a_file_that_can_not_be_written_is_named(shop):
    refused = shop.run("plan", "--env", "there", "--out", "nowhere/plan.json", status=1)
    assert "`nowhere/plan.json`" in refused.err


def test_secrets_are_in_no_plan_and_found_again_by_apply(work):
    work.copy_acme()
    people = work.folder / "specs/acme/people.yaml"
    text = people.read_text("utf-8").replace("{password: email}", "{password: {env: JANE}}")
    people.write_text(text, "utf-8")
    work.run("plan", "--out", "p.json", status=0, JANE="first-Secret-1")
    assert "first-Secret-1" not in (work.folder / "p.json").read_text("utf-8")
    missing = work.run("apply", "p.json", "--auto-approve", status=3)
    assert "the environment variable `JANE` is not set" in missing.err
    applied = work.run("apply", "p.json", "--auto-approve", JANE="second-Secret-2")
    assert "7 done, 0 failed" in applied.out
    assert "second-Secret-2" not in applied.said
