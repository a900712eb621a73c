"""Retrieves: the components that a manifest names, as a zip that deploys again."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from lxml import etree

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata import jobs
from provisioner.emulator.metadata.deploy_parts import ORDER
from provisioner.emulator.metadata.package import MANIFEST
from provisioner.emulator.metadata.types import bundle_files, digital_experience, registry
from provisioner.emulator.metadata.types.settings import first_stamp
from provisioner.emulator.schema.wsdl import wsdl
from provisioner.emulator.store.components import xsd_date

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.metadata.jobs import Job
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.components import Listed
    from provisioner.emulator.store.org import Org

_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)  # so that the same components give the same bytes
# one component can not stand for all of these types (Metadata guide, "Wildcards")
_NO_WILDCARD: Final = frozenset({"CustomField"})
# parts of a profile that come only with the component they are about: element -> how its name is
# found in an entry, and the type (fact 514)
_PROFILE_PARTS: Final = {
    "applicationVisibilities": ("application", "CustomApplication"),
    "fieldPermissions": ("field", "CustomField"),
    "layoutAssignments": ("layout", "Layout"),
    "objectPermissions": ("object", "CustomObject"),
    "tabVisibilities": ("tab", "CustomTab"),
}


def start(org: Org, by: str, request: Value) -> Job:
    """Queues a retrieve; `request` is the `RetrieveRequest`."""
    return jobs.add(org, "retrieve", by, request)


def check(org: Org, id_: str) -> Job:
    """The retrieve as it is now; asking moves it on, from Pending over InProgress to its end."""
    with org.transaction():
        job = jobs.get(org, "retrieve", id_)
        if job is None:
            # as that of a deployment: a test of the Salesforce CLI's deploy report [V], here [I]
            raise SalesforceError(
                "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", status=404
            )
        advance(org, job)
        return job


def advance(org: Org, job: Job) -> Job:
    """The next state of a retrieve; the caller holds a transaction."""
    match job.status:
        case "Pending":
            return jobs.started(org, job)
        case "InProgress":
            return _run(org, job)
        case _:
            return job


def finish(org: Org, job: Job) -> None:
    """Brings a job that nobody asks for to its end."""
    while not job.done:
        job = advance(org, job)


def _run(org: Org, job: Job) -> Job:
    request = job.options
    if request.get("packageNames"):
        # this org has no packages; the words: public notes of real answers [V]
        names = ", ".join(request["packageNames"])
        message = f"INVALID_CROSS_REFERENCE_KEY: No package named '{names}' found"
        wrong = {"errorMessage": message, "errorStatusCode": "INVALID_CROSS_REFERENCE_KEY"}
        return jobs.finished(org, job, "Failed", wrong)
    root = "" if request.get("singlePackage") else "unpackaged/"
    manifest = request.get("unpackaged", {})
    version = manifest.get("version") or f"{request.get('apiVersion', 63.0):.1f}"
    found, messages = _found(org, manifest, root)
    files = _files(org, found, root)
    wanted = set(request.get("specificFiles", []))
    if wanted:
        files = {name: held for name, held in files.items() if name in wanted}
    # every `*` spelled out, as in the retrievals of public repositories [I]
    package = _package_xml({name: sorted(held) for name, held in found.items()}, version)
    listed = [properties for _, properties in files.values()]
    listed += [_of_manifest(org, job, f"{root}{MANIFEST}")]
    contents = {name: text for name, (text, _) in files.items()} | {f"{root}{MANIFEST}": package}
    summary = {"fileProperties": listed, "messages": messages}
    return jobs.finished(org, job, "Succeeded", summary, _zip(contents))


def _found(org: Org, manifest: Value, root: str) -> tuple[dict[str, list[str]], list[Value]]:
    """The full names by type that are there, and a message for each that is not."""
    found: dict[str, list[str]] = {}
    messages: list[Value] = []
    for entry in manifest.get("types", []):
        type_name = entry.get("name", "")
        folder = registry.folder(org, type_name)
        if folder is None:
            # Solenopsis issue 266 [V]; for a type without its feature the text of a fault
            known = wsdl().is_component(type_name)
            problem = (
                f"Cannot use: {type_name} in this organization"
                if known
                else f"Entity type: '{type_name}' is unknown"
            )
            messages.append({"fileName": f"{root}{MANIFEST}", "problem": problem})
            continue
        held = found.setdefault(type_name, [])
        for name in entry.get("members", []):
            if name == "*" and type_name not in _NO_WILDCARD:
                held += [one.full_name for one in folder.list(org) if one.full_name not in held]
                continue
            spelled = _spelled(org, type_name, name)
            if spelled is None:
                # Solenopsis issue 266 [V]
                problem = f"Entity of type '{type_name}' named '{name}' cannot be found"
                messages.append({"fileName": f"{root}{MANIFEST}", "problem": problem})
            elif spelled not in held:
                held.append(spelled)
    return {name: held for name, held in found.items() if held}, messages


def _spelled(org: Org, type_name: str, name: str) -> str | None:
    """The full name as the org spells it, or None when there is no such component."""
    read = _component(org, type_name, name)
    return None if read is None else str(read["fullName"])


def _component(org: Org, type_name: str, name: str) -> Value | None:
    kind = registry.kind(org, _own_type(type_name, name))
    return None if kind is None else kind.read(org, name)


def _own_type(type_name: str, name: str) -> str:
    return f"{name}Settings" if type_name == "Settings" else type_name


def _files(org: Org, found: Mapping[str, list[str]], root: str) -> dict[str, tuple[bytes, Value]]:
    """The files by name, in the order of the types, each with its properties."""
    files: dict[str, tuple[bytes, Value]] = {}
    fields: dict[str, list[str]] = {}
    for full_name in found.get("CustomField", []):
        fields.setdefault(full_name.partition(".")[0], []).append(full_name)
    for type_name in ORDER:
        folder = registry.folder(org, type_name)
        if folder is None or type_name == "CustomField":
            continue
        names = list(found.get(type_name, []))
        stamps = {one.full_name: one for one in folder.list(org)}
        if type_name == "CustomObject":
            names += [name for name in sorted(fields) if name not in names]
        for name in names:
            values = _component(org, type_name, name)
            assert values is not None, "found before, in the same transaction"
            if type_name == "CustomObject" and name not in found.get(type_name, []):
                # only some of its fields were asked for
                wanted = {full_name.partition(".")[2] for full_name in fields[name]}
                own = [field for field in values["fields"] if field["fullName"] in wanted]
                values = {"fields": own}
            if type_name == "Profile":
                values = _partial(values, found)
            if type_name == bundle_files.ITEM:
                files |= _item(org, name, stamps.get(name), root)
                continue
            if type_name in _BUNDLES:
                files |= _bundle(org, type_name, name, values, stamps.get(name), root)
                continue
            file = f"{root}{registry.file_name(folder, name)}"
            text = _xml(_own_type(type_name, name), values)
            files[file] = text, _properties(org, type_name, file, name, stamps.get(name))
    return files


def _item(org: Org, name: str, listed: Listed | None, root: str) -> dict[str, tuple[bytes, Value]]:
    """The files of one item of content: they tell of themselves as those of its workspace do."""
    space, type_name = name.partition(".")[0], bundle_files.DIGITAL
    files = {}
    for path, content in digital_experience.files_of(org, name).items():
        file, own = f"{root}digitalExperiences/{space}/{path}", path.rpartition(".")[0] or path
        properties = _properties(org, type_name, file, f"{space}/{own}", listed)
        files[file] = content, properties
    return files


_BUNDLES: Final = frozenset(
    {bundle_files.DIGITAL, bundle_files.EXPERIENCE, bundle_files.SITE_DOT_COM}
)


def _bundle(
    org: Org, type_name: str, name: str, values: Value, listed: Listed | None, root: str
) -> dict[str, tuple[bytes, Value]]:
    """The XML of a bundle and each of its other files, with the properties of its own.

    `site/x1/sfdc_cms__view/home/content` is the name of one, without the ending, and its type and
    id are the bundle's (a recorded retrieve of source-deploy-retrieve [V]).
    """
    rest, contents = bundle_files.contents(type_name, values)
    xml, place = bundle_files.file_names(type_name, name)
    whole = f"{root}{xml}"
    files = {whole: (_xml(type_name, rest), _properties(org, type_name, whole, name, listed))}
    for path, content in contents.items():
        file, stem = f"{root}{place}{path}", path.rpartition(".")[0] or path
        own = "/".join(filter(None, (name, stem)))
        files[file] = content, _properties(org, type_name, file, own, listed)
    return files


def _partial(profile: Value, found: Mapping[str, list[str]]) -> Value:
    """The profile without what is about components that are not in this retrieve."""
    objects = set(found.get("CustomObject", []))
    names = {type_name: set(held) for type_name, held in found.items()}
    values = dict(profile)
    for element, (key, type_name) in _PROFILE_PARTS.items():
        if element not in values:
            continue
        held = names.get(type_name, set())
        values[element] = [
            entry
            for entry in values[element]
            if entry[key] in held
            or (element == "fieldPermissions" and entry[key].partition(".")[0] in objects)
        ]
    return {name: value for name, value in values.items() if value != []}


def _xml(type_name: str, values: Value) -> bytes:
    """A component as the file of a package: no full name, four spaces, an XML declaration."""
    kept = {name: value for name, value in values.items() if name != "fullName"}
    node: Any = wsdl().build(type_name, type_name, kept)
    etree.cleanup_namespaces(node)
    etree.indent(node, "    ")
    return _document(node)


def _package_xml(types: Mapping[str, list[str]], version: str) -> bytes:
    values: Value = {
        "types": [{"members": names, "name": name} for name, names in sorted(types.items())],
        "version": version,
    }
    node: Any = wsdl().build("Package", "Package", values)
    etree.cleanup_namespaces(node)
    etree.indent(node, "    ")
    return _document(node)


def _document(node: Any) -> bytes:
    text = etree.tostring(node, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(ZipInfo(name, _FIRST_DAY), files[name], ZIP_DEFLATED)
    return buffer.getvalue()


def _properties(
    org: Org, type_name: str, file: str, full_name: str, listed: Listed | None
) -> Value:
    # a standard object is not listed: it has no id and is as old as the org
    stamp = first_stamp(org) if listed is None else listed.stamp
    return {
        "createdById": stamp.created_by,
        "createdByName": registry.user_name(org, stamp.created_by),
        "createdDate": stamp.created_date,
        "fileName": file,
        "fullName": full_name,
        "id": "" if listed is None else listed.id,
        "lastModifiedById": stamp.modified_by,
        "lastModifiedByName": registry.user_name(org, stamp.modified_by),
        "lastModifiedDate": stamp.modified_date,
        "manageableState": "unmanaged",
        "type": type_name,
    }


def _of_manifest(org: Org, job: Job, file: str) -> Value:
    by, name = job.created_by, registry.user_name(org, job.created_by)
    return {
        "createdById": by,
        "createdByName": name,
        "createdDate": xsd_date(job.created),
        "fileName": file,
        "fullName": file,
        "id": "",
        "lastModifiedById": by,
        "lastModifiedByName": name,
        "lastModifiedDate": xsd_date(job.created),
        "manageableState": "unmanaged",
        "type": "Package",
    }
