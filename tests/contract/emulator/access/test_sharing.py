"""What users of a portal see and may write: object permissions, field security, sharing, sets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import pytest

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata.types.registry import kind

from ..partner_client import call, fault, header

HIGH_VOLUME = "PID_High_Volume_Customer_Portal"
MANAGER = "PID_Customer_Portal_Standard"
READ_ONLY = (403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])
NOT_THERE = (404, "NOT_FOUND", "The requested resource does not exist", None)
_NUMBER = count(1)


@dataclass
class Customer:
    """A portal's user: who it is, and what it may ask for."""

    rest: object
    id: str
    contact: str
    account: str
    headers: dict

    def __call__(self, method, path, body=None, **more):
        return self.rest(method, path, body, headers=self.headers, **more)

    def refusal(self, method, path, body=None, **more):
        return self.rest.refusal(method, path, body, headers=self.headers, **more)

    def query(self, soql):
        return self("GET", "/query", params={"q": soql})

    def ids(self, sobject):
        status, body = self.query(f"SELECT Id FROM {sobject}")
        assert status == 200, body
        return {row["Id"] for row in body["records"]}


@pytest.fixture
def profile(rest, portal_on):
    """Makes a profile of a licence that may use the API and has these rights."""

    def make(license_key, fields=(), **rights):
        soql = f"SELECT Id FROM UserLicense WHERE LicenseDefinitionKey = '{license_key}'"
        ((license_),) = rest.rows(soql)
        name = f"Customers {next(_NUMBER)}"
        values = {"Name": name, "UserLicenseId": license_["Id"], "PermissionsApiEnabled": True}
        id_ = rest.create("Profile", **values)
        ((owned),) = rest.rows(f"SELECT Id FROM PermissionSet WHERE ProfileId = '{id_}'")
        parent = {"ParentId": owned["Id"]}
        for sobject, given in rights.items():
            may = {f"Permissions{right}": True for right in given.split()}
            rest.create("ObjectPermissions", SobjectType=sobject, **parent, **may)
        for field, editable in fields:
            may = {"PermissionsRead": True, "PermissionsEdit": editable}
            rest.create("FieldPermissions", SobjectType=field.split(".")[0], Field=field,
                        **parent, **may)  # fmt: skip
        return id_

    return make


@pytest.fixture
def customer(rest, local, person):
    """Makes a user of a portal, of this profile and account."""

    def make(profile, account, **more):
        number = next(_NUMBER)
        contact = rest.create("Contact", LastName=f"Doe {number}", AccountId=account)
        values = {**person, "ContactId": contact, "Username": f"doe{number}@acme.example.portal"}
        id_ = rest.create("User", **values, ProfileId=profile, **more)
        token = local.start_session(id_).token
        return Customer(rest, id_, contact, account, {"Authorization": f"Bearer {token}"})

    return make


@pytest.fixture
def acme(rest, person):
    return rest.create("Account", Name="Acme", Phone="1")


@pytest.fixture
def beta(rest, person):
    return rest.create("Account", Name="Beta")


@pytest.fixture
def share(local, admin):
    """Makes a sharing set of mappings (object, objectField, userField, accessLevel)."""

    def make(profile, *mappings):
        names = ("object", "objectField", "userField", "accessLevel")
        values = {
            "fullName": f"Set{next(_NUMBER)}",
            "name": "Set",
            "profiles": [local.get("Profile", profile)["FullName"]],
            "accessMappings": [dict(zip(names, mapping, strict=True)) for mapping in mappings],
        }
        kind(local, "SharingSet").create(local, values, admin)

    return make


ALL = {"Account": "Read", "Contact": "Read Edit", "Case": "Read Create Edit"}


@pytest.fixture
def jane(profile, customer, acme):
    """A user without a role."""
    fields = [(f"Case.{name}", True) for name in ("ContactId", "AccountId", "Subject")]
    fields.append(("Contact.AccountId", True))
    return customer(profile(HIGH_VOLUME, fields, **ALL), acme)


# -- object permissions and field security ------------------------------------------------------


def test_an_object_that_may_not_be_read_is_not_there(rest, jane):
    assert jane.refusal("GET", "/sobjects/Lead") == NOT_THERE
    assert jane.refusal("GET", "/sobjects/Lead/describe") == NOT_THERE
    assert jane.refusal("POST", "/sobjects/Lead", {"LastName": "x"}) == NOT_THERE
    _, refused = jane.query("SELECT Id FROM Lead")
    assert refused[0]["errorCode"] == "INVALID_TYPE"
    _, listed = jane("GET", "/sobjects")
    names = {one["name"] for one in listed["sobjects"]}
    assert {"Account", "Case", "Contact", "User"} <= names
    assert not {"Group", "Lead", "Opportunity", "Profile", "PermissionSet", "UserRole"} & names


def test_the_describe_tells_what_a_user_may_do(jane):
    flags = ("createable", "deletable", "queryable", "updateable")
    for name, wanted in (
        ("Account", (False, False, True, False)),
        ("Contact", (False, False, True, True)),
        ("Case", (True, False, True, True)),
    ):
        _, told = jane("GET", f"/sobjects/{name}/describe")
        assert tuple(told[flag] for flag in flags) == wanted, name


def test_what_object_permissions_do_not_give_is_refused_in_salesforces_words(rest, jane):
    values = {"LastName": "x", "AccountId": jane.account}
    assert jane.refusal("POST", "/sobjects/Contact", values) == (
        400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type cannot be inserted: Contact", [],
    )  # fmt: skip
    assert jane.refusal("PATCH", f"/sobjects/Account/{jane.account}", {"Name": "x"}) == (
        400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type cannot be updated: Account", [],
    )  # fmt: skip
    assert jane.refusal("DELETE", f"/sobjects/Contact/{jane.contact}") == READ_ONLY


def test_a_field_that_may_not_be_read_is_not_there(rest, jane):
    status, refused = jane.query("SELECT Phone FROM Account")
    assert (status, refused[0]["errorCode"]) == (400, "INVALID_FIELD")
    assert "No such column 'Phone' on entity 'Account'" in refused[0]["message"]
    _, row = jane("GET", f"/sobjects/Account/{jane.account}")
    assert "Phone" not in row
    assert row["Name"] == "Acme"
    path = f"/sobjects/Contact/{jane.contact}"
    assert jane.refusal("PATCH", path, {"Phone": "2"})[1] == "INVALID_FIELD"


def test_a_field_that_may_be_read_only_is_not_written(rest, profile, customer, acme):
    fields = [("Contact.Phone", False), ("Contact.Title", True)]
    who = customer(profile(HIGH_VOLUME, fields, Account="Read", Contact="Read Edit"), acme)
    path = f"/sobjects/Contact/{who.contact}"
    assert who("GET", path)[1]["Phone"] is None
    refused = who.refusal("PATCH", path, {"Phone": "2"})
    assert refused[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert who("PATCH", path, {"Title": "Buyer"}) == (204, None)


def test_a_permission_set_adds_rights(rest, local, jane):
    owned = rest.create("PermissionSet", Name="Buyers", Label="Buyers")
    rest.create("ObjectPermissions", ParentId=owned, SobjectType="Lead", PermissionsRead=True)
    rest.create("PermissionSetAssignment", AssigneeId=jane.id, PermissionSetId=owned)
    rest.create("Lead", LastName="x", Company="y")
    assert jane.query("SELECT Id FROM Lead") == (
        200, {"totalSize": 0, "done": True, "records": []},
    )  # fmt: skip


# -- rows ---------------------------------------------------------------------------------------


def test_a_user_without_a_role_sees_the_own_account_its_contacts_and_what_it_owns(
    rest, jane, acme, beta
):
    colleague = rest.create("Contact", LastName="Colleague", AccountId=acme)
    stranger = rest.create("Contact", LastName="Stranger", AccountId=beta)
    theirs = rest.create("Case", Subject="Theirs", ContactId=jane.contact)
    status, made = jane("POST", "/sobjects/Case", {"Subject": "Mine", "ContactId": jane.contact})
    assert status == 201, made
    assert jane.ids("Account") == {acme}
    assert jane.ids("Contact") == {jane.contact, colleague}
    assert jane.ids("Case") == {made["id"]}
    assert jane.ids("User") == {jane.id}
    for path in (f"/sobjects/Contact/{stranger}", f"/sobjects/Case/{theirs}"):
        assert jane.refusal("GET", path) == NOT_THERE
    assert jane.query("SELECT COUNT() FROM Contact")[1]["totalSize"] == 2
    listed = jane("GET", f"/sobjects/Account/{acme}/Contacts")
    assert listed[0] == 200, listed
    assert listed[1]["totalSize"] == 2
    assert jane.refusal("GET", f"/sobjects/Account/{beta}/Contacts") == NOT_THERE


def test_one_edits_the_own_contact_and_reads_the_others(rest, jane, acme, beta):
    colleague = rest.create("Contact", LastName="Colleague", AccountId=acme)
    stranger = rest.create("Contact", LastName="Stranger", AccountId=beta)
    change = {"LastName": "Changed"}
    assert jane("PATCH", f"/sobjects/Contact/{jane.contact}", change) == (204, None)
    assert jane.refusal("PATCH", f"/sobjects/Contact/{colleague}", change) == READ_ONLY
    assert jane.refusal("PATCH", f"/sobjects/Contact/{stranger}", change) == NOT_THERE
    body = {"records": [{"attributes": {"type": "Contact"}, "id": stranger, **change}]}
    _, (result,) = jane("PATCH", "/composite/sobjects", body)
    assert result["errors"][0]["statusCode"] == "INVALID_CROSS_REFERENCE_KEY"


def test_what_one_does_not_see_can_not_be_referred_to(rest, jane, beta):
    stranger = rest.create("Contact", LastName="Stranger", AccountId=beta)
    assert jane.refusal("POST", "/sobjects/Case", {"Subject": "x", "ContactId": stranger}) == (
        400, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        f"insufficient access rights on cross-reference id: {stranger[:15]}", [],
    )  # fmt: skip
    assert rest.rows("SELECT Id FROM Case") == []


def test_only_an_owner_deletes(rest, profile, customer, acme, share):
    held = profile(HIGH_VOLUME, [("Case.ContactId", True)], Account="Read", Contact="Read",
                   Case="Read Create Edit Delete")  # fmt: skip
    who = customer(held, acme)
    share(held, ("Case", "Contact", "Contact", "Edit"))
    theirs = rest.create("Case", Subject="Theirs", ContactId=who.contact)
    assert who.refusal("DELETE", f"/sobjects/Case/{theirs}") == READ_ONLY
    _, made = who("POST", "/sobjects/Case", {"ContactId": who.contact})
    assert who("DELETE", f"/sobjects/Case/{made['id']}") == (204, None)


# -- sharing sets -------------------------------------------------------------------------------


def test_a_sharing_set_gives_what_is_related(rest, local, jane, acme, beta, share):
    of_account = rest.create("Case", Subject="Of the account", AccountId=acme)
    of_contact = rest.create("Case", Subject="Of the contact", ContactId=jane.contact)
    rest.create("Case", Subject="Of others", AccountId=beta)
    profile = local.get("User", jane.id)["ProfileId"]
    share(profile, ("Case", "Contact", "Contact", "Edit"))
    assert jane.ids("Case") == {of_contact}
    assert jane("PATCH", f"/sobjects/Case/{of_contact}", {"Subject": "y"}) == (204, None)
    share(profile, ("Case", "AccountId", "Account", "Read"))
    assert jane.ids("Case") == {of_account, of_contact}
    assert jane.refusal("PATCH", f"/sobjects/Case/{of_account}", {"Subject": "y"}) == READ_ONLY


def test_a_sharing_set_follows_a_field_of_the_users_account(
    rest, local, profile, customer, acme, beta, share
):
    rest("PATCH", f"/sobjects/Account/{acme}", {"ParentId": beta})
    held = profile(HIGH_VOLUME, Account="Read Edit", Contact="Read Edit")
    who = customer(held, acme)
    below = rest.create("Contact", LastName="Of Beta", AccountId=beta)
    assert who.ids("Account") == {acme}
    share(held, ("Account", "Id", "Account.Parent", "Edit"))
    assert who.ids("Account") == {acme, beta}
    assert who.ids("Contact") == {who.contact, below}
    assert who("PATCH", f"/sobjects/Account/{beta}", {"Name": "B"}) == (204, None)
    # a contact is as its account, which is given to edit
    assert who("PATCH", f"/sobjects/Contact/{below}", {"LastName": "B"}) == (204, None)
    assert who.refusal("PATCH", f"/sobjects/Account/{acme}", {"Name": "A"}) == READ_ONLY


def test_a_sharing_set_gives_nothing_to_other_profiles(rest, jane, profile, share):
    rest.create("Case", ContactId=jane.contact)
    share(profile(HIGH_VOLUME), ("Case", "Contact", "Contact", "Read"))
    assert jane.ids("Case") == set()


def test_a_sharing_set_of_users(local, jane, customer, acme, share):
    profile = local.get("User", jane.id)["ProfileId"]
    colleague = customer(profile, acme)
    share(profile, ("User", "Account", "Account", "Read"))
    assert jane.ids("User") == {jane.id, colleague.id}


# -- roles --------------------------------------------------------------------------------------


@pytest.fixture
def levels(profile, customer, acme, beta):
    """An executive, a manager and a user of Acme, and a manager of Beta."""
    held = profile(MANAGER, [("Case.ContactId", True)], Opportunity="Read", **ALL)
    made = [customer(held, acme, PortalRole=at) for at in ("Executive", "Manager", "Worker")]
    return [*made, customer(held, beta, PortalRole="Manager")]


def test_the_hierarchy_of_an_account(rest, levels, acme):
    executive, manager, worker, other = levels
    cases = {}
    for who in levels:
        status, made = who("POST", "/sobjects/Case", {"ContactId": who.contact})
        assert status == 201, made
        cases[who.id] = made["id"]
    own = [cases[who.id] for who in levels]
    assert executive.ids("Case") == set(own[:3])
    assert manager.ids("Case") == set(own[1:3])
    assert worker.ids("Case") == {own[2]}
    assert other.ids("Case") == {own[3]}
    assert executive.ids("User") == {executive.id, manager.id, worker.id}
    assert worker.ids("User") == {worker.id}
    change = {"ContactId": worker.contact}
    assert manager("PATCH", f"/sobjects/Case/{own[2]}", change) == (204, None)
    assert worker.refusal("PATCH", f"/sobjects/Case/{own[1]}", change) == NOT_THERE


def test_the_contact_of_a_case_sees_and_edits_it_and_so_do_those_above(rest, levels):
    executive, manager, worker, other = levels
    case = rest.create("Case", Subject="Help", ContactId=manager.contact)
    change = {"ContactId": manager.contact}
    for who in (executive, manager):
        assert who("PATCH", f"/sobjects/Case/{case}", change) == (204, None)
    for who in (worker, other):
        assert who.refusal("GET", f"/sobjects/Case/{case}") == NOT_THERE


def test_a_record_below_an_account_shows_the_account(rest, levels, acme, beta):
    worker = levels[2]
    case = rest.create("Case", AccountId=beta, OwnerId=worker.id)
    assert worker.ids("Case") == {case}
    assert worker.ids("Account") == {acme, beta}
    assert worker.ids("Contact") == {who.contact for who in levels}


def test_a_super_user_sees_the_cases_of_the_same_role(rest, local, profile, customer, acme):
    held = profile(MANAGER, [("Case.ContactId", True)], **ALL)
    one, two = (customer(held, acme, PortalRole="Worker") for _ in range(2))
    _, made = two("POST", "/sobjects/Case", {"ContactId": two.contact})
    assert one.ids("Case") == set()
    rest("PATCH", f"/sobjects/Profile/{held}", {"PermissionsPortalSuperUser": True})
    assert one.ids("Case") == {made["id"]}


# -- the other ways in --------------------------------------------------------------------------


def test_bulk_and_composite_calls_are_no_way_round(rest, jane, acme, beta):
    stranger = rest.create("Contact", LastName="Stranger", AccountId=beta)
    found = jane("GET", f"/composite/sobjects/Contact?ids={jane.contact},{stranger}&fields=Id")[1]
    assert [row and row["Id"] for row in found] == [jane.contact, None]
    _, made = jane("POST", "/jobs/query", {"operation": "query", "query": "SELECT Id FROM Contact"})
    done = jane("GET", f"/jobs/query/{made['id']}")[1]
    assert (done["state"], done["numberRecordsProcessed"]) == ("JobComplete", 1)
    refused = jane("POST", "/jobs/ingest", {"object": "Lead", "operation": "insert"})
    assert refused[1][0]["errorCode"] == "INVALIDJOB"
    record = {"attributes": {"type": "Lead", "referenceId": "a"}, "LastName": "x", "Company": "y"}
    assert jane("POST", "/composite/tree/Lead", {"records": [record]})[0] == 404
    assert jane.refusal("GET", "/sobjects/Contact/Email/nobody@acme.example")[2] == (
        "Provided external ID field does not exist or is not accessible: Email"
    )


def test_soap_sees_no_more(anonymous, rest, jane, beta):
    stranger = rest.create("Contact", LastName="Stranger", AccountId=beta)
    token = header(jane.headers["Authorization"].removeprefix("Bearer "))

    def soap(body):
        return call(anonymous.session, body, headers=token)

    found = soap("<query><queryString>SELECT Id FROM Contact</queryString></query>").text
    assert jane.contact in found
    assert stranger not in found
    asked = f"<ids>{stranger}</ids><ids>{jane.contact}</ids>"
    found = soap(
        f"<retrieve><fieldList>Id</fieldList><sObjectType>Contact</sObjectType>{asked}</retrieve>"
    ).text
    assert stranger not in found
    refused = soap("<describeSObject><sObjectType>Lead</sObjectType></describeSObject>")
    assert fault(refused)[2] == "INVALID_TYPE"
    saved = soap(
        '<update><sObjects xmlns:s="urn:sobject.partner.soap.sforce.com"><s:type>Contact</s:type>'
        f"<s:Id>{stranger}</s:Id><s:LastName>x</s:LastName></sObjects></update>"
    ).text
    assert "INVALID_CROSS_REFERENCE_KEY" in saved


def test_people_of_the_company_see_and_edit_all_but_delete_their_own(
    rest, clerk_of_the_company, acme
):
    headers = clerk_of_the_company
    change = ("PATCH", f"/sobjects/Account/{acme}", {"Name": "Changed", "Phone": "3"})
    assert rest(*change, headers=headers) == (204, None)
    assert rest.refusal("DELETE", f"/sobjects/Account/{acme}", headers=headers) == READ_ONLY
    status, own = rest("POST", "/sobjects/Account", {"Name": "Own"}, headers=headers)
    assert status == 201
    assert rest("DELETE", f"/sobjects/Account/{own['id']}", headers=headers) == (204, None)


# -- organization-wide defaults -----------------------------------------------------------------


@pytest.fixture
def defaults(local, admin):
    """Changes the sharing models of a standard object, as a deployment of its metadata does."""

    def change(name, **models):
        kind(local, "CustomObject").update(local, {"fullName": name, **models}, admin)
        return kind(local, "CustomObject").read(local, name)

    return change


def test_the_defaults_of_standard_objects_follow_their_metadata(
    rest, local, defaults, jane, beta, clerk_of_the_company
):
    told = defaults("Account", sharingModel="Read", externalSharingModel="Read")
    assert (told["sharingModel"], told["externalSharingModel"]) == ("Read", "Read")
    assert rest.rows("SELECT DefaultAccountAccess FROM Organization")[0].popitem()[1] == "Read"
    assert beta in jane.ids("Account")
    clerk = {"headers": clerk_of_the_company}
    change = ("PATCH", f"/sobjects/Account/{beta}", {"Phone": "3"})
    assert rest.refusal(*change, **clerk) == READ_ONLY
    defaults("Account", sharingModel="Private", externalSharingModel="Private")
    assert rest.refusal("GET", f"/sobjects/Account/{beta}", **clerk)[0] == 404
    assert beta not in jane.ids("Account")
    asked = "SELECT InternalSharingModel FROM EntityDefinition WHERE QualifiedApiName = 'Account'"
    assert [row["InternalSharingModel"] for row in rest.rows(asked)] == ["Private"]
    # what says nothing of it changes nothing
    assert defaults("Account")["sharingModel"] == "Private"
    ((entry),) = local.select("SetupAuditTrail", Section="Sharing Defaults")[-1:]
    assert "Account" in entry["Display"]


@pytest.fixture
def clerk_of_the_company(rest, local, person):
    values = {name: value for name, value in person.items() if name != "ContactId"}
    standard = local.find("Profile", Name="Standard User")[0]
    clerk = rest.create("User", **values | {"Username": "clerk@acme.example"}, ProfileId=standard)
    return {"Authorization": f"Bearer {local.start_session(clerk).token}"}


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("Account", {"externalSharingModel": "ReadWriteTransfer"}),
        ("Account", {"sharingModel": "ControlledByParent"}),
        ("Account", {"sharingModel": "Nonsense"}),
        ("Account", {"sharingModel": "Read", "externalSharingModel": "ReadWrite"}),
        ("Contact", {"externalSharingModel": "Private"}),
    ],
)
def test_defaults_that_an_object_can_not_have_are_refused(local, defaults, name, models):
    before = kind(local, "CustomObject").read(local, name)
    with pytest.raises(SalesforceError):
        defaults(name, **models)
    assert kind(local, "CustomObject").read(local, name) == before


def test_contacts_may_be_no_longer_controlled_by_their_accounts(defaults, jane, acme, rest):
    other = rest.create("Contact", LastName="Roe", AccountId=acme)
    assert other in jane.ids("Contact")
    assert defaults("Contact", sharingModel="Private")["externalSharingModel"] == "Private"
    assert jane.ids("Contact") == {jane.contact}
    defaults("Contact", sharingModel="ControlledByParent")
    assert other in jane.ids("Contact")
