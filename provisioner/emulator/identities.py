"""Who a user is, as the OAuth resources tell it (platform reference 7 [V], the fields [U])."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provisioner.emulator.store import Org


def shown(org: Org, organization: str, user_id: str, here: str) -> dict[str, Any]:
    """The user as userinfo and the identity URL tell; `here` is the instance's URL."""
    user = org.get("User", user_id)
    assert user is not None, "users are never removed"
    return {
        "sub": f"{here}/id/{organization}/{user_id}",
        "user_id": user_id,
        "organization_id": organization,
        "preferred_username": user["Username"],
        "nickname": user["CommunityNickname"],
        "name": user["Name"],
        "email": user["Email"],
        "email_verified": True,
        "given_name": user["FirstName"],
        "family_name": user["LastName"],
        "zoneinfo": user["TimeZoneSidKey"],
        "urls": {
            "rest": f"{here}/services/data/v{{version}}/",
            "sobjects": f"{here}/services/data/v{{version}}/sobjects/",
            "query": f"{here}/services/data/v{{version}}/query/",
            "metadata": f"{here}/services/Soap/m/{{version}}/{organization}",
        },
        "active": user["IsActive"],
        "user_type": user["UserType"].upper(),
        "language": user["LanguageLocaleKey"],
        "locale": user["LocaleSidKey"],
        "utcOffset": 0,
        "updated_at": user["LastModifiedDate"],
    }
