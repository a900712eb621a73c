"""Open the org that an environment's login leads to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioner.model.credentials import Local, Login
from provisioner.org.auth import connect
from provisioner.org.client import SalesforceOrg


@contextmanager
def open_org(login: Login, home: Path) -> Iterator[SalesforceOrg]:
    """A connection to the org, logged in. `home` is the folder of the local org.

    Raises OrgError.
    """
    if isinstance(login, Local):
        from provisioner.org.local import connect_local  # loads the local org

        with connect_local(home) as org:
            yield org
    else:
        yield connect(login)
