"""From a spec's name to its org: what every command that asks an org does first."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import event_sinks as observing
from provisioner.cli import output, suggestions
from provisioner.cli.exit_status import NO_ORG, WRONG
from provisioner.model.diagnostics import Diagnostic
from provisioner.model.events import OrgOpened
from provisioner.model.masking import is_masked
from provisioner.spec.load import LoadedSpec, find, load
from provisioner.spec.policy import RuleError, with_rules
from provisioner.spec.selection import Selection

if TYPE_CHECKING:
    from provisioner.org.client import Org
    from provisioner.org.errors import AuthenticationFailed, Unreachable

# Where the local org is kept: a folder that git is told to ignore.
HOME = "PROVISIONER_HOME"
_DEFAULT_HOME = ".provisioner"


def home() -> Path:
    """The folder of the local org."""
    return Path(os.environ.get(HOME) or _DEFAULT_HOME)


def online(
    spec: str | None,
    environment: str | None,
    use: Callable[[LoadedSpec, Org], int],
    selection: Selection | None = None,
    rules: Iterable[str] = (),
    *,
    passwords: bool = True,
    plans: bool = False,
) -> int:
    """Load the spec, log in to its org, and use both; the status of whatever went wrong.

    `rules` are those of `--policy`, which go before the environment's. Without `passwords`
    those that the spec gives to users are not looked for. With `plans`, `use` makes a plan, which
    has the warnings of the spec among its problems; otherwise they are shown here.
    """
    suggestions.about(spec, environment)
    loaded = load(find(spec), environment, secrets=True, passwords=passwords)
    wrong = output.errors(loaded.problems)
    if wrong or not plans:
        output.problems(loaded.problems, loaded, sys.stderr)
    if wrong:
        # A login that can not even be tried is an org that can not be reached.
        codes = {d.code for d in loaded.problems}
        return NO_ORG if codes == {"missing-secret"} else WRONG
    try:
        policy = with_rules(loaded.environment.policy, rules)
    except RuleError as error:
        output.say(f"`--policy`: {error}", "write it as `--policy max_changes=20`")
        return WRONG
    loaded = replace(loaded, environment=replace(loaded.environment, policy=policy))
    if selection:
        loaded = replace(loaded, selection=selection)
        if unknown := selection.unknown(s.address for s in loaded.specs):
            for pattern, remedy in unknown:
                output.say(f"the spec has no `{pattern}`", remedy)
            return WRONG

    from provisioner.cli.connect import open_org
    from provisioner.org.errors import AuthenticationFailed, OrgError, Unreachable

    try:
        with open_org(loaded.environment, home()) as org:
            org.observe(observing.emit)
            if is_masked(org.instance_url):
                remedy = "list its variable as plain: the address is shown in outputs"
                output.say("the address of the org contains a masked value", remedy)
                return WRONG
            opened = OrgOpened(str(loaded.folder), loaded.environment.name, org.instance_url)
            observing.emit(opened)
            return use(loaded, org)
    except (AuthenticationFailed, Unreachable) as error:
        output.problems([_at_fault(error, loaded)], loaded, sys.stderr)
        return NO_ORG
    except OrgError as error:
        output.say_org(error)
        return NO_ORG


def _at_fault(error: AuthenticationFailed | Unreachable, loaded: LoadedSpec) -> Diagnostic:
    """What went wrong with the login, at the setting of the environment that it is about."""
    from provisioner.org.errors import Unreachable

    spans = loaded.environment.spans
    settings: tuple[str, ...] = _ADDRESSES
    if isinstance(error, Unreachable):
        code, help_ = "unreachable", "check the address, and that this machine can reach it"
    else:
        code, help_ = "login-failed", "check the setting, and that the org accepts this login"
        settings = _blamed(error)
    span = next((spans[name] for name in settings if name in spans), spans.get("login"))
    return Diagnostic(code, str(error), span, help=error.remedy or help_)


# Of the settings under `org:`, those that an environment has; the most likely first.
_ADDRESSES = ("instance_url", "login_url")
_SECRETS = ("token", "password", "private_key", "consumer_secret", "target_org")
_BLAMED = (
    ("audience", ("audience", "login_url")),
    ("client_id", ("consumer_key",)),
    ("invalid_client", ("consumer_secret", "consumer_key")),
    ("client credentials user", ("consumer_key",)),
    ("does not take client credentials", ("login_url",)),
    ("inactive_user", ("username", "target_org")),
    ("user is locked", ("username", "target_org")),
    ("approved this consumer", ("username", "target_org")),
    ("invalid assertion", ("private_key",)),
    ("web address", _ADDRESSES),
)


def _blamed(error: AuthenticationFailed) -> tuple[str, ...]:
    """The settings that a refused login may be about, by what the org says of it."""
    said = f"{error.code} {error}".casefold()
    return next((names for sign, names in _BLAMED if sign in said), _SECRETS)
