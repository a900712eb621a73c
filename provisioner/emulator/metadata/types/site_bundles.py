"""The metadata types ExperienceBundle and SiteDotCom: the pages of a site, as text and as a whole.

For Aura sites and the former LWR ones; those of enhanced LWR sites are `digital_experience_bundle`.
"""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from provisioner.emulator.base.component_refusals import no_such, refused
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata.types import bundle_files
from provisioner.emulator.sites import networks, page_rules, rows
from provisioner.emulator.sites import pages as site_pages
from provisioner.emulator.sites.settings import setting
from provisioner.emulator.store.components import Listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.sites.pages import Pages
    from provisioner.emulator.store.org import Org

# what zipfile raises for bytes that are no zip of its kind
_UNREADABLE: Final = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, zlib.error,
)  # fmt: skip
_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)  # so that the same pages give the same bytes
# forcedotcom/cli issue 523, ebikes-lwc issue 184 [V]; the numbers are those of no log here
_UNEXPECTED: Final = (
    "An unexpected error occurred. Please include this ErrorId if you contact support:"
    " 1637429673-2611390 (1134033616)"
)


class _PagesKind:
    """What both looks at a site's pages have in common."""

    name: ClassVar[str]

    def list(self, org: Org) -> list[Listed]:
        return [
            Listed(pages.row.id, pages.name, pages.row.stamp)
            for pages in site_pages.rows(org)
            if self._sees(org, pages.framework)
        ]

    def read(self, org: Org, full_name: str) -> Value | None:
        pages = site_pages.find(org, full_name)
        if pages is None or not self._sees(org, pages.framework):
            return None
        return {"fullName": pages.name} | self._shown(pages)

    def create(self, org: Org, values: Value, by: str) -> None:
        """Makes the pages of a site, or refuses those that can not be."""
        name = values["fullName"]
        if not rows.is_free(org, name):
            raise refused(f"The name {name} is taken", "fullName")  # guess
        label, framework, path, files = self._checked(org, values)
        site_pages.add(org, by, name, label, framework, path, files)
        org.audit(by, "createdSite", "Sites", f"Created pages {name}")  # words: guess

    def update(self, org: Org, values: Value, by: str) -> None:
        """Replaces the pages of a site: a file left out is gone (guess, as of portals)."""
        pages = site_pages.find(org, values["fullName"])
        if pages is None or not self._sees(org, pages.framework):
            raise no_such("fullName", self.name, values["fullName"], fields=())
        label, framework, path, files = self._checked(org, values)
        if framework != pages.framework:
            raise refused("The framework of a site can't be changed", "experienceResources")
        changed = replace(pages, label=label, path=path or pages.path, files=files)
        site_pages.change(org, by, changed)
        org.audit(by, "changedSite", "Sites", f"Changed pages {pages.name}")  # words: guess

    def delete(self, org: Org, full_name: str, by: str) -> None:
        """Refused: the pages belong to a site, which is never deleted (fact 221); guess."""
        if site_pages.find(org, full_name) is None:
            raise no_such("fullName", self.name, full_name, fields=())
        raise SalesforceError("DEPENDENCY_EXISTS", f"{full_name} belongs to a Network", ())

    def rename(self, org: Org, old: str, new: str, by: str) -> None:
        """Refused, as `delete` is."""
        self.delete(org, old, by)

    def settle(self, org: Org, full_name: str) -> None:
        """Refuses pages without their site (coral-cloud issue 80 [V]) or of another path."""
        pages = site_pages.find(org, full_name)
        assert pages is not None, "just saved"
        network = networks.of_pages(org, pages.name)
        if network is None:
            raise no_such("Network", "Network", pages.label, fields=())
        self._check_path(org, pages, network)

    def _sees(self, org: Org, framework: str) -> bool:
        raise NotImplementedError

    def _shown(self, pages: Pages) -> Value:
        raise NotImplementedError

    def _checked(self, org: Org, values: Value) -> tuple[str, str, str | None, Mapping[str, bytes]]:
        raise NotImplementedError

    def _check_path(self, org: Org, pages: Pages, network: Mapping[str, Any]) -> None:
        pass


class ExperienceBundles(_PagesKind):
    """The kind `ExperienceBundle`; see `registry.Kind` for the promises."""

    name = bundle_files.EXPERIENCE
    directory = "experiences"
    suffix = "site"

    def _sees(self, org: Org, framework: str) -> bool:
        """Aura sites need the setting; LWR sites have it by default (Metadata guide [V])."""
        return framework == site_pages.LWR or (framework == site_pages.AURA and enabled(org))

    def _shown(self, pages: Pages) -> Value:
        path = {"urlPathPrefix": pages.path} if pages.path else {}
        files = bundle_files.values(self.name, pages.files)
        return {"label": pages.label, "type": site_pages.PICASSO} | path | files

    def _checked(self, org: Org, values: Value) -> tuple[str, str, str | None, Mapping[str, bytes]]:
        held, files = contents_of(self.name, values)
        if held["type"] != site_pages.PICASSO:
            # "Only Experience Builder sites are supported" (Metadata guide [V]); text: guess
            raise refused(f"An ExperienceBundle can't be of the type {held['type']}", "type")
        framework = page_rules.framework(files)
        if framework == site_pages.AURA and not enabled(org):
            raise SalesforceError("UNKNOWN_EXCEPTION", _UNEXPECTED, ())
        page_rules.check_bundle(files)
        return held["label"], framework, held.get("urlPathPrefix"), files

    def _check_path(self, org: Org, pages: Pages, network: Mapping[str, Any]) -> None:
        """What the path must be: Metadata guide, `urlPathPrefix` [V].

        That of an Aura site is the Network's with `/s` behind; a new LWR site's has no `/s`, and
        is nobody else's (az-insurance issue 102 [V]).
        """
        path = pages.path or ""
        if pages.framework == site_pages.AURA:
            fits = path == site_pages.aura_path(network["UrlPathPrefix"])
        else:
            others = (one for one in site_pages.rows(org) if one.name != pages.name)
            taken = {(one.path or "").casefold() for one in others}
            fits = not path.endswith("/s") and path.casefold() not in taken
        if not fits:
            raise refused(
                "The value for urlPathPrefix in ExperienceBundle isn't valid. Check the value and"
                " try again.",
                "urlPathPrefix",
            )


class SiteDotComs(_PagesKind):
    """The kind `SiteDotCom`; see `registry.Kind` for the promises.

    Its file is one of Salesforce's own making; this org's is a zip of the pages (guess).
    """

    name = bundle_files.SITE_DOT_COM
    directory = "siteDotComSites"
    suffix = "site"

    def _sees(self, org: Org, framework: str) -> bool:
        # "for Aura sites and other LWR sites" (Metadata guide, DigitalExperienceBundle [V])
        return framework != site_pages.ENHANCED

    def _shown(self, pages: Pages) -> Value:
        content = base64.b64encode(_zipped(pages.files)).decode()
        return {"content": content, "label": pages.label, "siteType": site_pages.PICASSO}

    def _checked(self, org: Org, values: Value) -> tuple[str, str, str | None, Mapping[str, bytes]]:
        held, given = contents_of(self.name, values)
        if held["siteType"] != site_pages.PICASSO:
            # an honest refusal: Site.com is a product of its own; code and text: guess
            raise refused(
                f"The local org does not serve sites of the type {held['siteType']}", "siteType"
            )
        files = _unzipped(given.get("", b""))
        page_rules.check_bundle(files)
        network = networks.by_name(org, held["label"])
        path = site_pages.aura_path(network["UrlPathPrefix"]) if network else None
        return held["label"], page_rules.framework(files), path, files


def enabled(org: Org) -> bool:
    """Whether the Metadata API has the pages of Aura sites as ExperienceBundles."""
    return setting(org, "enableExperienceBundleMetadata", "ExperienceBundle")


def contents_of(type_name: str, values: Value) -> tuple[Value, dict[str, bytes]]:
    """A bundle's elements, and its files by path."""
    try:
        return bundle_files.contents(type_name, values)
    except ValueError:  # the words of the SOAP parser for another type: guess
        raise refused("A file is not a valid value for the type xsd:base64Binary", "") from None


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path, _FIRST_DAY), files[path])
    return buffer.getvalue()


def _unzipped(content: bytes) -> dict[str, bytes]:
    """ "You can only deploy a .site file retrieved in Summer '19 or later" (Metadata guide [V])."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except _UNREADABLE:
        # what of a real org's file is in it this org can not know; code and text: guess
        raise refused("The .site file was not retrieved from this kind of org", "content") from None
