"""An environment: which org a spec is for, how to log in, its variables and its policy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from provisioner import bounds, source
from provisioner.bounds import Policy
from provisioner.diagnostics import Diagnostic, DiagnosticError, Span, in_order
from provisioner.resource import Secret, Spec
from provisioner.source import Document

_LOGIN_URL = "https://login.salesforce.com"


@dataclass(frozen=True, slots=True)
class Local:
    """The embedded local org."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    instance_url: str
    token: Secret


@dataclass(frozen=True, slots=True)
class Jwt:
    """OAuth 2.0 JWT bearer. `audience` defaults to `login_url`."""

    login_url: str
    consumer_key: str
    username: str
    private_key: Secret
    audience: str


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth 2.0 client credentials, which only a My Domain host answers."""

    login_url: str
    consumer_key: str
    consumer_secret: Secret


@dataclass(frozen=True, slots=True)
class Password:
    """OAuth 2.0 username-password; the security token, if any, is appended to the password."""

    login_url: str
    consumer_key: str
    consumer_secret: Secret
    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class SfCli:
    """The login that the Salesforce CLI keeps for `target_org` (alias or username)."""

    target_org: str


Login = Local | AccessToken | Jwt | ClientCredentials | Password | SfCli


@dataclass(frozen=True, slots=True)
class Environment:
    """`org_id` is the only org that it is for, 15 or 18 characters, once it was pinned."""

    name: str
    login: Login
    vars: Mapping[str, Any] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    org_id: str | None = None


def parse(
    document: Document,
    environ: Mapping[str, str],
    read_file: Callable[[str], str],
    kinds: Collection[str] = (),
) -> Environment:
    """The environment that a document describes; its schema must have been checked.

    `kinds` are those that a policy can name.

    `{{ env.X }}` is filled in where it was not yet. Raises DiagnosticError with every
    problem; a secret that can not be had has the code `missing-secret`.
    """
    document = source.render(document, {}, environ)
    secrets = _Secrets(environ, read_file)
    org = document.data["org"]

    def secret(name: str) -> Secret:
        span = document.span(("org", name)) or Span(document.file, 1, 1, 1, 1)
        return secrets.find(org[name], span)

    login = _login(org, secret)
    policy, wrong = bounds.read(document, kinds)
    if problems := [*secrets.problems, *wrong]:
        raise DiagnosticError(in_order(problems))
    name = PurePath(document.file).stem
    variables = document.data.get("vars") or {}
    return Environment(name, login, variables, policy, org.get("id"))


def secret(
    given: Mapping[str, str],
    span: Span,
    environ: Mapping[str, str],
    read_file: Callable[[str], str],
) -> Secret:
    """The secret that `{env: NAME}` or `{file: PATH}` names.

    Raises DiagnosticError with the code `missing-secret` when it can not be had.
    """
    secrets = _Secrets(environ, read_file)
    found = secrets.find(given, span)
    if secrets.problems:
        raise DiagnosticError(secrets.problems)
    return found


def with_secrets(
    specs: Iterable[Spec], environ: Mapping[str, str], read_file: Callable[[str], str]
) -> tuple[Spec, ...]:
    """The specs with each `on_create: {password: {env: NAME}}` as the secret it names.

    Raises DiagnosticError with a `missing-secret` for each that can not be had.
    """
    secrets = _Secrets(environ, read_file)
    found = tuple(_with_password(spec, secrets) for spec in specs)
    if secrets.problems:
        raise DiagnosticError(in_order(secrets.problems))
    return found


def _with_password(spec: Spec, secrets: _Secrets) -> Spec:
    actions = spec.data.get("on_create") or {}
    given = actions.get("password")
    if not isinstance(given, Mapping):
        return spec
    secret = secrets.find(given, spec.at("on_create", "password"))
    return replace(spec, data={**spec.data, "on_create": {**actions, "password": secret}})


def _login(org: Mapping[str, Any], secret: Callable[[str], Secret]) -> Login:
    url = org.get("login_url", _LOGIN_URL)
    match org["login"]:
        case "local":
            return Local()
        case "access_token":
            return AccessToken(org["instance_url"], secret("token"))
        case "jwt":
            audience = org.get("audience", url)
            key = secret("private_key")
            return Jwt(url, org["consumer_key"], org["username"], key, audience)
        case "client_credentials":
            return ClientCredentials(url, org["consumer_key"], secret("consumer_secret"))
        case "password":
            key, password = secret("consumer_secret"), secret("password")
            return Password(url, org["consumer_key"], key, org["username"], password)
        case "sf_cli":
            return SfCli(org["target_org"])
        case other:
            raise AssertionError(f"the schema knows no login {other!r}")


class _Secrets:
    """Finds secrets, and remembers the ones it could not find."""

    def __init__(self, environ: Mapping[str, str], read_file: Callable[[str], str]) -> None:
        self.problems: list[Diagnostic] = []
        self._environ = environ
        self._read_file = read_file

    def find(self, given: Mapping[str, str], span: Span) -> Secret:
        match given:
            case {"env": name}:
                value = self._environ.get(name, "")
                if not value:
                    self._missing(f"the environment variable `{name}` is not set", span)
            case {"file": path}:
                value = self._read(path, span)
            case _:
                raise AssertionError("the schema allows `env` and `file` only")
        return Secret(value)

    def _read(self, path: str, span: Span) -> str:
        try:
            value = self._read_file(path).rstrip("\r\n")
        except OSError as error:
            self._missing(f"the file `{path}` can not be read: {error.strerror or error}", span)
        except UnicodeError:
            self._missing(f"the file `{path}` holds no text", span)
        else:
            if not value:
                self._missing(f"the file `{path}` is empty", span)
            return value
        return ""

    def _missing(self, message: str, span: Span) -> None:
        self.problems.append(Diagnostic("missing-secret", message, span, help=_WHERE))


_WHERE = "set it where the command runs; it never stands in the repository"
