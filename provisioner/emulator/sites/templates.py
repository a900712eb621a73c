"""What sites are made from: the templates of pages, and those of e-mails."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.store.org import Org

PUBLIC: Final = "unfiled$public"  # the folder in the full names of public retrievals [V]


@dataclass(frozen=True, slots=True)
class SiteTemplate:
    """One template of Connect; `framework` is `Aura`, `LWR` or `Visualforce`.

    `developer_name` is what its main page says it was made from, `theme` that of its theme.
    """

    name: str
    framework: str = "Aura"
    developer_name: str = ""
    theme: str = ""


# The names are those seen in the command line's and CumulusCI's tests (fact 216);
# which framework each has, as Salesforce's own guide of templates tells it [Q]. Developer names and
# themes: Metadata guide, ExperienceBundle [V]; those of Aloha, Koa, Kokua and Login: guess.
SITE_TEMPLATES: Final = (
    SiteTemplate("Aloha", "Aura", "Aloha Template", "aloha"),
    SiteTemplate("Build Your Own", "Aura", "Starter Template", "starter"),
    SiteTemplate("Build Your Own (LWR)", "LWR", "talon-template-byo", "talon"),
    SiteTemplate("Customer Account Portal", "Aura", "CPT Community Template", "cpt"),
    SiteTemplate("Customer Service", "Aura", "Service Community Template", "service"),
    SiteTemplate("Help Center", "Aura", "Help Center Template", "helpCenter"),
    SiteTemplate("Koa", "Aura", "Koa Template", "koa"),
    SiteTemplate("Kokua", "Aura", "Kokua Template", "kokua"),
    SiteTemplate("Login Template", "Aura", "Login Template", "login"),
    SiteTemplate("Partner Central", "Aura", "PRM Community Template", "prm"),
    SiteTemplate("Salesforce Tabs + Visualforce", "Visualforce"),
)
_FORMER: Final = {"VF Template": "Salesforce Tabs + Visualforce"}  # fact 217


def site_template(name: str) -> SiteTemplate | None:
    """The template of that name, or of that former name; names are told by case [Q]."""
    wanted = _FORMER.get(name, name)
    return next((one for one in SITE_TEMPLATES if one.name == wanted), None)


def made_from(developer_name: str | None) -> SiteTemplate | None:
    """The template whose developer name pages have."""
    return next(
        (one for one in SITE_TEMPLATES if one.developer_name == developer_name and developer_name),
        None,
    )


@dataclass(frozen=True, slots=True)
class _Mail:
    """One e-mail template that comes with Digital Experiences."""

    developer_name: str
    name: str
    subject: str
    body: str


# The developer names as in public retrievals and lists [V]; name and subject of the first are those
# of the Metadata guide's example; names and subjects of the others, and every text: guess.
_MAILS: Final = (
    _Mail(
        "CommunityWelcomeEmailTemplate",
        "Communities: New Member Welcome Email",
        "Welcome to {!Community_Name}",
        "Hi {!Receiving_User.FirstName},\n\nWelcome to {!Community_Name}! To get started, go to"
        " {!Community_Url}\n\nUsername: {!Receiving_User.Username}\n\nThanks,\n"
        "{!Organization.Name}\n",
    ),
    _Mail(
        "CommunityForgotPasswordEmailTemplate",
        "Communities: Forgot Password Email",
        "Your new {!Community_Name} password",
        "Hi {!Receiving_User.FirstName},\n\nTo reset your password, go to {!Community_Url}\n",
    ),
    _Mail(
        "CommunityChangePasswordEmailTemplate",
        "Communities: Changed Password Email",
        "Your {!Community_Name} password was changed",
        "Hi {!Receiving_User.FirstName},\n\nYour password for {!Community_Name} was changed.\n",
    ),
    _Mail(
        "CommunityLockoutEmailTemplate",
        "Communities: User Lockout Email",
        "You are locked out of {!Community_Name}",
        "Hi {!Receiving_User.FirstName},\n\nYou tried to log in too many times.\n",
    ),
    _Mail(
        "CommunityVerificationEmailTemplate",
        "Communities: One-Time Password Email",
        "Verify your identity in {!Community_Name}",
        "Hi {!Receiving_User.FirstName},\n\nVerify your identity at {!Community_Url}\n",
    ),
    _Mail(
        "CommunityChgEmailVerOldTemplate",
        "Communities: Email Change Verification Old Address",
        "Your {!Community_Name} e-mail address is about to change",
        "Hi {!Receiving_User.FirstName},\n\nSomebody asked to change your e-mail address.\n",
    ),
    _Mail(
        "CommunityChgEmailVerNewTemplate",
        "Communities: Email Change Verification New Address",
        "Verify your {!Community_Name} e-mail address",
        "Hi {!Receiving_User.FirstName},\n\nVerify your e-mail address at {!Community_Url}\n",
    ),
    _Mail(
        "CommunityDeviceActEmailTemplate",
        "Communities: Device Activation Email",
        "Verify your device in {!Community_Name}",
        "Hi {!Receiving_User.FirstName},\n\nVerify your device at {!Community_Url}\n",
    ),
    _Mail(
        "CommunityHeadlessForgotPasswordTemplate",
        "Communities: Headless Forgot Password Email",
        "Your new {!Community_Name} password",
        "Hi {!Receiving_User.FirstName},\n\nYour code for {!Community_Name} is on its way.\n",
    ),
    _Mail(
        "CommunityHeadlessRegistrationTemplate",
        "Communities: Headless Registration Email",
        "Verify your {!Community_Name} registration",
        "Hi {!Receiving_User.FirstName},\n\nVerify your registration in {!Community_Name}.\n",
    ),
)
_MERGE_FIELD: Final = re.compile(r"\{!([\w.]+)\}")


def fill(org: Org, by: str) -> None:
    """Makes the e-mail templates of sites that are not there (fact 203)."""
    (organization,) = org.select("Organization")
    for mail in _MAILS:
        if org.find("EmailTemplate", DeveloperName=mail.developer_name):
            continue
        values = {
            "DeveloperName": mail.developer_name,
            "Name": mail.name,
            "Subject": mail.subject,
            "Body": mail.body,
            # public templates without a folder are in that of the organization [U]
            "FolderId": organization["Id"],
            "FolderName": "Unfiled Public Email Templates",
            "TemplateStyle": "none",
            "TemplateType": "custom",
            "Encoding": "UTF-8",
            "IsActive": True,
            "UiType": "Aloha",
        }
        org.insert("EmailTemplate", values, by=by)


def mail_template(org: Org, full_name: str) -> str | None:
    """The id of the e-mail template of that full name, `unfiled$public/<name>`."""
    folder, _, name = full_name.rpartition("/")
    found = org.find("EmailTemplate", DeveloperName=name) if folder == PUBLIC else []
    return found[0] if found else None


def full_name(org: Org, template_id: str | None) -> str | None:
    """What `mail_template` finds an e-mail template by."""
    row = org.get("EmailTemplate", template_id) if template_id else None
    return None if row is None else f"{PUBLIC}/{row['DeveloperName']}"


def merged(text: str | None, fields: Mapping[str, Any]) -> str:
    """A template's text with its merge fields replaced; one that is not known becomes nothing."""
    return _MERGE_FIELD.sub(lambda found: str(fields.get(found[1]) or ""), text or "")
