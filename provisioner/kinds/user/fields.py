"""The fields of a user that are not fields of the record, and what changes of fields mean."""

from __future__ import annotations

from provisioner.model.change import Action, Change

NAME = "user"
SOBJECT = "User"
USERNAME = "Username"
ACTIVE = "IsActive"
# The references of a user by their names in a spec.
CONTACT_KEY = "contact"
PROFILE_KEY = "profile"
CONTACT = "ContactId"
PROFILE_ID = "ProfileId"
# The pseudo-field of `on_create.password`: whether the user ever had a password.
PASSWORD = "password"  # noqa: S105  (the name of a field, not a password)
MAILED = "mailed to the user"
FOLLOW = "follow_contact"
EMAIL = "Email"
FOLLOWED = (EMAIL, "FirstName", "LastName")
"""The fields that a user and its contact have in common, which `follow_contact` copies."""


def confirms_email(change: Change) -> bool:
    """Whether Salesforce emails the new address of a user and asks to confirm it.

    "An email is sent to the new email address so that the change can be confirmed"; only the
    address of an active user can be changed. (Salesforce help 000385115, "Change a user's email
    address")
    """
    is_user = change.address.kind == NAME and change.action is Action.UPDATE
    changed = is_user and change.field(EMAIL) is not None
    return changed and change.result(ACTIVE) is not False
