"""When and from where the users of a profile may log in: its login hours and address ranges."""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from datetime import datetime

    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.org import Org

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY: Final = 24 * 60


def in_hours(org: Org, profile_id: str) -> bool:
    """Whether the org's clock stands within the profile's login hours, in the org's time zone.

    The zone: Salesforce help, "View and Edit Login Hours" [V]. Hours are minutes from midnight; a
    start that is left out is midnight, and a day whose start is its end is closed [U].
    """
    hours = _held(org, profile_id).get("loginHours") or {}
    (organization,) = org.select("Organization")
    return _open(hours, org.now().astimezone(ZoneInfo(organization["TimeZoneSidKey"])))


def in_ranges(org: Org, profile_id: str, address: str) -> bool:
    """Whether the address is in a range of the profile; without ranges every address is."""
    ranges = _held(org, profile_id).get("loginIpRanges") or []
    if not ranges:
        return True
    given = ipaddress.ip_address(address)
    return any(
        start.version == given.version and start <= given <= end
        for start, end in (check_range(r["startAddress"], r["endAddress"]) for r in ranges)
    )


def has_ranges(org: Org, profile_id: str) -> bool:
    """Whether the profile says from where its users log in."""
    return bool(_held(org, profile_id).get("loginIpRanges"))


def check(values: Value) -> None:
    """Refuses hours and ranges that are none; code and wordings: guess."""
    for name, given in values.get("loginHours", {}).items():
        # whole hours: META Profile, "Must be evenly divisible by 60" [U]
        if not given.isdecimal() or int(given) > _DAY or int(given) % 60:
            raise _refused(f"Invalid time for {name}: {given}", "loginHours")
    for day in _DAYS:
        start, end = _times(values.get("loginHours", {}), day)
        if end < start:
            raise _refused(f"The end of {day} is before its start", "loginHours")
    for entry in values.get("loginIpRanges", []):
        check_range(entry["startAddress"], entry["endAddress"])


def check_range(first: str, last: str) -> tuple[Any, Any]:
    """Both ends of a range of addresses; refuses one that is none. Code and wording: guess."""
    try:
        start, end = ipaddress.ip_address(first), ipaddress.ip_address(last)
    except ValueError:
        raise _refused(f"Invalid IP range: {first} to {last}", "ipRanges") from None
    if start.version != end.version or start > end:  # type: ignore[operator]
        raise _refused(f"Invalid IP range: {first} to {last}", "ipRanges")
    return start, end


def _open(hours: Value, moment: datetime) -> bool:
    if not hours:
        return True
    start, end = _times(hours, _DAYS[moment.weekday()])
    return start <= moment.hour * 60 + moment.minute < end


def _times(hours: Value, day: str) -> tuple[int, int]:
    return int(hours.get(f"{day}Start", 0)), int(hours.get(f"{day}End", _DAY))


def _held(org: Org, profile_id: str) -> Value:
    row = components.by_id(org, "Profile", profile_id)
    found: Value = {} if row is None else json.loads(row.body)
    return found


def _refused(message: str, field: str) -> SalesforceError:
    return SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, (field,))  # code and texts: guess
