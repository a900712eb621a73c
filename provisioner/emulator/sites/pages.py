"""The pages of sites, which Experience Builder edits: one component each, named `<site>1`.

They are what the WSDL calls SiteDotCom. An ExperienceBundle is another look at the same component;
those of an enhanced LWR site lie in a workspace, a DigitalExperienceBundle (Metadata guide [V]).
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from provisioner.emulator.sites import first_pages
from provisioner.emulator.sites import rows as site_rows
from provisioner.emulator.sites.rows import PAGES
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.sites.templates import SiteTemplate
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org

AURA: Final = "Aura"
LWR: Final = "LWR"  # the former kind, whose pages are an ExperienceBundle
ENHANCED: Final = "EnhancedLWR"
PICASSO: Final = "ChatterNetworkPicasso"
WORKSPACE: Final = "DigitalExperienceBundle"
CONFIG: Final = "DigitalExperienceConfig"
_WORKSPACE_PREFIX: Final = "0jd"  # of the files of one, in a recorded retrieve [V]
AUTHENTICATED: Final = "AUTHENTICATED"


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of one site; `files` by path, none for those of an enhanced LWR site."""

    row: Row
    label: str
    framework: str
    path: str | None
    files: Mapping[str, bytes]

    @property
    def name(self) -> str:
        return self.row.full_name


def of_row(row: Row) -> Pages:
    """The pages that a stored component holds."""
    body = json.loads(row.body)
    return Pages(row, body["label"], body["framework"], body["path"], decoded(body["files"]))


def rows(org: Org) -> list[Pages]:
    """All pages, by name."""
    return [of_row(row) for row in components.rows(org, PAGES)]


def find(org: Org, name: str) -> Pages | None:
    """The pages of that name, in any case."""
    row = components.by_name(org, PAGES, name)
    return None if row is None else of_row(row)


def add(
    org: Org,
    by: str,
    name: str,
    label: str,
    framework: str,
    path: str | None,
    files: Mapping[str, bytes],
) -> None:
    """Stores new pages and their row of `Site`; the caller has checked all of them."""
    id_ = org.new_id(site_rows.PREFIX)
    components.add(org, PAGES, id_, name, _body(label, framework, path, files), by)
    site_rows.keep(org, by, id_, site_rows.of_pages(name, label, path, PICASSO))


def change(org: Org, by: str, pages: Pages) -> None:
    """Stores pages again."""
    row = pages.row
    body = _body(pages.label, pages.framework, pages.path, pages.files)
    components.change(org, PAGES, row.id, row.full_name, body, by)
    fields = site_rows.of_pages(row.full_name, pages.label, pages.path, PICASSO)
    site_rows.keep(org, by, row.id, fields)


def move(org: Org, by: str, name: str, path: str | None) -> None:
    """Follows a site to its new address; that of an enhanced LWR site is its own."""
    pages = find(org, name)
    if pages is not None and pages.framework == AURA:
        change(org, by, replace(pages, path=aura_path(path)))


def aura_path(path: str | None) -> str:
    """The path of an Aura site's pages: that of the site and `/s` (Metadata guide [V])."""
    return f"{path}/s" if path else "s"


def make(
    org: Org,
    by: str,
    name: str,
    label: str,
    prefix: str,
    template: SiteTemplate,
    *,
    authentication: str,
) -> None:
    """Makes the pages of a new site; `prefix` is the path that was asked for.

    Those of LWR are enhanced: the default of `enableEnhancedSitesAndContentPlatform` (Metadata
    guide, SiteSettings [V]), an element that the WSDL of this org has not.
    """
    if template.framework == AURA:
        files = first_pages.bundle(name, label, template)
        add(org, by, name, label, AURA, aura_path(prefix), files)
    else:
        content = first_pages.workspace(name, label, prefix, template, authentication)
        body = {"label": label, "files": encoded(content)}
        id_ = org.new_id(_WORKSPACE_PREFIX)
        components.add(org, WORKSPACE, id_, f"site/{name}", json.dumps(body), by)
        site = {"urlPathPrefix": prefix} if prefix else {}
        config = json.dumps({"label": label, "site": site, "space": f"site/{name}"})
        components.add(org, CONFIG, org.new_id(site_rows.PREFIX), name, config, by)
        add(org, by, name, label, ENHANCED, prefix or None, {})


def has_site(org: Org, space: str) -> bool:
    """Whether a site was made of the workspace of that name."""
    configs = components.rows(org, CONFIG)
    return any(json.loads(config.body)["space"] == space for config in configs)


def encoded(files: Mapping[str, bytes]) -> dict[str, str]:
    """Files as a body of JSON keeps them."""
    return {path: base64.b64encode(content).decode() for path, content in files.items()}


def decoded(files: Mapping[str, str]) -> dict[str, bytes]:
    """What `encoded` was given."""
    return {path: base64.b64decode(text) for path, text in files.items()}


def _body(label: str, framework: str, path: str | None, files: Mapping[str, bytes]) -> str:
    held = {"label": label, "framework": framework, "path": path, "files": encoded(files)}
    return json.dumps(held)
