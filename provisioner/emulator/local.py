"""The local org that lives in a folder: its file, its credentials, its server."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from provisioner.emulator import ports
from provisioner.emulator.app import create_app
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.oauth import keys
from provisioner.emulator.server import serve
from provisioner.emulator.store.org import Org

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

_FILE: Final = "local-org.sqlite3"
_KEY_FILE: Final = "local-org-key.pem"
_CA_FILE: Final = "local-org-ca.pem"
_CERTIFICATE_FILE: Final = "local-org-tls.pem"
_URL_FILE: Final = "served-at"
_OWNER_ONLY: Final = 0o600
_SESSION_LEFT: Final = timedelta(hours=1)  # a kept session must last at least this long


@dataclass(frozen=True, slots=True)
class Credentials:
    """Everything with which a client can log in to the local org as its administrator."""

    instance_url: str
    username: str
    organization_id: str
    consumer_key: str
    private_key_file: Path
    ca_file: Path | None  # the authority to trust, while the org is served over https
    access_token: str = field(repr=False)
    password: str = field(repr=False)
    consumer_secret: str = field(repr=False)


class LocalOrgError(Exception):
    """The folder can not hold a local org, or what it holds is none."""

    def __init__(self, folder: Path, error: Exception) -> None:
        super().__init__(f"the local org in `{folder}` can not be opened: {error}")
        self.remedy = "name another folder in PROVISIONER_HOME, or delete what is there"


class LocalOrg:
    """The local org of a folder, which is made when it is not there and kept out of git."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.path = self.folder / _FILE
        self._org: Org | None = None

    def open(self) -> Org:
        """The org; the same one every time until `close`. Raises LocalOrgError."""
        if self._org is None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                ignore = self.folder / ".gitignore"
                if not ignore.exists():
                    ignore.write_text("*\n", encoding="utf-8")
                self._org = first_day.open_org(self.path)
            except (OSError, sqlite3.Error) as error:
                raise LocalOrgError(self.folder, error) from error
        return self._org

    def close(self) -> None:
        """Closes the file."""
        if self._org is not None:
            self._org.close()
            self._org = None

    def credentials(self) -> Credentials:
        """How to log in: at the URL where the org is served, or would be by default.

        The access token is of a session that still lasts an hour or more; the private key file is
        written when it is not there.
        """
        org = self.open()
        with org.transaction():
            token = org.setting("local token")
            session = org.session(token) if token else None
            if session is None or session.expires - org.now() < _SESSION_LEFT:
                session = org.start_session(first_day.admin_id(org))
                org.put_setting("local token", session.token)
        url = self.url()
        return Credentials(
            instance_url=url,
            username=first_day.ADMIN_USERNAME,
            organization_id=str(org.select("Organization")[0]["Id"]),
            consumer_key=org.setting("consumer key") or "",
            private_key_file=self._key_file(org).absolute(),
            ca_file=(self.folder / _CA_FILE).absolute() if url.startswith("https:") else None,
            access_token=session.token,
            password=org.setting("admin password") or "",
            consumer_secret=org.setting("consumer secret") or "",
        )

    def url(self) -> str:
        """The URL where the org is served now, or would be by default."""
        try:
            return (self.folder / _URL_FILE).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return f"http://127.0.0.1:{ports.of(self.folder)}"

    def reset(self) -> None:
        """Puts the org back to its first day, with new secrets."""
        self.open().reset()
        (self.folder / _KEY_FILE).unlink(missing_ok=True)

    def app(self, *, control: bool = False) -> Flask:
        """The WSGI app of the org, to be used in process."""
        return create_app(self.open(), control=control)

    def serve(
        self,
        port: int | None = None,
        *,
        control: bool = False,
        control_token: str | None = None,
        https: bool = False,
        ready: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Serves the org on 127.0.0.1 until Ctrl-C; `ready` is told the URL once it answers.

        Without a port it is the org's own. While it is served, the folder holds its URL, and with
        `https` the certificate of the authority to trust. Raises OSError for a port that is taken.
        """
        self.open()
        file = self.folder / _URL_FILE
        mine = False

        def answers(url: str) -> None:
            nonlocal mine
            file.write_text(url, encoding="utf-8")
            mine = True
            ready(url)

        try:
            with suppress(KeyboardInterrupt):
                certificate = self._certificate() if https else None
                serve(
                    self.path,
                    port=ports.of(self.folder) if port is None else port,
                    control=control,
                    control_token=control_token,
                    certificate=certificate,
                    ready=answers,
                )
        finally:
            # Where the port was taken, the file is that of the server which has it.
            if mine:
                file.unlink(missing_ok=True)

    def _certificate(self) -> Path:
        from provisioner.emulator import tls

        file = self.folder / _CERTIFICATE_FILE
        tls.ensure(file, self.folder / _CA_FILE)
        return file

    def _key_file(self, org: Org) -> Path:
        file = self.folder / _KEY_FILE
        if not file.exists():
            file.touch(mode=_OWNER_ONLY)
            file.write_text(keys.private_key(org), encoding="utf-8")
        return file
