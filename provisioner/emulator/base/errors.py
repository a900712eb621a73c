"""How Salesforce refuses: one exception, carried to every surface and worded there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class SalesforceError(Exception):
    """A refusal with the status, code, message and fields that Salesforce would give.

    `allowed` are the methods that a resource takes, of one that was asked with another.
    """

    allowed = ""

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
        (fact 701).
        """
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = list(self.fields)
        return [body]

    def collection(self) -> dict[str, Any]:
        """The error inside a collection's result: `statusCode`, not `errorCode` (fact 702)."""
        return {
            "statusCode": self.code,
            "message": self.message,
            "fields": list(self.fields or ()),
        }


def method_not_allowed(method: str, allowed: Iterable[str]) -> SalesforceError:
    """A resource that does not take the method (fact 721).

    Words and order, which are those of the header `Allow`, too: seen in real orgs (forrest#59,
    forrest#181, restforce#134 [V]).
    """
    order = ("HEAD", "GET", "POST", "PUT", "PATCH", "DELETE")
    names = ",".join(sorted(allowed, key=order.index))
    error = SalesforceError(
        "METHOD_NOT_ALLOWED",
        f"HTTP Method '{method}' not allowed. Allowed are {names}",
        status=405,
    )
    error.allowed = names
    return error


def not_found() -> SalesforceError:
    """An unknown route, object or row (fact 710)."""
    return SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404)


def media_type(kind: str) -> SalesforceError:
    """A body of a kind that is not read: nforce issue 74, sf-functions-python 91 [V]."""
    message = f"MediaType of '{kind}' is not supported by this resource"
    return SalesforceError("UNSUPPORTED_MEDIA_TYPE", message, status=415)


def ambiguous(label: str, field: str, found: Sequence[str]) -> SalesforceError:
    """The refusal of an upsert whose key several records have.

    Code [V], fact 741; text as public tools and tests quote it, with the label of the
    key and the ids [Q].
    """
    message = f"{label}: more than one record found for external id field: [{', '.join(found)}]"
    return SalesforceError("DUPLICATE_EXTERNAL_ID", message, (field,))


def not_served(name: str) -> SalesforceError:
    """An honest refusal of what Salesforce has and this org has not; code and status: guess."""
    return SalesforceError(
        "FUNCTIONALITY_NOT_ENABLED", f"The local org does not serve {name}", status=403
    )


def no_such_column(name: str, sobject: str) -> SalesforceError:
    """A field that is asked for and is not there: a query's wording (fact 713); elsewhere [I]."""
    return SalesforceError(
        "INVALID_FIELD",
        f"No such column '{name}' on entity '{sobject}'. If you are attempting to use a custom"
        " field, be sure to append the '__c' after the custom field name. Please reference your"
        " WSDL or the describe call for the appropriate names.",
    )


class JsonKindError(SalesforceError):
    """A JSON value of a kind its field does not take."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__("JSON_PARSER_ERROR", message)
        self.name = name

    def at(self, text: str) -> SalesforceError:
        """The refusal with the place of the value in the JSON text, as Salesforce gives it."""
        found = re.search(rf'"{re.escape(self.name)}"\s*:\s*("(?:[^"\\]|\\.)*"|[^\s,}}]+)', text)
        if not found:
            return self
        end = found.end(1)
        line = text.count("\n", 0, end) + 1
        column = end - (text.rfind("\n", 0, end) + 1)
        return SalesforceError(self.code, f"{self.message} at [line:{line}, column:{column}]")
