"""A fresh local org for every test, reached in process, and an `Org` logged in to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from provisioner.emulator.local import Credentials, LocalOrg
from provisioner.emulator.server import InProcessAdapter
from provisioner.model.credentials import AccessToken
from provisioner.model.resource import Secret
from provisioner.org.auth import connect
from provisioner.org.client import SalesforceOrg


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalOrg]:
    local = LocalOrg(tmp_path / "org")
    yield local
    local.close()


@pytest.fixture
def credentials(local: LocalOrg) -> Credentials:
    return local.credentials()


@pytest.fixture
def app(local: LocalOrg):
    return local.app(control=True)


@pytest.fixture
def session(app, credentials: Credentials) -> requests.Session:
    session = requests.Session()
    for url in (credentials.instance_url, credentials.instance_url.replace("http:", "https:")):
        session.mount(url, InProcessAdapter(app))
    return session


@pytest.fixture
def org(credentials: Credentials, session: requests.Session) -> SalesforceOrg:
    login = AccessToken(credentials.instance_url, Secret(credentials.access_token))
    return connect(login, session=session)


@pytest.fixture
def log(app):
    """Every request that the local org answered, as (method, path, status)."""

    def read() -> list[tuple[str, str, int]]:
        return [(r.method, r.path, r.status) for r in app.extensions["request log"]]

    return read
