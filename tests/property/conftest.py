"""The product on a copy of a new local org, with a door that can fail."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import requests

from provisioner.apply import executor
from provisioner.apply.executor import RunControl
from provisioner.emulator.app import create_app
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.local import LocalOrg
from provisioner.emulator.server import InProcessAdapter
from provisioner.emulator.store import portals
from provisioner.emulator.store.org import Org
from provisioner.model.resource import Secret
from provisioner.org.client import SalesforceOrg
from provisioner.plan import make as workflow
from provisioner.spec.load import load

REFUSAL = {
    "rest": '[{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "locked"}]',
    "soap": (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
        "<faultcode>sf:UNKNOWN_EXCEPTION</faultcode><faultstring>UNKNOWN_EXCEPTION: no"
        "</faultstring></s:Fault></s:Body></s:Envelope>"
    ),
    "page": '<html><body><div id="error">no</div></body></html>',
}


class Died(BaseException):
    """The process is no more: nothing after this is run."""


class Door(InProcessAdapter):
    """The in-process door, where the writes of a number go wrong."""

    def __init__(self, app):
        super().__init__(app)
        self.app = app
        self.faults, self.writes = {}, 0

    def send(self, request, *args, **kwargs):
        path, body = urlsplit(request.url).path, request.body or b""
        if request.method == "GET" or reads(path, body if isinstance(body, bytes) else b""):
            return super().send(request, *args, **kwargs)
        fault, self.writes = self.faults.get(self.writes), self.writes + 1
        if fault in ("busy", "refuse"):
            return self._says(request, path, fault)
        if fault == "drop before":
            raise requests.ConnectionError("dropped")
        if fault == "die before":
            raise Died
        answer = super().send(request, *args, **kwargs)
        if fault == "drop after":
            raise requests.ConnectionError("dropped")
        if fault == "die after":
            raise Died
        return answer

    def _says(self, request, path, fault):
        surface = "soap" if "/Soap/" in path else "rest" if "/data/" in path else "page"
        text, status = REFUSAL[surface], {"rest": 400, "soap": 500, "page": 200}[surface]
        if fault == "busy":
            text, status = "<html>We are down for maintenance.</html>", 503

        def app(_environ, start):
            start(f"{status} Said", [("Content-Type", "text/html")])
            return [text.encode()]

        return InProcessAdapter(app).send(request)


def reads(path, body):
    if path.endswith(("/composite", "/frontdoor.jsp")):
        return True
    return "/Soap/m/" in path and any(n in body for n in (b"readMetadata", b"listMetadata"))


@dataclass
class Rehearsal:
    """The product on a copy of a new local org, with a door that can fail."""

    folder: object
    url: str
    token: str
    local: Org
    door: Door
    session: requests.Session = field(default_factory=requests.Session)
    # A clock that only sleeping moves.
    moment: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def sleep(self, seconds):
        self.moment += timedelta(seconds=seconds)

    def __post_init__(self):
        self.session.mount(self.url, self.door)
        self.session.mount(self.url.replace("http:", "https:"), self.door)

    def plan(self, spec):
        (self.folder / "portal.yaml").write_text(json.dumps(spec, indent=1), "utf-8")
        loaded = load(self.folder, None, secrets=True)
        assert not loaded.problems, loaded.problems
        return workflow.plan(loaded, self.org())

    def apply(self, planned, faults=()):
        """The results; none of the run that died."""
        self.door.faults, self.door.writes = dict(faults), 0
        try:
            conduct = RunControl(sleep=self.sleep, now=lambda: self.moment)
            return list(executor.apply(planned, self.org(), conduct))
        except Died:
            return []
        finally:
            self.door.faults = {}

    def org(self):
        return SalesforceOrg(
            self.url,
            Secret(self.token),
            session=self.session,
            sleep=lambda _: None,
            renew=self._renewed,
        )

    def _renewed(self):
        self.token = self.local.start_session(first_day.admin_id(self.local)).token
        return Secret(self.token)

    def meddle(self, sobject, number, fields):
        """What somebody does by hand; where Salesforce refuses it, nothing."""
        if sobject == "Portal":
            for row in portals.rows(self.local):
                portals.set_profiles(self.local, row.id, set(), first_day.admin_id(self.local))
            return
        where = "WHERE ContactId != null " if sobject == "User" else ""
        rows = self.rest("GET", "/query", q=f"SELECT Id FROM {sobject} {where}ORDER BY Id")
        ids = [row["Id"] for row in rows.json()["records"]]
        if number < len(ids):
            path = f"/sobjects/{sobject}/{ids[number]}"
            self.rest("DELETE" if fields is None else "PATCH", path, fields)

    def close(self):
        self.local.close()
        self.session.close()

    def rest(self, method, path, body=None, **params):
        return self.session.request(
            method,
            f"{self.url}/services/data/v62.0{path}",
            json=body,
            params=params,
            headers={"Authorization": f"Bearer {self.token}"},
        )

    def doubled(self):
        """What is there more than once, by its natural key, and who was mailed twice."""
        accounts = self.local.select("Account")
        keys = Counter(
            [("account", row["AccountNumber"]) for row in accounts if row["AccountNumber"]]
            + [("account", row["Name"]) for row in accounts if row["Name"] in ("North", "South")]
            + [
                ("contact", row["AccountId"], row["Email"].lower())
                for row in self.local.select("Contact")
            ]
            + [("user", row["Username"]) for row in self.local.select("User")]
            # Salesforce itself has two of one name. (fact 414)
            + [
                ("profile", row["Name"].lower())
                for row in self.local.select("Profile")
                if row["Name"] != "Authenticated Website"
            ]
            + [("mail", mail.recipient, mail.body) for mail in self.local.outbox()]
            + [("password of", mail.body.split()[1]) for mail in self.local.outbox()]
        )
        return [key for key, count in keys.items() if count > 1]


@pytest.fixture(scope="module")
def new_org(tmp_path_factory):
    """A new local org, which each example copies."""
    local = LocalOrg(tmp_path_factory.mktemp("seed"))
    credentials = local.credentials()
    local.close()
    return local.path, credentials


@pytest.fixture(scope="module")
def rehearse(new_org, tmp_path_factory):
    path, credentials = new_org
    folder = tmp_path_factory.mktemp("org")
    (folder / "spec").mkdir()

    def start():
        for old in folder.glob("org.sqlite3*"):
            old.unlink()
        local = open_org(shutil.copy(path, folder / "org.sqlite3"))
        door = Door(create_app(local, control=True))
        return Rehearsal(
            folder / "spec", credentials.instance_url, credentials.access_token, local, door
        )

    return start
