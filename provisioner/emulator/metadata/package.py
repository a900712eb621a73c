"""Read a zip as the Metadata API does: its packages, their manifests, their component files.

Pure: bytes in, a `Package` for each package or an `Unreadable` out. What is wrong inside a package
is a `Problem` with the file and, where Salesforce gives them, line and column.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from zipfile import BadZipFile, ZipFile

from lxml import etree

from provisioner.emulator.base import xml_errors
from provisioner.emulator.schema.wsdl import NAMESPACE, InvalidXml, wsdl

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST: Final = "package.xml"
# in the order they are obeyed; plain destructive changes go first as well (Metadata guide)
DESTRUCTIVE: Final = (
    "destructiveChangesPre.xml",
    "destructiveChanges.xml",
    "destructiveChangesPost.xml",
)
MOST_FILES: Final = 10_000  # fact 522
MOST_BYTES: Final = 400 * 1024 * 1024  # unzipped, fact 522
_META: Final = "-meta.xml"  # how the CLI ends names in its own layout
_TWO_FILES: Final = "siteDotComSites/"


class Unreadable(Exception):  # noqa: N818 - becomes the error of a whole deployment
    """The zip as a whole can not be used; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `type` and `full_name` tell of which component."""

    file: str
    message: str
    full_name: str
    type: str = ""
    line: int | None = None
    column: int | None = None
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """The components that a package.xml names, by type, in its order, and the version it is of."""

    types: Mapping[str, tuple[str, ...]]
    version: float = 0.0

    def names(self, type_name: str) -> tuple[str, ...]:
        return self.types.get(type_name, ())

    def has(self, type_name: str, full_name: str) -> bool:
        """Whether a component is named, by its name or by `*`."""
        held = {name.lower() for name in self.names(type_name)}
        return full_name.lower() in held or "*" in held


@dataclass(frozen=True, slots=True)
class Package:
    """One package: `root` is what its files' names begin with, empty or ending in `/`."""

    root: str
    manifest: Manifest
    destructive: Mapping[str, Manifest]
    files: Mapping[str, bytes]
    problems: tuple[Problem, ...] = ()


def read(data: bytes, *, single: bool) -> list[Package]:
    """The packages of a zip: one at its root, or one in every folder, in order of their names.

    Raises Unreadable. A package without a package.xml has that among its problems.
    """
    files = _files(data)
    if single:
        return [_package("", files)]
    roots = sorted({name.partition("/")[0] for name in files if "/" in name})
    if not roots:
        return [_package("", {})]
    return [
        _package(
            f"{root}/",
            {
                name.removeprefix(f"{root}/"): content
                for name, content in files.items()
                if name.startswith(f"{root}/")
            },
        )
        for root in roots
    ]


def parse(text: bytes) -> Any:
    """The root element of a file; raises InvalidXml with its place."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
    try:
        return etree.fromstring(text, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise InvalidXml(xml_errors.words(error, text), line or 1, max(column, 1)) from None


def place(text: bytes, node: Any) -> tuple[int, int]:
    """Line and column behind an element's start tag, where Salesforce's parser is by then."""
    line = int(node.sourceline or 1)
    lines = text.decode("utf-8", "replace").splitlines()
    written = lines[line - 1] if line <= len(lines) else ""
    start = written.find(f"<{etree.QName(node).localname}")
    end = written.find(">", start)
    return line, (end + 2 if start >= 0 and end >= 0 else 1)


def parsing_problem(file: str, type_name: str, full_name: str, error: InvalidXml) -> Problem:
    """How a file that does not fit the schema is told of (forcedotcom/cli issue 3320 [V])."""
    return Problem(
        file, f"Error parsing file: {error}", full_name, type_name, error.line, error.column
    )


def _files(data: bytes) -> dict[str, bytes]:
    try:
        with ZipFile(BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MOST_FILES:
                # text of the Metadata guide's limit, as public logs have it [U]
                raise Unreadable(f"LIMIT_EXCEEDED: Maximum number of files exceeded: {MOST_FILES}")
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise Unreadable(f"LIMIT_EXCEEDED: Maximum size of files exceeded: {MOST_BYTES}")
            return {
                entry.filename.replace("\\", "/").removeprefix("./"): archive.read(entry)
                for entry in entries
            }
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, ValueError):
        # the kinds of exception that zipfile documents for bytes that are no zip; text: guess
        raise Unreadable("UNKNOWN_EXCEPTION: The zip file could not be read") from None


def _package(root: str, files: Mapping[str, bytes]) -> Package:
    problems: list[Problem] = []
    if MANIFEST not in files:
        # CustomMetadataLoader issue 34 [V]
        missing = Problem(f"{root}{MANIFEST}", "No package.xml found", MANIFEST)
        return Package(root, Manifest({}), {}, {}, (missing,))
    manifest = _manifest(root, MANIFEST, files, problems)
    destructive = {
        name: _manifest(root, name, files, problems) for name in DESTRUCTIVE if name in files
    }
    for name, listed in destructive.items():
        for type_name, names in listed.types.items():
            if "*" in names:
                # "wildcards aren't supported" there (Metadata guide); text: guess
                message = f"Wildcards are not supported in {name}: {type_name}"
                problems.append(Problem(f"{root}{name}", message, "*", type_name))
    # a SiteDotCom is a file and its XML, of one name but for the ending
    rest = {
        (name if name.startswith(_TWO_FILES) else name.removesuffix(_META)): content
        for name, content in files.items()
        if name != MANIFEST and name not in DESTRUCTIVE
    }
    return Package(root, manifest, destructive, rest, tuple(problems))


def _manifest(
    root: str, name: str, files: Mapping[str, bytes], problems: list[Problem]
) -> Manifest:
    try:
        node = parse(files[name])
        if node.tag != f"{{{NAMESPACE}}}Package":
            raise InvalidXml(f"Root element {node.tag} is not a Package", *place(files[name], node))
        try:
            values = wsdl().read(node, "Package")
        except InvalidXml as error:
            raise placed(error, files[name]) from None
    except InvalidXml as error:
        problems.append(parsing_problem(f"{root}{name}", "", name, error))
        return Manifest({})
    types: dict[str, tuple[str, ...]] = {}
    for entry in values.get("types", []):
        type_name = entry.get("name", "")
        types[type_name] = types.get(type_name, ()) + tuple(entry.get("members", ()))
    if name == MANIFEST and "version" not in values:
        # sfdx-git-packager issue 35, with its place IlluminatedCloud issue 275 [V]
        message = "No version specified"
        problems.append(Problem(f"{root}{name}", message, name, line=1, column=1))
    return Manifest(types, _version(values.get("version", "")))


def _version(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def placed(error: InvalidXml, text: bytes) -> InvalidXml:
    """The error with the line and column of the element it is about."""
    if error.node is None:
        return error
    return InvalidXml(str(error), *place(text, error.node))
