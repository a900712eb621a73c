"""`verify login`, and the same check after an apply: log in as a customer does."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import output, suggested_commands
from provisioner.cli.exit_status import DONE, NO_ORG, PARTLY, REFUSED, WRONG
from provisioner.cli.options import SpecOptions
from provisioner.cli.session import session
from provisioner.cli.stop import Stop, problem
from provisioner.cli.users import cause_spans, target, username_of
from provisioner.kinds.user.kind import UserKind
from provisioner.login.causes import Cause
from provisioner.login.spec_lines import find_user
from provisioner.model.credentials import Local
from provisioner.model.diagnostics import DiagnosticError
from provisioner.model.hosts import is_loopback
from provisioner.model.resource import Secret, Spec
from provisioner.render.format import json_text
from provisioner.render.logins import (
    LoginDocument,
    check_document,
    login_document,
    verified_text,
)
from provisioner.render.terminal import write
from provisioner.spec.load import LoadedSpec, secret
from provisioner.spec.verify import VerifyEntry, objects_of

if TYPE_CHECKING:
    from provisioner.login.verify import Credentials
    from provisioner.org.client import Org

Login = tuple[VerifyEntry, "Credentials"]


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(SpecOptions):
    """The options of `verify login`. Without `users`, those under `verify:` in the spec."""

    users: tuple[str, ...] = ()
    portal: str | None = None
    password_env: str | None = None
    password_file: str | None = None
    real_org: bool = False
    format: str = "text"


def verify(options: VerifyOptions) -> int:
    """Log in users, and print each stage."""
    # No user is created, so users' first passwords are not needed.
    with session(options, passwords=False) as (spec, org):
        if not is_rehearsal(spec, org) and not options.real_org:
            raise Stop(
                REFUSED,
                problem(
                    f"`{org.instance_url}` is a real org, and nobody asked to log in to it",
                    "add `--real-org`: each login is recorded there, and a wrong password counts",
                ),
            )
        if not options.users and not spec.verify:
            what = "the spec has no users under `verify:`"
            raise Stop(WRONG, problem(what, "name users, or declare some under `verify:`"))
        try:
            checks = (
                [_named(name, options, spec) for name in options.users]
                if options.users
                else [(_credentials(entry, spec), entry) for entry in spec.verify]
            )
        except DiagnosticError as error:
            raise Stop(NO_ORG, *error.diagnostics, texts=spec.texts) from error
        logins = [_log_in(who, options.portal, entry, spec, org) for who, entry in checks]
        return _print(logins, options.format)


def prepare(spec: LoadedSpec, org: Org, *, real_org: bool) -> tuple[Login, ...]:
    """The users under `verify:` with their secrets, read before an apply writes anything.

    Nobody logs in to a real org unless `real_org` is set. On the local org a user whose secret is
    missing is left out, which is printed; elsewhere this raises Stop.
    """
    if not spec.verify:
        return ()
    rehearsal = is_rehearsal(spec, org)
    if not rehearsal and not real_org:
        count = len(spec.verify)
        output.info(
            f"not verified: {count} {'login' if count == 1 else 'logins'} under `verify:`, because "
            "this is a real org: `--verify-real-org`"
        )
        return ()
    logins: list[Login] = []
    for entry in spec.verify:
        try:
            logins.append((entry, _credentials(entry, spec)))
        except DiagnosticError as error:
            if not rehearsal:
                raise Stop(NO_ORG, *error.diagnostics, texts=spec.texts) from error
            reasons = "; ".join(d.message for d in error.diagnostics)
            output.info(f"not verified: the login of `{entry.key}`, because {reasons}")
    return tuple(logins)


def log_in(logins: Sequence[Login], spec: LoadedSpec, org: Org) -> int:
    """Log in every user; the exit status of the apply: it failed if a login failed."""
    if not logins:
        return DONE
    return _print([_log_in(who, None, entry, spec, org) for entry, who in logins], "text")


def is_rehearsal(spec: LoadedSpec, org: Org) -> bool:
    """Whether a login there disturbs nobody: the local org, in this process or on loopback."""
    return isinstance(spec.environment.login, Local) or is_loopback(org.instance_url)


def _log_in(
    who: Credentials, portal: str | None, entry: VerifyEntry | None, spec: LoadedSpec, org: Org
) -> LoginDocument:
    """Log in one user; the stages and what explains a failure, as plain data."""
    from provisioner.login import use_cases
    from provisioner.login.verify import Stage

    specs = {s.address: s for s in spec.specs}
    user = find_user(who.username, spec.specs)
    expected = entry or (VerifyEntry(user.address.name, user.span, {}) if user else None)
    verified, trace = use_cases.verify_login(
        org,
        who,
        target(portal, spec, entry),
        objects_of(expected, specs) if expected else (),
    )
    causes = None
    if trace is not None:
        spans = cause_spans(trace, spec)
        # If no check fails, the org's login history is the best explanation.
        refused = verified.failed is not None and verified.failed.stage is Stage.CREDENTIALS
        history = (f for f in trace.findings if refused and f.cause is Cause.HISTORY)
        findings = trace.causes or tuple(history)
        causes = [check_document(f, spans.get(f.cause), trace) for f in findings]
    return suggested_commands.view(login_document(verified, causes))


def _print(logins: Sequence[LoginDocument], format_: str) -> int:
    """Print the logins; the exit status."""
    ok = all(login["ok"] for login in logins)
    if format_ == "json":
        view = {"report": "verify", "ok": ok, "logins": list(logins)}
        output.write_document([json_text(view)], "json")
    else:
        write(verified_text(logins), sys.stdout)
    return DONE if ok else PARTLY


# ---------------------------------------------------------------- passwords


def _credentials(entry: VerifyEntry, spec: LoadedSpec) -> Credentials:
    """The username and password of a user under `verify:`. Raises DiagnosticError."""
    from provisioner.login.verify import Credentials

    user = next(s for s in spec.specs if s.address == UserKind.address(entry.key))
    username = str(user.data["Username"]).strip().lower()
    if entry.password is not None:
        password = secret(entry.password, entry.at("password"), spec.folder)
    else:
        first = _first_password(user, spec)
        assert first is not None, "the checks of `verify:` require a password"
        password = first
    new = entry.new_password
    chosen = None if new is None else secret(new, entry.at("new_password"), spec.folder)
    return Credentials(username, password, chosen)


def _named(
    name: str, options: VerifyOptions, spec: LoadedSpec
) -> tuple[Credentials, VerifyEntry | None]:
    """A user by key or username, with the password from wherever there is one.

    Raises DiagnosticError, and Stop if there is none.
    """
    from provisioner.login.verify import Credentials

    username = username_of(name, spec)
    user = find_user(name, spec.specs)
    key = user.address.name if user else None
    entry = next((c for c in spec.verify if c.key == key), None)
    if options.password_env or options.password_file:
        password = _password_option(options)
    elif entry is not None:
        return _credentials(entry, spec), entry
    else:
        password = _first_password(user, spec) or _ask_password(username)
    return Credentials(username, password), entry


def _password_option(options: VerifyOptions) -> Secret:
    if options.password_env:
        value = os.environ.get(options.password_env, "")
        if not value:
            raise _no_password(f"the environment variable `{options.password_env}` is not set")
        return Secret(value)
    assert options.password_file is not None
    try:
        return Secret(Path(options.password_file).read_text("utf-8").rstrip("\r\n"))
    except (OSError, UnicodeError):
        raise _no_password(f"the file `{options.password_file}` cannot be read") from None


def _first_password(user: Spec | None, spec: LoadedSpec) -> Secret | None:
    """The password that the spec itself gives a user. Raises DiagnosticError."""
    password = (user.data.get("on_create") or {}).get("password") if user else None
    if user is not None and isinstance(password, Mapping):
        return secret(password, user.at("on_create", "password"), spec.folder)
    return password if isinstance(password, Secret) else None


def _ask_password(username: str) -> Secret:
    if not sys.stdin.isatty():
        raise _no_password(f"there is no password for `{username}`")
    return Secret(getpass.getpass(f"Password of {username}: ", stream=sys.stderr))


def _no_password(message: str) -> Stop:
    return Stop(WRONG, problem(message, "pass `--password-env NAME` or `--password-file FILE`"))
