"""Commands that messages suggest can be pasted: they name the spec and the environment as given."""

import re

import pytest

from .conftest import SERVED

SPEC = """\
settings: {OrgSettings: {enableCustomerSuccessPortal: true}}
portals:
  Customer Portal:
    {type: CustomerSuccess, active: true, emailSenderAddress: a@acme.example, emailSenderName: A}
accounts: {acme: {Name: Acme, owner: portal.admin@acme.example}}
contacts: {jane: {account: acme, LastName: Doe, Email: jane@x.example}}
users:
  jane:
    contact: jane
    profile: High Volume Customer Portal
    Username: jane@x.example.portal
"""
LOCAL = "org: {login: local}\n"


@pytest.fixture(scope="module")
def applied(new_work):
    work = new_work()
    work.write("my specs/a b/portal.yaml", SPEC)
    work.write("my specs/a b/environments/test.yaml", LOCAL)
    work.write("specs/only/portal.yaml", SPEC)
    work.run("apply", "my specs/a b", "--env", "test", "--auto-approve", status=0)
    return work


def suggested(text):
    return re.findall(r"`(provisioner [^`]*)`", text)


def test_a_login_that_needs_a_password(applied):
    where = ["--spec", "my specs/a b", "--env", "test"]
    for format_ in ("text", "json", "markdown"):
        ran = applied.run("explain", "login", "jane", *where, "--format", format_, status=2)
        command = (
            "provisioner password reset jane@x.example.portal --spec 'my specs/a b' --env test"
        )
        assert suggested(ran.out) == [command]


def test_what_was_not_given_is_not_added(applied):
    ran = applied.run("explain", "login", "jane", status=2)
    assert suggested(ran.out) == ["provisioner password reset jane@x.example.portal"]


def test_a_question_without_a_terminal(applied):
    applied.write("my specs/a b/more.yaml", "accounts: {beta: {Name: Beta}}\n")
    ran = applied.run("apply", "my specs/a b", "--env", "test", status=1)
    assert suggested(ran.err) == ["provisioner plan 'my specs/a b' --env test"]
    (applied.folder / "my specs/a b/more.yaml").unlink()


def test_a_long_plan(work):
    people = "".join(f"  a{n}: {{Name: A{n}}}\n" for n in range(300))
    work.write("x/portal.yaml", f"accounts:\n{people}")
    ran = work.run("plan", "x", status=0)
    assert suggested(ran.out) == ["provisioner plan --format json x"]


def test_a_plan_that_the_policy_refuses_is_not_offered(work):
    work.write("x/portal.yaml", "accounts: {acme: {Name: Acme}}\n")
    ran = work.run("plan", "x", "--out", "saved plan.json", status=0)
    assert suggested(ran.err) == ["provisioner apply 'saved plan.json'"]
    ran = work.run("plan", "x", "--out", "p.json", "--policy", "max_creations=0", status=4)
    assert "saved to p.json" in ran.err
    assert suggested(ran.err) == []


def test_pinning_is_not_advised_to_who_pins(org, work):
    work.write("x/portal.yaml", "accounts: {acme: {Name: Acme}}\n")
    work.write("x/environments/served.yaml", SERVED)
    work.use(org)
    assert "`--pin`" in work.run("plan", "x", "--env", "served", status=0).err
    ran = work.run("plan", "x", "--env", "served", "--pin", status=0)
    assert "pinned `served`" in ran.err
    assert "`--pin`" not in ran.err


def test_held_back_emails_are_sent_by_the_next_apply_without_the_option(work):
    admitted = "emailSenderName: A, profiles: [High Volume Customer Portal]}"
    spec = SPEC.replace("emailSenderName: A}", admitted)
    work.write("x/portal.yaml", spec + "    on_create: {password: email}\n")
    ran = work.run("apply", "x", "--no-email", "--auto-approve", status=0)
    assert "= help: to send it, apply again without `--no-email`" in ran.err
    ran = work.run("apply", "x", "--auto-approve", status=0)
    assert "email: a new password to jane@x.example" in ran.out
