"""One org over REST: what is asked and sent, each request in our words when it fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import quote, urlsplit

from requests import JSONDecodeError
from simple_salesforce.api import Salesforce, SFType

from provisioner.call import Site
from provisioner.org.errors import AuthenticationFailed, Refused, refusal
from provisioner.org.failures import refused
from provisioner.org.ways import PAGE
from provisioner.org.wire import Wire
from provisioner.resource import Lookup, Ref, Scalar, Secret, Value

VERSION = "62.0"
_JSON = "application/json"
# The most rows that a page can have, and the default. (platform reference 8.1)
_WHOLE_PAGES = {"Sforce-Query-Options": f"batchSize={PAGE}"}


class Rest:
    """One org's records."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._client: tuple[Secret, Salesforce] | None = None

    @property
    def _sf(self) -> Salesforce:
        """simple-salesforce in the session of now: it keeps its own for ever."""
        token = self._wire.token
        if self._client is None or self._client[0] is not token:
            client = Salesforce(
                instance_url=self._wire.instance_url,
                session_id=token.reveal(),
                session=self._wire.session,
                version=VERSION,
                object_pairs_hook=dict,
            )
            self._client = token, client
        return self._client[1]

    def me(self) -> str | None:
        """The username that the token is for; `None` where its scopes do not let it ask."""
        try:
            answer: Any = self._wire.read(lambda: self._sf.oauth2("userinfo"), counted=False)
        except (Refused, AuthenticationFailed):
            return None
        return str(answer["preferred_username"])

    def sites(self) -> list[Site]:
        """The sites, by name; none where Digital Experiences are off. (platform reference 1.6)"""
        try:
            answer: Any = self._wire.read(lambda: self._sf.restful("connect/communities"))
        except Refused as error:
            if error.code == "NOT_FOUND":
                return []
            raise
        found = [
            Site(s["id"], s["name"], s["status"], self._reached(s.get("loginUrl") or s["siteUrl"]))
            for s in answer["communities"]
        ]
        return sorted(found, key=lambda site: (site.name, site.id))

    def _reached(self, url: str) -> str:
        """An address of this org's own host in the scheme that we reach it by."""
        here, there = urlsplit(self._wire.instance_url), urlsplit(url)
        same = here.netloc == there.netloc
        return there._replace(scheme=here.scheme).geturl() if same else url

    def password_expired(self, user_id: str) -> bool:
        """Whether the user's next login asks for a new password. (platform reference 6.1)"""
        return bool(self.get(path_of("User", user_id) + "/password")["isExpired"])

    def create(self, sobject: str, fields: Mapping[str, Value]) -> str:
        """The Id of the new record."""
        body = json.dumps(sent(fields))
        path = f"sobjects/{quote(sobject, safe='')}"

        def send() -> Any:
            return self._sf.restful(path, method="POST", data=body)

        return str(self._wire.write(send)["id"])

    def upsert(self, sobject: str, key: str, value: Scalar, fields: Mapping[str, Value]) -> str:
        """The Id of the record whose external id field `key` has this value, created or not."""
        path = (
            f"sobjects/{quote(sobject, safe='')}/{quote(key, safe='')}/{quote(str(value), safe='')}"
        )
        answer = self.send("PATCH", path, json.dumps(sent(fields)))
        return str(answer["id"])

    def update(self, sobject: str, id_: Value, fields: Mapping[str, Value]) -> None:
        path, body = path_of(sobject, id_), json.dumps(sent(fields))
        self._wire.write(lambda: self._sf.restful(path, method="PATCH", data=body))

    def delete(self, sobject: str, id_: Value) -> None:
        path = path_of(sobject, id_)
        self._wire.write(lambda: self._sf.restful(path, method="DELETE"))

    def set_password(self, user: Value, password: Secret) -> None:
        path = path_of("User", user) + "/password"

        def send() -> Any:
            body = json.dumps({"NewPassword": password.reveal()})
            return self._sf.restful(path, method="POST", data=body)

        self._wire.write(send)

    def reset_password(self, user: Value) -> None:
        """Salesforce answers with a temporary password, which is neither read nor kept."""
        path = path_of("User", user).removeprefix("sobjects/User/") + "/password"

        def send() -> None:
            # `delete` of an SObject type looks at the status only, and so never parses it.
            cast("SFType", self._sf.User).delete(path)

        self._wire.write(send)

    @property
    def host(self) -> str:
        return self._wire.host

    def get(self, path: str) -> Any:
        """The JSON at a path below `/services/data/vXX.X/`, tried again while that helps."""
        return self._wire.read(lambda: self._sf.restful(path))

    def ask(self, path: str, data: str, told: Callable[[Any], Any] = lambda answer: answer) -> Any:
        """What `told` makes of the answer to a POST that changes nothing; both are tried again."""
        return self._wire.read(lambda: told(self._json(self._request("POST", path, data))))

    def rows(self, path: str) -> Any:
        """The JSON at a path, of whatever size, read fast."""

        return self._wire.read(lambda: self._json(self._request("GET", path, more=_WHOLE_PAGES)))

    def _json(self, reply: Any) -> Any:
        # Much faster than `reply.json()`, which guesses at the encoding first.
        try:
            return json.loads(reply.content)
        except ValueError as error:
            raise refused(reply.status_code, reply.text, self._wire.host) from error

    def text(self, path: str) -> str:
        """What is at a path, when it is no JSON."""
        return self.page(path)[0]

    def page(self, path: str) -> tuple[str, str]:
        """What is at a path, when it is no JSON, and the locator of the page after it."""

        def send() -> tuple[str, str]:
            reply = self._request("GET", path)
            reply.encoding = "utf-8"
            return str(reply.text), reply.headers.get("Sforce-Locator", "null")

        return self._wire.read(send)

    def send(
        self, method: str, path: str, data: str | bytes = "", *, content_type: str = _JSON
    ) -> Any:
        """Send a write once; the JSON of its answer, if any."""

        def send() -> Any:
            reply = self._request(method, path, data, content_type)
            return reply.json() if reply.content else None

        return self._wire.write(send)

    def _request(
        self,
        method: str,
        path: str,
        data: str | bytes = "",
        content_type: str = _JSON,
        more: Mapping[str, str] | None = None,
    ) -> Any:
        below = path if path.startswith("/") else f"/services/data/v{VERSION}/{path}"
        url = f"{self._wire.instance_url}{below}"
        headers = {
            "Authorization": f"Bearer {self._wire.token.reveal()}",
            "Content-Type": content_type,
            **(more or {}),
        }
        reply = self._wire.session.request(method, url, data=data, headers=headers)
        if reply.status_code >= 300:
            raise refused(reply.status_code, _body(reply), self._wire.host)
        return reply

    def sleep(self, seconds: float) -> None:
        """Wait before asking again how something goes."""
        self._wire.sleep(seconds)


def _body(reply: Any) -> Any:
    try:
        return reply.json()
    except JSONDecodeError:
        return reply.text


def path_of(sobject: str, id_: Value) -> str:
    """Where a record is, below `/services/data/vXX.X/`."""
    assert isinstance(id_, str), "the executor puts the Id in the place of a reference"
    if not id_.isalnum():
        raise refusal("MALFORMED_ID", f"`{id_}` is not the Id of a {sobject}")
    return f"sobjects/{quote(sobject, safe='')}/{id_}"


def sent(fields: Mapping[str, Value]) -> dict[str, Any]:
    """The fields as JSON has them; the values of a multi-select picklist are one text."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        assert not isinstance(value, (Ref, Lookup)), "the executor resolves references"
        if isinstance(value, Secret):
            found[name] = value.reveal()
        else:
            found[name] = ";".join(value) if isinstance(value, tuple) else value
    return found
