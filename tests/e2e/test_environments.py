"""Which environment a command is about, if none is named."""

import pytest

SPEC = "accounts: {acme: {Name: Acme}}\n"
OTHER = 'org: {login: access_token, instance_url: "https://x.example", token: {env: NO_TOKEN}}\n'


@pytest.mark.parametrize(
    "command",
    [
        "validate",
        "plan",
        "apply",
        "drift",
        "url",
        "graph",
        "lease show",
        "verify login jane",
        "explain login jane",
        "password reset jane",
    ],
)
def test_a_spec_with_other_environments_only_asks_for_one(work, command):
    work.write("specs/acme/portal.yaml", SPEC)
    work.write("specs/acme/environments/production.yaml", OTHER)
    work.write("specs/acme/environments/staging.yaml", OTHER)
    ran = work.run(*command.split(), status=1)
    assert ran.out == ""
    assert ran.err == (
        "error: `specs/acme` has no environment `local`, so name one\n"
        "  = help: add `--env production` or `--env staging`\n"
    )
    assert not work.home.exists()


def test_a_saved_plan_of_a_spec_without_environments_is_applied(work):
    work.write("specs/acme/portal.yaml", SPEC)
    work.run("plan", "--out", "saved.json", status=0)
    work.run("apply", "saved.json", "--auto-approve", status=0)
    assert "In sync" in work.run("plan", status=0).out


def test_a_plan_that_reverts_a_spec_without_environments_is_applied(work):
    work.write("specs/acme/portal.yaml", SPEC)
    work.run("drift", "--revert", "saved.json", status=2)
    work.run("apply", "saved.json", "--auto-approve", status=0)
    assert "No drift" in work.run("drift", status=0).out
