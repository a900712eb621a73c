"""How fast the local org is, in rows per second, beside a bare SQLite doing the same.

Run with `uv run python tests/bench/emulator_speed.py [rows]`. Everything goes through the whole
app, in process, so that no socket is measured. The ratio is that of the time to the time a bare
`executemany` or SELECT of the same rows takes.
"""

import csv
import io
import json
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import requests

from provisioner.emulator.app import create_app
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.server import InProcessAdapter

URL = "http://127.0.0.1:8787"
DATA = f"{URL}/services/data/v62.0"
COLLECTION = 200


def values(i):
    return {
        "Name": f"Acme {i:06}",
        "Phone": f"+49 30 {i:07}",
        "BillingCity": "Berlin",
        "NumberOfEmployees": i % 1000,
        "Description": f"Row {i}, with a comma",
    }


class Client:
    def __init__(self, org):
        self.session = requests.Session()
        self.session.mount(URL, InProcessAdapter(create_app(org)))
        token = org.start_session(first_day.admin_id(org)).token
        self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method, path, **more):
        response = self.session.request(method, DATA + path, **more)
        assert response.status_code < 300, response.text[:500]
        return response

    def write(self, method, rows):
        for start in range(0, len(rows), COLLECTION):
            body = {"records": rows[start : start + COLLECTION]}
            done = self.call(method, "/composite/sobjects", json=body).json()
            assert all(one["success"] for one in done), done[:3]

    def query(self, soql):
        body = self.call("GET", "/query", params={"q": soql}).json()
        count = len(body["records"])
        while not body["done"]:
            body = self.session.get(URL + body["nextRecordsUrl"]).json()
            count += len(body["records"])
        return count

    def job(self, kind, body, data=None):
        id_ = self.call("POST", f"/jobs/{kind}", json=body).json()["id"]
        if data is not None:
            headers = {"Content-Type": "text/csv"}
            self.call("PUT", f"/jobs/{kind}/{id_}/batches", data=data, headers=headers)
            self.call("PATCH", f"/jobs/{kind}/{id_}", json={"state": "UploadComplete"})
        info = self.call("GET", f"/jobs/{kind}/{id_}").json()
        while info["state"] in {"UploadComplete", "InProgress"}:
            info = self.call("GET", f"/jobs/{kind}/{id_}").json()
        assert info["state"] == "JobComplete", info
        return id_, info


def bare(folder, count):
    """The seconds of a bare SQLite to insert, update and read those rows."""
    db = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("CREATE TABLE a (Id TEXT PRIMARY KEY, Name, Phone, City, Employees, Description)")
    rows = [(f"001Lo00{i:09}", *values(i).values()) for i in range(count)]

    def measured(work):
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    def insert():
        db.execute("BEGIN")
        db.executemany("INSERT INTO a VALUES (?, ?, ?, ?, ?, ?)", rows)
        db.execute("COMMIT")

    def update():
        db.execute("BEGIN")
        db.executemany("UPDATE a SET City = 'Bonn' WHERE Id = ?", [(row[0],) for row in rows])
        db.execute("COMMIT")

    def read():
        assert len(db.execute("SELECT * FROM a").fetchall()) == count

    return {"create": measured(insert), "update": measured(update), "query": measured(read)}


def as_csv(count):
    text = io.StringIO()
    writer = csv.DictWriter(text, values(0), lineterminator="\n")
    writer.writeheader()
    writer.writerows(values(i) for i in range(count))
    return text.getvalue()


def buy_seats(org, count):
    admin = first_day.admin_id(org)
    first_day.enable_customer_portal(org, admin)
    (license_,) = org.find("UserLicense", LicenseDefinitionKey="PID_High_Volume_Customer_Portal")
    org.update("UserLicense", license_, {"TotalLicenses": count}, by=admin)


def contacts_csv(client, count):
    account = client.call("POST", "/sobjects/Account", json={"Name": "Acme"}).json()["id"]
    rows = [f"Doe,Jane,jane{i}@acme.example,{account}\n" for i in range(count)]
    return "LastName,FirstName,Email,AccountId\n" + "".join(rows)


def users_csv(org):
    (profile,) = org.find("Profile", Name="High Volume Customer Portal")
    same = f"jdoe,Europe/Berlin,en_GB,UTF-8,en_US,{profile}"
    header = (
        "Username,LastName,Email,ContactId,Alias,TimeZoneSidKey,LocaleSidKey,EmailEncodingKey,"
        "LanguageLocaleKey,ProfileId\n"
    )
    return header + "".join(
        f"jane{i}@acme.example.x,Doe,jane{i}@acme.example,{id_},{same}\n"
        for i, id_ in enumerate(org.find("Contact"))
    )


def measure(count, few):
    found = []

    def measured(name, rows, baseline, work):
        start = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - start
        found.append((name, rows, rows / seconds, seconds / baseline))
        return result

    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        small, large = bare(folder, few), None
        (folder / "bare.sqlite3").unlink()
        large = bare(folder, count)
        org = open_org(folder / "org.sqlite3")
        client = Client(org)
        client.query("SELECT Id FROM Profile")  # the parser of SOQL is made once in a process
        typed = {"attributes": {"type": "Account"}}
        rows = [typed | values(i) for i in range(few)]
        measured("create, collections of 200", few, small["create"],
                 lambda: client.write("POST", rows))  # fmt: skip
        ids = org.find("Account")
        rows = [typed | {"id": id_, "BillingCity": "Bonn"} for id_ in ids]
        measured("update, collections of 200", few, small["update"],
                 lambda: client.write("PATCH", rows))  # fmt: skip
        data = as_csv(count)
        ingest = {"object": "Account", "operation": "insert"}
        _, info = measured("ingest, Bulk 2.0", count, large["create"],
                           lambda: client.job("ingest", ingest, data))  # fmt: skip
        assert info["numberRecordsFailed"] == 0
        soql = "SELECT Id, Name, Phone, BillingCity, NumberOfEmployees, Description FROM Account"
        total = measured("query, pages of 2,000", few + count, large["query"],
                         lambda: client.query(soql))  # fmt: skip
        assert total == few + count

        def export():
            id_, _ = client.job("query", {"operation": "query", "query": soql})
            return client.call("GET", f"/jobs/query/{id_}/results", params={"maxRecords": 10**6})

        text = measured("query, Bulk 2.0", few + count, large["query"], export).text
        assert len(text.splitlines()) == few + count + 1
        rows = [typed | values(i) for i in range(few)]
        measured(f"create, {count:,} rows there", few, small["create"],
                 lambda: client.write("POST", rows))  # fmt: skip
        buy_seats(org, count)
        contacts = contacts_csv(client, count)
        ingest = {"object": "Contact", "operation": "insert"}
        measured("contacts, Bulk 2.0", count, large["create"],
                 lambda: client.job("ingest", ingest, contacts))  # fmt: skip
        people = users_csv(org)
        ingest = {"object": "User", "operation": "insert"}
        _, info = measured("portal users, Bulk 2.0", count, large["create"],
                           lambda: client.job("ingest", ingest, people))  # fmt: skip
        assert info["numberRecordsFailed"] == 0
        org.close()
    return found


def main():
    count = int(sys.argv[1].replace(",", "")) if sys.argv[1:] else 100_000
    found = measure(count, min(count, 4_000))
    if "--json" in sys.argv:
        print(
            json.dumps(
                [dict(zip(("what", "rows", "rate", "ratio"), f, strict=True)) for f in found]
            )
        )
        return
    print(f"{'':32}{'rows':>10}{'rows/s':>12}{'times bare SQLite':>20}")
    for name, rows, rate, ratio in found:
        print(f"{name:32}{rows:>10,}{rate:>12,.0f}{ratio:>20,.1f}")


if __name__ == "__main__":
    main()
