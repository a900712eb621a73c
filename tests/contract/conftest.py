"""A new local org in this process, and the product at work on it, request by request."""

import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import requests

from provisioner.apply import executor
from provisioner.emulator.local import LocalOrg
from provisioner.emulator.server import InProcessAdapter
from provisioner.model.credentials import AccessToken
from provisioner.model.resource import Secret
from provisioner.org.auth import connect
from provisioner.plan import make as workflow
from provisioner.spec.load import load


class Recorder(InProcessAdapter):
    """The in-process door, which writes down every request."""

    def __init__(self, app, log):
        super().__init__(app)
        self.log = log

    def send(self, request, *args, **kwargs):
        body = request.body or b""
        self.log.append(
            (
                request.method,
                urlsplit(request.url).path,
                body if isinstance(body, bytes) else body.encode(),
            )
        )
        return super().send(request, *args, **kwargs)


@dataclass
class Portal:
    """The product on one local org: `plan` and `apply` take a spec as YAML data."""

    folder: object
    url: str
    token: str
    session: requests.Session
    requests: list = field(default_factory=list)
    local: LocalOrg | None = None

    def load(self, spec):
        folder = self.folder / "spec"
        folder.mkdir(exist_ok=True)
        (folder / "portal.yaml").write_text(json.dumps(spec, indent=1), "utf-8")
        loaded = load(folder, None, secrets=True)
        assert not loaded.problems, loaded.problems
        return loaded

    @property
    def org(self):
        return connect(AccessToken(self.url, Secret(self.token)), session=self.session)

    def plan(self, spec, org=None):
        return workflow.plan(self.load(spec), org or self.org)

    def apply_plan(self, planned):
        return executor.apply(planned, self.org)

    def apply(self, spec):
        planned = self.plan(spec)
        assert not planned.plan.errors, planned.plan.errors
        failed = [r for r in self.apply_plan(planned) if r.outcome.value != "done"]
        assert not failed, failed

    def by_hand(self, request):
        """One raw request: `PATCH /sobjects/Account/{SELECT Id FROM Account ...}: {...}`."""
        ((line, body),) = request.items()
        method, path = line.split(" ", 1)
        while "{" in path:
            before, rest = path.split("{", 1)
            soql, after = rest.split("}", 1)
            (row,) = self.query(soql)
            path = f"{before}{row['Id']}{after}"
        response = self.send(method, path, body)
        assert response.ok, response.text
        return response

    def query(self, soql):
        return self.send("GET", "/query", params={"q": soql}).json()["records"]

    def send(self, method, path, body=None, **more):
        return self.session.request(
            method,
            f"{self.url}/services/data/v62.0{path}",
            data=None if body is None else json.dumps(body),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            **more,
        )

    def writes(self):
        """The requests of the log that change something: reads by POST are none."""
        return [
            (method, path)
            for method, path, body in self.requests
            if method != "GET" and not self._reads(path, body)
        ]

    @staticmethod
    def _reads(path, body):
        if path.endswith("/composite"):
            return all(r["method"] == "GET" for r in json.loads(body)["compositeRequest"])
        if path == "/secur/frontdoor.jsp":
            return True  # a login: the token is posted, so that it stands in no address
        reading = (b"readMetadata", b"listMetadata")
        return "/services/Soap/m/" in path and any(name in body for name in reading)


@pytest.fixture
def portal(tmp_path):
    local = LocalOrg(tmp_path / "org")
    credentials = local.credentials()
    log = []
    with requests.Session() as session:
        app = local.app()
        for url in {credentials.instance_url, credentials.instance_url.replace("http:", "https:")}:
            session.mount(url, Recorder(app, log))
        yield Portal(
            tmp_path, credentials.instance_url, credentials.access_token, session, log, local
        )
    local.close()


@pytest.fixture
def app(portal):
    """The app of the local org with its faults, which every request now goes through."""
    app = portal.local.app(control=True)
    for url in (portal.url, portal.url.replace("http:", "https:")):
        portal.session.mount(url, InProcessAdapter(app))
    return app
