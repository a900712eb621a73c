"""Open the org that an environment names; the only door to the local org."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioner.model.credentials import Local
from provisioner.model.resource import Secret
from provisioner.org.auth import connect
from provisioner.org.client import SalesforceOrg
from provisioner.org.errors import OrgError
from provisioner.spec.environment import Environment


@contextmanager
def open_org(environment: Environment, home: Path) -> Iterator[SalesforceOrg]:
    """The org of the environment, logged in. `home` is the local org's folder.

    The local org answers in this process, to the very requests that another org is sent.
    Raises OrgError.
    """
    if not isinstance(environment.login, Local):
        yield connect(environment.login)
        return
    import requests

    from provisioner.emulator import ports
    from provisioner.emulator.local import LocalOrg, LocalOrgError
    from provisioner.emulator.server import InProcessAdapter

    ports.claim(home)
    local = LocalOrg(home)
    try:
        credentials = local.credentials()
    except LocalOrgError as error:
        raise OrgError(str(error), remedy=error.remedy) from error
    try:
        with requests.Session() as session:
            session.mount(credentials.instance_url, InProcessAdapter(local.app()))
            yield SalesforceOrg(
                credentials.instance_url,
                Secret(credentials.access_token),
                session=session,
                renew=lambda: Secret(local.credentials().access_token),
            )
    finally:
        local.close()
