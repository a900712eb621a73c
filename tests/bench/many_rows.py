"""What many rows cost a served local org: contacts loaded and queried, by pages and in bulk.

Run with `uv run python tests/bench/many_rows.py [rows ...]`, by default 10,000, 100,000 and 1,000,000.
The org is served by another process, whose processor time and peak memory are measured for each
part; the time on the clock includes the client, which keeps no rows.
"""

import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import people
import requests

JOB = 100_000  # rows of one ingest job
RESULTS = 50_000  # rows of one page of a query job's results
FIELDS = "Id, FirstName, LastName, Email, Phone, AccountId, Account.Name, CreatedDate"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """The process that serves an org, as Linux shows it."""

    pid: int

    def reset_peak(self):
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    @property
    def megabytes(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[1]) / 1024

    @property
    def cpu(self):
        times = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / TICKS


class Client:
    def __init__(self, served):
        self.url = served.url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {served.token}"

    def call(self, method, path, **more):
        base = "" if path.startswith("/services") else "/services/data/v62.0"
        response = self.session.request(method, f"{self.url}{base}{path}", timeout=600, **more)
        assert response.status_code < 300, response.text[:500]
        return response

    def finished(self, path):
        while (info := self.call("GET", path).json())["state"] in {"UploadComplete", "InProgress"}:
            time.sleep(0.05)
        assert info["state"] == "JobComplete", info
        return info

    def load(self, count):
        body = {"Name": "Acme"}
        account = self.call("POST", "/sobjects/Account", json=body).json()["id"]
        for start in range(0, count, JOB):
            rows = [
                f"First{n % 997},Last{n},person{n}@acme.example,+49 30 {n:07},{account}\n"
                for n in range(start, min(start + JOB, count))
            ]
            body = {"object": "Contact", "operation": "insert"}
            path = f"/jobs/ingest/{self.call('POST', '/jobs/ingest', json=body).json()['id']}"
            data = "FirstName,LastName,Email,Phone,AccountId\n" + "".join(rows)
            headers = {"Content-Type": "text/csv"}
            self.call("PUT", f"{path}/batches", data=data, headers=headers)
            self.call("PATCH", path, json={"state": "UploadComplete"})
            info = self.finished(path)
            assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (len(rows), 0)

    def pages(self, count):
        """Read every page of a query; return the seconds that the first and each other took."""
        seconds, rows, path, more = (
            [],
            0,
            "/query",
            {"params": {"q": f"SELECT {FIELDS} FROM Contact"}},
        )
        while path:
            start = time.perf_counter()
            body = self.call("GET", path, **more).json()
            seconds.append(time.perf_counter() - start)
            rows += len(body["records"])
            path, more = body.get("nextRecordsUrl"), {}
        assert rows == body["totalSize"] == count, rows
        return seconds

    def bulk_query(self, count):
        body = {"operation": "query", "query": f"SELECT {FIELDS} FROM Contact"}
        path = f"/jobs/query/{self.call('POST', '/jobs/query', json=body).json()['id']}"
        assert self.finished(path)["numberRecordsProcessed"] == count
        lines, locator = 0, ""
        while locator != "null":
            params = {"maxRecords": RESULTS, **({"locator": locator} if locator else {})}
            page = self.call("GET", f"{path}/results", params=params)
            lines += page.content.count(b"\n") - 1
            locator = page.headers["Sforce-Locator"]
        assert lines == count, lines


def measure(home, count):
    with people.serving(home) as served:
        client, server = Client(served), Server(served.pid)

        def measured(name, work):
            server.reset_peak()
            before, start = server.cpu, time.perf_counter()
            result = work(count)
            seconds, cpu = time.perf_counter() - start, server.cpu - before
            print(
                f"{name:<20}{count:>10,}{count / seconds:>10,.0f}{count / max(cpu, 0.01):>14,.0f}"
                f"{server.megabytes:>9,.0f}",
                flush=True,
            )
            return result

        client.call("GET", "/query", params={"q": "SELECT Id FROM Profile"})  # makes the parser
        measured("load, Bulk 2.0", client.load)
        first, *others = measured("query, by pages", client.pages)
        measured("query, Bulk 2.0", client.bulk_query)
        print(
            f"{'':<20}first page {first * 1000:,.0f} ms, others {median(others) * 1000:,.0f} ms;"
            f" file {sum(f.stat().st_size for f in home.rglob('*sqlite3*')) / 1e6:,.0f} MB",
            flush=True,
        )


def main():
    sizes = [int(size.replace(",", "")) for size in sys.argv[1:]]
    print(f"{'':<20}{'rows':>10}{'rows/s':>10}{'rows/cpu s':>14}{'MB':>9}", flush=True)
    for size in sizes or [10_000, 100_000, 1_000_000]:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), size)


if __name__ == "__main__":
    main()
