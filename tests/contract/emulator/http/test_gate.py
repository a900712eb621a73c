"""Each cell of the gate's table, through the protocol of its surface."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests

from provisioner.emulator.app import create_app
from provisioner.emulator.control import coverage
from provisioner.emulator.http import gate
from provisioner.emulator.http.gate import Check
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.server import InProcessAdapter

HOST = "http://127.0.0.1:8787"
APIS = ("rest", "partner", "metadata", "bulk1")
ENVELOPE = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns="{space}"><e:Header>'
    "<SessionHeader><sessionId>{token}</sessionId></SessionHeader></e:Header><e:Body>{body}"
    "</e:Body></e:Envelope>"
)
PARTNER = "urn:partner.soap.sforce.com"
METADATA = "http://soap.sforce.com/2006/04/metadata"
CALLS = {
    "getServerTimestamp": "<getServerTimestamp/>",
    "getUserInfo": "<getUserInfo/>",
    "describeMetadata": "<describeMetadata><asOfVersion>62</asOfVersion></describeMetadata>",
    "checkDeployStatus": "<checkDeployStatus><asyncProcessId>0Af000000000001AAA"
    "</asyncProcessId></checkDeployStatus>",
}
ADMITTED = "admitted"


class Surface:
    """Sends one call to a surface; the answer is `(status, code, message)`, or ADMITTED."""

    def __init__(self, session, name, host=HOST):
        self.session, self.name, self.host = session, name, host

    def call(self, token, version="62.0", operation="", **headers):
        return getattr(self, f"_{self.name}")(token, version, operation, headers)

    def _rest(self, token, version, operation, headers):
        path = {"metadata": "metadata/deployRequest/0Af000000000001AAA",
                "jobs": "jobs/ingest"}.get(operation, "")  # fmt: skip
        headers = {"Authorization": f"Bearer {token}"} | headers
        answer = self._send("GET", f"/services/data/v{version}/{path}", headers=headers)
        error = answer.json()[0] if isinstance(answer.json(), list) else {}
        if error.get("errorCode") not in {None, "INVALID_ID_FIELD", "INVALID_CROSS_REFERENCE_KEY"}:
            return answer.status_code, error["errorCode"], error["message"]
        return ADMITTED

    def _partner(self, token, version, operation, headers):
        body = CALLS[operation or "getServerTimestamp"]
        return self._soap(f"/services/Soap/u/{version}", PARTNER, token, body, headers)

    def _metadata(self, token, version, operation, headers):
        body = CALLS[operation or "describeMetadata"]
        return self._soap(f"/services/Soap/m/{version}", METADATA, token, body, headers)

    def _soap(self, path, space, token, body, headers):
        data = ENVELOPE.format(space=space, token=token, body=body)
        headers = {"Content-Type": "text/xml", "SOAPAction": '""'} | headers
        answer = self._send("POST", path, data=data, headers=headers)
        fault = re.search(r"<faultstring>(\w+): (.*)</faultstring>", answer.text)
        if fault is None or fault[1] == "INVALID_CROSS_REFERENCE_KEY":  # no such deployment
            return ADMITTED
        return answer.status_code, fault[1], fault[2]

    def _bulk1(self, token, version, operation, headers):
        headers = {"X-SFDC-Session": token, "Accept": "application/json"} | headers
        path = f"/services/async/{version}/job/750000000000001AAA"
        answer = self._send("GET", path, headers=headers)
        error = answer.json()
        if error["exceptionCode"] == "InvalidJob":
            return ADMITTED
        return answer.status_code, error["exceptionCode"], error["exceptionMessage"]

    def _identity(self, token, version, operation, headers):
        headers = {"Authorization": f"Bearer {token}"} | headers
        answer = self._send("GET", "/services/oauth2/userinfo", headers=headers)
        return (answer.status_code, answer.text, answer.text) if answer.status_code >= 400 else (
            ADMITTED
        )  # fmt: skip

    def _pages(self, token, version, operation, headers):
        return self._page("/home/home.jsp", token, headers)

    def _setup(self, token, version, operation, headers):
        return self._page("/_ui/core/portal/CustomerSuccessPortalSetup/d", token, headers)

    def _page(self, path, token, headers):
        headers = {"Cookie": f"sid={token}"} | headers
        answer = self._send("GET", path, headers=headers, allow_redirects=False)
        if answer.status_code == 302 and "ec=302" in answer.headers["Location"]:
            return 302, "LOGIN_REQUIRED", ""
        assert answer.status_code < 400, answer.text
        return ADMITTED

    def _send(self, method, path, **more):
        return self.session.request(method, self.host + path, timeout=20, **more)


@pytest.fixture
def surface(local, portal_on):
    with requests.Session() as session:
        session.mount(HOST, InProcessAdapter(create_app(local)))
        yield lambda name: Surface(session, name)


@pytest.fixture
def refused(local, admin, without):
    """The token, version and headers of a call that fails one check only."""

    def make(check):
        kind = {Check.PORTAL: "Portal", Check.PASSWORD: "Expired"}.get(check, "API")
        user = admin
        if check in {Check.API_ENABLED, Check.METADATA}:
            user = without(check)
        token = "unknown" if check is Check.SESSION else local.start_session(user, kind).token
        if check is Check.DAILY_CALLS:
            local.put_setting(f"api calls {local.now():%Y-%m-%d}", "15000")
        more = {"Authorization": "Basic eDp5"} if check is Check.CREDENTIALS else {}
        version = {Check.KNOWN_VERSION: "99.0", Check.CURRENT_VERSION: "30.0"}.get(check, "62.0")
        return token, version, more

    return make


@pytest.fixture
def without(rest, person):
    """Makes a user with all permissions of the gate but one."""

    def make(check):
        (license_,) = rest.rows("SELECT Id FROM UserLicense WHERE LicenseDefinitionKey = 'SFDC'")
        profile = rest.create(
            "Profile",
            Name="Some",
            UserLicenseId=license_["Id"],
            PermissionsApiEnabled=check is not Check.API_ENABLED,
            PermissionsModifyMetadata=check is not Check.METADATA,
        )
        values = {k: v for k, v in person.items() if k != "ContactId"}
        return rest.create("User", **values, ProfileId=profile)

    return make


def expected(cell, version):
    if not cell.checked:
        return ADMITTED
    return cell.status, cell.code, cell.message.format(version=version)


ALONE = [one for one in gate.cells() if one[1] not in {Check.CONCURRENT_CALLS, Check.CATCH_UP}]


@pytest.mark.parametrize(("name", "check", "cell"), ALONE, ids=lambda one: str(one)[:24])
def test_a_surface_refuses_what_its_cell_says(surface, refused, name, check, cell):
    token, version, headers = refused(check)
    if check is Check.CREDENTIALS and name == "identity":
        headers = {}  # its only credentials are those of this header
    operation = next(iter(cell.only), "")
    answer = surface(name).call(token, version, operation, **headers)
    assert answer == expected(cell, version)


@pytest.mark.parametrize(
    ("name", "check", "operation"),
    [
        ("partner", Check.API_ENABLED, "getUserInfo"),
        ("metadata", Check.DAILY_CALLS, "checkDeployStatus"),
        ("rest", Check.METADATA, ""),
    ],
)
def test_an_exempt_operation_is_admitted(surface, refused, name, check, operation):
    assert not gate.TABLE[name][check].applies(operation)
    token, version, headers = refused(check)
    assert surface(name).call(token, version, operation, **headers) == ADMITTED


@pytest.mark.parametrize("name", list(gate.TABLE))
def test_a_good_session_is_admitted(surface, local, admin, name):
    assert surface(name).call(local.start_session(admin).token) == ADMITTED


def test_every_surface_has_a_sourced_cell_for_every_check():
    for surface, column in gate.TABLE.items():
        assert set(column) == set(Check), surface
        for check, cell in column.items():
            assert coverage.certainty_of(cell.source), (surface, check)
            assert bool(cell.code) == (cell.checked and check is not Check.CATCH_UP)


def test_the_password_is_checked_before_the_permission(surface, local, without):
    user = without(Check.API_ENABLED)
    token = local.start_session(user, "Expired").token
    for name in ("rest", "partner", "metadata"):
        assert surface(name).call(token)[1] == "INVALID_OPERATION_WITH_EXPIRED_PASSWORD"


@pytest.mark.parametrize("name", list(gate.TABLE))
def test_pending_bulk_jobs_run_where_the_cell_says(surface, rest, local, admin, name):
    token = local.start_session(admin).token
    job = {"object": "Account", "operation": "insert", "contentType": "CSV", "lineEnding": "LF"}
    id_ = rest("POST", "/jobs/ingest", job)[1]["id"]
    url = f"{rest.base}/jobs/ingest/{id_}"
    csv = {"Content-Type": "text/csv"}
    assert rest.session.put(f"{url}/batches", "Name\nAcme\n", headers=csv).status_code == 201
    state = {"state": "UploadComplete"}
    assert rest.session.patch(url, json=state).status_code == 200
    assert local.select("Account") == []
    assert surface(name).call(token) == ADMITTED
    runs = gate.TABLE[name][Check.CATCH_UP].checked
    assert [row["Name"] for row in local.select("Account")] == (["Acme"] if runs else [])


def test_a_surface_counts_the_calls_that_run_at_once_where_its_cell_says(tmp_path, serve, control):
    org = open_org(tmp_path / "org.sqlite3")
    url = serve(org)
    first_day.enable_customer_portal(org, first_day.admin_id(org))
    token = org.start_session(first_day.admin_id(org)).token
    slow = {"kind": "slow", "path": "/sobjects", "milliseconds": 4000}
    requests.post(f"{url}/emulator/faults", json=slow, headers=control, timeout=9)

    def fired():
        armed = requests.get(f"{url}/emulator/faults", headers=control, timeout=9).json()
        return armed[0]["fired"]

    with ThreadPoolExecutor(5) as pool, requests.Session() as session:
        path, bearer = f"{url}/services/data/v62.0/sobjects", {"Authorization": f"Bearer {token}"}
        long = [pool.submit(requests.get, path, headers=bearer, timeout=20) for _ in range(5)]
        while fired() < 5:
            time.sleep(0.02)
        org.set_clock(org.now() + timedelta(seconds=20))
        answers = {name: Surface(session, name, url).call(token) for name in gate.TABLE}
        assert not any(one.done() for one in long), "the slow calls ended before the others"
        for one in long:
            one.result()
    assert answers == {
        name: expected(column[Check.CONCURRENT_CALLS], "62.0")
        for name, column in gate.TABLE.items()
    }


def test_the_login_of_a_portal_user_is_of_no_use_to_any_api(surface, rest, local, person, profiles):
    """The contract in words: no API takes the session of a portal's page, whatever its user may."""
    person["ProfileId"] = profiles["High Volume Customer Portal"]
    token = local.start_session(rest.create("User", **person), "Portal").token
    assert {name: surface(name).call(token)[1] for name in APIS} == {
        "rest": "INVALID_SESSION_ID",
        "partner": "INVALID_SESSION_ID",
        "metadata": "INVALID_SESSION_ID",
        "bulk1": "InvalidSessionId",
    }
