"""Create people from a roster, beside bare simple-salesforce doing the same.

Run with `uv run python tests/bench/writing.py [people] [--latency MS]`. Each side gets a new
local org in a process of its own. The bare client is told everything: it looks nothing up, and
uses collections or Bulk 2.0, whichever is the faster of the two. Target: 1.3 times its time.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests
from simple_salesforce.api import Salesforce

COMMAND = Path(sys.executable).with_name("provisioner")
VERSION = "62.0"
PROFILE = "High Volume Customer Portal"
SEATS = "PID_High_Volume_Customer_Portal"
SPEC = """\
settings: {OrgSettings: {enableCustomerSuccessPortal: true}}
accounts:
  acme: {Name: Acme, AccountNumber: "1", owner: portal.admin@acme.example}
"""
ROSTER = """\
rosters:
  people:
    file: people.csv
    key: "{{ row.Email }}"
    contact: {account: acme, FirstName: "{{ row.First }}", LastName: "{{ row.Last }}", Email: "{{ row.Email }}"}
    user: {profile: High Volume Customer Portal, Username: "{{ row.Email }}.portal"}
"""
SERVED = """\
env: [{name: ORG_URL, plain: true}]
org: {login: access_token, instance_url: "{{ env.ORG_URL }}", token: {env: ORG_TOKEN}}
policy: {max_api_percent: 100}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", nargs="?", type=int, default=10_000)
    parser.add_argument("--latency", type=int, default=0, help="milliseconds a call")
    options = parser.parse_args()
    people = [person(n) for n in range(options.people)]
    bare = {}
    for name, write in (("collections", by_collections), ("bulk 2.0", by_bulk)):
        with served(options.people, options.latency) as org:
            bare[name] = timed(lambda org=org, write=write: write(org, people))
    with served(options.people, options.latency) as org:
        seconds, calls, memory = by_provisioner(org, people)
    best = min(bare.values())
    count = 2 * options.people
    print(f"{count:,} records, {options.latency} ms a call")
    for name, took in bare.items():
        print(f"  bare {name:<12}{took:8.1f} s {count / took:8,.0f}/s")
    print(f"  provisioner apply{seconds:8.1f} s {count / seconds:8,.0f}/s", end="")
    print(f"  {calls} API calls, {memory:.0f} MB")
    print(f"  ratio {seconds / best:.2f} (target 1.3)")


def person(n: int) -> dict[str, str]:
    return {"First": f"First{n}", "Last": f"Last{n}", "Email": f"person{n}@acme.example"}


def timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextlib.contextmanager
def served(people: int, latency: int):
    """A new local org with the portal on, an account and seats enough; its URL and token."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        plain = {"PATH": os.environ["PATH"], "HOME": folder, "PROVISIONER_HOME": f"{folder}/home"}
        serve = subprocess.Popen(
            [COMMAND, "org", "serve", "--control", "--control-token-file", f"{folder}/token", "--port", str(port)],
            cwd=folder, env=plain, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(600):
                with contextlib.suppress(requests.ConnectionError):
                    requests.get(f"{url}/services/data", timeout=10)
                    break
                time.sleep(0.05)
            shown = subprocess.check_output([COMMAND, "org", "show", "--format", "json"], env=plain)
            token = json.loads(shown)["access_token"]
            env = plain | {"ORG_URL": url, "ORG_TOKEN": token}
            spec = Path(folder, "spec")
            (spec / "environments").mkdir(parents=True)
            (spec / "environments" / "served.yaml").write_text(SERVED)
            (spec / "base.yaml").write_text(SPEC)
            subprocess.run(
                [COMMAND, "apply", str(spec), "--env", "served", "--auto-approve"],
                env=env, check=True, capture_output=True,
            )  # fmt: skip
            key = Path(folder, "token").read_text("ascii").strip()
            control(url, key, "/licenses", {SEATS: people + 100})
            if latency:
                control(url, key, "/latency", {"all": latency})
            yield url, token, env, spec
        finally:
            serve.terminate()
            serve.wait()


def control(url: str, key: str, path: str, body: dict[str, object]) -> None:
    headers = {"X-Control-Token": key}
    reply = requests.put(f"{url}/emulator{path}", json=body, headers=headers, timeout=60)
    assert reply.ok, reply.text


def client(org) -> Salesforce:
    url, token, _, _ = org
    session = requests.Session()
    netloc = url.removeprefix("http://")

    class AsPlainHttp(requests.adapters.HTTPAdapter):
        def send(self, request, **kwargs):
            request.url = request.url.replace("https://", "http://", 1)
            return super().send(request, **kwargs)

    session.mount(f"https://{netloc}", AsPlainHttp())
    return Salesforce(instance=netloc, session_id=token, session=session, version=VERSION)


def rows(sf: Salesforce, people) -> tuple[list[dict], str]:
    account = sf.query("SELECT Id FROM Account WHERE Name = 'Acme'")["records"][0]["Id"]
    profile = sf.query(f"SELECT Id FROM Profile WHERE Name = '{PROFILE}'")["records"][0]["Id"]
    contacts = [
        {"AccountId": account, "FirstName": p["First"], "LastName": p["Last"], "Email": p["Email"]}
        for p in people
    ]
    return contacts, profile


def user(p, contact: str, profile: str) -> dict[str, str]:
    return {
        "ContactId": contact, "ProfileId": profile, "Username": f"{p['Email']}.portal",
        "LastName": p["Last"], "FirstName": p["First"], "Email": p["Email"],
        "Alias": p["Last"][:8], "CommunityNickname": p["Email"][:40],
        "TimeZoneSidKey": "America/Los_Angeles", "LocaleSidKey": "en_US",
        "LanguageLocaleKey": "en_US", "EmailEncodingKey": "UTF-8",
    }  # fmt: skip


def by_collections(org, people) -> None:
    sf = client(org)
    contacts, profile = rows(sf, people)
    ids = insert(sf, "Contact", contacts)
    users = [user(p, id_, profile) for p, id_ in zip(people, ids, strict=True)]
    insert(sf, "User", users)


def insert(sf: Salesforce, sobject: str, records) -> list[str]:
    ids = []
    for start in range(0, len(records), 200):
        part = [{"attributes": {"type": sobject}, **r} for r in records[start : start + 200]]
        body = json.dumps({"allOrNone": False, "records": part})
        done = sf.restful("composite/sobjects", method="POST", data=body)
        assert all(one["success"] for one in done), done[:2]
        ids += [one["id"] for one in done]
    return ids


def by_bulk(org, people) -> None:
    sf = client(org)
    contacts, profile = rows(sf, people)
    by_email = {r["Email"]: r["sf__Id"] for r in job(sf, "Contact", contacts)}
    users = [user(p, by_email[p["Email"]], profile) for p in people]
    job(sf, "User", users)


def job(sf: Salesforce, sobject: str, records):
    handler = getattr(sf.bulk2, sobject)
    done = handler.insert(records=records, wait=0.5, column_delimiter="COMMA")
    assert not any(one["numberRecordsFailed"] for one in done), done
    text = "".join(handler.get_successful_records(one["job_id"]) for one in done)
    return list(csv.DictReader(text.splitlines()))


def by_provisioner(org, people) -> tuple[float, int, float]:
    _, _, env, spec = org
    (spec / "roster.yaml").write_text(ROSTER)
    with Path(spec, "people.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["First", "Last", "Email"])
        writer.writeheader()
        writer.writerows(people)
    said, told = spec.parent / "out.txt", spec.parent / "err.txt"
    start = time.perf_counter()
    process = subprocess.Popen(
        [COMMAND, "apply", str(spec), "--env", "served", "--auto-approve"],
        env=env, stdout=said.open("w"), stderr=told.open("w"),
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - start
    out, err = said.read_text("utf-8"), told.read_text("utf-8")
    assert status == 0, out[-2000:] + err[-2000:]
    calls = int(out.rsplit("API calls made: ", 1)[1].split(".")[0])
    print(*[line for line in err.splitlines() if line.startswith("...")][:40], sep="\n")
    return took, calls, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
