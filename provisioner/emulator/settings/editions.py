"""The edition of the org, and how many API calls it has for it: a day, and of those that run long.

"API Request Limits and Allocations" (fact 725; a Developer edition's calls of a
day: fact 726). A local org is one of the Developer edition; `/emulator/options` makes it another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from provisioner.emulator.store.state import EDITION

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

DEVELOPER: Final = "Developer Edition"
# By the edition as `Organization.OrganizationType` has it: calls of each licence, beside those that
# every org has.
_OF_A_LICENSE: Final = {"Enterprise Edition": 1_000, "Unlimited Edition": 5_000}
_OF_ALL: Final = 100_000
_DEVELOPER_CALLS: Final = 15_000
FEWEST_LONG: Final = 5
_LONG: Final = 25
NAMES: Final = (DEVELOPER, *_OF_A_LICENSE)


def edition(org: Org) -> str:
    """The edition, one of NAMES."""
    return str(org.setting(EDITION))


def change(org: Org, name: str, by: str) -> None:
    """Makes the org one of another edition."""
    assert name in NAMES, "an edition that is known"
    (organization,) = org.find("Organization")
    org.update("Organization", organization, {"OrganizationType": name}, by=by)


def daily_calls(org: Org) -> int:
    """How many API calls the org has in 24 hours; licences are those of `Salesforce` users [I]."""
    name = edition(org)
    if name == DEVELOPER:
        return _DEVELOPER_CALLS
    held = org.select("UserLicense", Name="Salesforce")
    return _OF_ALL + _OF_A_LICENSE[name] * sum(int(row["TotalLicenses"]) for row in held)


def long_calls(org: Org) -> int:
    """How many API calls may run for 20 seconds or more at once."""
    return FEWEST_LONG if edition(org) == DEVELOPER else _LONG
