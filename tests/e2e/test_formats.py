"""One plan in four formats: the same steps and the same counts, and nothing of the spec obeyed."""

import base64
import hashlib
import re
from importlib import resources

import pytest
from lxml import html

SCRIPT = (resources.files("provisioner.render") / "templates" / "page.js").read_text("utf-8")

NASTY = "<script>alert(1)</script> & | `x` <b>"


@pytest.fixture(scope="module")
def shown(new_work):
    """The plan in every format, of a spec whose texts would like to be obeyed."""
    work = new_work()
    work.copy_acme()
    file = work.folder / "specs/acme/portal.yaml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("Customers of Acme", f"'{NASTY}'"), "utf-8")
    formats = ("text", "json", "markdown", "html", "junit", "sarif", "github")
    return {form: work.run("plan", "--format", form, status=0) for form in formats}


def test_all_formats_have_the_same_steps(shown):
    assert all(ran.err == "" for ran in shown.values())
    plan = shown["json"].json
    assert plan["format_version"] == 1
    addresses = [step["address"] for step in plan["steps"]]
    assert len(addresses) == 7
    for form, begin in (("text", ""), ("markdown", "<details>"), ("html", 'class="controls"')):
        text = shown[form].out[shown[form].out.index(begin) :]
        places = [text.index(address) for address in addresses]
        assert places == sorted(places), form
    for form in ("junit", "sarif", "github"):
        names = [address.partition("/")[2] for address in addresses]
        assert all(name in shown[form].out for name in names), form


def test_nothing_of_a_spec_is_obeyed(shown):
    fields = [f for step in shown["json"].json["steps"] for f in step["fields"]]
    assert NASTY in [field["after"] for field in fields]
    page = html.fromstring(shown["html"].out)
    assert NASTY not in shown["html"].out
    assert NASTY in page.text_content()
    assert [script.text for script in page.findall(".//script")] == [SCRIPT]
    policy = page.find(".//meta[@http-equiv]").get("content")
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert "default-src 'none'; " in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_all_formats_have_the_same_counts(shown):
    expected = counted(shown["json"].json["summary"])
    assert expected == {"create": 5, "update": 2, "deactivate": 0, "delete": 0, "e-mails": 1}
    page = html.fromstring(shown["html"].out)
    items = [" ".join(li.text_content().split()) for li in page.find_class("counts")[0]]
    assert items[:4] == ["5 create", "2 update", "0 deactivate", "0 delete"]
    assert {"1 gain a login", "0 lose a login", "1 emails", "2 irreversible"} <= set(items)
    for form in ("text", "markdown"):
        text = shown[form].out.replace("**", "")
        assert counted_in(text) == expected, form
        assert "Irreversible steps: 2" in text, form


def counted(summary):
    names = ("create", "update", "deactivate", "delete")
    return {name: summary[name] for name in names} | {"e-mails": summary["emails"]}


def counted_in(text):
    found = re.findall(r"(\d+) to (create|update|deactivate|delete)", text)
    (mails,) = re.findall(r"Emails sent: (\d+)", text)
    return {name: int(number) for number, name in found} | {"e-mails": int(mails)}


@pytest.mark.parametrize("form", ["json", "markdown", "html", "junit", "sarif", "github"])
def test_a_drift_has_the_formats_of_a_plan(form, work):
    work.write("specs/shop/accounts.yaml", "accounts: {acme: {Name: Acme Corporation}}\n")
    drift = work.run("drift", "--format", form, status=2)
    assert "account/acme" in drift.out


def test_one_run_writes_reports_in_many_formats(work):
    work.copy_acme()
    names = ("out/plan.md", "out/plan.html", "out/plan.json", "out/plan.xml", "out/plan.sarif")
    options = [option for name in names for option in ("--report", name)]
    printed = work.run("plan", "--format", "markdown", *options, status=0)
    files = {name: (work.folder / name).read_text("utf-8") for name in names}
    assert files["out/plan.md"] == printed.out
    assert "<!doctype html>" in files["out/plan.html"]
    wrong = work.run("plan", "--report", "plan.doc", status=1)
    assert "`plan.doc` does not end with one of .json, .md" in wrong.err
