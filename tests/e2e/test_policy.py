"""The environment's policy: a plan that goes beyond it is shown, and not applied."""

from datetime import UTC, datetime, timedelta

import pytest

ENVIRONMENT = """\
org: {login: local}
vars: {domain: acme.example, suffix: portal}
policy:
"""
CAREFUL = "  {max_changes: 6, max_emails: 0, max_changes_percent: 100, max_removals: 0}\n"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@pytest.fixture
def acme(work):
    """The walk-through, in an environment where it may change six things and mail nobody."""
    work.copy_acme()
    ruled(work, CAREFUL)
    return work


def ruled(work, policy):
    work.write("specs/acme/environments/careful.yaml", ENVIRONMENT + policy)


def test_a_plan_beyond_the_policy_is_refused_with_every_bound_it_breaks(acme):
    for command in (["plan"], ["apply", "--auto-approve"]):
        refused = acme.run(*command, "--env", "careful", status=4)
        assert "user/jane" in refused.out
        assert "the plan has 7 changes, and the policy's `max_changes` is 6" in refused.err
        assert "the plan has 1 email, and the policy's `max_emails` is 0" in refused.err
        assert "to proceed anyway, pass `--policy max_changes=7`" in refused.err
        assert refused.err.count("error") == 2
        assert "environments/careful.yaml" in refused.err
    assert len(acme.run("plan", "--format", "json", status=0).json["steps"]) == 7


def test_the_report_says_what_is_refused(acme):
    seen = acme.run("plan", "--env", "careful", "--format", "json", status=4).json
    assert [r["rule"] for r in seen["refusals"]] == ["max_changes", "max_emails"]
    shown = acme.run("plan", "--env", "careful", "--format", "markdown", status=4).out
    assert "Refused by the policy" in shown


def test_the_flags_that_a_refusal_names_go_on(acme):
    flags = ["--policy", "max_changes=7", "--policy", "max_emails=1"]
    acme.run("plan", "--env", "careful", *flags, status=0)
    acme.run("apply", "--env", "careful", *flags, "--auto-approve", status=0)


def test_rules_can_be_made_stricter_for_a_run(acme):
    refused = acme.run("plan", "--policy", "frozen=settings", status=4)
    assert "the plan changes `settings/OrgSettings`" in refused.err
    refused = acme.run("plan", "--policy", "max_changs=7", status=1)
    assert "did you mean `max_changes`?" in refused.err


def test_a_rule_that_could_never_be_met_is_an_error_in_its_place(acme):
    ruled(acme, "  frozen: [setings]\n")
    for command in (["validate"], ["plan"]):
        refused = acme.run(*command, "--env", "careful", status=1)
        assert "environments/careful.yaml:4:12" in refused.said
        assert "did you mean `settings`?" in refused.said


def test_apply_waits_for_its_window(acme):
    later = DAYS[(datetime.now(UTC) + timedelta(days=2)).weekday()]
    ruled(acme, f"  windows: [{{days: [{later}], time_zone: UTC}}]\n")
    acme.run("plan", "--env", "careful", status=0)
    refused = acme.run("apply", "--env", "careful", "--auto-approve", status=4)
    assert f"`windows` are {later}" in refused.err
    acme.run("apply", "--env", "careful", "--policy", "windows=off", "--auto-approve", status=0)


def test_apply_asks_for_the_approvals_of_the_policy(acme):
    ruled(acme, "  approvals: {change-board: [irreversible]}\n")
    planned = acme.run("plan", "--env", "careful", status=0)
    assert "apply requires `--approval change-board`, for 2 steps" in planned.err
    refused = acme.run("apply", "--env", "careful", "--auto-approve", status=4)
    assert "2 steps must be approved as `change-board`: `settings/OrgSettings`" in refused.err
    acme.run("apply", "--env", "careful", "--approval", "change-board", "--auto-approve", status=0)


def test_the_policy_holds_for_saved_plans_too(acme):
    acme.run("plan", "--env", "careful", "--out", "p.json", status=4)
    acme.run("apply", "p.json", "--auto-approve", status=4)


def test_a_spec_without_resources_is_no_success(work):
    work.write("specs/acme/portal.yaml", "accounts: {}\n")
    refused = work.run("apply", "--auto-approve", status=4)
    assert "the spec names 0 resources" in refused.err
    work.run("apply", "--auto-approve", "--policy", "empty_spec=off", status=0)


# ---------------------------------------------------------------- the right org

SERVED = """\
# how to get in
env: [{name: ORG_URL, plain: true}]
org:
  login: access_token   # from the pipeline
  instance_url: "{{ env.ORG_URL }}"
  token: {env: ORG_TOKEN}
"""


@pytest.fixture
def shop(work, org):
    work.write("specs/shop/accounts.yaml", "accounts: {acme: {Name: Acme}}\n")
    work.write("specs/shop/environments/there.yaml", SERVED)
    work.use(org)
    return work


def file(work):
    return (work.folder / "specs/shop/environments/there.yaml").read_text("utf-8")


def test_an_environment_is_pinned_to_the_org_it_first_meets(shop, org):
    id_ = org.credentials["organization_id"]
    reminded = shop.run("plan", "--env", "there", status=0)
    assert f"`--pin` writes `id: {id_}`" in reminded.err
    assert file(shop) == SERVED
    pinned = shop.run("plan", "--env", "there", "--pin", status=0)
    assert f"pinned `there` to {id_}" in pinned.err
    assert file(shop) == SERVED.replace("  login", f"  id: {id_}\n  login")
    assert "--pin" not in shop.run("plan", "--env", "there", status=0).err


def test_a_pinned_environment_takes_no_other_org(shop, org, serve):
    shop.run("plan", "--env", "there", "--pin", "--out", "p.json", status=0)
    other = serve()
    shop.use(other)
    theirs = other.credentials["organization_id"]
    for command in (["plan"], ["drift"], ["apply", "--auto-approve"]):
        refused = shop.run(*command, "--env", "there", status=4)
        assert f"this is the org {theirs}" in refused.err
        assert f"is for {org.credentials['organization_id']}" in refused.err
        assert f"pass `--allow-org {theirs}`" in refused.err
        assert refused.out == ""
    assert other.query("SELECT Id FROM Account") == []
    shop.run("plan", "--env", "there", "--allow-org", theirs, status=0)


def test_an_id_that_is_none_is_an_error_in_its_place(shop):
    shop.write(
        "specs/shop/environments/there.yaml", SERVED.replace("  login", "  id: 001\n  login")
    )
    refused = shop.run("validate", "--env", "there", status=1)
    assert "environments/there.yaml:4:7" in refused.said


def test_there_is_nothing_to_pin_without_a_file(work):
    work.write("specs/shop/accounts.yaml", "accounts: {acme: {Name: Acme}}\n")
    assert "there is no environment to pin" in work.run("plan", "--pin", status=4).err


def test_an_approval_that_the_policy_does_not_have_is_an_error(acme):
    ruled(acme, "  approvals: {change-board: [irreversible]}\n")
    options = ("--env", "careful", "--approval", "changeboard", "--auto-approve")
    refused = acme.run("apply", *options, status=1)
    assert "the policy of `careful` has no approval `changeboard`" in refused.err
    assert "did you mean `change-board`?" in refused.err
    assert "user/jane" in acme.run("plan", "--env", "careful", status=0).out


def test_a_reason_for_an_approval_that_means_nothing_is_an_error(acme):
    ruled(acme, "  approvals: {change-board: [emails]}\n")
    refused = acme.run("plan", "--env", "careful", status=1)
    assert "careful.yaml:4:30" in refused.err
    assert "did you mean `email`?" in refused.err


def test_a_forbidden_profile_that_nobody_knows_is_an_error(acme):
    ruled(acme, "  forbidden_profiles: [Acme Portal User2, System Adminstrator, Admin]\n")
    problems = acme.run("plan", "--env", "careful", "--format", "json", status=1).json["problems"]
    errors = [p for p in problems if p["severity"] == "error"]
    assert [(p["code"], p["line"], p["column"]) for p in errors] == [
        ("unknown-profile", 4, 24),
        ("unknown-profile", 4, 43),
    ]
    assert [p["help"] for p in errors] == [
        "did you mean `Acme Portal User`?",
        "did you mean `System Administrator`?",
    ]
    said = acme.run("apply", "--env", "careful", "--auto-approve", status=1).err
    assert "the policy forbids the profile `System Adminstrator`" in said
