"""Several clients at once: threads of one server, and two server processes on one file."""

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import requests

from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org

SERVE = """
import sys
from provisioner.emulator.server import serve
serve(sys.argv[1], port=0, control=True, control_token="for-this-test", ready=lambda url: print(url, flush=True))
"""
CLIENTS = 6
ROUNDS = 8


@pytest.fixture
def org(tmp_path):
    org = open_org(tmp_path / "org.sqlite3")
    yield org
    org.close()


@pytest.fixture
def urls(tmp_path, org):
    command = [sys.executable, "-c", SERVE, str(tmp_path / "org.sqlite3")]
    servers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        yield [server.stdout.readline().strip() for server in servers]
    finally:
        for server in servers:
            server.terminate()
            server.wait(timeout=30)
            server.stdout.close()


@pytest.fixture
def token(org):
    return org.start_session(first_day.admin_id(org)).token


def test_everybody_writes_at_once_and_nothing_is_lost(org, urls, token):
    shared = org.insert("Account", {"Name": "Shared"}, by=first_day.admin_id(org))

    def work(number):
        base = f"{urls[number % 2]}/services/data/v60.0"
        statuses, ids = Counter(), []
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {token}"
            for n in range(ROUNDS):
                name = f"{number}-{n}"
                made = session.post(f"{base}/sobjects/Account", json={"Name": name}, timeout=60)
                ids.append(made.json()["id"])
                patched = session.patch(
                    f"{base}/sobjects/Account/{shared}", json={"Phone": name}, timeout=60
                )
                records = [{"attributes": {"type": "Contact"}, "LastName": name}] * 5
                many = session.post(
                    f"{base}/composite/sobjects",
                    json={"allOrNone": True, "records": records},
                    timeout=60,
                )
                seen = session.get(
                    f"{base}/query", params={"q": f"SELECT Id FROM Account WHERE Name = '{name}'"},
                    timeout=60,
                )  # fmt: skip
                assert [row["Id"] for row in seen.json()["records"]] == ids[-1:], "one sees its own"
                statuses.update(r.status_code for r in (made, patched, many, seen))
        return statuses, ids

    with ThreadPoolExecutor(CLIENTS) as pool:
        done = list(pool.map(work, range(CLIENTS)))
    assert sum((statuses for statuses, _ in done), Counter()) == {
        200: 2 * CLIENTS * ROUNDS, 201: CLIENTS * ROUNDS, 204: CLIENTS * ROUNDS,
    }  # fmt: skip
    ids = [id_ for _, made in done for id_ in made]
    assert len(set(ids)) == len(ids) == CLIENTS * ROUNDS
    assert sorted(org.find("Account")) == sorted([*ids, shared])
    assert len(org.find("Contact")) == CLIENTS * ROUNDS * 5
    assert org.setting(f"api calls {org.now():%Y-%m-%d}") == str(CLIENTS * ROUNDS * 4)
    assert org.execute("PRAGMA integrity_check")[0][0] == "ok"


def test_an_upsert_by_many_makes_one_record(org, urls, token):
    def work(number):
        url = f"{urls[number % 2]}/services/data/v60.0/sobjects/User/Username/jane%40x.example"
        headers = {"Authorization": f"Bearer {token}"}
        profile = org.find("Profile", Name="Standard User")[0]
        body = {
            "LastName": "Doe", "Email": "jane@x.example", "Alias": "jdoe", "ProfileId": profile,
            "TimeZoneSidKey": "Europe/Berlin", "LocaleSidKey": "en_GB",
            "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US",
        }  # fmt: skip
        return requests.patch(url, json=body, headers=headers, timeout=60)

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(work, range(CLIENTS)))
    assert len(org.find("User", Username="jane@x.example")) == 1
    # the losers are told so by a rule, or find the winner's record
    assert {answer.status_code for answer in answers} <= {200, 201, 400}, [a.text for a in answers]
    assert sum(answer.status_code == 201 for answer in answers) == 1


def test_a_restore_while_others_write_leaves_a_whole_org(org, urls, token):
    headers = {"Authorization": f"Bearer {token}"}
    door = f"{urls[0]}/emulator/snapshots/start"
    control = {"X-Control-Token": "for-this-test"}
    assert requests.post(door, headers=control, timeout=60).status_code == 201

    def write(number):
        url = f"{urls[number % 2]}/services/data/v60.0/composite/sobjects"
        records = [{"attributes": {"type": "Account"}, "Name": f"{number}"}] * 20
        body = {"allOrNone": True, "records": records}
        return requests.post(url, json=body, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(CLIENTS) as pool:
        writes = [pool.submit(write, number) for number in range(12)]
        restored = [
            requests.post(f"{door}/restore", headers=control, timeout=60).status_code
            for _ in range(4)
        ]
        assert {one.result() for one in writes} == {200}
    assert restored == [200] * 4
    assert len(org.find("Account")) % 20 == 0, "each write is there as a whole or not at all"
    assert org.execute("PRAGMA integrity_check")[0][0] == "ok"
    requests.post(f"{door}/restore", headers=control, timeout=60)
    assert org.find("Account") == []


def test_a_bulk_job_and_collections_on_two_servers(org, urls, token):
    headers = {"Authorization": f"Bearer {token}"}
    rows = 1_500

    def send(number, method, path, **more):
        url = f"{urls[number % 2]}/services/data/v60.0{path}"
        answer = requests.request(method, url, headers=headers | more.pop("headers", {}),
                                  timeout=120, **more)  # fmt: skip
        assert answer.status_code < 300, answer.text
        return answer

    def job(number):
        body = {"object": "Account", "operation": "insert"}
        id_ = send(number, "POST", "/jobs/ingest", json=body).json()["id"]
        data = "Name\n" + "".join(f"bulk {number} {n}\n" for n in range(rows))
        send(number, "PUT", f"/jobs/ingest/{id_}/batches", data=data,
             headers={"Content-Type": "text/csv"})  # fmt: skip
        send(number, "PATCH", f"/jobs/ingest/{id_}", json={"state": "UploadComplete"})
        for poll in range(200):  # now of one server, now of the other
            info = send(poll, "GET", f"/jobs/ingest/{id_}").json()
            if info["state"] == "JobComplete":
                return info["numberRecordsProcessed"], info["numberRecordsFailed"]
        raise AssertionError(info)

    def collections(number):
        for n in range(5):
            records = [{"attributes": {"type": "Contact"}, "LastName": f"{number} {n}"}] * 200
            done = send(number, "POST", "/composite/sobjects", json={"records": records}).json()
            assert all(one["success"] for one in done)
            send(number, "GET", "/query", params={"q": "SELECT COUNT() FROM Account"})
        return 1000

    with ThreadPoolExecutor(CLIENTS) as pool:
        jobs = [pool.submit(job, number) for number in range(2)]
        others = [pool.submit(collections, number) for number in range(2)]
        assert [one.result() for one in jobs] == [(rows, 0)] * 2
        assert sum(one.result() for one in others) == len(org.find("Contact"))
    names = [row["Name"] for row in org.select("Account")]
    assert len(names) == len(set(names)) == 2 * rows
    assert org.execute("PRAGMA integrity_check")[0][0] == "ok"


METADATA_TYPES = (
    "Layout",
    "Profile",
    "Portal",
    "CustomObject",
    "Settings",
    "SharingSet",
    "Network",
)
LIST = """\
<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns="http://soap.sforce.com/2006/04/metadata">
<e:Header><SessionHeader><sessionId>{token}</sessionId></SessionHeader></e:Header>
<e:Body><listMetadata><queries><type>{type}</type></queries><asOfVersion>60.0</asOfVersion></listMetadata></e:Body>
</e:Envelope>"""


def test_what_is_made_when_it_is_first_asked_for_is_made_once(urls, token):
    ready = Barrier(CLIENTS)

    def ask(number):
        base, found = urls[number % 2], []
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {token}"
            ready.wait(60)
            for type_ in METADATA_TYPES:
                reply = session.post(
                    f"{base}/services/Soap/m/60.0",
                    data=LIST.format(token=token, type=type_),
                    headers={"Content-Type": "text/xml", "SOAPAction": '""'},
                    timeout=60,
                )
                found.append((reply.status_code, reply.text))
            for path in ("sobjects", "sobjects/User/describe", "tooling/sobjects", "limits"):
                reply = session.get(f"{base}/services/data/v60.0/{path}", timeout=60)
                found.append((reply.status_code, reply.text if path != "limits" else ""))
        return [(status, text.replace(base, "")) for status, text in found]

    with ThreadPoolExecutor(CLIENTS) as pool:
        first, *others = pool.map(ask, range(CLIENTS))
    assert first[0][0] == 200
    # A type that is not switched on is a fault.
    assert not [text for _, text in first if "UNKNOWN_EXCEPTION" in text]
    assert all(other == first for other in others)
