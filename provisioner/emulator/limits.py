"""`/limits`: what of the org is used up, and how many records it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator import describe
from provisioner.emulator.api import Answer, Call
from provisioner.emulator.errors import not_found

if TYPE_CHECKING:
    from provisioner.emulator.describe import SObject
    from provisioner.emulator.store import Org

OLDEST: Final = 31  # API versions; 7 to 30 are retired (platform reference 6.4 [V])
NEWEST: Final = 63
DAILY_CALLS: Final = 15_000  # of a Developer org (platform reference 8.4 [U])


def answer(call: Call, rest: tuple[str, ...]) -> Answer:
    """The answer to a call below `/limits`."""
    match rest:
        case ():
            call.allow("GET", "HEAD")
            return Answer(200, _used(call.org))
        case ("recordCount",):
            call.allow("GET", "HEAD")
            return Answer(200, _counted(call))
        case _:
            raise not_found()


def _used(org: Org) -> dict[str, Any]:
    used = int(org.setting(f"api calls {org.now():%Y-%m-%d}") or 0)
    return {
        "DailyApiRequests": {"Max": DAILY_CALLS, "Remaining": DAILY_CALLS - used},
        "DataStorageMB": {"Max": 5, "Remaining": 5},
        "FileStorageMB": {"Max": 20, "Remaining": 20},
        "SingleEmail": {"Max": 15, "Remaining": 15},
    }


def _counted(call: Call) -> dict[str, Any]:
    known = describe.catalog(call.org)
    wanted = [name for name in call.params.get("sObjects", "").split(",") if name]
    found = [known.get(name) for name in wanted] if wanted else list(known.sobjects.values())
    return {
        "sObjects": [
            {"count": _count(call.org, sobject), "name": sobject.name}
            for sobject in found
            if sobject is not None
        ]
    }


def _count(org: Org, sobject: SObject) -> int:
    live = ' WHERE "IsDeleted" = 0' if sobject.soft_delete else ""
    rows = org.execute(f'SELECT COUNT(*) FROM "{sobject.name}"{live}')  # noqa: S608 - our names
    return int(rows[0][0])
