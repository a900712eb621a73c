"""Experience Cloud: the sites of an org, their members, their mails, and how both come to be.

A site is a row of `Network` and, for what no field holds, a component of the same id; its other
half, the `CustomSite`, is a component alone. All of it needs the feature `Networks`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from provisioner.emulator.store import components

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

FEATURE: Final = "Networks"


def setting(org: Org, element: str, block: str = "Communities", *, default: bool = False) -> bool:
    """Whether an element of a block of settings is on; absent means off (fact 101) or `default`."""
    row = components.by_name(org, f"{block}Settings", block)
    return bool(({} if row is None else json.loads(row.body)).get(element, default))
