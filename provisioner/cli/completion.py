"""What a shell can complete beyond commands and options: specs, environments, addresses, plans.

Asked by argcomplete while somebody waits with a finger on the Tab key: it reads no more than it
must, and finds nothing rather than fail.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SPECS = Path("specs")
# A roster has too many people to choose from: they are named by a glob.
_MANY = 2_000_000


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell, if it is one that asks; then the process ends."""
    import argcomplete

    for action in _actions(parser):
        completer = _COMPLETERS.get(action.dest)
        if completer and not action.choices:
            action.completer = completer  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options="long")


def script(shell: str) -> str:
    """What a shell runs once to be able to ask."""
    from argcomplete.shell_integration import shellcode

    return f"{shellcode(['provisioner'], shell=shell).rstrip()}\n"


def specs(prefix: str, **_: Any) -> list[str]:
    """The specs here, and the folders that the prefix leads to."""
    found = [str(p) for p in _folders(_SPECS)]
    here = _folder(prefix)
    return found + [f"{p}/" for p in _folders(here) if str(p) not in found]


def specs_or_plans(prefix: str, **more: Any) -> list[str]:
    """As `specs`, and JSON files, which may be saved plans."""
    here = _folder(prefix)
    return specs(prefix, **more) + sorted(str(p) for p in here.glob("*.json"))


def plans(prefix: str, **_: Any) -> list[str]:
    """JSON files, and folders that may hold some."""
    here = _folder(prefix)
    return [str(p) for p in sorted(here.glob("*.json"))] + [f"{p}/" for p in _folders(here)]


def environments(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The environments of the spec that was named, or of all specs here."""
    folders = _spec_folders(parsed_args)
    found = {p.stem for f in folders for p in (f / "environments").glob("*.yaml")}
    return sorted(found | {"local"})


def addresses(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The addresses of the spec that was named, or of the specs here, and a glob per kind."""
    found = {a for folder in _spec_folders(parsed_args) for a in _addresses(folder)}
    kinds = {a.partition("/")[0] for a in found}
    return sorted(found) + [f"{kind}/*" for kind in sorted(kinds)]


def users(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The keys of the spec's users."""
    found = {a for folder in _spec_folders(parsed_args) for a in _addresses(folder)}
    return sorted(a.partition("/")[2] for a in found if a.startswith("user/"))


def topics(**_: Any) -> list[str]:
    """The help topics, and the codes."""
    from provisioner.cli import help as topics

    return [*topics.ORDER, topics.CODES, *topics.load_codes()]


_COMPLETERS = {
    "env": environments,
    "exclude": addresses,
    "plan": plans,
    "spec": specs_or_plans,
    "target": addresses,
    "topic": topics,
    "user": users,
    "users": users,
}


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to them
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for under in action.choices.values():
                yield from _actions(under)


def _folder(prefix: str) -> Path:
    """The folder in which a half-typed path looks."""
    return Path(prefix if prefix.endswith("/") else Path(prefix).parent)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError:
        return []


def _spec_folders(options: argparse.Namespace) -> list[Path]:
    named = getattr(options, "spec", None)
    return [Path(named)] if named and Path(named).is_dir() else _folders(_SPECS)


def _addresses(folder: Path) -> Iterator[str]:
    from yaml import YAMLError

    from provisioner.kinds import BY_SECTION

    for file in sorted(folder.rglob("*.y*ml")):
        if "environments" in file.parts or file.stat().st_size > _MANY:
            continue
        try:
            sections = _keys(file)
        except (OSError, UnicodeDecodeError, YAMLError):
            continue
        for section, keys in sections.items():
            if section in BY_SECTION:
                yield from (f"{BY_SECTION[section].name}/{key}" for key in keys)


def _keys(file: Path) -> dict[str, list[str]]:
    """The keys of a file and those under each, and nothing deeper."""
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
