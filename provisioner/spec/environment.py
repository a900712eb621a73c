"""An environment: which org a spec is for, how to log in, its variables and its policy."""

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
from provisioner.spec import document as source
from provisioner.spec import policy as bounds
from provisioner.spec import template
from provisioner.spec.document import Document, Path
from provisioner.spec.policy import Policy
from provisioner.spec.template import Environ

_LOGIN_URL = "https://login.salesforce.com"


@dataclass(frozen=True, slots=True)
class Environment:
    """`org_id` is the only org that it is for, 15 or 18 characters, once it was pinned.

    `spans` are the places of the settings under `org:`, by name, and `forbidden_at` those of the
    policy's forbidden profiles.
    """

    name: str
    login: Login
    vars: Mapping[str, Any] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    org_id: str | None = None
    env: Environ = field(default_factory=Environ, compare=False)
    login_variables: frozenset[str] = field(default=frozenset(), compare=False)
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False)
    forbidden_at: Mapping[str, Span] = field(default_factory=dict, compare=False)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets of its login."""
        found = (getattr(self.login, f.name) for f in fields(self.login))
        return tuple(value for value in found if isinstance(value, Secret))


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def variables(
    document: Document, environ: Mapping[str, str], elsewhere: Collection[str] = ()
) -> tuple[Environ, tuple[Diagnostic, ...]]:
    """The variables that the document lists for templates, and what is wrong with the list.

    Its templates are not filled in yet. `elsewhere` are the names of secrets that other files
    use; none of them, nor of those of the login, can be listed.
    """
    secrets = frozenset(secret_names(document)) | frozenset(elsewhere)
    values: dict[str, Any] = {}
    listed: set[str] = set()
    problems: list[Diagnostic] = []

    def wrong(code: str, message: str, help_: str, *path: str | int) -> None:
        span = document.span(("env", *path))
        problems.append(Diagnostic(code, message, span, help=help_))

    for at, name, plain in _listed(document):
        if template.is_template(name):
            wrong("wrong-value", "a name under `env:` is no template", "write the name itself", *at)
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
                what = f"the value of `{name}` has less than {SHORTEST} characters: too few to mask"
                wrong("masked-value", what, f"list it as `{{name: {name}, plain: true}}`", *at)
    found = Environ(values, frozenset(listed), secrets, document.file)
    return found, tuple(problems)


def _listed(document: Document) -> Iterator[tuple[Path, str, bool]]:
    """Each name under `env:` with its path, and whether its value is plain."""
    data = document.data if isinstance(document.data, Mapping) else {}
    entries = data.get("env")
    for i, entry in enumerate(entries if isinstance(entries, list) else ()):
        match entry:
            case str():
                yield (i,), entry, False
            case {"name": str() as name, **more}:
                yield (i, "name"), name, more.get("plain") is True
            case _:
                pass  # the schema reports it


def secret_names(document: Document) -> Iterator[str]:
    """The variables that a document names as places of secrets: by `{env: NAME}`."""
    left = [document.data]
    while left:
        match left.pop():
            case {"env": str() as name, **more} if not more:
                yield name
            case Mapping() as mapping:
                left += mapping.values()
            case list() as items:
                left += items
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

    `kinds` are those that a policy can name, `env` the variables that templates can use: by
    default those that the document lists, whose templates must not be filled in yet.

    Raises DiagnosticError with every problem; a secret that cannot be had has the code
    `missing-secret`.
    """
    if env is None:
        env, unlisted = variables(document, environ)
        if unlisted:
            raise DiagnosticError(unlisted)
    document = source.render(document, {}, env)
    login_variables = frozenset(secret_names(document))
    secrets = _Secrets(environ, read_file)
    org = document.data["org"]

    def secret(name: str) -> Secret:
        span = document.span(("org", name)) or Span(document.file, 1, 1, 1, 1)
        return secrets.find(org[name], span)

    for part in ("login_url", "instance_url", "audience"):
        if isinstance(org.get(part), Masked):
            what = f"`{part}` is shown in outputs, and its variable is not listed as plain"
            secrets.problems.append(Diagnostic("masked-value", what, document.span(("org", part))))
    login = _login(org, secret)
    policy, wrong = bounds.read(document, kinds)
    if problems := [*secrets.problems, *wrong, *_misdirected(document, environ)]:
        raise DiagnosticError(in_order(problems))
    name = PurePath(document.file).stem
    spans = {key: span for key in org if (span := document.span(("org", key)))}
    forbidden = enumerate(policy.forbidden_profiles)
    places = {n: document.span(("policy", "forbidden_profiles", i)) for i, n in forbidden}
    return Environment(
        name,
        login,
        document.data.get("vars") or {},
        policy,
        org.get("id"),
        env,
        login_variables,
        spans,
        {profile: span for profile, span in places.items() if span},
    )


def secret(
    given: Mapping[str, str],
    span: Span,
    environ: Mapping[str, str],
    read_file: Callable[[str], str],
) -> Secret:
    """The secret that `{env: NAME}` or `{file: PATH}` names.

    Raises DiagnosticError with the code `missing-secret` when it cannot be had.
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

    Raises DiagnosticError with a `missing-secret` for each that cannot be had.
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


def _misdirected(document: Document, environ: Mapping[str, str]) -> Iterator[Diagnostic]:
    """What is wrong with where the login sends credentials, and with the audience of a JWT."""
    # What is masked is reported elsewhere, and not quoted.
    org = {k: v for k, v in document.data["org"].items() if not isinstance(v, Masked)}
    for name in ("login_url", "instance_url"):
        url = org.get(name)
        if url and (problem := hosts.not_trusted(url, hosts.allowed_hosts(environ))):
            span = document.span(("org", name))
            yield Diagnostic("untrusted-host", problem, span, help=hosts.remedy(url))
    url, audience = org.get("login_url", _LOGIN_URL), org.get("audience")
    if audience and not hosts.is_audience(audience, url):
        accepted = " or ".join(f"`{one}`" for one in hosts.audiences(url))
        yield Diagnostic(
            "wrong-audience",
            f"the audience `{audience}` does not belong to the login host of `{url}`",
            document.span(("org", "audience")),
            help=f"write {accepted}, or leave it out",
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
    """Finds secrets, and remembers the ones it could not find."""

    def __init__(self, environ: Mapping[str, str], read_file: Callable[[str], str]) -> None:
        self.problems: list[Diagnostic] = []
        self._environ = environ
        self._read_file = read_file

    def find(self, given: Mapping[str, str], span: Span) -> Secret:
        match given:
            case {"env": name}:
                if not _VARIABLE.fullmatch(name):
                    # It may be the secret itself.
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
        # A text of several lines is no path, but the secret itself.
        named = f"the file `{path}`" if path.isprintable() and len(path) < 500 else "the file"
        try:
            value = self._read_file(path).rstrip("\r\n")
        except OSError as error:
            self._missing(f"{named} cannot be read: {error.strerror or error}", span)
        except UnicodeError:
            self._missing(f"{named} holds no text", span)
        else:
            if not value:
                self._missing(f"{named} is empty", span)
            return value
        return ""

    def _missing(self, message: str, span: Span) -> None:
        self.problems.append(Diagnostic("missing-secret", message, span, help=_WHERE))


_WHERE = "set it where the command runs; it never stands in the repository"
