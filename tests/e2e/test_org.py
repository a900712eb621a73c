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
    assert f"port {port} cannot be served: Address already in use" in second.err
    assert "`--port`" in second.err
    assert process.poll() is None
    assert listens(port)


def test_a_second_server_that_fails_does_not_hide_the_first(served, work):
    _, port = served
    second = work.run("org", "serve", "--port", port, status=1)
    assert "is served at" not in second.err
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


MAIL_LINES = (
    "To: jane.doe@acme.example",
    "Date: 20",
    "Subject: Your new Acme Customer Portal password",
)


def test_the_first_run_ends_with_the_login_page_and_the_email(work):
    work.copy_acme()
    for _ in range(2):  # the second has nothing to apply
        ran = work.run("apply", "specs/acme", "--env", "local", "--auto-approve", status=0)
        last = ran.err.strip().splitlines()[-1]
        assert "`provisioner org serve`" in last
        assert "`provisioner org mail`" in last
    shown = work.run("org", "mail", status=0)
    for line in MAIL_LINES:
        assert line in shown.out
    (password,) = re.findall(r"Password: (\S+)", shown.out)
    assert "temporary passwords in them are valid" in shown.err
    # It is the one that opens the portal.
    options = ("--spec", "specs/acme", "--env", "local", "--password-env", "SECRET")
    ran = work.run("verify", "login", "jane", *options, SECRET=password)
    assert password not in ran.said
    assert "the org asks for a new password" in ran.said


def test_another_org_is_not_said_to_be_the_local_one(acme):
    work, _, _ = acme
    ran = work.run("apply", "specs/acme", "--env", "served", "--auto-approve", status=0)
    assert "org mail" not in ran.said


def test_the_outbox_is_read_while_the_org_is_served(work):
    assert "has no email\n" in work.run("org", "mail", status=0).err
    assert work.run("org", "mail", "--format", "json", status=0).json == []
    work.copy_acme()
    process, _, _ = serve_with_door(work)
    try:
        work.run("apply", "specs/acme", "--env", "local", "--auto-approve", status=0)
        work.run(*("password", "reset", "jane", "--spec", "specs/acme"), "--auto-approve", status=0)
        welcome, reset = work.run("org", "mail", "--format", "json", status=0).json
        assert list(welcome) == ["sent", "recipient", "subject", "body"]
        assert welcome["subject"] == "Your new Acme Customer Portal password"
        assert welcome["sent"] <= reset["sent"]
        assert "Password: " in reset["body"]
        ours = work.run("org", "mail", "--to", "Jane.Doe@acme.example", status=0)
        assert ours.out.index(welcome["body"].strip()) < ours.out.index(reset["body"].strip())
        nobody = work.run("org", "mail", "--to", "joe@acme.example", status=0)
        assert (nobody.out, "has no email to joe@acme.example" in nobody.err) == ("", True)
    finally:
        stop(process)


def test_the_login_page_links_to_where_the_email_is(served):
    _, port = served
    home = f"http://127.0.0.1:{port}"
    page = requests.get(f"{home}/", timeout=DEADLINE)
    (link,) = re.findall(r'href="(/local-org/mail)"', page.text)
    there = requests.get(f"{home}{link}", timeout=DEADLINE)
    assert there.ok
    assert "provisioner org mail" in there.text


@pytest.mark.parametrize("spoiled", ["folder", "file"])
def test_a_folder_that_can_not_hold_the_org_is_named(spoiled, work):
    if spoiled == "folder":
        work.write(".provisioner", "")
    else:
        work.write(".provisioner/local-org.sqlite3", "this is no database, and long enough\n" * 99)
    assert ".provisioner" in work.run("org", "show", status=1).err


# -- the door for tests ---------------------------------------------------------------------------


def serve_with_door(work, *options):
    """Serve with the door open; the process, the door's URL and what was said before it."""
    process = work.start(
        "org", "serve", "--control", "--port", "0", *options, stdout=subprocess.DEVNULL, stderr=-1
    )
    said = ""
    while "help: send the token" not in said:
        assert process.poll() is None, said
        said += process.stderr.readline()
    (url,) = re.findall(r"is served at (http://127.0.0.1:[1-9]\d*)", said)
    return process, f"{url}/emulator", said


def stop(process):
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=DEADLINE)
    return rest


def test_the_door_warns_and_opens_only_with_the_token_that_is_printed_once(work):
    process, door, said = serve_with_door(work)
    try:
        token = process.stderr.readline().removeprefix("control token: ").strip()
        assert "every user of this machine who has its token" in said
        assert "the outbox, with temporary passwords" in said
        for headers in ({}, {"X-Control-Token": "guessed"}):
            refused = requests.get(f"{door}/outbox", headers=headers, timeout=DEADLINE)
            assert refused.status_code == 403
            assert "`X-Control-Token`" in refused.json()["error"]
        reply = requests.get(f"{door}/outbox", headers={"X-Control-Token": token}, timeout=DEADLINE)
        assert (reply.status_code, reply.json()) == (200, [])
    finally:
        rest = stop(process)
    assert token not in said + rest
    process, _, _ = serve_with_door(work)
    second = process.stderr.readline().removeprefix("control token: ").strip()
    stop(process)
    assert len(token) == len(second) == 43
    assert second != token


def test_a_token_file_is_written_once_and_then_read(work):
    file = work.control_token_file
    for _ in range(2):
        process, door, said = serve_with_door(work, "--control-token-file", file)
        try:
            token = file.read_text("ascii").strip()
            assert file.stat().st_mode & 0o777 == 0o600
            headers = {"X-Control-Token": token}
            assert requests.get(f"{door}/outbox", headers=headers, timeout=DEADLINE).ok
        finally:
            said += stop(process)
        assert "control token:" not in said
        assert token not in said
        file.write_text("a-token-of-my-own-choice\n", "ascii")


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("a-token-of-my-own-choice", 0o640, "only you can read"),
        ("short", 0o600, "16 or more characters (ASCII)"),
        ("two words of a good length", 0o600, "one word"),
        ("", 0o600, "16 or more characters (ASCII)"),
        ("пароль-по-русски-вот", 0o600, "one word"),
    ],
)
def test_a_token_file_that_protects_nothing_is_refused(text, mode, said, work):
    work.control_token_file.write_text(text, "utf-8")
    work.control_token_file.chmod(mode)
    ran = work.run(
        "org", "serve", "--control", "--control-token-file", work.control_token_file, status=1
    )
    assert str(work.control_token_file) in ran.err
    assert said in ran.err
    assert not text or text not in ran.err


def test_a_token_file_without_the_door_is_refused(work):
    ran = work.run("org", "serve", "--control-token-file", "token", status=1)
    assert "`--control-token-file` needs `--control`" in ran.err


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
    assert f"port {port} cannot be served: Address already in use" in second.err
