"""The object `Site`: one row for every CustomSite and one for the pages of every Builder's site.

Salesforce makes both with a site of Experience Cloud, the pages as the site's name with a 1 behind
(Metadata guide, SiteDotCom [V]). Nobody writes the object; a row has the id of its component.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.org import Org

SITE: Final = "Site"
CUSTOM_SITE: Final = "CustomSite"
PAGES: Final = "SiteDotCom"
PREFIX: Final = "0DM"
# Element of CustomSite -> option; put together by meaning [I].
_OPTIONS: Final = {
    "allowHomePage": "AllowHomePage",
    "allowStandardAnswersPages": "AllowStandardAnswersPages",
    "allowStandardIdeasPages": "AllowStandardIdeasPages",
    "allowStandardLookups": "AllowStandardLookups",
    "allowStandardPortalPages": "AllowStandardPortalPages",
    "allowStandardSearch": "AllowStandardSearch",
    "browserXssProtection": "BrowserXssProtection",
    "cachePublicVisualforcePagesInProxyServers": "CachePublicVfPagesInProxies",
    "contentSniffingProtection": "ContentSniffingProtection",
    "redirectToCustomDomain": "RedirectToCustomDomain",
    "referrerPolicyOriginWhenCrossOrigin": "ReferrerPolicyOriginWhenCrossOrigin",
}


def of_custom_site(name: str, values: Value) -> dict[str, Any]:
    """The fields that the elements of a CustomSite give."""
    row: dict[str, Any] = {
        f"Options{option}": values.get(element, False) for element, option in _OPTIONS.items()
    }
    return row | {
        "Name": name,
        "MasterLabel": values["masterLabel"],
        "Description": values.get("description"),
        "Status": "Active" if values["active"] else "Inactive",
        "SiteType": values["siteType"],
        "UrlPathPrefix": values.get("urlPathPrefix"),
        "AnalyticsTrackingCode": values.get("analyticsTrackingCode"),
        "ClickjackProtectionLevel": values["clickjackProtectionLevel"],
    }


def of_pages(name: str, label: str, path: str | None, kind: str) -> dict[str, Any]:
    """The fields of the row of a site's pages."""
    return {
        "Name": name,
        "MasterLabel": label,
        "UrlPathPrefix": path,
        "SiteType": kind,
        "Status": "Active",
        "ClickjackProtectionLevel": "SameOriginOnly",
    }


def keep(org: Org, by: str, id_: str, row: Mapping[str, Any]) -> None:
    """Writes the row of that component: a new one, or what of it is different."""
    current = org.get(SITE, id_)
    if current is None:
        org.insert(SITE, {"Id": id_, "AdminId": by, "ArchiveStatus": "NotArchived", **row}, by=by)
    elif any(current[name] != value for name, value in row.items()):
        org.update(SITE, id_, row, by=by)


def archive(org: Org, by: str, id_: str, *, on: bool) -> None:
    """Notes that a site was archived, by whom and when, or that it is so no more."""
    row = {
        # the value as the object reference spells it [V]
        "ArchiveStatus": "TemporaritlyArchived" if on else "NotArchived",
        "ArchivedById": by if on else None,
        "ArchivedDate": timestamp(org.now()) if on else None,
    }
    current = org.get(SITE, id_)
    if current is not None and current["ArchiveStatus"] != row["ArchiveStatus"]:
        org.update(SITE, id_, row, by=by)


def is_free(org: Org, name: str) -> bool:
    """Whether neither kind of site has that name yet."""
    kinds = (CUSTOM_SITE, PAGES)
    return all(components.by_name(org, kind, name) is None for kind in kinds)
