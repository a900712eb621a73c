"""The metadata types of enhanced LWR sites: the workspace of a site's content, and its config."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from provisioner.emulator.base.component_refusals import no_such, refused
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata.types import bundle_files
from provisioner.emulator.metadata.types.site_bundles import contents_of
from provisioner.emulator.metadata.types.stored import StoredKind
from provisioner.emulator.sites import networks, page_rules
from provisioner.emulator.sites import pages as site_pages
from provisioner.emulator.sites import rows as site_rows
from provisioner.emulator.store import components
from provisioner.emulator.store.components import Listed

if TYPE_CHECKING:
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org


class DigitalExperienceBundles(StoredKind):
    """The kind `DigitalExperienceBundle`: workspaces of sites, the only ones that this org has."""

    name = site_pages.WORKSPACE
    directory = "digitalExperiences"
    suffix = "digitalExperience"
    prefix = "0jd"  # as in a recorded retrieve [V]
    noun = "workspace"
    section = "Sites"
    # "site, marketing, and general are the supported workspace types"; at most 80 characters
    # (Metadata guide [V])
    pattern = re.compile(r"site/[A-Za-z]\w{0,79}", re.ASCII)

    def list(self, org: Org) -> list[Listed]:
        rows = components.rows(org, self.name)
        return [Listed(row.id, unquote(row.full_name), row.stamp) for row in rows]

    def read(self, org: Org, full_name: str) -> Value | None:
        found = super().read(org, full_name)
        return None if found is None else found | {"fullName": unquote(found["fullName"])}

    def _shown(self, _org: Org, row: Row) -> Value:
        values: Value = json.loads(row.body)
        files = site_pages.decoded(values.pop("files"))
        return values | bundle_files.values(self.name, files)

    def _checked(self, _org: Org, values: Value, _row: Row | None) -> Value:
        held, files = contents_of(self.name, values)
        page_rules.check_content(files)
        kept = {name: value for name, value in held.items() if name != "fullName"}
        return kept | {"files": site_pages.encoded(files)}

    def _check_free(self, org: Org, row: Row) -> None:
        name = unquote(row.full_name)
        if site_pages.has_site(org, name):
            raise SalesforceError(  # guess
                "DEPENDENCY_EXISTS", f"The workspace {name} belongs to a site", ()
            )


class DigitalExperienceConfigs(StoredKind):
    """The kind `DigitalExperienceConfig`: it makes a site's pages of its workspace."""

    name = site_pages.CONFIG
    directory = "digitalExperienceConfigs"
    suffix = "digitalExperienceConfig"
    prefix = site_rows.PREFIX
    noun = "config"
    section = "Sites"

    def settle(self, org: Org, full_name: str) -> None:
        """Refuses a config without its site, as an ExperienceBundle [I]."""
        row = self.existing(org, full_name)
        if networks.of_pages(org, row.full_name) is None:
            raise no_such("Network", "Network", json.loads(row.body)["label"], fields=())

    def _checked(self, org: Org, values: Value, row: Row | None) -> Value:
        name, space = values["fullName"], values["space"]
        if row is None and not site_rows.is_free(org, name):
            raise refused(f"The name {name} is taken", "fullName")  # guess
        held = components.by_name(org, site_pages.WORKSPACE, space)
        files = {} if held is None else site_pages.decoded(json.loads(held.body)["files"])
        page_rules.check_space(space, files)
        path = (values["site"].get("urlPathPrefix") or "").casefold()
        for other in site_pages.rows(org):
            if other.name.lower() != name.lower() and (other.path or "").casefold() == path:
                raise refused(
                    "That URL is already in use. Please enter a unique one.", "urlPathPrefix"
                )
        return {key: value for key, value in values.items() if key != "fullName"}

    def _check_free(self, org: Org, row: Row) -> None:
        if networks.of_pages(org, row.full_name) is not None:
            raise SalesforceError(  # guess
                "DEPENDENCY_EXISTS", f"The config {row.full_name} belongs to a Network", ()
            )

    def _insert(self, org: Org, by: str, name: str, body: Value) -> None:
        super()._insert(org, by, name, body)
        path = body["site"].get("urlPathPrefix")
        site_pages.add(org, by, name, body["label"], site_pages.ENHANCED, path, {})

    def _replace(self, org: Org, by: str, row: Row, name: str, body: Value) -> None:
        super()._replace(org, by, row, name, body)
        pages = site_pages.find(org, row.full_name)
        assert pages is not None, "made with the config"
        path = body["site"].get("urlPathPrefix")
        site_pages.change(org, by, replace(pages, label=body["label"], path=path))
