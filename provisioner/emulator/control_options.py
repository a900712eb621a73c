"""`/emulator/options`: what no API of Salesforce sets, but its support or a page of Setup does."""

from __future__ import annotations

import json
from typing import Any, Final

from flask import request

from provisioner.emulator import context, oauth_app, seed
from provisioner.emulator.control import blueprint
from provisioner.emulator.rules import person_accounts, portal_roles, usernames

_WANTED: Final = (
    "give `PersonAccounts`, true, or `CustomerRoles`, 1 to 3, or `UsernamesElsewhere`, a list, or"
    " `CallbackUrls`, a list"
)


@blueprint.get("/options")
def options() -> dict[str, Any]:
    """Person accounts, on or not; roles of customers; usernames elsewhere; the app's callbacks."""
    org = context.org()
    return {
        "PersonAccounts": org.feature(person_accounts.FEATURE),
        "CustomerRoles": portal_roles.number(org),
        "UsernamesElsewhere": usernames.elsewhere(org),
        "CallbackUrls": oauth_app.callbacks(org),
    }


@blueprint.patch("/options")
def set_options() -> tuple[dict[str, Any], int]:
    """Changes what is given; person accounts are never off again (KB 000171021 [Q])."""
    org = context.org()
    given = request.get_json(silent=True)
    wanted = given if isinstance(given, dict) and given else {"": None}
    for name, value in wanted.items():
        match name, value:
            case "PersonAccounts", bool():
                if not value and org.feature(person_accounts.FEATURE):
                    return {"error": "person accounts can not be turned off again"}, 400
            case "CustomerRoles", int() if value in portal_roles.NUMBERS and value is not True:
                pass
            case (("UsernamesElsewhere" | "CallbackUrls"), list()) if all(
                isinstance(one, str) for one in value
            ):
                pass
            case _:
                return {"error": _WANTED}, 400
    with org.transaction():
        if wanted.get("PersonAccounts"):
            seed.enable_person_accounts(org)
        if "CustomerRoles" in wanted:
            org.put_setting(portal_roles.NUMBER, str(wanted["CustomerRoles"]))
        if "UsernamesElsewhere" in wanted:
            names = [str(one).lower() for one in wanted["UsernamesElsewhere"] or ()]
            org.put_setting(usernames.ELSEWHERE, json.dumps(names))
        if "CallbackUrls" in wanted:
            org.put_setting(oauth_app.CALLBACKS, json.dumps(wanted["CallbackUrls"]))
    return options(), 200
