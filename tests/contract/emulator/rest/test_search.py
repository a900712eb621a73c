"""Searches by SOSL and by `parameterizedSearch`."""

import pytest
from lxml import etree
from simple_salesforce import Salesforce

from ..partner_client import call, fault, header


@pytest.fixture
def people(rest):
    acme = rest.create("Account", Name="Acme Corporation", Phone="+49 30 1234567")
    bolt = rest.create("Account", Name="Bolt", Description="A customer of Acme's, since 2020")
    jane = rest.create("Contact", LastName="Doe", FirstName="Jane", Email="jane.doe@acme.example")
    joan = rest.create("Contact", LastName="Dow", FirstName="Joan", AccountId=acme)
    return {acme: "acme", bolt: "bolt", jane: "jane", joan: "joan"}


@pytest.fixture
def found(rest, people):
    """The names of what a search finds, in its order."""

    def found(sosl):
        status, body = rest("GET", "/search", params={"q": sosl})
        assert status == 200, body
        return [people.get(one["Id"]) for one in body["searchRecords"]]

    return found


@pytest.mark.parametrize(
    ("sosl", "names"),
    [
        ("FIND {acme} RETURNING Account(Id), Contact(Id)", ["acme", "bolt", "jane"]),
        ("FIND {acme} IN NAME FIELDS RETURNING Account(Id)", ["acme"]),
        ("find {ACME} in all fields returning Contact", ["jane"]),
        ("FIND {acm} RETURNING Account", []),
        ("FIND {acm*} RETURNING Account", ["acme", "bolt"]),
        ("FIND {b?lt} RETURNING Account", ["bolt"]),
        ("FIND {jane doe} RETURNING Contact", ["jane"]),
        ("FIND {doe jane} RETURNING Contact", ["jane"]),
        ('FIND {"doe jane"} RETURNING Contact', []),
        ("FIND {jane OR joan} RETURNING Contact", ["jane", "joan"]),
        ("FIND {(jane OR joan) AND NOT doe} RETURNING Contact", ["joan"]),
        ("FIND {jane.doe@acme.example} IN EMAIL FIELDS RETURNING Contact", ["jane"]),
        ("FIND {1234567} IN PHONE FIELDS RETURNING Account", ["acme"]),
        ("FIND {acme} RETURNING Account(Id WHERE Name LIKE 'B%')", ["bolt"]),
        ("FIND {acme} RETURNING Account(Id, Name ORDER BY Name DESC LIMIT 1)", ["bolt"]),
        ("FIND {acme} RETURNING Account, Contact LIMIT 2", ["acme", "bolt"]),
        ("FIND {Acme\\'s} RETURNING Account", ["bolt"]),
    ],
)
def test_what_a_search_finds(found, sosl, names):
    assert found(sosl) == names


def test_without_returning_every_object_that_can_be_searched_is(found):
    assert found("FIND {acme}") == ["acme", "bolt", "jane", None]  # and the administrator


def test_records_have_the_fields_that_are_asked_for(rest, people):
    sosl = "FIND {joan} RETURNING Contact(FirstName, Account.Name)"
    _, body = rest("GET", "/search", params={"q": sosl})
    (record,) = body["searchRecords"]
    assert record["attributes"]["type"] == "Contact"
    assert (record["FirstName"], record["Account"]["Name"]) == ("Joan", "Acme Corporation")
    old = rest.base.replace("v62.0", "v36.0")
    assert rest("GET", f"{old}/search", params={"q": sosl})[1][0]["FirstName"] == "Joan"


def test_what_was_deleted_is_not_found(rest, found, people):
    for id_, name in people.items():
        if name == "jane":
            rest("DELETE", f"/sobjects/Contact/{id_}")
    assert found("FIND {jane} RETURNING Contact") == []


@pytest.mark.parametrize(
    ("sosl", "code"),
    [
        ("", "MALFORMED_SEARCH"),
        ("SELECT Id FROM Account", "MALFORMED_SEARCH"),
        ("FIND {a}", "MALFORMED_SEARCH"),
        ("FIND {*}", "MALFORMED_SEARCH"),
        ("FIND {acme} RETURNING", "MALFORMED_SEARCH"),
        ("FIND {acme} RETURNING Account(", "MALFORMED_SEARCH"),
        ("FIND {acme} RETURNING Account()", "MALFORMED_SEARCH"),
        ("FIND {acme} nonsense", "MALFORMED_SEARCH"),
        ("FIND {(acme} RETURNING Account", "MALFORMED_SEARCH"),
        ("FIND {acme AND} RETURNING Account", "MALFORMED_SEARCH"),
        ("FIND {acme} RETURNING Nope", "INVALID_TYPE"),
        ("FIND {acme} RETURNING Profile", "INVALID_TYPE"),
        ("FIND {acme} RETURNING Account(Nope)", "INVALID_FIELD"),
        ("FIND {nothing} RETURNING Account(Nope)", "INVALID_FIELD"),
        ("FIND {acme} RETURNING Account WITH NETWORK = '0DB'", "FUNCTIONALITY_NOT_ENABLED"),
    ],
)
def test_what_a_search_is_refused_for(rest, people, sosl, code):
    assert rest.refusal("GET", "/search", params={"q": sosl})[1] == code


@pytest.mark.parametrize(
    ("sosl", "message"),
    [
        (
            "FIND {John|jane_gray@uoa.example} RETURNING Contact",
            (
                "\nFIND {John|jane_gray@uoa.example} RETURNING Contact\n         ^\n"
                "ERROR at Row:1:Column:10\nline 1:10 mismatched character '|' expecting '}'"
            ),
        ),
        (
            "FIND {name} IN ALL TYPE RETURNING Account(name)",
            (
                "\nFIND {name} IN ALL TYPE RETURNING Account(name)\n                  ^\n"
                "ERROR at Row:1:Column:19\nMalformed search token: TYPE"
            ),
        ),
        (
            "FIND {acme",
            (
                "\nFIND {acme\n         ^\n"
                "ERROR at Row:1:Column:10\nline 1:10 mismatched character '<EOF>' expecting '}'"
            ),
        ),
        ("FIND {a}", "search term must be longer than one character: a"),
        (
            "FIND 'Jones' IN ALL FIELDS",
            "No search term found. The search term must be enclosed in braces.",
        ),
    ],
)
def test_the_words_of_a_refusal(rest, sosl, message):
    _, body = rest("GET", "/search", params={"q": sosl})
    assert body == [{"message": message, "errorCode": "MALFORMED_SEARCH"}]


@pytest.mark.parametrize("letter", "&|![]^~:'+-{")
def test_a_letter_that_has_to_be_escaped(rest, found, letter):
    for words in (f"ac{letter}me", f'"ac{letter}me"'):
        _, (error,) = rest("GET", "/search", params={"q": f"FIND {{{words}}} RETURNING Account"})
        assert f"mismatched character '{letter}' expecting '}}'" in error["message"]
    assert found(f"FIND {{ac\\{letter}me}} RETURNING Account") == []


def test_a_search_by_its_parts(rest, people):
    params = {
        "q": "acme",
        "sobject": "Account,Contact",
        "Account.fields": "Id,Name",
        "Account.where": "Name LIKE 'A%'",
        "Contact.fields": "Id,Email",
        "Contact.limit": 1,
    }
    status, body = rest("GET", "/parameterizedSearch", params=params)
    assert status == 200
    shown = [{k: v for k, v in one.items() if k != "attributes"} for one in body["searchRecords"]]
    assert [one.get("Name") or one.get("Email") for one in shown] == [
        "Acme Corporation", "jane.doe@acme.example",
    ]  # fmt: skip
    asked = {"q": "acme", "in": "NAME", "sobjects": [{"name": "Account"}], "overallLimit": 5}
    status, body = rest("POST", "/parameterizedSearch", asked)
    assert [people[one["Id"]] for one in body["searchRecords"]] == ["acme"]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"q": "acme", "in": "NOWHERE"},
        {"q": "acme", "sobjects": ["Account"]},
        {"q": "acme", "sobjects": [{"name": "Account", "fields": ["Id) FROM X"]}]},
        {"q": "acme", "sobjects": [{"name": "Account", "where": "Name = 'x') OR (Id != null"}]},
        {"q": "acme", "sobjects": [{"name": "Account", "limit": -1}]},
        {"q": "acme", "overallLimit": 2001},
    ],
)
def test_parts_that_make_no_search(rest, people, asked):
    assert rest.refusal("POST", "/parameterizedSearch", asked)[0] == 400


def test_a_search_over_soap(rest, local, admin, people):
    about = header(local.start_session(admin).token)

    def search(text):
        body = f"<search><searchString>{text}</searchString></search>"
        return call(rest.session, body, headers=about)

    answer = search("FIND {jane} RETURNING Contact(Id, Email)")
    found = etree.fromstring(answer.content)
    assert [one.text for one in found.iterfind(".//{*}Email")] == ["jane.doe@acme.example"]
    assert search("FIND {nobody} RETURNING Contact").status_code == 200
    assert fault(search("FIND {x}"))[:2] == ("sf:MALFORMED_SEARCH", "MalformedSearchFault")


def test_a_search_through_simple_salesforce(anonymous, local, admin, people):
    sf = Salesforce(
        session_id=local.start_session(admin).token,
        instance_url="https://127.0.0.1:8787",
        session=anonymous.session,
        version="62.0",
    )
    found = sf.search("FIND {Bolt} RETURNING Account(Name)")
    assert [one["Name"] for one in found["searchRecords"]] == ["Bolt"]
    assert sf.quick_search("Bolt")["searchRecords"]
