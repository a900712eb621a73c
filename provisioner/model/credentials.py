"""The ways to log in to an org, with what each one needs."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.model.resource import Secret


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
    """OAuth 2.0 client credentials, which works only at a My Domain host."""

    login_url: str
    consumer_key: str
    consumer_secret: Secret


@dataclass(frozen=True, slots=True)
class UsernamePassword:
    """OAuth 2.0 username-password; the security token, if any, is appended to the password."""

    login_url: str
    consumer_key: str
    consumer_secret: Secret
    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class SfCli:
    """The login that the Salesforce CLI stores for `target_org` (alias or username)."""

    target_org: str


Login = Local | AccessToken | Jwt | ClientCredentials | UsernamePassword | SfCli
