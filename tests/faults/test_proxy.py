"""The fault proxy does what it says, and the checks of the sweep fail where they should."""

import http.client
import socket
import time
from collections import Counter
from urllib.parse import urlsplit

import pytest
import requests

from .cases import Baseline, Case, Result, Spot, _check_org, _check_run, enumerate_cases, sample
from .faults import SHAPES, Damaged, Late, Repeat
from .labels import is_write, label
from .sweep import figures
from .world import API, SCENARIOS, Ran, world

CONTACT = "POST /sobjects/Contact #1"
ONE = {"LastName": "Doe", "Email": "jane@acme.example"}


@pytest.fixture(scope="module")
def served():
    """A served org behind a proxy, at a hundredth of the time."""
    with world(SCENARIOS["walk"], 0.01) as here:
        yield here


@pytest.fixture
def here(served):
    served.proxy.settle(30)
    served.restore()
    return served


def send(here, method="POST", path="/sobjects/Contact", body=ONE, timeout=10):
    """One request through the proxy, by a client that does nothing else."""
    return requests.request(
        method,
        here.proxy.url + API + path,
        json=body,
        headers={"Authorization": f"Bearer {here.credentials['access_token']}"},
        timeout=timeout,
    )


def contacts(here):
    return len(here.query("SELECT Id FROM Contact"))


def test_a_client_that_repeats_a_late_create_is_reported(here):
    before = Baseline(here.scenario, (), here.state(), Counter())
    here.proxy.arm(CONTACT, Late("502", 60))
    assert send(here).status_code == 502
    assert contacts(here) == 0
    assert send(here).status_code == 201
    assert here.proxy.settle(30)
    result = Result("case", "late")
    _check_org(result, case_of(Late("502", 60)), here, before)
    assert result.failures == ["unexpected: contact jane@acme.example of None (2 more)"]


@pytest.mark.parametrize("cut", ["close", "timeout"])
def test_a_request_arrives_after_the_client_lost_the_connection(here, cut):
    here.proxy.arm(CONTACT, Late(cut, 50))
    with pytest.raises(requests.RequestException):
        send(here, timeout=0.3)
    assert contacts(here) == 0
    assert here.proxy.settle(30)
    assert contacts(here) == 1
    assert here.proxy.notes == []


def test_without_a_delay_only_the_response_is_lost(here):
    here.proxy.arm(CONTACT, Late("504", 0))
    assert send(here).status_code == 504
    assert contacts(here) == 1


@pytest.mark.parametrize("answer", ["first", "second", "together"])
def test_the_org_gets_a_repeated_request_twice_and_the_client_one_answer(here, answer):
    here.proxy.arm(CONTACT, Repeat(answer))
    assert send(here).status_code == 201
    assert contacts(here) == 2


def test_only_the_named_request_is_struck_and_only_once(here):
    here.proxy.arm("POST /sobjects/Contact #2", Late("502", 0))
    assert [send(here).status_code for _ in range(3)] == [201, 502, 201]
    assert not here.proxy.disarm()


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"drip", "drip-headers", "gzip-bomb"}))
def test_a_damaged_response_reaches_the_client(here, shape):
    here.proxy.arm(CONTACT, Damaged(shape, done=True))
    try:
        reply = send(here)
        created = reply.status_code == 201 and isinstance(reply.json()["id"], str)
    except (requests.RequestException, ValueError, RecursionError):
        created = False
    # A client that follows a redirect to the same address sends its POST once more.
    assert created == (shape == "redirect-loop")
    assert contacts(here) == (2 if created else 1)


def test_a_dripping_response_ends_when_the_client_leaves(here):
    here.proxy.arm(CONTACT, Damaged("drip", done=True))
    target = urlsplit(here.proxy.url)
    with socket.create_connection((target.hostname, target.port)) as client:
        client.sendall(
            f"POST {API}/sobjects/Contact HTTP/1.1\r\nContent-Length: 0\r\n\r\n".encode()
        )
        time.sleep(1.5)
        assert client.recv(4096).endswith(b"  ")
    assert here.proxy.settle(10)
    assert here.proxy.notes == []


def test_a_secret_that_follows_a_redirect_is_noted(here):
    connection = http.client.HTTPConnection(urlsplit(here.proxy.elsewhere).netloc, timeout=10)
    connection.request("GET", "/", headers={"Authorization": "Bearer secret"})
    connection.getresponse().read()
    connection.request("POST", "/", "harmless")
    connection.getresponse().read()
    connection.close()
    assert here.leaks == ["GET /"]


@pytest.mark.parametrize(
    ("family", "status", "writes", "reports", "err", "failures"),
    [
        ("late", 0, 3, 1, "", []),
        ("late", 3, 0, 0, "", ["run 0 ended with 3"]),
        ("outage", 3, 0, 0, "", []),
        ("outage", 3, 1, 1, "", ["run 0 ended with 3"]),
        ("late", 5, 1, 0, "", ["run 0 wrote, and left no report"]),
        ("late", -9, 1, 0, "", ["run 0 ended with -9"]),
        ("late", 5, 0, 0, "Traceback\nKeyError: 1", ["traceback: KeyError: 1"]),
        ("late", 5, 0, 0, "please report it", ["a run asked to be reported as a bug"]),
    ],
)
def test_how_a_run_may_end(family, status, writes, reports, err, failures):
    result = Result("case", family)
    _check_run(result, Ran("apply", status, "", err, 1.0, writes, reports), killed=False)
    assert result.failures == failures


def test_a_request_has_the_same_name_whatever_its_ids():
    query = "/services/data/v62.0/query?q=SELECT+Id+FROM+User+WHERE+Id%3D'1'"
    password = "/services/data/v62.0/sobjects/User/005Lo0000000001AAA/password"
    assert label("GET", query, b"") == "GET /query [User]"
    assert label("DELETE", password, b"") == "DELETE /sobjects/User/{id}/password"
    soap = b"<e:Envelope><e:Body><readMetadata><type>Portal</type></readMetadata></e:Body></e:Envelope>"
    assert (
        label("POST", "/services/Soap/m/62.0", soap)
        == "POST /services/Soap/m/62.0 [readMetadata Portal]"
    )
    assert not is_write("POST", "/services/Soap/m/62.0", soap)
    assert is_write("DELETE", password, b"")


def test_a_sample_has_every_family_and_is_the_same_each_time():
    spots = (Spot(CONTACT, writes=True), Spot("GET /query [User] #1", writes=False))
    cases = enumerate_cases(SCENARIOS["walk"], spots)
    chosen = sample(cases, 30, seed=1)
    assert chosen == sample(cases, 30, seed=1)
    assert {case.family for case in chosen} == {case.family for case in cases}
    assert len({case.id for case in cases}) == len(cases)


def test_the_figures_count_what_failed():
    runs = [{"status": 0}, {"status": 5}]
    failed = Result("a", "late", fired=True, runs=runs, failures=["twice: contact x (1 more)"])
    text = figures([failed, Result("b", "shape")])
    assert "cases 2, faults 1, not reached 1" in text
    assert "duplicates 1, mailed twice 0, tracebacks 0" in text
    assert "exit statuses: 0: 1, 5: 1" in text


def case_of(fault):
    return Case("walk", Spot(CONTACT, writes=True), fault, "late", "")
