"""The metadata type DigitalExperience: one item of a workspace's content, a view or a route.

`site/Help1.sfdc_cms__view/home` is the full name of one; its files are those of the workspace
(Metadata guide, DigitalExperienceBundle [V]).
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from provisioner.emulator.base.component_refusals import no_such
from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata.types import bundle_files
from provisioner.emulator.sites import page_rules, pages
from provisioner.emulator.store import components
from provisioner.emulator.store.components import Listed

if TYPE_CHECKING:
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.components import Row
    from provisioner.emulator.store.org import Org

_NAME: Final = re.compile(r"(?P<space>site/\w+)\.(?P<item>\w+/\w+)", re.ASCII)
_MAIN: Final = "content.json"


class DigitalExperiences:
    """The kind `DigitalExperience`; see `registry.Kind` for the promises.

    By CRUD an item is its content.json, or the one file that is named (guess); a deployment and a
    retrieve have all of its files.
    """

    name = bundle_files.ITEM
    directory = "digitalExperiences"
    suffix = "json"

    def list(self, org: Org) -> list[Listed]:
        return [
            Listed(row.id, f"{unquote(row.full_name)}.{item}", row.stamp)
            for row in components.rows(org, pages.WORKSPACE)
            for item in sorted({path.rpartition("/")[0] for path in _files(row)})
        ]

    def read(self, org: Org, full_name: str) -> Value | None:
        row, item = _found(org, full_name)
        content = _files(row).get(f"{item}/{_MAIN}") if row is not None else None
        if row is None or content is None:
            return None
        return {
            "fullName": f"{unquote(row.full_name)}.{item}",
            "content": base64.b64encode(content).decode(),
            "fileName": "content",
            "filePath": item,
            "format": "json",
        }

    def create(self, org: Org, values: Value, by: str) -> None:
        """Adds an item to a workspace."""
        self.update(org, values, by)

    def update(self, org: Org, values: Value, by: str) -> None:
        """Replaces files of an item, all of them in a deployment."""
        row, item = _found(org, values["fullName"])
        if row is None:
            space = values["fullName"].partition(".")[0]
            raise no_such("fullName", pages.WORKSPACE, space)
        files = _files(row)
        given = values.get(bundle_files.FILES)
        if given is None:
            path = f"{item}/{values['fileName']}.{values['format']}"
            given = {path: values.get("content", "")}
        else:
            files = {path: one for path, one in files.items() if not path.startswith(f"{item}/")}
        _, read = bundle_files.contents(self.name, {bundle_files.FILES: given})
        _store(org, by, row, files | read)

    def delete(self, org: Org, full_name: str, by: str) -> None:
        """Takes an item out of a workspace, but for the page that a site starts from."""
        row, item = _found(org, full_name)
        files = {} if row is None else _files(row)
        rest = {path: one for path, one in files.items() if not path.startswith(f"{item}/")}
        if row is None or rest == files:
            raise no_such("fullName", self.name, full_name, fields=())
        space = unquote(row.full_name)
        if pages.has_site(org, space):
            page_rules.check_space(space, rest)
        _store(org, by, row, rest)

    def rename(self, org: Org, old: str, new: str, by: str) -> None:
        """Refused: an item is called as its files say (guess)."""
        raise SalesforceError("INVALID_OPERATION", f"{old} can't be renamed", ())


def files_of(org: Org, full_name: str) -> dict[str, bytes]:
    """The files of an item by their path in the workspace."""
    row, item = _found(org, full_name)
    files = {} if row is None else _files(row)
    return {path: one for path, one in files.items() if path.startswith(f"{item}/")}


def _found(org: Org, full_name: str) -> tuple[Row | None, str]:
    match = _NAME.fullmatch(full_name)
    if match is None:
        return None, ""
    return components.by_name(org, pages.WORKSPACE, match["space"]), match["item"]


def _files(row: Row) -> dict[str, bytes]:
    return pages.decoded(json.loads(row.body)["files"])


def _store(org: Org, by: str, row: Row, files: dict[str, bytes]) -> None:
    page_rules.check_content(files)
    body: dict[str, Any] = json.loads(row.body) | {"files": pages.encoded(files)}
    name = unquote(row.full_name)
    components.change(org, pages.WORKSPACE, row.id, name, json.dumps(body), by)
    org.audit(by, "changedWorkspace", "Sites", f"Changed workspace {name}")  # words: guess
