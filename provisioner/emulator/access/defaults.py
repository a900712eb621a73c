"""Organization-wide defaults: what everybody may do with records that are not theirs.

Said in the words of metadata: `Private`, `Read`, `ReadWrite`, `ReadWriteTransfer`,
`ControlledByParent`. `Organization` tells of the internal ones in words of its own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.access import object_rights
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.objects import Field
    from provisioner.emulator.store.org import Org

PARENT: Final = "ControlledByParent"
_PRIVATE: Final = "Private"
_INTERNAL, _EXTERNAL = "sharingModel", "externalSharingModel"
# As the describe of `Organization` has them; those that are not here are the same in both.
_OF_ORGANIZATION: Final = {
    "None": _PRIVATE, "Edit": "ReadWrite", "ReadEditTransfer": "ReadWriteTransfer",
}  # fmt: skip
_TO_ORGANIZATION: Final = {model: said for said, model in _OF_ORGANIZATION.items()}
# From the most to the least restrictive; the wider ones of some objects alone (META CustomObject,
# "sharingModel" [V]).
_WIDER: Final = (_PRIVATE, "Read", "ReadWrite", "ReadWriteTransfer")
_ONLY: Final = {
    "ReadWriteTransfer": frozenset({"Case", "Lead"}), PARENT: frozenset({"Contact"}),
}  # fmt: skip


def of(org: Org, name: str, *, external: bool) -> str:
    """The default of an object for people of the company, or for users of portals and sites.

    Orgs made after Spring '20: external access is Private for all objects, unless the internal
    access is Controlled by Parent (help, "Default Organization-Wide Access Levels" [V]).
    """
    if name.endswith("__c"):
        return _custom(org, name, external=external)
    said = _organization(org)[_column(name)] or "None"
    internal = _OF_ORGANIZATION.get(said, said)
    if internal == PARENT or not external:
        return internal
    return org.setting(_external(name)) or _PRIVATE


def change(org: Org, name: str, values: Mapping[str, Any], by: str) -> None:
    """Takes over the models of a standard object that metadata names.

    Raises SalesforceError for a model that the object can not have, or an external one that lets
    do more than the internal one: "must be more restrictive or equal" (help, "External
    Organization-Wide Defaults" [V]; the code and the texts: guess).
    """
    if not object_rights.governed(name) or not {_INTERNAL, _EXTERNAL} & values.keys():
        return
    before = {_INTERNAL: of(org, name, external=False), _EXTERNAL: of(org, name, external=True)}
    wanted = {key: values.get(key, model) for key, model in before.items()}
    for model in wanted.values():
        if model not in (*_WIDER, PARENT) or name not in _ONLY.get(model, {name}):
            raise _refused(f"The sharing model {model} is not valid for {name}")
    internal, external = wanted[_INTERNAL], wanted[_EXTERNAL]
    if PARENT in (internal, external):
        if internal != external and _EXTERNAL in values:
            raise _refused("Default External Access must be Controlled by Parent, too")
        external = internal if internal == PARENT else _PRIVATE
    elif _WIDER.index(external) > _WIDER.index(internal):
        raise _refused(
            "Default External Access must be more restrictive or equal to Default Internal Access"
        )
    if before == {_INTERNAL: internal, _EXTERNAL: external}:
        return
    (organization,) = org.find("Organization")
    said = _TO_ORGANIZATION.get(internal, internal)
    org.update("Organization", organization, {_column(name): said}, by=by)
    org.put_setting(_external(name), external)
    # action and display: guess
    display = f"Changed organization-wide defaults of {name}: {internal}, external {external}"
    org.audit(by, "owdUpdated", "Sharing Defaults", display)


def told(org: Org, name: str) -> dict[str, str]:
    """The models of an object as metadata tells of them; nothing where sharing is not for it."""
    if not object_rights.governed(name):
        return {}
    return {_INTERNAL: of(org, name, external=False), _EXTERNAL: of(org, name, external=True)}


def master(org: Org, name: str) -> Field | None:
    """The field of a detail that leads to its master."""
    sobject = org.catalog().get(name)
    assert sobject is not None, "asked for an object there is"
    return next((field for field in sobject.fields.values() if "master" in field.flags), None)


def _custom(org: Org, name: str, *, external: bool) -> str:
    if master(org, name) is not None:
        return PARENT
    row = components.by_name(org, "CustomObject", name)
    body = {} if row is None else json.loads(row.body)
    return str(body.get(_EXTERNAL if external else _INTERNAL, _PRIVATE))


def _organization(org: Org) -> Mapping[str, Any]:
    return org.remember(("row", "Organization"), lambda: org.select("Organization")[0])


def _column(name: str) -> str:
    return f"Default{name}Access"


def _external(name: str) -> str:
    return f"external access to {name}"


def _refused(message: str) -> SalesforceError:
    return SalesforceError("INVALID_INPUT", message, ())  # guess, as `change` says
