"""Components are edited in place: what is owned changes, every other byte stays."""

import pytest

from provisioner.kinds.layout.xml import NoPlaceError, placements
from provisioner.kinds.profile.xml import values
from provisioner.kinds.xml_edit import built, edited, update

LAYOUT = b"""<records xmlns="http://soap.sforce.com/2006/04/metadata" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Layout">
  <fullName>Contact-Contact Layout</fullName>
  <excludeButtons>Submit &amp; go</excludeButtons>
  <layoutSections>
    <label>Contact Information</label>
    <layoutColumns>
      <layoutItems><behavior>Required</behavior><field>Name</field></layoutItems>
      <layoutItems><emptySpace>true</emptySpace></layoutItems>
      <layoutItems><behavior>Edit</behavior><field>Email</field></layoutItems>
    </layoutColumns>
    <layoutColumns/>
  </layoutSections>
  <layoutSections>
    <label>Additional Information</label>
    <layoutColumns>
      <layoutItems><behavior>Edit</behavior><field>Phone</field></layoutItems>
    </layoutColumns>
  </layoutSections>
</records>"""

PROFILE = b"""<records xmlns="http://soap.sforce.com/2006/04/metadata" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Profile">\
<fullName>P</fullName><custom>true</custom>\
<objectPermissions><allowCreate>false</allowCreate><allowDelete>false</allowDelete>\
<allowEdit>false</allowEdit><allowRead>true</allowRead>\
<modifyAllRecords>false</modifyAllRecords><object>Case</object>\
<viewAllRecords>false</viewAllRecords></objectPermissions>\
<userLicense>L</userLicense></records>"""


def placed(xml):
    return {f: (p.section, p.column, p.position, p.behavior) for f, p in placements(xml).items()}


def test_no_edit_changes_no_byte():
    assert edited("Layout", LAYOUT, {}) == LAYOUT


def test_a_field_goes_to_the_end_of_the_first_column_and_the_rest_stays():
    after = edited("Layout", LAYOUT, {"Fax": "on the layout", "Fax.section": "Contact Information"})
    item = b"<layoutItems><behavior>Edit</behavior><field>Fax</field></layoutItems>"
    assert placed(after)["Fax"] == ("Contact Information", 1, 4, "Edit")
    assert after.replace(item, b"") == LAYOUT


def test_a_field_into_an_empty_column():
    edits = {"Fax.section": "Contact Information", "Fax.column": 2, "Fax.behavior": "Readonly"}
    after = edited("Layout", LAYOUT, edits)
    assert placed(after)["Fax"] == ("Contact Information", 2, 1, "Readonly")


def test_a_field_moves_between_sections_and_keeps_what_the_move_does_not_name():
    after = edited("Layout", LAYOUT, {"Name.section": "Additional Information"})
    assert placed(after)["Name"] == ("Additional Information", 1, 2, "Required")


def test_a_field_moves_within_its_column():
    after = edited("Layout", LAYOUT, {"Email.position": 1})
    assert placed(after)["Email"] == ("Contact Information", 1, 1, "Edit")
    assert placed(after)["Name"] == ("Contact Information", 1, 2, "Required")


def test_behaviour_alone_leaves_the_place():
    after = edited("Layout", LAYOUT, {"Phone.behavior": "Readonly"})
    assert after == LAYOUT.replace(
        b"<behavior>Edit</behavior><field>Phone", b"<behavior>Readonly</behavior><field>Phone"
    )


def test_a_field_is_taken_off_and_putting_it_back_restores_the_layout():
    without = edited("Layout", LAYOUT, {"Phone": None})
    assert "Phone" not in placed(without)
    assert edited("Layout", without, {"Phone": None}) == without


@pytest.mark.parametrize(
    "edits",
    [
        {"Fax.section": "No Such Section"},
        {"Fax.section": "Additional Information", "Fax.column": 2},
    ],
)
def test_a_place_that_is_not_there(edits):
    with pytest.raises(NoPlaceError, match="Fax"):
        edited("Layout", LAYOUT, edits)


def test_an_update_of_a_profile_names_only_what_is_owned():
    sent = update(
        "Profile", PROFILE, {"objectPermissions.Case": ("read", "create"), "description": None}
    )
    assert b"userLicense" not in sent
    assert b"<description></description>" in sent or b"<description/>" in sent
    assert values(sent)["objectPermissions.Case"] == ("read", "create")


def test_an_edit_of_a_profile_keeps_the_rest():
    after = edited("Profile", PROFILE, {"userPermissions.ApiEnabled": True})
    assert values(after) == {
        "description": None,
        "userLicense": "L",
        "objectPermissions.Case": ("read",),
        "userPermissions.ApiEnabled": True,
    }


def test_layout_assignments_are_kept_apart_by_record_type():
    edits = {"layoutAssignments.Contact": "Contact-A", "layoutAssignments.Contact.RT": "Contact-B"}
    assert values(edited("Profile", PROFILE, edits)) | edits == values(
        edited("Profile", PROFILE, edits)
    )


def test_a_new_component_says_just_what_it_is_given():
    xml = built("Portal", "Acme & Sons", {"active": True, "type": "CustomerSuccess", "admin": None})
    assert xml.endswith(
        b"<fullName>Acme &amp; Sons</fullName><active>true</active>"
        b"<type>CustomerSuccess</type></records>"
    )


def test_an_entity_in_an_answer_is_not_resolved(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    evil = (
        f'<!DOCTYPE r [<!ENTITY x SYSTEM "file://{secret}">]>'
        '<records xmlns="http://soap.sforce.com/2006/04/metadata"><admin>&x;</admin></records>'
    ).encode()
    assert b"hidden" not in edited("Portal", evil, {"active": True})
