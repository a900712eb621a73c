"""The org's security settings: the password policy, and the ranges of trusted addresses.

They are the block `SecuritySettings` of the Metadata API. Trusted ranges keep nobody out: from
elsewhere, people of the company add their security token to the password they give an API, and
prove with a code that a new browser is theirs.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.settings import profile_login_limits
from provisioner.emulator.store import components

if TYPE_CHECKING:
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.org import Org

LOOPBACK: Final = "loopback is trusted"  # the org's setting that may be "off"
NAME: Final = "SecuritySettings"
FULL_NAME: Final = "Security"

# What a new org has: fact 629; the names of the values: WSDL [V]
DEFAULTS: Final[dict[str, Any]] = {
    "networkAccess": {},
    "passwordPolicies": {
        "complexity": "AlphaNumeric",
        "expiration": "NinetyDays",
        "historyRestriction": "3",
        "lockoutInterval": "FifteenMinutes",
        "maxLoginAttempts": "TenAttempts",
        "minimumPasswordLength": "8",
        "minimumPasswordLifetime": False,
        "obscureSecretAnswer": False,
        "questionRestriction": "DoesNotContainPassword",
    },
}
_EXPIRATION: Final = {
    "ThirtyDays": 30, "SixtyDays": 60, "NinetyDays": 90, "SixMonths": 180, "OneYear": 365,
}  # fmt: skip
_LOCKOUT: Final = {"FifteenMinutes": 15, "ThirtyMinutes": 30, "SixtyMinutes": 60}
_ATTEMPTS: Final = {"ThreeAttempts": 3, "FiveAttempts": 5, "TenAttempts": 10}
_SPECIAL: Final = frozenset("!#$%-_=+<>")  # META ProfilePasswordPolicy, `passwordComplexity` [V]


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """The policy in numbers; None is for ever, or without end."""

    complexity: str
    expires: timedelta | None
    history: int
    lockout: timedelta | None
    attempts: int | None
    shortest: int
    once_a_day: bool


def policy(org: Org) -> PasswordPolicy:
    """The password policy of the org."""
    held = _held(org)
    values = DEFAULTS["passwordPolicies"] | held.get("passwordPolicies", {})
    days, minutes = _EXPIRATION.get(values["expiration"]), _LOCKOUT.get(values["lockoutInterval"])
    return PasswordPolicy(
        complexity=values["complexity"],
        expires=None if days is None else timedelta(days=days),
        history=int(values["historyRestriction"]),
        lockout=None if minutes is None else timedelta(minutes=minutes),
        attempts=_ATTEMPTS.get(values["maxLoginAttempts"]),
        shortest=int(values["minimumPasswordLength"]),
        once_a_day=values["minimumPasswordLifetime"],
    )


def trusts(org: Org, address: str) -> bool:
    """Whether the address is in one of the org's trusted ranges.

    An org trusts nobody until it names ranges (general knowledge [U]). A local org is only ever
    reached from this machine, and trusts that until it names ranges, or its option
    `LoopbackTrusted` says otherwise (guess).
    """
    given = ipaddress.ip_address(address)
    given = getattr(given, "ipv4_mapped", None) or given
    ranges = _held(org).get("networkAccess", {}).get("ipRanges", [])
    if not ranges:
        return given.is_loopback and org.setting(LOOPBACK) != "off"
    return any(
        start.version == given.version and start <= given <= end
        for start, end in (profile_login_limits.check_range(r["start"], r["end"]) for r in ranges)
    )


def check(values: Value) -> None:
    """Refuses a policy out of bounds and a range that is none.

    The bounds are those of ProfilePasswordPolicy (META [V]); code and wording: guess.
    """
    policies = values.get("passwordPolicies", {})
    for name, (least, most) in {
        "minimumPasswordLength": (5, 50), "historyRestriction": (0, 24),
    }.items():  # fmt: skip
        given = policies.get(name, str(least))
        if not given.isdecimal() or not least <= int(given) <= most:
            raise SalesforceError(
                "FIELD_INTEGRITY_EXCEPTION",
                f"{name}: {given} is not from {least} to {most}",
                (name,),
            )
    for entry in values.get("networkAccess", {}).get("ipRanges", []):
        profile_login_limits.check_range(entry.get("start", ""), entry.get("end", ""))


def complaint(rule: str, password: str) -> str | None:
    """What a password lacks to be as complex as the policy wants, as the page says it.

    The mix of letters and numbers is as documented (fact 603); the other
    wordings: guess.
    """
    lower, upper = any(c.islower() for c in password), any(c.isupper() for c in password)
    digit, special = any(c.isdigit() for c in password), bool(_SPECIAL & set(password))
    letter, both = lower or upper, lower and upper
    match rule:
        case "AlphaNumeric" if not (digit and letter):
            return "Your password must have a mix of letters and numbers."
        case "SpecialCharacters" if not (digit and special and letter):
            return "Your password must have a mix of letters, numbers, and special characters."
        case "UpperLowerCaseNumeric" if not (digit and both):
            return "Your password must have a mix of numbers and uppercase and lowercase letters."
        case "UpperLowerCaseNumericSpecialCharacters" if not (
            digit and lower and upper and special
        ):
            return (
                "Your password must have a mix of numbers, uppercase and lowercase letters, and"
                " special characters."
            )
        case "Any3UpperLowerCaseNumericSpecialCharacters" if digit + lower + upper + special < 3:
            return (
                "Your password must have three of: numbers, uppercase letters, lowercase letters,"
                " and special characters."
            )
        case _:
            return None


def _held(org: Org) -> Value:
    row = components.by_name(org, NAME, FULL_NAME)
    found: Value = {} if row is None else json.loads(row.body)
    return found
