"""The local org of a folder, and the ways to reach it."""

import threading

import pytest
import requests

from provisioner.emulator.local import LocalOrg
from provisioner.emulator.server import InProcessAdapter, Server


@pytest.fixture
def local(tmp_path):
    local = LocalOrg(tmp_path / "org")
    yield local
    local.close()


def test_the_folder_stays_out_of_git_and_its_secrets_private(local):
    credentials = local.credentials()
    assert (local.folder / ".gitignore").read_text() == "*\n"
    assert credentials.instance_url == "http://127.0.0.1:8787"
    assert credentials.private_key_file.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" in credentials.private_key_file.read_text()
    assert credentials.access_token not in repr(credentials)
    assert credentials.password not in repr(credentials)


def test_credentials_stay_while_they_are_valid(local):
    first = local.credentials()
    local.close()
    assert local.credentials() == first
    org = local.open()
    org.set_clock(org.now().replace(year=2100))
    assert local.credentials().access_token != first.access_token


def test_a_reset_changes_the_secrets(local):
    first = local.credentials()
    local.reset()
    second = local.credentials()
    assert second.access_token != first.access_token
    assert second.consumer_key != first.consumer_key


def test_served_on_a_loopback_port_and_in_process_alike(local):
    credentials = local.credentials()
    app = local.app()
    headers = {"Authorization": f"Bearer {credentials.access_token}"}
    path = "/services/data/v62.0/query?q=SELECT+Name+FROM+User+WHERE+Name+LIKE+'%25min'"
    server = Server(app)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with requests.Session() as session:
            session.mount("https://acme.example", InProcessAdapter(app))
            served = session.get(server.url + path, headers=headers)
            direct = session.get(f"https://acme.example{path}", headers=headers)
        assert served.json() == direct.json()
        assert direct.json()["records"][0]["Name"] == "Portal Admin"
        assert (direct.status_code, direct.reason) == (200, "OK")
    finally:
        server.close()
        thread.join()


def test_never_served_to_other_machines(local):
    with pytest.raises(ValueError, match="loopback"):
        Server(local.app(), host="0.0.0.0")


def test_cookies_and_redirects_work_in_process():
    from flask import Flask, redirect, request

    app = Flask(__name__)

    @app.post("/login")
    def login():
        response = redirect("/home?x=a%20b")
        response.set_cookie("sid", request.form["name"])
        return response

    @app.get("/home")
    def home():
        return f"{request.cookies['sid']} {request.args['x']} {request.host}"

    with requests.Session() as session:
        session.mount("http://acme.example", InProcessAdapter(app))
        answer = session.post("http://acme.example/login", data={"name": "Jäne"})
        assert answer.text == "Jäne a b acme.example"
        assert answer.history[0].status_code == 302
        assert answer.url == "http://acme.example/home?x=a%20b"
