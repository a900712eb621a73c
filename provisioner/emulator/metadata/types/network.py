"""The metadata type `Network`; see `registry.Kind` for the promises."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from provisioner.emulator.base.component_refusals import no_such, refused
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata.types.stored import Listing
from provisioner.emulator.rules import networks as rules
from provisioner.emulator.rules.fields import checked
from provisioner.emulator.sites import (
    members,
    network_fields,
    networks,
    page_rules,
    rows,
    templates,
)
from provisioner.emulator.sites import (
    pages as site_pages,
)
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.sites.pages import Pages
    from provisioner.emulator.sites.templates import SiteTemplate
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org

_LEAVING: Final = frozenset({members.LEAVING, "RemoveCalculated", "FailedAdd"})
_EMAIL: Final = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]+")
_STAYS: Final = ("picassoSite", "siteArchiveStatus")  # also where an update leaves them out: guess
_OURS: Final = frozenset({"templateName", "published"})  # kept with a site, in no element


class Networks(Listing):
    """The kind `Network`."""

    name = "Network"
    directory = "networks"
    suffix = "network"

    def _shown(self, org: Org, row: Row) -> Value:
        network = org.get("Network", row.id)
        assert network is not None, "a site has both halves"
        held = networks.details(org, row.id)
        values = {name: value for name, value in held.items() if name not in _OURS}
        values |= network_fields.shown(org, network)
        groups = _groups(org, row.id)
        if any(groups.values()):
            values["networkMemberGroups"] = {name: sorted(groups[name]) for name in groups}
        profile = org.get("Profile", network["SelfRegProfileId"] or "")
        if profile is not None:
            values["selfRegProfile"] = profile["FullName"].lower()  # as in member groups [I]
        return values

    def create(self, org: Org, values: Value, by: str) -> None:
        """Makes a site for the CustomSite and the pages that are there (fact 221)."""
        name = unquote(values["fullName"])
        _check_pages(values)
        pages = _pages(org, values.get("picassoSite"), None)
        body = network_fields.rest(values)
        self._check_site(org, values["site"], None)
        row = _checked(org, {"Name": name} | network_fields.fields(org, values), None)
        rules.check_path(row["UrlPathPrefix"])
        networks.check_free(org, name, row["UrlPathPrefix"], code="FIELD_INTEGRITY_EXCEPTION")
        networks.check_room(org)
        template = _template(pages)
        status, profile = row.pop("Status"), values.get("selfRegProfile")
        row |= {"EmailSenderAddress": _sender(values)}
        id_ = networks.create(org, by, template, row, body | {"templateName": template.name})
        self._admit(org, by, id_, values)
        current = org.get("Network", id_)
        assert current is not None, "just made"
        after = {"Status": status, "SelfRegProfileId": _profile_id(org, profile)}
        rules.update_network(org, by, current, after)

    def update(self, org: Org, values: Value, by: str) -> None:
        """Replaces a site's values; members only where they are given (see `_admit`)."""
        row = self.existing(org, values["fullName"])
        current = org.get("Network", row.id)
        assert current is not None, "a site has both halves"
        held = networks.details(org, row.id)
        _check_pages(values)
        _pages(org, values.get("picassoSite"), row.id)
        self._check_site(org, values["site"], held["site"])
        changed = _checked(org, network_fields.fields(org, values), current)
        self._admit(org, by, row.id, values)
        changed["SelfRegProfileId"] = _profile_id(org, values.get("selfRegProfile"))
        kept = {name: held[name] for name in (*_OURS, *_STAYS) if name in held}
        body = kept | network_fields.rest(values)
        networks.keep_details(org, row.id, current["Name"], body, by)
        rules.update_network(org, by, current, changed)
        archived = body.get("siteArchiveStatus") == networks.ARCHIVED
        half = components.by_name(org, networks.CUSTOM_SITE, body["site"])
        assert half is not None, "a Network has its CustomSite"
        rows.archive(org, by, half.id, on=archived)

    def delete(self, org: Org, full_name: str, by: str) -> None:
        """Refused: a site is never deleted (fact 221); code and text: guess."""
        raise SalesforceError("INVALID_OPERATION", f"The site {full_name} can't be deleted.", ())

    def rename(self, org: Org, old: str, new: str, by: str) -> None:
        """Gives a site another name, as its object does (fact 221: Name is updateable [V])."""
        row = self.existing(org, old)
        current = org.get("Network", row.id)
        assert current is not None, "a site has both halves"
        rules.update_network(org, by, current, _checked(org, {"Name": unquote(new)}, current))

    def _check_site(self, org: Org, name: str, before: str | None) -> None:
        row = components.by_name(org, networks.CUSTOM_SITE, name)
        if row is None:  # wording as in coral-cloud issue 80 for PicassoSite [I]
            raise no_such("Site", "CustomSite", name, fields=("site",))
        taken = networks.of_custom_site(org, row.full_name)
        if (before or row.full_name) != row.full_name or (before is None and taken is not None):
            raise SalesforceError(  # guess
                "FIELD_INTEGRITY_EXCEPTION",
                f"The site {name} belongs to another Network",
                ("site",),
            )

    def _admit(self, org: Org, by: str, network_id: str, values: Value) -> None:
        """Makes the groups given the site's groups: who is left out leaves.

        That a deployment replaces the members is widely said (fact 209); that they stay where none
        are given: guess.
        """
        given = values.get("networkMemberGroups")
        if given is None:
            return
        wanted = {_member_profile(org, name) for name in given.get("profile", [])}
        for profile in wanted:
            rules.check_member(org, profile)
        wanted |= {_member_set(org, name) for name in given.get("permissionSet", [])}
        held = {
            group["ParentId"]: group
            for group in org.select("NetworkMemberGroup", NetworkId=network_id)
        }
        for parent in sorted(wanted - held.keys()):
            members.add_group(org, by, network_id, parent)
        for parent, group in held.items():
            status = group["AssignmentStatus"]
            if parent not in wanted and status not in _LEAVING:
                leave = {"AssignmentStatus": members.LEAVING}
                org.update("NetworkMemberGroup", group["Id"], leave, by=by)
            elif parent in wanted and status in _LEAVING:
                join = {"AssignmentStatus": members.WAITING}
                org.update("NetworkMemberGroup", group["Id"], join, by=by)


def _groups(org: Org, network_id: str) -> dict[str, list[str]]:
    """The members as the metadata names them: profiles by full name in lower case [V]."""
    found: dict[str, list[str]] = {"permissionSet": [], "profile": []}
    for group in org.select("NetworkMemberGroup", NetworkId=network_id):
        if group["AssignmentStatus"] in _LEAVING:
            continue
        profile = org.get("Profile", group["ParentId"])
        if profile is not None:
            found["profile"].append(profile["FullName"].lower())
        chosen = org.get("PermissionSet", group["ParentId"])
        if chosen is not None:
            found["permissionSet"].append(chosen["Name"])
    return found


def _checked(org: Org, row: Mapping[str, Any], current: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields as their types and lengths allow; what the object would refuse is refused."""
    table = org.catalog().get("Network")
    assert table is not None, "the type is there only with the object"
    return checked(org, table, row, current=current or {})


def _pages(org: Org, name: str | None, network_id: str | None) -> Pages | None:
    """The pages that a Network names: there already, and of no other site.

    The text for those that are not there is that of coral-cloud issue 80 [V].
    """
    if name is None:
        return None
    found = site_pages.find(org, name)
    if found is None:
        raise no_such("PicassoSite", "SiteDotCom", name, fields=("picassoSite",))
    owner = networks.of_pages(org, name)
    if (owner and owner["Id"]) != network_id:  # a site keeps its pages; text: guess
        raise refused(f"The pages {name} belong to another Network", "picassoSite")
    return found


def _template(pages: Pages | None) -> SiteTemplate:
    """What a site that was deployed was made from once, as its pages tell."""
    if pages is None:
        found = templates.site_template("Salesforce Tabs + Visualforce")
    elif pages.framework == site_pages.AURA:
        found = templates.made_from(page_rules.template_name(pages.files))
        found = found or templates.site_template("Build Your Own")  # of a template of its own
    else:
        found = templates.site_template("Build Your Own (LWR)")
    assert found is not None, "one of the templates"
    return found


def _check_pages(values: Value) -> None:
    """Refuses an archive and a logo that can not be."""
    if values.get("siteArchiveStatus") == networks.ARCHIVED and values["status"] == networks.LIVE:
        raise SalesforceError(  # deactivated first, then archived (fact 207); code and text: guess
            "FIELD_INTEGRITY_EXCEPTION",
            "A site must be deactivated before it's archived.",
            ("siteArchiveStatus",),
        )
    logo = values.get("emailFooterLogo")
    if logo:  # this org has no documents; wording as above
        raise no_such("emailFooterLogo", "Document", logo)


def _sender(values: Value) -> str:
    address = str(values["emailSenderAddress"])
    if not _EMAIL.fullmatch(address):
        # fact 320, wording for User.Email [V]
        message = f"emailSenderAddress: invalid email address: {address}"
        raise SalesforceError("INVALID_EMAIL_ADDRESS", message, ("emailSenderAddress",))
    return address.lower()


def _profile_id(org: Org, written: str | None) -> str | None:
    return _member_profile(org, written, "selfRegProfile") if written else None


def _member_profile(org: Org, written: str, element: str = "profile") -> str:
    name = unquote(written)
    found = org.find("Profile", FullName=components.encoded(name)) or org.find("Profile", Name=name)
    if not found:  # wording of public deployment logs for other types [V]
        raise no_such(element, "Profile", written)
    return found[0]


def _member_set(org: Org, written: str) -> str:
    found = org.find("PermissionSet", Name=written, IsOwnedByProfile=False)
    if not found:  # as above: guess
        raise no_such("permissionSet", "PermissionSet", written)
    return found[0]
