"""SOQL over REST: what comes back, and what is refused in Salesforce's words."""

import pytest


@pytest.fixture
def people(rest, local, admin):
    ids = {}
    for name, city in (("Acme", "Berlin"), ("Bolt", None)):
        values = {"Name": name, "BillingCity": city, "NumberOfEmployees": len(city or "") or None}
        ids[name] = local.insert("Account", values, by=admin)
    for last, account, email in (
        ("Doe", "Acme", "jane@acme.example"),
        ("Dow", "Acme", None),
        ("Roe", "Bolt", "rick@bolt.example"),
        ("Loner", None, None),
    ):
        values = {"LastName": last, "AccountId": ids.get(account), "Email": email}
        ids[last] = local.insert("Contact", values, by=admin)
    return ids


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("LastName = 'DOE'", "Doe"),
        ("LastName != 'doe' AND Email = null", "Dow Loner"),
        ("Email != 'jane@acme.example'", "Dow Roe Loner"),
        ("LastName LIKE 'do_'", "Doe Dow"),
        ("NOT LastName LIKE 'D%'", "Roe Loner"),
        ("LastName LIKE '%\\\\%'", ""),
        ("LastName IN ('doe', 'roe')", "Doe Roe"),
        ("Email NOT IN ('jane@acme.example')", "Dow Roe Loner"),
        ("Email NOT IN ('jane@acme.example', null)", "Roe"),
        ("Email IN (null)", "Dow Loner"),
        ("(LastName = 'Doe' OR LastName = 'Dow') AND Email = null", "Dow"),
        ("Account.Name = 'acme'", "Doe Dow"),
        ("Account.Name != 'acme'", "Roe Loner"),
        ("Account.Owner.UserRole.Name = 'CEO'", "Doe Dow Roe"),
        ("AccountId IN (SELECT Id FROM Account WHERE BillingCity = 'Berlin')", "Doe Dow"),
        ("AccountId NOT IN (SELECT Id FROM Account WHERE BillingCity = 'Berlin')", "Roe Loner"),
        ("Account.NumberOfEmployees > 5", "Doe Dow"),
        ("Account.NumberOfEmployees <= 5", ""),
        ("LastName >= 'Dow' AND LastName < 'M'", "Dow Loner"),
        ("IsDeleted = false AND LastName = 'Roe'", "Roe"),
        ("CreatedDate = TODAY AND LastName = 'Roe'", "Roe"),
        ("CreatedDate > LAST_N_DAYS:3 AND LastName = 'Roe'", ""),
        ("CreatedDate >= 2020-01-01T00:00:00Z AND LastName = 'Roe'", "Roe"),
        ("CreatedDate < 2020-01-01T00:00:00+02:00", ""),
    ],
)
def test_conditions(rest, people, condition, names):
    rows = rest.rows(f"SELECT LastName FROM Contact WHERE {condition}")
    assert " ".join(row["LastName"] for row in rows) == names


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("LastName", "Doe Dow Loner Roe"),
        ("LastName DESC", "Roe Loner Dow Doe"),
        ("Email, LastName", "Dow Loner Doe Roe"),
        ("Email DESC NULLS LAST, LastName DESC", "Roe Doe Loner Dow"),
        ("Account.Name NULLS LAST, LastName", "Doe Dow Roe Loner"),
        ("LastName LIMIT 2", "Doe Dow"),
        ("LastName LIMIT 2 OFFSET 1", "Dow Loner"),
    ],
)
def test_orders(rest, people, order, names):
    rows = rest.rows(f"SELECT LastName FROM Contact ORDER BY {order}")
    assert " ".join(row["LastName"] for row in rows) == names


def test_parents_and_children(rest, people):
    base = "/services/data/v62.0/sobjects"
    assert rest.query("select id, account.name from contact where lastname = 'doe'") == {
        "totalSize": 1,
        "done": True,
        "records": [
            {
                "attributes": {"type": "Contact", "url": f"{base}/Contact/{people['Doe']}"},
                "Id": people["Doe"],
                "Account": {
                    "attributes": {"type": "Account", "url": f"{base}/Account/{people['Acme']}"},
                    "Name": "Acme",
                },
            }
        ],
    }
    (loner,) = rest.rows("SELECT Account.Owner.Name, Id FROM Contact WHERE LastName = 'Loner'")
    assert loner == {"Account": None, "Id": people["Loner"]}
    (acme,) = rest.rows(
        "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName DESC LIMIT 1),"
        " (SELECT Id FROM Cases) FROM Account a WHERE a.Name = 'Acme'"
    )
    assert acme["Contacts"]["totalSize"] == 1
    assert acme["Contacts"]["records"][0]["LastName"] == "Dow"
    assert acme["Cases"] is None


def test_counts_and_groups(rest, people):
    assert rest.query("SELECT COUNT() FROM Contact") == {
        "totalSize": 4, "done": True, "records": [],
    }  # fmt: skip
    assert rest.rows(
        "SELECT Account.Name, COUNT(Id) people, MIN(LastName), COUNT_DISTINCT(Email) FROM Contact"
        " GROUP BY Account.Name HAVING COUNT(Id) > 1"
    ) == [{"Name": "Acme", "people": 2, "expr0": "Doe", "expr1": 1}]
    assert rest.rows("SELECT SUM(NumberOfEmployees), AVG(NumberOfEmployees) FROM Account") == [
        {"expr0": 6, "expr1": 6.0}
    ]


def test_addresses_and_all_fields(rest, people):
    rows = rest.rows("SELECT BillingAddress FROM Account ORDER BY Name")
    assert rows[0]["BillingAddress"]["city"] == "Berlin"
    assert rows[1]["BillingAddress"] is None
    (row,) = rest.rows("SELECT FIELDS(ALL) FROM UserLicense WHERE Name = 'Salesforce' LIMIT 1")
    assert (row["TotalLicenses"], row["UsedLicenses"]) == (20, 1)


def test_all_fields_are_asked_for_since_version_51(rest):
    soql = "SELECT FIELDS(ALL) FROM Account LIMIT 1"
    old = rest.base.replace("v62.0", "v50.0")
    assert rest("GET", f"{old}/query", params={"q": soql}) == (
        400,
        [
            {
                "message": f"\n{soql}\n       ^\nERROR at Row:1:Column:8\nThe SOQL FIELDS function"
                " is not supported in this version of the API",
                "errorCode": "UNSUPPORTED_API_VERSION",
            }
        ],
    )


POINTS = {
    "SELECT Foo FROM Account": (
        "INVALID_FIELD",
        (
            "\nSELECT Foo FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Foo' on"
            " entity 'Account'. If you are attempting to use a custom field, be sure to append the"
            " '__c' after the custom field name. Please reference your WSDL or the describe"
            " call for"
            " the appropriate names."
        ),
    ),
    "select count() from XYZZY": (
        "INVALID_TYPE",
        (
            "\nselect count() from XYZZY\n                    ^\nERROR at"
            " Row:1:Column:21\nsObject type"
            " 'XYZZY' is not supported. If you are attempting to use a custom object, be"
            " sure to append"
            " the '__c' after the entity name. Please reference your WSDL or the describe"
            " call for the"
            " appropriate names."
        ),
    ),
    "invalid": ("MALFORMED_QUERY", "unexpected token: 'invalid'"),
    "SELECT Id FROM Account WHERE": ("MALFORMED_QUERY", "unexpected token: '<EOF>'"),
    "SELECT Id, From Account": (
        "MALFORMED_QUERY",
        (
            "\nSELECT Id, From Account\n           ^\nERROR at Row:1:Column:12\nunexpected token:"
            " 'From'"
        ),
    ),
    "SELECT Id\nFROM Account\nWHERE Nope = 1": (
        "INVALID_FIELD",
        (
            "\nWHERE Nope = 1\n      ^\nERROR at Row:3:Column:7\nNo such column 'Nope' on entity"
            " 'Account'. If you are attempting to use a custom field, be sure to append the"
            " '__c' after"
            " the custom field name. Please reference your WSDL or the describe call for the"
            " appropriate names."
        ),
    ),
    "SELECT Id FROM UserLicense WHERE UsedLicenses > 1": (
        "INVALID_FIELD",
        (
            "\nSELECT Id FROM UserLicense WHERE UsedLicenses > 1\n                          "
            "       ^\n"
            "ERROR at Row:1:Column:34\nfield 'UsedLicenses' can not be filtered in a query call"
        ),
    ),
}


@pytest.mark.parametrize("soql", POINTS)
def test_refusals_point_at_the_place(rest, soql):
    newest = f"{rest.base.rpartition('/')[0]}/v65.0/query"
    status, code, message, fields = rest.refusal("GET", newest, params={"q": soql})
    assert (status, code, message, fields) == (400, *POINTS[soql], None)


@pytest.mark.parametrize(
    ("soql", "code", "end"),
    [
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD",
         "field 'Name' must be of type string and should be enclosed in quotes"),
        ("SELECT Id FROM User WHERE IsActive = 'true'", "INVALID_FIELD",
         "field 'IsActive' must be of type boolean and should not be enclosed in quotes"),
        ("SELECT Id FROM User WHERE CreatedDate = '2020-01-01'", "INVALID_FIELD",
         "field 'CreatedDate' must be of type dateTime and should not be enclosed in quotes"),
        ("SELECT Id FROM Account WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR",
         "invalid ID field: x"),
        ("SELECT Foo.Id FROM Account", "INVALID_FIELD",
         ("Didn't understand relationship 'Foo' in field path. If you are attempting to"
          " use a custom"
         " relationship, be sure to append the '__r' after the custom relationship name. Please"
         " reference your WSDL or the describe call for the appropriate names.")),
        ("SELECT Id, (SELECT Id FROM Foos) FROM Account", "INVALID_TYPE",
         "Please reference your WSDL or the describe call for the appropriate names."),
        ("SELECT Id FROM Account ORDER BY Description", "INVALID_FIELD",
         "field 'Description' can not be sorted in a query call"),
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY",
         "Field must be grouped or aggregated: Name"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY",
         "The SOQL FIELDS function must have a LIMIT of at most 200"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE",
         "Maximum SOQL offset allowed is 2000"),
        ("SELECT Id, id FROM Account", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT Id FROM Account WHERE Name = 'x' OR Name = 'y' AND Name = 'z'", "MALFORMED_QUERY",
         "unexpected token: 'AND'"),
        ("SELECT Id FROM Account WHERE Name = 'x", "MALFORMED_QUERY",
         "mismatched character '<EOF>' expecting '''"),
        ("SELECT Id FROM Account WHERE Name IN ()", "MALFORMED_QUERY", "unexpected token: ')'"),
    ],
)  # fmt: skip
def test_refusals(rest, soql, code, end):
    status, got, message, _ = rest.refusal("GET", "/query", params={"q": soql})
    assert (status, got) == (400, code)
    assert message.endswith(end)


def test_pages(rest, local, admin):
    with local.transaction():
        for i in range(450):
            local.insert("Contact", {"LastName": f"Doe {i:03}"}, by=admin)
    small = {"Sforce-Query-Options": "batchSize=200"}
    soql = "SELECT LastName FROM Contact ORDER BY LastName DESC"
    page = rest.query(soql, headers=small)
    names = []
    # What happens meanwhile changes no page: a new contact stays out, a gone one leaves a gap.
    local.insert("Contact", {"LastName": "Doe 999"}, by=admin)
    while True:
        names += [row["LastName"] for row in page["records"]]
        assert page["totalSize"] == 450
        if page["done"]:
            break
        assert page["nextRecordsUrl"].startswith("/services/data/v62.0/query/0r8")
        path = page["nextRecordsUrl"].removeprefix("/services/data/v62.0")
        page = rest("GET", path)[1]
    assert names == [f"Doe {i:03}" for i in reversed(range(450))]
    assert rest.refusal("GET", "/query/0r8Lo0000009999IAA-200")[1] == "INVALID_QUERY_LOCATOR"


def test_the_tooling_api_knows_full_names_of_one_profile(rest):
    one = "SELECT FullName, Name FROM Profile WHERE Name = 'System Administrator' LIMIT 1"
    (row,) = rest("GET", "/tooling/query", params={"q": one})[1]["records"]
    assert row["FullName"] == "Admin"
    many = "SELECT FullName FROM Profile"
    refusal = rest.refusal("GET", "/tooling/query", params={"q": many})
    assert refusal[1] == "MALFORMED_QUERY"
    assert refusal[2].endswith("Result size: 11")
    assert rest.refusal("GET", "/query", params={"q": many})[1] == "INVALID_FIELD"


@pytest.mark.parametrize("where", ["Name = '{}'", "Name LIKE '{}'", "Name IN ('a', '{}')"])
def test_a_string_has_at_most_4000_characters(rest, where):
    soql = f"SELECT Id FROM Account WHERE {where}"
    assert rest.query(soql.format("x" * 4000))["records"] == []
    assert rest.refusal("GET", "/query", params={"q": soql.format("x" * 4001)})[:2] == (
        400, "MALFORMED_QUERY",
    )  # fmt: skip


def test_ids_are_in_an_order(rest):
    ids = [rest.create("Account", Name=f"A{n}") for n in range(4)]
    for operator, found in (("<", ids[:2]), ("<=", ids[:3]), (">", ids[3:]), (">=", ids[2:])):
        for shown in (ids[2], ids[2][:15]):
            soql = f"SELECT Id FROM Account WHERE Id {operator} '{shown}' ORDER BY Id"
            assert [row["Id"] for row in rest.rows(soql)] == found
    contact = rest.create("Contact", LastName="Doe")
    soql = f"SELECT Id FROM Contact WHERE NOT Account.Id > '{ids[0]}'"
    assert [row["Id"] for row in rest.rows(soql)] == [contact]


def test_children_count_for_the_size_of_a_page(rest, local, admin):
    few = {"Sforce-Query-Options": "batchSize=200"}
    for n in range(5):
        account = local.insert("Account", {"Name": f"A{n}"}, by=admin)
        for _ in range(70 if n else 210):
            local.insert("Contact", {"LastName": "Doe", "AccountId": account}, by=admin)
    soql = "SELECT Name, (SELECT Id FROM Contacts) FROM Account ORDER BY Name"
    body, pages = rest.query(soql, headers=few), []
    while True:
        pages.append([row["Name"] for row in body["records"]])
        assert body["totalSize"] == 5
        if body["done"]:
            break
        path = body["nextRecordsUrl"].removeprefix("/services/data/v62.0")
        body = rest("GET", path)[1]
    assert pages == [["A0"], ["A1", "A2"], ["A3", "A4"]]  # one record fits always
    assert len(rest.query("SELECT Name FROM Account", headers=few)["records"]) == 5
