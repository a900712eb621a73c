"""Drift for a login that may not read all that a report tells: the differences are told all the same."""

import pytest

from provisioner.drift import find as finding
from provisioner.model.operations import Newest, ReadMembership
from provisioner.org.errors import AuthenticationFailed, Refused

SPEC = {
    "settings": {"OrgSettings": {"enableCustomerSuccessPortal": True}},
    "portals": {
        "Customer Portal": {
            "type": "CustomerSuccess",
            "active": True,
            "emailSenderAddress": "a@acme.example",
            "emailSenderName": "Acme",
            "description": "ours",
        }
    },
}


class Forbidding:
    """The org, where some questions are refused, as they are to a login with few rights."""

    def __init__(self, org, forbids, error):
        self._org, self._forbids, self._error = org, forbids, error

    def __getattr__(self, name):
        return getattr(self._org, name)

    def read(self, query):
        return self.read_all([query])[query]

    def read_all(self, queries):
        if any(map(self._forbids, queries)):
            raise self._error
        return self._org.read_all(queries)


@pytest.fixture
def drifted(portal):
    portal.apply(SPEC)
    loaded = portal.load({**SPEC, "portals": {"Customer Portal": {**SPEC["portals"]["Customer Portal"], "description": "new"}}})  # fmt: skip

    def drift(forbids, error):
        return finding.find_drift(loaded, Forbidding(portal.org, forbids, error))

    return drift


NO_RIGHT = Refused("INSUFFICIENT_ACCESS", "no such right")


def test_what_may_not_be_read_is_named_and_all_else_told(drifted):
    planned, found = drifted(
        lambda q: isinstance(q, Newest) and q.sobject == "SetupAuditTrail", NO_RIGHT
    )
    assert [str(s.address) for s in planned.plan.steps] == ["portal/Customer Portal"]
    assert [u.partition(":")[0] for u in found.unread] == ["who changed what in Setup"]
    assert [s.kind for s in found.coverage] == ["portal"]


def test_a_login_without_web_access_misses_the_members_alone(drifted):
    _, found = drifted(lambda q: isinstance(q, ReadMembership), AuthenticationFailed("no web"))
    assert [u.partition(":")[0] for u in found.unread] == ["which profiles can use the portal"]


def test_a_session_that_ends_is_no_lack_of_rights(drifted):
    with pytest.raises(AuthenticationFailed):
        drifted(lambda q: isinstance(q, Newest), AuthenticationFailed("over"))
