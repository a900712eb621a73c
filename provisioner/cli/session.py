"""Load a spec and log in to its org: the start of every command that uses an org."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import event_sinks, output, suggested_commands
from provisioner.cli.exit_status import NO_ORG, WRONG
from provisioner.cli.options import PlanningOptions, SpecOptions
from provisioner.cli.stop import Stop, problem
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.events import OrgOpened
from provisioner.model.masking import is_masked
from provisioner.spec.load import LoadedSpec, find, load
from provisioner.spec.policy import RuleError, with_rules
from provisioner.spec.selection import Selection

if TYPE_CHECKING:
    from provisioner.org.client import Org
    from provisioner.org.errors import AuthenticationFailed, Unreachable
    from provisioner.plan.run_options import RunOptions

HOME = "PROVISIONER_HOME"
_DEFAULT_HOME = ".provisioner"


def home() -> Path:
    """The folder of the local org, the journals and the reports. Git ignores it."""
    return Path(os.environ.get(HOME) or _DEFAULT_HOME)


def journals() -> Path:
    """The folder of the journals."""
    return home() / "journal"


@contextmanager
def session(options: SpecOptions, *, passwords: bool = True) -> Iterator[tuple[LoadedSpec, Org]]:
    """The spec and its org, logged in, after the warnings of the spec are reported.

    Without `passwords`, those that the spec gives to users are not read. Raises Stop, also for an
    OrgError inside the `with` block.
    """
    spec = _load(options, passwords=passwords)
    output.problems(spec.problems, spec.texts)
    with _org_of(spec) as org:
        yield spec, org


@contextmanager
def planning_session(options: PlanningOptions) -> Iterator[tuple[LoadedSpec, RunOptions, Org]]:
    """As `session`, with the options of the run. The plan contains the warnings of the spec."""
    spec = _load(options)
    run = _run_options(options, spec)
    with _org_of(spec) as org:
        yield spec, run, org


def _load(options: SpecOptions, *, passwords: bool = True) -> LoadedSpec:
    suggested_commands.about(options.spec, options.env)
    spec = load(find(options.spec), options.env, secrets=True, passwords=passwords)
    if output.has_errors(spec.problems):
        # A login that cannot be tried is reported like an org that cannot be reached.
        codes = {problem.code for problem in spec.problems}
        status = NO_ORG if codes == {"missing-secret"} else WRONG
        raise Stop(status, *spec.problems, texts=spec.texts)
    return spec


def _run_options(options: PlanningOptions, spec: LoadedSpec) -> RunOptions:
    from provisioner.plan.run_options import RunOptions

    try:
        policy = with_rules(spec.environment.policy, options.policy)
    except RuleError as error:
        help_ = "write it as `--policy max_changes=20`"
        raise Stop(WRONG, problem(f"`--policy`: {error}", help_)) from error
    selection = Selection(options.target, options.exclude)
    unknown = selection.unknown(s.address for s in spec.specs) if selection else ()
    if unknown:
        raise Stop(WRONG, *(problem(f"the spec has no `{name}`", help_) for name, help_ in unknown))
    return RunOptions(selection, policy, options.no_email)


@contextmanager
def _org_of(spec: LoadedSpec) -> Iterator[Org]:
    from provisioner.org.connect import open_org
    from provisioner.org.errors import AuthenticationFailed, OrgError, Unreachable

    try:
        with open_org(spec.environment.login, home()) as org:
            org.observe(event_sinks.emit)
            if is_masked(org.instance_url):
                help_ = "list its variable as plain: the address is shown in outputs"
                raise Stop(WRONG, problem("the address of the org contains a masked value", help_))
            event_sinks.emit(OrgOpened(str(spec.folder), spec.environment.name, org.instance_url))
            yield org
    except (AuthenticationFailed, Unreachable) as error:
        raise Stop(NO_ORG, _login_problem(error, spec), texts=spec.texts) from error
    except OrgError as error:
        raise Stop(NO_ORG, problem(str(error), error.remedy)) from error


def _login_problem(error: AuthenticationFailed | Unreachable, spec: LoadedSpec) -> Diagnostic:
    """What is wrong with the login, at the setting of the environment that it is about."""
    from provisioner.org.errors import Unreachable

    spans = spec.environment.spans
    settings: tuple[str, ...] = _ADDRESSES
    if isinstance(error, Unreachable):
        code, help_ = "unreachable", "check the address, and that this machine can reach it"
    else:
        code, help_ = "login-failed", "check the setting, and that the org accepts this login"
        settings = (error.setting,) if error.setting else _blamed(error)
    span = next((spans[name] for name in settings if name in spans), spans.get("login"))
    return Diagnostic(code, str(error), span, help=error.remedy or help_)


# The settings under `org:` that can be the cause; the most likely first.
_ADDRESSES = ("instance_url", "login_url")
_SECRETS = ("token", "password", "private_key", "consumer_secret", "target_org")
# What Salesforce says in the error or its description. The first that matches counts.
_BLAMED = (
    ("audience", ("audience", "login_url")),
    ("client_id", ("consumer_key",)),
    ("invalid_client", ("consumer_secret", "consumer_key")),
    ("client credentials user", ("consumer_key",)),
    ("inactive_user", ("username", "target_org")),
    ("user is locked", ("username", "target_org")),
    ("approved this consumer", ("username", "target_org")),
    ("invalid assertion", ("private_key",)),
)


def _blamed(error: AuthenticationFailed) -> tuple[str, ...]:
    """The settings that a rejected login may be about, by Salesforce's code and message."""
    text = f"{error.code} {error}".casefold()
    return next((names for sign, names in _BLAMED if sign in text), _SECRETS)
