"""Which element of the metadata type `Network` shows which field of the object, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.component_refusals import no_such
from provisioner.emulator.sites import templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.org import Org

# Element -> option; both sides as their references have them, put together by meaning [I].
OPTIONS: Final = {
    "allowInternalUserLogin": "AllowInternalUserLogin",
    "allowMembersToFlag": "AllowMembersToFlag",
    "disableReputationRecordConversations": "ReputationRecordConversationsDisabled",
    "embeddedLoginEnabled": "EmbeddedLoginEnabled",
    "enableApexCDNCaching": "ApexCDNCachingEnabled",
    "enableDirectMessages": "DirectMessagesEnabled",
    "enableExpFriendlyUrlsAsDefault": "ExpFriendlyUrlsAsDefault",
    "enableExperienceBundleBasedSnaOverrideEnabled": "ExperienceBundleBasedSnaOverrideEnabled",
    "enableGuestChatter": "GuestChatterEnabled",
    "enableGuestFileAccess": "GuestFileAccessEnabled",
    "enableGuestMemberVisibility": "GuestMemberVisibility",
    "enableImageOptimizationCDN": "ImageOptimizationCDNEnabled",
    "enableInvitation": "InvitationsEnabled",
    "enableKnowledgeable": "KnowledgeableEnabled",
    "enableLWRExperienceConnectedApp": "LWRExperienceConnectedAppEnabled",
    "enableMemberVisibility": "MemberVisibility",
    "enableNicknameDisplay": "NicknameDisplayEnabled",
    "enablePrivateMessages": "PrivateMessagesEnabled",
    "enableReputation": "ReputationEnabled",
    "enableShowAllNetworkSettings": "ShowAllNetworkSettings",
    "enableSiteAsContainer": "SiteAsContainerEnabled",
    "enableTalkingAboutStats": "EnableTalkingAboutStats",
    "enableTopicAssignmentRules": "EnableTopicAssignmentRules",
    "enableTopicSuggestions": "TopicSuggestionsEnabled",
    "enableUpDownVote": "UpDownVoteEnabled",
    "gatherCustomerSentimentData": "GatherCustomerSentimentData",
    "selfRegistration": "SelfRegistrationEnabled",
    "sendWelcomeEmail": "SendWelcomeEmail",
}
VALUES: Final = {
    "allowedExtensions": "AllowedExtensions",
    "description": "Description",
    "emailFooterText": "EmailFooterText",
    "emailSenderName": "EmailSenderName",
    "maxFileSizeKb": "MaxFileSizeKb",
    "newSenderAddress": "NewSenderAddress",
    "status": "Status",
    "urlPathPrefix": "UrlPathPrefix",
}
# "You can't update this field via Metadata API" (Metadata guide [V]): given, it is passed over [I]
_UNCHANGEABLE: Final = {"emailSenderAddress": "EmailSenderAddress"}
_UNCHANGEABLE_MAILS: Final = {  # "You can't update this template via Metadata API" [V]
    "chgEmailVerNewTemplate": "ChgEmailVerNewEmailTemplateId",
    "chgEmailVerOldTemplate": "ChgEmailVerOldEmailTemplateId",
}
_MAILS: Final = {
    "caseCommentEmailTemplate": "CaseCommentEmailTemplateId",
    "changePasswordTemplate": "ChangePasswordEmailTemplateId",
    "deviceActEmailTemplate": "DeviceActEmailTemplateId",
    "forgotPasswordTemplate": "ForgotPasswordEmailTemplateId",
    "headlessForgotPasswordTemplate": "HeadlessForgotPasswordTemplateId",
    "headlessRegistrationTemplate": "HeadlessRegistrationTemplateId",
    "lockoutTemplate": "LockoutEmailTemplateId",
    "pwdlessRegEmailTemplate": "PwdlessRegEmailTemplateId",
    "selfRegMicroBatchSubErrorEmailTemplate": "SelfRegMicroBatchSubErrorEmailTemplateId",
    "verificationTemplate": "VerificationEmailTemplateId",
    "welcomeTemplate": "WelcomeEmailTemplateId",
}


def shown(org: Org, network: Mapping[str, Any]) -> Value:
    """The elements that a site's row gives; what is empty is left out."""
    values: Value = {name: bool(network[f"Options{one}"]) for name, one in OPTIONS.items()}
    values |= {name: network[one] for name, one in (VALUES | _UNCHANGEABLE).items()}
    for name, field in (_MAILS | _UNCHANGEABLE_MAILS).items():
        values[name] = templates.full_name(org, network[field])
    return {name: value for name, value in values.items() if value is not None}


def fields(org: Org, values: Mapping[str, Any]) -> dict[str, Any]:
    """What the elements make of a site's row: an option left out is off, a value left out is empty.

    That an update replaces all is a guess, and the stricter of two. Raises
    INVALID_CROSS_REFERENCE_KEY for an e-mail template that is not there.
    """
    row: dict[str, Any] = {
        f"Options{one}": values.get(name, False) for name, one in OPTIONS.items()
    }
    row |= {field: values.get(name) or None for name, field in VALUES.items()}
    row |= {
        field: mail(org, name, values[name]) if values.get(name) else None
        for name, field in _MAILS.items()
    }
    return row


def rest(values: Mapping[str, Any]) -> dict[str, Any]:
    """The elements that no field of the row shows."""
    told = {*OPTIONS, *VALUES, *_UNCHANGEABLE, *_MAILS, *_UNCHANGEABLE_MAILS, *_ELSEWHERE}
    return {name: value for name, value in values.items() if name not in told}


_ELSEWHERE: Final = frozenset({"fullName", "networkMemberGroups", "selfRegProfile"})


def mail(org: Org, element: str, full_name: str) -> str:
    """The id of the e-mail template that an element names."""
    found = templates.mail_template(org, full_name)
    if found is None:  # wording of public deployment logs for other types [V]
        raise no_such(element, "EmailTemplate", full_name)
    return found
