"""The page layouts a new Developer org has for the objects of this org, as compact tables.

Re-expressed from public retrievals of Developer orgs: sections, columns, behaviours, related
lists and switches are the recorded ones [V]; custom fields and custom links of the samples are
left out. In a column, `*` after a field means Required and `!` means Readonly, else Edit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from provisioner.emulator.schema.wsdl import Value

_BEHAVIOURS: Final = {"*": "Required", "!": "Readonly"}


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its label, style, and the fields of its columns."""

    label: str
    style: str
    columns: tuple[str, ...]
    detail_heading: bool = False
    edit_heading: bool = True


@dataclass(frozen=True, slots=True)
class StandardLayout:
    """One layout: what stands on it and which of its switches are on."""

    sobject: str
    name: str
    sections: tuple[Section, ...]
    quick_actions: str = ""
    related_content: str = ""
    related_lists: dict[str, str] = field(default_factory=dict)
    related_objects: str = ""
    mini_fields: str = ""
    exclude_buttons: str = ""
    on: str = ""
    off: str = "showEmailCheckbox showHighlightsPanel showRunAssignmentRulesCheckbox"
    summary: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """The layout's metadata name; fact 525."""
        return f"{self.sobject}-{self.name}"

    def values(self, layout_id: str) -> Value:
        """The layout as the WSDL has it; `layout_id` names its summary, as recorded."""
        made: Value = {
            "excludeButtons": self.exclude_buttons.split(),
            "layoutSections": [_section(section) for section in self.sections],
            "relatedLists": [
                {"relatedList": name} | ({"fields": fields.split()} if fields else {})
                for name, fields in self.related_lists.items()
            ],
            "relatedObjects": self.related_objects.split(),
            "summaryLayout": self._summary(layout_id),
        }
        if self.mini_fields:
            made["miniLayout"] = {"fields": self.mini_fields.split()}
        if self.quick_actions:
            names = [{"quickActionName": name} for name in self.quick_actions.split()]
            made["quickActionList"] = {"quickActionListItems": names}
        if self.related_content:
            items = [{"layoutItem": _item(f"{name}!")} for name in self.related_content.split()]
            made["relatedContent"] = {"relatedContentItems": items}
        made |= dict.fromkeys(self.on.split(), True) | dict.fromkeys(self.off.split(), False)
        return {name: value for name, value in made.items() if value != []}

    def _summary(self, layout_id: str) -> Value:
        summary: Value = {"masterLabel": layout_id[:15], "sizeX": 4, "sizeY": 0}
        if not self.summary:
            return summary | {"summaryLayoutStyle": "Default"}
        items = [
            {"field": name, "posX": x, "posY": y}
            for x, column in enumerate(self.summary)
            for y, name in enumerate(column.split())
        ]
        longest = max(len(column.split()) for column in self.summary)
        size = {"sizeX": len(self.summary), "sizeY": longest}
        return (
            summary
            | size
            | {
                "summaryLayoutItems": items,
                "summaryLayoutStyle": "CaseInteraction",
            }
        )


def _section(section: Section) -> Value:
    columns = [
        {"layoutItems": items} if items else {}
        for items in ([_item(name) for name in column.split()] for column in section.columns)
    ]
    return {
        "customLabel": False,
        "detailHeading": section.detail_heading,
        "editHeading": section.edit_heading,
        "label": section.label,
        "layoutColumns": columns,
        "style": section.style,
    }


def _item(written: str) -> Value:
    return {"behavior": _BEHAVIOURS.get(written[-1], "Edit"), "field": written.rstrip("*!")}


_LINKS: Final = Section(
    "Custom Links", "CustomLinks", ("", "", ""), detail_heading=True, edit_heading=False
)
_SYSTEM: Final = Section(
    "System Information", "TwoColumnsTopToBottom", ("CreatedById!", "LastModifiedById!")
)
_DESCRIPTION: Final = Section("Description Information", "OneColumn", ("Description",))
_FEED_ACTIONS: Final = "FeedItem.TextPost FeedItem.ContentPost"
_OPPORTUNITIES: Final = (
    "OPPORTUNITY.NAME OPPORTUNITY.STAGE_NAME OPPORTUNITY.AMOUNT OPPORTUNITY.CLOSE_DATE"
)
_CASES: Final = (
    "CASES.CASE_NUMBER CASES.SUBJECT CASES.PRIORITY CASES.CREATED_DATE CASES.STATUS OWNER_NAME"
)
_OPEN_TASKS: Final = (
    "TASK.SUBJECT {} ACTIVITY.TASK TASK.DUE_DATE TASK.STATUS TASK.PRIORITY CORE.USERS.FULL_NAME"
)
_PAST_TASKS: Final = (
    "TASK.SUBJECT {} ACTIVITY.TASK TASK.DUE_DATE CORE.USERS.FULL_NAME TASK.LAST_UPDATE"
)

STANDARD_LAYOUTS: Final = (
    StandardLayout(
        sobject="Account",
        name="Account Layout",
        exclude_buttons="Submit",
        sections=(
            Section(
                "Account Information",
                "TwoColumnsTopToBottom",
                (
                    "OwnerId Name* ParentId AccountNumber Site Type Industry AnnualRevenue",
                    "Rating Phone Fax Website TickerSymbol Ownership NumberOfEmployees Sic",
                ),
            ),
            Section(
                "Address Information",
                "TwoColumnsTopToBottom",
                ("BillingAddress", "ShippingAddress"),
            ),
            Section("Additional Information", "TwoColumnsLeftToRight", ("", "")),
            _SYSTEM,
            _DESCRIPTION,
            _LINKS,
        ),
        mini_fields="Name Phone Website",
        quick_actions=f"{_FEED_ACTIONS} NewTask NewContact NewCase LogACall NewNote NewOpportunity"
        " NewEvent FeedItem.LinkPost FeedItem.PollPost FeedItem.QuestionPost SendEmail",
        related_lists={
            "RelatedContactList": "FULL_NAME CONTACT.TITLE CONTACT.EMAIL CONTACT.PHONE1",
            "RelatedOpportunityList": _OPPORTUNITIES,
            "RelatedCaseList": _CASES,
            "RelatedActivityList": _OPEN_TASKS.format("TASK.WHO_NAME TASK.WHAT_NAME"),
            "RelatedHistoryList": _PAST_TASKS.format("TASK.WHO_NAME TASK.WHAT_NAME"),
            "RelatedNoteList": "",
            "RelatedPartnerList": "ACCOUNT.NAME OPPORTUNITY.NAME PARTNER.ROLE",
        },
        related_objects="ParentId",
        off="showEmailCheckbox showHighlightsPanel showInteractionLogPanel"
        " showRunAssignmentRulesCheckbox showSubmitAndAttachButton",
    ),
    StandardLayout(
        sobject="Case",
        name="Case Layout",
        sections=(
            Section(
                "Case Information",
                "TwoColumnsTopToBottom",
                (
                    "OwnerId CaseNumber! ContactId AccountId! Type Reason",
                    "Status* Priority ContactPhone! ContactEmail! Origin*",
                ),
            ),
            Section(
                "Web Information",
                "TwoColumnsTopToBottom",
                (
                    "SuppliedEmail! SuppliedName! CreatedDate!",
                    "SuppliedCompany! SuppliedPhone! ClosedDate!",
                ),
            ),
            Section("Additional Information", "TwoColumnsLeftToRight", ("", "")),
            _SYSTEM,
            Section("Description Information", "OneColumn", ("Subject Description Comments",)),
            _LINKS,
        ),
        mini_fields="CaseNumber Status Priority Subject",
        quick_actions="FeedItem.TextPost Case.LogACall Case.ChangeStatus FeedItem.ContentPost"
        " FeedItem.LinkPost FeedItem.PollPost",
        related_content="ContactId AccountId",
        related_lists={
            "RelatedSolutionList": "SOLUTION.ISSUE SOLUTION.SOLUTION_NUMBER SOLUTION.STATUS"
            " CORE.USERS.ALIAS",
            "RelatedActivityList": _OPEN_TASKS.format("TASK.WHO_NAME"),
            "RelatedHistoryList": _PAST_TASKS.format("TASK.WHO_NAME"),
            "RelatedCommentsList": "",
            "RelatedAttachmentList": "",
        },
        related_objects="ContactId AccountId",
        on="showEmailCheckbox showHighlightsPanel showKnowledgeComponent"
        " showRunAssignmentRulesCheckbox showSubmitAndAttachButton",
        off="emailDefault runAssignmentRulesDefault showInteractionLogPanel",
        summary=(
            "ContactId AccountId ContactPhone",
            "CaseNumber CreatedDate Subject Description",
            "Status Priority OwnerId",
        ),
    ),
    StandardLayout(
        sobject="Contact",
        name="Contact Layout",
        exclude_buttons="RequestUseSfdc Submit",
        sections=(
            Section(
                "Contact Information",
                "TwoColumnsTopToBottom",
                (
                    "OwnerId Name* AccountId Title Department Birthdate ReportsToId LeadSource",
                    "Phone HomePhone MobilePhone OtherPhone Fax Email AssistantName AssistantPhone",
                ),
            ),
            Section(
                "Address Information",
                "TwoColumnsTopToBottom",
                ("MailingAddress", "OtherAddress"),
                detail_heading=True,
            ),
            Section(
                "Additional Information", "TwoColumnsLeftToRight", ("", ""), detail_heading=True
            ),
            Section(
                "System Information",
                "TwoColumnsTopToBottom",
                ("CreatedById!", "LastModifiedById!"),
                detail_heading=True,
            ),
            _DESCRIPTION,
            _LINKS,
        ),
        mini_fields="Name AccountId Phone Email",
        quick_actions=f"{_FEED_ACTIONS} NewTask LogACall NewCase NewEvent FeedItem.LinkPost"
        " FeedItem.PollPost FeedItem.QuestionPost SendEmail",
        related_content="AccountId",
        related_lists={
            "RelatedContentNoteList": "",
            "RelatedOpportunityList": _OPPORTUNITIES,
            "RelatedCaseList": _CASES,
            "RelatedActivityList": _OPEN_TASKS.format("TASK.WHAT_NAME"),
            "RelatedHistoryList": _PAST_TASKS.format("TASK.WHAT_NAME"),
            "RelatedCampaignList": "CAMPAIGN.NAME CAMPAIGN.START_DATE CAMPAIGN.CAMPAIGN_TYPE"
            " CM.STATUS CM.RESPONDED CM.LAST_UPDATE",
            "RelatedNoteList": "",
            "RelatedEmailStatusList": "ACTIVITY.SUBJECT EMAIL_STATUS.CREATED_DATE"
            " EMAIL_STATUS.FIRST_OPEN_DATE EMAIL_STATUS.TIMES_OPENED EMAIL_STATUS.LAST_OPEN_DATE",
        },
        related_objects="AccountId",
        off="showEmailCheckbox showHighlightsPanel showInteractionLogPanel"
        " showRunAssignmentRulesCheckbox showSubmitAndAttachButton",
    ),
    StandardLayout(
        sobject="User",
        name="User Layout",
        sections=(
            Section("Additional Information", "TwoColumnsLeftToRight", ("", "")),
            _LINKS,
        ),
        related_objects="UserRoleId ProfileId DelegatedApproverId ManagerId ContactId AccountId",
        off="showEmailCheckbox showHighlightsPanel showRunAssignmentRulesCheckbox"
        " showSubmitAndAttachButton",
    ),
)
