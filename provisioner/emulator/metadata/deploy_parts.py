"""Which components the files of a package hold, and what does not fit its package.xml. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from provisioner.emulator.metadata import package as deploy_package
from provisioner.emulator.metadata.package import MANIFEST, Problem
from provisioner.emulator.metadata.types import bundle_files, registry
from provisioner.emulator.schema.wsdl import NAMESPACE, InvalidXml, wsdl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.emulator.metadata.package import Package
    from provisioner.emulator.metadata.types.bundle_files import Bundle
    from provisioner.emulator.schema.wsdl import Value

# What is needed by others comes first: a profile names layouts and fields, a portal and a sharing
# set profiles, a site of Visualforce a portal, a network its site, its pages and profiles.
ORDER: Final = (
    "Settings", "CustomObject", "CustomField", "Layout", "Profile", "Portal", "SharingSet",
    "CustomSite", "DigitalExperienceBundle", "DigitalExperience", "DigitalExperienceConfig",
    "SiteDotCom", "ExperienceBundle", "Network",
)  # fmt: skip
_NOT_LISTED: Final = "Not in package.xml"  # RelatedListEditor issue 16 [V]


@dataclass(frozen=True, slots=True)
class Part:
    """One component to save; `type` is its own (`OrgSettings`), `rank` its place in `ORDER`."""

    type: str
    rank: int
    file: str
    values: Value
    line: int | None = None
    column: int | None = None

    @property
    def full_name(self) -> str:
        return str(self.values["fullName"])

    @property
    def key(self) -> tuple[str, str]:
        """Type as a manifest has it, and name in lower case."""
        return ORDER[self.rank], self.full_name.lower()


def parts(package: Package, *, allow_missing: bool) -> tuple[list[Part], list[Problem]]:
    """The components of a package in order of their files, and what is wrong with its files."""
    if any(problem.file == f"{package.root}{MANIFEST}" for problem in package.problems):
        return [], []
    problems = _unusable(package)
    strays = not problems
    folders = registry.by_directory()
    held: list[Part] = []
    found: set[tuple[str, str]] = set()
    bundles, others = bundle_files.collect(package.files)
    for bundle in bundles:
        found.add((bundle.type, bundle.full_name.lower()))
        part, wrong = _of_bundle(package, bundle)
        held += [part] if part is not None else []
        problems += wrong
    whole = {part.full_name for part in held}
    for item in bundle_files.items(package.files, package.files):
        # one of a workspace that is there as a whole comes with it
        found.add((item.type, item.full_name.lower()))
        if package.manifest.has(item.type, item.full_name):
            others = [name for name in others if not name.startswith(f"{item.file}/")]
            if item.full_name.partition(".")[0] not in whole:
                held.append(_of_item(package, item))
    for name in sorted(package.files):
        directory, _, rest = name.partition("/")
        file = f"{package.root}{name}"
        folder = folders.get(directory)
        if not rest or (directory in bundle_files.DIRECTORIES and name not in others):
            continue  # beside the package.xml nothing else is looked at: guess
        if folder is None or name in others or not rest.endswith(f".{folder.suffix}"):
            # with types that this org does not have, their files were told of already
            problems += [Problem(file, _NOT_LISTED, rest.rpartition("/")[2])] if strays else []
            continue
        full_name = rest.removesuffix(f".{folder.suffix}")
        try:
            read = _read(file, package.files[name], folder.name, full_name)
        except InvalidXml as error:
            problems.append(deploy_package.parsing_problem(file, folder.name, full_name, error))
            found.add((folder.name, full_name.lower()))
            continue
        found |= {part.key for part in read}
        held += [part for part in read if _listed(package, part)]
        problems += [
            Problem(part.file, _NOT_LISTED, part.full_name, part.type)
            for part in read
            # a file of an object may be there for the fields in it alone
            if not _listed(package, part) and not (part is read[0] and len(read) > 1)
        ]
    return held, problems + ([] if allow_missing else list(_missing(package, found)))


def _of_bundle(package: Package, bundle: Bundle) -> tuple[Part | None, list[Problem]]:
    """The component that a folder of files is, or what is wrong with its XML."""
    file = f"{package.root}{bundle.file}"
    try:
        (part,) = _read(file, bundle.xml, bundle.type, bundle.full_name)
    except InvalidXml as error:
        named = bundle.type, bundle.full_name
        return None, [deploy_package.parsing_problem(file, *named, error)]
    part.values.update(bundle_files.values(bundle.type, bundle.contents))
    if _listed(package, part):
        return part, []
    within = f"{part.full_name}.".lower()
    if any(name.lower().startswith(within) for name in package.manifest.names(bundle_files.ITEM)):
        return None, []  # only items of its content are deployed
    return None, [Problem(file, _NOT_LISTED, part.full_name, part.type)]


def _of_item(package: Package, item: Bundle) -> Part:
    """An item of content, which has no XML of its own."""
    values = {"fullName": item.full_name} | bundle_files.values(item.type, item.contents)
    return Part(item.type, ORDER.index(item.type), f"{package.root}{item.file}", values)


def _listed(package: Package, part: Part) -> bool:
    """Whether the manifest names a component; naming an object names its fields."""
    type_name, _ = part.key
    if package.manifest.has(type_name, part.full_name):
        return True
    parent = part.full_name.partition(".")[0]
    return type_name == "CustomField" and package.manifest.has("CustomObject", parent)


def _unusable(package: Package) -> list[Problem]:
    """The types that a manifest names and no local org has."""
    problems = []
    for type_name in sorted(set(package.manifest.types) - set(ORDER)):
        if wsdl().is_component(type_name):
            # fact 509
            message = f"Cannot use: {type_name} in this organization"
        else:
            message = f"Unknown type name '{type_name}' specified in package.xml"  # [U]
        problems.append(Problem(f"{package.root}{MANIFEST}", message, type_name))
    return problems


def _missing(package: Package, found: set[tuple[str, str]]) -> Iterator[Problem]:
    for type_name in ORDER:
        for full_name in package.manifest.names(type_name):
            if full_name != "*" and (type_name, full_name.lower()) not in found:
                # forcedotcom/cli issue 2182 [V]
                message = (
                    f"An object '{full_name}' of type {type_name} was named in package.xml, but was"
                    " not found in zipped directory"
                )
                yield Problem(f"{package.root}{MANIFEST}", message, full_name)


def _read(file: str, text: bytes, type_name: str, full_name: str) -> list[Part]:
    """The components of one file: an object's fields are components of their own."""
    node = deploy_package.parse(text)
    own_type = f"{full_name}Settings" if type_name == "Settings" else type_name
    if node.tag != f"{{{NAMESPACE}}}{own_type}" or not wsdl().is_component(own_type):
        raise InvalidXml(  # guess
            f"Element {node.tag} invalid at this location in type {own_type}",
            *deploy_package.place(text, node),
        )
    try:
        values = wsdl().read(node, own_type)
    except InvalidXml as error:
        raise deploy_package.placed(error, text) from None
    values["fullName"] = full_name
    fields = values.pop("fields", []) if type_name == "CustomObject" else []
    found = [Part(own_type, ORDER.index(type_name), file, values)]
    rank = ORDER.index("CustomField")
    children = node.iterchildren(f"{{{NAMESPACE}}}fields") if fields else ()
    for child, field in zip(children, fields, strict=True):
        field["fullName"] = f"{full_name}.{field.get('fullName', '')}"
        line, column = deploy_package.place(text, child)
        found.append(Part("CustomField", rank, file, field, line, column))
    return found
