"""What e-mail the org sends: No access, System email only, All email (fact 227)."""

import pytest
from lxml import html

from provisioner.emulator.app import create_app

from ..partner_client import URL, call, header

DOOR = f"{URL}/emulator/options"
PAGE = "/email-admin/editOrgEmailSettings.apexp"


def values(name, profile):
    return {
        "Username": f"{name}@acme.example", "Email": f"{name}@acme.example", "LastName": "Ott",
        "Alias": name, "TimeZoneSidKey": "Europe/Berlin", "LocaleSidKey": "en_GB",
        "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US", "ProfileId": profile,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("level", "subjects"),
    [
        ("No access", ["Your new Salesforce password"]),
        ("System email only", ["Welcome to Salesforce", "Your new Salesforce password"]),
        ("All email", ["Welcome to Salesforce", "Your new Salesforce password"]),
    ],
)
def test_a_new_users_mail_and_a_new_password(rest, local, admin, profiles, level, subjects):
    """Salesforce help: "No access - allows only password reset emails"."""
    assert rest("PATCH", DOOR, {"Deliverability": level})[0] == 200
    inner = "".join(f"<{k}>{v}</{k}>" for k, v in values("ann", profiles["Standard User"]).items())
    asks = "<EmailHeader><triggerUserEmail>true</triggerUserEmail></EmailHeader>"
    body = f"<create><sObjects><type>User</type>{inner}</sObjects></create>"
    call(rest.session, body, headers=header(local.start_session(admin).token) + asks)
    (ann,) = rest.rows("SELECT Id FROM User WHERE Username = 'ann@acme.example'")
    assert rest("DELETE", f"/sobjects/User/{ann['Id']}/password")[0] == 200
    assert [mail.subject for mail in local.outbox()] == subjects


@pytest.mark.parametrize(("level", "mails"), [("System email only", 0), ("All email", 1)])
def test_members_of_a_site_are_welcomed_with_all_email_only(rest, local, site, level, mails):
    rest("PATCH", DOOR, {"Deliverability": level})
    id_ = site()
    local.execute("DELETE FROM outbox")
    status, _ = rest("PATCH", f"/sobjects/Network/{id_}", {"Status": "Live"})
    assert status == 204
    subjects = [mail.subject for mail in local.outbox()]
    assert subjects.count("Welcome to Acme Help") == mails


def test_the_level_is_one_of_three(rest):
    assert rest("GET", DOOR)[1]["Deliverability"] == "All email"
    for wrong in ("Some email", None, ["All email"], 2):
        assert rest("PATCH", DOOR, {"Deliverability": wrong})[0] == 400


def test_the_setup_page_is_as_browserforce_knows_it(rest, local, admin):
    """The selectors of its plugin `email-deliverability`."""
    client = create_app(local).test_client()
    assert "startURL" in client.get(PAGE).location
    client.set_cookie("sid", local.start_session(admin).token)

    def found(page, tag, end):
        """What the selector `tag[id$=end]` finds."""
        return [one for one in page.iter(tag) if one.get("id", "").endswith(end)]

    def shown(reply):
        page = html.fromstring(reply.text)
        (select,) = found(page, "select", ":sendEmailAccessControlSelect")
        (option,) = select.xpath("option[@selected]")
        return page, select, option.text

    page, select, level = shown(client.get(PAGE))
    assert level == "All email"
    assert select.value_options == ["0", "1", "2"]
    assert len(found(page, "input", ":saveBtn")) == 1
    assert found(page, "span", ":successText") == []
    assert "be confirmed" in client.post(PAGE, data={select.name: "1"}).text
    data = dict(page.forms[0].form_values()) | {select.name: "1"}
    page, _, level = shown(client.post(PAGE, data=data))
    assert level == "System email only"
    assert len(found(page, "span", ":successText")) == 1
    assert rest("GET", DOOR)[1]["Deliverability"] == "System email only"
    (row,) = rest.rows("SELECT Display FROM SetupAuditTrail ORDER BY CreatedDate DESC LIMIT 1")
    assert row["Display"].endswith("from All email to System email only")
    assert "invalid value" in client.post(PAGE, data=data | {select.name: "7"}).text
