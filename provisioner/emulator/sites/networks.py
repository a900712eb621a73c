"""The sites themselves: how one is made, what its name and address may be, where it answers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.sites import (
    custom_sites,
    rows,
    templates,
)
from provisioner.emulator.sites import (
    pages as site_pages,
)
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.sites.templates import SiteTemplate
    from provisioner.emulator.store.org import Org

LIVE: Final = "Live"
NEW: Final = "UnderConstruction"
NETWORK: Final = "Network"
ARCHIVED: Final = "TemporarilyArchived"
CUSTOM_SITE: Final = rows.CUSTOM_SITE
_MOST: Final = 100  # sites in an org, archived ones apart (fact 208)
# Part of a Network's and a CustomSite's path in public retrievals of LWR sites [Q].
_LWR_PATH: Final = "vforcesite"

# `<type>EmailTemplateId` of a new site; the rest are empty (guess).
MAILS: Final = {
    "ChangePasswordEmailTemplateId": "CommunityChangePasswordEmailTemplate",
    "ChgEmailVerNewEmailTemplateId": "CommunityChgEmailVerNewTemplate",
    "ChgEmailVerOldEmailTemplateId": "CommunityChgEmailVerOldTemplate",
    "DeviceActEmailTemplateId": "CommunityDeviceActEmailTemplate",
    "ForgotPasswordEmailTemplateId": "CommunityForgotPasswordEmailTemplate",
    "HeadlessForgotPasswordTemplateId": "CommunityHeadlessForgotPasswordTemplate",
    "HeadlessRegistrationTemplateId": "CommunityHeadlessRegistrationTemplate",
    "LockoutEmailTemplateId": "CommunityLockoutEmailTemplate",
    "VerificationEmailTemplateId": "CommunityVerificationEmailTemplate",
    "WelcomeEmailTemplateId": "CommunityWelcomeEmailTemplate",
}
# What a new site has switched on, as in a public template of its metadata [Q].
_ON: Final = (
    "ApexCDNCachingEnabled", "DirectMessagesEnabled", "EnableTalkingAboutStats",
    "EnableTopicAssignmentRules", "ExperienceBundleBasedSnaOverrideEnabled",
    "ImageOptimizationCDNEnabled", "NicknameDisplayEnabled",
    "ReputationRecordConversationsDisabled", "SendWelcomeEmail",
)  # fmt: skip


def select(org: Org, **equals: Any) -> list[dict[str, Any]]:
    """The sites whose fields equal `equals`, in Id order."""
    return org.select(NETWORK, **equals)


def details(org: Org, network_id: str) -> dict[str, Any]:
    """What a site has in its metadata and not in a field of its row."""
    row = components.by_id(org, NETWORK, network_id)
    found: dict[str, Any] = {} if row is None else json.loads(row.body)
    return found


def keep_details(org: Org, network_id: str, name: str, body: Mapping[str, Any], by: str) -> None:
    """Keeps what `details` gives, and the site's name as its full name."""
    components.change(org, NETWORK, network_id, name, json.dumps(body), by)


def of_custom_site(org: Org, full_name: str) -> str | None:
    """The id of the site whose other half is that CustomSite."""
    for row in components.rows(org, NETWORK):
        if json.loads(row.body).get("site") == full_name:
            return row.id
    return None


def by_name(org: Org, name: str) -> dict[str, Any] | None:
    """The site of that name, in any case."""
    found = select(org, Name=name)
    return found[0] if found else None


def of_pages(org: Org, name: str) -> dict[str, Any] | None:
    """The site whose pages are called so."""
    for row in components.rows(org, NETWORK):
        if json.loads(row.body).get("picassoSite", "").casefold() == name.casefold():
            return org.get(NETWORK, row.id)
    return None


def follow_path(org: Org, network_id: str, path: str | None, by: str) -> None:
    """Gives CustomSite and pages of a site the site's new path: all have one address [I]."""
    held = details(org, network_id)
    site_pages.move(org, by, held.get("picassoSite", ""), path)
    row = components.by_name(org, CUSTOM_SITE, held.get("site", ""))
    if row is None:
        return
    values = json.loads(row.body)
    values.pop("urlPathPrefix", None)
    values |= {"urlPathPrefix": path} if path else {}
    custom_sites.change(org, by, row, row.full_name, values, custom_sites.users(org, row))


def address(base: str, network: Mapping[str, Any]) -> str:
    """The URL of a site; in a real org on `<MyDomain>.my.site.com` (fact 202)."""
    prefix = network["UrlPathPrefix"]
    return f"{base}/{prefix}" if prefix else base


def login_address(base: str, network: Mapping[str, Any]) -> str:
    """Where a site's members log in: `/s/login` as in recordings [V], `/login` without Builder."""
    tail = "/s/login" if network["OptionsSiteAsContainerEnabled"] else "/login"  # the second: guess
    return address(base, network) + tail


def check_free(
    org: Org, name: str, prefix: str | None, *, own: str | None = None, code: str = "INVALID_INPUT"
) -> None:
    """Refuses a name or an address that another site has, or a second site without an address.

    Names are compared without case. The three texts: fact 213; outside of
    Connect the code is a guess.
    """
    for row in org.execute('SELECT "Id", "Name", "UrlPathPrefix" FROM "Network"'):
        if row["Id"] == own:
            continue
        if row["Name"].casefold() == name.casefold():
            message = "Enter a different name. That one already exists."
            raise SalesforceError(code, message, ("Name",) if own else None)
        if public_path(row["UrlPathPrefix"]).casefold() == public_path(prefix).casefold():
            message = (
                "That URL is already in use. Please enter a unique one."
                if prefix
                else "Enter a URL for your community."
            )
            raise SalesforceError(code, message, ("UrlPathPrefix",) if own else None)


def check_room(org: Org, *, asked: int = 0) -> None:
    """Refuses one site more than an org may have; `asked` are on their way. Text: guess."""
    archived = sum(
        json.loads(row.body).get("siteArchiveStatus") == ARCHIVED
        for row in components.rows(org, NETWORK)
    )
    (counted,) = org.execute('SELECT COUNT(*) FROM "Network"')
    if counted[0] - archived + asked >= _MOST:
        raise SalesforceError("INVALID_INPUT", f"You can't have more than {_MOST} sites.")


def public_path(path: str | None) -> str:
    """What people see of a path: that of an LWR site is longer than its pages' (see `path_of`)."""
    return (path or "").removesuffix(_LWR_PATH)


def path_of(prefix: str, template: SiteTemplate) -> str:
    """The path that a site keeps when `prefix` was asked for."""
    return f"{prefix}{_LWR_PATH}" if template.framework == "LWR" and prefix else prefix


def create(
    org: Org,
    by: str,
    template: SiteTemplate,
    values: Mapping[str, Any],
    body: Mapping[str, Any] | None = None,
    *,
    authentication: str = site_pages.AUTHENTICATED,
) -> str:
    """Makes a site that nobody but its maker's profile may see yet; returns its id.

    `values` are fields of its row, `body` what `details` gives; what they leave out is that of a
    new site, and without `body` its CustomSite and its pages are made too; whom pages of LWR let
    in is `authentication`. The caller has seen to it that name and address are free.
    """
    templates.fill(org, by)
    user = org.get("User", by)
    assert user is not None, "somebody makes a site"
    name = values["Name"]
    row: dict[str, Any] = {f"Options{option}": True for option in _ON}
    for field, mail in MAILS.items():
        row[field] = templates.mail_template(org, f"{templates.PUBLIC}/{mail}")
    row |= {
        "OptionsSiteAsContainerEnabled": template.framework != "Visualforce",
        "EmailSenderAddress": user["Email"],  # of the maker: guess
        "EmailSenderName": name,  # as in a public template of its metadata [Q]
        "Status": NEW,
    }
    id_ = org.insert(NETWORK, row | dict(values), by=by)
    held: dict[str, Any] = {
        "siteArchiveStatus": "NotArchived",
        "tabs": {"defaultTab": "home", "standardTab": ["Chatter"]},
        "templateName": template.name,
    }
    if body is None:
        held["site"] = _custom_site(org, by, name, values.get("UrlPathPrefix"))
        if template.framework != "Visualforce":
            # named after the site with a 1 behind, in every public retrieval [V]
            held["picassoSite"] = f"{held['site']}1"
            site_pages.make(
                org,
                by,
                held["picassoSite"],
                name,
                public_path(values.get("UrlPathPrefix")),
                template,
                authentication=authentication,
            )
    held |= body or {}
    _share_guest(org, by, held)
    components.add(org, NETWORK, id_, name, json.dumps(held), by)
    org.audit(by, "createdNetwork", "Sites", f"Created site {name}")  # words: guess
    return id_


def _share_guest(org: Org, by: str, held: Mapping[str, Any]) -> None:
    """Both rows of `Site` tell of one guest and one administrator (guess)."""
    pages = components.by_name(org, rows.PAGES, held.get("picassoSite", ""))
    half = components.by_name(org, CUSTOM_SITE, held["site"])
    if pages is not None and half is not None:
        site = org.get(rows.SITE, half.id) or {}
        shared = {name: site.get(name) for name in ("AdminId", "GuestUserId")}
        rows.keep(org, by, pages.id, shared)


def _custom_site(org: Org, by: str, label: str, path: str | None) -> str:
    """The CustomSite of a new site; its values as in a public template of its metadata [Q]."""
    wanted = re.sub(r"\W+", "_", label, flags=re.ASCII).strip("_") or "Site"
    name, number = wanted, 0
    while not (rows.is_free(org, name) and rows.is_free(org, f"{name}1")):
        number += 1
        name = f"{wanted}_{number}"
    values = {
        "active": True,
        "allowHomePage": False,
        "allowStandardAnswersPages": False,
        "allowStandardIdeasPages": False,
        "allowStandardLookups": False,
        "allowStandardPortalPages": True,
        "allowStandardSearch": False,
        "authorizationRequiredPage": "CommunitiesLogin",
        "bandwidthExceededPage": "BandwidthExceeded",
        "browserXssProtection": True,
        "cachePublicVisualforcePagesInProxyServers": True,
        "clickjackProtectionLevel": "SameOriginOnly",
        "contentSniffingProtection": True,
        "enableAuraRequests": True,
        "fileNotFoundPage": "FileNotFound",
        "genericErrorPage": "Exception",
        "inMaintenancePage": "InMaintenance",
        "indexPage": "CommunitiesLanding",
        "masterLabel": label,
        "redirectToCustomDomain": False,
        "referrerPolicyOriginWhenCrossOrigin": True,
        "selfRegPage": "CommunitiesSelfReg",
        "siteType": "ChatterNetwork",
        **({"urlPathPrefix": path} if path else {}),
    }
    # its maker is both, in public retrievals of untouched sites [V]
    custom_sites.add(org, by, name, values, dict.fromkeys(custom_sites.USERS, by))
    return name
