"""A local org in memory, and ways to talk to it."""

import contextlib
import threading
from dataclasses import dataclass

import pytest
import requests

from provisioner.emulator.app import create_app
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.server import InProcessAdapter, Server

URL = "http://127.0.0.1:8787"
CONTROL_TOKEN = "the-token-of-every-door-in-these-tests"


@dataclass
class Rest:
    """A raw HTTP client of the REST API; every call is `(status, body)`."""

    session: requests.Session
    base: str = f"{URL}/services/data/v62.0"

    def send(self, method, path, body=None, **more):
        url = path if path.startswith("http") else f"{self.base}{path}"
        return self.session.request(method, url, json=body, **more)

    def __call__(self, method, path, body=None, **more):
        response = self.send(method, path, body, **more)
        return response.status_code, response.json() if response.content else None

    def query(self, soql, **more):
        status, body = self("GET", "/query", params={"q": soql}, **more)
        assert status == 200, body
        return body

    def rows(self, soql):
        records = self.query(soql)["records"]
        return [{k: v for k, v in record.items() if k != "attributes"} for record in records]

    def create(self, sobject, **values):
        status, body = self("POST", f"/sobjects/{sobject}", values)
        assert status == 201, body
        return body["id"]

    def refusal(self, method, path, body=None, **more):
        """The only error of an answer, as `(status, code, message, fields)`."""
        status, answer = self(method, path, body, **more)
        assert status >= 400, answer
        (error,) = answer
        return status, error["errorCode"], error["message"], error.get("fields")


@pytest.fixture
def local():
    org = open_org(":memory:")
    yield org
    org.close()


@pytest.fixture
def admin(local):
    return first_day.admin_id(local)


@pytest.fixture
def secret(local):
    """The administrator's password."""
    return local.setting("admin password")


@pytest.fixture
def outside(local):
    """A requests session for which every Salesforce host is the local org."""
    with requests.Session() as session:
        adapter = InProcessAdapter(create_app(local))
        for host in ("login.salesforce.com", "test.salesforce.com", "acme.my.salesforce.com"):
            session.mount(f"https://{host}", adapter)
        yield session


@pytest.fixture
def serve():
    """Serves an org on a port of its own, with its door open, and gives the URL."""
    with contextlib.ExitStack() as ending:

        def start(org):
            server = Server(create_app(org, control=True, control_token=CONTROL_TOKEN))
            thread = threading.Thread(target=server.run)
            thread.start()
            ending.callback(thread.join)
            ending.callback(server.close)
            return server.url

        yield start


@pytest.fixture
def control():
    """The headers with which the door of a served org opens."""
    return {"X-Control-Token": CONTROL_TOKEN}


@pytest.fixture
def portal_on(local, admin):
    first_day.enable_customer_portal(local, admin)


@pytest.fixture
def sites_on(local, admin):
    first_day.enable_digital_experiences(local, admin)


@pytest.fixture
def site(rest, sites_on):
    """Makes a site as Connect does, waits until it is there, and returns its id."""

    def make(name="Acme Help", prefix="help", template="Customer Service", **more):
        body = {"name": name, "urlPathPrefix": prefix, "templateName": template} | more
        status, answer = rest("POST", "/connect/communities", body)
        assert status == 202, answer
        job = f"SELECT Status, Error FROM BackgroundOperation WHERE Id = '{answer['jobId']}'"
        for _ in range(5):
            ((row),) = rest.rows(job)
            if row["Status"] in {"Complete", "Error"}:
                break
        assert row == {"Status": "Complete", "Error": None}
        (network,) = rest.rows(f"SELECT Id FROM Network WHERE Name = '{name}'")
        return network["Id"]

    return make


@pytest.fixture
def anonymous(local):
    with requests.Session() as session:
        app = create_app(local, control=True, control_token=CONTROL_TOKEN)
        session.headers["X-Control-Token"] = CONTROL_TOKEN
        adapter = InProcessAdapter(app)
        session.mount(URL, adapter)
        session.mount(URL.replace("http:", "https:"), adapter)
        yield Rest(session)


@pytest.fixture
def rest(anonymous, local, admin):
    token = local.start_session(admin).token
    anonymous.session.headers["Authorization"] = f"Bearer {token}"
    return anonymous


@pytest.fixture
def person(rest, portal_on):
    """An account and a contact, and what a user of theirs needs but for the profile."""
    account = rest.create("Account", Name="Acme Corporation")
    contact = rest.create("Contact", LastName="Doe", FirstName="Jane", AccountId=account)
    return {
        "Username": "Jane.Doe@acme.example.portal",
        "LastName": "Doe",
        "FirstName": "Jane",
        "Email": "jane.doe@acme.example",
        "Alias": "jdoe",
        "TimeZoneSidKey": "Europe/Berlin",
        "LocaleSidKey": "en_GB",
        "EmailEncodingKey": "UTF-8",
        "LanguageLocaleKey": "en_US",
        "ContactId": contact,
    }


@pytest.fixture
def profiles(rest, portal_on):
    return {row["Name"]: row["Id"] for row in rest.rows("SELECT Id, Name FROM Profile")}


@pytest.fixture
def clerk(rest, local, person, profiles):
    """Makes a user of the company with these permissions; returns headers of a session."""

    def make(*names):
        (license_,) = rest.rows("SELECT Id FROM UserLicense WHERE LicenseDefinitionKey = 'SFDC'")
        may = {f"Permissions{name}": True for name in ("ApiEnabled", *names)}
        profile = rest.create("Profile", Name=names[0], UserLicenseId=license_["Id"], **may)
        values = {k: v for k, v in person.items() if k != "ContactId"}
        values |= {"Username": f"{names[0]}@acme.example", "ProfileId": profile}
        id_ = rest.create("User", **values)
        return id_, {"Authorization": f"Bearer {local.start_session(id_).token}"}

    return make
