"""The org's login policy: whether people and APIs may log in anywhere but at the org's My Domain.

It is the block `MyDomainSettings` of the Metadata API. Every host of a local org is its My Domain,
but for those where people of all orgs log in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from provisioner.emulator.store import components

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

# No My Domain (fact 623)
SHARED_HOSTS: Final = frozenset({"login.salesforce.com", "test.salesforce.com"})
NAME: Final = "MyDomainSettings"
FULL_NAME: Final = "MyDomain"
# META MyDomainSettings: "If false (default), users can also log in ..." [V]; the block's other
# elements depend on the domain's name, and are shown once they are set (guess)
DEFAULTS: Final = {"canOnlyLoginWithMyDomainUrl": False, "doesApiLoginRequireOrgDomain": False}


def keeps_out(org: Org, host: str, *, api: bool) -> bool:
    """Whether the policy refuses a login at this host: one setting for people, one for APIs.

    META MyDomainSettings [V]; that the token endpoint's password flow is an API's login, too: [I].
    """
    if host.lower() not in SHARED_HOSTS:
        return False
    row = components.by_name(org, NAME, FULL_NAME)
    held = {} if row is None else json.loads(row.body)
    return bool(held.get("doesApiLoginRequireOrgDomain" if api else "canOnlyLoginWithMyDomainUrl"))
