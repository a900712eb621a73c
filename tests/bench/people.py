"""Many people for the benchmarks: a spec with a roster, and a served local org that has them all.

The org is filled through its store, with the very values that a plan for an empty org would
send, so that the plan which is then measured is empty.
"""

import contextlib
import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import requests

from provisioner.apply import executor
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.local import LocalOrg
from provisioner.model.operations import CreateRecord
from provisioner.model.resource import Ref
from provisioner.org.connect import open_org
from provisioner.plan import make as workflow
from provisioner.spec.load import load

COMMAND = Path(sys.executable).with_name("provisioner")
PEOPLE_OF_AN_ACCOUNT = 10

PORTAL = """\
settings: {OrgSettings: {enableCustomerSuccessPortal: true}}
profiles: {Bench Customer: {clone_of: High Volume Customer Portal}}
"""
ROSTER = """\
rosters:
  customers:
    file: customers.csv
    key: "{{ row.Number }}"
    account:
      Name: "{{ row.Company }}"
      AccountNumber: "{{ row['Company Number'] }}"
      owner: portal.admin@acme.example
    contact:
      FirstName: "{{ row.First }}"
      LastName: "{{ row.Last }}"
      Email: "{{ row.Email | lower }}"
      Phone: "{{ row.Phone }}"
      Title: "{{ row.Title }}"
    user:
      profile: Bench Customer
      Username: "{{ row.Email }}.portal"
      IsActive: "{{ row.Active == 'yes' }}"
"""
ENVIRONMENT = """\
env: [{name: ORG_URL, plain: true}]
org:
  login: access_token
  instance_url: "{{ env.ORG_URL }}"
  token: {env: ORG_TOKEN}
"""


def write_spec(folder: Path, people: int) -> None:
    """A spec with a roster of so many people, ten of each account; none is the portal alone."""
    (folder / "environments").mkdir(parents=True, exist_ok=True)
    (folder / "environments" / "served.yaml").write_text(ENVIRONMENT, "utf-8")
    (folder / "environments" / "local.yaml").write_text("org: {login: local}\n", "utf-8")
    (folder / "portal.yaml").write_text(PORTAL, "utf-8")
    if not people:
        return
    (folder / "people.yaml").write_text(ROSTER, "utf-8")
    with (folder / "customers.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "Number",
                "Company",
                "Company Number",
                "First",
                "Last",
                "Email",
                "Phone",
                "Title",
                "Active",
            ]
        )
        for n in range(people):
            company = n // PEOPLE_OF_AN_ACCOUNT
            writer.writerow(
                [
                    f"C-{n:06}",
                    f"Company {company:05}, Inc.",
                    f"{10_000_000 + company}",
                    f"First{n % 997}",
                    f"Last{n}",
                    f"person{n}@company{company}.example",
                    f"+49 30 {n:07}" if n % 3 else "",
                    f"Engineer {n % 50}",
                    "yes",
                ]
            )


def fill(home: Path, spec: Path, people: int) -> None:
    """Make the local org of `home` what the spec says, with seats for everybody."""
    portal = spec.with_name(f"{spec.name}-portal")
    write_spec(portal, 0)
    loaded = load(portal, None, secrets=True)
    with open_org(loaded.environment.login, home) as org:
        assert {r.outcome.name for r in executor.apply(workflow.plan(loaded, org), org)} == {"DONE"}
    buy_seats(home, 4 * people + 1000)
    write_spec(spec, people)
    if not people:
        return
    loaded = load(spec, None, secrets=True)
    assert not loaded.problems, loaded.problems[:3]
    with open_org(loaded.environment.login, home) as org:
        planned = workflow.plan(loaded, org)
    assert not planned.plan.errors, planned.plan.errors[:3]
    local = LocalOrg(home)
    store = local.open()
    admin = first_day.admin_id(store)
    ids = {a: r.id for a, r in planned.reading.live.items()}
    with store.transaction():
        for step in planned.plan.steps:
            (call,) = step.calls
            assert isinstance(call, CreateRecord)
            fields = {n: ids[v.to] if isinstance(v, Ref) else v for n, v in call.fields.items()}
            if call.sobject == "User":
                fields |= {"Username": fields["Username"].lower(), "UserType": "CspLitePortal"}
            ids[step.address] = store.insert(call.sobject, fields, by=admin)
    local.close()


def fill_apart(home: Path, spec: Path, people: int) -> None:
    """`fill` in a process of its own: what a process takes at its largest is passed on to those
    that it starts, and would be taken for what they need.
    """
    subprocess.run([sys.executable, __file__, home, spec, str(people)], check=True)


def buy_seats(home: Path, seats: int) -> None:
    local = LocalOrg(home)
    store = local.open()
    name = "High Volume Customer Portal"
    (licence,) = store.select("UserLicense", Name=name, Status="Active")
    store.update(
        "UserLicense", licence["Id"], {"TotalLicenses": seats}, by=first_day.admin_id(store)
    )
    local.close()


@dataclass
class Served:
    """A local org that another process serves."""

    url: str
    token: str
    control_token: str
    pid: int

    def delay(self, milliseconds: int) -> None:
        body = {"all": milliseconds} if milliseconds else {}
        url, headers = f"{self.url}/emulator/latency", {"X-Control-Token": self.control_token}
        requests.put(url, json=body, headers=headers, timeout=60).raise_for_status()

    def requests_since(self, seq: int = 0) -> list:
        url = f"{self.url}/emulator/requests"
        headers = {"X-Control-Token": self.control_token}
        return requests.get(url, params={"after": seq}, headers=headers, timeout=60).json()


@contextlib.contextmanager
def serving(home: Path):
    """Serve the org of a folder from another process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {**os.environ, "PROVISIONER_HOME": str(home)}
    key = home / "control-token"
    arguments = [COMMAND, "org", "serve", "--control", "--control-token-file", str(key)]
    arguments += ["--port", str(port)]
    process = subprocess.Popen(arguments, env=environ, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            with contextlib.suppress(requests.ConnectionError):
                requests.get(f"{url}/services/data", timeout=60)
                break
            time.sleep(0.1)
        shown = subprocess.run(
            [COMMAND, "org", "show", "--format", "json"],
            env=environ,
            check=True,
            capture_output=True,
        )
        token = json.loads(shown.stdout)["access_token"]
        yield Served(url, token, key.read_text("ascii").strip(), process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@dataclass
class Run:
    """What one process took: seconds on the clock, seconds of processor, peak memory in MB."""

    seconds: float
    cpu: float
    megabytes: float
    out: str


def run(arguments: list, served: Served | None = None, cwd: Path | None = None, **variables) -> Run:
    """Run a command to its end, and measure that process alone."""
    environ = {**os.environ, **variables}
    if served:
        environ |= {"ORG_URL": served.url, "ORG_TOKEN": served.token}
    read, write = os.pipe()
    start = time.perf_counter()
    process = subprocess.Popen(list(map(str, arguments)), env=environ, cwd=cwd, stdout=write)
    os.close(write)
    peak = Peak(process.pid)
    with os.fdopen(read, encoding="utf-8") as stream:
        out = stream.read()
    peak.join()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, out[-2000:]
    megabytes = peak.megabytes or usage.ru_maxrss / 1024
    return Run(seconds, usage.ru_utime + usage.ru_stime, megabytes, out)


class Peak(threading.Thread):
    """The peak memory of a process by what Linux says of it until it ends.

    `ru_maxrss` will not do: it counts what this process had when it made the other.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.megabytes = 0.0
        self._status = Path(f"/proc/{pid}/status")
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError):
            # A process that has ended, and was not waited for, has a status without it.
            while found := re.search(
                r"^VmHWM:\s+(\d+) kB$", self._status.read_text(), re.MULTILINE
            ):
                self.megabytes = int(found[1]) / 1024
                time.sleep(0.02)


if __name__ == "__main__":
    fill(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
