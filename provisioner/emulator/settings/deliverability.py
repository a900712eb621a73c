"""Which of its e-mails the org sends: the access level of the page Deliverability.

The levels, and what each lets out: Salesforce help, "Email Deliverability" [V]. No API knows the
level: people set it in Setup, tests by the option `Deliverability`. What a level holds back is not
sent later (guess).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

# from the least to the most, as the page numbers them (browserforce, `email-deliverability` [V])
LEVELS: Final = ("No access", "System email only", "All email")
_SETTING: Final = "access to send email"


class Mail(Enum):
    """A kind of e-mail; the value is the lowest level that lets it out, by its place in LEVELS.

    Whoever resets a password always gets the mail [V]; what comes with a login, as its codes and
    tokens, is taken to be the same (guess). New users' mails are the system's [V], as is what the
    org tells its own people (guess). Welcomes to sites need the last level (fact 227).
    """

    LOGIN = 0
    SYSTEM = 1
    OTHER = 2


def level(org: Org) -> str:
    """The org's level; of an org that is no sandbox, all e-mail goes out at first [V]."""
    return org.setting(_SETTING) or LEVELS[-1]


def set_level(org: Org, wanted: str, by: str) -> None:
    """Changes the level; its line in the audit trail: guess."""
    before = level(org)
    if wanted == before:
        return
    org.put_setting(_SETTING, wanted)
    org.audit(
        by,
        "sendEmailAccessControl",
        "Email Administration",
        f"Access to Send Email level changed from {before} to {wanted}",
    )


def allows(org: Org, kind: Mail) -> bool:
    """Whether the org's level lets such a mail out."""
    return LEVELS.index(level(org)) >= kind.value


def send(org: Org, kind: Mail, recipient: str, subject: str, body: str) -> None:
    """Sends the mail, where the org's level lets it out."""
    if allows(org, kind):
        org.mail(recipient, subject, body)
