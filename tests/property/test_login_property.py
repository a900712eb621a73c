"""For any org and any user: `explain` says "can log in" exactly when a real login works."""

from __future__ import annotations

import json

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.emulator.access import owned_sets
from provisioner.emulator.app import create_app
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.login import passwords
from provisioner.emulator.metadata.types import portal
from provisioner.emulator.metadata.types.registry import kind
from provisioner.emulator.server import InProcessAdapter
from provisioner.emulator.store import components, portals
from provisioner.login import read as explaining
from provisioner.login import use_cases as customers
from provisioner.login.checks import run_checks
from provisioner.login.read import Target
from provisioner.login.verify import Credentials
from provisioner.model.credentials import AccessToken
from provisioner.model.resource import Secret
from provisioner.org.auth import connect

URL, HERE = "http://127.0.0.1:8787", "127.0.0.1"
JANE = "jane@acme.example"
OLD, NEW = "correct4horse", "battery5staple"
PROFILE, PORTALS = "Acme User", ("Customer Portal", "Second Portal")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class World:
    """One org in memory, put into any state before each login."""

    def __init__(self):
        self.org = open_org(":memory:")
        self.by = first_day.admin_id(self.org)
        first_day.enable_customer_portal(self.org, self.by)
        portal.make_default(self.org, self.by)
        (first,) = portals.rows(self.org)
        values = portal.shown(self.org, first) | {"fullName": PORTALS[1]}
        kind(self.org, "Portal").create(self.org, values, self.by)
        (standard,) = self.org.select("Profile", FullName="HighVolumePortal")
        held = {"Name": PROFILE, "UserType": "CspLitePortal"}
        held |= {"UserLicenseId": standard["UserLicenseId"]}
        self.profile = owned_sets.insert_profile(self.org, held, by=self.by)
        account = self.org.insert("Account", {"Name": "Acme"}, by=self.by)
        contact = {"LastName": "Doe", "AccountId": account}
        contact_id = self.org.insert("Contact", contact, by=self.by)
        user = {"LastName": "Doe", "Username": JANE, "Email": JANE, "UserType": "CspLitePortal"}
        user |= {"ContactId": contact_id, "AccountId": account, "ProfileId": self.profile}
        self.jane = owned_sets.insert_user(self.org, user, by=self.by)
        self.login = self.org.insert("UserLogin", {"UserId": self.jane}, by=self.by)
        self.session = requests.Session()
        app = create_app(self.org)
        for url in (URL, URL.replace("http:", "https:")):
            self.session.mount(url, InProcessAdapter(app))
        token = self.org.start_session(self.by).token
        self.client = connect(AccessToken(URL, Secret(token)), session=self.session)

    def put(self, state):
        org = self.org
        org.execute("DELETE FROM lockout")
        org.execute("DELETE FROM password")
        org.execute("DELETE FROM password_history")
        org.execute('DELETE FROM "LoginHistory"')
        org.execute(
            'UPDATE "User" SET "LastPasswordChangeDate" = NULL, "LastLoginDate" = NULL,'
            ' "NumberOfFailedLogins" = 0 WHERE "Id" = ?',
            (self.jane,),
        )
        staff = org.select("Profile", FullName="Standard")[0]["Id"]
        user = {"IsActive": state["active"], "ProfileId": self.profile}
        user["UserType"] = "CspLitePortal"
        if state["staff"]:
            user |= {"ProfileId": staff, "UserType": "Standard"}
        owned_sets.update_user(org, self.jane, user, by=self.by)
        switches = {"IsFrozen": state["frozen"], "IsPasswordLocked": state["locked"]}
        org.update("UserLogin", self.login, switches, by=self.by)
        if state["password"] != "never":
            passwords.keep(org, self.jane, OLD, expired=state["password"] == "temporary")
        for row, (is_open, member) in zip(portals.rows(org), state["portals"], strict=True):
            values = portal.shown(org, row) | {"active": is_open}
            portal.save(org, row, row.full_name, values, self.by)
            portals.set_profiles(org, row.id, {self.profile} if member else set(), self.by)
        self.limit(user["ProfileId"], state)

    def limit(self, profile, state):
        kept = {}
        if state["hours"] is not None:
            end = "1440" if state["hours"] else "0"
            kept["loginHours"] = {f"{day}Start": "0" for day in DAYS}
            kept["loginHours"] |= {f"{day}End": end for day in DAYS}
        if state["inside"] is not None:
            first = HERE if state["inside"] else "10.0.0.1"
            kept["loginIpRanges"] = [{"startAddress": first, "endAddress": first}]
        components.remove(self.org, "Profile", profile)
        components.add(self.org, "Profile", profile, profile, json.dumps(kept), self.by)


@pytest.fixture(scope="module")
def world():
    made = World()
    yield made
    made.session.close()
    made.org.close()


mostly = st.sampled_from([True, True, True, False])
seldom = st.sampled_from([False, False, False, True])
states = st.fixed_dictionaries(
    {
        "active": mostly,
        "staff": seldom,
        "frozen": seldom,
        "locked": seldom,
        "password": st.sampled_from(["given", "given", "temporary", "never"]),
        "portals": st.tuples(st.tuples(mostly, mostly), st.tuples(mostly, mostly)),
        "hours": st.sampled_from([None, None, True, False]),
        "inside": st.sampled_from([None, None, True, False]),
    }
)
targets = st.sampled_from([Target(), Target(PORTALS[0]), Target(None, (PORTALS[1],))])


@settings(max_examples=60, deadline=None)
@given(states, targets)
def test_explain_and_verify_agree(world, state, target):
    world.put(state)
    found = run_checks(explaining.read(world.client, JANE, target, HERE))
    who = Credentials(JANE, Secret(OLD), Secret(NEW))
    verified, _ = customers.verify_login(world.client, who, target)
    assert found.can_log_in == verified.ok, (found.answer, verified.stages)
    assert found.unknown == ()
    if not verified.ok:
        # what the org recorded is the first cause that was named
        (last,) = explaining.read(world.client, JANE, target).attempts[:1]
        assert last.status == found.causes[0].history_status
