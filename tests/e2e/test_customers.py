"""Customers and their logins, by the installed command: url, explain, verify, reset, mails held."""

import re

import pytest

from provisioner.cli.verify import is_rehearsal
from provisioner.model.credentials import AccessToken, Local
from provisioner.model.resource import Secret
from provisioner.org.client import SalesforceOrg
from provisioner.spec.environment import Environment
from provisioner.spec.load import LoadedSpec

JANE = "jane.doe@acme.example.portal"
NEW = "battery5staple"
SERVED = ("--env", "served")


def password_of(mail):
    assert JANE in mail["body"]
    return re.search(r"^Password: (\S+)$", mail["body"], re.MULTILINE)[1]


@pytest.fixture
def acme(work, serve):
    """The walk-through's spec, applied to an org that another process serves."""
    work.copy_acme()
    org = serve()
    work.use(org)
    canary(work, "{password: {env: JANES_PASSWORD}, new_password: {env: JANES_NEW}}")
    work.variables |= {"JANES_NEW": NEW}
    work.run("apply", *SERVED, "--auto-approve", "--no-email", status=0)
    return org


def canary(work, text):
    people = work.folder / "specs/acme/people.yaml"
    written = people.read_text("utf-8")
    people.write_text(
        re.sub(r"  jane: \{password: \{env: (ACME|JANES_P).*", f"  jane: {text}", written)
    )


def test_mails_are_held_back_and_stay_due(work, acme):
    assert acme.outbox() == []
    held = work.run("plan", *SERVED, "--no-email", status=0)
    assert "1 email is held back by `--no-email`: `user/jane` gets no password yet" in held.err
    assert "Emails sent: " not in held.out
    due = work.run("plan", *SERVED, status=0)
    assert "email: a new password to jane.doe@acme.example\n" in due.out
    assert "could not log in once this is applied" not in due.err
    work.run("apply", *SERVED, "--auto-approve", status=0)
    work.run("apply", *SERVED, "--auto-approve", status=0)
    assert len(acme.outbox()) == 1


def test_a_mail_whose_answer_is_lost_is_not_sent_again(work, acme, watch):
    watched = watch(acme)
    lost = []

    def lose(method, path, body):
        if method == "DELETE" and path.endswith("/password"):
            lost.append(path)
            return True
        return False

    watched.lose = lose
    work.use(acme, watched.url)
    # The org is read in place of sending it again: the mail is known to have gone out.
    work.run("apply", *SERVED, "--auto-approve")
    assert len(lost) == 1
    work.run("apply", *SERVED, "--auto-approve", status=0)
    assert len(lost) == 1
    assert len(acme.outbox()) == 1


def test_a_login_is_verified_for_real_and_no_password_is_shown(work, acme):
    work.run("apply", *SERVED, "--auto-approve", status=0)
    first = password_of(acme.outbox()[-1])
    ran = work.run("verify", "login", *SERVED, status=0, JANES_PASSWORD=first)
    stages = re.findall(r"^  (ok|FAIL)\s+(.+?)\s+\d+ ms(?:  (.+))?$", ran.out, re.MULTILINE)
    assert stages == [
        ("ok", "page reached", ""), ("ok", "credentials taken", ""), ("ok", "password changed", ""),
        ("ok", "landing reached", ""), ("ok", "object reachable", "Case"),
    ]  # fmt: skip
    again = work.run("verify", "login", "jane", *SERVED, "--format", "json", status=0,
                     JANES_PASSWORD=first)  # fmt: skip
    (login,) = again.json["logins"]
    assert (again.json["ok"], login["username"], login["portal"]) == (
        True, JANE, "Acme Customer Portal"
    )  # fmt: skip
    applied = work.run("apply", *SERVED, "--auto-approve", status=0, JANES_PASSWORD=first)
    assert "Verified: 1 of 1 logged in." in applied.out
    for said in (ran.said, again.said, applied.said):
        assert first not in said
        assert NEW not in said


def test_a_password_that_must_be_changed_needs_a_new_one(work, acme):
    work.run("apply", *SERVED, "--auto-approve", status=0)
    first = password_of(acme.outbox()[-1])
    canary(work, "{password: {env: JANES_PASSWORD}}")
    ran = work.run("verify", "login", *SERVED, status=5, JANES_PASSWORD=first)
    assert "the org asks for a new password: set `new_password`" in ran.out
    assert "= why" not in ran.out
    assert first not in ran.said


def test_a_canary_that_fails_is_a_run_that_failed(work, acme):
    ran = work.run("apply", *SERVED, "--auto-approve", status=5, JANES_PASSWORD="wrong4horse")
    assert "In sync: a second plan is empty." in ran.out
    assert "FAIL  credentials taken" in ran.out
    assert "Invalid password" in ran.out
    assert "Not verified: 0 of 1 logged in." in ran.out
    assert "wrong4horse" not in ran.said


def test_a_canary_without_its_secret_is_said(work, acme):
    ran = work.run("apply", *SERVED, "--auto-approve", status=0)
    assert "not verified: the login of `jane`, because the environment variable `JANES" in ran.err
    refused = work.run("verify", "login", *SERVED, status=3)
    assert "people.yaml:24:21" in refused.err or "missing-secret" in refused.err


def test_the_famous_error_is_explained_at_its_line(work, acme):
    acme.take_off("Acme Portal User", portal_id(work))
    said = "Your user profile is not associated with this service. Please contact your admin"
    ran = work.run("explain", "login", "jane", *SERVED, "--error", said, status=2)
    assert ran.out.splitlines()[0] == (
        f"{JANE} cannot log in to `Acme Customer Portal`: the profile `Acme Portal User` is not "
        "one of the profiles of `Acme Customer Portal` (and 1 more cause)"
    )
    portal = work.folder / "specs/acme/portal.yaml"
    line = next(n for n, t in enumerate(portal.read_text().splitlines(), 1) if "profiles: [" in t)
    assert re.search(rf"add `Acme Portal User` to .*portal\.yaml:{line}:", ran.out)
    assert work.run("explain", "login", JANE, *SERVED, "--format", "json", status=2).json[
        "causes"
    ] == ["password", "profile is one of the portal's"]
    work.run("apply", *SERVED, "--auto-approve", status=0)
    good = work.run("explain", "login", "jane", *SERVED, "--error", said, status=0)
    assert good.out.splitlines()[0] == f"{JANE} can log in to `Acme Customer Portal` now"


def portal_id(work):
    (found,) = work.run("url", *SERVED, "--format", "json", status=0).json
    return re.search(r"portalId=(\w+)", found["url"])[1]


def test_explain_answers_for_a_user_that_no_spec_manages(work, acme):
    ran = work.run("explain", "login", "portal.admin@acme.example", *SERVED, status=2)
    assert "is for internal users, not for portals" in ran.out.splitlines()[0]
    nobody = work.run("explain", "login", "nobody@acme.example", *SERVED, "--format", "markdown",
                      status=2)  # fmt: skip
    assert nobody.out.startswith("**nobody@acme.example cannot log in")
    unknown = work.run("explain", "login", "jane", *SERVED, "--portal", "Acmee", status=1)
    assert "the org has no portal `Acmee`" in unknown.err
    assert (
        "`x` is not an IP address"
        in work.run("explain", "login", "jane", "--ip", "x", status=1).err
    )


def test_url_prints_where_to_log_in(work, acme):
    plain = work.run("url", *SERVED, status=0)
    assert re.fullmatch(
        rf"{re.escape(acme.url)}/secur/login_portal\.jsp\?orgId=00D\w{{12}}&portalId=060\w{{12}}\n",
        plain.out,
    )
    unknown = work.run("url", *SERVED, "--qr", status=1)
    assert "unrecognized arguments: --qr" in unknown.err
    before = work.run("url", status=1)
    assert "the org has no portal `Acme Customer Portal` yet" in before.err


def test_passwords_are_reset_on_purpose(work, acme):
    asked = work.run("password", "reset", "jane", *SERVED, status=1)
    assert "there is no terminal to ask on" in asked.err
    unknown = work.run("password", "reset", "jane", "john", *SERVED, "--auto-approve", status=1)
    assert "there is no user `john`" in unknown.err
    assert acme.outbox() == []
    sent = work.run("password", "reset", "jane", JANE, *SERVED, "--auto-approve", status=0)
    assert "email: a new password to jane.doe@acme.example" in sent.out
    assert "Emails sent: 1 of 1." in sent.out
    password = password_of(acme.outbox()[-1])
    assert password not in sent.said
    work.run("verify", "login", "jane", *SERVED, status=0, JANES_PASSWORD=password)


def test_an_inactive_user_gets_no_new_password(work, acme):
    acme.change("User", f"Username='{JANE}'", IsActive=False)
    ran = work.run("password", "reset", "jane", *SERVED, "--auto-approve", status=1)
    assert f"the user `{JANE}` is inactive, and gets no email" in ran.err
    assert acme.outbox() == []


def test_a_reset_keeps_to_the_policy(work, acme):
    served = work.folder / "specs/acme/environments/served.yaml"
    served.write_text(served.read_text() + "policy: {max_emails: 0}\n")
    ran = work.run("password", "reset", "jane", *SERVED, "--auto-approve", status=4)
    assert "this would send 1 emails, and the policy's `max_emails` is 0" in ran.err
    assert acme.outbox() == []


def test_a_plan_warns_of_who_could_not_log_in(work):
    work.copy_acme()
    portal = work.folder / "specs/acme/portal.yaml"
    text = portal.read_text("utf-8")
    portal.write_text(text.replace("profiles: [Acme Portal User]", "profiles: []"), "utf-8")
    ran = work.run("plan", status=0)
    line = next(n for n, t in enumerate(text.splitlines(), 1) if "profiles: [" in t)
    assert "`user/jane` could not log in once this is applied: the profile" in ran.err
    assert f"portal.yaml:{line}:" in ran.err
    people = work.folder / "specs/acme/people.yaml"
    people.write_text(people.read_text("utf-8").replace("{password: email}", "{}"), "utf-8")
    assert "the user was never given a password" in work.run("plan").err


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{password: secret}", "{env: NAME} or {file: PATH}"),
        ("{password: {env: X}, portal: Acmee}", "is not a portal of this spec"),
        ("{password: {env: X}, object: [Case]}", "did you mean `objects`"),
        ("{}", "nothing says what `jane` logs in with"),
    ],
)
def test_a_canary_is_checked_at_its_line(work, written, said):
    work.copy_acme()
    canary(work, written)
    ran = work.run("validate", status=1)
    assert said in ran.out
    assert re.search(r"people\.yaml:2\d:", ran.out)


def test_a_canary_is_a_user_of_the_spec(work):
    work.copy_acme()
    people = work.folder / "specs/acme/people.yaml"
    text = people.read_text("utf-8").replace("  jane: {password: {env", "  janet: {password: {env")
    people.write_text(text, "utf-8")
    ran = work.run("validate", status=1)
    assert "`janet` is not a user of this spec" in ran.out
    assert "did you mean `jane`?" in ran.out


@pytest.mark.parametrize(
    ("login", "url", "rehearsal"),
    [
        (Local(), "http://127.0.0.1:8787", True),
        (AccessToken("", Secret("x")), "http://127.0.0.1:8787", True),
        (AccessToken("", Secret("x")), "https://acme.my.salesforce.com", False),
    ],
)
def test_only_the_local_org_is_logged_in_to_unasked(tmp_path, login, url, rehearsal):
    loaded = LoadedSpec(tmp_path, Environment("x", login))
    assert is_rehearsal(loaded, SalesforceOrg(url, Secret("x"))) is rehearsal


def test_help_names_every_option(work):
    shown = work.run("verify", "login", "--help", status=0).out
    for option in ("--password-env", "--password-file", "--real-org", "--portal"):
        assert option in shown


def test_users_first_passwords_are_not_needed_to_explain(work, acme):
    people = work.folder / "specs/acme/people.yaml"
    text = people.read_text("utf-8").replace("{password: email}", "{password: {env: JANES_FIRST}}")
    people.write_text(text, "utf-8")
    assert work.run("plan", *SERVED).status == 3
    assert "cannot log in" in work.run("explain", "login", "jane", *SERVED, status=2).out
    canary(work, "{}")
    missing = work.run("verify", "login", *SERVED, status=3)
    assert "JANES_FIRST" in missing.err
    ran = work.run("verify", "login", *SERVED, status=5, JANES_FIRST="never4given")
    assert "never given a password" in ran.out
