"""The reach of SOQL beyond the everyday: functions, scopes, joins, and no text that breaks it."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.lifecycle.first_day import open_org
from provisioner.emulator.soql import run, scope

NESTED = (
    "Semi join sub-selects are only allowed at the top level WHERE expressions and not in"
    " nested WHERE expressions"
)
SEMI_JOIN = "SELECT AccountId FROM Contact WHERE AccountId IN (SELECT Id FROM Account)"


@pytest.fixture
def rows(local, admin):
    # At noon in Los Angeles the day of UTC and that of the user are one: `DAY_ONLY` is in
    # UTC, `TODAY` in the time zone of the user. (SOQL guide, date functions, date literals)
    local.set_clock(datetime(2026, 3, 18, 19, tzinfo=UTC))
    acme = local.insert("Account", {"Name": "Acme", "AnnualRevenue": 1234.5}, by=admin)
    for subject, status, owner in (("a", "New", admin), ("b", "Closed", admin)):
        values = {"Subject": subject, "Status": status, "OwnerId": owner, "AccountId": acme}
        local.insert("Case", values, by=admin)
    queue = local.insert("Group", {"Name": "Queue", "Type": "Queue"}, by=admin)
    local.insert("Case", {"Subject": "c", "Status": "New", "OwnerId": queue}, by=admin)
    return {"acme": acme, "queue": queue}


def subjects(rest, condition):
    found = rest.rows(f"SELECT Subject FROM Case WHERE {condition} ORDER BY Subject")
    return "".join(row["Subject"] for row in found)


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("Owner.Type = 'Queue'", ""),
        ("Owner.Type = 'User'", "ab"),
        ("Owner.Type = 'Group'", "c"),
        ("Owner.Name = 'Queue'", "c"),
        ("Owner.Profile.Name = 'System Administrator'", "ab"),
        ("CALENDAR_YEAR(CreatedDate) > 2020", "abc"),
        ("HOUR_IN_DAY(CreatedDate) > 23", ""),
        ("DAY_ONLY(CreatedDate) = TODAY", "abc"),
        ("toLabel(Status) = 'Closed'", "b"),
        ("CreatedDate = THIS_FISCAL_YEAR", "abc"),
        ("CreatedDate = N_MONTHS_AGO:1", ""),
        ("CreatedDate > LAST_N_FISCAL_QUARTERS:2", "abc"),
        ("CreatedDate = NEXT_N_QUARTERS:1", ""),
        ("CreatedDate > N_YEARS_AGO:1", "abc"),
        ("Subject = '\\u0061'", "a"),
        ("AccountId IN (SELECT Id FROM Account) AND OwnerId IN (SELECT Id FROM User)", "ab"),
    ],
)
def test_conditions(rest, rows, local, condition, found):
    if "N_FISCAL" in condition or "N_YEARS" in condition:
        condition = condition.replace(">", ">=")
    assert subjects(rest, condition) == found


def test_an_owner_of_several_kinds_is_a_name(rest, rows, admin):
    (found,) = rest.query("SELECT Owner.Name, Owner.Type FROM Case WHERE Subject = 'c'")["records"]
    assert found["Owner"] == {
        "attributes": {
            "type": "Name",
            "url": f"/services/data/v62.0/sobjects/Group/{rows['queue']}",
        },
        "Name": "Queue",
        "Type": "Group",
    }


def test_functions_in_select(rest, rows):
    assert rest.rows("SELECT toLabel(Status), toLabel(Priority) p FROM Case LIMIT 1") == [
        {"Status": "New", "p": "Medium"}
    ]
    assert rest.rows("SELECT FORMAT(AnnualRevenue) shown, AnnualRevenue FROM Account") == [
        {"shown": "$1,234.50", "AnnualRevenue": 1234.5}
    ]
    assert rest.rows("SELECT FORMAT(MAX(AnnualRevenue)) most FROM Account") == [
        {"most": "$1,234.50"}
    ]


def test_groups(rest, rows):
    year = rest.rows("SELECT CALENDAR_YEAR(CreatedDate) y, COUNT(Id) n FROM Case"
                     " GROUP BY CALENDAR_YEAR(CreatedDate)")  # fmt: skip
    assert [row["n"] for row in year] == [3]
    found = rest.rows(
        "SELECT Status, COUNT(Id), COUNT_DISTINCT(OwnerId) owners FROM Case"
        " GROUP BY Status HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) DESC"
    )
    assert found == [{"Status": "New", "expr0": 2, "owners": 2}]


def test_scopes_and_purposes(rest, rows, local, admin):
    mine = "SELECT Subject FROM Case USING SCOPE mine ORDER BY Subject"
    assert [row["Subject"] for row in rest.rows(mine)] == ["a", "b"]
    everything = "SELECT Id FROM Case USING SCOPE everything WITH SECURITY_ENFORCED LIMIT 5"
    assert len(rest.rows(everything)) == 3
    assert len(rest.rows("SELECT Id FROM Case WITH USER_MODE")) == 3
    rest.query("SELECT Id FROM Account FOR VIEW")
    (row,) = local.select("Account")
    assert None not in (row["LastViewedDate"], row["LastReferencedDate"])
    assert len(rest.rows("SELECT Id FROM Account FOR REFERENCE")) == 1
    assert len(rest.rows("SELECT Id FROM Account FOR UPDATE")) == 1


def test_several_values_in_one_field(rest, rows, local, admin):
    local.add_custom_field("Case", "Tags__c | multipicklist 255 | Tags | cun")
    a, b, _ = local.find("Case")
    local.update("Case", a, {"Tags__c": "red;green"}, by=admin)
    local.update("Case", b, {"Tags__c": "green;blue"}, by=admin)
    assert subjects(rest, "Tags__c INCLUDES ('red')") == "a"
    assert subjects(rest, "Tags__c INCLUDES ('green;blue', 'red')") == "ab"
    assert subjects(rest, "Tags__c EXCLUDES ('red')") == "bc"
    refused = rest.refusal("GET", "/query", params={"q": "SELECT Id FROM Case WHERE Status"
                           " INCLUDES ('New')"})  # fmt: skip
    assert refused[1] == "INVALID_QUERY_FILTER_OPERATOR"


def test_children_of_children(rest, local, admin, rows):
    local.insert("Contact", {"LastName": "Doe", "AccountId": rows["acme"]}, by=admin)
    found = rest.query("SELECT Name, (SELECT LastName, (SELECT Id FROM Cases) FROM Contacts),"
                       " (SELECT Subject FROM Cases WHERE Status = 'New') FROM Account")  # fmt: skip
    (account,) = found["records"]
    assert account["Contacts"]["records"][0]["Cases"] is None
    assert [row["Subject"] for row in account["Cases"]["records"]] == ["a"]


def test_long_conditions(rest, rows):
    """More than SQLite takes as a chain, or as parameters."""
    chain = " OR ".join(f"Subject = '{i}'" for i in range(3000))
    url = "/composite"
    for condition in (chain, "Subject IN (" + ",".join(f"'{i}'" for i in range(12000)) + ",'a')"):
        soql = f"SELECT Id FROM Case WHERE {condition}"
        known = rows_org(rest).catalog()
        context = scope.Context(rows_org(rest), known, url, "005000000000000AAA")
        assert run.run(context, soql)["totalSize"] == condition.endswith(",'a')")


def rows_org(rest):
    adapter = rest.session.get_adapter("http://127.0.0.1:8787")
    return adapter._app.extensions["local org"]


@pytest.mark.parametrize(
    ("soql", "code", "message"),
    [
        ("SELECT convertCurrency(AnnualRevenue) FROM Account", "MALFORMED_QUERY",
         "convertCurrency() is only valid in a multi-currency organization"),
        ("SELECT Id, DISTANCE(BillingAddress, GEOLOCATION(1.5, -2), 'mi') d FROM Account",
         "MALFORMED_QUERY", "DISTANCE is not served by the local org"),
        ("SELECT Id FROM Account WHERE Distance (BillingAddress, GEOLOCATION(1,2), 'km') < 5",
         "MALFORMED_QUERY", "DISTANCE is not served by the local org"),
        ("SELECT Id FROM Account ORDER BY DISTANCE(BillingAddress, GEOLOCATION(1,2), 'mi') DESC",
         "MALFORMED_QUERY", "DISTANCE is not served by the local org"),
        ("SELECT COUNT(Id) FROM Account GROUP BY ROLLUP(BillingCountry, BillingCity)",
         "MALFORMED_QUERY", "ROLLUP is not served by the local org"),
        ("SELECT GROUPING(Name) FROM Account GROUP BY cube (Name) HAVING COUNT(Id) > 1",
         "MALFORMED_QUERY", "CUBE is not served by the local org"),
        ("SELECT COUNT(Id) FROM Account GROUP BY Name HAVING GROUPING(Name) = 1",
         "MALFORMED_QUERY", "GROUPING is only allowed with GROUP BY ROLLUP or GROUP BY CUBE"),
        ("SELECT Id FROM Case UPDATE VIEWSTAT", "MALFORMED_QUERY",
         "UPDATE is not served by the local org"),
        ("SELECT Id FROM Case ALL ROWS", "MALFORMED_QUERY",
         "ALL ROWS not allowed in this context"),
        ("SELECT Subject s FROM Case", "MALFORMED_QUERY",
         "only aggregate expressions use field aliasing"),
        ("SELECT COUNT(Id) FROM Case LIMIT 1", "MALFORMED_QUERY",
         "Non-grouped query that uses overall aggregate functions cannot also use LIMIT"),
        ("SELECT Id FROM Case WHERE COUNT(Id) > 1", "MALFORMED_QUERY",
         "Aggregate functions are not allowed in WHERE"),
        ("SELECT Id FROM Case ORDER BY COUNT(Id)", "MALFORMED_QUERY",
         "Aggregate functions need GROUP BY"),
        ("SELECT Status FROM Case GROUP BY Status HAVING Subject = 'a'", "MALFORMED_QUERY",
         "Field must be grouped or aggregated: Subject"),
        ("SELECT Status FROM Case GROUP BY Status ORDER BY Subject", "MALFORMED_QUERY",
         "Ordered field must be grouped or aggregated: Subject"),
        ("SELECT Status, COUNT(Status) FROM Case GROUP BY Status", "MALFORMED_QUERY",
         "Grouped field should not be aggregated: Status"),
        ("SELECT Id FROM Case HAVING Status = 'New'", "MALFORMED_QUERY", "HAVING needs GROUP BY"),
        ("SELECT CALENDAR_YEAR(CreatedDate) FROM Case", "MALFORMED_QUERY",
         "CALENDAR_YEAR needs GROUP BY"),
        ("SELECT Id FROM Case WHERE CALENDAR_YEAR(Subject) = 1", "INVALID_FIELD",
         "field Subject does not support CALENDAR_YEAR"),
        ("SELECT SUM(Subject) FROM Case", "MALFORMED_QUERY",
         "field Subject does not support aggregate operator SUM"),
        ("SELECT Id FROM Case USING SCOPE nonsense", "INVALID_QUERY_SCOPE",
         "scope nonsense is not supported on Case"),
        ("SELECT Id FROM Case WHERE CreatedDate > 2026-99-01T00:00:00Z",
         "INVALID_QUERY_FILTER_OPERATOR",
         "date or time is outside the calendar: 2026-99-01T00:00:00Z"),
        ("SELECT Id FROM Case WHERE CreatedDate > LAST_N_DAYS:999999999",
         "INVALID_QUERY_FILTER_OPERATOR",
         "date or time is outside the calendar: LAST_N_DAYS:999999999"),
        ("SELECT Id FROM Case WHERE Subject = '\\x'", "MALFORMED_QUERY",
         "Invalid string literal '\\x'. Illegal character sequence '\\x' in string literal."),
        ("SELECT Id FROM Case WHERE AccountId IN (SELECT Id FROM Account) OR Subject = 'a'",
         "MALFORMED_QUERY", NESTED),
        ("SELECT Id FROM Account WHERE Id IN (SELECT ParentId FROM Account)", "MALFORMED_QUERY",
         "The inner and outer selects should not be on the same object type"),
        (f"SELECT Id FROM Case WHERE AccountId IN ({SEMI_JOIN})", "MALFORMED_QUERY",
         "Nesting of semi join sub-selects is not supported"),
        ("SELECT Id FROM Case WHERE Subject IN (SELECT Id FROM Account)",
         "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on string field"),
        ("SELECT Id, (SELECT COUNT(Id) FROM Cases) FROM Account", "MALFORMED_QUERY",
         "only root queries support aggregate expressions"),
        ("SELECT Id FROM Case WHERE AccountId IN (SELECT Id FROM Contact)", "MALFORMED_QUERY",
         ("The selected field 'Id' in the subquery and the left operand field in the where"
          " expression in the outer query 'AccountId' should point to the same object type")),
        ("SELECT Id FROM Account WHERE Id IN (SELECT Subject FROM Case)", "MALFORMED_QUERY",
         "semi join sub selects can only query id fields, cannot use: 'Subject'"),
        ("SELECT Id FROM Case LIMIT 1.5", "MALFORMED_QUERY", "unexpected token: '.'"),
        ("SELECT Id FROM Case WHERE " + "NOT " * 5000 + "Subject = 'a'", "QUERY_TOO_COMPLICATED",
         "Query is either selecting too many fields or the filter conditions are too complicated."),
    ],
)  # fmt: skip
def test_refusals(local, admin, soql, code, message):
    context = scope.Context(local, local.catalog(), "/x", admin)
    with pytest.raises(SalesforceError) as caught:
        run.run(context, soql)
    assert (caught.value.code, caught.value.message.rpartition("\n")[2]) == (code, message)


_TEXT = (
    "SELECT FROM WHERE AND OR NOT IN LIKE INCLUDES EXCLUDES GROUP BY ORDER HAVING LIMIT OFFSET"
    " ASC DESC NULLS FIRST LAST USING SCOPE WITH FOR VIEW UPDATE ALL ROWS TYPEOF WHEN THEN END"
    " COUNT() COUNT( SUM( MAX( toLabel( FORMAT( CALENDAR_YEAR( DAY_ONLY( FIELDS(ALL) ROLLUP( ( )"
    " , = != < >= . : Id Name Account Contact Case Owner Owner.Name Contacts Status CreatedDate"
    " IsDeleted AnnualRevenue BillingAddress 1 0 -1.5 99999999999999999999 'a' '%' '\\\\' '\\u0041'"
    " null true TODAY LAST_N_DAYS:3 N_YEARS_AGO:9999 2026-01-01 2026-13-45 2026-01-01T00:00:00Z"
    " mine x"
)
_WORDS = st.sampled_from(_TEXT.split())
_GOOD = st.sampled_from(
    ["SELECT Id FROM Account", "SELECT Name, (SELECT Id FROM Contacts) FROM Account",
     "SELECT Status, COUNT(Id) FROM Case GROUP BY Status", "SELECT COUNT() FROM Contact"]
)  # fmt: skip


@pytest.fixture(scope="module")
def context():
    org = open_org(":memory:")
    (admin,) = org.find("User")[:1]
    yield scope.Context(org, org.catalog(), "/services/data/v62.0", admin)
    org.close()


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(_WORDS, max_size=14).map(" ".join),
        st.tuples(_GOOD, st.lists(_WORDS, max_size=10).map(" ".join)).map(" ".join),
        st.tuples(_GOOD, st.just("WHERE"), st.lists(_WORDS, max_size=8).map(" ".join)).map(
            " ".join
        ),
    )
)
def test_no_text_breaks_it(context, text):
    with contextlib.suppress(SalesforceError):
        assert run.run(context, text).keys() >= {"totalSize", "done", "records"}


# -- letters beyond ASCII ----------------------------------------------------------------------


@pytest.fixture
def umlauts(rest):
    for name in ("Ärger", "Zorn", "ärger", "Ölmühle", "apfel", "ÉÈÊËÀÂ"):
        rest.create("Account", Name=name)


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("Name = 'ÄRGER'", ["Ärger", "ärger"]),
        ("Name != 'ÄRGER'", ["apfel", "ÉÈÊËÀÂ", "Ölmühle", "Zorn"]),
        ("Name LIKE 'öLM%'", ["Ölmühle"]),
        ("Name IN ('zorn', 'ärger')", ["Ärger", "ärger", "Zorn"]),
        ("Name NOT IN ('zorn', 'ärger')", ["apfel", "ÉÈÊËÀÂ", "Ölmühle"]),
        ("Name = 'éèêëàâ'", ["ÉÈÊËÀÂ"]),
        ("Name IN ('éèêëàâ', 'ZORN')", ["ÉÈÊËÀÂ", "Zorn"]),
        ("Name < 'b'", ["apfel", "Ärger", "ärger"]),
    ],
)
def test_text_compares_without_case_and_sorts_as_people_do(rest, umlauts, condition, names):
    found = [r["Name"] for r in rest.rows(f"SELECT Name FROM Account WHERE {condition}")]
    assert sorted(found) == sorted(names)
    ordered = [r["Name"] for r in rest.rows("SELECT Name FROM Account ORDER BY Name, Id")]
    assert ordered == ["apfel", "Ärger", "ärger", "ÉÈÊËÀÂ", "Ölmühle", "Zorn"]


def test_a_key_finds_its_record_in_any_case(rest, local):
    local.add_custom_field("Account", "Ext__c | string 30 | Ext | cun external unique")
    assert rest("PATCH", "/sobjects/Account/Ext__c/Größe", {"Name": "A"})[0] == 201
    assert rest("PATCH", "/sobjects/Account/Ext__c/GRÖßE", {"Name": "B"})[0] == 200


# -- kinds of parents, and time zones ----------------------------------------------------------


@pytest.fixture
def owned(rest, local, admin):
    """A case of the administrator and one of a queue's."""
    queue = local.insert("Group", {"Name": "Desk", "Type": "Queue"}, by=admin)
    for subject, owner in (("mine", admin), ("ours", queue)):
        id_ = rest.create("Case", Subject=subject)
        local.update("Case", id_, {"OwnerId": owner}, by=admin)


def test_typeof_selects_by_the_kind_of_parent(rest, owned):
    records = rest.query(
        "SELECT Subject, TYPEOF Owner WHEN User THEN Username, Profile.Name WHEN Group THEN Type"
        " END, Id FROM Case ORDER BY Subject"
    )["records"]
    assert [list(one) for one in records] == [["attributes", "Subject", "Owner", "Id"]] * 2
    mine, ours = (one["Owner"] for one in records)
    assert mine["attributes"]["type"] == "User"
    assert mine["Username"] == "portal.admin@acme.example"
    assert mine["Profile"]["Name"] == "System Administrator"
    assert (ours["attributes"]["type"], ours["Type"]) == ("Group", "Queue")


def test_typeof_has_an_else(rest, owned):
    select = "SELECT TYPEOF Owner WHEN Group THEN Type{} END FROM Case ORDER BY Subject"
    without = rest.query(select.format(""))["records"]
    assert [one["Owner"] and one["Owner"]["attributes"]["type"] for one in without] == [
        None, "Group",
    ]  # fmt: skip
    by_else = rest.query(select.format(" ELSE Name"))["records"]
    assert by_else[0]["Owner"]["Name"] == "Portal Admin"


@pytest.mark.parametrize(
    "typeof",
    [
        "TYPEOF Owner WHEN User THEN END", "TYPEOF Owner WHEN User Name END",
        "TYPEOF Owner WHEN User THEN Name, END", "TYPEOF Owner WHEN User THEN Name Id END",
        "TYPEOF Owner WHEN Account THEN Name END", "TYPEOF Account WHEN Account THEN Name END",
        "TYPEOF Nope WHEN User THEN Name END", "TYPEOF Owner WHEN User THEN Nope END",
        "TYPEOF Owner WHEN User THEN Name ELSE END", "COUNT(Id), TYPEOF Owner WHEN User THEN Id END",
    ],
)  # fmt: skip
def test_a_typeof_that_means_nothing(rest, typeof):
    status, code, *_ = rest.refusal("GET", "/query", params={"q": f"SELECT {typeof} FROM Case"})
    assert (status, code) in {(400, "MALFORMED_QUERY"), (400, "INVALID_FIELD")}


def test_hours_by_the_clock_of_the_user(rest, local, admin):
    local.set_clock(datetime(2026, 7, 1, 22, 30, tzinfo=UTC))
    rest.create("Account", Name="A")
    local.update("User", admin, {"TimeZoneSidKey": "Europe/Berlin"}, by=admin)
    (row,) = rest.rows(
        "SELECT HOUR_IN_DAY(CreatedDate) utc, HOUR_IN_DAY(convertTimezone(CreatedDate)) here,"
        " DAY_ONLY(convertTimezone(CreatedDate)) day FROM Account GROUP BY"
        " HOUR_IN_DAY(CreatedDate), HOUR_IN_DAY(convertTimezone(CreatedDate)),"
        " DAY_ONLY(convertTimezone(CreatedDate))"
    )
    assert row == {"utc": 22, "here": 0, "day": "2026-07-02"}
    for what in ("convertTimezone(CreatedDate)", "MAX(convertTimezone(CreatedDate))",
                 "HOUR_IN_DAY(convertTimezone(Name))", "GROUPING(Name)"):  # fmt: skip
        answer = rest("GET", "/query", params={"q": f"SELECT {what} FROM Account"})
        assert answer[0] == 400, answer


def columns(rest, soql):
    status, body = rest("GET", "/query", params={"q": soql, "columns": "true"})
    assert status == 200, body
    return body


def test_the_columns_of_a_query(rest):
    """`sf data query` asks for them before it prints a table."""
    body = columns(
        rest,
        "SELECT Id, Name, AnnualRevenue, Owner.Profile.Name, Owner.Username,"
        " (SELECT LastName FROM Contacts) FROM Account",
    )
    assert {name: body[name] for name in ("entityName", "groupBy", "idSelected", "keyPrefix")} == {
        "entityName": "Account", "groupBy": False, "idSelected": True, "keyPrefix": "001",
    }  # fmt: skip
    id_, name, revenue, owner, contacts = body["columnMetadata"]
    assert id_ == {
        "aggregate": False, "apexType": "Id", "booleanType": False, "columnName": "Id",
        "custom": False, "displayName": "Id", "foreignKeyName": None, "insertable": False,
        "joinColumns": [], "numberType": False, "textType": False, "updatable": False,
    }  # fmt: skip
    assert (name["apexType"], name["textType"], name["insertable"]) == ("String", True, True)
    assert (revenue["apexType"], revenue["numberType"]) == ("Decimal", True)
    assert (owner["columnName"], owner["foreignKeyName"]) == ("Owner", "OwnerId")
    profile, username = owner["joinColumns"]
    assert [one["columnName"] for one in profile["joinColumns"]] == ["Name"]
    assert username["columnName"] == "Username"
    assert (contacts["columnName"], contacts["aggregate"]) == ("Contacts", True)
    assert [one["columnName"] for one in contacts["joinColumns"]] == ["LastName"]


def test_the_columns_of_groups(rest):
    body = columns(rest, "SELECT UserType t, COUNT(Id), MAX(Name) m FROM User GROUP BY UserType")
    told = [(one["columnName"], one["displayName"]) for one in body["columnMetadata"]]
    assert told == [("t", "UserType"), ("expr0", "count(Id)"), ("m", "max(Name)")]
    assert body["groupBy"] is True
    assert columns(rest, "SELECT COUNT() FROM User")["columnMetadata"] == []


def test_columns_are_refused_as_the_query_is(rest):
    params = {"q": "SELECT Nope FROM Account", "columns": "true"}
    assert rest.refusal("GET", "/query", params=params)[1] == "INVALID_FIELD"
    params = {"q": "SELECT FullName FROM Profile", "columns": "true"}
    assert rest("GET", "/tooling/query", params=params)[1]["entityName"] == "Profile"
