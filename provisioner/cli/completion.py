"""Shell completion of specs, environments, addresses and plans.

argcomplete calls it each time the user presses Tab, so it reads as little as it can, and returns
nothing instead of failing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

_SPECS = Path("specs")
# A larger file has too many addresses to choose from.
_LARGEST_FILE = 2_000_000  # bytes


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions. The process ends then."""
    import argcomplete

    for action in _actions(parser):
        completer = _COMPLETERS.get(action.dest)
        if completer and not action.choices:
            action.completer = completer  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options="long")


def script(shell: str) -> str:
    """The script that a shell runs once to enable completion."""
    from argcomplete.shell_integration import shellcode

    return f"{shellcode(['provisioner'], shell=shell).rstrip()}\n"


def specs(prefix: str, **_: object) -> list[str]:
    """The specs here, and the folders that start with the prefix."""
    names = [str(p) for p in _folders(_SPECS)]
    here = _folder(prefix)
    return names + [f"{p}/" for p in _folders(here) if str(p) not in names]


def specs_or_plans(prefix: str, **more: object) -> list[str]:
    """As `specs`, and JSON files, which can be saved plans."""
    here = _folder(prefix)
    return specs(prefix, **more) + sorted(str(p) for p in here.glob("*.json"))


def plans(prefix: str, **_: object) -> list[str]:
    """JSON files, and folders that can contain some."""
    here = _folder(prefix)
    return [str(p) for p in sorted(here.glob("*.json"))] + [f"{p}/" for p in _folders(here)]


def environments(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The environments of the spec on the command line, or of all specs here."""
    folders = _spec_folders(parsed_args)
    names = {p.stem for f in folders for p in (f / "environments").glob("*.yaml")}
    return sorted(names | {"local"})


def addresses(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The addresses in the spec on the command line, or in all specs here, and a glob per kind."""
    names = {a for folder in _spec_folders(parsed_args) for a in _addresses(folder)}
    kinds = {a.partition("/")[0] for a in names}
    return sorted(names) + [f"{kind}/*" for kind in sorted(kinds)]


def users(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The keys of the spec's users."""
    names = {a for folder in _spec_folders(parsed_args) for a in _addresses(folder)}
    return sorted(a.partition("/")[2] for a in names if a.startswith("user/"))


def topics(**_: object) -> list[str]:
    """The help topics, and the codes."""
    from provisioner.cli.help import CODES, ORDER, load_codes

    return [*ORDER, CODES, *load_codes()]


_COMPLETERS = {
    "env": environments,
    "envs": environments,
    "exclude": addresses,
    "plan": plans,
    "spec": specs_or_plans,
    "target": addresses,
    "topic": topics,
    "user": users,
    "users": users,
}


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to list them
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for subparser in action.choices.values():
                yield from _actions(subparser)


def _folder(prefix: str) -> Path:
    """The folder that a partly typed path is in."""
    return Path(prefix if prefix.endswith("/") else Path(prefix).parent)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError:
        return []


def _spec_folders(options: argparse.Namespace) -> list[Path]:
    spec = getattr(options, "spec", None)
    return [Path(spec)] if spec and Path(spec).is_dir() else _folders(_SPECS)


def _addresses(folder: Path) -> Iterator[str]:
    from yaml import YAMLError

    from provisioner.kinds import BY_SECTION

    for file in sorted(folder.rglob("*.y*ml")):
        if "environments" in file.parts or file.stat().st_size > _LARGEST_FILE:
            continue
        try:
            sections = _keys(file)
        except (OSError, UnicodeDecodeError, YAMLError):
            continue
        for section, keys in sections.items():
            if section in BY_SECTION:
                yield from (f"{BY_SECTION[section].name}/{key}" for key in keys)


def _keys(file: Path) -> dict[str, list[str]]:
    """The keys of a file, and the keys under each of them."""
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    node = yaml.compose(file.read_text("utf-8"), Loader=loader)
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {
        key.value: [inner.value for inner, _ in value.value]
        for key, value in node.value
        if isinstance(value, yaml.MappingNode)
    }
