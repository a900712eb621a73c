"""`url`, `explain login`, `verify login`, `password reset`: customers and their logins."""

from __future__ import annotations

import getpass
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioner.cli import output, suggestions
from provisioner.cli.exit_status import CHANGES, DONE, NO_ORG, PARTLY, REFUSED, WRONG
from provisioner.cli.session import online
from provisioner.login.causes import Cause
from provisioner.login.spec_lines import place, user_called
from provisioner.model.credentials import Local
from provisioner.model.diagnostics import DiagnosticError
from provisioner.model.resource import Address, Secret, Spec
from provisioner.render import logins as views
from provisioner.render.format import json_text, visible
from provisioner.render.terminal import Line, write
from provisioner.spec import load as loader
from provisioner.spec.load import LoadedSpec
from provisioner.spec.verify import VerifyEntry, objects_of

if TYPE_CHECKING:
    from provisioner.login.check_results import Trace
    from provisioner.login.read import Target
    from provisioner.login.verify import Credentials
    from provisioner.org.client import Org


def url(options: Namespace) -> int:
    """Where customers log in."""
    return _online(options, _url)


def explain(options: Namespace) -> int:
    """Why a user can or can not log in."""
    return _online(options, _explain)


def verify(options: Namespace) -> int:
    """Log in for real."""
    return _online(options, _verify)


def password(options: Namespace) -> int:
    """Mail new passwords, on purpose."""
    return _online(options, _reset)


def _online(options: Namespace, use: Callable[[Namespace, LoadedSpec, Org], int]) -> int:
    # None of them makes a user, so that users' first passwords are not needed.
    return online(
        options.spec, options.env, lambda loaded, org: use(options, loaded, org), passwords=False
    )


# ---------------------------------------------------------------- url


def _url(options: Namespace, loaded: LoadedSpec, org: Org) -> int:
    from provisioner.login import read as explaining
    from provisioner.model.operations import ReadSites

    wanted = {s.address.name.casefold() for s in loaded.specs if s.address.kind == "portal"}
    portals = [p for p in explaining.portals(org) if not wanted or p.name.casefold() in wanted]
    sites = org.read(ReadSites())
    every = [("portal", p.name, p.url, p.active) for p in portals]
    every += [("site", s.name, s.login_url, s.status == "Live") for s in sites]
    # Nobody can log in where it is not active, so that its address is of no use.
    found = [
        {"kind": kind, "name": name, "url": url if active else None, "active": active}
        for kind, name, url, active in every
    ]
    for name in sorted(wanted - {p.name.casefold() for p in portals}):
        given = next(s.address.name for s in loaded.specs if s.address.name.casefold() == name)
        output.say(f"the org has no portal `{given}` yet", "apply the spec first")
    if options.format == "json":
        output.write_document([json_text(found)], "json")
    else:
        _print_urls(found)
    if not found and not wanted:
        output.say("the org has no portal and no site", "declare one under `portals:` and apply")
    return DONE if any(one["active"] for one in found) else WRONG


def _print_urls(found: Sequence[dict[str, Any]]) -> None:
    alone = sum(one["active"] for one in found) == 1
    for one in found:
        if not one["active"]:
            output.say(f"`{one['name']}` is not active, so nobody can log in there", _activate(one))
            continue
        # Alone, the address is all that is said: it can be piped.
        name = "" if alone else f"{one['name']}: "
        sys.stdout.write(visible(f"{name}{one['url']}") + "\n")


def _activate(one: Mapping[str, Any]) -> str:
    if one["kind"] == "portal":
        return f"set `active: true` in `portals.{one['name']}`, and apply"
    return "activate it: Workspaces > Administration > Settings > Activate"


# ---------------------------------------------------------------- explain


def _explain(options: Namespace, loaded: LoadedSpec, org: Org) -> int:
    from provisioner.login import read as explaining
    from provisioner.login.checks import trace

    username = _username(options.user, loaded)
    facts = explaining.read(org, username, _target(options.portal, loaded), options.ip)
    if facts.portal is None and options.portal:
        known = ", ".join(f"`{name}`" for name in facts.portals) or "none"
        output.say(f"the org has no portal `{options.portal}`", f"portals there: {known}")
        return WRONG
    found = trace(facts, options.error)
    view = suggestions.view(views.explained(found, _places(found, loaded)))
    match options.format:
        case "json":
            text = json_text(view)
            output.write_document([text], "json")
        case "markdown":
            sys.stdout.write(views.explained_markdown(view))
        case _:
            write(views.explained_text(view), sys.stdout)
    return DONE if found.can_log_in else CHANGES


def _places(found: Trace, loaded: LoadedSpec) -> views.Places:
    specs = {s.address: s for s in loaded.specs}
    places = {f.cause: place(f.cause, found.facts, specs) for f in found.findings}
    return {cause: span for cause, span in places.items() if span}


# ---------------------------------------------------------------- verify


def _verify(options: Namespace, loaded: LoadedSpec, org: Org) -> int:
    if not is_rehearsal(loaded, org) and not options.real_org:
        output.say(
            f"`{org.instance_url}` is a real org, and nobody asked to log in to it",
            "add `--real-org`: each login is recorded there, and a wrong password counts",
        )
        return REFUSED
    if not options.users and not loaded.verify:
        output.say("the spec names no canaries", "name users, or declare canaries under `verify:`")
        return WRONG
    try:
        checks = (
            [_named(user, options, loaded) for user in options.users]
            if options.users
            else [(credentials(c, loaded), c) for c in loaded.verify]
        )
    except DiagnosticError as error:
        output.problems(error.diagnostics, loaded, sys.stderr)
        return NO_ORG
    except _NoPasswordError as error:
        output.say(str(error), "name it with `--password-env NAME` or `--password-file PATH`")
        return WRONG
    logins = [
        _login(who, _target(options.portal, loaded, canary), canary, loaded, org)
        for who, canary in checks
    ]
    return show_logins(logins, options.format)


def is_rehearsal(loaded: LoadedSpec, org: Org) -> bool:
    """Whether logging in there can disturb nobody: the local org, in process or on loopback."""
    from provisioner.model.hosts import is_loopback

    return isinstance(loaded.environment.login, Local) or is_loopback(org.instance_url)


def credentials(canary: VerifyEntry, loaded: LoadedSpec) -> Credentials:
    """What a canary logs in with. Raises DiagnosticError for a secret that cannot be had."""
    from provisioner.login.verify import Credentials

    user = next(s for s in loaded.specs if s.address == Address("user", canary.key))
    username = str(user.data["Username"]).strip().lower()
    if canary.password is not None:
        given = loader.secret(canary.password, canary.at("password"), loaded.folder)
    else:
        own = _own(user, loaded)
        assert own is not None, "`verify.check` asks for a password"
        given = own
    new = canary.new_password
    chosen = None if new is None else loader.secret(new, canary.at("new_password"), loaded.folder)
    return Credentials(username, given, chosen)


def verify_canary(
    canary: VerifyEntry, who: Credentials, loaded: LoadedSpec, org: Org
) -> dict[str, Any]:
    """Log a canary in; what came of it as plain data."""
    return _login(who, _target(None, loaded, canary), canary, loaded, org)


def show_logins(logins: Sequence[dict[str, Any]], format_: str) -> int:
    """Print what came of the logins; the status to exit with."""
    ok = all(login["ok"] for login in logins)
    if format_ == "json":
        view = {"report": "verify", "ok": ok, "logins": list(logins)}
        text = json_text(view)
        output.write_document([text], "json")
    else:
        write(views.verified_text(logins), sys.stdout)
    return DONE if ok else PARTLY


class _NoPasswordError(Exception):
    pass


def _named(
    name: str, options: Namespace, loaded: LoadedSpec
) -> tuple[Credentials, VerifyEntry | None]:
    """Somebody by key or username, with the password from wherever there is one."""
    from provisioner.login.verify import Credentials

    username = _username(name, loaded)
    user = user_called(name, loaded.specs)
    key = user.address.name if user else None
    canary = next((c for c in loaded.verify if c.key == key), None)
    if options.password_env or options.password_file:
        given = _option(options)
    elif canary is not None:
        return credentials(canary, loaded), canary
    else:
        given = _own(user, loaded) or _asked(username)
    return Credentials(username, given), canary


def _option(options: Namespace) -> Secret:
    if options.password_env:
        value = os.environ.get(options.password_env, "")
        if not value:
            raise _NoPasswordError(f"the environment variable `{options.password_env}` is not set")
        return Secret(value)
    try:
        return Secret(Path(options.password_file).read_text("utf-8").rstrip("\r\n"))
    except (OSError, UnicodeError):
        message = f"the file `{options.password_file}` cannot be read"
        raise _NoPasswordError(message) from None


def _own(user: Spec | None, loaded: LoadedSpec) -> Secret | None:
    """The password that the spec gives a user itself. Raises DiagnosticError."""
    given = (user.data.get("on_create") or {}).get("password") if user else None
    if user is not None and isinstance(given, Mapping):
        return loader.secret(given, user.at("on_create", "password"), loaded.folder)
    return given if isinstance(given, Secret) else None


def _asked(username: str) -> Secret:
    if not sys.stdin.isatty():
        raise _NoPasswordError(f"nothing says what `{username}` logs in with")
    return Secret(getpass.getpass(f"Password of {username}: ", stream=sys.stderr))


def _login(
    who: Credentials, target: Target, canary: VerifyEntry | None, loaded: LoadedSpec, org: Org
) -> dict[str, Any]:
    from provisioner.login import use_cases as customers
    from provisioner.login.verify import Stage

    specs = {s.address: s for s in loaded.specs}
    user = user_called(who.username, loaded.specs)
    asked = canary or (VerifyEntry(user.address.name, user.span, {}) if user else None)
    verified, found = customers.verify_login(
        org, who, target, objects_of(asked, specs) if asked else ()
    )
    view: dict[str, Any] = {
        "username": verified.username,
        "portal": verified.portal,
        "url": verified.url,
        "ok": verified.ok,
        "stages": [
            {
                "stage": s.stage.value,
                "ok": s.ok,
                "milliseconds": s.milliseconds,
                "said": s.said,
            }
            for s in verified.stages
        ],
    }
    if found is not None:
        places = _places(found, loaded)
        # Where nothing keeps the user out, the org's own record is the best that is known.
        refused = verified.failed is not None and verified.failed.stage is Stage.CREDENTIALS
        last = (f for f in found.findings if refused and f.cause is Cause.HISTORY)
        told = found.causes or tuple(last)
        view["explanation"] = [views.cause(f, places.get(f.cause), found) for f in told]
    completed: dict[str, Any] = suggestions.view(view)
    return completed


# ---------------------------------------------------------------- password reset


def _reset(options: Namespace, loaded: LoadedSpec, org: Org) -> int:
    from provisioner.login import use_cases as customers

    names = [_username(name, loaded) for name in options.users]
    people, unknown = customers.users_called(org, names)
    for name in unknown:
        output.say(f"there is no user `{name}`", "check the spelling; nothing was sent")
    inactive = [person.username for person in people if not person.active]
    for username in inactive:
        output.say(
            f"the user `{username}` is inactive, and gets no e-mail",
            "activate the user first; nothing was sent",
        )
    if unknown or inactive:
        return WRONG
    bound = loaded.environment.policy.max_emails
    if bound is not None and len(people) > bound:
        output.say(
            f"this would send {len(people)} e-mails, and the policy's `max_emails` is {bound}",
            f"raise it in environments/{loaded.environment.name}.yaml",
        )
        return REFUSED
    lines = [f"e-mail: a new password to {p.email} for {p.username}" for p in people]
    sys.stdout.writelines(f"{visible(line)}\n" for line in lines)
    if not options.auto_approve and (asked := _confirm(len(people))) is not None:
        return asked
    failed = 0
    for person, problem in customers.reset_passwords(org, people, unlock=options.unlock):
        if problem is None:
            write([Line("  ", ("ok  ", "green"), f"  {person.username}")], sys.stderr)
        else:
            failed += 1
            output.say(f"{person.username}: {problem}")
    sent = len(people) - failed
    sys.stdout.write(f"E-mails sent: {sent} of {len(people)}.\n")
    return PARTLY if failed else DONE


def _confirm(count: int) -> int | None:
    if not sys.stdin.isatty():
        output.say("there is no terminal to ask on", "add `--auto-approve`")
        return WRONG
    what = "this e-mail" if count == 1 else f"these {count} e-mails"
    sys.stderr.write(f"\nSend {what}? The passwords of now end. Only `yes` is a yes: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() == "yes":
        return None
    output.talk("nothing was sent")
    return REFUSED


# ---------------------------------------------------------------- all of them


def _username(name: str, loaded: LoadedSpec) -> str:
    """The username of a user that is named by its key in the spec, or by itself."""
    user = user_called(name, loaded.specs)
    return str(user.data.get("Username", name)).strip().lower() if user else name.strip()


def _target(portal: str | None, loaded: LoadedSpec, canary: VerifyEntry | None = None) -> Target:
    from provisioner.login.read import Target

    named = portal or (canary.portal if canary else None)
    declared = tuple(s.address.name for s in loaded.specs if s.address.kind == "portal")
    return Target(named, declared)
