"""How bodies travel: packed both ways, what clients accept, conditions on what they hold."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from flask import request

from provisioner.emulator.base.errors import SalesforceError, not_served
from provisioner.emulator.base.timestamps import parse_timestamp
from provisioner.emulator.http.call import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response

    from provisioner.emulator.http.call import Call

_WORTH_IT: Final = 2048  # bytes; smaller answers are not compressed
_LEVEL: Final = 1
_LARGEST: Final = 200_000_000  # bytes of a body once it is unpacked
_ANY_HEADER: Final = 32 + zlib.MAX_WBITS  # zlib's or gzip's
_JSON: Final = ("application/json", "application/*", "*/*")
_XML: Final = ("application/xml", "text/xml")


class BadEncodingError(ValueError):
    """A body that is not what its `Content-Encoding` says."""


def body() -> str:
    """The text of the REST request at hand, unpacked; what is no gzip is refused."""
    try:
        return unpacked().decode("utf-8", "replace")
    except BadEncodingError as error:  # code: guess
        raise SalesforceError("JSON_PARSER_ERROR", str(error)) from None


def unpacked() -> bytes:
    """The bytes of the request at hand, which clients of every API may pack.

    By gzip or deflate: REST guide, "Compression Headers", SOAP guide, "Compression" [V].
    Raises BadEncodingError for what is neither, SalesforceError for another encoding.
    """
    data = request.get_data()
    match request.headers.get("Content-Encoding", "").strip().lower():
        case "" | "identity":
            return data
        case "gzip" | "deflate":
            return _unpacked(data)
        case other:  # text: guess
            raise SalesforceError(
                "UNSUPPORTED_MEDIA_TYPE", f"Content encoding '{other}' is not supported.",
                status=415,
            )  # fmt: skip


def pack(response: Response) -> Response:
    """Compresses an answer when the client takes gzip (REST guide, "Compression Headers" [V])."""
    if response.is_streamed or "Content-Encoding" in response.headers:
        return response
    data = response.get_data()
    # results of a query job always are (Bulk API 2.0 guide, "Understanding Query" [V])
    worth_it = len(data) >= _WORTH_IT or "Sforce-Locator" in response.headers
    if worth_it and request.accept_encodings["gzip"] > 0:
        response.set_data(gzip.compress(data, _LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
    return response


def kinds(accept: str) -> list[str]:
    """The media types that an `Accept` header names, in its order and without their parameters."""
    return [part.partition(";")[0].strip().lower() for part in accept.split(",")]


def require_json(accept: str) -> None:
    """Refuses a client that does not accept JSON (406 NOT_ACCEPTABLE, [U]).

    Salesforce also answers in XML, which the local org does not serve.
    """
    accepted = kinds(accept)
    if not any(accepted) or any(kind in _JSON for kind in accepted):
        return
    if any(kind in _XML for kind in accepted):
        raise not_served("REST in XML")
    raise SalesforceError(
        "NOT_ACCEPTABLE",
        f"The local org answers this in JSON only, not in {accept}",
        status=406,
    )


def etag(value: Any) -> str:
    """A validator of JSON data."""
    return f'"{zlib.crc32(json.dumps(value).encode()):08x}"'


def unmet(headers: Mapping[str, str], tag: str, changed: datetime) -> Answer | None:
    """What the conditions of a request are answered with when they fail; None when they hold.

    412 for `If-Match` and `If-Unmodified-Since`, 304 for the other two, 400 for a malformed date
    (fact 724; codes and texts: guess).
    """
    wanted = _tags(headers.get("if-match"))
    since = _moment(headers.get("if-unmodified-since"))
    if (wanted and not wanted & {tag, "*"}) or (since is not None and changed > since):
        error = SalesforceError(
            "PRECONDITION_FAILED", "The resource has been changed since it was read", status=412
        )
        return Answer(412, error.rest())
    held = _tags(headers.get("if-none-match"))
    since = _moment(headers.get("if-modified-since"))
    same = held & {tag, "*"} if held else since is not None and changed <= since
    return Answer(304, None, validators(tag, changed)) if same else None


def validators(tag: str, changed: datetime) -> dict[str, str]:
    """The headers by which a client can ask again."""
    return {"Last-Modified": format_datetime(changed, usegmt=True), "ETag": tag}


def row_conditions(call: Call, row: Mapping[str, Any]) -> tuple[Answer | None, dict[str, str]]:
    """The failed condition on a row, and the row's validators.

    Only rows of Account have them, and not for DELETE (fact 724).
    """
    tag, changed = etag(dict(row)), parse_timestamp(row["SystemModstamp"]).replace(microsecond=0)
    failed = unmet(call.headers, tag, changed)
    if failed is not None and failed.status == 304 and call.method == "PATCH":
        failed = None  # these two only spare a client an answer
    return failed, validators(tag, changed)


def _tags(text: str | None) -> set[str]:
    parts = (part.strip().removeprefix("W/") for part in (text or "").split(","))
    # Salesforce adds `--gzip` to the tags of packed answers; clients send it back so.
    return {part.replace("--gzip", "") for part in parts if part}


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = parsedate_to_datetime(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        raise SalesforceError("MALFORMED_DATE", f"malformed date: {text}") from None  # guess


def _unpacked(data: bytes) -> bytes:
    stream = zlib.decompressobj(_ANY_HEADER)
    try:
        found = stream.decompress(data, _LARGEST)
    except zlib.error:
        found = None
    if found is None or not stream.eof:  # text: guess
        raise BadEncodingError("the body is not what its Content-Encoding says")
    return found
