"""Several calls or records in one request."""

import pytest

BASE = "/services/data/v62.0"


def sub(method, path, name, body=None):
    request = {"method": method, "url": f"{BASE}{path}", "referenceId": name}
    return request | ({"body": body} if body is not None else {})


def composite(rest, *requests, **more):
    status, body = rest("POST", "/composite", {"compositeRequest": list(requests), **more})
    assert status == 200, body
    return {one["referenceId"]: one for one in body["compositeResponse"]}


def record(type_, **values):
    return {"attributes": {"type": type_}, **values}


def test_a_later_call_uses_the_answer_of_an_earlier_one(rest):
    answers = composite(
        rest,
        sub("POST", "/sobjects/Account", "acme", {"Name": "Acme"}),
        sub("POST", "/sobjects/Contact", "jane", {"LastName": "Doe", "AccountId": "@{acme.id}"}),
        sub("GET", "/query?q=SELECT Id FROM Contact WHERE AccountId = '@{acme.id}'", "found"),
        sub("GET", "/sobjects/Contact/@{found.records[0].Id}?fields=Name", "row"),
    )
    assert [one["httpStatusCode"] for one in answers.values()] == [201, 201, 200, 200]
    assert answers["row"]["body"]["Name"] == "Doe"
    location = f"{BASE}/sobjects/Account/{answers['acme']['body']['id']}"
    assert answers["acme"]["httpHeaders"] == {"Location": location}


def test_a_reference_to_nothing_halts_that_call_only(rest):
    answers = composite(
        rest,
        sub("POST", "/sobjects/Account", "acme", {}),
        sub("POST", "/sobjects/Contact", "jane", {"LastName": "Doe", "AccountId": "@{acme.id}"}),
        sub("POST", "/sobjects/Account", "other", {"Name": "Other"}),
    )
    assert answers["acme"]["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert answers["jane"]["httpStatusCode"] == 400
    assert answers["jane"]["body"] == [
        {
            "errorCode": "PROCESSING_HALTED",
            "message": "Invalid reference specified. No value for acme.id found in acme",
        }
    ]
    assert rest.rows("SELECT Name FROM Account") == [{"Name": "Other"}]


def test_all_or_none_leaves_nothing_behind(rest):
    answers = composite(
        rest,
        sub("POST", "/sobjects/Account", "acme", {"Name": "Acme"}),
        sub("POST", "/sobjects/Contact", "jane", {}),
        allOrNone=True,
    )
    assert answers["acme"]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert answers["jane"]["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert rest.rows("SELECT Name FROM Account") == []


def test_setup_and_data_objects_are_not_written_together(rest, admin):
    answers = composite(
        rest,
        sub("POST", "/sobjects/Account", "acme", {"Name": "Acme"}),
        sub("PATCH", f"/sobjects/User/{admin}", "user", {"Title": "Boss"}),
        allOrNone=True,
    )
    assert answers["user"]["body"][0]["errorCode"] == "MIXED_DML_OPERATION"
    assert answers["user"]["body"][0]["message"].endswith(
        "(or vice versa): User, original object: Account"
    )
    assert rest.rows("SELECT Name FROM Account") == []


def test_describes_and_long_queries_inside(rest):
    names = ",".join(f"'user{i}@acme.example'" for i in range(2000))
    answers = composite(
        rest,
        sub("GET", "/sobjects/Contact/describe", "fields"),
        sub("GET", f"/query?q=SELECT Id FROM User WHERE Username IN ({names})", "users"),
    )
    assert answers["fields"]["body"]["name"] == "Contact"
    assert answers["users"]["body"] == {"totalSize": 0, "done": True, "records": []}


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ([sub("GET", "/limits", f"r{i}") for i in range(26)],
         "The request can\N{RIGHT SINGLE QUOTATION MARK}t contain more than 25 operations."),
        ([sub("GET", "/query?q=SELECT Id FROM Account", f"r{i}") for i in range(6)],
         "at most 5 query or collection subrequests are allowed"),
    ],
)  # fmt: skip
def test_too_many_calls(rest, requests, message):
    error = {"message": message, "errorCode": "LIMIT_EXCEEDED"}
    assert rest("POST", "/composite", {"compositeRequest": requests}) == (
        200,
        {
            "compositeResponse": [
                {"body": [error], "httpHeaders": {}, "httpStatusCode": 400, "referenceId": None}
            ]
        },
    )


def test_at_most_ten_runs_of_one_type(rest):
    records = [
        record("Account", Name=f"A{i}") if i % 2 else record("Contact", LastName=f"C{i}")
        for i in range(11)
    ]
    assert rest("POST", "/composite/sobjects", {"records": records[:10]})[0] == 200
    assert rest.refusal("POST", "/composite/sobjects", {"records": records})[2] == (
        "Cannot have more than 10 chunks in a single operation. Please rearrange the data to reduce"
        " chunking."
    )


@pytest.mark.parametrize("inner", [True, False])
def test_all_or_none_of_the_whole_overrules_that_of_a_collection(rest, inner):
    answers = composite(
        rest,
        sub("POST", "/sobjects/Account", "first", {"Name": "First"}),
        sub("POST", "/composite/sobjects", "many",
            {"allOrNone": inner, "records": [record("Account", Name="A"), record("Account")]}),
        allOrNone=True,
    )  # fmt: skip
    assert [one["errors"][0]["statusCode"] for one in answers["many"]["body"]] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING",
    ]  # fmt: skip
    assert answers["first"]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert rest.rows("SELECT Name FROM Account") == []


def test_a_reference_to_a_null_field_is_null(rest):
    id_ = rest.create("Contact", LastName="Doe")
    calls = (
        sub("GET", f"/sobjects/Contact/{id_}?fields=FirstName", "jane"),
        sub("POST", "/sobjects/Contact", "copy",
            {"LastName": "Copy", "FirstName": "@{jane.FirstName}"}),
    )  # fmt: skip
    assert composite(rest, *calls)["copy"]["httpStatusCode"] == 201
    rest.base = rest.base.replace("62.0", "51.0")
    older = composite(
        rest, *({**call, "url": call["url"].replace("62.0", "51.0")} for call in calls)
    )
    assert older["copy"]["httpStatusCode"] == 400
    assert older["copy"]["body"][0]["message"].startswith("Invalid reference specified. No value")


@pytest.mark.parametrize(
    "flaw",
    [
        {"referenceId": "a b"}, {"referenceId": "a[1]"}, {"referenceId": ""}, {"referenceId": None},
        {"httpHeaders": {"Content-Type": "application/json"}}, {"httpHeaders": {"accept": "*/*"}},
        {"httpHeaders": {"Authorization": "Bearer x"}},
    ],
)  # fmt: skip
def test_a_flawed_call_fails_the_whole(rest, flaw):
    calls = [sub("POST", "/sobjects/Account", "good", {"Name": "A"}),
             sub("POST", "/sobjects/Account", "bad", {"Name": "B"}) | flaw]  # fmt: skip
    assert rest.refusal("POST", "/composite", {"compositeRequest": calls})[0] == 400
    assert rest.rows("SELECT Name FROM Account") == []


def test_a_reference_id_is_used_once(rest):
    calls = [sub("POST", "/sobjects/Account", "a", {"Name": name}) for name in "AB"]
    assert rest.refusal("POST", "/composite", {"compositeRequest": calls})[0] == 400
    assert rest.rows("SELECT Name FROM Account") == []


def test_methods_are_in_capitals(rest):
    answers = composite(rest, sub("post", "/sobjects/Account", "a", {"Name": "A"}))
    assert answers["a"]["httpStatusCode"] == 405


def test_the_composite_resources_are_listed(rest):
    assert rest("GET", "/composite") == (200, {
        name: f"/services/data/v62.0/composite/{name}"
        for name in ("tree", "batch", "sobjects", "graph")
    })  # fmt: skip


def test_what_is_not_there_is_told_row_by_row(rest):
    gone = rest.create("Account", Name="Gone")
    rest("DELETE", f"/sobjects/Account/{gone}")
    never = "001000000000000AAA"
    expected = ["ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY"]
    records = [record("Account", id=id_, Name="B") for id_ in (gone, never)]
    for answer in (
        rest("PATCH", "/composite/sobjects", {"records": records}),
        rest("DELETE", f"/composite/sobjects?ids={gone},{never}"),
    ):
        assert answer[0] == 200
        assert [one["errors"][0]["statusCode"] for one in answer[1]] == expected


def test_records_succeed_and_fail_one_by_one(rest):
    status, body = rest(
        "POST",
        "/composite/sobjects",
        {
            "records": [
                record("Account", Name="A"),
                record("Account"),
                record("Contact", LastName="C"),
            ]
        },
    )
    assert status == 200
    assert [result["success"] for result in body] == [True, False, True]
    assert body[1] == {
        "success": False,
        "errors": [
            {
                "statusCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [Name]",
                "fields": ["Name"],
            }
        ],
    }


def test_records_all_or_none(rest):
    records = [record("Account", Name="A"), record("Account")]
    status, body = rest("POST", "/composite/sobjects", {"allOrNone": True, "records": records})
    assert status == 200
    assert [r["errors"][0]["statusCode"] for r in body] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
    ]
    assert rest.rows("SELECT Id FROM Account") == []


def test_records_are_changed_and_deleted_by_id(rest):
    ids = [rest.create("Account", Name=name) for name in "AB"]
    missing = "001Lo0000000999IAA"
    _, body = rest(
        "PATCH",
        "/composite/sobjects",
        {"records": [record("Account", id=id_, Name="X") for id_ in [*ids, missing]]},
    )
    assert [r["success"] for r in body] == [True, True, False]
    assert rest.rows("SELECT Name FROM Account") == [{"Name": "X"}] * 2
    _, body = rest("DELETE", f"/composite/sobjects?ids={ids[0]},nonsense")
    assert body[0] == {"id": ids[0], "success": True, "errors": []}
    assert body[1]["errors"][0]["statusCode"] == "MALFORMED_ID"
    _, body = rest("GET", f"/composite/sobjects/Account?ids={','.join(ids)}&fields=Name")
    assert (body[0], body[1]["Name"]) == (None, "X")


def test_records_that_are_named_twice_are_refused_each_time(rest):
    first, second = (
        rest.create("Contact", LastName=name, Email=f"{name}@x.example") for name in "ab"
    )
    records = [record("Contact", id=id_, LastName="X") for id_ in (first, second, first[:15])]
    _, body = rest("PATCH", "/composite/sobjects", {"records": records})
    assert [r["success"] for r in body] == [False, True, False]
    assert body[0]["errors"] == [
        {"statusCode": "DUPLICATE_VALUE", "message": f"Duplicate id specified: {first}",
         "fields": ["Id"]}
    ]  # fmt: skip
    records = [
        record("Contact", LastName="Y", Email=mail) for mail in ("a@x.example", "A@x.example")
    ]
    _, body = rest("PATCH", "/composite/sobjects/Contact/Email", {"records": records})
    assert [r["errors"][0]["message"] for r in body] == [
        "Duplicate external id specified: a@x.example",
        "Duplicate external id specified: A@x.example",
    ]
    found = rest.rows("SELECT LastName FROM Contact ORDER BY LastName")
    assert found == [{"LastName": "a"}, {"LastName": "X"}]


def test_upserting_many(rest):
    first = rest.create("Contact", LastName="Doe", Email="jane@acme.example")
    records = [
        record("Contact", LastName="Dow", Email="Jane@acme.example"),
        record("Contact", LastName="Roe", Email="rick@acme.example"),
    ]
    status, body = rest("PATCH", "/composite/sobjects/Contact/Email", {"records": records})
    assert status == 200
    assert [(r["success"], r["created"]) for r in body] == [(True, False), (True, True)]
    assert body[0]["id"] == first
    _, body = rest(
        "PATCH",
        "/composite/sobjects/Account/Id",
        {"records": [record("Account", Id=None, Name="N")]},
    )
    assert body[0]["created"] is True


def test_users_and_accounts_do_not_go_in_one_collection(rest):
    records = [record("Account", Name="A"), record("User", LastName="Doe")]
    status, code, *_ = rest.refusal("POST", "/composite/sobjects", {"records": records})
    assert (status, code) == (400, "MIXED_DML_OPERATION")


def test_at_most_200_records(rest):
    records = [record("Account", Name=f"A{i}") for i in range(201)]
    assert rest.refusal("POST", "/composite/sobjects", {"records": records})[1:3] == (
        "EXCEEDED_ID_LIMIT",
        "record limit reached. cannot submit more than 200 records into this call",
    )
    _, body = rest("POST", "/composite/sobjects", {"records": records[:200]})
    assert all(result["success"] for result in body)
