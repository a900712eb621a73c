"""Calls in excess: of a day, and of those that run for long at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests

from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org

CONCURRENT = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
ENVELOPE = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap'
    '.sforce.com"><e:Header><u:SessionHeader><u:sessionId>{}</u:sessionId></u:SessionHeader>'
    "</e:Header><e:Body><u:getServerTimestamp/></e:Body></e:Envelope>"
)


@pytest.fixture
def org(tmp_path):
    org = open_org(tmp_path / "org.sqlite3")
    yield org
    org.close()


@pytest.fixture
def url(org, serve):
    return serve(org)


def test_five_long_calls_at_once_are_all_there_can_be(org, url, control):
    token = org.start_session(first_day.admin_id(org)).token
    headers = {"Authorization": f"Bearer {token}"}
    limits = f"{url}/services/data/v62.0/limits"
    slow = {"kind": "slow", "path": "/sobjects", "milliseconds": 2000}
    requests.post(f"{url}/emulator/faults", json=slow, headers=control, timeout=9)

    def fired():
        armed = requests.get(f"{url}/emulator/faults", headers=control, timeout=9).json()
        return armed[0]["fired"]

    with ThreadPoolExecutor(5) as pool:
        path = f"{url}/services/data/v62.0/sobjects"
        long = [pool.submit(requests.get, path, headers=headers, timeout=20) for _ in range(5)]
        while fired() < 5:
            time.sleep(0.02)
        assert requests.get(limits, headers=headers, timeout=9).status_code == 200
        org.set_clock(org.now() + timedelta(seconds=20))
        refused = requests.get(limits, headers=headers, timeout=9)
        soap = requests.post(
            f"{url}/services/Soap/u/62.0",
            ENVELOPE.format(token),
            headers={"Content-Type": "text/xml", "SOAPAction": '""'},
            timeout=9,
        )
        assert [one.result().status_code for one in long] == [200] * 5
    assert (refused.status_code, refused.json()) == (
        403, [{"message": CONCURRENT, "errorCode": "REQUEST_LIMIT_EXCEEDED"}],
    )  # fmt: skip
    assert (soap.status_code, f"REQUEST_LIMIT_EXCEEDED: {CONCURRENT}" in soap.text) == (500, True)
    assert requests.get(limits, headers=headers, timeout=9).status_code == 200


def test_nobody_gets_a_token_once_the_calls_of_the_day_are_used_up(rest, local):
    form = {
        "grant_type": "client_credentials",
        "client_id": local.setting("consumer key"),
        "client_secret": local.setting("consumer secret"),
    }
    token = "http://127.0.0.1:8787/services/oauth2/token"
    local.put_setting(f"api calls {local.now():%Y-%m-%d}", "14999")
    assert rest.session.post(token, data=form).status_code == 200
    assert rest("GET", "/limits")[0] == 200
    refused = rest.session.post(token, data=form)
    assert (refused.status_code, refused.json()) == (
        403,
        [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}],
    )
    local.set_clock(local.now() + timedelta(days=1))
    assert rest.session.post(token, data=form).status_code == 200


def test_the_edition_says_how_many_calls_there_are(rest, local):
    door = "http://127.0.0.1:8787/emulator/options"

    def usage():
        return rest.send("GET", "/limits").headers["Sforce-Limit-Info"].partition("/")[2]

    assert (rest("GET", door)[1]["Edition"], usage()) == ("Developer Edition", "15000")
    (salesforce,) = local.select("UserLicense", Name="Salesforce")
    rest("PUT", "http://127.0.0.1:8787/emulator/licenses", {salesforce["LicenseDefinitionKey"]: 30})
    for edition, calls in (("Enterprise Edition", 130_000), ("Unlimited Edition", 250_000)):
        assert rest("PATCH", door, {"Edition": edition})[0] == 200
        assert rest.rows("SELECT OrganizationType FROM Organization") == [
            {"OrganizationType": edition}
        ]
        assert rest("GET", "/limits")[1]["DailyApiRequests"]["Max"] == calls
        assert usage() == str(calls)
    assert rest("PATCH", door, {"Edition": "Pocket Edition"})[0] == 400
