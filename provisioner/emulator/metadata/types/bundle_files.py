"""Components that are a folder of files: as a package holds them, and as the WSDL does. Pure.

Where the files lie: Metadata guide, ExperienceBundle, DigitalExperienceBundle and SiteDotCom [V];
what of a file's name is `fileName`, what `format`: guess.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioner.emulator.schema.wsdl import Value

META: Final = "-meta.xml"
DIGITAL: Final = "DigitalExperienceBundle"
EXPERIENCE: Final = "ExperienceBundle"
SITE_DOT_COM: Final = "SiteDotCom"
ITEM: Final = "DigitalExperience"  # one item of the content of a workspace
FILES: Final = "files"  # all files of an item, by path: in no element of the WSDL
_ITEM: Final = re.compile(r"digitalExperiences/([^/]+/[^/]+)/([^/]+/[^/]+)/.+")
# The XML of each type; the others of its files lie in the folder of the same name, but for that of
# a SiteDotCom, which lies beside it.
_XML: Final[Mapping[str, re.Pattern[str]]] = {
    DIGITAL: re.compile(r"digitalExperiences/([^/]+/([^/]+))/\2\.digitalExperience"),
    EXPERIENCE: re.compile(r"experiences/([^/]+)\.site"),
    SITE_DOT_COM: re.compile(r"siteDotComSites/([^/]+)\.site-meta\.xml"),
}
DIRECTORIES: Final = frozenset({"digitalExperiences", "experiences", "siteDotComSites"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """One component of a package: its XML, and its other files by their path within."""

    type: str
    full_name: str
    file: str
    xml: bytes
    contents: Mapping[str, bytes]


def collect(files: Mapping[str, bytes]) -> tuple[list[Bundle], list[str]]:
    """The bundles among the files of a package, and the files in their folders that are of none."""
    found = []
    rest = {name for name in files if name.partition("/")[0] in DIRECTORIES}
    for name in sorted(rest):
        for type_name, pattern in _XML.items():
            match = pattern.fullmatch(name)
            if match is None:
                continue
            place = _place(type_name, match[1])
            within = {one: _within(one, place) for one in rest if one != name}
            contents = {path: files[one] for one, path in within.items() if path is not None}
            rest -= {name, *(one for one, path in within.items() if path is not None)}
            found.append(Bundle(type_name, match[1], _xml_name(name), files[name], contents))
            break
    return found, sorted(rest)


def items(files: Mapping[str, bytes], names: Iterable[str]) -> list[Bundle]:
    """The items of content that those files are; each is called after its folder."""
    found: dict[str, dict[str, bytes]] = {}
    for name in sorted(names):
        match = _ITEM.fullmatch(name)
        if match is not None:
            path = name.removeprefix(f"digitalExperiences/{match[1]}/")
            found.setdefault(f"{match[1]}.{match[2]}", {})[path] = files[name]
    return [
        Bundle(ITEM, name, f"digitalExperiences/{name.replace('.', '/', 1)}", b"", contents)
        for name, contents in found.items()
    ]


def file_names(type_name: str, full_name: str) -> tuple[str, str]:
    """The name of a component's XML in a retrieve, and what the names of its files begin with."""
    place = _place(type_name, full_name)
    match type_name:
        case "DigitalExperienceBundle":
            own = full_name.rpartition("/")[2]
            return f"{place}{own}.digitalExperience{META}", place
        case "ExperienceBundle":
            return f"experiences/{full_name}.site{META}", place
        case _:
            return f"{place}{META}", place


def values(type_name: str, contents: Mapping[str, bytes]) -> Value:
    """The elements that hold the files of a component."""
    if type_name == SITE_DOT_COM:
        return {"content": _encoded(contents[""])} if contents else {}
    if type_name == ITEM:
        # what the WSDL requires of one file, and all of them beside it
        files = {path: _encoded(content) for path, content in contents.items()}
        return {"fileName": "content", "format": "json", FILES: files}
    parts = [_part(type_name, path, contents[path]) for path in sorted(contents)]
    if not parts:
        return {}
    if type_name == EXPERIENCE:
        return {"experienceResources": {"experienceResource": parts}}
    return {"spaceResources": parts}


def contents(type_name: str, held: Value) -> tuple[Value, dict[str, bytes]]:
    """The elements of a component without its files, and these by their path within.

    Raises ValueError where one is no base64.
    """
    rest = dict(held)
    if type_name == SITE_DOT_COM:
        content = rest.pop("content", None)
        return rest, {} if content is None else {"": _decoded(content)}
    if type_name == ITEM:
        return {}, {path: _decoded(text) for path, text in held[FILES].items()}
    if type_name == EXPERIENCE:
        parts = rest.pop("experienceResources", {}).get("experienceResource", [])
        return rest, {
            f"{part['type']}/{part['fileName']}.{part['format']}": _decoded(part.get("source", ""))
            for part in parts
        }
    return rest, {
        "/".join(filter(None, (part.get("filePath"), f"{part['fileName']}.{part['format']}"))): (
            _decoded(part.get("content", ""))
        )
        for part in rest.pop("spaceResources", [])
    }


def _place(type_name: str, full_name: str) -> str:
    match type_name:
        case "DigitalExperienceBundle":
            return f"digitalExperiences/{full_name}/"
        case "ExperienceBundle":
            return f"experiences/{full_name}/"
        case _:
            return f"siteDotComSites/{full_name}.site"


def _within(name: str, place: str) -> str | None:
    if not name.startswith(place) or (not place.endswith("/") and name != place):
        return None
    return name.removeprefix(place)


def _xml_name(name: str) -> str:
    return name if name.endswith(META) else f"{name}{META}"


def _part(type_name: str, path: str, content: bytes) -> dict[str, Any]:
    folder, _, file = path.rpartition("/")
    stem, _, end = file.rpartition(".")
    named = {"fileName": stem or file, "format": end if stem else ""}
    if type_name == EXPERIENCE:
        return named | {"source": _encoded(content), "type": folder}
    return named | {"content": _encoded(content), "filePath": folder}


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
