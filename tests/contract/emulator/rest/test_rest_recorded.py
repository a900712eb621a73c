"""Whole exchanges recorded from real orgs, sent again to the local org."""

import re

import pytest

VERSION = "v62.0"


def normal(value, ids):
    """The value with ids numbered by first appearance and versions made one."""
    match value:
        case dict():
            return {name: normal(inner, ids) for name, inner in value.items()}
        case list():
            return [normal(inner, ids) for inner in value]
        case str():
            text = re.sub(r"/v(xx|\d+)\.0/", f"/{VERSION}/", value)
            return re.sub(
                r"\b(00[0-9A-Z]|006)[0-9A-Za-z]{15}\b",
                lambda m: ids.setdefault(m[0], f"{m[0][:3]}-{len(ids)}"),
                text,
            )
        case _:
            return value


def translated(value, ids):
    """A recorded request with the ids that the local org gave for the recorded ones."""
    match value:
        case dict():
            return {name: translated(inner, ids) for name, inner in value.items()}
        case list():
            return [translated(inner, ids) for inner in value]
        case str():
            return ids.get(value, re.sub(r"/vxx\.0/", f"/{VERSION}/", value))
        case _:
            return value


@pytest.mark.parametrize(
    "name", ["exchange_upsert__rest", "exchange_simple_upsert__rest", "exchange_errors"]
)
def test_the_same_requests_get_the_same_answers(rest, recorded, name):
    given, real_ids, our_ids = {}, {}, {}
    for exchange in recorded(f"{name}.json"):
        wanted, request = exchange["response"], exchange["request"]
        path = re.sub(r".*/services/data/v[^/]+", "", request["uri"])
        status, body = rest(request["method"], path, translated(request["body"], given))
        assert status == wanted["status"]
        assert normal(body, our_ids) == normal(wanted["body"], real_ids)
        if isinstance(body, list):
            for real, ours in zip(wanted["body"], body, strict=True):
                given[real.get("id")] = ours.get("id")


def test_queries_in_a_composite_call(rest, recorded):
    create, call = recorded("exchange_composite_parallel_salesforce.json")
    status, body = rest("POST", "/sobjects/Account/", create["request"]["body"])
    assert (status, body.keys()) == (201, create["response"]["body"].keys())
    status, body = rest("POST", "/composite", translated(call["request"]["body"], {}))
    assert status == 200
    assert normal(body, {body_id(body): "id"}) == normal(
        call["response"]["body"], {"0010xACCOUNTID0000": "id"}
    )


def body_id(body):
    return body["compositeResponse"][0]["body"]["records"][0]["Id"]


def test_nothing_found_in_a_composite_call(rest, recorded):
    for exchange in recorded("exchange_reference_ids.json"):
        wanted = exchange["response"]
        status, body = rest("POST", "/composite", translated(exchange["request"]["body"], {}))
        assert (status, body) == (wanted["status"], wanted["body"])


def test_conditional_requests_in_a_composite_call(rest, recorded):
    (exchange,) = recorded("exchange_http_headers.json")
    body = translated(exchange["request"]["body"], {})
    for request in body["compositeRequest"]:
        request["url"] = f"/services/data/{VERSION}/sobjects"
        request["httpHeaders"]["If-Modified-Since"] = "Fri, 03 Sep 2100 21:35:07 GMT"
    _, answer = rest("POST", "/composite", body)
    for ours, real in zip(
        answer["compositeResponse"],
        exchange["response"]["body"]["compositeResponse"],
        strict=True,
    ):
        assert (ours["httpStatusCode"], ours["body"]) == (304, None)
        assert ours["httpHeaders"].keys() == real["httpHeaders"].keys()


def test_counting_as_recorded(rest, recorded):
    exchanges = recorded("exchange_datasets_e2e.json")
    load = next(e for e in exchanges if e["request"]["method"] == "POST")
    status, body = rest("POST", "/composite/sobjects", load["request"]["body"])
    assert (status, [r["success"] for r in body]) == (200, [True] * 6)
    assert rest.query("select count(Id) from Account") == exchanges[0]["response"]["body"]
    assert rest("GET", "/limits/recordCount?sObjects=Account")[1] == {
        "sObjects": [{"count": 6, "name": "Account"}]
    }
