"""How Salesforce refuses: one exception, carried to every surface and worded there."""

from __future__ import annotations

from typing import Any


class SalesforceError(Exception):
    """A refusal with the status, code, message and fields that Salesforce would give."""

    def __init__(
        self, code: str, message: str, fields: tuple[str, ...] | None = None, *, status: int = 400
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def rest(self) -> list[dict[str, Any]]:
        """The body of a REST answer: an array of one.

        `fields` is there only for refusals of a record, even when it is empty
        (platform reference 2.3, 2.4 [V]).
        """
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = list(self.fields)
        return [body]

    def collection(self) -> dict[str, Any]:
        """The error inside a collection's result: `statusCode`, not `errorCode` (8.2 [V])."""
        return {
            "statusCode": self.code,
            "message": self.message,
            "fields": list(self.fields or ()),
        }


def not_found() -> SalesforceError:
    """An unknown route, object or row (platform reference 2.4 [V])."""
    return SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404)


def session_invalid() -> SalesforceError:
    """No session, or one that ended (platform reference 2.4 [V])."""
    return SalesforceError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
