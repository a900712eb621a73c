"""A Select as SOQL: quoted, alternatives joined, and never longer than Salesforce takes."""

from __future__ import annotations

import pytest

from provisioner.model.operations import Newest, Select
from provisioner.model.resource import Lookup
from provisioner.org import soql
from provisioner.org.errors import Refused


@pytest.mark.parametrize(
    ("select", "queries"),
    [
        (Select("User", ("Username",)), ["SELECT Id, Username FROM User"]),
        (
            Select("Account", ("Id", "Owner.UserRoleId"), (("Name", ("Acme",)),)),
            ["SELECT Id, Owner.UserRoleId FROM Account WHERE Name IN ('Acme')"],
        ),
        (
            Select(
                "Account", ("Id",), (("AccountNumber", ("1", "2", "1")), ("Name", ("O'Brien",)))
            ),
            ["SELECT Id FROM Account WHERE AccountNumber IN ('1','2') OR Name IN ('O\\'Brien')"],
        ),
        (Select("Contact", ("Id",), (("Email", ()),)), []),
    ],
)
def test_a_select_as_soql(select, queries):
    assert soql.selects(select) == queries


def test_a_long_select_is_cut_and_loses_no_value():
    emails = tuple(f"person.{n}@acme.example" for n in range(9_000))
    select = Select("Contact", ("Email",), (("Email", emails), ("Name", ("A", "B"))))
    queries = soql.selects(select)
    assert len(queries) == 3
    assert all(len(query) <= 90_000 for query in queries)
    text = "".join(queries)
    assert all(text.count(f"'{email}'") == 1 for email in emails[::97])
    assert queries[-1].endswith(" OR Name IN ('A','B')")


@pytest.mark.parametrize(
    "select",
    [
        Select("User", ("Id FROM User--",)),
        Select("User WHERE Name", ("Id",)),
        Select("User", ("Id",), (("Name) OR (Id", ("x",)),)),
    ],
)
def test_what_is_no_name_never_reaches_the_query(select):
    with pytest.raises(Refused, match="INVALID_FIELD"):
        soql.selects(select)


@pytest.mark.parametrize(
    ("lookup", "query"),
    [
        (
            Lookup("Profile", (("Name", "It's"), ("UserType", "Standard"))),
            "SELECT Id FROM Profile WHERE Name = 'It\\'s' AND UserType = 'Standard'",
        ),
        (
            Lookup("User", (("IsActive", True), ("ManagerId", None), ("Level__c", 3))),
            "SELECT Id FROM User WHERE IsActive = true AND ManagerId = null AND Level__c = 3",
        ),
    ],
)
def test_a_lookup_as_soql(lookup, query):
    assert soql.lookup(lookup) == query


def test_the_newest_rows_are_asked_for_in_one_query():
    query = Newest(
        "User",
        ("Id", "Username"),
        20,
        within=(("ProfileId", ("00e1", "00e2")), ("IsActive", (True,))),
        without=(("CreatedBy.Username", ("o'neil@acme.example",)),),
    )
    assert soql.newest(query) == (
        "SELECT Id, Username FROM User WHERE ProfileId IN ('00e1','00e2') AND IsActive IN (true)"
        r" AND CreatedBy.Username NOT IN ('o\'neil@acme.example')"
        " ORDER BY CreatedDate DESC LIMIT 20"
    )
    assert soql.newest(Newest("User", ("Name",), 1)).endswith(
        "FROM User ORDER BY CreatedDate DESC LIMIT 1"
    )


def test_the_recycle_bin_is_asked_for_what_is_deleted():
    query = Newest("Contact", ("Email",), 5, within=(("Email", ("a@b.example",)),), deleted=True)
    assert soql.newest(query) == (
        "SELECT Id, Email FROM Contact WHERE Email IN ('a@b.example') AND IsDeleted = TRUE"
        " ORDER BY CreatedDate DESC LIMIT 5"
    )
