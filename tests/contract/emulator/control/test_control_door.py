"""The door of the local org: who may come in, and what it can do."""

import time

import pytest
import requests

from provisioner.emulator.app import create_app
from provisioner.emulator.control import endpoint as control
from provisioner.emulator.control import middleware
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.server import InProcessAdapter

URL = "http://127.0.0.1:8787"
DOOR = f"{URL}/emulator"


@pytest.fixture
def door(rest):
    def call(method, path, body=None, **more):
        response = rest.session.request(method, f"{DOOR}/{path}", json=body, **more)
        return response.status_code, response.json() if response.content else None

    return call


def names(rest):
    return [row["Name"] for row in rest.rows("SELECT Name FROM Account ORDER BY Name")]


def test_there_is_no_door_without_control(local):
    client = create_app(local).test_client()
    for rule in create_app(local, control=True).url_map.iter_rules():
        if rule.rule.startswith("/emulator/"):
            path = rule.rule.replace("<name>", "a").replace("<int:id_>", "1")
            for method in rule.methods - {"OPTIONS", "HEAD"}:
                assert client.open(path, method=method).status_code == 404


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.8.9.1", {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("192.0.2.7", {}, 404),
        ("::ffff:192.0.2.7", {}, 404),
        ("2001:db8::1", {}, 404),
        ("192.0.2.7", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"Host": "attacker.example"}, 404),  # a name that resolves to this machine
        ("127.0.0.1", {"Origin": "https://attacker.example"}, 404),
        ("127.0.0.1", {"Origin": "null"}, 404),
        ("127.0.0.1", {"Origin": "http://["}, 404),
        ("127.0.0.1", {"Host": "["}, 404),
        ("127.0.0.1", {"Origin": "http://127.0.0.1:8787"}, 200),
    ],
)
def test_the_door_is_for_this_machine_only(local, peer, headers, status):
    app = create_app(local, control=True)
    environ = {"REMOTE_ADDR": peer}
    headers |= {"X-Control-Token": control.token(app)}
    found = app.test_client().get("/emulator/outbox", environ_base=environ, headers=headers)
    assert found.status_code == status


def test_every_request_to_the_door_needs_its_token(local):
    app, other = create_app(local, control=True), create_app(local, control=True)
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/emulator/"):
            path = rule.rule.replace("<name>", "a").replace("<int:id_>", "1")
            for method in rule.methods - {"OPTIONS", "HEAD"}:
                for headers, wrong in (
                    ({}, "is missing"),
                    ({"X-Control-Token": control.token(other)}, "is not the token"),
                    ({"X-Control-Token": "gu\xe9"}, "is not the token"),
                    ({"Authorization": f"Bearer {control.token(app)}"}, "is missing"),
                ):
                    refused = client.open(path, method=method, headers=headers)
                    assert (refused.status_code, refused.json) == (
                        403,
                        {
                            "error": f"the header `X-Control-Token` {wrong} of this server's `/emulator/`"
                        },
                    )


def test_a_snapshot_is_put_back_whole(rest, door, local):
    rest.create("Account", Name="Kept")
    local.mail("a@b.example", "kept", "")
    assert door("POST", "snapshots/before")[0] == 201
    rest.create("Account", Name="Lost")
    local.mail("a@b.example", "lost", "")
    door("POST", "clock", {"advance": 3600})
    assert names(rest) == ["Kept", "Lost"]
    assert door("POST", "snapshots/before/restore")[0] == 200
    assert names(rest) == ["Kept"]
    assert [mail["subject"] for mail in door("GET", "outbox")[1]] == ["kept"]
    assert rest.create("Account", Name="Again")  # the id counter was put back too
    door("POST", "snapshots/before/restore")  # as often as one likes
    assert names(rest) == ["Kept"]


def test_snapshots_have_names(door):
    for name in ("b", "a", "b"):
        door("POST", f"snapshots/{name}")
    assert [one["name"] for one in door("GET", "snapshots")[1]] == ["a", "b"]
    assert door("DELETE", "snapshots/a") == (204, None)
    assert door("POST", "snapshots/a/restore") == (404, {"error": "there is no snapshot `a`"})


def test_a_snapshot_of_a_file_is_seen_by_every_process(tmp_path):
    here, there = open_org(tmp_path / "org"), open_org(tmp_path / "org")
    try:
        app = create_app(here, control=True)
        client, headers = app.test_client(), {"X-Control-Token": control.token(app)}
        client.post("/emulator/snapshots/empty", headers=headers)
        there.insert("Account", {"Name": "Acme"}, by="005000000000001AAA")
        assert len(here.select("Account")) == 1
        client.post("/emulator/snapshots/empty/restore", headers=headers)
        assert there.select("Account") == []
        there.insert("Account", {"Name": "Acme"}, by="005000000000001AAA")
        assert len(here.select("Account")) == 1
    finally:
        here.close()
        there.close()


def test_reset_begins_again(rest, door):
    rest.create("Account", Name="Acme")
    door("POST", "faults", {"kind": "unavailable"})
    door("PUT", "latency", {"all": 1})
    assert door("POST", "reset") == (204, None)
    assert [door("GET", what)[1] for what in ("requests", "faults", "latency")] == [[], [], {}]
    assert rest("GET", "/limits")[0] == 401, "the sessions are gone with everything else"


def test_the_clock_is_read_set_and_advanced(door, rest):
    assert door("POST", "clock", {"now": "2031-02-03T04:05:06"})[0] == 200
    assert door("GET", "clock")[1]["now"].startswith("2031-02-03T04:05:0")
    door("POST", "clock", {"now": "2031-02-03T04:05:06+02:00"})
    assert door("GET", "clock")[1]["now"].startswith("2031-02-03T02:05:0")
    door("POST", "clock", {"advance": 86400})
    assert door("GET", "clock")[1]["now"].startswith("2031-02-04T02:05:0")


@pytest.mark.parametrize(
    "body", [{}, {"now": "yesterday"}, {"now": "0001-01-01"}, {"advance": 1e300}, {"advance": "1"}]
)
def test_an_impossible_time_is_refused(door, body):
    before = door("GET", "clock")[1]["now"][:13]
    status, answer = door("POST", "clock", body)
    assert (status, list(answer)) == (400, ["error"])
    assert door("GET", "clock")[1]["now"][:13] == before


def test_calls_are_slowed_down_by_surface(door, rest):
    def took(path):
        begun = time.perf_counter()
        rest("GET", path)
        return time.perf_counter() - begun

    assert door("PUT", "latency", {"query": 200, "all": 0}) == (200, {"query": 200, "all": 0})
    assert took("/query?q=SELECT+Id+FROM+Account") >= 0.2
    assert took("/limits") < 0.2
    door("PUT", "latency", {"all": 200})
    assert took("/limits") >= 0.2
    assert door("PUT", "latency", {}) == (200, {})


@pytest.mark.parametrize("body", [[], {"reest": 1}, {"rest": -1}, {"rest": "1"}])
def test_an_impossible_latency_is_refused(door, body):
    assert door("PUT", "latency", body)[0] == 400


def test_the_outbox_is_emptied(door, local):
    local.mail("a@b.example", "hello", "text")
    (mail,) = door("GET", "outbox")[1]
    assert (mail["recipient"], mail["subject"], mail["body"]) == ("a@b.example", "hello", "text")
    assert door("DELETE", "outbox") == (204, None)
    assert door("GET", "outbox") == (200, [])


def test_requests_are_logged(door, rest):
    rest("GET", "/limits")
    rest("GET", "/query?q=SELECT+Id+FROM+Account")
    rest("POST", "/sobjects/Nothing", {})
    seen = door("GET", "requests")[1]
    assert [(e["seq"], e["method"], e["path"].rpartition("/")[2], e["query"], e["status"])
            for e in seen] == [
        (1, "GET", "limits", "", 200),
        (2, "GET", "query", "q=SELECT+Id+FROM+Account", 200),
        (3, "POST", "Nothing", "", 404),
    ]  # fmt: skip
    assert all(0 < entry["milliseconds"] < 10_000 for entry in seen)
    assert [entry["seq"] for entry in door("GET", "requests?after=2")[1]] == [3]
    assert door("DELETE", "requests") == (204, None)
    assert door("GET", "requests") == (200, [])


def test_the_door_tells_what_the_org_covers(door):
    assert list(door("GET", "coverage")[1]) == [
        "routes", "objects", "soql", "metadata_types", "facts", "relied_on_facts", "rules",
    ]  # fmt: skip


def test_the_log_forgets_the_oldest_when_it_is_full(monkeypatch):
    monkeypatch.setattr(middleware, "_LONGEST_LOG", 20)
    known = middleware.State("token")
    for _ in range(25):
        known.note("GET", "/", "", 200, 0.0)
    assert [entry.seq for entry in known.log] == list(range(7, 26))


def test_other_hosts_do_not_reach_the_door_in_process(local):
    app = create_app(local, control=True)
    with requests.Session() as session:
        session.headers["X-Control-Token"] = control.token(app)
        session.mount("https://", InProcessAdapter(app))
        assert session.get("https://org.example/emulator/outbox").status_code == 404


def test_seats_are_bought(rest, portal_on, person, profiles):
    profile = profiles["High Volume Customer Portal"]
    key = "PID_High_Volume_Customer_Portal"
    seats = rest("GET", f"{URL}/emulator/licenses")[1]
    assert seats[key] == 100
    assert rest("PUT", f"{URL}/emulator/licenses", {key: 0})[1] == {**seats, key: 0}
    refused = rest.refusal("POST", "/sobjects/User", {**person, "ProfileId": profile})
    assert refused[1] == "LICENSE_LIMIT_EXCEEDED"
    assert rest("PUT", f"{URL}/emulator/licenses", {key: 1})[0] == 200
    rest.create("User", **person, ProfileId=profile)
    soql = f"SELECT Status, TotalLicenses, UsedLicenses FROM UserLicense WHERE LicenseDefinitionKey = '{key}'"
    assert rest.rows(soql) == [{"Status": "Active", "TotalLicenses": 1, "UsedLicenses": 1}]
    for wrong in ({"X": 1}, {key: "1"}, {key: -1}, {key: True}, []):
        assert rest("PUT", f"{URL}/emulator/licenses", wrong)[0] == 400
