"""Records over REST: many reads in one composite call, and writes one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast
from urllib.parse import quote

from requests import JSONDecodeError
from simple_salesforce.api import Salesforce, SFType
from simple_salesforce.exceptions import SalesforceResourceNotFound

from provisioner.call import Describe, Newest, Select, Site
from provisioner.org import soql
from provisioner.org.errors import AuthenticationFailed, Refused, refusal
from provisioner.org.http import Wire, refused
from provisioner.resource import Lookup, Ref, Secret, Value

VERSION = "62.0"
# Sub-requests of one composite call, and how many of them may be queries.
# (platform reference 8.2)
_PARTS, _QUERIES = 25, 5
# Salesforce takes 16,384 bytes of URI and headers, and advises this much for the URI. A
# query in a composite call stands in the body, and is not bound by it. (Salesforce
# knowledge article 000386264)
_LONGEST_URI = 2_000
_JSON = "application/json"


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

    def read(self, queries: Sequence[Describe | Select | Newest]) -> list[Any]:
        """The answers in the order of `queries`, in as few calls as Salesforce allows."""
        parts = [_parts(query) for query in queries]
        bodies = iter(self._fetch([part for group in parts for part in group]))
        answers: list[Any] = []
        for query, group in zip(queries, parts, strict=True):
            found = [next(bodies) for _ in group]
            answers.append(found[0] if isinstance(query, Describe) else _rows(query, found))
        return answers

    def find(self, wanted: Lookup) -> list[str]:
        """The Ids of the records that have these values, in order."""
        (records,) = self._fetch([_query(soql.lookup(wanted))])
        return sorted(record["Id"] for record in records)

    def count_active(self, profile_ids: Sequence[str]) -> dict[str, int]:
        """How many active users have each of these profiles."""
        (rows,) = self._fetch([_query(soql.count_active(profile_ids))])
        return {row["ProfileId"]: int(row["users"]) for row in rows}

    def me(self) -> str | None:
        """The username that the token is for; `None` where its scopes do not let it ask."""
        try:
            answer: Any = self._wire.read(lambda: self._sf.oauth2("userinfo"), counted=False)
        except (Refused, AuthenticationFailed):
            return None
        return str(answer["preferred_username"])

    def last_logins(self, user_id: str, fields: Sequence[str], count: int) -> list[dict[str, Any]]:
        """The last rows of a user's LoginHistory, the newest first."""
        (found,) = self._fetch([_query(soql.last_logins(user_id, fields, count))])
        return [{name: row[name] for name in fields} for row in found]

    def sites(self) -> list[Site]:
        """The sites, by name; none where Digital Experiences are off. (platform reference 1.6)"""
        try:
            answer: Any = self._wire.read(lambda: self._sf.restful("connect/communities"))
        except Refused as error:
            if error.code == "NOT_FOUND":
                return []
            raise
        found = [
            Site(s["id"], s["name"], s["status"], s.get("loginUrl") or s.get("siteUrl") or "")
            for s in answer["communities"]
        ]
        return sorted(found, key=lambda site: (site.name, site.id))

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

    def text(self, path: str) -> str:
        """What is at a path, when it is no JSON."""

        def send() -> str:
            reply = self._request("GET", path)
            reply.encoding = "utf-8"
            return str(reply.text)

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
        self, method: str, path: str, data: str | bytes = "", content_type: str = _JSON
    ) -> Any:
        url = f"{self._wire.instance_url}/services/data/v{VERSION}/{path}"
        headers = {
            "Authorization": f"Bearer {self._wire.token.reveal()}",
            "Content-Type": content_type,
        }
        reply = self._wire.session.request(method, url, data=data, headers=headers)
        if reply.status_code >= 300:
            raise refused(reply.status_code, _body(reply), self._wire.host)
        return reply

    def sleep(self, seconds: float) -> None:
        """Wait before asking again how something goes."""
        self._wire.sleep(seconds)

    def _fetch(self, parts: Sequence[_Part]) -> list[Any]:
        """What each part is answered: the records of a query, else the body or `None`."""
        found: dict[_Part, Any] = {}
        for group in _groups(parts):
            alone = group[0] if len(group) == 1 and len(group[0].path) <= _LONGEST_URI else None
            bodies = [self._get(alone)] if alone else self._compose(group)
            found.update(zip(group, bodies, strict=True))
        return [self._all(found[part]) if part.is_query else found[part] for part in parts]

    def _get(self, part: _Part) -> Any:
        def send() -> Any:
            try:
                return self._sf.restful(part.path)
            except SalesforceResourceNotFound as error:
                return part.body(404, error.content, self._wire.host)

        return self._wire.read(send)

    def _compose(self, group: Sequence[_Part]) -> list[Any]:
        # Values are percent-encoded, so that no `@{...}` in one is taken for a reference.
        body = {
            "compositeRequest": [
                {
                    "method": "GET",
                    "url": f"/services/data/v{VERSION}/{part.path}",
                    "referenceId": f"part{number}",
                }
                for number, part in enumerate(group)
            ]
        }

        def send() -> list[Any]:
            answer: Any = self._sf.restful("composite", method="POST", data=json.dumps(body))
            by_id = {one["referenceId"]: one for one in answer["compositeResponse"]}
            answers = [by_id[f"part{number}"] for number in range(len(group))]
            return [
                part.body(one["httpStatusCode"], one["body"], self._wire.host)
                for part, one in zip(group, answers, strict=True)
            ]

        return self._wire.read(send)

    def _more(self, url: str) -> Any:
        return self._sf.query_more(url, identifier_is_url=True)

    def _all(self, page: Any) -> list[Mapping[str, Any]]:
        """The records of a query's page and of those after it."""
        records = list(page["records"])
        while not page["done"]:
            more = page["nextRecordsUrl"]
            page = self._wire.read(partial(self._more, more))
            records += page["records"]
        return records


def _body(reply: Any) -> Any:
    try:
        return reply.json()
    except JSONDecodeError:
        return reply.text


@dataclass(frozen=True, slots=True)
class _Part:
    """One GET, by its path below `/services/data/vXX.X/`."""

    path: str
    is_query: bool

    def body(self, status: int, body: Any, host: str) -> Any:
        """`body` when it is an answer; `None` for what is not there. Raises OrgError."""
        if status < 400:
            return body
        error = refused(status, body, host)
        if status == 404 and not self.is_query and getattr(error, "code", "") == "NOT_FOUND":
            return None
        raise error


def _parts(query: Describe | Select | Newest) -> list[_Part]:
    match query:
        case Describe(sobject):
            return [_Part(f"sobjects/{quote(sobject, safe='')}/describe", is_query=False)]
        case Newest():
            return [_query(soql.newest(query))]
        case Select():
            return [_query(text) for text in soql.selects(query)]


def _query(text: str) -> _Part:
    return _Part(f"query?q={quote(text, safe='')}", is_query=True)


def _groups(parts: Sequence[_Part]) -> list[list[_Part]]:
    """The parts, each once, in as few composite calls as will hold them."""
    groups: list[list[_Part]] = []
    for part in dict.fromkeys(parts):
        for group in groups:
            queries = sum(one.is_query for one in group)
            if len(group) < _PARTS and not (part.is_query and queries == _QUERIES):
                group.append(part)
                break
        else:
            groups.append([part])
    return groups


def _rows(
    select: Select | Newest, found: Sequence[Sequence[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """Each record once, with the fields of `select` and no others; the newest first, or by Id."""
    by_id = {record["Id"]: record for records in found for record in records}
    order = list(by_id) if isinstance(select, Newest) else sorted(by_id)
    return [
        {field: _value(by_id[id_], field.split(".")) for field in select.fields} for id_ in order
    ]


def _value(record: Mapping[str, Any] | None, path: Sequence[str]) -> Any:
    if record is None:
        return None
    first, *rest = path
    if first in record:
        value = record[first]
    else:
        # Salesforce answers with its own spelling of a name, whatever the query's was.
        value = next(v for name, v in record.items() if name.casefold() == first.casefold())
    return _value(value, rest) if rest else value


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
