"""The way to an org, over real sockets: what fails, when, and what it is called."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from provisioner.model import hosts
from provisioner.model.credentials import ClientCredentials
from provisioner.model.operations import (
    CreateRecord,
    Describe,
    EnableCustomerPortal,
    ListMetadata,
    ReadMembership,
    ServerTime,
    UpdateRecord,
)
from provisioner.model.resource import Secret
from provisioner.org import sessions as http
from provisioner.org import transport as transport
from provisioner.org.auth import connect
from provisioner.org.client import SalesforceOrg
from provisioner.org.errors import AuthenticationFailed, NoAnswer, NotSent, OrgError
from provisioner.org.timing import Timing

CREATE = CreateRecord("Account", {"Name": "Acme"})


@contextmanager
def server(answer):
    """A web server on this machine; `answer(handler)` gives every reply."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self)

        do_GET = do_POST  # noqa: N815 - the name that http.server calls

        def log_message(self, *args):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


def page(status, text, **headers):
    def answer(handler):
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(text)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text.encode())

    return answer


def org_at(url, **options):
    return SalesforceOrg(url, Secret("00Dtoken"), sleep=lambda _: None, **options)


def unused_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def failure(url, kind, call=CREATE, **options):
    org = org_at(url, **options)
    with pytest.raises(kind) as caught:
        org.call(call)
    assert type(caught.value) is kind
    return org, caught.value


def test_plain_http_reaches_an_org_on_this_machine():
    with server(page(201, '{"id": "001000000000001AAA", "success": true}')) as url:
        assert org_at(url).call(CREATE) == "001000000000001AAA"


@pytest.mark.parametrize(
    "url",
    ["http://acme.my.salesforce.com", "http://10.0.0.1:8080", "http://localhost.evil.example"],
)
def test_plain_http_to_any_other_machine_is_refused_before_anything_is_sent(url):
    with pytest.raises(AuthenticationFailed, match="in plain http"):
        org_at(url)


def test_a_redirect_to_plain_http_elsewhere_is_not_followed():
    with (
        server(page(302, "", Location="http://acme.example/")) as url,
        pytest.raises(NoAnswer, match=r"redirected the request to `acme\.example`"),
    ):
        org_at(url).read(Describe("User"))


@pytest.mark.parametrize("url", ["acme.my.salesforce.com", "ftp://acme.example", "https://", ""])
def test_what_is_no_web_address_is_refused(url):
    with pytest.raises(AuthenticationFailed, match="is not the address of an org"):
        org_at(url)


def test_a_refused_connection_was_not_sent():
    port = unused_port()
    _, error = failure(f"http://127.0.0.1:{port}", NotSent)
    assert str(error) == f"`127.0.0.1:{port}` refused the connection"
    assert error.host == f"127.0.0.1:{port}"


def test_an_unknown_host_was_not_sent(monkeypatch):
    def unknown(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    _, error = failure("https://nope.my.salesforce.com", NotSent)
    assert str(error) == "there is no host `nope.my.salesforce.com`"


def test_tls_that_can_not_be_agreed_on_was_not_sent_and_is_not_tried_again():
    with server(page(200, "{}")) as url:
        org = org_at(url.replace("http:", "https:"))
        with pytest.raises(NotSent, match="no secure connection"):
            org.read(Describe("User"))
    assert org.requests_sent == 1


def test_an_org_that_is_silent_too_long_gave_no_answer(monkeypatch):
    for module in (http, transport):
        monkeypatch.setattr(module, "timing_for", lambda _: Timing(read=0.2))
    done = threading.Event()
    with server(lambda handler: done.wait(5)) as url:
        _, error = failure(url, NoAnswer)
        done.set()
    assert "did not answer in 0.2 seconds" in str(error)


def test_a_connection_that_takes_too_long_was_not_sent(monkeypatch):
    def never(*args, **kwargs):
        raise TimeoutError("timed out")

    monkeypatch.setattr("urllib3.util.connection.create_connection", never)
    _, error = failure("http://127.0.0.1:1", NotSent)
    assert "within 10 seconds" in str(error)


def test_a_connection_closed_before_the_answer_gave_no_answer():
    with server(lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)) as url:
        org, error = failure(url, NoAnswer)
    assert "closed the connection before it answered" in str(error)
    assert org.requests_sent == 1


def test_an_answer_cut_short_is_no_answer():
    def cut(handler):
        handler.send_response(201)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b'{"id": ')

    with server(cut) as url:
        failure(url, NoAnswer)


def test_a_maintenance_page_is_told_as_one():
    with server(page(503, "<html>Down for maintenance</html>")) as url:
        _, error = failure(url, NoAnswer)
    assert "(503)" in str(error)
    assert "maintenance" in error.remedy


def test_a_failure_that_was_being_handled_does_not_colour_the_next():
    with server(lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)) as url:
        try:
            org_at(f"http://127.0.0.1:{unused_port()}").call(CREATE)
        except NotSent:
            failure(url, NoAnswer)


def test_every_request_has_a_time_out(script, monkeypatch):
    seen = []

    def send(self, request, **kwargs):
        seen.append(kwargs["timeout"])
        raise requests.ConnectionError("no")

    monkeypatch.setattr(HTTPAdapter, "send", send)
    failure("https://acme.my.salesforce.com", NoAnswer)
    assert seen == [(10.0, 120.0)]


def test_a_session_with_its_own_adapter_for_the_host_keeps_it(script):
    session = requests.Session()
    session.mount("http://local.org", script)
    before = dict(session.adapters)
    script.answers = [(201, {"id": "001000000000001AAA"}), (200, {"name": "User", "fields": []})]
    org = org_at("http://local.org", session=session)
    assert org.call(CREATE) == "001000000000001AAA"
    assert org.read(Describe("User")) == {"name": "User", "fields": []}
    assert dict(session.adapters) == before


def test_settings_of_the_session_are_taken_over_but_not_its_cookies(script, session):
    session.headers["User-Agent"] = "provisioner"
    session.cookies.set("who", "someone else")
    script.answers = [(201, {"id": "001000000000001AAA"})]
    org_at("https://acme.my.salesforce.com", session=session).call(CREATE)
    headers = script.requests[0].headers
    assert (headers["User-Agent"], headers.get("Cookie")) == ("provisioner", None)


def test_every_failure_is_an_org_error():
    way = transport.Transport("https://acme.my.salesforce.com")
    for failed in (requests.TooManyRedirects("x"), requests.exceptions.InvalidHeader("x")):
        with pytest.raises(OrgError):
            way.write(lambda failed=failed: (_ for _ in ()).throw(failed), lambda _: None)


BUSY = '[{"errorCode": "SERVER_UNAVAILABLE", "message": "Server Unavailable"}]'


@pytest.mark.parametrize(
    ("header", "waited"),
    [("7", 7.0), ("100000", 60.0), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)],
)
def test_a_server_that_says_when_to_come_again_is_heard(header, waited):
    waits = []
    with server(page(503, BUSY, **{"Retry-After": header})) as url:
        org = SalesforceOrg(url, Secret("00Dtoken"), sleep=waits.append)
        with pytest.raises(OrgError):
            org.read(Describe("Account"))
        with pytest.raises(OrgError) as write:
            org.call(CREATE)
        assert waited is None or transport.pause(0, write.value.retry_after) == waited
    if waited is None:
        assert all(0.2 < wait <= 8 for wait in waits)
    else:
        assert set(waits) == {waited}
    assert len(waits) == 3


# ---------------------------------------------------------------- where credentials go


@contextmanager
def recording(answer=None):
    """A server that keeps the head and the body of every request."""
    seen = []

    def keep(handler):
        seen.append((handler.command, handler.path, dict(handler.headers)))
        (answer or page(200, "<html>elsewhere</html>"))(handler)

    with server(keep) as url:
        yield url, seen


def test_netrc_neither_replaces_the_token_nor_is_sent(tmp_path, monkeypatch):
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login someone password from-netrc\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    with recording(page(200, '{"fields": []}')) as (url, seen):
        org_at(url).read(Describe("User"))
        setup = http.session_for(url)
        setup.get(url)
    first, second = (headers for _, _, headers in seen)
    assert first["Authorization"] == "Bearer 00Dtoken"
    assert "Authorization" not in second


def test_a_proxy_of_the_environment_is_used(monkeypatch):
    with recording(page(200, '{"fields": []}')) as (url, seen):
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.setenv("http_proxy", url)
        org_at("http://acme.localhost").read(Describe("User"))
    assert seen[0][1].startswith("http://acme.localhost/services/data/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_never_followed(status):
    with (
        recording() as (other, seen),
        server(page(status, "", Location=f"{other}/x", **{"Set-Cookie": "sid=00Dtoken"})) as url,
    ):
        org = org_at(url)
        for action in (
            lambda: org.read(Describe("User")),
            lambda: org.read(ServerTime()),
            lambda: org.read(ListMetadata(("Profile",))),
            lambda: org.read(ReadMembership("060000000000001AAA")),
            lambda: org.call(CREATE),
            lambda: org.call(EnableCustomerPortal()),
            lambda: org.visit(f"{url}/secur/login_portal.jsp").open(),
            lambda: connect(ClientCredentials(url, "key", Secret("s3cret"))),
        ):
            with pytest.raises(NoAnswer, match="redirected the request to") as caught:
                action()
            assert caught.value.message.endswith(f"`{urlsplit(other).netloc}`")
    assert seen == []


def test_a_page_is_followed_within_the_org_without_what_was_posted():
    def answer(handler):
        if handler.path.startswith("/secur"):
            page(302, "", Location="/home", **{"Set-Cookie": "sid=00Dcookie; Path=/"})(handler)
        else:
            page(200, "<html><input id='portalId'>Home</html>")(handler)

    with recording(answer) as (url, seen):
        org_at(url).read(ReadMembership("060000000000001AAA"))
    assert [(method, path.partition("?")[0]) for method, path, _ in seen] == [
        ("POST", "/secur/frontdoor.jsp"),
        ("GET", "/home"),
        ("GET", "/_ui/core/portal/PortalProfileMembershipPage/e"),
    ]
    followed = seen[1][2]
    assert followed["Cookie"] == "sid=00Dcookie"
    assert not {"Referer", "Authorization", "Content-Type"} & followed.keys()


@pytest.mark.parametrize("status", [307, 308])
def test_what_was_posted_is_not_posted_again(status):
    with recording(page(status, "", Location="/again")) as (url, seen), pytest.raises(NoAnswer):
        org_at(url).read(ReadMembership("060000000000001AAA"))
    assert {path for _, path, _ in seen} == {"/secur/frontdoor.jsp"}


@pytest.mark.parametrize(
    ("org", "url", "same"),
    [
        ("https://acme.my.salesforce.com", "https://acme.my.salesforce.com/x", True),
        ("https://acme.my.salesforce.com", "https://ACME.my.salesforce.com:443/x", True),
        ("https://acme.my.salesforce.com", "https://acme.my.salesforce-setup.com/x", True),
        ("https://acme.my.salesforce.com", "https://acme.lightning.force.com/x", True),
        ("https://acme.my.salesforce.com", "https://acme--c.vf.force.com/x", True),
        (
            "https://a--b.sandbox.my.salesforce.com",
            "https://a--b.sandbox.lightning.force.com",
            True,
        ),
        ("https://a--b.sandbox.my.salesforce.com", "https://a--b--c.sandbox.vf.force.com", True),
        ("https://acme.my.salesforce.mil", "https://acme.lightning.force.mil", True),
        ("https://acme.my.salesforce.com", "http://acme.my.salesforce.com/x", False),
        ("https://acme.my.salesforce.com", "https://acme.my.salesforce.com:8443/x", False),
        ("https://acme.my.salesforce.com", "https://x@acme.my.salesforce.com/x", False),
        ("https://acme.my.salesforce.com", "https://other.my.salesforce.com/x", False),
        ("https://acme.my.salesforce.com", "https://other.lightning.force.com/x", False),
        ("https://acme.my.salesforce.com", "https://acme.lightning.force.com.evil.example", False),
        ("https://acme.my.salesforce.com", "https://acme2--c.vf.force.com/x", False),
        ("https://acme.my.salesforce.com", "https://acme.my.site.com/x", False),
        ("https://acme.my.salesforce.com", "https://acme.lightning.force.mil/x", False),
        ("https://acme.my.salesforce.com", "javascript:alert(1)", False),
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787/x", True),
        ("http://127.0.0.1:8787", "http://127.0.0.1:8788/x", False),
        ("http://127.0.0.1:8787", "http://localhost:8787/x", False),
    ],
)
def test_the_hosts_of_an_org_are_those_of_its_my_domain(org, url, same):
    assert hosts.is_of_org(org, url) is same


def test_the_address_that_a_login_returns_must_be_trusted_too():
    answer = page(200, '{"access_token": "00Dx", "instance_url": "https://evil.example"}')
    with server(answer) as url, pytest.raises(AuthenticationFailed, match=r"`evil\.example`"):
        connect(ClientCredentials(url, "key", Secret("s3cret")))


def test_a_customers_password_goes_only_to_hosts_that_the_org_lists():
    sites = '{"communities": [{"siteUrl": "https://acme.my.site.com/help"}]}'
    refusal = '[{"errorCode": "INVALID_TYPE", "message": "no Domain"}]'

    def answer(handler):
        (page(400, refusal) if "/query" in handler.path else page(200, sites))(handler)

    with recording(answer) as (url, seen):
        visit = org_at(url).visit("https://evil.example/login")
        with pytest.raises(OrgError, match=r"does not list `evil\.example`"):
            visit.open()
    assert all(path.startswith("/services/data/") for _, path, _ in seen)
    form = "<form method=post action='https://evil.example/'><input name=un><input name=pw></form>"
    with recording(page(200, form)) as (url, seen):
        visit = org_at(url).visit(f"{url}/secur/login_portal.jsp")
        visit.open()
        with pytest.raises(OrgError, match=r"sent to `evil\.example`"):
            visit.log_in("jane", Secret("hunter2"))
    assert [method for method, _, _ in seen] == ["GET"]


def test_a_customers_password_goes_to_the_host_of_a_site_that_the_org_lists():
    form = "<form method=post action='/login'><input name=un><input name=pw></form>"

    def site(handler):
        page(200, form if handler.command == "GET" else "<a href=/secur/logout.jsp>x</a>")(handler)

    with recording(site) as (site_url, seen):
        communities = {"communities": [{"siteUrl": f"{site_url}/help"}]}
        refusal = '[{"errorCode": "INVALID_TYPE", "message": "no Domain"}]'

        def answer(handler):
            query = "/query" in handler.path
            (page(400, refusal) if query else page(200, json.dumps(communities)))(handler)

        with server(answer) as url:
            visit = org_at(url).visit(f"{site_url}/help/login")
            visit.open()
            assert visit.log_in("jane", Secret("hunter2")) is False
            visit.landed("jane")
    assert [(method, path) for method, path, _ in seen] == [
        ("GET", "/help/login"),
        ("POST", "/login"),
    ]
    assert not any("Authorization" in headers for _, _, headers in seen)


def test_an_upload_may_take_longer_than_connecting(monkeypatch):
    for module in (http, transport):
        monkeypatch.setattr(module, "timing_for", lambda _: Timing(connect=0.3))
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listening.bind(("127.0.0.1", 0))
    listening.listen()

    def read_late():
        connection, _ = listening.accept()
        time.sleep(1)
        left = 8_000_000
        while left > 0:
            left -= len(connection.recv(1_000_000))
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        connection.close()

    thread = threading.Thread(target=read_late)
    thread.start()
    org = org_at(f"http://127.0.0.1:{listening.getsockname()[1]}")
    org.call(UpdateRecord("Account", "001000000000001AAA", {"Description": "x" * 8_000_000}))
    thread.join()
    listening.close()
