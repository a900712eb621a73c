"""`provisioner org`: the local org is served until it is interrupted, shown, and started over."""

import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest
import requests
from simple_salesforce import Salesforce

DEADLINE = 60


@pytest.fixture
def served(work, port, until):
    """A process that serves, and the port."""
    process = work.start("org", "serve", "--port", port, stdout=subprocess.PIPE, stderr=-1)
    try:
        until(lambda: listens(port), process)
        yield process, port
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE)


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_and_frees_the_port(ending, served, work):
    process, port = served
    # A client that keeps its connection open holds nothing up.
    with requests.Session() as client:
        assert client.get(f"http://127.0.0.1:{port}/services/data", timeout=DEADLINE).ok
        process.send_signal(ending)
        out, err = process.communicate(timeout=5)
    assert "Traceback" not in err
    assert out == ""
    if ending is signal.SIGINT:
        assert process.returncode == 0, err
        assert f"http://127.0.0.1:{port}" in err
        # Nothing says any more that the org is served there.
        assert str(port) not in work.run("org", "show", status=0).out
    with socket.socket() as next_one:
        next_one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        next_one.bind(("127.0.0.1", port))


def test_a_port_that_is_taken_is_named(served, work):
    process, port = served
    second = work.run("org", "serve", "--port", port, status=1)
    assert f"port {port} can not be served: Address already in use" in second.err
    assert "`--port`" in second.err
    assert process.poll() is None
    assert listens(port)


def test_a_second_server_that_fails_does_not_hide_the_first(served, work):
    _, port = served
    second = work.run("org", "serve", "--port", port, status=1)
    assert "answers at" not in second.err
    assert f"http://127.0.0.1:{port}" in work.run("org", "show", status=0).out


@pytest.mark.parametrize("port", ["65536", "-1"])
def test_a_port_that_is_none_is_refused(port, work):
    assert port in work.run("org", "serve", "--port", port, status=1, timeout=5).err


def test_port_0_is_any_free_one_and_is_told(work):
    process = work.start("org", "serve", "--port", "0", stdout=subprocess.DEVNULL, stderr=-1)
    try:
        (url,) = re.findall(r"http://127.0.0.1:[1-9]\d*", process.stderr.readline())
        assert requests.get(f"{url}/services/data", timeout=DEADLINE).ok
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


def test_show_prints_how_to_log_in_and_reset_starts_over(work):
    first = work.run("org", "show", "--format", "json", status=0).json
    assert {"instance_url", "access_token", "username", "password", "organization_id"} <= set(first)
    assert work.run("org", "show", "--format", "json", status=0).json == first
    work.write("specs/shop/accounts.yaml", "accounts: {acme: {Name: Acme Corporation}}\n")
    work.run("apply", "--auto-approve", status=0)
    assert work.run("plan", "--detailed-exitcode", status=0).status == 0

    work.run("org", "reset", status=0)
    second = work.run("org", "show", "--format", "json", status=0).json
    assert second["access_token"] != first["access_token"]
    assert work.run("plan", "--detailed-exitcode", status=2).status == 2
    # What is kept there is nobody else's to read, and nothing for the repository.
    assert (work.home / ".gitignore").read_text("utf-8") == "*\n"
    for file in work.home.iterdir():
        assert file.name == ".gitignore" or file.stat().st_mode & 0o077 == 0, file


@pytest.mark.parametrize("spoiled", ["folder", "file"])
def test_a_folder_that_can_not_hold_the_org_is_named(spoiled, work):
    if spoiled == "folder":
        work.write(".provisioner", "")
    else:
        work.write(".provisioner/local-org.sqlite3", "this is no database, and long enough\n" * 99)
    assert ".provisioner" in work.run("org", "show", status=1).err


# -- https ---------------------------------------------------------------------------------------


@pytest.fixture
def secured(work, until):
    """A process that serves https, and what `org show` says of it."""
    process = work.start(
        "org", "serve", "--https", "--port", "0", stdout=subprocess.DEVNULL, stderr=-1
    )
    try:
        (url,) = re.findall(r"https://127.0.0.1:[1-9]\d*", process.stderr.readline())
        yield process, url, work.run("org", "show", "--format", "json", status=0).json
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE)


def test_a_client_that_only_speaks_https_works_unchanged(secured, monkeypatch):
    # simple-salesforce writes https:// before every host; so does the zeep client that it makes.
    _, url, shown = secured
    assert shown["instance_url"] == url
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", shown["ca_file"])
    client = Salesforce(session_id=shown["access_token"], instance=url.removeprefix("https://"))
    made = client.Account.create({"Name": "Acme"})
    assert client.query("SELECT Id FROM Account")["records"][0]["Id"] == made["id"]
    assert client.restful("")["identity"].startswith(url)
    rows = [{"LastName": f"Doe {n}"} for n in range(1000)]
    assert all(row["success"] for row in client.bulk.Contact.insert(rows))
    assert client.mdapi.OrgSettings.read("Org").fullName == "Org"
    client.session.close()


def test_nobody_trusts_the_certificate_unasked(secured):
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{secured[1]}/services/data", timeout=DEADLINE)


def test_plain_http_is_no_way_in_where_https_is_served(secured):
    with pytest.raises(requests.ConnectionError):
        requests.get(secured[1].replace("https", "http") + "/services/data", timeout=DEADLINE)


def test_an_interrupt_ends_https_while_clients_are_connected(secured, work):
    process, url, shown = secured
    with requests.Session() as client:
        assert client.get(f"{url}/services/data", verify=shown["ca_file"], timeout=DEADLINE).ok
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=5)
    assert "Traceback" not in err
    assert process.returncode == 0
    # The files stay: who trusts the authority once need not do so at the next start.
    assert Path(shown["ca_file"]).exists()
    assert "ca_file" not in work.run("org", "show", status=0).out
    key = Path(shown["ca_file"]).with_name("local-org-tls.pem")
    assert key.stat().st_mode & 0o077 == 0


def test_a_port_that_is_taken_is_named_for_https_too(served, work):
    _, port = served
    second = work.run("org", "serve", "--https", "--port", port, status=1)
    assert f"port {port} can not be served: Address already in use" in second.err
