"""Faults on demand, as the clients of each surface meet them."""

import http.client
import time

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceExpiredSession, SalesforceRefusedRequest

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.control import endpoint as control
from provisioner.emulator.http import refusals
from provisioner.emulator.lifecycle import first_day

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
    arm("lock-row", times=1)
    assert rest("GET", "/limits")[0] == 200, "no row is written, so that it does not count"
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


def test_the_rows_to_lock_are_chosen_by_place_object_and_chance(rest, arm, accounts):
    arm("lock-row", skip_rows=1, rows=1, sobject="account", times=1)
    records = [{"attributes": {"type": t}, name: f"{n}"} for n, (t, name) in enumerate(
        [("Contact", "LastName"), ("Account", "Name"), ("Account", "Name"), ("Account", "Name")]
    )]  # fmt: skip
    _, results = rest("POST", "/composite/sobjects", {"records": records})
    assert [r["success"] for r in results] == [True, True, False, True]
    outcomes = []
    for seed_ in (1, 1, 2):
        arm("refuse-row", row_probability=0.5, seed=seed_, times=1, code="X", message="no")
        many = [{"attributes": {"type": "Account"}, "Name": str(n)} for n in range(40)]
        _, results = rest("POST", "/composite/sobjects", {"records": many})
        assert {e["message"] for r in results for e in r["errors"]} == {"no"}
        outcomes.append([r["success"] for r in results])
        rest("DELETE", f"{URL}/emulator/faults")
    assert outcomes[0] == outcomes[1] != outcomes[2]


def test_one_locked_row_rolls_a_collection_back_that_is_all_or_none(rest, arm, accounts):
    arm("lock-row", skip_rows=1, rows=1)
    records = [{"attributes": {"type": "Account"}, "Name": name} for name in "ABC"]
    _, results = rest("POST", "/composite/sobjects", {"allOrNone": True, "records": records})
    assert [e["statusCode"] for r in results for e in r["errors"]] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK", "UNABLE_TO_LOCK_ROW",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    ]  # fmt: skip
    assert accounts() == []


def test_a_new_contact_waits_for_its_account(rest, arm):
    account = rest.create("Account", Name="A")
    arm("lock-row")
    body = {"LastName": "Doe", "AccountId": account}
    assert rest.refusal("POST", "/sobjects/Contact", body)[2].endswith(f"or 1 records: {account}")


def test_who_is_logged_in_can_be_asked_while_a_row_is_locked(rest, arm):
    arm("lock-row", times=1)
    assert rest("GET", f"{URL}/services/oauth2/userinfo")[0] == 200
    assert rest.refusal("POST", "/sobjects/Account", {"Name": "A"})[1] == "UNABLE_TO_LOCK_ROW"


def ingest(rest, data, kind="Account"):
    _, job = rest("POST", "/jobs/ingest", {"object": kind, "operation": "insert"})
    url = f"/jobs/ingest/{job['id']}"
    headers = {"Content-Type": "text/csv"}
    assert rest.send("PUT", f"{url}/batches", data=data, headers=headers).status_code == 201
    assert rest("PATCH", url, {"state": "UploadComplete"})[0] == 200
    return url


@pytest.mark.parametrize("fault", [{}, {"path": "/batches$"}, {"method": "PUT"}])
def test_some_rows_of_a_bulk_job_are_locked(rest, arm, accounts, fault):
    arm("lock-row", skip_rows=300, rows=2, times=1, **fault)
    url = ingest(rest, "Name\n" + "".join(f"{n:03}\n" for n in range(500)))
    info = rest("GET", url)[1]
    assert (info["state"], info["numberRecordsProcessed"]) == ("JobComplete", 500)
    assert info["numberRecordsFailed"] == 2
    failed = rest.send("GET", f"{url}/failedResults").text.splitlines()
    assert failed == [
        '"sf__Id","sf__Error",Name',
        '"","UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--",300',
        '"","UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--",301',
    ]
    assert len(accounts()) == 498
    ingest(rest, "Name\nfree\n")
    assert rest.rows("SELECT Name FROM Account WHERE Name = 'free'"), "without being asked for it"


def test_some_rows_of_a_classic_batch_are_locked(rest, arm):
    arm("lock-row", path="/services/async/", rows=1)
    token = rest.session.headers["Authorization"].removeprefix("Bearer ")
    headers = {"X-SFDC-Session": token, "Content-Type": "application/json"}
    base = f"{URL}/services/async/60.0/job"
    _, job = rest("POST", base, {"object": "Account", "operation": "insert",
                                 "contentType": "JSON"}, headers=headers)  # fmt: skip
    rows = [{"Name": "A"}, {"Name": "B"}]
    _, batch = rest("POST", f"{base}/{job['id']}/batch", rows, headers=headers)
    url = f"{base}/{job['id']}/batch/{batch['id']}/result"
    _, results = rest("GET", url, headers=headers)
    assert [r["success"] for r in results] == [False, True]
    assert results[0]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"


def test_an_uploaded_file_is_kept_though_its_answer_is_dropped(rest, arm):
    arm("commit-then-drop", method="PUT", path="/batches$", times=1)
    _, job = rest("POST", "/jobs/ingest", {"object": "Account", "operation": "insert"})
    url = f"/jobs/ingest/{job['id']}"
    headers = {"Content-Type": "text/csv"}
    with pytest.raises(requests.ConnectionError):
        rest.send("PUT", f"{url}/batches", data="Name\nA\n", headers=headers)
    again = rest.send("PUT", f"{url}/batches", data="Name\nA\n", headers=headers)
    assert (again.status_code, again.json()[0]["errorCode"]) == (400, "BULK_API_ERROR")
    rest("PATCH", url, {"state": "UploadComplete"})
    assert rest("GET", url)[1]["numberRecordsProcessed"] == 1


def test_a_whole_collection_is_kept_though_its_answer_is_dropped(rest, arm, accounts):
    arm("commit-then-drop", path="/composite/sobjects$", times=1)
    records = [{"attributes": {"type": "Account"}, "Name": f"{n:03}"} for n in range(200)]
    with pytest.raises(requests.ConnectionError):
        rest.send("POST", "/composite/sobjects", {"records": records})
    assert len(accounts()) == 200


def test_an_answer_is_cut_in_the_middle(rest, arm, accounts):
    arm("cut-answer", method="POST", times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        rest.send("POST", "/sobjects/Account", {"Name": "A"})
    assert accounts() == ["A"]


def test_a_fault_is_chosen_by_the_query_too(rest, arm):
    arm("refuse", query="LastName", status=503)
    assert rest("GET", "/query?q=SELECT+Id+FROM+Account")[0] == 200
    assert rest("GET", "/query?q=SELECT+LastName+FROM+Contact")[0] == 503


def test_a_slow_call_is_struck_by_other_faults_as_well(rest, arm):
    arm("slow", milliseconds=60, times=1)
    arm("refuse", status=503, times=1)
    assert hits(rest, 2) == [503, 200]
    first, _ = rest("GET", f"{URL}/emulator/requests")[1]
    assert first["milliseconds"] >= 60


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
        ("/services/data/v60.0/sobjects", "application/json", '[{"message":"no","errorCode":'),
        ("/services/data/v60.0/jobs/ingest", "application/json", '[{"message":"no"'),
        ("/services/oauth2/token", "application/json", '[{"message":"no"'),
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
        ({"kind": "lock-row", "row_probability": -1}, "row_probability"),
        ({"kind": "refuse", "query": "["}, "regular expression"),
        ({"kind": "slow", "milliseconds": -1}, "below 0"),
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
def served(local, serve):
    return serve(local)


@pytest.fixture
def arm_served(control):
    def post(url, **fault):
        reply = requests.post(f"{url}/emulator/faults", json=fault, headers=control, timeout=9)
        assert reply.status_code == 201, reply.text

    return post


@pytest.mark.parametrize(("kind", "left"), [("drop", []), ("commit-then-drop", ["A"])])
def test_a_socket_is_closed_without_an_answer(
    served, arm_served, local, admin, accounts, kind, left
):
    token = local.start_session(admin).token
    arm_served(served, kind=kind, times=1)
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


def test_a_socket_is_closed_in_the_middle_of_an_answer(served, arm_served, local, admin):
    token = local.start_session(admin).token
    arm_served(served, kind="cut-answer", times=1)
    connection = http.client.HTTPConnection(served.removeprefix("http://"), timeout=9)
    headers = {"Authorization": f"Bearer {token}"}
    connection.request("GET", "/services/data/v60.0/limits", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200
    with pytest.raises(http.client.IncompleteRead):
        answer.read()
    connection.close()


def test_simple_salesforce_meets_faults(served, arm_served, local, admin):
    session = requests.Session()
    # simple-salesforce writes https:// into every URL
    session.mount("https://", _Plain())
    token = first_day.admin_id(local) and local.start_session(admin).token
    with session:
        client = Salesforce(instance_url=served, session_id=token, session=session)
        for kind, error in (
            ("out-of-calls", SalesforceRefusedRequest),
            ("expire-session", SalesforceExpiredSession),
        ):
            arm_served(served, kind=kind, times=1)
            with pytest.raises(error):
                client.query("SELECT Id FROM Account")


class _Plain(requests.adapters.HTTPAdapter):
    def send(self, request, **more):
        request.url = request.url.replace("https://", "http://")
        return super().send(request, **more)


def test_a_served_job_ends_though_nobody_asks_and_its_rows_are_struck(
    served, arm_served, local, admin
):
    token = local.start_session(admin).token
    headers = {"Authorization": f"Bearer {token}"}
    jobs = f"{served}/services/data/v60.0/jobs/ingest"
    arm_served(served, kind="lock-row", path="/batches$", rows=2, times=1)
    body = {"object": "Account", "operation": "insert"}
    job = requests.post(jobs, json=body, headers=headers, timeout=9).json()
    url = f"{jobs}/{job['id']}"
    csv = {"Content-Type": "text/csv"}
    data = "Name\n" + "".join(f"{n}\n" for n in range(500))
    requests.put(f"{url}/batches", data=data, headers=headers | csv, timeout=9)
    requests.patch(url, json={"state": "UploadComplete"}, headers=headers, timeout=9)
    end = time.monotonic() + 60
    while len(local.find("Account")) < 498 and time.monotonic() < end:
        time.sleep(0.05)
    assert len(local.find("Account")) == 498
    info = requests.get(url, headers=headers, timeout=9).json()
    assert (info["state"], info["numberRecordsFailed"]) == ("JobComplete", 2)
