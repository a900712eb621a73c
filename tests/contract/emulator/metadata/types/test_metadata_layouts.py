"""Page layouts: what a new org has, read and written whole, checked against the object."""

from __future__ import annotations

import copy

import pytest

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.metadata.types.layout import Layouts

layouts = Layouts()
CONTACT = "Contact-Contact Layout"


@pytest.fixture
def org():
    org = open_org(":memory:")
    yield org
    org.close()


@pytest.fixture
def by(org):
    return first_day.admin_id(org)


def section(layout, label):
    return next(one for one in layout["layoutSections"] if one["label"] == label)


def with_field(layout, field, *, behavior="Edit", column=0):
    changed = copy.deepcopy(layout)
    items = section(changed, "Additional Information")["layoutColumns"][column]
    items.setdefault("layoutItems", []).append({"behavior": behavior, "field": field})
    return changed


def refusal(call, *arguments):
    with pytest.raises(SalesforceError) as caught:
        call(*arguments)
    return caught.value.message


def test_a_new_org_has_a_layout_for_each_object(org):
    assert [one.full_name for one in layouts.list(org)] == [
        "Account-Account Layout",
        "Case-Case Layout",
        "Contact-Contact Layout",
        "User-User Layout",
    ]


def test_the_contact_layout_is_a_whole_one(org):
    read = layouts.read(org, CONTACT)
    assert [one["label"] for one in read["layoutSections"]] == [
        "Contact Information",
        "Address Information",
        "Additional Information",
        "System Information",
        "Description Information",
        "Custom Links",
    ]
    assert {"miniLayout", "quickActionList", "relatedLists", "summaryLayout"} <= read.keys()


@pytest.mark.parametrize("name", ["Account-Account Layout", "Case-Case Layout", CONTACT])
def test_writing_back_what_was_read_changes_nothing(org, by, name):
    read = layouts.read(org, name)
    layouts.update(org, read, by)
    assert layouts.read(org, name) == read


def test_the_self_registration_field_is_known_only_with_the_portal_on(org, by):
    changed = with_field(layouts.read(org, CONTACT), "CanAllowPortalSelfReg")
    assert refusal(layouts.update, org, changed, by) == (
        "In field: field - no CustomField named Contact.CanAllowPortalSelfReg found"
    )
    first_day.enable_customer_portal(org, by)
    layouts.update(org, changed, by)
    assert layouts.read(org, CONTACT) == changed


def without_name(layout):
    changed = copy.deepcopy(layout)
    items = section(changed, "Contact Information")["layoutColumns"][0]["layoutItems"]
    items[:] = [item for item in items if item["field"] != "Name"]
    return changed


def with_optional_name(layout):
    changed = copy.deepcopy(layout)
    for item in section(changed, "Contact Information")["layoutColumns"][0]["layoutItems"]:
        item["behavior"] = "Edit"
    return changed


def with_a_column_more(layout):
    changed = copy.deepcopy(layout)
    section(changed, "Additional Information")["layoutColumns"].append({})
    return changed


def with_a_list_twice(layout):
    return layout | {"relatedLists": [*layout["relatedLists"], layout["relatedLists"][0]]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda layout: with_field(layout, "Nonsense__c"),
            "In field: field - no CustomField named Contact.Nonsense__c found",
        ),
        (
            lambda layout: with_field(layout, "MailingCity"),
            "In field: field - no CustomField named Contact.MailingCity found",
        ),
        (
            lambda layout: with_field(layout, "Email"),
            "Field: layoutItems, value:Email appears more than once",
        ),
        (
            lambda layout: with_field(layout, "CreatedDate"),
            "Field:CreatedDate must be Readonly",
        ),
        (without_name, "Layout must contain an item for required layout field: Name"),
        (with_optional_name, "Field:Name must be Required"),
        (with_a_column_more, "Section Additional Information has more than 2 column(s)"),
        (
            with_a_list_twice,
            "Field: relatedLists, value:RelatedContentNoteList appears more than once",
        ),
        (lambda layout: layout | {"layoutSections": []}, "Layout must have at least 1 section"),
        (
            lambda layout: layout | {"fullName": "Contact-No Layout"},
            "In field: fullName - no Layout named Contact-No Layout found",
        ),
    ],
)
def test_a_layout_that_breaks_a_rule_is_refused_and_the_old_one_stays(org, by, change, message):
    read = layouts.read(org, CONTACT)
    assert refusal(layouts.update, org, change(read), by) == message
    assert layouts.read(org, CONTACT) == read


def test_a_layout_is_found_by_its_encoded_and_its_plain_name(org, by):
    made = layouts.read(org, CONTACT) | {"fullName": "Contact-Contact (Portal) Layout"}
    layouts.create(org, made, by)
    encoded = "Contact-Contact %28Portal%29 Layout"
    assert layouts.read(org, encoded)["fullName"] == encoded
    assert layouts.read(org, "Contact-Contact (Portal) Layout")["fullName"] == encoded
    assert refusal(layouts.create, org, made, by).startswith("Layout already exists")


def test_a_layout_of_no_object_can_not_be_made(org, by):
    made = layouts.read(org, CONTACT) | {"fullName": "Nonsense-Layout"}
    assert refusal(layouts.create, org, made, by) == "no CustomObject named Nonsense found"


def test_the_last_layout_of_an_object_stays(org, by):
    assert refusal(layouts.delete, org, CONTACT, by)
    layouts.create(org, layouts.read(org, CONTACT) | {"fullName": "Contact-Second"}, by)
    layouts.delete(org, CONTACT, by)
    assert layouts.read(org, CONTACT) is None
    assert refusal(layouts.delete, org, "Contact-Second", by)


def test_a_layout_is_renamed_within_its_object(org, by):
    layouts.rename(org, CONTACT, "Contact-Better", by)
    assert layouts.read(org, "Contact-Better")["fullName"] == "Contact-Better"
    assert refusal(layouts.rename, org, "Contact-Better", "Case-Better", by)
