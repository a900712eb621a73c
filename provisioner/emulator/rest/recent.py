"""`/recent`: the records that somebody looked at last, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import visible
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.http.call import Answer, Call
from provisioner.emulator.http.routes import Route, read

if TYPE_CHECKING:
    from provisioner.emulator.schema.objects import SObject

_MOST: Final = 200  # REST guide, "Recently Viewed Items"
_OF_ONE: Final = 5  # in the basic information of an object: guess


def _recent(call: Call) -> Answer:
    """Every object's records that were looked at (`FOR VIEW`, `FOR REFERENCE`), `?limit=n`."""
    text = call.params.get("limit", str(_MOST))
    if not (text.isdecimal() and 0 < int(text[:9]) <= _MOST):  # guess
        raise SalesforceError("INVALID_PARAMETER", f"limit must be 1 to {_MOST}: {text}")
    known = visible.catalog(call.org, call.by, call.version).sobjects.values()
    found = [pair for sobject in known for pair in _looked_at(call, sobject, int(text))]
    return Answer(
        200, [item for _, item in sorted(found, key=lambda p: p[0], reverse=True)][: int(text)]
    )


def of_object(call: Call, sobject: SObject) -> list[dict[str, Any]]:
    """The same of one object, as its basic information shows them."""
    return [item for _, item in _looked_at(call, sobject, _OF_ONE)]


def _looked_at(call: Call, sobject: SObject, most: int) -> list[tuple[str, dict[str, Any]]]:
    name = sobject.name_field
    if "mruEnabled" not in sobject.flags or not sobject.field("LastReferencedDate") or not name:
        return []
    shown = visible.rows(call.org, call.by, sobject.name)
    live = ' AND "IsDeleted" = 0' if sobject.soft_delete else ""
    rows = call.org.execute(
        f'SELECT "LastReferencedDate", "Id", "{name.name}" FROM {shown}'  # noqa: S608 - ours
        f' WHERE "LastReferencedDate" IS NOT NULL{live}'
        f' ORDER BY "LastReferencedDate" DESC, "Id" LIMIT {most:d}'
    )
    base = f"{call.base}/sobjects/{sobject.name}"
    return [
        (
            when,
            {
                "attributes": {"type": sobject.name, "url": f"{base}/{id_}"},
                "Id": id_,
                name.name: shown,
            },
        )
        for when, id_, shown in rows
    ]


ROUTES: Final = (Route("/recent", read(_recent)),)
