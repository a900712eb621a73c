"""Many writes in one request, over the real protocols: each row has an answer of its own."""

import pytest

from provisioner.emulator.base.faults import Fault
from provisioner.emulator.control.endpoint import state
from provisioner.model.operations import (
    CloneMetadata,
    CreateRecord,
    DeleteMetadata,
    DeleteRecord,
    EditMetadata,
    EnableCustomerPortal,
    ResetPassword,
    Select,
    SetPassword,
    UpdateRecord,
)
from provisioner.model.resource import Secret
from provisioner.org.client import UNWATCHED
from provisioner.org.errors import AuthenticationFailed, Conflict, NoAnswer, NotSent, Refused


def accounts(count, **more):
    return [CreateRecord("Account", {"Name": f"Account {n}", **more}) for n in range(count)]


def rows(org, sobject="Account", *fields):
    return org.read(Select(sobject, ("Id", "Name", *fields)))


def arm(app, **fault):
    state(app).faults.arm(Fault(**fault))


class Watcher:
    """Keeps what a bulk job tells; asks it to stop once so many rows were tried."""

    def __init__(self, stop_after=None):
        self.jobs, self.seen, self.stop_after = [], [0], stop_after

    @property
    def stopping(self):
        return self.stop_after is not None and len(self.jobs) >= self.stop_after

    def job(self, id_):
        self.jobs.append(id_)

    def processed(self, count):
        self.seen.append(count)


@pytest.mark.parametrize("count", [1, 2, 200, 201, 450])
def test_records_are_created_changed_and_deleted(org, count, log):
    made = org.call_all(accounts(count))
    assert all(isinstance(id_, str) for id_ in made)
    assert len(set(made)) == count
    updates = [UpdateRecord("Account", id_, {"Phone": f"+{n}"}) for n, id_ in enumerate(made)]
    assert org.call_all(updates) == [None] * count
    found = {row["Id"]: row for row in rows(org, "Account", "Phone")}
    assert [found[id_]["Name"] for id_ in made] == [f"Account {n}" for n in range(count)]
    assert [found[id_]["Phone"] for id_ in made] == [f"+{n}" for n in range(count)]
    assert org.call_all([DeleteRecord("Account", id_) for id_ in made]) == [None] * count
    assert rows(org) == []
    # One request for as many as a collection takes, one job for more.
    paths = {path.split("/v62.0/")[-1].partition("/")[0] for _, path, _ in log() if "v62.0" in path}
    assert ("jobs" in paths) == (count > 200)


@pytest.mark.parametrize("count", [2, 300])
def test_one_bad_row_fails_alone(org, count):
    calls = accounts(count)
    calls[1] = CreateRecord("Account", {"Name": "Bad", "NumberOfEmployees": "many"})
    answers = org.call_all(calls)
    assert isinstance(answers[1], Refused)
    assert answers[1].code
    assert sum(isinstance(a, str) for a in answers) == count - 1
    assert len(rows(org)) == count - 1


@pytest.mark.parametrize("count", [2, 300])
def test_what_is_odd_in_a_value_arrives_as_it_is(org, count):
    texts = [
        'a "quoted", value',
        "two\nlines",
        "  ",
        "#N/A?",
        "=1+1",
        "Zoë ☃",
        "semi;colon",
        "back\\slash",
    ]
    calls = accounts(count)
    calls[: len(texts)] = [
        CreateRecord("Account", {"Name": f"N{n}", "Description": t}) for n, t in enumerate(texts)
    ][:count]
    made = org.call_all(calls)
    found = {row["Id"]: row["Description"] for row in rows(org, "Account", "Description")}
    stored = [found[id_] for id_ in made[: len(texts)]]
    assert stored == [None if not t.strip() else t for t in texts][:count]


def test_a_bulk_update_clears_what_is_null_and_leaves_what_is_not_named(org):
    made = org.call_all(accounts(250, Phone="1", Fax="2"))
    updates = [
        UpdateRecord("Account", id_, {"Phone": None} if n % 2 else {"Fax": "3"})
        for n, id_ in enumerate(made)
    ]
    assert org.call_all(updates) == [None] * 250
    found = {row["Id"]: row for row in rows(org, "Account", "Phone", "Fax")}
    assert [(found[i]["Phone"], found[i]["Fax"]) for i in made] == [
        (None, "2") if n % 2 else ("1", "3") for n in range(250)
    ]


@pytest.mark.parametrize("count", [5, 300])
def test_a_locked_row_is_told_from_the_others(org, app, count):
    arm(app, kind="lock-row", rows=2, times=1, sobject="Account")
    answers = org.call_all(accounts(count))
    locked = [a for a in answers if isinstance(a, Conflict)]
    assert len(locked) == 2
    assert all(a.transient and a.code == "UNABLE_TO_LOCK_ROW" for a in locked)
    assert len(rows(org)) == count - 2


def test_rows_that_are_alike_each_have_an_answer(org):
    answers = org.call_all([CreateRecord("Account", {"Name": "Same"})] * 300)
    assert len({a for a in answers if isinstance(a, str)}) == 300


def test_a_job_tells_who_watches(org):
    watcher = Watcher()
    org.call_all(accounts(300), watcher)
    assert len(watcher.jobs) == 1
    assert watcher.seen[-1] == 300
    assert org.wait_for(watcher.jobs[0]) == "JobComplete"
    assert org.wait_for("750000000000000AAA") == "Deleted"


@pytest.mark.parametrize(
    ("method", "path", "error"),
    [
        ("POST", "/jobs/ingest$", NotSent),
        ("PUT", "/jobs/ingest/.*/batches", NotSent),
        ("GET", "/successfulResults", None),
    ],
)
@pytest.mark.parametrize("kind", ["drop", "commit-then-drop"])
def test_a_job_that_is_cut_off_writes_all_or_nothing(org, app, method, path, error, kind):
    arm(app, kind=kind, method=method, path=path, times=1)
    if error:
        with pytest.raises(error):
            org.call_all(accounts(300))
        assert rows(org) == []
    else:
        assert len(set(org.call_all(accounts(300)))) == 300


@pytest.mark.parametrize("kind", ["drop", "commit-then-drop"])
def test_the_start_of_a_job_that_got_no_answer_is_looked_up(org, app, kind):
    arm(app, kind=kind, method="PATCH", path="/jobs/ingest/", times=1)
    assert len(set(org.call_all(accounts(300)))) == 300
    assert len(rows(org)) == 300


def test_a_collection_that_got_no_answer_is_not_known(org, app):
    arm(app, kind="commit-then-drop", path="/composite/sobjects", times=1)
    with pytest.raises(NoAnswer):
        org.call_all(accounts(3))
    assert len(rows(org)) == 3


def test_passwords_travel_together_and_one_bad_one_fails_alone(org):
    org.call(EnableCustomerPortal())
    (profile,) = [r["Id"] for r in rows(org, "Profile") if r["Name"] == "Standard User"]
    users = [
        org.call(
            CreateRecord(
                "User",
                {
                    "Username": f"u{n}@acme.example",
                    "LastName": "U",
                    "Email": "u@acme.example",
                    "Alias": "u",
                    "ProfileId": profile,
                    "TimeZoneSidKey": "GMT",
                    "LocaleSidKey": "en_US",
                    "LanguageLocaleKey": "en_US",
                    "EmailEncodingKey": "UTF-8",
                },
            )
        )
        for n in range(3)
    ]
    before = org.api_calls
    calls = [
        SetPassword(users[0], Secret("Correct-horse-1")),
        SetPassword(users[1], Secret("x")),
        ResetPassword(users[2]),
    ]
    first, second, third = org.call_all(calls)
    assert org.api_calls == before + 1
    assert first is None
    assert second.code == "INVALID_NEW_PASSWORD"
    assert third is None


def test_components_travel_together(org):
    names = [f"P{n}" for n in range(3)]
    made = org.call_all([CloneMetadata("Profile", "Standard", name, {}) for name in names])
    assert len({m for m in made if isinstance(m, str)}) == 3
    again = org.call_all([CloneMetadata("Profile", "Standard", n, {}) for n in ("P0", "P9")])
    assert isinstance(again[0], Refused)
    assert isinstance(again[1], str)
    edits = [EditMetadata("Profile", n, {"description": f"now {n}"}) for n in ("P0", "Gone", "P2")]
    first, second, third = org.call_all(edits)
    assert (first, third) == (None, None)
    assert second.code == "INVALID_CROSS_REFERENCE_KEY"
    deleted = org.call_all([DeleteMetadata("Profile", n) for n in ("P0", "Gone", "P1")])
    assert [isinstance(d, Refused) for d in deleted] == [False, True, False]


def test_an_ended_session_is_renewed_once_and_the_call_made(local, credentials, session, app):
    from provisioner.org.client import SalesforceOrg

    renewals = []

    def renew():
        renewals.append(1)
        return Secret(local.credentials().access_token)

    token = Secret(credentials.access_token)
    org = SalesforceOrg(credentials.instance_url, token, session=session, renew=renew)
    for path, call in (
        ("/sobjects/", accounts(1)[0]),
        ("/CustomerSuccessPortalSetup/", EnableCustomerPortal()),
        ("/Soap/m/", EditMetadata("Profile", "Standard", {"description": "d"})),
    ):
        arm(app, kind="expire-session", path=path, times=1)
        assert not isinstance(org.call_all([call])[0], Exception)
    assert len(rows(org)) == 1
    assert len(renewals) == 3


def test_a_token_that_can_not_be_renewed_ends_it(org, app):
    arm(app, kind="expire-session", times=1)
    with pytest.raises(AuthenticationFailed):
        org.call_all(accounts(2))
    assert UNWATCHED.stopping is False


def test_the_org_tells_what_is_left_of_its_day(org):
    org.call_all(accounts(1))
    first = org.usage
    org.call_all(accounts(2))
    assert org.usage.left == first.left - 1
    assert org.usage.total == first.total
