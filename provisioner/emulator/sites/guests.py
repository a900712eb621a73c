"""The guest of a site: the profile and the user that everybody is who has not logged in.

Both come with the site and are its own (help, "Configure the Site Guest User Record" [V]).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from provisioner.emulator.access import owned_sets

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

LICENSE: Final = "PID_Guest_User"
# "Each site has a separate Guest User license" and an org has room for a hundred sites (fact
# 208); that the seats become as many with Digital Experiences: guess.
SEATS: Final = 100
_LAST_NAME: Final = "Site Guest User"  # behind the site's label, in public scripts and triggers [V]
_LONGEST_FIRST_NAME: Final = 40


def make(org: Org, by: str, name: str, label: str) -> str:
    """Makes the guest of the site `name`; returns the id of the user.

    The profile is `<label> Profile` (public projects [V]), without any permission (KB 000385602
    [V]); one of that name that came before the site, by a deployment, is taken [I].
    """
    profile = _profile(org, by, label)
    (organization,) = org.select("Organization")
    values = {
        "FirstName": label[:_LONGEST_FIRST_NAME],
        "LastName": _LAST_NAME,
        "Username": _username(org, name, organization["Id"]),
        # "the system generates a dummy email address" since Summer '21 (release notes [V]): which
        # one is a guess, as are the alias and the form of the username
        "Email": f"{name.lower()}@guest.invalid",
        "Alias": "guest",
        # sharing rules for guests name them so, as the site is named (public metadata [V])
        "CommunityNickname": _nickname(org, name),
        "IsActive": True,
        "ProfileId": profile,
        "UserType": "Guest",
        "TimeZoneSidKey": organization["TimeZoneSidKey"],
        "LocaleSidKey": organization["DefaultLocaleSidKey"],
        "LanguageLocaleKey": organization["LanguageLocaleKey"],
        "EmailEncodingKey": "UTF-8",
    }
    id_ = owned_sets.insert_user(org, values, by=by)
    org.insert("UserLogin", {"UserId": id_}, by=by)
    return id_


def retire(org: Org, by: str, user_id: str | None) -> None:
    """Deactivates the guest of a site that is gone: users are never deleted (fact 339)."""
    if user_id is not None and org.get("User", user_id) is not None:
        org.update("User", user_id, {"IsActive": False}, by=by)


def _profile(org: Org, by: str, label: str) -> str:
    (license_,) = org.find("UserLicense", LicenseDefinitionKey=LICENSE)
    number, name = 0, f"{label} Profile"
    while found := org.select("Profile", Name=name):
        (profile,) = found
        used = org.find("User", ProfileId=profile["Id"])
        if profile["UserLicenseId"] == license_ and not used:
            return str(profile["Id"])
        number += 1
        name = f"{label} Profile{number}"  # a name is given once; how the next is made: guess
    return owned_sets.insert_profile(
        org, {"Name": name, "UserLicenseId": license_, "UserType": "Guest"}, by=by
    )


def _username(org: Org, name: str, organization: str) -> str:
    number, host = 0, f"{organization[:15].lower()}.force.com"
    username = f"{name.lower()}@{host}"
    while org.find("User", Username=username):
        number += 1
        username = f"{name.lower()}{number}@{host}"
    return username


def _nickname(org: Org, name: str) -> str:
    number, nickname = 0, name[:40]
    while org.find("User", CommunityNickname=nickname):
        number += 1
        nickname = f"{name[:36]}{number}"
    return nickname
