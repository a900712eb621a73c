"""Read an environment file: the org, how to log in, the variables and the policy."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import PurePath
from typing import Any

from provisioner.model import hosts
from provisioner.model.credentials import (
    AccessToken,
    ClientCredentials,
    Jwt,
    Local,
    Login,
    SfCli,
    UsernamePassword,
)
from provisioner.model.diagnostics import Diagnostic, DiagnosticError, Span, in_order
from provisioner.model.masking import SHORTEST, Masked, Opaque
from provisioner.model.resource import Secret, Spec
from provisioner.spec import template
from provisioner.spec.document import Document, render
from provisioner.spec.policy import Policy, read_policy
from provisioner.spec.template import Environ
from provisioner.spec.yaml_reader import Path, Yaml

_LOGIN_URL = "https://login.salesforce.com"


@dataclass(frozen=True, slots=True)
class Environment:
    """The org of a spec, and how it is used.

    `org_id` is the Id of that org (15 or 18 characters), if the file names it. `spans` are the
    places of the settings under `org:`, by name, and `forbidden_at` those of the forbidden
    profiles of the policy.
    """

    name: str
    login: Login
    vars: Mapping[str, Yaml] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    org_id: str | None = None
    env: Environ = field(default_factory=Environ, compare=False)
    login_variables: frozenset[str] = field(default=frozenset(), compare=False)
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False)
    forbidden_at: Mapping[str, Span] = field(default_factory=dict, compare=False)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets of its login."""
        values = (getattr(self.login, f.name) for f in fields(self.login))
        return tuple(value for value in values if isinstance(value, Secret))


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def variables(
    document: Document, environ: Mapping[str, str], elsewhere: Collection[str] = ()
) -> tuple[Environ, tuple[Diagnostic, ...]]:
    """The variables that a document lists for templates, and the problems of the list.

    The templates of the document are not filled in yet. `elsewhere` are the variables that hold
    secrets of other files. Neither these nor the secrets of the login can be listed.
    """
    secrets = frozenset(secret_names(document)) | frozenset(elsewhere)
    values: dict[str, str | Opaque] = {}
    listed: set[str] = set()
    problems: list[Diagnostic] = []

    def wrong(code: str, message: str, help_: str, *path: str | int) -> None:
        span = document.span(("env", *path))
        problems.append(Diagnostic(code, message, span, help=help_))

    for at, name, plain in _listed(document):
        if template.is_template(name):
            wrong(
                "wrong-value",
                "a name under `env:` cannot be a template",
                "write the name itself",
                *at,
            )
        elif name in secrets:
            what = f"`{name}` holds a secret, which no template can read"
            wrong("secret-name", what, "remove it from `env:`", *at)
        elif _VARIABLE.fullmatch(name):
            listed.add(name)
            value = environ.get(name)
            if value is None:
                continue
            values[name] = value if plain else Opaque(value)
            if not plain and value and len(value.strip()) < SHORTEST:
                what = (
                    f"the value of `{name}` has fewer than {SHORTEST} characters: too few to mask"
                )
                wrong("masked-value", what, f"list it as `{{name: {name}, plain: true}}`", *at)
    return Environ(values, frozenset(listed), secrets, document.file), tuple(problems)


def _listed(document: Document) -> Iterator[tuple[Path, str, bool]]:
    """Each name under `env:` with its path, and whether its value is plain."""
    entries = document.mapping.get("env")
    for i, entry in enumerate(entries if isinstance(entries, list) else ()):
        match entry:
            case str():
                yield (i,), entry, False
            case {"name": str() as name, **more}:
                yield (i, "name"), name, more.get("plain") is True
            case _:
                pass  # the schema reports it


def secret_names(document: Document) -> Iterator[str]:
    """The variables that hold secrets of a document: those of every `{env: NAME}`."""
    rest: list[Yaml] = [document.data]
    while rest:
        match rest.pop():
            case {"env": str() as name, **more} if not more:
                yield name
            case dict() as mapping:
                rest += mapping.values()
            case list() as items:
                rest += items
            case _:
                pass


def parse(
    document: Document,
    environ: Mapping[str, str],
    read_file: Callable[[str], str],
    kinds: Collection[str] = (),
    env: Environ | None = None,
) -> Environment:
    """The environment that a document describes; its schema must have been checked.

    `kinds` are those that a policy can name, `env` the variables that templates can use. Without
    `env`, they are those that the document lists, and its templates are not filled in yet.

    Raises DiagnosticError with every problem; a secret that cannot be read has the code
    `missing-secret`.
    """
    if env is None:
        env, unlisted = variables(document, environ)
        if unlisted:
            raise DiagnosticError(unlisted)
    document = render(document, {}, env)
    login_variables = frozenset(secret_names(document))
    secrets = _Secrets(environ, read_file)
    org = document.mapping["org"]

    def secret(name: str) -> Secret:
        span = document.span(("org", name)) or Span(document.file, 1, 1, 1, 1)
        return secrets.find(org[name], span)

    for part in ("login_url", "instance_url", "audience"):
        if isinstance(org.get(part), Masked):
            what = f"`{part}` appears in outputs, but its variable is not listed as plain"
            secrets.problems.append(Diagnostic("masked-value", what, document.span(("org", part))))
    login = _login(org, secret)
    policy, wrong = read_policy(document, kinds)
    if problems := [*secrets.problems, *wrong, *_misdirected(document, environ)]:
        raise DiagnosticError(in_order(problems))
    name = PurePath(document.file).stem
    spans = {key: span for key in org if (span := document.span(("org", key)))}
    forbidden = enumerate(policy.forbidden_profiles)
    places = {n: document.span(("policy", "forbidden_profiles", i)) for i, n in forbidden}
    return Environment(
        name,
        login,
        document.mapping.get("vars") or {},
        policy,
        org.get("id"),
        env,
        login_variables,
        spans,
        {profile: span for profile, span in places.items() if span},
    )


def secret(
    place: Mapping[str, str],
    span: Span,
    environ: Mapping[str, str],
    read_file: Callable[[str], str],
) -> Secret:
    """The secret that `{env: NAME}` or `{file: PATH}` names.

    Raises DiagnosticError with the code `missing-secret` if it cannot be read.
    """
    secrets = _Secrets(environ, read_file)
    value = secrets.find(place, span)
    if secrets.problems:
        raise DiagnosticError(secrets.problems)
    return value


def with_secrets(
    specs: Iterable[Spec], environ: Mapping[str, str], read_file: Callable[[str], str]
) -> tuple[Spec, ...]:
    """The specs with the secret itself in place of each `on_create: {password: {env: NAME}}`.

    Raises DiagnosticError with a `missing-secret` for each that cannot be read.
    """
    secrets = _Secrets(environ, read_file)
    result = tuple(_with_password(spec, secrets) for spec in specs)
    if secrets.problems:
        raise DiagnosticError(in_order(secrets.problems))
    return result


def _with_password(spec: Spec, secrets: _Secrets) -> Spec:
    actions = spec.data.get("on_create") or {}
    place = actions.get("password")
    if not isinstance(place, Mapping):
        return spec
    secret = secrets.find(place, spec.at("on_create", "password"))
    return replace(spec, data={**spec.data, "on_create": {**actions, "password": secret}})


def _misdirected(document: Document, environ: Mapping[str, str]) -> Iterator[Diagnostic]:
    """The problems of the hosts that get credentials, and of the audience of a JWT."""
    # Masked values are reported elsewhere, and must not be quoted.
    org = {k: v for k, v in document.mapping["org"].items() if not isinstance(v, Masked)}
    for name in ("login_url", "instance_url"):
        url = org.get(name)
        if url and (problem := hosts.not_trusted(url, hosts.allowed_hosts(environ))):
            span = document.span(("org", name))
            yield Diagnostic("untrusted-host", problem, span, help=hosts.remedy(url))
    url, audience = org.get("login_url", _LOGIN_URL), org.get("audience")
    if audience and not hosts.is_audience(audience, url):
        accepted = " or ".join(f"`{name}`" for name in hosts.audiences(url))
        yield Diagnostic(
            "wrong-audience",
            f"the audience `{audience}` does not belong to the login host of `{url}`",
            document.span(("org", "audience")),
            help=f"write {accepted}, or remove it",
        )


def _login(org: Mapping[str, Any], secret: Callable[[str], Secret]) -> Login:
    url = org.get("login_url", _LOGIN_URL)
    match org["login"]:
        case "local":
            return Local()
        case "access_token":
            return AccessToken(org["instance_url"], secret("token"))
        case "jwt":
            audience = org.get("audience", url.rstrip("/"))
            key = secret("private_key")
            return Jwt(url, org["consumer_key"], org["username"], key, audience)
        case "client_credentials":
            return ClientCredentials(url, org["consumer_key"], secret("consumer_secret"))
        case "password":
            key, password = secret("consumer_secret"), secret("password")
            return UsernamePassword(url, org["consumer_key"], key, org["username"], password)
        case "sf_cli":
            return SfCli(org["target_org"])
        case other:
            raise AssertionError(f"the schema knows no login {other!r}")


class _Secrets:
    """Reads secrets, and collects the problems of those that it cannot read."""

    def __init__(self, environ: Mapping[str, str], read_file: Callable[[str], str]) -> None:
        self.problems: list[Diagnostic] = []
        self._environ = environ
        self._read_file = read_file

    def find(self, place: Mapping[str, str], span: Span) -> Secret:
        match place:
            case {"env": name}:
                if not _VARIABLE.fullmatch(name):
                    # The text may be the secret itself.
                    what = "this is not the name of an environment variable"
                    self.problems.append(
                        Diagnostic("missing-secret", what, span, help=_WHERE, secret=True)
                    )
                    return Secret("")
                value = self._environ.get(name, "")
                if not value:
                    self._missing(f"the environment variable `{name}` is not set", span)
            case {"file": path}:
                value = self._read(path, span)
            case _:
                raise AssertionError("the schema allows `env` and `file` only")
        return Secret(value)

    def _read(self, path: str, span: Span) -> str:
        # A text of several lines is not a path, but the secret itself.
        named = f"the file `{path}`" if path.isprintable() and len(path) < 500 else "the file"
        try:
            value = self._read_file(path).rstrip("\r\n")
        except OSError as error:
            self._missing(f"{named} cannot be read: {error.strerror or error}", span)
        except UnicodeError:
            self._missing(f"{named} is not a text file", span)
        else:
            if not value:
                self._missing(f"{named} is empty", span)
            return value
        return ""

    def _missing(self, message: str, span: Span) -> None:
        self.problems.append(Diagnostic("missing-secret", message, span, help=_WHERE))


_WHERE = "set it where the command runs, never in the repository"
