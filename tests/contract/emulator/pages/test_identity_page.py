"""A browser that is not known, from an address that is not trusted: Verify Your Identity."""

import re

import pytest
from lxml import html

from provisioner.emulator.app import create_app

from ..partner_client import URL, configure

ADMIN = "portal.admin@acme.example"
HOME = "/setup/forcecomHomepage.apexp"
PAGE = "/_ui/identity/verification/method/EmailVerificationFinishUi/e"
REQUIRED = "Failed: Computer activation required"


@pytest.fixture
def untrusted(rest):
    assert rest("PATCH", f"{URL}/emulator/options", {"LoopbackTrusted": False})[0] == 200


@pytest.fixture
def client(local):
    return create_app(local).test_client()


def log_in(client, local, start=HOME):
    data = {"un": ADMIN, "pw": local.setting("admin password"), "startURL": start}
    return client.post("/", data=data)


def code(local):
    mail = local.outbox()[-1]
    assert mail.recipient == ADMIN
    return re.search(r"^Verification Code: (\d{6})$", mail.body, re.MULTILINE)[1]


def answer(client, page, given, **more):
    (form,) = html.fromstring(client.get(page).text).forms
    values = dict(form.form_values()) | {"emc": given} | more
    sent = {name: value for name, value in values.items() if value is not None}
    return client.post(form.action, data=sent)


def statuses(local, user_id):
    return [row["Status"] for row in local.select("LoginHistory", UserId=user_id)]


def test_a_known_address_is_asked_for_nothing(local, client):
    assert log_in(client, local).location == HOME
    assert local.outbox() == []


def test_a_code_from_the_mail_lets_the_browser_in_and_is_asked_for_once(
    local, admin, client, untrusted
):
    page = log_in(client, local, "/060/e").location
    assert page.startswith(f"{PAGE}?vcsrf=")
    assert client.get(HOME).location.startswith("/?ec=302"), "no session yet"
    assert answer(client, page, code(local)).location == "/060/e"
    assert client.get(HOME).status_code == 200
    client.get("/secur/logout.jsp")
    assert log_in(client, local).location == HOME
    assert statuses(local, admin) == [REQUIRED, "Success", "Success"]
    other = create_app(local).test_client()
    assert log_in(other, local).location.startswith(PAGE)


def test_who_wants_to_be_asked_again_is(local, client, untrusted):
    page = log_in(client, local).location
    assert answer(client, page, code(local), rememberDevice=None).location == HOME
    assert log_in(client, local).location.startswith(PAGE)


def test_a_wrong_code_is_refused_and_five_of_them_end_it(local, admin, client, untrusted):
    page = log_in(client, local).location
    right = code(local)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for _ in range(5):
        assert "Invalid or expired" in answer(client, page, wrong).text
    assert "not valid any more" in client.get(page).text
    ticket = re.search("vcsrf=([^&]+)", page)[1]
    late = client.post(PAGE, data={"emc": right, "vcsrf": ticket})
    assert "not valid any more" in late.text
    assert statuses(local, admin) == [REQUIRED]


def test_a_code_is_good_for_one_login(local, client, untrusted):
    page = log_in(client, local).location
    given = code(local)
    answer(client, page, given)
    assert "not valid any more" in client.get(page).text


def test_a_profile_with_ranges_is_never_asked(rest, local, admin, client, untrusted):
    here = "<endAddress>127.0.0.1</endAddress><startAddress>127.0.0.1</startAddress>"
    values = f"<fullName>Admin</fullName><loginIpRanges>{here}</loginIpRanges>"
    configure(rest.session, local.start_session(admin).token, "Profile", values)
    assert log_in(client, local).location == HOME
