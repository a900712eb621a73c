"""The options of `/emulator/options`: what only Salesforce support or a page of Setup can set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.oauth import app
from provisioner.emulator.partner import login
from provisioner.emulator.rules import person_accounts, portal_roles, usernames
from provisioner.emulator.settings import deliverability, editions, security

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.emulator.store.org import Org


@dataclass(frozen=True, slots=True)
class _Option:
    """One option: in words what it takes, and whether it takes a value; how it is read and set."""

    wanted: str
    takes: Callable[[Any], bool]
    read: Callable[[Org], Any]
    write: Callable[[Org, Any], None]


def read(org: Org) -> dict[str, Any]:
    """What the org is set to; `endpoint` says what each one means."""
    return {name: option.read(org) for name, option in _OPTIONS.items()}


def change(org: Org, given: object) -> str | None:
    """Changes what is given, or nothing; returns what is wrong with it.

    Person accounts are never off again (KB 000171021 [Q]).
    """
    wanted = given if isinstance(given, dict) and given else {"": None}
    for name, value in wanted.items():
        if name not in _OPTIONS or not _OPTIONS[name].takes(value):
            known = ", or ".join(f"`{one}`, {option.wanted}" for one, option in _OPTIONS.items())
            return f"give {known}"
    if wanted.get("PersonAccounts") is False and org.feature(person_accounts.FEATURE):
        return "person accounts cannot be turned off again"
    with org.transaction():
        for name, value in wanted.items():
            _OPTIONS[name].write(org, value)
    return None


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and value is not True and value in portal_roles.NUMBERS


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _person_accounts(org: Org, value: Any) -> None:
    if value:
        first_day.enable_person_accounts(org)


def _elsewhere(org: Org, value: Any) -> None:
    org.put_setting(usernames.ELSEWHERE, json.dumps([one.lower() for one in value]))


def _switch(setting: str) -> _Option:
    """An option that is on until it is switched off."""
    return _Option(
        "true or false",
        _is_bool,
        lambda org: org.setting(setting) != "off",
        lambda org, value: org.put_setting(setting, "on" if value else "off"),
    )


_OPTIONS: Final = {
    "PersonAccounts": _Option(
        "true", _is_bool, lambda org: org.feature(person_accounts.FEATURE), _person_accounts
    ),
    "CustomerRoles": _Option(
        "1 to 3",
        _is_number,
        portal_roles.number,
        lambda org, value: org.put_setting(portal_roles.NUMBER, str(value)),
    ),
    "UsernamesElsewhere": _Option("a list", _is_list, usernames.elsewhere, _elsewhere),
    "CallbackUrls": _Option(
        "a list",
        _is_list,
        app.callbacks,
        lambda org, value: org.put_setting(app.CALLBACKS, json.dumps(value)),
    ),
    "SoapLogin": _switch(login.SWITCH),
    "LoopbackTrusted": _switch(security.LOOPBACK),
    "Edition": _Option(
        f"one of {', '.join(editions.NAMES)}",
        lambda value: value in editions.NAMES,
        editions.edition,
        lambda org, value: editions.change(org, value, first_day.admin_id(org)),
    ),
    "Deliverability": _Option(
        f"one of {', '.join(deliverability.LEVELS)}",
        lambda value: value in deliverability.LEVELS,
        deliverability.level,
        lambda org, value: deliverability.set_level(org, value, first_day.admin_id(org)),
    ),
}
