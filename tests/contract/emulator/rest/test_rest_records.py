"""One record over REST: status codes, bodies and headers as Salesforce answers them."""

import pytest

MISSING = (404, "NOT_FOUND", "The requested resource does not exist", None)


def test_versions_need_no_login(anonymous):
    status, body = anonymous("GET", anonymous.base.removesuffix("/v62.0"))
    assert status == 200
    assert body[-1] == {"label": "Winter '26", "url": "/services/data/v65.0", "version": "65.0"}
    assert body[0]["label"] == "Summer '14"


def test_a_missing_or_wrong_token_is_refused_as_recorded(anonymous):
    for headers in ({}, {"Authorization": "Bearer 00Dxx!wrong"}):
        response = anonymous.send("GET", "/limits", headers=headers)
        assert response.status_code == 401
        assert response.json() == [
            {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
        ]
        assert response.headers["WWW-Authenticate"] == "Token"
        assert "no-store" in response.headers["Cache-Control"]
        assert "Sforce-Limit-Info" not in response.headers


@pytest.mark.parametrize("header", ["Bearer", "OAuth ", "Basic YTpi", "00Dxx!token"])
def test_a_header_of_another_kind_is_refused(anonymous, header):
    """As clients report it: restforce#489 (a header without a token)."""
    refused = anonymous.refusal("GET", "/limits", headers={"Authorization": header.strip()})
    assert refused == (401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", None)


def test_a_session_ends_after_two_hours(rest):
    assert rest("GET", "/limits")[0] == 200
    rest("POST", "http://127.0.0.1:8787/emulator/clock", {"advance": 7201})
    assert rest.refusal("GET", "/limits")[:2] == (401, "INVALID_SESSION_ID")


def test_every_answer_counts_the_days_calls(rest):
    infos = [
        rest.send("GET", path).headers["Sforce-Limit-Info"] for path in ("/limits", "/nowhere")
    ]
    assert infos == ["api-usage=1/15000", "api-usage=2/15000"]
    assert rest("GET", "/limits")[1]["DailyApiRequests"] == {"Max": 15000, "Remaining": 14997}


def test_the_days_calls_run_out(rest, local):
    local.put_setting(f"api calls {local.now():%Y-%m-%d}", "15000")
    assert rest.refusal("GET", "/limits") == (
        403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "refusal"),
    [
        ("GET", "/nowhere", MISSING),
        ("GET", "/sobjects/Nothing__c", MISSING),
        ("GET", "/sobjects/Account/001Lo0000000099IAA", MISSING),
        ("GET", "/sobjects/Account/003Lo0000000001IAA", MISSING),
        (
            "GET",
            "/sobjects/Account/12",
            (404, "NOT_FOUND",
             "Provided external ID field does not exist or is not accessible: 12", None),
        ),
        (
            "PATCH",
            "/sobjects/Contact/LastName/Doe",
            (404, "NOT_FOUND",
             "Provided external ID field does not exist or is not accessible: LastName", None),
        ),
        (
            "PUT",
            "/sobjects/Account",
            (405, "METHOD_NOT_ALLOWED",
             "HTTP Method 'PUT' not allowed. Allowed are HEAD,GET,POST", None),
        ),
        ("GET", "http://127.0.0.1:8787/services/data/v99.0/limits", MISSING),
        (
            "GET",
            "http://127.0.0.1:8787/services/data/v30.0/limits",
            (410, "GONE", "API version 30.0 is retired", None),
        ),
    ],
)  # fmt: skip
def test_what_is_not_there(rest, method, path, refusal):
    assert rest.refusal(method, path) == refusal


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "The HTTP entity body is required, but this request has no entity body."),
        ("[]", "Can not deserialize SObject out of START_ARRAY token at [line:1, column:1]"),
        ("7", "Can not deserialize SObject out of VALUE_NUMBER_INT token at [line:1, column:1]"),
        ('{Name: "Acme"}', ("Unexpected character ('N' (code 78)): was expecting double-quote to"
                            " start field name at [line:1, column:3]")),
        ('{\n"Name" "Acme"}', ("Unexpected character ('\"' (code 34)): was expecting a colon to"
                               " separate field name and value at [line:2, column:9]")),
        ('{"Name": "A" "Site": "B"}', ("Unexpected character ('\"' (code 34)): was expecting comma"
                                       " to separate OBJECT entries at [line:1, column:15]")),
        ('{"Name": [1 2]}', ("Unexpected character ('2' (code 50)): was expecting comma to separate"
                             " ARRAY entries at [line:1, column:14]")),
        ('{"Name": Acme}', ("Unrecognized token 'Acme': was expecting ('true', 'false' or 'null')"
                            " at [line:1, column:14]")),
        ('{"Name": "A",}', ("Unexpected character ('}' (code 125)): was expecting double-quote to"
                            " start field name at [line:1, column:15]")),
        ('{"Sic": -x}', ("Unexpected character ('x' (code 120)) in numeric value: expected digit"
                         " (0-9) to follow minus sign, for valid numeric value"
                         " at [line:1, column:11]")),
        ('{"Name": "A', "Unexpected end-of-input in VALUE_STRING at [line:1, column:12]"),
        ('{"Name": "\\q"}', "Unrecognized character escape 'q' (code 113) at [line:1, column:13]"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_json(rest, body, message):
    headers = {"Content-Type": "application/json"}
    response = rest.send("POST", "/sobjects/Account", data=body, headers=headers)
    assert response.status_code == 400
    assert response.json() == [{"message": message, "errorCode": "JSON_PARSER_ERROR"}]


def test_a_body_that_is_not_said_to_be_json(rest):
    response = rest.send(
        "POST", "/sobjects/Account", data="<a/>", headers={"Content-Type": "text/xml"}
    )
    assert (response.status_code, response.json()[0]["errorCode"]) == (
        415, "UNSUPPORTED_MEDIA_TYPE",
    )  # fmt: skip


def test_too_long_a_url(rest):
    response = rest.send("GET", "/query", params={"q": "x" * 17_000})
    assert response.status_code == 414
    assert response.text.startswith("<h1>Bad Message 414</h1>")
    response = rest.send("GET", "/limits", headers={"X-Long": "x" * 16_384})
    assert response.status_code == 431
    assert response.text.startswith("<h1>Bad Message 431</h1>")


def test_a_record_is_created_read_changed_and_deleted(rest):
    created = rest.send("POST", "/sobjects/Account", {"Name": "  Acme ", "Website": ""})
    id_ = created.json()["id"]
    url = f"/services/data/v62.0/sobjects/Account/{id_}"
    assert created.json() == {"id": id_, "success": True, "errors": []}
    assert (created.status_code, created.headers["Location"]) == (201, url)

    status, row = rest("GET", f"/sobjects/account/{id_}?fields=name,Website,OwnerId")
    assert status == 200
    assert row == {
        "attributes": {"type": "Account", "url": url},
        "Name": "Acme",
        "Website": None,
        "OwnerId": "005Lo0000000001IAA",
        "Id": id_,
    }
    assert rest("PATCH", f"/sobjects/Account/{id_[:15]}", {"NAME": "Acme Ltd"}) == (204, None)
    assert rest.rows("SELECT Name FROM Account") == [{"Name": "Acme Ltd"}]
    assert rest("DELETE", f"/sobjects/Account/{id_}") == (204, None)
    assert rest.rows("SELECT Name FROM Account") == []
    deleted = "/queryAll?q=SELECT Name, IsDeleted FROM Account"
    assert rest("GET", deleted)[1]["records"][0]["IsDeleted"] is True

    assert rest.refusal("GET", f"/sobjects/Account/{id_}") == (
        404, "ENTITY_IS_DELETED", "entity is deleted", None,
    )  # fmt: skip
    for method, body in (("DELETE", None), ("PATCH", {"Name": "x"})):
        assert rest.refusal(method, f"/sobjects/Account/{id_}", body) == (
            404, "ENTITY_IS_DELETED", "entity is deleted", [],
        )  # fmt: skip


def test_the_system_fields_tell_who_and_when(rest, local, admin):
    id_ = rest.create("Account", Name="Acme")
    before = local.get("Account", id_)
    rest("POST", "http://127.0.0.1:8787/emulator/clock", {"advance": 60})
    rest("PATCH", f"/sobjects/Account/{id_}", {"Name": "Acme Ltd"})
    after = local.get("Account", id_)
    assert after["CreatedDate"] == before["CreatedDate"] == before["LastModifiedDate"]
    assert after["LastModifiedDate"] == after["SystemModstamp"] > before["LastModifiedDate"]
    assert {after["CreatedById"], after["LastModifiedById"]} == {admin}
    assert after["CreatedDate"].endswith(".000+0000")


def test_upsert_by_a_key(rest):
    path = "/sobjects/Contact/Email/jane@acme.example"
    status, first = rest("PATCH", path, {"LastName": "Doe"})
    assert (status, first["created"]) == (201, True)
    assert rest("PATCH", path.upper().replace("/SOBJECTS", "/sobjects"), {"LastName": "Dow"}) == (
        200, {"id": first["id"], "success": True, "errors": [], "created": False},
    )  # fmt: skip
    old = "http://127.0.0.1:8787/services/data/v45.0"
    assert rest("PATCH", old + path, {"LastName": "Doe"}) == (204, None)
    assert rest("GET", path)[1]["LastName"] == "Doe"
    assert rest.refusal("PATCH", path, {"Email": "x@y.example"})[1:3] == (
        "INVALID_FIELD", "The Email field should not be specified in the sobject data.",
    )  # fmt: skip

    other = rest.create("Contact", LastName="Doe", Email="jane@acme.example")
    status, body = rest("PATCH", path, {"LastName": "Doe"})
    assert (status, body) == (
        300, [f"/services/data/v62.0/sobjects/Contact/{id_}" for id_ in (first["id"], other)],
    )  # fmt: skip


def test_an_upsert_that_may_only_update(rest):
    path = "/sobjects/Contact/Email/jane@acme.example"
    assert rest.refusal("PATCH", f"{path}?updateOnly=true", {"LastName": "Doe"})[:2] == (
        404, "NOT_FOUND",
    )  # fmt: skip
    assert rest.rows("SELECT Id FROM Contact") == []
    assert rest("PATCH", f"{path}?updateOnly=false", {"LastName": "Doe"})[0] == 201
    assert rest("PATCH", f"{path}?updateOnly=true", {"LastName": "Roe"})[0] == 200
    assert rest("GET", path)[1]["LastName"] == "Roe"


def test_id_as_the_key_of_a_new_record(rest):
    assert rest("POST", "/sobjects/Account/Id", {"Name": "Acme"})[0] == 201
    old = "http://127.0.0.1:8787/services/data/v36.0/sobjects/Account/Id"
    assert rest.refusal("POST", old, {"Name": "Acme"})[:2] == (405, "METHOD_NOT_ALLOWED")


def test_a_parent_named_by_its_key(rest):
    boss = rest.create("Contact", LastName="Boss", Email="boss@acme.example")
    jane = rest.create("Contact", LastName="Doe", ReportsTo={"Email": "Boss@acme.example"})
    assert rest.rows(f"SELECT ReportsToId FROM Contact WHERE Id = '{jane}'") == [
        {"ReportsToId": boss}
    ]
    status, code, message, _ = rest.refusal(
        "POST", "/sobjects/Contact", {"LastName": "Roe", "ReportsTo": {"Email": "no@acme.example"}}
    )
    assert (status, code) == (400, "INVALID_FIELD")
    assert message == (
        "Foreign key external ID: no@acme.example not found for field Email in entity Contact"
    )


@pytest.mark.parametrize(
    ("sobject", "values", "refusal"),
    [
        ("Account", {"Nmae": "x"},
         ("INVALID_FIELD", "No such column 'Nmae' on sobject of type Account", None)),
        ("Contact", {"FirstName": "x"},
         ("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"])),
        ("Contact", {"LastName": "Doe", "Name": "Jane Doe"},
         ("INVALID_FIELD_FOR_INSERT_UPDATE",
          ("Unable to create/update fields: Name. Please check the security settings of this field"
          " and verify that it is read/write for your profile or permission set."), ["Name"])),
        ("Contact", {"LastName": "Doe", "FirstName": "x" * 41},
         ("STRING_TOO_LONG", f"First Name: data value too large: {'x' * 41} (max length=40)",
          ["FirstName"])),
        ("Contact", {"LastName": "Doe", "Email": "not an email"},
         ("INVALID_EMAIL_ADDRESS", "Email: invalid email address: not an email", ["Email"])),
        ("Contact", {"LastName": "Doe", "AccountId": "BadValue"},
         ("MALFORMED_ID", "Account ID: id value of incorrect type: BadValue", ["AccountId"])),
        ("Contact", {"LastName": "Doe", "AccountId": "003Lo0000000001IAA"},
         ("MALFORMED_ID", "Account ID: id value of incorrect type: 003Lo0000000001IAA",
          ["AccountId"])),
        ("Contact", {"LastName": "Doe", "AccountId": "001Lo0000000001IAA"},
         ("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])),
        ("Account", {"Name": "A", "CleanStatus": "Spotless"},
         ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
          "Clean Status: bad value for restricted picklist field: Spotless", ["CleanStatus"])),
        ("Account", {"Name": "A", "NumberOfEmployees": 10**9},
         ("NUMBER_OUTSIDE_VALID_RANGE",
          "Employees: value outside of valid range on numeric field: 1000000000",
          ["NumberOfEmployees"])),
        ("Account", {"Name": 5},
         ("JSON_PARSER_ERROR",
          ("Cannot deserialize instance of string from VALUE_NUMBER_INT value 5 or request may be"
          " missing a required field at [line:1, column:10]"), None)),
        ("Contact", {"LastName": "D", "Birthdate": "tomorrow"},
         ("JSON_PARSER_ERROR",
          ("Cannot deserialize instance of date from VALUE_STRING value tomorrow or request may be"
          " missing a required field at [line:1, column:41]"), None)),
        ("UserLicense", {"Name": "x"},
         ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type cannot be inserted: User License",
          [])),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused(rest, sobject, values, refusal):
    assert rest.refusal("POST", f"/sobjects/{sobject}", values) == (400, *refusal)
    assert rest.rows("SELECT Id FROM Contact") == []


def test_values_are_kept_as_salesforce_keeps_them(rest):
    id_ = rest.create(
        "Contact", LastName=" Doe ", Email="Jane@Acme.Example", Birthdate="1990-02-01"
    )
    fields = "LastName,Email,Birthdate,Name,Title"
    assert rest("GET", f"/sobjects/Contact/{id_}?fields={fields}")[1] == {
        "attributes": {"type": "Contact", "url": f"/services/data/v62.0/sobjects/Contact/{id_}"},
        "LastName": "Doe",
        "Email": "jane@acme.example",
        "Birthdate": "1990-02-01",
        "Name": "Doe",
        "Title": None,
        "Id": id_,
    }


def test_a_required_field_can_not_be_emptied(rest):
    id_ = rest.create("Contact", LastName="Doe")
    assert rest.refusal("PATCH", f"/sobjects/Contact/{id_}", {"LastName": ""})[1:] == (
        "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"],
    )  # fmt: skip


def test_the_request_log_and_the_reset(rest):
    door = "http://127.0.0.1:8787/emulator"
    rest("GET", "/query", params={"q": "SELECT Id FROM Account"})
    rest.create("Account", Name="Acme")
    log = rest("GET", f"{door}/requests")[1]
    assert [(e["seq"], e["method"], e["path"], e["status"]) for e in log] == [
        (1, "GET", "/services/data/v62.0/query", 200),
        (2, "POST", "/services/data/v62.0/sobjects/Account", 201),
    ]
    assert rest("POST", f"{door}/reset")[0] == 204
    assert rest("GET", f"{door}/requests")[1] == []
    assert rest("GET", "/limits")[0] == 401  # new secrets, no sessions


def test_without_control_there_is_no_such_door(local):
    from provisioner.emulator.app import create_app

    client = create_app(local).test_client()
    assert client.get("/emulator/requests").status_code == 404
    assert "request log" not in client.application.extensions
