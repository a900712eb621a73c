"""Records over SOAP, driven by the partner WSDL through zeep; every answer fits its schema."""

import gzip
import zlib
from datetime import timedelta

import pytest
import zeep.exceptions
from lxml import etree

from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.rules import recycle_bin

from ..partner_client import call, fault, header, wsdl_client

OBJECTS = "urn:sobject.partner.soap.sforce.com"


@pytest.fixture
def soap(local, admin):
    """`soap("query", ...)` makes one call in a session and gives the results of its body."""
    client = wsdl_client(local)
    session = {"SessionHeader": {"sessionId": local.start_session(admin).token}}

    def ask(name, *args, headers=None, **kwargs):
        answer = client[name](*args, _soapheaders=session | (headers or {}), **kwargs)
        return answer.body.result

    return ask


@pytest.fixture
def raw(anonymous, local, admin):
    about = header(local.start_session(admin).token)

    def ask(body, headers=""):
        return call(anonymous.session, body, headers=about + headers)

    return ask


def sobject(kind, **fields):
    inner = "".join(f"<s:{name}>{value}</s:{name}>" for name, value in fields.items())
    return f'<sObjects xmlns:s="{OBJECTS}"><s:type>{kind}</s:type>{inner}</sObjects>'


def results(answer):
    return [
        (one.findtext("{*}success"), one.findtext(".//{*}statusCode"))
        for one in etree.fromstring(answer.content).iterfind(".//{*}result")
    ]


def test_rows_are_made_changed_and_deleted(raw, local):
    made = raw(f"<create>{sobject('Account', Name='Acme', NumberOfEmployees='5')}</create>")
    assert results(made) == [("true", None)]
    (row,) = local.select("Account")
    assert (row["Name"], row["NumberOfEmployees"]) == ("Acme", 5)
    change = sobject("Account", Id=row["Id"], Name="Bolt", fieldsToNull="NumberOfEmployees")
    assert results(raw(f"<update>{change}</update>")) == [("true", None)]
    (row,) = local.select("Account")
    assert (row["Name"], row["NumberOfEmployees"]) == ("Bolt", None)
    gone = raw(f"<delete><ids>{row['Id']}</ids><ids>{row['Id']}</ids><ids>x</ids></delete>")
    assert results(gone) == [
        ("true", None), ("false", "ENTITY_IS_DELETED"), ("false", "MALFORMED_ID"),
    ]  # fmt: skip


@pytest.mark.parametrize("packed", [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_calls_and_answers_travel_packed(anonymous, local, admin, packed):
    # as pyforce and beatbox send every call
    about = header(local.start_session(admin).token)
    body = "<describeSObject><sObjectType>User</sObjectType></describeSObject>"
    answer = call(anonymous.session, body, headers=about, packed=packed)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert etree.fromstring(answer.content).findtext(".//{*}result/{*}name") == "User"


def test_a_call_that_is_not_packed_as_it_says_is_refused(anonymous, local, admin):
    about = header(local.start_session(admin).token)
    answer = call(anonymous.session, "<getUserInfo/>", headers=about, packed=("gzip", bytes))
    assert fault(answer)[0] == "soapenv:Client"


def test_an_sobject_may_say_what_it_is_by_xsi_type(anonymous, local, admin):
    # as CumulusCI makes a profile
    sfdc = local.select("UserLicense", LicenseDefinitionKey="SFDC")[0]["Id"]
    body = (
        f'<create><sObjects xmlns:o="{OBJECTS}" xsi:type="o:Profile"><Name>Blank</Name>'
        f"<UserLicenseId>{sfdc}</UserLicenseId></sObjects></create>"
    )
    about = header(local.start_session(admin).token)
    made = call(anonymous.session, body, headers=about, version="62.0", checked=False)
    assert results(made) == [("true", None)]
    assert local.find("Profile", Name="Blank")


def test_what_beatbox_writes_is_understood(raw, local, admin):
    account = local.insert("Account", {"Name": "Acme"}, by=admin)
    assert results(raw(f"<delete><id>{account}</id></delete>")) == [("true", None)]
    # times without a zone are of UTC
    start, end = (f"{local.now() + timedelta(minutes=m):%Y-%m-%dT%H:%M:%S.%f}" for m in (-5, 5))
    asked = f"<sObjectType>Account</sObjectType><startDate>{start}</startDate>"
    deleted = raw(f"<getDeleted>{asked}<endDate>{end}</endDate></getDeleted>")
    assert etree.fromstring(deleted.content).findtext(".//{*}deletedRecords/{*}id") == account


def test_setup_and_data_objects_are_not_deleted_in_one_call(raw, local, admin):
    account = local.insert("Account", {"Name": "Acme"}, by=admin)
    set_ = local.insert("PermissionSet", {"Name": "S", "Label": "S"}, by=admin)
    answer = raw(f"<delete><ids>{account}</ids><ids>{set_}</ids></delete>")
    assert fault(answer)[0].endswith("INVALID_OPERATION")
    assert local.find("Account") == [account]


def test_an_upsert_by_a_key(raw, local):
    one = sobject("Contact", Email="jane@acme.example", LastName="Doe")
    two = sobject("Contact", Email="jane@acme.example", LastName="Dow")
    body = "<upsert><externalIDFieldName>Email</externalIDFieldName>{}</upsert>"
    assert b"<created>true</created>" in raw(body.format(one)).content
    assert b"<created>false</created>" in raw(body.format(two)).content
    assert [row["LastName"] for row in local.select("Contact")] == ["Dow"]


def test_all_or_none_and_partial_success(raw, local):
    both = f"<create>{sobject('Account', Name='Acme')}{sobject('Account', Phone='1')}</create>"
    header_ = "<AllOrNoneHeader><allOrNone>true</allOrNone></AllOrNoneHeader>"
    assert results(raw(both, header_)) == [
        ("false", "ALL_OR_NONE_OPERATION_ROLLED_BACK"), ("false", "REQUIRED_FIELD_MISSING"),
    ]  # fmt: skip
    assert local.select("Account") == []
    assert results(raw(both)) == [("true", None), ("false", "REQUIRED_FIELD_MISSING")]
    assert len(local.select("Account")) == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"<create>{sobject('Nope', Name='x')}</create>", ("InvalidSObjectFault", "INVALID_TYPE")),
        (
            "<create>" + sobject("Account", Name="x") * 201 + "</create>",
            ("UnexpectedErrorFault", "EXCEEDED_ID_LIMIT"),
        ),
        (
            f"<create>{sobject('Account', Name='x')}{sobject('UserRole', Name='x')}</create>",
            ("UnexpectedErrorFault", "INVALID_OPERATION"),
        ),
        ("<query><queryString>SELECT X FROM User</queryString></query>",
         ("InvalidFieldFault", "INVALID_FIELD")),
        ("<query><queryString>nonsense</queryString></query>",
         ("MalformedQueryFault", "MALFORMED_QUERY")),
        ("<queryMore><queryLocator>x</queryLocator></queryMore>",
         ("InvalidQueryLocatorFault", "INVALID_QUERY_LOCATOR")),
    ],
)  # fmt: skip
def test_refusals_of_a_whole_call(raw, body, expected):
    assert fault(raw(body))[1:3] == expected


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"NumberOfEmployees": "many"}, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ({"AnnualRevenue": "NaN"}, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ({"Nope": "x"}, "INVALID_FIELD"),
        ({"Id": "001000000000001"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
def test_refusals_of_one_record(raw, fields, code):
    assert results(raw(f"<create>{sobject('Account', **fields)}</create>")) == [("false", code)]


def test_queries(soap, local, admin):
    account = local.insert("Account", {"Name": "Acme", "BillingCity": "Berlin"}, by=admin)
    for i in range(250):
        local.insert("Contact", {"LastName": f"{i:03}", "AccountId": account}, by=admin)
    page = {"QueryOptions": {"batchSize": 200}}
    soql = "SELECT LastName, Account.Name FROM Contact ORDER BY LastName"
    first = soap("query", soql, headers=page)
    assert (first.done, first.size, len(first.records)) == (False, 250, 200)
    rest = soap("queryMore", first.queryLocator)
    assert (rest.done, len(rest.records)) == (True, 50)
    kept = first.records[0]
    assert (kept.type, kept.Id) == ("Contact", None)
    name, above = kept._value_1
    assert (name.text, above.type, above._value_1[0].text) == ("000", "Account", "Acme")
    down = soap("query", "SELECT Id, BillingAddress, (SELECT Id FROM Contacts) FROM Account")
    assert down.records[0].Id == account
    assert soap("query", "SELECT COUNT(Id) n, MAX(LastName) m FROM Contact").size == 1
    assert soap("query", "SELECT COUNT() FROM Contact").size == 250
    recycle_bin.delete(local, admin, "Contact", local.find("Contact")[0])
    assert soap("queryAll", "SELECT COUNT() FROM Contact").size == 250


def test_retrieve_and_what_changed(soap, local, admin):
    ids = [local.insert("Account", {"Name": name}, by=admin) for name in ("Acme", "Bolt")]
    recycle_bin.delete(local, admin, "Account", ids[1])
    got, gone = soap("retrieve", "Id, Name", "Account", ids)
    assert (got.Id, gone.Id) == (ids[0], None)
    span = (local.now() - timedelta(hours=1), local.now() + timedelta(hours=1))
    assert soap("getUpdated", "Account", *span).ids == ids[:1]
    assert [one.id for one in soap("getDeleted", "Account", *span).deletedRecords] == ids[1:]
    with pytest.raises(zeep.exceptions.Fault, match="INVALID_REPLICATION_DATE"):
        soap("getUpdated", "Account", *reversed(span))


def test_whether_people_are_accounts_is_told(soap, local):
    assert soap("getUserInfo").orgHasPersonAccounts is False
    first_day.enable_person_accounts(local)
    assert soap("getUserInfo").orgHasPersonAccounts is True
    assert "PersonEmail" in {field.name for field in soap("describeSObject", "Account").fields}


def test_describe(soap):
    user = soap("describeSObject", "User")
    assert (user.keyPrefix, user.deletable) == ("005", False)
    assert {field.name for field in user.fields} >= {"Username", "ProfileId"}
    assert [one.name for one in soap("describeSObjects", ["Account", "Contact"])] == [
        "Account", "Contact",
    ]  # fmt: skip
    assert {"Account", "User"} <= {one.name for one in soap("describeGlobal").sobjects}
