"""An org that answers from a script, behind requests: what is tested is all of `org/`."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from provisioner.model.resource import Secret
from provisioner.org.client import SalesforceOrg

URL = "https://acme.my.salesforce.com"


class Script(BaseAdapter):
    """Gives its answers one by one, and keeps the requests.

    An answer is (status, body): a dict or a list goes as JSON, text as a web page or XML. An
    exception is raised instead.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Any] = []
        self.requests: list[requests.PreparedRequest] = []
        self.waits: list[float] = []

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        reply = requests.Response()
        reply.status_code, reply.url, reply.request = status, request.url, request
        kind = "text/html; charset=UTF-8" if isinstance(body, str) else "application/json"
        reply.headers["Content-Type"] = kind
        if status == 302:
            reply.headers["Location"] = f"{URL}/elsewhere"
        text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
        reply.raw = io.BytesIO(text.encode())
        return reply

    def close(self) -> None:
        pass

    @property
    def sent(self) -> list[tuple[str, str]]:
        """Method and path, with the query, of every request."""
        return [(r.method or "", (r.url or "").removeprefix(URL)) for r in self.requests]

    def body(self, number: int = -1) -> Any:
        """The JSON of one request."""
        return json.loads(self.requests[number].body or "")


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def session(script: Script) -> requests.Session:
    session = requests.Session()
    session.mount(URL, script)
    return session


@pytest.fixture
def org(script: Script, session: requests.Session) -> SalesforceOrg:
    return SalesforceOrg(URL, Secret("00Dtoken"), session=session, sleep=script.waits.append)
