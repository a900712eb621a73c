"""Every cause that keeps a customer out: page, LoginHistory, `verify`, `explain`, and its remedy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from lxml import html

from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.login import password_login
from provisioner.emulator.metadata.types.registry import kind
from provisioner.emulator.sites import members, networks, templates
from provisioner.login import read as explaining
from provisioner.login import use_cases as customers
from provisioner.login.causes import Cause
from provisioner.login.checks import run_checks
from provisioner.login.read import Target
from provisioner.login.verify import Credentials, Stage
from provisioner.model.resource import Secret

JANE = "jane.doe@acme.example.portal"
PASSWORD, CHOSEN = "correct4horse", "battery5staple"
FAILED = "Your login attempt has failed."
NOT_ASSOCIATED = "Your user profile is not associated with this service."
PORTAL, PROFILE = "Acme Portal", "Acme User"
HERE = "127.0.0.1"

SPEC = {
    "settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}},
    "portals": {
        PORTAL: {
            "was": "Customer Portal", "type": "CustomerSuccess", "active": True,
            "emailSenderAddress": "portal@acme.example", "emailSenderName": "Acme",
            "profiles": [PROFILE],
        }
    },
    "profiles": {
        PROFILE: {"clone_of": "High Volume Customer Portal", "objectPermissions": {"Case": ["read"]}}
    },
    "accounts": {"acme": {"Name": "Acme", "owner": "portal.admin@acme.example"}},
    "contacts": {"jane": {"account": "acme", "LastName": "Doe", "Email": "jane@acme.example"}},
    "users": {
        "jane": {
            "contact": "jane", "profile": PROFILE, "Username": JANE,
            "on_create": {"password": {"env": "JANE_PASSWORD"}},
        }
    },
}  # fmt: skip


@dataclass
class World:
    """The product on one local org, with one customer, and the org itself behind its back."""

    portal: object
    spec: dict = field(default_factory=lambda: copy.deepcopy(SPEC))
    username: str = JANE
    password: str = PASSWORD

    def __post_init__(self):
        self.local = self.portal.local.open()
        self.by = first_day.admin_id(self.local)

    def apply(self, **changes):
        """Apply the spec with some values changed: `portals__active=False`."""
        for path, value in changes.items():
            section, name = path.split("__")
            (resource,) = self.spec[section].values()
            resource[name] = value
        self.portal.apply(self.spec)

    @property
    def facts(self):
        return explaining.read(self.portal.org, self.username, Target(), HERE)

    def explain(self):
        return run_checks(self.facts)

    def verify(self):
        who = Credentials(self.username, Secret(self.password), Secret(CHOSEN))
        return customers.verify_login(self.portal.org, who, Target(), ("Case",))[0]

    def page(self):
        """What the login page says, as a browser shows it."""
        found = self.facts.portal
        if found is None:
            return "no portal"
        client = self.portal.local.app().test_client()
        (form,) = html.fromstring(client.get(found.url).text).forms
        values = dict(form.form_values()) | {"un": self.username, "pw": self.password}
        reply = client.post(form.action, data=values, follow_redirects=True)
        told = html.fromstring(reply.text).xpath('//*[@id="error"]')
        return told[0].text_content() if told else ""

    def user(self):
        found = self.local.select("User", Username=self.username)
        return found[0] if found else None

    def status(self):
        """The status of the last attempt that the org recorded."""
        user = self.user()
        rows = self.local.select("LoginHistory", UserId=user["Id"]) if user else []
        return rows[-1]["Status"] if rows else None

    def login(self, **values):
        (row,) = self.portal.query(f"SELECT Id FROM UserLogin WHERE UserId='{self.user()['Id']}'")
        self.portal.send("PATCH", f"/sobjects/UserLogin/{row['Id']}", values)

    def change_user(self, **values):
        self.portal.send("PATCH", f"/sobjects/User/{self.user()['Id']}", values)

    def limit(self, **values):
        kind(self.local, "Profile").update(self.local, {"fullName": PROFILE, **values}, self.by)

    def reset_password(self, *, unlock):
        people, _ = customers.find_users(self.portal.org, [self.username])
        assert [problem for _, problem in customers.reset_passwords(
            self.portal.org, people, unlock=unlock)] == [None]  # fmt: skip
        mail = self.local.outbox()[-1].body
        self.password = mail.partition("Password: ")[2].split()[0]


@pytest.fixture
def world(portal, monkeypatch):
    monkeypatch.setenv("JANE_PASSWORD", PASSWORD)
    return World(portal)


def lock(world):
    with world.local.transaction():
        for _ in range(10):
            password_login.count(world.local, world.user(), password_login.WRONG_PASSWORD)


def never_given(world):
    user = world.user()["Id"]
    world.local.execute("DELETE FROM password WHERE user_id = ?", (user,))
    world.local.execute('UPDATE "User" SET "LastPasswordChangeDate" = NULL WHERE "Id" = ?', (user,))


def closed():
    days = ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun")
    return {f"{day}day{end}": "0" for day in days for end in ("Start", "End")}


def opened():
    return closed() | {name: "1440" for name in closed() if name.endswith("End")}


def staff(world):
    """A person of the company comes to the portal."""
    world.username = first_day.ADMIN_USERNAME
    world.password = world.portal.local.credentials().password


def elsewhere(first, last):
    return [{"startAddress": first, "endAddress": last}]


@dataclass(frozen=True)
class Broken:
    """One way to keep a customer out, what shows of it where, and how it is mended."""

    cause: Cause
    spoil: Callable
    mend: Callable | None
    page: str = FAILED
    status: str | None = None
    stage: Stage = Stage.CREDENTIALS
    remedy: str = ""


BROKEN = [
    Broken(
        Cause.ACTIVE,
        lambda w: w.change_user(IsActive=False),
        lambda w: w.apply(users__IsActive=True),
        status="User is inactive",
        remedy="IsActive: true",
    ),
    Broken(
        Cause.FROZEN,
        lambda w: w.login(IsFrozen=True),
        lambda w: w.login(IsFrozen=False),
        status="User is frozen",
        remedy="Unfreeze",
    ),
    Broken(
        Cause.LOCKED,
        lock,
        lambda w: w.reset_password(unlock=True),
        status="Password lockout",
        remedy="password reset --unlock",
    ),
    Broken(
        Cause.PASSWORD,
        never_given,
        lambda w: w.reset_password(unlock=False),
        status="Invalid password",
        remedy="password reset",
    ),
    Broken(
        Cause.PROFILE,
        staff,
        None,
        page=NOT_ASSOCIATED,
        status="Invalid profile association",
        remedy="the org's own login page",
    ),
    Broken(
        Cause.OPEN,
        lambda w: w.apply(portals__active=False),
        lambda w: w.apply(portals__active=True),
        status="Invalid - Portal disabled",
        remedy=f"`active: true` in `portals.{PORTAL}`",
    ),
    Broken(
        Cause.MEMBER,
        lambda w: w.apply(portals__profiles=[]),
        lambda w: w.apply(portals__profiles=[PROFILE]),
        page=NOT_ASSOCIATED,
        status="Invalid profile association",
        remedy=f"add `{PROFILE}` to `portals.{PORTAL}.profiles`",
    ),
    Broken(
        Cause.HOURS,
        lambda w: w.limit(loginHours=closed()),
        lambda w: w.limit(loginHours=opened()),
        status="Restricted time",
        remedy=f"{PROFILE} > Login Hours",
    ),
    Broken(
        Cause.ADDRESS,
        lambda w: w.limit(loginIpRanges=elsewhere("10.0.0.1", "10.0.0.9")),
        lambda w: w.limit(loginIpRanges=elsewhere(HERE, HERE)),
        status="Restricted IP",
        remedy=f"{PROFILE} > Login IP Ranges",
    ),
]


def soap_login(world):
    """A SOAP login with the scope of the portal; whether it was let in."""
    found = world.facts.portal
    ids = dict(part.split("=") for part in found.url.partition("?")[2].split("&"))
    body = f"""<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"
        xmlns:p="urn:partner.soap.sforce.com"><e:Header><p:LoginScopeHeader>
        <p:organizationId>{ids["orgId"]}</p:organizationId><p:portalId>{ids["portalId"]}</p:portalId>
        </p:LoginScopeHeader></e:Header><e:Body><p:login><p:username>{world.username}</p:username>
        <p:password>{world.password}</p:password></p:login></e:Body></e:Envelope>"""
    client = world.portal.local.app().test_client()
    return client.post("/services/Soap/u/62.0", data=body).status_code == 200


@pytest.mark.parametrize("broken", BROKEN, ids=lambda b: b.cause.name)
def test_a_login_by_soap_agrees_with_the_page(world, broken):
    world.apply()
    assert soap_login(world)
    broken.spoil(world)
    assert not soap_login(world)
    assert world.status() == broken.status
    if broken.mend:
        broken.mend(world)
        assert soap_login(world)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda b: b.cause.name)
def test_a_cause_shows_everywhere_and_its_remedy_helps(world, broken):
    world.apply()
    assert world.explain().can_log_in
    broken.spoil(world)

    assert world.page().startswith(broken.page)
    assert world.status() == broken.status
    verified = world.verify()
    assert verified.failed.stage is broken.stage
    assert verified.failed.message.startswith(broken.page)
    found = world.explain()
    assert [f.cause for f in found.causes] == [broken.cause]
    assert found.causes[0].history_status == broken.status
    assert broken.remedy in found.causes[0].remedy
    assert "cannot log in" in found.answer
    assert found.causes[0].message in found.answer

    if broken.mend:
        broken.mend(world)
        assert world.explain().can_log_in
        assert [s.stage for s in world.verify().stages if not s.ok] == []
        assert world.status() == "Success"


def test_nobody_of_that_name(world):
    del world.spec["users"]
    world.portal.apply(world.spec)
    assert world.page().startswith(FAILED)
    assert world.verify().failed.stage is Stage.CREDENTIALS
    assert [f.cause for f in world.explain().causes] == [Cause.USER]
    world.spec["users"] = copy.deepcopy(SPEC["users"])
    world.apply()
    assert world.verify().ok


def test_an_org_without_a_portal(world):
    assert world.verify().failed.stage is Stage.PORTAL
    assert [f.cause for f in world.explain().causes] == [Cause.USER, Cause.ENABLED]
    world.apply()
    assert world.verify().ok


ORDERED = [b for b in BROKEN if b.cause is not Cause.PROFILE]


@pytest.mark.parametrize(
    ("first", "second"),
    [(a, b) for i, a in enumerate(ORDERED) for b in ORDERED[i + 1 :]],
    ids=lambda b: b.cause.name,
)
def test_two_causes_are_named_in_the_order_in_which_they_bite(world, first, second):
    world.apply()
    for broken in (second, first):
        broken.spoil(world)
    assert world.page().startswith(first.page)
    assert world.status() == first.status
    assert [f.cause for f in world.explain().causes] == [first.cause, second.cause]
    assert "(and 1 more cause)" in world.explain().answer


def test_an_inactive_user_needs_a_free_seat(world):
    world.apply()
    world.change_user(IsActive=False)
    for row in world.local.select("UserLicense", Name="High Volume Customer Portal"):
        world.local.update("UserLicense", row["Id"], {"TotalLicenses": 0}, by=world.by)
    assert [f.cause for f in world.explain().causes] == [Cause.ACTIVE, Cause.LICENCE]


def test_an_error_text_leads_to_the_cause_that_it_stands_for(world):
    world.apply(portals__profiles=[])
    world.login(IsFrozen=True)
    found = run_checks(world.facts, NOT_ASSOCIATED)
    assert [f.cause for f in found.causes] == [Cause.FROZEN, Cause.MEMBER]
    assert found.causes[1].message in found.answer


def test_an_error_that_is_over_says_so(world):
    world.apply()
    assert run_checks(
        world.facts, FAILED + " or your location or login time may be restricted"
    ).answer
    found = run_checks(world.facts, NOT_ASSOCIATED)
    assert found.answer == f"{JANE} can log in to `{PORTAL}` now"


def test_a_temporary_password_is_changed_and_the_session_closed(world):
    world.apply()
    world.reset_password(unlock=False)
    verified = world.verify()
    assert [(s.stage, s.ok) for s in verified.stages] == [
        (Stage.PAGE, True), (Stage.CREDENTIALS, True), (Stage.PASSWORD, True),
        (Stage.LANDING, True), (Stage.OBJECT, True),
    ]  # fmt: skip
    sessions = world.local.execute("SELECT kind FROM session WHERE kind = 'Portal'")
    assert sessions == []
    again = world.verify()
    assert again.ok
    assert Stage.PASSWORD not in [s.stage for s in again.stages]


def test_a_change_that_was_not_foreseen_fails_at_its_stage(world):
    world.apply()
    world.reset_password(unlock=False)
    who = Credentials(world.username, Secret(world.password))
    verified, found = customers.verify_login(world.portal.org, who, Target())
    assert verified.failed.stage is Stage.PASSWORD
    assert "new_password" in verified.failed.message
    assert found.can_log_in


def test_an_object_out_of_reach_fails_alone(world):
    world.apply()
    who = Credentials(world.username, Secret(world.password))
    verified, _ = customers.verify_login(world.portal.org, who, Target(), ("Lead", "Case"))
    assert [(s.stage, s.ok) for s in verified.stages[-2:]] == [
        (Stage.OBJECT, False), (Stage.OBJECT, True)
    ]  # fmt: skip
    assert verified.failed.message.startswith("Lead: ")


def test_no_password_is_in_what_is_said(world):
    world.apply(portals__profiles=[])
    assert PASSWORD not in repr(world.verify())
    assert PASSWORD not in repr(world.explain())


def test_explaining_takes_few_calls(world):
    world.apply()
    org = world.portal.org
    before = org.api_calls
    explaining.read(org, JANE, Target())
    assert org.api_calls - before <= 8


# -- sites -------------------------------------------------------------------------------------


@pytest.fixture
def site(world):
    """A live site that the profile is a member of, in an org whose portal does not take it."""
    world.spec["settings"]["CommunitiesSettings"] = {"enableNetworksEnabled": True}
    world.spec["portals"][PORTAL]["profiles"] = []
    world.apply()
    template = templates.site_template("Customer Service")
    values = {"Name": "Acme Site", "UrlPathPrefix": "customers"}
    id_ = networks.create(world.local, world.by, template, values)
    world.local.update("Network", id_, {"Status": networks.LIVE}, by=world.by)
    profile = world.user()["ProfileId"]
    members.add_group(world.local, world.by, id_, profile, status=members.ADDED)
    return id_


def close_site(world, id_):
    world.local.update("Network", id_, {"Status": "DownForMaintenance"}, by=world.by)


def no_member(world, id_):
    members.forget_parent(world.local, world.by, world.user()["ProfileId"])
    world.local.execute('DELETE FROM "NetworkMember" WHERE "NetworkId" = ?', (id_,))


SITE_FAILED = "Your login attempt has failed. Make sure"


def test_a_site_is_logged_in_to_where_no_portal_takes_the_user(world, site):
    assert world.explain().answer == f"{JANE} can log in to `Acme Site`"
    verified = world.verify()
    assert [s.message for s in verified.stages if not s.ok] == []
    assert verified.portal == "Acme Site"
    assert verified.url.endswith("/customers/s/login")


@pytest.mark.parametrize(
    ("spoil", "cause", "status"),
    [
        (close_site, Cause.OPEN, "Invalid - Experience Cloud site offline"),
        (no_member, Cause.MEMBER, "No Experience Cloud site access"),
    ],
)
def test_what_keeps_somebody_out_of_a_site(world, site, spoil, cause, status):
    spoil(world, site)
    target = Target("acme site")
    found = run_checks(explaining.read(world.portal.org, JANE, target, HERE))
    assert [(f.cause, f.history_status) for f in found.causes] == [(cause, status)]
    who = Credentials(JANE, Secret(PASSWORD))
    verified, _ = customers.verify_login(world.portal.org, who, target)
    assert verified.failed.stage is Stage.CREDENTIALS
    assert verified.failed.message.startswith(SITE_FAILED)
    assert world.status() == status
