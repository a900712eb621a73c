"""What a local org knows besides its records: clock, settings, features, sessions, e-mails."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from provisioner.emulator.base import ids
from provisioner.emulator.base.timestamps import parse_timestamp, timestamp
from provisioner.emulator.store.database import Database

EDITION: Final = "edition"  # the name under which `setting` has the edition of the organization
_SESSION_HOURS: Final = 2  # sessionSecondsValid 7200, fact 609


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody is logged in; `kind` is `API`, `UI` or `Portal`."""

    token: str
    user_id: str
    kind: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail the org would have sent."""

    sent: str
    recipient: str
    subject: str
    body: str


class State(Database):
    """The part of an org that is no record; `org.Org` has the records."""

    # -- clock, settings, features ---------------------------------------------------------------

    def now(self) -> datetime:
        """The org's clock, in UTC; `set_clock` moves it."""
        offset = self.setting("clock offset")
        return datetime.now(UTC) + timedelta(seconds=float(offset or 0))

    def set_clock(self, now: datetime) -> None:
        """Moves the org's clock, which goes on running from there."""
        self.put_setting("clock offset", str((now - datetime.now(UTC)).total_seconds()))

    def feature(self, name: str) -> bool:
        """Whether a feature of the org is on: `CustomerPortal`, `Networks`, ..."""
        return self.setting(f"feature {name}") == "on"

    def set_feature(self, name: str, on: bool) -> None:  # noqa: FBT001 - the agreed signature
        """Switches a feature on or off; fields that depend on it come or go."""
        self.put_setting(f"feature {name}", "on" if on else "off")
        self._schema_changed()

    def features(self) -> frozenset[str]:
        """The features that are on."""
        return self.remember(
            "features",
            lambda: frozenset(
                name.removeprefix("feature ")
                for name, value in self._settings().items()
                if name.startswith("feature ") and value == "on"
            ),
        )

    def setting(self, name: str) -> str | None:
        """A value kept under a name, or None."""
        return self._settings().get(name)

    def _settings(self) -> dict[str, str]:
        # the edition is read along, as nearly every request needs it
        sql = (
            "SELECT name, value FROM setting"
            ' UNION ALL SELECT ?, "OrganizationType" FROM "Organization"'
        )
        return self.remember(
            "settings", lambda: {row[0]: row[1] for row in self.execute(sql, (EDITION,))}
        )

    def put_setting(self, name: str, value: str) -> None:
        """Keeps a value under a name."""
        self.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))

    def new_id(self, prefix: str) -> str:
        """The next unused id behind a three-character prefix."""
        return ids.make(prefix, self.next_number(prefix))

    def api_calls(self) -> int:
        """How many API calls there were today."""
        return int(self.setting(f"api calls {self.now():%Y-%m-%d}") or 0) + self.pending()

    def api_call(self) -> int:
        """Counts an API call; returns how many there were today."""
        self.write_later(
            "INSERT INTO setting VALUES (?, '1')"
            " ON CONFLICT (name) DO UPDATE SET value = value + 1",
            (f"api calls {self.now():%Y-%m-%d}",),
        )
        return self.api_calls()

    def _schema_changed(self) -> None:
        """Notes that objects or fields came, went or changed, for `If-Modified-Since`."""
        self.put_setting("schema changed", timestamp(self.now()))

    # -- sessions --------------------------------------------------------------------------------

    def start_session(self, user_id: str, kind: str = "API") -> Session:
        """Logs a user in for two hours by the org's clock, and removes expired sessions."""
        organization = self.execute('SELECT "Id" FROM "Organization"')[0][0]
        token = f"{organization[:15]}!AQ{secrets.token_urlsafe(72)}"
        now = self.now()
        expires = now + timedelta(hours=_SESSION_HOURS)
        with self.transaction():
            old = "DELETE FROM session WHERE expires <= ? RETURNING token"
            for row in self.execute(old, (timestamp(now),)):
                self.execute("DELETE FROM refreshed WHERE session = ?", (row[0],))
            self.execute(
                "INSERT INTO session VALUES (?, ?, ?, ?)",
                (token, user_id, kind, timestamp(expires)),
            )
        return Session(token, user_id, kind, expires)

    def session(self, token: str) -> Session | None:
        """The session of a token, or None when there is none or it has expired."""
        rows = self.execute("SELECT user_id, kind, expires FROM session WHERE token = ?", (token,))
        for user_id, kind, expires in rows:
            if expires > timestamp(self.now()):
                return Session(token, user_id, kind, parse_timestamp(expires))
        return None

    def end_sessions(self, *, token: str | None = None, user_id: str | None = None) -> None:
        """Ends one session, or all of one user."""
        self.execute("DELETE FROM session WHERE token = ? OR user_id = ?", (token, user_id))

    # -- e-mails ---------------------------------------------------------------------------------

    def mail(self, recipient: str, subject: str, body: str) -> None:
        """Puts an e-mail into the outbox; nothing is ever sent."""
        self.execute(
            "INSERT INTO outbox (sent, recipient, subject, body) VALUES (?, ?, ?, ?)",
            (timestamp(self.now()), recipient, subject, body),
        )

    def outbox(self) -> list[Mail]:
        """The e-mails the org would have sent, oldest first."""
        rows = self.execute("SELECT sent, recipient, subject, body FROM outbox ORDER BY id")
        return [Mail(*row) for row in rows]
