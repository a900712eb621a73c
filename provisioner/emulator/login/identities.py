"""Who a user is, as the OAuth resources tell it: `userinfo` and the identity URL.

The properties and their order are those of public recordings of real orgs [V]; `userinfo` has the
names of OpenID Connect for most of them.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base import timestamps

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

_DATA: Final = {  # below the URL of the instance
    "rest": "/services/data/v{version}/",
    "sobjects": "/services/data/v{version}/sobjects/",
    "search": "/services/data/v{version}/search/",
    "query": "/services/data/v{version}/query/",
    "recent": "/services/data/v{version}/recent/",
    "tooling_soap": "/services/Soap/T/{version}/{org}",
    "tooling_rest": "/services/data/v{version}/tooling/",
    "profile": "/{user}",
    "feeds": "/services/data/v{version}/chatter/feeds",
    "groups": "/services/data/v{version}/chatter/groups",
    "users": "/services/data/v{version}/chatter/users",
    "feed_items": "/services/data/v{version}/chatter/feed-items",
    "feed_elements": "/services/data/v{version}/chatter/feed-elements",
    "custom_domain": "",
}
_SOAP: Final = {
    "enterprise": "/services/Soap/c/{version}/{org}",
    "metadata": "/services/Soap/m/{version}/{org}",
    "partner": "/services/Soap/u/{version}/{org}",
}


def identity(org: Org, organization: str, user_id: str, here: str) -> dict[str, Any]:
    """The user as the identity URL tells; `here` is the URL of the instance."""
    user = _user(org, user_id)
    return {
        "id": f"{here}/id/{organization}/{user_id}",
        "asserted_user": True,
        "user_id": user_id,
        "organization_id": organization,
        "username": user["Username"],
        "nick_name": user["CommunityNickname"],
        "display_name": user["Name"],
        "email": user["Email"],
        "email_verified": True,
        "first_name": user["FirstName"],
        "last_name": user["LastName"],
        "timezone": user["TimeZoneSidKey"],
        "photos": _photos(here),
        "addr_street": user["Street"],
        "addr_city": user["City"],
        "addr_state": user["State"],
        "addr_country": user["Country"],
        "addr_zip": user["PostalCode"],
        "mobile_phone": user["MobilePhone"],
        "mobile_phone_verified": False,
        "is_lightning_login_user": False,
        "status": {"created_date": None, "body": None},
        "urls": _urls(organization, user_id, here),
        **_common(org, user),
        "last_modified_date": user["LastModifiedDate"].replace(".000+0000", "Z"),
        "is_app_installed": True,
    }


def userinfo(org: Org, organization: str, user_id: str, here: str) -> dict[str, Any]:
    """The user as `userinfo` tells."""
    user = _user(org, user_id)
    photos = _photos(here)
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
        "photos": photos,
        "profile": f"{here}/{user_id}",
        "picture": photos["picture"],
        "address": {"country": user["Country"]} if user["Country"] else {},
        "urls": _urls(organization, user_id, here),
        **_common(org, user),
        "updated_at": user["LastModifiedDate"].replace(".000+0000", "Z"),
        "is_app_installed": True,
    }


def _user(org: Org, user_id: str) -> dict[str, Any]:
    user = org.get("User", user_id)
    assert user is not None, "users are never removed"
    return user


def _common(org: Org, user: dict[str, Any]) -> dict[str, Any]:
    return {
        "active": user["IsActive"],
        # `PowerCustomerSuccess` is POWER_CUSTOMER_SUCCESS here [I].
        "user_type": re.sub(r"(?<=[a-z])(?=[A-Z])", "_", user["UserType"]).upper(),
        "language": user["LanguageLocaleKey"],
        "locale": user["LocaleSidKey"],
        "utcOffset": _offset(org, user["TimeZoneSidKey"]),
    }


def _offset(org: Org, zone: str) -> int:
    """Milliseconds from UTC, without daylight saving time: recordings of the summer have it so."""
    now = org.now().astimezone(timestamps.zone_of(zone))
    winter = datetime(now.year, now.month, now.day, 12, tzinfo=now.tzinfo)
    offset = (winter.utcoffset() or timedelta()) - (winter.dst() or timedelta())
    return int(offset.total_seconds() * 1000)


def _photos(here: str) -> dict[str, str]:
    return {"picture": f"{here}/profilephoto/005/F", "thumbnail": f"{here}/profilephoto/005/T"}


def _urls(organization: str, user_id: str, here: str) -> dict[str, str]:
    return {
        name: here + path.replace("{org}", organization[:15]).replace("{user}", user_id)
        for name, path in (_SOAP | _DATA).items()
    }
