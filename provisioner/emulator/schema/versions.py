"""What was not yet in an older version of the API, or no longer is in a newer.

Of objects and fields, the tables in `data/` tell what the newest version has. A number beside a
property says since which version it is so; between two such numbers every version is the same,
which is called an era here.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST: Final = 31  # API versions; 7 to 30 are retired (fact 613)

# The newest that the references describe: 65 has no SOAP `login` (fact 612). That nothing else
# which is served here differs from 63, whose metadata WSDL is at hand: [I].
NEWEST: Final = 65

# `User.PortalRole` can be updated (fact 304), profiles can be created (object
# reference 192 to 232 against later ones [V]), there is `PersonAccountOwnerPowerUser` (fact
# 406), `UserLicense.UsedLicenses` is no more for WHERE (fact 418).
CHANGES: Final = (43, 53, 57, 64)

# Since when the REST API has a resource, by the first two parts of its path ("Available since
# release" in the REST guide, "Availability" in the Bulk API 2.0 guide [V]).
RESOURCES: Final[Mapping[tuple[str, ...], int]] = {
    ("composite",): 38,
    ("composite", "batch"): 34,
    ("composite", "graph"): 50,
    ("composite", "sobjects"): 42,
    ("composite", "tree"): 34,
    ("jobs", "ingest"): 41,
    ("jobs", "query"): 47,
    ("limits", "recordCount"): 40,
    ("parameterizedSearch",): 36,
}
# Since when the list of resources names the first part.
NAMED: Final[Mapping[str, int]] = {"composite": 34, "jobs": 41, "parameterizedSearch": 36}


def era(version: int | None) -> int:
    """The first version that is like this one in all that is told here; None is the newest."""
    if version is None:
        return CHANGES[-1]
    at = bisect_right(CHANGES, version)
    return CHANGES[at - 1] if at else 0
