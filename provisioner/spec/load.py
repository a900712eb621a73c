"""Find and read the files of a spec: what it declares, its environment, and every problem."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from provisioner.kinds import BY_NAME
from provisioner.model import masking
from provisioner.model.credentials import Local
from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Severity, Span, by_cause
from provisioner.model.gc_pause import gc_paused
from provisioner.model.ignore import Ignore
from provisioner.model.masking import Opaque
from provisioner.model.resource import Secret, Spec
from provisioner.spec import (
    declarations,
    document,
    environment,
    files,
    ignores,
    schema,
    template,
    verify,
)
from provisioner.spec.document import Document, FlawedError
from provisioner.spec.environment import Environment
from provisioner.spec.roster import expand
from provisioner.spec.roster.files import read_rosters

DEFAULT_ENVIRONMENT = "local"
NAME = re.compile(r"[^\W_][\w.-]{0,99}")
"""The name of an environment."""
_SPECS = Path("specs")


class NoSpecError(Exception):
    """The folder of the spec or its environment does not exist; `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True)
class LoadedSpec:
    """The files of a spec: what they declare, for which org, and what is wrong with them.

    `texts` are the files by their names in messages; `ignores` are the differences that are
    ignored today. The options of a run are apart from it, in `plan.run_options`.
    """

    folder: Path
    environment: Environment
    specs: tuple[Spec, ...] = ()
    identity: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    ignores: tuple[Ignore, ...] = ()
    verify: tuple[verify.VerifyEntry, ...] = ()
    rosters: tuple[expand.Scope, ...] = ()


def find(argument: str | None) -> Path:
    """The folder of the spec: the argument, or the only folder under `specs/`."""
    if argument is not None:
        folder = Path(argument)
        if folder.is_dir():
            return folder
        if folder.exists():
            raise NoSpecError(f"`{argument}` is a file", "name the folder of the spec")
        names = ", ".join(f"`{p}`" for p in _spec_folders()) or "none"
        raise NoSpecError(f"there is no folder `{argument}`", f"specs here: {names}")
    match _spec_folders():
        case [only]:
            return only
        case []:
            raise NoSpecError("there is no spec here", "name its folder, or make `specs/<portal>/`")
        case several:
            names = ", ".join(f"`{p}`" for p in several)
            raise NoSpecError("there are several specs here", f"name one of {names}")


@gc_paused()
@template.limited()
def load(
    folder: Path, environment_name: str | None, *, secrets: bool, passwords: bool = True
) -> LoadedSpec:
    """Read, fill in and check every file of a spec. Problems are collected, not raised.

    `secrets` says whether secrets are needed: if not, a secret that cannot be read is not a
    problem, so that `validate` runs where there are none. Without `passwords`, only the secrets
    of the environment are needed, not those of users. Raises NoSpecError.
    """
    return _Loading(folder).run(environment_name, secrets=secrets, passwords=passwords)


def secret(place: Mapping[str, str], span: Span, folder: Path) -> Secret:
    """The secret that `{env: NAME}` or `{file: PATH}` names in the spec of a folder.

    Raises DiagnosticError with the code `missing-secret` if it cannot be read.
    """
    read_file = _secret_reader(files.root(folder))
    value = environment.secret(place, span, os.environ, read_file)
    masking.remember([value.reveal()])
    return value


def _spec_folders() -> list[Path]:
    return sorted(p for p in _SPECS.iterdir() if p.is_dir()) if _SPECS.is_dir() else []


class _Loading:
    """One pass over the files of a spec."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = files.root(folder)
        self._texts: dict[str, str] = {}
        self._problems: list[Diagnostic] = []

    def run(self, name: str | None, *, secrets: bool, passwords: bool) -> LoadedSpec:
        paths = self._paths()
        documents = [d for path in paths if (d := self._document(path))]
        if not paths:
            what = f"`{self._folder}` holds no YAML files"
            raise NoSpecError(what, "a spec is a folder of `.yaml` files")
        used = frozenset(n for d in documents for n in environment.secret_names(d))
        env = self._environment(name, used, secrets=secrets)
        if env is None:
            # Without its variables, no template of the spec can be filled in.
            env = Environment(name or DEFAULT_ENVIRONMENT, Local())
            problems = by_cause(self._problems)
            return LoadedSpec(self._folder, env, problems=problems, texts=self._texts)
        documents = [self._rendered(d, env) for d in documents]
        unfilled = frozenset(d.values[path] for d in documents for path in d.unfilled)
        by_row = frozenset(span for d in documents for span in expand.by_row(d))
        validator = schema.validator("spec.schema.json")
        for each in documents:
            self._report(schema.check(each, validator), unfilled | by_row)
        rows = read_rosters(
            documents,
            self._root,
            self._texts,
            tuple(self._problems),
            template.scopes(env.vars, env.env),
            declarations.identity(documents),
        )
        complete = len(documents) == len(paths)
        declared = declarations.specs(documents, rows.specs, flawed=rows.flawed, complete=complete)
        entries = verify.entries(documents)
        self._problems += rows.problems
        self._report(declared.problems, unfilled)
        self._report(verify.check(documents, declared.specs), unfilled)
        self._problems += _masked_names(self._folder, env, declared.specs)
        self._problems += _exposed_passwords(env, declared.specs, entries)
        ignored = self._ignores(declared.specs)
        specs = declared.specs
        if secrets and passwords:
            specs = self._with_passwords(specs)
        return LoadedSpec(
            self._folder,
            env,
            specs,
            declared.identity,
            by_cause(self._problems),
            rows.texts,
            verify=entries,
            ignores=ignored,
            rosters=expand.scopes(documents, specs),
        )

    def _report(self, problems: Iterable[Diagnostic], unfilled: frozenset[Span]) -> None:
        """Add problems, except those of templates without a value, which are reported already."""
        self._problems += [p for p in problems if p.span not in unfilled]

    def _paths(self) -> list[Path]:
        """Every YAML file of the spec; `environments/` has files of another kind."""
        return sorted(
            p
            for pattern in ("*.yaml", "*.yml")
            for p in self._folder.rglob(pattern)
            if "environments" not in p.relative_to(self._folder).parts
            and p != self._folder / ignores.FILE
        )

    def _document(self, path: Path) -> Document | None:
        name = str(path)
        try:
            text = document.decode(files.read_bytes(path, self._root), name)
            self._texts[name] = text
            return document.parse(text, name)
        except FlawedError as error:
            self._problems += error.diagnostics
            return error.document
        except DiagnosticError as error:
            self._problems += error.diagnostics
        except OSError as error:
            what, span = f"`{name}` cannot be read: {error.strerror}", Span(name, 1, 1, 1, 1)
            self._problems.append(Diagnostic("unreadable", what, span))
        return None

    def _rendered(self, doc: Document, env: Environment) -> Document:
        try:
            return document.render(doc, env.vars, env.env)
        except FlawedError as error:
            self._problems += error.diagnostics
            return error.document

    def _ignores(self, specs: Iterable[Spec]) -> tuple[Ignore, ...]:
        """The entries of `drift-ignore.yaml` that are valid today; none if the file is wrong."""
        path = self._folder / ignores.FILE
        if not path.exists() or (doc := self._document(path)) is None:
            return ()
        entries: tuple[Ignore, ...] = ()
        problems = schema.check(doc, schema.validator("drift-ignore.schema.json"))
        if not problems:
            today = datetime.now(UTC).date()
            entries, problems = ignores.read(doc, (s.address for s in specs), today)
        self._problems += problems
        return entries

    def _with_passwords(self, specs: tuple[Spec, ...]) -> tuple[Spec, ...]:
        if any(p.severity is Severity.ERROR for p in self._problems):
            return specs
        try:
            specs = environment.with_secrets(specs, os.environ, _secret_reader(self._root))
        except DiagnosticError as error:
            self._problems += error.diagnostics
            return specs
        masking.remember(_passwords(specs))
        return specs

    def _environment(
        self, name: str | None, used: frozenset[str], *, secrets: bool
    ) -> Environment | None:
        """The environment of that name; `None` if it has problems.

        The default name is `local`, which is the local org if the spec has no environments at
        all. Raises NoSpecError if the spec only has others. `used` are the variables that hold
        secrets of the spec.
        """
        if name is not None and not NAME.fullmatch(name):
            what = f"`{name[:100]}` is not the name of an environment"
            remedy = "use letters, digits, `.`, `_` and `-`, and begin with a letter or digit"
            raise NoSpecError(what, remedy)
        path = self._folder / "environments" / f"{name or DEFAULT_ENVIRONMENT}.yaml"
        if not path.exists():
            return self._without_file(name, path, used)
        doc = self._document(path)
        if doc is None:
            return None
        variables, problems = environment.variables(doc, os.environ, used)
        masking.remember(v.text for v in variables.variables.values() if isinstance(v, Opaque))
        before = len(self._problems)
        self._problems += problems
        # An environment can use `env` only: it is the file that defines `vars`.
        doc = self._rendered(doc, Environment(path.stem, Local(), env=variables))
        unfilled = frozenset(doc.values[p] for p in doc.unfilled)
        self._report(schema.check(doc, schema.validator("environment.schema.json")), unfilled)
        if len(self._problems) > before:
            return None
        try:
            env = environment.parse(
                doc, os.environ, _secret_reader(self._root), tuple(BY_NAME), variables
            )
        except DiagnosticError as error:
            problems = tuple(d for d in error.diagnostics if secrets or d.code != "missing-secret")
            self._problems += problems
            if problems:
                return None
            return Environment(path.stem, Local(), doc.mapping.get("vars") or {}, env=variables)
        masking.remember(secret.reveal() for secret in env.secrets)
        return env

    def _without_file(self, name: str | None, path: Path, used: frozenset[str]) -> Environment:
        """The local org if the spec has no environments; else raises NoSpecError."""
        names = sorted(p.stem for p in path.parent.glob("*.yaml"))
        if not names and name in (None, DEFAULT_ENVIRONMENT):
            env = template.Environ(secrets=used, file=str(path))
            return Environment(DEFAULT_ENVIRONMENT, Local(), env=env)
        if name is None:
            what = f"`{self._folder}` has no environment `{DEFAULT_ENVIRONMENT}`, so name one"
            options = " or ".join(f"`--env {shlex.quote(n)}`" for n in names)
            raise NoSpecError(what, f"add {options}")
        listed = ", ".join(f"`{n}`" for n in names) or "none"
        what = f"there is no environment `{name}`"
        raise NoSpecError(what, f"environments of {self._folder}: {listed}")


def _secret_reader(root: Path) -> Callable[[str], str]:
    folders = os.environ.get(files.SECRETS, "")
    return lambda path: files.read_secret(path, root, folders)


def _passwords(specs: Iterable[Spec]) -> Iterator[str]:
    for spec in specs:
        password = _password(spec)
        if isinstance(password, Secret):
            yield password.reveal()


def _password(spec: Spec) -> object:
    actions = spec.data.get("on_create")
    return actions.get("password") if isinstance(actions, Mapping) else None


def _masked_names(folder: Path, env: Environment, specs: Iterable[Spec]) -> Iterator[Diagnostic]:
    """Names with a masked value. They cannot be masked: plans and journals use them as keys."""
    if not masking.is_active():
        return
    help_ = "list its variable as plain, or use another name"
    for name in (str(folder), env.name):
        if masking.is_masked(name):
            what = "the name of the spec or environment contains a masked value"
            yield Diagnostic("masked-value", what, Span(env.env.file, 1, 1, 1, 1), help=help_)
    for spec in specs:
        if masking.is_masked(str(spec.address)):
            what = f"the key of this {spec.address.kind} contains a masked value"
            yield Diagnostic("masked-value", what, spec.span, help=help_)


def _exposed_passwords(
    env: Environment, specs: Iterable[Spec], entries: Iterable[verify.VerifyEntry]
) -> Iterator[Diagnostic]:
    """Passwords of users in a variable that templates can read, or that is used for the login."""
    users = (s for s in specs if "on_create" in s.data)
    places = [(p, s.at("on_create", "password")) for s in users if (p := _password(s))]
    for entry in entries:
        places += [
            (entry.password, entry.at("password")),
            (entry.new_password, entry.at("new_password")),
        ]
    for place, span in places:
        name = place.get("env") if isinstance(place, Mapping) else None
        if not isinstance(name, str):
            continue
        if name in env.env.listed:
            what = f"`{name}` is listed under `env:`, so it cannot hold a password"
            yield Diagnostic("secret-name", what, span, help="remove it from `env:`")
        elif name in env.login_variables:
            what = f"`{name}` holds a secret of the login, which cannot be a user's password"
            yield Diagnostic("secret-name", what, span, help="use another variable")
