"""The rules of public groups and queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.emulator.base.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store.org import Org


def create(org: Org, by: str, row: Mapping[str, Any]) -> str:
    """A group whose developer name no other has."""
    _free(org, row.get("DeveloperName"), None)
    id_ = org.insert("Group", row, by=by)
    org.audit(by, "groupCreated", "Groups", f"Created public group {row['Name']}")  # text: guess
    return id_


def update(org: Org, by: str, current: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    """Changes a group; one that is written as it is counts as modified all the same."""
    _free(org, row.get("DeveloperName"), current["Id"])
    org.update("Group", current["Id"], row, by=by)


def _free(org: Org, name: Any, id_: str | None) -> None:
    # "DeveloperName ... The unique name of the object in the API" (object reference, Group);
    # the code is of the WSDL's list, that it is this one and its text: guess.
    if name and any(other != id_ for other in org.find("Group", DeveloperName=name)):
        raise SalesforceError(
            "DUPLICATE_DEVELOPER_NAME",
            f"The developer name you entered is already in use: {name}",
            ("DeveloperName",),
        )
