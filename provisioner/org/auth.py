"""Log in: from what an environment says to an org that can be talked to.

The flows of OAuth 2.0 are those that Salesforce still offers to programs (fact
620); SOAP `login()` is going away and is not one of them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import assert_never
from urllib.parse import urlsplit

import jwt
import requests

from provisioner.model.credentials import (
    AccessToken,
    ClientCredentials,
    Jwt,
    Local,
    Login,
    SfCli,
    UsernamePassword,
)
from provisioner.model.json_value import Json
from provisioner.model.resource import Secret
from provisioner.org import shapes
from provisioner.org.client import SalesforceOrg
from provisioner.org.error_mapping import refused
from provisioner.org.errors import AuthenticationFailed
from provisioner.org.transport import Transport

_JWT_SECONDS = 180  # the longest that Salesforce takes (fact 621)
_CLI_SECONDS = 90.0
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def connect(
    login: Login, *, session: requests.Session | None = None, run: Run = subprocess.run
) -> SalesforceOrg:
    """The org that `login` leads to. `run` starts the Salesforce CLI.

    A session that ends is renewed by the same login; a bare access token cannot be.
    Raises AuthenticationFailed, saying what to do about it, or Unreachable.
    """
    instance_url, token = _log_in(login, session, run)

    def renew() -> Secret:
        return _checked(_log_in(login, session, run)[1])

    again = None if isinstance(login, AccessToken) else renew
    return SalesforceOrg(instance_url, _checked(token), session=session, renew=again)


def _log_in(login: Login, session: requests.Session | None, run: Run) -> tuple[str, Secret]:
    match login:
        case AccessToken(instance_url, token):
            return instance_url, token
        case Jwt():
            return _token(
                login.login_url, {"grant_type": _JWT_GRANT, "assertion": _signed(login)}, session
            )
        case ClientCredentials():
            return _client_credentials(login, session)
        case UsernamePassword():
            return _password(login, session)
        case SfCli(target_org):
            return _from_cli(target_org, run)
        case Local():
            raise AssertionError("the workflow's org factory starts the local org")
        case _:
            assert_never(login)


def _signed(login: Jwt) -> str:
    claims = {
        "iss": login.consumer_key,
        "sub": login.username,
        "aud": login.audience,
        "exp": int(time.time()) + _JWT_SECONDS,
    }
    try:
        return jwt.encode(claims, login.private_key.reveal(), algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        # Not `from` the original, which may quote the key.
        raise AuthenticationFailed(
            "the private key of the JWT login cannot be used",
            remedy="give an RSA private key in PEM form, without a passphrase",
            setting="private_key",
        ) from None


def _client_credentials(
    login: ClientCredentials, session: requests.Session | None
) -> tuple[str, Secret]:
    host = urlsplit(login.login_url).hostname or ""
    if host in ("login.salesforce.com", "test.salesforce.com"):
        raise AuthenticationFailed(
            f"`{host}` does not take client credentials",
            remedy="give the org's My Domain, as `https://name.my.salesforce.com`",
            setting="login_url",
        )
    fields = {
        "grant_type": "client_credentials",
        "client_id": login.consumer_key,
        "client_secret": login.consumer_secret.reveal(),
    }
    return _token(login.login_url, fields, session)


def _password(login: UsernamePassword, session: requests.Session | None) -> tuple[str, Secret]:
    fields = {
        "grant_type": "password",
        "client_id": login.consumer_key,
        "client_secret": login.consumer_secret.reveal(),
        "username": login.username,
        "password": login.password.reveal(),
    }
    return _token(login.login_url, fields, session)


def _token(
    login_url: str, fields: Mapping[str, str], session: requests.Session | None
) -> tuple[str, Secret]:
    """The address of the org and a token for it, from the token endpoint of `login_url`."""
    transport = Transport(login_url, session)
    url = f"{transport.instance_url}/services/oauth2/token"

    def parse(reply: requests.Response) -> tuple[str, Secret]:
        try:
            answer = shapes.parse_json(reply.content)
        except ValueError:
            # Not `from` the original, which may quote the answer.
            raise refused(reply.status_code, "", transport.host) from None
        if isinstance(answer, dict) and "error" in answer:
            described = str(answer.get("error_description") or "")
            raise _refused(str(answer["error"]), described, transport.host)
        if not reply.ok:
            raise refused(reply.status_code, answer, transport.host)
        if not isinstance(answer, dict) or not {"access_token", "instance_url"} <= answer.keys():
            raise AuthenticationFailed(
                f"`{transport.host}` answered the login without a token and the address of the org",
                remedy="check that the login URL is that of a Salesforce org",
            )
        token = shapes.text(answer["access_token"], "`access_token`")
        return shapes.text(answer["instance_url"], "`instance_url`"), Secret(token)

    return transport.read(lambda: transport.session.post(url, data=fields), parse, counted=False)


def _refused(error: str, description: str, host: str) -> AuthenticationFailed:
    message = f"`{host}` refused the login: {error}" + (f" ({description})" if description else "")
    text = description.casefold()
    remedies = (remedy for sign, remedy in _REMEDIES if sign in text or sign == error)
    return AuthenticationFailed(message, code=error, remedy=next(remedies, None))


# What Salesforce says, in its error or its description, and what helps. The first that is
# found counts. (fact 624)
_REMEDIES = (
    (
        "approved this consumer",
        (
            "pre-authorize the user: in the connected app's policies choose `Admin approved users"
            " are pre-authorized` and add the user's profile or a permission set"
        ),
    ),
    (
        "audience is invalid",
        (
            "set the audience to https://login.salesforce.com, to https://test.salesforce.com for"
            " a sandbox, or to the address of the site"
        ),
    ),
    (
        "invalid assertion",
        (
            "check the username, the consumer key, that the certificate of the connected app"
            " belongs to the private key, and this machine's clock"
        ),
    ),
    ("user is locked", "unlock the user, or wait until the lock is over"),
    ("expired", "log in anew: what was presented is out of date"),
    (
        "authentication failure",
        (
            "check username, password and security token, and that the org allows this flow"
            " (OAuth and OpenID Connect Settings); a sandbox logs in at https://test.salesforce.com"
        ),
    ),
    (
        "no client credentials user",
        "enable the client credentials flow in the app's policies and name its `Run As` user",
    ),
    ("invalid_client_id", "check the consumer key; a new app takes up to ten minutes to work"),
    ("invalid_client", "check the consumer key and the consumer secret"),
    ("unsupported_grant_type", "enable this flow in the settings of the connected app"),
    ("inactive_org", "the org is locked or closed; ask Salesforce support"),
    ("inactive_user", "activate the user that logs in"),
    ("rate_limit_exceeded", "there were too many logins; wait before the next"),
)


def _from_cli(target_org: str, run: Run) -> tuple[str, Secret]:
    """The address and the token that the Salesforce CLI keeps for `target_org`."""
    shown = _sf(["org", "display", "--target-org", target_org, "--json"], target_org, run)
    token = str(shown.get("accessToken") or "")
    if not token or "[REDACTED]" in token:
        # Since May 2026 only this command shows it. (fact 626)
        command = ["org", "auth", "show-access-token"]
        options = ["--target-org", target_org, "--json", "--no-prompt"]
        token = str(_sf([*command, *options], target_org, run).get("accessToken") or "")
    if not token or "[REDACTED]" in token or not shown.get("instanceUrl"):
        raise AuthenticationFailed(
            f"the Salesforce CLI did not tell the address and the token of `{target_org}`",
            remedy="update the CLI (`sf update`) and try again",
        )
    return str(shown["instanceUrl"]), Secret(token)


def _sf(arguments: list[str], target_org: str, run: Run) -> Mapping[str, Json]:
    """The `result` of one command. Its output may hold the token, and is never quoted."""
    command = "sf " + " ".join(arguments[: arguments.index("--target-org")])
    try:
        done = run(
            ["sf", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=_CLI_SECONDS,
            check=False,
            # With colours forced on, what it prints is not JSON.
            env={**os.environ, "NO_COLOR": "1", "FORCE_COLOR": "0"},
        )
    except FileNotFoundError:
        raise AuthenticationFailed(
            "the Salesforce CLI (`sf`) is not installed, or not on the PATH",
            remedy="install it (https://developer.salesforce.com/tools/salesforcecli), or log in"
            " by another method",
        ) from None
    except OSError as error:
        raise AuthenticationFailed(f"the Salesforce CLI cannot be started: {error}") from error
    except subprocess.TimeoutExpired:
        raise AuthenticationFailed(
            f"`{command}` did not end in {_CLI_SECONDS:g} seconds",
            remedy="run it by hand to see what it waits for",
        ) from None
    answer = _json(done.stdout) or _json(done.stderr)
    if answer is None:
        raise AuthenticationFailed(
            f"`{command}` ended with status {done.returncode} and no JSON",
            remedy="run it by hand with `--json`; an old CLI may need `sf update`",
        )
    result = answer.get("result")
    if done.returncode != 0 or answer.get("status", 0) != 0 or not isinstance(result, dict):
        reason = re.sub(r"\s+", " ", str(answer.get("message") or "it gave no reason")).strip()
        raise AuthenticationFailed(
            f"`{command}` failed for `{target_org}`: {reason}",
            code=str(answer.get("name") or ""),
            remedy=f"log in with `sf org login web --alias {target_org}`",
        )
    return result


def _json(text: str) -> Mapping[str, Json] | None:
    """The JSON object in what the CLI printed, after any warnings."""
    try:
        value: Json = json.loads(text[text.index("{") :])
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _checked(token: Secret) -> Secret:
    """`token` without the line end of the file it came from."""
    text = token.reveal().strip()
    if not re.fullmatch(r"[!-~]+", text):
        raise AuthenticationFailed(
            "the access token is empty, or holds what no token has (blanks, line ends)",
            remedy="check the variable or the file that it is read from",
        )
    return Secret(text)
