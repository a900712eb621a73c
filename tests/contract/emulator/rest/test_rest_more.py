"""REST beyond records and queries: conditions, compression, trees, graphs, batches, changes."""

import gzip
import json
from datetime import timedelta

import pytest

URL = "http://127.0.0.1:8787"


# -- conditions --------------------------------------------------------------------------------


def test_describe_is_not_sent_again(rest):
    for path in ("/sobjects", "/sobjects/Contact/describe"):
        first = rest.send("GET", path)
        since = {"If-Modified-Since": first.headers["Last-Modified"]}
        for held in (since, {"If-None-Match": first.headers["ETag"]}):
            again = rest.send("GET", path, headers=held)
            assert (again.status_code, again.content) == (304, b"")
            for name in ("Last-Modified", "ETag"):
                assert again.headers[name] == first.headers[name]
        assert rest("GET", path, headers={"If-None-Match": '"other"'})[0] == 200
    refused = rest.refusal("GET", "/sobjects", headers={"If-Modified-Since": "yesterday"})
    assert refused[0] == 400


def test_an_account_is_changed_only_as_it_was_read(rest):
    id_ = rest.create("Account", Name="Acme")
    path = f"/sobjects/Account/{id_}"
    first = rest.send("GET", path)
    tag = first.headers["ETag"]
    assert rest.send("GET", path, headers={"If-None-Match": tag}).status_code == 304
    assert rest("PATCH", path, {"Name": "Bolt"}, headers={"If-Match": tag})[0] == 204
    stale = rest("PATCH", path, {"Name": "Coil"}, headers={"If-Match": tag})
    assert (stale[0], rest("GET", path)[1]["Name"]) == (412, "Bolt")
    old = {"If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}
    assert rest("PATCH", path, {"Name": "Coil"}, headers=old)[0] == 412
    changed = rest.send("GET", path).headers["Last-Modified"]
    assert rest("GET", path, headers={"If-Unmodified-Since": changed})[0] == 200
    contact = rest.create("Contact", LastName="Doe")
    assert "ETag" not in rest.send("GET", f"/sobjects/Contact/{contact}").headers


# -- transport ---------------------------------------------------------------------------------


def test_gzip_both_ways(rest):
    packed = gzip.compress(json.dumps({"Name": "Acme"}).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    made = rest.session.post(f"{rest.base}/sobjects/Account", data=packed, headers=headers)
    assert made.status_code == 201
    answer = rest.send("GET", "/sobjects/User/describe")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json()["name"] == "User"
    plain = rest.send("GET", "/sobjects/User/describe", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    broken = rest.session.post(f"{rest.base}/sobjects/Account", data=b"x", headers=headers)
    assert broken.status_code == 400
    headers["Content-Encoding"] = "br"
    assert (
        rest.session.post(f"{rest.base}/sobjects/Account", data=b"x", headers=headers).status_code
        == 415
    )


def test_what_is_not_json(rest):
    assert rest.refusal("GET", "/limits", headers={"Accept": "image/png"})[:2] == (
        406, "NOT_ACCEPTABLE",
    )  # fmt: skip
    for kind, path in (("text/plain", "/sobjects/Account"), ("application/xml", "/composite")):
        headers = {"Content-Type": kind}
        answer = rest.session.post(f"{rest.base}{path}", data="<a/>", headers=headers)
        assert answer.status_code == 415


def test_headers_that_change_nothing_here_are_taken(rest):
    headers = {
        "Sforce-Duplicate-Rule-Header": "allowSave=true",
        "Sforce-Auto-Assign": "FALSE",
        "Sforce-Call-Options": "client=x",
        "Sforce-Mru": "updateMru=true",
    }
    assert rest("POST", "/sobjects/Account", {"Name": "Acme"}, headers=headers)[0] == 201


def test_methods(rest):
    id_ = rest.create("Account", Name="Acme")
    path = f"/sobjects/Account/{id_}"
    assert rest("POST", f"{path}?_HttpMethod=PATCH", {"Name": "Bolt"})[0] == 204
    head = rest.send("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert rest.refusal("PUT", path)[:2] == (405, "METHOD_NOT_ALLOWED")
    assert rest.refusal("GET", "/nonsense")[:2] == (404, "NOT_FOUND")
    assert rest.send("GET", "/query?q=" + "x" * 17000).status_code == 414


@pytest.mark.parametrize(
    "path",
    ["/search/layout?q=x", "/search/scopeOrder", "/sobjects/Account/describe/layouts",
     "/sobjects/Account/describe/compactLayouts"],
)  # fmt: skip
def test_what_is_not_served_says_so(rest, path):
    status, code, message, _ = rest.refusal("GET", path)
    assert (status, code) == (403, "FUNCTIONALITY_NOT_ENABLED")
    assert message.startswith("The local org does not serve ")


def test_resources(rest, admin):
    status, found = rest("GET", "/")
    assert status == 200
    assert found["sobjects"] == "/services/data/v62.0/sobjects"
    assert rest("GET", found["identity"])[1]["user_id"] == admin


# -- what changed ------------------------------------------------------------------------------


def test_updated_and_deleted(rest, local):
    kept, gone = (rest.create("Account", Name=name) for name in ("Acme", "Bolt"))
    rest("DELETE", f"/sobjects/Account/{gone}")
    now = local.now()
    start, end = ((now + timedelta(hours=h)).isoformat(timespec="seconds") for h in (-1, 1))
    params = {"start": start, "end": end}
    status, body = rest("GET", "/sobjects/Account/updated", params=params)
    assert (status, body["ids"]) == (200, [kept])
    status, body = rest("GET", "/sobjects/Account/deleted", params=params)
    assert [one["id"] for one in body["deletedRecords"]] == [gone]
    for wrong in ({"start": end, "end": start}, {"start": "x", "end": end}):
        refused = rest.refusal("GET", "/sobjects/Account/updated", params=wrong)
        assert refused[1] == "INVALID_REPLICATION_DATE"
    refused = rest.refusal("GET", "/sobjects/LoginHistory/updated", params=params)
    assert refused[1] == "INVALID_TYPE_FOR_OPERATION"


# -- trees -------------------------------------------------------------------------------------


def record(kind, reference, **values):
    return {"attributes": {"type": kind, "referenceId": reference}, **values}


def test_a_tree(rest, local):
    below = {"records": [record("Contact", "c1", LastName="Doe")]}
    tree = {"records": [record("Account", "a1", Name="Acme", Contacts=below),
                        record("Account", "a2", Name="Bolt")]}  # fmt: skip
    status, body = rest("POST", "/composite/tree/Account", tree)
    assert (status, body["hasErrors"]) == (201, False)
    ids = {one["referenceId"]: one["id"] for one in body["results"]}
    (contact,) = local.select("Contact")
    assert (contact["Id"], contact["AccountId"]) == (ids["c1"], ids["a1"])


def test_a_tree_is_made_whole_or_not_at_all(rest, local):
    below = {"records": [record("Contact", "c1", FirstName="Jane")]}
    tree = {"records": [record("Account", "a1", Name="Acme", Contacts=below)]}
    status, body = rest("POST", "/composite/tree/Account", tree)
    assert (status, body["hasErrors"]) == (400, True)
    ((failed,),) = [body["results"]]
    assert (failed["referenceId"], failed["errors"][0]["statusCode"]) == (
        "c1", "REQUIRED_FIELD_MISSING",
    )  # fmt: skip
    assert local.select("Account") == []


@pytest.mark.parametrize(
    "records",
    [
        [{"Name": "x"}],
        [record("Account", "")],
        [record("Contact", "a")],
        [record("Account", f"{i}", Name="x") for i in range(201)],
    ],
)
def test_a_wrong_tree(rest, local, records):
    refused = rest.refusal("POST", "/composite/tree/Account", {"records": records})
    assert refused[:2] == (400, "INVALID_INPUT")
    assert local.select("Account") == []


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([record("Account", "a", Name="x"), record("Account", "a", Name="y")],
         "Duplicate ReferenceId provided in the request."),
        ([{"attributes": {"referenceId": "a"}, "Name": "x"}],
         "Include an entity type for each record in the request."),
    ],
)  # fmt: skip
def test_a_wrong_record_of_a_tree_is_named(rest, local, records, message):
    error = {"statusCode": "INVALID_INPUT", "message": message, "fields": []}
    assert rest("POST", "/composite/tree/Account", {"records": records}) == (
        400, {"hasErrors": True, "results": [{"referenceId": "a", "errors": [error]}]},
    )  # fmt: skip
    assert local.select("Account") == []


# -- graphs and batches ------------------------------------------------------------------------


def node(reference, body, kind="Account"):
    url = f"/services/data/v62.0/sobjects/{kind}"
    return {"method": "POST", "url": url, "referenceId": reference, "body": body}


def test_graphs_fail_one_by_one(rest, local):
    good = [node("a", {"Name": "Acme"}),
            node("c", {"LastName": "Doe", "AccountId": "@{a.id}"}, "Contact")]  # fmt: skip
    bad = [node("a", {"Name": "Bolt"}), node("c", {}, "Contact")]
    graphs = [{"graphId": "1", "compositeRequest": good}, {"graphId": "2", "compositeRequest": bad}]
    status, body = rest("POST", "/composite/graph", {"graphs": graphs})
    assert status == 200
    first, second = body["graphs"]
    assert (first["graphId"], first["isSuccessful"]) == ("1", True)
    assert second["isSuccessful"] is False
    codes = [one["body"][0]["errorCode"] for one in second["graphResponse"]["compositeResponse"]]
    assert codes == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING"]
    assert [row["Name"] for row in local.select("Account")] == ["Acme"]


@pytest.mark.parametrize(
    ("graphs", "code"),
    [
        ([{"graphId": str(i), "compositeRequest": []} for i in range(76)], "LIMIT_EXCEEDED"),
        ([{"graphId": "1", "compositeRequest": [node(str(i), {}) for i in range(501)]}],
         "LIMIT_EXCEEDED"),
        ([{"graphId": "1", "compositeRequest": [
            node("0", {}), *(node(str(i), {"ParentId": f"@{{{i - 1}.id}}"}) for i in range(1, 16))
        ]}], "LIMIT_EXCEEDED"),
        ([{"graphId": "1", "compositeRequest": [{"method": "GET", "url": "/x"}]}],
         "INVALID_INPUT"),
        ([{"graphId": "1", "compositeRequest": []}] * 2, "INVALID_INPUT"),
        ("x", "JSON_PARSER_ERROR"),
    ],
)  # fmt: skip
def test_limits_of_graphs(rest, local, graphs, code):
    assert rest.refusal("POST", "/composite/graph", {"graphs": graphs})[1] == code
    assert local.select("Account") == []


def test_too_many_failing_graphs_halt_the_rest(rest):
    graphs = [{"graphId": str(i), "compositeRequest": [node("a", {})]} for i in range(16)]
    graphs.append({"graphId": "last", "compositeRequest": [node("a", {"Name": "Acme"})]})
    _, body = rest("POST", "/composite/graph", {"graphs": graphs})
    assert body["graphs"][-1]["isSuccessful"] is False


def test_a_batch(rest):
    requests = [
        {"method": "POST", "url": "v62.0/sobjects/Account", "richInput": {"Name": "Acme"}},
        {"method": "GET", "url": "v62.0/nonsense"},
        {"method": "GET", "url": "v62.0/limits"},
    ]
    status, body = rest("POST", "/composite/batch", {"batchRequests": requests})
    assert (status, body["hasErrors"]) == (200, True)
    assert [one["statusCode"] for one in body["results"]] == [201, 404, 200]
    halting = {"batchRequests": requests[1:], "haltOnError": True}
    _, body = rest("POST", "/composite/batch", halting)
    assert [one["statusCode"] for one in body["results"]] == [404, 412]
    assert body["results"][1]["result"][0]["errorCode"] == "BATCH_PROCESSING_HALTED"
    many = {"batchRequests": requests[2:] * 26}
    assert rest.refusal("POST", "/composite/batch", many)[1] == "LIMIT_EXCEEDED"


def test_rows_are_retrieved_together(rest):
    id_ = rest.create("Account", Name="Acme")
    asked = {"ids": [id_, "001000000000000AAA"], "fields": ["Name"]}
    status, (found, missing) = rest("POST", "/composite/sobjects/Account", asked)
    assert (status, found["Name"], missing) == (200, "Acme", None)
    params = {"ids": id_, "fields": "Name"}
    assert rest("GET", "/composite/sobjects/Account", params=params)[1][0]["Name"] == "Acme"
