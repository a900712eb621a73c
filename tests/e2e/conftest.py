"""The installed command in a folder of its own, and a local org served by another process."""

import contextlib
import http.client
import json
import os
import pty
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from lxml import html

COMMAND = Path(sys.executable).with_name("provisioner")
ACME = Path(__file__).parents[2] / "specs" / "acme"
DEADLINE = 60.0
API = "/services/data/v62.0"
MEMBERS_PAGE = "/_ui/core/portal/PortalProfileMembershipPage/e"

# An environment for any org on a port: its address and its session come from outside.
SERVED = """\
env: [{name: ORG_URL, plain: true}]
org:
  login: access_token
  instance_url: "{{ env.ORG_URL }}"
  token: {env: ORG_TOKEN}
vars:
  domain: acme.example
  suffix: portal
"""


@dataclass(frozen=True)
class Ran:
    """How one run of the command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        assert self.out.startswith(("{", "[")), self.said
        return json.loads(self.out)

    @property
    def said(self):
        return self.out + self.err


@dataclass
class Work:
    """A folder to run the command in, with a `.provisioner` of its own."""

    folder: Path
    variables: dict = field(default_factory=dict)

    @property
    def home(self):
        return self.folder / ".provisioner"

    @property
    def control_token_file(self):
        return self.folder / "control-token"

    def write(self, name, text):
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    def copy_acme(self):
        """The walk-through's spec, and an environment for an org that is served."""
        shutil.copytree(ACME, self.folder / "specs" / "acme")
        self.add_served("acme")

    def add_served(self, spec):
        """Write an environment `served` for an org that is served."""
        self.write(f"specs/{spec}/environments/served.yaml", SERVED)

    def use(self, org, url=None):
        """Let the environments `served` be about this org."""
        self.variables |= {"ORG_URL": url or org.url, "ORG_TOKEN": org.token}

    def run(self, *arguments, status=None, timeout=DEADLINE, **variables):
        """Run the command to its end, with no terminal; `status` is what it must exit with."""
        done = subprocess.run(
            [COMMAND, *map(str, arguments)],
            cwd=self.folder,
            env=self.environ(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        ran = Ran(done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in ran.said, ran.said
        assert status is None or ran.status == status, f"exit status {ran.status}\n{ran.said}"
        return ran

    def answer(self, answer, *arguments):
        """Run the command on a terminal, where somebody types `answer`."""
        terminal, ours = pty.openpty()
        try:
            process = self.start(
                *arguments, stdin=ours, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            os.write(terminal, f"{answer}\n".encode())
            out, err = process.communicate(timeout=DEADLINE)
        finally:
            os.close(terminal)
            os.close(ours)
        return Ran(process.returncode, out, err)

    def start(self, *arguments, **options):
        """Start the command and do not wait for it."""
        return subprocess.Popen(
            [COMMAND, *map(str, arguments)],
            cwd=self.folder,
            env=self.environ(),
            text=True,
            encoding="utf-8",
            **options,
        )

    def environ(self, **more):
        """The variables of a plain machine: none that would change what the command does."""
        kept = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "SYSTEMROOT", "COVERAGE_PROCESS_START")
        plain = {name: os.environ[name] for name in kept if name in os.environ}
        plain |= {"HOME": str(self.folder), "PROVISIONER_HOME": str(self.home)}
        return plain | self.variables | more


@dataclass
class Org:
    """A local org that another process serves, as a client sees it that is not ours."""

    url: str
    token: str
    credentials: dict
    session: requests.Session
    folder: Path

    def send(self, method, path, body=None, **more):
        """One raw REST request, which must succeed."""
        reply = self.session.request(
            method,
            f"{self.url}{API}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=DEADLINE,
            **more,
        )
        assert reply.ok, reply.text
        return reply

    def control(self, method, path, body=None):
        """One request of the door for tests."""
        url = f"{self.url}/emulator{path}"
        reply = self.session.request(method, url, json=body, timeout=DEADLINE)
        assert reply.ok, reply.text
        return reply

    def query(self, soql):
        return self.send("GET", "/query", params={"q": soql}).json()["records"]

    def id(self, sobject, where):
        """The Id of the one record that there is."""
        (row,) = self.query(f"SELECT Id FROM {sobject} WHERE {where}")
        return row["Id"]

    def create(self, sobject, **values):
        return self.send("POST", f"/sobjects/{sobject}", values).json()["id"]

    def change(self, sobject, where, **values):
        """Change the one record that there is, as somebody with the REST API does."""
        self.send("PATCH", f"/sobjects/{sobject}/{self.id(sobject, where)}", values)

    def take_off(self, profile, portal_id):
        """Untick a profile on the portal's membership page, as somebody with a browser does."""
        with requests.Session() as browser:
            login = {"sid": self.token, "retURL": "/"}
            browser.post(f"{self.url}/secur/frontdoor.jsp", data=login, timeout=DEADLINE)
            page = browser.get(
                f"{self.url}{MEMBERS_PAGE}", params={"portalId": portal_id}, timeout=DEADLINE
            )
            form = html.fromstring(page.text).get_element_by_id("editPage")
            (box,) = (
                label.getparent().getparent().find(".//input")
                for label in form.iter("label")
                if label.text_content().strip() == profile
            )
            box.checked = False
            data = [*form.form_values(), ("save", "Save")]
            saved = browser.post(self.url + form.get("action"), data=data, timeout=DEADLINE)
            assert saved.ok, saved.text

    def user(self, first, last, profile, **values):
        """Make a user of this profile; its username is returned."""
        username = f"{first}.{last}@acme.example".lower()
        self.create(
            "User",
            FirstName=first,
            LastName=last,
            Alias=last[:8],
            Username=username,
            Email=username,
            ProfileId=self.id("Profile", f"Name='{profile}'"),
            TimeZoneSidKey="Europe/Berlin",
            LocaleSidKey="en_US",
            LanguageLocaleKey="en_US",
            EmailEncodingKey="UTF-8",
            **values,
        )
        return username

    def colleague(self, first, last):
        """The same org as another administrator sees it, whose name then stands on changes."""
        username = self.user(first, last, "System Administrator")
        id_ = self.id("User", f"Username='{username}'")
        password = "by-hand-4711"
        self.send("POST", f"/sobjects/User/{id_}/password", {"NewPassword": password})
        form = {
            "grant_type": "password",
            "client_id": self.credentials["consumer_key"],
            "client_secret": self.credentials["consumer_secret"],
            "username": username,
            "password": password,
        }
        url = f"{self.url}/services/oauth2/token"
        token = self.session.post(url, data=form, timeout=DEADLINE).json()["access_token"]
        return replace(self, token=token)

    def outbox(self):
        return self.session.get(f"{self.url}/emulator/outbox", timeout=DEADLINE).json()


@dataclass
class Watched:
    """A proxy in front of an org, which writes down every request that goes through it.

    `lose`, if it is set, is asked about each write that the org has done: True loses the answer.
    """

    url: str
    requests: list
    lose: Callable | None = None
    refuse: Callable | None = None
    arrived: Callable | None = None
    answered: Callable | None = None

    def writes(self):
        """The requests that change something: reads and logins by POST are none."""
        return [
            (method, path) for method, path, body in self.requests if _writes(method, path, body)
        ]


def _writes(method, path, body):
    return method != "GET" and not _reads(urlsplit(path).path, body)


def _reads(path, body):
    if path.endswith("/composite"):
        return all(r["method"] == "GET" for r in json.loads(body)["compositeRequest"])
    if "/services/Soap/m/" in path:
        return b"readMetadata" in body or b"listMetadata" in body
    return path in ("/services/oauth2/token", "/secur/frontdoor.jsp")


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(found, process):
    """What `found` returns once that is something; it is asked until the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not (answer := found()):
        assert process.poll() is None, "the process ended"
        assert time.monotonic() < deadline, "waited in vain"
        threading.Event().wait(0.02)
    return answer


def _answers(url):
    def ask():
        try:
            return requests.get(f"{url}/services/data", timeout=DEADLINE).ok
        except requests.ConnectionError:
            return False

    return ask


@contextlib.contextmanager
def serving(work):
    """`provisioner org serve` in another process, for as long as this lasts."""
    port = free_port()
    process = work.start(
        "org",
        "serve",
        "--control",
        "--control-token-file",
        work.control_token_file,
        "--port",
        port,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(_answers(url), process)
        shown = work.run("org", "show", "--format", "json", status=0).json
        assert shown["instance_url"] == url
        with requests.Session() as session:
            session.headers["X-Control-Token"] = work.control_token_file.read_text("ascii").strip()
            yield Org(url, shown["access_token"], shown, session, work.folder)
    finally:
        process.terminate()
        process.wait(timeout=DEADLINE)


@contextlib.contextmanager
def watching(org):
    """A reverse proxy in front of the org, for as long as this lasts."""
    watched = Watched("", [])
    upstream = urlsplit(org.url).netloc
    counting = threading.Lock()

    class Passing(BaseHTTPRequestHandler):
        def do(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = self.command, self.path, body
            with counting:
                number = len(watched.requests)
                watched.requests.append(request)
            if watched.arrived and watched.arrived(number):
                self.close_connection = True
                return
            if watched.refuse and watched.refuse(*request):
                self.close_connection = True
                return
            onward = http.client.HTTPConnection(upstream, timeout=DEADLINE)
            try:
                onward.request(self.command, self.path, body, dict(self.headers))
                reply = onward.getresponse()
                answer = reply.read()
            finally:
                onward.close()
            if watched.answered:
                watched.answered(number)
            if watched.lose and _writes(*request) and watched.lose(*request):
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # who asked may be dead by now
                self.wfile.write(answer)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do  # noqa: N815 - http.server's names

        def log_message(self, *arguments):
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Passing) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            watched.url = f"http://127.0.0.1:{server.server_port}"
            yield watched
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def work(tmp_path):
    """An empty folder to run the command in."""
    return Work(tmp_path)


@pytest.fixture(scope="module")
def new_work(tmp_path_factory):
    """One more empty folder to run the command in: `new_work()`."""
    return lambda: Work(tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def org(new_work):
    """A new local org, served by another process for all tests of the module."""
    with serving(new_work()) as served:
        yield served


@pytest.fixture(scope="module")
def watched(org):
    """The same org behind a proxy that writes down the requests."""
    with watching(org) as proxy:
        yield proxy


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def until():
    """Wait until something is so: `until(lambda: ..., process)`."""
    return wait_until


@pytest.fixture
def serve(new_work):
    """Serve one more new org until the test is over: `serve()`."""
    with contextlib.ExitStack() as until_the_end:
        yield lambda: until_the_end.enter_context(serving(new_work()))


@pytest.fixture
def watch():
    """Put a proxy in front of an org until the test is over: `watch(org)`."""
    with contextlib.ExitStack() as until_the_end:
        yield lambda org: until_the_end.enter_context(watching(org))


@pytest.fixture
def acme(work, serve, watch):
    """The walk-through's spec for a new served org, which is behind a proxy."""
    org = serve()
    watched = watch(org)
    work.copy_acme()
    work.use(org, watched.url)
    return work, org, watched
