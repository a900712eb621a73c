"""The installed command on machines of its own, and an org behind a fault proxy."""

from __future__ import annotations

import contextlib
import csv
import http.server
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from .proxy import Proxy, proxying

COMMAND = Path(sys.executable).with_name("provisioner")
ACME = Path(__file__).parents[2] / "specs" / "acme"
API = "/services/data/v62.0"
APPLY = ("apply", "specs", "--env", "served", "--auto-approve")
PASSWORD = "chosen-4711-x"
"""Of the walk-through's customer, in the scenario in which she has logged in."""
MEMORY = 2 << 30
"""Bytes that a run of the command may use; a response that is unpacked without bound needs more."""

_ENVIRONMENT = """\
org:
  login: client_credentials
  login_url: %s
  consumer_key: %s
  consumer_secret: {env: ORG_SECRET}
vars: {domain: acme.example, suffix: portal}
"""
_ROSTER = """\
settings: {OrgSettings: {enableCustomerSuccessPortal: true}}
profiles:
  Acme Customer: {clone_of: High Volume Customer Portal}
portals:
  Customer Portal: {active: true, admin: Portal Admin, profiles: [Acme Customer]}
rosters:
  people:
    file: people.csv
    key: "{{ row.Email }}"
    account:
      Name: "{{ row.Company }}"
      AccountNumber: "{{ row.Company }}"
      owner: portal.admin@acme.example%(account_key)s
    contact:
      LastName: "{{ row.Last }}"
      Email: "{{ row.Email }}"%(contact_key)s
    user:
      profile: Acme Customer
      Username: "{{ row.Email }}.portal"%(mailed)s
"""
_KEYED = ("Account.Key__c", "Contact.Key__c")
_FIELDS = "".join(
    f'<metadata xsi:type="CustomField"><fullName>{name}</fullName><externalId>true</externalId>'
    "<label>Key</label><length>80</length><type>Text</type><unique>true</unique></metadata>"
    for name in _KEYED
)
_PERMISSIONS = "".join(
    f"<fieldPermissions><editable>true</editable><field>{name}</field><readable>true</readable>"
    "</fieldPermissions>"
    for name in _KEYED
)
_ACCESS = f'<metadata xsi:type="Profile"><fullName>Admin</fullName>{_PERMISSIONS}</metadata>'
_IDENTITY = "identity: {Account: Key__c, Contact: Key__c}\n"


@dataclass(frozen=True)
class Scenario:
    """A spec and the commands that faults strike: the walk-through, or a roster of so many `people`.

    The org is new, or the spec was `applied` to it.
    """

    name: str
    people: int = 0
    mailed: bool = False
    keyed: bool = False
    """Whether accounts and contacts have an external id field, under `identity:`."""
    adds: str = ""
    """A pattern of the requests that no other scenario has."""
    commands: tuple[tuple[str, ...], ...] = (APPLY,)
    applied: bool = False

    def write(self, folder: Path, url: str, key: str) -> None:
        """Write the spec into a folder, for the org at `url`."""
        if not self.people:
            shutil.copytree(ACME, folder)
        else:
            folder.mkdir()
            more = {
                "account_key": '\n      Key__c: "{{ row.Company }}"' if self.keyed else "",
                "contact_key": '\n      Key__c: "{{ row.Email }}"' if self.keyed else "",
                "mailed": "\n      on_create: {password: email}" if self.mailed else "",
            }
            text = (_IDENTITY if self.keyed else "") + _ROSTER % more
            (folder / "people.yaml").write_text(text, "utf-8")
            with (folder / "people.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["Email", "Last", "Company"])
                for number in range(self.people):
                    company = f"C{number % 3}"
                    writer.writerow([f"p{number}@acme.example", f"Last {number}", company])
        (folder / "environments").mkdir(exist_ok=True)
        (folder / "environments" / "served.yaml").write_text(_ENVIRONMENT % (url, key), "utf-8")


_LOGIN = ("--spec", "specs", "--env", "served")
_LOOKS = (
    ("drift", "specs", "--env", "served"),
    ("url", "specs", "--env", "served"),
    ("explain", "login", "jane", *_LOGIN),
    ("verify", "login", "jane", *_LOGIN, "--real-org", "--password-env", "CHOSEN_PASSWORD"),
)
SCENARIOS = {
    one.name: one
    for one in (
        Scenario("walk"),
        # Two requests of a collection's size for the passwords, of 25 each.
        Scenario(
            "roster", 30, mailed=True, adds=r"composite/sobjects|/composite \[(GET|DELETE).*User"
        ),
        Scenario(
            "look",
            adds=r"/secur/log|/home/|/500/|/connect/|\[(UserLogin|LoginHistory)|\{id\}/password|GET /sobjects",
            commands=_LOOKS,
            applied=True,
        ),
        # With an external id no request can create anything twice.
        Scenario("keyed", 3, keyed=True, adds="/Key__c"),
        Scenario("keyed-one", 1, keyed=True, adds="/Key__c"),
        # The fewest rows that go by a Bulk 2.0 job. (provisioner.batches.BULK_FROM)
        Scenario("bulk", 2_000, adds="/jobs/"),
    )
}


@dataclass(frozen=True)
class Ran:
    """How one run of the command ended. `killed` runs have the status -9."""

    command: str
    status: int
    out: str
    err: str
    seconds: float
    writes: int
    reports: int
    """How many reports it left."""


@dataclass
class Machine:
    """A folder with a spec and a `PROVISIONER_HOME`, and the time scale for its runs."""

    folder: Path
    variables: dict[str, str]
    proxy: Proxy
    limit: float

    def run(self, *arguments: str) -> Ran:
        """Run the command to its end; the proxy may kill it."""
        before, reports, began = self.proxy.writes(), self._reports(), time.monotonic()
        process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=self.folder,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))

        def kill() -> None:
            process.kill()
            process.wait()

        self.proxy.kill = kill
        try:
            out, err = process.communicate(timeout=self.limit)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += f"\nhung: still running after {self.limit:.0f} s\n"
        return Ran(
            " ".join(arguments),
            process.returncode,
            out,
            err,
            time.monotonic() - began,
            self.proxy.writes() - before,
            self._reports() - reports,
        )

    def _reports(self) -> int:
        return len(list((self.folder / "home" / "reports").glob("*.json")))

    def _environ(self) -> dict[str, str]:
        kept = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "COVERAGE_PROCESS_START")
        plain = {name: os.environ[name] for name in kept if name in os.environ}
        home = {"HOME": str(self.folder), "PROVISIONER_HOME": str(self.folder / "home")}
        return plain | home | self.variables


@dataclass
class World:
    """A served org, which is put back to its first day before each case, behind a proxy."""

    folder: Path
    scenario: Scenario
    proxy: Proxy
    credentials: dict[str, str]
    control_token: str
    leaks: list[str]
    session: requests.Session = field(default_factory=requests.Session)
    began: float = field(default_factory=time.monotonic)
    _machines: int = 0

    def restore(self) -> None:
        """Put the org back to its first day, and forget the requests so far."""
        self.proxy.reset()
        self.leaks.clear()
        self.control("POST", "/snapshots/new/restore")

    def machine(self) -> Machine:
        """One more machine, on which nothing was ever run."""
        self._machines += 1
        folder = self.folder / f"machine{self._machines}"
        folder.mkdir()
        self.scenario.write(folder / "specs", self.proxy.url, self.credentials["consumer_key"])
        variables = {
            "ORG_SECRET": self.credentials["consumer_secret"],
            "CHOSEN_PASSWORD": PASSWORD,
        }
        if self.proxy.scale != 1:
            variables["PROVISIONER_TIME_SCALE"] = str(self.proxy.scale)
        return Machine(folder, variables, self.proxy, 180 + 1800 * self.proxy.scale)

    def apply(self) -> None:
        """Apply the spec without faults; the customer chooses her password."""
        applied = self.machine().run(*APPLY)
        assert applied.status == 0, applied.err
        (user,) = self.query("SELECT Id FROM User WHERE ContactId != null")
        url = f"{self.proxy.upstream}{API}/sobjects/User/{user['Id']}/password"
        headers = {"Authorization": f"Bearer {self.credentials['access_token']}"}
        body = {"NewPassword": PASSWORD}
        assert self.session.post(url, json=body, headers=headers, timeout=60).ok

    def control(self, method: str, path: str, body: object = None) -> Any:
        """A request to the door for tests, past the proxy."""
        url = f"{self.proxy.upstream}/emulator{path}"
        headers = {"X-Control-Token": self.control_token}
        reply = self.session.request(method, url, json=body, headers=headers, timeout=60)
        assert reply.ok, reply.text
        return reply.json() if reply.content else None

    def query(self, soql: str) -> list[dict[str, Any]]:
        """All rows of a query, past the proxy."""
        headers = {"Authorization": f"Bearer {self.credentials['access_token']}"}
        url, params = f"{self.proxy.upstream}{API}/query", {"q": soql}
        rows: list[dict[str, Any]] = []
        while True:
            reply = self.session.get(url, params=params, headers=headers, timeout=60)
            assert reply.ok, reply.text
            page = reply.json()
            rows += page["records"]
            if page["done"]:
                return rows
            url, params = self.proxy.upstream + page["nextRecordsUrl"], {}

    def state(self) -> Counter[str]:
        """How often each thing is in the org that a run may create, by its natural key."""
        found: Counter[str] = Counter()
        for row in self.query("SELECT Name, AccountNumber FROM Account"):
            found[f"account {row['AccountNumber'] or row['Name']}"] += 1
        for row in self.query("SELECT Email, LastName, Account.Name FROM Contact"):
            account = (row["Account"] or {}).get("Name")
            found[f"contact {row['Email'] or row['LastName']} of {account}"] += 1
        for row in self.query("SELECT Username, IsActive FROM User WHERE ContactId != null"):
            found[f"user {row['Username']} {'active' if row['IsActive'] else 'inactive'}"] += 1
        for row in self.query("SELECT Name FROM Profile"):
            found[f"profile {row['Name']}"] += 1
        for row in self.query("SELECT DeveloperName FROM Group WHERE Type = 'Regular'"):
            found[f"group {row['DeveloperName']}"] += 1
        for name in self._portals():
            found[f"portal {name}"] += 1
        return found

    def wait_for_jobs(self) -> None:
        """Wait until no Bulk job is at work."""
        url = f"{self.proxy.upstream}{API}/jobs/ingest"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            headers = {"Authorization": f"Bearer {self.credentials['access_token']}"}
            records = self.session.get(url, headers=headers, timeout=60).json()["records"]
            if not any(job["state"] in ("UploadComplete", "InProgress") for job in records):
                return
            time.sleep(0.2)

    def mails(self) -> Counter[str]:
        """How many e-mails each person got."""
        return Counter(mail["recipient"] for mail in self.control("GET", "/outbox"))

    def _portals(self) -> list[str]:
        # Before the Customer Portal is enabled, this is a fault: there is no such type.
        listed = self.soap("listMetadata", "<queries><type>Portal</type></queries>")
        return re.findall(r"<fullName>([^<]+)</fullName>", listed)

    def soap(self, operation: str, body: str) -> str:
        """A call of the Metadata API, past the proxy; its response."""
        envelope = (
            '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Header>'
            '<SessionHeader xmlns="http://soap.sforce.com/2006/04/metadata">'
            f"<sessionId>{self.credentials['access_token']}</sessionId></SessionHeader></e:Header>"
            f'<e:Body><{operation} xmlns="http://soap.sforce.com/2006/04/metadata">{body}'
            f"</{operation}></e:Body></e:Envelope>"
        )
        reply = self.session.post(
            f"{self.proxy.upstream}/services/Soap/m/62.0",
            data=envelope.encode(),
            headers={"Content-Type": "text/xml", "SOAPAction": '""'},
            timeout=60,
        )
        return reply.text


@contextlib.contextmanager
def world(scenario: Scenario, scale: float) -> Iterator[World]:
    """A new org for a scenario, served by `provisioner org serve` in another process."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        home, token = folder / "org", folder / "control-token"
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "PROVISIONER_HOME": str(home)}
        said = folder / "served.txt"
        with said.open("w") as file:
            served = subprocess.Popen(
                [
                    *(COMMAND, "org", "serve", "--port", "0"),
                    *("--control", "--control-token-file", token),
                ],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
                start_new_session=True,
            )
        stack.callback(_end, served)
        upstream = _url(said, served)
        shown = subprocess.run(
            [COMMAND, "org", "show", "--format", "json"],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        proxy = stack.enter_context(proxying(upstream, scale))
        leaks: list[str] = []
        proxy.elsewhere = stack.enter_context(_trap(leaks))
        credentials = json.loads(shown.stdout)
        here = World(folder, scenario, proxy, credentials, token.read_text().strip(), leaks)
        if scenario.people:
            here.control("PUT", "/licenses", {"PID_High_Volume_Customer_Portal": 5_000})
        if scenario.keyed:
            for answer in (
                here.soap("createMetadata", _FIELDS),
                here.soap("updateMetadata", _ACCESS),
            ):
                assert "<success>true</success>" in answer, answer
        if scenario.applied:
            here.apply()
        here.control("POST", "/snapshots/new")
        yield here


@contextlib.contextmanager
def _trap(leaks: list[str]) -> Iterator[str]:
    """A server on another host name, which notes the secrets that requests bring there."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            secret = re.compile(rb"sessionId|client_secret|assertion|sid=|password", re.IGNORECASE)
            if "Authorization" in self.headers or "Cookie" in self.headers or secret.search(body):
                leaks.append(f"{self.command} {self.path}")
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names of http.server

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _url(said: Path, served: subprocess.Popen[bytes]) -> str:
    """Where the org is served, once it says so."""
    while not (found := re.search(r"(http://\S+) ", said.read_text("utf-8"))):
        assert served.poll() is None, said.read_text("utf-8")
        time.sleep(0.05)
    return found[1]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
