"""The checks of a login over literal facts, and what error texts and statuses stand for."""

from dataclasses import replace
from datetime import datetime

import pytest

from provisioner.login.causes import STATUS, Cause, explained, of_error, of_status
from provisioner.login.check_results import Certainty, CheckStatus
from provisioner.login.checks import run_checks
from provisioner.login.login_facts import (
    Attempt,
    LicenceState,
    LoginFacts,
    Owner,
    PasswordState,
    Person,
    Portal,
    Range,
    User,
)

NOON = datetime(2026, 5, 6, 12, 0)  # noqa: DTZ001 - the org's own time; a Wednesday
JANE = User(
    username="jane@acme.example",
    active=True,
    frozen=False,
    locked=False,
    password=PasswordState.GIVEN,
    profile="Acme User",
    is_portal=True,
    has_roles=False,
    licence=LicenceState("High Volume Customer Portal", active=True, total=100, used=1),
    person=Person("Jane Doe", "Acme", Owner("boss@acme.example", active=True, has_role=True)),
    user_type="CspLitePortal",
)
PORTAL = Portal("Acme", "https://acme.example/login", True, frozenset({"Acme User"}))
FACTS = LoginFacts("jane@acme.example", JANE, True, PORTAL, ("Acme",))


def with_user(**values):
    return replace(FACTS, user=replace(JANE, **values))


def with_portal(**values):
    return replace(FACTS, portal=replace(PORTAL, **values))


def finding(facts, cause):
    (found,) = (f for f in run_checks(facts).findings if f.cause is cause)
    return found


def test_nothing_in_the_way():
    found = run_checks(FACTS)
    assert found.answer == "jane@acme.example can log in to `Acme`"
    assert {f.status for f in found.findings} == {CheckStatus.HOLDS}


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        (replace(FACTS, user=None), Cause.USER),
        (with_user(active=False), Cause.ACTIVE),
        (with_user(frozen=True), Cause.FROZEN),
        (with_user(locked=True), Cause.LOCKED),
        (with_user(password=PasswordState.NEVER_GIVEN), Cause.PASSWORD),
        (with_user(is_portal=False), Cause.PROFILE),
        (replace(FACTS, portal_on=False, portal=None), Cause.ENABLED),
        (replace(FACTS, portal=None), Cause.PORTAL),
        (with_portal(active=False), Cause.OPEN),
        (with_portal(members=frozenset({"Other"})), Cause.MEMBER),
        (replace(FACTS, hours={"wednesdayEnd": 600}, now=NOON), Cause.HOURS),
        (replace(FACTS, ranges=(Range("10.0.0.1", "10.0.0.9"),), address="::1"), Cause.ADDRESS),
    ],
    ids=lambda value: value.name if isinstance(value, Cause) else "",
)
def test_each_cause_alone_is_the_answer(facts, cause):
    found = run_checks(facts)
    assert [f.cause for f in found.causes] == [cause]
    assert found.causes[0].remedy
    assert found.causes[0].message in found.answer


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        (with_user(password=PasswordState.TEMPORARY), Cause.PASSWORD),
        (with_user(person=Person(None, None, None)), Cause.PERSON),
        (with_user(person=Person("J", "A", Owner("b", active=True, has_role=False))), Cause.PERSON),
        (with_user(has_roles=True), Cause.ROLE),
        (with_user(licence=LicenceState("X", active=False, total=0, used=0)), Cause.LICENCE),
        (replace(FACTS, attempts=(Attempt("", "User is frozen", "", ""),)), Cause.HISTORY),
    ],
)
def test_a_note_keeps_nobody_out(facts, cause):
    assert run_checks(facts).can_log_in
    assert finding(facts, cause).status is CheckStatus.NOTE


@pytest.mark.parametrize(
    ("values", "cause", "status"),
    [
        ({"active": False}, Cause.OPEN, "Invalid - Experience Cloud site offline"),
        ({"members": frozenset()}, Cause.MEMBER, "No Experience Cloud site access"),
    ],
)
def test_a_site_has_causes_of_its_own(values, cause, status):
    site = with_portal(is_site=True)
    assert run_checks(replace(site, user=replace(JANE, is_portal=False))).can_log_in
    found = run_checks(with_portal(is_site=True, **values))
    assert [(f.cause, f.history_status) for f in found.causes] == [(cause, status)]
    assert "Workspaces" in found.causes[0].remedy
    assert of_status(status) is cause
    assert "site" in explained(status)


def test_what_is_not_known_is_said():
    facts = replace(with_portal(members=None), ranges=(Range("10.0.0.1", "10.0.0.9"),))
    assert run_checks(facts).answer == (
        "jane@acme.example can log in to `Acme`, as far as is known (not known: profile is one of"
        " the portal's and login IP ranges)"
    )


@pytest.mark.parametrize(
    ("status", "verdict"),
    [("Invalid profile association", CheckStatus.FAILS), ("Success", CheckStatus.HOLDS)],
)
def test_membership_is_inferred_from_the_last_attempt(status, verdict):
    facts = replace(with_portal(members=None), attempts=(Attempt("", status, "", ""),))
    found = finding(facts, Cause.MEMBER)
    assert (found.status, found.certainty) == (verdict, Certainty.INFERRED)


@pytest.mark.parametrize(
    ("hours", "verdict"),
    [
        ({"wednesdayStart": 720, "wednesdayEnd": 780}, CheckStatus.HOLDS),
        ({"wednesdayStart": 660, "wednesdayEnd": 720}, CheckStatus.FAILS),
        ({"thursdayStart": 0, "thursdayEnd": 0}, CheckStatus.HOLDS),
        ({"wednesdayStart": 0, "wednesdayEnd": 0}, CheckStatus.FAILS),
    ],
)
def test_hours_begin_at_their_start_and_end_before_their_end(hours, verdict):
    assert finding(replace(FACTS, hours=hours, now=NOON), Cause.HOURS).status is verdict


@pytest.mark.parametrize(
    ("text", "causes"),
    [
        ("Your user profile is not associated with this service. Please", (Cause.MEMBER,
                                                                           Cause.PROFILE)),
        ("INVALID_LOGIN: Invalid username, password,\n security token; or user locked out.", (
            Cause.USER, Cause.ACTIVE, Cause.FROZEN, Cause.LOCKED, Cause.PASSWORD, Cause.MEMBER)),
        ("Invalid username, password, security token; or user locked out. Are you at a new location?",
         (Cause.HISTORY,)),
        ("LOGIN_DURING_RESTRICTED_DOMAIN: cannot log in from current domain", (Cause.ADDRESS,)),
        ("cannot log in during restricted time", (Cause.HOURS,)),
        ("PORTAL_NO_ACCESS: Access to the specified portal is not available.",
         (Cause.MEMBER, Cause.PROFILE)),
        ("Password lockout", (Cause.LOCKED,)),
        ("the printer is on fire", ()),
    ],
)  # fmt: skip
def test_an_error_text_stands_for_causes(text, causes):
    assert of_error(text) == causes


def test_an_error_text_chooses_the_headline():
    facts = replace(with_portal(members=frozenset()), user=replace(JANE, frozen=True))
    found = run_checks(facts, "Your user profile is not associated with this service")
    assert [f.cause for f in found.causes] == [Cause.FROZEN, Cause.MEMBER]
    assert "is not one of the profiles" in found.answer


@pytest.mark.parametrize("cause", STATUS)
def test_every_status_leads_to_its_check(cause):
    found = of_status(STATUS[cause])
    assert STATUS[found] == STATUS[cause]
    assert explained(STATUS[cause])


def test_statuses_of_no_check_are_translated_too():
    assert explained("Login rate exceeded").startswith("too many logins")
    assert explained("Failed: Missing Portal Id") == "single sign-on named no portal"
    assert explained("Something new") == "an unknown status"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("Failed: API security token required", "Reset My Security Token"),
        ("Failed: Computer activation required", "code that was emailed"),
        ("Restricted domain", "My Domain"),
        ("Failed: API Version Removed", "update the client"),
        ("Login rate exceeded", "wait an hour"),
    ],
)
def test_the_last_attempt_says_what_mends_it_where_no_check_does(status, words):
    found = finding(replace(FACTS, attempts=(Attempt("", status, "", ""),)), Cause.HISTORY)
    assert (found.status, words in found.remedy) == (CheckStatus.NOTE, True)


def test_an_attempt_that_a_check_is_about_has_its_remedy_there():
    found = finding(replace(FACTS, attempts=(Attempt("", "Restricted IP", "", ""),)), Cause.HISTORY)
    assert (found.status, found.remedy) == (CheckStatus.NOTE, None)
