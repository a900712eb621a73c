"""Setup pages: whole forms go back, and a 200 is believed only when the page says so."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from provisioner.model.operations import EnableCustomerPortal, Member, ReadMembership, SetMembership
from provisioner.org.errors import AuthenticationFailed, NoAnswer, NotAllowed, Refused

SETUP = "/_ui/core/portal/CustomerSuccessPortalSetup"
PORTAL = "060000000000001"
MEMBERSHIP = (
    f"/_ui/core/portal/PortalProfileMembershipPage/e?portalId={PORTAL}AAA"
    "&setupid=CustomerSuccessPortalSettings"
)
FRONTDOOR = ("POST", "/secur/frontdoor.jsp")
HOME = (200, "<html><body>Home</body></html>")
MOVED = (302, "")
LOGIN = (200, '<html><form><input name="un"><input type="password" name="pw"></form></html>')


def enabling(checked, extra=""):
    return (
        200,
        f"""<html><head><title>Customer Portal Setup</title></head><body>{extra}
        <form name="search" action="/search"><input name="q" value="x"></form>
        <form name="editPage" method="post" action="{SETUP}/e">
          <input type="hidden" name="_CONFIRMATIONTOKEN" value="tok&amp;en">
          <input type="hidden" name="retURL" value="/ui/setup/Setup">
          <input type="checkbox" id="penabled" name="penabled" value="1" {checked}>
          <input type="text" name="note" value="kept">
          <select name="zone"><option value="a">A</option><option value="b" selected>B</select>
          <textarea name="text">some text</textarea>
          <input type="checkbox" name="other" value="1">
          <input type="text" name="gone" value="1" disabled>
          <input type="submit" name="save" value=" Save "><input type="button" name="cancel">
          <input type="submit" name="delete" value="Delete">
        </form></body></html>""",
    )


def membership(*rows, extra=""):
    cells = "".join(
        f'<tr><th class="dataCell" scope="row">{name}</th><td class="dataCell">'
        f'<input type="checkbox" id="{id_}" name="{id_}" value="1" {"checked" if on else ""}></td>'
        "</tr>"
        for id_, name, on in rows
    )
    return (
        200,
        f"""<html><body>{extra}<form id="editPage" method="post">
        <input type="hidden" id="portalId" name="portalId" value="{PORTAL}">
        <input type="checkbox" id="all" name="all"><table>{cells}</table>
        <input type="submit" name="save" value="Save"></form></body></html>""",
    )


PORTALS = (
    200,
    f"""<html><body><div class="pbBody"><table>
    <tr><td><a href="/{PORTAL}/e">Edit</a></td>
        <th class="dataCell"><a href="/{PORTAL}">Acme &amp; Portal</a></th></tr>
    </table></div></body></html>""",
)
TWO = (("00e000000000001", "Portal User", True), ("00e000000000002", "Portal Manager", False))


def form(script, number=-1):
    return dict(parse_qsl(script.requests[number].body, keep_blank_values=True))


def test_enabling_sends_the_whole_form_back_with_the_box_ticked(org, script):
    script.answers = [HOME, enabling(""), MOVED, enabling("checked")]
    assert org.call(EnableCustomerPortal()) is None
    edit = f"{SETUP}/e"
    assert script.sent == [FRONTDOOR, ("GET", edit), ("POST", edit), ("GET", edit)]
    assert form(script, 2) == {
        "_CONFIRMATIONTOKEN": "tok&en",
        "retURL": "/ui/setup/Setup",
        "penabled": "1",
        "note": "kept",
        "zone": "b",
        "text": "some text",
        "save": " Save ",
    }
    assert (org.api_calls, org.requests_sent) == (0, 4)


def test_the_token_is_posted_and_stands_in_no_url(org, script):
    script.answers = [HOME, enabling("checked")]
    org.call(EnableCustomerPortal())
    assert form(script, 0)["sid"] == "00Dtoken"
    assert all("00Dtoken" not in url for _, url in script.sent)


def test_enabling_what_is_on_sends_no_form(org, script):
    script.answers = [HOME, enabling("checked"), enabling("checked")]
    org.call(EnableCustomerPortal())
    org.call(EnableCustomerPortal())
    assert [method for method, _ in script.sent] == ["POST", "GET", "GET"]


def test_a_change_that_does_not_hold_is_refused(org, script):
    script.answers = [HOME, enabling(""), HOME, enabling("")]
    with pytest.raises(Refused, match="still off") as caught:
        org.call(EnableCustomerPortal())
    assert caught.value.code == "SETUP_CHANGE_NOT_KEPT"


def test_a_change_that_can_not_be_read_again_has_an_open_outcome(org, script):
    script.answers = [HOME, enabling(""), MOVED, LOGIN]
    with pytest.raises(NoAnswer, match="was saved, but could not be read again"):
        org.call(EnableCustomerPortal())


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            '<div id="errorTitle">Error</div><div id="errorDesc">Try  later</div>',
            "Error; Try later",
        ),
        ('<div id="validationError">Invalid<br>Data</div>', "InvalidData"),
        ('<div class="errorMsg"><b>Error:</b> No licence</div>', "Error: No licence"),
        ('<div id="error"><p id="errorDesc">Same</p></div>', "Same"),
    ],
)
def test_an_error_in_the_page_is_a_refusal_though_its_status_is_200(org, script, extra, message):
    script.answers = [HOME, enabling(""), enabling("checked", extra)]
    with pytest.raises(Refused) as caught:
        org.call(EnableCustomerPortal())
    assert (caught.value.code, caught.value.message) == ("SETUP_PAGE_ERROR", message)


def test_an_error_that_is_empty_or_hidden_is_none(org, script):
    quiet = (
        '<div id="validationError"></div><div style="display: none"><p class="errorMsg">x</p></div>'
    )
    script.answers = [HOME, enabling("", quiet), enabling("", quiet), enabling("checked", quiet)]
    org.call(EnableCustomerPortal())


def test_a_page_that_is_not_for_this_user_is_not_allowed(org, script):
    script.answers = [HOME, (200, '<html><p id="errorDesc">Insufficient Privileges</p></html>')]
    with pytest.raises(NotAllowed, match="Insufficient Privileges"):
        org.call(EnableCustomerPortal())


def test_a_login_page_in_place_of_the_form_says_what_the_session_lacks(org, script):
    script.answers = [HOME, LOGIN]
    with pytest.raises(AuthenticationFailed, match="may use the API, but not the web pages") as got:
        org.call(EnableCustomerPortal())
    assert "scope `web`" in (got.value.remedy or "")


def test_a_page_without_the_box_says_which_page_it_was(org, script):
    script.answers = [HOME, (200, "<html><title>Not found</title><body>x</body></html>")]
    with pytest.raises(Refused, match=r"titled `Not found`\) has no box `penabled`"):
        org.call(EnableCustomerPortal())


@pytest.mark.parametrize(("status", "kind"), [(404, Refused), (503, NoAnswer)])
def test_a_page_that_fails_is_told_by_its_status(org, script, status, kind):
    script.answers = [HOME, (status, "<html>no</html>")] + [(status, "<html>no</html>")] * 4
    with pytest.raises(kind, match=f"({status})"):
        org.call(EnableCustomerPortal())


def test_membership_is_read_by_the_profile_beside_each_box(org, script):
    script.answers = [HOME, membership(*TWO)]
    assert org.read(ReadMembership(f"{PORTAL}AAA")) == [
        Member("00e000000000002AAA", "Portal Manager", member=False),
        Member("00e000000000001AAA", "Portal User", member=True),
    ]
    assert script.sent == [FRONTDOOR, ("GET", MEMBERSHIP)]


def test_a_portal_that_may_have_no_profile_has_no_members(org, script):
    script.answers = [HOME, membership()]
    assert org.read(ReadMembership(f"{PORTAL}AAA")) == []


def test_membership_becomes_exactly_the_profiles_named(org, script):
    flipped = tuple((id_, name, not on) for id_, name, on in TWO)
    script.answers = [HOME, PORTALS, membership(*TWO), HOME, membership(*flipped)]
    assert org.call(SetMembership("Acme & Portal", ("portal manager",))) is None
    assert script.sent[1:] == [
        ("GET", f"{SETUP}/d"),
        ("GET", MEMBERSHIP),
        ("POST", MEMBERSHIP),
        ("GET", MEMBERSHIP),
    ]
    assert form(script, 3) == {"portalId": PORTAL, "00e000000000002": "1", "save": "Save"}


def test_membership_that_is_so_already_is_not_sent(org, script):
    script.answers = [HOME, PORTALS, membership(*TWO)]
    org.call(SetMembership("Acme & Portal", ("Portal User",)))
    assert len(script.sent) == 3


def test_a_profile_the_page_does_not_list_is_refused_before_anything_is_sent(org, script):
    script.answers = [HOME, PORTALS, membership(*TWO)]
    with pytest.raises(Refused, match="cannot have the profile `Standard User`") as caught:
        org.call(SetMembership("Acme & Portal", ("Portal User", "Standard User")))
    assert caught.value.code == "PORTAL_PROFILE_NOT_LISTED"
    assert [method for method, _ in script.sent] == ["POST", "GET", "GET"]


def test_membership_that_does_not_hold_is_refused(org, script):
    script.answers = [HOME, PORTALS, membership(*TWO), HOME, membership(*TWO)]
    with pytest.raises(Refused, match="SETUP_CHANGE_NOT_KEPT"):
        org.call(SetMembership("Acme & Portal", ()))


def test_a_portal_that_is_not_there_is_refused(org, script):
    script.answers = [HOME, PORTALS]
    with pytest.raises(Refused, match="no portal named `Other`"):
        org.call(SetMembership("Other", ()))
