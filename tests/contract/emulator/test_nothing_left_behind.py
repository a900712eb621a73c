"""A transaction that fails leaves nothing behind, whatever is in it and wherever it fails."""

import hashlib
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.emulator.app import create_app
from provisioner.emulator.base import faults
from provisioner.emulator.control import endpoint as control
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org

BASE = "/services/data/v62.0"
RULES = settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
FREE = {"LoginHistory", "session", "sequence"}  # what a refusal may change


class World:
    """An org with an account, a contact and a portal user, put back before every request."""

    def __init__(self):
        self.org = open_org(":memory:")
        self.admin = first_day.admin_id(self.org)
        first_day.enable_customer_portal(self.org, self.admin)
        self.app = create_app(self.org, control=True)
        self.client = self.app.test_client(use_cookies=False)
        self.token = self.org.start_session(self.admin).token
        self.account = self.org.insert("Account", {"Name": "Acme"}, by=self.admin)
        contact = {"LastName": "Doe", "AccountId": self.account, "Email": "jane@acme.example"}
        self.contact = self.org.insert("Contact", contact, by=self.admin)
        (self.profile,) = self.org.find("Profile", Name="Customer Portal Manager Custom")
        self.first_day = self.org.copied()

    def send(self, method, path, body, rows=()):
        """The answer, with the rows of those numbers locked while they are written."""
        self.org.replace(self.first_day)
        known = control.state(self.app)
        known.faults.clear()
        for skipped in rows:
            known.faults.arm(faults.Fault("lock-row", skip_rows=skipped, rows=1))
        before = self.digest()
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self.client.open(f"{BASE}{path}", method=method, json=body, headers=headers)
        return answer, self.digest() == before

    def digest(self):
        names = self.org.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        found = hashlib.sha256()
        for (name,) in names:
            if name not in FREE:
                where = " WHERE name NOT LIKE 'api calls%'" if name == "setting" else ""
                rows = [tuple(row) for row in self.org.execute(f'SELECT * FROM "{name}"{where}')]
                found.update(f"{name}{rows}".encode())
        return found.hexdigest()


@cache
def world():
    return World()


GOOD = ("new account", "new contact", "renamed account")
BAD = ("no name", "unknown field", "bad e-mail", "nobody's account")
USERS = ("portal user", "user without contact", "user without profile")


def written(kind):
    """The object and the values of one record."""
    person = {
        "LastName": "Doe", "Alias": "jdoe", "Email": "jane@acme.example",
        "Username": "jane@acme.example.x", "TimeZoneSidKey": "Europe/Berlin",
        "LocaleSidKey": "en_GB", "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US",
    }  # fmt: skip
    contact, profile = {"ContactId": world().contact}, {"ProfileId": world().profile}
    return {
        "new account": ("Account", {"Name": "New"}),
        "new contact": ("Contact", {"LastName": "New", "AccountId": world().account}),
        "renamed account": ("Account", {"Name": "Renamed"}),
        "no name": ("Account", {"Phone": "1"}),
        "unknown field": ("Account", {"Name": "X", "Nonsense": 1}),
        "bad e-mail": ("Contact", {"LastName": "X", "Email": "nonsense"}),
        "nobody's account": ("Contact", {"LastName": "X", "AccountId": "001000000000000AAA"}),
        "portal user": ("User", person | contact | profile),
        "user without contact": ("User", person | profile),
        "user without profile": ("User", person | contact),
    }[kind]


def record(kind):
    sobject, values = written(kind)
    return {"attributes": {"type": sobject}, **values}


def call(kind, number):
    sobject, values = written(kind)
    if kind == "renamed account":
        method, url = "PATCH", f"{BASE}/sobjects/Account/{world().account}"
    else:
        method, url = "POST", f"{BASE}/sobjects/{sobject}"
    return {"method": method, "url": url, "body": values, "referenceId": f"r{number}"}


mixed = st.lists(st.sampled_from(GOOD + BAD), min_size=1, max_size=5)
with_users = st.lists(st.sampled_from(GOOD + BAD + USERS), min_size=1, max_size=5)
locked = st.sets(st.integers(0, 4), max_size=1)


@RULES
@given(mixed, locked)
def test_a_collection_that_is_all_or_none(kinds, rows):
    body = {"allOrNone": True, "records": [record(kind) for kind in kinds]}
    answer, unchanged = world().send("POST", "/composite/sobjects", body, rows)
    well = all(one["success"] for one in answer.get_json())
    assert unchanged != well


@RULES
@given(mixed, locked)
def test_a_collection_that_may_succeed_in_part(kinds, rows):
    body = {"records": [record(kind) for kind in kinds]}
    answer, unchanged = world().send("POST", "/composite/sobjects", body, rows)
    results = answer.get_json()
    assert unchanged != any(one["success"] for one in results)
    org = world().org
    there = set(org.find("Account") + org.find("Contact")) - {world().account, world().contact}
    assert there == {one["id"] for one in results if one["success"]}


@RULES
@given(with_users, mixed, st.booleans(), locked)
def test_a_composite_call_that_is_all_or_none(kinds, inner, all_or_none, rows):
    calls = [call(kind, number) for number, kind in enumerate(kinds)]
    collection = {"allOrNone": all_or_none, "records": [record(kind) for kind in inner]}
    calls.append({"method": "POST", "url": f"{BASE}/composite/sobjects", "body": collection,
                  "referenceId": "many"})  # fmt: skip
    body = {"allOrNone": True, "compositeRequest": calls}
    answer, unchanged = world().send("POST", "/composite", body, rows)
    *single, many = answer.get_json()["compositeResponse"]
    well = all(one["httpStatusCode"] < 400 for one in single) and all(
        one.get("success") for one in many["body"]
    )
    assert unchanged != well


@RULES
@given(st.lists(with_users, min_size=1, max_size=3), locked)
def test_a_graph(graphs, rows):
    body = {
        "graphs": [
            {"graphId": f"g{at}", "compositeRequest": [call(k, n) for n, k in enumerate(kinds)]}
            for at, kinds in enumerate(graphs)
        ]
    }
    answer, unchanged = world().send("POST", "/composite/graph", body, rows)
    assert unchanged != any(one["isSuccessful"] for one in answer.get_json()["graphs"])


@RULES
@given(st.lists(st.sampled_from(["new contact", "bad e-mail"]), max_size=4), locked)
def test_a_tree(kinds, rows):
    children = [{**record(kind), "attributes": {"type": "Contact", "referenceId": f"c{n}"}}
                for n, kind in enumerate(kinds)]  # fmt: skip
    for child in children:
        child.pop("AccountId", None)
    parent = {"attributes": {"type": "Account", "referenceId": "a"}, "Name": "Parent"}
    if children:
        parent["Contacts"] = {"records": children}
    answer, unchanged = world().send("POST", "/composite/tree/Account", {"records": [parent]}, rows)
    assert unchanged != (answer.status_code == 201)


@RULES
@given(st.sampled_from(GOOD + BAD + USERS), locked)
def test_a_single_record(kind, rows):
    one = call(kind, 0)
    path = one["url"].removeprefix(BASE)
    answer, unchanged = world().send(one["method"], path, one["body"], rows)
    assert unchanged != (answer.status_code < 400)
