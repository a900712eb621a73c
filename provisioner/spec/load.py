"""Find the files of a spec and read them into resources, with every problem they have."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from provisioner.kinds import BY_NAME
from provisioner.model import masking
from provisioner.model.credentials import Local
from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Severity, Span, by_cause
from provisioner.model.gc_pause import gc_paused
from provisioner.model.ignore import Ignore
from provisioner.model.masking import Opaque
from provisioner.model.resource import Secret, Spec
from provisioner.spec import (
    declarations as spec,
)
from provisioner.spec import (
    document as source,
)
from provisioner.spec import environment as environments
from provisioner.spec import (
    files,
    ignores,
    schema,
    template,
)
from provisioner.spec import verify as watched_users
from provisioner.spec.environment import Environment
from provisioner.spec.roster import expand as roster
from provisioner.spec.roster import files as rosters
from provisioner.spec.selection import Selection

DEFAULT_ENVIRONMENT = "local"
NAME = re.compile(r"[^\W_][\w.-]{0,99}")
"""The name of an environment."""
_SPECS = Path("specs")


class NoSpecError(Exception):
    """There is no spec where one was looked for; `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True)
class LoadedSpec:
    """A spec as read: what it declares, where it is for, and what is wrong with it.

    `texts` are the files as read, by the name they have in messages; `selection` is the part
    of the spec that a run is about; `ignores` are the differences that are left alone today.
    With `no_email` nothing is done that sends mail, with `verbose` reports in text have all.
    """

    folder: Path
    environment: Environment
    specs: tuple[Spec, ...] = ()
    identity: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    selection: Selection = field(default_factory=Selection)
    ignores: tuple[Ignore, ...] = ()
    verify: tuple[watched_users.VerifyEntry, ...] = ()
    no_email: bool = False
    verbose: bool = False
    rosters: tuple[roster.Scope, ...] = ()


def find(argument: str | None) -> Path:
    """The folder of the spec: the argument, else the only one under `specs/`."""
    if argument is not None:
        folder = Path(argument)
        if folder.is_dir():
            return folder
        if folder.exists():
            raise NoSpecError(f"`{argument}` is a file", "name the folder of the spec")
        known = ", ".join(f"`{p}`" for p in _portals()) or "none"
        raise NoSpecError(f"there is no folder `{argument}`", f"specs here: {known}")
    found = _portals()
    match found:
        case [only]:
            return only
        case []:
            raise NoSpecError("there is no spec here", "name its folder, or make `specs/<portal>/`")
        case _:
            names = ", ".join(f"`{p}`" for p in found)
            raise NoSpecError("there are several specs here", f"name one of {names}")


@gc_paused()
@template.limited()
def load(
    folder: Path, environment: str | None, *, secrets: bool, passwords: bool = True
) -> LoadedSpec:
    """Read, fill and check every file of a spec; problems are collected, not raised.

    `secrets` says whether they are needed: without, a secret that is not there is no
    problem, so that `validate` runs where there are none. Without `passwords` those of the
    environment are, and those of users are not.
    """
    texts: dict[str, str] = {}
    problems: list[Diagnostic] = []
    paths, root = _files(folder), files.root(folder)
    documents = [d for path in paths if (d := _document(path, root, texts, problems))]
    if not paths:
        raise NoSpecError(f"`{folder}` holds no YAML files", "a spec is a folder of `.yaml` files")
    used = frozenset(n for d in documents for n in environments.secret_names(d))
    found = _environment(folder, environment, used, texts, problems, secrets=secrets)
    if found is None:
        # Without its variables no template of the spec can be filled.
        found = Environment(environment or DEFAULT_ENVIRONMENT, Local())
        return LoadedSpec(folder, found, problems=by_cause(problems), texts=texts)
    filled = [_filled(d, found, problems) for d in documents]
    validator = schema.validator("spec.schema.json")
    unfilled = {d.values[path] for d in filled for path in d.unfilled}
    by_row = {span for d in filled for span in roster.by_row(d)}
    checked = [p for document in filled for p in schema.check(document, validator)]
    # What follows from a template that is not filled in is no problem of its own.
    problems += [p for p in checked if p.span not in unfilled | by_row]
    names = template.scopes(found.vars, found.env)
    identity = spec.identity(filled)
    rows = rosters.read(filled, root, texts, tuple(problems), names, identity)
    complete = len(documents) == len(paths)
    declared = spec.specs(filled, rows.specs, flawed=rows.flawed, complete=complete)
    problems += [*rows.problems, *(p for p in declared.problems if p.span not in unfilled)]
    specs, watched = declared.specs, watched_users.entries(filled)
    problems += [p for p in watched_users.check(filled, specs) if p.span not in unfilled]
    problems += _unmaskable(folder, found, specs)
    problems += _readable_secrets(found, specs, watched)
    ignored = _ignores(folder, root, specs, texts, problems)
    if secrets and passwords and not any(p.severity is Severity.ERROR for p in problems):
        try:
            specs = environments.with_secrets(specs, os.environ, _secret_reader(root))
            masking.remember(_passwords(specs))
        except DiagnosticError as error:
            problems += error.diagnostics
    return LoadedSpec(
        folder,
        found,
        specs,
        declared.identity,
        by_cause(problems),
        rows.texts,
        verify=watched,
        ignores=ignored,
        rosters=roster.scopes(filled, specs),
    )


def secret(given: Mapping[str, str], span: Span, folder: Path) -> Secret:
    """The secret that `{env: NAME}` or `{file: PATH}` names in the spec of a folder.

    Raises DiagnosticError with the code `missing-secret` when it cannot be had.
    """
    found = environments.secret(given, span, os.environ, _secret_reader(files.root(folder)))
    masking.remember([found.reveal()])
    return found


def _portals() -> list[Path]:
    return sorted(p for p in _SPECS.iterdir() if p.is_dir()) if _SPECS.is_dir() else []


def _files(folder: Path) -> list[Path]:
    """Every YAML file of the spec; `environments/` holds files of another kind."""
    return sorted(
        p
        for pattern in ("*.yaml", "*.yml")
        for p in folder.rglob(pattern)
        if "environments" not in p.relative_to(folder).parts and p != folder / ignores.FILE
    )


def _ignores(
    folder: Path,
    root: Path,
    specs: Iterable[Spec],
    texts: dict[str, str],
    problems: list[Diagnostic],
) -> tuple[Ignore, ...]:
    """What the spec's file of ignored differences says for today; nothing where it is wrong."""
    path = folder / ignores.FILE
    if not path.exists() or (document := _document(path, root, texts, problems)) is None:
        return ()
    entries: tuple[Ignore, ...] = ()
    wrong = schema.check(document, schema.validator("drift-ignore.schema.json"))
    if not wrong:
        today = datetime.now(UTC).date()
        entries, wrong = ignores.read(document, (s.address for s in specs), today)
    problems += wrong
    return entries


def _document(
    path: Path, root: Path, texts: dict[str, str], problems: list[Diagnostic]
) -> source.Document | None:
    name = str(path)
    try:
        texts[name] = source.decode(files.read_bytes(path, root), name)
        return source.parse(texts[name], name)
    except source.FlawedError as error:
        problems += error.diagnostics
        return error.document
    except DiagnosticError as error:
        problems += error.diagnostics
    except OSError as error:
        what, span = f"`{name}` cannot be read: {error.strerror}", Span(name, 1, 1, 1, 1)
        problems.append(Diagnostic("unreadable", what, span))
    return None


def _filled(
    document: source.Document, environment: Environment, problems: list[Diagnostic]
) -> source.Document:
    try:
        return source.render(document, environment.vars, environment.env)
    except source.FlawedError as error:
        problems += error.diagnostics
        return error.document


def _environment(
    folder: Path,
    name: str | None,
    used: frozenset[str],
    texts: dict[str, str],
    problems: list[Diagnostic],
    *,
    secrets: bool,
) -> Environment | None:
    """The environment of that name; `None` if it has problems.

    The default name is `local`, which is the local org if the spec has no environments at all.
    Raises NoSpecError if the spec has others only. `used` are the variables that hold secrets of
    the spec.
    """
    if name is not None and not NAME.fullmatch(name):
        remedy = "a name has letters, digits, `.`, `_` and `-`, and begins with a letter or digit"
        raise NoSpecError(f"`{name[:100]}` is not the name of an environment", remedy)
    path = folder / "environments" / f"{name or DEFAULT_ENVIRONMENT}.yaml"
    if not path.exists():
        known = sorted(p.stem for p in path.parent.glob("*.yaml"))
        if not known and name in (None, DEFAULT_ENVIRONMENT):
            env = template.Environ(secrets=used, file=str(path))
            return Environment(DEFAULT_ENVIRONMENT, Local(), env=env)
        if name is None:
            raise NoSpecError(
                f"`{folder}` has no environment `{DEFAULT_ENVIRONMENT}`, so one must be named",
                f"add {' or '.join(f'`--env {shlex.quote(k)}`' for k in known)}",
            )
        listed = ", ".join(f"`{k}`" for k in known) or "none"
        raise NoSpecError(
            f"there is no environment `{name}`", f"environments of {folder}: {listed}"
        )
    root = files.root(folder)
    document = _document(path, root, texts, problems)
    if document is None:
        return None
    env, wrong = environments.variables(document, os.environ, used)
    masking.remember(v.text for v in env.variables.values() if isinstance(v, Opaque))
    before = len(problems)
    problems += wrong
    # An environment names the process environment only: it is where `vars` come from.
    document = _filled(document, Environment(path.stem, Local(), env=env), problems)
    checked = schema.check(document, schema.validator("environment.schema.json"))
    unfilled = {document.values[p] for p in document.unfilled}
    problems += [p for p in checked if p.span not in unfilled]
    if len(problems) > before:
        return None
    kinds, read = tuple(BY_NAME), _secret_reader(root)
    try:
        found = environments.parse(document, os.environ, read, kinds, env)
        masking.remember(secret.reveal() for secret in found.secrets)
        return found
    except DiagnosticError as error:
        wrong = tuple(d for d in error.diagnostics if secrets or d.code != "missing-secret")
        problems += wrong
        if wrong:
            return None
        return Environment(path.stem, Local(), document.data.get("vars") or {}, env=env)


def _secret_reader(root: Path) -> Callable[[str], str]:
    folders = os.environ.get(files.SECRETS, "")
    return lambda path: files.read_secret(path, root, folders)


def _passwords(specs: Iterable[Spec]) -> Iterator[str]:
    for one in specs:
        password = _password(one)
        if isinstance(password, Secret):
            yield password.reveal()


def _password(one: Spec) -> Any:
    actions = one.data.get("on_create")
    return actions.get("password") if isinstance(actions, Mapping) else None


def _unmaskable(
    folder: Path, environment: Environment, specs: Iterable[Spec]
) -> Iterator[Diagnostic]:
    """Names that contain a masked value: they are the keys by which plans and journals work."""
    if not masking.is_active():
        return
    help_ = "list its variable as plain, or use another name"
    for name in (str(folder), environment.name):
        if masking.is_masked(name):
            what = "the name of the spec or environment contains a masked value"
            at = Span(environment.env.file, 1, 1, 1, 1)
            yield Diagnostic("masked-value", what, at, help=help_)
    for one in specs:
        if masking.is_masked(str(one.address)):
            what = f"the key of this {one.address.kind} contains a masked value"
            yield Diagnostic("masked-value", what, one.span, help=help_)


def _readable_secrets(
    environment: Environment, specs: Iterable[Spec], watched: Iterable[watched_users.VerifyEntry]
) -> Iterator[Diagnostic]:
    """Passwords of users that are taken from a variable which is not for them."""
    users = (s for s in specs if "on_create" in s.data)
    places = [(p, s.at("on_create", "password")) for s in users if (p := _password(s))]
    for entry in watched:
        places += [
            (entry.password, entry.at("password")),
            (entry.new_password, entry.at("new_password")),
        ]
    for given, span in places:
        name = given.get("env") if isinstance(given, Mapping) else None
        if not isinstance(name, str):
            continue
        if name in environment.env.listed:
            what = f"`{name}` is listed under `env:`, so it cannot hold a password"
            yield Diagnostic("secret-name", what, span, help="remove it from `env:`")
        elif name in environment.login_variables:
            what = f"`{name}` holds a secret of the login, which cannot be a user's password"
            yield Diagnostic("secret-name", what, span, help="use a variable of its own")
