"""One plan in four formats: the same steps and the same counts, and nothing of the spec obeyed."""

import re

import pytest
from lxml import html

NASTY = "<script>alert(1)</script> & | `x` <b>"


@pytest.fixture(scope="module")
def shown(new_work):
    """The plan in every format, of a spec whose texts would like to be obeyed."""
    work = new_work()
    work.copy_acme()
    file = work.folder / "specs/acme/portal.yaml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("Customers of Acme", f"'{NASTY}'"), "utf-8")
    formats = ("text", "json", "markdown", "html")
    return {form: work.run("plan", "--format", form, status=0) for form in formats}


def test_all_formats_have_the_same_steps(shown):
    assert all(ran.err == "" for ran in shown.values())
    plan = shown["json"].json
    assert plan["format_version"] == 1
    addresses = [step["address"] for step in plan["steps"]]
    assert len(addresses) == 7
    for form in ("text", "markdown", "html"):
        places = [shown[form].out.index(address) for address in addresses]
        assert places == sorted(places), form


def test_nothing_of_a_spec_is_obeyed(shown):
    fields = [f for step in shown["json"].json["steps"] for f in step["fields"]]
    assert NASTY in [field["after"] for field in fields]
    page = html.fromstring(shown["html"].out)
    assert NASTY not in shown["html"].out
    assert NASTY in page.text_content()
    assert page.findall(".//script") == []


def test_all_formats_have_the_same_counts(shown):
    expected = counted(shown["json"].json["summary"])
    assert expected == {"create": 5, "update": 2, "deactivate": 0, "delete": 0, "e-mails": 1}
    page = html.fromstring(shown["html"].out)
    items = [" ".join(li.text_content().split()) for li in page.find_class("counts")[0]]
    assert items[:4] == ["5 create", "2 update", "0 deactivate", "0 delete"]
    assert {"1 gain a login", "0 lose a login", "1 e-mails", "2 irreversible"} <= set(items)
    for form in ("text", "markdown"):
        text = shown[form].out.replace("**", "")
        assert counted_in(text) == expected, form
        assert "Irreversible steps: 2" in text, form


def counted(summary):
    names = ("create", "update", "deactivate", "delete")
    return {name: summary[name] for name in names} | {"e-mails": summary["emails"]}


def counted_in(text):
    found = re.findall(r"(\d+) to (create|update|deactivate|delete)", text)
    (mails,) = re.findall(r"E-mails sent: (\d+)", text)
    return {name: int(number) for number, name in found} | {"e-mails": int(mails)}


def test_a_markdown_table_keeps_its_columns(shown):
    table = [line for line in shown["markdown"].out.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in table} == {7}
    assert any("alert(1)" in line for line in table)


@pytest.mark.parametrize("form", ["json", "markdown", "html"])
def test_a_drift_has_the_formats_of_a_plan(form, work):
    work.write("specs/shop/accounts.yaml", "accounts: {acme: {Name: Acme Corporation}}\n")
    drift = work.run("drift", "--format", form, status=2)
    assert "account/acme" in drift.out
