"""`url`, `explain login` and `password reset`: where customers log in, and what prevents it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from provisioner.cli import output, suggested_commands
from provisioner.cli.confirm import confirm
from provisioner.cli.exit_status import CHANGES, DONE, PARTLY, REFUSED, WRONG
from provisioner.cli.options import SpecOptions
from provisioner.cli.session import session
from provisioner.cli.stop import Stop, problem
from provisioner.cli.users import cause_spans, target, username_of
from provisioner.kinds.portal.kind import PortalKind
from provisioner.render.format import json_text, visible
from provisioner.render.logins import explained, explained_markdown, explained_text
from provisioner.render.terminal import Line, write


@dataclass(frozen=True, kw_only=True)
class UrlOptions(SpecOptions):
    """The options of `url`."""

    format: str = "text"


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(SpecOptions):
    """The options of `explain login`."""

    user: str
    portal: str | None = None
    error: str | None = None
    ip: str | None = None
    format: str = "text"


@dataclass(frozen=True, kw_only=True)
class ResetOptions(SpecOptions):
    """The options of `password reset`."""

    users: tuple[str, ...]
    unlock: bool = False
    auto_approve: bool = False


# No user is created by these commands, so users' first passwords are not needed.


# ---------------------------------------------------------------- url


class _Page(TypedDict):
    """A login page as `url` prints it; `url` is `None` if nobody can log in there."""

    kind: str
    name: str
    url: str | None
    active: bool


def url(options: UrlOptions) -> int:
    """Print the address of every active portal and site."""
    with session(options, passwords=False) as (spec, org):
        from provisioner.login.read import portals
        from provisioner.model.operations import ReadSites

        declared = {
            s.address.name.casefold(): s.address.name
            for s in spec.specs
            if PortalKind.owns(s.address)
        }
        own = [p for p in portals(org) if not declared or p.name.casefold() in declared]
        sites = org.read(ReadSites())
        pages = [(PortalKind.name, p.name, p.url, p.active) for p in own]
        pages += [("site", s.name, s.login_url, s.status == "Live") for s in sites]
        # Nobody can log in to an inactive one, so its address is useless.
        rows: list[_Page] = [
            {"kind": kind, "name": name, "url": url if active else None, "active": active}
            for kind, name, url, active in pages
        ]
        for name in sorted(declared.keys() - {p.name.casefold() for p in own}):
            output.error(f"the org has no portal `{declared[name]}` yet", "apply the spec first")
        if options.format == "json":
            output.write_document([json_text(rows)], "json")
        else:
            _print_urls(rows)
        if not rows and not declared:
            help_ = "declare one under `portals:` and apply"
            output.error("the org has no portal and no site", help_)
        return DONE if any(row["active"] for row in rows) else WRONG


def _print_urls(rows: Sequence[_Page]) -> None:
    alone = sum(row["active"] for row in rows) == 1
    for row in rows:
        if row["active"]:
            # A single address is printed without its name, for scripts.
            name = "" if alone else f"{row['name']}: "
            sys.stdout.write(visible(f"{name}{row['url']}") + "\n")
        else:
            what = f"`{row['name']}` is not active, so nobody can log in there"
            output.error(what, _how_to_activate(row))


def _how_to_activate(row: _Page) -> str:
    if row["kind"] == PortalKind.name:
        return f"set `active: true` in `portals.{row['name']}`, and apply"
    return "activate it: Workspaces > Administration > Settings > Activate"


# ---------------------------------------------------------------- explain login


def explain(options: ExplainOptions) -> int:
    """Print every check of a user's login, and what fails."""
    with session(options, passwords=False) as (spec, org):
        from provisioner.login.checks import run_checks
        from provisioner.login.read import read

        username = username_of(options.user, spec)
        facts = read(org, username, target(options.portal, spec), options.ip)
        if facts.portal is None and options.portal:
            names = ", ".join(f"`{name}`" for name in facts.portals) or "none"
            what = f"the org has no portal `{options.portal}`"
            raise Stop(WRONG, problem(what, f"portals there: {names}"))
        checks = run_checks(facts, options.error)
        view = suggested_commands.view(explained(checks, cause_spans(checks, spec)))
        match options.format:
            case "json":
                output.write_document([json_text(view)], "json")
            case "markdown":
                sys.stdout.write(explained_markdown(view))
            case _:
                write(explained_text(view), sys.stdout)
        return DONE if checks.can_log_in else CHANGES


# ---------------------------------------------------------------- password reset


def reset_passwords(options: ResetOptions) -> int:
    """Have Salesforce email new passwords, after a confirmation."""
    with session(options, passwords=False) as (spec, org):
        from provisioner.login import use_cases

        names = [username_of(name, spec) for name in options.users]
        users, unknown = use_cases.find_users(org, names)
        help_ = "check the spelling; nothing was sent"
        problems = [problem(f"there is no user `{name}`", help_) for name in unknown]
        help_ = "activate the user first; nothing was sent"
        problems += [
            problem(f"the user `{user.username}` is inactive, and gets no email", help_)
            for user in users
            if not user.active
        ]
        if problems:
            raise Stop(WRONG, *problems)
        environment = spec.environment
        limit = environment.policy.max_emails
        if limit is not None and len(users) > limit:
            what = f"this would send {len(users)} emails, and the policy's `max_emails` is {limit}"
            file = f"environments/{environment.name}.yaml"
            raise Stop(REFUSED, problem(what, f"increase it in {file}"))
        lines = [f"email: a new password to {user.email} for {user.username}" for user in users]
        sys.stdout.writelines(f"{visible(line)}\n" for line in lines)
        if not options.auto_approve:
            emails = "this email" if len(users) == 1 else f"these {len(users)} emails"
            confirm(
                f"Send {emails}? The current passwords stop working.",
                without_terminal="add `--auto-approve`",
                declined="nothing was sent",
            )
        failed = 0
        for user, error in use_cases.reset_passwords(org, users, unlock=options.unlock):
            if error is None:
                write([Line("  ", ("ok  ", "green"), f"  {user.username}")], sys.stderr)
            else:
                failed += 1
                output.error(f"{user.username}: {error}")
        sys.stdout.write(f"Emails sent: {len(users) - failed} of {len(users)}.\n")
        return PARTLY if failed else DONE
