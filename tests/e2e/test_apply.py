"""`apply`: asks first, names what Salesforce refuses, goes on with the rest, keeps secrets."""

import re

import pytest
import requests
from lxml import html

SHOP = """\
accounts:
  acme: {Name: Acme Corporation, AccountNumber: "10001"}
"""
MORE_PEOPLE = """\
contacts:
  john:
    account: acme
    LastName: Roe
    Email: john,roe@acme.example
users:
  john:
    contact: john
    profile: Acme Portal User
    Username: john.roe@acme.example
"""
PASSWORD = "correct-horse-4711"


# ---------------------------------------------------------------- asking


@pytest.fixture
def shop(work):
    """A folder with a spec of one account, for the embedded org."""
    work.write("specs/shop/accounts.yaml", SHOP)
    return work


def pending(work):
    return work.run("plan", "--format", "json", status=0).json["steps"]


def test_without_a_terminal_it_refuses_to_ask_and_changes_nothing(shop):
    before = pending(shop)
    refused = shop.run("apply", status=1)
    assert "there is no terminal to ask on" in refused.err
    assert "--auto-approve" in refused.err
    assert pending(shop) == before != []


@pytest.mark.parametrize("answer", ["no", "", "YES"])
def test_only_yes_is_a_yes(answer, shop):
    refused = shop.answer(answer, "apply")
    assert refused.status == 4
    assert "Apply these 1 steps to Local Org" in refused.err
    assert "nothing was changed" in refused.err
    assert len(pending(shop)) == 1


def test_yes_applies(shop):
    applied = shop.answer("yes", "apply")
    assert applied.status == 0, applied.said
    assert "+ account/acme  create" in applied.out
    assert "1 done, 0 failed, 0 skipped, 0 unknown" in applied.out
    assert pending(shop) == []


def test_nothing_is_asked_where_nothing_is_to_be_done(shop):
    shop.run("apply", "--auto-approve", status=0)
    assert "In sync" in shop.run("apply", status=0).out


# ---------------------------------------------------------------- failing


def test_a_refused_step_is_named_at_its_line_and_the_rest_is_done(work):
    # Salesforce takes no comma in an address; the schema, and so the plan, can not know.
    work.copy_acme()
    file = work.write("specs/acme/more.yaml", MORE_PEOPLE)
    applied = work.run("apply", "--auto-approve", status=5)
    outcomes = dict(re.findall(r"^\[\d/9\] . (.+?)  (\w+)$", applied.err, re.MULTILINE))
    assert outcomes == {
        "settings/OrgSettings": "done",
        "profile/Acme Portal User": "done",
        "portal/Acme Customer Portal": "done",
        "layout/Contact-Contact Layout": "done",
        "account/acme": "done",
        "contact/jane": "done",
        "contact/john": "FAILED",
        "user/jane": "done",
        "user/john": "skipped",
    }
    assert re.search(
        r"INVALID_EMAIL_ADDRESS: Email: invalid email address: john,roe@acme.example\n"
        r" +at specs/acme/more.yaml:5:12\n",
        applied.err,
    )
    assert "needs contact/john, which was not applied" in applied.err
    assert "7 done, 1 failed, 1 skipped, 0 unknown" in applied.out
    assert "In sync" not in applied.said

    assert [s["address"] for s in pending(work)] == ["contact/john", "user/john"]
    file.write_text(MORE_PEOPLE.replace("john,roe", "john.roe"), "utf-8")
    mended = work.run("apply", "--auto-approve", status=0)
    assert "2 done, 0 failed, 0 skipped, 0 unknown" in mended.out
    assert pending(work) == []


def test_a_refused_password_is_set_by_the_next_apply(work):
    work.copy_acme()
    with_password(work, "{env: JANES_PASSWORD}")
    failed = work.run("apply", "--auto-approve", status=5, JANES_PASSWORD="short")
    assert "INVALID_NEW_PASSWORD: Your password must be at least 8 characters long" in failed.err
    assert "6 done, 1 failed, 0 skipped, 0 unknown" in failed.out
    mended = work.run("apply", "--auto-approve", status=0, JANES_PASSWORD=PASSWORD)
    assert "1 done, 0 failed, 0 skipped, 0 unknown" in mended.out


# ---------------------------------------------------------------- secrets


def with_password(work, written):
    people = work.folder / "specs/acme/people.yaml"
    text = people.read_text("utf-8")
    people.write_text(text.replace("{password: email}", f"{{password: {written}}}"), "utf-8")


@pytest.mark.parametrize("written", ["{env: JANES_PASSWORD}", "{file: ./janes.password}"])
def test_a_password_from_a_secret_is_set_and_never_shown(written, work, serve):
    work.copy_acme()
    with_password(work, written)
    org = serve()
    work.use(org)
    secret = work.write("janes.password", PASSWORD + "\n")
    options = {"JANES_PASSWORD": PASSWORD, "PROVISIONER_SECRETS_DIR": str(work.folder)}
    shown = [
        work.run("plan", "--env", "served", "--format", form, "--out", "plan.json", **options)
        for form in ("text", "json", "markdown", "html")
    ]
    applied = work.run("apply", "--env", "served", "--auto-approve", status=0, **options)
    assert "password: ***" in applied.out
    assert logs_in(applied.out, "jane.doe@acme.example.portal", PASSWORD)
    assert org.outbox() == []
    secret.unlink()
    for ran in [*shown, applied]:
        assert PASSWORD not in ran.said
    for file in [*work.folder.rglob("*"), *org.folder.rglob("*")]:
        assert not file.is_file() or PASSWORD.encode() not in file.read_bytes(), file


def logs_in(out, username, password):
    """Whether the portal, at the URL that `apply` ended with, lets this person in."""
    url = re.search(r"Log in to .*: (http\S+)", out)[1]
    with requests.Session() as browser:
        (form,) = html.fromstring(browser.get(url, timeout=30).text, base_url=url).forms
        form.fields["un"], form.fields["pw"] = username, password
        target = requests.compat.urljoin(url, form.action)
        reply = browser.post(target, dict(form.fields), allow_redirects=False, timeout=30)
        return reply.is_redirect and "sid" in reply.cookies


def test_a_password_that_is_missing_is_named_before_the_org_is_asked(work):
    work.copy_acme()
    with_password(work, "{env: JANES_PASSWORD}")
    missing = work.run("plan", status=3)
    assert "`JANES_PASSWORD` is not set" in missing.err
    assert re.search(r"specs/acme/people.yaml:\d+:\d+", missing.err)
    assert not work.home.exists()
