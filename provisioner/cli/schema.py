"""The schemas of the installed version: as text, as one JSON Schema, or as files for an editor."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from provisioner.cli import output
from provisioner.cli.exit_status import DONE, WRONG
from provisioner.cli.stop import Stop, problem
from provisioner.model.diagnostics import did_you_mean
from provisioner.render.format import json_text
from provisioner.render.terminal import Line, write
from provisioner.spec.schema import schemas

_ENDING = ".schema.json"
_TYPES = {"object": "a mapping", "array": "a list", "string": "text", "number": "a number",
          "integer": "a whole number", "boolean": "true or false", "null": "null"}  # fmt: skip
Node = Mapping[str, Any]


def show(kind: str | None, format_: str) -> int:
    """Print the list of schemas, or the one of a kind."""
    files = {name.removesuffix(_ENDING): schema for name, schema in sorted(schemas().items())}
    if kind is None:
        if format_ == "json":
            output.write_document([json_text([_entry(n, s) for n, s in files.items()])], "json")
        else:
            write(_overview(files), sys.stdout)
        return DONE
    name = kind.removesuffix(_ENDING)
    if name not in files:
        help_ = did_you_mean(name, files, "`provisioner schema` lists the schemas")
        raise Stop(WRONG, problem(f"there is no schema `{kind}`", help_))
    if format_ == "json":
        output.write_document([json_text(bundle(f"{name}{_ENDING}"))], "json")
    else:
        write(_text(f"{name}{_ENDING}"), sys.stdout)
    return DONE


def write_files(folder: str) -> int:
    """Write every schema to a folder, and print the line that makes an editor use them.

    Files of an earlier version are replaced. Raises OSError.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    names = sorted(schemas())
    for name in names:
        text = json.dumps(bundle(name), indent=2, ensure_ascii=False) + "\n"
        (target / name).write_text(text, "utf-8")
    specs = sorted(p for p in Path("specs").glob("*") if p.is_dir())
    spec = specs[0] if specs else Path("specs", "NAME")
    lines = [
        Line(f"{len(names)} schemas are in {folder}. To check a file while you write it, begin"),
        Line("it with the line for its folder:"),
    ]
    for place, name in ((spec, "spec"), (spec / "environments", "environment")):
        lines += [
            Line(""),
            Line(f"  {place.as_posix()}/*.yaml"),
            Line(f"  {line(target, place, name)}"),
        ]
    write(lines, sys.stdout)
    return DONE


def line(schemas_folder: Path, yaml_folder: Path, name: str) -> str:
    """The comment with which YAML language servers find a schema, for the files of a folder."""
    relative = PurePath(os.path.relpath(schemas_folder, yaml_folder)).as_posix()
    return f"# yaml-language-server: $schema={relative}/{name}{_ENDING}"


def bundle(file: str) -> dict[str, Any]:
    """A schema with all schemas that it refers to under `$defs`, so that it needs no other file.

    References are rewritten to JSON pointers, which every tool resolves: tools differ in how they
    resolve a relative `$id`.
    """
    every = schemas()
    needed: dict[str, Any] = {}
    waiting = [file]
    while waiting:
        for name in _references(every[waiting.pop()]):
            if name != file and name not in needed:
                needed[name] = {}
                waiting.append(name)
    for name in needed:
        needed[name] = _rewritten(_without_id(every[name]), name, file)
    schema: dict[str, Any] = _rewritten(_without_id(every[file]), file, file)
    schema = {"$schema": every[file]["$schema"], **schema}
    if needed:
        schema["$defs"] = {**schema.get("$defs", {}), **dict(sorted(needed.items()))}
    return schema


def _without_id(schema: Node) -> Node:
    return {key: value for key, value in schema.items() if key not in ("$id", "$schema")}


def _references(node: Any) -> Iterator[str]:
    """The other files that a schema refers to."""
    match node:
        case Mapping():
            file = str(node.get("$ref", "")).partition("#")[0]
            if file:
                yield file
            for value in node.values():
                yield from _references(value)
        case list():
            for value in node:
                yield from _references(value)


def _rewritten(node: Any, file: str, root: str) -> Any:
    """The node of a file as it is in the bundle of `root`."""
    match node:
        case Mapping():
            changed = {key: _rewritten(value, file, root) for key, value in node.items()}
            if "$ref" in node:
                name, _, pointer = str(node["$ref"]).partition("#")
                name = name or file
                within = "" if name == root else f"/$defs/{name}"
                changed["$ref"] = f"#{within}{pointer}"
            return changed
        case list():
            return [_rewritten(value, file, root) for value in node]
        case _:
            return node


def _entry(name: str, schema: Node) -> dict[str, Any]:
    return {"name": name, "title": schema["title"], "description": schema["description"]}


def _overview(files: Mapping[str, Node]) -> Iterator[Line]:
    width = max(map(len, files))
    yield Line(("Schemas", "bold"), ", shown by `provisioner schema NAME`:")
    yield Line("")
    for name, schema in files.items():
        yield Line("  ", (name.ljust(width), "cyan"), f"  {schema['description']}")
    yield Line("")
    yield Line(
        "`--format json` prints JSON Schema. `--write DIR` writes all of them, for an editor."
    )


def _text(file: str) -> Iterator[Line]:
    schema = schemas()[file]
    yield Line((schema["title"], "bold"))
    yield Line(schema["description"])
    yield from _properties(file, schema, "")


def _properties(file: str, node: Node, prefix: str) -> Iterator[Line]:
    """The properties of a mapping, and those of the mappings in it, each by its whole path."""
    required = node.get("required", ())
    for name, inner in node.get("properties", {}).items():
        yield from _property(file, inner, f"{prefix}{name}", required=name in required)
    for pattern, inner in node.get("patternProperties", {}).items():
        yield from _property(file, inner, f"{prefix}/{pattern}/", required=False)
    if isinstance(others := node.get("additionalProperties"), Mapping):
        yield from _property(file, others, f"{prefix}NAME", required=False)


def _property(file: str, node: Node, path: str, *, required: bool) -> Iterator[Line]:
    there, resolved = _resolved(file, node)
    yield Line("")
    yield Line("  ", (path, "cyan"), " (required)" if required else "")
    yield Line(f"      {node.get('description') or resolved.get('description')}")
    if "title" in resolved:
        yield Line(f"      See `provisioner schema {there.removesuffix(_ENDING)}`.")
        return
    yield Line(f"      Value: {_value(resolved)}.")
    if "x-expected" not in resolved:
        yield from _properties(there, resolved, f"{path}.")
    if isinstance(items := resolved.get("items"), Mapping):
        yield from _properties(*_resolved(there, items), f"{path}[].")


def _resolved(file: str, node: Node) -> tuple[str, Node]:
    """What a `$ref` refers to, and the file that it is in."""
    while "$ref" in node:
        name, _, pointer = str(node["$ref"]).partition("#")
        file = name or file
        node = schemas()[file]
        for key in pointer.split("/")[1:]:
            node = node[key]
    return file, node


def _value(node: Node) -> str:
    """In words what a value must be."""
    if expected := node.get("x-expected"):
        return str(expected)
    if "enum" in node:
        return f"one of {', '.join(json.dumps(v) for v in node['enum'])}"
    if "anyOf" in node:
        return " or ".join(_value(option) for option in node["anyOf"])
    if "const" in node:
        return json.dumps(node["const"])
    types = node.get("type", ())
    words = [_TYPES[t] for t in ([types] if isinstance(types, str) else types)]
    text = " or ".join(words) or "any value"
    return f"{text}, at most {node['maxLength']} characters" if "maxLength" in node else text
