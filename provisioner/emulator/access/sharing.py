"""Which records a user may read, edit and delete, told as SQL conditions on their rows.

First the organization-wide defaults, then what is owned by oneself or below in the hierarchy of
roles, then what Salesforce shares by itself, then sharing sets. Sharing rules, manual shares and
teams are not modelled. Object permissions are the business of `object_rights`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from provisioner.emulator.access import (
    defaults,
    object_rights,
    sharing_sets,
)
from provisioner.emulator.access.person import Person, person

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store.org import Org

Way = Literal["Read", "Edit", "Delete"]

# What the defaults give whom does not own the record.
_GIVEN: Final[Mapping[str, frozenset[str]]] = {
    "Read": frozenset({"Read"}),
    "ReadWrite": frozenset({"Read", "Edit"}),
    "ReadWriteTransfer": frozenset({"Read", "Edit"}),
}
_BY_OWNER: Final = frozenset({"Case", "Lead", "Opportunity"})


def condition(org: Org, who: Person, name: str, way: Way) -> str | None:
    """What the rows of an object fulfil that the person may read, edit or delete; None for all.

    The condition names the columns of the object's own table and has no parameters.
    """
    default = defaults.of(org, name, external=who.external)
    if way in _GIVEN.get(default, ()):
        return None
    parts = [_owned(who, name)]
    if default == defaults.PARENT:
        above = _by_parent(org, who, name, way)
        if above is None:
            return None
        parts = [above]
    if who.external:
        parts += _implicit(who, name, way)
    if way != "Delete":
        parts += sharing_sets.of_sets(org, who, name, way)
    return " OR ".join(f"({part})" for part in parts)


def may(org: Org, user_id: str, name: str, id_: str, way: Way) -> bool:
    """Whether sharing lets the user read, edit or delete one record of a governed object."""
    held = object_rights.rights(org, user_id).get(name, frozenset())
    if "ModifyAllRecords" in held or (way == "Read" and "ViewAllRecords" in held):
        return True
    return shared(org, person(org, user_id), name, id_, way)


def shared(org: Org, who: Person, name: str, id_: str, way: Way) -> bool:
    """As `may`, whatever the object permissions."""
    rows = condition(org, who, name, way)
    if rows is None:
        return True
    sql = f'SELECT 1 FROM "{name}" WHERE "Id" = ? AND ({rows})'  # noqa: S608 - our names and ids
    return bool(org.execute(sql, (id_,)))


def users(org: Org, who: Person) -> str | None:
    """What the rows of users fulfil that the person may see; None for all.

    "The default access setting is Private for external users ... Public Read Only" for those of
    the company; "users have Read access to those below them in the role hierarchy and full access
    on their own user record" (Security guide, "User Records" [V]). Portal users do not see each
    other: `enableCommunityUserVisibility` is false by default (META SharingSettings [V]).
    """
    if not who.external:
        return None
    return " OR ".join(
        [f'"Id" IN ({_people(who)})', *sharing_sets.of_sets(org, who, "User", "Read")]
    )


# -- below -------------------------------------------------------------------------------------


def _by_parent(org: Org, who: Person, name: str, way: Way) -> str | None:
    """What the parent lets do with the child: "that same action" (help, "Controlled by Parent").

    A contact without an account is its owner's alone (general knowledge [U]).
    """
    field = None if name == "Contact" else defaults.master(org, name)
    parent, column = (field.references[0], field.name) if field else ("Account", "AccountId")
    rows = condition(org, who, parent, way) if object_rights.governed(parent) else None
    if rows is None:
        return None
    above = f'"{column}" IN (SELECT "Id" FROM "{parent}" WHERE {rows})'  # noqa: S608 - our names
    return above if field else f'{above} OR ("AccountId" IS NULL AND ({_owned(who, name)}))'


# -- owners and what comes by itself ------------------------------------------------------------


def _owned(who: Person, name: str) -> str:
    """Records of oneself and of the people below (help, "Grant Access Using Hierarchies" [V]).

    A super user has those of the same role, too: "all users in the same role, and roles below"
    (help, "Grant Portal Super User Access" [V]: cases, leads, custom objects, opportunities).
    """
    beside = who.superior and (name in _BY_OWNER or name.endswith("__c"))
    return f'"OwnerId" IN ({_people(who, beside=beside)})'


def _people(who: Person, *, beside: bool = False) -> str:
    """The ids of the person and of those below in the hierarchy, as SQL."""
    own = f"SELECT '{who.id}'"
    if who.role is None:
        return own
    below = (
        f'WITH RECURSIVE below(id) AS (SELECT "Id" FROM "UserRole" WHERE "ParentRoleId"'  # noqa: S608
        f' = \'{who.role}\' UNION SELECT r."Id" FROM "UserRole" AS r JOIN below'
        ' ON r."ParentRoleId" = below.id) SELECT id FROM below'
    )
    roles = f'"UserRoleId" IN ({below})' + (f" OR \"UserRoleId\" = '{who.role}'" if beside else "")
    # the index by account, for a portal's roles are of one account (fact 408)
    account = f"\"AccountId\" = '{who.account}' AND " if who.external else ""
    return f'{own} UNION SELECT "Id" FROM "User" WHERE {account}({roles})'  # noqa: S608 - our ids


def _implicit(who: Person, name: str, way: Way) -> list[str]:
    """What Salesforce shares with a portal's user by itself."""
    found = []
    match name:
        case "Account" if way == "Read":
            # "Access to portal account and all associated contacts for all portal users under
            # that account" (Record access guide, "Implicit Sharing" [V]); to read: [Q].
            found = [f"\"Id\" = '{who.account}'"]
            if who.role is not None:
                # "If you have access to an account's child case, contact, or opportunity record,
                # you have implicit Read Only access to that account" (help [V]); not for users
                # without a role, whose shares are not kept (object reference, CaseShare [I]).
                found += [_above(who, child) for child in ("Case", "Opportunity")]
        case "Contact" if way in {"Read", "Edit"}:
            # PortalImplicit: "the Contact is associated with the portal user" (object reference,
            # ContactShare [V]); "Read and Update on Contact related to the portal user" [Q].
            found = [f"\"Id\" = '{who.contact}'"]
        case "Case" if way in {"Read", "Edit"} and who.role is not None:
            # RelatedPortalUser (object reference, CaseShare [V]): users with a role "can view and
            # edit cases in which they are listed as the contact", as can "everyone in the
            # contact's role hierarchy" (release notes, Spring '19 [V]). Those without one need a
            # sharing set [I].
            people = f'SELECT "ContactId" FROM "User" WHERE "Id" IN ({_people(who)})'  # noqa: S608
            found = [f'"ContactId" IN ({people})']
    return found


def _above(who: Person, child: str) -> str:
    rows = " OR ".join([_owned(who, child), *_implicit(who, child, "Read")])
    return f'"Id" IN (SELECT "AccountId" FROM "{child}" WHERE "IsDeleted" = 0 AND ({rows}))'  # noqa: S608
