"""Faults on demand, as the clients of each surface meet them."""

import http.client
import threading

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceExpiredSession, SalesforceRefusedRequest

from provisioner.emulator import control, refusals, seed
from provisioner.emulator.app import create_app
from provisioner.emulator.errors import SalesforceError
from provisioner.emulator.server import Server

URL = "http://127.0.0.1:8787"
SOAP = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:m="http://soap.sforce.com/2006/04/metadata"><soapenv:Header><m:SessionHeader>'
    "<m:sessionId>{token}</m:sessionId></m:SessionHeader></soapenv:Header><soapenv:Body>"
    "<m:describeMetadata><m:asOfVersion>60.0</m:asOfVersion></m:describeMetadata>"
    "</soapenv:Body></soapenv:Envelope>"
)


@pytest.fixture
def arm(rest):
    def arm(kind, **more):
        status, answer = rest("POST", f"{URL}/emulator/faults", {"kind": kind, **more})
        assert status == 201, answer
        return answer["id"]

    return arm


@pytest.fixture
def accounts(rest, local):
    return lambda: sorted(row["Name"] for row in local.select("Account"))


def log(rest):
    return [(e["method"], e["status"]) for e in rest("GET", f"{URL}/emulator/requests")[1]]


def test_a_refusal_has_the_given_status_code_and_message(rest, arm, accounts):
    arm("refuse", method="POST", code="STORAGE_LIMIT_EXCEEDED", message="full", status=403, times=1)
    assert rest.refusal("POST", "/sobjects/Account", {"Name": "A"}) == (
        403, "STORAGE_LIMIT_EXCEEDED", "full", None,
    )  # fmt: skip
    assert accounts() == []
    rest.create("Account", Name="A")
    assert accounts() == ["A"]


def test_an_unavailable_org_answers_with_a_page(rest, arm):
    arm("unavailable", path="/query")
    response = rest.send("GET", "/query?q=SELECT+Id+FROM+Account")
    assert response.status_code == 503
    assert response.headers["Content-Type"].startswith("text/html")
    assert rest("GET", "/limits")[0] == 200


def test_a_request_is_dropped_before_it_is_done(rest, arm, accounts):
    arm("drop", method="post", path="sobjects/Account$", times=1)
    with pytest.raises(requests.ConnectionError, match="Remote end closed connection") as caught:
        rest.send("POST", "/sobjects/Account", {"Name": "A"})
    assert isinstance(caught.value.args[0].args[1], http.client.RemoteDisconnected)
    assert accounts() == []
    assert log(rest) == [("POST", 0)]


def test_an_answer_is_dropped_after_the_work_was_done(rest, arm, accounts):
    arm("commit-then-drop", method="POST", times=1)
    with pytest.raises(requests.ConnectionError):
        rest.send("POST", "/sobjects/Account", {"Name": "A"})
    assert accounts() == ["A"]


def test_a_locked_row_is_refused(rest, arm, local):
    id_ = rest.create("Account", Name="A")
    arm("lock-row", times=2)
    assert rest.refusal("PATCH", f"/sobjects/Account/{id_}", {"Name": "B"}) == (
        400,
        "UNABLE_TO_LOCK_ROW",
        f"unable to obtain exclusive access to this record or 1 records: {id_}",
        [],
    )
    assert rest("GET", "/limits")[0] == 200
    assert rest("PATCH", f"/sobjects/Account/{id_}", {"Name": "B"})[0] == 204


def test_some_rows_of_a_collection_are_locked(rest, arm, accounts):
    arm("lock-row", path="composite/sobjects", rows=2)
    records = [{"attributes": {"type": "Account"}, "Name": name} for name in "ABC"]
    status, results = rest("POST", "/composite/sobjects", {"records": records})
    assert status == 200
    assert [r["success"] for r in results] == [False, False, True]
    assert {e["statusCode"] for r in results for e in r["errors"]} == {"UNABLE_TO_LOCK_ROW"}
    assert accounts() == ["C"]


def test_the_session_expires(rest, arm, local, admin):
    arm("expire-session", times=1)
    assert rest.refusal("GET", "/limits")[:2] == (401, "INVALID_SESSION_ID")
    assert rest.refusal("GET", "/limits")[:2] == (401, "INVALID_SESSION_ID"), "and stays so"
    token = local.start_session(admin).token
    rest.session.headers["Authorization"] = f"Bearer {token}"
    assert rest("GET", "/limits")[0] == 200


def test_the_session_in_an_envelope_and_in_a_cookie_expires(anonymous, arm, local, admin):
    arm("expire-session", times=2)
    del anonymous.session.headers["Authorization"]
    body = SOAP.format(token=local.start_session(admin).token)
    answer = anonymous.session.post(f"{URL}/services/Soap/m/60.0", data=body)
    assert (answer.status_code, "sf:INVALID_SESSION_ID" in answer.text) == (500, True)
    sid = local.start_session(admin, "UI").token
    answer = anonymous.session.get(
        f"{URL}/setup/forcecomHomepage.apexp", cookies={"sid": sid}, allow_redirects=False
    )
    assert answer.status_code == 302
    assert local.session(sid) is None


def test_there_are_no_api_calls_left(rest, arm, local):
    arm("out-of-calls")
    assert rest.refusal("GET", "/limits") == (
        403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", None,
    )  # fmt: skip
    rest("DELETE", f"{URL}/emulator/faults")
    assert rest("GET", "/limits")[0] == 200


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("/services/data/v60.0/sobjects", "application/json", '[{"message": "no", "errorCode":'),
        ("/services/data/v60.0/jobs/ingest", "application/json", '[{"message": "no"'),
        ("/services/oauth2/token", "application/json", '[{"message": "no"'),
        ("/services/async/60.0/job", "application/xml", "<exceptionCode>SERVER_UNAVAILABLE<"),
        ("/services/Soap/u/60.0", "text/xml", "<faultstring>SERVER_UNAVAILABLE: no<"),
        ("/services/Soap/m/60.0", "text/xml", "<faultstring>SERVER_UNAVAILABLE: no<"),
        ("/_ui/core/portal/CustomerSuccessPortalSetup/d", "text/html", "<h1>no</h1>"),
    ],
)
def test_each_surface_refuses_in_its_own_words(rest, arm, path, kind, text):
    arm("refuse", code="SERVER_UNAVAILABLE", message="no", status=503)
    answer = rest.send("POST", URL + path)
    assert answer.headers["Content-Type"].startswith(kind)
    assert text in answer.text


def test_oauth_codes_come_in_the_form_of_oauth(rest, arm):
    arm("refuse", code="invalid_grant", message="user is locked")
    assert rest("POST", f"{URL}/services/oauth2/token") == (
        400, {"error": "invalid_grant", "error_description": "user is locked"},
    )  # fmt: skip


def test_a_surface_has_one_name():
    assert {
        refusals.surface(path)
        for path in ("/services/oauth2/token", "/services/async/60.0/job", "/home/home.jsp",
                     "/services/data/v60.0/jobs/query", "/services/Soap/m/60.0", "/services/data",
                     "/services/Soap/u/60.0", "/services/data/v60.0/tooling/query",
                     "/services/data/v60.0/composite", "/services/data/v60.0/queryAll/01g-2000")
    } == set(refusals.SURFACES)  # fmt: skip


# -- which requests --------------------------------------------------------------------------


def hits(rest, count):
    return [rest("GET", "/limits")[0] for _ in range(count)]


def test_a_fault_skips_then_fires_then_is_used_up(rest, arm):
    arm("refuse", skip=2, times=2)
    assert hits(rest, 6) == [200, 200, 400, 400, 200, 200]


def test_a_seed_gives_the_same_faults_each_time(rest, arm):
    runs = []
    for seed_ in (1, 1, 2):
        arm("refuse", probability=0.5, seed=seed_)
        runs.append(hits(rest, 40))
        rest("DELETE", f"{URL}/emulator/faults")
    assert runs[0] == runs[1] != runs[2]
    assert 8 < runs[0].count(400) < 32


def test_the_fault_armed_first_fires(rest, arm):
    first = arm("refuse", status=409, times=1)
    second = arm("refuse", status=503)
    assert hits(rest, 2) == [409, 503]
    listed = rest("GET", f"{URL}/emulator/faults")[1]
    assert [(f["id"], f["fired"]) for f in listed] == [(first, 1), (second, 1)]
    rest("DELETE", f"{URL}/emulator/faults/{second}")
    assert hits(rest, 1) == [200]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (None, "object"),
        ([], "object"),
        ({}, "kind"),
        ({"kind": "explode"}, "kind"),
        ({"kind": "refuse", "tims": 1}, "tims"),
        ({"kind": "refuse", "times": "1"}, "times"),
        ({"kind": "refuse", "times": True}, "times"),
        ({"kind": "refuse", "path": "("}, "regular expression"),
        ({"kind": "refuse", "probability": 2}, "probability"),
        ({"kind": "refuse", "status": 0}, "status"),
    ],
)
def test_an_impossible_fault_is_refused(rest, body, word):
    status, answer = rest("POST", f"{URL}/emulator/faults", body)
    assert status == 400
    assert word in answer["error"]


def test_the_door_itself_has_no_faults(rest, arm):
    arm("drop")
    assert rest("GET", f"{URL}/emulator/outbox")[0] == 200


def test_whole_request_locks_outside_of_rest():
    fault = control.faults.Fault("lock-row")
    assert fault.refusal().code == "UNABLE_TO_LOCK_ROW"
    assert isinstance(fault.refusal(), SalesforceError)


# -- over a socket ---------------------------------------------------------------------------


@pytest.fixture
def served(local):
    server = Server(create_app(local, control=True))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server.url
    server.close()
    thread.join()


@pytest.mark.parametrize(("kind", "left"), [("drop", []), ("commit-then-drop", ["A"])])
def test_a_socket_is_closed_without_an_answer(served, local, admin, accounts, kind, left):
    token = local.start_session(admin).token
    requests.post(f"{served}/emulator/faults", json={"kind": kind, "times": 1}, timeout=9)
    host = served.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=9)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    url = "/services/data/v60.0/sobjects/Account"
    connection.request("POST", url, '{"Name": "A"}', headers)
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()
    assert [row["Name"] for row in local.select("Account")] == left
    connection.request("GET", "/services/data/v60.0/limits", headers=headers)
    assert connection.getresponse().status == 200
    connection.close()


def test_simple_salesforce_meets_faults(served, local, admin):
    session = requests.Session()
    # simple-salesforce writes https:// into every URL
    session.mount("https://", _Plain())
    token = seed.admin_id(local) and local.start_session(admin).token
    with session:
        client = Salesforce(instance_url=served, session_id=token, session=session)
        for kind, error in (
            ("out-of-calls", SalesforceRefusedRequest),
            ("expire-session", SalesforceExpiredSession),
        ):
            requests.post(f"{served}/emulator/faults", json={"kind": kind, "times": 1}, timeout=9)
            with pytest.raises(error):
                client.query("SELECT Id FROM Account")


class _Plain(requests.adapters.HTTPAdapter):
    def send(self, request, **more):
        request.url = request.url.replace("https://", "http://")
        return super().send(request, **more)
