"""The REST API of one org: requests, and errors in our own words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlsplit

import requests
from simple_salesforce.api import Salesforce

from provisioner.model.json_value import Json
from provisioner.model.operations import ObjectDescribe, Site
from provisioner.model.resource import Lookup, Ref, Scalar, Secret, Value
from provisioner.org import sessions as http
from provisioner.org import shapes
from provisioner.org.error_mapping import refused
from provisioner.org.errors import AuthenticationFailed, Refused, refusal
from provisioner.org.read_strategy import PAGE
from provisioner.org.shapes import JsonObject
from provisioner.org.transport import Send, Transport

VERSION = "62.0"
_JSON = "application/json"
# The most rows that a page can have, and the default. (fact 731)
_WHOLE_PAGES = {"Sforce-Query-Options": f"batchSize={PAGE}"}
# The form of the answer shows that it is from Salesforce. The password in it is not parsed.
_NEW_PASSWORD = re.compile(rb'\s*\{\s*"NewPassword"\s*:[^{}]*\}\s*')

T = TypeVar("T")


class Rest:
    """One org's records."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._client: tuple[Secret, Salesforce] | None = None

    @property
    def _sf(self) -> Salesforce:
        """simple-salesforce in the current session: the addresses and headers of the API.

        Its own methods parse an answer before its size and form were checked.
        """
        token = self._transport.token
        if self._client is None or self._client[0] is not token:
            client = Salesforce(
                instance_url=self._transport.instance_url,
                session_id=token.reveal(),
                session=self._transport.session,
                version=VERSION,
            )
            # It writes `https://` into every address, even for an org on this machine.
            client.base_url = f"{self._transport.instance_url}/services/data/v{VERSION}/"
            self._client = token, client
        return self._client[1]

    def running_username(self) -> str | None:
        """The username of the token; `None` if its scopes do not allow the request."""
        send = self._request("GET", "/services/oauth2/userinfo")
        try:
            return self._transport.read(send, self._username, counted=False)
        except (Refused, AuthenticationFailed):
            return None

    def _username(self, reply: requests.Response) -> str:
        identity = shapes.mapping(self.json(reply))
        return shapes.text(identity["preferred_username"], "`preferred_username`")

    def sites(self) -> list[Site]:
        """The sites by name; empty if Digital Experiences are off. (facts 214 and 229)"""

        def read(rows: Sequence[JsonObject]) -> list[Site]:
            return sorted(map(self._site, rows), key=lambda site: (site.name, site.id))

        return self._communities(read) or []

    def site_hosts(self) -> frozenset[str]:
        """The hosts of the sites' own addresses."""

        def read(rows: Sequence[JsonObject]) -> frozenset[str]:
            urls = (shapes.text(row["siteUrl"], "`siteUrl`") for row in rows)
            return frozenset(urlsplit(url).netloc.lower() for url in urls)

        return self._communities(read) or frozenset()

    def _communities(self, read: Callable[[Sequence[JsonObject]], T]) -> T | None:
        def listed(answer: Json) -> T:
            communities = shapes.mapping(answer)["communities"]
            return read(shapes.mappings(communities, "`communities`"))

        try:
            return self.get("connect/communities", listed)
        except Refused as error:
            if error.code == "NOT_FOUND":
                return None
            raise

    def _site(self, row: JsonObject) -> Site:
        id_, name, status = (shapes.text(row[key], f"`{key}`") for key in ("id", "name", "status"))
        url = shapes.text(row.get("loginUrl") or row["siteUrl"], "`siteUrl`")
        return Site(id_, name, status, self._with_our_scheme(url))

    def _with_our_scheme(self, url: str) -> str:
        """An address, with our own scheme if it is on this org's host."""
        here, there = urlsplit(self._transport.instance_url), urlsplit(url)
        same = here.netloc == there.netloc
        return there._replace(scheme=here.scheme).geturl() if same else url

    def password_expired(self, user_id: str) -> bool:
        """Whether the user must set a new password at the next login. (fact 601)"""

        def read(answer: Json) -> bool:
            return shapes.flag(shapes.mapping(answer)["isExpired"], "`isExpired`")

        return self.get(path_of("User", user_id) + "/password", read)

    def create(self, sobject: str, fields: Mapping[str, Value]) -> str:
        """The Id of the new record."""

        path = f"sobjects/{quote(sobject, safe='')}"
        return self.send("POST", path, json.dumps(request_fields(fields)), self._new_id)

    def upsert(self, sobject: str, key: str, value: Scalar, fields: Mapping[str, Value]) -> str:
        """The Id of the record whose external id field `key` has this value, created or not."""
        # A value that is only dots would be read as a parent folder.
        encoded = quote(str(value), safe="").replace(".", "%2E")
        path = f"sobjects/{quote(sobject, safe='')}/{quote(key, safe='')}/{encoded}"
        return self.send("PATCH", path, json.dumps(request_fields(fields)), self._new_id)

    def update(self, sobject: str, id_: Value, fields: Mapping[str, Value]) -> None:
        send = self._request("PATCH", path_of(sobject, id_), json.dumps(request_fields(fields)))
        self._transport.write(send, self._nothing)

    def delete(self, sobject: str, id_: Value) -> None:
        self._transport.write(self._request("DELETE", path_of(sobject, id_)), self._nothing)

    def set_password(self, user: Value, password: Secret) -> None:
        body = json.dumps({"NewPassword": password.reveal()})
        send = self._request("POST", path_of("User", user) + "/password", body)
        self._transport.write(send, self._nothing)

    def reset_password(self, user: Value) -> None:
        """Salesforce returns a temporary password, which is neither read nor kept."""

        def parse(reply: requests.Response) -> None:
            self._checked(reply)
            if not _NEW_PASSWORD.fullmatch(reply.content):
                raise shapes.UnexpectedError("it does not have the new password")

        self._transport.write(self._request("DELETE", path_of("User", user) + "/password"), parse)

    @property
    def host(self) -> str:
        return self._transport.host

    def get(self, path: str, read: Callable[[Json], T]) -> T:
        """The result of `read` for the JSON at a path below `/services/data/vXX.X/`.

        Transient failures are repeated. Here and below, `read` must depend only on the answer: an
        exception in it becomes a NoAnswer.
        """
        return self._transport.read(
            self._request("GET", path), lambda reply: read(self.json(reply))
        )

    def ask(self, path: str, data: str, read: Callable[[Json], T]) -> T:
        """As `get`, for a POST that changes nothing."""
        send = self._request("POST", path, data)
        return self._transport.read(send, lambda reply: read(self.json(reply)))

    def rows(self, path: str) -> QueryPage:
        """One page of a query."""
        send = self._request("GET", path, more=_WHOLE_PAGES)
        return self._transport.read(send, lambda reply: query_page(self.json(reply)))

    def described(self, path: str) -> ObjectDescribe:
        """One describe."""
        return self.get(path, shapes.describe)

    def page(self, path: str, read: Callable[[str], T]) -> tuple[T, str]:
        """The result of `read` for the CSV at a path, and the locator of the next page."""

        def parse(reply: requests.Response) -> tuple[T, str]:
            self._checked(reply)
            locator = reply.headers.get("Sforce-Locator", "null")
            return read(reply.content.decode("utf-8")), locator

        send = self._request("GET", path)
        return self._transport.read(send, parse, largest=http.LARGEST_OF_BULK)

    def send(
        self,
        method: str,
        path: str,
        data: str | bytes,
        read: Callable[[Json], T],
        *,
        content_type: str = _JSON,
    ) -> T:
        """Send a write once; the result of `read` for its JSON, or for `None` without a body."""
        send = self._request(method, path, data, content_type)

        def parse(reply: requests.Response) -> T:
            empty = not reply.content and reply.status_code in (201, 204)
            return read(None if empty else self.json(reply))

        return self._transport.write(send, parse)

    def json(self, reply: requests.Response) -> Json:
        """The JSON of a response. Raises OrgError for a refusal, and for a web page."""
        self._checked(reply)
        try:
            return shapes.parse_json(reply.content)
        except ValueError as error:
            raise refused(reply.status_code, "", self._transport.host) from error

    def _new_id(self, answer: Json) -> str:
        """The Id in the answer to a create. Raises OrgError if it was refused."""
        row = shapes.mapping(answer)
        if row.get("success") is False and row.get("errors"):
            raise refused(400, row["errors"], self.host)
        if row.get("success", True) is not True:
            raise shapes.UnexpectedError("it does not say whether the record was created")
        return shapes.record_id(row.get("id"))

    def _nothing(self, reply: requests.Response) -> None:
        """Check a response without data: after a successful write, its status is 204."""
        self._checked(reply)
        if reply.status_code != 204:
            raise shapes.UnexpectedError(f"its status is {reply.status_code}, not 204")

    def _checked(self, reply: requests.Response) -> None:
        if 200 <= reply.status_code < 300:
            return
        try:
            content: Json = shapes.parse_json(reply.content)
        except (ValueError, RecursionError):
            content = ""
        raise refused(reply.status_code, content, self._transport.host)

    def _request(
        self,
        method: str,
        path: str,
        data: str | bytes = "",
        content_type: str = _JSON,
        more: Mapping[str, str] | None = None,
    ) -> Send:
        def send() -> requests.Response:
            sf = self._sf
            base = self._transport.instance_url if path.startswith("/") else sf.base_url
            # The client's other header requests indented JSON, which is larger.
            headers = {
                "Authorization": sf.headers["Authorization"],
                "Content-Type": content_type,
                **(more or {}),
            }
            url = base + path
            reply: requests.Response = sf.session.request(method, url, data=data, headers=headers)
            return reply

        return send

    def understanding(self, request: str) -> AbstractContextManager[None]:
        """As `Transport.understanding`."""
        return self._transport.understanding(request)

    def sleep(self, seconds: float) -> None:
        """Wait before the next poll."""
        self._transport.sleep(seconds)


def composite_parts(answer: Json, references: Sequence[str]) -> list[tuple[int, Json]]:
    """Status and body of each part of a composite answer, in the order of `references`."""
    parts = shapes.mappings(shapes.mapping(answer)["compositeResponse"], "`compositeResponse`")
    by_id = {part.get("referenceId"): part for part in parts}
    if len(parts) != len(references) or by_id.keys() != set(references):
        raise shapes.UnexpectedError("`compositeResponse` is not for the requests that were sent")
    return [
        (shapes.count(by_id[id_]["httpStatusCode"], "`httpStatusCode`"), by_id[id_]["body"])
        for id_ in references
    ]


@dataclass(frozen=True, slots=True)
class QueryPage:
    """A page of the records of a query.

    `next_url` is the path of the page after it, `None` on the last page; `total` is the number of
    records on all pages, 0 on the last page.
    """

    records: Sequence[JsonObject]
    next_url: str | None = None
    total: int = 0


def query_page(answer: Json) -> QueryPage:
    """A page of a query, checked."""
    page = shapes.mapping(answer)
    records = shapes.mappings(page.get("records"), "`records`")
    if shapes.flag(page.get("done"), "`done`"):
        return QueryPage(records)
    url = shapes.text(page.get("nextRecordsUrl"), "`nextRecordsUrl`")
    if not url.startswith("/services/"):
        raise shapes.UnexpectedError("`nextRecordsUrl` is not a path of the API")
    return QueryPage(records, url, shapes.count(page.get("totalSize"), "`totalSize`"))


def path_of(sobject: str, id_: Value) -> str:
    """The path of a record below `/services/data/vXX.X/`."""
    assert isinstance(id_, str), "the executor replaces references by Ids"
    if not id_.isalnum():
        raise refusal("MALFORMED_ID", f"`{id_}` is not the Id of a {sobject}")
    return f"sobjects/{quote(sobject, safe='')}/{id_}"


def request_fields(fields: Mapping[str, Value]) -> dict[str, Scalar]:
    """The fields as a request has them; the values of a multi-select picklist are one text."""
    return {name: request_value(value) for name, value in fields.items()}


def request_value(value: Value) -> Scalar:
    """A value as a request has it."""
    assert not isinstance(value, (Ref, Lookup)), "the executor resolves references"
    if isinstance(value, Secret):
        return value.reveal()
    return ";".join(value) if isinstance(value, tuple) else value
