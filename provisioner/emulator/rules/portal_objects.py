"""Which custom objects are there for a Customer Portal: the box "Available for Customer Portal".

"Makes the custom object available via the Customer Portal": without it there is no tab of the
object (fact 108); that the APIs keep to permissions alone: guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org


def is_available(org: Org, name: str) -> bool:
    """Whether the users of portals have a tab of the object; standard ones always are."""
    return not name.endswith("__c") or org.setting(_key(name)) == "on"


def set_available(org: Org, name: str, on: bool, by: str) -> None:  # noqa: FBT001 - as features
    """Ticks or unticks the box; the entry of the audit trail is a guess."""
    if on == is_available(org, name):
        return
    org.put_setting(_key(name), "on" if on else "off")
    said = "available" if on else "unavailable"
    display = f"Made custom object {name} {said} for Customer Portal"
    org.audit(by, "changedcustent", "Custom Objects", display)


def forget(org: Org, name: str) -> None:
    """Forgets an object that was deleted."""
    org.put_setting(_key(name), "off")


def _key(name: str) -> str:
    return f"in customer portals {name.lower()}"
